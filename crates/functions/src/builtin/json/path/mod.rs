//! Paths into JSON, as Flink reads them with Jayway's JsonPath.
//!
//! ```text
//! [lax | strict] $ step*
//! step      := .name | ['name'(, 'name')*] | [n(, n)*] | [from:to] | .* | [*] | ..step | [?(filter)]
//!            | .length() | .size() | .min() | .max() | .avg() | .sum() | .stddev()
//!            | .first() | .last() | .keys()
//! filter    := operand [== | != | < | <= | > | >= | =~ | in | nin operand] with !, &&, ||, ( )
//! operand   := @path | $path | number | 'text' | true | false | null | [..] | /pattern/i
//! ```
//!
//! * A path without a mode is strict: what is not there is an error. In lax mode it is nothing.
//! * A path is definite if it can find one value only; else it finds an array, possibly empty.
//! * `$.` may be left out. A negative index counts from the end.
//! * A text that is no path is [`Wrong::Path`]: an error of the call, which mostly makes NULL. A filter
//!   that we cannot read is [`Wrong::Unsupported`], which always fails: Jayway may know it.
//! * Always: at most [`STEPS_MAX`] steps and [`MATCHES_MAX`] matches.

mod filter;
mod find;
mod parse;

#[cfg(test)]
mod tests;

use millstream_core::Error;

pub(super) use find::Found;

/// The most steps of a path; JSON itself is read no deeper.
const STEPS_MAX: usize = 128;

/// The most matches that are collected.
const MATCHES_MAX: usize = 1 << 20;

/// A compiled path.
#[derive(Debug)]
pub(super) struct Path {
    lax: bool,
    steps: Vec<Step>,
}

/// Why a text is no path.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is none.
    Path,
    /// We cannot say.
    Unsupported(Error),
}

#[derive(Debug)]
enum Step {
    Member(String),
    Members(Vec<String>),
    Elements(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    All,
    /// The next step from here and from everything below.
    Scan,
    Filter(filter::Filter),
    Function(Function),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    StdDev,
    First,
    Last,
    Keys,
}

impl Step {
    /// Whether it finds one value at most.
    fn is_definite(&self) -> bool {
        match self {
            Step::Member(_) | Step::Members(_) | Step::Function(_) => true,
            Step::Elements(indexes) => indexes.len() == 1,
            Step::Slice(..) | Step::All | Step::Scan | Step::Filter(_) => false,
        }
    }
}

impl Path {
    /// Reads a path such as `lax $.a['b'][0]`.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        parse::path(text)
    }

    /// Whether what is not there is nothing, and not an error.
    pub(super) fn is_lax(&self) -> bool {
        self.lax
    }

    fn is_definite(&self) -> bool {
        self.steps.iter().all(Step::is_definite)
    }
}
