//! Backfills: windows of the past that somebody asks for. They run in a lane of their own, one after the other, and give way to
//! live runs. A window that another run stands for, or that succeeded meanwhile, is never done a second time unasked.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::cut::{Grid, Rule};
use super::draft::Draft;
use super::request::{Answer, admitted, checked, done, in_force, refusal, refuse};
use super::tick::next_tick;
use super::{admission, flow, waiting};
use crate::backfill::{Backfill, BackfillEnd, BackfillRecord, Progress, Reprocess};
use crate::change::Change;
use crate::desired::{Desired, EtlObject, ScheduleObject};
use crate::ledger::{Ledger, LedgerKey};
use crate::name::{BackfillKey, EtlKey, Name, RunKey, ScheduleKey, base32_hash};
use crate::observed::{BackfillOrder, Observed, Request, Verb};
use crate::outcome::StopReason;
use crate::recorded::{Recorded, ScheduleRecord};
use crate::run::{Run, Trigger};
use crate::spec::{When, WindowRule};
use crate::view::ErrorView;
use crate::window::{Window, Windows};

/// Most windows of one backfill: they are listed, kept, and done one by one.
pub const WINDOWS_MAX: usize = 10_000;
/// Most of its runs that may be open at once.
pub const MAX_ACTIVE_MAX: u32 = 1_000;
/// Windows that one pass decides; most of them are passed over, since runs are few.
const DECIDED_MAX: usize = 1_000;
/// While there are more, the next pass comes after this.
const PAUSE: SignedDuration = SignedDuration::from_millis(100);

/// What a backfill would do, and nothing is changed. Without windows, there is nothing to do.
pub fn preview(
    desired: &Desired,
    recorded: &Recorded,
    etl: &EtlKey,
    order: &BackfillOrder,
    now: Timestamp,
) -> Result<Vec<Window>, ErrorView> {
    let observed = Observed::default();
    let draft = Draft::new(desired, &observed, recorded, now);
    let verb = Verb::Backfill { etl: etl.clone(), order: order.clone() };
    let request = Request { ticket: 0, id: String::new(), user: String::new(), verb };
    Ok(ordered(&draft, &request, etl, order)?.windows)
}

/// The backfill that a request asked for: the same request id is the same backfill.
pub fn key_of(etl: &EtlKey, request: &str) -> BackfillKey {
    let hash = base32_hash(&format!("{} {request}", etl.name), 9);
    let name = Name::new(&format!("bf-{hash}")).expect("base32 has only lower-case letters and digits");
    BackfillKey::new(etl.project.clone(), name)
}

pub(super) fn create(draft: &mut Draft, request: &Request, etl: &EtlKey, order: &BackfillOrder) -> Answer {
    let key = key_of(etl, &request.id);
    let object = format!("backfill/{}", key.name);
    if draft.backfill(&key).is_some() {
        return done(object, "unchanged");
    }
    let backfill = ordered(draft, request, etl, order)?;
    let count = backfill.windows.len();
    if count == 0 {
        return done(format!("etl/{}", etl.name), "unchanged: no window of that span is to be done");
    }
    draft.change(Change::BackfillCreated { backfill: Arc::new(backfill) });
    done(object, &format!("created: {count} {}", if count == 1 { "window" } else { "windows" }))
}

pub(super) fn cancel(draft: &mut Draft, request: &Request, key: &BackfillKey) -> Answer {
    let Some(record) = draft.backfill(key).cloned() else {
        let help = "see `etlctl get backfills -A`";
        return refuse("NotFound", format!("no backfill `{}` in project `{}`", key.name, key.project), help);
    };
    let object = format!("backfill/{}", key.name);
    if record.progress.end.is_some() {
        return done(object, "unchanged: already over");
    }
    if record.progress.cancelled_by.is_some() {
        return done(object, "unchanged: already being cancelled");
    }
    let by = request.user.clone();
    draft.change(Change::BackfillCancelled { backfill: key.clone(), by: by.clone() });
    for run in open_runs(draft, &record.backfill) {
        flow::stop(draft, &run, StopReason::Cancelled, &by);
    }
    done(object, "cancelled")
}

