//! Backfills, reruns and resets: what is asked for, what a list shows, and that asking twice is asking once.

use etl_core::backfill::{BackfillEnd, Reprocess};
use etl_core::change::Change;
use etl_core::name::{BackfillKey, RunKey};
use etl_core::observed::Request as Asked;
use etl_core::run::Trigger;

use super::*;
use crate::fixture::{DAY, anchored, backfill, name, rna};

const BACKFILLS: &str = "/api/v1/etls/north/rna/backfills";

/// What the loop finds, and answers.
async fn asked(scene: &Scene, path: &str, body: Value, key: Option<&str>) -> (StatusCode, Asked) {
    let state = scene.api.state.clone();
    let pass = async {
        state.wake.notified().await;
        let mut requests = state.take_inbox(true).requests;
        let request = requests.remove(0);
        state.answer(request.ticket, Ok(Done { object: "run/x".into(), what: "done".into() }));
        request
    };
    let mut request = Request::post(path);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let mut request = request.body(HttpBody::from(body.to_string())).unwrap();
    request.extensions_mut().insert(Caller { name: "ann".into() });
    let (response, request) = tokio::join!(scene.send(request), pass);
    (response.status(), request)
}

fn span() -> Value {
    json!({"from": "2025-06-12T02:30:00Z", "to": "2025-06-15T02:30:00Z"})
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[tokio::test]
async fn a_backfill_is_tried_on_paper_and_nothing_is_recorded() {
    let scene = Scene::new();
    make(&scene.api.state, &[anchored(0)]);
    let body = with(span(), "dryRun", json!(true));
    let (status, answer) = scene.ask(Method::POST, BACKFILLS, body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let windows: Vec<&str> = answer["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|window| window["start"].as_str().unwrap())
        .collect();
    assert_eq!(windows, ["2025-06-12T02:30:00Z", "2025-06-13T02:30:00Z", "2025-06-14T02:30:00Z"]);
    assert!(scene.api.state.take_inbox(true).requests.is_empty());
}

#[tokio::test]
async fn a_backfill_is_left_for_the_loop() {
    let scene = Scene::new();
    let body = json!({
        "from": "2025-06-12T00:00:00Z", "to": "2025-06-15T00:00:00Z", "reprocess": "failed",
        "maxActive": 3, "reverse": true, "params": {"days": 2}, "requestId": "mine", "schedule": "rna",
    });
    let (status, request) = asked(&scene, BACKFILLS, body, None).await;
    assert_eq!((status, request.id.as_str(), request.user.as_str()), (StatusCode::CREATED, "mine", "ann"));
    let Verb::Backfill { etl, order } = request.verb else { panic!("{:?}", request.verb) };
    assert_eq!((etl, order.max_active, order.reverse), (rna(), 3, true));
    assert_eq!(order.schedule, Some(name("rna")));
    assert_eq!((order.reprocess, order.missing, order.params.len()), (Reprocess::Failed, false, 1));
    let (_, request) = asked(&scene, "/api/v1/backfills/north/bf-1/cancel", json!({}), None).await;
    assert!(matches!(request.verb, Verb::CancelBackfill { backfill } if backfill.name.as_str() == "bf-1"));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let scene = Scene::new();
    let state = &scene.api.state;
    make(state, &admitted(state, "one", 0));
    let runs = "/api/v1/etls/north/rna/runs";
    let turned = json!({"from": "2025-06-15T00:00:00Z", "to": "2025-06-12T00:00:00Z"});
    let same = json!({"window": {"start": "2025-06-12T00:00:00Z", "end": "2025-06-12T00:00:00Z"}});
    for (path, body, status, reason) in [
        (BACKFILLS, json!({}), 422, "Invalid"),
        (BACKFILLS, turned, 422, "Invalid"),
        (BACKFILLS, with(span(), "reprocess", json!("some")), 400, "BadRequest"),
        (BACKFILLS, with(with(span(), "maxActive", json!(0)), "dryRun", json!(true)), 422, "Invalid"),
        (BACKFILLS, with(span(), "dryRun", json!(true)), 409, "Conflict"),
        (BACKFILLS, with(span(), "schedule", json!("UP")), 422, "Invalid"),
        (BACKFILLS, with(with(span(), "schedule", json!("none")), "dryRun", json!(true)), 404, "NotFound"),
        ("/api/v1/etls/north/none/backfills", with(span(), "dryRun", json!(true)), 404, "NotFound"),
        ("/api/v1/backfills/north/UP/cancel", json!({}), 404, "NotFound"),
        ("/api/v1/runs/north/rna-m012345678/rerun", json!({}), 404, "NotFound"),
        ("/api/v1/etls/north/rna/reset", json!({"reason": "x".repeat(1_001)}), 422, "Invalid"),
        ("/api/v1/schedules/north/rna/resume", json!({"reason": "x".repeat(1_001)}), 422, "Invalid"),
        (runs, same, 422, "Invalid"),
        (runs, json!({"window": {"start": "2025-06-12T00:00:00Z"}}), 400, "BadRequest"),
    ] {
        let refused = scene.refusal(Method::POST, path, &body.to_string()).await;
        assert_eq!(refused, (status, reason.to_owned()), "{path} {body}");
    }
    for path in ["/api/v1/backfills/north/bf-1", "/api/v1/backfills/north/UP"] {
        assert_eq!(scene.refusal(Method::GET, path, "").await, (404, "NotFound".to_owned()), "{path}");
    }
    assert_eq!(scene.refusal(Method::GET, "/api/v1/backfills?x=1", "").await.0, 400);
}

#[tokio::test]
async fn asking_twice_is_asking_once_in_either_way() {
    let scene = Scene::new();
    let state = &scene.api.state;
    make(state, &admitted(state, "one", 0));
    let rerun = format!("/api/v1/runs/north/{}/rerun", run_key("one").name());
    for (path, body) in [
        ("/api/v1/etls/north/rna/runs", json!({})),
        (rerun.as_str(), json!({"params": {"days": 3}})),
        (BACKFILLS, span()),
    ] {
        let (_, request) = asked(&scene, path, body.clone(), Some("from-the-header")).await;
        assert_eq!(request.id, "from-the-header", "{path}");
        let both = with(body.clone(), "requestId", json!("k"));
        let (_, request) = asked(&scene, path, both.clone(), Some("k")).await;
        assert_eq!(request.id, "k", "{path}");
        for (key, body) in [("other", &both), ("", &body)] {
            let mut request = Request::post(path)
                .header("idempotency-key", key)
                .body(HttpBody::from(body.to_string()))
                .unwrap();
            request.extensions_mut().insert(Caller { name: "ann".into() });
            assert_eq!(scene.send(request).await.status(), 422, "{path} with {key:?}");
        }
    }
}

#[tokio::test]
async fn reruns_and_resets_are_left_for_the_loop() {
    let scene = Scene::new();
    let state = &scene.api.state;
    make(state, &admitted(state, "one", 0));
    let path = format!("/api/v1/runs/north/{}/rerun", run_key("one").name());
    let (status, request) = asked(&scene, &path, json!({"params": {"days": 3}}), None).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(
        matches!(request.verb, Verb::Rerun { run, params } if run == run_key("one") && params.len() == 1)
    );
    let path = "/api/v1/etls/north/rna/reset";
    let (_, request) = asked(&scene, path, json!({"reason": "moved"}), Some("mine")).await;
    assert_eq!(request.id, "mine", "the header is its id");
    let (status, request) = asked(&scene, path, json!({"reason": "moved"}), None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(matches!(request.verb, Verb::Reset { etl, reason } if etl == rna() && reason == "moved"));
}

/// Its first window succeeded, its second was passed over, its third runs.
fn half_done() -> Scene {
    let scene = Scene::new();
    let state = &scene.api.state;
    let key = BackfillKey::new(name("north"), name("bf-1"));
    make(state, &[backfill("bf-1", 10), backfill("bf-2", 20)]);
    for (request, ends) in [("a", true), ("b", false)] {
        let mut changes = admitted(state, request, 30);
        if let [Change::RunAdmitted { run, .. }, ..] = changes.as_mut_slice() {
            run.trigger = Trigger::Backfill { user: "ann".into(), backfill: key.clone() };
        }
        make(state, &changes);
        if ends {
            make(state, &[run_ended(request, EndState::Succeeded, 40)]);
        }
    }
    make(state, &[Change::BackfillAdvanced { backfill: key, next: 3, within: None, passed: 1 }]);
    let key = BackfillKey::new(name("north"), name("bf-2"));
    let end = BackfillEnd { at: at(50), message: "cancelled by ann".into() };
    make(state, &[Change::BackfillEnded { backfill: key, end }]);
    scene
}

#[tokio::test]
async fn backfills_tell_how_far_they_are() {
    let scene = half_done();
    let one = scene.get("/api/v1/backfills/north/bf-1").await;
    let status = &one["status"];
    let counts: Vec<u64> = ["windows", "done", "failed", "passed", "left", "active"]
        .map(|key| status[key].as_u64().unwrap())
        .into();
    assert_eq!((status["state"].as_str(), counts), (Some("Running"), vec![5, 1, 0, 1, 3, 1]));
    assert_eq!(status["next"]["start"], json!(at(-2 * DAY)));
    assert_eq!((&one["spec"]["etl"], &one["spec"]["reprocess"]), (&json!("rna"), &json!("none")));
    for (query, expected) in [
        ("", vec!["bf-2", "bf-1"]),
        ("?active=true", vec!["bf-1"]),
        ("?state=cancelled", vec!["bf-2"]),
        ("?project=north&etl=rna&limit=1", vec!["bf-2"]),
        ("?etl=other", vec![]),
    ] {
        let list = scene.get(&format!("/api/v1/backfills{query}")).await;
        assert_eq!((names(&list), &list["kind"]), (expected, &json!("BackfillList")), "{query}");
    }
    let run = scene.get(&format!("/api/v1/runs/north/{}", RunKey::of_request(&rna(), "b").name())).await;
    assert_eq!((&run["spec"]["backfill"], &run["spec"]["trigger"]), (&json!("bf-1"), &json!("backfill")));
}

#[tokio::test]
async fn an_etl_tells_its_version_and_its_reset() {
    let scene = Scene::new();
    let state = &scene.api.state;
    assert_eq!(scene.get("/api/v1/etls/north/rna").await["spec"]["version"], 1);
    make(
        state,
        &[Change::EtlReset {
            etl: rna(),
            request: "one".into(),
            by: "ann".into(),
            reason: "moved".into(),
            at: at(5),
        }],
    );
    let recorded = state.recorded().clone();
    let desired = etl_core::desired::Desired::build(&recorded.files, &recorded.resets, &state.desired());
    state.set_desired(desired);
    let etl = scene.get("/api/v1/etls/north/rna").await;
    assert_eq!(etl["spec"]["version"], 2);
    assert_eq!(etl["status"]["reset"], json!({"count": 1, "user": "ann", "reason": "moved", "at": at(5)}));
}
