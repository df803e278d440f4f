//! How each change alters its record. Mechanical: no decision is taken here.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    DELIVERIES_MAX, EtlReset, Input, MISSED_TICKS_MAX, MissedTick, RESET_REQUESTS_MAX, Recorded,
    ScheduleRecord, Staged,
};
use crate::change::Change;
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{AttemptKey, Name, RunKey, ScheduleKey};
use crate::outcome::EndState;
use crate::run::{Attempt, Phase, Run, RunEnd, TaskEnd, TaskRun, Trigger};
use crate::spec::Etl;
use crate::window::Window;

impl Staged {
    /// Applies one change on top of what is recorded and staged before. A change of something that is gone does nothing.
    pub fn apply(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::FileAccepted { path, file } => {
                self.files.insert(path.clone(), Some(file.clone()));
            }
            Change::FileDropped { path } => {
                self.files.insert(path.clone(), None);
            }
            Change::SourceRead(status) => self.source = Some((**status).clone()),
            Change::TickPlanned { schedule, at } => {
                self.agenda.insert(schedule.clone(), *at);
            }
            Change::AgendaBuilt { generation } => self.agenda_reached = Some((*generation, None)),
            Change::AgendaReached { generation, schedule } => {
                self.agenda_reached = Some((*generation, Some(schedule.clone())));
            }
            Change::Swept { at } => self.swept_at = Some(*at),
            Change::Watched { watch } => self.watch = Some(*watch),
            Change::Telling(telling) => self.apply_to_problem(recorded, telling),
            Change::ScheduleAnchored { .. }
            | Change::ScheduleDecided { .. }
            | Change::TickMissed { .. }
            | Change::ScheduleForgotten { .. }
            | Change::Suspended { .. }
            | Change::Resumed { .. }
            | Change::ResumeAsked { .. }
            | Change::InputSucceeded { .. }
            | Change::InputsTaken { .. }
            | Change::DeliveryTaken { .. } => self.apply_to_schedule(recorded, change),
            Change::EtlReset { .. } => self.reset(recorded, change),
            Change::BackfillCreated { .. }
            | Change::BackfillAdvanced { .. }
            | Change::BackfillCancelled { .. }
            | Change::BackfillEnded { .. }
            | Change::BackfillForgotten { .. } => self.apply_to_backfill(recorded, change),
            Change::WindowAsked { ledger, window } => self.ledger(recorded, ledger, *window).ask(*window),
            Change::RunAdmitted { run, spec } => self.admit(recorded, run, spec),
            Change::RunForgotten { run } => {
                self.headers.insert(run.clone());
                self.runs.insert(run.clone(), None);
            }
            Change::SpecForgotten { spec } => {
                self.specs.insert(spec.clone(), None);
            }
            Change::RunStarted { .. }
            | Change::RunStopping { .. }
            | Change::RunEnded { .. }
            | Change::RunReopened { .. }
            | Change::ImagePinned { .. } => self.apply_to_run(recorded, change),
            Change::TaskEligible { .. }
            | Change::TaskRetrying { .. }
            | Change::TaskEnded { .. }
            | Change::TaskStuck { .. } => self.apply_to_task(recorded, change),
            Change::AttemptIntended { attempt, fence, at } => self.intend(recorded, attempt, *fence, *at),
            Change::AttemptCreated { attempt, .. }
            | Change::AttemptDelayed { attempt, .. }
            | Change::AttemptSeen { attempt, .. }
            | Change::AttemptLost { attempt, .. }
            | Change::AttemptStopping { attempt, .. }
            | Change::AttemptEnded { attempt, .. }
            | Change::LogKept { attempt, .. }
            | Change::AttemptReleased { attempt, .. } => {
                if let Some(record) = self.attempt(recorded, attempt) {
                    apply_to_attempt(record, change);
                }
            }
        }
    }

    fn admit(&mut self, recorded: &Recorded, run: &Run, spec: &Arc<Etl>) {
        if let Some(window) = run.window {
            self.ledger(recorded, &run.ledger(), window).ask(window);
        }
        self.specs.insert(run.spec.clone(), Some(spec.clone()));
        self.note_tick(recorded, run);
        self.headers.insert(run.key.clone());
        self.tasks.extend(run.tasks.keys().map(|task| (run.key.clone(), task.clone())));
        self.runs.insert(run.key.clone(), Some(run.clone()));
    }

    fn apply_to_schedule(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::ScheduleAnchored { schedule, version, fingerprint, at, first, now, window_end } => {
                let slot = self.schedule(recorded, schedule);
                let record = slot.get_or_insert_with(|| Box::new(ScheduleRecord::first_sight(*at)));
                record.created_at = record.created_at.or(Some(*now));
                record.version = *version;
                record.fingerprint.clone_from(fingerprint);
                record.decided_until = *at;
                record.window_end = *window_end;
                if *first {
                    record.first_seen = ScheduleRecord::first_sight(*at).first_seen;
                }
            }
            Change::ScheduleDecided { schedule, until, missed, window_end } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    decide(record, *until, missed);
                    record.window_end = *window_end;
                }
            }
            Change::TickMissed { schedule, missed } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    miss(record, std::slice::from_ref(missed));
                }
            }
            Change::ScheduleForgotten { schedule } => *self.schedule(recorded, schedule) = None,
            Change::Suspended { schedule, .. }
            | Change::Resumed { schedule }
            | Change::ResumeAsked { schedule, .. }
            | Change::InputSucceeded { schedule, .. }
            | Change::InputsTaken { schedule }
            | Change::DeliveryTaken { schedule, .. } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    apply_to_known_schedule(record, change);
                }
            }
            other => unreachable!("not a change of a schedule: {other:?}"),
        }
    }

    fn reset(&mut self, recorded: &Recorded, change: &Change) {
        let Change::EtlReset { etl, request, by, reason, at } = change else { return };
        let known = self.resets.get(etl).or_else(|| recorded.resets.get(etl));
        let count = known.map_or(0, |reset| reset.count).saturating_add(1);
        let mut requests = known.map_or_else(Vec::new, |reset| reset.requests.clone());
        requests.push(request.clone());
        requests.drain(..requests.len().saturating_sub(RESET_REQUESTS_MAX));
        let reset = EtlReset { count, by: by.clone(), reason: reason.clone(), at: *at, requests };
        self.resets.insert(etl.clone(), reset);
    }

    /// What follows for a schedule or a backfill from the end of a run that it started.
    fn note_end(&mut self, recorded: &Recorded, key: &RunKey, state: EndState, at: Timestamp) {
        let Some(trigger) = self.run(recorded, key).map(|run| run.trigger.clone()) else { return };
        if let Trigger::Backfill { backfill, .. } = &trigger
            && let Some(progress) = self.progress(recorded, backfill)
        {
            progress.count(state);
        }
        if let Some(schedule) = trigger.schedule()
            && let Some(record) = self.schedule(recorded, schedule)
        {
            // Our clock may have been set back since the tick: the run is over all the same.
            let tick = if let Trigger::Schedule { tick, .. } = &trigger { at.max(*tick) } else { at };
            record.completed_at = record.completed_at.max(Some(tick));
            match state {
                EndState::Succeeded | EndState::Skipped => record.failures = 0,
                EndState::Failed | EndState::TimedOut | EndState::Lost => record.failures += 1,
                EndState::Cancelled => {}
            }
        }
    }

    fn apply_to_run(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::RunStarted { run, at } => self.with_run(recorded, run, |run| run.started_at = Some(*at)),
            Change::RunStopping { run, stopping } => {
                self.with_run(recorded, run, |run| run.stopping = Some(stopping.clone()));
            }
            Change::RunEnded { run, state, at, message } => {
                self.end_window(recorded, run, *state);
                self.note_end(recorded, run, *state, *at);
                self.with_run(recorded, run, |run| {
                    run.end = Some(RunEnd { state: *state, at: *at, message: message.clone() });
                });
            }
            Change::RunReopened { run, tasks, .. } => {
                self.note_reopening(recorded, run);
                self.with_run(recorded, run, |run| reopen(run, tasks));
                self.tasks.extend(tasks.iter().map(|task| (run.clone(), task.clone())));
            }
            Change::ImagePinned { run, image, digest } => self.with_run(recorded, run, |run| {
                run.digests.insert(image.clone(), digest.clone());
            }),
            other => unreachable!("not a change of a run: {other:?}"),
        }
    }

    fn apply_to_task(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::TaskEligible { run, task, at } => {
                self.with_task(recorded, run, task, |task| task.eligible_at = Some(*at));
            }
            Change::TaskRetrying { run, task, at } => {
                self.with_task(recorded, run, task, |task| task.retry_at = Some(*at));
            }
            Change::TaskEnded { run, task, state, at, message } => {
                self.with_task(recorded, run, task, |task| {
                    task.end = Some(TaskEnd { state: *state, at: *at, message: message.clone() });
                    task.retry_at = None;
                })
            }
            Change::TaskStuck { run, task, stuck } => {
                self.with_task(recorded, run, task, |task| task.stuck.clone_from(stuck));
            }
            other => unreachable!("not a change of a task: {other:?}"),
        }
    }

    fn intend(&mut self, recorded: &Recorded, key: &AttemptKey, fence: u64, at: Timestamp) {
        let mut counters = self.counters.unwrap_or(recorded.counters);
        counters.fence = counters.fence.max(fence);
        self.counters = Some(counters);
        let Some(run) = self.run(recorded, &key.run) else { return };
        // An adopted run may not have the task yet: of it only what was seen is known.
        let task = run.tasks.entry(key.task.clone()).or_default();
        task.retry_at = None;
        if !task.attempts.iter().any(|attempt| attempt.number == key.number) {
            // What is adopted may be older than what is known.
            let place = task.attempts.partition_point(|attempt| attempt.number < key.number);
            task.attempts.insert(place, Attempt::intended(key.number, fence, at));
        }
        self.tasks.insert((key.run.clone(), key.task.clone()));
    }

    fn note_tick(&mut self, recorded: &Recorded, run: &Run) {
        let Some(schedule) = run.trigger.schedule() else { return };
        let tick = if let Trigger::Schedule { tick, .. } = &run.trigger { *tick } else { run.admitted_at };
        if let Some(record) = self.schedule(recorded, schedule) {
            record.last_tick = record.last_tick.max(Some(tick));
        }
    }

    /// In the same batch as the run's end: neither is ever true without the other.
    fn end_window(&mut self, recorded: &Recorded, key: &RunKey, state: EndState) {
        let Some(run) = self.run(recorded, key) else { return };
        let Some(window) = run.window else { return };
        let (key, effect) = (run.ledger(), run.effect(state));
        self.ledger(recorded, &key, window).conclude(window, state, effect);
    }

    /// The staged value of a ledger, of which this window may change.
    pub fn ledger(&mut self, recorded: &Recorded, key: &LedgerKey, window: Window) -> &mut Ledger {
        self.touched.entry(key.clone()).or_default().insert(window);
        let known = || recorded.ledgers.get(key).cloned().unwrap_or_default();
        self.ledgers.entry(key.clone()).or_insert_with(known)
    }

    /// The staged value of a schedule.
    pub fn schedule(&mut self, recorded: &Recorded, key: &ScheduleKey) -> &mut Option<Box<ScheduleRecord>> {
        self.schedules.entry(key.clone()).or_insert_with(|| recorded.schedules.get(key).cloned())
    }

    /// The staged value of a run.
    pub fn run(&mut self, recorded: &Recorded, key: &RunKey) -> Option<&mut Run> {
        self.runs.entry(key.clone()).or_insert_with(|| recorded.runs.get(key).cloned()).as_mut()
    }

    fn with_run(&mut self, recorded: &Recorded, key: &RunKey, alter: impl FnOnce(&mut Run)) {
        if let Some(run) = self.run(recorded, key) {
            alter(run);
            self.headers.insert(key.clone());
        }
    }

    fn with_task(
        &mut self,
        recorded: &Recorded,
        run: &RunKey,
        name: &Name,
        alter: impl FnOnce(&mut TaskRun),
    ) {
        if let Some(task) = self.run(recorded, run).and_then(|run| run.tasks.get_mut(name)) {
            alter(task);
            self.tasks.insert((run.clone(), name.clone()));
        }
    }

    fn attempt(&mut self, recorded: &Recorded, key: &AttemptKey) -> Option<&mut Attempt> {
        self.tasks.insert((key.run.clone(), key.task.clone()));
        let task = self.run(recorded, &key.run)?.tasks.get_mut(&key.task)?;
        task.attempts.iter_mut().find(|attempt| attempt.number == key.number)
    }
}

