//! The floor: what a plain client of Docker's API takes for the same work. It creates, polls every 50 ms and removes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use etl_tests::http::ask;
use serde_json::{Value, json};

/// The period of the plain client.
const PERIOD: Duration = Duration::from_millis(50);

/// A plain client of one manager.
pub struct Floor {
    socket: PathBuf,
}

impl Floor {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// One after the other.
    pub fn chain(&self, count: usize) -> anyhow::Result<Duration> {
        let started = Instant::now();
        for index in 0..count {
            self.at_once(&format!("floor-chain-{index}"), 1, 1)?;
        }
        Ok(started.elapsed())
    }

    /// `count` no-ops, `slots` of them at once.
    pub fn at_once(&self, name: &str, count: usize, slots: usize) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut waiting: Vec<String> = (0..count).rev().map(|index| format!("{name}-{index}")).collect();
        let mut running: Vec<String> = Vec::new();
        while !waiting.is_empty() || !running.is_empty() {
            while running.len() < slots {
                let Some(next) = waiting.pop() else { break };
                self.create(&next)?;
                running.push(next);
            }
            std::thread::sleep(PERIOD);
            let done = self.done()?;
            for name in running.extract_if(.., |name| done.contains(name)) {
                ask(&self.socket, "DELETE", &format!("/v1.41/services/{name}"), None)?;
            }
        }
        Ok(started.elapsed())
    }

    fn create(&self, name: &str) -> anyhow::Result<()> {
        let container = json!({
            "Image": etl_lab::BUSYBOX_IMAGE,
            "Command": ["true"],
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {"floor.name": name},
        });
        let service = json!({
            "Name": name,
            "Labels": {"floor": "1"},
            "TaskTemplate": {
                "ContainerSpec": container,
                "RestartPolicy": {"Condition": "none", "MaxAttempts": 0},
                "LogDriver": {"Name": "json-file"},
            },
            "Mode": {"Replicated": {"Replicas": 1}},
        });
        ask(&self.socket, "POST", "/v1.41/services/create", Some(&service))?;
        Ok(())
    }

    /// Names of the floor's services whose Swarm task is over.
    fn done(&self) -> anyhow::Result<Vec<String>> {
        let filter = "%7B%22label%22%3A%5B%22floor%3D1%22%5D%7D";
        let tasks = ask(&self.socket, "GET", &format!("/v1.41/tasks?filters={filter}"), None)?;
        let over = |task: &&Value| {
            matches!(task["Status"]["State"].as_str(), Some("complete" | "failed" | "rejected"))
        };
        let name =
            |task: &Value| task["Spec"]["ContainerSpec"]["Labels"]["floor.name"].as_str().map(str::to_owned);
        Ok(tasks
            .as_array()
            .map(|tasks| tasks.iter().filter(over).filter_map(name).collect())
            .unwrap_or_default())
    }
}
