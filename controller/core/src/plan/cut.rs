//! Which data a backfill is over, and where it is cut into windows: as live ticks would have cut it. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::tick::next_tick;
use crate::backfill::Reprocess;
use crate::cron::Cron;
use crate::ledger::Ledger;
use crate::spec::{Rules, Schedule, When, WindowRule};
use crate::window::{Window, Windows};

/// Which data of a span a backfill is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Only what was asked for before and did not succeed.
    pub missing: bool,
    /// What else is done again.
    pub reprocess: Reprocess,
}

impl Rule {
    /// What of `span` there is to do, where `open` is what other runs stand for: that is never done a second time.
    pub fn wanted(self, ledger: &Ledger, open: &Windows, span: Window) -> Windows {
        let asked = if self.missing { ledger.asked.within(span) } else { [span].into_iter().collect() };
        let reprocess = if self.missing { Reprocess::Failed } else { self.reprocess };
        let settled: &[&Windows] = match reprocess {
            Reprocess::None => &[&ledger.done, &ledger.failed, &ledger.unknown],
            Reprocess::Failed => &[&ledger.done],
            Reprocess::All => &[],
        };
        let others = settled.iter().chain([&open]).map(|windows| windows.within(span));
        others.fold(asked, |left, others| left.without(others.iter()))
    }
}

/// Where the windows of a schedule end. What bounds only its live ticks, `startAt` and `endAt`, does not bound it: a backfill
/// may ask for what was before; `startAt` is where a window begins all the same.
#[derive(Debug)]
pub(super) struct Grid {
    /// Clocks that tick side by side, each with its anchor.
    clocks: Vec<(Schedule, Timestamp)>,
    rule: WindowRule,
    start_at: Option<Timestamp>,
}

impl Grid {
    /// The grid of a schedule whose ticks close windows, from `from` on.
    pub fn of(schedule: &Schedule, rule: WindowRule, first_seen: Timestamp, from: Timestamp) -> Self {
        let anchor = schedule.rules.start_at.unwrap_or(first_seen);
        let rules = Rules { start_at: None, end_at: None, ..Rules::clone(&schedule.rules) };
        let rules = Arc::new(rules);
        let clock = |when: When| {
            let anchor = match &when {
                When::Every(period) => before(anchor, *period, from),
                When::Cron { .. } | When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => anchor,
            };
            (Schedule { when, rules: rules.clone(), ..schedule.clone() }, anchor)
        };
        let clocks = whens(&schedule.when).into_iter().map(clock).collect();
        Self { clocks, rule, start_at: schedule.rules.start_at }
    }

    /// Where the first window that reaches beyond `start` ends; never, if no tick follows.
    fn end_after(&self, start: Timestamp) -> Option<Timestamp> {
        let from = start.checked_add(self.rule.lag).ok()?;
        let tick = self.clocks.iter().filter_map(|(clock, anchor)| next_tick(clock, *anchor, from)).min();
        let end = tick.and_then(|tick| tick.checked_sub(self.rule.lag).ok());
        end.into_iter().chain(self.start_at).filter(|end| *end > start).min()
    }

    /// Cuts stretches of data into windows, oldest first; nothing if more than `most` come of it.
    pub fn cut(&self, stretches: &Windows, most: usize) -> Option<Vec<Window>> {
        let mut windows = Vec::new();
        for stretch in stretches.iter() {
            let mut start = stretch.start();
            while let Some(rest) = Window::new(start, stretch.end()) {
                if windows.len() == most {
                    return None;
                }
                let end = self.end_after(start).map_or(rest.end(), |end| end.min(rest.end()));
                windows.extend(Window::new(start, end));
                start = end;
            }
        }
        Some(windows)
    }
}

/// What a clock is put together of: the periods in a list of cron expressions are each moved back by themselves.
fn whens(when: &When) -> Vec<When> {
    let When::Cron { crons, zone, dst } = when else { return vec![when.clone()] };
    let alone = |cron: &Cron| When::Cron { crons: vec![cron.clone()], zone: zone.clone(), dst: *dst };
    crons.iter().map(|cron| cron.every().map_or_else(|| alone(cron), When::Every)).collect()
}

