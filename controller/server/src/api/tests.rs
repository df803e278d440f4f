//! The router over a record as it arises: who is let in, what lists show, what writes ask for, how logs are read.

use std::path::Path;

use axum::body::Body as HttpBody;
use axum::http::{Method, Request, Response, StatusCode, header};
use etl_core::log::{LogLine, Stream};
use etl_core::observed::{SwarmHealth, Verb};
use etl_core::outcome::{EndState, Outcome};
use etl_core::view::Done;
use etl_store::LogLimit;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::fixture::{
    admitted, at, attempt_ended, attempt_key, log_kept, make, run_ended, run_key, running, state,
};
use crate::state::refused;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Scene {
    api: Api,
    folder: tempfile::TempDir,
}

fn settings(args: &[&str]) -> Arc<Settings> {
    let args = ["etl-controller"].iter().chain(args).map(std::ffi::OsString::from);
    Arc::new(Settings::load(args, []).unwrap().settings)
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let limit = LogLimit { bytes_per_attempt: 1 << 20 };
        let api = Api {
            state: state(),
            metrics: Arc::default(),
            logs: LogStore::open(&folder.path().join("logs"), limit).unwrap(),
            settings: settings(&[
                "--git-url",
                "file:///specs.git",
                "--data-dir",
                &folder.path().display().to_string(),
            ]),
            token: Some(TokenFile::open(&token).unwrap()),
            sync_now: Arc::new(|allow| {
                let held = format!("allowed {allow}");
                Box::pin(async move { Err(refused("RemoteUnreachable", &held, "look at the remote")) })
            }),
            check: Arc::new(|| Box::pin(async { vec![] })),
            shutdown: CancellationToken::new(),
        };
        Self { api, folder }
    }

    fn token_path(&self) -> std::path::PathBuf {
        self.folder.path().join("token")
    }

    async fn send(&self, request: Request<HttpBody>) -> Response<HttpBody> {
        router(self.api.clone()).oneshot(request).await.unwrap()
    }

    /// As a caller of the unix socket.
    async fn ask(&self, method: Method, path: &str, body: impl Into<HttpBody>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        request.extensions_mut().insert(Caller { name: "ann".into() });
        let response = self.send(request).await;
        let status = response.status();
        (status, serde_json::from_slice(&bytes(response).await).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(Method::GET, path, "").await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    async fn refusal(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let (status, value) = self.ask(method, path, body.to_owned()).await;
        (status.as_u16(), value["reason"].as_str().unwrap_or_default().to_owned())
    }

    async fn logs(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/runs/north/{}/logs{query}", run_key("one").name());
        let mut request = Request::get(path).body(HttpBody::empty()).unwrap();
        request.extensions_mut().insert(Caller { name: "ann".into() });
        let text = bytes(self.send(request).await).await;
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The run `one`, whose first attempt of `extract` has printed two lines.
    fn with_logs(self) -> Self {
        let state = &self.api.state;
        make(state, &admitted(state, "one", 0));
        make(state, &running("one", 1));
        self.print(&["first", "second"]);
        self
    }

    fn print(&self, texts: &[&str]) -> etl_store::LogWriter {
        let mut writer = self.api.logs.writer(&attempt_key("one", "extract", 1)).unwrap();
        let line =
            |text: &&str| LogLine { at: at(10), stream: Stream::Stdout, bytes: text.as_bytes().to_vec() };
        writer.append(&texts.iter().map(line).collect::<Vec<_>>()).unwrap();
        writer
    }
}

async fn bytes(response: Response<HttpBody>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn no_path_answers_without_a_token() {
    let scene = Scene::new();
    let paths = routes(ANSWER_LIMIT).into_iter().map(|route| route.path.replace(['{', '}'], ""));
    let others = ["/", "/api/v1", "/api/v1/none", "/metrics", "/api/v1/version/..", "//api/v1/version"];
    for path in paths.chain(others.map(str::to_owned)) {
        for method in [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS, Method::DELETE] {
            for shown in [
                "",
                "Bearer",
                "Bearer ",
                "Bearer wrong",
                "Basic 0123456789abcdef0123456789abcdef",
                "Beare\u{e9} x",
            ] {
                let mut request = Request::builder().method(method.clone()).uri(&path);
                if !shown.is_empty() {
                    request = request.header(header::AUTHORIZATION, shown);
                }
                let response = scene.send(request.body(HttpBody::empty()).unwrap()).await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path} with {shown:?}");
                assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
            }
        }
    }
}

async fn version_with(scene: &Scene, shown: &str) -> u16 {
    let request =
        Request::get("/api/v1/version").header(header::AUTHORIZATION, shown).body(HttpBody::empty());
    scene.send(request.unwrap()).await.status().as_u16()
}

#[tokio::test]
async fn the_token_counts_as_its_file_says_now_and_nobody_is_let_in_without_it() {
    let mut scene = Scene::new();
    let (old, new) = (format!("Bearer {TOKEN}"), "bearer a-new-token-of-some-length");
    assert_eq!(version_with(&scene, &old).await, 200);
    std::fs::write(scene.token_path(), "a-new-token-of-some-length").unwrap();
    assert_eq!(version_with(&scene, &old).await, 401);
    assert_eq!(version_with(&scene, new).await, 200);
    std::fs::write(scene.token_path(), "").unwrap();
    assert_eq!(version_with(&scene, "Bearer ").await, 503, "an emptied file opens nothing");
    std::fs::remove_file(scene.token_path()).unwrap();
    assert_eq!(version_with(&scene, new).await, 503);
    scene.api.token = None;
    assert_eq!(version_with(&scene, &old).await, 401);
    assert!(matches!(TokenFile::open(Path::new("/nowhere")), Err(TokenError::Unreadable { .. })));
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_say_how_many_are_left() {
    let scene = Scene::new();
    let state = &scene.api.state;
    for (number, request) in ["one", "two", "three"].into_iter().enumerate() {
        make(state, &admitted(state, request, number as i64 * 100));
    }
    make(state, &[run_ended("two", EndState::Failed, 150)]);
    make(state, &running("three", 200));
    let name = |request: &str| run_key(request).name();
    for (query, expected) in [
        ("", vec!["three", "two", "one"]),
        ("?project=north&etl=rna", vec!["three", "two", "one"]),
        ("?project=south", vec![]),
        ("?state=failed,running", vec!["three", "two"]),
        ("?active=true", vec!["three", "one"]),
        ("?active=false", vec!["two"]),
        ("?since=2025-06-15T15:08:20Z", vec!["three", "two"]),
        ("?until=2025-06-15T15:08:20Z", vec!["one"]),
        ("?trigger=schedule", vec![]),
        ("?limit=1", vec!["three"]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(name).collect();
        let list = scene.get(&format!("/api/v1/runs{query}")).await;
        assert_eq!(names(&list), expected, "{query}");
    }
    let cut = scene.get("/api/v1/runs?limit=1").await;
    assert_eq!((cut["kind"].as_str(), cut["remaining"].as_u64()), (Some("RunList"), Some(2)));
    let tasks = scene.get("/api/v1/tasks?state=Running").await;
    assert_eq!((names(&tasks), tasks["kind"].as_str()), (vec!["extract"], Some("TaskList")));
}

#[tokio::test]
async fn objects_are_shown_by_name() {
    let scene = Scene::new();
    let state = &scene.api.state;
    make(state, &admitted(state, "one", 0));
    make(state, &running("one", 1));
    let run = scene.get(&format!("/api/v1/runs/north/{}", run_key("one").name())).await;
    assert_eq!(run["status"]["state"], "Running");
    assert_eq!(run["status"]["tasks"][0]["status"]["attempts"][0]["node"], "node1");
    assert_eq!(scene.get("/api/v1/etls/north/rna").await["spec"]["schedules"], json!(["30 2 * * *"]));
    assert_eq!(names(&scene.get("/api/v1/etls?project=north").await), ["rna"]);
    assert!(names(&scene.get("/api/v1/etls?project=south").await).is_empty());
    assert_eq!(scene.get("/api/v1/schedules/north/rna").await["spec"]["when"], "30 2 * * *");
    assert_eq!(names(&scene.get("/api/v1/schedules").await), ["rna"]);
    assert_eq!(scene.get("/api/v1/sources").await["items"][0]["spec"]["url"], "file:///specs.git");
    assert_eq!(scene.get("/api/v1/nodes").await["kind"], "NodeList");
    assert_eq!(scene.get("/api/v1/version").await["controller"], "etl");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_its_reason() {
    let scene = Scene::new();
    let long = format!("/api/v1/schedules/north/{}/suspend", "x".repeat(41));
    let huge = format!("{{\"requestId\": \"{}\"}}", "x".repeat(BODY_BYTES_MAX));
    let past = r#"{"until": "2020-01-01T00:00:00Z"}"#;
    for (method, path, body, status, reason) in [
        (Method::GET, "/api/v1/none", "", 404, "NotFound"),
        (Method::GET, "/api/v1/etls/north/none", "", 404, "NotFound"),
        (Method::GET, "/api/v1/etls/NORTH/rna", "", 404, "NotFound"),
        (Method::GET, "/api/v1/runs/north/rna-none", "", 404, "NotFound"),
        (Method::GET, "/api/v1/runs/north/%2e%2e%2frna", "", 404, "NotFound"),
        (Method::GET, "/api/v1/runs?limit=x", "", 400, "BadRequest"),
        (Method::GET, "/api/v1/runs?stat=x", "", 400, "BadRequest"),
        (Method::DELETE, "/api/v1/etls/north/rna", "", 405, "NoSuchMethod"),
        (Method::POST, "/api/v1/etls/north/rna/runs", "{", 400, "BadRequest"),
        (Method::POST, "/api/v1/etls/north/rna/runs", r#"{"parms": {}}"#, 400, "BadRequest"),
        (Method::POST, "/api/v1/etls/north/rna/runs", r#"{"requestId": ""}"#, 422, "Invalid"),
        (Method::POST, "/api/v1/etls/north/rna/runs", &huge, 413, "TooLarge"),
        (Method::POST, "/api/v1/schedules/north/rna/suspend", past, 422, "Invalid"),
        (Method::POST, &long, "", 404, "NotFound"),
        (Method::POST, "/api/v1/runs/north/rna-m012345678/cancel", "", 404, "NotFound"),
        (Method::POST, "/api/v1/sources/other/reconcile", "", 404, "NotFound"),
        (Method::POST, "/api/v1/sources/main/reconcile", r#"{"allowPrune": true}"#, 502, "RemoteUnreachable"),
    ] {
        let expected = (status, reason.to_owned());
        assert_eq!(scene.refusal(method.clone(), path, body).await, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_write_is_left_for_the_loop_and_answered_by_it() {
    let scene = Scene::new();
    let state = scene.api.state.clone();
    make(&state, &admitted(&state, "one", 0));
    let run = run_key("one").name();
    let cases = [
        ("/api/v1/etls/north/rna/runs".to_owned(), json!({"requestId": "mine", "params": {"days": 3}}), 201),
        (format!("/api/v1/runs/north/{run}/cancel"), json!({}), 200),
        (format!("/api/v1/runs/north/{run}/retry"), json!({"tasks": ["load"]}), 200),
        ("/api/v1/schedules/north/rna/suspend".to_owned(), json!({"reason": "move"}), 200),
        ("/api/v1/schedules/north/rna/resume".to_owned(), json!({"reason": "moved"}), 200),
    ];
    let mut seen = Vec::new();
    for (path, body, status) in cases {
        let pass = async {
            state.wake.notified().await;
            let mut requests = state.take_inbox(true).requests;
            let request = requests.remove(0);
            state.answer(request.ticket, Ok(Done { object: "run/x".into(), what: "done".into() }));
            request
        };
        let (answer, request) = tokio::join!(scene.ask(Method::POST, &path, body.to_string()), pass);
        assert_eq!(
            answer,
            (StatusCode::from_u16(status).unwrap(), json!({"object": "run/x", "what": "done"}))
        );
        assert_eq!(request.user, "ann");
        seen.push(request);
    }
    assert_eq!(seen[0].id, "mine");
    assert!(matches!(&seen[0].verb, Verb::Run { params, .. } if params.contains_key("days")));
    assert!(matches!(&seen[2].verb, Verb::Retry { tasks, .. } if tasks.len() == 1));
    assert!(matches!(&seen[4].verb, Verb::Resume { reason, .. } if reason == "moved"));
    let mut ids: Vec<_> = seen.iter().map(|request| &request.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), seen.len(), "ids of the server's making differ");
}

#[tokio::test]
async fn what_the_loop_refuses_keeps_its_status() {
    let scene = Scene::new();
    let state = scene.api.state.clone();
    for (reason, status) in [("NotFound", 404), ("Conflict", 409), ("Invalid", 422), ("NotRecorded", 503)] {
        let pass = async {
            state.wake.notified().await;
            let requests = state.take_inbox(true).requests;
            state.answer(requests[0].ticket, Err(refused(reason, "no", "do")));
        };
        let ask = scene.refusal(Method::POST, "/api/v1/schedules/north/rna/resume", "");
        let (answer, ()) = tokio::join!(ask, pass);
        assert_eq!(answer, (status, reason.to_owned()));
    }
}

#[tokio::test]
async fn logs_are_lines_of_json_from_the_store() {
    let scene = Scene::new().with_logs();
    let texts = |lines: &[Value]| {
        lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec!["first", "second"]),
        ("?task=extract&attempt=1", vec!["first", "second"]),
        ("?attempt=2", vec![]),
        ("?task=load", vec![]),
        ("?tail=1", vec!["second"]),
        ("?allAttempts=true", vec!["first", "second"]),
        ("?since=2025-06-15T15:06:50Z", vec!["first", "second"]),
        ("?since=2025-06-15T15:06:51Z", vec![]),
    ] {
        assert_eq!(texts(&scene.logs(query).await), expected, "{query}");
    }
    let line = &scene.logs("").await[0];
    assert_eq!((line["task"].as_str(), line["attempt"].as_u64()), (Some("extract"), Some(1)));
    assert_eq!(
        (line["stream"].as_str(), line["at"].as_str()),
        (Some("stdout"), Some("2025-06-15T15:06:50Z"))
    );
    let path = format!("/api/v1/runs/north/{}/logs?task=none", run_key("one").name());
    assert_eq!(scene.refusal(Method::GET, &path, "").await, (404, "NotFound".to_owned()));
}

#[tokio::test]
async fn followed_logs_end_when_the_run_is_over_and_they_are_kept() {
    let scene = Scene::new().with_logs();
    let path = format!("/api/v1/runs/north/{}/logs?follow=true&tail=1", run_key("one").name());
    let mut request = Request::get(path).body(HttpBody::empty()).unwrap();
    request.extensions_mut().insert(Caller { name: "ann".into() });
    let mut body = scene.send(request).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.split(|byte| *byte == b'\n').count(), 2, "the last line is there at once");
    let state = &scene.api.state;
    make(state, &[attempt_ended("one", Outcome::Succeeded, 20), run_ended("one", EndState::Succeeded, 21)]);
    let summary = scene.print(&["third"]).finish(at(22), None).unwrap();
    make(state, &[log_kept("one", summary)]);
    let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(rest.contains("third") && rest.lines().count() == 1, "{rest}");
}

#[tokio::test]
async fn a_stopping_server_ends_the_streams_that_it_follows() {
    let scene = Scene::new().with_logs();
    let path = format!("/api/v1/runs/north/{}/logs?follow=true", run_key("one").name());
    let mut request = Request::get(path).body(HttpBody::empty()).unwrap();
    request.extensions_mut().insert(Caller { name: "ann".into() });
    let response = scene.send(request).await;
    scene.api.shutdown.cancel();
    bytes(response).await;
}

#[tokio::test]
async fn check_names_what_is_wrong() {
    let scene = Scene::new();
    let failed = |list: &Value| {
        let items = list["items"].as_array().unwrap().iter();
        items.filter(|item| item["ok"] == false).map(|item| item["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(failed(&scene.get("/api/v1/check").await), ["the Swarm answers", "git is read"]);
    scene.api.state.alter_seen(|seen| {
        (seen.swarm, seen.store_error) = (SwarmHealth::Up, Some("disk full".into()));
    });
    assert_eq!(failed(&scene.get("/api/v1/check").await), ["the store takes changes", "git is read"]);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let mut scene = Scene::new();
    scene.api.check = Arc::new(|| Box::pin(async { panic!("a fault of ours") }));
    assert_eq!(scene.refusal(Method::GET, "/api/v1/check", "").await, (500, "Internal".to_owned()));
}

mod backfills;
mod backup;
mod plan;
mod windows;
