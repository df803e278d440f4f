//! Plans over HTTP: sizes, places, and that nothing is recorded.

use super::*;

const PATH: &str = "projects/north/rna.etl.yaml";

async fn plan(scene: &Scene, body: Value) -> (StatusCode, Value) {
    scene.ask(Method::POST, "/api/v1/plan", body.to_string()).await
}

fn text(scene: &Scene) -> String {
    scene.api.state.recorded().files[PATH].text.to_string()
}

#[tokio::test]
async fn a_plan_says_what_would_happen_and_records_nothing() {
    let scene = Scene::new();
    let edited = text(&scene).replace("30 2 * * *", "0 4 * * *");
    let before = format!("{:?}", *scene.api.state.recorded());
    let body = json!({"files": {PATH: edited}, "scope": [PATH], "at": "2025-06-20T00:00:00Z"});
    let (status, view) = plan(&scene, body).await;
    assert_eq!((status, view["kind"].as_str()), (StatusCode::OK, Some("Plan")), "{view}");
    assert_eq!(view["files"], json!([{"path": PATH, "state": "changed"}]));
    assert_eq!(view["schedules"][0]["next"][0]["tick"], "2025-06-20T04:00:00Z");
    assert_eq!(format!("{:?}", *scene.api.state.recorded()), before);
}

#[tokio::test]
async fn paths_are_those_of_the_repository_or_of_the_source() {
    for (git_path, body, expected) in [
        ("", json!({"files": {PATH: "TEXT"}, "scope": [""]}), "unchanged"),
        ("", json!({"files": {PATH: "TEXT"}, "scope": ["projects/north"]}), "unchanged"),
        ("etl", json!({"files": {"etl/projects/north/rna.etl.yaml": "TEXT"}, "scope": [""]}), "unchanged"),
        ("etl", json!({"files": {"etl/projects/north/rna.etl.yaml": "TEXT"}, "scope": ["etl"]}), "unchanged"),
        ("a/etl", json!({"files": {}, "scope": ["a"]}), "held"),
        ("etl", json!({"files": {PATH: "TEXT"}, "scope": [""], "belowPath": true}), "unchanged"),
        ("etl", json!({"files": {PATH: "TEXT"}, "scope": [PATH]}), "Invalid"),
        ("etl", json!({"files": {}, "scope": ["etl2"]}), "Invalid"),
    ] {
        let mut scene = Scene::new();
        let folder = scene.folder.path().display().to_string();
        scene.api.settings = settings(&["--git-path", git_path, "--data-dir", &folder]);
        let filled = serde_json::to_string(&text(&scene)).unwrap();
        let body = body.to_string().replace("\"TEXT\"", &filled);
        let (_, view) = scene.ask(Method::POST, "/api/v1/plan", body.clone()).await;
        let told = view["files"][0]["state"].as_str().or(view["reason"].as_str());
        assert_eq!(told, Some(expected), "{git_path} {body}: {view}");
    }
}

#[tokio::test]
async fn what_git_would_refuse_is_too_large() {
    let scene = Scene::new();
    let big = "x".repeat((1 << 20) + 1);
    let many: serde_json::Map<String, Value> = (0..10_001).map(|n| (n.to_string(), json!(""))).collect();
    for files in [json!({"a.etl.yaml": big}), Value::Object(many)] {
        let (status, view) = plan(&scene, json!({"files": files})).await;
        assert_eq!((status.as_u16(), view["reason"].as_str()), (413, Some("TooLarge")));
    }
    // More than other requests may say, and less than git's door takes.
    let files: serde_json::Map<String, Value> =
        (0..3).map(|n| (format!("{n}.etl.yaml"), json!("# ".repeat(1 << 18)))).collect();
    assert_eq!(plan(&scene, json!({"files": files, "scope": ["none"]})).await.0, StatusCode::OK);
}
