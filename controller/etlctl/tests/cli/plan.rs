//! `plan`: what it asks for, how it prints what it is told, and that whatever goes wrong is 2.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake::{Fake, etlctl, run};

fn answer() -> Value {
    json!({
        "apiVersion": "etl.swarm/v1alpha1", "kind": "Plan", "at": "2026-03-07T00:00:00Z",
        "files": [{"path": "a.etl.yaml", "state": "changed"}, {"path": "b.etl.yaml", "state": "unchanged"}],
        "prune": {"objects": ["ETL default/old"], "held": false, "openRuns": 2},
        "schedules": [{
            "project": "default", "name": "a", "etl": "a", "state": "edited",
            "when": "30 2 * * * (America/Los_Angeles)",
            "next": [{"tick": "2026-03-07T10:30:00Z", "wall": "Sat 2026-03-07 02:30:00 PST"}],
            "clockChange": {
                "at": "2026-03-08T10:00:00Z", "wall": "Sun 2026-03-08 03:00:00 PDT", "seconds": 3600,
                "ticks": [{"tick": "2026-03-08T10:00:00Z", "wall": "Sun 2026-03-08 03:00:00 PDT"}],
            },
        }],
        "starts": {"total": 3, "missed": {"limit": 7}, "runs": [{
            "project": "default", "etl": "a", "run": "a-20260306t1030-k3f", "schedule": "a",
            "tick": "2026-03-06T10:30:00Z",
            "window": {"start": "2026-03-05T00:00:00Z", "end": "2026-03-06T00:00:00Z"},
        }]},
    })
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plan(fake: &Fake, folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = fake.etlctl(&[&["plan", "--utc"], words].concat());
    command.current_dir(folder);
    run(command)
}

#[test]
fn a_plan_is_printed_for_people_and_for_programs() {
    let fake = Fake::new().on("POST /api/v1/plan", 200, answer());
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.etl.yaml", "text");
    let (code, out, err) = plan(&fake, folder.path(), &[]);
    assert_eq!(code, 0, "{err}");
    let expected = "FILE        STATE\na.etl.yaml  changed\n\nschedule default/a edited: 30 2 * * * (America/Los_Angeles)\n  2026-03-07T10:30:00Z  Sat 2026-03-07 02:30:00 PST\n  clocks go forward by 1h at 2026-03-08T10:00:00Z (Sun 2026-03-08 03:00:00 PDT):\n  2026-03-08T10:00:00Z  Sun 2026-03-08 03:00:00 PDT\n\nruns that would be started:\nRUN                  SCHEDULE   TICK                  WINDOW\na-20260306t1030-k3f  default/a  2026-03-06T10:30:00Z  2026-03-05/1d\nand 2 more\n\nticks that would start no run: 7 limit\n\nthese would disappear:\n  ETL default/old\n  2 of their runs are not over, and go on\n\n";
    assert_eq!(out, expected);
    assert!(err.contains("Files: 1 changed, 1 unchanged.") && err.contains("Nothing was changed."), "{err}");
    let (code, out, _) = plan(&fake, folder.path(), &["-o", "json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()), (0, answer()));
}

#[test]
fn folders_stand_for_all_they_hold_and_paths_are_the_repositorys() {
    for (repository, words, files, scope, below_path) in [
        (true, vec![], vec!["etl/projects/north/a.etl.yaml", "etl/b.etl.yaml"], vec![""], false),
        (true, vec!["etl"], vec!["etl/projects/north/a.etl.yaml", "etl/b.etl.yaml"], vec!["etl"], false),
        (true, vec!["etl/b.etl.yaml"], vec!["etl/b.etl.yaml"], vec!["etl/b.etl.yaml"], false),
        (
            true,
            vec!["etl/projects/north"],
            vec!["etl/projects/north/a.etl.yaml"],
            vec!["etl/projects/north"],
            false,
        ),
        (false, vec!["etl"], vec!["projects/north/a.etl.yaml", "b.etl.yaml"], vec![""], true),
        (false, vec!["etl/b.etl.yaml"], vec!["b.etl.yaml"], vec!["b.etl.yaml"], true),
        (false, vec!["empty"], vec![], vec![""], true),
    ] {
        let (fake, folder) = (Fake::new().on("POST /api/v1/plan", 200, answer()), TempDir::new().unwrap());
        write(folder.path(), "etl/projects/north/a.etl.yaml", "a");
        write(folder.path(), "etl/b.etl.yaml", "b");
        fs::create_dir(folder.path().join("empty")).unwrap();
        if repository {
            fs::create_dir(folder.path().join(".git")).unwrap();
        }
        assert_eq!(plan(&fake, folder.path(), &words).0, 0, "{words:?}");
        let body = fake.last_body();
        let mut asked: Vec<&str> = body["files"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut files = files;
        asked.sort_unstable();
        files.sort_unstable();
        assert_eq!((asked, &body["scope"]), (files, &json!(scope)), "{words:?}");
        assert_eq!(body["belowPath"], below_path, "{words:?}");
    }
}

#[test]
fn the_time_is_passed_on() {
    let (fake, folder) = (Fake::new().on("POST /api/v1/plan", 200, answer()), TempDir::new().unwrap());
    plan(&fake, folder.path(), &["--at", "2026-03-08"]);
    assert_eq!(fake.last_body()["at"], "2026-03-08T00:00:00Z");
}

#[test]
fn what_cannot_be_planned_is_2() {
    let folder = TempDir::new().unwrap();
    let mut faulty = answer();
    faulty["files"] =
        json!([{"path": "a.etl.yaml", "state": "faulty", "faults": "a.etl.yaml:1:1 error[E001]: no"}]);
    let busy =
        json!({"reason": "Busy", "message": "a plan is being made already", "help": "try again later"});
    let good = || Fake::new().on("POST /api/v1/plan", 200, answer());
    for (fake, words, said) in [
        (Fake::new().on("POST /api/v1/plan", 200, faulty), vec![], "Files: 1 faulty"),
        (Fake::new().on("POST /api/v1/plan", 503, busy), vec![], "try again later"),
        (good(), vec!["nowhere"], "cannot read `nowhere`"),
        (good(), vec!["--at", "soon"], "is not a time"),
    ] {
        let (code, _, err) = plan(&fake, folder.path(), &words);
        assert!(code == 2 && err.contains(said), "{code} {err}");
    }
    let (code, _, err) = run(etlctl(&["plan", "--server", "unix:///nowhere/api.sock"]));
    assert!(code == 2 && err.contains("is the controller running?"), "{code} {err}");
}