fn apply_to_known_schedule(record: &mut ScheduleRecord, change: &Change) {
    match change {
        Change::Suspended { suspension, .. } => {
            record.rare.suspension = Some(suspension.clone());
            record.failures = 0;
        }
        Change::Resumed { .. } => record.rare.suspension = None,
        Change::ResumeAsked { resumption, .. } => record.rare.resumed = Some(resumption.clone()),
        Change::InputSucceeded { input, run, window, at, .. } => {
            let known = record.rare.inputs.remove(input);
            let windows = known.into_iter().flat_map(|known| Vec::from(known.windows)).chain(*window);
            let (run, windows) = (run.clone(), windows.collect());
            record.rare.inputs.insert(input.clone(), Input { run, at: *at, windows });
        }
        Change::InputsTaken { .. } => record.rare.inputs.clear(),
        Change::DeliveryTaken { delivery, .. } => {
            record.rare.deliveries.push(delivery.clone());
            let excess = record.rare.deliveries.len().saturating_sub(DELIVERIES_MAX);
            record.rare.deliveries.drain(..excess);
        }
        other => unreachable!("not a change of a known schedule: {other:?}"),
    }
}

fn decide(record: &mut ScheduleRecord, until: Timestamp, missed: &[MissedTick]) {
    record.decided_until = record.decided_until.max(until);
    miss(record, missed);
}

