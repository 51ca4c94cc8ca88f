//! Text to tokens, in one pass and without copying.
//!
//! * Names in backticks (a doubled backtick is one), texts in single quotes (a doubled quote is one;
//!   a backslash is a backslash), `U&'..'`, `X'..'`, numbers, symbols.
//! * Comments are `-- ..`, `// ..` and `/* .. */`; they do not nest. `/*+ .. */` is a hint and becomes
//!   tokens.
//! * Every token knows its place in the script, in characters, and is a piece of the script's text.
//! * Cost: O(text); a token takes no memory of its own.

use millstream_core::{Code, Error, Result};

use crate::diagnostics::{Span, locate};
use crate::dialect::{is_name_part, is_name_start};
use crate::limits::{NAME_CHARS_MAX, SQL_BYTES_MAX, TOKENS_MAX};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A name in backticks.
    Quoted,
    /// Something in double quotes, which Flink SQL has no use for.
    DoubleQuoted,
    /// `'text'`.
    Text,
    /// `U&'text'`.
    UnicodeText,
    /// `X'00ff'`.
    Hex,
    /// `1`, `1.5`, `.5`, `1e3`.
    Number,
    /// `(`, `<>`, `=>` ..
    Symbol,
    /// `/*+`.
    HintOpen,
    /// The `*/` of a hint.
    HintClose,
    /// The end of the text.
    End,
}

/// A piece of the script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// As written, with quotes.
    pub(crate) text: &'a str,
    /// Offset of the first byte.
    pub(crate) start: usize,
    pub(crate) span: Span,
}

impl Token<'_> {
    /// Offset after the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// True for a keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// True for a symbol.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// Why the lexer stopped.
#[derive(Debug)]
pub(crate) struct LexError {
    code: Code,
    message: String,
    hint: Option<&'static str>,
    span: Span,
    /// More text could make it right: a quote or comment is still open.
    pub(crate) unterminated: bool,
}

impl LexError {
    pub(crate) fn at(self, sql: &str) -> Error {
        let error = Error::new(self.code, self.message).at(locate(sql, self.span));
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// All tokens of `sql`, the last one being [`Kind::End`].
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(Error::new(
            Code::TooComplex,
            format!(
                "the SQL text has {} bytes, at most {SQL_BYTES_MAX} are allowed",
                sql.len()
            ),
        ));
    }
    let mut lexer = Lexer::new(sql);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next().map_err(|error| error.at(sql))?;
        tokens.push(token);
        if token.kind == Kind::End {
            return Ok(tokens);
        }
        if tokens.len() > TOKENS_MAX {
            return Err(Error::new(
                Code::TooComplex,
                format!("the SQL text has more than {TOKENS_MAX} words and symbols"),
            )
            .at(locate(sql, token.span)));
        }
    }
}

/// A position in the text.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    line: u32,
    column: u32,
}

/// Yields one token after the other; after [`Kind::End`] it yields that again.
pub(crate) struct Lexer<'a> {
    sql: &'a str,
    place: Place,
    /// Where the hint begins that is open.
    hint: Option<Place>,
}

