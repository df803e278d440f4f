//! Reading in pieces, from the end, from a kept place, and while the log is written.

use std::fs::{self, OpenOptions};
use std::io::Write;

use etl_core::log::LogLine;

use super::{Logs, ReadFrom, at, attempt, err, out};
use crate::logs::read::{Cursor, READ_LINES_MAX};

fn many(count: i64) -> Vec<LogLine> {
    let line = |i: i64| format!("{i} {}", "x".repeat(usize::try_from(i * 37 % 211).unwrap()));
    (0..count).map(|i| if i % 3 == 0 { err(i, line(i)) } else { out(i, line(i)) }).collect()
}

#[test]
fn chunks_of_any_size_add_up_to_the_log() {
    let logs = Logs::new();
    logs.append(&many(300));
    logs.store.writer(&attempt()).unwrap().finish(at(300), None).unwrap();
    let all = logs.all();
    assert_eq!(all.len(), 300);
    for lines_max in [0, 1, 7, 299, 300, 301, usize::MAX] {
        let (mut read, mut chunk) = (Vec::new(), logs.from(ReadFrom::Start, lines_max));
        while chunk.finished.is_none() {
            assert!(!chunk.lines.is_empty(), "with {lines_max} lines a chunk it does not come to the end");
            read.append(&mut chunk.lines);
            chunk = logs.from(ReadFrom::At(chunk.next), lines_max);
        }
        read.append(&mut chunk.lines);
        assert_eq!(read, all, "{lines_max} lines a chunk");
    }
}

#[test]
fn the_tail_is_the_end_of_the_whole() {
    // Longer than the blocks that are read on the way back.
    for (end, marks) in [("none", 0), ("complete", 0), ("incomplete", 1), ("torn", 0)] {
        let logs = Logs::new();
        logs.append(&many(2_000));
        match end {
            "none" => {}
            "torn" => {
                write!(OpenOptions::new().append(true).open(logs.path()).unwrap(), "2025-11-13T02:1").unwrap()
            }
            other => {
                let missing = (other == "incomplete").then_some("gone");
                logs.store.writer(&attempt()).unwrap().finish(at(2_000), missing).unwrap();
            }
        }
        let all = logs.all();
        assert_eq!(all.len(), 2_000 + marks, "{end}");
        for lines in [1, 2, 3, 500, 1_999, 2_000, 2_001, 9_999] {
            let tail = logs.from(ReadFrom::Tail(lines), usize::MAX).lines;
            assert_eq!(tail, all[all.len().saturating_sub(lines)..], "the last {lines}, end {end}");
        }
        let nothing = logs.from(ReadFrom::Tail(0), usize::MAX);
        assert_eq!(nothing.lines.len(), marks, "end {end}");
        assert_eq!(nothing.finished.is_some(), matches!(end, "complete" | "incomplete"), "end {end}");
    }
}

#[test]
fn a_follower_sees_each_line_once_and_then_the_end() {
    let logs = Logs::new();
    let mut seen = Vec::new();
    let mut chunk = logs.from(ReadFrom::Tail(10), 10);
    assert_eq!((chunk.lines.len(), chunk.finished), (0, None), "no file yet");
    let mut writer = logs.store.writer(&attempt()).unwrap();
    for i in 0..20 {
        writer.append(&[out(i, format!("{i}")), err(i, "")]).unwrap();
        chunk = logs.from(ReadFrom::At(chunk.next), 10);
        seen.append(&mut chunk.lines);
        assert_eq!(chunk.finished, None);
    }
    let summary = writer.finish(at(20), None).unwrap();
    chunk = logs.from(ReadFrom::At(chunk.next), 10);
    assert_eq!((chunk.lines.len(), chunk.finished), (0, Some(summary)));
    assert_eq!((seen.len(), seen), (40, logs.all()));
}

#[test]
fn a_line_that_is_being_written_is_not_shown() {
    let logs = Logs::new();
    logs.append(&many(3));
    let whole = fs::read(logs.path()).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for len in second..whole.len() {
        fs::write(logs.path(), &whole[..len]).unwrap();
        let lines = logs.from(ReadFrom::Start, 9).lines.len();
        assert_eq!(lines, whole[..len].iter().filter(|byte| **byte == b'\n').count(), "{len} bytes");
    }
}

#[test]
fn a_place_that_is_none_goes_on_with_the_next_line() {
    let logs = Logs::new();
    logs.append(&many(5));
    let all = logs.all();
    let len = fs::metadata(logs.path()).unwrap().len();
    for offset in (0..len + 5).chain([u64::MAX]) {
        let lines = logs.from(ReadFrom::At(Cursor(offset)), 9).lines;
        assert_eq!(lines, all[all.len() - lines.len()..], "offset {offset}");
    }
}

#[test]
fn a_part_that_is_no_record_is_shown_as_such() {
    let logs = Logs::new();
    logs.append(&many(2));
    writeln!(OpenOptions::new().append(true).open(logs.path()).unwrap(), "garbage").unwrap();
    let lines = logs.from(ReadFrom::Start, 9).lines;
    assert_eq!((lines.len(), lines[2].at), (3, lines[1].at));
    assert_eq!(lines[2].bytes, b"a part of the log is unreadable");
    fs::write(logs.path(), vec![0; 3 << 20]).unwrap();
    assert!(logs.all().len() <= 4, "without newlines too, it comes to an end");
}

#[test]
fn one_chunk_is_bounded() {
    let logs = Logs::new();
    logs.append(&(0..15_000).map(|i| out(i, "")).collect::<Vec<_>>());
    assert_eq!(logs.from(ReadFrom::Start, usize::MAX).lines.len(), READ_LINES_MAX);
    assert_eq!(logs.from(ReadFrom::Tail(12_000), usize::MAX).lines[0].at, at(3_000));
}
