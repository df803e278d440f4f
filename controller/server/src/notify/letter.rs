//! What a message says: what happened, why, the last lines of the log, and what to type. What a task printed cannot steer a
//! terminal or call people by it.

use etl_core::name::AttemptKey;
use etl_core::problem::{Notice, Problem, Subject};
use etl_core::spec::Event;
use etl_store::{LogStore, ReadFrom};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Last lines of a log in a message.
const TAIL_LINES: usize = 5;
/// Characters of such a line.
const LINE_CHARS_MAX: usize = 200;
/// Problems that are told with the last lines of their logs.
const TAILS_MAX: usize = 5;
/// Characters of a message to Slack, which cuts longer ones in the middle of a word.
const SLACK_CHARS_MAX: usize = 3_500;

/// A message in words.
pub(super) struct Letter {
    /// In one line.
    pub subject: String,
    /// One for each problem, in the order of the notice.
    pub parts: Vec<Part>,
    /// How many problems are not named.
    more: usize,
}

/// What is said of one problem.
pub(super) struct Part {
    /// In one line.
    pub headline: String,
    /// Why.
    pub why: String,
    /// The last lines of the log.
    pub tail: Vec<String>,
    /// What to type.
    pub commands: Vec<String>,
}

impl Letter {
    /// Puts a notice into words; `tails` are its problems' last lines.
    pub fn new(notice: &Notice, mut tails: Vec<Vec<String>>) -> Self {
        tails.resize(notice.problems.len(), Vec::new());
        let parts: Vec<Part> =
            notice.problems.iter().zip(tails).map(|(problem, tail)| part(problem, tail)).collect();
        let all = notice.problems.len() + notice.more;
        let going_on = notice.problems.iter().filter(|problem| problem.ended.is_none()).count() + notice.more;
        let subject = match parts.first() {
            Some(part) if all == 1 => part.headline.clone(),
            _ if going_on == 0 => format!("{all} problems are over"),
            _ if going_on == all => format!("{all} problems"),
            _ => format!("{going_on} problems, {} are over", all - going_on),
        };
        Self { subject, parts, more: notice.more }
    }

    /// As plain text.
    pub fn text(&self) -> String {
        let mut text = if self.parts.len() == 1 { String::new() } else { format!("{}\n\n", self.subject) };
        for part in &self.parts {
            text += &format!("{}\n{}\n", part.headline, part.why);
            part.tail.iter().for_each(|line| text += &format!("  | {line}\n"));
            part.commands.iter().for_each(|command| text += &format!("  $ {command}\n"));
            text.push('\n');
        }
        if self.more > 0 {
            text += &format!("and {} more: `etlctl get problems -A`\n", self.more);
        }
        text
    }

    /// As Slack takes it.
    pub fn for_slack(&self, channel: Option<&str>) -> Value {
        let mut text =
            if self.parts.len() == 1 { String::new() } else { format!("*{}*\n", escaped(&self.subject)) };
        for part in &self.parts {
            text += &format!("*{}*\n{}\n", escaped(&part.headline), escaped(&part.why));
            let lines = part.tail.iter().chain(&part.commands).map(|line| escaped(line)).collect::<Vec<_>>();
            if !lines.is_empty() {
                text += &format!("```{}```\n", lines.join("\n").replace("```", "'''"));
            }
        }
        if self.more > 0 {
            text += &format!("and {} more: `etlctl get problems -A`", self.more);
        }
        if text.chars().count() > SLACK_CHARS_MAX {
            text = text.chars().take(SLACK_CHARS_MAX).collect::<String>() + " …";
        }
        match channel {
            Some(channel) => json!({"text": text, "channel": channel}),
            None => json!({"text": text}),
        }
    }

    /// As programs take it.
    pub fn for_programs(&self, notice: &Notice) -> Value {
        let problems = notice.problems.iter().zip(&self.parts).map(|(problem, part)| {
            let etl = problem.key.subject.etl();
            json!({
                "event": problem.key.event.word(),
                "subject": problem.key.subject.to_string(),
                "status": if problem.ended.is_some() { "resolved" } else { "firing" },
                "project": etl.map(|etl| etl.project.as_str()),
                "etl": etl.map(|etl| etl.name.as_str()),
                "run": problem.run.as_ref().map(|run| run.name()),
                "task": problem.task.as_ref().map(|(task, _)| task.as_str()),
                "attempt": problem.task.as_ref().map(|(_, attempt)| attempt),
                "node": problem.node,
                "reason": problem.reason,
                "message": problem.message,
                "since": problem.since,
                "ended": problem.ended,
                "count": problem.count,
                "headline": part.headline,
                "logTail": part.tail,
                "commands": part.commands,
            })
        });
        json!({
            "version": 1,
            "id": notice.id,
            "alert": notice.route.alert,
            "notifier": notice.route.notifier.to_string(),
            "group": notice.group,
            "at": notice.at,
            "subject": self.subject,
            "problems": problems.collect::<Vec<_>>(),
            "more": notice.more,
        })
    }
}

