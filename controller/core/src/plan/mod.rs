//! What happens next: compares what should be, what is seen and what is recorded, and says what to record and what to do.
//! Pure: equal arguments give equal plans. Each policy is one file here; this one only gives their order.

mod accept;
mod actions;
mod admission;
mod adopt;
pub(crate) mod after;
mod anchor;
mod anew;
pub mod backfill;
mod beside;
mod catchup;
mod concurrency;
mod cut;
mod deadline;
mod draft;
mod flow;
mod newest;
mod placement;
pub mod preview;
mod problem;
mod report;
mod request;
mod retention;
mod retry;
mod sight;
mod silence;
mod stuck;
#[cfg(test)]
mod tests;
pub mod tick;
mod unresponsive;
mod upstream;
mod verdict;
mod waiting;
mod webhook;

use jiff::Timestamp;

use crate::action::Action;
use crate::change::Change;
use crate::desired::Desired;
use crate::observed::Observed;
use crate::problem::Notice;
use crate::reason::Reason;
use crate::recorded::Recorded;
use crate::view::{Done, ErrorView};
use draft::Draft;
pub(crate) use newest::newest_tick;

/// What one pass decides.
#[derive(Debug, Default)]
pub struct Plan {
    /// To be made durable in one atomic batch, before anything is done.
    pub changes: Vec<Change>,
    /// To be done afterwards. What fails is seen and planned afresh.
    pub actions: Vec<Action>,
    /// Messages to people that are due. Each comes again until it is known to have arrived.
    pub notices: Vec<Notice>,
    /// Why what did not happen did not.
    pub reasons: Vec<Reason>,
    /// Ticket of a request → its answer, to be given once the changes are durable.
    pub answers: Vec<(u64, Result<Done, ErrorView>)>,
    /// When time alone makes a new pass worth while.
    pub wake_at: Option<Timestamp>,
}

/// One decision over the whole Swarm. Visits only schedules that are due and runs that are open.
pub fn plan(desired: &Desired, observed: &Observed, recorded: &Recorded, now: Timestamp) -> Plan {
    let mut draft = Draft::new(desired, observed, recorded, now);
    accept::take_readings(&mut draft);
    report::take(&mut draft);
    sight::take(&mut draft);
    request::take(&mut draft);
    tick::decide(&mut draft);
    flow::advance(&mut draft);
    backfill::advance(&mut draft);
    admission::admit(&mut draft);
    stuck::mark(&mut draft);
    problem::watch(&mut draft);
    actions::outstanding(&mut draft);
    retention::sweep(&mut draft);
    draft.finish()
}
