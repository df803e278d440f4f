//! Who is told, and when: transitions only, once a streak, grouped, and not in quiet hours. A group of which a message is under way
//! waits for it, so that a receiver that is dead for days finds one message, and loses nothing: what ended meanwhile is in it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::backoff;
use crate::change::Change;
use crate::desired::Desired;
use crate::name::{Name, base32_hash};
use crate::plan::draft::Draft;
use crate::problem::{Notice, Problem, ProblemKey, Route, Telling};
use crate::spec::{Alert, Destination, Event, GROUP_INTERVAL, GroupBy, QuietHours};

/// Alertmanager forgets what it is not told again; it groups, repeats and silences by itself.
const ALERTMANAGER_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Problems that one message names; it says how many more there are.
const NAMED_MAX: usize = 20;
/// Problems that one message to Alertmanager brings: the others come with the next, at once.
const BROUGHT_MAX: usize = 500;

/// The problems of one message to be.
struct Group<'a> {
    alert: Cow<'a, Alert>,
    /// To Alertmanager.
    is_passed_on: bool,
    members: Vec<&'a Problem>,
}

/// What is to be told of a problem.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// It began, at this instant.
    Began(Timestamp),
    /// It ended.
    Ended(Timestamp),
    /// It goes on, and is to be told again then.
    GoesOn(Timestamp),
}

pub(super) fn tell(draft: &mut Draft, is_edited: bool) {
    take_deliveries(draft);
    let is_news = draft.plan.changes.iter().any(|change| matches!(change, Change::Telling(_)));
    if is_news || is_edited || draft.watch().tell_at.is_some_and(|at| at <= draft.now) {
        let tell_at = decide(draft);
        draft.set_watch(|watch| watch.tell_at = tell_at);
    }
    if let Some(at) = draft.watch().tell_at {
        draft.wake(at);
    }
    send(draft);
}

/// Makes the messages that are due; when the next one is.
fn decide(draft: &mut Draft) -> Option<Timestamp> {
    let (desired, now) = (draft.desired, draft.now);
    let problems: Vec<Problem> = draft.problems().cloned().collect();
    let busy: BTreeSet<(Route, String)> =
        draft.notices().map(|notice| (notice.route.clone(), notice.group.clone())).collect();
    let mut next = None;
    let mut waits = BTreeSet::new();
    for ((route, name), group) in groups(desired, &problems) {
        let news: Vec<(&Problem, News)> =
            group.members.iter().filter_map(|it| Some((*it, group.news(it, &route)?))).collect();
        let pending = news.iter().filter(|(_, news)| !matches!(news, News::GoesOn(_)));
        waits.extend(pending.map(|(problem, _)| problem.key.clone()));
        if busy.contains(&(route.clone(), name.clone())) {
            continue;
        }
        let last = group.members.iter().filter_map(|it| it.told_to(&route)).map(|told| told.at).max();
        let Some(first) = news.iter().map(|it| group.due(it, last, now)).min() else { continue };
        if first > now {
            next = Some(next.map_or(first, |next: Timestamp| next.min(first)));
            continue;
        }
        let ripe = news.iter().filter(|it| group.is_ripe(it, now)).map(|(problem, _)| *problem).collect();
        queue(draft, &route, &name, &group, ripe);
    }
    let forgotten_at = forget(draft, &problems, &waits);
    [next, forgotten_at].into_iter().flatten().min()
}

fn groups<'a>(desired: &'a Desired, problems: &'a [Problem]) -> BTreeMap<(Route, String), Group<'a>> {
    let mut groups: BTreeMap<(Route, String), Group<'a>> = BTreeMap::new();
    for problem in problems {
        for (id, alert) in alerts_for(desired, problem) {
            let name = group_name(&alert, problem);
            for notifier in &alert.notify {
                let Some(notifier) = desired.notifier(&alert.key.project, notifier) else { continue };
                let destination = desired.notifiers.get(&notifier).map(|it| &it.notifier.destination);
                let is_passed_on = matches!(destination, Some(Destination::Alertmanager { .. }));
                let name = if is_passed_on { String::new() } else { name.clone() };
                let route = Route { alert: id.clone(), notifier };
                let group = || Group { alert: alert.clone(), is_passed_on, members: Vec::new() };
                groups.entry((route, name)).or_insert_with(group).members.push(problem);
            }
        }
    }
    groups
}

