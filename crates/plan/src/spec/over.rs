//! What OVER does: a value per row, computed from rows before it.

use arrow::datatypes::FieldRef;

use super::{AggregateCall, SortKey, TimeAttribute};
use crate::changelog::ChangelogMode;

/// Adds to each row what functions find in the rows of its partition up to it.
///
/// Output columns: those of the input, then one per call.
///
/// * Ordered by a time attribute: insert-only. By event time rows are put out in the order of their
///   time once the watermark has reached them; rows behind it are late.
/// * Ordered by columns: rows may come and go, and the values of the rows behind them are updated.
#[derive(Clone, Debug, PartialEq)]
pub struct OverSpec {
    /// Positions of the columns rows are partitioned by; none: there is one partition.
    pub partition_by: Vec<usize>,
    /// What the rows of a partition are ordered by.
    pub order: OverOrder,
    /// Which rows a function sees.
    pub frame: OverFrame,
    /// The functions.
    pub calls: Vec<OverCall>,
    /// True if the consumer wants `-U` before each `+U`.
    pub emit_update_before: bool,
    /// Batch mode: rows are put out once, at the end.
    pub at_end_only: bool,
    /// True if the input has other kinds than insertions.
    pub input_updates: bool,
}

impl OverSpec {
    /// The changes it puts out, as long as everybody wants `-U`.
    pub fn changelog(&self) -> ChangelogMode {
        match self.order {
            OverOrder::Columns(_) if !self.at_end_only => ChangelogMode {
                update_after: true,
                update_before: true,
                delete: self.input_updates,
            },
            _ => ChangelogMode::INSERT_ONLY,
        }
    }
}

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverOrder {
    /// A time attribute, ascending; rows of one time stand as they came.
    Time(TimeAttribute),
    /// Columns; rows that are equal in them stand as they came.
    Columns(Vec<SortKey>),
}

/// Which rows a function sees: those from its first row to the row itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverFrame {
    /// The first row.
    pub start: FrameStart,
    /// ROWS: the row itself is the last one. Otherwise (RANGE) all rows that are equal to it in the
    /// order are seen too.
    pub by_rows: bool,
}

/// The first row a function sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameStart {
    /// The first one of the partition.
    Unbounded,
    /// So many rows before.
    Rows(u64),
    /// The first one that is at most so many ms older.
    Millis(i64),
}

/// One function of OVER.
#[derive(Clone, Debug, PartialEq)]
pub struct OverCall {
    /// What it computes.
    pub function: OverFunction,
    /// Name and type of the result.
    pub field: FieldRef,
}

/// The functions of OVER.
#[derive(Clone, Debug, PartialEq)]
pub enum OverFunction {
    /// An aggregate over the frame.
    Aggregate(AggregateCall),
    /// The number of the row, from 1. Its frame is unbounded.
    RowNumber,
    /// 1 + the number of rows before the first one that is equal in the order. Its frame is unbounded.
    Rank,
    /// The number of different values in the order so far. Its frame is unbounded.
    DenseRank,
    /// The value some rows before. Its frame begins with that row.
    Lag {
        /// Position of the value.
        column: usize,
        /// Position of the value if there is no such row; `None`: NULL.
        default: Option<usize>,
    },
}

impl OverFunction {
    /// The SQL name.
    pub fn name(&self) -> &'static str {
        match self {
            OverFunction::Aggregate(call) => call.function.name(),
            OverFunction::RowNumber => "ROW_NUMBER",
            OverFunction::Rank => "RANK",
            OverFunction::DenseRank => "DENSE_RANK",
            OverFunction::Lag { .. } => "LAG",
        }
    }
}
