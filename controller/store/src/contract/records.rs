//! Records to keep: plain ones by hand, and all kinds of strange ones by dice.

use std::collections::BTreeMap;
use std::sync::Arc;

use etl_core::backfill::{Backfill, BackfillEnd, BackfillRecord, Progress, Reprocess};
use etl_core::ledger::{Ledger, LedgerKey};
use etl_core::name::{EtlKey, Name, ObjectKey, RunKey};
use etl_core::outcome::EndState;
use etl_core::problem::{Notice, Problem, ProblemKey, Route, Subject, Told};
use etl_core::recorded::{
    AcceptedFile, Counters, EtlReset, Input, MissReason, MissedTick, Rare, RareFields, Recorded, Resumption,
    ScheduleRecord, Staged, Suspension,
};
use etl_core::run::{Run, RunEnd, TaskEnd, TaskRun, Trigger};
use etl_core::spec::{Event, ParamValue};
use etl_core::window::{Window, Windows};
use jiff::Timestamp;
use proptest::prelude::*;

mod dice;

use dice::Dice;

/// Whether two records of everything are the same, or which part is not.
pub fn same(actual: &Recorded, expected: &Recorded) -> Result<(), String> {
    fn part<T: PartialEq + std::fmt::Debug>(name: &str, actual: &T, expected: &T) -> Result<(), String> {
        if actual == expected { Ok(()) } else { Err(format!("{name}: {actual:#?}\nexpected: {expected:#?}")) }
    }
    part("counters", &actual.counters, &expected.counters)?;
    part("files", &actual.files, &expected.files)?;
    part("ledgers", &actual.ledgers, &expected.ledgers)?;
    part("schedules", &actual.schedules, &expected.schedules)?;
    part("runs", &actual.runs, &expected.runs)?;
    part("open", &actual.open, &expected.open)?;
    part("backfills", &actual.backfills, &expected.backfills)?;
    part("resets", &actual.resets, &expected.resets)?;
    part("problems", &actual.problems, &expected.problems)?;
    part("notices", &actual.notices, &expected.notices)?;
    part("specs", &actual.specs, &expected.specs)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn run_key(suffix: &str) -> RunKey {
    RunKey { etl: EtlKey::new(name("north"), name("rna-daily")), suffix: suffix.into() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_763_000_000 + second).unwrap()
}

fn all_time() -> Windows {
    Window::new(Timestamp::MIN, Timestamp::MAX).into_iter().collect()
}

/// A run over one window begins and ends, beside all that is known.
pub fn window_done(recorded: &Recorded, index: i64, state: EndState) -> Staged {
    let key = LedgerKey { etl: run_key("m1").etl, version: 1 };
    let window = Window::new(at(index * 5), at(index * 5 + 5)).unwrap();
    let mut staged = Staged { durable: true, ..Staged::default() };
    staged.ledger(recorded, &key, window).end(window, state);
    staged
}

fn run(key: &RunKey) -> Run {
    Run {
        key: key.clone(),
        version: 1,
        spec: "5f2c".into(),
        commit: "0a1b2c".into(),
        trigger: Trigger::Manual { user: "ada".into() },
        window: None,
        params: BTreeMap::from([("size".into(), ParamValue::Integer(i64::MIN))]),
        admitted_at: at(0),
        started_at: None,
        stopping: None,
        end: None,
        digests: BTreeMap::new(),
        tasks: ["extract", "load"].map(|task| (name(task), TaskRun::default())).into(),
    }
}

fn with_run(run: Run) -> Staged {
    let mut staged = Staged { durable: true, ..Staged::default() };
    staged.headers.insert(run.key.clone());
    staged.tasks.extend(run.tasks.keys().map(|task| (run.key.clone(), task.clone())));
    staged.runs.insert(run.key.clone(), Some(run));
    staged
}

pub fn admitted(key: &RunKey) -> Staged {
    with_run(run(key))
}

pub fn forgotten(key: &RunKey) -> Staged {
    Staged { runs: [(key.clone(), None)].into(), durable: true, ..Staged::default() }
}

pub fn header_only(key: &RunKey) -> Staged {
    Staged { tasks: Default::default(), ..admitted(key) }
}

fn file(text: &str) -> AcceptedFile {
    AcceptedFile { blob: "b10b".into(), commit: "c0".into(), text: text.into() }
}

fn schedule(fingerprint: &str) -> ScheduleRecord {
    ScheduleRecord {
        first_seen: at(0),
        version: 1,
        fingerprint: fingerprint.into(),
        decided_until: at(60),
        window_end: Some(at(0)),
        last_tick: Some(at(60)),
        created_at: Some(at(0)),
        completed_at: Some(at(61)),
        failures: 2,
        rare: Rare::from(RareFields {
            missed_total: [(MissReason::Forbid, u64::MAX)].into(),
            missed: vec![MissedTick { tick: at(30), reason: MissReason::Deadline, count: 1, window: None }],
            inputs: [("upstream".to_owned(), input())].into(),
            deliveries: vec!["d-1".into()],
            suspension: None,
            resumed: None,
        }),
    }
}

fn input() -> Input {
    let windows = Window::new(at(0), at(60)).into_iter().collect();
    Input { run: run_key("m000000002"), at: at(59), windows }
}

/// A file whose text has that many KiB, and no chunk like another.
pub fn big_file(path: &str, kilobytes: usize) -> Staged {
    let text: String = (0..kilobytes * 64).map(|line| format!("{line:015}\n")).collect();
    Staged { files: [(path.into(), Some(file(&text)))].into(), durable: true, ..Staged::default() }
}

/// One record of each kind.
pub fn sample() -> Staged {
    Dice::new(7).staged(&["m1"])
}

/// Records of each kind that bear a number, with a new run.
pub fn counted(number: u64, key: &RunKey) -> Staged {
    let mut run = run(key);
    run.version = u32::try_from(number).unwrap();
    let ended = TaskEnd { state: EndState::Succeeded, at: at(9), message: String::new() };
    run.tasks.values_mut().for_each(|task| task.end = Some(ended.clone()));
    run.end = Some(RunEnd { state: EndState::Succeeded, at: at(9), message: String::new() });
    let mut staged = with_run(run);
    staged.counters = Some(Counters { fence: number });
    // The size changes, so that chunks come and go.
    let text = format!("{number}\n{}", "x".repeat(usize::try_from(number % 7).unwrap() * 4_000));
    staged.files.insert("a.etl.yaml".into(), Some(file(&text)));
    staged.schedules.insert(key.etl.clone(), Some(Box::new(schedule(&number.to_string()))));
    staged
}

/// What has no place in the layout, each with a good record beside it.
pub fn unkeepable() -> Vec<(&'static str, Staged)> {
    let beside = || big_file("good.etl.yaml", 1);
    let mut nul = beside();
    nul.files.insert("a\0b".into(), Some(file("")));
    let mut empty = beside();
    empty.files.insert(String::new(), Some(file("")));
    let mut huge = beside();
    huge.files.insert("huge".into(), Some(file(&"x".repeat(13 << 20))));
    let suffixes = ["../../etc", "", "m1/x", "-m1"];
    let runs = suffixes.map(|suffix| Staged { files: beside().files, ..admitted(&run_key(suffix)) });
    let mut all = vec![("a NUL in a path", nul), ("an empty path", empty), ("13 MiB", huge)];
    all.extend(suffixes.into_iter().zip(runs));
    all
}

/// All kinds of records at once, strange ones too.
pub fn every_kind() -> impl Strategy<Value = Staged> {
    any::<u64>().prop_map(|seed| Dice::new(seed).staged(&["m1", "20251120t0930-abc"]))
}

/// Commits that follow one another over few keys: records come, change and go.
pub fn batches() -> impl Strategy<Value = Vec<Staged>> {
    let one = any::<u64>().prop_map(|seed| {
        let mut dice = Dice::new(seed);
        let mut staged = dice.staged(&["m1", "m11", "20251120t0930-abc"]);
        dice.thin(&mut staged);
        staged
    });
    proptest::collection::vec(one, 1..8)
}

impl Dice {
    fn staged(&mut self, suffixes: &[&str]) -> Staged {
        let mut staged = Staged { durable: true, ..Staged::default() };
        for suffix in suffixes {
            let one = with_run(self.run(&run_key(suffix)));
            staged.runs.extend(one.runs);
            staged.headers.extend(one.headers);
            staged.tasks.extend(one.tasks);
        }
        staged.counters = Some(Counters { fence: self.number() });
        for path in ["a.etl.yaml", "projects/north/ä b.etl.yaml", "a.etl.yaml0"] {
            let file = AcceptedFile { blob: self.text(), commit: self.text(), text: self.long_text().into() };
            staged.files.insert(path.into(), Some(file));
        }
        for version in [1, 2, 11] {
            let key = LedgerKey { etl: run_key("m1").etl, version };
            staged.touched.insert(key.clone(), all_time());
            staged.ledgers.insert(key, self.ledger());
        }
        for object in ["a", "a-b"] {
            let key = ObjectKey::new(name("north"), name(object));
            staged.schedules.insert(key, Some(Box::new(self.schedule())));
        }
        for hash in ["5f2c", "5f2c0"] {
            staged.specs.insert(hash.into(), Some(Arc::new(self.etl())));
        }
        staged.resets.insert(run_key("m1").etl, self.reset());
        for subject in [Subject::Swarm, Subject::File(self.text()), Subject::Etl(run_key("m1").etl)] {
            let problem = self.problem(subject);
            staged.problems.insert(problem.key.clone(), Some(problem));
        }
        for id in ["n1", "n11"] {
            staged.notices.insert(id.into(), Some(self.notice(id)));
        }
        for object in ["bf-1", "bf-1-2"] {
            let key = ObjectKey::new(name("north"), name(object));
            staged.new_backfills.insert(key.clone());
            staged.backfills.insert(key.clone(), Some(self.backfill(key)));
        }
        staged
    }

    fn problem(&mut self, subject: Subject) -> Problem {
        let route = self.route();
        Problem {
            key: ProblemKey { event: self.one(&Event::ALL), subject },
            reason: self.text(),
            message: self.long_text(),
            run: self.maybe(|_| run_key("m1")),
            task: self.maybe(|_| (name("load"), 7)),
            node: self.maybe(Self::text),
            since: self.at(),
            seen: self.at(),
            count: 3,
            at: self.at(),
            ended: self.maybe(Self::at),
            told: vec![Told { route, at: self.at(), ended: self.below(2) == 0 }],
        }
    }

    fn notice(&mut self, id: &str) -> Notice {
        Notice {
            id: id.to_owned(),
            route: self.route(),
            group: self.text(),
            problems: vec![self.problem(Subject::Node("n".to_owned()))],
            more: self.below(1_000),
            at: self.at(),
            tries: 0,
            after: None,
            error: None,
        }
    }

    fn route(&mut self) -> Route {
        Route { alert: self.text(), notifier: run_key("m1").etl }
    }

    fn reset(&mut self) -> EtlReset {
        EtlReset {
            count: 2,
            by: self.text(),
            reason: self.text(),
            at: self.at(),
            requests: vec![self.text()],
        }
    }

    fn backfill(&mut self, key: ObjectKey) -> BackfillRecord {
        let windows = self.ledger().asked.iter().collect();
        let backfill = Backfill {
            key,
            etl: run_key("m1").etl,
            version: 3,
            schedule: self.maybe(|_| name("daily")),
            span: Window::new(at(0), at(9)).unwrap(),
            missing: self.below(2) == 0,
            reach: jiff::SignedDuration::from_secs(60),
            reprocess: self.one(&[Reprocess::None, Reprocess::Failed, Reprocess::All]),
            max_active: 2,
            reverse: self.below(2) == 0,
            params: BTreeMap::new(),
            by: self.text(),
            created_at: self.at(),
            windows,
        };
        let progress = Progress {
            next: self.below(9),
            within: self.maybe(Self::at),
            succeeded: self.number(),
            failed: self.number(),
            cancelled: self.number(),
            passed: self.number(),
            cancelled_by: self.maybe(Self::text),
            end: self.maybe(|dice| BackfillEnd { at: dice.at(), message: dice.text() }),
        };
        BackfillRecord { backfill: Arc::new(backfill), progress }
    }

    fn ledger(&mut self) -> Ledger {
        // Never empty: a ledger begins with its first window.
        let mut ledger = Ledger::default();
        ledger.ask(Window::new(at(0), at(9)).unwrap());
        for _ in 0..self.below(300) {
            let (one, other) = (self.at(), self.at());
            let Some(window) = Window::new(one.min(other), one.max(other)) else { continue };
            let ends = [EndState::Succeeded, EndState::Failed, EndState::Cancelled];
            ledger.end(window, self.one(&ends));
        }
        ledger
    }

    fn schedule(&mut self) -> ScheduleRecord {
        let tick =
            MissedTick { tick: self.at(), reason: MissReason::Limit, count: self.number(), window: None };
        let suspension = self.maybe(|dice| Suspension {
            by: dice.text(),
            reason: dice.text(),
            since: dice.at(),
            until: dice.maybe(Dice::at),
        });
        let resumed = self.maybe(|dice| Resumption { by: dice.text(), reason: dice.text(), at: dice.at() });
        ScheduleRecord {
            first_seen: self.at(),
            version: 3,
            fingerprint: self.text().into(),
            decided_until: self.at(),
            window_end: self.maybe(Self::at),
            last_tick: self.maybe(Self::at),
            created_at: self.maybe(Self::at),
            completed_at: self.maybe(Self::at),
            failures: 4,
            rare: Rare::from(RareFields {
                missed_total: [(MissReason::Suspended, self.number())].into(),
                missed: vec![tick; self.below(101)],
                inputs: [(self.text(), input())].into(),
                deliveries: vec![self.text(); self.below(20)],
                suspension,
                resumed,
            }),
        }
    }

    /// Leaves some records out and turns others into removals.
    fn thin(&mut self, staged: &mut Staged) {
        fn thin<K: Ord, V>(dice: &mut Dice, records: &mut BTreeMap<K, Option<V>>) {
            records.retain(|_, _| dice.below(3) > 0);
            records.values_mut().for_each(|record| *record = record.take().filter(|_| dice.below(3) > 0));
        }
        thin(self, &mut staged.files);
        staged.ledgers.retain(|_, _| self.below(3) > 0);
        thin(self, &mut staged.schedules);
        thin(self, &mut staged.specs);
        thin(self, &mut staged.runs);
        thin(self, &mut staged.backfills);
        staged.resets.retain(|_, _| self.below(3) > 0);
    }
}
