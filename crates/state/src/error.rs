//! How this crate words its errors: always the file, what was wanted, what was found.

use std::fmt::Display;

use millstream_core::{Code, Error};

/// A stored file whose bytes are not what was written: never read as "empty", never skipped.
pub(crate) fn damaged(file: &str, what: impl Display) -> Error {
    Error::new(
        Code::CheckpointDamaged,
        format!("state file '{file}' is damaged: {what}"),
    )
    .hint("restore an older checkpoint or a savepoint; nothing was read from this file")
}

/// A file of a format this release does not know.
pub(crate) fn newer(file: &str, kind: &str, found: u32, known: u32) -> Error {
    Error::new(
        Code::CheckpointMismatch,
        format!(
            "{kind} '{file}' has format version {found}, this release reads versions up to {known}"
        ),
    )
    .hint("it was written by a newer release: run that one")
}

/// The local disk did not take a spilled piece.
pub(crate) fn spill(path: &std::path::Path, what: &str, cause: std::io::Error) -> Error {
    Error::new(
        Code::Write,
        format!("cannot {what} the spill file '{}'", path.display()),
    )
    .caused_by(cause)
}
