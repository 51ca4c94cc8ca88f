//! FROM: tables, joins, subqueries, table functions.
//!
//! An opening parenthesis in FROM may begin a subquery or a join, and only what follows tells. Instead
//! of trying one and going back, [`Parser::factor_in_parens`] reads on and decides when it knows.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::{JoinConstraint, JoinOperator, TableFactor};
use millstream_core::{Error, Result};

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use crate::ast;

/// What stands between parentheses in FROM.
enum Inside {
    Query(Box<sql::Query>),
    Join(Box<sql::TableWithJoins>),
}

/// A kind of join, waiting for its condition.
type JoinKind = fn(JoinConstraint) -> JoinOperator;

impl Parser<'_> {
    /// `FROM a, b JOIN c ..`; empty without FROM.
    pub(crate) fn from(&mut self) -> Result<Vec<sql::TableWithJoins>> {
        if !self.eat("FROM") {
            return Ok(Vec::new());
        }
        let mut tables = vec![self.table_with_joins()?];
        while self.eat_symbol(",") {
            self.taller()?;
            tables.push(self.table_with_joins()?);
        }
        Ok(tables)
    }

    fn table_with_joins(&mut self) -> Result<sql::TableWithJoins> {
        let relation = self.nested(Self::factor)?;
        self.joins_after(relation)
    }

    fn joins_after(&mut self, relation: TableFactor) -> Result<sql::TableWithJoins> {
        let mut joins = Vec::new();
        while let Some(join) = self.join()? {
            joins.push(join);
        }
        Ok(sql::TableWithJoins { relation, joins })
    }

    /// The next join, if there is one.
    fn join(&mut self) -> Result<Option<sql::Join>> {
        let start = self.peek();
        if self.eat("CROSS") {
            if self.sees("APPLY") {
                return Err(self.no_apply(start));
            }
            self.expect("JOIN")?;
            let relation = self.nested(Self::factor)?;
            return self.joined(relation, JoinOperator::CrossJoin(JoinConstraint::None));
        }
        if self.sees_all(&["OUTER", "APPLY"]) {
            return Err(self.no_apply(start));
        }
        let natural = self.eat("NATURAL");
        let Some(operator) = self.join_kind()? else {
            return match natural {
                true => Err(self.wanted("JOIN")),
                false => Ok(None),
            };
        };
        let relation = self.nested(Self::factor)?;
        let constraint = match natural {
            true => JoinConstraint::Natural,
            false => self.join_constraint()?,
        };
        self.joined(relation, operator(constraint))
    }

    fn joined(
        &mut self,
        relation: TableFactor,
        operator: JoinOperator,
    ) -> Result<Option<sql::Join>> {
        self.taller()?;
        Ok(Some(sql::Join {
            relation,
            global: false,
            join_operator: operator,
        }))
    }

    fn no_apply(&self, start: Token<'_>) -> Error {
        self.unsupported(start.span.to(self.peek().span), "APPLY")
            .hint("write CROSS JOIN LATERAL TABLE(..)")
    }

    /// `[INNER] JOIN`, `LEFT [OUTER] JOIN` ..
    fn join_kind(&mut self) -> Result<Option<JoinKind>> {
        let outer: JoinKind = if self.eat("JOIN") {
            return Ok(Some(JoinOperator::Join));
        } else if self.eat("INNER") {
            self.expect("JOIN")?;
            return Ok(Some(JoinOperator::Inner));
        } else if self.eat("LEFT") {
            JoinOperator::Left
        } else if self.eat("RIGHT") {
            JoinOperator::Right
        } else if self.eat("FULL") {
            JoinOperator::FullOuter
        } else {
            return Ok(None);
        };
        self.eat("OUTER");
        self.expect("JOIN")?;
        Ok(Some(outer))
    }

    fn join_constraint(&mut self) -> Result<JoinConstraint> {
        if self.eat("ON") {
            return Ok(JoinConstraint::On(self.expr()?));
        }
        if self.eat("USING") {
            let columns = self.in_parens(|p| {
                let column = p.ident("a column of both sides")?;
                Ok(object_name(vec![column]))
            })?;
            return Ok(JoinConstraint::Using(columns));
        }
        Err(self
            .wanted("ON or USING")
            .hint("a join without a condition is a CROSS JOIN"))
    }

    /// One table, subquery, table function or parenthesised join, with its alias.
    fn factor(&mut self) -> Result<TableFactor> {
        self.node()?;
        if self.sees_symbol("(") {
            return match self.factor_in_parens()? {
                Inside::Query(subquery) => self.derived(false, subquery),
                Inside::Join(inner) => self.nested_join(inner),
            };
        }
        if self.eat("LATERAL") {
            return self.lateral();
        }
        if self.sees("UNNEST") {
            return self.unnest();
        }
        if self.eat("TABLE") {
            return self.table_call(false);
        }
        if self.peek_nth(1).is_symbol("(") && self.peek().kind == Kind::Word {
            return self.bare_call();
        }
        self.table()
    }

    /// `( .. )` in FROM; nothing of what follows the closing parenthesis.
    fn factor_in_parens(&mut self) -> Result<Inside> {
        self.nested(|p| {
            p.expect_symbol("(")?;
            let inside = if p.sees_query() && !p.sees_table_call() {
                Inside::Query(p.query()?)
            } else if p.sees_symbol("(") {
                match p.factor_in_parens()? {
                    Inside::Query(left) => p.after_inner_query(left)?,
                    Inside::Join(inner) => {
                        let factor = p.nested_join(inner)?;
                        Inside::Join(Box::new(p.joins_after(factor)?))
                    }
                }
            } else {
                Inside::Join(Box::new(p.table_with_joins()?))
            };
            p.expect_symbol(")")?;
            Ok(inside)
        })
    }

    /// After `((query)`: a set operation, an alias or join, or the second parenthesis.
    fn after_inner_query(&mut self, left: Box<sql::Query>) -> Result<Inside> {
        if self.sees_symbol(")") {
            return Ok(Inside::Query(left));
        }
        if self.sees_query_tail() {
            return Ok(Inside::Query(self.query_after(left)?));
        }
        let factor = self.derived(false, left)?;
        Ok(Inside::Join(Box::new(self.joins_after(factor)?)))
    }

    /// `TABLE (`: a table function rather than the query `TABLE t`.
    fn sees_table_call(&self) -> bool {
        self.sees("TABLE") && self.peek_nth(1).is_symbol("(")
    }

    fn derived(&mut self, lateral: bool, subquery: Box<sql::Query>) -> Result<TableFactor> {
        let alias = self.table_alias()?;
        self.matched(TableFactor::Derived {
            lateral,
            subquery,
            alias,
            sample: None,
        })
    }

    fn nested_join(&mut self, inner: Box<sql::TableWithJoins>) -> Result<TableFactor> {
        Ok(TableFactor::NestedJoin {
            table_with_joins: inner,
            alias: self.table_alias()?,
        })
    }

    /// What follows LATERAL.
    fn lateral(&mut self) -> Result<TableFactor> {
        if self.eat("TABLE") {
            return self.table_call(true);
        }
        if self.sees("UNNEST") {
            return self.unnest();
        }
        if !self.sees_symbol("(") {
            return Err(self.wanted("TABLE(..) or a query in parentheses"));
        }
        self.expect_symbol("(")?;
        let subquery = self.query()?;
        self.expect_symbol(")")?;
        self.derived(true, subquery)
    }

    /// `TABLE( call )`, with TABLE already read.
    fn table_call(&mut self, lateral: bool) -> Result<TableFactor> {
        self.expect_symbol("(")?;
        let factor = if self.sees_window_call() {
            self.window_call()?
        } else {
            self.function_factor(lateral)?
        };
        self.expect_symbol(")")?;
        self.with_alias(factor)
    }

    /// `TUMBLE(..)` or `f(..)` without TABLE.
    fn bare_call(&mut self) -> Result<TableFactor> {
        let factor = match self.sees_window_call() {
            true => self.window_call()?,
            false => self.function_factor(false)?,
        };
        self.with_alias(factor)
    }

    fn function_factor(&mut self, lateral: bool) -> Result<TableFactor> {
        let name = self.object_name("a table function")?;
        self.expect_symbol("(")?;
        let mut args = Vec::new();
        if !self.eat_symbol(")") {
            args = self.separated(Self::function_argument)?;
            self.expect_symbol(")")?;
        }
        Ok(TableFactor::Function {
            lateral,
            name,
            args,
            with_ordinality: false,
            alias: None,
        })
    }

    fn with_alias(&mut self, mut factor: TableFactor) -> Result<TableFactor> {
        let read = self.table_alias()?;
        match &mut factor {
            TableFactor::Function { alias, .. } | TableFactor::TableFunction { alias, .. } => {
                *alias = read;
            }
            _ => {}
        }
        self.matched(factor)
    }

    fn unnest(&mut self) -> Result<TableFactor> {
        self.expect("UNNEST")?;
        let array_exprs = self.in_parens(Self::expr)?;
        let with_ordinality = self.eat_all(&["WITH", "ORDINALITY"]);
        Ok(TableFactor::UNNEST {
            alias: self.table_alias()?,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality,
        })
    }

    /// A table with what may follow its name.
    fn table(&mut self) -> Result<TableFactor> {
        let mut table = self.plain_table()?;
        let read_version = match self.sees_all(&["FOR", "SYSTEM_TIME"]) {
            true => Some(self.system_time()?),
            false => None,
        };
        self.refuse_table_suffix()?;
        let read_alias = self.table_alias()?;
        self.refuse_table_suffix()?;
        if let TableFactor::Table { alias, version, .. } = &mut table {
            *alias = read_alias;
            *version = read_version;
        }
        self.matched(table)
    }

    /// A table's name with its hints.
    pub(crate) fn plain_table(&mut self) -> Result<TableFactor> {
        let name = self.object_name("a table")?;
        let hints = self.hints()?;
        let mut with_hints = Vec::new();
        if !hints.is_empty() {
            self.beside.table_hints.push(hints);
            with_hints.push(ast::hints_mark(self.beside.table_hints.len() - 1));
        }
        Ok(TableFactor::Table {
            name,
            alias: None,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        })
    }

    /// `FOR SYSTEM_TIME AS OF time`.
    fn system_time(&mut self) -> Result<sql::TableVersion> {
        self.expect_all(&["FOR", "SYSTEM_TIME", "AS", "OF"])?;
        Ok(sql::TableVersion::ForSystemTimeAsOf(self.expr()?))
    }

    fn refuse_table_suffix(&self) -> Result<()> {
        let token = self.peek();
        for word in ["TABLESAMPLE", "PIVOT", "UNPIVOT"] {
            if token.is_word(word) {
                return Err(self.unsupported(token.span, word));
            }
        }
        Ok(())
    }

    /// `[AS] name [(column, ..)]`.
    pub(crate) fn table_alias(&mut self) -> Result<Option<sql::TableAlias>> {
        let explicit = self.eat("AS");
        if !explicit && !self.sees_alias() {
            return Ok(None);
        }
        let name = self.ident("an alias")?;
        let mut columns = Vec::new();
        if self.sees_symbol("(") {
            columns = self.in_parens(|p| {
                p.node()?;
                Ok(sql::TableAliasColumnDef {
                    name: p.ident("a column's name")?,
                    data_type: None,
                })
            })?;
        }
        Ok(Some(sql::TableAlias {
            explicit,
            name,
            columns,
            at: None,
        }))
    }

    /// True if the next token can be an alias without AS.
    pub(crate) fn sees_alias(&self) -> bool {
        let token = self.peek();
        match token.kind {
            Kind::Quoted => true,
            Kind::Word => !crate::dialect::is_reserved(token.text),
            _ => false,
        }
    }

    /// A name of one to three parts as `sqlparser` holds it.
    pub(crate) fn object_name(&mut self, what: &str) -> Result<sql::ObjectName> {
        let start = self.peek();
        let mut parts = vec![self.ident(what)?];
        while self.eat_symbol(".") {
            parts.push(self.ident(what)?);
        }
        if parts.len() > 3 {
            return Err(self.error(
                self.span_since(start),
                format!("{what} has more than three parts; wanted catalog.database.object"),
            ));
        }
        Ok(object_name(parts))
    }
}

/// A name of these parts.
pub(crate) fn object_name(parts: Vec<sql::Ident>) -> sql::ObjectName {
    sql::ObjectName(
        parts
            .into_iter()
            .map(sql::ObjectNamePart::Identifier)
            .collect(),
    )
}
