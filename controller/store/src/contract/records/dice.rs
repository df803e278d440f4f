//! Values by dice: texts that are hard on encodings, instants and numbers at the ends of their ranges.

use std::collections::BTreeMap;

use etl_core::name::RunKey;
use etl_core::outcome::{EndState, Outcome, RejectedBy, StopReason, StuckReason};
use etl_core::run::{
    Attempt, AttemptEnd, LogSummary, NodeRef, Phase, Run, RunEnd, Stopping, Stuck, TaskEnd, TaskRun, Trigger,
};
use etl_core::spec::{
    Amounts, Backoff, Condition, Etl, Expect, FileRef, Mount, MountSource, OnNodeLost, Param, ParamKind,
    ParamValue, Placement, Resources, Retries, Task,
};
use jiff::{SignedDuration, Timestamp};

use super::name;

/// The same seed throws the same numbers.
pub struct Dice(u64);

const TEXTS: [&str; 8] =
    ["", "a", "\0", "zeile\r\n\t\u{1b}[0m", "ä€😀\u{2028}", "{\"a\":1}", "\\\"", "  2025-01-01T00:00:00Z "];

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number; the ends of the range come often. (splitmix64)
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = mixed ^ (mixed >> 31);
        match number % 11 {
            0 => 0,
            1 => u64::MAX,
            _ => number,
        }
    }

    pub fn below(&mut self, end: u64) -> usize {
        usize::try_from((self.number() >> 7) % end).unwrap()
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64)].clone()
    }

    pub fn text(&mut self) -> String {
        self.one(&TEXTS).into()
    }

    /// Up to a dozen chunks.
    pub fn long_text(&mut self) -> String {
        let times = self.below(4_000);
        self.text().repeat(times)
    }

    pub fn at(&mut self) -> Timestamp {
        let (min, max) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
        let nanos = i128::from(self.number()) * i128::from(self.number() >> 40);
        Timestamp::from_nanosecond(nanos.clamp(min, max)).unwrap()
    }

    fn duration(&mut self) -> SignedDuration {
        let nanos = [0, 1, 999_999_999];
        SignedDuration::new(i64::try_from(self.number() >> 4).unwrap(), self.one(&nanos))
    }

    fn whole(&mut self) -> i64 {
        self.number().cast_signed()
    }

    fn short(&mut self) -> u32 {
        u32::try_from(self.number() >> 32).unwrap()
    }

    pub fn run(&mut self, key: &RunKey) -> Run {
        let schedule = Trigger::Schedule { schedule: key.etl.clone(), tick: self.at() };
        let manual = Trigger::Manual { user: self.text() };
        let values =
            [ParamValue::Boolean(true), ParamValue::Integer(self.whole()), ParamValue::String(self.text())];
        let ends =
            [EndState::Succeeded, EndState::Failed, EndState::TimedOut, EndState::Cancelled, EndState::Lost];
        Run {
            key: key.clone(),
            version: self.short(),
            spec: "5f2c".into(),
            commit: self.text(),
            trigger: self.one(&[schedule, manual, Trigger::Adopted]),
            window: None,
            params: [(self.text(), self.one(&values))].into(),
            admitted_at: self.at(),
            started_at: self.maybe(Self::at),
            stopping: self.maybe(Self::stopping),
            end: self.maybe(|dice| RunEnd { state: dice.one(&ends), at: dice.at(), message: dice.text() }),
            digests: [(self.text(), self.text())].into(),
            tasks: ["a", "a-b", "b"].map(|task| (name(task), self.task_run())).into(),
        }
    }

    fn stopping(&mut self) -> Stopping {
        use StopReason::{
            Cancelled, NoSuitableNode, Replaced, RunDeadline, RunTimeout, Stalled, StartTimeout,
        };
        let reasons = [Cancelled, Replaced, RunTimeout, StartTimeout, NoSuitableNode, RunDeadline, Stalled];
        Stopping { reason: self.one(&reasons), at: self.at(), by: self.text() }
    }

    fn task_run(&mut self) -> TaskRun {
        let attempts = self.below(5);
        TaskRun {
            attempts: (0..attempts).map(|_| self.attempt()).collect(),
            eligible_at: self.maybe(Self::at),
            retry_at: self.maybe(Self::at),
            forgiven: self.short(),
            end: self.maybe(|dice| TaskEnd { state: EndState::Skipped, at: dice.at(), message: dice.text() }),
            stuck: self.maybe(|dice| Stuck {
                reason: dice.one(&StuckReason::ALL),
                since: dice.at(),
                node: dice.maybe(Self::text),
                message: dice.text(),
            }),
        }
    }

    fn attempt(&mut self) -> Attempt {
        let phases = [Phase::Intended, Phase::Pending, Phase::Assigned, Phase::Preparing, Phase::Running];
        Attempt {
            created_at: self.maybe(Self::at),
            service: self.maybe(Self::text),
            phase: self.one(&phases),
            phase_since: self.at(),
            node: self.maybe(|dice| NodeRef { id: dice.text(), name: dice.text() }),
            running_at: self.maybe(Self::at),
            message: self.text(),
            create_failures: self.short(),
            create_after: self.maybe(Self::at),
            stopping: self.maybe(Self::stopping),
            lost_at: self.maybe(Self::at),
            end: self.maybe(Self::attempt_end),
            log: self.maybe(|dice| LogSummary {
                lines: dice.number(),
                bytes: dice.number(),
                dropped: dice.number(),
                complete: dice.below(2) == 0,
            }),
            released_at: self.maybe(Self::at),
            ..Attempt::intended(self.short(), self.number(), self.at())
        }
    }

    fn attempt_end(&mut self) -> AttemptEnd {
        let outcomes = [
            Outcome::Succeeded,
            Outcome::ExitCode(self.whole()),
            Outcome::NodeLost,
            Outcome::Rejected(RejectedBy::Spec),
            Outcome::Rejected(RejectedBy::Node),
        ];
        AttemptEnd { outcome: self.one(&outcomes), at: self.at(), message: self.text() }
    }

    pub fn etl(&mut self) -> Etl {
        let kinds = [ParamKind::String, ParamKind::Integer, ParamKind::Boolean];
        let param = Param {
            kind: self.one(&kinds),
            default: self.maybe(|dice| ParamValue::Integer(dice.whole())),
            description: self.maybe(Self::text),
        };
        Etl {
            key: super::run_key("m1").etl,
            version: self.short(),
            labels: [(self.text(), self.text())].into(),
            description: self.maybe(Self::long_text),
            owner: self.maybe(Self::text),
            runbook_url: self.maybe(Self::text),
            // Not in alphabetical order: the file's order must come back.
            params: [("z".into(), param.clone()), ("a".into(), param)].into(),
            timeout: self.maybe(Self::duration),
            max_active_runs: self.maybe(Self::short),
            expect: Expect { freshness: self.maybe(Self::duration), duration: self.maybe(Self::duration) },
            notify: vec![name("ops")],
            tasks: ["z", "a", "m"].map(|task| (name(task), self.task())).into(),
        }
    }

    fn task(&mut self) -> Task {
        let conditions = [Condition::Succeeded, Condition::Failed, Condition::Finished];
        let sources = [
            MountSource::Volume(self.text()),
            MountSource::Bind(self.text()),
            MountSource::Tmpfs(Some(self.number())),
        ];
        let file = FileRef {
            source: self.text(),
            target: self.text(),
            uid: self.text(),
            gid: self.text(),
            mode: self.short(),
        };
        Task {
            depends_on: [(name("z"), self.one(&conditions)), (name("a"), self.one(&conditions))].into(),
            when: self.maybe(Self::text),
            image: self.text(),
            entrypoint: self.maybe(|dice| vec![dice.text(), dice.long_text()]),
            command: self.maybe(|dice| vec![dice.text()]),
            environment: BTreeMap::from([(self.text(), self.text())]),
            working_dir: self.maybe(Self::text),
            user: self.maybe(Self::text),
            networks: vec![self.text()],
            secrets: vec![file.clone()],
            configs: vec![file],
            volumes: vec![Mount { source: self.one(&sources), target: self.text(), read_only: true }],
            resources: Resources { limits: self.amounts(), reservations: self.amounts() },
            placement: Placement { constraints: vec![self.text()], spread: vec![self.text()] },
            cap_add: vec![self.text()],
            stop_grace_period: self.duration(),
            timeout: self.maybe(Self::duration),
            stall_timeout: self.maybe(Self::duration),
            start_timeout: self.duration(),
            retries: self.retries(),
            on_node_lost: self.one(&[OnNodeLost::Retry, OnNodeLost::Wait, OnNodeLost::Fail]),
            node_lost_deadline: self.duration(),
            produces: vec![self.text()],
        }
    }

    fn amounts(&mut self) -> Amounts {
        Amounts {
            nano_cpus: self.maybe(Self::whole),
            memory: self.maybe(Self::whole),
            pids: self.maybe(Self::whole),
            generic: [(self.text(), self.whole())].into(),
        }
    }

    fn retries(&mut self) -> Retries {
        Retries {
            limit: self.short(),
            delay: self.duration(),
            backoff: self.one(&[Backoff::Exponential, Backoff::Constant]),
            max_delay: self.duration(),
        }
    }
}
