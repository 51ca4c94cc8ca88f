//! Writing: rows are written, prepared, and made visible by a commit.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::SharedClock;
use crate::connector::{JobIdentity, Transactions};
use crate::format::Formats;
use crate::message::Barrier;
use crate::rows::ChangeBatch;
use crate::table::TableSpec;
use crate::time::EventTime;
use crate::{Error, Result};

/// Opens tables for writing. Checks every option at once, so that mistakes are found when the
/// statement is planned.
pub trait SinkFactory: Send + Sync {
    /// Which changes the table can take. The planner refuses queries that make others.
    fn accepts(&self, table: &TableSpec) -> Result<SinkAccepts>;
    /// Checks the options without touching the outside.
    fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()>;
    /// A writer for one subtask.
    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>>;
    /// Makes prepared rows visible; one per table and start of the job. The subtask in `context` is
    /// 0.
    fn committer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn Committer>>;
    /// The name of the outside system whose transactions write this table, such as a Kafka
    /// cluster, if the table asks for exactly-once by transactions. Tables of one job with the same
    /// name share one [`Transactions`].
    fn transaction_group(&self, _table: &TableSpec) -> Result<Option<String>> {
        Ok(None)
    }
    /// The transactions of a group; `tables` are all of the job's tables in it.
    fn transactions(
        &self,
        tables: &[&TableSpec],
        _context: &SinkContext,
    ) -> Result<Arc<dyn Transactions>> {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        Err(Error::internal(format!(
            "table '{}' has no transactions",
            names.join("', '")
        )))
    }
    /// What readers of the table may rely on, if the job keeps checkpoints. For EXPLAIN; a
    /// connector that says nothing promises no more than that nothing is lost.
    fn guarantee(&self, _table: &TableSpec) -> Result<Guarantee> {
        Ok(Guarantee::at_least_once(
            "rows since the last checkpoint are written again after a crash",
        ))
    }
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

/// What readers of a table may rely on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarantee {
    /// What.
    pub delivery: Delivery,
    /// Why, in a few words for people.
    pub why: Cow<'static, str>,
}

/// How often a row of the result arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// Rows may be missing, and may come twice.
    None,
    /// None is missing; after a crash some come twice.
    AtLeastOnce,
    /// None is missing and none comes twice.
    ExactlyOnce,
}

impl Guarantee {
    /// No promise.
    pub fn none(why: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Delivery::None, why)
    }

    /// Nothing is lost.
    pub fn at_least_once(why: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Delivery::AtLeastOnce, why)
    }

    /// Nothing is lost and nothing comes twice.
    pub fn exactly_once(why: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Delivery::ExactlyOnce, why)
    }

    fn of(delivery: Delivery, why: impl Into<Cow<'static, str>>) -> Self {
        let why = why.into();
        Guarantee { delivery, why }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::None => "none",
            Delivery::AtLeastOnce => "at-least-once",
            Delivery::ExactlyOnce => "exactly-once",
        })
    }
}

/// What a sink writer may use.
#[derive(Clone)]
pub struct SinkContext {
    /// Which subtask it is.
    pub subtask: u32,
    /// How many there are.
    pub parallelism: u32,
    /// Distinguishes what this life of the job writes from everything else; made of letters,
    /// digits and `-`.
    pub run_id: String,
    /// The job it writes for.
    pub job: JobIdentity,
    /// The transactions of the table's group, if it has one and they carry the commit decision of
    /// the job. A table of a second group gets none and must do without: at-least-once.
    pub transactions: Option<Arc<dyn Transactions>>,
    /// The formats of this build.
    pub formats: Formats,
    /// The clock.
    pub clock: SharedClock,
}

/// Something written but invisible until committed; only its connector reads the text. It is kept
/// in checkpoints, so its form is a promise to later releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committable(pub String);

/// The receipt of a writer for one checkpoint: everything written before it is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// What is to be committed.
    pub committables: Vec<Committable>,
    /// Number of rows that have become safe with this receipt.
    pub rows: u64,
}

/// Writes rows so that they stay invisible until committed.
///
/// ```text
/// { write | watermark | idle | prepare }* ─▶ prepare(last) ─▶ drop      dropped earlier: what is not
///                                                                prepared must not look complete
/// ```
#[async_trait]
pub trait SinkWriter: Send {
    /// Writes the physical (and persisted metadata) columns of the table, in that order.
    async fn write(&mut self, rows: ChangeBatch) -> Result<()>;
    /// No row at or before this event time will be written any more; never goes back within one life
    /// of the job. [`EventTime::MAX`] once the input has been read to its end.
    fn watermark(&mut self, _time: EventTime) {}
    /// Nothing is to be expected for a while: what others say of the watermark counts without us,
    /// until a row or a watermark comes.
    fn idle(&mut self) {}
    /// Makes everything written so far survive a crash, and hands over what is to be committed with
    /// this checkpoint. After `barrier.last` nothing is written.
    async fn prepare(&mut self, barrier: Barrier) -> Result<Prepared>;
}

/// Makes prepared rows visible. Called again with the same input after a crash, so: idempotent.
#[async_trait]
pub trait Committer: Send {
    /// Before the first row: `pending` belongs to the checkpoint the job starts from and may be
    /// visible already or not. Makes it visible, and removes whatever earlier lives of this job
    /// have left behind besides.
    async fn recover(&mut self, pending: Vec<Committable>) -> Result<()>;
    /// What it has to know after a restart besides: put into the next checkpoint behind what the
    /// writers have prepared, and given back with that to `commit`, `recover` and `inherit`. Asked
    /// before the checkpoint is stored; what belongs to it is not committed yet.
    fn remembers(&self) -> Vec<Committable> {
        Vec::new()
    }
    /// Before `recover`, instead of its `pending`: the job begins with a checkpoint of another
    /// history, such as a savepoint. What that one has prepared is visible already, or somebody else's
    /// to show; only what it says about the future counts.
    fn inherit(&mut self, _prepared: &[Committable]) -> Result<()> {
        Ok(())
    }
    /// True if any of it is visible already: then its checkpoint was committed, whatever else is
    /// said. Asked before a checkpoint without a verdict is given up.
    async fn is_visible(&mut self, _prepared: &[Committable]) -> Result<bool> {
        Ok(false)
    }
    /// Makes all of it visible, and durable.
    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()>;
}
