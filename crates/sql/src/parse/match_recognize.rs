//! MATCH_RECOGNIZE behind a table, query or table function in FROM.
//!
//! ```text
//! MATCH_RECOGNIZE (
//!   [PARTITION BY column, ..] [ORDER BY column [ASC | DESC], ..]
//!   [MEASURES expr AS name, ..] [ONE ROW PER MATCH]
//!   [AFTER MATCH SKIP {PAST LAST ROW | TO NEXT ROW | TO [FIRST | LAST] variable}]
//!   PATTERN ( pattern ) [WITHIN interval]
//!   DEFINE variable AS condition, ..
//! ) [[AS] alias]
//!
//! pattern := term { | term }      term := factor { factor }
//! factor  := { variable | ( pattern ) | PERMUTE(pattern, ..) } [ * | + | ? | {n} | {n,} | {n,m} | {,m} ] [?]
//! ```
//!
//! The clause goes to [`ParsedQuery::patterns`](crate::ast::ParsedQuery::patterns); FROM keeps a mark of it.

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::{Error, Result};

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use crate::ast::{self, MatchRecognize, PatternTree, SkipTo};

/// Most parts of a PERMUTE: every order of them is a pattern.
const PERMUTE_MAX: usize = 5;

impl Parser<'_> {
    /// Whatever MATCH_RECOGNIZE follows a factor of FROM, around it.
    pub(crate) fn matched(&mut self, mut factor: sql::TableFactor) -> Result<sql::TableFactor> {
        while self.eat("MATCH_RECOGNIZE") {
            self.taller()?;
            factor = self.match_recognize(factor)?;
        }
        Ok(factor)
    }

    fn match_recognize(&mut self, input: sql::TableFactor) -> Result<sql::TableFactor> {
        let start = self.previous();
        let clause = self.nested(|p| p.match_clauses(input, start))?;
        let alias = self.table_alias()?;
        self.beside.patterns.push(clause);
        Ok(ast::pattern_mark(self.beside.patterns.len() - 1, alias))
    }

    fn match_clauses(
        &mut self,
        input: sql::TableFactor,
        start: Token<'_>,
    ) -> Result<MatchRecognize> {
        self.expect_symbol("(")?;
        let partition_by = match self.eat_all(&["PARTITION", "BY"]) {
            true => self.separated(Self::expr)?,
            false => Vec::new(),
        };
        let order_by = self.order_by()?;
        let measures = match self.eat("MEASURES") {
            true => self.separated(Self::measure)?,
            false => Vec::new(),
        };
        self.rows_per_match()?;
        let after_match = match self.eat("AFTER") {
            true => Some(self.after_match()?),
            false => None,
        };
        self.expect("PATTERN")?;
        self.expect_symbol("(")?;
        let pattern = self.pattern()?;
        self.expect_symbol(")")?;
        let within = match self.eat("WITHIN") {
            true => Some(self.interval_millis("WITHIN")?),
            false => None,
        };
        if self.sees("SUBSET") {
            return Err(self.unsupported(self.peek().span, "SUBSET").hint(
                "a column without a variable, such as SUM(price), is one of all rows of the match",
            ));
        }
        self.expect("DEFINE")?;
        let define = self.separated(|p| {
            let variable = p.name("a pattern variable")?;
            p.expect("AS")?;
            Ok((variable, p.spanned(Self::expr)?))
        })?;
        self.expect_symbol(")")?;
        Ok(MatchRecognize {
            input,
            partition_by,
            order_by,
            measures,
            after_match,
            pattern,
            within,
            define,
            span: self.span_since(start),
        })
    }

    /// `[FINAL] expr AS name`.
    fn measure(&mut self) -> Result<(ast::Spanned<sql::Expr>, ast::Name)> {
        self.node()?;
        let is_call = self.peek_nth(1).kind == Kind::Word && self.peek_nth(2).is_symbol("(");
        if is_call && self.sees("FINAL") {
            // With one row per match there is nothing else.
            self.advance();
        } else if is_call && self.sees("RUNNING") {
            return Err(self.unsupported(self.peek().span, "RUNNING").hint(
                "with ONE ROW PER MATCH a measure is that of the whole match: leave RUNNING out",
            ));
        }
        let expr = self.spanned(Self::expr)?;
        self.expect("AS")?;
        Ok((expr, self.name("a measure's name")?))
    }

    fn rows_per_match(&mut self) -> Result<()> {
        let start = self.peek();
        if self.sees_all(&["ALL", "ROWS"]) {
            return Err(self.unsupported(start.span, "ALL ROWS PER MATCH").hint(
                "write ONE ROW PER MATCH, and MEASURES for what is to be known of its rows",
            ));
        }
        if self.eat("ONE") {
            self.expect_all(&["ROW", "PER", "MATCH"])?;
        }
        Ok(())
    }

    /// What follows AFTER.
    fn after_match(&mut self) -> Result<SkipTo> {
        self.expect_all(&["MATCH", "SKIP"])?;
        if self.eat("PAST") {
            self.expect_all(&["LAST", "ROW"])?;
            return Ok(SkipTo::PastLastRow);
        }
        self.expect("TO")?;
        // `TO NEXT ROW`, and a variable may be called FIRST or LAST.
        if self.eat("NEXT") {
            self.expect("ROW")?;
            return Ok(SkipTo::NextRow);
        }
        let is_variable = !matches!(self.peek_nth(1).kind, Kind::Word | Kind::Quoted)
            || self.peek_nth(1).is_word("PATTERN");
        if !is_variable && self.eat("FIRST") {
            return Ok(SkipTo::First(self.name("a pattern variable")?));
        }
        if !is_variable {
            self.eat("LAST");
        }
        Ok(SkipTo::Last(self.name("a pattern variable")?))
    }

    fn pattern(&mut self) -> Result<PatternTree> {
        self.nested(|p| {
            let first = p.pattern_term()?;
            if !p.sees_symbol("|") {
                return Ok(first);
            }
            let mut terms = vec![first];
            while p.eat_symbol("|") {
                terms.push(p.pattern_term()?);
            }
            Ok(PatternTree::Choice(terms))
        })
    }

    fn pattern_term(&mut self) -> Result<PatternTree> {
        let mut factors = Vec::new();
        while factors.is_empty() || !self.ends_pattern_term() {
            factors.push(self.pattern_factor()?);
        }
        Ok(match factors.len() {
            1 => factors.remove(0),
            _ => PatternTree::Concat(factors),
        })
    }

    fn ends_pattern_term(&self) -> bool {
        [")", "|", ","].iter().any(|end| self.sees_symbol(end)) || self.at_end()
    }

    fn pattern_factor(&mut self) -> Result<PatternTree> {
        self.node()?;
        let start = self.peek();
        let inner = if self.eat_symbol("(") {
            let inner = self.pattern()?;
            self.expect_symbol(")")?;
            inner
        } else if self.sees("PERMUTE") {
            self.advance();
            let parts = self.in_parens(Self::pattern)?;
            if parts.len() > PERMUTE_MAX {
                return Err(self.error_of(
                    millstream_core::Code::TooComplex,
                    self.span_since(start),
                    format!("PERMUTE wants at most {PERMUTE_MAX} parts"),
                ));
            }
            PatternTree::Permute(parts)
        } else {
            self.refuse_anchor_or_exclusion(start)?;
            PatternTree::Variable(self.name("a pattern variable")?)
        };
        self.with_quantifier(inner, start)
    }

    fn refuse_anchor_or_exclusion(&self, start: Token<'_>) -> Result<()> {
        if start.is_symbol("{") {
            return Err(self
                .unsupported(start.span, "'{- -}' in a pattern")
                .hint("with ONE ROW PER MATCH no row is put out anyway: leave the braces out"));
        }
        if start.is_symbol("^") || start.text == "$" {
            return Err(self.no_anchor(start));
        }
        Ok(())
    }

    fn no_anchor(&self, at: Token<'_>) -> Error {
        self.unsupported(at.span, &format!("the anchor '{}' in a pattern", at.text))
            .hint("a stream has neither a first nor a last row to begin or end with")
    }

    fn with_quantifier(&mut self, inner: PatternTree, start: Token<'_>) -> Result<PatternTree> {
        let (min, max) = if self.eat_symbol("*") {
            (0, None)
        } else if self.eat_symbol("+") {
            (1, None)
        } else if self.eat_symbol("?") {
            (0, Some(1))
        } else if self.sees_symbol("{") && !self.peek_nth(1).is_symbol("-") {
            self.pattern_times()?
        } else {
            return Ok(inner);
        };
        let reluctant = self.eat_symbol("?");
        let span = self.span_since(start);
        if reluctant && (min, max) == (0, Some(1)) {
            return Err(self
                .unsupported(span, "a reluctant optional variable such as 'A??'")
                .hint(
                    "write 'A?': of two ways to match, the one that ends first wins either way",
                ));
        }
        if let (min, Some(max)) = (min, max)
            && (max == 0 || min > max)
        {
            let message = format!(
                "'{{{min},{max}}}' wants at least 1 row, and no more at least than at most"
            );
            return Err(self.error(span, message));
        }
        Ok(PatternTree::Repeat {
            inner: Box::new(inner),
            min,
            max,
            greedy: !reluctant,
        })
    }

    /// `{n}`, `{n,}`, `{n,m}` or `{,m}`.
    fn pattern_times(&mut self) -> Result<(u32, Option<u32>)> {
        self.expect_symbol("{")?;
        let min = match self.sees_symbol(",") {
            true => 0,
            false => self.pattern_count()?,
        };
        let max = if !self.eat_symbol(",") {
            Some(min)
        } else if self.sees_symbol("}") {
            None
        } else {
            Some(self.pattern_count()?)
        };
        self.expect_symbol("}")?;
        Ok((min, max))
    }

    fn pattern_count(&mut self) -> Result<u32> {
        let token = self.peek();
        let count = token.text.parse::<u32>().ok();
        match count {
            Some(count) => {
                self.advance();
                Ok(count)
            }
            None => Err(self.wanted("a number of rows")),
        }
    }
}
