//! Waits for a run's end by asking each second, and shows how it is doing meanwhile: on a terminal a picture that is
//! drawn anew, elsewhere a line for each change. Never stops the run.

use std::collections::BTreeMap;
use std::time::Duration;

use etl_core::view::{RunView, TaskView};
use jiff::{SignedDuration, Timestamp};

use super::get_watch::{PERIOD, Patience};
use super::run_tree;
use crate::client::Client;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runs;
use crate::safe;
use crate::screen::Screen;

/// What to wait for, and how.
pub struct Follow<'a> {
    pub project: &'a str,
    pub name: &'a str,
    pub watch: bool,
    pub timeout: Option<Duration>,
    pub fail_on_stuck: bool,
}

impl Follow<'_> {
    /// Waits; the exit code is the run's end.
    pub async fn until_over(&self, client: &Client, screen: &mut Screen) -> Result<Exit, Failure> {
        let deadline = self.deadline(clock::now());
        let mut patience = Patience::default();
        let mut shown = Shown::default();
        let mut state = "not seen yet".to_owned();
        loop {
            let run = patience.bear(runs::detail(client, self.project, self.name).await, screen)?;
            let now = clock::now();
            if let Some(run) = run {
                if self.watch {
                    shown.show(&run, now, screen)?;
                }
                if let Some(exit) = self.end(&run) {
                    self.say_end(&run, screen)?;
                    return Ok(exit);
                }
                state = run.status.state;
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(self.late(&state));
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let timeout = SignedDuration::try_from(self.timeout?).ok()?;
        now.checked_add(timeout).ok()
    }

    fn end(&self, run: &RunView) -> Option<Exit> {
        let stuck = self.fail_on_stuck && run.status.state == "Stuck";
        if stuck { Some(Exit::RunStuck) } else { Exit::of_state(&run.status.state) }
    }

    fn say_end(&self, run: &RunView, screen: &mut Screen) -> Result<(), Failure> {
        let status = &run.status;
        let reason = status.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let message = status.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        screen.note(&safe::line(&format!("run/{} {}{reason}{message}", self.name, status.state)))?;
        if status.state != "Succeeded" {
            screen.note(&format!("see why: etlctl describe run/{0} -n {1}", self.name, self.project))?;
        }
        Ok(())
    }

    fn late(&self, state: &str) -> Failure {
        let message =
            format!("run `{}` is not over after {:?}: {state}", self.name, self.timeout.unwrap_or_default());
        Failure::failed(
            message,
            format!("it goes on; see it with: etlctl get run/{} -n {}", self.name, self.project),
        )
    }
}

/// What has been shown so far.
#[derive(Default)]
struct Shown {
    lines: usize,
    tasks: BTreeMap<String, String>,
}

impl Shown {
    fn show(&mut self, run: &RunView, now: Timestamp, screen: &mut Screen) -> Result<(), Failure> {
        if screen.is_tty {
            let picture = run_tree::draw(&run.status.tasks, now, screen.color);
            screen.redraw(self.lines, &picture)?;
            self.lines = picture.lines().count();
        } else {
            for line in self.changed(&run.status.tasks) {
                screen.put(&(line + "\n"))?;
            }
        }
        Ok(screen.flush()?)
    }

    /// `load  Running  node4  attempt 1`, for each task that is not as it was.
    fn changed(&mut self, tasks: &[TaskView]) -> Vec<String> {
        let mut lines = Vec::new();
        for task in tasks {
            let line = one_line(task);
            if self.tasks.get(&task.metadata.name) != Some(&line) {
                self.tasks.insert(task.metadata.name.clone(), line.clone());
                lines.push(line);
            }
        }
        lines
    }
}

fn one_line(task: &TaskView) -> String {
    let mut words = vec![task.metadata.name.clone(), task.status.state.clone()];
    if let Some(last) = task.status.attempts.last() {
        words.extend(last.node.clone());
        words.push(format!("attempt {}", last.number));
        words.extend(last.exit_code.filter(|code| *code != 0).map(|code| format!("exit {code}")));
    }
    words.extend(task.status.reason.clone().filter(|_| task.status.state == "Stuck"));
    safe::line(&words.join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::run_tree::tests::task;

    #[test]
    fn only_tasks_that_changed_are_told_again() {
        let mut shown = Shown::default();
        let first = [task("extract", "Running", &[]), task("load", "Waiting", &["extract"])];
        assert_eq!(shown.changed(&first), ["extract  Running  node4  attempt 1", "load  Waiting"]);
        assert!(shown.changed(&first).is_empty());
        let next = [task("extract", "Succeeded", &[]), task("load", "Waiting", &["extract"])];
        assert_eq!(shown.changed(&next), ["extract  Succeeded  node4  attempt 1"]);
    }
}
