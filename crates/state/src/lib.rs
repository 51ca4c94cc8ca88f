//! Checkpoints and the state in them, on any object store.
//!
//! ```text
//! operators ─ put ─▶ run::RunWriter ─▶ runs ─ upload ─┐
//!                                                    ├─▶ store ─▶ file:///…  s3://…  memory://
//! runtime ── which runs, which positions ─▶ manifest ─┘
//!
//! operators ◀─ chunks ─ run::Merge ◀─ runs of the key groups wanted ◀─ manifest
//! ```
//!
//! * [`run`]: immutable sorted files of state entries; writing, merging, point look-ups.
//! * [`manifest`]: what a checkpoint consists of: one file, created last.
//! * [`store`]: the object store: create-only files, deadlines, retries, generations, savepoints.
//! * [`compact`]: fewer and smaller runs, in the background.
//!
//! Nobody else in the house knows an object store for state, and this crate knows no operator.

mod base64;
pub mod compact;
mod envelope;
mod error;
pub mod journal;
pub mod manifest;
pub mod run;
pub mod store;
mod together;
mod wire;

pub use base64::Inline;
pub use manifest::Manifest;
pub use store::{CheckpointStore, JobStore, StoreOptions};
