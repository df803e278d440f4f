//! One simulated world: a model Swarm, a lossy process, a store that keeps what was flushed, git, people, and virtual time.
//! Everything that happens is an event in one queue, so that a seed always gives the same story.

use std::collections::VecDeque;
use std::fmt;

use etl_core::action::ActionKey;
use etl_core::name::AttemptKey;
use etl_core::observed::{Answer, Verb};
use etl_core::problem::NoticeId;
use etl_core::recorded::Recorded;
use etl_store::MemoryStore;

use crate::account::Account;
use crate::dice::Dice;
use crate::dst::{CLOCK_CHANGES, ClockChange};
use crate::fault::{Fault, FaultCounts};
use crate::git::Git;
use crate::ledger::{Book, Ledger};
use crate::process::{Process, Snapshot};
use crate::swarm::{ModelNode, Swarm, Wire};
use crate::time::{HOUR, MINUTE, Ms, Queue, SECOND};
use crate::told::Told;
use crate::twin::Twin;

/// Which incarnation of the controller's process.
pub type Life = u32;

/// Trace lines kept for a failure's report.
const TRACE_LINES: usize = 60;

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// The loop's timer, or a wake.
    Pass(Life),
    /// The observer asks for a list.
    Ask(Life),
    /// The list arrives, or fails.
    Listed(Life, Box<Listing>),
    /// A call arrives at the managers.
    Arrive(Box<Wire>),
    /// Its answer arrives at the process.
    Reply(Life, Box<(ActionKey, Answer)>),
    /// The pause after a failed action is over.
    Paused(Life, Box<(ActionKey, Answer)>),
    /// A stop waits for the container.
    AwaitStop(Life, Box<(AttemptKey, Ms, bool)>),
    /// A followed log breaks.
    Unfollow(Life, AttemptKey),
    /// The process comes back.
    Restart(Life),
    /// Somebody starts a second controller.
    TwinStarts,
    /// It is ended.
    TwinEnds,
    /// A receiver answers, or nobody does.
    Told(Life, Box<(NoticeId, bool)>),
    /// Git is read.
    ReadGit(Life),
    /// A Swarm task goes on.
    TaskStep(usize, u32),
    /// A node's agent does what the managers want.
    Obey(usize),
    /// The managers miss a node.
    NodeNotice(usize, u32),
    /// The managers hear a node.
    NodeReady(usize, u32),
    /// A node's fault is over.
    NodeBack(usize),
    /// The managers answer again.
    ApiBack,
    /// Something breaks.
    Chaos,
    /// Somebody asks again, with the same id.
    Repeat(Box<(String, Verb)>),
    /// People.
    People,
    /// Somebody commits.
    Commit,
}

impl Event {
    /// Whose it is, if it is a process's own.
    pub fn life(&self) -> Option<Life> {
        match self {
            Self::Pass(life)
            | Self::Ask(life)
            | Self::Listed(life, _)
            | Self::Reply(life, _)
            | Self::Paused(life, _)
            | Self::AwaitStop(life, _)
            | Self::Unfollow(life, _)
            | Self::Restart(life)
            | Self::Told(life, _)
            | Self::ReadGit(life) => Some(*life),
            Self::Arrive(wire) => wire.life,
            Self::TwinStarts
            | Self::TwinEnds
            | Self::TaskStep(..)
            | Self::Obey(_)
            | Self::NodeNotice(..)
            | Self::NodeReady(..)
            | Self::NodeBack(_)
            | Self::ApiBack
            | Self::Chaos
            | Self::Repeat(_)
            | Self::People
            | Self::Commit => None,
        }
    }
}

/// What the observer got.
#[derive(Debug)]
pub struct Listing {
    pub asked: Ms,
    pub snapshot: Option<Snapshot>,
}

/// How bad things are, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mood {
    pub crash: u64,
    pub lost_answer: u64,
    pub hung_log: u64,
    pub stale_list: u64,
    pub loses_store: u64,
}

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Broken {
    pub invariant: &'static str,
    pub detail: String,
}

/// What a simulation did.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub passes: u64,
    pub events: u64,
    pub runs: u64,
    pub attempts: u64,
    pub adopted: u64,
    pub commits: u64,
    pub probes: u64,
    pub virtual_ms: Ms,
    pub answers: u64,
    /// Messages to people.
    pub messages: u64,
    /// Ticks that were decided, as far as that is durable.
    pub ticks: u64,
}

