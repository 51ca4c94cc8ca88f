//! The body of CREATE TABLE: columns, the watermark, the primary key.
//!
//! ```text
//! element := name type [constraint] [COMMENT '..']
//!          | name AS expression [COMMENT '..']
//!          | name type METADATA [FROM 'key'] [VIRTUAL] [COMMENT '..']
//!          | name                                                (CREATE TABLE .. AS query)
//!          | WATERMARK FOR column AS expression
//!          | [CONSTRAINT name] PRIMARY KEY (columns) NOT ENFORCED
//! ```

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::{Code, Error, Result};

use super::cursor::Parser;
use super::lexer::Token;
use crate::ast::{ColumnDef, ColumnKind, Name, PrimaryKey, Spanned, Watermark};

/// What stands between the parentheses of CREATE TABLE.
#[derive(Default)]
pub(crate) struct TableBody {
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) watermark: Option<Watermark>,
    pub(crate) primary_key: Option<PrimaryKey>,
}

impl Parser<'_> {
    /// `( element, .. )`; empty without parentheses.
    pub(crate) fn table_body(&mut self) -> Result<TableBody> {
        let mut body = TableBody::default();
        if !self.eat_symbol("(") || self.eat_symbol(")") {
            return Ok(body);
        }
        self.separated(|p| p.table_element(&mut body))?;
        self.expect_symbol(")")?;
        self.check_names_once("the column", body.columns.iter().map(|column| &column.name))?;
        Ok(body)
    }

    fn table_element(&mut self, body: &mut TableBody) -> Result<()> {
        self.node()?;
        let start = self.peek();
        if self.sees("WATERMARK") && self.peek_nth(1).is_word("FOR") {
            let watermark = self.watermark()?;
            if body.watermark.is_some() {
                let message = "the table has more than one WATERMARK";
                return Err(self.error_of(Code::InvalidSchema, watermark.span, message));
            }
            body.watermark = Some(watermark);
            return Ok(());
        }
        if self.sees_constraint() {
            let constraint = self.constraint_name()?;
            self.primary_key_words()?;
            let columns = self.in_parens(|p| p.name("a column"))?;
            self.check_names_once("the key column", columns.iter())?;
            return self.add_key(start, constraint, columns, body);
        }
        let column = self.column_def(body)?;
        body.columns.push(column);
        Ok(())
    }

    fn watermark(&mut self) -> Result<Watermark> {
        let start = self.expect("WATERMARK")?;
        self.expect("FOR")?;
        let column = self.qualified_name("a time column")?.parts;
        self.expect("AS")?;
        let expr = self.own_expression("a watermark")?;
        Ok(Watermark {
            column,
            expr,
            span: self.span_since(start),
        })
    }

    fn sees_constraint(&self) -> bool {
        self.sees("CONSTRAINT") || self.sees_all(&["PRIMARY", "KEY"]) || self.sees("UNIQUE")
    }

    fn constraint_name(&mut self) -> Result<Option<Name>> {
        match self.eat("CONSTRAINT") {
            true => Ok(Some(self.name("the name of a constraint")?)),
            false => Ok(None),
        }
    }

    fn primary_key_words(&mut self) -> Result<()> {
        if self.sees("UNIQUE") {
            return Err(self.unsupported(self.peek().span, "UNIQUE"));
        }
        self.expect_all(&["PRIMARY", "KEY"])
    }

    /// NOT ENFORCED after a key, and the key into the body.
    fn add_key(
        &mut self,
        start: Token<'_>,
        constraint: Option<Name>,
        columns: Vec<Name>,
        body: &mut TableBody,
    ) -> Result<()> {
        if !self.eat_all(&["NOT", "ENFORCED"]) {
            self.eat("ENFORCED");
            return Err(self.enforced(self.span_since(start)));
        }
        let span = self.span_since(start);
        if body.primary_key.is_some() {
            let message = "the table has more than one PRIMARY KEY";
            return Err(self.error_of(Code::InvalidSchema, span, message));
        }
        body.primary_key = Some(PrimaryKey {
            constraint,
            columns,
            span,
        });
        Ok(())
    }

    fn enforced(&self, span: crate::ast::Span) -> Error {
        self.error_of(
            Code::InvalidSchema,
            span,
            "a PRIMARY KEY cannot be enforced: the data belongs to somebody else",
        )
        .hint("write PRIMARY KEY (..) NOT ENFORCED")
    }

    fn column_def(&mut self, body: &mut TableBody) -> Result<ColumnDef> {
        let start = self.peek();
        let name = self.name("a column")?;
        let kind = if self.eat("AS") {
            ColumnKind::Computed(self.own_expression("a computed column")?)
        } else if self.sees_symbol(",") || self.sees_symbol(")") {
            ColumnKind::Listed
        } else {
            self.typed_column()?
        };
        if self.sees_constraint() {
            let at = self.peek();
            let constraint = self.constraint_name()?;
            self.primary_key_words()?;
            self.add_key(at, constraint, vec![name.clone()], body)?;
        }
        let comment = self.comment()?;
        Ok(ColumnDef {
            name,
            kind,
            comment,
            span: self.span_since(start),
        })
    }

    fn typed_column(&mut self) -> Result<ColumnKind> {
        let ty = self.column_type()?;
        if !self.eat("METADATA") {
            return Ok(ColumnKind::Physical(ty));
        }
        let from = match self.eat("FROM") {
            true => Some(self.text("the metadata's key in quotes")?),
            false => None,
        };
        Ok(ColumnKind::Metadata {
            ty,
            from,
            is_virtual: self.eat("VIRTUAL"),
        })
    }

    /// An expression over the table's own columns: no subquery, no window function.
    fn own_expression(&mut self, what: &str) -> Result<Spanned<sql::Expr>> {
        let start = self.token_index();
        let expr = self.spanned(Self::expr)?;
        let subquery = self.tokens_since(start).iter().find(|token| {
            ["SELECT", "VALUES", "TABLE"]
                .iter()
                .any(|word| token.is_word(word))
        });
        match subquery {
            Some(token) => Err(self.error(token.span, format!("{what} cannot hold a subquery"))),
            None => Ok(expr),
        }
    }

    /// A column of only a name stands in CREATE TABLE .. AS, and nowhere else.
    pub(crate) fn check_listed(&self, columns: &[ColumnDef], has_query: bool) -> Result<()> {
        let listed = columns
            .iter()
            .find(|column| column.kind == ColumnKind::Listed);
        match listed {
            Some(column) if !has_query => Err(self.error(
                column.span,
                format!("the column '{}' has no type", column.name),
            )),
            _ => Ok(()),
        }
    }
}
