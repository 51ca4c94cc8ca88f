//! What each kind of node does: plain data, one struct per operator.
//!
//! Columns of the input are given by position. Expressions are DataFusion's logical expressions
//! whose columns are unqualified names of the input's schema (unique there); the operator compiles
//! them once. Durations and times are milliseconds.

mod over;
mod pattern;
mod rank;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::FieldRef;
use datafusion_expr::Expr;
use millstream_core::connector::SinkAccepts;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

pub use over::{FrameStart, OverCall, OverFrame, OverFunction, OverOrder, OverSpec};
pub use pattern::{
    AfterMatch, MatchPart, MatchValue, Pattern, PatternCondition, PatternSpec, PatternVariable,
};
pub use rank::{DeduplicateSpec, RankSpec, TimeSortSpec, WindowEnd};

/// Name of the hidden column that holds the processing time (TIMESTAMP_LTZ(3)) in expressions of a
/// [`CalcSpec`] with `uses_now`.
pub const NOW_COLUMN: &str = "$now";

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// Reads a table.
    Source(SourceSpec),
    /// Yields constant rows, then ends. Parallelism 1.
    Values(ValuesSpec),
    /// Filters and computes, row by row.
    Calc(CalcSpec),
    /// Makes watermarks from an event-time column, per split. Forward of its source.
    Watermark(WatermarkSpec),
    /// Adds window columns; a row may appear in several windows.
    WindowAssign(WindowAssignSpec),
    /// Aggregates per key and window.
    WindowAggregate(WindowAggregateSpec),
    /// Aggregates per key, for ever.
    GroupAggregate(GroupAggregateSpec),
    /// Joins two inputs, for ever.
    Join(JoinSpec),
    /// Joins two inputs whose times are close to each other.
    IntervalJoin(IntervalJoinSpec),
    /// Joins rows with the version of a table that was valid at their time.
    TemporalJoin(TemporalJoinSpec),
    /// Joins the rows of equal windows, once the window is over.
    WindowJoin(WindowJoinSpec),
    /// One row per primary key in front of a sink.
    Upsert(UpsertSpec),
    /// The first rows of each partition in some order (Top-N).
    Rank(RankSpec),
    /// The first row of each key, once.
    Deduplicate(DeduplicateSpec),
    /// A value per row from the rows before it (OVER).
    Over(OverSpec),
    /// Looks for patterns of rows (MATCH_RECOGNIZE).
    Pattern(Box<PatternSpec>),
    /// Each row once per element of a collection.
    Unnest(UnnestSpec),
    /// All inputs together (UNION ALL).
    Union,
    /// Sorts all rows at the end of bounded input. Parallelism 1.
    Sort(SortSpec),
    /// Puts rows in the order of their event time. Parallelism 1.
    TimeSort(TimeSortSpec),
    /// Passes some of the rows. Parallelism 1.
    Limit(LimitSpec),
    /// Writes a table, or hands the rows to whoever started the job.
    Sink(Box<SinkSpec>),
}

/// Reads a table.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSpec {
    /// The table, with `connector` among its options.
    pub table: TableSpec,
    /// The connector's name.
    pub connector: String,
    /// Positions of the read columns in physical columns followed by metadata columns.
    pub projection: Vec<usize>,
    /// What becomes of records that cannot be used.
    pub on_error: OnError,
    /// True if the source ends by itself.
    pub bounded: bool,
}

/// `on-error`: what becomes of a record that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// The job fails, naming the record.
    #[default]
    Fail,
    /// It is counted and dropped.
    Skip,
    /// It is counted and written to the dead-letter table.
    DeadLetter,
}

/// Yields constant rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ValuesSpec {
    /// The rows.
    pub rows: RecordBatch,
}

/// Filters and computes, row by row: `SELECT projection WHERE filter`.
#[derive(Clone, Debug, PartialEq)]
pub struct CalcSpec {
    /// Rows for which this is not true are dropped.
    pub filter: Option<Expr>,
    /// One expression per output column.
    pub projection: Vec<Expr>,
    /// True if an expression uses [`NOW_COLUMN`].
    pub uses_now: bool,
}

/// Makes watermarks from an event-time column, per split.
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkSpec {
    /// Position of the event-time column (TIMESTAMP or TIMESTAMP_LTZ of ms).
    pub column: usize,
    /// The watermark of a row; same type as the column, may be NULL (no watermark).
    pub expr: Expr,
    /// A split's watermark is passed on when it crosses a multiple of this many ms (minus 1 ms, so
    /// that window ends on a multiple close at once), between the very rows where that happens:
    /// so what is late does not depend on batch sizes. 1: after every row that advances it.
    pub step_ms: i64,
    /// A split without rows for this long does not hold back the others; `None`: never.
    pub idle_timeout_ms: Option<i64>,
    /// A row this far ahead of processing time is a bad record; `None`: none is.
    pub max_future_ms: Option<i64>,
}

