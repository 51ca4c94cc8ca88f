//! The seam towards outside systems: what a connector can do is asked for, never tried.

pub mod sink;
pub mod source;
pub mod transaction;

pub use sink::{
    Committable, Committer, Delivery, Guarantee, Prepared, SinkAccepts, SinkContext, SinkFactory,
    SinkWriter,
};
pub use source::{
    Acknowledger, Discovery, Fetch, Position, Source, SourceContext, SourceFactory, SourceReader,
    Split, SplitEnumerator,
};
pub use transaction::{CommitMarker, CommitOutcome, Transactions};

use std::sync::Arc;

use crate::options::OptionSpec;

/// Which life of which job something is done for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobIdentity {
    /// The job's name, made of letters, digits, `-`, `_` and `.`; unique among jobs that share a
    /// checkpoint folder.
    pub name: Arc<str>,
    /// Changes with every manual restore, so that nothing of another history is mistaken for ours.
    pub lineage: Arc<str>,
    /// Rises with every start of the job.
    pub generation: u64,
    /// True if the job keeps checkpoints. If not, nothing survives a crash, and what is written is
    /// made visible from time to time and at the end.
    pub checkpoints: bool,
}

impl JobIdentity {
    /// A job that keeps no checkpoints; `run` distinguishes it from all other runs.
    pub fn transient(run: &str) -> Self {
        JobIdentity {
            name: run.into(),
            lineage: run.into(),
            generation: 0,
            checkpoints: false,
        }
    }
}

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
    /// The options that name a format, each with what stands before that format's own options:
    /// a table with `'value.format' = 'json'` has options `value.json.…`. One that is alone must be
    /// there; of several, the connector says which.
    fn format_keys(&self) -> &'static [(&'static str, &'static str)] {
        match self.has_format() {
            true => &[("format", "")],
            false => &[],
        }
    }
}
