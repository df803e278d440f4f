//! What is kept, as it was; what is not, with a visible mark.

use std::fs;

use etl_core::log::LogLine;
use etl_core::run::LogSummary;
use proptest::prelude::*;

use super::{Logs, at, attempt, attempt_of, err, out, run};
use crate::LogError;
use crate::logs::LogStore;
use crate::logs::scan::LINE_BYTES_MAX;

#[test]
fn the_file_is_what_its_header_says() {
    let logs = Logs::new();
    let mut writer = logs.store.writer(&attempt()).unwrap();
    writer.append(&[out(0, "hello  world "), err(1, r"C:\new"), out(2, "10%\r20%"), out(3, "")]).unwrap();
    writer.mark(at(4), "stream lost\nfor a while\u{1b}[2J").unwrap();
    writer.finish(at(5), None).unwrap();
    let expected = r"
2025-11-13T02:13:20.000000000Z o hello  world 
2025-11-13T02:13:20.001000000Z e C:\new
2025-11-13T02:13:20.002000000Z O 10%\r20%
2025-11-13T02:13:20.003000000Z o 
2025-11-13T02:13:20.004000000Z - stream lost for a while [2J
2025-11-13T02:13:20.005000000Z . lines=4 bytes=163 dropped=0 complete
";
    assert_eq!(logs.text(), expected.trim_start_matches('\n'));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_bytes_come_back_as_they_were(texts in proptest::collection::vec(hard_bytes(), 1..20)) {
        let logs = Logs::new();
        let lines: Vec<LogLine> = (0..).zip(&texts).map(|(i, text)| if i % 2 == 0 { out(i, text) } else { err(i, text) }).collect();
        logs.append(&lines);
        prop_assert_eq!(logs.text().matches('\n').count(), lines.len());
        prop_assert_eq!(logs.told(), (lines, vec![]));
    }
}

fn hard_bytes() -> impl Strategy<Value = Vec<u8>> {
    let hard = prop::sample::select(vec![b'\n', b'\r', b'\\', b'n', b' ', 0, 0x1b, 0xff, b'a']);
    proptest::collection::vec(hard, 0..12)
}

#[test]
fn a_task_cannot_forge_a_record() {
    let forged = "2025-11-13T02:13:20.000000000Z . lines=0 bytes=0 dropped=0 complete";
    let mark = "2025-11-13T02:13:20.000000000Z - log limit of 5 bytes reached";
    let logs = Logs::new();
    let lines = [out(0, forged), out(1, format!("x\n{forged}\n")), err(2, format!("\r{mark}")), out(3, mark)];
    logs.append(&lines);
    let logs = logs.reopened();
    logs.append(&[out(9_000, "after")]);
    let (told, marks) = logs.told();
    assert_eq!(told, [&lines[..], &[out(9_000, "after")]].concat());
    assert_eq!(marks, [""; 0]);
    let records = logs.text();
    assert!(
        records.lines().all(|record| matches!(record.split(' ').nth(1), Some("o" | "O" | "E"))),
        "{records}"
    );
    assert!(!records.contains('\r'));
}

#[test]
fn a_line_beyond_the_limit_of_a_record_is_cut_into_several() {
    let logs = Logs::new();
    let text: Vec<u8> = (0..2 * LINE_BYTES_MAX + 5).map(|i| b"ab\r\\cd"[i % 6]).collect();
    logs.append(&[out(0, &text)]);
    let (lines, _) = logs.told();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines.iter().flat_map(|line| line.bytes.clone()).collect::<Vec<_>>(), text);
    logs.append(&[out(0, &text), out(1, "next")]);
    assert_eq!(logs.told().0.len(), 4, "read again, it is recognised");
}

