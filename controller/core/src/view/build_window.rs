//! How the windows of an ETL are shown, and how many of them are missing. Single windows of runs that are kept are rows of their
//! own; what is older is told in stretches. Must never decide anything: all follows from the ledger and the runs.

use std::collections::BTreeSet;
use std::ops::Bound::Excluded;

use jiff::Timestamp;

use super::{Metadata, View, WindowSpecView, WindowStatusView, WindowView};
use crate::desired::{Desired, EtlObject, ScheduleObject};
use crate::ledger::{Ledger, LedgerKey, WindowState};
use crate::name::EtlKey;
use crate::plan::tick::next_tick;
use crate::recorded::Recorded;
use crate::run::Run;
use crate::window::{Window, Windows};

/// All windows that an ETL was ever asked for: the newest version first, and the newest window of each.
pub fn window_views(recorded: &Recorded, etl: &EtlKey) -> Vec<WindowView> {
    let first = LedgerKey { etl: etl.clone(), version: 0 };
    let ledgers = recorded.ledgers.range(first..).take_while(|(key, _)| key.etl == *etl);
    let ledgers: Vec<(&LedgerKey, &Ledger)> = ledgers.collect();
    let of_version = |(key, ledger): &(&LedgerKey, &Ledger)| {
        let runs = windowed_runs(recorded, key);
        let states = ledger.states(&windows_of(&runs, Run::is_active), &windows_of(&runs, waits));
        let rows = rows(&states, &runs).into_iter().rev();
        rows.map(|row| window_view(key, &row)).collect::<Vec<_>>()
    };
    ledgers.iter().rev().flat_map(of_version).collect()
}

/// How many windows of an ETL's version in force nothing stands for: at least one for each gap, and each tick of its schedules
/// that closes a window in one, as far as `most` ticks were looked at. None if it was never asked for windows.
pub fn windows_missing(desired: &Desired, recorded: &Recorded, object: &EtlObject, most: u64) -> Option<u64> {
    let (_, gaps) = gaps_of(recorded, object)?;
    let keys = desired.schedules_of.get(&object.etl.key).into_iter().flatten();
    let schedules: Vec<&ScheduleObject> = keys
        .filter_map(|key| desired.schedules.get(key).map(AsRef::as_ref))
        .filter(|object| object.schedule.rules.window.is_some())
        .collect();
    let mut left = most;
    let mut missing = 0;
    for gap in gaps.iter() {
        let mut closed = 0;
        for object in &schedules {
            let count = ticks_closing_in(recorded, object, gap, left);
            left -= count;
            closed += count;
        }
        missing += closed.max(1);
    }
    Some(missing)
}

/// The ledger of an ETL's version in force, and the windows of it that nothing stands for.
pub(super) fn gaps_of<'a>(recorded: &'a Recorded, object: &EtlObject) -> Option<(&'a Ledger, Windows)> {
    let key = LedgerKey { etl: object.etl.key.clone(), version: object.etl.version };
    let ledger = recorded.ledgers.get(&key)?;
    let open = windows_of(&windowed_runs(recorded, &key), |run| run.end.is_none());
    Some((ledger, ledger.gaps(&open)))
}

/// How many ticks close a window inside of a gap; `most` at most.
fn ticks_closing_in(recorded: &Recorded, object: &ScheduleObject, gap: Window, most: u64) -> u64 {
    let schedule = &object.schedule;
    let (Some(record), Some(rule)) = (recorded.schedule(&schedule.key), schedule.rules.window) else {
        return 0;
    };
    let later = |at: Timestamp| at.saturating_add(rule.lag).unwrap_or(Timestamp::MAX);
    let (from, until) = (later(gap.start()), later(gap.end()));
    let first = next_tick(schedule, record.first_seen, from);
    let ticks = std::iter::successors(first, |tick| next_tick(schedule, record.first_seen, *tick));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    ticks.take_while(|tick| *tick <= until).take(most).count() as u64
}

fn windowed_runs<'a>(recorded: &'a Recorded, key: &'a LedgerKey) -> Vec<(Window, &'a Run)> {
    let runs = recorded.runs_of(&key.etl).filter(|run| run.version == key.version);
    runs.filter_map(|run| Some((run.window?, run))).collect()
}

fn windows_of(runs: &[(Window, &Run)], wanted: impl Fn(&Run) -> bool) -> Windows {
    runs.iter().filter(|(_, run)| wanted(run)).map(|(window, _)| *window).collect()
}

fn waits(run: &Run) -> bool {
    run.started_at.is_none() && run.end.is_none()
}

/// One row: a window, what became of it, and the run that says so.
struct Row<'a> {
    window: Window,
    state: WindowState,
    run: Option<&'a Run>,
}

/// Stretches of one state, cut where the windows of runs begin and end.
fn rows<'a>(states: &[(Window, WindowState)], runs: &[(Window, &'a Run)]) -> Vec<Row<'a>> {
    let cuts: BTreeSet<Timestamp> =
        runs.iter().flat_map(|(window, _)| [window.start(), window.end()]).collect();
    let mut rows = Vec::new();
    for (stretch, state) in states {
        let inside = cuts.range((Excluded(stretch.start()), Excluded(stretch.end())));
        let mut start = stretch.start();
        for end in inside.copied().chain([stretch.end()]) {
            let window = Window::new(start, end).expect("cuts lie inside of the stretch, in order");
            rows.push(Row { window, state: *state, run: speaks_for(runs, window) });
            start = end;
        }
    }
    rows
}

/// The run that says what became of a window: one that is under way, else one that waits, else the one that ended last.
fn speaks_for<'a>(runs: &[(Window, &'a Run)], window: Window) -> Option<&'a Run> {
    let over = runs.iter().filter(|(of, _)| of.holds(window)).map(|(_, run)| *run);
    over.max_by_key(|run| {
        let ended = run.end.as_ref().map(|end| end.at);
        (run.is_active(), ended.is_none(), ended, run.admitted_at)
    })
}

fn window_view(key: &LedgerKey, row: &Row<'_>) -> WindowView {
    let metadata = Metadata {
        name: row.window.to_string(),
        project: key.etl.project.to_string(),
        ..Metadata::default()
    };
    let (etl, version) = (key.etl.name.to_string(), key.version);
    let spec = WindowSpecView { etl, version, window: row.window.into() };
    let run = row.run.map(|run| run.key.name());
    View::of("Window", metadata, spec, WindowStatusView { state: row.state.word().to_owned(), run })
}
