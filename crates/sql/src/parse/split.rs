//! Where the first statement of a text ends, for a shell that reads line by line.
//!
//! A statement ends at `;`, but not within quotes and comments, and not within a statement set, whose
//! INSERTs have semicolons of their own: from BEGIN to an END that begins a statement.

use super::lexer::{Kind, Lexer};

/// Whether a text holds a whole statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// It does; the statement and its `;` are the first `end` bytes.
    Complete {
        /// Offset after the `;`.
        end: usize,
    },
    /// More text is needed: there is no `;` yet, or a quote or comment is open.
    Incomplete,
}

/// Finds the end of the first statement of `sql`.
///
/// A text with a character that means nothing counts as complete at its first `;`: parsing it gives
/// the error.
pub fn split_statement(sql: &str) -> Split {
    let mut lexer = Lexer::new(sql);
    let mut set = Set::Before;
    loop {
        let token = match lexer.next() {
            Ok(token) => token,
            Err(error) if error.unterminated => return Split::Incomplete,
            Err(_) => continue,
        };
        if token.kind == Kind::End {
            return Split::Incomplete;
        }
        set = set.after(token.kind, token.text);
        if token.is_symbol(";") && !set.is_open() {
            return Split::Complete { end: token.end() };
        }
    }
}

/// How far into a statement set the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// Nothing read.
    Before,
    /// BEGIN: STATEMENT SET should follow.
    Began,
    /// A statement that may hold a set: EXECUTE or EXPLAIN STATEMENT SET BEGIN. BEGIN is reserved, so
    /// it cannot be anything else.
    MayBegin,
    /// A statement that is no set, or the rest after a set.
    Outside,
    /// Within a set, at the start of a statement.
    AtStart,
    /// Within a statement of a set.
    Inside,
}

impl Set {
    fn is_open(self) -> bool {
        matches!(self, Set::AtStart | Set::Inside)
    }

    fn after(self, kind: Kind, text: &str) -> Set {
        let word = match kind {
            Kind::Word => text.to_ascii_uppercase(),
            _ => text.to_string(),
        };
        match (self, word.as_str()) {
            (Set::Before, "BEGIN") => Set::Began,
            (Set::Began, "STATEMENT") => Set::Inside,
            (Set::Before, "EXECUTE" | "EXPLAIN") => Set::MayBegin,
            (Set::MayBegin, "BEGIN") => Set::AtStart,
            (Set::AtStart, "END") => Set::Outside,
            (Set::AtStart | Set::Inside, ";") => Set::AtStart,
            (Set::AtStart | Set::Inside, _) => Set::Inside,
            (Set::MayBegin, text) if text != ";" => Set::MayBegin,
            (Set::Before | Set::Began | Set::MayBegin | Set::Outside, _) => Set::Outside,
        }
    }
}
