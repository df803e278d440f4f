//! ETLs and their runs, as the record has them.

use std::collections::BTreeMap;

use etl_core::desired::{Desired, EtlObject, is_suspended};
use etl_core::outcome::EndState;
use etl_core::recorded::Recorded;
use etl_core::run::{Run, RunEnd};
use etl_core::view::{STUCK, run_state};
use jiff::Timestamp;

use super::page::{Family, Page};

/// States of runs that are not over.
const OPEN_STATES: [&str; 5] = ["Pending", "Queued", "Running", "Cancelling", STUCK];
const ETL: &[&str] = &["project", "etl"];

struct Families {
    info: Family,
    created: Family,
    timeout: Family,
    freshness: Family,
    duration: Family,
    runs: Family,
    failures: Family,
    last_start: Family,
    last_completion: Family,
    last_success: Family,
    last_duration: Family,
    oldest_active: Family,
}

pub(super) fn write(page: &mut Page, desired: &Desired, recorded: &Recorded) {
    let mut families = Families::new();
    for object in desired.etls.values() {
        families.add(desired, recorded, object);
    }
    families.push(page);
}

impl Families {
    fn new() -> Self {
        let gauge = |name, help| Family::gauge(name, ETL, help);
        Self {
            info: Family::gauge("etl_info", &["project", "etl", "owner"], "An ETL in force, always 1"),
            created: gauge("etl_created_timestamp_seconds", "When the ETL's first schedule was first seen"),
            timeout: gauge("etl_spec_timeout_seconds", "The time limit of the ETL's runs, where it has one"),
            freshness: gauge("etl_spec_freshness_seconds", "How old the ETL's last success may be"),
            duration: gauge("etl_spec_expected_duration_seconds", "How long the ETL's runs may take"),
            runs: Family::gauge("etl_runs", &["project", "etl", "state"], "Runs that are not over"),
            failures: gauge("etl_run_consecutive_failures", "Failed runs since the last that succeeded"),
            last_start: gauge("etl_run_last_start_timestamp_seconds", "When a run last started"),
            last_completion: gauge("etl_run_last_completion_timestamp_seconds", "When a run was last over"),
            last_success: gauge("etl_run_last_success_timestamp_seconds", "When a run last succeeded"),
            last_duration: gauge("etl_run_last_duration_seconds", "How long the last finished run took"),
            oldest_active: gauge(
                "etl_run_oldest_active_start_timestamp_seconds",
                "When the oldest active run started",
            ),
        }
    }

    fn add(&mut self, desired: &Desired, recorded: &Recorded, object: &EtlObject) {
        let key = &object.etl.key;
        let labels = [key.project.as_str(), key.name.as_str()];
        let runs: Vec<&Run> = recorded.runs_of(key).collect();
        self.info.add(&[labels[0], labels[1], object.etl.owner.as_deref().unwrap_or_default()], 1.0);
        put(&mut self.created, labels, created(desired, recorded, object));
        if let Some(timeout) = object.etl.timeout {
            self.timeout.add(&labels, timeout.as_secs_f64());
        }
        if let Some(freshness) = object.etl.expect.freshness.filter(|_| !is_suspended(desired, recorded, key))
        {
            self.freshness.add(&labels, freshness.as_secs_f64());
        }
        if let Some(duration) = object.etl.expect.duration {
            self.duration.add(&labels, duration.as_secs_f64());
        }
        self.add_states(labels, &runs);
        let active = runs.iter().filter(|run| run.end.is_none());
        put(&mut self.oldest_active, labels, active.filter_map(|run| run.started_at).min());
        put(&mut self.last_start, labels, runs.iter().filter_map(|run| run.started_at).max());
        self.add_ends(labels, &runs);
    }

    fn add_states(&mut self, labels: [&str; 2], runs: &[&Run]) {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.end.is_none()) {
            *counts.entry(run_state(run)).or_default() += 1;
        }
        for state in OPEN_STATES {
            let count = counts.get(state).copied().unwrap_or_default();
            self.runs.add(&[labels[0], labels[1], state], f64::from(count));
        }
    }

    fn add_ends(&mut self, labels: [&str; 2], runs: &[&Run]) {
        let mut ends: Vec<(&RunEnd, &Run)> =
            runs.iter().filter_map(|run| run.end.as_ref().map(|end| (end, *run))).collect();
        ends.sort_by_key(|(end, _)| end.at);
        let succeeded = |(end, _): &&(&RunEnd, &Run)| end.state == EndState::Succeeded;
        let since = ends.iter().rev().take_while(|end| !succeeded(end));
        self.failures.add(&labels, since.filter(|(end, _)| end.state.is_failure()).count() as f64);
        put(&mut self.last_success, labels, ends.iter().rev().find(succeeded).map(|(end, _)| end.at));
        let Some((end, run)) = ends.last() else { return };
        put(&mut self.last_completion, labels, Some(end.at));
        if let Some(started) = run.started_at {
            self.last_duration.add(&labels, end.at.duration_since(started).as_secs_f64().max(0.0));
        }
    }

    fn push(self, page: &mut Page) {
        let Self { info, created, timeout, freshness, duration, runs, failures, .. } = self;
        let Self { last_start, last_completion, last_success, last_duration, oldest_active, .. } = self;
        let families = [info, created, timeout, freshness, duration, runs, failures];
        let times = [last_start, last_completion, last_success, last_duration, oldest_active];
        families.into_iter().chain(times).for_each(|family| page.push(family));
    }
}

fn created(desired: &Desired, recorded: &Recorded, object: &EtlObject) -> Option<Timestamp> {
    let schedules = desired.schedules_of.get(&object.etl.key).into_iter().flatten();
    schedules.filter_map(|key| recorded.schedule(key)).map(|record| record.first_seen).min()
}

fn put(family: &mut Family, labels: [&str; 2], at: Option<Timestamp>) {
    if let Some(at) = at {
        family.add(&labels, super::scrape::unix(at));
    }
}
