//! What must be left when all faults are healed and time has gone on: nothing open, nothing running, nothing forgotten.

use etl_core::name::AttemptKey;
use etl_core::outcome::Outcome;
use etl_core::run::{Attempt, LogSummary, Trigger};

use crate::sim::Sim;

impl Sim {
    /// Whether everything came to its end.
    pub fn is_at_rest(&self) -> bool {
        self.unrest().is_none()
    }

    /// What has not come to its end, in words.
    fn unrest(&self) -> Option<String> {
        let process = &self.process;
        let open = process
            .recorded
            .open_runs()
            .next()
            .map(|run| format!("run {} is open: {:?}", run.key, run.tasks));
        let ours = self.swarm.services.values().find_map(|service| service.attempt.as_ref());
        let running = self.swarm.tasks.values().find(|task| task.is_running());
        let waiting = process.in_flight.first();
        let specs = process.recorded.files.keys().next();
        (!process.alive)
            .then(|| "the process is down".to_owned())
            .or(open)
            .or(waiting.map(|key| format!("{key:?} is under way")))
            .or(ours.map(|attempt| format!("the service of {attempt} is left over")))
            .or(running.map(|task| format!("a container of {} runs", task.attempt)))
            .or(specs.map(|path| format!("{path} is still in force")))
    }

    /// Checks the end.
    pub fn check_end(&mut self) {
        if let Some(unrest) = self.unrest() {
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
