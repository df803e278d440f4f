//! The alert rules as they are shipped: Prometheus takes them, each one fires and resolves, asks for metrics that exist, and
//! has a page that says what to do. Starts Prometheus' and Alertmanager's own checkers, and no server.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use etl_tests::repository::{read, root};
use serde::Deserialize;

const RULES: &str = "charts/prometheus/etl.rules.yml";
const TESTS: [&str; 2] =
    ["charts/prometheus/etl.rules.test.yml", "charts/prometheus/etl.rules.days.test.yml"];
/// Always fires: it has nothing to resolve.
const WATCHDOG: &str = "EtlWatchdog";
const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "none"];
const HEADINGS: [&str; 4] = ["## Meaning\n", "## Impact\n", "## Diagnosis\n", "## Mitigation\n"];

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    alert_rule_test: Vec<Moment>,
}

/// What is expected of an alert at one instant.
#[derive(Deserialize)]
struct Moment {
    alertname: String,
    exp_alerts: Vec<serde_yaml::Value>,
}

fn rules() -> Vec<Rule> {
    let file: RuleFile = serde_yaml::from_str(&read(RULES)).expect(RULES);
    let rules: Vec<Rule> = file.groups.into_iter().flat_map(|group| group.rules).collect();
    assert!(rules.len() > 20, "only {} alerts were recognised", rules.len());
    rules
}

/// Runs a checker of Debian's packages, which `make install-tests` brings; its words are the failure.
fn check(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: run `make install-tests` first"));
    let words = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{program} {args:?}: {}", words.join("\n"));
}

#[test]
fn prometheus_and_alertmanager_take_what_is_shipped() {
    check("promtool", &["check", "rules", RULES]);
    check("promtool", &["check", "config", "charts/prometheus/prometheus.yml"]);
    check("amtool", &["check-config", "charts/prometheus/alertmanager.yml"]);
}

#[test]
fn every_alert_fires_and_resolves() {
    check("promtool", &[&["test", "rules"], TESTS.as_slice()].concat());
    let mut told: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for path in TESTS {
        let file: TestFile = serde_yaml::from_str(&read(path)).expect(path);
        for moment in file.tests.into_iter().flat_map(|case| case.alert_rule_test) {
            told.entry(moment.alertname).or_default().push(!moment.exp_alerts.is_empty());
        }
    }
    for Rule { alert, .. } in rules() {
        let moments = told.get(&alert).map(Vec::as_slice).unwrap_or_default();
        let turns = moments.windows(3).any(|moments| *moments == [false, true, false]);
        let always = alert == WATCHDOG && moments.iter().all(|fires| *fires);
        assert!(
            turns || (always && !moments.is_empty()),
            "{alert} is not seen to fire and resolve: {moments:?}"
        );
    }
}

#[test]
fn every_alert_says_what_and_why_and_what_to_do() {
    let names: BTreeSet<String> = rules().iter().map(|rule| rule.alert.clone()).collect();
    for Rule { alert, labels, annotations, .. } in rules() {
        let severity = labels.get("severity").map_or("", String::as_str);
        assert!(SEVERITIES.contains(&severity), "{alert}: severity `{severity}`");
        for words in ["summary", "description"] {
            assert!(annotations.get(words).is_some_and(|text| !text.is_empty()), "{alert} has no {words}");
        }
        let url = annotations.get("runbook_url").map_or("", String::as_str);
        assert!(url.ends_with(&format!("/runbooks/{alert}.md")), "{alert}: runbook_url `{url}`");
        let page = read(&format!("docs/runbooks/{alert}.md"));
        let at: Vec<Option<usize>> = HEADINGS.iter().map(|heading| page.find(heading)).collect();
        assert!(at.is_sorted() && at[0].is_some(), "docs/runbooks/{alert}.md lacks one of {HEADINGS:?}");
    }
    let pages = std::fs::read_dir(root().join("docs/runbooks")).expect("the folder of runbooks");
    let pages = pages.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let stray: Vec<String> = pages.filter(|page| !names.contains(page.trim_end_matches(".md"))).collect();
    assert!(stray.is_empty(), "no alert leads to {stray:?}");
}

#[test]
fn every_alert_asks_for_metrics_that_exist() {
    let page = read("docs/reference/metrics.md");
    let mut asked = 0;
    for Rule { alert, expr, .. } in rules() {
        let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: BTreeSet<&str> = words.filter(|word| word.starts_with("etl_")).collect();
        asked += metrics.len();
        for metric in metrics {
            assert!(
                page.contains(&format!("| `{metric}` |")),
                "{alert} asks for {metric}, which does not exist"
            );
        }
    }
    assert!(asked > 20, "only {asked} metrics were recognised");
}
