//! State that is larger than memory: entries are given up when the process holds too much, and
//! brought back before the rows that need them.
//!
//! ```text
//! after some calls   account: how much is held ─▶ too much, and the newest snapshot is committed
//!                                                      └─▶ the operator gives up clean entries
//! before on_rows     something was given up ─▶ the operator looks up what the rows need
//! ```
//!
//! * What is given up lies in a committed checkpoint, so nothing is written for it.
//! * Between a snapshot and its commit nothing is given up: what is clean then may be newer than
//!   what is committed.
//! * When most of the state has changed since the last checkpoint, there is little to give up; then
//!   the next checkpoint is asked for at once, and nothing is tried again before it is committed.
//! * Cost: one account per 4 calls; a look-up per batch once something has been given up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use millstream_core::id::{CheckpointId, NodeId, Port};
use millstream_core::operator::Operator;
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateChunk, StateKey, StateLookup, StateReader};
use millstream_core::{Error, Result};
use millstream_state::manifest::{Manifest, NodeState};
use millstream_state::run::{BlockCache, Lookup};
use millstream_state::store::{JobStore, NodeRuns};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};

use crate::memory::Account;

/// Calls from one account to the next.
const CALLS: u32 = 4;

/// The newest committed checkpoint, as tasks look into it.
#[derive(Clone)]
pub(crate) struct Committed {
    store: JobStore,
    manifest: Arc<Manifest>,
    /// Blocks of files that were read before; one cache per job.
    cache: Arc<BlockCache>,
    /// The files that a subtask has opened, by node: indexes take memory, once for all subtasks.
    opened: Arc<Mutex<BTreeMap<u32, NodeRuns>>>,
}

impl Committed {
    /// What `manifest` keeps.
    pub(crate) fn new(store: &JobStore, manifest: Manifest, cache: &Arc<BlockCache>) -> Self {
        Committed {
            store: store.clone(),
            manifest: Arc::new(manifest),
            cache: Arc::clone(cache),
            opened: Arc::default(),
        }
    }

    /// The files of a node, opened; `before` are those of an earlier checkpoint.
    async fn open(&self, node: NodeId, before: Option<&NodeRuns>) -> Result<NodeRuns> {
        // Held while they are opened: another subtask of the node waits for the same.
        let mut opened = self.opened.lock().await;
        if let Some(runs) = opened.get(&node.0) {
            return Ok(runs.clone());
        }
        let mut nodes = self.manifest.nodes.iter();
        let empty = NodeState::default();
        let state = nodes.find(|state| state.id == node.0).unwrap_or(&empty);
        let runs = self.store.reopen_node(state, before).await?;
        opened.insert(node.0, runs.clone());
        Ok(runs)
    }
}

/// What one stage has given up, and where it is.
pub(crate) struct Spilling {
    node: NodeId,
    account: Account,
    committed: watch::Receiver<Option<Committed>>,
    pace: Pace,
    calls: u32,
    /// Something is only in the checkpoint.
    is_partial: bool,
    given_up: Option<GivenUp>,
    /// Whether anything may be given up at all.
    is_allowed: bool,
}

/// When a stage gives up state, and when it asks for a checkpoint. Pure.
#[derive(Debug, Default)]
struct Pace {
    /// The newest snapshot of the stage.
    snapshot: u64,
    /// The committed checkpoint with which all that could be given up has been.
    drained: Option<u64>,
    /// A checkpoint was asked for since the newest snapshot.
    has_asked: bool,
}

/// What to do about too much state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A checkpoint is on its way, or was asked for: once it is committed, what it holds can go.
    Wait,
    /// Have a checkpoint made.
    Ask,
    /// Give up what is committed.
    GiveUp,
}

impl Pace {
    fn step(&mut self, newest: Option<u64>) -> Step {
        if self.snapshot > newest.unwrap_or(0) {
            return Step::Wait;
        }
        match newest {
            Some(_) if self.drained != newest => Step::GiveUp,
            _ => self.ask(),
        }
    }

    /// Something was given up, enough or all there was.
    fn gave_up(&mut self, newest: Option<u64>, enough: bool) -> Step {
        if enough {
            return Step::Wait;
        }
        self.drained = newest;
        self.ask()
    }

    /// Once per snapshot.
    fn ask(&mut self) -> Step {
        match std::mem::replace(&mut self.has_asked, true) {
            true => Step::Wait,
            false => Step::Ask,
        }
    }

    fn snapshot(&mut self, checkpoint: CheckpointId) {
        self.snapshot = checkpoint.0;
        self.has_asked = false;
    }
}

struct GivenUp {
    checkpoint: u64,
    runs: NodeRuns,
    lookup: Lookup,
}

