//! What strangers can do to those who have the secret: make them wait, and no more.

use futures_util::stream::{self, StreamExt};

use super::*;

/// Calls that strangers make in a moment: more than a hook's own rate.
const FLOOD: usize = 200;

#[tokio::test]
async fn a_flood_of_strangers_takes_nothing_from_a_genuine_caller() {
    let scene = Scene::new();
    let bad = format!("sha256={}", MAC.replace('7', "8"));
    for (sentence, headers) in [
        ("without a signature", vec![]),
        ("with a wrong one", vec![("x-hub-signature-256", bad.as_str())]),
        ("with a wrong token", vec![("x-gitlab-token", "guess")]),
    ] {
        for path in [HOOK, "/hooks/north/none"] {
            for _ in 0..FLOOD {
                assert_eq!(
                    scene.call(path, &headers, BODY).await,
                    said(401, "Unauthorized"),
                    "{path} {sentence}"
                );
            }
        }
        let good = [("x-gitea-signature", MAC), ("x-gitea-delivery", &sentence.replace(' ', "-"))];
        assert_eq!(scene.call(HOOK, &good, BODY).await, said(202, "created"), "after a flood {sentence}");
    }
}

#[tokio::test]
async fn genuine_calls_have_a_rate_and_are_told_when_to_come_again() {
    let scene = Scene::new();
    let good = [("x-gitea-signature", MAC)];
    let mut limited = None;
    for number in 0..40 {
        let response = scene.send(HOOK, &good, BODY).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            limited = response.headers().get(header::RETRY_AFTER).cloned();
            assert!(number >= 30, "{number} calls are a burst");
            break;
        }
    }
    assert_eq!(limited.unwrap(), "1");
    assert_eq!(scene.call(HOOK, &[], BODY).await, said(401, "Unauthorized"), "a stranger is not told");
    assert_eq!(scene.signed(&[], "{").await.0, 422, "another hook has a rate of its own");
}

/// A large body that begins and does not go on.
fn stalled() -> Body {
    let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 17]))]);
    Body::from_stream(begin.chain(stream::pending()))
}

#[tokio::test]
async fn slow_strangers_hold_no_place_that_a_small_body_needs() {
    let scene = Arc::new(Scene::new());
    let mut slow = tokio::task::JoinSet::new();
    for number in 0..2 * LARGE_BODIES_MAX {
        let scene = scene.clone();
        let path = if number % 2 == 0 { HOOK } else { "/hooks/north/none" };
        slow.spawn(async move { scene.send(path, &[], stalled()).await.status() });
    }
    // This thread runs them all before it goes on.
    tokio::task::yield_now().await;
    let good = [("x-gitea-signature", MAC)];
    assert_eq!(scene.call(HOOK, &good, BODY).await, said(202, "created"), "while all places are taken");
    let large = "x".repeat(1 << 17);
    let waits = {
        let scene = scene.clone();
        tokio::spawn(async move { scene.call(HOOK, &[], &large).await })
    };
    tokio::task::yield_now().await;
    assert!(!waits.is_finished(), "a large one waits for its place");
    slow.shutdown().await;
    assert_eq!(waits.await.unwrap(), said(401, "Unauthorized"), "and is heard when there is one");
}