fn miss(record: &mut ScheduleRecord, missed: &[MissedTick]) {
    // Most ticks start their run: touching what is rare would make it.
    if missed.is_empty() {
        return;
    }
    for tick in missed {
        *record.rare.missed_total.entry(tick.reason).or_default() += tick.count;
    }
    record.rare.missed.extend_from_slice(missed);
    let excess = record.rare.missed.len().saturating_sub(MISSED_TICKS_MAX);
    record.rare.missed.drain(..excess);
}

/// It waits for its place among the ETL's active runs again: others may have taken it meanwhile.
fn reopen(run: &mut Run, tasks: &[Name]) {
    run.end = None;
    run.stopping = None;
    run.started_at = None;
    for task in
        tasks.iter().filter_map(|name| run.tasks.get_mut(name).map(|_| name.clone())).collect::<Vec<_>>()
    {
        let Some(task) = run.tasks.get_mut(&task) else { continue };
        task.end = None;
        task.eligible_at = None;
        task.retry_at = None;
        task.stuck = None;
        task.forgiven = task.attempts.last().map_or(0, |attempt| attempt.number);
    }
}

fn apply_to_attempt(record: &mut Attempt, change: &Change) {
    match change {
        Change::AttemptCreated { service, at, .. } => {
            record.service = Some(service.clone());
            record.created_at = record.created_at.or(Some(*at));
            record.create_after = None;
        }
        Change::AttemptDelayed { until, message, .. } => {
            record.create_failures += 1;
            record.create_after = Some(*until);
            record.message.clone_from(message);
        }
        Change::AttemptSeen { phase, at, node, message, .. } => {
            if record.phase <= Phase::Pending && *phase > Phase::Pending {
                record.assigned_at = Some(*at);
            }
            record.phase = *phase;
            record.phase_since = *at;
            record.node.clone_from(node);
            record.message.clone_from(message);
            if *phase == Phase::Running {
                record.running_at = record.running_at.or(Some(*at));
            }
        }
        Change::AttemptLost { since, .. } => record.lost_at = *since,
        Change::AttemptStopping { stopping, .. } => record.stopping = Some(stopping.clone()),
        Change::AttemptEnded { end, .. } => record.end = Some(end.clone()),
        Change::LogKept { log, .. } => record.log = Some(*log),
        Change::AttemptReleased { at, .. } => record.released_at = record.released_at.or(Some(*at)),
        other => unreachable!("not a change of an attempt: {other:?}"),
    }
}
