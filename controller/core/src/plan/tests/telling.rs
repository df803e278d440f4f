//! Who is told what, and when: each streak once, in few messages, through nights, restarts and dead receivers.

use super::*;
use crate::fixtures::{node, seconds};
use crate::observed::{Delivery, NodeStatus};
use crate::problem::Notice;
use crate::spec::Event;

mod promises;
mod routes;

const SLACK: &str = "slack: {webhookUrlFile: /run/secrets/slack}";

/// A file with an ETL of one task that is never tried again.
fn plain(name: &str, spec: &str) -> (String, AcceptedFile) {
    let text =
        format!("kind: ETL\nmetadata: {{name: {name}}}\nspec:\n{spec}  tasks: {{load: {{image: x}}}}\n");
    object(&format!("{name}.etl.yaml"), &text)
}

fn object(path: &str, text: &str) -> (String, AcceptedFile) {
    let text = format!("apiVersion: etl.swarm/v1alpha1\n{text}");
    let parsed = crate::spec::parse_file(path, text.as_bytes());
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    (path.to_owned(), AcceptedFile { blob: text.clone(), commit: "c".into(), text: text.into() })
}

fn notifier(name: &str, destination: &str) -> (String, AcceptedFile) {
    let text = format!("kind: Notifier\nmetadata: {{name: {name}}}\nspec: {{{destination}}}\n");
    object(&format!("notifier-{name}.etl.yaml"), &text)
}

fn alert(spec: &str) -> (String, AcceptedFile) {
    let text = format!("kind: Alert\nmetadata: {{name: all}}\nspec: {{{spec}, notify: [ops]}}\n");
    object("alert.etl.yaml", &text)
}

/// A story in which somebody listens.
struct Told {
    story: Story,
    /// When each message came, and what it said.
    messages: Vec<(i64, Notice)>,
    is_dead: bool,
    deliveries: Vec<Delivery>,
    now: i64,
    wake_at: Option<Timestamp>,
}

impl Told {
    fn by(spec: &str) -> Self {
        Self::of([plain("hello", ""), notifier("ops", SLACK), alert(spec)])
    }

    fn of(files: impl IntoIterator<Item = (String, AcceptedFile)>) -> Self {
        let story = Story::with(files);
        let (messages, deliveries) = (Vec::new(), Vec::new());
        Self { story, messages, is_dead: false, deliveries, now: 0, wake_at: None }
    }

    fn pass(&mut self, now: i64, observed: Observed) {
        let deliveries = std::mem::take(&mut self.deliveries);
        let plan = self.story.pass(at(now), Observed { deliveries, ..observed });
        self.hear(now, plan);
    }

    fn hear(&mut self, now: i64, plan: Plan) {
        (self.now, self.wake_at) = (now, plan.wake_at);
        for notice in plan.notices {
            let result = if self.is_dead { Err("connection refused".to_owned()) } else { Ok(()) };
            self.deliveries.push(Delivery { notice: notice.id.clone(), result });
            if !self.is_dead {
                self.messages.push((now, notice));
            }
        }
    }

    /// Passes whenever the plan asks for one, or a message was answered, until then.
    fn until(&mut self, end: i64, seen: impl Fn() -> Observed) {
        for _ in 0..100_000 {
            let woken = self.wake_at.map(|at| seconds(at) + i64::from(at.subsec_nanosecond() > 0));
            let next = if self.deliveries.is_empty() { woken } else { Some(self.now) };
            let Some(next) = next.filter(|next| *next < end) else { break };
            self.pass(next.max(self.now), seen());
        }
        self.pass(end, seen());
    }

    /// A run from its request to the end of its service.
    fn run(&mut self, now: i64, id: &str, state: S) {
        let run = self.story.run(at(now), id);
        let plan = self.story.pass(at(now), seen([sighting(&load(&run), state)]));
        self.hear(now, plan);
        self.story.settle(at(now), &load(&run));
    }

    /// When each message came, and how many problems it tells, with those that are over.
    fn heard(&self) -> Vec<(i64, usize, usize)> {
        let told = |(now, notice): &(i64, Notice)| {
            let over = notice.problems.iter().filter(|problem| problem.ended.is_some()).count();
            (*now, notice.problems.len() + notice.more, over)
        };
        self.messages.iter().map(told).collect()
    }
}

