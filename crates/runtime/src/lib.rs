//! Runs a job graph: tasks, the exchanges between them, and the life of the job as a whole.
//!
//! ```text
//! JobGraph ─▶ wire ─▶ tasks ─▶ spawn         one task per chain and subtask
//!                       │ exchange: bounded queues between them
//!                       └ incarnation: end, error, stop, cancel; checkpoint: cut, commit, recover
//! ```
//!
//! * [`start`] makes a [`RunningJob`] from a graph and an [`Environment`].
//! * Decisions are pure state machines (`lifecycle`, `checkpoint/coordinator`, `task/input`,
//!   `task/chain`, `task/idleness`, and `millstream-protocol`);
//!   the async code around them only waits.
//! * Always: every queue is bounded in bytes or length; every task is named, counted and joined;
//!   one failing task ends this life of its job and nothing else; only what
//!   every task has passed a barrier for is committed.
//!
//! Start reading at `task/mod.rs`.

mod checkpoint;
mod environment;
mod exchange;
mod incarnation;
mod job;
mod lifecycle;
pub mod memory;
mod options;
mod patience;
mod rehearse;
mod spawn;
mod task;
#[cfg(test)]
mod testing;
mod wire;

pub use environment::{Connectors, Environment, JsonRow, OperatorSite, Operators};
pub use job::{JobSummary, NodeSummary, Results, RunningJob, SplitSummary, Stopper, start};
pub use lifecycle::Outcome;
pub use options::{CheckpointOptions, JobOptions, Notice, Notify, Rehearsal, StartFrom};
