//! No input hangs, aborts or grows: whatever the bytes, a file is read to checked objects or to faults that can be drawn.
//! Bounds are budgets, not clocks: these tests have no time limit of their own, and would run out of memory or stack.

use etl_core::spec::{FAULTS_MAX, FILE_BYTES_MAX, ParsedFile, check_together, parse_file};
use proptest::prelude::*;

const SEED: &str = include_str!("../../../examples/dag/dag.etl.yaml");
const SCHEDULES: &str = include_str!("../../../examples/schedules/nightly.etl.yaml");

/// Reads and draws everything.
fn read(bytes: &[u8]) -> ParsedFile {
    let parsed = parse_file("projects/p/a.etl.yaml", bytes);
    let text = String::from_utf8_lossy(bytes);
    assert!(parsed.faults.len() <= FAULTS_MAX);
    for fault in &parsed.faults {
        let drawn = fault.render(&text, false);
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        assert!(drawn.len() < 8_000 && fault.line > 0 && fault.column > 0);
    }
    check_together(std::slice::from_ref(&parsed));
    parsed
}

#[test]
fn hostile_files_are_refused_within_their_budgets() {
    let bomb: String = (1..30).map(|at| format!("l{at}: &l{at} [*l{}, *l{}]\n", at - 1, at - 1)).collect();
    let long = "x".repeat(900_000);
    let merges: String = (1..300)
        .map(|at| format!("m{at}: &m{at} {{<<: [*m{}, *m{}], k{at}: 1}}\n", at - 1, at - 1))
        .collect();
    for (what, text, code) in [
        ("a file over the limit", " ".repeat(FILE_BYTES_MAX + 1), "E001"),
        ("brackets without end", "[".repeat(500_000), "E001"),
        ("braces without end", "{a: ".repeat(200_000), "E001"),
        ("dashes without end", "- ".repeat(400_000), "E001"),
        ("deep indentation", (0..900).map(|at| format!("{}a:\n", " ".repeat(at))).collect(), "E001"),
        ("many values", format!("x-a: [{}]", "1,".repeat(60_000)), "E001"),
        ("many documents", "---\n".repeat(2_000), "E001"),
        ("an alias bomb", format!("l0: &l0 [a, b]\n{bomb}"), "E001"),
        ("a merge bomb", format!("m0: &m0 {{a: 1}}\n{merges}"), "E001"),
        ("a long text repeated", format!("a: &a \"{long}\"\nb: [*a, *a, *a, *a, *a]"), "E001"),
        ("an alias in itself", "a: &a [*a]".into(), "E007"),
        ("an alias of nothing", "a: *b".into(), "E003"),
        ("a merge of text", "<<: text".into(), "E007"),
        ("a NUL", "a: b\0c".into(), "E002"),
        ("an escape sequence", "a: \u{1b}[31m".into(), "E002"),
        ("a tab for indentation", "a:\n\tb: 1".into(), "E003"),
        ("a quote that is not closed", format!("a: \"{long}"), "E003"),
        ("a mapping as a key", "{a: 1}: b".into(), "E005"),
        ("a tag", "a: !!python/object:os.system x".into(), "E006"),
    ] {
        let codes: Vec<&str> = read(text.as_bytes()).faults.iter().map(|fault| fault.code).collect();
        assert!(codes.contains(&code), "{what}: {codes:?}");
    }
}

#[test]
fn templates_without_end_are_read_within_their_budgets() {
    let tasks = |line: &str| {
        let tasks: String =
            (0..100).map(|at| format!("    t{at}: {{image: a, script: '{line}'}}\n")).collect();
        format!("apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n  tasks:\n{tasks}")
    };
    for (what, line, faults) in [
        ("as many as a text may have", "{{ not 1 }}".repeat(900), 0),
        ("more than a text may have", "{{1}}".repeat(2_000), 100),
        ("braces without end", "{".repeat(10_000), 100),
        ("placeholders without end", "{{.".repeat(3_000), 0),
        ("parentheses without end", format!("{{{{{}}}}}", "(".repeat(1_000)), 100),
    ] {
        assert_eq!(read(tasks(&line).as_bytes()).faults.len(), faults, "{what}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let parsed = read(b"kind: ETL\nname: \xff\xfe");
    assert_eq!((parsed.faults[0].code, parsed.faults[0].line, parsed.faults[0].column), ("E002", 2, 7));
}

#[test]
fn line_endings_and_byte_order_marks_change_nothing() {
    let plain = read(SEED.as_bytes());
    assert!(plain.faults.is_empty(), "{:?}", plain.faults);
    for (what, text) in [
        ("CRLF", SEED.replace('\n', "\r\n")),
        ("lone CR", SEED.replace('\n', "\r")),
        ("a byte-order mark", format!("\u{feff}{SEED}")),
        ("no newline at the end", SEED.trim_end().to_owned()),
        ("document markers", format!("---\n{SEED}...\n---\n")),
    ] {
        let parsed = read(text.as_bytes());
        assert!(parsed.faults.is_empty(), "{what}: {:?}", parsed.faults);
        let values =
            |file: &ParsedFile| file.objects.iter().map(|object| object.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&parsed), values(&plain), "{what}");
    }
}

#[test]
fn empty_files_hold_nothing_and_are_no_faults() {
    for text in ["", "\n\n", "# only a comment\n", "---\n---\n", "\u{feff}"] {
        let parsed = read(text.as_bytes());
        assert!(parsed.faults.is_empty() && parsed.objects.is_empty(), "{text:?}: {:?}", parsed.faults);
    }
}

#[test]
fn every_prefix_of_a_spec_is_read_or_refused() {
    for end in (0..SEED.len()).filter(|end| SEED.is_char_boundary(*end)) {
        read(&SEED.as_bytes()[..end]);
    }
}

/// A piece of a spec where another piece may come.
fn mutated(seed: &str, cuts: &[(usize, usize, String)]) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for (at, removed, added) in cuts {
        let start = at % (text.len() + 1);
        let end = (start + removed).min(text.len());
        text.splice(start..end, added.chars());
    }
    text.into_iter().collect()
}

fn cuts() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let added = prop_oneof![
        "[-:{}\\[\\],&*!|>'\"%@`#? \n\t]{1,4}",
        "[a-z0-9.]{1,8}",
        "\\PC{1,3}",
        Just("<<: *task\n".to_owned()),
        Just("0o440".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("&task".to_owned()),
        Just("{{ x }}".to_owned()),
    ];
    proptest::collection::vec((any::<usize>(), 0usize..12, added), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn text_of_yaml_characters_never_panics(text in "[-:{}\\[\\],&*!|>'\"%@`#?ab01 \n\r\t<]{0,200}") {
        read(text.as_bytes());
    }

    #[test]
    fn mutated_specs_never_panic(cuts in cuts()) {
        read(mutated(SEED, &cuts).as_bytes());
        read(mutated(SCHEDULES, &cuts).as_bytes());
    }

    #[test]
    fn another_reader_agrees_on_accepted_specs(cuts in cuts()) {
        let text = mutated(SEED, &cuts);
        let parsed = read(text.as_bytes());
        if parsed.faults.is_empty() && !parsed.objects.is_empty() {
            let other = serde_saphyr::from_multiple::<serde_json::Value>(&text);
            prop_assert!(other.is_ok(), "{other:?}\n{text}");
        }
    }
}
