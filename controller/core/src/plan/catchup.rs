//! What becomes of due ticks, and which window of data each closes. Windows follow each other without a gap: what no run is
//! started for is asked for all the same, and so seen to be missing.

use jiff::{SignedDuration, Timestamp};

use crate::recorded::MissReason;
use crate::spec::{Catchup, Schedule, WindowRule};
use crate::window::Window;

/// A tick decided within this time came as it should; later, nothing could start it. A restart takes less.
const ON_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Due ticks of a schedule, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// The newest `catchupLimit`.
    pub ticks: Vec<Timestamp>,
    /// The newest of those before them, and how many there are at least.
    pub dropped: Option<(Timestamp, u64)>,
}

/// What becomes of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub tick: Timestamp,
    /// How many ticks this stands for, at least.
    pub count: u64,
    /// The window that it closes, if its schedule has windows.
    pub window: Option<Window>,
    /// Why it starts no run, if it starts none by itself.
    pub missed: Option<MissReason>,
}

/// What becomes of each due tick, oldest first. `begins` is where the next window begins; `refused` says of a tick why it may
/// not start whatever the policy; `now` is the schedule's own, behind by its jitter.
pub(super) fn steps(
    schedule: &Schedule,
    due: &Due,
    begins: Option<Timestamp>,
    now: Timestamp,
    refused: impl Fn(Timestamp) -> Option<MissReason>,
) -> Vec<Step> {
    let mut cutter = Cutter { rule: schedule.rules.window, begins };
    let newest = due.ticks.last().copied();
    let dropped = due.dropped.map(|(tick, count)| Step {
        tick,
        count,
        window: cutter.cut(tick),
        // However many are merged, their run is one.
        missed: Some(match schedule.rules.catchup {
            Catchup::Merge => refused(tick).unwrap_or(MissReason::Merged),
            Catchup::All | Catchup::Last | Catchup::None => MissReason::Limit,
        }),
    });
    let mut steps: Vec<Step> = dropped.into_iter().collect();
    for tick in due.ticks.iter().copied() {
        let window = cutter.cut(tick);
        let empty = (schedule.rules.window.is_some() && window.is_none()).then_some(MissReason::Empty);
        let missed = refused(tick).or(empty).or_else(|| passes(schedule.rules.catchup, tick, newest, now));
        steps.push(Step { tick, count: 1, window, missed });
    }
    join_merged(&mut steps);
    steps
}

/// The newest tick's run takes over the windows of those just before it that are to be merged. Those that something parts from it,
/// or that have no run to go into, pass.
fn join_merged(steps: &mut [Step]) {
    let Some((newest, before)) = steps.split_last_mut() else { return };
    let merges = |step: &&Step| step.missed == Some(MissReason::Merged);
    let taken = if newest.missed.is_none() { before.iter().rev().take_while(merges).count() } else { 0 };
    let (apart, taken) = before.split_at_mut(before.len() - taken);
    for step in apart.iter_mut().filter(|step| step.missed == Some(MissReason::Merged)) {
        step.missed = Some(MissReason::Catchup);
    }
    let begins = taken.iter().filter_map(|step| step.window).map(Window::start).min();
    if let (Some(window), Some(begins)) = (newest.window, begins) {
        newest.window = Window::new(begins.min(window.start()), window.end());
    }
}

/// Why `catchup` lets a tick pass, if it does.
fn passes(
    catchup: Catchup,
    tick: Timestamp,
    newest: Option<Timestamp>,
    now: Timestamp,
) -> Option<MissReason> {
    let is_newest = Some(tick) == newest;
    let on_time = now.duration_since(tick) <= ON_TIME;
    match catchup {
        Catchup::All => None,
        Catchup::None => (!on_time).then_some(MissReason::Catchup),
        Catchup::Last => (!on_time && !is_newest).then_some(MissReason::Catchup),
        Catchup::Merge => (!is_newest).then_some(MissReason::Merged),
    }
}

/// Cuts windows one after the other.
struct Cutter {
    rule: Option<WindowRule>,
    begins: Option<Timestamp>,
}

