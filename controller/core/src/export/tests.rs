//! Whatever happens, and wherever the export is cut: what is saved says of no window that it is done unless it is, and of exactly
//! those whose run had not ended that nobody knows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::backfill::Reprocess;
use crate::fixtures::{at, etl_key};
use crate::recorded::{MissReason, MissedTick};
use crate::run::{TaskRun, Trigger};
use crate::spec::ParamValue;
use crate::window::Windows;

const SLOTS: u8 = 12;

/// One thing that may happen, in numbers: the test turns it into a change that fits the record.
#[derive(Debug, Clone)]
enum Event {
    Admit { slot: u8, from: i64, lasts: i64, adopted: bool },
    Start { slot: u8 },
    End { slot: u8, state: EndState },
    Ask { etl: u8, from: i64, lasts: i64 },
    Decide { etl: u8, until: i64 },
    Anchor { etl: u8, at: i64 },
    Forget { etl: u8 },
    Reset { etl: u8 },
    Accept { path: u8, gone: bool },
    Order { etl: u8 },
    Advance { etl: u8, next: usize },
    Leave { etl: u8 },
}

fn key(etl: u8) -> EtlKey {
    etl_key(["hello", "bye"][usize::from(etl % 2)])
}

fn run_key(slot: u8) -> RunKey {
    RunKey::of_request(&key(slot), &slot.to_string())
}

fn run(slot: u8, from: i64, lasts: i64, adopted: bool) -> Run {
    Run {
        key: run_key(slot),
        version: u32::from(slot % 3),
        spec: "spec".into(),
        commit: if slot.is_multiple_of(2) { String::new() } else { "c".to_owned() },
        trigger: if adopted { Trigger::Adopted } else { Trigger::Manual { user: "ada".into() } },
        window: Window::new(at(from), at(from + lasts)),
        params: BTreeMap::new(),
        admitted_at: at(0),
        started_at: adopted.then(|| at(0)),
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: [(Name::new("load").unwrap(), TaskRun::default())].into(),
    }
}

/// The change that an event is, if it is one that a plan could make.
fn change(event: &Event, recorded: &Recorded) -> Option<Change> {
    let known = |slot: u8| recorded.runs.get(&run_key(slot));
    Some(match event.clone() {
        Event::Admit { slot, from, lasts, adopted } => match known(slot) {
            None => {
                let spec = std::sync::Arc::new(crate::export::tests::spec(&key(slot)));
                Change::RunAdmitted { run: Box::new(run(slot, from, lasts, adopted)), spec }
            }
            Some(known) if known.end.is_some() => {
                Change::RunReopened { run: run_key(slot), tasks: Vec::new(), at: at(1) }
            }
            Some(_) => return None,
        },
        Event::Start { slot } => {
            known(slot).filter(|run| run.started_at.is_none() && run.end.is_none())?;
            Change::RunStarted { run: run_key(slot), at: at(1) }
        }
        Event::End { slot, state } => {
            known(slot).filter(|run| run.end.is_none())?;
            Change::RunEnded { run: run_key(slot), state, at: at(2), message: String::new() }
        }
        Event::Ask { etl, from, lasts } => {
            let window = Window::new(at(from), at(from + lasts))?;
            Change::WindowAsked { ledger: LedgerKey { etl: key(etl), version: 1 }, window }
        }
        Event::Decide { etl, until } => Change::ScheduleDecided {
            schedule: key(etl),
            until: at(until),
            missed: vec![MissedTick { tick: at(until), reason: MissReason::Catchup, count: 1, window: None }],
            window_end: Some(at(until)),
        },
        Event::Anchor { etl, at: from } => Change::ScheduleAnchored {
            schedule: key(etl),
            version: 1,
            fingerprint: from.to_string().into(),
            at: at(from),
            first: from % 2 == 0,
            now: at(from),
            window_end: None,
        },
        Event::Forget { etl } => Change::ScheduleForgotten { schedule: key(etl) },
        Event::Reset { etl } => Change::EtlReset {
            etl: key(etl),
            request: "one".into(),
            by: "ada".into(),
            reason: "new".into(),
            at: at(3),
        },
        Event::Order { etl } => Change::BackfillCreated { backfill: std::sync::Arc::new(backfill(etl)) },
        Event::Advance { etl, next } => {
            let backfill = known_backfill(recorded, etl)?;
            Change::BackfillAdvanced { backfill, next, within: (next % 2 == 0).then(|| at(5)), passed: 1 }
        }
        Event::Leave { etl } => Change::BackfillForgotten { backfill: known_backfill(recorded, etl)? },
        Event::Accept { path, gone: true } => Change::FileDropped { path: path.to_string() },
        Event::Accept { path, gone: false } => Change::FileAccepted {
            path: path.to_string(),
            file: AcceptedFile { blob: "b".into(), commit: "c".into(), text: "text \"\u{e9}\"\n".into() },
        },
    })
}

