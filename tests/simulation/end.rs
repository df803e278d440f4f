//! What must be left when all faults are healed and time has gone on: nothing open, nothing running, nothing forgotten.

use std::fmt;

use etl_core::action::ActionKey;
use etl_core::name::AttemptKey;
use etl_core::outcome::Outcome;
use etl_core::run::{Attempt, LogSummary, Run, Trigger};

use crate::git::ALERTS;
use crate::sim::Sim;

/// Something that has not come to its end.
enum Unrest<'a> {
    Down,
    Open(&'a Run),
    UnderWay(&'a ActionKey),
    LeftOver(&'a AttemptKey),
    Runs(&'a AttemptKey),
    InForce(&'a str),
    Unsaid(String),
}

impl fmt::Display for Unrest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => write!(f, "the process is down"),
            Self::Open(run) => write!(f, "run {} is open: {:?}", run.key, run.tasks),
            Self::UnderWay(key) => write!(f, "{key:?} is under way"),
            Self::LeftOver(attempt) => write!(f, "the service of {attempt} is left over"),
            Self::Runs(attempt) => write!(f, "a container of {attempt} runs"),
            Self::InForce(path) => write!(f, "{path} is still in force"),
            Self::Unsaid(what) => write!(f, "{what} is not told"),
        }
    }
}

impl Sim {
    /// Whether everything came to its end.
    pub fn is_at_rest(&self) -> bool {
        self.unrest().is_none()
    }

    /// What has not come to its end. Asked for again and again: only its words cost something.
    fn unrest(&self) -> Option<Unrest<'_>> {
        let process = &self.process;
        let mut tasks = self.swarm.tasks.values();
        (!process.alive)
            .then_some(Unrest::Down)
            .or_else(|| process.recorded.open_runs().next().map(Unrest::Open))
            .or_else(|| process.in_flight.first().map(Unrest::UnderWay))
            .or_else(|| self.swarm.services.values().find_map(|it| it.attempt.as_ref()).map(Unrest::LeftOver))
            .or_else(|| tasks.find(|task| task.is_running()).map(|task| Unrest::Runs(&task.attempt)))
            .or_else(|| self.unasked_file().map(Unrest::InForce))
            .or_else(|| self.unsaid().map(Unrest::Unsaid))
    }

    /// A file that git no longer has.
    fn unasked_file(&self) -> Option<&str> {
        let mut files = self.process.recorded.files.keys().map(String::as_str);
        files.find(|path| *path != ALERTS || !self.git.has_alerts())
    }

    /// Checks the end.
    pub fn check_end(&mut self) {
        if let Some(unrest) = self.unrest().map(|unrest| unrest.to_string()) {
            self.fail("I5: everything comes to its end once faults are healed", unrest);
        }
        for name in self.ledger.foreign.clone() {
            if !self.swarm.names.contains_key(&name) {
                self.fail("I3: nobody else's service is touched", name);
            }
        }
        let runs = self.process.recorded.runs.values();
        let attempts = runs.flat_map(|run| {
            let of_task = |(name, task): (&_, &etl_core::run::TaskRun)| -> Vec<(AttemptKey, Attempt)> {
                let key = |attempt: &Attempt| run.attempt_key(name, attempt.number);
                task.attempts.iter().map(|attempt| (key(attempt), attempt.clone())).collect()
            };
            run.tasks.iter().flat_map(of_task).collect::<Vec<_>>()
        });
        for (key, attempt) in attempts.collect::<Vec<_>>() {
            self.check_kept_log(&key, &attempt);
        }
        self.check_reached_end();
    }

    /// I3: a log that is called complete is complete.
    fn check_kept_log(&mut self, key: &AttemptKey, attempt: &Attempt) {
        let by_itself = |outcome| matches!(outcome, Outcome::Succeeded | Outcome::ExitCode(_));
        let Some(end) = attempt.end.as_ref().filter(|end| by_itself(end.outcome)) else { return };
        let Some(LogSummary { lines, complete: true, .. }) = attempt.log else { return };
        let printed = self.lines_of(key);
        if lines != printed && self.ledger.truth(key).containers == 1 && attempt.stopping.is_none() {
            let detail = format!("{key} ({:?}) printed {printed} lines, {lines} are kept", end.outcome);
            self.fail("I3: no log is lost", detail);
        }
    }

    /// A run that ended has only tasks that ended, and the other way round.
    fn check_reached_end(&mut self) {
        let runs = self.process.recorded.runs.values();
        let half = runs.filter(|run| run.end.is_some() && run.tasks.values().any(|task| task.end.is_none()));
        // What gave way in a queue ends without its tasks; of an adopted run, one may be seen after the end of the others.
        let half = half
            .filter(|run| run.started_at.is_some() && run.trigger != Trigger::Adopted)
            .map(|run| run.key.to_string())
            .next();
        if let Some(run) = half {
            self.fail("I5: a run ends when its tasks do", run);
        }
    }
}
