//! Bad specs and what is said about them: line, column, code, message, cure. Every row reads as a sentence:
//! "a task that … is told …". `tests/data/spec/faults.txt` holds how each is drawn; `UPDATE_SNAPSHOTS=1` writes it anew.

#[path = "spec_faults/alerts.rs"]
mod alerts;
#[path = "spec_faults/clocks.rs"]
mod clocks;
#[path = "spec_faults/container.rs"]
mod container;
#[path = "spec_faults/deploy.rs"]
mod deploy;
#[path = "spec_faults/envelope.rs"]
mod envelope;
#[path = "spec_faults/keys.rs"]
mod keys;
#[path = "spec_faults/mounts.rs"]
mod mounts;
#[path = "spec_faults/templates.rs"]
mod templates;
#[path = "spec_faults/triggers.rs"]
mod triggers;
#[path = "spec_faults/webhooks.rs"]
mod webhooks;

use std::path::Path;

use etl_core::spec::{FAULTS_MAX, Fault, ParsedFile, check_together, parse_file};

/// Lines of a task begin on line 8, in column 7.
fn task(lines: &str) -> String {
    let lines = lines.replace('\n', "\n      ");
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n  tasks:\n    t:\n      image: busybox:1\n      {lines}\n"
    )
}

/// Lines of an ETL's spec begin on line 6, in column 3.
fn spec(lines: &str) -> String {
    let lines = lines.replace('\n', "\n  ");
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n  tasks: {{t: {{image: a}}}}\n  {lines}\n"
    )
}

/// Tasks begin on line 6, in column 5.
fn tasks(lines: &str) -> String {
    let lines = lines.replace('\n', "\n    ");
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n  tasks:\n    {lines}\n"
    )
}

/// A Notifier with this spec, which begins on line 4, in column 7.
fn notifier(spec: &str) -> String {
    format!("apiVersion: etl.swarm/v1alpha1\nkind: Notifier\nmetadata: {{name: a}}\nspec: {spec}\n")
}

/// An Alert with this spec, which begins on line 4, in column 7.
fn alert(spec: &str) -> String {
    notifier(spec).replace("Notifier", "Alert")
}

/// Lines of a Schedule's spec begin on line 6, in column 3.
fn schedule(lines: &str) -> String {
    let lines = lines.replace('\n', "\n  ");
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: s}}\nspec:\n  etl: a\n  {lines}\n"
    )
}

fn metadata(metadata: &str) -> String {
    format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {metadata}\nspec: {{tasks: {{t: {{image: a}}}}}}\n"
    )
}

fn said(fault: &Fault) -> String {
    format!("{}:{} {} {}", fault.line, fault.column, fault.code, fault.message)
}

fn parse(text: &str) -> ParsedFile {
    parse_file("a.etl.yaml", text.as_bytes())
}

/// What is wrong, the text, and all that is said about it.
type Row = (&'static str, String, Vec<&'static str>);

fn rows() -> Vec<Row> {
    [
        envelope::yaml_rows(),
        envelope::envelope_rows(),
        keys::key_rows(),
        container::container_rows(),
        mounts::mount_rows(),
        deploy::deploy_rows(),
        templates::template_rows(),
        clocks::graph_rows(),
        clocks::schedule_rows(),
        clocks::window_rows(),
        triggers::rows(),
        webhooks::webhook_rows(),
        envelope::param_rows(),
        alerts::notifier_rows(),
        alerts::alert_rows(),
    ]
    .concat()
}

