//! How ticks are shown: those that became runs which are kept, and the newest of those that did not.

use jiff::Timestamp;

use super::build_run::run_reason;
use super::{Metadata, TickSpecView, TickStatusView, TickView, View, run_state};
use crate::desired::Desired;
use crate::name::ScheduleKey;
use crate::recorded::{MissedTick, Recorded};
use crate::run::{Run, Trigger};

/// The word in place of a run's state.
pub const MISSED: &str = "Missed";

/// A tick of a schedule, as far as it is still known.
#[derive(Debug, Clone, Copy)]
pub struct Tick<'a> {
    /// Whose.
    pub schedule: &'a ScheduleKey,
    /// Its instant; the newest, if it stands for several.
    pub at: Timestamp,
    fate: Fate<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Fate<'a> {
    Run(&'a Run),
    Missed(&'a MissedTick),
}

/// All ticks that are known, in no order.
pub fn ticks(recorded: &Recorded) -> impl Iterator<Item = Tick<'_>> {
    let started = recorded.runs.values().filter_map(started_by);
    // One that gave way, or waited for too long, is among the missed ones.
    let started = started.filter(|tick| !is_listed_as_missed(recorded, tick));
    let missed = recorded.schedules.iter().flat_map(|(schedule, record)| {
        record.rare.missed.iter().map(move |missed| Tick {
            schedule,
            at: missed.tick,
            fate: Fate::Missed(missed),
        })
    });
    started.chain(missed)
}

fn started_by(run: &Run) -> Option<Tick<'_>> {
    let (schedule, at) = match &run.trigger {
        Trigger::Schedule { schedule, tick } => (schedule, *tick),
        // No clock names these: they came when their run was recorded.
        Trigger::Upstream { schedule, .. } | Trigger::Webhook { schedule, .. } => (schedule, run.admitted_at),
        Trigger::Manual { .. } | Trigger::Rerun { .. } | Trigger::Backfill { .. } | Trigger::Adopted => {
            return None;
        }
    };
    Some(Tick { schedule, at, fate: Fate::Run(run) })
}

fn is_listed_as_missed(recorded: &Recorded, tick: &Tick<'_>) -> bool {
    let Fate::Run(run) = tick.fate else { return false };
    let never_started = run.end.is_some() && run.started_at.is_none();
    let record = recorded.schedule(tick.schedule).filter(|_| never_started);
    record.is_some_and(|record| record.rare.missed.iter().any(|missed| missed.tick == tick.at))
}

/// A tick, whole.
pub fn tick_view(desired: &Desired, tick: &Tick<'_>) -> TickView {
    let Tick { schedule, at, fate } = tick;
    let metadata = Metadata {
        name: format!("{}@{at}", schedule.name),
        project: schedule.project.to_string(),
        ..Metadata::default()
    };
    let in_force = desired.schedules.get(*schedule).map(|object| object.schedule.etl.to_string());
    let (etl, window, status) = match fate {
        Fate::Run(run) => (Some(run.key.etl.name.to_string()), run.window, started(run, *at)),
        Fate::Missed(missed) => (in_force, missed.window, passed(missed)),
    };
    let schedule = schedule.name.to_string();
    let spec = TickSpecView { schedule, etl, tick: *at, window: window.map(Into::into) };
    View::of("Tick", metadata, spec, status)
}

fn started(run: &Run, tick: Timestamp) -> TickStatusView {
    TickStatusView {
        result: run_state(run).to_owned(),
        run: Some(run.key.name()),
        reason: run_reason(run),
        count: 1,
        delay_seconds: run.started_at.map(|at| at.duration_since(tick).as_secs_f64().max(0.0)),
    }
}

fn passed(missed: &MissedTick) -> TickStatusView {
    TickStatusView {
        result: MISSED.to_owned(),
        run: None,
        reason: Some(missed.reason.word().to_owned()),
        count: missed.count,
        delay_seconds: None,
    }
}
