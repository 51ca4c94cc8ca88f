//! Reading: a source finds splits, and each subtask's reader turns its splits into rows.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::Result;
use crate::clock::SharedClock;
use crate::connector::JobIdentity;
use crate::format::{BadRecord, Formats};
use crate::id::SplitId;
use crate::table::TableSpec;

/// Opens tables for reading. Checks every option at once, so that mistakes are found when the
/// statement is planned and not when the job runs.
pub trait SourceFactory: Send + Sync {
    /// A source for the table. Must not touch the outside beyond looking whether it is there.
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>>;

    /// Metadata columns this connector offers: the key and its SQL type in Flink's words.
    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// True if leaving columns out makes this source cheaper; then the planner's projection is in
    /// [`SourceContext::projection`], otherwise it is always every column.
    fn projects(&self, _table: &TableSpec) -> bool {
        false
    }
}

/// What a source may use.
#[derive(Clone)]
pub struct SourceContext {
    /// Positions of the wanted columns in physical columns followed by metadata columns.
    pub projection: Vec<usize>,
    /// Schema of the wanted columns: what the reader must deliver.
    pub schema: SchemaRef,
    /// The formats of this build.
    pub formats: Formats,
    /// The clock.
    pub clock: SharedClock,
    /// The job it reads for.
    pub job: JobIdentity,
    /// Number of subtasks that will read.
    pub parallelism: u32,
    /// Most rows in one batch.
    pub batch_rows: usize,
}

/// A table opened for reading: one enumerator per job, one reader per subtask.
pub trait Source: Send + Sync {
    /// True if the source ends by itself.
    fn is_bounded(&self) -> bool;
    /// Finds the splits. Called once per start of the job; `known` are those of the checkpoint it
    /// starts from, which need not be found again: what is found with a known name is left out.
    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>>;
    /// Reads splits. Called once per subtask.
    fn reader(&self) -> Result<Box<dyn SourceReader>>;
    /// True if every split can be read again from the positions its reader tells. Otherwise the
    /// job cannot promise more than at-least-once, and is told so.
    fn replays(&self) -> bool;
    /// Tells the outside how far a committed checkpoint has come, if it wants to know.
    fn acknowledger(&self) -> Option<Box<dyn Acknowledger>> {
        None
    }
}

/// A part of a table that can be read apart: a partition, a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Its number in the job, given by the runtime in the order of discovery.
    pub id: SplitId,
    /// Its name for people: a path, `topic-0`. Unique in its source.
    pub name: String,
    /// What the reader needs to find it; only its connector reads this.
    pub data: String,
}

/// Where to go on in a split: after the last row of a checkpoint. Only its connector reads the
/// text; it is kept in checkpoints, so its form is a promise to later releases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub String);

/// What an enumerator found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Name and data of each new split, in a stable order.
    pub splits: Vec<(String, String)>,
    /// Ask again after this long; `None`: there will never be more.
    pub again_after: Option<Duration>,
}

/// Finds the parts of a table that can be read apart. One per job.
#[async_trait]
pub trait SplitEnumerator: Send {
    /// Splits not returned before.
    async fn discover(&mut self) -> Result<Discovery>;
}

/// What one call of `fetch` brought.
#[derive(Clone, Debug)]
pub enum Fetch {
    /// Rows of one split, and records of it that could not be decoded.
    Rows {
        /// The split they were read from.
        split: SplitId,
        /// The rows; may be empty if there are only bad records.
        rows: RecordBatch,
        /// Bad records between them.
        bad: Vec<BadRecord>,
    },
    /// A split has been read to its end.
    Finished(SplitId),
    /// Every assigned split is finished: nothing to do until the next `assign`.
    Waiting,
}

/// Reads the splits of one subtask.
#[async_trait]
pub trait SourceReader: Send {
    /// Adds a split, to be read on from a position that [`position`](Self::position) has told
    /// earlier, or from its beginning.
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()>;
    /// Next rows of any assigned split. Dropping the future loses nothing. Never blocks the thread
    /// for longer than it takes to make one batch; waits (if it must) without a thread.
    async fn fetch(&mut self) -> Result<Fetch>;
    /// Where to go on after everything that `fetch` has returned of an assigned split so far;
    /// `None` if nothing was returned yet and it was assigned without a position.
    fn position(&self, split: SplitId) -> Option<Position>;
    /// Whether its splits have rows one after another, as files do. Then a split without any row yet may
    /// only be waiting for its turn; elsewhere it is silent, and idle after a while.
    fn reads_in_turn(&self) -> bool {
        false
    }
}

/// Tells the outside how far a committed checkpoint has come: a consumer group's offsets, the
/// records a journal may forget. Lost calls do no harm; a later one says more.
#[async_trait]
pub trait Acknowledger: Send {
    /// Everything before these positions, by name of the split, is committed.
    async fn acknowledge(&mut self, positions: &[(String, Position)]) -> Result<()>;
}