fn quiet() -> Observed {
    seen([])
}

#[test]
fn a_streak_of_failures_is_told_once_and_its_end_once() {
    let mut told = Told::by("on: [Failed, Recovered]");
    told.run(100, "one", S::Failed);
    assert_eq!(told.heard(), [], "others may be told with it");
    told.until(120, quiet);
    assert_eq!(told.heard(), [(110, 1, 0)]);
    let problem = &told.messages[0].1.problems[0];
    assert_eq!(
        (problem.reason.as_str(), problem.message.as_str()),
        ("ExitCode", "task load, attempt 1: ExitCode")
    );
    for (now, id) in [(200, "two"), (300, "three")] {
        told.run(now, id, S::Failed);
        told.until(now + 90, quiet);
    }
    assert_eq!(told.heard().len(), 1, "the streak was told");
    told.run(400, "four", S::Complete);
    told.until(500, quiet);
    assert_eq!(told.heard(), [(110, 1, 0), (410, 1, 1)]);
    assert_eq!(told.messages[1].1.problems[0].count, 3);
    told.run(600, "five", S::Failed);
    told.until(700, quiet);
    assert_eq!(told.heard()[2..], [(610, 1, 0)], "another streak");
}

#[test]
fn a_success_is_silent_and_so_is_an_end_that_nobody_asked_for() {
    let mut told = Told::by("on: [Failed]");
    told.run(100, "one", S::Complete);
    told.run(200, "two", S::Failed);
    told.until(300, quiet);
    told.run(400, "three", S::Complete);
    told.until(900, quiet);
    assert_eq!(told.heard(), [(210, 1, 0)]);
    assert!(told.story.recorded.problems.is_empty(), "nothing of it is kept");
}

#[test]
fn single_failures_may_pass_in_silence() {
    let mut told = Told::by("on: [Failed, Recovered], failuresBeforeNotify: 3");
    for (now, id, state) in [(100, "a", S::Failed), (200, "b", S::Failed), (300, "c", S::Complete)] {
        told.run(now, id, state);
        told.until(now + 90, quiet);
    }
    assert_eq!(told.heard(), []);
    for (now, id) in [(400, "d"), (500, "e"), (600, "f"), (700, "g")] {
        told.run(now, id, S::Failed);
        told.until(now + 90, quiet);
    }
    assert_eq!(told.heard(), [(610, 1, 0)], "the third in a row");
}

#[test]
fn what_goes_on_is_told_again_after_a_while() {
    let mut told = Told::by("on: [Failed], repeatEvery: 1h");
    told.run(0, "one", S::Failed);
    told.until(3 * 3_600, quiet);
    assert_eq!(told.heard(), [(10, 1, 0), (3_610, 1, 0), (7_210, 1, 0)]);
}

#[test]
fn a_storm_of_a_thousand_failures_is_a_handful_of_messages_and_leaves_none_out() {
    let names: Vec<String> = (0..1_000).map(|n| format!("e{n}")).collect();
    let etls = names.iter().map(|name| plain(name, ""));
    let mut told = Told::of(etls.chain([notifier("ops", SLACK), alert("on: [Failed]")]));
    told.story.desired.policy = Policy { attempts_max: 2_000, ..Policy::default() }.into();
    // Three a second, for five minutes and a half.
    for (number, name) in names.iter().enumerate() {
        let now = i64::try_from(number).unwrap() / 3;
        let run = RunKey::of_request(&etl_key(name), "one");
        let verb = Verb::Run { etl: etl_key(name), params: BTreeMap::new(), window: None };
        told.story.ask(at(now), "one", verb);
        told.pass(now, seen([sighting(&load(&run), S::Failed)]));
        told.story.settle(at(now), &load(&run));
    }
    told.until(1_000, quiet);
    let messages = told.heard();
    assert!(messages.len() <= 8, "{messages:?}");
    assert_eq!(messages.iter().map(|(_, problems, _)| problems).sum::<usize>(), 1_000);
    assert!(
        told.messages.iter().all(|(_, notice)| notice.problems.len() <= 20),
        "names are a few, the rest a number"
    );
}

