//! The parser's position in the tokens: looking, taking, complaining, and keeping within limits.
//!
//! * The grammar is read by recursive descent without ever going back, so parsing is linear.
//! * [`Parser::eat`] remembers the keywords that were possible at a position; when nothing fits, the
//!   error knows which keyword a mistyped word was meant to be.
//! * [`Parser::nested`] and [`Parser::taller`] bound the height of the tree, [`Parser::node`] its size.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::tokenizer as tokens;
use millstream_core::{Code, Error, Result, suggest};

use super::lexer::{self, Kind, Token};
use crate::ast::{Hint, MatchRecognize, Name, QualifiedName, Spanned, WindowTvf};
use crate::diagnostics::{Span, locate};
use crate::dialect::{is_reserved, is_structural};
use crate::limits::{DEPTH_MAX, NODES_MAX};

/// What a query holds beside `sqlparser`'s tree; see [`crate::ast`].
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) tvfs: Vec<WindowTvf>,
    pub(crate) patterns: Vec<MatchRecognize>,
    pub(crate) table_hints: Vec<Vec<Hint>>,
    pub(crate) select_hints: Vec<Hint>,
}

/// A position in the tokens of a script.
pub(crate) struct Parser<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    /// Keywords that would have fitted at `at`.
    tried: Vec<&'static str>,
    /// Levels of nesting above the current position.
    depth: usize,
    /// Height of what the current level has built so far.
    tallest: usize,
    nodes: usize,
    /// Belongs to the query being parsed.
    pub(crate) beside: Beside,
}

impl<'a> Parser<'a> {
    /// A parser at the start of `sql`.
    pub(crate) fn new(sql: &'a str) -> Result<Self> {
        Ok(Parser {
            sql,
            tokens: lexer::tokens(sql)?,
            at: 0,
            tried: Vec::new(),
            depth: 0,
            tallest: 0,
            nodes: 0,
            beside: Beside::default(),
        })
    }

    // Looking.

