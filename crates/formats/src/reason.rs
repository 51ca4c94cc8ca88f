//! Why a record is bad, in words: which column, what it wanted, what was found.
//!
//! ```text
//! column 'bid.price' wants BIGINT, found 'cheap'
//! ```

use std::fmt;

use crate::columns::Column;
use crate::parse::Why;

/// Longest piece of a value that a reason shows, in characters.
const SHOWN_CHARS: usize = 60;

/// A value that does not fit its column.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The column, and the way from there to the field or element.
    path: String,
    wanted: String,
    found: String,
}

impl Trouble {
    /// `found` in the user's words, where `column` wanted something else.
    pub(crate) fn new(column: &Column, found: impl Into<String>) -> Self {
        Trouble {
            path: String::new(),
            wanted: column.type_text(),
            found: found.into(),
        }
    }

    /// A text that cannot be read as the column's type.
    pub(crate) fn of_text(column: &Column, text: &[u8], why: Why) -> Self {
        let text = shown(text);
        let found = match why {
            Why::Shape => text,
            Why::Range => format!("{text}, which is out of range"),
            Why::Zone => format!("{text} without 'Z' or an offset from UTC"),
        };
        Trouble::new(column, found)
    }

    /// A NULL where NULL is not allowed.
    pub(crate) fn null(column: &Column) -> Self {
        Trouble::new(column, "NULL")
    }

    /// Says that it happened inside the field `name`.
    #[must_use]
    pub(crate) fn in_field(mut self, name: &str) -> Self {
        let dot = match self.path.as_bytes() {
            [] | [b'[', ..] => "",
            _ => ".",
        };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// Says that it happened in an element of an array, or at a key of a map.
    #[must_use]
    pub(crate) fn at(mut self, index: impl fmt::Display) -> Self {
        let dot = match self.path.as_bytes() {
            [] | [b'[', ..] => "",
            _ => ".",
        };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "column '{}' wants {}, found {}",
            self.path, self.wanted, self.found
        )
    }
}

/// A piece of input for a message: in quotes, shortened, on one line.
pub(crate) fn shown(bytes: &[u8]) -> String {
    // A character has up to four bytes: no need to decode a megabyte for sixty characters.
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN_CHARS + 4)]);
    let mut text = String::from("'");
    for character in head.chars().take(SHOWN_CHARS) {
        match character.is_control() {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    if head.chars().count() > SHOWN_CHARS {
        text.push('…');
    }
    text.push('\'');
    text
}

/// Why bytes are not UTF-8, with the place of the first wrong one counted from the start of the
/// stream.
pub(crate) fn not_utf8(bytes: &[u8], error: std::str::Utf8Error, offset: u64) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!(
        "not valid UTF-8: byte 0x{byte:02x} at offset {}",
        offset + at as u64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_value_is_short_and_on_one_line() {
        assert_eq!(shown(b"a\nb\x1b"), "'a\\nb\\u{1b}'");
        let long = shown("é".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), SHOWN_CHARS + 3);
        assert!(long.ends_with("…'"));
        assert_eq!(shown(b"\xff"), "'\u{fffd}'");
    }
}
