//! The loop's own pass over a real store and no Swarm: what is decided, staged, written and installed is the server's code; only
//! the eyes and hands are this file's. It measures each step.

use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use etl_core::action::Action;
use etl_core::change::Change;
use etl_core::desired::{Desired, Policy};
use etl_core::observed::{Observed, SwarmHealth};
use etl_core::problem::Notice;
use etl_core::reason::Reason;
use etl_core::recorded::{Recorded, Staged};
use etl_core::source::{Blob, Reading, Tree};
use etl_core::view::{Done, ErrorView};
use etl_server::world::{CommitError, World, reconcile};
use etl_store::{SledStore, Store};
use jiff::Timestamp;

/// Monday, 2 March 2026, half a minute before the first of those that are due.
pub const START: i64 = 1_772_454_570;

/// How long the steps of the last pass took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    pub plan: Duration,
    pub store: Duration,
    pub rebuild: Duration,
    pub whole: Duration,
}

/// What the store was given.
#[derive(Debug, Default)]
pub struct Written {
    pub transitions: usize,
    /// Of each commit, as JSON.
    pub bytes: Vec<usize>,
}

/// A world in memory over a store on the disk.
pub struct Memory {
    store: SledStore,
    held: Mutex<Held>,
}

/// What the world holds.
#[derive(Default)]
pub struct Held {
    pub now: Timestamp,
    pub desired: Desired,
    pub recorded: Recorded,
    /// Taken by the next pass.
    pub observed: Observed,
    pub actions: Vec<Action>,
    pub took: Took,
    pub written: Written,
    /// Whether the bytes of each commit are counted, which takes time itself.
    pub counts_bytes: bool,
}

impl Memory {
    pub fn new(dir: &Path, attempts_max: usize) -> anyhow::Result<Self> {
        let policy = Policy { attempts_max, ..Policy::default() };
        let now = Timestamp::from_second(START)?;
        let mut held = Held { now, observed: quiet(), ..Held::default() };
        held.desired.policy = policy.into();
        Ok(Self { store: SledStore::open(dir)?, held: Mutex::new(held) })
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One pass of the loop.
    pub fn pass(&self) -> anyhow::Result<Took> {
        let started = Instant::now();
        complete(reconcile(self))?;
        let mut held = self.held();
        held.took.whole = started.elapsed();
        Ok(held.took)
    }

    /// Passes until none changes anything, as the loop turns after new specs.
    pub fn settle(&self, tree: Tree) -> anyhow::Result<Took> {
        let mut sum = Took::default();
        {
            let mut held = self.held();
            let at = held.now;
            held.observed.readings.push(Reading { at, allow_prune: false, result: Ok(tree) });
        }
        loop {
            let before = self.held().written.bytes.len();
            let took = self.pass()?;
            sum.plan += took.plan;
            sum.store += took.store;
            sum.rebuild += took.rebuild;
            sum.whole += took.whole;
            if self.held().written.bytes.len() == before {
                return Ok(sum);
            }
        }
    }
}

/// The Swarm answers, and nothing happens in it.
pub fn quiet() -> Observed {
    let listed_at = Timestamp::from_second(START).ok();
    Observed { swarm: SwarmHealth::Up, listed_at, ..Observed::default() }
}

/// Files as git would give them; the id is one of the contents alone.
pub fn tree(commit: u64, files: impl Iterator<Item = (String, String)>) -> Tree {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let blob = |text: String| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Blob { id: format!("{:040x}", hasher.finish()), bytes: text.into_bytes() }
    };
    let files = files.map(|(path, text)| (path, blob(text)));
    Tree { commit: format!("{commit:040x}"), files: files.collect(), ..Tree::default() }
}

impl World for Memory {
    fn tell(&self, _: Vec<Notice>) {}

    fn now(&self) -> Timestamp {
        self.held().now
    }

    async fn observe(&self) -> Observed {
        std::mem::replace(&mut self.held().observed, quiet())
    }

    fn read<T>(&self, decide: impl FnOnce(&Desired, &Recorded) -> T) -> T {
        let mut held = self.held();
        let started = Instant::now();
        let decided = decide(&held.desired, &held.recorded);
        held.took = Took { plan: started.elapsed(), ..Took::default() };
        decided
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let mut held = self.held();
        let held = &mut *held;
        let staged = held.recorded.stage(&changes);
        if staged.durable {
            let started = Instant::now();
            self.store.commit(&staged).map_err(|error| CommitError { source: Box::new(error) })?;
            held.took.store = started.elapsed();
            held.written.transitions += changes.iter().filter(|change| change.is_durable()).count();
            held.written.bytes.push(if held.counts_bytes { bytes(&staged) } else { 0 });
        }
        let specs_changed = !staged.files.is_empty();
        held.recorded.install(staged);
        if specs_changed {
            let started = Instant::now();
            held.desired.update(&held.recorded.files, &held.recorded.resets);
            held.took.rebuild = started.elapsed();
        }
        Ok(())
    }

    fn explain(&self, _: Vec<Reason>, _: Vec<(u64, Result<Done, ErrorView>)>) {}

    async fn act(&self, actions: Vec<Action>) {
        self.held().actions.extend(actions);
    }
}

/// What a commit writes, as JSON: files, runs and tasks.
fn bytes(staged: &Staged) -> usize {
    let json = |record: serde_json::Result<Vec<u8>>| record.map_or(0, |bytes| bytes.len());
    let files: usize = staged.files.values().map(|file| json(serde_json::to_vec(file))).sum();
    let schedules: usize = staged.schedules.values().map(|record| json(serde_json::to_vec(record))).sum();
    let ledgers: usize = staged.ledgers.values().map(|ledger| json(serde_json::to_vec(ledger))).sum();
    let specs: usize = staged.specs.values().map(|spec| json(serde_json::to_vec(spec))).sum();
    let headers = staged.headers.iter().filter_map(|key| staged.runs.get(key));
    let headers: usize = headers.map(|run| json(serde_json::to_vec(run))).sum();
    let task = |(run, task): &(etl_core::name::RunKey, etl_core::name::Name)| {
        staged.runs.get(run)?.as_ref()?.tasks.get(task).map(|task| json(serde_json::to_vec(task)))
    };
    files + schedules + ledgers + specs + headers + staged.tasks.iter().filter_map(task).sum::<usize>()
}

/// Every future of this world is ready at once.
fn complete<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
