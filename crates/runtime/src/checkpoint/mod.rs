//! Checkpoints: cut, stored, committed, and found again after a crash.
//!
//! ```text
//! coordinator ─▶ barrier through all tasks ─▶ ledger: what each of them keeps
//!      ▲                                         │
//!      └── committed ◀── commit: state files, manifest, commit point, sinks, sources
//! start, restart ─▶ recover: claim, fence, decide ─▶ the state the tasks begin with
//! ```
//!
//! * [`coordinator`]: when a checkpoint is cut and when it is complete; pure.
//! * [`ledger`]: what the tasks have told about the checkpoint that is being cut; pure.
//! * [`commit`] and [`recover`]: drive the decisions of `millstream-protocol` with a store, the
//!   sinks, and the transactions of one outside system.
//! * [`identity`]: which state is whose if the job has changed.
//! * [`store`]: the state files and manifests of this life. [`sinks`]: the committers of all tables.
//!
//! A job without a checkpoint folder takes the same way, but keeps no state: at each checkpoint
//! results become visible, and that is all.

pub(crate) mod commit;
pub(crate) mod coordinator;
pub(crate) mod identity;
pub(crate) mod ledger;
pub(crate) mod recover;
pub(crate) mod sinks;
pub(crate) mod store;
