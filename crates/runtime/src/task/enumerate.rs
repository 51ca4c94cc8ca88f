//! Finds the splits of a source and hands them to its subtasks, in turn, in the order of
//! discovery. One task per source node.
//!
//! After a restart the splits of the checkpoint come first, with their positions; what is found
//! under a name that is known already is left out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_core::connector::{Discovery, Position, Split, SplitEnumerator};
use millstream_core::id::NodeId;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use tokio::sync::mpsc;

use super::sink::in_table;
use super::timer::Timer;
use crate::spawn::End;

/// Splits that may wait for one subtask; discovery pauses until it has taken some.
pub(crate) const SPLITS_AHEAD: usize = 1024;

/// What a subtask is told.
pub(crate) enum Assignment {
    /// This split is yours, to be read on from there.
    Split(Split, Option<Position>, Arc<SplitMetrics>),
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
    /// The unfinished splits of the checkpoint the job starts from.
    pub(crate) restored: Vec<(Split, Option<Position>)>,
    /// Names of all splits known so far.
    pub(crate) known: HashSet<String>,
}

impl EnumerateTask {
    /// Runs until there will be no more splits, or nobody reads any more.
    pub(crate) async fn run(mut self) -> Result<End> {
        let mut turn = 0;
        for (split, from) in std::mem::take(&mut self.restored) {
            let metrics = self
                .metrics
                .restore_split(split.id, self.node, &self.table, &split.name);
            self.hand_out(split, from, metrics, &mut turn).await;
        }
        loop {
            let found = tokio::select! {
                biased;
                () = all_closed(&self.subtasks) => return Ok(End::Done),
                found = self.enumerator.discover() => {
                    found.map_err(|e| in_table(e, &format!("table '{}'", self.table)))?
                }
            };
            let again_after = found.again_after;
            self.assign(found, &mut turn).await;
            let goes_on = match again_after {
                Some(pause) => self.sleep(pause).await,
                None => false,
            };
            if !goes_on {
                return Ok(End::Done);
            }
        }
    }

    async fn assign(&mut self, found: Discovery, turn: &mut usize) {
        for (name, data) in found.splits {
            if !self.known.insert(name.clone()) {
                continue;
            }
            let metrics = self.metrics.add_split(self.node, &self.table, &name);
            let id = metrics.split;
            let split = Split { id, name, data };
            self.hand_out(split, None, metrics, turn).await;
        }
        for target in 0..self.subtasks.len() {
            let word = match found.again_after {
                Some(_) => Assignment::Later,
                None => Assignment::Complete,
            };
            self.tell(target, word).await;
        }
    }

    async fn hand_out(
        &mut self,
        split: Split,
        from: Option<Position>,
        metrics: Arc<SplitMetrics>,
        turn: &mut usize,
    ) {
        let target = *turn % self.subtasks.len();
        *turn += 1;
        self.tell(target, Assignment::Split(split, from, metrics))
            .await;
    }

    /// A subtask that has ended early is no reason to end: the others may still read.
    async fn tell(&mut self, target: usize, word: Assignment) {
        drop(self.subtasks[target].send(word).await);
    }

    /// False if every reader has gone.
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
