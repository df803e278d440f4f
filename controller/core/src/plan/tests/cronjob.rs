//! What people know from Kubernetes' CronJob, as rows of our own. The facts are those of its controller's tests,
//! `pkg/controller/cronjob/cronjob_controllerv2_test.go` and `utils_test.go`; nothing of them is copied. Its behaviour is our
//! `window: none` with `catchup: last`; where ours differs on purpose, the row or the comment above it says so.
//!
//! | group there | rows there | here | cases here |
//! |---|---|---|---|
//! | never ran | 17 | `hourly`; zones, and what is refused: `zones` | 12 + 19 |
//! | ran before | 11 | `hourly`; the two whose creation fails: `existing` | 11 + 3 |
//! | still active | 10 | `hourly`; the one that cannot be read: `existing` | 12 + 1 |
//! | long overdue | 12 | `overdue` | 26 |
//! | the clock moved back | 1 | `hourly` | 3 |
//! | slow lists | 6 | `existing` | 6 |
//! | `@every`, with the one that is left failing there | 13 + 1 | `every`, once by `every:` and once by `cron:` | 2 × 16 |
//! | the namespace is being deleted | 1 | none: a Swarm has no namespaces, so nothing is refused for one | 0 |
//! | a spec is edited | 6 | `edits` | 16 |
//! | whose job it is | 4 | `existing`; the labels that say so are read where services are listed | 1 |
//! | a job that exists already | 2 | `existing`; somebody else's is among those whose creation fails | 1 |
//! | finished jobs are cleaned up | 2 | `history` | 5 |
//! | next start, most recent start, time until the next | 8 + 13 + 4 | `next`; the impossible date: `zones` | 7 + 15 + 5 |
//! | order of jobs by their start | 5 | `history`: the oldest go first | in its cases |
//! | a job bears its nominal time | 3 | `ETL_TICK`, in `service.rs` | there |

use super::*;

mod edits;
mod every;
mod existing;
mod history;
mod hourly;
mod next;
mod overdue;
mod zones;

/// What came before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    /// First seen at this time, and nothing since.
    Never(&'static str),
    /// First seen at the one time; the run of the tick at the other is over.
    Ran(&'static str, &'static str),
    /// The same, and the run goes on.
    Active(&'static str, &'static str),
}

use Before::{Active, Never, Ran};

/// The three policies that Kubernetes has.
const ANY: &[&str] = &["Allow", "Forbid", "Replace"];
const ALLOW: &[&str] = &["Allow"];
const FORBID: &[&str] = &["Forbid"];
const REPLACE: &[&str] = &["Replace"];
/// Kubernetes has no such policy: the tick waits for its turn.
const QUEUE: &[&str] = &["Queue"];

const HOURLY: &str = "cron: '0 * * * *', window: none, catchup: last";
/// Ten seconds, two hours, and a million seconds: deadlines that are short, medium and long for an hourly clock.
const SHORT: &str = "startingDeadline: 10s";
const MEDIUM: &str = "startingDeadline: 2h";
const LONG: &str = "startingDeadline: 1000000s";
/// Put in force once all that came before is over.
const SUSPENDED: &str = "suspend: true";

