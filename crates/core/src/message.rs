//! What travels on one edge of a running job.

use crate::id::CheckpointId;
use crate::rows::ChangeBatch;
use crate::time::EventTime;

/// What travels on one edge of a running job. The order on an edge never changes.
#[derive(Clone, Debug)]
pub enum Message {
    /// Changed rows; never empty.
    Rows(ChangeBatch),
    /// No row at or before this event time is expected on this edge; never goes back.
    Watermark(EventTime),
    /// Nothing comes from here for now: do not wait for its watermark. Ends with the next `Rows`
    /// or `Watermark`.
    Idle,
    /// The cut of a checkpoint: rows before it are in, rows after it are not. It passes every edge,
    /// also behind an `End`.
    Barrier(Barrier),
    /// A bounded input has ended: no more rows, watermarks or idleness; barriers may follow.
    End,
}

/// The cut of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Its number.
    pub checkpoint: CheckpointId,
    /// What is to be kept of the state.
    pub keep: Keep,
    /// Nothing follows: the job has ended or is being stopped, and its tasks end here.
    pub last: bool,
}

/// What a checkpoint keeps of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: results are only made visible.
    Nothing,
    /// What has changed since the checkpoint before.
    Changes,
    /// Everything.
    All,
}
