//! What tasks tell the job: that they have ended, and what they keep at a checkpoint.

use std::ops::Range;

use millstream_core::connector::Prepared;
use millstream_core::id::{CheckpointId, NodeId};
use millstream_core::{Error, Result};
use millstream_state::manifest::SplitState;
use millstream_state::run::Snapshot;
use tokio::sync::mpsc;

/// What a task tells.
pub(crate) enum Report {
    /// Its input is complete, or it needs no more; barriers still pass it.
    Ended,
    /// Its operators hold too much that has changed since the last checkpoint.
    Pressed,
    /// It has passed a barrier, and this is what it keeps.
    Passed(Box<Passed>),
}

/// What one task keeps at a checkpoint.
pub(crate) struct Passed {
    /// Which checkpoint.
    pub(crate) checkpoint: CheckpointId,
    /// The state of each operator.
    pub(crate) stages: Vec<StageSnapshot>,
    /// Where its splits stand, if it reads a source.
    pub(crate) source: Option<SourceSnapshot>,
    /// The receipt of its writer, if it writes.
    pub(crate) sink: Option<(NodeId, Prepared)>,
}

/// The state of one subtask of an operator.
pub(crate) struct StageSnapshot {
    /// Which one.
    pub(crate) place: Place,
    /// What has changed; `None` if nothing is kept.
    pub(crate) state: Option<Snapshot>,
    /// It has put out everything and remembers nothing.
    pub(crate) finished: bool,
}

/// Where the splits of one subtask stand.
pub(crate) struct SourceSnapshot {
    /// The source's node.
    pub(crate) node: NodeId,
    /// Its splits, finished ones included.
    pub(crate) splits: Vec<SplitState>,
}

/// One subtask of a node, and the part of the key space that is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The node.
    pub(crate) node: NodeId,
    /// Which subtask.
    pub(crate) subtask: u32,
    /// Its key groups.
    pub(crate) key_groups: Range<u32>,
}

/// A task's way to tell.
#[derive(Clone)]
pub(crate) struct Reports(mpsc::UnboundedSender<Report>);

impl Reports {
    /// A way to tell, and where it arrives.
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by the tasks: each tells at most three things between two checkpoints"
    )]
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Reports(sender), receiver)
    }

    /// Tells.
    pub(crate) fn tell(&self, report: Report) -> Result<()> {
        let told = self.0.send(report);
        told.map_err(|_| Error::internal("nobody watches over this job any more"))
    }
}
