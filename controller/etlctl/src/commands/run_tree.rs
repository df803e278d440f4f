//! Draws a run's tasks as a tree: a task hangs under the one of its dependencies that comes latest.
//!
//! ```text
//!  ✔ extract  Succeeded  3m12s  node4
//!  ├─✔ check  Succeeded  41s  node2
//!  │ └─● load  Running  2m05s  node4  attempt 1
//!  └─○ cleanup  Waiting  load
//! ```

use std::collections::BTreeMap;

use etl_core::view::TaskView;
use jiff::Timestamp;

use crate::columns::shortened;
use crate::safe;
use crate::screen::{paint, style_of};
use crate::span;
use crate::state::{is_over, mark};

/// Deeper levels are drawn at this one: a chain of hundreds must not leave the screen to the right.
const DEPTH_MAX: usize = 12;

/// The picture, a line a task.
pub fn draw(tasks: &[TaskView], now: Timestamp, color: bool) -> String {
    let tree = Tree::of(tasks);
    let mut lines = Vec::with_capacity(tasks.len());
    for root in &tree.roots {
        tree.draw(*root, "", "", 0, &mut lines);
    }
    let line = |(lead, at): &(String, usize)| format!(" {lead}{}\n", line(&tasks[*at], now, color));
    lines.iter().map(line).collect()
}

struct Tree {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
}

impl Tree {
    fn of(tasks: &[TaskView]) -> Self {
        let depths = depths(tasks);
        let place: BTreeMap<&str, usize> =
            tasks.iter().enumerate().map(|(at, task)| (task.metadata.name.as_str(), at)).collect();
        let mut tree = Self { roots: Vec::new(), children: vec![Vec::new(); tasks.len()] };
        for (at, task) in tasks.iter().enumerate() {
            let before = task.spec.depends_on.keys().filter_map(|name| place.get(name.as_str()).copied());
            // Strictly shallower only: a circle in what a server says must not become one here.
            let parent =
                before.filter(|before| depths[*before] < depths[at]).max_by_key(|before| depths[*before]);
            parent.map_or(&mut tree.roots, |parent| &mut tree.children[parent]).push(at);
        }
        tree
    }

    fn draw(&self, at: usize, lead: &str, below: &str, depth: usize, lines: &mut Vec<(String, usize)>) {
        lines.push((lead.to_owned(), at));
        let children = &self.children[at];
        for (number, child) in children.iter().enumerate() {
            let is_last = number + 1 == children.len();
            let (turn, next) = if is_last { ("└─", "  ") } else { ("├─", "│ ") };
            let flat = depth >= DEPTH_MAX;
            let next = if flat { below.to_owned() } else { format!("{below}{next}") };
            self.draw(*child, &format!("{below}{turn}"), &next, depth + 1, lines);
        }
    }
}

/// How many tasks lie before each at most. As many rounds as tasks settle it, circles or not.
fn depths(tasks: &[TaskView]) -> Vec<usize> {
    let mut depths: BTreeMap<&str, usize> =
        tasks.iter().map(|task| (task.metadata.name.as_str(), 0)).collect();
    for _ in 0..tasks.len() {
        let mut changed = false;
        for task in tasks {
            let before = task.spec.depends_on.keys().filter_map(|name| depths.get(name.as_str()));
            let depth = before.max().map_or(0, |deepest| deepest + 1).min(tasks.len());
            changed |= depths.insert(&task.metadata.name, depth) != Some(depth);
        }
        if !changed {
            break;
        }
    }
    tasks.iter().map(|task| depths[task.metadata.name.as_str()]).collect()
}

fn line(task: &TaskView, now: Timestamp, color: bool) -> String {
    let status = &task.status;
    let style = style_of(&status.state);
    let mark = paint(&mark(&status.state).to_string(), style, color);
    let mut words = vec![safe::line(&task.metadata.name), paint(&safe::line(&status.state), style, color)];
    if let Some(start) = status.started_at {
        words.push(span::between(start, status.finished_at.unwrap_or(now)));
    }
    if let Some(last) = status.attempts.last() {
        words.extend(last.node.as_deref().map(safe::line));
        words.extend(attempt(last.number, task.spec.retries, &status.state));
    }
    words.extend(remark(task).map(|text| safe::line(&shortened(&text))));
    format!("{mark} {}", words.join("  "))
}

fn attempt(number: u32, retries: u32, state: &str) -> Option<String> {
    (number > 1 || !is_over(state) && retries > 0)
        .then(|| format!("attempt {number}/{}", number.max(retries + 1)))
}

fn remark(task: &TaskView) -> Option<String> {
    let status = &task.status;
    if status.state == "Succeeded" {
        return None;
    }
    let waits = status.waits_for.as_ref().map(|waits| format!("waits for {waits}"));
    waits.or_else(|| match (&status.reason, &status.message) {
        (Some(reason), Some(message)) => Some(format!("{reason}: {message}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// A task with one attempt on `node4`, unless it waits.
    pub fn task(name: &str, state: &str, after: &[&str]) -> TaskView {
        let depends_on: BTreeMap<&str, &str> = after.iter().map(|name| (*name, "succeeded")).collect();
        let attempt = json!({
            "number": 1, "fence": 1, "state": state, "node": "node4", "service": "s", "message": "",
            "intendedAt": "2025-11-20T09:30:00Z"
        });
        let attempts = if state == "Waiting" { vec![] } else { vec![attempt] };
        let started = (state != "Waiting").then_some("2025-11-20T09:30:00Z");
        let waits = (state == "Waiting").then(|| json!({"kind": "dependencies", "tasks": after}));
        serde_json::from_value(json!({
            "apiVersion": "etl.swarm/v1alpha1", "kind": "Task",
            "metadata": {"name": name, "project": "north"},
            "spec": {"run": "r", "etl": "e", "image": "i", "dependsOn": depends_on, "retries": 0},
            "status": {"state": state, "startedAt": started, "waitsFor": waits, "attempts": attempts},
        }))
        .unwrap()
    }

    #[test]
    fn a_task_hangs_under_its_latest_dependency() {
        let tasks = [
            task("extract", "Succeeded", &[]),
            task("check", "Running", &["extract"]),
            task("load", "Waiting", &["extract", "check"]),
            task("cleanup", "Waiting", &["extract"]),
            task("other", "Failed", &[]),
        ];
        let now = "2025-11-20T09:32:05Z".parse().unwrap();
        assert_eq!(
            draw(&tasks, now, false),
            " ✔ extract  Succeeded  2m05s  node4\n \
             ├─● check  Running  2m05s  node4\n \
             │ └─○ load  Waiting  waits for extract, check\n \
             └─○ cleanup  Waiting  waits for extract\n \
             ✘ other  Failed  2m05s  node4\n"
        );
    }

    #[test]
    fn a_circle_or_a_long_chain_is_drawn_all_the_same() {
        let circle = [task("a", "Waiting", &["b"]), task("b", "Waiting", &["a"])];
        let now = "2025-11-20T09:32:05Z".parse().unwrap();
        assert_eq!(draw(&circle, now, false).lines().count(), 2);
        let names: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
        let chain: Vec<TaskView> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                task(
                    name,
                    "Waiting",
                    &at.checked_sub(1).map(|b| names[b].as_str()).into_iter().collect::<Vec<_>>(),
                )
            })
            .collect();
        let drawn = draw(&chain, now, false);
        assert_eq!(drawn.lines().count(), 100);
        assert!(drawn.lines().all(|line| line.chars().count() < 80), "{drawn}");
    }
}