/// Longest first, so that the first match is the right one.
const SYMBOLS: &[&str] = &[
    "<>", "!=", "<=", ">=", "||", "=>", "::", "(", ")", "[", "]", "{", "}", ",", ".", ";", ":",
    "+", "-", "*", "/", "%", "<", ">", "=", "?", "|", "&", "^", "~", "!", "@", "#",
];

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        // A byte order mark is no part of the text; it takes a column so that editors agree.
        let offset = if sql.starts_with('\u{feff}') { 3 } else { 0 };
        Lexer {
            sql,
            place: Place {
                offset,
                line: 1,
                column: 1,
            },
            hint: None,
        }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, LexError> {
        self.skip_space_and_comments()?;
        let start = self.place;
        let kind = match (self.rest().chars().next(), self.hint) {
            (None, Some(open)) => {
                return Err(self.unterminated("the hint '/*+' is not closed by '*/'", open));
            }
            (None, None) => Kind::End,
            (Some('`'), _) => self.quoted('`', Kind::Quoted, "a name in backticks", start)?,
            (Some('"'), _) => {
                self.quoted('"', Kind::DoubleQuoted, "a name in double quotes", start)?
            }
            (Some('\''), _) => self.quoted('\'', Kind::Text, "a text", start)?,
            (Some(c), _) if c.is_ascii_digit() => self.number(),
            (Some('.'), _) if self.digit_at(1) => self.number(),
            (Some(c), _) if is_name_start(c) => self.word(start)?,
            (Some(c), _) => self.symbol(c, start)?,
        };
        let token = Token {
            kind,
            text: &self.sql[start.offset..self.place.offset],
            start: start.offset,
            span: self.span_from(start),
        };
        self.check_name(&token)?;
        Ok(token)
    }

    fn rest(&self) -> &'a str {
        &self.sql[self.place.offset..]
    }

    fn digit_at(&self, offset: usize) -> bool {
        let byte = self.rest().as_bytes().get(offset);
        byte.is_some_and(u8::is_ascii_digit)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.place.offset += c.len_utf8();
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    fn bump_while(&mut self, accept: impl Fn(char) -> bool) {
        while self.rest().chars().next().is_some_and(&accept) {
            self.bump();
        }
    }

    fn bump_text(&mut self, text: &str) {
        for _ in text.chars() {
            self.bump();
        }
    }

    fn span_from(&self, start: Place) -> Span {
        Span {
            line: start.line,
            column: start.column,
            end_line: self.place.line,
            end_column: self.place.column,
        }
    }

    fn skip_space_and_comments(&mut self) -> Result<(), LexError> {
        loop {
            self.bump_while(char::is_whitespace);
            let start = self.place;
            if self.rest().starts_with("--") || self.rest().starts_with("//") {
                self.bump_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") && !self.rest().starts_with("/*+") {
                let Some(length) = self.rest()[2..].find("*/") else {
                    return Err(self.unterminated("the comment is not closed by '*/'", start));
                };
                let end = start.offset + 2 + length + 2;
                while self.place.offset < end {
                    self.bump();
                }
            } else {
                return Ok(());
            }
        }
    }

    fn quoted(
        &mut self,
        quote: char,
        kind: Kind,
        what: &str,
        start: Place,
    ) -> Result<Kind, LexError> {
        self.bump();
        loop {
            self.bump_while(|c| c != quote);
            if self.bump().is_none() {
                return Err(self.unterminated(&format!("{what} is not closed by {quote}"), start));
            }
            if self.bump_if(quote).is_none() {
                return Ok(kind);
            }
        }
    }

    fn bump_if(&mut self, wanted: char) -> Option<char> {
        self.rest()
            .starts_with(wanted)
            .then(|| self.bump())
            .flatten()
    }

    fn number(&mut self) -> Kind {
        let digit = |c: char| c.is_ascii_digit();
        self.bump_while(digit);
        if self.bump_if('.').is_some() {
            self.bump_while(digit);
        }
        let bytes = self.rest().as_bytes();
        if matches!(bytes.first(), Some(b'e' | b'E')) {
            let signed = matches!(bytes.get(1), Some(b'+' | b'-'));
            if self.digit_at(1 + usize::from(signed)) {
                self.bump();
                self.bump();
                self.bump_while(digit);
            }
        }
        Kind::Number
    }

    fn word(&mut self, start: Place) -> Result<Kind, LexError> {
        let rest = self.rest().as_bytes();
        match rest {
            [b'x' | b'X', b'\'', ..] => {
                self.bump();
                self.quoted('\'', Kind::Hex, "a hexadecimal text", start)
            }
            [b'n' | b'N', b'\'', ..] => {
                self.bump();
                self.quoted('\'', Kind::Text, "a text", start)
            }
            [b'u' | b'U', b'&', b'\'', ..] => {
                self.bump();
                self.bump();
                self.quoted('\'', Kind::UnicodeText, "a text", start)
            }
            _ => {
                self.bump_while(is_name_part);
                Ok(Kind::Word)
            }
        }
    }

    fn symbol(&mut self, c: char, start: Place) -> Result<Kind, LexError> {
        if self.rest().starts_with("/*+") && self.hint.is_none() {
            self.bump_text("/*+");
            self.hint = Some(start);
            return Ok(Kind::HintOpen);
        }
        if self.hint.is_some() && self.rest().starts_with("*/") {
            self.bump_text("*/");
            self.hint = None;
            return Ok(Kind::HintClose);
        }
        match SYMBOLS
            .iter()
            .find(|symbol| self.rest().starts_with(**symbol))
        {
            Some(symbol) => {
                self.bump_text(symbol);
                Ok(Kind::Symbol)
            }
            None => Err(self.unknown(c, start)),
        }
    }

    fn unknown(&mut self, c: char, start: Place) -> LexError {
        self.bump();
        let hint = match c {
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                Some("a text stands in straight single quotes: 'text'")
            }
            _ => None,
        };
        let shown = if c.is_control() {
            format!("the character U+{:04X} has no meaning here", u32::from(c))
        } else {
            format!("the character '{c}' has no meaning here")
        };
        LexError {
            code: Code::Syntax,
            message: shown,
            hint,
            span: self.span_from(start),
            unterminated: false,
        }
    }

    /// An error at the opening of what is not closed; its caret is one character wide.
    fn unterminated(&self, message: &str, start: Place) -> LexError {
        LexError {
            code: Code::Syntax,
            message: message.to_string(),
            hint: None,
            span: Span {
                line: start.line,
                column: start.column,
                end_line: start.line,
                end_column: start.column + 1,
            },
            unterminated: true,
        }
    }

    fn check_name(&self, token: &Token<'_>) -> Result<(), LexError> {
        let quotes = match token.kind {
            Kind::Word => 0,
            Kind::Quoted => 2,
            _ => return Ok(()),
        };
        if token.text.len() <= NAME_CHARS_MAX {
            return Ok(());
        }
        let chars = token.text.chars().count() - quotes;
        if chars <= NAME_CHARS_MAX {
            return Ok(());
        }
        Err(LexError {
            code: Code::TooComplex,
            message: format!("a name of {chars} characters; at most {NAME_CHARS_MAX} are allowed"),
            hint: None,
            span: token.span,
            unterminated: false,
        })
    }
}