/// The alerts that a problem is of interest to, by what routes call them.
fn alerts_for<'a>(desired: &'a Desired, problem: &Problem) -> Vec<(String, Cow<'a, Alert>)> {
    let written = desired.alerts.values().filter(|object| is_about(desired, &object.alert, problem));
    let written = written.map(|object| (format!("alert/{}", object.alert.key), Cow::Borrowed(&object.alert)));
    let etl = problem.key.subject.etl().and_then(|key| desired.etls.get(key));
    let own = etl.filter(|object| !object.etl.notify.is_empty()).map(|object| {
        let etl = &object.etl;
        (format!("etl/{}", etl.key), Cow::Owned(Alert::of_etl(&etl.key, &etl.notify)))
    });
    written.chain(own).collect()
}

fn is_about(desired: &Desired, alert: &Alert, problem: &Problem) -> bool {
    if !alert.on.contains(&problem.key.event) {
        return false;
    }
    let is_common = alert.key.project == Name::default_project();
    let is_open = alert.etls.is_empty() && alert.labels.is_empty();
    let Some(key) = problem.key.subject.etl() else { return is_open };
    let Some(object) = desired.etls.get(key) else { return false };
    let has = |(name, value): (&String, &String)| object.etl.labels.get(name) == Some(value);
    (is_common || key.project == alert.key.project)
        && (alert.etls.is_empty() || alert.etls.contains(&key.name))
        && alert.labels.iter().all(has)
}

fn group_name(alert: &Alert, problem: &Problem) -> String {
    let etl = problem.key.subject.etl();
    let parts = alert.group_by.iter().filter_map(|by| match by {
        GroupBy::Project => Some(format!("project={}", etl?.project)),
        GroupBy::Etl => Some(format!("etl={}", etl?.name)),
        GroupBy::Event => Some(format!("event={}", problem.key.event.word())),
    });
    parts.collect::<Vec<_>>().join(" ")
}

impl Group<'_> {
    /// What is to be told of a problem, if anything.
    fn news(&self, problem: &Problem, route: &Route) -> Option<News> {
        let is_enough = problem.key.event != Event::Failed || problem.count >= self.alert.failures;
        let is_the_last_straw = problem.count > 1 && problem.count == self.alert.failures;
        let began = if is_the_last_straw { problem.at } else { problem.seen };
        match (problem.ended, problem.told_to(route).filter(|told| !told.ended)) {
            (None, Some(told)) => {
                let every = if self.is_passed_on { ALERTMANAGER_EVERY } else { self.alert.repeat_every };
                Some(News::GoesOn(told.at.saturating_add(every).unwrap_or(Timestamp::MAX)))
            }
            (None, None) => is_enough.then_some(News::Began(began)),
            (Some(ended), Some(_)) => {
                (self.alert.recovered || self.is_passed_on).then_some(News::Ended(ended))
            }
            // It came and went between two messages: worth a word if it lasted longer than what is waited for anyway.
            (Some(ended), None) => {
                let is_told = problem.told_to(route).is_some();
                let lasted = ended.duration_since(problem.seen) > self.wait();
                (is_enough && lasted && !is_told && !self.is_passed_on).then_some(News::Ended(ended))
            }
        }
    }

    fn wait(&self) -> SignedDuration {
        if self.is_passed_on { SignedDuration::ZERO } else { self.alert.group_wait }
    }

    /// When a piece of news is to be told.
    fn due(&self, (problem, news): &(&Problem, News), last: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let at = match news {
            News::Began(at) | News::Ended(at) => at.saturating_add(self.wait()).unwrap_or(Timestamp::MAX),
            News::GoesOn(at) => return self.after_quiet(problem.key.event, (*at).max(now)),
        };
        let interval = if self.is_passed_on { SignedDuration::ZERO } else { self.alert.group_interval };
        let after =
            last.map_or(Timestamp::MIN, |last| last.saturating_add(interval).unwrap_or(Timestamp::MAX));
        self.after_quiet(problem.key.event, at.max(after).max(now))
    }

    /// Whether it goes along with a message that is made now.
    fn is_ripe(&self, (problem, news): &(&Problem, News), now: Timestamp) -> bool {
        let is_due = match news {
            News::Began(_) | News::Ended(_) => true,
            News::GoesOn(at) => *at <= now,
        };
        is_due && self.after_quiet(problem.key.event, now) == now
    }

    /// The instant itself, or the end of the quiet hours that it lies in.
    fn after_quiet(&self, event: Event, at: Timestamp) -> Timestamp {
        let quiet = self.alert.quiet_hours.as_ref().filter(|quiet| !quiet.except.contains(&event));
        quiet.filter(|_| !self.is_passed_on).map_or(at, |quiet| quiet.end_of(at))
    }
}

