//! What nodes that order rows do: Top-N, deduplication, temporal sort.

use super::{SortKey, TimeAttribute};
use crate::changelog::ChangelogMode;

/// Puts out the rows of each partition whose number in an order lies in a range.
///
/// Output columns: those of the input, then the number (BIGINT) if it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct RankSpec {
    /// Positions of the columns rows are partitioned by; none: there is one partition.
    pub partition_by: Vec<usize>,
    /// What the rows of a partition are ordered by; none: by their arrival.
    pub order_by: Vec<SortKey>,
    /// Of rows that are equal in the order the newest comes first, not the oldest.
    pub newest_first: bool,
    /// The first number that is put out, from 1.
    pub first: u64,
    /// The last number that is put out.
    pub last: u64,
    /// The number is a column of the output.
    pub with_number: bool,
    /// True if the consumer wants `-U` before each `+U`.
    pub emit_update_before: bool,
    /// Batch mode: rows are put out once, at the end.
    pub at_end_only: bool,
    /// True if the input has other kinds than insertions.
    pub input_updates: bool,
    /// Set if each partition is of a window: its rows are put out once, when the watermark says that it
    /// is over. The input has insertions only.
    pub window: Option<WindowEnd>,
}

/// Where the end of a row's window is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowEnd {
    /// Position of window_end (TIMESTAMP(3)), one of the columns rows are partitioned by.
    pub column: usize,
    /// Zone in which windows over TIMESTAMP_LTZ are aligned (an IANA name); `None`: UTC.
    pub zone: Option<String>,
}

impl RankSpec {
    /// True if the place of a row is part of what is put out, so that another row in its place is
    /// an update. Otherwise rows come and go.
    pub fn is_by_place(&self) -> bool {
        self.with_number || (self.first == 1 && self.last == 1)
    }

    /// The changes it puts out, as long as everybody wants `-U`.
    pub fn changelog(&self) -> ChangelogMode {
        if self.at_end_only || self.window.is_some() {
            return ChangelogMode::INSERT_ONLY;
        }
        let by_place = self.is_by_place();
        ChangelogMode {
            update_after: by_place,
            update_before: by_place,
            delete: !by_place || self.input_updates,
        }
    }
}

/// Puts out the first row of each key of an insert-only input, once.
///
/// Output columns: those of the input. Insert-only. By processing time it is the row that comes
/// first; by event time the one with the least time (of several the one that came first), put out
/// when the watermark reaches it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeduplicateSpec {
    /// Positions of the key columns.
    pub keys: Vec<usize>,
    /// Which time decides.
    pub time: TimeAttribute,
}

/// Puts the rows of an insert-only input in the order of their event time, as the watermark comes to
/// them. Late rows leave through the late output.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSortSpec {
    /// What to sort by: first the event time, ascending.
    pub keys: Vec<SortKey>,
}
