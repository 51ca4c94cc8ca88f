//! What a statement becomes before it runs: a job graph, plain data that anybody can read.
//!
//! ```text
//! logical plan ──▶ JobGraph ──▶ chain::tasks ──▶ a runner
//!                     └──▶ explain::text
//! ```
//!
//! * [`graph`]: nodes, inputs, exchanges. [`spec`]: what each kind of node does.
//! * [`changelog`]: which kinds of changes an edge carries, and which a sink can take.
//! * [`settings`]: how a job lives. [`fingerprint`]: what its state means, across changes of its SQL.
//! * `share`: what several parts compute alike is computed once.
//! * [`chain`]: which nodes share a task. [`explain`]: the graph as text.
//!
//! This crate knows neither SQL text nor threads nor any connector by name.

pub mod chain;
pub mod changelog;
pub mod explain;
pub mod fingerprint;
pub mod graph;
pub mod logical;
pub mod settings;
mod share;
pub mod spec;
pub mod translate;

pub use changelog::ChangelogMode;
pub use graph::{Exchange, Input, JobGraph, Node, OutputKind, RuntimeMode};
pub use settings::{AccessSettings, CheckpointSettings, JobSettings, RestartStrategy};
pub use spec::{
    AfterMatch, AggregateCall, AggregateFunction, CalcSpec, DeduplicateSpec, FrameStart,
    GroupAggregateSpec, JoinKind, JoinSpec, LimitSpec, MatchPart, MatchValue, NodeKind, OnConflict,
    OnError, OverCall, OverFrame, OverFunction, OverOrder, OverSpec, Pattern, PatternCondition,
    PatternSpec, PatternVariable, RankSpec, SinkSpec, SinkTarget, SortKey, SortSpec, SourceSpec,
    TimeAttribute, TimeSortSpec, UpsertSpec, ValuesSpec, WatermarkSpec, Window,
    WindowAggregateSpec, WindowAssignSpec, WindowEnd, WindowProperty,
};
pub use spec::{IntervalJoinSpec, TemporalJoinSpec, UnnestSpec, WindowJoinSpec};
pub use translate::pair_schema;
