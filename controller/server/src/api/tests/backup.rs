//! Backups over HTTP.

use etl_store::Backup;

use super::*;

#[tokio::test]
async fn a_backup_is_everything_recorded_and_leaves_nothing_behind() {
    let scene = Scene::new();
    let state = scene.api.state.clone();
    make(&state, &admitted(&state, "one", 0));
    make(&state, &running("one", 1));
    let before = std::fs::read_dir(scene.folder.path()).unwrap().count();
    let mut request = Request::get("/api/v1/backup").body(HttpBody::empty()).unwrap();
    request.extensions_mut().insert(Caller { name: "ann".into() });
    let response = scene.send(request).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let backup = Backup::read(bytes(response).await.as_slice()).unwrap();
    let recorded = state.recorded();
    assert_eq!(backup.recorded.runs, recorded.runs);
    assert_eq!(backup.recorded.files, recorded.files);
    assert_eq!((backup.head.controller.as_str(), &backup.recorded.open), ("etl", &recorded.open));
    assert_eq!(std::fs::read_dir(scene.folder.path()).unwrap().count(), before);
}

#[tokio::test]
async fn one_backup_is_made_at_a_time() {
    let scene = Scene::new();
    let routes = router(scene.api.clone());
    let ask = || {
        let mut request = Request::get("/api/v1/backup").body(HttpBody::empty()).unwrap();
        request.extensions_mut().insert(Caller { name: "ann".into() });
        routes.clone().oneshot(request)
    };
    let first = ask().await.unwrap();
    assert_eq!(ask().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!bytes(first).await.is_empty());
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_backup_that_finds_no_room_is_an_error_and_no_half_file() {
    let scene = Scene::new();
    std::fs::remove_dir_all(scene.folder.path()).unwrap();
    assert_eq!(scene.refusal(Method::GET, "/api/v1/backup", "").await, (500, "Internal".to_owned()));
}
