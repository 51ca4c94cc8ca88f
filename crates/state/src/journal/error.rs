//! How the journal words its errors: always the file or the journal, what was wanted, what was
//! found.

use std::fmt::Display;
use std::io;

use millstream_core::{Code, Error, Remedy};

/// A journal file whose bytes are not what was written: never read as "empty", never skipped.
pub(super) fn damaged(file: &str, offset: u64, what: impl Display) -> Error {
    Error::new(
        Code::InputLost,
        format!("journal file '{file}' is damaged at offset {offset}: {what}"),
    )
    .hint("nothing was changed; put the file back from a copy, or read on behind the damage")
}

/// The disk did not give back what is on it.
pub(super) fn read(file: &str, cause: io::Error) -> Error {
    Error::new(Code::Read, format!("cannot read journal file '{file}'")).caused_by(cause)
}

/// The disk did not take what should be on it, while the journal was opened or shortened.
pub(super) fn write(file: &str, doing: &str, cause: io::Error) -> Error {
    Error::new(
        Code::Write,
        format!("cannot {doing} journal file '{file}'{}", space(&cause)),
    )
    .caused_by(cause)
}

/// Records that are not in the journal, or no longer.
pub(super) fn lost(message: String) -> Error {
    Error::new(Code::InputLost, message)
}

/// The journal takes nothing right now.
pub(super) fn unavailable(message: String) -> Error {
    Error::new(Code::Unavailable, message)
}

/// Why a whole group of appends failed: told to each of its appenders.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    message: String,
    retry: bool,
}

impl Failure {
    /// The disk refused; the appender may try again.
    pub(super) fn disk(journal: &str, doing: &str, cause: &io::Error) -> Self {
        Failure {
            message: format!(
                "cannot {doing} journal '{journal}'{}: {cause}",
                space(cause)
            ),
            retry: true,
        }
    }

    /// What an attempt to go on found.
    pub(super) fn of(journal: &str, error: &Error) -> Self {
        Failure {
            message: format!("journal '{journal}' takes no records: {}", error.report()),
            retry: error.remedy() == Remedy::Retry || error.code() == Code::Write,
        }
    }

    /// The error of one appender.
    pub(super) fn error(&self) -> Error {
        let error = Error::new(Code::Write, self.message.clone());
        match self.retry {
            true => error
                .with_remedy(Remedy::Retry)
                .hint("the records are not acknowledged: append them again"),
            false => error,
        }
    }
}

fn space(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (the disk is full)",
        _ => "",
    }
}
