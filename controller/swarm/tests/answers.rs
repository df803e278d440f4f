//! What the door makes of answers that a healthy Swarm does not give: on a daemon that answers what the test says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drafts;
mod stub;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use drafts::{attempt, draft, file};
use etl_core::observed::{Answer, Refused};
use etl_core::spec::{Mount, MountSource};
use etl_swarm::{LogQuery, Swarm, SwarmConfig, TlsFiles};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use stub::{Daemon, Reply};

/// How long an answer that never comes is waited for.
const SHORT: Duration = Duration::from_millis(300);
/// How long one that comes is: on a loaded machine, as long as it takes.
const LONG: Duration = Duration::from_secs(30);
/// For a line that comes and silence after it, both.
const AFTER_A_LINE: Duration = Duration::from_secs(3);
/// How often a daemon that answers is asked, where each time it is waited for no longer than for one that does not.
const TRIES: usize = 100;

fn says(status: u16, message: &str) -> Reply {
    Reply::Json(status, json!({ "message": message }))
}

/// A service as Docker shows it, with the labels of our draft but for those given.
fn service(task: &str, other: &[(&str, &str)], image: &str) -> Reply {
    let mut labels = json!(draft(task, "true").labels);
    for (key, value) in other {
        labels[*key] = json!(value);
    }
    let template = json!({"ContainerSpec": {"Image": image}});
    Reply::Json(200, json!({"ID": "s1", "Spec": {"Labels": labels, "TaskTemplate": template}}))
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Created { service, digest } => {
            format!("created {service} {}", digest.as_deref().unwrap_or("-"))
        }
        Answer::Refused { why, .. } => format!("refused {why:?}"),
        Answer::CreateFailed { .. } => "failed".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn every_answer_to_a_creation_has_its_meaning() {
    type Row = (&'static str, fn() -> Reply, fn() -> Reply, &'static str);
    let unused: fn() -> Reply = || says(500, "must not be asked");
    let rows: [Row; 11] = [
        ("made", || Reply::Json(201, json!({"ID": "s9"})), unused, "created s9 -"),
        (
            "ours already",
            || says(409, "name conflicts"),
            || service("load", &[], "i:1@sha256:ab"),
            "created s1 i:1@sha256:ab",
        ),
        (
            "ours of another fence",
            || says(409, "x"),
            || service("load", &[("swarm.etl.fence", "9")], "i:1"),
            "created s1 -",
        ),
        (
            "another controller's",
            || says(409, "x"),
            || service("load", &[("swarm.etl.controller", "b")], "i"),
            "refused ForeignService",
        ),
        (
            "another attempt's",
            || says(409, "x"),
            || service("load", &[("swarm.etl.attempt", "2")], "i"),
            "refused ForeignService",
        ),
        (
            "somebody's without labels",
            || says(409, "x"),
            || Reply::Json(200, json!({"ID": "x", "Spec": {"Labels": null}})),
            "refused ForeignService",
        ),
        ("gone again", || says(409, "x"), || says(404, "service not found"), "failed"),
        ("invalid", || says(400, "invalid reference format"), unused, "refused Invalid"),
        (
            "a constraint that is none",
            || says(500, "constraint expected one operator"),
            unused,
            "refused Invalid",
        ),
        ("a daemon's own fault", || says(500, "rpc error: code = Unavailable"), unused, "failed"),
        ("a proxy's refusal", || says(403, "forbidden by policy"), unused, "failed"),
    ];
    for (what, create, inspect, expected) in rows {
        let daemon = Daemon::new(move |line| match line {
            "POST /services/create" => create(),
            line if line.starts_with("GET /services/") => inspect(),
            _ => says(404, "no such image"),
        });
        let answer = daemon.swarm().create(&draft("load", "true")).await;
        assert_eq!(word(&answer), expected, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn an_unclear_end_of_a_creation_is_never_taken_for_a_refusal() {
    for (what, call_timeout, reply) in [
        ("silence", SHORT, (|| Reply::Silence) as fn() -> Reply),
        ("a broken connection", LONG, || Reply::Cut(b"{\"ID\"".to_vec())),
        ("an endless answer", SHORT, || Reply::Open(b"{\"ID\"".to_vec())),
        ("nonsense", LONG, || Reply::Bytes(b"<html>".to_vec())),
    ] {
        let daemon = Daemon::new(move |line| match line {
            "POST /services/create" => reply(),
            _ => says(404, "no such image"),
        });
        let swarm = Swarm::new(SwarmConfig { call_timeout, ..daemon.config() }).unwrap();
        let answer = swarm.create(&draft("load", "true")).await;
        assert_eq!(word(&answer), "failed", "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn lists_fail_with_a_word_that_says_what_to_do() {
    type Row = (Duration, fn() -> Reply, &'static str, bool);
    let rows: [Row; 8] = [
        (LONG, || says(500, "rpc error: The swarm does not have a leader."), "NoQuorum", true),
        (
            LONG,
            || says(503, "This node is not a swarm manager. Use \"docker swarm init\""),
            "NotManager",
            true,
        ),
        (LONG, || says(500, "rpc error: code = DeadlineExceeded"), "Refused", true),
        (LONG, || says(400, "client version 1.53 is too new"), "Refused", false),
        (SHORT, || Reply::Silence, "Timeout", true),
        (SHORT, || Reply::Open(b"[".to_vec()), "Timeout", true),
        (LONG, || Reply::Cut(b"[{}".to_vec()), "Unreachable", true),
        (LONG, || Reply::Bytes(b"<html>".to_vec()), "Garbled", false),
    ];
    for (call_timeout, reply, reason, transient) in rows {
        let daemon = Daemon::new(move |_| reply());
        let swarm = Swarm::new(SwarmConfig { call_timeout, ..daemon.config() }).unwrap();
        let error = swarm.tasks().await.unwrap_err();
        assert_eq!((error.reason(), error.is_transient()), (reason, transient), "{error}");
    }
}

/// Whether one of so many calls is answered.
async fn is_answered(swarm: &Swarm, tries: usize) -> bool {
    stream::iter(0..tries).any(async |_| swarm.nodes().await.is_ok()).await
}

#[tokio::test]
async fn after_a_managers_own_failure_the_next_one_is_asked() {
    let good = Daemon::new(|_| Reply::Json(200, json!([])));
    for (what, first, (call_timeout, tries), moves) in [
        ("is no manager", Daemon::new(|_| says(503, "This node is not a swarm manager.")), (LONG, 1), true),
        ("is silent", Daemon::new(|_| Reply::Silence), (SHORT, TRIES), true),
        ("is too old", Daemon::of_version("1.40", |_| Reply::Json(200, json!([]))), (LONG, 1), true),
        ("has no leader", Daemon::new(|_| says(500, "The swarm does not have a leader.")), (LONG, 1), false),
        ("refuses", Daemon::new(|_| says(403, "no")), (LONG, 1), false),
    ] {
        let hosts = vec![first.host(), good.host()];
        let swarm = Swarm::new(SwarmConfig { hosts, call_timeout, ..SwarmConfig::default() }).unwrap();
        assert!(swarm.nodes().await.is_err(), "{what}");
        assert_eq!(is_answered(&swarm, tries).await, moves, "a manager that {what}");
        let expected = if moves { good.host() } else { first.host() };
        assert_eq!(swarm.host(), expected, "a manager that {what}");
    }
    let hosts = vec!["unix:///nobody/there.sock".to_owned(), good.host()];
    let swarm = Swarm::new(SwarmConfig { hosts, ..SwarmConfig::default() }).unwrap();
    assert_eq!(swarm.nodes().await.unwrap_err().reason(), "Unreachable");
    assert!(swarm.nodes().await.is_ok());
}

#[tokio::test]
async fn a_silent_node_or_registry_is_not_held_against_the_manager() {
    let daemon =
        Daemon::new(|line| if line == "GET /nodes" { Reply::Json(200, json!([])) } else { Reply::Silence });
    let hosts = vec![daemon.host(), "unix:///nobody/there.sock".to_owned()];
    let swarm = Swarm::new(SwarmConfig { hosts, call_timeout: SHORT, ..SwarmConfig::default() }).unwrap();
    assert!(is_answered(&swarm, TRIES).await, "the manager itself answers");
    let error = swarm.logs("s1", &LogQuery::default()).await.err().unwrap();
    assert_eq!((error.reason(), swarm.host()), ("Timeout", daemon.host().as_str()));
}

#[tokio::test]
async fn the_newest_version_that_both_know_is_spoken_and_connections_are_kept() {
    for (theirs, spoken) in [("1.41", "/v1.41/"), ("1.53", "/v1.53/"), ("1.60", "/v1.53/")] {
        let daemon = Daemon::of_version(theirs, |_| Reply::Json(200, json!([])));
        let swarm = daemon.swarm();
        for _ in 0..5 {
            swarm.nodes().await.unwrap();
        }
        let lines = daemon.lines();
        assert_eq!(lines[0], "GET /version");
        assert!(lines.len() == 6 && lines[1..].iter().all(|line| line.contains(spoken)), "{lines:?}");
        assert_eq!(daemon.connections(), 1, "one after the other, calls share a connection");
    }
}

#[tokio::test]
async fn what_is_missing_or_forbidden_is_refused_before_anything_is_created() {
    let daemon = Daemon::new(|line| match line.split('?').next() {
        Some("GET /networks") => Reply::Json(200, json!([{"Id": "n1", "Name": "lake"}])),
        Some("GET /secrets") => Reply::Json(200, json!([{"ID": "s1", "Spec": {"Name": "key"}}])),
        Some("GET /configs") => Reply::Json(200, json!(null)),
        _ => says(500, "must not be asked"),
    });
    let swarm = daemon.swarm();
    let socket = Mount { source: MountSource::Bind("/run".into()), target: "/x".into(), read_only: true };
    let mut rows = [draft("a", "true"), draft("b", "true"), draft("c", "true"), draft("d", "true")];
    rows[0].networks = vec!["lake".into(), "lage".into()];
    rows[1].secrets = vec![file("kee")];
    rows[2].networks = vec!["host".into()];
    rows[3].mounts = vec![socket];
    let expected = [
        (Refused::Missing, "network `lage` does not exist in the Swarm, which has `lake`"),
        (Refused::Missing, "secret `kee` does not exist in the Swarm, which has `key`"),
        (Refused::Forbidden, "network `host` belongs to the node"),
        (Refused::Forbidden, "the Docker socket"),
    ];
    for (draft, (expected, part)) in rows.iter().zip(expected) {
        let Answer::Refused { why, message } = swarm.create(draft).await else { panic!("{part}") };
        assert!(why == expected && message.contains(part), "{why:?}: {message}");
    }
    assert!(!daemon.lines().iter().any(|line| line.contains("create")), "{:?}", daemon.lines());
}

#[tokio::test]
async fn look_ups_are_shared_and_a_stale_id_is_looked_up_anew() {
    let secrets = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&secrets);
    let daemon = Daemon::new(move |line| match line.split('?').next() {
        Some("GET /secrets") => {
            let mut count = counted.lock().unwrap();
            *count += 1;
            Reply::Json(200, json!([{"ID": format!("id{count}"), "Spec": {"Name": "key"}}]))
        }
        Some("POST /services/create") => Reply::Json(201, json!({"ID": "s9"})),
        _ => says(404, "no such image"),
    });
    let swarm = daemon.swarm();
    let with_secret = |task: &str| {
        let mut draft = draft(task, "true");
        draft.secrets = vec![file("key")];
        draft
    };
    let (a, b) = (with_secret("a"), with_secret("b"));
    let (a, b) = tokio::join!(swarm.create(&a), swarm.create(&b));
    assert_eq!((word(&a), word(&b)), ("created s9 -".to_owned(), "created s9 -".to_owned()));
    let lines = daemon.lines();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!((count("/secrets"), count("/distribution/"), count("create")), (1, 1, 2), "{lines:?}");
}

#[tokio::test]
async fn a_secret_made_anew_is_found_under_its_new_id() {
    let daemon = Daemon::new({
        let made = Mutex::new(0);
        move |line| match line.split('?').next() {
            Some("GET /secrets") => {
                let mut made = made.lock().unwrap();
                *made += 1;
                Reply::Json(200, json!([{"ID": format!("id{made}"), "Spec": {"Name": "key"}}]))
            }
            Some("POST /services/create") if *made.lock().unwrap() < 2 => says(400, "secret key not found"),
            Some("POST /services/create") => Reply::Json(201, json!({"ID": "s9"})),
            _ => says(404, "no such image"),
        }
    });
    let mut draft = draft("load", "true");
    draft.secrets = vec![file("key")];
    assert_eq!(word(&daemon.swarm().create(&draft).await), "created s9 -");
    let used =
        |asked: &stub::Asked| asked.body["TaskTemplate"]["ContainerSpec"]["Secrets"][0]["SecretID"].clone();
    let created: Vec<Value> = daemon.asked().iter().filter(|a| a.line.contains("create")).map(used).collect();
    assert_eq!(created, [json!("id1"), json!("id2")]);
}

#[tokio::test]
async fn the_registrys_password_goes_with_the_digest_and_the_service_and_the_digest_is_used() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let answered = digest.clone();
    let daemon = Daemon::new(move |line| match line {
        "GET /distribution/r.example:5000/a/b:1/json" => {
            Reply::Json(200, json!({"Descriptor": {"digest": answered}, "Platforms": []}))
        }
        "POST /services/create" => Reply::Json(201, json!({"ID": "s9"})),
        _ => says(500, "must not be asked"),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let auths = json!({"auths": {"r.example:5000": {"username": "u", "password": "p"}}});
    std::fs::write(&path, auths.to_string()).unwrap();
    let swarm = Swarm::new(SwarmConfig { registry_config: Some(path), ..daemon.config() }).unwrap();
    let mut draft = draft("load", "true");
    draft.image = "r.example:5000/a/b:1".into();
    let pinned = format!("r.example:5000/a/b:1@{digest}");
    assert_eq!(word(&swarm.create(&draft).await), format!("created s9 {pinned}"));
    let asked = daemon.asked();
    assert!(
        asked[2].line.ends_with("/services/create") && asked[1].line.contains("/distribution/"),
        "{asked:?}"
    );
    assert!(asked[1].auth.is_some() && asked[1].auth == asked[2].auth);
    assert_eq!(asked[2].body["TaskTemplate"]["ContainerSpec"]["Image"], json!(pinned));
}

#[tokio::test]
async fn a_removal_touches_only_what_is_ours_and_what_is_gone_is_removed() {
    let unused: fn() -> Reply = || says(500, "must not be asked");
    for (what, by_id, inspect, expected) in [
        ("known by id", Some("s7"), unused, "DELETE /v1.41/services/s7"),
        ("found by name", None, || service("load", &[], "i"), "DELETE /v1.41/services/s1"),
        ("another's", None, || service("load", &[("swarm.etl.project", "south")], "i"), ""),
        ("not there", None, || says(404, "service not found"), ""),
    ] {
        let daemon = Daemon::new(move |line| match line {
            line if line.starts_with("DELETE") => says(404, "service not found"),
            _ => inspect(),
        });
        daemon.swarm().remove(&attempt("load"), by_id).await.unwrap();
        let lines = daemon.lines();
        let deleted = lines.iter().find(|line| line.starts_with("DELETE")).map_or("", String::as_str);
        assert_eq!(deleted, expected, "{what}");
    }
}

#[tokio::test]
async fn a_log_that_falls_silent_or_breaks_ends_with_an_error_after_its_lines() {
    let line = b"2025-11-20T09:30:00.000000001Z one\n";
    let frame = [&[1, 0, 0, 0, 0, 0, 0, u8::try_from(line.len()).unwrap()], &line[..]].concat();
    for (what, idle, end, expected) in [
        ("silent", AFTER_A_LINE, Reply::Open as fn(Vec<u8>) -> Reply, Some("Timeout")),
        ("broken", LONG, Reply::Cut, Some("LogBroken")),
        ("whole", LONG, Reply::Bytes, None),
    ] {
        let frame = frame.clone();
        let daemon = Daemon::new(move |_| end(frame.clone()));
        let query = LogQuery {
            since: Some("2025-11-20T09:30:00.7Z".parse().unwrap()),
            idle: Some(idle),
            follow: false,
        };
        let lines: Vec<_> = daemon.swarm().logs("s1", &query).await.unwrap().collect().await;
        assert_eq!(lines[0].as_ref().unwrap().bytes, b"one", "{what}");
        let error = lines.get(1).map(|line| line.as_ref().unwrap_err().reason());
        assert_eq!((error, lines.len()), (expected, 1 + usize::from(expected.is_some())), "{what}");
        assert!(daemon.lines()[1].ends_with("/logs?stdout=1&stderr=1&timestamps=1&since=1763631000"));
    }
}

#[tokio::test]
async fn every_request_is_told_with_its_operation_and_code() {
    let daemon =
        Daemon::new(|line| if line == "GET /nodes" { Reply::Json(200, json!([])) } else { says(409, "x") });
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let hook = Arc::clone(&told);
    let on_request: etl_swarm::RequestHook =
        Arc::new(move |operation, code, _| hook.lock().unwrap().push(format!("{operation} {code}")));
    let swarm = Swarm::new(SwarmConfig { on_request: Some(on_request), ..daemon.config() }).unwrap();
    let _ = swarm.nodes().await;
    let _ = swarm.remove(&attempt("load"), Some("s1")).await;
    assert_eq!(*told.lock().unwrap(), ["list_nodes 2xx", "remove_service 409"]);
}

#[test]
fn settings_that_cannot_work_are_refused_at_once_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.json");
    std::fs::write(&path, json!({"credsStore": "pass"}).to_string()).unwrap();
    let good = || SwarmConfig { hosts: vec!["tcp://127.0.0.1:2376".into()], ..SwarmConfig::default() };
    let tls = TlsFiles { ca: path.clone(), cert: path.clone(), key: path.clone() };
    for (config, reason, part) in [
        (SwarmConfig { hosts: vec!["ssh://manager".into()], ..good() }, "BadHost", "`ssh://manager`"),
        (SwarmConfig { hosts: Vec::new(), ..good() }, "BadHost", "at least one"),
        (SwarmConfig { tls: Some(tls), ..good() }, "BadTls", "secret.json"),
        (SwarmConfig { registry_config: Some(path.clone()), ..good() }, "BadRegistryConfig", "secret.json"),
        (
            SwarmConfig { registry_config: Some("/nobody/there".into()), ..good() },
            "BadRegistryConfig",
            "/nobody",
        ),
    ] {
        let error = Swarm::new(config).err().unwrap();
        assert!(error.reason() == reason && error.to_string().contains(part), "{error}");
    }
    assert!(Swarm::new(good()).is_ok(), "nothing is connected to");
}
