//! `stallTimeout`: what runs and prints nothing. Judged only while somebody listens, so that what we cannot hear never counts as
//! silence: a broken stream, a Swarm that does not answer, or a node that is not ready.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::stuck::half;
use crate::name::AttemptKey;
use crate::observed::NodeStatus;
use crate::run::{Attempt, Phase};
use crate::spec::Task;

/// Whether the attempt was silent for all of its `stallTimeout`.
pub(super) fn is_over(draft: &mut Draft, key: &AttemptKey, attempt: &Attempt, spec: &Task) -> bool {
    let limit = spec.stall_timeout.zip(since(draft, key, attempt));
    limit.is_some_and(|(limit, since)| draft.is_due(since, limit))
}

/// Since when it has been silent, once that is half of its `stallTimeout` and thus worth a word; with the whole of it.
pub(super) fn worth_a_word(
    draft: &mut Draft,
    key: &AttemptKey,
    attempt: &Attempt,
    spec: &Task,
) -> Option<(Timestamp, SignedDuration)> {
    let (limit, since) = spec.stall_timeout.zip(since(draft, key, attempt))?;
    draft.is_due(since, half(limit)).then_some((since, limit))
}

fn since(draft: &Draft, key: &AttemptKey, attempt: &Attempt) -> Option<Timestamp> {
    let heard = draft.observed.following.get(key).copied().flatten()?;
    let node = attempt.node.as_ref().and_then(|node| draft.node(&node.id));
    let is_heard = draft.swarm_is_up() && node.is_none_or(|node| node.status == NodeStatus::Ready);
    // What is being stopped has said enough.
    let is_running = attempt.phase == Phase::Running && attempt.stopping.is_none();
    (is_heard && is_running).then_some(heard)
}
