//! How each change alters its record. Mechanical: no decision is taken here.

use jiff::Timestamp;

use super::{MISSED_TICKS_MAX, MissedTick, Recorded, ScheduleRecord, Staged};
use crate::change::Change;
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{AttemptKey, Name, RunKey, ScheduleKey};
use crate::outcome::EndState;
use crate::run::{Attempt, Phase, Run, RunEnd, TaskEnd, TaskRun, Trigger};

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
            Change::ScheduleAnchored { .. }
            | Change::ScheduleDecided { .. }
            | Change::ScheduleForgotten { .. }
            | Change::Suspended { .. }
            | Change::Resumed { .. } => self.apply_to_schedule(recorded, change),
            Change::WindowAsked { ledger, window } => self.ledger(recorded, ledger).ask(*window),
            Change::RunAdmitted { run, spec } => {
                if let Some(window) = run.window {
                    self.ledger(recorded, &run.ledger()).ask(window);
                }
                self.specs.insert(run.spec.clone(), Some(spec.clone()));
                self.note_tick(recorded, run);
                self.headers.insert(run.key.clone());
                self.tasks.extend(run.tasks.keys().map(|task| (run.key.clone(), task.clone())));
                self.runs.insert(run.key.clone(), Some((**run).clone()));
            }
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

    fn apply_to_schedule(&mut self, recorded: &Recorded, change: &Change) {
        match change {
            Change::ScheduleAnchored { schedule, version, fingerprint, at, first, window_end } => {
                let slot = self.schedule(recorded, schedule);
                let record = slot.get_or_insert_with(|| first_sight(*at));
                record.version = *version;
                record.fingerprint.clone_from(fingerprint);
                record.decided_until = *at;
                record.window_end = *window_end;
                if *first {
                    record.first_seen = whole_seconds(*at);
                }
            }
            Change::ScheduleDecided { schedule, until, missed, window_end } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    decide(record, *until, missed);
                    record.window_end = *window_end;
                }
            }
            Change::ScheduleForgotten { schedule } => *self.schedule(recorded, schedule) = None,
            Change::Suspended { schedule, suspension } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    record.suspension = Some(Box::new(suspension.clone()));
                }
            }
            Change::Resumed { schedule } => {
                if let Some(record) = self.schedule(recorded, schedule) {
                    record.suspension = None;
                }
            }
            other => unreachable!("not a change of a schedule: {other:?}"),
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
                self.with_run(recorded, run, |run| {
                    run.end = Some(RunEnd { state: *state, at: *at, message: message.clone() });
                });
            }
            Change::RunReopened { run, tasks, .. } => {
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
            Change::TaskEnded { run, task, state, at } => self.with_task(recorded, run, task, |task| {
                task.end = Some(TaskEnd { state: *state, at: *at });
                task.retry_at = None;
            }),
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
            task.attempts.push(Attempt::intended(key.number, fence, at));
        }
        self.tasks.insert((key.run.clone(), key.task.clone()));
    }

    fn note_tick(&mut self, recorded: &Recorded, run: &Run) {
        let Trigger::Schedule { schedule, tick } = &run.trigger else { return };
        if let Some(record) = self.schedule(recorded, schedule) {
            record.last_tick = record.last_tick.max(Some(*tick));
        }
    }

    /// In the same batch as the run's end: neither is ever true without the other.
    fn end_window(&mut self, recorded: &Recorded, key: &RunKey, state: EndState) {
        let Some(run) = self.run(recorded, key) else { return };
        let Some(window) = run.window else { return };
        // What never started did nothing to its data.
        let untouched = state == EndState::Cancelled && run.started_at.is_none();
        let key = run.ledger();
        let ledger = self.ledger(recorded, &key);
        if untouched { ledger.ask(window) } else { ledger.end(window, state) }
    }

    /// The staged value of a ledger.
    pub fn ledger(&mut self, recorded: &Recorded, key: &LedgerKey) -> &mut Ledger {
        let known = || recorded.ledgers.get(key).cloned().unwrap_or_default();
        self.ledgers.entry(key.clone()).or_insert_with(known)
    }

    /// The staged value of a schedule.
    pub fn schedule(&mut self, recorded: &Recorded, key: &ScheduleKey) -> &mut Option<ScheduleRecord> {
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

fn first_sight(at: Timestamp) -> ScheduleRecord {
    ScheduleRecord {
        first_seen: whole_seconds(at),
        version: 1,
        fingerprint: "".into(),
        decided_until: at,
        window_end: None,
        last_tick: None,
        suspension: None,
        missed_total: Default::default(),
        missed: Vec::new(),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn decide(record: &mut ScheduleRecord, until: Timestamp, missed: &[MissedTick]) {
    record.decided_until = record.decided_until.max(until);
    for tick in missed {
        *record.missed_total.entry(tick.reason).or_default() += tick.count;
    }
    record.missed.extend_from_slice(missed);
    let excess = record.missed.len().saturating_sub(MISSED_TICKS_MAX);
    record.missed.drain(..excess);
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
