//! What is wrong with what everything runs on: nodes, the Swarm, git, spec files.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Sign, end, going_on, raise};
use crate::observed::{NodeStatus, SwarmHealth};
use crate::plan::draft::Draft;
use crate::plan::stuck::SWARM_SILENT_MAX;
use crate::problem::Subject;
use crate::spec::Event;

/// Git that was not read for so long is worth a word: a server restarts within less.
const GIT_SILENT_MAX: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn watch(draft: &mut Draft) {
    swarm(draft);
    if draft.swarm_is_up() {
        nodes(draft);
    }
    git(draft);
    files(draft);
}

fn swarm(draft: &mut Draft) {
    let (since, message) = match &draft.observed.swarm {
        SwarmHealth::Unknown => return,
        SwarmHealth::Up => return end(draft, Event::SwarmUnavailable, &Subject::Swarm),
        SwarmHealth::NoQuorum { since } => (*since, "its managers have no leader".to_owned()),
        SwarmHealth::Down { since, message } => (*since, message.clone()),
    };
    let subject = Subject::Swarm;
    // The error's text changes from call to call; what was first said stands.
    let is_known = going_on(draft, Event::SwarmUnavailable).iter().any(|known| known.key.subject == subject);
    if !is_known && draft.is_due(since, SWARM_SILENT_MAX) {
        raise(draft, Event::SwarmUnavailable, subject, Sign::new(Event::SwarmUnavailable, since, message));
    }
}

fn nodes(draft: &mut Draft) {
    let observed = draft.observed;
    let down = observed.nodes.iter().filter(|node| node.status == NodeStatus::Down);
    for node in down {
        let said = if node.message.is_empty() { "the Swarm does not hear of it" } else { &node.message };
        let mut sign = Sign::new(Event::NodeDown, draft.now, format!("node {} is down: {said}", node.name));
        sign.node = Some(node.name.clone());
        raise(draft, Event::NodeDown, Subject::Node(node.id.clone()), sign);
    }
    for problem in going_on(draft, Event::NodeDown) {
        let Subject::Node(id) = &problem.key.subject else { continue };
        let is_down = draft.node(id).is_some_and(|node| node.status == NodeStatus::Down);
        if !is_down && !observed.nodes.is_empty() {
            end(draft, Event::NodeDown, &problem.key.subject);
        }
    }
}

fn git(draft: &mut Draft) {
    let source = draft.source();
    let Some(error) = source.error else {
        return if source.synced_at.is_some() {
            end(draft, Event::GitSyncFailed, &Subject::Source)
        };
    };
    let started = draft.desired.policy.started_at.unwrap_or(Timestamp::MIN);
    let since = source.synced_at.map_or(started, |at| at.max(started));
    if draft.is_due(since, GIT_SILENT_MAX) && going_on(draft, Event::GitSyncFailed).is_empty() {
        let mut sign = Sign::new(Event::GitSyncFailed, since, error.message);
        sign.reason = error.reason;
        raise(draft, Event::GitSyncFailed, Subject::Source, sign);
    }
}

fn files(draft: &mut Draft) {
    let source = draft.source();
    if source.synced_at.is_none() {
        return;
    }
    for (path, faults) in &source.faults {
        let sign = Sign::new(Event::SpecInvalid, draft.now, faults.first_line());
        raise(draft, Event::SpecInvalid, Subject::File(path.clone()), sign);
    }
    let faulty: BTreeSet<&String> = source.faults.keys().collect();
    for problem in going_on(draft, Event::SpecInvalid) {
        let Subject::File(path) = &problem.key.subject else { continue };
        if !faulty.contains(path) {
            end(draft, Event::SpecInvalid, &problem.key.subject);
        }
    }
}