#[test]
fn a_receiver_that_is_dead_for_days_misses_nothing() {
    let mut told = Told::by("on: [Failed, Recovered]");
    told.is_dead = true;
    told.run(0, "one", S::Failed);
    told.until(1_000, quiet);
    // That streak ends, and another begins and ends, while nobody hears of either.
    told.run(1_000, "two", S::Complete);
    told.until(2_000, quiet);
    assert_eq!(told.story.recorded.notices.len(), 1, "one message waits, however long it takes");
    told.until(200_000, quiet);
    told.is_dead = false;
    told.until(202_000, quiet);
    let told_of: Vec<(usize, usize)> = told.heard().iter().map(|(_, all, over)| (*all, *over)).collect();
    assert_eq!(told_of, [(1, 0), (1, 1)], "the failure as it was, then its end");
    assert!(told.story.recorded.notices.is_empty() && told.story.recorded.problems.is_empty());
}

#[test]
fn what_came_and_went_while_a_message_was_under_way_is_in_the_next() {
    let mut told = Told::of([
        plain("hello", ""),
        plain("bye", ""),
        notifier("ops", SLACK),
        alert("on: [Failed, Recovered]"),
    ]);
    told.is_dead = true;
    told.run(0, "one", S::Failed);
    told.until(100, quiet);
    let verb = |_: &str| Verb::Run { etl: etl_key("bye"), params: BTreeMap::new(), window: None };
    for (now, id, state) in [(200, "x", S::Failed), (300, "y", S::Complete)] {
        told.story.ask(at(now), id, verb(id));
        let run = RunKey::of_request(&etl_key("bye"), id);
        told.pass(now, seen([sighting(&load(&run), state)]));
        told.story.settle(at(now), &load(&run));
    }
    told.is_dead = false;
    told.until(5_000, quiet);
    let bye = told.messages.iter().flat_map(|(_, notice)| &notice.problems);
    let bye: Vec<_> = bye.filter(|problem| problem.key.subject.etl() == Some(&etl_key("bye"))).collect();
    assert_eq!(bye.len(), 1);
    assert_eq!(bye[0].ended, Some(at(300)));
}

#[test]
fn a_message_that_was_not_known_to_arrive_comes_again_after_a_restart_with_its_name() {
    let mut told = Told::by("on: [Failed]");
    told.run(0, "one", S::Failed);
    told.pass(10, quiet());
    let first = told.messages[0].1.id.clone();
    // The process dies before it hears of the delivery.
    told.deliveries.clear();
    told.story.recorded.watch = Default::default();
    told.pass(20, quiet());
    assert_eq!(
        told.messages.iter().map(|(_, notice)| notice.id.clone()).collect::<Vec<_>>(),
        [first.clone(), first]
    );
    told.until(2_000, quiet);
    assert_eq!(told.messages.len(), 2);
}

#[test]
fn nothing_is_told_in_quiet_hours_but_what_may_be() {
    // at(0) is 22:13:20 UTC; the night ends at 06:00, 27,999.. seconds later.
    let night = "quietHours: {from: \"20:00\", to: \"06:00\", except: [Stuck]}";
    let mut told = Told::by(&format!("on: [Failed, Stuck, Recovered], {night}"));
    told.run(0, "one", S::Failed);
    told.until(40_000, quiet);
    assert_eq!(told.heard(), [(28_000, 1, 0)], "in the morning, at six");
}

#[test]
fn a_stuck_task_is_told_with_its_node_and_is_over_when_its_run_is() {
    let mut told = Told::by("on: [Stuck, Recovered]");
    let run = told.story.run(at(0), "one");
    let mut waits = sighting(&load(&run), S::Preparing);
    (waits.desired, waits.exit_code) = (S::Running, None);
    let waits = move || Observed { listed_at: Some(at(1_000)), ..seen([waits.clone()]) };
    told.pass(1, waits());
    told.until(400, &waits);
    assert_eq!(told.heard().len(), 1);
    let (now, notice) = &told.messages[0];
    assert_eq!(
        (notice.problems[0].key.event, notice.problems[0].reason.as_str()),
        (Event::Stuck, "PreparingTooLong")
    );
    assert!((301..=321).contains(now), "{now}");
    told.pass(500, seen([sighting(&load(&run), S::Complete)]));
    told.until(600, quiet);
    assert_eq!(told.heard()[1..], [(510, 1, 1)]);
}
