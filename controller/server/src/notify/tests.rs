//! Messages against receivers of their own: what arrives, what is signed, and what no error shows.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use etl_core::name::ObjectKey;
use etl_core::problem::{Notice, Problem, ProblemKey, Route, Subject};
use etl_core::recorded::{AcceptedFile, Recorded};
use etl_core::spec::Event;
use etl_store::{LogLimit, LogStore};
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixture::{attempt_key, name, rna};

/// What a receiver got: path, headers and body.
type Got = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

struct Receiver {
    url: String,
    got: Got,
}

impl Receiver {
    async fn answering(status: u16) -> Self {
        let got = Got::default();
        let take = move |Shared(got): Shared<Got>, uri: Uri, headers: HeaderMap, body: String| async move {
            got.lock().unwrap().push((uri.path().to_owned(), headers, body));
            (StatusCode::from_u16(status).unwrap(), "invalid_payload\u{1b}[31m")
        };
        let router = Router::new().fallback(take).with_state(got.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_763_000_000 + second).unwrap()
}

/// A run of `north/rna` failed, and said so in its log.
fn failed(ended: Option<Timestamp>) -> Notice {
    let attempt = attempt_key("m1", "load", 2);
    let problem = Problem {
        key: ProblemKey { event: Event::Failed, subject: Subject::Etl(rna()) },
        reason: "ExitCode".into(),
        message: "task load, attempt 2: exit code 3\u{7}".into(),
        run: Some(attempt.run),
        task: Some((attempt.task, 2)),
        node: None,
        since: at(0),
        seen: at(0),
        count: 3,
        at: at(60),
        ended,
        told: Vec::new(),
    };
    let route = Route { alert: "alert/north/all".into(), notifier: ops() };
    let (tries, after, error) = (0, None, None);
    Notice {
        id: "n1".into(),
        route,
        group: "project=north".into(),
        problems: vec![problem],
        more: 0,
        at: at(61),
        tries,
        after,
        error,
    }
}

fn run() -> String {
    attempt_key("m1", "load", 2).run.name()
}

fn ops() -> ObjectKey {
    ObjectKey::new(name("default"), name("ops"))
}

/// A messenger whose only notifier is `ops`, and the folder of its files.
fn messenger(destination: &str) -> (Arc<Messenger>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let spec = destination.replace("DIR", dir.path().to_str().unwrap());
    let text =
        format!("apiVersion: etl.swarm/v1alpha1\nkind: Notifier\nmetadata: {{name: ops}}\nspec: {spec}\n");
    let file = AcceptedFile { blob: "b".into(), commit: "c".into(), text: text.into() };
    let recorded = Recorded { files: [("ops.etl.yaml".to_owned(), file)].into(), ..Recorded::default() };
    let logs = LogStore::open(&dir.path().join("logs"), LogLimit { bytes_per_attempt: 1_000_000 }).unwrap();
    let mut log = logs.writer(&attempt_key("m1", "load", 2)).unwrap();
    let line = |number: i64| etl_core::log::LogLine {
        at: at(number),
        stream: etl_core::log::Stream::Stderr,
        bytes: format!("line {number} <!channel> \u{1b}[31m").into_bytes(),
    };
    log.append(&(0..9).map(line).collect::<Vec<_>>()).unwrap();
    let (state, stop) = (Arc::new(State::new(recorded)), CancellationToken::new());
    assert_eq!(state.desired().notifiers.len(), 1, "{spec}");
    let files = Files::new(dir.path().to_owned(), Vec::new());
    (Arc::new(Messenger::new(state, logs, Arc::new(Metrics::new()), files, stop)), dir)
}

fn write(dir: &tempfile::TempDir, file: &str, text: &str) {
    std::fs::File::create(dir.path().join(file)).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn slack_gets_what_happened_why_the_last_lines_and_what_to_type() {
    let receiver = Receiver::answering(200).await;
    let (messenger, dir) = messenger("{slack: {webhookUrlFile: DIR/url, channel: \"#etl\"}}");
    write(&dir, "url", &format!("{}/services/T/B/x\n", receiver.url));
    messenger.send(&failed(None)).await.unwrap();
    let got = receiver.got.lock().unwrap();
    let [(path, _, body)] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(path, "/services/T/B/x");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["channel"], "#etl");
    let text = body["text"].as_str().unwrap();
    let run = run();
    for part in [
        "*Failed: etl/rna in north (ExitCode, 3 times in a row)*",
        "task load, attempt 2: exit code 3",
        "line 8 &lt;!channel&gt;",
        &format!("etlctl why run/{run} -n north"),
        &format!("etlctl logs run/{run} load -n north"),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("line 3 ") && !text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

#[tokio::test]
async fn a_webhook_is_signed_and_bears_its_id() {
    let receiver = Receiver::answering(204).await;
    let (messenger, dir) =
        messenger(&format!("{{webhook: {{url: \"{}/hook\", secretFile: DIR/key}}}}", receiver.url));
    write(&dir, "key", "s3cret\n");
    messenger.send(&failed(Some(at(120)))).await.unwrap();
    let got = receiver.got.lock().unwrap();
    let [(_, headers, body)] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(headers["x-etl-notice"], "n1");
    let expected = post::signed("n1", body, Some(b"s3cret".to_vec()));
    assert_eq!(headers["x-etl-signature-256"].to_str().unwrap(), expected[1].1);
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["problems"][0]["status"], &body["problems"][0]["run"]),
        (&"resolved".into(), &run().into())
    );
    assert_eq!(body["subject"], "over: Failed etl/rna in north (ExitCode, it lasted 2m00s)");
}

#[tokio::test]
async fn alertmanager_gets_alerts_that_stay_the_same_while_they_go_on() {
    let receiver = Receiver::answering(200).await;
    let (messenger, _dir) = messenger(&format!("{{alertmanager: {{url: \"{}/\"}}}}", receiver.url));
    messenger.send(&failed(None)).await.unwrap();
    messenger.send(&failed(Some(at(120)))).await.unwrap();
    let got = receiver.got.lock().unwrap();
    let bodies: Vec<serde_json::Value> =
        got.iter().map(|(_, _, body)| serde_json::from_str(body).unwrap()).collect();
    assert!(got.iter().all(|(path, ..)| path == "/api/v2/alerts"));
    let labels = serde_json::json!({"alertname": "EtlFailed", "severity": "warning", "project": "north", "etl": "rna"});
    assert!(bodies.iter().all(|body| body[0]["labels"] == labels), "{bodies:?}");
    assert!(bodies[0][0]["endsAt"].as_str().unwrap() > bodies[1][0]["endsAt"].as_str().unwrap());
    assert_eq!(bodies[1][0]["endsAt"], at(120).to_string());
}

#[tokio::test]
async fn a_dead_mans_switch_is_told_of_failures_below_its_address() {
    let receiver = Receiver::answering(200).await;
    let (messenger, dir) = messenger("{healthchecks: {pingUrlFile: DIR/url}}");
    write(&dir, "url", &format!("{}/uuid", receiver.url));
    messenger.send(&failed(None)).await.unwrap();
    messenger.send(&failed(Some(at(120)))).await.unwrap();
    let paths: Vec<String> = receiver.got.lock().unwrap().iter().map(|(path, ..)| path.clone()).collect();
    assert_eq!(paths, ["/uuid/fail", "/uuid"]);
}

#[tokio::test]
async fn a_dead_mans_switch_is_called_while_the_loop_comes_round_and_not_after() {
    let receiver = Receiver::answering(200).await;
    let (messenger, dir) = messenger("{healthchecks: {pingUrlFile: DIR/url, heartbeat: 1s}}");
    write(&dir, "url", &receiver.url);
    let count = || receiver.got.lock().unwrap().len();
    let beating = tokio::spawn(messenger.clone().beat());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(count(), 0, "no pass was made yet");
    messenger.state.alter_seen(|seen| seen.passed_at = Some(clock::now()));
    while count() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    messenger
        .state
        .alter_seen(|seen| seen.passed_at = Some(clock::now() - jiff::SignedDuration::from_secs(61)));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = count();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(count(), before);
    messenger.stop.cancel();
    beating.await.unwrap();
}

#[tokio::test]
async fn what_goes_wrong_is_said_without_the_address() {
    let refusing = Receiver::answering(400).await;
    let moved = Receiver::answering(307).await;
    let secret = "/services/s3cret";
    for (what, url, expected) in [
        ("refused", format!("{}{secret}", refusing.url), "the receiver answers 400: invalid_payload [31m"),
        ("moved", format!("{}{secret}", moved.url), "the receiver answers 307"),
        ("nobody there", format!("http://127.0.0.1:1{secret}"), "the receiver does not answer"),
        ("no address", format!("not an address {secret}"), "the address in use cannot be called"),
        ("an empty file", String::new(), "url` is of no use: it is empty"),
    ] {
        let (messenger, dir) = messenger("{slack: {webhookUrlFile: DIR/url}}");
        write(&dir, "url", &url);
        let error = messenger.send(&failed(None)).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{what}: {error}");
    }
}

#[tokio::test]
async fn what_came_of_a_message_is_left_for_the_next_pass() {
    let receiver = Receiver::answering(500).await;
    let (messenger, dir) = messenger("{slack: {webhookUrlFile: DIR/url}}");
    write(&dir, "url", &receiver.url);
    messenger.tell(vec![failed(None), failed(None)]);
    while !messenger.telling().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let left = messenger.state.take_inbox(false).deliveries;
    assert_eq!(left.len(), 1, "the second is the first: {left:?}");
    assert!(left[0].result.as_ref().is_err_and(|error| error.contains("500")), "{left:?}");
}

/// Takes one mail as a relay does, and gives back all that was said to it.
async fn relay(listener: TcpListener) -> Vec<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut said = Vec::new();
    let mut in_data = false;
    write.write_all(b"220 relay\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
            _ if in_data && line != "." => b"",
            "EHLO" => b"250-relay\r\n250 8BITMIME\r\n",
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        in_data = (in_data || line == "DATA") && line != ".";
        let is_over = line == "QUIT";
        said.push(line);
        write.write_all(answer).await.unwrap();
        if is_over {
            break;
        }
    }
    said
}