impl Cutter {
    /// The window that a tick closes, or nothing if all of it was cut before.
    fn cut(&mut self, tick: Timestamp) -> Option<Window> {
        let rule = self.rule?;
        let end = tick.checked_sub(rule.lag).unwrap_or(Timestamp::MIN);
        let begins = self.begins.unwrap_or(end);
        let back = end.checked_sub(rule.size).unwrap_or(Timestamp::MIN);
        if end <= begins {
            return None;
        }
        self.begins = Some(end);
        Window::new(begins.min(back), end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixtures::{at, schedule, seconds};

    const RULE: WindowRule = WindowRule { lag: SignedDuration::ZERO, size: SignedDuration::ZERO };

    fn rule(lag: i64, size: i64) -> WindowRule {
        WindowRule { lag: SignedDuration::from_secs(lag), size: SignedDuration::from_secs(size) }
    }

    /// `start-end word`, of each step.
    fn words(steps: &[Step]) -> Vec<String> {
        let window = |window: Window| format!("{}-{}", seconds(window.start()), seconds(window.end()));
        let word = |missed: Option<MissReason>| missed.map_or("runs", MissReason::word);
        let line =
            |step: &Step| format!("{} {}", step.window.map_or("none".into(), window), word(step.missed));
        steps.iter().map(line).collect()
    }

    fn ruled(catchup: Catchup, window: Option<WindowRule>) -> Schedule {
        let mut schedule = schedule("every: 100s");
        let rules = Arc::make_mut(&mut schedule.rules);
        (rules.catchup, rules.window) = (catchup, window);
        schedule
    }

    fn due(ticks: &[i64]) -> Due {
        Due { ticks: ticks.iter().map(|tick| at(*tick)).collect(), dropped: None }
    }

    #[test]
    fn each_policy_says_which_late_ticks_run() {
        let (late, now) = (due(&[100, 200, 300]), at(1_000));
        for (catchup, expected) in [
            (Catchup::All, ["0-100 runs", "100-200 runs", "200-300 runs"]),
            (Catchup::Last, ["0-100 catchup", "100-200 catchup", "200-300 runs"]),
            (Catchup::None, ["0-100 catchup", "100-200 catchup", "200-300 catchup"]),
            (Catchup::Merge, ["0-100 merged", "100-200 merged", "0-300 runs"]),
        ] {
            let schedule = ruled(catchup, Some(RULE));
            let steps = steps(&schedule, &late, Some(at(0)), now, |_| None);
            assert_eq!(words(&steps), expected, "catchup: {}", catchup.word());
        }
    }

    #[test]
    fn a_tick_that_came_as_it_should_runs_whatever_the_policy() {
        for catchup in [Catchup::All, Catchup::Last, Catchup::None, Catchup::Merge] {
            let schedule = ruled(catchup, None);
            for (delay, runs) in [(0, true), (60, true), (61, catchup != Catchup::None)] {
                let steps = steps(&schedule, &due(&[100]), None, at(100 + delay), |_| None);
                let expected = if runs { "none runs" } else { "none catchup" };
                assert_eq!(words(&steps), [expected], "catchup: {}, {delay} s late", catchup.word());
            }
        }
    }

    #[test]
    fn windows_follow_each_other_without_a_gap() {
        for (what, rule, begins, ticks, expected) in [
            ("one after the other", rule(0, 0), 0, [100, 200], ["0-100 runs", "100-200 runs"]),
            ("late data is waited for", rule(30, 0), -30, [100, 200], ["-30-70 runs", "70-170 runs"]),
            ("they may overlap", rule(0, 150), 0, [100, 200], ["-50-100 runs", "50-200 runs"]),
            ("a short size leaves no gap", rule(0, 10), 0, [100, 200], ["0-100 runs", "100-200 runs"]),
            (
                "a longer lag, edited, repeats nothing",
                rule(150, 0),
                0,
                [100, 200],
                ["none empty", "0-50 runs"],
            ),
            (
                "the first after an edit is longer",
                rule(0, 0),
                -500,
                [100, 200],
                ["-500-100 runs", "100-200 runs"],
            ),
        ] {
            let schedule = ruled(Catchup::All, Some(rule));
            let steps = steps(&schedule, &due(&ticks), Some(at(begins)), at(200), |_| None);
            assert_eq!(words(&steps), expected, "{what}");
        }
    }

    #[test]
    fn only_what_nothing_parts_from_the_newest_is_merged_into_it() {
        let schedule = ruled(Catchup::Merge, Some(RULE));
        let due = Due { dropped: Some((at(100), 7)), ..due(&[200, 300]) };
        for (refused, expected) in [
            (None, ["0-100 merged", "100-200 merged", "0-300 runs"]),
            (Some(200), ["0-100 catchup", "100-200 suspended", "200-300 runs"]),
            (Some(300), ["0-100 catchup", "100-200 catchup", "200-300 suspended"]),
        ] {
            let only = |tick| (Some(tick) == refused.map(at)).then_some(MissReason::Suspended);
            let steps = steps(&schedule, &due, Some(at(0)), at(300), only);
            assert_eq!(words(&steps), expected, "suspended at {refused:?}");
        }
    }

    #[test]
    fn what_starts_no_run_is_asked_for_all_the_same() {
        let schedule = |catchup| ruled(catchup, Some(RULE));
        let suspended = |until: i64| move |tick| (tick <= at(until)).then_some(MissReason::Suspended);
        let due = Due { dropped: Some((at(100), 7)), ..due(&[200, 300, 400]) };
        for (catchup, until, expected) in [
            (Catchup::All, 200, ["0-100 limit", "100-200 suspended", "200-300 runs", "300-400 runs"]),
            (Catchup::Merge, 0, ["0-100 merged", "100-200 merged", "200-300 merged", "0-400 runs"]),
            (Catchup::Merge, 200, ["0-100 suspended", "100-200 suspended", "200-300 merged", "200-400 runs"]),
            (
                Catchup::Merge,
                400,
                ["0-100 suspended", "100-200 suspended", "200-300 suspended", "300-400 suspended"],
            ),
        ] {
            let steps = steps(&schedule(catchup), &due, Some(at(0)), at(400), suspended(until));
            assert_eq!(words(&steps), expected, "catchup: {}, suspended until {until}", catchup.word());
        }
    }
}
