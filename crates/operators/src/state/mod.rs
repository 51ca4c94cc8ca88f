//! From columns and vectors to the bytes of a checkpoint, and back.
//!
//! ```text
//! keys, accumulators by id                         table │ namespace │ key ─▶ value
//!    │ tracker: which ids have changed                            ▲
//!    ▼                                                            │
//! ids ─▶ columns of their keys ─▶ codec: bytes, core::key: key group
//! ```
//!
//! * [`bytes`]: numbers and lengths as bytes. [`codec`]: rows of columns as bytes.
//! * [`tracker`]: which entries have changed since the last snapshot, and which are gone.
//! * [`entries`]: the keys of entries, and the loops that write and read tables.
//! * [`form`]: what kind of state a checkpoint holds; refuses to read another kind.
//! * [`grow`]: how long vectors of entries grow.
//! * [`progress`]: how far event time had come for each key group. [`clock`]: the watermark of an
//!   operator whose rows are late by themselves, not by their windows.
//!
//! The bytes are stored on disk and read by later releases: their format has a version
//! ([`form::VERSION`]) and fixtures (`codec/tests.rs`). They hold no type and no name; the form,
//! stored beside, says which types they are of.

pub(crate) mod bytes;
pub(crate) mod clock;
pub(crate) mod codec;
pub(crate) mod entries;
pub(crate) mod form;
pub(crate) mod grow;
pub(crate) mod progress;
pub(crate) mod tracker;
