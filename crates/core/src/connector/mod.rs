//! The seam towards outside systems: what a connector can do is asked for, never tried.

pub mod sink;
pub mod source;

pub use sink::{Committable, Committer, SinkAccepts, SinkContext, SinkFactory, SinkWriter};
pub use source::{
    Discovery, Fetch, Source, SourceContext, SourceFactory, SourceReader, Split, SplitEnumerator,
};

use crate::options::OptionSpec;

/// An outside system, chosen by `'connector' = 'filesystem'`.
pub trait Connector: Send + Sync {
    /// The name users write.
    fn name(&self) -> &'static str;
    /// The options it reads, besides `connector`, those of the format, and the ones every source
    /// has (`on-error`, `late-rows.table`, `scan.watermark.*`), which the planner reads.
    fn options(&self) -> &'static [OptionSpec];
    /// How to read a table, if that is possible.
    fn source(&self) -> Option<&dyn SourceFactory>;
    /// How to write a table, if that is possible.
    fn sink(&self) -> Option<&dyn SinkFactory>;
    /// True if its tables have a `format`.
    fn has_format(&self) -> bool;
}
