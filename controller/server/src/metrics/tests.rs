//! What a scrape says of records as they arise.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use etl_core::backfill::BackfillEnd;
use etl_core::change::Change;
use etl_core::name::{AttemptKey, BackfillKey, RunKey};
use etl_core::observed::SwarmHealth;
use etl_core::outcome::{EndState, Outcome, StuckReason};
use etl_core::recorded::{SourceError, SourceStatus};
use etl_core::run::{LogSummary, Trigger};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::clock;
use crate::fixture::{
    admitted, anchored, asked, at, attempt_ended, backfill, log_kept, make, name, run_ended, run_key,
    running, state, stuck, ticked,
};
use crate::state::State;

struct Scene {
    metrics: Arc<Metrics>,
    state: Arc<State>,
}

impl Scene {
    fn new() -> Self {
        Self { metrics: Arc::new(Metrics::new()), state: state() }
    }

    /// As the loop does: counted with the record as it was, then recorded.
    fn change(&self, changes: &[Change], now: i64) -> &Self {
        self.metrics.changed(changes, &self.state.desired(), &self.state.recorded(), at(now));
        make(&self.state, changes);
        self
    }

    fn text(&self, now: i64) -> String {
        self.metrics.scrape(&self.state, &sizes(), 10, at(now)).unwrap()
    }

    /// The value of a series, as it is written; nothing if it is not there.
    fn value(&self, series: &str, now: i64) -> Option<String> {
        let text = self.text(now);
        let line =
            text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.map(|line| line[series.len() + 1..].to_owned())
    }
}

fn sizes() -> Sizes {
    Sizes { store: Arc::new(|| 4096), logs: Arc::new(|| 512) }
}

const STUCK_SERIES: &str = r#"etl_task_stuck{project="north",etl="rna",task="extract",reason="NodeLost"}"#;

#[test]
fn an_export_is_told_of_only_if_there_is_one_and_keeps_its_last_success() {
    let scene = Scene::new();
    let seen = |scene: &Scene| {
        ["etl_export_up", "etl_export_last_success_timestamp_seconds"].map(|name| scene.value(name, 0))
    };
    assert_eq!(seen(&scene), [None, None]);
    for (up, success, expected) in
        [(false, None, None), (true, Some(at(10)), Some("1750000010")), (false, None, Some("1750000010"))]
    {
        scene.metrics.export(up, success);
        let expected = [Some(u8::from(up).to_string()), expected.map(str::to_owned)];
        assert_eq!(seen(&scene), expected, "up {up}, success {success:?}");
    }
}

#[test]
fn series_that_are_known_are_there_before_anything_happens() {
    let text = Scene::new().text(0);
    for series in [
        r#"etl_runs_total{project="north",etl="rna",result="failure"} 0"#,
        r#"etl_runs{project="north",etl="rna",state="Running"} 0"#,
        r#"etl_run_consecutive_failures{project="north",etl="rna"} 0"#,
        r#"etl_info{project="north",etl="rna",owner="ops"} 1"#,
        r#"etl_spec_timeout_seconds{project="north",etl="rna"} 3600"#,
        r#"etl_schedule_info{project="north",schedule="rna",etl="rna",trigger="cron"} 1"#,
        r#"etl_schedule_suspended{project="north",schedule="rna",cause="spec"} 0"#,
        r#"etl_schedule_missed_ticks_total{project="north",schedule="rna",reason="forbid"} 0"#,
        r#"etl_pool_slots{pool="default"} 10"#,
        r#"etl_git_sync_errors_total{source="main"} 0"#,
        r#"etl_log_lines_dropped_total{reason="limit"} 0"#,
        "etl_swarm_up 0",
        "etl_orphan_services 0",
        "etl_store_bytes 4096",
        "etl_log_store_bytes 512",
        "process_open_fds ",
        "etl_build_info{",
        "etl_schedule_lag_seconds_count 0",
    ] {
        assert!(text.lines().any(|line| line.starts_with(series)), "no {series} in {text}");
    }
    for reason in StuckReason::ALL {
        assert!(text.contains(&format!("etl_tasks_stuck{{reason=\"{}\"}} 0\n", reason.word())), "{text}");
    }
    assert!(
        !text.contains("etl_task_stuck{") && !text.contains("last_success"),
        "absent until there is one: {text}"
    );
}

