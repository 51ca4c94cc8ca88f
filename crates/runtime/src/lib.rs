//! Runs a job graph: tasks, the exchanges between them, and the life of the job as a whole.
//!
//! ```text
//! JobGraph ─▶ wire ─▶ tasks ─▶ spawn         one task per chain and subtask
//!                       │ exchange: bounded queues between them
//!                       └ lifecycle: end, error, stop, cancel, commit
//! ```
//!
//! * [`start`] makes a [`RunningJob`] from a graph and an [`Environment`].
//! * Decisions are pure state machines (`lifecycle`, `task/input`, `task/chain`, `task/idleness`);
//!   the async code around them only waits.
//! * Always: every queue is bounded in bytes or length; every task is named, counted and joined;
//!   one failing task ends its job with its own error and nothing else; nothing is committed
//!   unless every task has ended well.
//!
//! Start reading at `task/mod.rs`.

mod environment;
mod exchange;
mod job;
mod lifecycle;
mod spawn;
mod task;
#[cfg(test)]
mod testing;
mod wire;

pub use environment::{Connectors, Environment, JsonRow, OperatorSite, Operators};
pub use job::{JobSummary, NodeSummary, Results, RunningJob, SplitSummary, Stopper, start};
pub use lifecycle::Outcome;
