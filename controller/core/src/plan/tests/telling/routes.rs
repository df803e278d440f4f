//! Which alerts are about what, and where messages go.

use super::*;

fn in_project(project: &str, path: &str, text: &str) -> (String, AcceptedFile) {
    object(&format!("projects/{project}/{path}.etl.yaml"), text)
}

/// Names of the notifiers that hear of a failure of `north/rna`, labelled `tier: prod`.
fn hear(files: Vec<(String, AcceptedFile)>) -> Vec<String> {
    let rna = "kind: ETL\nmetadata: {name: rna, labels: {tier: prod}}\nspec:\n  tasks: {load: {image: x}}\n";
    let mut told = Told::of(files.into_iter().chain([in_project("north", "rna", rna)]));
    let etl = EtlKey::new(name("north"), name("rna"));
    let run = RunKey::of_request(&etl, "one");
    told.story.ask(at(0), "one", Verb::Run { etl, params: BTreeMap::new(), window: None });
    told.pass(0, seen([sighting(&load(&run), S::Failed)]));
    told.until(50, quiet);
    let mut heard: Vec<String> =
        told.messages.iter().map(|(_, notice)| notice.route.notifier.to_string()).collect();
    heard.sort();
    heard
}

#[test]
fn alerts_are_about_their_project_or_all_and_say_which_etls() {
    let slack = "kind: Notifier\nmetadata: {name: ops}\nspec: {slack: {webhookUrlFile: /s}}\n";
    let alert = |spec: &str| {
        format!("kind: Alert\nmetadata: {{name: a}}\nspec: {{{spec}on: [Failed], notify: [ops]}}\n")
    };
    let common = || object("ops.etl.yaml", slack);
    let all = ["default/ops"].as_slice();
    for (what, files, expected) in [
        ("of no project", vec![common(), object("a.etl.yaml", &alert(""))], all),
        ("of its project", vec![common(), in_project("north", "a", &alert(""))], all),
        ("of another", vec![common(), in_project("south", "a", &alert(""))], &[]),
        (
            "the project's own notifier goes first",
            vec![common(), in_project("north", "ops", slack), in_project("north", "a", &alert(""))],
            &["north/ops"],
        ),
        ("by name", vec![common(), object("a.etl.yaml", &alert("match: {etls: [rna]}, "))], all),
        ("by another", vec![common(), object("a.etl.yaml", &alert("match: {etls: [dna]}, "))], &[]),
        ("by label", vec![common(), object("a.etl.yaml", &alert("match: {labels: {tier: prod}}, "))], all),
        (
            "by another value",
            vec![common(), object("a.etl.yaml", &alert("match: {labels: {tier: dev}}, "))],
            &[],
        ),
        ("nobody asks", vec![common()], &[]),
    ] {
        assert_eq!(hear(files), expected, "{what}");
    }
}

#[test]
fn an_etl_says_itself_who_is_told() {
    let mut told = Told::of([plain("hello", "  notify: [ops]\n"), notifier("ops", SLACK)]);
    told.run(0, "one", S::Failed);
    told.until(50, quiet);
    told.run(100, "two", S::Complete);
    told.until(200, quiet);
    assert_eq!(told.heard(), [(10, 1, 0), (110, 1, 1)]);
    assert_eq!(told.messages[0].1.route.alert, "etl/default/hello");
}

#[test]
fn alertmanager_hears_every_minute_and_at_once() {
    let am = notifier("ops", "alertmanager: {url: \"http://am:9093\"}");
    let mut told = Told::of([
        plain("hello", ""),
        am,
        alert("on: [Failed], quietHours: {from: \"20:00\", to: \"06:00\"}"),
    ]);
    told.run(0, "one", S::Failed);
    told.until(150, quiet);
    told.run(170, "two", S::Complete);
    told.until(400, quiet);
    assert_eq!(
        told.heard(),
        [(0, 1, 0), (60, 1, 0), (120, 1, 0), (170, 1, 1)],
        "it groups and is quiet by itself"
    );
}

#[test]
fn a_destination_that_git_no_longer_has_gets_nothing() {
    let mut told = Told::by("on: [Failed]");
    told.is_dead = true;
    told.run(0, "one", S::Failed);
    told.until(30, quiet);
    assert_eq!(told.story.recorded.notices.len(), 1);
    for path in ["notifier-ops.etl.yaml", "alert.etl.yaml"] {
        told.story.recorded.files.remove(path);
    }
    told.story.desired = Desired::build(&told.story.recorded.files, &BTreeMap::new(), &told.story.desired);
    told.until(1_000, quiet);
    assert!(told.story.recorded.notices.is_empty());
    assert_eq!(told.heard(), []);
}
