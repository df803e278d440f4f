//! Calls through the real router, with passes behind it that decide as the loop does.

use std::collections::BTreeMap;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etl_core::change::Change;
use etl_core::name::{EtlKey, RunKey};
use etl_core::observed::{Observed, SwarmHealth};
use etl_core::plan::plan;
use etl_core::recorded::{AcceptedFile, MissReason, Recorded};
use etl_core::run::{Run, Trigger};
use etl_store::{SledStore, Store};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

use super::*;
use crate::fixture::{at, name};
use crate::state::RequestResult;

mod kept;
mod strangers;

const SECRET: &str = "It's a Secret to Everybody";
/// Signed as GitHub's documentation has it.
const BODY: &str = "Hello, World!";
const MAC: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const HOOK: &str = "/hooks/north/box";

const SPEC: &str = "apiVersion: etl.swarm/v1alpha1
kind: ETL
metadata: {name: rna}
spec:
  params: {assay: {type: string}, rows: {type: integer, default: 7}, dry: {type: boolean, default: false}}
  tasks: {load: {image: 'busybox:1', command: ['true']}}
---
apiVersion: etl.swarm/v1alpha1
kind: Schedule
metadata: {name: box}
spec: {etl: rna, params: {assay: fixed}, webhook: {secretFile: SECRET}}
---
apiVersion: etl.swarm/v1alpha1
kind: Schedule
metadata: {name: full}
spec:
  etl: rna
  webhook:
    secretFile: SECRET
    params: {assay: '{{ body.assay }}', rows: ' {{ body.rows }} ', dry: '{{ body.dry }}'}
---
apiVersion: etl.swarm/v1alpha1
kind: Schedule
metadata: {name: nightly}
spec: {etl: rna, params: {assay: fixed}, cron: '0 3 * * *'}
";

struct Scene {
    state: Arc<State>,
    router: Router,
    metrics: Arc<Metrics>,
    folder: tempfile::TempDir,
    store: Arc<SledStore>,
    passes: tokio::task::JoinSet<()>,
}

/// As the loop does: durable, then in memory.
fn make(state: &State, store: &SledStore, changes: &[Change]) {
    let staged = state.recorded().stage(changes);
    store.commit(&staged).unwrap();
    let is_reset = !staged.resets.is_empty();
    state.alter_recorded(|recorded| recorded.install(staged));
    if is_reset {
        state.update_desired(|desired, recorded| desired.update(&recorded.files, &recorded.resets));
    }
}

/// Passes as the loop makes them, one for each time it is woken.
async fn pass(state: Arc<State>, store: Arc<SledStore>) {
    loop {
        state.wake.notified().await;
        let requests = state.take_inbox(true).requests;
        let observed = Observed { swarm: SwarmHealth::Up, requests, ..Observed::default() };
        let plan = plan(&state.desired(), &observed, &state.recorded(), at(0));
        make(&state, &store, &plan.changes);
        plan.answers.into_iter().for_each(|(ticket, answer)| state.answer(ticket, answer));
    }
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let text = SPEC.replace("SECRET", secret.to_str().unwrap());
        let file = AcceptedFile { blob: "b10b".into(), commit: "c0ffee".into(), text: text.into() };
        let accepted = Change::FileAccepted { path: "projects/north/rna.etl.yaml".into(), file };
        let store = SledStore::open(&folder.path().join("store")).unwrap();
        store.commit(&Recorded::default().stage(&[accepted])).unwrap();
        Self::on(folder, store)
    }

    /// A server that starts.
    fn on(folder: tempfile::TempDir, store: SledStore) -> Self {
        let state = Arc::new(State::new(store.load().unwrap()));
        assert_eq!(state.desired().schedules.len(), 3, "the spec is good");
        let metrics = Arc::new(Metrics::new());
        let router = router(state.clone(), metrics.clone());
        let mut passes = tokio::task::JoinSet::new();
        let store = Arc::new(store);
        passes.spawn(pass(state.clone(), store.clone()));
        Self { state, router, metrics, folder, store, passes }
    }

    /// The same after the server was stopped and started.
    async fn restarted(mut self) -> Self {
        self.passes.shutdown().await;
        drop(self.store);
        let store = SledStore::open(&self.folder.path().join("store")).unwrap();
        Self::on(self.folder, store)
    }

    fn forget(&self, run: &RunKey) {
        make(&self.state, &self.store, &[Change::RunForgotten { run: run.clone() }]);
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// The answer's status, with what was done or why it was refused.
    async fn call(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let response = self.send(path, headers, body.to_owned()).await;
        let status = response.status().as_u16();
        let answer = json_of(response).await;
        let word = answer["what"].as_str().or(answer["reason"].as_str()).unwrap_or_default();
        (status, word.to_owned())
    }

    /// A call of `full` with GitHub's signature.
    async fn signed(&self, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let signature = format!("sha256={}", hex(&hmac(SECRET.as_bytes(), &[body.as_bytes()])));
        let headers: Vec<_> =
            headers.iter().copied().chain([("x-hub-signature-256", signature.as_str())]).collect();
        let response = self.send("/hooks/north/full", &headers, body.to_owned()).await;
        (response.status().as_u16(), json_of(response).await)
    }

    fn runs(&self) -> Vec<Run> {
        self.state.recorded().runs.values().cloned().collect()
    }

    fn secret(&self) -> std::path::PathBuf {
        self.folder.path().join("secret")
    }
}

