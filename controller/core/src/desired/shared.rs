//! One copy of what many objects have in common: names of projects and ETLs, clocks, and what ticks do. Of a million schedules that is most.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cron::Cron;
use crate::name::Name;
use crate::spec::{Object, Rules, When};

/// What objects parsed together have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: BTreeSet<Name>,
    crons: BTreeMap<String, Cron>,
    /// Newest last. People write few kinds of them, and mostly the same in one file.
    rules: VecDeque<Arc<Rules>>,
}

/// So many of the newest rules are compared with.
const RULES_MAX: usize = 16;

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
                self.rules(&mut schedule.rules);
                if let When::Cron { crons, .. } = &mut schedule.when {
                    crons.iter_mut().for_each(|cron| self.cron(cron));
                    crons.shrink_to_fit();
                }
            }
            // There are few of them.
            Object::Notifier(_) | Object::Alert(_) => {}
        }
    }

    fn name(&mut self, name: &mut Name) {
        match self.names.get(name) {
            Some(known) => *name = known.clone(),
            None => drop(self.names.insert(name.clone())),
        }
    }

    fn rules(&mut self, rules: &mut Arc<Rules>) {
        match self.rules.iter().rev().find(|known| *known == rules) {
            Some(known) => *rules = known.clone(),
            None => {
                self.rules.push_back(rules.clone());
                let excess = self.rules.len().saturating_sub(RULES_MAX);
                self.rules.drain(..excess);
            }
        }
    }

    fn cron(&mut self, cron: &mut Cron) {
        match self.crons.get(cron.source()) {
            Some(known) => *cron = known.clone(),
            None => drop(self.crons.insert(cron.source().to_owned(), cron.clone())),
        }
    }
}
