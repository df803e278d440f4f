//! What should be: the ETLs and schedules in force, built from the accepted spec files. Files whose blob did not change are not
//! parsed again, and a commit costs what it changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::name::{EtlKey, Name, ObjectKey, ScheduleKey};
use crate::recorded::{AcceptedFile, EtlReset, Recorded};
use crate::run::SpecHash;
use crate::spec::{Alert, Etl, Notifier, Object, ObjectKind, ParsedFile, Schedule, notifier_of, parse_file};
use shared::Shared;
use update::Edit;

mod shared;
mod update;

/// The specs in force.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Rises whenever anything here changes; passes compare it to visit what changed after an edit.
    pub generation: u64,
    /// What the operator set.
    pub policy: Arc<Policy>,
    /// ETLs.
    pub etls: BTreeMap<EtlKey, Arc<EtlObject>>,
    /// Schedules of ETLs that exist.
    pub schedules: BTreeMap<ScheduleKey, Arc<ScheduleObject>>,
    /// Schedules by the ETL they start, by name.
    pub schedules_of: BTreeMap<EtlKey, Vec<ScheduleKey>>,
    /// Destinations of messages.
    pub notifiers: BTreeMap<ObjectKey, Arc<NotifierObject>>,
    /// What is told to whom.
    pub alerts: BTreeMap<ObjectKey, Arc<AlertObject>>,
    /// ETLs that promise to be fresh.
    pub(crate) fresh: BTreeSet<EtlKey>,
    /// Schedules by what they wait for, by name.
    listeners: BTreeMap<String, Vec<ScheduleKey>>,
    /// Schedules whose ETL is not there, by that ETL.
    pub(crate) waiting: BTreeMap<EtlKey, Vec<Arc<ScheduleObject>>>,
    /// Schedules whose parameters do not fit their ETL.
    pub(crate) misfits: BTreeSet<ScheduleKey>,
    files: BTreeMap<String, Arc<ParsedBlob>>,
    edits: VecDeque<Edit>,
    /// ETLs that somebody started anew, and how often that is taken into account.
    resets: BTreeMap<EtlKey, u32>,
    /// Two files define one object, which accepted files never do: then order counts, and everything is put together anew.
    is_tangled: bool,
}

/// What the operator set, as far as decisions depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Value of the `controller` label: services that bear another are not ours.
    pub controller: String,
    /// When this process started, to the nanosecond: its services bear it. None where nothing is started.
    pub started_at: Option<Timestamp>,
    /// Most attempts in flight.
    pub attempts_max: usize,
    /// Finished runs kept of each ETL: those that succeeded.
    pub keep_succeeded: usize,
    /// Finished runs kept of each ETL: the others.
    pub keep_failed: usize,
    /// No finished run is kept longer.
    pub keep_for: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            controller: "etl".to_owned(),
            started_at: None,
            attempts_max: 10,
            keep_succeeded: 20,
            keep_failed: 50,
            keep_for: SignedDuration::from_hours(30 * 24),
        }
    }
}

/// An ETL in force.
#[derive(Debug, Clone, PartialEq)]
pub struct EtlObject {
    /// The spec.
    pub etl: Arc<Etl>,
    /// Its hash: runs admitted with the same spec share one copy.
    pub hash: SpecHash,
    /// The file it comes from.
    pub file: Arc<str>,
    /// The commit that brought this version of the file.
    pub commit: Arc<str>,
}

/// A schedule in force.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleObject {
    /// The spec.
    pub schedule: Schedule,
    /// What its clock looks like: a change of it re-anchors its ticks.
    pub fingerprint: Arc<str>,
    /// The file it comes from.
    pub file: Arc<str>,
}

/// A notifier in force.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifierObject {
    /// The spec.
    pub notifier: Notifier,
    /// The file it comes from.
    pub file: Arc<str>,
}

/// An alert in force. What `notify` of an ETL stands for is none.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertObject {
    /// The spec.
    pub alert: Alert,
    /// The file it comes from.
    pub file: Arc<str>,
}

/// What a file brought.
#[derive(Debug, Default)]
pub(crate) struct ParsedBlob {
    blob: String,
    pub(crate) etls: Vec<Arc<EtlObject>>,
    pub(crate) schedules: Vec<Arc<ScheduleObject>>,
    pub(crate) notifiers: Vec<Arc<NotifierObject>>,
    pub(crate) alerts: Vec<Arc<AlertObject>>,
}

impl ParsedBlob {
    /// Kinds and names of what it brought.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (ObjectKind, &ObjectKey)> {
        let etls = self.etls.iter().map(|object| (ObjectKind::Etl, &object.etl.key));
        let schedules = self.schedules.iter().map(|object| (ObjectKind::Schedule, &object.schedule.key));
        let notifiers = self.notifiers.iter().map(|object| (ObjectKind::Notifier, &object.notifier.key));
        let alerts = self.alerts.iter().map(|object| (ObjectKind::Alert, &object.alert.key));
        etls.chain(schedules).chain(notifiers).chain(alerts)
    }
}

impl Desired {
    /// The specs that `files` put in force, of ETLs that people started anew with `resets`. Texts were checked when they were
    /// accepted; what no longer parses is left out.
    pub fn build(
        files: &BTreeMap<String, AcceptedFile>,
        resets: &BTreeMap<EtlKey, EtlReset>,
        previous: &Self,
    ) -> Self {
        let mut desired = previous.clone();
        desired.update(files, resets);
        desired
    }

    /// Whether these are the files in force.
    pub(crate) fn reflects(&self, files: &BTreeMap<String, AcceptedFile>) -> bool {
        let same =
            |((path, parsed), (other, file)): ((&String, &Arc<ParsedBlob>), (&String, &AcceptedFile))| {
                path == other && parsed.blob == file.blob
            };
        self.files.len() == files.len() && self.files.iter().zip(files).all(same)
    }

