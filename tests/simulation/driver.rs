//! Drives one seed: takes events in the order of virtual time, turns the server's own loop, breaks things, heals them, and looks
//! at what is left.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use etl_core::observed::Verb;
use etl_server::world::{CommitError, reconcile};
use jiff::Timestamp;

use crate::fault::FaultCounts;
use crate::process::ModelWorld;
use crate::sim::{Broken, Event, REST_MAX, Sim, Tally};
use crate::time::{HOUR, MINUTE, Ms, SECOND};
use crate::twin::Turn;

/// A pass at least this often.
const RESYNC: Ms = 30 * SECOND;
/// Events of a simulation, unless told otherwise: most end by virtual time.
pub const EVENTS_MAX: u64 = 12_000;
/// Events of the end phase: a world that needs more does not come to rest.
const END_EVENTS_MAX: u64 = 200_000;
/// After the faults end, things go on as usual for this long.
const USUAL: Ms = 2 * MINUTE;
/// More open runs than this are cancelled at the end, as a person would.
const OPEN_MAX: usize = 8;

/// How a seed is driven.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub events: u64,
    pub traces: bool,
    pub verbose: bool,
}

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    pub tally: Tally,
    pub counts: FaultCounts,
    pub broken: Option<Broken>,
    pub trace: Vec<String>,
}

/// Drives one seed to its end or its first broken invariant.
pub fn drive(seed: u64, options: Options) -> Outcome {
    let world = ModelWorld::new(Sim::new(seed, options.traces, options.verbose));
    let start = begin(&mut world.sim());
    let ends = start + world.sim().dice.between(10 * MINUTE, 35 * MINUTE);
    turn(&world, options.events, |sim| sim.now >= ends);
    heal(&mut world.sim());
    let usual = world.sim().now + USUAL;
    turn(&world, END_EVENTS_MAX, |sim| sim.now >= usual);
    world.sim().wind_down();
    let deadline = world.sim().now + REST_MAX;
    turn(&world, END_EVENTS_MAX, |sim| sim.is_at_rest() || sim.now >= deadline);
    let mut sim = world.sim();
    sim.check_end();
    sim.tally.virtual_ms = sim.now - start;
    sim.tally.ticks = sim.durable_account.ticks;
    Outcome {
        tally: sim.tally.clone(),
        counts: sim.counts.clone(),
        broken: sim.broken.clone(),
        trace: sim.trace.iter().cloned().collect(),
    }
}

fn begin(sim: &mut Sim) -> Ms {
    sim.restart();
    let now = sim.now;
    for (at, event) in [(5 * SECOND, Event::Chaos), (3 * SECOND, Event::People), (MINUTE, Event::Commit)] {
        sim.queue.push(now + at, event);
    }
    sim.plan_twin();
    now
}

fn turn(world: &ModelWorld, events_max: u64, over: impl Fn(&Sim) -> bool) {
    for _ in 0..events_max {
        let event = {
            let mut sim = world.sim();
            if sim.broken.is_some() || over(&sim) {
                return;
            }
            let Some((at, event)) = sim.queue.pop() else {
                return sim
                    .fail("I5: something is always due while something is open", "no event is left".into());
            };
            let from = std::mem::replace(&mut sim.now, at);
            sim.pass_clock_change(from);
            sim.tally.events += 1;
            event
        };
        let turn = world.sim().take_turns(&event);
        match event {
            _ if turn == Turn::Nobody => {}
            Event::Pass(life) => pass(world, life),
            event => world.sim().happen(event),
        }
        world.sim().end_turn(turn);
    }
}

/// One turn of the server's own loop.
fn pass(world: &ModelWorld, life: u32) {
    {
        let mut sim = world.sim();
        if life != sim.process.life || sim.process.next_pass != Some(sim.now) {
            return;
        }
        sim.process.next_pass = None;
    }
    let result = complete(reconcile(world));
    world.sim().after_pass(result);
}

