//! Finds the fields of one CSV record, before anything is made of them.
//!
//! ```text
//! 7,"a ""b""",\n        spans  7 | a ""b"" (doubled) | (empty)       length 13, 1 line
//! ```
//!
//! * A quote opens a field only as its first byte, as in Flink; two quotes inside are one. A line
//!   ends with `\n`, `\r\n` or `\r`; one inside quotes belongs to the field.
//! * Fields are spans into the input: nothing is copied.
//! * A broken record ends with its first line, wherever the mistake was found, so that one stray
//!   quote does not swallow the lines behind it.

use memchr::{memchr_iter, memchr2};

use crate::word;

/// The bytes with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    /// Skip space around fields that are not quoted.
    pub(crate) trim: bool,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins and ends, without its quotes.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    /// True if it holds doubled quotes or escapes.
    pub(crate) escaped: bool,
}

/// What stands in front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record of so many bytes with its line break, on so many lines.
    Record { length: usize, lines: u64 },
    /// The beginning of one.
    Incomplete,
    /// Something that is no record: what was wanted at which byte.
    Broken { at: usize, wanted: &'static str },
}

/// How a field ends.
enum End {
    Field(usize),
    Record(usize),
    Incomplete,
}

/// Finds records; keeps the spans of the last one.
#[derive(Debug)]
pub(crate) struct Scanner {
    dialect: Dialect,
    /// The bytes that an unquoted field does not run over, each repeated in a word.
    stops: [u64; 4],
    pub(crate) spans: Vec<Span>,
}

