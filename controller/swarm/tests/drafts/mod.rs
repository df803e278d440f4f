//! Attempts and their services, as small as they can be.

use etl_core::name::{AttemptKey, EtlKey, RunKey};
use etl_core::service::{ServiceDraft, labels};
use etl_core::spec::{FileRef, Placement, Resources};
use jiff::SignedDuration;

/// The image that every node of the lab has.
pub const IMAGE: &str = "etl-lab/busybox:1";

/// The first attempt of a task in the one run that there is.
pub fn attempt(task: &str) -> AttemptKey {
    let etl = EtlKey::new("north".parse().unwrap(), "rna".parse().unwrap());
    AttemptKey { run: RunKey::of_request(&etl, "one"), task: task.parse().unwrap(), number: 1 }
}

/// Its service, running `script`.
pub fn draft(task: &str, script: &str) -> ServiceDraft {
    let attempt = attempt(task);
    ServiceDraft {
        name: attempt.service_name(),
        labels: labels("etl", &attempt, 1, 7),
        image: IMAGE.to_owned(),
        pinned: None,
        entrypoint: Some(["/bin/sh", "-ec", script].map(str::to_owned).to_vec()),
        args: None,
        env: Vec::new(),
        working_dir: None,
        user: None,
        networks: Vec::new(),
        secrets: Vec::new(),
        configs: Vec::new(),
        mounts: Vec::new(),
        resources: Resources::default(),
        placement: Placement::default(),
        cap_add: Vec::new(),
        stop_grace_period: SignedDuration::from_secs(2),
    }
}

/// A secret or config under its own name, readable by its owner only.
pub fn file(source: &str) -> FileRef {
    let zero = || "0".to_owned();
    FileRef { source: source.to_owned(), target: source.to_owned(), uid: zero(), gid: zero(), mode: 0o400 }
}
