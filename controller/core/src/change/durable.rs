//! Which changes must be on disk before anything is done.

use super::Change;

impl Change {
    /// Whether it must be flushed before the pass goes on. The others are rebuilt from git and the Swarm after a restart,
    /// or go along with the next durable change of the same record.
    pub fn is_durable(&self) -> bool {
        match self {
            Self::Telling(telling) => telling.is_durable(),
            Self::SourceRead(_)
            | Self::ScheduleDecided { .. }
            | Self::TickMissed { .. }
            | Self::WindowAsked { .. }
            | Self::TickPlanned { .. }
            | Self::AgendaBuilt { .. }
            | Self::AgendaReached { .. }
            | Self::Swept { .. }
            | Self::Watched { .. }
            | Self::TaskEligible { .. }
            | Self::TaskStuck { .. }
            | Self::AttemptDelayed { .. }
            | Self::AttemptSeen { .. } => false,
            Self::FileAccepted { .. }
            | Self::FileDropped { .. }
            | Self::ScheduleAnchored { .. }
            | Self::ScheduleForgotten { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. }
            | Self::ResumeAsked { .. }
            | Self::InputSucceeded { .. }
            | Self::InputsTaken { .. }
            | Self::DeliveryTaken { .. }
            | Self::EtlReset { .. }
            | Self::BackfillCreated { .. }
            | Self::BackfillAdvanced { .. }
            | Self::BackfillCancelled { .. }
            | Self::BackfillEnded { .. }
            | Self::BackfillForgotten { .. }
            | Self::RunAdmitted { .. }
            | Self::RunStarted { .. }
            | Self::RunStopping { .. }
            | Self::RunEnded { .. }
            | Self::RunReopened { .. }
            | Self::RunForgotten { .. }
            | Self::SpecForgotten { .. }
            | Self::ImagePinned { .. }
            | Self::TaskRetrying { .. }
            | Self::TaskEnded { .. }
            | Self::AttemptIntended { .. }
            | Self::AttemptCreated { .. }
            | Self::AttemptLost { .. }
            | Self::AttemptStopping { .. }
            | Self::AttemptEnded { .. }
            | Self::LogKept { .. }
            | Self::AttemptReleased { .. } => true,
        }
    }
}