/// What it is; policies under which it is so; further keys; what came before; the time of the pass; what the pass does; when the
/// schedule is looked at next.
type Row =
    (&'static str, &'static [&'static str], &'static str, Before, &'static str, &'static str, &'static str);

/// A time of Thursday, 19 May 2016, such as `10:01` or `10:00:02`; or of another day, as `May 26 10:00` or `2016-06-07 11:30`.
fn time(text: &str) -> Timestamp {
    let (day, time) = text.rsplit_once(' ').unwrap_or(("May 19", text));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    let date = day.replace("May ", "2016-05-");
    format!("{date}T{time}{seconds}Z").parse().expect("rows hold times")
}

/// The inverse of [`time`].
fn words(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.trim_end_matches('Z').split_once('T').expect("an instant has both");
    let time = time.strip_suffix(":00").unwrap_or(time);
    let day = date.replace("2016-05-", "May ");
    if day == "May 19" { time.to_owned() } else { format!("{day} {time}") }
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + seconds).expect("in range")
}

fn shows(now: Timestamp, sightings: impl IntoIterator<Item = Sighting>) -> Observed {
    Observed { sightings: sightings.into_iter().collect(), listed_at: Some(now), ..seen([]) }
}

fn running(run: &RunKey, at: Timestamp) -> Sighting {
    Sighting { at, ..going_on(&load(run), S::Running, "") }
}

/// The edit takes effect at the next pass.
fn put_in_force(story: &mut Story, schedule: &str) {
    let files = [etl("hello", &format!("  schedule: {{{schedule}}}\n"))].into();
    story.desired = Desired::build(&files, &BTreeMap::new(), &story.desired);
}

/// A schedule, and what came before; with the run that goes on, if one does.
fn history_of(schedule: &str, before: Before) -> (Story, Option<RunKey>) {
    let at_first = schedule.replace(SUSPENDED, "suspend: false");
    let mut story = Story::with([etl("hello", &format!("  schedule: {{{at_first}}}\n"))]);
    let (Never(first) | Ran(first, _) | Active(first, _)) = before;
    story.pass(time(first), shows(time(first), []));
    let run = match before {
        Never(_) => None,
        Ran(_, tick) => {
            let run = start(&mut story, time(tick));
            end_run(&mut story, &run, later(time(tick), 10));
            None
        }
        Active(_, tick) => Some(start(&mut story, time(tick))),
    };
    if schedule.contains(SUSPENDED) {
        put_in_force(&mut story, schedule);
        let (Never(last) | Ran(_, last) | Active(_, last)) = before;
        let now = later(time(last), 20);
        story.pass(now, shows(now, run.iter().map(|run| running(run, now))));
    }
    (story, run)
}

/// The run that a tick starts.
fn start(story: &mut Story, tick: Timestamp) -> RunKey {
    let plan = story.pass(tick, shows(tick, []));
    let started = plan.changes.iter().find_map(|change| {
        let Change::RunStarted { run, .. } = change else { return None };
        Some(run.clone())
    });
    started.unwrap_or_else(|| panic!("{} starts nothing: {:?}", words(tick), plan.changes))
}

/// It succeeds, its log is kept, and its service is gone.
fn end_run(story: &mut Story, run: &RunKey, now: Timestamp) {
    let attempt = load(run);
    let over = Sighting { at: now, ..sighting(&attempt, S::Complete) };
    story.pass(now, shows(now, [over]));
    story.settle(later(now, 1), &attempt);
}

fn missed(story: &Story) -> BTreeMap<MissReason, u64> {
    story.recorded.schedule(&hello()).map(|record| record.rare.missed_total.clone()).unwrap_or_default()
}

/// What a pass does, in words: runs that start, that wait in the queue, that are stopped; and ticks that start none, by reason.
fn deeds(plan: &Plan, before: &BTreeMap<MissReason, u64>, after: &BTreeMap<MissReason, u64>) -> String {
    let count = |is: fn(&Change) -> bool| plan.changes.iter().filter(|change| is(change)).count();
    let admitted = count(|change| matches!(change, Change::RunAdmitted { .. }));
    let starts = count(|change| matches!(change, Change::RunStarted { .. }));
    let stops = count(|change| matches!(change, Change::RunStopping { .. }));
    let runs = [("starts", starts), ("queues", admitted.saturating_sub(starts)), ("stops", stops)];
    let runs =
        runs.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}"));
    let new = |reason: &MissReason| after[reason] - before.get(reason).copied().unwrap_or(0);
    let ticks = after.keys().filter(|reason| new(reason) > 0);
    let ticks = ticks.map(|reason| format!("{} {}", new(reason), reason.word()));
    let all: Vec<String> = runs.chain(ticks).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// What a pass does, and when it asks for the next one.
fn pass_of(story: &mut Story, now: Timestamp, sightings: Vec<Sighting>) -> (String, Plan) {
    // What is forgotten of the past is looked at once an hour, and would wake before the tick does.
    story.recorded.swept_at = Some(now);
    let before = missed(story);
    let plan = story.pass(now, shows(now, sightings));
    (deeds(&plan, &before, &missed(story)), plan)
}

/// When the schedule is looked at next: the pass asks for no later one.
fn wake_of(story: &Story, plan: &Plan, now: Timestamp) -> String {
    let next = story.recorded.agenda.earliest_after(now);
    assert!(next.is_none() || plan.wake_at.is_some_and(|at| Some(at) <= next), "{:?}", plan.wake_at);
    // With nothing else to do it asks for exactly that one, or for the hourly look at what is to be forgotten.
    let is_idle = plan.changes.iter().all(|change| matches!(change, Change::TickPlanned { .. }));
    if is_idle && story.recorded.open_runs().next().is_none() {
        assert_eq!(plan.wake_at, next.min(Some(later(now, 3_600))));
    }
    next.map(words).unwrap_or_default()
}

fn check(clock: &str, rows: &[Row]) {
    for (what, policies, keys, before, now, does, wake) in rows {
        for policy in *policies {
            let comma = if keys.is_empty() { "" } else { ", " };
            let schedule = format!("{clock}, concurrencyPolicy: {policy}{comma}{keys}");
            let (mut story, run) = history_of(&schedule, *before);
            let now = time(now);
            let list = run.iter().map(|run| running(run, now)).collect();
            let (actual, plan) = pass_of(&mut story, now, list);
            let next = wake_of(&story, &plan, now);
            assert_eq!((actual.as_str(), next.as_str()), (*does, *wake), "{what}, {schedule}");
        }
    }
}
