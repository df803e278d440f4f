//! The door on a real Swarm that is reached over TCP, with TLS and a client certificate: the same things work, and
//! who is not let in learns why. Needs root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod drafts;

use std::time::Duration;

use drafts::{attempt, draft};
use etl_core::observed::{Answer, SwarmTaskState as State};
use etl_lab::{Lab, LabOptions};
use etl_swarm::{Hint, LogQuery, Swarm, SwarmConfig, TlsFiles};
use futures_util::StreamExt;

/// Longest wait for anything on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks: Swarm writes states about as often.
const PERIOD: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_over_tls() {
    // A fixed name: what a killed test leaves, the next one removes.
    let lab = Lab::up(LabOptions::new("swarm-tls").tls()).unwrap();
    runs_and_tells_all(&lab).await;
    says_why_it_is_not_let_in(&lab).await;
    lab.down().unwrap();
}

fn config(lab: &Lab, tls: Option<TlsFiles>) -> SwarmConfig {
    SwarmConfig { hosts: vec![lab.tls_host(0)], tls, ..SwarmConfig::default() }
}

fn files(lab: &Lab) -> TlsFiles {
    let file = |name| lab.tls_dir().join(name);
    TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") }
}

async fn runs_and_tells_all(lab: &Lab) {
    let swarm = Swarm::new(config(lab, Some(files(lab)))).unwrap();
    let info = swarm.info().await.unwrap();
    assert!(info.is_manager && info.state == "active" && info.host.starts_with("tcp://"), "{info:?}");
    let mut hints = swarm.events().await.unwrap();
    let answer = swarm.create(&draft("hello", "echo hello")).await;
    let Answer::Created { service, .. } = answer else { panic!("{answer:?}") };
    let hint = tokio::time::timeout(PATIENCE, hints.next()).await.unwrap();
    assert_eq!(hint, Some(Hint::Tasks));
    until_complete(&swarm, "hello").await;
    let query = LogQuery { idle: Some(PATIENCE), ..LogQuery::default() };
    let lines: Vec<_> = swarm.logs(&service, &query).await.unwrap().collect().await;
    let lines: Vec<_> = lines.into_iter().map(|line| line.unwrap().bytes).collect();
    assert_eq!(lines, [b"hello"]);
    swarm.remove(&attempt("hello"), Some(&service)).await.unwrap();
    assert!(!swarm.exists(&attempt("hello"), Some(&service)).await.unwrap());
}

async fn until_complete(swarm: &Swarm, task: &str) {
    let work = async {
        loop {
            let seen = swarm.tasks().await.unwrap();
            if seen.iter().any(|seen| seen.attempt == attempt(task) && seen.state == State::Complete) {
                return;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap();
}

async fn says_why_it_is_not_let_in(lab: &Lab) {
    let good = files(lab);
    let [cert, key] = ["stranger-cert.pem", "stranger-key.pem"].map(|name| lab.tls_dir().join(name));
    let distrustful = TlsFiles { ca: cert.clone(), ..good.clone() };
    let unsigned = TlsFiles { cert, key, ..good.clone() };
    for (who, tls, reason, cure) in [
        ("without a certificate", None, "TlsNeeded", "--docker-tls-cert"),
        ("with a certificate that nobody signed", Some(unsigned), "TlsFailed", "--docker-tls-cert"),
        (
            "with an authority that did not sign the daemon's",
            Some(distrustful),
            "TlsFailed",
            "--docker-tls-ca",
        ),
    ] {
        let error = Swarm::new(config(lab, tls)).unwrap().info().await.expect_err(who);
        assert_eq!((error.reason(), error.is_transient()), (reason, false), "{who}: {error}");
        assert!(
            error.to_string().contains(cure) && error.to_string().contains(&lab.tls_host(0)),
            "{who}: {error}"
        );
    }
    Swarm::new(config(lab, Some(good))).unwrap().info().await.unwrap();
}