impl Scanner {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let escape = dialect.escape.unwrap_or(b'\n');
        let stops = [dialect.delimiter, escape, b'\n', b'\r'].map(word::repeat);
        Scanner {
            dialect,
            stops,
            spans: Vec::new(),
        }
    }

    /// Looks at the record in front of `input`; nothing follows if `last`.
    pub(crate) fn scan(&mut self, input: &[u8], last: bool) -> Found {
        self.spans.clear();
        let (mut at, mut lines) = (0, 1);
        loop {
            if self.dialect.trim {
                at += self.space(&input[at..]);
            }
            let result = match input.get(at) {
                Some(byte) if Some(*byte) == self.dialect.quote => {
                    self.quoted(input, at, last, &mut lines)
                }
                _ => self.plain(input, at, last, &mut lines),
            };
            match result {
                Err(broken) => return broken,
                Ok(End::Field(next)) => at = next,
                Ok(End::Record(length)) => return Found::Record { length, lines },
                Ok(End::Incomplete) => return Found::Incomplete,
            }
        }
    }

    /// Number of spaces and tabs in front, as far as they are no delimiter.
    fn space(&self, input: &[u8]) -> usize {
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t') && **byte != self.dialect.delimiter;
        input.iter().take_while(blank).count()
    }

    /// The first byte from `at` on that an unquoted field does not run over, or the end.
    #[inline]
    fn stop(&self, input: &[u8], mut at: usize) -> usize {
        let [delimiter, escape, feed, carriage] = self.stops;
        while let Some(word) = word::load(input, at) {
            let ends = word::equal(word, delimiter) | word::equal(word, escape);
            let breaks = word::equal(word, feed) | word::equal(word, carriage);
            if let Some(plain) = word::first(ends | breaks) {
                return at + plain;
            }
            at += 8;
        }
        let stops = |byte: &u8| self.stops.contains(&word::repeat(*byte));
        at + input[at..].iter().take_while(|byte| !stops(byte)).count()
    }

    /// What ends a field at `at`: `None` if that byte does not.
    #[inline]
    fn end(&self, input: &[u8], at: usize, last: bool) -> Option<End> {
        Some(match input.get(at) {
            Some(byte) if *byte == self.dialect.delimiter => End::Field(at + 1),
            None if last => End::Record(at),
            None => End::Incomplete,
            Some(b'\n') => End::Record(at + 1),
            Some(b'\r') => match input.get(at + 1) {
                Some(b'\n') => End::Record(at + 2),
                None if !last => End::Incomplete,
                _ => End::Record(at + 1),
            },
            Some(_) => return None,
        })
    }

    #[inline]
    fn plain(
        &mut self,
        input: &[u8],
        start: usize,
        last: bool,
        lines: &mut u64,
    ) -> Result<End, Found> {
        let mut at = start;
        let mut escaped = false;
        loop {
            at = self.stop(input, at);
            if let Some(end) = self.end(input, at, last) {
                let mut end_of_text = at;
                if self.dialect.trim && !escaped {
                    end_of_text = start + input[start..at].trim_ascii_end().len();
                }
                self.spans.push(Span {
                    start,
                    end: end_of_text,
                    quoted: false,
                    escaped,
                });
                return Ok(end);
            }
            escaped = true;
            match self.escape(input, at, last, lines)? {
                Some(next) => at = next,
                None => return Ok(End::Incomplete),
            }
        }
    }

    /// The end of the escape at `at`; `None` if the input ends before it does.
    fn escape(
        &self,
        input: &[u8],
        at: usize,
        last: bool,
        lines: &mut u64,
    ) -> Result<Option<usize>, Found> {
        match input.get(at + 1) {
            Some(byte) => {
                *lines += u64::from(*byte == b'\n');
                Ok(Some(at + 2))
            }
            None if last => Err(Found::Broken {
                at,
                wanted: "a character after the escape character",
            }),
            None => Ok(None),
        }
    }

    fn quoted(
        &mut self,
        input: &[u8],
        open: usize,
        last: bool,
        lines: &mut u64,
    ) -> Result<End, Found> {
        let quote = input[open];
        let escape = self.dialect.escape.unwrap_or(quote);
        let start = open + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            let Some(stop) = memchr2(quote, escape, &input[at..]) else {
                return match last {
                    true => Err(Found::Broken {
                        at: input.len(),
                        wanted: "the closing quote of a field",
                    }),
                    false => Ok(End::Incomplete),
                };
            };
            at += stop;
            if input[at] != quote {
                escaped = true;
                match self.escape(input, at, last, &mut 0)? {
                    Some(next) => at = next,
                    None => return Ok(End::Incomplete),
                }
                continue;
            }
            match input.get(at + 1) {
                Some(next) if *next == quote => {
                    escaped = true;
                    at += 2;
                }
                None if !last => return Ok(End::Incomplete),
                _ => break,
            }
        }
        *lines += memchr_iter(b'\n', &input[start..at]).count() as u64;
        self.spans.push(Span {
            start,
            end: at,
            quoted: true,
            escaped,
        });
        let after = at + 1 + self.space(&input[at + 1..]);
        self.end(input, after, last).ok_or(Found::Broken {
            at: after,
            wanted: "a delimiter or a line break after the closing quote",
        })
    }

    /// Appends what an escaped field means.
    pub(crate) fn unescape(&self, raw: &[u8], quoted: bool, out: &mut Vec<u8>) {
        let quote = self.dialect.quote.filter(|_| quoted);
        let first = self.dialect.escape.or(quote).unwrap_or(b'\n');
        let second = quote.unwrap_or(first);
        let mut rest = raw;
        while let Some(at) = memchr2(first, second, rest) {
            out.extend_from_slice(&rest[..at]);
            let next = rest.get(at + 1).copied().unwrap_or(rest[at]);
            out.push(match (Some(rest[at]) == self.dialect.escape, next) {
                (true, b'0') => 0,
                (true, b'n') => b'\n',
                (true, b'r') => b'\r',
                (true, b't') => b'\t',
                (_, other) => other,
            });
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
    }
}

/// Length of the line in front with its line break; `None` if it has not ended.
pub(crate) fn line(input: &[u8], last: bool) -> Option<usize> {
    match memchr2(b'\n', b'\r', input) {
        None => last.then_some(input.len()),
        Some(at) if input[at] == b'\n' => Some(at + 1),
        Some(at) => match input.get(at + 1) {
            Some(b'\n') => Some(at + 2),
            None if !last => None,
            _ => Some(at + 1),
        },
    }
}

#[cfg(test)]
mod tests;
