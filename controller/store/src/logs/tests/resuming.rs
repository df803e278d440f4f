//! Crashes, torn files and repeated reading: a log ends up as if nothing had happened.

use std::fs;

use etl_core::log::{LogLine, Stream};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{Logs, at, attempt, err, out};
use crate::logs::{LogLimit, LogWriter};

/// What Docker tells of a log that is read from an instant on: `since` has whole seconds.
fn told_since(lines: &[LogLine], since: Option<Timestamp>) -> Vec<LogLine> {
    let second = since.map_or(i64::MIN, Timestamp::as_second);
    lines.iter().filter(|line| line.at.as_second() >= second).cloned().collect()
}

/// Equal line by line in each stream; between the two there is no order.
fn streams(lines: &[LogLine]) -> [Vec<&LogLine>; 2] {
    [Stream::Stdout, Stream::Stderr].map(|stream| lines.iter().filter(|line| line.stream == stream).collect())
}

fn assert_nothing_lost(logs: &Logs, lines: &[LogLine], case: &str) {
    let (told, marks) = logs.told();
    assert_eq!(streams(&told), streams(lines), "{case}");
    assert_eq!(marks, [""; 0], "{case}");
}

/// Lines that are hard to tell apart: equal ones, equal instants, streams out of order, pauses.
fn hard_lines() -> Vec<LogLine> {
    vec![
        out(0, "start"),
        err(990, "warn"),
        out(1_000, "same"),
        out(1_000, "same"),
        err(1_000, "same"),
        out(1_001, "same"),
        // Printed before, told after.
        err(999, "late"),
        out(1_999, "x\ny"),
        out(2_000, ""),
        out(2_000, ""),
        err(1_990, "later still"),
        out(60_000, "after a pause"),
        err(60_000, "after a pause"),
    ]
}

#[test]
fn wherever_the_file_is_torn_nothing_is_lost_or_doubled() {
    let lines = hard_lines();
    let logs = Logs::new();
    logs.append(&lines);
    let whole = fs::read(logs.path()).unwrap();
    for cut in 0..=whole.len() {
        for from_the_beginning in [true, false] {
            fs::write(logs.path(), &whole[..cut]).unwrap();
            let mut writer = logs.store.writer(&attempt()).unwrap();
            let since = writer.resume_at().filter(|_| !from_the_beginning);
            writer.append(&told_since(&lines, since)).unwrap();
            drop(writer);
            assert_nothing_lost(
                &logs,
                &lines,
                &format!("cut at {cut}, from the beginning: {from_the_beginning}"),
            );
        }
    }
}

#[test]
fn what_a_lost_power_supply_leaves_is_read_again() {
    let lines = hard_lines();
    let logs = Logs::new();
    logs.append(&lines);
    let whole = fs::read(logs.path()).unwrap();
    for from in 0..whole.len() {
        let mut zeros = whole.clone();
        zeros[from..whole.len().min(from + 50)].fill(0);
        fs::write(logs.path(), zeros).unwrap();
        let mut writer = logs.store.writer(&attempt()).unwrap();
        writer.append(&told_since(&lines, None)).unwrap();
        drop(writer);
        assert_nothing_lost(&logs, &lines, &format!("zeros from {from}"));
    }
}

