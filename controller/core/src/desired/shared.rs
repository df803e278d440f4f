//! One copy of what many objects have in common: names of projects and ETLs, and clocks. Of a million schedules that is most.

use std::collections::{BTreeMap, BTreeSet};

use crate::cron::Cron;
use crate::name::Name;
use crate::spec::{Object, When};

/// What objects parsed together have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: BTreeSet<Name>,
    crons: BTreeMap<String, Cron>,
}

impl Shared {
    /// Puts the copy that is there in place of an object's own.
    pub fn share(&mut self, object: &mut Object) {
        match object {
            Object::Etl(etl) => {
                self.name(&mut etl.key.project);
                self.name(&mut etl.key.name);
                etl.tasks.shrink_to_fit();
                etl.params.shrink_to_fit();
            }
            Object::Schedule(schedule) => {
                self.name(&mut schedule.key.project);
                self.name(&mut schedule.key.name);
                self.name(&mut schedule.etl);
                if let When::Cron { crons, .. } = &mut schedule.when {
                    crons.iter_mut().for_each(|cron| self.cron(cron));
                    crons.shrink_to_fit();
                }
            }
        }
    }

    fn name(&mut self, name: &mut Name) {
        match self.names.get(name) {
            Some(known) => *name = known.clone(),
            None => drop(self.names.insert(name.clone())),
        }
    }

    fn cron(&mut self, cron: &mut Cron) {
        match self.crons.get(cron.source()) {
            Some(known) => *cron = known.clone(),
            None => drop(self.crons.insert(cron.source().to_owned(), cron.clone())),
        }
    }
}