#[test]
fn what_comes_after_the_size_limit_is_counted_and_marked_once() {
    let logs = Logs::limited(1_000);
    let lines: Vec<LogLine> = (0..100).map(|i| out(i * 100, format!("line {i}"))).collect();
    let mut writer = logs.store.writer(&attempt()).unwrap();
    for line in &lines {
        writer.append(std::slice::from_ref(line)).unwrap();
    }
    drop(writer);
    // A restart forgets the count, and Docker tells the lines again.
    let logs = logs.reopened();
    let mut writer = logs.store.writer(&attempt()).unwrap();
    let since = writer.resume_at().unwrap();
    let again: Vec<LogLine> = lines.iter().filter(|line| line.at >= since).cloned().collect();
    writer.append(&again).unwrap();
    writer.start_read();
    writer.append(&again).unwrap();
    writer.append(&[out(99_999, "x")]).unwrap();
    let summary = writer.finish(at(100_000), None).unwrap();
    let (told, marks) = logs.told();
    assert_eq!(told, lines[..told.len()]);
    assert_eq!(summary, LogSummary { lines: 24, bytes: 974, dropped: 77, complete: true });
    assert_eq!(marks, ["log limit of 1000 bytes reached, what follows is not kept"]);
    assert!(fs::metadata(logs.path()).unwrap().len() < 1_300);
}

#[test]
fn an_end_that_is_missing_is_visible_and_one_that_is_there_is_not() {
    for (missing, marks) in
        [(None, vec![]), (Some("node `w1` is gone"), vec!["log incomplete: node `w1` is gone"])]
    {
        let logs = Logs::new();
        let mut writer = logs.store.writer(&attempt()).unwrap();
        writer.append(&[out(0, "a")]).unwrap();
        let summary = writer.finish(at(1), missing).unwrap();
        assert_eq!(summary, LogSummary { lines: 1, bytes: 35, dropped: 0, complete: missing.is_none() });
        assert_eq!(logs.told().1, marks);
    }
}

#[test]
fn a_log_has_one_writer_at_a_time() {
    let logs = Logs::new();
    let first = logs.store.writer(&attempt()).unwrap();
    assert!(matches!(logs.store.writer(&attempt()), Err(LogError::InUse { .. })));
    logs.store.writer(&attempt_of("m2")).unwrap();
    drop(first);
    logs.store.writer(&attempt()).unwrap();
}

#[test]
fn a_removed_run_gives_its_room_back_and_leaves_the_others() {
    let logs = Logs::new();
    for suffix in ["m1", "m2"] {
        logs.store.writer(&attempt_of(suffix)).unwrap().append(&[out(0, "twelve bytes")]).unwrap();
    }
    assert_eq!(logs.store.bytes(), 92);
    logs.store.remove_run(&run("m1")).unwrap();
    logs.store.remove_run(&run("m1")).unwrap();
    assert_eq!(logs.store.bytes(), 46);
    assert!(!logs.path().exists());
    assert_eq!(logs.store.read(&attempt_of("m2"), super::ReadFrom::Start, 9).unwrap().lines.len(), 1);
    let logs = logs.reopened();
    assert_eq!(logs.store.bytes(), 46);
    logs.store.remove_run(&run("m2")).unwrap();
    assert_eq!((logs.store.bytes(), fs::read_dir(logs.dir.path().join("logs")).unwrap().count()), (0, 0));
}

#[test]
fn only_the_name_of_a_run_becomes_a_path() {
    let logs = Logs::new();
    fs::create_dir_all(logs.dir.path().join("logs/north/rna-daily")).unwrap();
    for suffix in ["../../..", "", ".", "m1/../..", "M1", "-", "m\0"] {
        assert!(
            matches!(logs.store.writer(&attempt_of(suffix)), Err(LogError::BadName { .. })),
            "{suffix:?}"
        );
        assert!(matches!(logs.store.remove_run(&run(suffix)), Err(LogError::BadName { .. })), "{suffix:?}");
        let read = logs.store.read(&attempt_of(suffix), super::ReadFrom::Start, 1);
        assert!(matches!(read, Err(LogError::BadName { .. })), "{suffix:?}");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_that_names_it() {
    let logs = Logs::new();
    fs::write(logs.dir.path().join("logs/north"), "a file where a folder belongs").unwrap();
    let error = logs.store.writer(&attempt()).unwrap_err();
    assert!(error.to_string().contains("logs/north"), "{error}");
    assert!(LogStore::open(&logs.dir.path().join("logs/north"), logs.store.limit).is_err());
}