/// A kind of window; sizes and offsets in ms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Fixed, gap-free.
    Tumble {
        /// Length.
        size: i64,
        /// Shift of the bounds.
        offset: i64,
    },
    /// Overlapping: one of length `size` starts every `slide`.
    Hop {
        /// Distance of starts.
        slide: i64,
        /// Length.
        size: i64,
        /// Shift of the bounds.
        offset: i64,
    },
    /// Growing: from the same start, lengths step, 2·step … size.
    Cumulate {
        /// Growth.
        step: i64,
        /// Largest length, a multiple of `step`.
        size: i64,
        /// Shift of the bounds.
        offset: i64,
    },
    /// Closed by a gap without rows, per partition key.
    Session {
        /// Length of the gap.
        gap: i64,
    },
    /// Each row says its own window: a result of an earlier window operator.
    Attached {
        /// Position of window_start (TIMESTAMP(3)); `None` if the query does not group by it.
        start: Option<usize>,
        /// Position of window_end (TIMESTAMP(3)).
        end: usize,
    },
}

impl Window {
    /// Refuses lengths that make no window.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(Code::InvalidPlan, message));
        match *self {
            Window::Tumble { size, .. } if size <= 0 => {
                wrong(format!("TUMBLE wants a positive size, found {size} ms"))
            }
            Window::Hop { slide, size, .. } if slide <= 0 || size <= 0 || size % slide != 0 => {
                wrong(format!(
                    "HOP wants a positive size that is a multiple of the slide, found size \
                     {size} ms and slide {slide} ms"
                ))
            }
            Window::Cumulate { step, size, .. } if step <= 0 || size <= 0 || size % step != 0 => {
                wrong(format!(
                    "CUMULATE wants a positive size that is a multiple of the step, found size \
                     {size} ms and step {step} ms"
                ))
            }
            Window::Session { gap } if gap <= 0 => {
                wrong(format!("SESSION wants a positive gap, found {gap} ms"))
            }
            _ => Ok(()),
        }
    }

    /// The longest piece of time, ms, such that every bound of these windows is a multiple of it.
    /// For sessions, whose bounds are anywhere, a thousandth of the gap, at most 1 s.
    pub fn granularity(&self) -> i64 {
        match *self {
            Window::Tumble { size, offset } => gcd(size, offset),
            Window::Hop {
                slide,
                size,
                offset,
            } => gcd(gcd(slide, size), offset),
            Window::Cumulate { step, size, offset } => gcd(gcd(step, size), offset),
            Window::Session { gap } => (gap / 1000).clamp(1, 1000),
            Window::Attached { .. } => 0,
        }
    }
}

/// Greatest common divisor; `gcd(a, 0)` is `a`.
pub fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.min(i64::MAX as u64) as i64
}

/// Which time decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeAttribute {
    /// The event time in this column; late rows exist.
    Event {
        /// Position of the column.
        column: usize,
    },
    /// The processing time of arrival.
    Processing,
}

/// A column a window operator adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowProperty {
    /// `window_start`: TIMESTAMP(3), inclusive.
    Start,
    /// `window_end`: TIMESTAMP(3), exclusive.
    End,
    /// `window_time` = end − 1 ms; same type as the time attribute, itself an event time.
    Time,
}

/// Adds window columns: output = input columns, then window_start, window_end, window_time.
/// Rows are never late here. Not for sessions, whose bounds are known only later: a session is
/// always aggregated (or refused).
#[derive(Clone, Debug, PartialEq)]
pub struct WindowAssignSpec {
    /// The windows.
    pub window: Window,
    /// The time.
    pub time: TimeAttribute,
    /// Zone in which windows over TIMESTAMP_LTZ are aligned (an IANA name); `None`: UTC.
    pub zone: Option<String>,
}

/// Aggregates per key and window.
///
/// Output columns: keys, then one per aggregate, then one per property. Insert-only.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowAggregateSpec {
    /// The windows.
    pub window: Window,
    /// The time.
    pub time: TimeAttribute,
    /// Zone in which windows over TIMESTAMP_LTZ are aligned (an IANA name); `None`: UTC.
    pub zone: Option<String>,
    /// Positions of the key columns.
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggregates: Vec<AggregateCall>,
    /// The window columns that are put out.
    pub properties: Vec<WindowProperty>,
    /// True if the input has other kinds than insertions.
    pub input_updates: bool,
}