/// Lines of two streams, each in order, with equal instants and texts and a lag between the two.
fn any_lines() -> impl Strategy<Value = Vec<LogLine>> {
    let step = (prop::sample::select(vec![0i64, 0, 1, 300, 1_000, 2_500, 20_000]), 0..3u8, any::<bool>());
    proptest::collection::vec(step, 1..40).prop_map(|steps| {
        let mut now = 0;
        let mut lines = Vec::new();
        for (pause, text, stderr) in steps {
            now += pause;
            let text = text.to_string();
            lines.push(if stderr { err(now - 900, text) } else { out(now, text) });
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_crashes_and_repeats_leave_each_line_once(
        lines in any_lines(),
        rounds in proptest::collection::vec((0..40usize, 0..60u64, 0..3u8), 0..6),
    ) {
        let logs = Logs::new();
        for (told, torn, from) in rounds {
            let mut writer = logs.store.writer(&attempt()).unwrap();
            for _ in 0..2 {
                let since = writer.resume_at().filter(|_| from > 0);
                let again = told_since(&lines, since);
                writer.append(&again[..told.min(again.len())]).unwrap();
                if from < 2 {
                    break;
                }
                writer.start_read();
            }
            drop(writer);
            let file = fs::OpenOptions::new().write(true).open(logs.path()).unwrap();
            file.set_len(file.metadata().unwrap().len().saturating_sub(torn)).unwrap();
        }
        let mut writer = logs.store.writer(&attempt()).unwrap();
        let since = writer.resume_at();
        writer.append(&told_since(&lines, since)).unwrap();
        drop(writer);
        assert_nothing_lost(&logs, &lines, "");
    }
}

#[test]
fn equal_lines_of_one_reading_are_all_kept() {
    let logs = Logs::new();
    let mut writer = logs.store.writer(&attempt()).unwrap();
    for _ in 0..3 {
        writer.append(&[out(0, "a"), out(0, "a")]).unwrap();
    }
    assert_eq!(logs.told().0.len(), 6);
    writer.start_read();
    writer.append(&vec![out(0, "a"); 7]).unwrap();
    assert_eq!(logs.told().0.len(), 7, "the seventh is new");
}

#[test]
fn a_clock_that_goes_back_while_we_read_loses_nothing() {
    let logs = Logs::new();
    logs.append(&[out(0, "kept before")]);
    let mut writer = logs.store.writer(&attempt()).unwrap();
    let lines =
        [out(100_000, "now"), out(10_000, "a step back"), out(-90_000, "and another"), out(0, "kept before")];
    for line in &lines {
        writer.append(std::slice::from_ref(line)).unwrap();
    }
    assert_eq!(logs.told().0.len(), 5);
}

#[test]
fn more_lines_than_are_remembered_are_still_recognised() {
    let logs = Logs::new();
    let lines: Vec<LogLine> = (0..40_000).map(|i| out(i / 30, format!("{i}"))).collect();
    logs.append(&lines);
    logs.append(&lines);
    assert_eq!(logs.told().0.len(), lines.len());
}

#[test]
fn an_ended_log_stays_so_until_something_is_appended() {
    let logs = Logs::new();
    let mut writer = logs.store.writer(&attempt()).unwrap();
    writer.append(&[out(0, "a")]).unwrap();
    let first = writer.finish(at(1), None).unwrap();
    let text = logs.text();

    let writer = logs.store.writer(&attempt()).unwrap();
    assert_eq!((writer.ended(), writer.last_at()), (Some(first), Some(at(0))));
    assert_eq!(writer.finish(at(2), Some("the service is gone")).unwrap(), first, "complete is complete");
    assert_eq!(logs.text(), text);

    let mut writer = logs.store.writer(&attempt()).unwrap();
    writer.append(&[out(0, "a"), out(1, "b")]).unwrap();
    assert_eq!((writer.ended(), logs.text().matches(" . ").count()), (None, 0));
    let second = writer.finish(at(2), Some("a gap")).unwrap();
    assert_eq!((second.lines, second.complete), (2, false));

    let writer = logs.store.writer(&attempt()).unwrap();
    assert!(writer.finish(at(3), None).unwrap().complete, "what was incomplete may become complete");
    assert_eq!(logs.text().matches(" . ").count(), 1);
    assert_eq!(logs.store.bytes(), fs::metadata(logs.path()).unwrap().len());
}

#[test]
fn after_a_failed_write_the_next_writer_goes_on() {
    let logs = Logs::new();
    let file = full_device();
    let path = logs.path();
    let mut writer =
        LogWriter::resume(file, path, LogLimit { bytes_per_attempt: 1_000 }, Default::default()).unwrap();
    let error = writer.append(&[out(0, "a")]).unwrap_err();
    assert_eq!(error.reason(), "LogIo");
    assert!(writer.append(&[out(1, "b")]).is_err(), "a line is missing before it");
    assert!(writer.finish(at(1), None).is_err(), "it must not be called complete");
}

/// A file on which every write fails for lack of room.
fn full_device() -> fs::File {
    fs::OpenOptions::new().read(true).write(true).open("/dev/full").unwrap()
}
