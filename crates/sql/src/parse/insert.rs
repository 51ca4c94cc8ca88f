//! INSERT.
//!
//! ```text
//! INSERT {INTO | OVERWRITE} table [hints] [PARTITION (c = literal, ..)] [(columns)] query
//!        [ON CONFLICT DO {ERROR | NOTHING | DEDUPLICATE}]
//! ```

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::Result;

use super::cursor::Parser;
use super::query::QUERY_WORDS;
use crate::ast::{ConflictAction, Insert, Name, Spanned};
use crate::diagnostics::Span;

impl Parser<'_> {
    /// An INSERT statement.
    pub(crate) fn insert(&mut self) -> Result<Insert> {
        self.expect("INSERT")?;
        let overwrite = self.eat("OVERWRITE");
        if !overwrite {
            self.expect("INTO")?;
        }
        self.eat("TABLE");
        let table = self.qualified_name("a table")?;
        let mut hints = self.hints()?;
        let partition = self.partition_values()?;
        let columns = self.insert_columns()?;
        if hints.is_empty() {
            hints = self.hints()?;
        }
        if !self.sees_query() && !self.sees_symbol("(") {
            return Err(self.wanted_one_of(QUERY_WORDS, "SELECT or VALUES"));
        }
        Ok(Insert {
            table,
            hints,
            overwrite,
            partition,
            columns,
            source: self.whole_query()?,
            on_conflict: self.on_conflict()?,
        })
    }

    fn partition_values(&mut self) -> Result<Vec<(Name, Spanned<sql::Expr>)>> {
        if !self.eat("PARTITION") {
            return Ok(Vec::new());
        }
        let values = self.in_parens(|p| {
            let column = p.name("a partition column")?;
            p.expect_symbol("=")?;
            let value = p.spanned(|p| p.nested(Self::primary))?;
            match value.node {
                sql::Expr::Value(_) | sql::Expr::TypedString(_) => Ok((column, value)),
                _ => Err(p.error(value.span, "the value of a partition must be a literal")),
            }
        })?;
        self.check_names_once("the partition column", values.iter().map(|(name, _)| name))?;
        Ok(values)
    }

    /// `(a, b)` before the query; `(SELECT ..)` is the query itself.
    fn insert_columns(&mut self) -> Result<Vec<Name>> {
        let next = self.peek_nth(1);
        let is_query = QUERY_WORDS.iter().any(|word| next.is_word(word));
        if !self.sees_symbol("(") || is_query || next.is_symbol("(") {
            return Ok(Vec::new());
        }
        let columns = self.in_parens(|p| {
            p.node()?;
            p.name("a column")
        })?;
        self.check_names_once("the column", columns.iter())?;
        Ok(columns)
    }

    fn on_conflict(&mut self) -> Result<Option<(ConflictAction, Span)>> {
        let start = self.peek();
        if !self.eat_all(&["ON", "CONFLICT"]) {
            return Ok(None);
        }
        self.expect("DO")?;
        let action = if self.eat("ERROR") {
            ConflictAction::Error
        } else if self.eat("NOTHING") {
            ConflictAction::Nothing
        } else if self.eat("DEDUPLICATE") {
            ConflictAction::Deduplicate
        } else {
            return Err(self.wanted("ERROR, NOTHING or DEDUPLICATE"));
        };
        Ok(Some((action, self.span_since(start))))
    }
}