    /// The token to be read next.
    pub(crate) fn peek(&self) -> Token<'a> {
        self.peek_nth(0)
    }

    /// The token `n` after the next.
    pub(crate) fn peek_nth(&self, n: usize) -> Token<'a> {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + n).min(last)]
    }

    /// The token read last.
    pub(crate) fn previous(&self) -> Token<'a> {
        self.tokens[self.at.saturating_sub(1)]
    }

    /// True if the next token is this keyword.
    pub(crate) fn sees(&self, word: &str) -> bool {
        self.peek().is_word(word)
    }

    /// True if the next tokens are these keywords.
    pub(crate) fn sees_all(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(n, word)| self.peek_nth(n).is_word(word))
    }

    /// True if the next token is this symbol.
    pub(crate) fn sees_symbol(&self, symbol: &str) -> bool {
        self.peek().is_symbol(symbol)
    }

    /// True if nothing of the statement is left.
    pub(crate) fn at_end(&self) -> bool {
        self.peek().kind == Kind::End || self.sees_symbol(";")
    }

    // Taking.

    /// Reads the next token; at the end it stays there.
    pub(crate) fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        self.tried.clear();
        token
    }

    /// Reads the keyword if it is next.
    pub(crate) fn eat(&mut self, word: &'static str) -> bool {
        let found = self.sees(word);
        if found {
            self.advance();
        } else {
            self.tried.push(word);
        }
        found
    }

    /// Reads the keywords if all of them are next.
    pub(crate) fn eat_all(&mut self, words: &'static [&'static str]) -> bool {
        let found = self.sees_all(words);
        if found {
            words.iter().for_each(|_| {
                self.advance();
            });
        } else {
            self.tried.push(words[0]);
        }
        found
    }

    /// Reads the symbol if it is next.
    pub(crate) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.sees_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// Reads the keyword, which must be next.
    pub(crate) fn expect(&mut self, word: &'static str) -> Result<Token<'a>> {
        if self.eat(word) {
            return Ok(self.previous());
        }
        Err(self.wanted(word))
    }

    /// Reads the keywords, which must be next.
    pub(crate) fn expect_all(&mut self, words: &[&'static str]) -> Result<()> {
        words
            .iter()
            .try_for_each(|word| self.expect(word).map(drop))
    }

    /// Reads the symbol, which must be next.
    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Result<Token<'a>> {
        if self.eat_symbol(symbol) {
            return Ok(self.previous());
        }
        Err(self.wanted(&format!("'{symbol}'")))
    }

    /// `( item, item, .. )`, at least one.
    pub(crate) fn in_parens<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.separated(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    /// `item, item, ..`, at least one.
    pub(crate) fn separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    // Names and texts.

    /// A name; `what` says what kind, for the error.
    pub(crate) fn name(&mut self, what: &str) -> Result<Name> {
        let token = self.peek();
        let value = match token.kind {
            Kind::Word if !is_reserved(token.text) => token.text.to_string(),
            Kind::Quoted => self.quoted_name(token)?,
            _ => return Err(self.wanted_name(what)),
        };
        self.advance();
        Ok(Name {
            value,
            span: token.span,
        })
    }

    fn quoted_name(&self, token: Token<'_>) -> Result<String> {
        let inner = &token.text[1..token.text.len() - 1];
        if inner.is_empty() {
            return Err(self.error(token.span, "a name in backticks is empty"));
        }
        Ok(inner.replace("``", "`"))
    }

    /// `[[catalog.]database.]object`.
    pub(crate) fn qualified_name(&mut self, what: &str) -> Result<QualifiedName> {
        let mut parts = vec![self.name(what)?];
        while self.eat_symbol(".") {
            if parts.len() == 3 {
                return Err(self.error(
                    self.previous().span,
                    format!("{what} has more than three parts; wanted catalog.database.object"),
                ));
            }
            parts.push(self.name(what)?);
        }
        Ok(QualifiedName { parts })
    }

    /// The same name as `sqlparser` holds it.
    pub(crate) fn ident(&mut self, what: &str) -> Result<sql::Ident> {
        let quoted = self.peek().kind == Kind::Quoted;
        let name = self.name(what)?;
        Ok(sql::Ident {
            value: name.value,
            quote_style: quoted.then_some('`'),
            span: name.span.into(),
        })
    }

    /// A text literal; `what` says what it is for.
    pub(crate) fn text(&mut self, what: &str) -> Result<Name> {
        match self.peek().kind {
            Kind::Text | Kind::UnicodeText => self.text_literal(),
            _ => Err(self.wanted(what)),
        }
    }

    // Limits.

    /// Runs `inner` one level deeper in the tree.
    pub(crate) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        self.check_height()?;
        let siblings = std::mem::take(&mut self.tallest);
        let result = inner(self)?;
        self.depth -= 1;
        self.tallest = siblings.max(self.tallest + 1);
        self.check_height()?;
        Ok(result)
    }

    /// Counts a node above everything the current level has built.
    pub(crate) fn taller(&mut self) -> Result<()> {
        self.taller_by(1)
    }

    /// Counts `levels` nodes above everything the current level has built.
    pub(crate) fn taller_by(&mut self, levels: usize) -> Result<()> {
        self.tallest += levels;
        self.check_height()?;
        self.node()
    }

    fn check_height(&self) -> Result<()> {
        if self.depth + self.tallest <= DEPTH_MAX {
            return Ok(());
        }
        Err(self.too_complex(format!(
            "the statement is nested or chained more than {DEPTH_MAX} levels deep"
        )))
    }

    /// Counts a node.
    pub(crate) fn node(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        Err(self.too_complex(format!(
            "the statement has more than {NODES_MAX} expressions"
        )))
    }

    fn too_complex(&self, message: String) -> Error {
        Error::new(Code::TooComplex, message)
            .at(locate(self.sql, self.peek().span))
            .hint("split the statement, or write long lists with IN (..)")
    }

    /// Starts counting anew: another statement begins.
    pub(crate) fn begin_statement(&mut self) {
        self.depth = 0;
        self.tallest = 0;
        self.nodes = 0;
        self.beside = Beside::default();
    }

    // Places.

    /// The number of the token to be read next.
    pub(crate) fn token_index(&self) -> usize {
        self.at
    }

    /// The tokens read since the one with this number.
    pub(crate) fn tokens_since(&self, index: usize) -> &[Token<'a>] {
        &self.tokens[index..self.at]
    }

    /// From the first to the last token of what has been read since `start`.
    pub(crate) fn span_since(&self, start: Token<'_>) -> Span {
        start.span.to(self.previous().span)
    }

    /// What has been read since `start`, as written.
    pub(crate) fn text_since(&self, start: Token<'_>) -> String {
        let end = self.previous().end().max(start.start);
        self.sql[start.start..end].to_string()
    }

    /// Reads something together with its place and text.
    pub(crate) fn spanned<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Spanned<T>> {
        let start = self.peek();
        let node = read(self)?;
        Ok(Spanned {
            node,
            span: self.span_since(start),
            text: self.text_since(start),
        })
    }

    // Complaining.

    /// A syntax error at `span`.
    pub(crate) fn error(&self, span: Span, message: impl Into<String>) -> Error {
        Error::new(Code::Syntax, message).at(locate(self.sql, span))
    }

    /// An error with another code at `span`.
    pub(crate) fn error_of(&self, code: Code, span: Span, message: impl Into<String>) -> Error {
        Error::new(code, message).at(locate(self.sql, span))
    }

    /// Valid Flink SQL that is not run yet.
    pub(crate) fn unsupported(&self, span: Span, what: &str) -> Error {
        self.error_of(
            Code::Unsupported,
            span,
            format!("{what} is not supported yet"),
        )
    }

    /// Something else should be next.
    pub(crate) fn wanted(&self, what: &str) -> Error {
        let token = self.peek();
        let error = self.error(token.span, format!("wanted {what}, found {}", found(token)));
        match self.meant() {
            Some(hint) => error.hint(hint),
            None => self.quote_hint(token, error),
        }
    }

    fn quote_hint(&self, token: Token<'_>, error: Error) -> Error {
        match token.kind {
            Kind::DoubleQuoted => error.hint(format!(
                "double quotes mean nothing in Flink SQL: a name is written `{0}`, a text '{0}'",
                shortened(token.text.trim_matches('"'))
            )),
            Kind::HintOpen => error.hint("a hint stands after SELECT or after a table's name"),
            _ => error,
        }
    }

    /// One of these keywords should be next.
    pub(crate) fn wanted_one_of(&mut self, words: &[&'static str], what: &str) -> Error {
        self.tried.extend_from_slice(words);
        self.wanted(what)
    }

    /// A name should be next.
    pub(crate) fn wanted_name(&self, what: &str) -> Error {
        let token = self.peek();
        let pair = (
            token.text.to_ascii_uppercase(),
            self.peek_nth(1).is_word("BY"),
        );
        let shape = is_structural(token.text)
            || matches!(
                (pair.0.as_str(), pair.1),
                ("ORDER" | "GROUP" | "PARTITION", true)
            );
        if token.kind == Kind::Word && is_reserved(token.text) && !shape {
            return self.error(
                token.span,
                format!(
                    "wanted {what}, but '{0}' is a reserved word: write `{0}`",
                    token.text
                ),
            );
        }
        self.wanted(what)
    }

    /// The statement should have ended here.
    pub(crate) fn wanted_end(&self) -> Error {
        self.wanted("the end of the statement")
    }

    /// A keyword that fits here and is nearly what was written here or just before.
    fn meant(&self) -> Option<String> {
        let nearest = |token: Token<'_>| {
            if token.kind != Kind::Word || is_reserved(token.text) {
                return None;
            }
            // Two letters are near to any two letters.
            let keywords = self.tried.iter().copied().filter(|word| word.len() > 2);
            suggest::nearest(token.text, keywords)
        };
        if let Some(word) = nearest(self.peek()) {
            return Some(format!("did you mean '{word}'?"));
        }
        let before = (self.at > 0).then(|| self.previous())?;
        let word = nearest(before)?;
        Some(format!(
            "did you mean '{word}' instead of '{}'?",
            before.text
        ))
    }

    /// An attached token for `sqlparser`: only its place matters.
    pub(crate) fn attached(token: Token<'_>) -> AttachedToken {
        AttachedToken(tokens::TokenWithSpan::new(
            tokens::Token::make_word(token.text, None),
            token.span.into(),
        ))
    }
}

/// A token as an error shows it; the content of a text is not repeated, it may be a secret.
fn found(token: Token<'_>) -> String {
    match token.kind {
        Kind::End => "the end of the text".to_string(),
        Kind::Text | Kind::UnicodeText | Kind::Hex => "a text".to_string(),
        Kind::Symbol if token.text == ";" => "the end of the statement".to_string(),
        _ => format!("'{}'", shortened(token.text)),
    }
}

/// The first characters of a long text.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