#[test]
fn a_run_is_counted_as_it_goes() {
    let scene = Scene::new();
    scene.change(&admitted(&scene.state, "one", 0), 0).change(&running("one", 1), 6);
    let runs = |state| format!(r#"etl_runs{{project="north",etl="rna",state="{state}"}}"#);
    assert_eq!(scene.value(&runs("Running"), 6).as_deref(), Some("1"));
    assert_eq!(scene.value(r#"etl_pool_slots_used{pool="default"}"#, 6).as_deref(), Some("1"));
    assert_eq!(scene.value(r#"etl_task_queue_wait_seconds_sum{pool="default"}"#, 6).as_deref(), Some("2"));
    assert_eq!(scene.value(r#"etl_task_startup_seconds_sum{queue="default"}"#, 6).as_deref(), Some("3"));
    let oldest = r#"etl_run_oldest_active_start_timestamp_seconds{project="north",etl="rna"}"#;
    assert_eq!(scene.value(oldest, 6).as_deref(), Some("1750000001"));
    let log = LogSummary { lines: 9, bytes: 90, dropped: 3, complete: true };
    let end = [attempt_ended("one", Outcome::ExitCode(3), 8), log_kept("one", log)];
    scene.change(&end, 9).change(&[run_ended("one", EndState::Failed, 11)], 11);
    for (series, expected) in [
        (r#"etl_task_attempts_total{project="north",etl="rna",task="extract",result="failure"}"#, Some("1")),
        (r#"etl_task_failures_total{project="north",reason="ExitCode"}"#, Some("1")),
        (r#"etl_runs_total{project="north",etl="rna",result="failure"}"#, Some("1")),
        (r#"etl_runs_total{project="north",etl="rna",result="success"}"#, Some("0")),
        (r#"etl_run_consecutive_failures{project="north",etl="rna"}"#, Some("1")),
        (r#"etl_run_duration_seconds_sum{project="north",result="failure"}"#, Some("10")),
        (r#"etl_run_last_duration_seconds{project="north",etl="rna"}"#, Some("10")),
        (r#"etl_log_bytes_total{project="north"}"#, Some("90")),
        (r#"etl_log_lines_dropped_total{reason="limit"}"#, Some("3")),
        (r#"etl_run_last_success_timestamp_seconds{project="north",etl="rna"}"#, None),
        (oldest, None),
    ] {
        assert_eq!(scene.value(series, 12).as_deref(), expected, "{series}");
    }
}

#[test]
fn a_tick_is_late_once_however_many_tasks_its_run_begins_with() {
    let scene = Scene::new();
    let created = |run: &RunKey, task: &str, second| Change::AttemptCreated {
        attempt: AttemptKey { run: run.clone(), task: name(task), number: 1 },
        service: "svc".into(),
        at: at(second),
    };
    let begin = |run: &RunKey, task: &str, second| {
        let attempt = || AttemptKey { run: run.clone(), task: name(task), number: 1 };
        let intended = Change::AttemptIntended { attempt: attempt(), fence: 7, at: at(second) };
        scene.change(&[intended], second);
        created(run, task, second)
    };
    let told =
        || ["count", "sum"].map(|what| scene.value(&format!("etl_schedule_lag_seconds_{what}"), 0).unwrap());
    assert_eq!(told(), ["0", "0"]);
    let (run, changes) = ticked(&scene.state, 0, 60);
    scene.change(&changes, 61);
    let both = [begin(&run, "extract", 63), begin(&run, "load", 64)];
    scene.change(&both, 64);
    assert_eq!(told(), ["1", "3"], "two tasks in one batch, the first three seconds after the tick");
    scene.change(&[created(&run, "load", 70)], 70);
    assert_eq!(told(), ["1", "3"], "a task in a later batch");
    let (run, changes) = ticked(&scene.state, 60, 120);
    scene.change(&changes, 121);
    let first = begin(&run, "extract", 125);
    scene.change(&[first], 125);
    assert_eq!(told(), ["2", "8"], "another tick");
}

#[test]
fn failures_in_a_row_end_with_a_success_and_are_not_ended_by_a_cancellation() {
    let scene = Scene::new();
    for (number, end, expected) in [
        (1, EndState::Failed, "1"),
        (2, EndState::Lost, "2"),
        (3, EndState::Cancelled, "2"),
        (4, EndState::TimedOut, "3"),
        (5, EndState::Succeeded, "0"),
        (6, EndState::Failed, "1"),
    ] {
        let request = number.to_string();
        scene.change(&admitted(&scene.state, &request, number * 10), 0);
        scene.change(&[run_ended(&request, end, number * 10 + 5)], 0);
        let series = r#"etl_run_consecutive_failures{project="north",etl="rna"}"#;
        assert_eq!(scene.value(series, 100).as_deref(), Some(expected), "after {end:?}");
    }
}

#[test]
fn a_lost_node_is_seen_by_every_scrape_of_five_minutes() {
    let scene = Scene::new();
    scene.change(&admitted(&scene.state, "one", 0), 0).change(&running("one", 1), 6);
    scene.change(&[stuck("one", 20)], 20);
    assert_eq!(scene.value(STUCK_SERIES, 20).as_deref(), Some("1"));
    let goes_on = Change::TaskStuck { run: run_key("one"), task: "extract".parse().unwrap(), stuck: None };
    scene.change(&[goes_on], 22);
    for (now, expected) in [(22, Some("1")), (319, Some("1")), (320, None)] {
        assert_eq!(scene.value(STUCK_SERIES, now).as_deref(), expected, "{now} s");
    }
    assert_eq!(scene.value(r#"etl_tasks_stuck{reason="NodeLost"}"#, 400).as_deref(), Some("0"));
}

#[test]
fn what_stays_stuck_is_shown_for_as_long_and_not_beyond_its_run() {
    let scene = Scene::new();
    scene.change(&admitted(&scene.state, "one", 0), 0).change(&running("one", 1), 6);
    scene.change(&[stuck("one", 20)], 20);
    assert_eq!(scene.value(STUCK_SERIES, 90_000).as_deref(), Some("1"));
    scene.change(&[run_ended("one", EndState::Lost, 30)], 30);
    assert_eq!(scene.value(STUCK_SERIES, 31), None);
}

#[test]
fn windows_are_told_once_any_was_asked_for() {
    const DAY: i64 = 86_400;
    let scene = Scene::new();
    let missing = r#"etl_windows_missing{project="north",etl="rna"}"#;
    let complete = r#"etl_windows_complete_until_timestamp_seconds{project="north",etl="rna"}"#;
    assert_eq!((scene.value(missing, 0), scene.value(complete, 0)), (None, None));
    // The schedule ticks once a day.
    scene.change(&[anchored(0), asked(0, 3 * DAY)], 0);
    let told = || (scene.value(missing, 0).unwrap(), scene.value(complete, 0).unwrap());
    assert_eq!(told(), ("3".into(), "1750000000".into()));
    let (run, changes) = ticked(&scene.state, 0, DAY);
    scene.change(&changes, 0);
    assert_eq!(told(), ("2".into(), "1750000000".into()), "what a run stands for is not missing");
    let end = |state| Change::RunEnded { run: run.clone(), state, at: at(DAY + 9), message: String::new() };
    scene.change(&[end(EndState::Succeeded)], 0);
    assert_eq!(told(), ("2".into(), "1750086400".into()));
    scene.change(&[end(EndState::Failed)], 0);
    assert_eq!(told(), ("3".into(), "1750000000".into()), "what failed is missing again");
}

#[test]
fn backfills_are_told_of_while_they_are_not_over() {
    let scene = Scene::new();
    let told = || {
        ["etl_backfills_active", "etl_backfill_windows_left"]
            .map(|name| scene.value(&format!("{name}{{project=\"north\",etl=\"rna\"}}"), 0))
    };
    let some = |active: &str, left: &str| [Some(active.to_owned()), Some(left.to_owned())];
    let key = |text| BackfillKey::new(name("north"), name(text));
    assert_eq!(told(), [None, None]);
    scene.change(&[backfill("bf-1", 0), backfill("bf-2", 0)], 0);
    assert_eq!(told(), some("2", "10"));
    let mut run = admitted(&scene.state, "one", 0);
    if let [Change::RunAdmitted { run, .. }, ..] = run.as_mut_slice() {
        run.trigger = Trigger::Backfill { user: "ann".into(), backfill: key("bf-1") };
    }
    scene.change(&run, 0);
    scene.change(&[Change::BackfillAdvanced { backfill: key("bf-1"), next: 3, within: None, passed: 2 }], 0);
    assert_eq!(told(), some("2", "8"), "two windows and a run of one, five of the other");
    let end = |text| Change::BackfillEnded {
        backfill: key(text),
        end: BackfillEnd { at: at(1), message: "cancelled".into() },
    };
    scene.change(&[end("bf-2")], 1);
    assert_eq!(told(), some("1", "3"));
    scene.change(&[run_ended("one", EndState::Succeeded, 2)], 2);
    assert_eq!(told(), some("1", "2"));
    scene.change(&[end("bf-1")], 3);
    assert_eq!(told(), [None, None]);
}

#[test]
fn every_reason_to_miss_a_tick_is_told() {
    let text = Scene::new().text(0);
    for reason in ["deadline", "forbid", "limit", "suspended", "catchup", "merged", "empty"] {
        let series = format!(
            r#"etl_schedule_missed_ticks_total{{project="north",schedule="rna",reason="{reason}"}} 0"#
        );
        assert!(text.contains(&series), "no {series} in {text}");
    }
}

#[test]
fn no_series_bears_a_runs_name_or_an_errors_text() {
    let scene = Scene::new();
    scene.change(&admitted(&scene.state, "one", 0), 0).change(&running("one", 1), 6);
    let error = SourceError { reason: "Unreachable".into(), message: "a secret host".into(), at: at(7) };
    let source = Box::new(SourceStatus { error: Some(error), ..SourceStatus::default() });
    scene.change(&[stuck("one", 20), Change::SourceRead(source)], 20);
    scene.change(&[attempt_ended("one", Outcome::NodeLost, 21)], 21);
    let text = scene.text(30);
    for secret in
        [run_key("one").name(), run_key("one").suffix.to_string(), "heartbeat".into(), "a secret".into()]
    {
        assert!(!text.contains(&secret), "{secret} in {text}");
    }
    assert!(text.contains(r#"etl_git_sync_errors_total{source="main"} 1"#));
}

#[test]
fn series_of_an_etl_that_is_gone_go_with_it() {
    let scene = Scene::new();
    scene.change(&admitted(&scene.state, "one", 0), 0).change(&running("one", 1), 6);
    scene.change(&[attempt_ended("one", Outcome::Vanished, 8), run_ended("one", EndState::Lost, 9)], 9);
    let dropped = Change::FileDropped { path: "projects/north/rna.etl.yaml".into() };
    scene.change(&[dropped, Change::RunForgotten { run: run_key("one") }], 10);
    let recorded = scene.state.recorded().clone();
    let desired =
        etl_core::desired::Desired::build(&recorded.files, &recorded.resets, &scene.state.desired());
    scene.state.set_desired(desired);
    let text = scene.text(11);
    let left: Vec<_> = text.lines().filter(|line| line.contains(r#"etl="rna""#)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn calls_passes_and_orphans_are_counted() {
    let scene = Scene::new();
    let took = std::time::Duration::from_millis(30);
    scene.metrics.docker_request("create", "201", took);
    scene.metrics.docker_request("create", "timeout", took);
    scene.metrics.pass(took);
    scene.metrics.pass_failed();
    scene.metrics.orphan_services(2);
    for (series, expected) in [
        (r#"etl_docker_requests_total{code="timeout",operation="create"}"#, "1"),
        (r#"etl_docker_request_duration_seconds_count{operation="create"}"#, "2"),
        (r#"etl_reconcile_duration_seconds_count{kind="pass"}"#, "1"),
        (r#"etl_reconcile_errors_total{kind="pass"}"#, "1"),
        ("etl_orphan_services", "2"),
    ] {
        assert_eq!(scene.value(series, 0).as_deref(), Some(expected), "{series}");
    }
}

async fn answer(ops: &Ops, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router(ops.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn ops(scene: &Scene, started_at: jiff::Timestamp) -> Ops {
    let (state, metrics) = (scene.state.clone(), scene.metrics.clone());
    Ops { state, metrics, sizes: sizes(), slots: 10, has_source: true, started_at }
}

#[tokio::test]
async fn readiness_is_red_while_the_swarm_is_down_and_says_so() {
    let scene = Scene::new();
    let ops = ops(&scene, clock::now());
    let down = SwarmHealth::Down { since: at(5), message: "a host's name".into() };
    for (swarm, store_error, status, says) in [
        (SwarmHealth::Unknown, None, 503, "swarm: not asked yet\n"),
        (down, None, 503, "swarm: no answer since 2025-06-15T15:06:45Z\n"),
        (SwarmHealth::NoQuorum { since: at(5) }, None, 503, "swarm: no quorum since 2025-06-15T15:06:45Z\n"),
        (SwarmHealth::Up, Some("disk full".to_owned()), 503, "store: it does not take changes\n"),
        (SwarmHealth::Up, None, 200, "ok\n"),
    ] {
        scene.state.alter_seen(|seen| (seen.swarm, seen.store_error) = (swarm, store_error));
        assert_eq!(answer(&ops, "/readyz").await, (StatusCode::from_u16(status).unwrap(), says.to_owned()));
    }
    scene.change(&[Change::FileDropped { path: "projects/north/rna.etl.yaml".into() }], 9);
    let unread = "git: not read yet, and no specs are stored\n".to_owned();
    assert_eq!(answer(&ops, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, unread));
}

#[tokio::test]
async fn health_is_red_when_the_loop_no_longer_comes_round() {
    let scene = Scene::new();
    let seconds = jiff::SignedDuration::from_secs;
    let ops = ops(&scene, clock::now() - seconds(600));
    assert_eq!(answer(&ops, "/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE, "no pass since the start");
    scene.state.alter_seen(|seen| seen.passed_at = Some(clock::now()));
    assert_eq!(answer(&ops, "/healthz").await.0, StatusCode::OK);
    scene.state.alter_seen(|seen| seen.passed_at = Some(clock::now() - seconds(120)));
    assert_eq!(answer(&ops, "/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn there_is_nothing_else_on_the_listener() {
    let ops = ops(&Scene::new(), clock::now());
    assert_eq!(answer(&ops, "/metrics").await.0, StatusCode::OK);
    for path in ["/", "/api/v1/version", "/metrics/", "/debug"] {
        assert_eq!(answer(&ops, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}
