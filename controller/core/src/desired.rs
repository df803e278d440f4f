//! What should be: the ETLs and schedules in force, built from the accepted spec files. Files whose blob did not change are not parsed again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::name::{EtlKey, Name, ScheduleKey};
use crate::recorded::{AcceptedFile, EtlReset};
use crate::run::SpecHash;
use crate::spec::{Etl, Object, ParsedFile, Schedule, parse_file};

/// The specs in force.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Rises whenever anything here changes; passes compare it to visit everything once after an edit.
    pub generation: u64,
    /// What the operator set.
    pub policy: Arc<Policy>,
    /// ETLs.
    pub etls: BTreeMap<EtlKey, Arc<EtlObject>>,
    /// Schedules of ETLs that exist.
    pub schedules: BTreeMap<ScheduleKey, Arc<ScheduleObject>>,
    /// Schedules by the ETL they start.
    pub schedules_of: BTreeMap<EtlKey, Vec<ScheduleKey>>,
    /// Schedules by what they wait for.
    listeners: BTreeMap<String, Vec<ScheduleKey>>,
    files: BTreeMap<String, Arc<ParsedBlob>>,
}

/// What the operator set, as far as decisions depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Value of the `controller` label: services that bear another are not ours.
    pub controller: String,
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
    pub file: String,
    /// The commit that brought this version of the file.
    pub commit: String,
}

/// A schedule in force.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleObject {
    /// The spec.
    pub schedule: Schedule,
    /// What its clock looks like: a change of it re-anchors its ticks.
    pub fingerprint: String,
    /// The file it comes from.
    pub file: String,
    /// The commit that brought this version of the file.
    pub commit: String,
}

#[derive(Debug)]
struct ParsedBlob {
    blob: String,
    etls: Vec<Arc<EtlObject>>,
    schedules: Vec<Arc<ScheduleObject>>,
}

impl Desired {
    /// The specs that `files` put in force, of ETLs that people started anew with `resets`. Texts were checked when they were
    /// accepted; what no longer parses is left out.
    pub fn build(
        files: &BTreeMap<String, AcceptedFile>,
        resets: &BTreeMap<EtlKey, EtlReset>,
        previous: &Self,
    ) -> Self {
        let policy = previous.policy.clone();
        let mut desired = Self { generation: previous.generation + 1, policy, ..Self::default() };
        for (path, file) in files {
            let known = previous.files.get(path).filter(|parsed| parsed.blob == file.blob);
            let parsed = known.cloned().unwrap_or_else(|| Arc::new(parse(path, file)));
            for object in &parsed.etls {
                desired.etls.insert(object.etl.key.clone(), in_force(object, resets));
            }
            desired.files.insert(path.clone(), parsed);
        }
        desired.add_schedules();
        desired
    }

    fn add_schedules(&mut self) {
        let all: Vec<_> = self.files.values().flat_map(|parsed| parsed.schedules.clone()).collect();
        for object in all {
            let key = object.schedule.key.clone();
            let etl = EtlKey::new(key.project.clone(), object.schedule.etl.clone());
            if self.etls.contains_key(&etl) {
                self.schedules_of.entry(etl).or_default().push(key.clone());
                for input in object.schedule.waits_for() {
                    self.listeners.entry(input).or_default().push(key.clone());
                }
                self.schedules.insert(key, object);
            }
        }
    }

    /// The ETL that a schedule starts.
    pub fn etl_of(&self, schedule: &Schedule) -> Option<&Arc<EtlObject>> {
        self.etls.get(&EtlKey::new(schedule.key.project.clone(), schedule.etl.clone()))
    }

    /// Schedules that wait for something: `etl/<project>/<name>` or `dataset/<id>`.
    pub fn listeners_of(&self, what: &str) -> &[ScheduleKey] {
        self.listeners.get(what).map_or(&[], Vec::as_slice)
    }

    /// All projects that have an ETL.
    pub fn projects(&self) -> Vec<Name> {
        let mut projects: Vec<Name> = self.etls.keys().map(|key| key.project.clone()).collect();
        projects.dedup();
        projects
    }
}

/// An ETL that somebody started anew is of a higher version than its spec says: all else follows from that.
fn in_force(object: &Arc<EtlObject>, resets: &BTreeMap<EtlKey, EtlReset>) -> Arc<EtlObject> {
    let Some(reset) = resets.get(&object.etl.key) else { return object.clone() };
    let version = object.etl.version.saturating_add(reset.count);
    let etl = Etl { version, ..Etl::clone(&object.etl) };
    Arc::new(EtlObject { hash: spec_hash(&etl), etl: Arc::new(etl), ..EtlObject::clone(object) })
}

fn parse(path: &str, file: &AcceptedFile) -> ParsedBlob {
    let ParsedFile { objects, .. } = parse_file(path, file.text.as_bytes());
    let mut parsed = ParsedBlob { blob: file.blob.clone(), etls: Vec::new(), schedules: Vec::new() };
    for object in objects {
        match object.value {
            Object::Etl(etl) => parsed.etls.push(Arc::new(EtlObject {
                hash: spec_hash(&etl),
                etl: Arc::new(etl),
                file: path.to_owned(),
                commit: file.commit.clone(),
            })),
            Object::Schedule(schedule) => parsed.schedules.push(Arc::new(ScheduleObject {
                fingerprint: fingerprint(&schedule),
                schedule,
                file: path.to_owned(),
                commit: file.commit.clone(),
            })),
        }
    }
    parsed
}

/// The hash under which runs keep a spec.
pub fn spec_hash(etl: &Etl) -> SpecHash {
    let text = serde_json::to_string(etl).expect("an Etl has only text keys, so it is always JSON");
    crate::name::base32_hash(&text, 26).into()
}

/// What a schedule's clock looks like.
fn fingerprint(schedule: &Schedule) -> String {
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
    let window = schedule.window.map(|rule| (rule.lag, rule.size));
    let span = (window, schedule.start_at, schedule.end_at);
    crate::name::base32_hash(&format!("{} {clock} {suspended} {span:?}", schedule.etl), 13)
}
