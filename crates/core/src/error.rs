//! Errors that say what was wrong, where, and what to do next.
//!
//! One type crosses the walls between crates: [`Error`]. It carries a stable [`Code`] (each has a
//! page in `docs/errors/`), a [`Remedy`] chosen where the error happens and obeyed by the job, an
//! optional place in the user's text, an optional hint, and the cause.
//!
//! Messages are lower case, without a full stop, the user's names in quotes, and say what was
//! wanted and what was found. A value of a secret option never enters a message.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What whoever receives an error should do. Chosen where it happens, obeyed by the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The owner must change SQL, an option, a file or a credential: stop the job, show the message.
    Correct,
    /// The outside is away: try again, more slowly each time.
    Retry,
    /// One record is unreadable: treat it as the table's `on-error` says.
    SetAside,
    /// Our own promise is broken: stop the job, keep the evidence.
    Report,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $remedy:ident;)*) => {
        /// The stable name of an error; `docs/errors/<code>.md` explains it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The text users see, such as `MS1001`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// What to do about it unless the place that raised it knows better.
            pub fn remedy(self) -> Remedy {
                match self { $(Code::$name => Remedy::$remedy,)* }
            }
        }
    };
}

codes! {
    /// The SQL text does not follow the grammar.
    Syntax = "MS1001", Correct;
    /// Valid Flink SQL that this release does not run yet.
    Unsupported = "MS1002", Correct;
    /// A table, view or database that does not exist.
    UnknownTable = "MS1003", Correct;
    /// A column that does not exist.
    UnknownColumn = "MS1004", Correct;
    /// A function that does not exist.
    UnknownFunction = "MS1005", Correct;
    /// An expression of the wrong type.
    TypeMismatch = "MS1006", Correct;
    /// An option nobody reads.
    UnknownOption = "MS1007", Correct;
    /// An option with a value that cannot be used, or a missing required option.
    InvalidOption = "MS1008", Correct;
    /// A query whose changes the sink cannot take, or a plan that cannot be streamed.
    InvalidPlan = "MS1009", Correct;
    /// A statement beyond the limits on size and depth.
    TooComplex = "MS1010", Correct;
    /// A name that is already taken.
    AlreadyExists = "MS1011", Correct;
    /// A table definition that contradicts itself.
    InvalidSchema = "MS1012", Correct;
    /// A record that cannot be decoded.
    BadRecord = "MS2001", SetAside;
    /// A row whose event time is NULL.
    NullEventTime = "MS2002", SetAside;
    /// A row whose event time is implausibly far in the future.
    FutureEventTime = "MS2003", SetAside;
    /// An expression that failed on a row: division by zero, overflow, a cast.
    Evaluation = "MS2004", Correct;
    /// Two rows with one primary key, where the owner has said that there is one.
    KeyConflict = "MS2005", Correct;
    /// The outside could not be read.
    Read = "MS3001", Correct;
    /// The outside could not be written.
    Write = "MS3002", Correct;
    /// A file or directory that is not there.
    NotFound = "MS3003", Correct;
    /// The outside does not answer, or not in time.
    Unavailable = "MS3004", Retry;
    /// The outside refuses who we are or what we may do.
    Denied = "MS3005", Correct;
    /// Input that was there when the job last read it is gone or has been replaced.
    InputLost = "MS3006", Correct;
    /// A checkpoint file that is damaged or missing.
    CheckpointDamaged = "MS4001", Correct;
    /// A checkpoint that does not fit the job that is to be started from it.
    CheckpointMismatch = "MS4002", Correct;
    /// Another process runs this job.
    Fenced = "MS4003", Correct;
    /// A commit whose outcome is not known, or that did not happen: the job recovers and replays.
    CommitUnknown = "MS4004", Retry;
    /// The memory limit is reached and nothing more can be given back.
    MemoryExhausted = "MS5001", Correct;
    /// A promise of Millstream itself is broken.
    Internal = "MS9001", Report;
}

/// A place in the user's SQL text; lines and columns count from one, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// How many characters the caret underlines; at least 1.
    pub width: u64,
    /// The line itself, without its line break.
    pub text: String,
}

/// An error with its code, its remedy and, where known, its place, hint and cause.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    remedy: Remedy,
    message: String,
    hint: Option<String>,
    location: Option<Location>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with the remedy its code usually has.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            code,
            remedy: code.remedy(),
            message: message.into(),
            hint: None,
            location: None,
            source: None,
        }))
    }

    /// A broken promise of our own.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Something Flink runs and we do not, yet.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Code::Unsupported, message)
    }

    /// Says how to get out of it, such as the nearest known name. An earlier hint stays.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says where in the user's text it is. An earlier place stays: the innermost one is the best.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.0.location.get_or_insert(location);
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Overrules the remedy of the code.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.0.remedy = remedy;
        self
    }

    /// Puts `context: ` before the message: which table, which file, which operator.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What to do next.
    pub fn remedy(&self) -> Remedy {
        self.0.remedy
    }

    /// What was wrong, without code, place and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How to get out of it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where in the user's text it is.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// The whole story on several lines: code, message, place with caret, cause, hint.
    pub fn report(&self) -> String {
        let mut text = format!("error[{}]: {}", self.0.code.as_str(), self.0.message);
        if let Some(place) = &self.0.location {
            text.push_str(&place.picture());
        }
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !text.contains(&words) {
                text.push_str(&format!("\n  cause: {words}"));
            }
            cause = error.source();
        }
        if let Some(hint) = &self.0.hint {
            text.push_str(&format!("\n  hint: {hint}"));
        }
        text
    }
}

impl Location {
    /// Longest piece of a line that is shown; longer lines are cut around the caret.
    const SHOWN_CHARS: usize = 120;

    fn picture(&self) -> String {
        let column = self.column.max(1) as usize - 1;
        let from = column.saturating_sub(Self::SHOWN_CHARS / 2);
        let shown: String = self
            .text
            .chars()
            .skip(from)
            .take(Self::SHOWN_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let width = (self.width.max(1) as usize).min(Self::SHOWN_CHARS);
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        format!(
            "\n {margin}--> line {}, column {}\n {margin} |\n {number} | {shown}\n {margin} | {}{}",
            self.line,
            self.column,
            " ".repeat(column - from),
            "^".repeat(width),
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(place) = &self.0.location {
            write!(f, " (line {}, column {})", place.line, place.column)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<arrow::error::ArrowError> for Error {
    /// Arrow kernels fail on values: overflow, division by zero, an impossible cast.
    fn from(error: arrow::error::ArrowError) -> Self {
        Error::new(Code::Evaluation, error.to_string()).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_the_line_with_a_caret_and_the_hint() {
        let error = Error::new(Code::UnknownColumn, "unknown column 'pirce'")
            .at(Location {
                line: 2,
                column: 8,
                width: 5,
                text: "SELECT pirce FROM bid".into(),
            })
            .hint("did you mean 'price'?");
        assert_eq!(
            error.report(),
            "error[MS1004]: unknown column 'pirce'\n  --> line 2, column 8\n   |\n 2 | SELECT \
             pirce FROM bid\n   |        ^^^^^\n  hint: did you mean 'price'?"
        );
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_caret() {
        let place = Location {
            line: 1,
            column: 5_000,
            width: 9_999,
            text: "x".repeat(1 << 20),
        };
        assert!(Error::new(Code::Syntax, "no").at(place).report().len() < 500);
    }
}
