//! What would happen if spec files were committed: the passes that would follow, made on a copy of the record and thrown away.
//! Nothing is decided here that the plan itself does not decide.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::newest::newest_tick;
use super::plan;
use super::tick::next_tick;
use crate::change::Change;
use crate::desired::{Desired, ScheduleObject};
use crate::name::{EtlKey, ScheduleKey, base32_hash};
use crate::observed::{Observed, SwarmHealth};
use crate::recorded::{AcceptedFile, Agenda, Recorded};
use crate::run::{Run, Trigger};
use crate::source::{Blob, Reading, Tree};
use crate::spec::{Schedule, When};
use crate::view::{
    API_VERSION, ClockChangeView, PlanView, PlannedFileView, PlannedRunView, PlannedScheduleView, PruneView,
    StartsView, TickAtView, clock_words,
};

/// Ticks that are shown of each schedule.
const TICKS_SHOWN: usize = 5;
/// Runs that are listed; all are counted.
const STARTS_LISTED_MAX: usize = 200;
/// Passes at one instant: one anchors, one decides, one sees that nothing is left.
const PASSES_MAX: usize = 4;
/// How far ahead a clock change is looked for.
const CLOCK_CHANGE_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Transitions of a zone that are looked at: some change nothing but a name.
const TRANSITIONS_MAX: usize = 8;

/// What a preview needs of the record: runs that are over say nothing of what comes next.
pub fn needed(recorded: &Recorded) -> Recorded {
    let runs: BTreeMap<_, _> = recorded.open_runs().map(|run| (run.key.clone(), run.clone())).collect();
    let kept: BTreeSet<_> = runs.values().map(|run| run.spec.clone()).collect();
    let specs = recorded.specs.iter().filter(|(hash, _)| kept.contains(*hash));
    Recorded {
        counters: recorded.counters,
        files: recorded.files.clone(),
        source: recorded.source.clone(),
        ledgers: recorded.ledgers.clone(),
        schedules: recorded.schedules.clone(),
        open: recorded.open.clone(),
        specs: specs.map(|(hash, spec)| (hash.clone(), spec.clone())).collect(),
        backfills: recorded.backfills.clone(),
        resets: recorded.resets.clone(),
        runs,
        ..Recorded::default()
    }
}

