//! The rows of `tests/data/cron`: what other implementations' test suites say, as data. How each kind of
//! variant is decided is argued in `docs/decisions/0003-cron-dialect.md`; the tables here pin it.

use std::collections::BTreeMap;

use etl_core::cron::{Cron, Dst};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const CASES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/cron/cases.tsv"));
const ERRORS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/cron/errors.tsv"));
const VARIANTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/cron/variants.tsv"));

/// Splits a table into its columns, and insists on how many rows it has, so that none is lost unseen.
fn rows<const COLUMNS: usize>(table: &'static str, count: usize) -> Vec<[&'static str; COLUMNS]> {
    let rows: Vec<_> = table
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().expect("a row has all its columns"))
        .collect();
    assert_eq!(rows.len(), count, "rows of the table");
    rows
}

fn next(cron: &Cron, zone: &str, from: &str, dst: Dst) -> String {
    let zone = TimeZone::get(zone).expect("the row names a zone");
    let next = cron.next_after(from.parse().expect("the row starts at an instant"), &zone, dst);
    next.map_or("never".to_owned(), |next| next.to_string())
}

fn instant(text: &str) -> String {
    text.parse::<Timestamp>().expect("the row expects an instant").to_string()
}

#[test]
fn every_case_holds() {
    let mut wrong = Vec::new();
    for [expression, zone, from, expected, _source, tags] in rows(CASES, 432) {
        let cron = match Cron::parse(expression) {
            Ok(cron) => cron,
            Err(error) => {
                wrong.push(format!("`{expression}` is refused: {error}"));
                continue;
            }
        };
        let wall_clock_only = tags.contains("dst-policy");
        let policies: &[Dst] = if wall_clock_only { &[Dst::WallClock] } else { &[Dst::WallClock, Dst::Once] };
        for dst in policies {
            let actual = next(&cron, zone, from, *dst);
            if actual != instant(expected) {
                wrong.push(format!("`{expression}` {zone} from {from}, {dst:?}: {actual}, not {expected}"));
            }
        }
        if wall_clock_only {
            let (_, once) = tags.split_once("run-once-policy=").unwrap();
            let once = once.split(',').next().unwrap();
            assert_eq!(
                next(&cron, zone, from, Dst::Once),
                instant(once),
                "`{expression}` from {from}, run once"
            );
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_error_is_refused_with_a_cure_and_every_never_is_none() {
    for [expression, expected, _source] in rows(ERRORS, 34) {
        match (expected, Cron::parse(expression)) {
            ("error", Err(error)) => {
                let pointed = expression.get(error.span.clone());
                assert!(
                    pointed.is_some_and(|word| !word.is_empty()),
                    "`{expression}`: span {:?}",
                    error.span
                );
                assert!(error.help.is_some(), "`{expression}`: `{error}` has no cure");
            }
            ("never", Ok(cron)) => {
                for dst in [Dst::Once, Dst::WallClock] {
                    assert_eq!(
                        next(&cron, "America/New_York", "2026-01-01T00:00:00Z", dst),
                        "never",
                        "`{expression}`"
                    );
                }
            }
            (_, parsed) => panic!("`{expression}` should be {expected}: {parsed:?}"),
        }
    }
}

/// What we do with one kind of variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Refused, with a cure.
    Refuse,
    /// Not their dialect: our main one.
    Ours,
    /// A fixed time keeps its daily run under `Dst::Once`; under `Dst::WallClock` and with wildcards, ours.
    RunOnce,
}

const CHOICES: [(&str, Choice); 11] = [
    ("gronx-6/7-field", Choice::Refuse),
    ("range-to-L", Choice::Refuse),
    ("L-prefix", Choice::Refuse),
    ("dom-dow=and", Choice::Ours),
    ("vixie-star-step-is-star", Choice::Ours),
    ("dow-wrap-range", Choice::Ours),
    ("W-at-month-end", Choice::Ours),
    ("KNOWN-NONCONFORMING", Choice::Ours),
    ("gap=", Choice::RunOnce),
    ("overlap=once", Choice::RunOnce),
    ("overlap=second-pass-first", Choice::RunOnce),
];

/// Fixed times of the variants under `Dst::Once`: neither the source's dialect (which often shifts a skipped
/// time by the size of the gap) nor the wall clock's, so each is written out.
const RUN_ONCE: [(&str, &str, &str); 11] = [
    ("15 2 * * 0", "2021-03-08T08:15:00-06:00", "2021-03-14T03:00:00-05:00"),
    ("0 1 * * 0", "2021-03-21T01:00:00Z", "2021-03-28T02:00:00+01:00"),
    ("0 1 * * 0", "2021-03-21T02:00:00Z", "2021-03-28T02:00:00+01:00"),
    ("0 1 * * 0", "2020-10-18T01:05:00+01:00", "2020-10-25T01:00:00+01:00"),
    ("0 1 * * 0", "2020-10-25T00:00:00+01:00", "2020-10-25T01:00:00+01:00"),
    ("0 3 * * *", "2016-10-30T03:00:00+03:00", "2016-10-31T03:00:00+02:00"),
    ("30 1 * * *", "2026-03-28T01:30:00Z", "2026-03-29T03:00:00+02:00"),
    ("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00"),
    ("0 30 2 * * *", "2025-03-30T01:59:59+01:00", "2025-03-30T03:00:00+02:00"),
    ("0 30 2 * * *", "2025-03-09T01:00:00-05:00", "2025-03-09T03:00:00-04:00"),
    ("0 30 1 * * *", "2025-10-26T01:31:00+01:00", "2025-10-27T01:30:00Z"),
];

#[test]
fn every_variant_is_decided_by_its_kind() {
    let mut decided = BTreeMap::<&str, usize>::new();
    for [expression, zone, from, _theirs, _source, kind, ours] in rows(VARIANTS, 51) {
        let (prefix, choice) = *CHOICES.iter().find(|(prefix, _)| kind.starts_with(prefix)).expect(kind);
        *decided.entry(prefix).or_default() += 1;
        let parsed = Cron::parse(expression);
        if choice == Choice::Refuse {
            let error = parsed.expect_err(expression);
            assert!(error.help.is_some(), "`{expression}`: `{error}` has no cure");
            continue;
        }
        let cron = parsed.expect(expression);
        assert_eq!(next(&cron, zone, from, Dst::WallClock), instant(ours), "`{expression}` from {from}");
        let once =
            if choice == Choice::RunOnce && cron.is_fixed_time() { run_once(expression, from) } else { ours };
        assert_eq!(next(&cron, zone, from, Dst::Once), instant(once), "`{expression}` from {from}, run once");
    }
    assert_eq!(decided.len(), CHOICES.len(), "a choice without a row: {decided:?}");
}

fn run_once(expression: &str, from: &str) -> &'static str {
    let row = RUN_ONCE.iter().find(|row| (row.0, row.1) == (expression, from));
    row.unwrap_or_else(|| panic!("`{expression}` from {from} is not written out")).2
}
