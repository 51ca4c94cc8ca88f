//! Finds the splits of a source and hands them to its subtasks, in turn, in the order of
//! discovery. One task per source node.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_core::connector::{Discovery, Split, SplitEnumerator};
use millstream_core::id::NodeId;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use tokio::sync::mpsc;

use super::body::StopWatch;
use super::sink::in_table;
use super::timer::Timer;
use crate::spawn::End;

/// Splits that may wait for one subtask; discovery pauses until it has taken some.
pub(crate) const SPLITS_AHEAD: usize = 1024;

/// What a subtask is told.
pub(crate) enum Assignment {
    /// This split is yours.
    Split(Split, Arc<SplitMetrics>),
    /// Nothing more for now.
    Later,
    /// There will never be more.
    Complete,
}

/// Finds the splits of one source.
pub(crate) struct EnumerateTask {
    /// The source's node.
    pub(crate) node: NodeId,
    /// Its table.
    pub(crate) table: String,
    /// Finds them.
    pub(crate) enumerator: Box<dyn SplitEnumerator>,
    /// Its subtasks.
    pub(crate) subtasks: Vec<mpsc::Sender<Assignment>>,
    /// Where splits are numbered.
    pub(crate) metrics: Arc<JobMetrics>,
    /// Time.
    pub(crate) timer: Timer,
    /// Whether to stop.
    pub(crate) stop: StopWatch,
}

impl EnumerateTask {
    /// Runs until there will be no more splits, the job stops, or nobody reads any more.
    pub(crate) async fn run(mut self) -> Result<End> {
        let mut turn = 0;
        loop {
            let found = tokio::select! {
                biased;
                () = self.stop.asked() => return Ok(End::Done),
                () = all_closed(&self.subtasks) => return Ok(End::Done),
                found = self.enumerator.discover() => {
                    found.map_err(|e| in_table(e, &format!("table '{}'", self.table)))?
                }
            };
            let again_after = found.again_after;
            let goes_on = self.assign(found, &mut turn).await
                && match again_after {
                    Some(pause) => self.sleep(pause).await,
                    None => false,
                };
            if !goes_on {
                return Ok(End::Done);
            }
        }
    }

    /// False if the job stops or nobody is left to read.
    async fn assign(&mut self, found: Discovery, turn: &mut usize) -> bool {
        for (name, data) in found.splits {
            let metrics = self.metrics.add_split(self.node, &self.table, &name);
            let id = metrics.split;
            let split = Split { id, name, data };
            let target = *turn % self.subtasks.len();
            *turn += 1;
            if !self.tell(target, Assignment::Split(split, metrics)).await {
                return false;
            }
        }
        for target in 0..self.subtasks.len() {
            let word = match found.again_after {
                Some(_) => Assignment::Later,
                None => Assignment::Complete,
            };
            if !self.tell(target, word).await {
                return false;
            }
        }
        true
    }

    /// False if the job stops. A subtask that has ended early is no reason to end: the others may
    /// still read.
    async fn tell(&mut self, target: usize, word: Assignment) -> bool {
        tokio::select! {
            biased;
            () = self.stop.asked() => false,
            _ = self.subtasks[target].send(word) => true,
        }
    }

    /// False if the job stops or every reader has gone.
    async fn sleep(&mut self, pause: Duration) -> bool {
        let clock = self.timer.clock();
        let until = clock.elapsed().saturating_add(pause);
        loop {
            let left = until.saturating_sub(self.timer.clock().elapsed());
            if left.is_zero() {
                return true;
            }
            tokio::select! {
                biased;
                () = self.stop.asked() => return false,
                () = all_closed(&self.subtasks) => return false,
                () = self.timer.pause(Some(left)) => {}
            }
        }
    }
}

async fn all_closed(subtasks: &[mpsc::Sender<Assignment>]) {
    for subtask in subtasks {
        subtask.closed().await;
    }
}