/// Aggregates per key, for ever.
///
/// Output columns: keys, then one per aggregate. Without keys there is exactly one row; in batch mode
/// (`at_end_only`) it is put out even if no row came.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupAggregateSpec {
    /// Positions of the key columns; none for a global aggregate.
    pub keys: Vec<usize>,
    /// The aggregates; none for DISTINCT.
    pub aggregates: Vec<AggregateCall>,
    /// True if the consumer wants `-U` before each `+U`.
    pub emit_update_before: bool,
    /// Batch mode: results are put out once, at the end.
    pub at_end_only: bool,
    /// True if the input has other kinds than insertions.
    pub input_updates: bool,
}

/// Joins two inputs by key and condition; both are kept for ever.
///
/// Output columns: those of [`pair_schema`](crate::pair_schema); for SEMI and ANTI those of the left
/// input.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinSpec {
    /// Which rows are in the result.
    pub kind: JoinKind,
    /// Positions of the left input's key columns; none if every pair is to be judged by the condition.
    pub left_keys: Vec<usize>,
    /// Positions of the right input's key columns, as many and of the same types.
    pub right_keys: Vec<usize>,
    /// NULL keys match each other (INTERSECT, EXCEPT) instead of nothing.
    pub null_equals_null: bool,
    /// What pairs must meet besides, over the columns of `pair_schema`.
    pub condition: Option<Expr>,
}

/// Each row once per element of a collection.
///
/// Output columns: those of the input, then those of the element, then the ordinality (INT). Kinds pass.
#[derive(Clone, Debug, PartialEq)]
pub struct UnnestSpec {
    /// Position of the collection: an ARRAY, MAP or MULTISET.
    pub column: usize,
    /// It is a MULTISET: each element as often as it is there.
    pub is_multiset: bool,
    /// WITH ORDINALITY: the position of the element, from 1.
    pub with_ordinality: bool,
    /// A row without elements comes once, with NULLs.
    pub is_outer: bool,
}

/// Joins two insert-only inputs by key, condition and time: INNER, LEFT, RIGHT or FULL.
///
/// Rows are kept until no partner can come any more. Output columns: those of `pair_schema`, insert-only.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalJoinSpec {
    /// Kind, keys and condition; without the bounds of time.
    pub join: JoinSpec,
    /// Positions of the event times of both sides; `None`: the processing time of arrival.
    pub times: Option<[usize; 2]>,
    /// The time of a left row less that of its right partner is at least this, ms.
    pub lower: i64,
    /// And at most this, ms.
    pub upper: i64,
}

impl IntervalJoinSpec {
    /// How far the times of a result may be behind the watermark of the inputs, ms.
    pub fn delay(&self) -> i64 {
        match self.times {
            Some(_) => self.upper.max(self.lower.saturating_neg()).max(0),
            None => 0,
        }
    }
}

/// Joins left rows with the version of the right side that was valid at their event time: INNER or LEFT.
///
/// The right input holds versions: its keys are unique at each time, `+I` and `+U` begin a version, `-D` ends
/// one, `-U` says nothing. Output columns: those of `pair_schema`; kinds are those of the left rows.
#[derive(Clone, Debug, PartialEq)]
pub struct TemporalJoinSpec {
    /// Kind, keys and what is asked of a version.
    pub join: JoinSpec,
    /// Positions of the event times of both sides.
    pub times: [usize; 2],
    /// A version that began before one that has come already is not taken.
    pub only_newer: bool,
}

/// Joins two insert-only inputs by key and condition, where the bounds of windows are among the keys.
///
/// Results come when the watermark says that a window is over; its rows are free then. Output columns:
/// as for [`JoinSpec`], insert-only. Late rows leave through the late output.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowJoinSpec {
    /// Kind, keys and condition.
    pub join: JoinSpec,
    /// Positions of `window_end` (TIMESTAMP(3), local time) of both sides.
    pub ends: [usize; 2],
    /// Zone in which windows over TIMESTAMP_LTZ are aligned (an IANA name); `None`: UTC.
    pub zone: Option<String>,
}

/// The kinds of joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without a partner, with NULLs.
    Left,
    /// Pairs, and right rows without a partner, with NULLs.
    Right,
    /// Pairs, and rows of both sides without a partner, with NULLs.
    Full,
    /// Left rows that have a partner.
    Semi,
    /// Left rows that have none.
    Anti,
    /// All left rows, with whether they have a partner: BOOLEAN, the last column.
    Mark,
}

