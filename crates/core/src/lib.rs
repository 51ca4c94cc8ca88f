//! The vocabulary all other crates share: time, rows, ids, options, errors, and the traits.
//!
//! Everybody may depend on this crate; it depends on no other crate of ours and starts nothing:
//! no thread, no clock, no disk. What it names is used with the same word in SQL, code, metrics,
//! UI and docs.
//!
//! * [`message`] and [`operator`]: what travels between operators and what an operator is.
//! * [`rows`]: Arrow batches with a row kind, [`time`]: event time, [`key`]: key groups.
//! * [`types`]: Flink's SQL types and the Arrow types that carry them.
//! * [`state`]: how operators hand over what they remember; [`failpoint`]: where tests break in.
//! * [`connector`] and [`format`]: the seams towards the outside.
//! * [`error`]: an error says what to do next; [`options`]: typed options that refuse typing errors.

pub mod clock;
pub mod connector;
pub mod error;
pub mod failpoint;
pub mod format;
pub mod id;
pub mod key;
pub mod message;
pub mod metrics;
pub mod operator;
pub mod options;
pub mod rows;
pub mod side;
pub mod state;
pub mod suggest;
pub mod table;
pub mod time;
pub mod types;

pub use error::{Code, Error, Remedy, Result};