/// The model never waits: every future of it is ready.
fn complete<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the model's futures are ready at once"),
    }
}

impl Sim {
    fn after_pass(&mut self, result: Result<Option<Timestamp>, CommitError>) {
        self.tally.passes += 1;
        if self.process.crashed {
            return self.crash();
        }
        let wake_at = match result {
            Ok(wake_at) => wake_at,
            Err(error) => return self.fail("I3: the store takes the changes", format!("{:?}", error.source)),
        };
        if self.traces {
            let durable = self.process.changed.iter().filter(|change| change.is_durable());
            let story: Vec<String> = durable.map(|change| short(&format!("{change:?}"))).collect();
            story.iter().for_each(|line| self.note(format_args!("  {line}")));
        }
        let until = wake_at.map_or(RESYNC, |at| (at.as_millisecond() - self.wall()).clamp(0, RESYNC));
        self.pass_at(self.now + until.max(1));
        self.hurry();
        self.check_pass(wake_at);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(_) => unreachable!("passes are turned by the driver"),
            Event::Ask(life) => self.ask_list(life),
            Event::Listed(life, listing) => self.take_list(life, *listing),
            Event::Arrive(wire) => self.arrive(*wire),
            Event::Reply(life, answer) => self.take_reply(life, answer.0, answer.1),
            Event::Paused(life, answer) => self.report(life, answer.0, answer.1),
            Event::AwaitStop(life, wait) => self.wait_for_stop(life, &wait.0, wait.1, wait.2),
            Event::Unfollow(life, attempt) => {
                if life == self.process.life {
                    self.process.following.remove(&attempt);
                }
            }
            Event::Restart(life) => {
                if life == self.process.life {
                    self.restart();
                }
            }
            Event::TwinStarts => self.start_twin(),
            Event::TwinEnds => self.end_twin(),
            Event::Told(life, told) => self.take_delivery(life, told.0, told.1),
            Event::ReadGit(life) => self.read_git(life),
            Event::TaskStep(id, token) => self.step_task(id, token),
            Event::Obey(id) => self.obey_now(id),
            Event::NodeNotice(node, token) => self.notice_silence(node, token),
            Event::NodeReady(node, token) => self.notice_ready(node, token),
            Event::NodeBack(node) => self.node_back(node),
            Event::ApiBack => self.api_back(),
            Event::Chaos => self.chaos(),
            Event::Repeat(request) => self.repeat(request.0, request.1),
            Event::People => self.people(),
            Event::Commit => {
                if !self.calm {
                    self.push();
                    self.later(20 * SECOND, 5 * MINUTE, Event::Commit);
                }
            }
        }
    }

    /// Specs are gone on purpose; what is open comes to its end.
    fn wind_down(&mut self) {
        self.git.empty();
        let life = self.process.life;
        self.later(1, SECOND, Event::ReadGit(life));
        let open: Vec<_> = self.process.recorded.open_runs().map(|run| run.key.clone()).collect();
        for run in open.into_iter().skip(OPEN_MAX) {
            self.leave_request(format!("tidy-{run}"), Verb::Cancel { run });
        }
        let backfills: Vec<_> = self.process.recorded.backfills.keys().cloned().collect();
        for backfill in backfills {
            self.leave_request(format!("tidy-{backfill}"), Verb::CancelBackfill { backfill });
        }
    }
}

fn heal(sim: &mut Sim) {
    sim.note(format_args!("everything is healed"));
    sim.calm = true;
    sim.end_twin();
    sim.api_back();
    sim.git.heal();
    for node in 0..sim.swarm.nodes.len() {
        sim.node_back(node);
    }
    // Not more than an hour is left to catch up with, whatever the clock did.
    debug_assert!(sim.skew.abs() <= HOUR);
}

fn short(text: &str) -> String {
    text.chars().take(260).collect()
}