impl Spilling {
    /// A stage that starts from `snapshot`. With whole snapshots (`is_allowed` false) nothing is
    /// given up: they want everything, and would forget what is not in memory.
    pub(crate) fn new(
        node: NodeId,
        account: Account,
        committed: watch::Receiver<Option<Committed>>,
        snapshot: CheckpointId,
        is_allowed: bool,
    ) -> Self {
        Spilling {
            node,
            account,
            committed,
            pace: Pace {
                snapshot: snapshot.0,
                ..Pace::default()
            },
            calls: 0,
            is_partial: false,
            given_up: None,
            is_allowed,
        }
    }

    /// The most a restore should load, bytes.
    pub(crate) fn restore_bytes(&self) -> usize {
        match self.is_allowed {
            true => self.account.share(),
            false => usize::MAX,
        }
    }

    /// The stage has been restored, perhaps not wholly.
    pub(crate) fn restored(&mut self, operator: &mut dyn Operator) {
        self.is_partial |= operator.spill().is_some_and(|spill| spill.is_partial());
    }

    /// The stage has handed over a snapshot.
    pub(crate) fn snapshot(&mut self, checkpoint: CheckpointId) {
        self.pace.snapshot(checkpoint);
    }

    /// Before `on_rows`: brings back what the rows need.
    pub(crate) fn fetch(
        &mut self,
        operator: &mut dyn Operator,
        port: Port,
        rows: &ChangeBatch,
    ) -> Result<()> {
        if !self.is_partial {
            return Ok(());
        }
        self.look_at_newest()?;
        match (operator.spill(), &mut self.given_up) {
            (Some(spill), Some(given_up)) => spill.fetch(port, rows, given_up),
            _ => Ok(()),
        }
    }

    /// After a call: gives something up if too much is held. True if a checkpoint would help.
    pub(crate) fn account(&mut self, operator: &mut dyn Operator) -> Result<bool> {
        self.calls += 1;
        if self.calls < CALLS {
            return Ok(false);
        }
        self.relieve(operator)
    }

    /// The same at once; also when no rows come, because sources wait for memory.
    pub(crate) fn relieve(&mut self, operator: &mut dyn Operator) -> Result<bool> {
        self.calls = 0;
        let can_spill = self.is_allowed && operator.spill().is_some();
        let excess = self.account.set(operator.state_bytes(), can_spill);
        if excess == 0 {
            return Ok(false);
        }
        let newest = self.newest_checkpoint();
        let Some(spill) = operator.spill().filter(|_| self.is_allowed) else {
            return Ok(false);
        };
        match self.pace.step(newest) {
            Step::Wait => return Ok(false),
            Step::Ask => return Ok(true),
            Step::GiveUp => {}
        }
        let freed = spill.evict(excess)?;
        self.is_partial |= spill.is_partial();
        if freed > 0 {
            self.account.set(operator.state_bytes(), can_spill);
            self.account.freed();
        }
        let enough = freed >= excess / 2;
        Ok(self.pace.gave_up(newest, enough) == Step::Ask)
    }

    fn newest_checkpoint(&self) -> Option<u64> {
        let committed = self.committed.borrow();
        committed.as_ref().map(|c| c.manifest.checkpoint)
    }

    /// Opens the files of the newest committed checkpoint: those of older ones may be deleted.
    fn look_at_newest(&mut self) -> Result<()> {
        let newest = self.committed.borrow().clone();
        let Some(newest) = newest else {
            return Err(Error::internal("state was given up without a checkpoint"));
        };
        let checkpoint = newest.manifest.checkpoint;
        let given_up = self.given_up.as_ref();
        if given_up.is_some_and(|given_up| given_up.checkpoint == checkpoint) {
            return Ok(());
        }
        let before = given_up.map(|given_up| &given_up.runs);
        let runs = wait_for(newest.open(self.node, before))?;
        self.given_up = Some(GivenUp {
            checkpoint,
            lookup: runs.lookup(Arc::clone(&newest.cache))?,
            runs,
        });
        Ok(())
    }
}

impl StateLookup for GivenUp {
    fn get(&mut self, keys: &[StateKey<'_>]) -> Result<Vec<Option<Vec<u8>>>> {
        let found = wait_for(self.lookup.get_many(keys))?;
        Ok(found.into_iter().map(|v| v.map(Into::into)).collect())
    }
}

/// Waits on a thread that runs tasks, letting others take over its queue meanwhile. Only where state
/// is larger than memory: then the disk is what everybody waits for.
fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

/// Reads the state of a stage, as much as there is room for.
pub(crate) struct Bounded<R> {
    /// Reads all of it.
    pub(crate) reader: R,
    /// How much there is room for.
    pub(crate) bytes_max: usize,
}

impl<R: StateReader> StateReader for Bounded<R> {
    fn next_chunk(&mut self) -> Result<Option<StateChunk>> {
        self.reader.next_chunk()
    }

    fn blobs(&self, name: &str) -> Vec<&[u8]> {
        self.reader.blobs(name)
    }

    fn key_groups(&self) -> Range<u32> {
        self.reader.key_groups()
    }

    fn is_enough(&self, bytes: usize) -> bool {
        bytes >= self.bytes_max
    }
}

#[cfg(test)]
mod tests;
