//! The decisions of checkpoint, commit and recovery, without I/O, clock or chance.
//!
//! A job is cut into *checkpoints*. A checkpoint is **prepared** once its manifest exists, and
//! **committed** at one single instant: when the last agent (Kafka) commits the transaction that
//! carries the marker `lineage:N`, or, in a job without one, when the object `committed-N` is
//! created. Everything here serves that instant:
//!
//! | module | question it answers |
//! |---|---|
//! | [`recover`] | a job starts: which checkpoint is the truth, and what is to be done before the first row? |
//! | [`commit`] | every receipt of a checkpoint is in: what comes next, and what if the answer is an error or no answer? |
//! | [`generation`] | which of two processes may write? |
//! | [`gc`] | which objects can nobody need any more? |
//! | [`restart`] | a job failed: try again, when, and how often? |
//!
//! The store, the broker and the sinks are driven by `millstream-runtime` and `millstream-state`,
//! which look, ask, and do as told. The same functions run in the model of `tests/model`, where two
//! incarnations of a job, crashes, lost answers and late requests are tried in every order.
//!
//! Always:
//! * Objects are created, never changed: `generation-G`, `manifest-N`, `committed-N`.
//! * A number is used once: a discarded checkpoint leaves its number behind.
//! * An unknown answer is never taken for yes or no: it is read back, or recovery decides.
//!
//! Sources: Gray and Reuter, "Transaction Processing", 1992, §10.6 (last agent); Lampson and Lomet,
//! "A New Presumed Commit Optimization for Two Phase Commit", VLDB 1993; SlateDB RFC-0026 (deletion
//! below a boundary). The record of the decision is `docs/adr/0009-commit-protocol.md`.

pub mod commit;
pub mod gc;
pub mod generation;
pub mod recover;
pub mod restart;
