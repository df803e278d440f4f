//! How a backfill is shown: what was asked for, and how far it is. Must never decide anything.

use super::{BackfillSpecView, BackfillStatusView, BackfillView, Metadata, View};
use crate::backfill::{Backfill, BackfillRecord, Progress};
use crate::recorded::Recorded;
use crate::run::Run;

/// A backfill, whole.
pub fn backfill_view(recorded: &Recorded, record: &BackfillRecord) -> BackfillView {
    let backfill = &record.backfill;
    let metadata = Metadata {
        name: backfill.key.name.to_string(),
        project: backfill.key.project.to_string(),
        creation_timestamp: Some(backfill.created_at),
        ..Metadata::default()
    };
    View::of("Backfill", metadata, spec(backfill), status(recorded, record))
}

/// Its state: while it lasts that of its runs, afterwards what came of them.
pub fn backfill_state(recorded: &Recorded, record: &BackfillRecord) -> &'static str {
    let BackfillRecord { backfill, progress } = record;
    match &progress.end {
        Some(end) if !end.message.is_empty() => "Cancelled",
        Some(_) if progress.failed > 0 => "Failed",
        Some(_) if progress.cancelled > 0 => "Cancelled",
        Some(_) => "Succeeded",
        None if progress.cancelled_by.is_some() => "Cancelling",
        None if open_runs(recorded, backfill).any(Run::is_active) => "Running",
        None => "Queued",
    }
}

fn spec(backfill: &Backfill) -> BackfillSpecView {
    BackfillSpecView {
        etl: backfill.etl.name.to_string(),
        version: backfill.version,
        schedule: backfill.schedule.as_ref().map(ToString::to_string),
        window: backfill.span.into(),
        missing: backfill.missing,
        reprocess: backfill.reprocess.word().to_owned(),
        max_active: backfill.max_active,
        reverse: backfill.reverse,
        params: backfill.params.clone(),
        user: backfill.by.clone(),
    }
}

fn status(recorded: &Recorded, record: &BackfillRecord) -> BackfillStatusView {
    let BackfillRecord { backfill, progress } = record;
    let active = open_runs(recorded, backfill).count();
    BackfillStatusView {
        state: backfill_state(recorded, record).to_owned(),
        message: message(recorded, backfill, progress),
        windows: backfill.windows.len(),
        done: progress.succeeded,
        failed: progress.failed,
        cancelled: progress.cancelled,
        passed: progress.passed,
        left: record.windows_left() + active,
        active,
        next: record.next_window().map(Into::into),
        finished_at: progress.end.as_ref().map(|end| end.at),
    }
}

fn message(recorded: &Recorded, backfill: &Backfill, progress: &Progress) -> Option<String> {
    if let Some(end) = &progress.end {
        return Some(end.message.clone()).filter(|message| !message.is_empty());
    }
    if let Some(by) = &progress.cancelled_by {
        return Some(format!("being cancelled, asked by {by}"));
    }
    let live_waits = |run: &Run| {
        let waits = run.end.is_none() && run.started_at.is_none() && run.trigger.backfill().is_none();
        waits && run.key.etl == backfill.etl
    };
    let waits = recorded.open_runs().any(live_waits);
    waits.then(|| "live runs of its ETL wait for their places, and come first".to_owned())
}

fn open_runs<'a>(recorded: &'a Recorded, backfill: &'a Backfill) -> impl Iterator<Item = &'a Run> {
    let open = recorded.open_runs().filter(|run| run.end.is_none());
    open.filter(|run| run.trigger.backfill() == Some(&backfill.key))
}
