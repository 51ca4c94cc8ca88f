//! The oracle and the means of injury: how the promises about data are proved.
//!
//! One idea: run a job without faults, run it with faults, compare. What the right answer is comes
//! from plain Rust over a generated input, never from the engine; what went wrong is scheduled from
//! a seed, so that a run that fails can be repeated.
//!
//! ```text
//! generator ─▶ input ─▶ the real binary ─▶ output ─▶ reader ─┐
//!     │                  ▲ supervisor, proxy, store, powercut │
//!     └─▶ reference ─────────── expected rows ───────────▶ compare ─▶ lost, duplicated, wrong
//! ```
//!
//! * What is right: [`generator`] (input with known totals), [`reference`] (results of the
//!   queries), [`compare`] (multisets and order), [`reader`] (a `read_committed` reader that reads
//!   while the job crashes).
//! * What goes wrong: [`supervisor`] (kills, pauses and restarts the real binary), [`proxy`] (cuts,
//!   delays and answers on the wire), [`store`] (a failing object store), [`powercut`] (a disk that
//!   forgets what was not fsynced), [`disk`] (a real file system that is full, read-only or without
//!   power), [`contention`] (busy cores; memory, descriptors and threads).
//! * What happened: [`autopsy`] (what every thread of a process that hangs is doing).
//! * What is tried: [`cases`] (one row per fault case, its runner and its report).
//!
//! Chance comes from [`chance`] only. Dev-only: nothing here is part of the binary.

pub mod autopsy;
pub mod cases;
pub mod chance;
pub mod compare;
pub mod contention;
pub mod disk;
pub mod generator;
pub mod powercut;
pub mod proxy;
pub mod reader;
pub mod reference;
pub mod services;
pub mod store;
pub mod supervisor;
pub mod writer;
