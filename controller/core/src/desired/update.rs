//! How accepted files alter what is in force: only the objects of files that changed are taken out and put in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::shared::Shared;
use super::{Desired, EtlObject, ParsedBlob, ScheduleObject, etl_key, parse};
use crate::name::{EtlKey, ScheduleKey};
use crate::recorded::{AcceptedFile, EtlReset};
use crate::spec::params_fit;

/// Generations of which the loop may still ask what they changed; it takes each within moments.
const EDITS_MAX: usize = 16;
/// An edit that touches more is not told schedule by schedule: everything is looked at.
const TOUCHED_MAX: usize = 10_000;

/// What one generation changed.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    generation: u64,
    touched: Arc<BTreeSet<ScheduleKey>>,
}

impl Desired {
    /// Puts `files` in force, in place of those before.
    pub fn update(&mut self, files: &BTreeMap<String, AcceptedFile>, resets: &BTreeMap<EtlKey, EtlReset>) {
        self.generation += 1;
        let anew = self.take_resets(resets);
        let fresh = self.fresh(files, resets, &anew);
        let is_stale = |path: &String, parsed: &ParsedBlob| {
            anew.contains(path.as_str()) || files.get(path).is_none_or(|file| file.blob != parsed.blob)
        };
        let stale = self.files.iter().filter(|(path, parsed)| is_stale(path, parsed));
        let stale: Vec<String> = stale.map(|(path, _)| path.clone()).collect();
        let mut touched = BTreeSet::new();
        for path in stale {
            if let Some(old) = self.files.remove(&path) {
                self.take_out(&old, &mut touched);
            }
        }
        let is_bulk = fresh.len() > self.files.len();
        for (path, parsed) in fresh {
            self.put_in(&parsed, &mut touched);
            self.files.insert(path, parsed);
        }
        if self.is_tangled {
            return self.untangle();
        }
        self.note_misfits(&touched);
        if is_bulk {
            self.pack();
        }
        self.note_edit(touched);
    }

    /// Which schedules changed after a generation, if that is still known.
    pub fn touched_since(&self, generation: u64) -> Option<BTreeSet<ScheduleKey>> {
        let edits = self.edits.iter().filter(|edit| edit.generation > generation);
        let known = edits.clone().count() as u64;
        let all = self.generation.checked_sub(generation)? == known;
        all.then(|| edits.flat_map(|edit| edit.touched.iter().cloned()).collect())
    }

    /// The files of ETLs that were started anew since the last time.
    fn take_resets(&mut self, resets: &BTreeMap<EtlKey, EtlReset>) -> BTreeSet<Arc<str>> {
        let mut files = BTreeSet::new();
        for (etl, reset) in resets {
            if self.resets.insert(etl.clone(), reset.count) != Some(reset.count) {
                files.extend(self.etls.get(etl).map(|object| object.file.clone()));
            }
        }
        files
    }

    fn fresh(
        &self,
        files: &BTreeMap<String, AcceptedFile>,
        resets: &BTreeMap<EtlKey, EtlReset>,
        anew: &BTreeSet<Arc<str>>,
    ) -> Vec<(String, Arc<ParsedBlob>)> {
        let is_known = |path: &String, file: &AcceptedFile| {
            !anew.contains(path.as_str())
                && self.files.get(path).is_some_and(|parsed| parsed.blob == file.blob)
        };
        let fresh = files.iter().filter(|(path, file)| !is_known(path, file));
        let mut shared = Shared::default();
        fresh.map(|(path, file)| (path.clone(), Arc::new(parse(path, file, resets, &mut shared)))).collect()
    }

    fn take_out(&mut self, old: &ParsedBlob, touched: &mut BTreeSet<ScheduleKey>) {
        for object in &old.schedules {
            let (key, etl) = (&object.schedule.key, etl_key(&object.schedule));
            if self.schedules.get(key).is_some_and(|known| Arc::ptr_eq(known, object)) {
                self.schedules.remove(key);
                remove_from(&mut self.schedules_of, &etl, |known| known == key);
                self.forget_listener(object);
            }
            remove_from(&mut self.waiting, &etl, |known| Arc::ptr_eq(known, object));
            touched.insert(key.clone());
        }
        for object in &old.notifiers {
            self.notifiers.remove(&object.notifier.key);
        }
        for object in &old.alerts {
            self.alerts.remove(&object.alert.key);
        }
        for object in &old.etls {
            let key = &object.etl.key;
            if !self.etls.get(key).is_some_and(|known| Arc::ptr_eq(known, object)) {
                continue;
            }
            self.etls.remove(key);
            self.fresh.remove(key);
            for schedule in self.schedules_of.remove(key).unwrap_or_default() {
                if let Some(object) = self.schedules.remove(&schedule) {
                    self.forget_listener(&object);
                    self.waiting.entry(key.clone()).or_default().push(object);
                }
                touched.insert(schedule);
            }
        }
    }

