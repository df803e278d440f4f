//! The kinds of faults that a simulation injects, each counted: a kind that never occurred was never tested.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    CrashBeforeCommit,
    CrashAfterCommit,
    CrashAtObserve,
    CrashAtStart,
    CrashAtFollow,
    CrashAtDrain,
    CrashAtStop,
    CrashAtRemove,
    CrashAtInspect,
    CrashIdle,
    LostAnswer,
    LateCreate,
    CreateFailed,
    Adopted409,
    ForeignName,
    Refused,
    ListFailed,
    Outage,
    NoQuorum,
    StaleList,
    LaggingList,
    LeaderChange,
    Freeze,
    FreezeBriefly,
    Thaw,
    Death,
    Return,
    Partition,
    Heal,
    Orphaned,
    Drain,
    Activate,
    NoRoom,
    OperatorRemoved,
    HungLog,
    BrokenFollow,
    ClockForward,
    ClockBack,
    DstGap,
    DstOverlap,
    TickInGap,
    TickInOverlap,
    StoreEmptied,
    TwinOfNothing,
    TwinOfCopy,
    TwinEnded,
    ReceiverDead,
    SpecEdited,
    VersionRaised,
    SpecBroken,
    FileRemoved,
    DirectoryEmptied,
    PruneAcknowledged,
    ForcePush,
    GitFailed,
    RunAsked,
    RunAskedTwice,
    WindowAsked,
    CancelAsked,
    RetryAsked,
    SuspendAsked,
    ResumeAsked,
    RerunAsked,
    BackfillAsked,
    BackfillCancelled,
    ResetAsked,
    WebhookCalled,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 67] = [
        Self::CrashBeforeCommit,
        Self::CrashAfterCommit,
        Self::CrashAtObserve,
        Self::CrashAtStart,
        Self::CrashAtFollow,
        Self::CrashAtDrain,
        Self::CrashAtStop,
        Self::CrashAtRemove,
        Self::CrashAtInspect,
        Self::CrashIdle,
        Self::LostAnswer,
        Self::LateCreate,
        Self::CreateFailed,
        Self::Adopted409,
        Self::ForeignName,
        Self::Refused,
        Self::ListFailed,
        Self::Outage,
        Self::NoQuorum,
        Self::StaleList,
        Self::LaggingList,
        Self::LeaderChange,
        Self::Freeze,
        Self::FreezeBriefly,
        Self::Thaw,
        Self::Death,
        Self::Return,
        Self::Partition,
        Self::Heal,
        Self::Orphaned,
        Self::Drain,
        Self::Activate,
        Self::NoRoom,
        Self::OperatorRemoved,
        Self::HungLog,
        Self::BrokenFollow,
        Self::ClockForward,
        Self::ClockBack,
        Self::DstGap,
        Self::DstOverlap,
        Self::TickInGap,
        Self::TickInOverlap,
        Self::StoreEmptied,
        Self::TwinOfNothing,
        Self::TwinOfCopy,
        Self::TwinEnded,
        Self::ReceiverDead,
        Self::SpecEdited,
        Self::VersionRaised,
        Self::SpecBroken,
        Self::FileRemoved,
        Self::DirectoryEmptied,
        Self::PruneAcknowledged,
        Self::ForcePush,
        Self::GitFailed,
        Self::RunAsked,
        Self::RunAskedTwice,
        Self::WindowAsked,
        Self::CancelAsked,
        Self::RetryAsked,
        Self::SuspendAsked,
        Self::ResumeAsked,
        Self::RerunAsked,
        Self::BackfillAsked,
        Self::BackfillCancelled,
        Self::ResetAsked,
        Self::WebhookCalled,
    ];
}

/// How often each kind occurred.
#[derive(Debug, Clone)]
pub struct FaultCounts([u64; Fault::ALL.len()]);

impl Default for FaultCounts {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl FaultCounts {
    /// One more.
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Those of another simulation too.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// Kinds and counts.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.into_iter().zip(self.0)
    }

    /// Kinds that never occurred.
    pub fn missing(&self) -> Vec<Fault> {
        self.iter().filter(|(_, count)| *count == 0).map(|(fault, _)| fault).collect()
    }
}
