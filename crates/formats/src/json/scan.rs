//! A cursor over one JSON record: tokens without copies.
//!
//! * Strings are scanned eight bytes at a time: one word says whether a quote, a backslash or a
//!   control character is among them (D. Lemire, "Parsing gigabytes of JSON per second", VLDB J.
//!   28(6), 2019, uses wider registers for the same).
//! * A skipped value is checked like a wanted one: half a record is never taken for a whole one.
//!   Skipping does not recurse: one bit per open level, at most [`DEPTH_MAX`] of them.
//! * The grammar is RFC 8259, as strict as Flink's parser: no comments, no single quotes, no NaN.

use crate::word;

/// Deepest nesting of objects and arrays.
pub(crate) const DEPTH_MAX: usize = 128;

/// A record that is not JSON: what was wanted at which of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) at: usize,
    pub(crate) wanted: &'static str,
}

/// A string between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Str<'a> {
    /// Its bytes as they stand there.
    pub(crate) raw: &'a [u8],
    /// True if there is an escape among them.
    pub(crate) escaped: bool,
}

/// The rest of a record.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    /// The next byte.
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// The next byte; 0, which no token begins with, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The bytes from `from` up to the next one.
    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        &self.bytes[from..self.at]
    }

    pub(crate) fn error<T>(&self, wanted: &'static str) -> Result<T, Syntax> {
        Err(Syntax {
            at: self.at,
            wanted,
        })
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Takes `wanted` if it is next.
    #[inline]
    pub(crate) fn take_if(&mut self, wanted: u8) -> bool {
        let found = self.peek() == wanted;
        self.at += usize::from(found);
        found
    }

    /// Takes `key` and the colon behind it if they are next, without looking at what else it may
    /// be. `key` is the key with both quotes.
    #[inline]
    pub(crate) fn take_key(&mut self, key: &[u8]) -> bool {
        let rest = &self.bytes[self.at..];
        if !rest.starts_with(key) || rest.get(key.len()) != Some(&b':') {
            return false;
        }
        self.at += key.len() + 1;
        true
    }

    /// A key and the colon behind it.
    pub(crate) fn key(&mut self) -> Result<Str<'a>, Syntax> {
        if self.peek() != b'"' {
            return self.error("a key in double quotes");
        }
        let key = self.string()?;
        self.skip_space();
        match self.take_if(b':') {
            true => Ok(key),
            false => self.error("':'"),
        }
    }

    /// After a value in an object: true if another key follows, false if the object has ended.
    #[inline]
    pub(crate) fn more_keys(&mut self) -> Result<bool, Syntax> {
        self.skip_space();
        match self.peek() {
            b',' => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            b'}' => {
                self.at += 1;
                Ok(false)
            }
            _ => self.error("',' or '}'"),
        }
    }

    /// After a value in an array: true if another one follows, false if the array has ended.
    #[inline]
    pub(crate) fn more_elements(&mut self) -> Result<bool, Syntax> {
        self.skip_space();
        match self.peek() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            b']' => {
                self.at += 1;
                Ok(false)
            }
            _ => self.error("',' or ']'"),
        }
    }

    /// A string; its opening quote is next.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Str<'a>, Syntax> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut at = plain_end(self.bytes, start);
        loop {
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Str {
                        raw: &self.bytes[start..at],
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = plain_end(self.bytes, self.escape(at)?);
                }
                found => {
                    self.at = at;
                    return self.error(match found {
                        Some(_) => "an escape instead of a control character",
                        None => "the closing '\"' of a string",
                    });
                }
            }
        }
    }

    /// The end of the escape at `at`.
    fn escape(&mut self, at: usize) -> Result<usize, Syntax> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(at + 2),
            Some(b'u') => {
                let digits = self.bytes.get(at + 2..at + 6);
                if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Ok(at + 6);
                }
            }
            _ => {}
        }
        self.at = at;
        self.error("an escape such as '\\n' or '\\u00e9'")
    }

    /// An integer of up to 18 digits with nothing behind it that would make it another number.
    /// `None`, with nothing taken, for every other number.
    #[inline]
    pub(crate) fn short_integer(&mut self) -> Option<i64> {
        let negative = self.peek() == b'-';
        let start = self.at + usize::from(negative);
        let mut at = start;
        let mut number = 0i64;
        while let Some(byte) = self.bytes.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
            at += 1;
        }
        let count = at - start;
        let leading_zero = count > 1 && self.bytes[start] == b'0';
        let more = matches!(self.bytes.get(at), Some(b'.' | b'e' | b'E'));
        if count == 0 || count > 18 || leading_zero || more {
            return None;
        }
        self.at = at;
        Some(if negative { -number } else { number })
    }

    /// Any number, as text.
    pub(crate) fn number(&mut self) -> Result<&'a [u8], Syntax> {
        let start = self.at;
        self.take_if(b'-');
        match self.peek() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek().is_ascii_digit() {
            return self.error("a number without leading zeros");
        }
        if self.take_if(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.since(start))
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => self.error("a digit"),
        }
    }

    /// `true`, `false` or `null`, whichever `word` is.
    pub(crate) fn word(&mut self, word: &'static str) -> Result<(), Syntax> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.error("a value");
        }
        self.at += word.len();
        match self.peek() {
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => self.error("a value"),
            _ => Ok(()),
        }
    }

    /// Takes a value of any kind that stands `depth` levels deep.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<(), Syntax> {
        let mut open = 0usize;
        // Bit n: whether level n is an object. The outermost open level is the highest.
        let mut objects = 0u128;
        loop {
            self.skip_space();
            let byte = self.peek();
            match byte {
                b'"' => {
                    self.string()?;
                }
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'{' | b'[' => {
                    if depth + open >= DEPTH_MAX {
                        return self.error("at most 128 nested levels");
                    }
                    self.at += 1;
                    self.skip_space();
                    let object = byte == b'{';
                    let end = if object { b'}' } else { b']' };
                    if !self.take_if(end) {
                        open += 1;
                        objects = objects << 1 | u128::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => return self.error("a value"),
            }
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                let more = if object {
                    self.more_keys()?
                } else {
                    self.more_elements()?
                };
                if more {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                open -= 1;
                objects >>= 1;
            }
        }
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), Syntax> {
        self.skip_space();
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => self.error("the end of the record"),
        }
    }
}

