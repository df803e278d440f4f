//! The reference pages name everything that the code has. What one of them leaves out fails here.

use std::collections::BTreeSet;

use etl_core::outcome::StuckReason;
use etl_core::spec::CODES;
use etl_server::settings::TABLE;

use crate::tree::{ending, none, read};

/// Fails for words that a page does not have in backticks.
fn told(page: &str, words: impl IntoIterator<Item = String>) {
    let text = read(page);
    let words: BTreeSet<String> = words.into_iter().collect();
    assert!(!words.is_empty(), "nothing was found that {page} should tell of");
    let has = |word: &String| {
        text.match_indices(word.as_str()).any(|(at, _)| {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            let after = text[at + word.len()..].chars().next().unwrap_or(' ');
            let inside = |c: char| c.is_alphanumeric() || c == '_';
            !inside(before) && !inside(after)
        })
    };
    let missing: Vec<String> = words.into_iter().filter(|word| !has(word)).collect();
    none(&format!("{page} does not tell of"), &missing);
}

/// Texts in double quotes that begin so, outside of tests and comments.
fn quoted(text: &str, begin: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let texts = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    texts.filter(|text| text.starts_with(begin)).map(str::to_owned).collect()
}

/// The commands of etlctl.
pub fn commands() -> Vec<String> {
    let modules = read("controller/etlctl/src/commands/mod.rs");
    let public = modules.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let commands: Vec<String> = public.map(str::to_owned).collect();
    assert!(commands.len() > 10, "only {} commands were recognised", commands.len());
    commands
}

#[test]
fn every_setting_is_told_in_its_three_spellings() {
    let page = "docs/reference/settings.md";
    told(page, TABLE.iter().flat_map(|setting| [setting.flag(), setting.env(), setting.key()]));
    let text = read(page);
    let wrong = TABLE.iter().flat_map(|setting| setting.default.iter().filter(|default| !default.is_empty()));
    let wrong: Vec<String> = wrong
        .filter(|default| !text.contains(&format!("`{default}`")))
        .map(|default| (*default).to_owned())
        .collect();
    none("a default in the page is another one", &wrong);
}

#[test]
fn every_metric_is_told() {
    let files = ending("controller/server/src/metrics", ".rs").into_iter();
    let files = files.filter(|file| !file.path.ends_with("/tests.rs"));
    let names = files.flat_map(|file| quoted(&file.text, "etl_"));
    told("docs/reference/metrics.md", names);
}

#[test]
fn every_command_is_told() {
    told("docs/reference/cli.md", commands().into_iter().map(|command| format!("etlctl {command}")));
}

#[test]
fn every_flag_of_every_command_is_told() {
    let files = ending("controller/etlctl/src/commands", ".rs")
        .into_iter()
        .chain(ending("controller/etlctl/src", "args.rs"));
    told("docs/reference/cli.md", files.flat_map(|file| long_flags(&file.text)));
}

/// `--flag` of each field whose `#[arg(…)]` says `long`.
fn long_flags(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut arguments = String::new();
    for line in text.lines().map(str::trim) {
        let inside = !arguments.is_empty() && arguments.matches('(').count() > arguments.matches(')').count();
        if line.starts_with("#[arg(") || inside {
            arguments += line;
        } else if let Some((name, _)) = line.trim_start_matches("pub ").split_once(": ") {
            let words: Vec<&str> = arguments.split(['(', ')', ',']).map(str::trim).collect();
            let given = words.iter().find_map(|word| word.strip_prefix("long = \"")?.strip_suffix('"'));
            if given.is_some() || words.contains(&"long") {
                found.push(format!("--{}", given.unwrap_or(name).replace('_', "-")));
            }
            arguments.clear();
        }
    }
    found
}

#[test]
fn every_exit_code_is_told_as_etlctl_tells_it() {
    let code = read("controller/etlctl/src/exit.rs");
    let rows = code.lines().filter_map(|line| line.trim().strip_prefix("(Exit::")?.split_once(", "));
    let rows: Vec<(&str, &str)> =
        rows.filter_map(|(_, rest)| rest.trim_end_matches("),").split_once(", ")).collect();
    assert!(rows.len() >= 10, "only {} exit codes were recognised", rows.len());
    let page = read("docs/reference/exit-codes.md");
    let row = |(code, meaning): &(&str, &str)| format!("| {code} | {} |", meaning.trim_matches('"'));
    let missing: Vec<String> = rows.iter().map(row).filter(|row| !page.contains(row)).collect();
    none("docs/reference/exit-codes.md lacks the row", &missing);
}

#[test]
fn every_fault_is_told() {
    let page = read("docs/reference/faults.md");
    let missing = CODES.iter().map(|(code, meaning)| format!("| `{code}` | {meaning} |"));
    let missing: Vec<String> = missing.filter(|row| !page.contains(row)).collect();
    none("docs/reference/faults.md lacks the row", &missing);
}

#[test]
fn every_path_of_the_api_is_told() {
    let paths = quoted(&read("controller/server/src/api/mod.rs"), "/api/v1/");
    told("docs/reference/http-api.md", paths);
}

#[test]
fn every_outcome_and_reason_is_told() {
    let outcomes = read("controller/core/src/outcome.rs");
    let words = outcomes.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    let words = words.map(|(_, word)| word.trim_end_matches("\",").to_owned());
    // In lower case are the results of metrics, which are told there.
    let words = words.filter(|word| word.starts_with(char::is_uppercase));
    let stuck = StuckReason::ALL.iter().map(|reason| reason.word().to_owned());
    told("docs/reference/outcomes-and-reasons.md", words.chain(stuck));
}

#[test]
fn every_key_of_a_spec_is_told() {
    for (schema, page) in [
        ("crds/etl.schema.json", "docs/reference/etl.md"),
        ("crds/schedule.schema.json", "docs/reference/schedule.md"),
        ("crds/notifier.schema.json", "docs/reference/notifier.md"),
        ("crds/alert.schema.json", "docs/reference/alert.md"),
    ] {
        let schema: serde_json::Value = serde_json::from_str(&read(schema)).unwrap();
        let mut keys = Vec::new();
        collect_keys(&schema, &mut keys);
        told(page, keys);
    }
}

fn collect_keys(schema: &serde_json::Value, keys: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(|properties| properties.as_object()) {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| collect_keys(value, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn flags_are_recognised() {
    let text = "#[arg(short, long)]\nwatch: bool,\n#[arg(\n  long,\n  value_parser = f(x)\n)]\npub all_projects: bool,\n#[arg(long = \"task\", value_name = \"T\")]\ntasks: V,\n#[arg(value_name = \"R\")]\nrun: S,\n";
    assert_eq!(long_flags(text), ["--watch", "--all-projects", "--task"]);
    assert_eq!(
        quoted("x(\"etl_a\", \"b\");\n// \"etl_c\"\n#[cfg(test)]\nmod tests { \"etl_d\" }", "etl_"),
        ["etl_a"]
    );
}
