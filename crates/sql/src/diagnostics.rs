//! Places in the user's text: from tokens to the line with a caret under it.
//!
//! A [`Span`] counts lines and columns from one, columns in characters, and its end is exclusive.
//! Everything the parser produces carries spans that count from the start of the whole script, so
//! [`locate`] needs nothing but the script. Cost: O(text up to the line), paid once per error.

use datafusion_sql::sqlparser::tokenizer as tokens;
use millstream_core::error::Location;

/// A piece of the script; zeros mean the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First line, from 1.
    pub line: u32,
    /// First column in characters, from 1.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
}

impl Span {
    /// True if the place is not known.
    pub fn is_unknown(&self) -> bool {
        self.line == 0
    }

    /// The smallest span that covers both; an unknown one adds nothing.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        if self.is_unknown() {
            return other;
        }
        if other.is_unknown() {
            return self;
        }
        let (line, column) = (self.line, self.column).min((other.line, other.column));
        let (end_line, end_column) =
            (self.end_line, self.end_column).max((other.end_line, other.end_column));
        Span {
            line,
            column,
            end_line,
            end_column,
        }
    }
}

impl From<Span> for tokens::Span {
    fn from(span: Span) -> Self {
        tokens::Span::new(
            tokens::Location::new(span.line.into(), span.column.into()),
            tokens::Location::new(span.end_line.into(), span.end_column.into()),
        )
    }
}

impl From<tokens::Span> for Span {
    fn from(span: tokens::Span) -> Self {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Span {
            line: narrow(span.start.line),
            column: narrow(span.start.column),
            end_line: narrow(span.end.line),
            end_column: narrow(span.end.column),
        }
    }
}

/// The place of `span` in `sql`, ready for [`Error::at`](millstream_core::Error::at).
///
/// The caret underlines the part of the span that is on its first line. An unknown span, or one
/// beyond the text, points to the start of the text.
pub fn locate(sql: &str, span: Span) -> Location {
    let (line, column) = (span.line.max(1), span.column.max(1));
    let text = line_of(sql, line);
    let width = if span.end_line == span.line {
        span.end_column.saturating_sub(column)
    } else {
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        (chars + 1).saturating_sub(column)
    };
    Location {
        line: line.into(),
        column: column.into(),
        width: width.max(1).into(),
        text: text.to_string(),
    }
}

/// Line `number` (from 1) without its break; empty if there is no such line.
fn line_of(sql: &str, number: u32) -> &str {
    let line = sql.split('\n').nth(number as usize - 1).unwrap_or_default();
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(line: u32, column: u32, end_line: u32, end_column: u32) -> Span {
        Span {
            line,
            column,
            end_line,
            end_column,
        }
    }

    #[test]
    fn a_place_is_the_line_and_what_of_the_span_is_on_it() {
        let sql = "SELECT ä,\r\n  bcd\nFROM t";
        let place = locate(sql, span(2, 3, 2, 6));
        assert_eq!((place.line, place.column, place.width), (2, 3, 3));
        assert_eq!(place.text, "  bcd");
        let place = locate(sql, span(1, 8, 3, 7));
        assert_eq!((place.column, place.width), (8, 2));
        assert_eq!(place.text, "SELECT ä,");
    }

    #[test]
    fn a_place_beyond_the_text_or_unknown_is_no_panic() {
        for place in [
            span(0, 0, 0, 0),
            span(9, 9, 9, 9),
            span(u32::MAX, u32::MAX, 1, 1),
        ] {
            assert!(locate("SELECT 1", place).width >= 1);
        }
        assert_eq!(locate("", Span::default()).text, "");
    }

    #[test]
    fn a_span_covers_both_and_survives_sqlparser() {
        let both = span(2, 5, 2, 9).to(span(1, 7, 2, 3));
        assert_eq!(both, span(1, 7, 2, 9));
        assert_eq!(both.to(Span::default()), both);
        assert_eq!(Span::default().to(both), both);
        assert_eq!(Span::from(tokens::Span::from(both)), both);
        assert!(Span::from(tokens::Span::empty()).is_unknown());
    }
}
