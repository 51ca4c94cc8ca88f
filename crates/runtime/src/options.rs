//! What the owner of a job decides about its life: where state is kept, how often, and what happens
//! after a failure.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Error;
use millstream_protocol::restart::Policy;
use millstream_state::{CheckpointStore, StoreOptions};

/// How a job lives.
#[derive(Clone)]
pub struct JobOptions {
    /// Its name, unique among the jobs that share a checkpoint folder.
    pub name: String,
    /// Where and how often its state is kept; `None`: it keeps none, and does not survive a crash.
    pub checkpoints: Option<CheckpointOptions>,
    /// How it is restarted after a failure; only with checkpoints.
    pub restart: Policy,
    /// Is told what happens besides the results.
    pub notify: Option<Notify>,
    /// Breaks the job off on purpose; for tests.
    pub rehearsal: Option<Rehearsal>,
}

/// Breaks a job off behind every committed checkpoint and starts it again from there, in the same
/// process, with another number of subtasks each time: whatever an operator has not kept is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// Rows after which each source task waits for the checkpoint, and with it for the crash.
    pub rows: u64,
    /// Numbers of subtasks of the lives after the first, in turn, for every node that has as many
    /// subtasks as any has.
    pub parallelism: Vec<u32>,
}

/// Is told what happens to a job; must not block.
pub type Notify = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// Where and how often a job's state is kept.
#[derive(Clone)]
pub struct CheckpointOptions {
    /// The folder.
    pub store: CheckpointStore,
    /// How other folders, such as a savepoint's, are reached.
    pub access: StoreOptions,
    /// Time from one checkpoint to the next; `None`: only at the end.
    pub interval: Option<Duration>,
    /// Shortest time between two checkpoints.
    pub pause: Duration,
    /// Longest time a barrier may take.
    pub timeout: Duration,
    /// Write only what has changed.
    pub incremental: bool,
    /// Checkpoints kept; at least 3.
    pub retained: usize,
    /// What the job starts from.
    pub start: StartFrom,
    /// Its owner agrees to what becomes of its state if it is no longer the job that wrote it.
    pub approve_changes: bool,
}

/// What a job starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// Its newest checkpoint; nothing if there is none yet.
    #[default]
    Newest,
    /// Nothing, even if there is a checkpoint.
    Fresh,
    /// This savepoint or checkpoint: a URL of its folder.
    Savepoint(String),
}

/// What happens to a job.
#[derive(Debug)]
pub enum Notice<'a> {
    /// It goes on from this checkpoint.
    Restored {
        /// Its number.
        checkpoint: u64,
    },
    /// A checkpoint is committed.
    Committed {
        /// Its number.
        checkpoint: u64,
        /// From the cut to the commit.
        took: Duration,
    },
    /// It has failed and will start again.
    Restarting {
        /// Why.
        cause: &'a Error,
        /// After how long.
        after: Duration,
    },
    /// It has waited for this step for long, and still does.
    Waiting {
        /// What, and for whom it waits.
        step: &'a str,
        /// For how long by now.
        lasted: Duration,
    },
    /// A step it was said to wait for is over, well or not.
    WentOn {
        /// Which.
        step: &'a str,
        /// How long it took.
        lasted: Duration,
    },
    /// Something that does no harm but should be known.
    Warning(&'a str),
}

impl JobOptions {
    /// A job of this name that keeps no state.
    pub fn named(name: impl Into<String>) -> Self {
        JobOptions {
            name: name.into(),
            checkpoints: None,
            restart: Policy::default(),
            notify: None,
            rehearsal: None,
        }
    }

    pub(crate) fn tell(&self, notice: Notice<'_>) {
        if let Some(notify) = &self.notify {
            notify(notice);
        }
    }
}

impl CheckpointOptions {
    /// Every so often into this folder; the rest as Flink has it.
    pub fn new(store: CheckpointStore, interval: Option<Duration>) -> Self {
        CheckpointOptions {
            store,
            access: StoreOptions::default(),
            interval,
            pause: Duration::ZERO,
            timeout: Duration::from_secs(600),
            incremental: true,
            retained: 3,
            start: StartFrom::Newest,
            approve_changes: false,
        }
    }
}
