//! A source of constant rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::id::Port;
use millstream_core::metrics::NodeMetrics;
use millstream_core::rows::ChangeBatch;

use super::body::{Body, StopWatch};
use crate::spawn::End;

/// Yields constant rows, then ends.
pub(crate) struct ValuesTask {
    /// The rows.
    pub(crate) rows: RecordBatch,
    /// Most rows in one batch.
    pub(crate) batch_rows: usize,
    /// Counters of the node.
    pub(crate) metrics: Arc<NodeMetrics>,
    /// What is done with them.
    pub(crate) body: Body,
    /// Whether to stop.
    pub(crate) stop: StopWatch,
}

impl ValuesTask {
    /// Runs to the end.
    pub(crate) async fn run(mut self) -> Result<End> {
        self.body.start().await?;
        let mut from = 0;
        while from < self.rows.num_rows() && !self.body.chain.has_ended() {
            if self.body.outputs.nobody_reads() {
                self.body.outputs.abandon().await?;
                return Ok(End::Done);
            }
            if self.stop.is_asked() {
                self.body.stop().await?;
                return Ok(End::Done);
            }
            let count = self.batch_rows.max(1).min(self.rows.num_rows() - from);
            let batch = ChangeBatch::inserts(self.rows.slice(from, count));
            self.metrics
                .rows_out
                .fetch_add(count as u64, Ordering::Relaxed);
            self.body.chain.rows(Port::ONLY, batch)?;
            self.body.flush().await?;
            self.body.fire_due().await?;
            self.body.breathe().await;
            from += count;
        }
        if !self.body.chain.has_ended() {
            self.body.end().await?;
        }
        Ok(End::Done)
    }
}