#[test]
fn every_bad_spec_is_told_where_and_what() {
    let mut wrong = Vec::new();
    for (sentence, text, expected) in rows() {
        let actual: Vec<String> = parse(&text).faults.iter().map(said).collect();
        if actual != expected {
            wrong.push(format!("{sentence}\n  expected {expected:#?}\n  actual {actual:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_bad_spec_is_drawn_as_before() {
    let mut drawn = String::new();
    for (sentence, text, _) in rows() {
        let faults: Vec<String> =
            parse(&text).faults.iter().map(|fault| fault.render(&text, false)).collect();
        drawn.push_str(&format!("# {sentence}\n{}\n\n", faults.join("\n")));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/spec/faults.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    for (before, now) in before.split("\n\n").zip(drawn.split("\n\n")) {
        assert_eq!(now, before);
    }
    assert_eq!(drawn.len(), before.len(), "faults.txt has other rows");
}

#[test]
fn every_fault_has_a_listed_code_and_most_have_a_cure() {
    let codes: Vec<&str> = etl_core::spec::CODES.iter().map(|(code, _)| *code).collect();
    let rows = rows();
    let faults: Vec<Fault> = rows.iter().flat_map(|(_, text, _)| parse(text).faults).collect();
    assert!(faults.iter().all(|fault| codes.contains(&fault.code)));
    let cured = faults.iter().filter(|fault| fault.help.is_some()).count();
    assert!(cured * 10 >= faults.len() * 9, "{cured} of {}", faults.len());
}

#[test]
fn all_faults_of_a_file_are_told_in_its_order() {
    let text = "apiVersion: v1\nkind: ETL\nmetadata: {name: A}\nspec:\n  timeout: 5\n  tasks:\n    t: {imge: x}\n---\nkind: Job\n";
    let lines: Vec<usize> = parse(text).faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 3, 5, 7, 7, 9]);
}

#[test]
fn documents_beside_a_broken_one_are_kept() {
    let good = tasks("t: {image: a}");
    let text = format!("{good}---\nkind: [\n---\n{}", good.replace("name: a", "name: b"));
    let parsed = parse(&text);
    let names: Vec<&str> = parsed.objects.iter().map(|object| object.value.key().name.as_str()).collect();
    assert_eq!((names, parsed.faults.len()), (vec!["a", "b"], 1));
}

#[test]
fn a_broken_object_is_known_by_its_name() {
    let parsed = parse(&task("memmory: 1"));
    assert!(parsed.objects.is_empty());
    assert_eq!(parsed.broken[0].1.to_string(), "default/a");
}

#[test]
fn faults_of_one_file_are_bounded() {
    let many = (0..1_000).map(|at| format!("k{at}: 1")).collect::<Vec<_>>().join("\n");
    assert_eq!(parse(&task(&many)).faults.len(), FAULTS_MAX);
}

#[test]
fn a_fault_that_aliases_repeat_is_told_once() {
    let text = tasks("a: &x {image: a, timeot: 1m}\nb: *x\nc: *x");
    assert_eq!(parse(&text).faults.len(), 1);
}

#[test]
fn the_folder_says_the_project() {
    for (path, metadata_text, expected) in [
        ("a.etl.yaml", "{name: a}", Ok("default/a")),
        ("team/a.etl.yaml", "{name: a, project: default}", Ok("default/a")),
        ("projects/north/x/a.etl.yaml", "{name: a}", Ok("north/a")),
        ("projects/north/a.etl.yaml", "{name: a, project: north}", Ok("north/a")),
        (
            "projects/north/a.etl.yaml",
            "{name: a, project: south}",
            Err("3:30 E031 project `south` in a file of project `north`"),
        ),
        (
            "a.etl.yaml",
            "{name: a, project: north}",
            Err("3:30 E031 project `north` in a file of project `default`"),
        ),
        (
            "projects/North/a.etl.yaml",
            "{name: a}",
            Err("1:1 E030 `North` is not a name: a name has only lower-case letters, digits and inner `-`"),
        ),
        ("projects/a.etl.yaml", "{name: a}", Ok("default/a")),
    ] {
        let parsed = parse_file(path, metadata(metadata_text).as_bytes());
        let actual = match parsed.faults.first() {
            Some(fault) => Err(said(fault)),
            None => Ok(parsed.objects[0].value.key().to_string()),
        };
        assert_eq!(actual, expected.map(str::to_owned).map_err(str::to_owned), "{path} {metadata_text}");
    }
}

fn said_together(files: &[(&str, &str)]) -> Vec<String> {
    let parsed: Vec<ParsedFile> =
        files.iter().map(|(path, text)| parse_file(path, text.as_bytes())).collect();
    for file in &parsed {
        assert!(file.faults.is_empty() || !file.broken.is_empty(), "{:?}", file.faults);
    }
    check_together(&parsed).iter().map(|fault| format!("{}:{}", fault.file, said(fault))).collect()
}

#[test]
fn an_object_in_two_files_is_wrong_in_both() {
    let etl = tasks("t: {image: a}");
    assert_eq!(
        said_together(&[("x.etl.yaml", &etl), ("y.etl.yaml", &etl)]),
        [
            "x.etl.yaml:3:18 E032 the ETL `default/a` is defined twice",
            "y.etl.yaml:3:18 E032 the ETL `default/a` is defined twice",
        ]
    );
    assert_eq!(said_together(&[("x.etl.yaml", &etl), ("projects/p/x.etl.yaml", &etl)]), [""; 0]);
}

#[test]
fn an_inline_schedule_and_a_schedule_of_its_name_are_both_wrong() {
    let etl = spec("schedule: {every: 1m}");
    let other = schedule("every: 2m").replace("name: s", "name: a");
    assert_eq!(
        said_together(&[("x.etl.yaml", &etl), ("y.etl.yaml", &other)]),
        [
            "x.etl.yaml:6:3 E032 the Schedule `default/a` is defined twice",
            "y.etl.yaml:3:18 E032 the Schedule `default/a` is defined twice",
        ]
    );
}

#[test]
fn a_schedule_needs_its_etl() {
    let other = schedule("every: 1m").replace("etl: a", "etl: rna-dayly");
    let etl = tasks("t: {image: a}").replace("name: a", "name: rna-daily");
    let fault = "y.etl.yaml:5:8 E035 no ETL `rna-dayly` in project `default`";
    assert_eq!(said_together(&[("x.etl.yaml", &etl), ("y.etl.yaml", &other)]), [fault]);
    let broken = etl.replace("rna-daily", "rna-dayly").replace("image: a", "imge: a");
    assert_eq!(said_together(&[("x.etl.yaml", &broken), ("y.etl.yaml", &other)]), [""; 0]);
}

#[test]
fn what_a_schedule_waits_for_exists_and_does_not_wait_for_it() {
    let etl = |name: &str| spec("").replace("name: a", &format!("name: {name}"));
    let waits = |etl: &str, on: &str| {
        schedule(&format!("on: {on}"))
            .replace("etl: a", &format!("etl: {etl}"))
            .replace("name: s", &format!("name: {etl}-s"))
    };
    let lake = spec("").replace("name: a", "name: c").replace("{image: a}", "{image: a, produces: [lake]}");
    for (what, first, second, expected) in [
        ("one after the other", waits("b", "{etls: [a]}"), waits("c", "{etls: [b]}"), vec![]),
        (
            "a dataset that nobody makes yet",
            waits("b", "{datasets: [sea]}"),
            waits("c", "{etls: [b]}"),
            vec![],
        ),
        (
            "a name misspelled",
            waits("b", "{etls: [aa]}"),
            waits("c", "{etls: [b]}"),
            vec!["x.etl.yaml:6:15 E035 no ETL `aa` in project `default` to wait for"],
        ),
        (
            "a circle of two",
            waits("a", "{etls: [b]}"),
            waits("b", "{etls: [a]}"),
            vec![
                "x.etl.yaml:3:18 E034 a circle of ETLs that start each other: a → b → a",
                "y.etl.yaml:3:18 E034 a circle of ETLs that start each other: b → a → b",
            ],
        ),
        (
            "a circle by way of a dataset",
            waits("b", "{datasets: [lake]}"),
            waits("c", "{etls: [b]}"),
            vec![
                "c.etl.yaml:3:18 E034 a circle of ETLs that start each other: c → b → c",
                "x.etl.yaml:3:18 E034 a circle of ETLs that start each other: b → c → b",
                "y.etl.yaml:3:18 E034 a circle of ETLs that start each other: c → b → c",
            ],
        ),
    ] {
        let (a, b) = (etl("a"), etl("b"));
        let files = [
            ("a.etl.yaml", &*a),
            ("b.etl.yaml", &*b),
            ("c.etl.yaml", &*lake),
            ("x.etl.yaml", &*first),
            ("y.etl.yaml", &*second),
        ];
        assert_eq!(said_together(&files), expected, "{what}");
    }
}

#[test]
fn values_of_a_schedule_fit_the_parameters_of_its_etl() {
    let etl = spec("params: {size: {type: integer}, dry: {type: boolean, default: false}}");
    for (values, expected) in [
        ("{size: 5}", vec![]),
        ("{size: 5, dry: true}", vec![]),
        ("{size: '5'}", vec!["7:18 E036 parameter `size` must be integer, not `5`"]),
        ("{size: 5, dri: true}", vec!["7:26 E036 unknown parameter `dri`"]),
        ("{dry: true}", vec!["5:8 E036 parameter `size` needs a value: it has no default"]),
    ] {
        let schedule = schedule(&format!("every: 1m\nparams: {values}"));
        let expected: Vec<String> = expected.iter().map(|said| format!("y.etl.yaml:{said}")).collect();
        assert_eq!(said_together(&[("x.etl.yaml", &etl), ("y.etl.yaml", &schedule)]), expected, "{values}");
    }
}

#[test]
fn what_a_call_brings_fits_the_parameters_of_its_etl() {
    let etl = spec("params: {size: {type: integer}, dry: {type: boolean, default: false}}");
    for (values, expected) in [
        ("{size: '{{ body.size }}'}", vec![]),
        ("{size: '{{ body.size }}', dry: 'true'}", vec![]),
        ("{size: '1', dri: 'true'}", vec!["6:54 E036 unknown parameter `dri`"]),
        ("{dry: 'true'}", vec!["5:8 E036 parameter `size` needs a value: it has no default"]),
    ] {
        let schedule = schedule(&format!("webhook: {{secretFile: /a, params: {values}}}"));
        let expected: Vec<String> = expected.iter().map(|said| format!("y.etl.yaml:{said}")).collect();
        assert_eq!(said_together(&[("x.etl.yaml", &etl), ("y.etl.yaml", &schedule)]), expected, "{values}");
    }
}