fn known_backfill(recorded: &Recorded, etl: u8) -> Option<BackfillKey> {
    recorded.backfills.get_key_value(&key(etl)).map(|(key, _)| key.clone())
}

fn backfill(etl: u8) -> Backfill {
    let span = Window::new(at(0), at(10)).unwrap();
    Backfill {
        key: key(etl),
        etl: key(etl),
        version: 1,
        schedule: Some(crate::fixtures::name("daily")),
        span,
        missing: false,
        reprocess: Reprocess::Failed,
        reach: jiff::SignedDuration::from_secs(3),
        max_active: 2,
        reverse: false,
        params: [("day".to_owned(), ParamValue::Integer(1))].into(),
        by: "ada".into(),
        created_at: at(0),
        windows: vec![span; 3],
    }
}

pub(super) fn spec(key: &EtlKey) -> crate::spec::Etl {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {}}}\nspec: {{tasks: {{load: {{image: x}}}}}}\n",
        key.name
    );
    let parsed = crate::spec::parse_file("a.etl.yaml", text.as_bytes());
    match parsed.objects.into_iter().next().map(|object| object.value) {
        Some(crate::spec::Object::Etl(etl)) => etl,
        Some(_) | None => panic!("{:?}", parsed.faults),
    }
}

fn event() -> impl Strategy<Value = Event> {
    use EndState::*;
    let slot = || 0..SLOTS;
    let state = prop::sample::select(vec![Succeeded, Failed, TimedOut, Cancelled, Lost, Skipped]);
    prop_oneof![
        4 => (slot(), 0..60_i64, 0..15_i64, any::<bool>())
            .prop_map(|(slot, from, lasts, adopted)| Event::Admit { slot, from, lasts, adopted }),
        3 => slot().prop_map(|slot| Event::Start { slot }),
        4 => (slot(), state).prop_map(|(slot, state)| Event::End { slot, state }),
        2 => (slot(), 0..60_i64, 0..15_i64).prop_map(|(etl, from, lasts)| Event::Ask { etl, from, lasts }),
        2 => (slot(), 0..60_i64).prop_map(|(etl, until)| Event::Decide { etl, until }),
        1 => (slot(), 0..60_i64).prop_map(|(etl, at)| Event::Anchor { etl, at }),
        1 => slot().prop_map(|etl| Event::Forget { etl }),
        1 => slot().prop_map(|etl| Event::Reset { etl }),
        1 => (slot(), any::<bool>()).prop_map(|(path, gone)| Event::Accept { path, gone }),
        1 => slot().prop_map(|etl| Event::Order { etl }),
        1 => (slot(), 0..4_usize).prop_map(|(etl, next)| Event::Advance { etl, next }),
        1 => slot().prop_map(|etl| Event::Leave { etl }),
    ]
}

/// An export as it grows, the record beside it, and the record as its last durable batch left it.
struct Story {
    recorded: Recorded,
    durable: Recorded,
    chain: Chain,
    lines: Vec<Vec<u8>>,
}

impl Story {
    fn begun(recorded: Recorded) -> Self {
        let mut story = Self { durable: recorded.clone(), recorded, chain: Chain::default(), lines: vec![] };
        let (store, controller, at) = ("store".into(), "etl".into(), at(0));
        story.write([Fact::Export { format: FORMAT, store, controller, at }]);
        let facts: Vec<Vec<u8>> = snapshot(&story.recorded).map(|fact| story.chain.seal(&fact)).collect();
        story.lines.extend(facts);
        let facts = story.lines.len() as u64;
        story.write([Fact::Complete { facts }]);
        story
    }