/// What exactly is to be done, or why it cannot be.
fn ordered(
    draft: &Draft,
    request: &Request,
    etl: &EtlKey,
    order: &BackfillOrder,
) -> Result<Backfill, ErrorView> {
    let target = in_force(draft, etl)?;
    check(order)?;
    let (object, window) = windowed_schedule(draft, etl, order.schedule.as_ref())?;
    let mut params = object.schedule.rules.params.clone();
    params.extend(order.params.clone());
    let params = checked(&target, &params)?;
    let record = draft.schedule(&object.schedule.key).ok_or_else(|| {
        let message = format!("schedule `{}` was not looked at yet", object.schedule.key);
        refusal("Conflict", message, "try again in a moment")
    })?;
    let span = past(draft, order.span, object, record)?;
    let rule = Rule { missing: order.missing, reprocess: order.reprocess };
    let version = target.etl.version;
    let open = windows_of_runs(draft, etl, version, |_| true);
    let none = Ledger::default();
    let known = draft.ledger(&LedgerKey { etl: etl.clone(), version }).unwrap_or(&none);
    let wanted = rule.wanted(known, &open, span);
    let grid = Grid::of(&object.schedule, window, record.first_seen, span.start());
    let mut windows = grid.cut(&wanted, WINDOWS_MAX).ok_or_else(too_many)?;
    if order.reverse {
        windows.reverse();
    }
    let (max_active, reverse, by) = (order.max_active, order.reverse, request.user.clone());
    Ok(Backfill {
        key: key_of(etl, &request.id),
        etl: etl.clone(),
        version,
        schedule: Some(object.schedule.key.name.clone()),
        span,
        missing: order.missing,
        reprocess: order.reprocess,
        reach: window.size,
        max_active,
        reverse,
        params,
        by,
        created_at: draft.now,
        windows,
    })
}

fn check(order: &BackfillOrder) -> Result<(), ErrorView> {
    if !(1..=MAX_ACTIVE_MAX).contains(&order.max_active) {
        let message = format!("maxActive is {}", order.max_active);
        return Err(refusal("Invalid", message, &format!("it is 1 to {MAX_ACTIVE_MAX}")));
    }
    if order.missing && order.reprocess != Reprocess::None {
        let message = "`missing` asks for exactly the gaps: `reprocess` adds nothing to it".to_owned();
        return Err(refusal("Invalid", message, "say one of both"));
    }
    Ok(())
}

fn too_many() -> ErrorView {
    let message = format!("more than {WINDOWS_MAX} windows");
    let help = "take a shorter span, or one run over all of it with `etlctl run --window`";
    refusal("Invalid", message, help)
}

/// The schedule whose ticks cut the windows: the one that was asked for, else the only one, or the one that is named like its ETL.
fn windowed_schedule<'a>(
    draft: &Draft<'a>,
    etl: &EtlKey,
    asked: Option<&Name>,
) -> Result<(&'a Arc<ScheduleObject>, WindowRule), ErrorView> {
    let keys = draft.desired.schedules_of.get(etl).into_iter().flatten();
    let objects = keys.filter_map(|key| draft.desired.schedules.get(key));
    let windowed: Vec<_> = objects.filter_map(|object| Some((object, rule_of(object)?))).collect();
    let names: Vec<&str> = windowed.iter().map(|(object, _)| object.schedule.key.name.as_str()).collect();
    let named = |name: &Name| windowed.iter().find(|(object, _)| object.schedule.key.name == *name).copied();
    match (windowed.as_slice(), asked) {
        ([], _) => Err(nothing_cuts(etl)),
        (_, Some(asked)) => named(asked).ok_or_else(|| does_not_cut(draft, etl, asked, &names)),
        ([only], None) => Ok(*only),
        (_, None) => named(&etl.name).ok_or_else(|| several_cut(etl, &names)),
    }
}

fn nothing_cuts(etl: &EtlKey) -> ErrorView {
    let message = format!("no clock of ETL `{etl}` cuts windows of data: a backfill has no grid to cut by");
    let help = format!("name the data: `etlctl run {} --window START/END`", etl.name);
    refusal("Conflict", message, &help)
}