impl QuietHours {
    /// The end of the quiet hours that an instant lies in; the instant itself if it lies in none.
    fn end_of(&self, at: Timestamp) -> Timestamp {
        let zoned = at.to_zoned(self.zone.clone());
        let time: Time = zoned.time();
        let is_quiet = if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            time >= self.from || time < self.to
        };
        if !is_quiet {
            return at;
        }
        let day = if time < self.to { zoned.date() } else { zoned.date().saturating_add(1.day()) };
        day.to_datetime(self.to).to_zoned(self.zone.clone()).map_or(at, |end| end.timestamp().max(at))
    }
}

fn queue(draft: &mut Draft, route: &Route, name: &str, group: &Group, mut ripe: Vec<&Problem>) {
    ripe.sort_by(|a, b| (b.at, &a.key).cmp(&(a.at, &b.key)));
    let all: Vec<ProblemKey> = ripe.iter().map(|problem| problem.key.clone()).collect();
    let most = if group.is_passed_on { BROUGHT_MAX } else { NAMED_MAX };
    let named = ripe.len().min(most);
    // What is passed on is told of by what comes next, not by a number.
    let told = if group.is_passed_on { &all[..named] } else { &all[..] };
    let problems = ripe[..named].iter().map(|it| Problem { told: Vec::new(), ..(*it).clone() }).collect();
    let id = base32_hash(&format!("{route:?} {name} {}", draft.now.as_nanosecond()), 13);
    let notice = Notice {
        id,
        route: route.clone(),
        group: name.to_owned(),
        problems,
        more: if group.is_passed_on { 0 } else { ripe.len() - named },
        at: draft.now,
        tries: 0,
        after: None,
        error: None,
    };
    draft.change(Change::Telling(Telling::Queued { notice: Box::new(notice), told: told.to_vec() }));
}

/// Lets go of what is over, and of which nothing is left to tell; when the next one is let go. Until then it says when its group
/// was told last.
fn forget(draft: &mut Draft, problems: &[Problem], waits: &BTreeSet<ProblemKey>) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    for problem in problems {
        if is_moot(draft, problem) {
            draft.change(Change::Telling(Telling::Forgotten(problem.key.clone())));
            continue;
        }
        let Some(ended) = problem.ended.filter(|_| !waits.contains(&problem.key)) else { continue };
        let newest = problem.told.iter().map(|told| told.at).max().unwrap_or(ended);
        let until = newest.saturating_add(GROUP_INTERVAL).unwrap_or(Timestamp::MAX);
        if until <= draft.now || problem.told.is_empty() {
            draft.change(Change::Telling(Telling::Forgotten(problem.key.clone())));
        } else {
            next = Some(next.map_or(until, |next| next.min(until)));
        }
    }
    next
}

/// An ETL that git no longer has does not succeed any more.
fn is_moot(draft: &Draft, problem: &Problem) -> bool {
    let is_gone = |etl| !draft.desired.etls.contains_key(etl);
    problem.key.event == Event::Failed && problem.key.subject.etl().is_some_and(is_gone)
}

fn take_deliveries(draft: &mut Draft) {
    let observed = draft.observed;
    for delivery in &observed.deliveries {
        let Some(notice) = draft.notice(&delivery.notice) else { continue };
        let (id, tries) = (notice.id.clone(), notice.tries.saturating_add(1));
        let telling = match &delivery.result {
            Ok(()) => Telling::Sent(id),
            Err(error) => {
                let after = draft.now.saturating_add(delay(tries)).unwrap_or(Timestamp::MAX);
                Telling::Delayed { notice: id, after, tries, error: error.clone() }
            }
        };
        draft.change(Change::Telling(telling));
    }
    // A destination that git no longer has gets nothing.
    let gone = draft.notices().filter(|it| !draft.desired.notifiers.contains_key(&it.route.notifier));
    for id in gone.map(|notice| notice.id.clone()).collect::<Vec<_>>() {
        draft.change(Change::Telling(Telling::Dropped(id)));
    }
}

/// From ten seconds to ten minutes.
fn delay(tries: u32) -> SignedDuration {
    backoff::delay(SignedDuration::from_secs(10), SignedDuration::from_mins(10), tries)
}

/// The oldest message of each destination: they arrive in order.
fn send(draft: &mut Draft) {
    let mut oldest: BTreeMap<_, Notice> = BTreeMap::new();
    for notice in draft.notices() {
        let first = oldest.entry(&notice.route.notifier).or_insert_with(|| notice.clone());
        if (notice.at, &notice.id) < (first.at, &first.id) {
            *first = notice.clone();
        }
    }
    let due: Vec<Notice> = oldest.into_values().collect();
    for notice in due.into_iter().filter(|notice| !draft.observed.telling.contains(&notice.id)) {
        match notice.after.filter(|after| *after > draft.now) {
            Some(after) => draft.wake(after),
            None => draft.plan.notices.push(notice),
        }
    }
}
