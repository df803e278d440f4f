//! Lists of windows and of ticks.

use etl_core::change::Change;
use etl_core::recorded::{MissReason, MissedTick};

use super::*;
use crate::fixture::{anchored, asked, rna, ticked};

const DAY: i64 = 86_400;

/// Three days asked for: the first succeeded, the second runs, the third is nobody's.
fn three_days() -> Scene {
    let scene = Scene::new();
    let state = &scene.api.state;
    make(state, &[anchored(0)]);
    let (first, changes) = ticked(state, 0, DAY);
    make(state, &changes);
    let ended =
        Change::RunEnded { run: first, state: EndState::Succeeded, at: at(DAY + 60), message: String::new() };
    make(state, &[ended]);
    make(state, &ticked(state, DAY, 2 * DAY).1);
    let missed = vec![MissedTick { tick: at(3 * DAY), reason: MissReason::Catchup, count: 2, window: None }];
    let (until, window_end) = (at(3 * DAY), Some(at(3 * DAY)));
    let decided = Change::ScheduleDecided { schedule: rna(), until, missed, window_end };
    make(state, &[asked(2 * DAY, 3 * DAY), decided]);
    scene
}

fn column<'a>(list: &'a Value, path: &str) -> Vec<&'a str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item.pointer(path).unwrap().as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn windows_are_newest_first_and_filtered() {
    let scene = three_days();
    for (query, expected) in [
        ("", vec!["Missing", "Running", "Succeeded"]),
        ("?state=missing,succeeded", vec!["Missing", "Succeeded"]),
        ("?since=2025-06-16T15:06:40Z", vec!["Missing", "Running"]),
        ("?since=2025-06-16T15:06:39Z", vec!["Missing", "Running", "Succeeded"]),
        ("?limit=1", vec!["Missing"]),
        ("?state=unknown", vec![]),
    ] {
        let list = scene.get(&format!("/api/v1/etls/north/rna/windows{query}")).await;
        assert_eq!(column(&list, "/status/state"), expected, "{query}");
    }
    let list = scene.get("/api/v1/etls/north/rna/windows?limit=2").await;
    assert_eq!((list["kind"].as_str(), list["remaining"].as_u64()), (Some("WindowList"), Some(1)));
    let window = json!({"start": "2025-06-16T15:06:40Z", "end": "2025-06-17T15:06:40Z"});
    assert_eq!(
        (&list["items"][1]["spec"]["window"], &list["items"][1]["spec"]["version"]),
        (&window, &json!(1))
    );
    let run = list["items"][1]["status"]["run"].as_str().unwrap();
    assert_eq!(scene.get(&format!("/api/v1/runs/north/{run}")).await["spec"]["window"], window);
}

#[tokio::test]
async fn ticks_are_newest_first_and_filtered() {
    let scene = three_days();
    for (query, expected) in [
        ("", vec!["Missed", "Pending", "Succeeded"]),
        ("?project=north&schedule=rna", vec!["Missed", "Pending", "Succeeded"]),
        ("?project=south", vec![]),
        ("?schedule=other", vec![]),
        ("?since=2025-06-17T15:06:40Z", vec!["Missed", "Pending"]),
        ("?limit=1", vec!["Missed"]),
    ] {
        let list = scene.get(&format!("/api/v1/ticks{query}")).await;
        assert_eq!(column(&list, "/status/result"), expected, "{query}");
    }
    let list = scene.get("/api/v1/ticks").await;
    assert_eq!(column(&list, "/status/reason"), ["catchup", "-", "-"]);
    assert_eq!((&list["items"][0]["status"]["count"], list["kind"].as_str()), (&json!(2), Some("TickList")));
    assert_eq!(list["items"][2]["status"]["delaySeconds"], json!(1.0));
}

#[tokio::test]
async fn windows_of_an_etl_that_is_gone_are_still_told() {
    let scene = three_days();
    let state = &scene.api.state;
    make(state, &[Change::FileDropped { path: "projects/north/rna.etl.yaml".into() }]);
    let recorded = state.recorded().clone();
    let desired = etl_core::desired::Desired::build(&recorded.files, &recorded.resets, &state.desired());
    state.set_desired(desired);
    let list = scene.get("/api/v1/etls/north/rna/windows").await;
    assert_eq!(column(&list, "/status/state"), ["Missing", "Running", "Succeeded"]);
    for path in ["/api/v1/etls/north/none/windows", "/api/v1/etls/north/rn/windows"] {
        assert_eq!(scene.refusal(Method::GET, path, "").await, (404, "NotFound".to_owned()), "{path}");
    }
    for path in ["/api/v1/etls/north/rna/windows?stat=x", "/api/v1/ticks?etl=rna"] {
        assert_eq!(scene.refusal(Method::GET, path, "").await, (400, "BadRequest".to_owned()), "{path}");
    }
}