async fn json_of(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[tokio::test]
async fn a_call_in_each_shape_starts_one_run_and_repeated_starts_no_other() {
    let github = format!("sha256={MAC}");
    let (second, wide) = (clock::now().as_second().to_string(), [SECRET.as_bytes()]);
    let parts = [b"one.", second.as_bytes(), b".", BODY.as_bytes()];
    let standard = format!("v1,{}", STANDARD.encode(hmac(wide[0], &parts)));
    for (sentence, headers) in [
        ("GitHub", vec![("x-hub-signature-256", github.as_str()), ("x-github-delivery", "one")]),
        ("Gitea", vec![("x-gitea-signature", MAC), ("x-gitea-delivery", "one")]),
        ("Forgejo", vec![("x-forgejo-signature", MAC), ("x-forgejo-delivery", "one")]),
        ("GitLab", vec![("x-gitlab-token", SECRET), ("x-gitlab-event-uuid", "one")]),
        (
            "a key",
            vec![("x-gitlab-token", SECRET), ("x-gitlab-event-uuid", "two"), ("idempotency-key", "one")],
        ),
        (
            "Standard Webhooks",
            vec![("webhook-id", "one"), ("webhook-timestamp", &second), ("webhook-signature", &standard)],
        ),
        ("no id", vec![("x-hub-signature-256", github.as_str())]),
    ] {
        let scene = Scene::new();
        let answers = [scene.call(HOOK, &headers, BODY).await, scene.call(HOOK, &headers, BODY).await];
        assert_eq!(answers, [said(202, "created"), said(200, "unchanged")], "{sentence}");
        let runs = scene.runs();
        let [run] = runs.as_slice() else { panic!("{sentence}: {} runs", runs.len()) };
        let Trigger::Webhook { schedule, delivery } = &run.trigger else { panic!("{sentence}: {run:?}") };
        let body_hash = "sha256:dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f";
        let expected = if sentence == "no id" { body_hash } else { "one" };
        assert_eq!((schedule.to_string().as_str(), delivery.as_str()), ("north/box", expected), "{sentence}");
        assert_eq!(run.key.etl.name, name("rna"));
    }
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let scene = Scene::new();
    let (good, bad) = (format!("sha256={MAC}"), format!("sha256={}", MAC.replace('7', "8")));
    let mut answers = Vec::new();
    for (path, shown) in [
        (HOOK, ""),
        (HOOK, bad.as_str()),
        (HOOK, MAC),
        ("/hooks/north/nightly", good.as_str()),
        ("/hooks/north/none", good.as_str()),
        ("/hooks/NORTH/box", good.as_str()),
        ("/hooks/north/%ff", good.as_str()),
        ("/hooks/north/%2e%2e", good.as_str()),
    ] {
        let headers = if shown.is_empty() { vec![] } else { vec![("x-hub-signature-256", shown)] };
        let response = scene.send(path, &headers, BODY).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {shown}");
        answers.push(json_of(response).await);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer to all: {answers:?}");
    assert!(scene.runs().is_empty());
    let response = scene
        .router
        .clone()
        .oneshot(Request::builder().method(Method::GET).uri(HOOK).body(Body::empty()).unwrap());
    assert_eq!(response.await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn one_byte_of_the_body_makes_another_call() {
    let scene = Scene::new();
    let headers = [("x-gitea-signature", MAC)];
    for at in 0..BODY.len() {
        let mut body = BODY.as_bytes().to_vec();
        body[at] ^= 1;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(scene.call(HOOK, &headers, &body).await, said(401, "Unauthorized"), "{body}");
    }
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(202, "created"));
}

#[tokio::test]
async fn what_costs_too_much_is_refused_before_it_is_looked_at() {
    let scene = Scene::new();
    let headers = [("x-gitea-signature", MAC)];
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    assert_eq!(scene.call(HOOK, &headers, &large).await, said(413, "TooLarge"));
    assert_eq!(scene.call("/hooks/north/none", &headers, &large).await, said(413, "TooLarge"));
    let chunks = (0..17).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 16])));
    let streamed = scene.send(HOOK, &headers, Body::from_stream(futures_util::stream::iter(chunks))).await;
    assert_eq!(streamed.status(), StatusCode::PAYLOAD_TOO_LARGE, "its length was not told");
    let full = "x".repeat(BODY_BYTES_MAX);
    assert_eq!(scene.call(HOOK, &headers, &full).await, said(401, "Unauthorized"));
}

