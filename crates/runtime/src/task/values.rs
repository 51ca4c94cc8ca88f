//! A source of constant rows.
//!
//! Its position is the number of rows it has sent; a checkpoint keeps it like the position of a
//! split.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::failpoint::failpoint;
use millstream_core::id::{NodeId, Port};
use millstream_core::message::Barrier;
use millstream_core::metrics::NodeMetrics;
use millstream_core::rows::ChangeBatch;
use millstream_state::manifest::SplitState;

use super::body::Body;
use super::report::SourceSnapshot;
use super::trigger::TriggerWatch;
use crate::spawn::End;

/// Yields constant rows, then waits for the last barrier.
pub(crate) struct ValuesTask {
    /// Its node.
    pub(crate) node: NodeId,
    /// The rows; all of them in one subtask, none in the others.
    pub(crate) rows: RecordBatch,
    /// How many of them are sent.
    pub(crate) sent: usize,
    /// Number of rows sent up to which it goes on: rehearsals break every life off there.
    pub(crate) until: usize,
    /// Most rows in one batch.
    pub(crate) batch_rows: usize,
    /// Counters of the node.
    pub(crate) metrics: Arc<NodeMetrics>,
    /// What is done with them.
    pub(crate) body: Body,
    /// When to cut a checkpoint.
    pub(crate) triggers: TriggerWatch,
}

impl ValuesTask {
    /// Name and table of the one split a checkpoint knows of it.
    pub(crate) const SPLIT: &str = "VALUES";

    /// Runs to the last barrier.
    pub(crate) async fn run(mut self) -> Result<End> {
        self.body.start().await?;
        loop {
            if let Some(barrier) = self.triggers.due() {
                self.barrier(barrier).await?;
                if barrier.last {
                    return Ok(End::Done);
                }
            } else if self.body.chain.has_ended() {
                self.body.tell_end()?;
                self.triggers.asked().await;
            } else if self.body.outputs.nobody_reads() {
                self.body.abandon().await?;
            } else if self.sent >= self.until && self.sent < self.rows.num_rows() {
                self.triggers.asked().await;
            } else if self.sent < self.rows.num_rows() {
                self.send().await?;
            } else {
                self.body.end().await?;
            }
        }
    }

    async fn send(&mut self) -> Result<()> {
        let left = self.rows.num_rows() - self.sent;
        let count = self.batch_rows.max(1).min(left);
        let batch = ChangeBatch::inserts(self.rows.slice(self.sent, count));
        self.metrics
            .rows_out
            .fetch_add(count as u64, Ordering::Relaxed);
        self.sent += count;
        self.body.chain.rows(Port::ONLY, batch)?;
        self.body.flush().await?;
        self.body.fire_due().await?;
        self.body.breathe().await;
        Ok(())
    }

    async fn barrier(&mut self, barrier: Barrier) -> Result<()> {
        failpoint("cp.barrier.source")?;
        let splits = match self.rows.num_rows() {
            0 => Vec::new(),
            rows => vec![SplitState {
                id: 0,
                name: Self::SPLIT.into(),
                data: String::new(),
                position: Some(self.sent.to_string()),
                finished: self.sent == rows,
                watermark: None,
            }],
        };
        let snapshot = SourceSnapshot {
            node: self.node,
            splits,
        };
        self.body.barrier(barrier, Some(snapshot)).await?;
        self.triggers.taken(barrier);
        Ok(())
    }
}
