//! What the tasks have told about the checkpoint that is being cut. Pure.

use std::collections::BTreeMap;

use millstream_core::connector::Prepared;
use millstream_core::id::NodeId;
use millstream_core::message::Barrier;
use millstream_state::manifest::SplitState;

use crate::task::report::{Passed, StageSnapshot};

/// Everything a checkpoint keeps, once every task has passed the barrier.
pub(crate) struct Cut {
    /// The barrier.
    pub(crate) barrier: Barrier,
    /// The state of each subtask of each operator.
    pub(crate) stages: Vec<StageSnapshot>,
    /// Where every split of each source stands, by its number.
    pub(crate) sources: BTreeMap<NodeId, BTreeMap<u32, SplitState>>,
    /// The receipts of each sink.
    pub(crate) receipts: BTreeMap<NodeId, Prepared>,
}

/// Collects the words of the tasks.
pub(crate) struct Ledger {
    /// Finished splits: no task reads them any more, but the source must not find them again.
    finished: BTreeMap<NodeId, BTreeMap<u32, SplitState>>,
    open: Option<Cut>,
}

impl Ledger {
    /// A ledger that starts with the finished splits of a checkpoint.
    pub(crate) fn new(finished: BTreeMap<NodeId, BTreeMap<u32, SplitState>>) -> Self {
        Ledger {
            finished,
            open: None,
        }
    }

    /// A checkpoint is being cut.
    pub(crate) fn open(&mut self, barrier: Barrier) {
        self.open = Some(Cut {
            barrier,
            stages: Vec::new(),
            sources: self.finished.clone(),
            receipts: BTreeMap::new(),
        });
    }

    /// A task has passed the barrier. False if it is not the one that is being cut.
    pub(crate) fn enter(&mut self, passed: Passed) -> bool {
        let Some(cut) = &mut self.open else {
            return false;
        };
        if cut.barrier.checkpoint != passed.checkpoint {
            return false;
        }
        cut.stages.extend(passed.stages);
        if let Some(source) = passed.source {
            let all = cut.sources.entry(source.node).or_default();
            for split in source.splits {
                if split.finished {
                    let finished = self.finished.entry(source.node).or_default();
                    finished.insert(split.id, split.clone());
                }
                all.insert(split.id, split);
            }
        }
        if let Some((node, prepared)) = passed.sink {
            let receipt = cut.receipts.entry(node).or_default();
            receipt.committables.extend(prepared.committables);
            receipt.rows += prepared.rows;
        }
        true
    }

    /// Everybody has passed.
    pub(crate) fn close(&mut self) -> Option<Cut> {
        self.open.take()
    }
}