#[tokio::test]
async fn a_mail_is_plain_text_with_an_id_that_stays() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let relay = tokio::spawn(relay(listener));
    let spec = format!(
        "{{email: {{to: [a@example.org, b@example.org], from: etl@example.org, tls: none, smarthost: \"127.0.0.1:{port}\"}}}}"
    );
    let (messenger, _dir) = messenger(&spec);
    messenger.send(&failed(None)).await.unwrap();
    drop(messenger);
    let said = relay.await.unwrap().join("\n");
    for part in [
        "RCPT TO:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "Subject: [etl] Failed: etl/rna in north (ExitCode, 3 times in a row)",
        "Message-ID: <n1@example.org>",
        "Content-Type: text/plain",
        &format!("etlctl why run/{} -n north", run()),
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[tokio::test]
async fn a_mail_is_not_sent_in_the_open_unless_somebody_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let relay = tokio::spawn(relay(listener));
    let spec =
        format!("{{email: {{to: [a@example.org], from: etl@example.org, smarthost: \"127.0.0.1:{port}\"}}}}");
    let (messenger, _dir) = messenger(&spec);
    let error = messenger.send(&failed(None)).await.unwrap_err().to_string();
    assert!(error.starts_with("the mail server does not take it: "), "{error}");
    relay.abort();
}