    fn put_in(&mut self, new: &ParsedBlob, touched: &mut BTreeSet<ScheduleKey>) {
        for object in &new.etls {
            let key = &object.etl.key;
            self.is_tangled |= self.etls.insert(key.clone(), object.clone()).is_some();
            if object.etl.expect.freshness.is_some() {
                self.fresh.insert(key.clone());
            }
            for waiting in self.waiting.remove(key).unwrap_or_default() {
                self.add_schedule(key, waiting, touched);
            }
        }
        for object in &new.notifiers {
            self.is_tangled |= self.notifiers.insert(object.notifier.key.clone(), object.clone()).is_some();
        }
        for object in &new.alerts {
            self.is_tangled |= self.alerts.insert(object.alert.key.clone(), object.clone()).is_some();
        }
        for object in &new.schedules {
            let etl = etl_key(&object.schedule);
            if self.etls.contains_key(&etl) {
                self.add_schedule(&etl, object.clone(), touched);
            } else {
                self.waiting.entry(etl).or_default().push(object.clone());
            }
        }
    }

    fn add_schedule(
        &mut self,
        etl: &EtlKey,
        object: Arc<ScheduleObject>,
        touched: &mut BTreeSet<ScheduleKey>,
    ) {
        let key = &object.schedule.key;
        let of_etl = self.schedules_of.entry(etl.clone()).or_insert_with(|| Vec::with_capacity(1));
        if let Err(place) = of_etl.binary_search(key) {
            of_etl.insert(place, key.clone());
        }
        for input in object.schedule.waits_for() {
            let listeners = self.listeners.entry(input).or_default();
            if let Err(place) = listeners.binary_search(key) {
                listeners.insert(place, key.clone());
            }
        }
        touched.insert(key.clone());
        self.is_tangled |= self.schedules.insert(key.clone(), object).is_some();
    }

    fn forget_listener(&mut self, object: &ScheduleObject) {
        for input in object.schedule.waits_for() {
            remove_from(&mut self.listeners, &input, |known| *known == object.schedule.key);
        }
    }

    /// All objects anew, in the order of their files: the last of a name wins.
    fn untangle(&mut self) {
        let files = std::mem::take(&mut self.files);
        let (generation, policy) = (self.generation, self.policy.clone());
        let resets = std::mem::take(&mut self.resets);
        *self = Self { generation, policy, resets, ..Self::default() };
        let etls = files.values().flat_map(|parsed| &parsed.etls);
        self.etls = etls.map(|object| (object.etl.key.clone(), object.clone())).collect();
        let fresh = self.etls.values().filter(|object| object.etl.expect.freshness.is_some());
        self.fresh = fresh.map(|object| object.etl.key.clone()).collect();
        let mut touched = BTreeSet::new();
        for parsed in files.values() {
            let others = ParsedBlob {
                schedules: parsed.schedules.clone(),
                notifiers: parsed.notifiers.clone(),
                alerts: parsed.alerts.clone(),
                ..ParsedBlob::default()
            };
            self.put_in(&others, &mut touched);
        }
        self.note_misfits(&touched);
        (self.files, self.is_tangled) = (files, true);
    }

    fn note_misfits(&mut self, touched: &BTreeSet<ScheduleKey>) {
        for key in touched {
            let fits =
                |object: &ScheduleObject| self.etl_of(&object.schedule).is_none_or(|etl| fits(etl, object));
            if self.schedules.get(key).is_none_or(|object| fits(object)) {
                self.misfits.remove(key);
            } else {
                self.misfits.insert(key.clone());
            }
        }
    }

    fn note_edit(&mut self, touched: BTreeSet<ScheduleKey>) {
        if touched.len() > TOUCHED_MAX {
            return self.edits.clear();
        }
        if self.edits.len() == EDITS_MAX {
            self.edits.pop_front();
        }
        self.edits.push_back(Edit { generation: self.generation, touched: Arc::new(touched) });
    }

    /// Maps that grew key by key leave half of their room empty; made of a whole they are full.
    fn pack(&mut self) {
        self.etls = std::mem::take(&mut self.etls).into_iter().collect();
        self.schedules = std::mem::take(&mut self.schedules).into_iter().collect();
        let packed = |(etl, mut keys): (EtlKey, Vec<ScheduleKey>)| {
            keys.shrink_to_fit();
            (etl, keys)
        };
        self.schedules_of = std::mem::take(&mut self.schedules_of).into_iter().map(packed).collect();
        self.edits = VecDeque::new();
    }
}

fn fits(etl: &EtlObject, object: &ScheduleObject) -> bool {
    params_fit(&etl.etl, &object.schedule)
}

fn remove_from<K: Ord, T>(map: &mut BTreeMap<K, Vec<T>>, key: &K, is_it: impl FnMut(&T) -> bool) {
    let Some(list) = map.get_mut(key) else { return };
    if let Some(place) = list.iter().position(is_it) {
        list.remove(place);
    }
    if list.is_empty() {
        map.remove(key);
    }
}
