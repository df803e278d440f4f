//! What Prometheus is told. Numbers that mirror the record are read from it at each scrape; only what the record does not
//! keep is counted here. Must never carry a run's name or an error's text in a label.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etl_core::change::Change;
use etl_core::desired::Desired;
use etl_core::name::ObjectKey;
use etl_core::recorded::Recorded;
use jiff::Timestamp;
use prometheus::process_collector::ProcessCollector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

mod changed;
mod counted;
mod mirror_backfill;
mod mirror_etl;
mod mirror_node;
mod mirror_schedule;
mod mirror_stuck;
mod mirror_window;
mod page;
mod scrape;
mod serve;
#[cfg(test)]
mod tests;

pub use scrape::Sizes;
pub use serve::{Ops, router};

use counted::Counted;

/// Seconds, from a call over a local socket to a pass that waits for a slow manager.
const CALL_BUCKETS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];
/// Seconds, from a no-op task to a night's load.
const RUN_BUCKETS: [f64; 11] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 10_800.0, 28_800.0, 86_400.0];
/// Seconds, from a free slot to a long queue.
const WAIT_BUCKETS: [f64; 11] = [0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0];
/// The one pool until pools are built: the global limit on attempts in flight.
const POOL: &str = "default";
/// The one git source.
const SOURCE: &str = "main";
/// What comes of calls of webhooks.
const CALLS: [&str; 7] = ["accepted", "repeated", "refused", "limited", "invalid", "missed", "failed"];
/// The kind of the loop's own turn.
const PASS: &str = "pass";

/// Counters, histograms, and what has to be seen for longer than it lasts.
pub struct Metrics {
    registry: Registry,
    docker_requests: IntCounterVec,
    docker_seconds: HistogramVec,
    reconcile_seconds: HistogramVec,
    reconcile_errors: IntCounterVec,
    run_seconds: HistogramVec,
    queue_wait_seconds: HistogramVec,
    startup_seconds: HistogramVec,
    schedule_lag_seconds: HistogramVec,
    git_errors: IntCounterVec,
    webhook_requests: IntCounterVec,
    notifications: IntCounterVec,
    orphan_services: IntGauge,
    counted: Mutex<Counted>,
    /// How the export of the ledger is; none if nothing is exported.
    export: Mutex<Option<ExportSeen>>,
}