impl JoinKind {
    /// True if a left row's partners must be counted: without one it is, or is not, in the result.
    pub fn keeps_left(self) -> bool {
        !matches!(self, JoinKind::Inner | JoinKind::Right)
    }

    /// True if a right row's partners must be counted.
    pub fn keeps_right(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            JoinKind::Inner => "INNER",
            JoinKind::Left => "LEFT",
            JoinKind::Right => "RIGHT",
            JoinKind::Full => "FULL",
            JoinKind::Semi => "SEMI",
            JoinKind::Anti => "ANTI",
            JoinKind::Mark => "MARK",
        }
    }
}

/// Makes one row of each primary key, for a sink by key whose query tells rows apart by another key.
/// Output columns: those of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsertSpec {
    /// Positions of the primary key's columns.
    pub key: Vec<usize>,
    /// Which row stays.
    pub on_conflict: OnConflict,
}

/// `ON CONFLICT DO ..`: what several rows with one primary key mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The job fails, once the watermark says that none of them is about to be taken back.
    Error,
    /// The first one stays.
    Nothing,
    /// The last one is shown; if it is taken back, the one before it.
    Deduplicate,
}

/// One aggregate of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    /// The function.
    pub function: AggregateFunction,
    /// Positions of its arguments; empty for COUNT(*).
    pub args: Vec<usize>,
    /// DISTINCT: each value counts once.
    pub distinct: bool,
    /// Position of a BOOLEAN column: only rows where it is true count.
    pub filter: Option<usize>,
    /// Name, type and nullability of the result, by Flink's rules.
    pub field: FieldRef,
}

/// The aggregate functions. Result types follow Flink: AVG keeps the type of its argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum AggregateFunction {
    Count,
    Sum,
    Min,
    Max,
    Avg,
    FirstValue,
    LastValue,
    ListAgg { separator: Arc<str> },
    StddevPop,
    StddevSamp,
    VarPop,
    VarSamp,
    ArrayAgg,
    Collect,
    BoolAnd,
    BoolOr,
}

impl AggregateFunction {
    /// The SQL name.
    pub fn name(&self) -> &'static str {
        match self {
            AggregateFunction::Count => "COUNT",
            AggregateFunction::Sum => "SUM",
            AggregateFunction::Min => "MIN",
            AggregateFunction::Max => "MAX",
            AggregateFunction::Avg => "AVG",
            AggregateFunction::FirstValue => "FIRST_VALUE",
            AggregateFunction::LastValue => "LAST_VALUE",
            AggregateFunction::ListAgg { .. } => "LISTAGG",
            AggregateFunction::StddevPop => "STDDEV_POP",
            AggregateFunction::StddevSamp => "STDDEV_SAMP",
            AggregateFunction::VarPop => "VAR_POP",
            AggregateFunction::VarSamp => "VAR_SAMP",
            AggregateFunction::ArrayAgg => "ARRAY_AGG",
            AggregateFunction::Collect => "COLLECT",
            AggregateFunction::BoolAnd => "EVERY",
            AggregateFunction::BoolOr => "SOME",
        }
    }
}

/// Sorts all rows at the end of bounded input.
#[derive(Clone, Debug, PartialEq)]
pub struct SortSpec {
    /// What to sort by, most important first.
    pub keys: Vec<SortKey>,
    /// Rows to leave out at the front.
    pub skip: u64,
    /// Most rows to put out.
    pub fetch: Option<u64>,
}

/// One column to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Its position.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
    /// NULLs first. Flink's default: NULLs are the smallest values.
    pub nulls_first: bool,
}

/// Passes some of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSpec {
    /// Rows to leave out at the front.
    pub skip: u64,
    /// Most rows to pass.
    pub fetch: Option<u64>,
}

/// Writes a table, or hands the rows to whoever started the job.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkSpec {
    /// Where to.
    pub target: SinkTarget,
    /// Positions of columns in which NULL fails the job (`table.exec.sink.not-null-enforcer`).
    pub not_null: Vec<usize>,
}

/// Where a sink writes.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkTarget {
    /// A table.
    Table {
        /// The table, with `connector` among its options.
        table: TableSpec,
        /// The connector's name.
        connector: String,
        /// Which changes it takes; the others never reach it.
        accepts: SinkAccepts,
    },
    /// Whoever started the job: the results of a SELECT. Parallelism 1.
    Collect,
}