    /// What a file in force brought.
    pub(crate) fn brought_by(&self, path: &str) -> Option<&ParsedBlob> {
        self.files.get(path).map(Arc::as_ref)
    }

    /// Schedules that start an ETL, be it there or not.
    pub(crate) fn starters_of<'a>(&'a self, etl: &EtlKey) -> impl Iterator<Item = &'a Arc<ScheduleObject>> {
        let known = self.schedules_of.get(etl).into_iter().flatten();
        known.filter_map(|key| self.schedules.get(key)).chain(self.waiting.get(etl).into_iter().flatten())
    }

    /// The ETL that a schedule starts.
    pub fn etl_of(&self, schedule: &Schedule) -> Option<&Arc<EtlObject>> {
        self.etls.get(&etl_key(schedule))
    }

    /// Schedules that wait for something: `etl/<project>/<name>` or `dataset/<id>`.
    pub fn listeners_of(&self, what: &str) -> &[ScheduleKey] {
        self.listeners.get(what).map_or(&[], Vec::as_slice)
    }

    /// All schedules that wait for something.
    pub(crate) fn listening(&self) -> impl Iterator<Item = &Arc<ScheduleObject>> {
        let keys: BTreeSet<&ScheduleKey> = self.listeners.values().flatten().collect();
        keys.into_iter().filter_map(|key| self.schedules.get(key))
    }

    /// The notifier that a name means in a project.
    pub(crate) fn notifier(&self, project: &Name, name: &Name) -> Option<ObjectKey> {
        notifier_of(project, name, |key| self.notifiers.contains_key(key))
    }

    /// All projects that have an ETL.
    pub fn projects(&self) -> Vec<Name> {
        let mut projects: Vec<Name> = self.etls.keys().map(|key| key.project.clone()).collect();
        projects.dedup();
        projects
    }
}

/// The key of the ETL that a schedule starts.
pub(crate) fn etl_key(schedule: &Schedule) -> EtlKey {
    EtlKey::new(schedule.key.project.clone(), schedule.etl.clone())
}

/// Whether an ETL has schedules, and none of them starts runs.
pub fn is_suspended(desired: &Desired, recorded: &Recorded, etl: &EtlKey) -> bool {
    let schedules = desired.schedules_of.get(etl).into_iter().flatten();
    let mut all = schedules.filter_map(|key| desired.schedules.get(key)).peekable();
    all.peek().is_some()
        && all.all(|object| {
            let record = recorded.schedule(&object.schedule.key);
            object.schedule.suspend || record.is_some_and(|record| record.rare.suspension.is_some())
        })
}

fn parse(
    path: &str,
    file: &AcceptedFile,
    resets: &BTreeMap<EtlKey, EtlReset>,
    shared: &mut Shared,
) -> ParsedBlob {
    let ParsedFile { objects, .. } = parse_file(path, file.text.as_bytes());
    let mut parsed = ParsedBlob { blob: file.blob.clone(), ..ParsedBlob::default() };
    let (path, commit): (Arc<str>, Arc<str>) = (path.into(), file.commit.as_str().into());
    for mut object in objects {
        shared.share(&mut object.value);
        match object.value {
            Object::Etl(mut etl) => {
                // An ETL that somebody started anew is of a higher version than its spec says: all else follows from that.
                let anew = resets.get(&etl.key).map_or(0, |reset| reset.count);
                etl.version = etl.version.saturating_add(anew);
                parsed.etls.push(Arc::new(EtlObject {
                    hash: spec_hash(&etl),
                    etl: Arc::new(etl),
                    file: path.clone(),
                    commit: commit.clone(),
                }));
            }
            Object::Schedule(schedule) => parsed.schedules.push(Arc::new(ScheduleObject {
                fingerprint: fingerprint(&schedule),
                schedule,
                file: path.clone(),
            })),
            Object::Notifier(notifier) => {
                let object = NotifierObject { notifier: *notifier, file: path.clone() };
                parsed.notifiers.push(Arc::new(object));
            }
            Object::Alert(alert) => {
                parsed.alerts.push(Arc::new(AlertObject { alert: *alert, file: path.clone() }));
            }
        }
    }
    parsed.etls.shrink_to_fit();
    parsed.schedules.shrink_to_fit();
    parsed
}

/// The hash under which runs keep a spec.
pub fn spec_hash(etl: &Etl) -> SpecHash {
    let text = serde_json::to_string(etl).expect("an Etl has only text keys, so it is always JSON");
    crate::name::base32_hash(&text, 26).into()
}

/// What a schedule's clock looks like.
fn fingerprint(schedule: &Schedule) -> Arc<str> {
    let suspended = schedule.suspend;
    let clock = match &schedule.when {
        crate::spec::When::Cron { crons, zone, dst } => {
            let crons: Vec<_> = crons.iter().map(crate::cron::Cron::source).collect();
            format!("cron {crons:?} in {:?} {dst:?}", zone.iana_name())
        }
        crate::spec::When::Every(period) => format!("every {period:?}"),
        crate::spec::When::AfterCompletion(period) => format!("every {period:?} after completion"),
        crate::spec::When::Inputs(inputs) => format!("on {inputs:?}"),
        crate::spec::When::Webhook(_) => "webhook".to_owned(),
    };
    let window = schedule.rules.window.map(|rule| (rule.lag, rule.size));
    let span = (window, schedule.rules.start_at, schedule.rules.end_at);
    crate::name::base32_hash(&format!("{} {clock} {suspended} {span:?}", schedule.etl), 13).into()
}
