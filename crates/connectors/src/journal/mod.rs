//! The ingestion journal as a table: records that were pushed to us, read in their order.
//!
//! ```text
//! pushers ─▶ journal (crates/state) ─▶ reader ─ payloads ─▶ decoder ─▶ rows
//!                 ▲                                                     │
//!                 └── truncate ◀── acknowledger ◀── committed checkpoint ┘
//! ```
//!
//! * The journal is the only split; a position is the sequence of the next record, with the id of
//!   the journal, so that another journal in the same folder is not mistaken for it.
//! * Every record can be read again until a checkpoint has confirmed it, so the source is
//!   exactly-once. With `'journal.retention' = 'checkpoint'` what is confirmed is removed; then one
//!   job reads the journal, and it can go back to its last checkpoint only.
//! * A journal belongs to one process: pushers and jobs share it within that process.

mod decode;
mod reader;
mod source;
#[cfg(test)]
mod tests;

use millstream_core::connector::{Connector, SinkFactory, SourceFactory};
use millstream_core::options::OptionSpec;

const PATH: &str = "path";
const STREAM: &str = "stream";
const RETENTION: &str = "journal.retention";
const BOUNDED: &str = "scan.bounded.mode";

/// `'connector' = 'journal'`.
pub(crate) struct Journal;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(PATH, "a folder", "", "where the journal is"),
    OptionSpec::new(
        STREAM,
        "the name of a stream",
        "every stream",
        "only records of this stream are read",
    ),
    OptionSpec::new(
        RETENTION,
        "'all' or 'checkpoint'",
        "all",
        "whether records are removed once a checkpoint of this job has confirmed them",
    ),
    OptionSpec::new(
        BOUNDED,
        "'unbounded' or 'latest-offset'",
        "unbounded",
        "whether the table ends with the records that are there when the job starts",
    ),
];

impl Connector for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        None
    }

    fn has_format(&self) -> bool {
        true
    }
}
