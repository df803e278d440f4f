//! The pages hold together: links lead somewhere, decisions are numbered, examples are told of, and what can be copied works.

use std::collections::BTreeSet;

use etl_core::spec::{check_together, parse_file};

use crate::tree::{File, ending, none, read, root};

/// Every page of the repository.
fn pages() -> Vec<File> {
    ending("", ".md")
}

/// Blocks between fences of a language, with the line of the first.
fn blocks(text: &str, languages: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(language)) => Some((at + 2, languages.contains(&language.trim()), String::new())),
            (None, None) => None,
            (Some((start, wanted, block)), Some(_)) => {
                found.extend(wanted.then_some((start, block)));
                None
            }
            (Some((start, wanted, block)), None) => Some((start, wanted, block + line + "\n")),
        };
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

/// The text outside of fences.
fn prose(text: &str) -> String {
    let parts = text.split("```").step_by(2);
    parts.collect::<Vec<_>>().join("\n")
}

/// Targets of `[words](target)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let starts = prose.match_indices("](").map(|(at, found)| at + found.len());
    starts.filter_map(|at| Some(prose[at..].split_once(')')?.0.to_owned())).collect()
}

/// Anchors of a page's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// A link's file, relative to the repository.
fn target(page: &str, link: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    let mut seen = 0;
    for File { path, text } in pages() {
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let file = if file.is_empty() { path.clone() } else { target(&path, file) };
            if !root().join(&file).exists() {
                found.push(format!("{path}: {link}"));
            } else if !anchor.is_empty() && !anchors(&read(&file)).contains(anchor) {
                found.push(format!("{path}: {link} has no such heading"));
            }
        }
    }
    assert!(seen > 20, "only {seen} links were recognised");
    none("a link leads to a file, and to a heading of it", &found);
}

#[test]
fn every_page_is_found_from_the_index() {
    let index: BTreeSet<String> =
        links(&read("docs/README.md")).iter().map(|link| target("docs/README.md", link)).collect();
    let pages = ending("docs", ".md").into_iter().map(|file| file.path);
    let lost: Vec<String> = pages.filter(|page| page != "docs/README.md" && !index.contains(page)).collect();
    none("docs/README.md lists every page", &lost);
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let pages = ending("docs/decisions", ".md");
    for (at, File { path, text }) in pages.iter().enumerate() {
        let number = at + 1;
        assert!(path.starts_with(&format!("docs/decisions/{number:04}-")), "{path} is decision {number}");
        assert!(text.starts_with(&format!("# {number}. ")), "{path} begins with its number");
    }
}

#[test]
fn every_example_is_told_of() {
    let mut told = read("README.md");
    told.extend(ending("docs", ".md").into_iter().map(|file| file.text));
    let folders = std::fs::read_dir(root().join("examples")).unwrap().map(Result::unwrap);
    let names =
        folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let untold: Vec<String> = names.filter(|name| !told.contains(&format!("examples/{name}"))).collect();
    none("an example that nobody hears of helps nobody", &untold);
}

#[test]
fn specs_that_can_be_copied_are_without_fault() {
    let mut found = Vec::new();
    let mut seen = 0;
    for File { path, text } in pages() {
        for (line, block) in
            blocks(&text, &["yaml"]).into_iter().filter(|(_, block)| block.contains("apiVersion: etl."))
        {
            seen += 1;
            let parsed = parse_file("docs.etl.yaml", block.as_bytes());
            // A Schedule may be shown without the ETL that it starts.
            let together = if block.contains("kind: ETL") {
                check_together(std::slice::from_ref(&parsed))
            } else {
                Vec::new()
            };
            let faults = parsed.faults.iter().chain(&together);
            found.extend(faults.map(|fault| format!("{path}:{line}\n{}", fault.render(&block, false))));
        }
    }
    assert!(seen >= 5, "only {seen} specs were recognised");
    none("a spec in the documentation passes `etlctl lint`", &found);
}

#[test]
fn commands_that_can_be_copied_exist() {
    let commands = crate::reference::commands();
    let makefile = read("Makefile");
    let mut found = Vec::new();
    let mut seen = 0;
    for File { path, text } in pages() {
        for (line, block) in blocks(&text, &["sh", "console"]) {
            for command in block.lines().map(|line| line.trim_start_matches("$ ").trim()) {
                let mut words = command.split_whitespace();
                let known = match (words.next(), words.next()) {
                    (Some("etlctl"), Some(verb)) => {
                        verb.starts_with('-') || commands.iter().any(|known| known == verb)
                    }
                    (Some("make"), Some(target)) => makefile.contains(&format!("\n{target}:")),
                    (Some(_) | None, _) => continue,
                };
                seen += 1;
                if !known {
                    found.push(format!("{path}:{line} {command}"));
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} commands were recognised");
    none("a command in the documentation exists", &found);
}

#[test]
fn pages_are_taken_apart() {
    let text = "# A b: `c`\n[x](../y.md#z)\n```yaml\n[no](link)\n```\n";
    assert_eq!(blocks(text, &["yaml"]), [(4, "[no](link)\n".to_owned())]);
    assert_eq!(links(text), ["../y.md#z"]);
    assert!(anchors(text).contains("a-b-c"));
    assert_eq!(target("docs/how-to/a.md", "../y.md"), "docs/y.md");
}
