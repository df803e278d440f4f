//! The one seam: the server implements it on a real Swarm, a real store and a real clock; the simulation on models of them.

use etl_core::action::Action;
use etl_core::change::Change;
use etl_core::desired::Desired;
use etl_core::observed::Observed;
use etl_core::plan::{Plan, plan};
use etl_core::problem::Notice;
use etl_core::reason::Reason;
use etl_core::recorded::Recorded;
use etl_core::view::{Done, ErrorView};
use jiff::Timestamp;

/// What a pass needs of the world.
pub trait World: Sync {
    /// The wall clock, read once a pass.
    fn now(&self) -> Timestamp;

    /// What is seen now. Takes reports, requests and readings out of the inbox.
    fn observe(&self) -> impl Future<Output = Observed> + Send;

    /// Decides over what should be and what is recorded.
    fn read<T>(&self, decide: impl FnOnce(&Desired, &Recorded) -> T) -> T;

    /// Makes changes durable, all or none, then takes them over in memory.
    /// After an error the record in memory is as it was, and no further pass may be tried on this store.
    fn commit(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Tells people what came of their requests, and why the rest waits. Only after the commit.
    fn explain(&self, reasons: Vec<Reason>, answers: Vec<(u64, Result<Done, ErrorView>)>);

    /// Starts to send messages to people. What came of them comes back with a later observation.
    fn tell(&self, notices: Vec<Notice>);

    /// Starts actions side by side, within limits. Their answers come back with a later observation.
    fn act(&self, actions: Vec<Action>) -> impl Future<Output = ()> + Send;
}

/// The store did not take the changes.
#[derive(Debug, thiserror::Error)]
#[error("the store did not take the changes of this pass")]
pub struct CommitError {
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// One pass: observe, decide, record, act. It may stop anywhere and be repeated at any time.
/// Returns when time alone makes another pass worth while.
pub async fn reconcile(world: &impl World) -> Result<Option<Timestamp>, CommitError> {
    let observed = world.observe().await;
    let now = world.now();
    let Plan { changes, actions, notices, reasons, answers, wake_at } =
        world.read(|desired, recorded| plan(desired, &observed, recorded, now));
    if !changes.is_empty() {
        world.commit(changes).await?; // Intent is durable before anything is done.
    }
    world.explain(reasons, answers);
    world.act(actions).await; // What fails is seen and planned afresh.
    world.tell(notices);
    Ok(wake_at)
}
