//! What a restart must not forget: the store is closed and opened again between two requests.

use super::*;

#[tokio::test]
async fn a_delivery_that_was_taken_before_a_restart_starts_nothing_after_it() {
    let mut scene = Scene::new();
    let headers = [("x-gitea-signature", MAC), ("x-gitea-delivery", "one")];
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(202, "created"));
    scene = scene.restarted().await;
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(200, "unchanged"), "its run is there");
    let run = scene.runs()[0].key.clone();
    scene.forget(&run);
    scene = scene.restarted().await;
    assert!(scene.runs().is_empty());
    assert_eq!(scene.call(HOOK, &headers, BODY).await, said(200, "unchanged"), "only its id is there");
    let other = [("x-gitea-signature", MAC), ("x-gitea-delivery", "two")];
    assert_eq!(scene.call(HOOK, &other, BODY).await, said(202, "created"));
}

#[tokio::test]
async fn a_reset_that_is_asked_for_again_after_a_restart_is_none() {
    let mut scene = Scene::new();
    let etl = || EtlKey::new(name("north"), name("rna"));
    let reset = || Verb::Reset { etl: etl(), reason: "moved".into() };
    let what = |answer: RequestResult| answer.unwrap().what;
    let first = scene.state.ask("one".into(), "ann".into(), reset()).await;
    assert_eq!(what(first), "reset: version 2 from now on");
    scene = scene.restarted().await;
    let again = scene.state.ask("one".into(), "ann".into(), reset()).await;
    assert_eq!(what(again), "unchanged");
    let other = scene.state.ask("two".into(), "ann".into(), reset()).await;
    assert_eq!(what(other), "reset: version 3 from now on");
    assert_eq!(scene.state.recorded().resets[&etl()].count, 2);
}
