//! Writing: rows are written, prepared, and made visible by a commit.

use async_trait::async_trait;

use crate::Result;
use crate::clock::SharedClock;
use crate::format::Formats;
use crate::rows::ChangeBatch;
use crate::table::TableSpec;

/// Opens tables for writing. Checks every option at once, so that mistakes are found when the
/// statement is planned.
pub trait SinkFactory: Send + Sync {
    /// Which changes the table can take. The planner refuses queries that make others.
    fn accepts(&self, table: &TableSpec) -> Result<SinkAccepts>;
    /// Checks the options without touching the outside.
    fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()>;
    /// A writer for one subtask.
    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>>;
    /// Makes prepared rows visible; one per job.
    fn committer(&self, table: &TableSpec) -> Result<Box<dyn Committer>>;
    /// Metadata columns that can be written: the key and its SQL type.
    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// Which changes a sink can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkAccepts {
    /// Insertions only.
    Append,
    /// Insertions, `+U` and `-D` by primary key; `-U` is not needed.
    Upsert,
    /// Everything, `-U` included.
    All,
}

/// What a sink writer may use.
#[derive(Clone)]
pub struct SinkContext {
    /// Which subtask it is.
    pub subtask: u32,
    /// How many there are.
    pub parallelism: u32,
    /// Distinguishes the files of this run from those of others; made of letters and digits.
    pub run_id: String,
    /// The formats of this build.
    pub formats: Formats,
    /// The clock.
    pub clock: SharedClock,
}

/// Something written but invisible until committed; only its connector reads the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committable(pub String);

/// Writes rows so that they stay invisible until committed.
///
/// ```text
/// { write | prepare(false) }* ─▶ prepare(true) ─▶ drop        dropped earlier: what is not
///                                                             prepared must not look complete
/// ```
#[async_trait]
pub trait SinkWriter: Send {
    /// Writes the physical (and persisted metadata) columns of the table, in that order.
    async fn write(&mut self, rows: ChangeBatch) -> Result<()>;
    /// Hands over what is complete, and with `end` everything.
    async fn prepare(&mut self, end: bool) -> Result<Vec<Committable>>;
}

/// Makes prepared rows visible. Called again with the same input after a crash, so: idempotent.
#[async_trait]
pub trait Committer: Send {
    /// Makes all of it visible, and durable.
    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()>;
}