    fn write<'a>(&mut self, facts: impl IntoIterator<Item = Fact<'a>>) {
        for fact in facts {
            self.lines.push(self.chain.seal(&fact));
        }
    }

    fn batch(&mut self, events: &[Event]) {
        let mut changes: Vec<Change> = Vec::new();
        for event in events {
            if reopens_what_ended(event, &changes) {
                continue;
            }
            // As a plan does: each change sees what the ones before it did.
            let mut seen = self.recorded.clone();
            seen.install(self.recorded.stage(&changes));
            changes.extend(change(event, &seen));
        }
        let staged = self.recorded.stage(&changes);
        if staged.durable {
            let facts: Vec<Fact<'_>> = facts(&changes, &self.recorded, &staged);
            let sealed: Vec<Vec<u8>> = facts.iter().map(|fact| self.chain.seal(fact)).collect();
            self.lines.extend(sealed);
        }
        let durable = staged.durable;
        self.recorded.install(staged);
        if durable {
            self.durable = self.recorded.clone();
        }
    }

    fn saved(&self) -> Salvage {
        let (mut chain, mut salvage) = (Chain::default(), Salvage::default());
        for line in &self.lines {
            let line = line.strip_suffix(b"\n").expect("a line has an end");
            salvage.take(chain.open(line).unwrap()).unwrap();
        }
        salvage
    }
}

/// A pass takes people's requests before it ends runs: none that ends in a batch is opened again in it.
fn reopens_what_ended(event: &Event, changes: &[Change]) -> bool {
    let Event::Admit { slot, .. } = event else { return false };
    let ended = |change: &Change| matches!(change, Change::RunEnded { run, .. } if *run == run_key(*slot));
    changes.iter().any(ended)
}

fn listed(record: &ScheduleRecord) -> ScheduleRecord {
    without_missed(record)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_saved_is_what_was_durable_and_the_rest_is_unknown(
        before in prop::collection::vec(prop::collection::vec(event(), 1..4), 0..20),
        after in prop::collection::vec(prop::collection::vec(event(), 1..4), 0..30),
    ) {
        let mut first = Story::begun(Recorded::default());
        before.iter().for_each(|events| first.batch(events));
        // A new file is begun: it alone is read. It tells more than what was durable, and nothing that is not so.
        let mut story = Story::begun(first.recorded);
        after.iter().for_each(|events| story.batch(events));
        let Story { durable, .. } = &story;

        let saved = story.saved();
        prop_assert_eq!(&saved.recorded.ledgers, &durable.ledgers);
        let schedules = |recorded: &Recorded| -> BTreeMap<_, _> {
            recorded.schedules.iter().map(|(key, record)| (key.clone(), listed(record))).collect()
        };
        prop_assert_eq!(schedules(&saved.recorded), schedules(durable));
        prop_assert_eq!(&saved.recorded.resets, &durable.resets);
        prop_assert_eq!(&saved.recorded.files, &durable.files);
        prop_assert_eq!(&saved.recorded.backfills, &durable.backfills);

        let saved = saved.finish().unwrap();
        let open: Vec<&Run> = durable.runs.values().filter(|run| run.end.is_none()).collect();
        for (key, truth) in &durable.ledgers {
            let under_way: Windows =
                open.iter().filter(|run| run.ledger() == *key).filter_map(|run| run.window).collect();
            let all_unknown: Windows = truth.unknown.iter().chain(under_way.iter()).collect();
            let ledger = &saved.recorded.ledgers[key];
            prop_assert_eq!(&ledger.asked, &truth.asked);
            prop_assert_eq!(&ledger.unknown, &all_unknown);
            prop_assert_eq!(&ledger.done, &truth.done.clone().without(under_way.iter()));
            prop_assert_eq!(&ledger.failed, &truth.failed.clone().without(under_way.iter()));
        }
        prop_assert_eq!(saved.unknown.len(), open.len(), "with a window or without");
        prop_assert!(saved.recorded.runs.is_empty());
    }
}

fn sample() -> Vec<Vec<u8>> {
    let mut story = Story::begun(Recorded::default());
    story.batch(&[Event::Admit { slot: 1, from: 0, lasts: 10, adopted: false }]);
    story.batch(&[Event::End { slot: 1, state: EndState::Succeeded }]);
    story.lines
}

fn read(lines: &[Vec<u8>]) -> Result<usize, (usize, Damage)> {
    let mut chain = Chain::default();
    for (at, line) in lines.iter().enumerate() {
        chain.open(line.strip_suffix(b"\n").unwrap_or(line)).map_err(|damage| (at, damage))?;
    }
    Ok(lines.len())
}

