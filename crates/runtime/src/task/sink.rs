//! The end of a chain that writes: a table's writer, or the results of a SELECT.
//!
//! * Rows are checked for NULL in NOT NULL columns; `-U` is left out for a table that takes
//!   upserts, which replaces a row by its key anyway.
//! * At a barrier the writer makes what it has written safe and gives a receipt; the job makes it
//!   visible once all receipts of the checkpoint are there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, BooleanArray};
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Prepared, SinkAccepts, SinkWriter};
use millstream_core::failpoint::failpoint;
use millstream_core::id::NodeId;
use millstream_core::message::{Barrier, Message};
use millstream_core::metrics::NodeMetrics;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

use super::body::count_busy;
use crate::exchange::Edge;

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
        /// Its node.
        node: NodeId,
        /// Its writer.
        writer: Box<dyn SinkWriter>,
        /// Which changes it takes.
        accepts: SinkAccepts,
        /// Rows written since the last receipt.
        since_receipt: u64,
    },
    /// Whoever started the job.
    Results {
        /// The way there.
        edge: Edge,
        /// With checkpoints: where rows wait until they are committed.
        held: Option<Held>,
    },
}

/// Rows of one subtask that wait for the commit of their checkpoint. A shared handle.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HeldRows>>);

#[derive(Default)]
struct HeldRows {
    /// Since the last barrier.
    open: Vec<ChangeBatch>,
    /// Before the barrier of the checkpoint that is being committed.
    cut: Vec<ChangeBatch>,
}

impl Held {
    fn push(&self, rows: ChangeBatch) {
        self.0.lock().open.push(rows);
    }

    fn cut(&self) {
        let mut held = self.0.lock();
        let open = std::mem::take(&mut held.open);
        held.cut.extend(open);
    }

    /// What is committed now.
    pub(crate) fn take(&self) -> Vec<ChangeBatch> {
        std::mem::take(&mut self.0.lock().cut)
    }
}

impl Sink {
    /// Takes what comes out of the chain in front.
    pub(crate) async fn message(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Rows(rows) => self.write(rows).await,
            Message::End => match &mut self.target {
                Target::Results { edge, .. } => edge.send(Message::End).await.map(|_| ()),
                Target::Table { .. } => Ok(()),
            },
            Message::Watermark(time) => {
                if let Target::Table { writer, .. } = &mut self.target {
                    writer.watermark(time);
                }
                Ok(())
            }
            Message::Idle => {
                if let Target::Table { writer, .. } = &mut self.target {
                    writer.idle();
                }
                Ok(())
            }
            Message::Barrier(_) => Ok(()),
        }
    }

    /// Makes what was written safe.
    pub(crate) async fn prepare(&mut self, barrier: Barrier) -> Result<Option<(NodeId, Prepared)>> {
        let (node, writer, since_receipt) = match &mut self.target {
            Target::Results { held, .. } => {
                if let Some(held) = held {
                    held.cut();
                }
                return Ok(None);
            }
            Target::Table {
                node,
                writer,
                since_receipt,
                ..
            } => (node, writer, since_receipt),
        };
        failpoint("cp.sink.flush")?;
        let work = writer.prepare(barrier);
        let prepared = count_busy(&self.clock, &self.metrics.busy_nanos, work).await;
        let prepared = prepared.map_err(|error| in_table(error, &self.name))?;
        failpoint("cp.sink.prepare")?;
        let written = std::mem::take(since_receipt);
        if prepared.rows != written {
            let name = &self.name;
            let rows = prepared.rows;
            return Err(Error::internal(format!(
                "the writer of {name} has a receipt for {rows} of {written} rows"
            )));
        }
        Ok(Some((*node, prepared)))
    }

    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        let count = rows.num_rows() as u64;
        self.metrics.rows_in.fetch_add(count, Ordering::Relaxed);
        self.check_not_null(&rows)?;
        let written = match &mut self.target {
            Target::Results {
                held: Some(held), ..
            } => {
                held.push(rows);
                count
            }
            Target::Results { edge, held: None } => {
                edge.send(Message::Rows(rows)).await?;
                count
            }
            Target::Table {
                writer,
                accepts,
                since_receipt,
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
                *since_receipt += count;
                count
            }
        };
        self.metrics.rows_out.fetch_add(written, Ordering::Relaxed);
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