fn part(problem: &Problem, tail: Vec<String>) -> Part {
    let what = subject(&problem.key.subject, problem);
    let headline = match problem.ended {
        Some(ended) => {
            let lasted = ended.duration_since(problem.since);
            format!(
                "over: {} {what} ({}, it lasted {})",
                problem.key.event.word(),
                problem.reason,
                short(lasted)
            )
        }
        None if problem.count > 1 => {
            format!(
                "{}: {what} ({}, {} times in a row)",
                problem.key.event.word(),
                problem.reason,
                problem.count
            )
        }
        None => format!("{}: {what} ({})", problem.key.event.word(), problem.reason),
    };
    let since = format!("since {}", problem.since.strftime("%Y-%m-%d %H:%M:%SZ"));
    let why =
        if problem.message.is_empty() { since } else { format!("{} ({since})", cleaned(&problem.message)) };
    let commands = if problem.ended.is_some() { Vec::new() } else { commands(problem) };
    Part { headline, why, tail, commands }
}

fn subject(subject: &Subject, problem: &Problem) -> String {
    match subject {
        Subject::Etl(etl) => format!("etl/{} in {}", etl.name, etl.project),
        Subject::Task(etl, task) => format!("task {task} of etl/{} in {}", etl.name, etl.project),
        Subject::Node(id) => format!("node/{}", problem.node.as_deref().unwrap_or(id)),
        Subject::Swarm => "the Swarm".to_owned(),
        Subject::Source => "source/main".to_owned(),
        Subject::File(path) => cleaned(path),
    }
}

/// To whole seconds, in the two largest units.
fn short(lasted: SignedDuration) -> String {
    let seconds = lasted.as_secs().max(0);
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (0, hours, minutes, _) => format!("{hours}h{minutes:02}m"),
        (days, hours, ..) => format!("{days}d{hours:02}h"),
    }
}

fn commands(problem: &Problem) -> Vec<String> {
    match (&problem.key.event, &problem.run, &problem.task, problem.key.subject.etl()) {
        (Event::Failed | Event::Stuck | Event::Late, Some(run), task, Some(etl)) => {
            let (run, project) = (run.name(), &etl.project);
            let logs = task.as_ref().map(|(task, _)| format!("etlctl logs run/{run} {task} -n {project}"));
            std::iter::once(format!("etlctl why run/{run} -n {project}")).chain(logs).collect()
        }
        (Event::Stale, _, _, Some(etl)) => {
            vec![format!("etlctl get runs --etl {} -n {}", etl.name, etl.project)]
        }
        (Event::NodeDown, ..) => vec!["etlctl get nodes -o wide".to_owned()],
        (Event::SwarmUnavailable, ..) => vec!["etlctl check".to_owned()],
        (Event::GitSyncFailed | Event::SpecInvalid, ..) => vec!["etlctl get sources -o yaml".to_owned()],
        _ => Vec::new(),
    }
}

/// The last lines of the logs of the first problems, in their order. Blocks.
pub(super) fn tails(logs: &LogStore, problems: &[Problem]) -> Vec<Vec<String>> {
    problems.iter().take(TAILS_MAX).map(|problem| tail(logs, problem).unwrap_or_default()).collect()
}

fn tail(logs: &LogStore, problem: &Problem) -> Option<Vec<String>> {
    let (task, number) = problem.task.clone().filter(|_| problem.ended.is_none())?;
    let attempt = AttemptKey { run: problem.run.clone()?, task, number };
    let chunk = logs.read(&attempt, ReadFrom::Tail(TAIL_LINES), TAIL_LINES).ok()?;
    let line = |bytes: &[u8]| cleaned(&String::from_utf8_lossy(bytes)).chars().take(LINE_CHARS_MAX).collect();
    Some(chunk.lines.iter().map(|kept| line(&kept.bytes)).collect())
}

/// Without what could steer a terminal or begin a new line.
pub(super) fn cleaned(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Without what Slack would take for a mention or a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