fn several_cut(etl: &EtlKey, names: &[&str]) -> ErrorView {
    let message = format!("schedules {} each cut windows of ETL `{etl}`", names.join(", "));
    let help = format!("say which is meant: `--schedule {}`", names.join("`, or `--schedule "));
    refusal("Conflict", message, &help)
}

/// Why a schedule that was asked for cuts no windows of the ETL, where `names` do.
fn does_not_cut(draft: &Draft, etl: &EtlKey, asked: &Name, names: &[&str]) -> ErrorView {
    let key = ScheduleKey::new(etl.project.clone(), asked.clone());
    let (reason, message) = match draft.desired.schedules.get(&key) {
        None => ("NotFound", format!("no schedule `{key}`")),
        Some(object) if object.schedule.etl != etl.name => (
            "Conflict",
            format!("schedule `{key}` is one of ETL `{}`, not of `{}`", object.schedule.etl, etl.name),
        ),
        Some(_) => ("Conflict", format!("schedule `{key}` cuts no windows of data")),
    };
    refusal(reason, message, &format!("in `{asked}`'s place: {}", names.join(", ")))
}

/// How a schedule's ticks close windows, if they do.
fn rule_of(object: &ScheduleObject) -> Option<WindowRule> {
    match object.schedule.when {
        When::Cron { .. } | When::Every(_) => object.schedule.rules.window,
        When::AfterCompletion(_) | When::Inputs(_) | When::Webhook(_) => None,
    }
}

/// The span without what is still to come. What its schedule's next tick will ask for is not of the past either: it would be
/// done twice.
fn past(
    draft: &Draft,
    span: Window,
    object: &ScheduleObject,
    record: &ScheduleRecord,
) -> Result<Window, ErrorView> {
    let goes_on = next_tick(&object.schedule, record.first_seen, record.decided_until).is_some();
    let next = record.window_end.filter(|_| goes_on).unwrap_or(draft.now);
    let until = span.end().min(draft.now).min(next);
    Window::new(span.start(), until).ok_or_else(|| {
        let message =
            format!("from {} on, schedule `{}` asks for windows itself", until, object.schedule.key.name);
        refusal("Invalid", message, "let the span begin earlier")
    })
}

/// Goes on with each backfill that is not over.
pub(super) fn advance(draft: &mut Draft) {
    let open = draft.open_backfills();
    if open.is_empty() {
        return;
    }
    // Live runs that have a place to go to do not wait for it any more.
    admission::give_places(draft);
    let mut room = DECIDED_MAX;
    for key in open {
        advance_one(draft, &key, &mut room);
    }
    if room == 0 {
        draft.wake(draft.now.saturating_add(PAUSE).unwrap_or(Timestamp::MAX));
    }
}

fn advance_one(draft: &mut Draft, key: &BackfillKey, room: &mut usize) {
    let Some(BackfillRecord { backfill, progress }) = draft.backfill(key).cloned() else { return };
    if let Ok(object) = stands(draft, &backfill, &progress)
        && !live_run_waits(draft, &backfill.etl)
    {
        admit(draft, &object, &backfill, &progress, room);
    }
    let Some(progress) = draft.backfill(key).map(|record| record.progress.clone()) else { return };
    if let Err(message) = stands(draft, &backfill, &progress)
        && open_runs(draft, &backfill).is_empty()
    {
        let end = BackfillEnd { at: draft.now, message };
        draft.change(Change::BackfillEnded { backfill: key.clone(), end });
    }
}

/// The ETL, if another window is to be done; else why not.
fn stands(draft: &Draft, backfill: &Backfill, progress: &Progress) -> Result<Arc<EtlObject>, String> {
    if let Some(by) = &progress.cancelled_by {
        return Err(format!("cancelled by {by}"));
    }
    if progress.next >= backfill.windows.len() {
        return Err(String::new());
    }
    let Some(object) = draft.desired.etls.get(&backfill.etl) else {
        return Err("its ETL is gone".to_owned());
    };
    let (was, is) = (backfill.version, object.etl.version);
    if is != was {
        return Err(format!(
            "its ETL is of version {is} now, with a ledger of its own; this was for version {was}"
        ));
    }
    Ok(object.clone())
}

