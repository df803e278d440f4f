//! `next`, `lint`, `completion` and `help`: what needs no server.

use std::fs;
use std::path::Path;

use crate::fake::{etlctl, run};

#[test]
fn next_prints_one_instant_a_line() {
    for (words, expected) in [
        (
            vec!["0 0 1 1 *", "--from", "2024-06-01T00:00:00Z", "--count", "2"],
            "2025-01-01T00:00:00Z\n2026-01-01T00:00:00Z\n",
        ),
        (
            vec![
                "30 2 * * *",
                "--timezone",
                "America/Los_Angeles",
                "--from",
                "2025-11-20T00:00:00Z",
                "--count",
                "1",
            ],
            "2025-11-20T10:30:00Z\n",
        ),
        (
            // The night of the spring change has no 02:30: once runs when the gap ends, the wall clock never shows it.
            vec![
                "30 2 * * *",
                "--timezone",
                "America/Los_Angeles",
                "--from",
                "2025-03-09T08:00:00Z",
                "--count",
                "1",
            ],
            "2025-03-09T10:00:00Z\n",
        ),
        (
            vec![
                "30 2 * * *",
                "--timezone",
                "America/Los_Angeles",
                "--from",
                "2025-03-09T08:00:00Z",
                "--count",
                "1",
                "--dst",
                "wallClock",
            ],
            "2025-03-10T09:30:00Z\n",
        ),
        (
            vec!["*/20 * * * * *", "--seconds", "--from", "2025-01-01T00:00:00Z", "--count", "1"],
            "2025-01-01T00:00:20Z\n",
        ),
        (vec!["@every 90s", "--from", "2025-01-01T00:00:00Z", "--count", "1"], "2025-01-01T00:01:30Z\n"),
    ] {
        let (code, out, err) = run(etlctl(&[&["next"], words.as_slice()].concat()));
        assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""), "{words:?}");
    }
}

#[test]
fn next_tells_a_schedule_that_never_fires_from_a_wrong_one() {
    let (code, out, err) = run(etlctl(&["next", "0 0 31 4 *", "--from", "2025-01-01T00:00:00Z"]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: `0 0 31 4 *` is never due after 2025-01-01T00:00:00Z\n"), "{err}");
    let (code, out, err) = run(etlctl(&["next", "0 0 1 1 * 2030 x"]));
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    let (code, out, err) = run(etlctl(&["next", "0 99 * * *"]));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("\n  0 99 * * *\n    ^^\n"), "{err}");
    for words in [
        ["0 0 * * *", "--timezone", "Mars/Olympus"],
        ["0 0 * * *", "--count", "0"],
        ["0 0 * * *", "--from", "x"],
    ] {
        assert_eq!(run(etlctl(&[&["next"], words.as_slice()].concat())).0, 2, "{words:?}");
    }
}

const GOOD: &str = "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {name: NAME}\nspec:\n  tasks:\n    a: {image: busybox:1}\n";

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn lint(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = etlctl(&[&["lint"], words].concat());
    command.current_dir(folder);
    run(command)
}

#[test]
fn lint_finds_every_fault_of_every_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.etl.yaml", &GOOD.replace("NAME", "a"));
    write(folder.path(), "deep/b.etl.yaml", &GOOD.replace("NAME", "b").replace("image", "imagge"));
    write(folder.path(), "deep/c.etl.yaml", "a: [");
    write(folder.path(), "other.yaml", "not: ours");
    write(folder.path(), ".git/x.etl.yaml", "not: ours");
    let (code, out, err) = lint(folder.path(), &[]);
    assert_eq!(code, 1);
    assert!(out.contains("deep/b.etl.yaml:6:9 error[E012]") && out.contains("deep/c.etl.yaml:"), "{out}");
    assert!(out.contains('^') && err.ends_with(" in 2 of 3 files.\n"), "{out}\n{err}");
    let (code, out, err) = lint(folder.path(), &["a.etl.yaml"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "1 file, no faults.\n"));
}

#[test]
fn lint_sees_what_files_do_to_each_other_and_takes_projects_from_folders() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    write(folder.path(), "projects/north/a.etl.yaml", &GOOD.replace("NAME", "same"));
    write(folder.path(), "projects/south/a.etl.yaml", &GOOD.replace("NAME", "same"));
    assert_eq!(lint(folder.path(), &[]).0, 0, "two projects may have an ETL of one name");
    write(folder.path(), "projects/south/b.etl.yaml", &GOOD.replace("NAME", "same"));
    for paths in
        [vec!["."], vec!["projects/south"], vec!["projects/south/a.etl.yaml", "projects/south/b.etl.yaml"]]
    {
        let (code, out, _) = lint(folder.path(), &paths);
        assert_eq!((code, out.matches("error[E032]").count()), (1, 2), "{paths:?}: {out}");
        assert!(out.contains("south/same"), "{paths:?}: {out}");
    }
}

#[test]
fn lint_applies_the_operators_rules() {
    let folder = tempfile::tempdir().unwrap();
    let task = "image: busybox:1, volumes: ['/srv/data:/data'], cap_add: [NET_ADMIN]";
    write(folder.path(), "a.etl.yaml", &GOOD.replace("NAME", "a").replace("image: busybox:1", task));
    let (code, out, _) = lint(folder.path(), &[]);
    assert_eq!((code, out.matches("error[P001]").count()), (1, 2), "{out}");
    let allowed = ["--allow-bind-mount", "/srv", "--allow-capability", "CAP_NET_ADMIN"];
    assert_eq!(lint(folder.path(), &allowed).0, 0);
}

#[test]
fn lint_speaks_to_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.etl.yaml", &GOOD.replace("NAME", "a").replace("image", "imagge"));
    let (code, out, _) = lint(folder.path(), &["--format", "json"]);
    let faults: serde_json::Value = serde_json::from_str(&out).unwrap();
    let unknown = faults.as_array().unwrap().iter().find(|fault| fault["code"] == "E012").unwrap();
    assert_eq!(
        (code, &unknown["file"], &unknown["line"], &unknown["column"]),
        (1, &"a.etl.yaml".into(), &6.into(), &9.into())
    );
    let (code, out, _) = lint(folder.path(), &["--format", "github"]);
    assert_eq!(code, 1);
    assert!(out.contains("::error file=a.etl.yaml,line=6,col=9,title=E012::"), "{out}");
}

#[test]
fn lint_of_what_is_not_there_is_unreadable_input() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = lint(folder.path(), &["nowhere"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "error: cannot read `nowhere`: No such file or directory (os error 2)\n")
    );
    assert_eq!(lint(folder.path(), &[]), (0, String::new(), "No *.etl.yaml files found.\n".into()));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, out, _) = run(etlctl(&["completion", shell]));
        assert_eq!(code, 0, "{shell}");
        assert!(out.contains("etlctl") && out.contains("reconcile"), "{shell}");
    }
}

#[test]
fn help_shows_commands_and_the_table_of_exit_codes() {
    let (code, out, _) = run(etlctl(&["help", "exit-codes"]));
    assert_eq!(code, 0);
    assert!(out.starts_with("CODE  MEANING\n   0  success") && out.lines().count() == 11, "{out}");
    assert!(run(etlctl(&["help", "get"])).1.contains("--all-projects"));
    assert!(run(etlctl(&["help"])).1.contains("reconcile"));
    assert_eq!(run(etlctl(&["help", "nothing"])).0, 2);
}
