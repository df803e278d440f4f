//! How code is written: headers, lengths, names, and what is left for later nowhere.

use crate::tree::{File, files, none, rust};

/// Lines of a file.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function, signature and braces included.
const FUNCTION_LINES_MAX: usize = 70;
/// Files that are longer, with their length and the reason: they may shrink, never grow.
const LONG_FILES: [(&str, usize, &str); 0] = [];
/// Functions that are longer, likewise.
const LONG_FUNCTIONS: [(&str, usize, &str); 1] =
    [("every_part_of_a_draft_reaches_docker", 83, "one whole service, written out on both sides")];
/// A function that only lists the rows of a test's table is data, and may be as long as it has rows.
const TABLE_END: &str = "_rows";
/// Words that say nothing, as a part of a function's or a file's name.
const EMPTY_WORDS: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "stuff"];
/// Prefixes of functions that say nothing.
const EMPTY_PREFIXES: [&str; 3] = ["handle_", "process_", "get_"];
/// Names that only look like them, and why.
const NAMES_ALLOWED: [(&str, &str); 6] = [
    ("get_print", "the printing of `etlctl get`"),
    ("get_watch", "the watching of `etlctl get`"),
    ("get_prints_a_table_to_stdout_and_says_on_stderr_what_is_cut", "a sentence about `etlctl get`"),
    ("get_within", "an HTTP GET"),
    ("process_table", "the kernel's table of processes"),
    ("process_hint_nodes", "what the simulated process is told"),
];

/// A function and its length.
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = rust().into_iter().filter(|file| !file.text.starts_with("//!")).map(|file| file.path);
    none("a file begins with `//!`: what it is for, and what it must never do", &silent.collect::<Vec<_>>());
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for File { path, text } in rust() {
        let lines = text.lines().count();
        let known = LONG_FILES.iter().find(|(long, ..)| *long == path);
        let limit = known.map_or(FILE_LINES_MAX, |(_, lines, _)| *lines);
        if lines > limit {
            found.push(format!("{path} has {lines} lines, at most {limit}"));
        } else if known.is_some() && lines <= FILE_LINES_MAX {
            found.push(format!("{path} is short now: strike it off the list"));
        }
    }
    none("split at decisions, not at line counts", &found);
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    let mut seen = 0;
    for File { path, text } in rust() {
        for Function { name, line, lines } in functions(&text) {
            seen += 1;
            let known = LONG_FUNCTIONS.iter().find(|(long, ..)| *long == name);
            let limit = known.map_or(FUNCTION_LINES_MAX, |(_, lines, _)| *lines);
            if lines > limit && !(name.ends_with(TABLE_END) && path.contains("/tests/")) {
                found.push(format!("{path}:{line} `{name}` has {lines} lines, at most {limit}"));
            }
        }
    }
    assert!(seen > 1_000, "only {seen} functions were recognised");
    none("branch in the caller, compute in a function of its own", &found);
}

#[test]
fn names_say_what_is_done() {
    let mut found = Vec::new();
    for File { path, text } in rust() {
        let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let names = functions(&text).into_iter().map(|function| (function.name, function.line));
        for (name, line) in names.chain([(stem, 1)]) {
            if is_empty_name(&name) {
                found.push(format!("{path}:{line} `{name}`"));
            }
        }
        let types = text.lines().enumerate().filter(|(_, line)| names_an_empty_type(line));
        found.extend(types.map(|(at, line)| format!("{path}:{} {}", at + 1, line.trim())));
    }
    none("a name says what a thing is or does; these words say nothing", &found);
}

fn is_empty_name(name: &str) -> bool {
    let allowed = NAMES_ALLOWED.iter().any(|(allowed, _)| *allowed == name);
    let prefixed = EMPTY_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    !allowed && (prefixed || name.split('_').any(|word| EMPTY_WORDS.contains(&word)))
}

/// `struct LogManager`: a manager is a node of the Swarm.
fn names_an_empty_type(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    let name = ["struct ", "enum ", "trait "].iter().find_map(|word| line.strip_prefix(word));
    let name = name.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
    name.is_some_and(|name| ["Manager", "Helper", "Util", "Utils"].iter().any(|end| name.ends_with(end)))
}

#[test]
fn nothing_is_left_for_later() {
    // In two halves, so that this file does not find itself.
    let marks = [("TO", "DO"), ("FIX", "ME"), ("to", "do!("), ("unimplemen", "ted!(")]
        .map(|(a, b)| format!("{a}{b}"));
    let mut found = Vec::new();
    for File { path, text } in files("") {
        for (at, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{path}:{} {}", at + 1, line.trim()));
            }
        }
    }
    none("what is open is an issue, not a remark in a file", &found);
}

#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    let paths = [
        ("/wo", "rk/main"),
        ("/wo", "rk/shared"),
        ("/ro", "ot/."),
        ("/t", "mp/t-"),
        ("index.crates", ".io-"),
    ];
    let paths = paths.map(|(a, b)| format!("{a}{b}"));
    let mut found = Vec::new();
    for File { path, text } in files("") {
        for (at, line) in text.lines().enumerate() {
            if paths.iter().any(|known| line.contains(known)) {
                found.push(format!("{path}:{} {}", at + 1, line.trim()));
            }
        }
    }
    none("the project stands alone: no paths of one machine", &found);
}

#[test]
fn dependencies_come_from_the_public_registry() {
    let lock = crate::tree::read("Cargo.lock");
    let sources = lock.lines().filter(|line| line.starts_with("source = "));
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let strange: Vec<String> = sources.filter(|line| *line != public).map(str::to_owned).collect();
    none("every crate is from crates.io", &strange);
}

/// Functions of formatted code: one ends where a brace closes at the depth at which it began.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    starts
        .filter_map(|(at, name)| Some(Function { name, line: at + 1, lines: length(&lines, at)? }))
        .collect()
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.trim_start();
    // Ends: each turn takes a word off the front.
    while let Some(rest) = ["pub ", "pub(crate) ", "pub(super) ", "async ", "const "]
        .iter()
        .find_map(|word| words.strip_prefix(word))
    {
        words = rest;
    }
    let name = words.strip_prefix("fn ")?;
    Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// None of a declaration without a body.
fn length(lines: &[&str], start: usize) -> Option<usize> {
    let indent = &lines[start][..lines[start].len() - lines[start].trim_start().len()];
    let opened = (start..lines.len()).find(|at| lines[*at].ends_with(['{', '}', ';']))?;
    if lines[opened].ends_with(';') {
        return None;
    }
    if lines[opened].ends_with('}') {
        return Some(opened + 1 - start);
    }
    let close = format!("{indent}}}");
    (opened..lines.len()).find(|at| lines[*at] == close).map(|end| end + 1 - start)
}

#[test]
fn functions_are_recognised() {
    let text = "pub async fn one(\n    a: u8,\n) -> u8 {\n    a\n}\n\nfn two() -> u8 { 2 }\ntrait T {\n    fn three();\n}\n";
    let found: Vec<_> = functions(text).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(found, [("one".to_owned(), 1, 5), ("two".to_owned(), 7, 1)]);
    for (name, empty) in
        [("get_run", true), ("run_utils", true), ("forget_run", false), ("ask_a_manager", false)]
    {
        assert_eq!(is_empty_name(name), empty, "{name}");
    }
    assert!(
        names_an_empty_type("pub struct RunManager<T> {") && !names_an_empty_type("pub struct Managers {")
    );
}