#[tokio::test]
async fn a_secret_counts_as_its_file_says_now() {
    let scene = Scene::new();
    let token = |token: &'static str| [("x-gitlab-token", token)];
    std::fs::write(scene.secret(), "new").unwrap();
    assert_eq!(scene.call(HOOK, &token(SECRET), "a").await, said(401, "Unauthorized"));
    assert_eq!(scene.call(HOOK, &token("new"), "a").await, said(202, "created"));
    std::fs::write(scene.secret(), "\n").unwrap();
    assert_eq!(scene.call(HOOK, &token(""), "b").await, said(503, "SecretUnreadable"));
    std::fs::remove_file(scene.secret()).unwrap();
    assert_eq!(scene.call(HOOK, &token("new"), "b").await, said(503, "SecretUnreadable"));
    assert_eq!(scene.runs().len(), 1);
}

#[tokio::test]
async fn the_body_brings_parameters_of_their_types() {
    let scene = Scene::new();
    let body = r#"{"assay": "x-1", "rows": 12, "dry": true}"#;
    let form = "payload=%7B%22assay%22%3A+%22x-1%22%2C+%22rows%22%3A+%2212%22%2C+%22dry%22%3A+%22true%22%7D";
    let form_kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    for (sentence, headers, body) in [
        ("JSON", vec![], body),
        ("a form", vec![form_kind], form),
        ("JSON called a form", vec![form_kind], body),
    ] {
        let key = sentence.replace(' ', "-");
        let headers: Vec<_> = headers.into_iter().chain([("idempotency-key", key.as_str())]).collect();
        assert_eq!(scene.signed(&headers, body).await.0, 202, "{sentence}");
        let of_key =
            |run: &Run| matches!(&run.trigger, Trigger::Webhook { delivery, .. } if *delivery == key);
        let run = scene.runs().into_iter().find(of_key).unwrap();
        let expected = BTreeMap::from([("assay", json!("x-1")), ("rows", json!(12)), ("dry", json!(true))]);
        assert_eq!(serde_json::to_value(&run.params).unwrap(), json!(expected), "{sentence}");
    }
    for (body, message) in [
        ("{", "the body is no JSON: EOF while parsing an object at line 1 column 1"),
        ("{}", "parameter `assay`: `body.assay` has no value"),
        (r#"{"assay": "a", "rows": "many", "dry": true}"#, "parameter `rows` must be integer, not `many`"),
        (r#"{"assay": "a", "rows": 1, "dry": "yes"}"#, "parameter `dry` must be boolean, not `yes`"),
    ] {
        let (status, answer) = scene.signed(&[], body).await;
        assert_eq!((status, answer["message"].as_str().unwrap()), (422, message), "{body}");
    }
    let long = "x".repeat(201);
    for id in ["", "two words", "\u{e9}", long.as_str()] {
        assert_eq!(scene.signed(&[("x-github-delivery", id)], "{}").await.0, 422, "{id:?}");
    }
    assert_eq!(scene.signed(&[("x-github-event", "ping")], "{}").await.0, 200, "a ping starts nothing");
    assert_eq!(scene.runs().len(), 3);
}

#[tokio::test]
async fn a_suspended_hook_counts_what_it_missed_and_takes_the_same_call_later() {
    let scene = Scene::new();
    let key = ScheduleKey::new(name("north"), name("box"));
    let headers = [("x-gitea-signature", MAC)];
    let suspend = Verb::Suspend { schedule: key.clone(), until: None, reason: String::new() };
    // The first pass sees the schedule; only then is there something to suspend.
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(202, "created"));
    scene.state.ask("one".into(), "ann".into(), suspend).await.unwrap();
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(200, "unchanged"), "its run is there");
    let other = [("x-gitea-signature", MAC), ("x-gitea-delivery", "two")];
    assert_eq!(scene.call(HOOK, &other, BODY).await, said(409, "Conflict"));
    let missed = scene.state.recorded().schedules[&key].rare.missed_total.clone();
    assert_eq!(missed, BTreeMap::from([(MissReason::Suspended, 1)]));
    let resume = Verb::Resume { schedule: key, reason: String::new() };
    scene.state.ask("two".into(), "ann".into(), resume).await.unwrap();
    assert_eq!(scene.call(HOOK, &other, BODY).await, said(202, "created"));
}

#[tokio::test]
async fn calls_are_counted_by_what_came_of_them() {
    let scene = Scene::new();
    let headers = [("x-gitea-signature", MAC)];
    for _ in 0..3 {
        scene.call(HOOK, &headers, BODY).await;
    }
    scene.call(HOOK, &[], BODY).await;
    scene.signed(&[], "{").await;
    let shown =
        [("accepted", 1), ("repeated", 2), ("refused", 1), ("limited", 0), ("invalid", 1), ("failed", 0)];
    for (result, expected) in shown {
        assert_eq!(scene.metrics.webhook_requests(result), expected, "{result}");
    }
}