/// An instant on the grid of a period, and not after `from` by more than the anchor is. Nothing ticks before an anchor.
fn before(anchor: Timestamp, period: SignedDuration, from: Timestamp) -> Timestamp {
    let (start, period) = (anchor.as_nanosecond(), period.as_nanos().max(1));
    let periods = (from.as_nanosecond() - start).div_euclid(period).min(0);
    Timestamp::from_nanosecond(start + periods * period).unwrap_or(anchor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{at, schedule, seconds};
    use crate::outcome::EndState;

    /// Seconds that the property looks at.
    const SPAN: i64 = 200;

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).expect("the strategy makes none that are empty")
    }

    fn some_window() -> impl Strategy<Value = Window> {
        (0..SPAN, 1..SPAN / 2).prop_map(|(start, length)| window(start, start + length))
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Asked,
        Ended(EndState),
        LostSight,
    }

    fn some_ledger() -> impl Strategy<Value = Ledger> {
        let event = prop_oneof![
            Just(Event::Asked),
            Just(Event::Ended(EndState::Succeeded)),
            Just(Event::Ended(EndState::Failed)),
            Just(Event::Ended(EndState::Cancelled)),
            Just(Event::LostSight),
        ];
        prop::collection::vec((event, some_window()), 0..12).prop_map(|events| {
            let mut ledger = Ledger::default();
            for (event, window) in events {
                match event {
                    Event::Asked => ledger.ask(window),
                    Event::Ended(state) => ledger.end(window, state),
                    Event::LostSight => ledger.lose_sight(window),
                }
            }
            ledger
        })
    }

    fn some_rule() -> impl Strategy<Value = Rule> {
        let reprocess = prop_oneof![Just(Reprocess::None), Just(Reprocess::Failed), Just(Reprocess::All)];
        (any::<bool>(), reprocess).prop_map(|(missing, reprocess)| Rule { missing, reprocess })
    }

    /// The rule, said of one second.
    fn is_wanted(rule: Rule, ledger: &Ledger, open: &Windows, second: i64) -> bool {
        let has = |windows: &Windows| windows.holds(window(second, second + 1));
        let never_or_missing = !has(&ledger.done) && !has(&ledger.failed) && !has(&ledger.unknown);
        let by_rule = match (rule.missing, rule.reprocess) {
            (true, _) => has(&ledger.asked) && !has(&ledger.done),
            (false, Reprocess::None) => never_or_missing,
            (false, Reprocess::Failed) => never_or_missing || has(&ledger.failed) || has(&ledger.unknown),
            (false, Reprocess::All) => true,
        };
        by_rule && !has(open)
    }

    proptest! {
        #[test]
        fn windows_are_disjoint_in_the_span_and_exactly_what_the_rule_says(
            (ledger, span, rule) in (some_ledger(), some_window(), some_rule()),
            open in prop::collection::vec(some_window(), 0..3),
            (period, lag, first_seen) in (1..60_i64, 0..90_i64, 0..2 * SPAN),
        ) {
            let open: Windows = open.into_iter().collect();
            let schedule = schedule(&format!("every: {period}s, window: {{lag: {lag}s}}").replace(", ", "\n"));
            let rules = schedule.rules.window.expect("windows are the default");
            let grid = Grid::of(&schedule, rules, at(first_seen), span.start());
            let windows = grid.cut(&rule.wanted(&ledger, &open, span), 1_000).expect("there are fewer");
            prop_assert!(windows.is_sorted());
            prop_assert!(windows.windows(2).all(|pair| pair[0].end() <= pair[1].start()), "{windows:?}");
            for found in &windows {
                prop_assert!(span.holds(*found) && !open.touches(*found), "{found}");
                let (start, end) = (seconds(found.start()), seconds(found.end()));
                // No end of a live tick's window lies inside.
                let is_end = |second: &i64| (second + lag - first_seen).rem_euclid(period) == 0;
                prop_assert_eq!((start + 1..end).find(is_end), None, "inside of {}", found);
            }
            let covered: Windows = windows.iter().copied().collect();
            for second in seconds(span.start())..seconds(span.end()) {
                let is = covered.holds(window(second, second + 1));
                prop_assert_eq!(is, is_wanted(rule, &ledger, &open, second), "second {}", second);
            }
        }
    }

    #[test]
    fn no_more_windows_are_cut_than_are_asked_for() {
        let schedule = schedule("every: 10s");
        let grid = Grid::of(&schedule, WindowRule::default(), at(0), at(-1_000_000_000));
        let all: Windows = [window(-1_000_000_000, -999_999_950)].into_iter().collect();
        assert_eq!(grid.cut(&all, 5).map(|windows| windows.len()), Some(5));
        assert_eq!(grid.cut(&all, 4), None);
    }
}