#[test]
fn any_altered_cut_lost_or_moved_line_is_found() {
    let lines = sample();
    assert_eq!(read(&lines), Ok(5), "head, fence, complete, admitted, ended");
    for at in 0..lines.len() {
        for byte in 0..lines[at].len() - 1 {
            let mut altered = lines.clone();
            altered[at][byte] ^= 1;
            assert_eq!(read(&altered).map_err(|(line, _)| line), Err(at), "byte {byte} of line {at}");
            let mut cut = lines.clone();
            cut[at].truncate(byte);
            assert_eq!(read(&cut), Err((at, Damage::Cut)), "line {at} cut at {byte}");
        }
    }
    for at in 0..lines.len() - 1 {
        let mut short = lines.clone();
        short.remove(at);
        assert_eq!(read(&short), Err((at, Damage::Seal)), "without line {at}");
        let mut moved = lines.clone();
        moved.swap(at, at + 1);
        assert_eq!(read(&moved), Err((at, Damage::Seal)), "with lines {at} and the next swapped");
    }
}

#[test]
fn a_file_without_its_head_or_its_whole_beginning_is_of_no_use() {
    let take = |facts: Vec<Fact<'_>>| {
        let mut salvage = Salvage::default();
        facts.into_iter().try_for_each(|fact| salvage.take(fact)).map(|()| salvage)
    };
    let head = |format| Fact::Export { format, store: "s".into(), controller: "etl".into(), at: at(0) };
    let fence = || Fact::Fence { fence: 7 };
    assert!(take(vec![head(FORMAT), fence(), Fact::Complete { facts: 2 }]).unwrap().finish().is_some());
    assert!(take(vec![head(FORMAT), fence()]).unwrap().finish().is_none());
    assert_eq!(take(vec![fence()]).unwrap_err(), SalvageError::Head);
    assert_eq!(take(vec![head(FORMAT), head(FORMAT)]).unwrap_err(), SalvageError::Head);
    assert_eq!(take(vec![head(1), Fact::Backfill]).map(|_| ()), Ok(()), "of an older controller");
    assert_eq!(take(vec![head(FORMAT + 1)]).unwrap_err(), SalvageError::Newer(FORMAT + 1));
}

#[test]
fn a_line_tells_people_and_programs_what_happened() {
    let lines: Vec<String> = sample().into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    let run = run_key(1).name();
    let admitted = format!(
        "{{\"kind\":\"admitted\",\"project\":\"default\",\"etl\":\"bye\",\"version\":1,\"run\":\"{run}\",\
         \"window\":[\"2023-11-14T22:13:20Z\",\"2023-11-14T22:13:30Z\"],\"trigger\":\"manual\",\"seal\":\""
    );
    assert!(lines[3].starts_with(&admitted), "{}", lines[3]);
    assert!(lines[4].contains("\"kind\":\"ended\"") && lines[4].contains("\"state\":\"Succeeded\""));
}

#[test]
fn lines_of_an_older_controller_are_read() {
    let left = r#"{"kind":"backfill","project":"p","backfill":"bf-1","etl":"e","span":["2023-11-14T22:13:20Z","2023-11-14T22:13:30Z"],"next":1,"windows":3,"over":false}"#;
    assert_eq!(serde_json::from_str::<Fact<'_>>(left).unwrap(), Fact::Backfill);
}

#[test]
fn files_are_told_apart_by_day_and_number() {
    let day = |text: &str| text.parse::<Date>().unwrap();
    for (name, expected) in [
        ("ledger-2026-03-07-1.jsonl", Some((day("2026-03-07"), 1))),
        ("ledger-2026-03-07-12.jsonl", Some((day("2026-03-07"), 12))),
        ("ledger-2026-03-07.jsonl", None),
        ("ledger-2026-03-07-x.jsonl", None),
        ("ledger-2026-03-07-+1.jsonl", None),
        ("ledger-2026-13-07-1.jsonl", None),
        ("ledger-2026-03-07-1.jsonl.gz", None),
        ("notes.txt", None),
    ] {
        assert_eq!(file_order(name), expected, "{name}");
    }
    assert_eq!(file_order(&file_name(day("2026-03-07"), 3)), Some((day("2026-03-07"), 3)));
}