/// The first quote, backslash or control character from `at` on, or the end.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word::load(bytes, at) {
        let quotes = word::equal(word, word::repeat(b'"'));
        let escapes = word::equal(word, word::repeat(b'\\'));
        let controls = word::below(word, word::repeat(0x20));
        if let Some(plain) = word::first(quotes | escapes | controls) {
            return at + plain;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let plain = rest
        .iter()
        .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
    at + plain.count()
}

/// Appends what an escaped string means. A lone half of a surrogate pair, which no UTF-8 text can
/// hold, becomes U+FFFD.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let letter = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        let byte = match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                rest = unescape_unicode(rest, out);
                continue;
            }
            other => other,
        };
        out.push(byte);
    }
    out.extend_from_slice(rest);
}

/// Appends the character of the four digits in front of `rest`, and of a second escape if the two
/// are a surrogate pair; returns what follows.
fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (first, mut rest) = hex(rest);
    let mut code = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u")
    {
        let (low, after) = hex(second);
        if (0xdc00..0xe000).contains(&low) {
            code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            rest = after;
        }
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn hex(text: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = text.split_at(text.len().min(4));
    let code = digits.iter().fold(0, |code, digit| {
        code << 4 | char::from(*digit).to_digit(16).unwrap_or_default()
    });
    (code, rest)
}

/// Appends a checked value without the space between its tokens.
pub(crate) fn compact(value: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'"' => {
                let mut cursor = Cursor { bytes: value, at };
                // The value has been skipped before, so its strings end.
                let end = cursor.string().map_or(value.len(), |_| cursor.at);
                out.extend_from_slice(&value[at..end]);
                at = end;
            }
            other => {
                out.push(*other);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