/// Its next windows, as long as fewer runs than it may have are open.
fn admit(draft: &mut Draft, object: &EtlObject, backfill: &Backfill, progress: &Progress, room: &mut usize) {
    let most = usize::try_from(backfill.max_active).unwrap_or(usize::MAX);
    let others = |run: &Run| run.trigger.backfill() != Some(&backfill.key);
    let others = windows_of_runs(draft, &backfill.etl, backfill.version, others);
    let rule = Rule { missing: backfill.missing, reprocess: backfill.reprocess };
    let (mut open, mut passed) = (open_runs(draft, backfill).len(), 0);
    let (mut next, mut within) = (progress.next, progress.within);
    while let Some(window) = backfill.rest_of(next, within).filter(|_| open < most && *room > 0) {
        *room -= 1;
        let key = LedgerKey { etl: backfill.etl.clone(), version: backfill.version };
        let none = Ledger::default();
        let wanted = rule.wanted(draft.ledger(&key).unwrap_or(&none), &others, window);
        let (before, is_rest) = (open, within.take().is_some());
        for part in wanted.iter() {
            if open >= most {
                // Its later parts wait for a place: what other runs stand for is looked at again by then.
                within = Some(part.start());
                break;
            }
            open += usize::from(admit_run(draft, object, backfill, part, order_of(draft.now, open)));
        }
        next += usize::from(within.is_none());
        // Of a rest, the parts before it have their runs.
        passed += u64::from(open == before && !is_rest);
    }
    if (next, within) != (progress.next, progress.within) {
        draft.change(Change::BackfillAdvanced { backfill: backfill.key.clone(), next, within, passed });
    }
}

/// Runs that are admitted together get their places in this order, by age.
fn order_of(now: Timestamp, number: usize) -> Timestamp {
    let number = SignedDuration::from_nanos(i64::try_from(number).unwrap_or(i64::MAX));
    now.saturating_add(number).unwrap_or(now)
}

/// A run over a window, or over what is left of it. False if its name is known: it was there before the store was lost.
fn admit_run(
    draft: &mut Draft,
    object: &EtlObject,
    backfill: &Backfill,
    part: Window,
    at: Timestamp,
) -> bool {
    let key = RunKey::of_request(&backfill.etl, &format!("{} {}", backfill.key.name, part.start()));
    if draft.run(&key).is_some() {
        return false;
    }
    let back = part.end().checked_sub(backfill.reach).unwrap_or(Timestamp::MIN).max(backfill.span.start());
    let window = Window::new(part.start().min(back), part.end());
    let trigger = Trigger::Backfill { user: backfill.by.clone(), backfill: backfill.key.clone() };
    let run = admitted(key, object, trigger, window, backfill.params.clone(), at);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: object.etl.clone() });
    true
}

/// Whether a run that is no backfill's waits for its place among its ETL's active runs.
fn live_run_waits(draft: &Draft, etl: &EtlKey) -> bool {
    // What a suspension holds back holds up nothing else.
    let waits = |run: &&Run| {
        run.started_at.is_none() && run.stopping.is_none() && waiting::hold(draft, run).is_none()
    };
    draft.unfinished_of(etl).iter().any(|run| waits(run) && run.trigger.backfill().is_none())
}

fn open_runs(draft: &Draft, backfill: &Backfill) -> Vec<RunKey> {
    let open = draft.unfinished_of(&backfill.etl).into_iter();
    open.filter(|run| run.trigger.backfill() == Some(&backfill.key)).map(|run| run.key.clone()).collect()
}

/// What runs that are not over stand for.
fn windows_of_runs(draft: &Draft, etl: &EtlKey, version: u32, of: impl Fn(&Run) -> bool) -> Windows {
    let open = draft.unfinished_of(etl).into_iter().filter(|run| run.version == version && of(run));
    open.filter_map(|run| run.window).collect()
}
