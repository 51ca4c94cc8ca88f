//! Transactions of an outside system that can carry the commit decision of a whole checkpoint.
//!
//! The *last agent* of a two-phase commit is the participant to whom the decision is handed: its
//! commit *is* the commit of the checkpoint, and it stores a marker with it by which a later life
//! of the job learns whether that happened.
//!
//! ```text
//! recover ─▶ marker      fences earlier lives, decides what was in flight
//! begin ─▶ { writers write; writers prepare } ─▶ commit(marker) ─▶ begin ─▶ …
//! ```
//!
//! Idea: "last agent optimisation" (J. Gray, A. Reuter, "Transaction Processing").

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, Result};

/// Which checkpoint a transaction has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitMarker {
    /// The lineage of the job.
    pub lineage: String,
    /// The number of the checkpoint; 0 before the first.
    pub checkpoint: u64,
}

/// What became of a commit.
#[derive(Debug)]
pub enum CommitOutcome {
    /// It is done: everything is visible, the marker is stored.
    Committed,
    /// It did not happen, or nobody knows. The job must recover: a later life asks for the marker.
    Unknown(Error),
}

/// The transactions of one job with one outside system, shared by all of its writers there.
#[async_trait]
pub trait Transactions: Send + Sync {
    /// Fences every earlier life of this lineage and of `others` (lineages of the same job that may
    /// have left a transaction open), decides what was in flight, and reads the marker.
    async fn recover(&self, others: &[String]) -> Result<Option<CommitMarker>>;
    /// Stores a marker without rows, before the first row of a lineage.
    async fn mark(&self, marker: &CommitMarker) -> Result<()>;
    /// Opens the next transaction; until then writers wait.
    async fn begin(&self) -> Result<()>;
    /// Commits what the writers have prepared, with the marker.
    async fn commit(&self, marker: &CommitMarker) -> CommitOutcome;
    /// Gives up what is not committed, so that readers do not wait for it.
    async fn abort(&self) -> Result<()>;
    /// What the call that is under way waits for, in words for people, such as `take over the
    /// transactional id 'x'`. Asked when it lasts long.
    fn doing(&self) -> Option<String> {
        None
    }
    /// Something the owner of the job should know now, told once: the open transaction has been open
    /// for half of the time it may. Asked every second.
    fn alarm(&self) -> Option<String> {
        None
    }
    /// For the writers of the same connector.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}
