//! What travels on one edge of a running job.

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
    /// A bounded input has ended; nothing follows.
    End,
    /// The job is being stopped: nothing follows, but the input is not at its end, so nothing is
    /// final that the watermark has not made final.
    Stop,
}
