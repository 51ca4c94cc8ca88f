//! The end of a chain that writes: a table's writer, or the results of a SELECT.
//!
//! * Rows are checked for NULL in NOT NULL columns; `-U` is left out for a table that takes
//!   upserts, which replaces a row by its key anyway.
//! * What a writer prepares becomes visible by the job's committer. In a bounded job that happens
//!   once, after every task has ended without error. In an unbounded job it happens at most
//!   every [`COMMIT_INTERVAL_MS`] while rows come, and at a stop: until there are checkpoints, a
//!   crash of an unbounded job loses what was not committed and a restart reads its sources again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, BooleanArray};
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Committable, Committer, SinkAccepts, SinkWriter};
use millstream_core::message::Message;
use millstream_core::metrics::NodeMetrics;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

use super::body::count_busy;
use crate::exchange::Edge;

/// How long written rows of an unbounded job stay invisible at most, while the sink keeps up.
const COMMIT_INTERVAL_MS: i64 = 1000;

/// The end of a chain that writes.
pub(crate) struct Sink {
    /// The table's name, or what stands for it in messages.
    pub(crate) name: String,
    /// Positions of columns in which NULL fails the job.
    pub(crate) not_null: Vec<usize>,
    /// Counters of the sink's node.
    pub(crate) metrics: Arc<NodeMetrics>,
    /// The clock.
    pub(crate) clock: SharedClock,
    /// Where to.
    pub(crate) target: Target,
}

/// Where a sink writes.
pub(crate) enum Target {
    /// A table.
    Table {
        /// Its writer.
        writer: Box<dyn SinkWriter>,
        /// Which changes it takes.
        accepts: SinkAccepts,
        /// What makes rows visible.
        commits: Arc<Commits>,
        /// True in an unbounded job.
        periodic: bool,
        /// When to commit next.
        commit_at: Option<i64>,
    },
    /// Whoever started the job.
    Results(Edge),
}

/// What makes the rows of one sink visible, for all of its subtasks.
pub(crate) struct Commits {
    table: String,
    committer: tokio::sync::Mutex<Box<dyn Committer>>,
    prepared: Mutex<Vec<Committable>>,
}

impl Commits {
    /// The commits of one table.
    pub(crate) fn new(table: String, committer: Box<dyn Committer>) -> Self {
        Commits {
            table,
            committer: tokio::sync::Mutex::new(committer),
            prepared: Mutex::new(Vec::new()),
        }
    }

    /// Keeps what is to be committed when all tasks have ended.
    fn keep(&self, prepared: Vec<Committable>) {
        self.prepared.lock().extend(prepared);
    }

    /// Commits what was kept.
    pub(crate) async fn commit_kept(&self) -> Result<()> {
        let prepared = std::mem::take(&mut *self.prepared.lock());
        self.commit(prepared).await
    }

    async fn commit(&self, prepared: Vec<Committable>) -> Result<()> {
        if prepared.is_empty() {
            return Ok(());
        }
        let mut committer = self.committer.lock().await;
        let result = committer.commit(prepared).await;
        result.map_err(|error| in_table(error, &self.table))
    }
}

impl Sink {
    /// Takes what comes out of the chain in front.
    pub(crate) async fn message(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Rows(rows) => self.write(rows).await,
            Message::End | Message::Stop => self.finish(message).await,
            Message::Watermark(_) | Message::Idle => Ok(()),
        }
    }

    /// When to be called next.
    pub(crate) fn next_wake(&self) -> Option<i64> {
        match &self.target {
            Target::Table { commit_at, .. } => *commit_at,
            Target::Results(_) => None,
        }
    }

    /// Commits if that is due.
    pub(crate) async fn fire_due(&mut self) -> Result<()> {
        let now = self.clock.now_ms();
        if let Target::Table {
            writer,
            commits,
            commit_at,
            ..
        } = &mut self.target
            && commit_at.is_some_and(|at| at <= now)
        {
            *commit_at = None;
            let prepared = writer.prepare(false).await;
            let prepared = prepared.map_err(|error| in_table(error, &self.name))?;
            commits.commit(prepared).await?;
        }
        Ok(())
    }

    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        let count = rows.num_rows() as u64;
        self.metrics.rows_in.fetch_add(count, Ordering::Relaxed);
        self.check_not_null(&rows)?;
        let written = match &mut self.target {
            Target::Results(edge) => {
                edge.send(Message::Rows(rows)).await?;
                count
            }
            Target::Table {
                writer,
                accepts,
                periodic,
                commit_at,
                ..
            } => {
                let rows = match accepts {
                    SinkAccepts::Upsert => without_update_before(rows)?,
                    SinkAccepts::Append | SinkAccepts::All => rows,
                };
                let count = rows.num_rows() as u64;
                if count == 0 {
                    return Ok(());
                }
                let work = writer.write(rows);
                let result = count_busy(&self.clock, &self.metrics.busy_nanos, work).await;
                result.map_err(|error| in_table(error, &self.name))?;
                if *periodic && commit_at.is_none() {
                    *commit_at = Some(self.clock.now_ms().saturating_add(COMMIT_INTERVAL_MS));
                }
                count
            }
        };
        self.metrics.rows_out.fetch_add(written, Ordering::Relaxed);
        Ok(())
    }

    async fn finish(&mut self, end: Message) -> Result<()> {
        match &mut self.target {
            Target::Results(edge) => {
                edge.send(end).await?;
            }
            Target::Table {
                writer,
                commits,
                commit_at,
                ..
            } => {
                *commit_at = None;
                let work = writer.prepare(true);
                let prepared = count_busy(&self.clock, &self.metrics.busy_nanos, work).await;
                commits.keep(prepared.map_err(|error| in_table(error, &self.name))?);
            }
        }
        Ok(())
    }

    fn check_not_null(&self, rows: &ChangeBatch) -> Result<()> {
        for column in &self.not_null {
            let nulls = rows.rows().column(*column).logical_null_count();
            if nulls > 0 {
                let schema = rows.schema();
                let message = format!(
                    "column '{}' of {} is NOT NULL, but {nulls} of {} rows to be written have NULL \
                     there",
                    schema.field(*column).name(),
                    self.name,
                    rows.num_rows(),
                );
                return Err(Error::new(Code::Evaluation, message)
                    .hint("filter such rows out, or use COALESCE"));
            }
        }
        Ok(())
    }
}

fn without_update_before(rows: ChangeBatch) -> Result<ChangeBatch> {
    const UPDATE_BEFORE: u8 = RowKind::UpdateBefore as u8;
    match rows.kinds() {
        Some(kinds) if kinds.values().contains(&UPDATE_BEFORE) => {
            let kept = kinds.values().iter().map(|kind| *kind != UPDATE_BEFORE);
            rows.filter(&BooleanArray::from(kept.collect::<Vec<bool>>()))
        }
        _ => Ok(rows),
    }
}

/// Says which table it was, unless the message already does. `table` is a name with its word, such
/// as `table 'bid'`.
pub(crate) fn in_table(error: Error, table: &str) -> Error {
    let name = table.trim_start_matches("table ");
    match error.message().contains(name) {
        true => error,
        false => error.context(table),
    }
}
