//! What new versions of files are to each other and to the files that stay. Looks only at what a commit can have changed, and
//! parses again only those files that have a fault together: for the place of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accept::{KindAndKey, News};
use crate::desired::{Desired, ScheduleObject, etl_key};
use crate::name::{EtlKey, Name, ObjectKey};
use crate::recorded::AcceptedFile;
use crate::source::Tree;
use crate::spec::{
    Elsewhere, Etl, Fault, ObjectKind, ParsedFile, Schedule, Starts, When, add_starts, check_among,
    notifier_of, params_fit, parse_file, producers, way_back,
};

/// New files beside those that stay in force.
pub(super) struct Beside<'a> {
    pub in_force: &'a BTreeMap<String, AcceptedFile>,
    /// What `in_force` brought.
    pub desired: &'a Desired,
    pub tree: &'a Tree,
    /// Files that take the place of their last good version, or are new.
    pub news: BTreeMap<String, News>,
    /// Files that are let go.
    pub dropped: BTreeSet<String>,
}

impl Beside<'_> {
    /// How many objects are in force.
    pub fn objects_before(&self) -> usize {
        let waiting: usize = self.desired.waiting.values().map(Vec::len).sum();
        let telling = self.desired.notifiers.len() + self.desired.alerts.len();
        self.desired.etls.len() + self.desired.schedules.len() + waiting + telling
    }

    /// Objects in force that would be there no more, with their files.
    pub fn gone(&self) -> BTreeMap<KindAndKey, String> {
        let after: BTreeSet<(ObjectKind, &ObjectKey)> = self.news.values().flat_map(News::keys).collect();
        let mut gone = BTreeMap::new();
        for path in self.leaving() {
            let Some(brought) = self.desired.brought_by(path) else { continue };
            for object in brought.keys().filter(|object| !after.contains(object)) {
                gone.insert((object.0, object.1.clone()), path.clone());
            }
        }
        gone
    }

    /// Files whose version in force does not stay.
    fn leaving(&self) -> impl Iterator<Item = &String> {
        self.dropped.iter().chain(self.news.keys().filter(|path| self.in_force.contains_key(*path)))
    }

    fn stays(&self, file: &str) -> bool {
        !self.news.contains_key(file) && !self.dropped.contains(file)
    }

    /// The faults that files have together, in the order of files.
    pub fn faults(&self) -> Vec<Fault> {
        let suspects = self.suspects();
        if suspects.is_empty() {
            return Vec::new();
        }
        let parsed: Vec<ParsedFile> = suspects.iter().filter_map(|path| self.parse(path)).collect();
        check_among(&parsed, &Others { beside: self, news: self.new_etls() })
    }

    fn parse(&self, path: &str) -> Option<ParsedFile> {
        if self.news.contains_key(path) {
            return Some(parse_file(path, &self.tree.files.get(path)?.bytes));
        }
        Some(parse_file(path, self.in_force.get(path)?.text.as_bytes()))
    }

    fn new_etls(&self) -> BTreeMap<&EtlKey, &Etl> {
        self.news.values().flat_map(|news| &news.etls).map(|etl| (&etl.key, etl)).collect()
    }

    /// Files with a fault together, the partners of a clash among them.
    fn suspects(&self) -> BTreeSet<&str> {
        let mut suspects = self.clashes();
        let etls = self.new_etls();
        for (path, news) in &self.news {
            if news.schedules.iter().any(|schedule| !self.is_sound(&etls, schedule)) {
                suspects.insert(path);
            }
        }
        let old = self.leaving().filter_map(|path| self.desired.brought_by(path));
        let old = old.flat_map(|brought| &brought.etls).map(|object| &object.etl.key);
        let affected: BTreeSet<&EtlKey> = old.chain(etls.keys().copied()).collect();
        let listening = affected.iter().flat_map(|key| self.desired.listeners_of(&format!("etl/{key}")));
        let listening = listening.filter_map(|key| self.desired.schedules.get(key));
        let started = affected.iter().flat_map(|key| self.desired.starters_of(key)).chain(listening);
        let waiting = self.desired.waiting.values().flatten();
        let misfits = self.desired.misfits.iter().filter_map(|key| self.desired.schedules.get(key));
        let staying = started.chain(waiting).chain(misfits).filter(|object| self.stays(&object.file));
        let faulty = staying.filter(|object| !self.is_sound(&etls, &object.schedule));
        suspects.extend(faulty.map(|object: &Arc<ScheduleObject>| &*object.file));
        suspects.extend(self.circling(&etls));
        suspects.extend(self.telling_nobody());
        suspects
    }

    /// Files that name a notifier which nobody has. Those that stay are looked at only when a notifier goes.
    fn telling_nobody(&self) -> BTreeSet<&str> {
        let known = self.notifiers();
        let is_told = |project: &Name, notify: &[Name]| {
            notify.iter().all(|name| notifier_of(project, name, |key| known.contains(key)).is_some())
        };
        let is_heard = |news: &News| {
            news.etls.iter().all(|etl| is_told(&etl.key.project, &etl.notify))
                && news.alerts.iter().all(|alert| is_told(&alert.key.project, &alert.notify))
        };
        let new = self.news.iter().filter(|(_, news)| !is_heard(news)).map(|(path, _)| path.as_str());
        let mut files: BTreeSet<&str> = new.collect();
        if self.desired.notifiers.keys().all(|key| known.contains(key)) {
            return files;
        }
        let etls = self.desired.etls.values().filter(|it| !is_told(&it.etl.key.project, &it.etl.notify));
        let alerts =
            self.desired.alerts.values().filter(|it| !is_told(&it.alert.key.project, &it.alert.notify));
        let staying = etls.map(|it| &*it.file).chain(alerts.map(|it| &*it.file));
        files.extend(staying.filter(|file| self.stays(file)));
        files
    }

    /// All notifiers that will be there.
    fn notifiers(&self) -> BTreeSet<&ObjectKey> {
        let staying = self.desired.notifiers.iter().filter(|(_, object)| self.stays(&object.file));
        let new = self.news.values().flat_map(|news| &news.notifiers);
        staying.map(|(key, _)| key).chain(new).collect()
    }

    /// Files of schedules that start what they wait for, by way of others, with the makers of the datasets between them. Looked
    /// for only when a new file may close a circle.
    fn circling<'s>(&'s self, news: &BTreeMap<&'s EtlKey, &'s Etl>) -> BTreeSet<&'s str> {
        let new: Vec<(&str, &Schedule)> = self
            .news
            .iter()
            .flat_map(|(path, news)| news.schedules.iter().map(|schedule| (path.as_str(), schedule)))
            .collect();
        let makes = |etl: &Etl| etl.tasks.values().any(|task| !task.produces.is_empty());
        if !news.values().any(|etl| makes(etl)) && new.iter().all(|(_, it)| it.waits_for().is_empty()) {
            return BTreeSet::new();
        }
        let staying = self.desired.listening().filter(|object| self.stays(&object.file));
        let all: Vec<(&str, &Schedule)> =
            staying.map(|object| (&*object.file, &object.schedule)).chain(new).collect();
        let homes = self.makers(news);
        let produced = producers(homes.values().map(|(etl, _)| *etl));
        let mut starts = Starts::new();
        all.iter().for_each(|(_, schedule)| add_starts(&mut starts, schedule, &produced));
        let circling =
            all.into_iter().filter(|(_, schedule)| way_back(&starts, &etl_key(schedule)).is_some());
        let mut files = BTreeSet::new();
        for (file, schedule) in circling.filter(|(_, schedule)| !schedule.waits_for().is_empty()) {
            files.insert(file);
            let waits_for = schedule.waits_for();
            let datasets = waits_for.iter().filter_map(|it| it.strip_prefix("dataset/"));
            let makers = datasets.filter_map(|dataset| produced.get(dataset)).flatten();
            files.extend(makers.filter_map(|etl| homes.get(*etl)).map(|(_, file)| *file));
        }
        files
    }

    /// All ETLs that make datasets, with their files.
    fn makers<'s>(
        &'s self,
        news: &BTreeMap<&'s EtlKey, &'s Etl>,
    ) -> BTreeMap<&'s EtlKey, (&'s Etl, &'s str)> {
        let makes = |etl: &Etl| etl.tasks.values().any(|task| !task.produces.is_empty());
        let staying = self.desired.etls.values().filter(|object| self.stays(&object.file));
        let staying = staying.map(|object| (&object.etl.key, (object.etl.as_ref(), &*object.file)));
        let home = |key: &EtlKey| {
            let brings = |news: &News| news.etls.iter().any(|etl| etl.key == *key);
            self.news.iter().find(|(_, news)| brings(news)).map(|(path, _)| path.as_str())
        };
        let new = news.iter().filter(|(_, etl)| makes(etl));
        let new = new.filter_map(|(key, etl)| Some((*key, (*etl, home(key)?))));
        staying.filter(|(_, (etl, _))| makes(etl)).chain(new).collect()
    }

    /// Files that define one object more than once, each or together.
    fn clashes(&self) -> BTreeSet<&str> {
        let mut clashes = BTreeSet::new();
        let mut homes: BTreeMap<(ObjectKind, &ObjectKey), &str> = BTreeMap::new();
        for (path, news) in &self.news {
            for (kind, key) in news.keys() {
                let other = homes.insert((kind, key), path).or_else(|| self.home(kind, key));
                if let Some(other) = other {
                    clashes.extend([other, path]);
                }
            }
        }
        clashes
    }

    /// The file that stays and defines the object.
    fn home(&self, kind: ObjectKind, key: &ObjectKey) -> Option<&str> {
        let home: Option<&str> = match kind {
            ObjectKind::Etl => self.desired.etls.get(key).map(|object| &*object.file),
            ObjectKind::Schedule => {
                let waiting = || self.desired.waiting.values().flatten();
                let known = self.desired.schedules.get(key);
                known
                    .or_else(|| waiting().find(|object| object.schedule.key == *key))
                    .map(|object| &*object.file)
            }
            ObjectKind::Notifier => self.desired.notifiers.get(key).map(|object| &*object.file),
            ObjectKind::Alert => self.desired.alerts.get(key).map(|object| &*object.file),
        };
        home.filter(|file| self.stays(file))
    }

    /// Whether a schedule's ETL will be there, and take its parameters.
    fn is_sound(&self, news: &BTreeMap<&EtlKey, &Etl>, schedule: &Schedule) -> bool {
        let key = etl_key(schedule);
        let etl = news.get(&key).copied().or_else(|| self.staying_etl(&key));
        let fits = etl.is_some_and(|etl| params_fit(etl, schedule));
        let When::Inputs(inputs) = &schedule.when else { return fits };
        let mut etls = inputs.etls.iter().map(|etl| EtlKey::new(schedule.key.project.clone(), etl.clone()));
        fits && etls.all(|key| news.contains_key(&key) || self.staying_etl(&key).is_some())
    }

    fn staying_etl(&self, key: &EtlKey) -> Option<&Etl> {
        let object = self.desired.etls.get(key).filter(|object| self.stays(&object.file))?;
        Some(&object.etl)
    }
}

/// ETLs of all files but those that are parsed again.
struct Others<'a> {
    beside: &'a Beside<'a>,
    news: BTreeMap<&'a EtlKey, &'a Etl>,
}

impl Elsewhere for Others<'_> {
    fn etl(&self, key: &EtlKey) -> Option<&Etl> {
        self.news.get(key).copied().or_else(|| self.beside.staying_etl(key))
    }

    fn names(&self, project: &Name) -> Vec<&Name> {
        let news = self.news.keys().copied();
        let staying = self.beside.desired.etls.values().filter(|object| self.beside.stays(&object.file));
        let all = news.chain(staying.map(|object| &object.etl.key));
        all.filter(|key| key.project == *project).map(|key| &key.name).collect()
    }

    fn notifiers(&self) -> BTreeSet<&ObjectKey> {
        self.beside.notifiers()
    }
}