/// The tree of a commit with these files: `scope` are the folders and files that they are all of; elsewhere all stays as it is.
pub fn tree(
    in_force: &BTreeMap<String, AcceptedFile>,
    files: &BTreeMap<String, String>,
    scope: &[String],
) -> Tree {
    let covers = |folder: &str, path: &str| {
        let folder = folder.trim_end_matches('/');
        folder.is_empty()
            || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let elsewhere = in_force.iter().filter(|(path, _)| !scope.iter().any(|folder| covers(folder, path)));
    let kept = elsewhere.map(|(path, file)| (path.clone(), blob(&file.text, Some(file))));
    let given = files.iter().map(|(path, text)| (path.clone(), blob(text, in_force.get(path))));
    Tree { commit: "plan".to_owned(), files: kept.chain(given).collect(), ..Tree::default() }
}

fn blob(text: &str, known: Option<&AcceptedFile>) -> Blob {
    let same = known.filter(|file| *file.text == *text).map(|file| file.blob.clone());
    let id = same.unwrap_or_else(|| format!("plan-{}", base32_hash(text, 26)));
    Blob { id, bytes: text.as_bytes().to_vec() }
}

/// What would happen if the tree were committed now, and nothing else were decided until `at`.
pub fn preview(
    desired: &Desired,
    recorded: Recorded,
    tree: &Tree,
    now: Timestamp,
    at: Timestamp,
) -> PlanView {
    let begin = now.min(at);
    let before = recorded.files.clone();
    let read = read(desired, recorded.clone(), tree, false, begin);
    let after = Desired::build(&read.files, &read.resets, desired);
    let pruned = if read.source.held == 0 {
        prune(desired, &after, &read, false)
    } else {
        // Held back: what would go is what goes with an acknowledgement.
        let unheld = self::read(desired, recorded, tree, true, begin);
        prune(desired, &Desired::build(&unheld.files, &unheld.resets, desired), &read, true)
    };
    let files = files_of(&before, &read, tree);
    let mut record = read;
    let mut starts = StartsView::default();
    let times: BTreeSet<Timestamp> = [begin, at].into();
    for time in times {
        pass_until_decided(&after, &mut record, &mut starts, time);
    }
    PlanView {
        api_version: API_VERSION.to_owned(),
        kind: "Plan".to_owned(),
        at,
        files,
        prune: pruned,
        schedules: schedules_of(desired, &after, &record, at),
        starts,
    }
}

/// A pass that anchors a schedule decides none of its ticks: that is the next one's.
fn pass_until_decided(desired: &Desired, record: &mut Recorded, starts: &mut StartsView, now: Timestamp) {
    let decides =
        |change: &Change| matches!(change, Change::ScheduleAnchored { .. } | Change::ScheduleDecided { .. });
    for _ in 0..PASSES_MAX {
        let mut is_decided = true;
        // One pass looks at some of many schedules; each goes on where the last one stopped, up to the end of them.
        loop {
            let changes = pass(desired, record, Vec::new(), now);
            changes.iter().for_each(|change| note_start(starts, change));
            is_decided &= !changes.iter().any(decides);
            if record.agenda.reached.is_none() {
                break;
            }
        }
        if is_decided {
            return;
        }
        // Every schedule is looked at again, as the next pass of the loop would.
        record.agenda = Agenda::default();
    }
}

/// One pass on the copy, and what it changed.
fn pass(desired: &Desired, record: &mut Recorded, readings: Vec<Reading>, now: Timestamp) -> Vec<Change> {
    // Without a list nothing is concluded from what is not seen in the Swarm.
    let observed = Observed { swarm: SwarmHealth::Up, readings, ..Observed::default() };
    let changes = plan(desired, &observed, record, now).changes;
    let staged = record.stage(&changes);
    record.install(staged);
    changes
}

fn read(desired: &Desired, mut record: Recorded, tree: &Tree, allow_prune: bool, now: Timestamp) -> Recorded {
    let reading = Reading { at: now, allow_prune, result: Ok(tree.clone()) };
    pass(desired, &mut record, vec![reading], now);
    record
}

fn files_of(before: &BTreeMap<String, AcceptedFile>, read: &Recorded, tree: &Tree) -> Vec<PlannedFileView> {
    let faults = &read.source.faults;
    let paths: BTreeSet<&String> = before.keys().chain(tree.files.keys()).chain(faults.keys()).collect();
    let view = |path: &String| {
        let state = match (before.get(path), read.files.get(path), tree.files.contains_key(path)) {
            _ if faults.contains_key(path) => "faulty",
            (Some(_), None, _) => "gone",
            (Some(_), Some(_), false) => "held",
            (None, _, _) => "new",
            (Some(before), Some(after), true) if before.blob == after.blob => "unchanged",
            (Some(_), Some(_), true) => "changed",
        };
        let faults = faults.get(path).map_or_else(String::new, |faults| faults.rendered.clone());
        PlannedFileView { path: path.clone(), state: state.to_owned(), faults }
    };
    paths.into_iter().map(view).collect()
}

fn prune(before: &Desired, after: &Desired, record: &Recorded, held: bool) -> PruneView {
    let etls: Vec<&EtlKey> = before.etls.keys().filter(|key| !after.etls.contains_key(*key)).collect();
    let schedules = before.schedules.keys().filter(|key| !after.schedules.contains_key(*key));
    let open = record.open_runs().filter(|run| run.end.is_none() && etls.contains(&&run.key.etl)).count();
    let objects = etls.iter().map(|key| format!("ETL {key}"));
    let objects = objects.chain(schedules.map(|key| format!("Schedule {key}"))).collect();
    PruneView { objects, held, open_runs: open }
}

fn note_start(starts: &mut StartsView, change: &Change) {
    match change {
        Change::RunAdmitted { run, .. } => {
            let Run { trigger: Trigger::Schedule { schedule, tick }, .. } = &**run else { return };
            starts.total += 1;
            if starts.runs.len() < STARTS_LISTED_MAX {
                starts.runs.push(PlannedRunView {
                    project: run.key.etl.project.to_string(),
                    etl: run.key.etl.name.to_string(),
                    run: run.key.name(),
                    schedule: schedule.name.to_string(),
                    tick: *tick,
                    window: run.window.map(Into::into),
                });
            }
        }
        Change::ScheduleDecided { missed, .. } => {
            for tick in missed {
                *starts.missed.entry(tick.reason.word().to_owned()).or_default() += tick.count;
            }
        }
        Change::TickMissed { missed, .. } => {
            *starts.missed.entry(missed.reason.word().to_owned()).or_default() += missed.count;
        }
        _ => {}
    }
}

fn schedules_of(
    before: &Desired,
    after: &Desired,
    record: &Recorded,
    at: Timestamp,
) -> Vec<PlannedScheduleView> {
    let keys: BTreeSet<&ScheduleKey> = before.schedules.keys().chain(after.schedules.keys()).collect();
    let view = |key: &ScheduleKey| match (before.schedules.get(key), after.schedules.get(key)) {
        (Some(old), Some(new)) if old.schedule == new.schedule => None,
        (Some(_), Some(new)) => Some(schedule_view(new, "edited", record, at)),
        (None, Some(new)) => Some(schedule_view(new, "new", record, at)),
        (Some(old), None) => {
            let view = schedule_view(old, "removed", record, at);
            Some(PlannedScheduleView { next: Vec::new(), clock_change: None, ..view })
        }
        (None, None) => None,
    };
    keys.into_iter().filter_map(view).collect()
}

fn schedule_view(
    object: &ScheduleObject,
    state: &str,
    record: &Recorded,
    at: Timestamp,
) -> PlannedScheduleView {
    let schedule = &object.schedule;
    let first_seen = record.schedules.get(&schedule.key).map_or(at, |record| record.first_seen);
    let ticks = std::iter::successors(Some(at), |tick| next_tick(schedule, first_seen, *tick)).skip(1);
    let zone = zone_of(schedule);
    PlannedScheduleView {
        project: schedule.key.project.to_string(),
        name: schedule.key.name.to_string(),
        etl: schedule.etl.to_string(),
        state: state.to_owned(),
        when: clock_words(schedule),
        next: ticks.take(TICKS_SHOWN).map(|tick| tick_at(tick, &zone)).collect(),
        clock_change: clock_change(schedule, first_seen, &zone, at),
    }
}

fn zone_of(schedule: &Schedule) -> TimeZone {
    match &schedule.when {
        When::Cron { zone, .. } => zone.clone(),
        When::Every(_) | When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => TimeZone::UTC,
    }
}

fn tick_at(tick: Timestamp, zone: &TimeZone) -> TickAtView {
    TickAtView { tick, wall: wall(tick, zone) }
}

fn wall(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
}

/// The zone's next clock change, with the tick before it and the first two from then on, so that the rule can be seen.
fn clock_change(
    schedule: &Schedule,
    first_seen: Timestamp,
    zone: &TimeZone,
    at: Timestamp,
) -> Option<ClockChangeView> {
    let until = at.saturating_add(CLOCK_CHANGE_WITHIN).unwrap_or(Timestamp::MAX);
    let before =
        |instant: Timestamp| instant.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(instant);
    let offset = |instant: Timestamp| i64::from(zone.to_offset(instant).seconds());
    let instants = zone.following(at).take(TRANSITIONS_MAX).map(|change| change.timestamp());
    let mut instants = instants.take_while(|instant| *instant <= until);
    let change = instants.find(|instant| offset(*instant) != offset(before(*instant)))?;
    let from = change.saturating_sub(CLOCK_CHANGE_WITHIN).unwrap_or(Timestamp::MIN);
    let last = newest_tick(schedule, first_seen, from, before(change));
    let next = next_tick(schedule, first_seen, before(change));
    let after = next.and_then(|next| next_tick(schedule, first_seen, next));
    let ticks = [last, next, after].into_iter().flatten();
    Some(ClockChangeView {
        at: change,
        wall: wall(change, zone),
        seconds: offset(change) - offset(before(change)),
        ticks: ticks.map(|tick| tick_at(tick, zone)).collect(),
    })
}