/// One simulated world.
pub struct Sim {
    pub seed: u64,
    pub dice: Dice,
    /// The true time.
    pub now: Ms,
    /// The controller's clock minus the true time.
    pub skew: Ms,
    /// When it was last set forward.
    pub leapt_at: Option<Ms>,
    pub queue: Queue<Event>,
    pub swarm: Swarm,
    pub process: Process,
    pub store: MemoryStore,
    /// What the store holds, as far as decisions depend on it.
    pub durable: Recorded,
    pub ledger: Ledger,
    pub book: Book,
    /// What the batches said of data, and what of it is durable.
    pub account: Account,
    pub durable_account: Account,
    /// What its batches said of messages.
    pub told: Told,
    /// A second controller, while there is one.
    pub twin: Option<Box<Twin>>,
    pub git: Git,
    pub counts: FaultCounts,
    pub mood: Mood,
    /// No new faults: the end phase.
    pub calm: bool,
    pub tally: Tally,
    pub broken: Option<Broken>,
    pub trace: VecDeque<String>,
    pub traces: bool,
    pub verbose: bool,
}

impl Sim {
    /// The world of a seed at its beginning.
    pub fn new(seed: u64, traces: bool, verbose: bool) -> Self {
        let mut dice = Dice::new(seed);
        let (start, change) = beginning(&mut dice);
        let mood = mood(&mut dice);
        let mut swarm = Swarm::default();
        for index in 0..dice.between(1, 5) {
            let cpus = dice.between(8, 20) * 100_000_000;
            let skew = dice.between(-2 * SECOND, 2 * SECOND);
            swarm.nodes.push(ModelNode::new(format!("n{index}"), cpus, skew));
        }
        let process = Process::new(&mut dice);
        let git = Git::new(&mut dice, start, change);
        Self {
            seed,
            dice,
            now: start,
            skew: 0,
            leapt_at: None,
            queue: Queue::new(),
            swarm,
            process,
            store: MemoryStore::new(),
            durable: Recorded::default(),
            ledger: Ledger::default(),
            book: Book::default(),
            twin: None,
            account: Account::default(),
            durable_account: Account::default(),
            told: Told::default(),
            git,
            counts: FaultCounts::default(),
            mood,
            calm: false,
            tally: Tally::default(),
            broken: None,
            trace: VecDeque::new(),
            traces,
            verbose,
        }
    }

    /// The controller's clock.
    pub fn wall(&self) -> Ms {
        self.now + self.skew
    }

    /// True in `share` of a thousand cases, and never in the end phase.
    pub fn unlucky(&mut self, share: u64) -> bool {
        self.dice.permille(share) && !self.calm
    }

    /// A line of the story.
    pub fn note(&mut self, what: fmt::Arguments<'_>) {
        if !self.traces {
            return;
        }
        let at = crate::time::timestamp(self.now);
        let line = format!("{at} {what}");
        if self.verbose {
            eprintln!("{line}");
        }
        if self.trace.len() == TRACE_LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// An invariant does not hold; the first one is told.
    pub fn fail(&mut self, invariant: &'static str, detail: String) {
        if self.broken.is_none() {
            self.note(format_args!("BROKEN {invariant}: {detail}"));
            self.broken = Some(Broken { invariant, detail });
        }
    }

    /// Plans an event after a random while.
    pub fn later(&mut self, low: Ms, high: Ms, event: Event) {
        let at = self.now + self.dice.between(low, high);
        self.queue.push(at, event);
    }

    /// Counts a fault and tells it.
    pub fn befalls(&mut self, fault: Fault) {
        self.counts.count(fault);
        self.note(format_args!("FAULT {fault:?}"));
    }
}

/// An ordinary day in November 2025.
const ORDINARY: Ms = 1_764_000_000_000;
/// Seeds in a thousand that begin shortly before a clock changes.
const CHANGE_SHARE: u64 = 600;

/// Ordinary days, and those on which a clock changes: so soon that most seeds live through it while faults go on.
fn beginning(dice: &mut Dice) -> (Ms, Option<ClockChange>) {
    let change = dice.one_of(CLOCK_CHANGES);
    if dice.permille(CHANGE_SHARE) {
        (change.at - dice.between(5 * MINUTE, 15 * MINUTE), Some(change))
    } else {
        (ORDINARY + dice.between(0, 10 * MINUTE), None)
    }
}

fn mood(dice: &mut Dice) -> Mood {
    Mood {
        crash: dice.one_of([0, 2, 5, 15, 40]),
        lost_answer: dice.one_of([0, 10, 40, 150]),
        hung_log: dice.one_of([0, 20, 100]),
        stale_list: dice.one_of([0, 20, 100]),
        loses_store: dice.one_of([0, 0, 0, 0, 300]),
    }
}

/// A simulation that needs longer than this to come to rest after all faults are healed stands still.
pub const REST_MAX: Ms = 8 * HOUR;
