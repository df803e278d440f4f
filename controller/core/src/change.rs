//! What may change in the record: events of the domain. A pass's changes are one atomic batch, durable before anything is done.

use jiff::Timestamp;

use crate::backfill::{Backfill, BackfillEnd};
use crate::ledger::LedgerKey;
use crate::name::{AttemptKey, BackfillKey, EtlKey, Name, RunKey, ScheduleKey};
use crate::outcome::EndState;
use crate::problem::Telling;
use crate::recorded::{AcceptedFile, MissedTick, Resumption, SourceStatus, Suspension, Watch};
use crate::run::{AttemptEnd, LogSummary, NodeRef, Phase, Run, SpecHash, Stopping, Stuck};
use crate::spec::Etl;
use crate::window::Window;

mod durable;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A spec file's text is good, and in force from now on.
    FileAccepted {
        /// Path below the source's path.
        path: String,
        /// Its text and origin.
        file: AcceptedFile,
    },
    /// A spec file is gone from git.
    FileDropped {
        /// Path below the source's path.
        path: String,
    },
    /// What git said last; not durable, since git says it again.
    SourceRead(Box<SourceStatus>),
    /// A schedule was first seen, edited or resumed: its ticks count from here.
    ScheduleAnchored {
        /// Which.
        schedule: ScheduleKey,
        /// The ETL's version.
        version: u32,
        /// What its clock looked like.
        fingerprint: std::sync::Arc<str>,
        /// Ticks after this instant are to be decided.
        at: Timestamp,
        /// Whether this is its first sight, from which `every` counts.
        first: bool,
        /// When this was decided.
        now: Timestamp,
        /// Where its next window begins, if its ticks close windows.
        window_end: Option<Timestamp>,
    },
    /// All ticks up to an instant are decided. Durable with the next change that is; a tick that starts no run writes nothing.
    ScheduleDecided {
        /// Which.
        schedule: ScheduleKey,
        /// Up to and with this instant.
        until: Timestamp,
        /// Those that started no run.
        missed: Vec<MissedTick>,
        /// Where its next window begins, if its ticks close windows.
        window_end: Option<Timestamp>,
    },
    /// A run that waited never starts: in the batch of its end.
    TickMissed {
        /// Which schedule started it.
        schedule: ScheduleKey,
        /// Its tick, and why.
        missed: MissedTick,
    },
    /// Windows that ticks asked for without starting a run: they are missing, and seen to be. Durable as the ticks are.
    WindowAsked {
        /// Whose.
        ledger: LedgerKey,
        /// What was asked for.
        window: Window,
    },
    /// A schedule is gone from git.
    ScheduleForgotten {
        /// Which.
        schedule: ScheduleKey,
    },
    /// Somebody suspended a schedule.
    Suspended {
        /// Which.
        schedule: ScheduleKey,
        /// Who, why, until when.
        suspension: Suspension,
    },
    /// A suspension ended, and what it covered is decided.
    Resumed {
        /// Of which schedule.
        schedule: ScheduleKey,
    },
    /// Somebody ended a suspension: in the batch of its end.
    ResumeAsked {
        /// Of which schedule.
        schedule: ScheduleKey,
        /// Who, when, and why.
        resumption: Resumption,
    },
    /// What a schedule waits for succeeded: in the batch of the success.
    InputSucceeded {
        /// Whose input.
        schedule: ScheduleKey,
        /// Which, as in the spec.
        input: String,
        /// The run that brought it.
        run: RunKey,
        /// Over which data.
        window: Option<Window>,
        /// When.
        at: Timestamp,
    },
    /// All inputs of a schedule were there: it waits for them again.
    InputsTaken {
        /// Whose.
        schedule: ScheduleKey,
    },
    /// A call of a schedule's webhook was taken: another with its id starts nothing.
    DeliveryTaken {
        /// Of which schedule.
        schedule: ScheduleKey,
        /// The id that the caller gave it.
        delivery: String,
    },
    /// Somebody started an ETL anew: one version more, with a ledger of its own.
    EtlReset {
        /// Which.
        etl: EtlKey,
        /// The request's id: the same again resets nothing.
        request: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A backfill exists.
    BackfillCreated {
        /// All of it.
        backfill: std::sync::Arc<Backfill>,
    },
    /// The next windows of a backfill have their runs, or need none: those before `next`, and of that one what is before `within`.
    BackfillAdvanced {
        /// Which.
        backfill: BackfillKey,
        /// The window that comes next, by its place in the backfill's list.
        next: usize,
        /// How far that window is decided, if not from its start.
        within: Option<Timestamp>,
        /// How many windows were passed over, since another run stood for them.
        passed: u64,
    },
    /// Somebody cancelled a backfill: no run of it starts any more.
    BackfillCancelled {
        /// Which.
        backfill: BackfillKey,
        /// By whom.
        by: String,
    },
    /// Nothing of a backfill is left to do.
    BackfillEnded {
        /// Which.
        backfill: BackfillKey,
        /// When, and why if not all of it was done.
        end: BackfillEnd,
    },
    /// An ended backfill is forgotten.
    BackfillForgotten {
        /// Which.
        backfill: BackfillKey,
    },
    /// A run exists.
    RunAdmitted {
        /// The run, without attempts.
        run: Box<Run>,
        /// The spec it keeps.
        spec: std::sync::Arc<Etl>,
    },
    /// A run got its place among its ETL's active runs.
    RunStarted {
        /// Which.
        run: RunKey,
        /// When.
        at: Timestamp,
    },
    /// A run is to be stopped.
    RunStopping {
        /// Which.
        run: RunKey,
        /// Why and by whom.
        stopping: Stopping,
    },
    /// A run is over.
    RunEnded {
        /// Which.
        run: RunKey,
        /// How.
        state: EndState,
        /// When.
        at: Timestamp,
        /// In words.
        message: String,
    },
    /// A finished run goes on: these tasks are open again.
    RunReopened {
        /// Which.
        run: RunKey,
        /// Which tasks.
        tasks: Vec<Name>,
        /// When.
        at: Timestamp,
    },
    /// A finished run is forgotten, with its attempts.
    RunForgotten {
        /// Which.
        run: RunKey,
    },
    /// A spec that no run keeps is forgotten.
    SpecForgotten {
        /// Which.
        spec: SpecHash,
    },
    /// A run's image is pinned to a digest.
    ImagePinned {
        /// Whose.
        run: RunKey,
        /// As written.
        image: String,
        /// By digest.
        digest: String,
    },
    /// A task's dependencies are met. Not durable by itself: it follows from what is.
    TaskEligible {
        /// Whose.
        run: RunKey,
        /// Which.
        task: Name,
        /// Since when.
        at: Timestamp,
    },
    /// A task will be tried again.
    TaskRetrying {
        /// Whose.
        run: RunKey,
        /// Which.
        task: Name,
        /// Not before this.
        at: Timestamp,
    },
    /// A task is over.
    TaskEnded {
        /// Whose.
        run: RunKey,
        /// Which.
        task: Name,
        /// How.
        state: EndState,
        /// When.
        at: Timestamp,
        /// Why, where no attempt says it.
        message: String,
    },
    /// A task stands still, or no longer does. Not durable: it follows from what is seen.
    TaskStuck {
        /// Whose.
        run: RunKey,
        /// Which.
        task: Name,
        /// Why; nothing when it goes on.
        stuck: Option<Stuck>,
    },
    /// An attempt will be created: the intent, durable before the act.
    AttemptIntended {
        /// Which.
        attempt: AttemptKey,
        /// Its fencing number.
        fence: u64,
        /// When.
        at: Timestamp,
    },
    /// An attempt's service exists.
    AttemptCreated {
        /// Which.
        attempt: AttemptKey,
        /// The service's id.
        service: String,
        /// When.
        at: Timestamp,
    },
    /// Creating an attempt's service failed for a passing reason. Not durable.
    AttemptDelayed {
        /// Which.
        attempt: AttemptKey,
        /// No creation before this.
        until: Timestamp,
        /// The error.
        message: String,
    },
    /// Swarm brought an attempt further. Not durable: it is seen again.
    AttemptSeen {
        /// Which.
        attempt: AttemptKey,
        /// How far.
        phase: Phase,
        /// Since when.
        at: Timestamp,
        /// Where.
        node: Option<NodeRef>,
        /// Swarm's words.
        message: String,
    },
    /// An attempt's node is lost, and its ETL waits for it.
    AttemptLost {
        /// Which.
        attempt: AttemptKey,
        /// Since when; nothing when the node is back.
        since: Option<Timestamp>,
    },
    /// An attempt is to be stopped: the reason is durable before the act, since it becomes the outcome.
    AttemptStopping {
        /// Which.
        attempt: AttemptKey,
        /// Why and by whom.
        stopping: Stopping,
    },
    /// An attempt is over, or given up.
    AttemptEnded {
        /// Which.
        attempt: AttemptKey,
        /// How.
        end: AttemptEnd,
    },
    /// An attempt's log is kept.
    LogKept {
        /// Whose.
        attempt: AttemptKey,
        /// What was kept.
        log: LogSummary,
    },
    /// An attempt's service is gone.
    AttemptReleased {
        /// Which.
        attempt: AttemptKey,
        /// When.
        at: Timestamp,
    },
    /// The next instant at which a schedule is to be looked at. Not durable: it follows from the spec and the record.
    TickPlanned {
        /// Which.
        schedule: ScheduleKey,
        /// When; never again if none.
        at: Option<Timestamp>,
    },
    /// All schedules of this generation of specs were looked at. Not durable.
    AgendaBuilt {
        /// Of [`crate::desired::Desired`].
        generation: u64,
    },
    /// Of this generation of specs, all schedules up to and with one were looked at. Not durable.
    AgendaReached {
        /// Of [`crate::desired::Desired`].
        generation: u64,
        /// The last one.
        schedule: ScheduleKey,
    },
    /// What is wrong, and what people are told of it.
    Telling(Telling),
    /// When problems are to be looked at next. Not durable.
    Watched {
        /// When.
        watch: Watch,
    },
    /// Everything was looked at for retention. Not durable.
    Swept {
        /// When.
        at: Timestamp,
    },
}
