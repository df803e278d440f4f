//! One door each: which folder may know the database, Docker, git and the clock, and who may depend on whom.

use crate::tree::{File, ending, none, rust};

/// A text that only some folders may have in their code, and why.
const DOORS: [(&str, &[&str], &str); 10] = [
    ("bollard::", &["controller/swarm/"], "only the Swarm door knows Docker's types"),
    ("hyperlocal", &["controller/swarm/"], "only the Swarm door connects to Docker"),
    ("sled::", &["controller/store/"], "only the store knows a database"),
    ("granit_parser", &["controller/core/src/spec/"], "YAML becomes specs in one place"),
    ("minijinja", &["controller/core/src/template"], "templates are filled in in one place"),
    (
        "process::Command",
        &["controller/git/", "tests/", "controller/store/src/contract/"],
        "only the git door starts programs",
    ),
    ("Instant::now", &["tests/"], "only clock.rs reads a clock"),
    ("SystemTime::now", &["tests/"], "only clock.rs reads a clock"),
    ("Timestamp::now", &["tests/"], "only clock.rs reads a clock"),
    ("Zoned::now", &["tests/"], "only clock.rs reads a clock"),
];

/// Who of the workspace a package may use; tests of a package may use the lab as well.
const ARROWS: [(&str, &[&str]); 6] = [
    ("controller/core", &[]),
    ("controller/git", &[]),
    ("controller/store", &["etl-core"]),
    ("controller/swarm", &["etl-core"]),
    ("controller/etlctl", &["etl-core", "etl-store"]),
    ("controller/server", &["etl-core", "etl-git", "etl-store", "etl-swarm"]),
];

#[test]
fn each_outside_thing_has_one_door() {
    let files = rust();
    let mut found = Vec::new();
    for (text, folders, why) in DOORS {
        let holds = |file: &&File| file.text.lines().any(|line| code(line).contains(text));
        let outside = |file: &&File| {
            !folders.iter().any(|folder| file.path.starts_with(folder)) && !file.path.ends_with("/clock.rs")
        };
        found.extend(
            files.iter().filter(outside).filter(holds).map(|file| format!("{}: {why} ({text})", file.path)),
        );
    }
    none("one door to each outside thing", &found);
}

#[test]
fn every_clock_is_a_binarys_or_a_doors() {
    let clocks: Vec<String> =
        rust().into_iter().map(|file| file.path).filter(|path| path.ends_with("/clock.rs")).collect();
    let known =
        ["controller/etlctl/src/clock.rs", "controller/server/src/clock.rs", "controller/swarm/src/clock.rs"];
    assert_eq!(clocks, known, "a pass reads the clock once and hands `now` down");
}

#[test]
fn core_takes_values_and_returns_values() {
    let mut found = Vec::new();
    for File { path, text } in ending("controller/core/src", ".rs") {
        for word in ["async fn", "std::fs", "std::net", "std::env", "std::thread", "tokio", "println!"] {
            if text.lines().any(|line| code(line).contains(word)) {
                found.push(format!("{path}: {word}"));
            }
        }
    }
    none("core decides: no async, files, sockets, environment or output", &found);
}

#[test]
fn packages_depend_on_each_other_in_one_direction() {
    let mut found = Vec::new();
    for (folder, allowed) in ARROWS {
        let manifest = crate::tree::read(&format!("{folder}/Cargo.toml"));
        for (section, line) in dependencies(&manifest) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let lab = name == "etl-lab" && section == "dev-dependencies";
            if name.starts_with("etl") && !allowed.contains(&name) && !lab {
                found.push(format!("{folder} uses {name} in [{section}]"));
            }
            if name == "sled" && folder != "controller/store"
                || name == "bollard" && folder != "controller/swarm"
            {
                found.push(format!("{folder} uses {name}"));
            }
        }
    }
    none("doors depend on core alone, and only the server on the doors", &found);
}

/// A line without its comment and what is quoted.
fn code(line: &str) -> String {
    let bare: String = line.split('"').step_by(2).collect();
    bare.split("//").next().unwrap_or_default().to_owned()
}

/// Lines of a manifest's tables of dependencies, with the table's name.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            found.push((section.clone(), line.to_owned()));
        }
    }
    assert!(!found.is_empty(), "a manifest without dependencies");
    found
}
