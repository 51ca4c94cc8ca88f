//! The bounds of a run, and the rules that can be broken on purpose.

/// How far a run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether the job has a broker that carries the commit decision.
    pub(crate) has_agent: bool,
    /// Rows of the input; each is a checkpoint.
    pub(crate) rows: u8,
    /// How often the job is started, the first time included.
    pub(crate) starts: u8,
    /// Lost answers and late requests.
    pub(crate) faults: u8,
    /// Manifests that rot.
    pub(crate) damages: u8,
    /// What the user asks for when the job is started again.
    pub(crate) wish: Wish,
    /// The rule that is broken.
    pub(crate) sabotage: Option<Sabotage>,
}

/// What the user asks for when the job is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To go on.
    Continue,
    /// To start empty.
    Fresh,
    /// To go back to the oldest committed checkpoint there is; empty if there is none.
    Oldest,
}

/// One rule that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A starting job does not call `init_transactions`.
    SkipFencing,
    /// The marker is read before `init_transactions`.
    MarkerBeforeFencing,
    /// The generation is not read again between the listing and the decision.
    DecideUnfenced,
    /// The parent of N is taken to be N - 1.
    ParentIsPrevious,
    /// Any marker below N discards N, and the checkpoint before N is restored.
    RestorePrevious,
    /// Sinks finish as soon as the manifest exists.
    FinishBeforeCommit,
    /// The last agent is asked before the manifest exists.
    CommitBeforeManifest,
    /// A restored checkpoint is taken to be finished.
    SkipRedo,
    /// The marker does not say which lineage wrote it.
    MarkerWithoutLineage,
    /// A transaction without answer counts as committed.
    UnknownCommitIsYes,
    /// A transaction without answer counts as aborted: same producer, last checkpoint, again.
    UnknownCommitIsNo,
    /// A create without answer counts as done.
    UnknownCreateIsYes,
    /// An object that exists counts as ours, whatever its token.
    AnyTokenIsOurs,
    /// Undecided checkpoints are discarded without the object that says so.
    SkipSettling,
    /// The fence is not read.
    SkipFence,
    /// The fence is read around the manifest only, not after the verdict.
    SkipLastFence,
    /// Garbage collection takes prepared checkpoints for committed ones.
    CollectPrepared,
    /// Garbage collection takes every other lineage for one that was replaced.
    CollectAnyOther,
    /// The number and the objects of a discarded checkpoint are used again.
    ReuseNumbers,
    /// A process that recovers jumps over its successor's generation.
    RenewJumps,
}

impl Rules {
    /// Is this rule broken?
    pub(crate) fn broken(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }
}
