//! The Swarm, its nodes and the git source, as they were last seen.

use etl_core::observed::{NodeStatus, SwarmHealth};
use etl_core::recorded::SourceStatus;

use super::SOURCE;
use super::page::{Family, Page};
use super::scrape::unix;
use crate::state::Seen;

pub(super) fn write(page: &mut Page, seen: &Seen) {
    let is_up = f64::from(u8::from(seen.swarm == SwarmHealth::Up));
    page.push(Family::gauge("etl_swarm_up", &[], "Whether the Swarm answers").with(&[], is_up));
    // Whether the managers agree is known only from an answer: of a Swarm that does not answer there is no such series.
    let quorum = match seen.swarm {
        SwarmHealth::Up => Some(1.0),
        SwarmHealth::NoQuorum { .. } => Some(0.0),
        SwarmHealth::Unknown | SwarmHealth::Down { .. } => None,
    };
    if let Some(quorum) = quorum {
        page.push(
            Family::gauge("etl_swarm_quorum", &[], "Whether the managers have a leader").with(&[], quorum),
        );
    }
    let mut nodes = Family::gauge("etl_node_up", &["node"], "Whether the Swarm hears of a node");
    let mut names: Vec<_> = seen.nodes.iter().map(|node| (node.name.as_str(), node.status)).collect();
    names.sort_by_key(|(name, _)| *name);
    // A machine that joined anew is there twice under one name, and up if either of the two is.
    for same in names.chunk_by(|(a, _), (b, _)| a == b) {
        let is_up = same.iter().any(|(_, status)| *status == NodeStatus::Ready);
        nodes.add(&[same[0].0], f64::from(u8::from(is_up)));
    }
    page.push(nodes);
    if let Some(passed) = seen.passed_at {
        let help = "When the loop last came round";
        page.push(
            Family::gauge("etl_scheduler_last_loop_timestamp_seconds", &[], help).with(&[], unix(passed)),
        );
    }
}

pub(super) fn write_source(page: &mut Page, source: &SourceStatus) {
    let invalid = source.faults.len();
    let mut files = Family::gauge("etl_spec_files", &["source", "state"], "Spec files in the newest commit");
    files.add(&[SOURCE, "valid"], source.files.saturating_sub(invalid) as f64);
    files.add(&[SOURCE, "invalid"], invalid as f64);
    page.push(files);
    if let Some(synced) = source.synced_at {
        let help = "When git was last read with success";
        let family = Family::gauge("etl_git_sync_last_success_timestamp_seconds", &["source"], help);
        page.push(family.with(&[SOURCE], unix(synced)));
    }
}