impl Metrics {
    /// Metrics at zero, in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            docker_requests: counter(
                &registry,
                "etl_docker_requests_total",
                "Calls to Docker",
                &["operation", "code"],
            ),
            docker_seconds: histogram(
                &registry,
                ("etl_docker_request_duration_seconds", "How long calls to Docker took"),
                &["operation"],
                &CALL_BUCKETS,
            ),
            reconcile_seconds: histogram(
                &registry,
                ("etl_reconcile_duration_seconds", "How long passes took"),
                &["kind"],
                &CALL_BUCKETS,
            ),
            reconcile_errors: counter(
                &registry,
                "etl_reconcile_errors_total",
                "Passes that failed",
                &["kind"],
            ),
            run_seconds: histogram(
                &registry,
                ("etl_run_duration_seconds", "How long finished runs took"),
                &["project", "result"],
                &RUN_BUCKETS,
            ),
            queue_wait_seconds: histogram(
                &registry,
                ("etl_task_queue_wait_seconds", "From a task's dependencies being met to its attempt"),
                &["pool"],
                &WAIT_BUCKETS,
            ),
            startup_seconds: histogram(
                &registry,
                ("etl_task_startup_seconds", "From a service's creation to its container running"),
                &["queue"],
                &WAIT_BUCKETS,
            ),
            schedule_lag_seconds: histogram(
                &registry,
                ("etl_schedule_lag_seconds", "From a tick and its jitter to its run's first service"),
                &[],
                &WAIT_BUCKETS,
            ),
            git_errors: git_errors(&registry),
            webhook_requests: webhook_requests(&registry),
            notifications: notifications(&registry),
            orphan_services: gauge(
                &registry,
                "etl_orphan_services",
                "Services with our labels that the store does not know",
            ),
            counted: Mutex::default(),
            export: Mutex::default(),
            registry,
        };
        metrics.start();
        metrics
    }

    /// Known series are there from the start, at zero.
    fn start(&self) {
        let process = self.registry.register(Box::new(ProcessCollector::for_self()));
        process.expect("the registry is new, so nothing is in it twice");
        self.reconcile_errors.with_label_values(&[PASS]);
        self.git_errors.with_label_values(&[SOURCE]);
        for result in CALLS {
            self.webhook_requests.with_label_values(&[result]);
        }
        self.queue_wait_seconds.with_label_values(&[POOL]);
        self.startup_seconds.with_label_values(&[POOL]);
        self.schedule_lag_seconds.with_label_values::<&str>(&[]);
    }

    /// Counts what a pass changed; called once the changes are durable, with the record as it was before them.
    pub fn changed(&self, changes: &[Change], desired: &Desired, before: &Recorded, now: Timestamp) {
        changed::count(self, changes, desired, before, now);
    }

    /// A call to Docker was answered, or given up with a word in place of a code.
    pub fn docker_request(&self, operation: &str, code: &str, took: Duration) {
        self.docker_requests.with_label_values(&[operation, code]).inc();
        self.docker_seconds.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// A webhook was called, and this came of it.
    pub fn webhook_request(&self, result: &'static str) {
        self.webhook_requests.with_label_values(&[result]).inc();
    }

    /// A message was sent to a notifier, or not taken.
    pub fn notification(&self, notifier: &ObjectKey, arrived: bool) {
        let labels =
            [notifier.project.as_str(), notifier.name.as_str(), if arrived { "success" } else { "error" }];
        self.notifications.with_label_values(&labels).inc();
    }

    #[cfg(test)]
    pub(crate) fn webhook_requests(&self, result: &str) -> u64 {
        self.webhook_requests.with_label_values(&[result]).get()
    }

    /// A pass ended.
    pub fn pass(&self, took: Duration) {
        self.reconcile_seconds.with_label_values(&[PASS]).observe(took.as_secs_f64());
    }

    /// A pass failed.
    pub fn pass_failed(&self) {
        self.reconcile_errors.with_label_values(&[PASS]).inc();
    }

    /// How many services bear our labels and are not in the store.
    pub fn orphan_services(&self, count: usize) {
        self.orphan_services.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether the ledger is exported, and when something was last written there.
    pub fn export(&self, up: bool, success: Option<Timestamp>) {
        let mut export = self.export.lock().unwrap_or_else(PoisonError::into_inner);
        let known = export.as_ref().and_then(|seen| seen.last_success);
        *export = Some(ExportSeen { up, last_success: success.or(known) });
    }

    #[cfg(test)]
    pub(crate) fn export_is_up(&self) -> bool {
        self.export.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|seen| seen.up)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the export of the ledger is.
#[derive(Debug, Clone, Copy)]
struct ExportSeen {
    up: bool,
    last_success: Option<Timestamp>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

const SOUND: &str = "names and labels are constants of this file, and the registry is new";

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counter = IntCounterVec::new(Opts::new(name, help), labels).expect(SOUND);
    registry.register(Box::new(counter.clone())).expect(SOUND);
    counter
}

fn git_errors(registry: &Registry) -> IntCounterVec {
    counter(registry, "etl_git_sync_errors_total", "Readings of git that failed", &["source"])
}

fn notifications(registry: &Registry) -> IntCounterVec {
    let labels = &["project", "notifier", "result"];
    counter(registry, "etl_notifications_total", "Messages to notifiers, each try", labels)
}

fn webhook_requests(registry: &Registry) -> IntCounterVec {
    counter(registry, "etl_webhook_requests_total", "Calls of webhooks", &["result"])
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect(SOUND);
    registry.register(Box::new(gauge.clone())).expect(SOUND);
    gauge
}

fn histogram(
    registry: &Registry,
    (name, help): (&str, &str),
    labels: &[&str],
    buckets: &[f64],
) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let histogram = HistogramVec::new(opts, labels).expect(SOUND);
    registry.register(Box::new(histogram.clone())).expect(SOUND);
    histogram
}
