//! Queries: WITH, SELECT, VALUES, set operations, ORDER BY, LIMIT.
//!
//! ```text
//! query  := [WITH name AS (query), ..] set [ORDER BY ..] [LIMIT n] [OFFSET n] [FETCH FIRST n ROWS ONLY]
//! set    := block { {UNION | EXCEPT | INTERSECT} [ALL | DISTINCT] block }
//! block  := SELECT .. | VALUES .. | TABLE t | ( query )
//! ```

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};
use millstream_core::Result;

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use crate::ast::ParsedQuery;

/// The words a query begins with, unless with a parenthesis.
pub(crate) const QUERY_WORDS: &[&str] = &["SELECT", "WITH", "VALUES", "TABLE"];

impl Parser<'_> {
    /// A query of its own, with everything that stands beside its tree.
    pub(crate) fn whole_query(&mut self) -> Result<ParsedQuery> {
        let around = std::mem::take(&mut self.beside);
        let query = self.spanned(Self::query)?;
        let beside = std::mem::replace(&mut self.beside, around);
        Ok(ParsedQuery {
            query: query.node,
            tvfs: beside.tvfs,
            patterns: beside.patterns,
            table_hints: beside.table_hints,
            select_hints: beside.select_hints,
            span: query.span,
            text: query.text,
        })
    }

    /// True if a query is next, not counting one in parentheses.
    pub(crate) fn sees_query(&self) -> bool {
        QUERY_WORDS.iter().any(|word| self.sees(word))
    }

    /// True if what is next continues a query in parentheses.
    pub(crate) fn sees_query_tail(&self) -> bool {
        let token = self.peek();
        [
            "UNION",
            "EXCEPT",
            "INTERSECT",
            "MINUS",
            "ORDER",
            "LIMIT",
            "OFFSET",
            "FETCH",
        ]
        .iter()
        .any(|word| token.is_word(word))
    }

    /// A query or subquery.
    pub(crate) fn query(&mut self) -> Result<Box<sql::Query>> {
        self.nested(|p| {
            let with = p.with()?;
            let body = p.set_expr(0, None)?;
            p.query_of(with, body)
        })
    }

    /// The query whose first block is `left`, which stood in parentheses.
    pub(crate) fn query_after(&mut self, left: Box<sql::Query>) -> Result<Box<sql::Query>> {
        self.taller()?;
        let body = self.set_expr(0, Some(SetExpr::Query(left)))?;
        self.query_of(None, body)
    }

    fn query_of(&mut self, with: Option<sql::With>, body: SetExpr) -> Result<Box<sql::Query>> {
        let order_by = match self.order_by()? {
            keys if keys.is_empty() => None,
            keys => Some(sql::OrderBy {
                kind: sql::OrderByKind::Expressions(keys),
                interpolate: None,
            }),
        };
        Ok(Box::new(sql::Query {
            with,
            body: Box::new(body),
            order_by,
            limit_clause: self.limit()?,
            fetch: None,
            locks: Vec::new(),
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators: Vec::new(),
        }))
    }

    fn with(&mut self) -> Result<Option<sql::With>> {
        if !self.eat("WITH") {
            return Ok(None);
        }
        let with_token = Self::attached(self.previous());
        if self.sees("RECURSIVE") {
            return Err(self.unsupported(self.peek().span, "WITH RECURSIVE"));
        }
        let cte_tables = self.separated(Self::cte)?;
        Ok(Some(sql::With {
            with_token,
            recursive: false,
            cte_tables,
        }))
    }

    /// `name [(columns)] AS (query)`. One may read the one before, so each adds to the height.
    fn cte(&mut self) -> Result<sql::Cte> {
        self.taller()?;
        let name = self.ident("the name of a common table expression")?;
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
        self.expect("AS")?;
        self.expect_symbol("(")?;
        let query = self.query()?;
        let close = self.expect_symbol(")")?;
        Ok(sql::Cte {
            alias: sql::TableAlias {
                explicit: false,
                name,
                columns,
                at: None,
            },
            query,
            from: None,
            materialized: None,
            closing_paren_token: Self::attached(close),
        })
    }

    /// Blocks joined by operators that bind tighter than `above`; the first may have been read.
    fn set_expr(&mut self, above: u8, first: Option<SetExpr>) -> Result<SetExpr> {
        let mut left = match first {
            Some(first) => first,
            None => self.block()?,
        };
        while let Some((op, binds)) = self.set_operator()? {
            if binds <= above {
                break;
            }
            self.advance();
            let set_quantifier = if self.eat("ALL") {
                SetQuantifier::All
            } else if self.eat("DISTINCT") {
                SetQuantifier::Distinct
            } else {
                SetQuantifier::None
            };
            let right = self.nested(|p| p.set_expr(binds, None))?;
            self.taller()?;
            left = SetExpr::SetOperation {
                left: Box::new(left),
                op,
                set_quantifier,
                right: Box::new(right),
            };
        }
        Ok(left)
    }

    /// The operator that is next, not read yet; INTERSECT binds tighter.
    fn set_operator(&mut self) -> Result<Option<(SetOperator, u8)>> {
        let token = self.peek();
        let operators = [
            ("UNION", SetOperator::Union, 1),
            ("EXCEPT", SetOperator::Except, 1),
            ("INTERSECT", SetOperator::Intersect, 2),
        ];
        if token.is_word("MINUS") {
            return Err(self
                .unsupported(token.span, "MINUS between queries")
                .hint("write EXCEPT"));
        }
        let found = operators.into_iter().find(|(word, ..)| token.is_word(word));
        Ok(found.map(|(_, op, binds)| (op, binds)))
    }

    fn block(&mut self) -> Result<SetExpr> {
        self.node()?;
        if self.eat("VALUES") {
            return self.values();
        }
        if self.eat("TABLE") {
            return self.explicit_table();
        }
        if self.eat_symbol("(") {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(SetExpr::Query(query));
        }
        Ok(SetExpr::Select(Box::new(self.select()?)))
    }

    /// `VALUES (1, 'a'), (2, 'b')`; a row of one value needs no parentheses.
    fn values(&mut self) -> Result<SetExpr> {
        let mut explicit_row = false;
        let rows = self.separated(|p| {
            p.node()?;
            explicit_row |= p.eat("ROW");
            if !p.sees_symbol("(") {
                let content = vec![p.expr()?];
                return Ok(sql::Parens::with_empty_span(content));
            }
            let open = p.expect_symbol("(")?;
            let content = p.separated(Self::expr)?;
            let close = p.expect_symbol(")")?;
            Ok(sql::Parens {
                opening_token: Self::attached(open),
                content,
                closing_token: Self::attached(close),
            })
        })?;
        Ok(SetExpr::Values(sql::Values {
            explicit_row,
            value_keyword: false,
            rows,
        }))
    }

    /// `TABLE t` is `SELECT * FROM t`.
    fn explicit_table(&mut self) -> Result<SetExpr> {
        let start = self.previous();
        let relation = self.plain_table()?;
        let mut select = empty_select(start);
        select.projection = vec![sql::SelectItem::Wildcard(wildcard_options(start))];
        select.from = vec![sql::TableWithJoins {
            relation,
            joins: Vec::new(),
        }];
        Ok(SetExpr::Select(Box::new(select)))
    }

    fn select(&mut self) -> Result<sql::Select> {
        let start = self.expect("SELECT")?;
        let hints = self.hints()?;
        self.beside.select_hints.extend(hints);
        if self.sees("STREAM") {
            return Err(self.unsupported(self.peek().span, "SELECT STREAM"));
        }
        let mut select = empty_select(start);
        if self.eat("DISTINCT") {
            select.distinct = Some(sql::Distinct::Distinct);
        } else {
            self.eat("ALL");
        }
        select.projection = self.separated(Self::select_item)?;
        select.from = self.from()?;
        if self.eat("WHERE") {
            select.selection = Some(self.expr()?);
        }
        if let Some(group_by) = self.group_by()? {
            select.group_by = group_by;
        }
        if self.eat("HAVING") {
            select.having = Some(self.expr()?);
        }
        if self.eat("WINDOW") {
            select.named_window = self.separated(Self::named_window)?;
            select.window_before_qualify = true;
        }
        if self.sees("QUALIFY") {
            return Err(self.unsupported(self.peek().span, "QUALIFY"));
        }
        Ok(select)
    }

    fn select_item(&mut self) -> Result<sql::SelectItem> {
        self.node()?;
        if self.sees_symbol("*") {
            let star = self.advance();
            return Ok(sql::SelectItem::Wildcard(wildcard_options(star)));
        }
        if self.sees_qualified_wildcard() {
            let mut parts = vec![self.ident("a table")?];
            while self.eat_symbol(".") && !self.sees_symbol("*") {
                parts.push(self.ident("a table")?);
            }
            let star = self.expect_symbol("*")?;
            let name = super::from::object_name(parts);
            return Ok(sql::SelectItem::QualifiedWildcard(
                sql::SelectItemQualifiedWildcardKind::ObjectName(name),
                wildcard_options(star),
            ));
        }
        let expr = self.expr()?;
        if self.eat("AS") || self.sees_alias() {
            let alias = self.ident("an alias")?;
            return Ok(sql::SelectItem::ExprWithAlias { expr, alias });
        }
        Ok(sql::SelectItem::UnnamedExpr(expr))
    }

    /// `t.*`, `db.t.*`, `cat.db.t.*`.
    fn sees_qualified_wildcard(&self) -> bool {
        for part in 0..3 {
            let name = self.peek_nth(2 * part).kind;
            let dot = self.peek_nth(2 * part + 1);
            if !matches!(name, Kind::Word | Kind::Quoted) || !dot.is_symbol(".") {
                return false;
            }
            if self.peek_nth(2 * part + 2).is_symbol("*") {
                return true;
            }
        }
        false
    }

    fn group_by(&mut self) -> Result<Option<sql::GroupByExpr>> {
        if !self.eat("GROUP") {
            return Ok(None);
        }
        self.expect("BY")?;
        if self.eat("ALL") {
            return Ok(Some(sql::GroupByExpr::All(Vec::new())));
        }
        if self.sees("DISTINCT") {
            return Err(self.unsupported(self.peek().span, "GROUP BY DISTINCT"));
        }
        let keys = self.separated(Self::grouping)?;
        Ok(Some(sql::GroupByExpr::Expressions(keys, Vec::new())))
    }

    /// A key of GROUP BY, or GROUPING SETS, ROLLUP, CUBE.
    fn grouping(&mut self) -> Result<sql::Expr> {
        if self.eat_all(&["GROUPING", "SETS"]) {
            return Ok(sql::Expr::GroupingSets(self.in_parens(Self::grouping_set)?));
        }
        if self.eat("ROLLUP") {
            return Ok(sql::Expr::Rollup(self.in_parens(Self::grouping_set)?));
        }
        if self.eat("CUBE") {
            return Ok(sql::Expr::Cube(self.in_parens(Self::grouping_set)?));
        }
        if self.sees_symbol("(") && self.peek_nth(1).is_symbol(")") {
            return Ok(sql::Expr::GroupingSets(vec![self.grouping_set()?]));
        }
        self.expr()
    }

    /// `a`, `(a, b)` or `()`.
    fn grouping_set(&mut self) -> Result<Vec<sql::Expr>> {
        self.node()?;
        for inner in ["GROUPING", "ROLLUP", "CUBE"] {
            if self.sees(inner) && !self.peek_nth(1).is_symbol(".") {
                return Err(
                    self.unsupported(self.peek().span, "a grouping set within a grouping set")
                );
            }
        }
        if !self.eat_symbol("(") {
            return Ok(vec![self.expr()?]);
        }
        let mut keys = Vec::new();
        if !self.eat_symbol(")") {
            keys = self.separated(Self::expr)?;
            self.expect_symbol(")")?;
        }
        Ok(keys)
    }

    /// `ORDER BY key, ..`; empty without.
    pub(crate) fn order_by(&mut self) -> Result<Vec<sql::OrderByExpr>> {
        if !self.eat("ORDER") {
            return Ok(Vec::new());
        }
        self.expect("BY")?;
        self.separated(Self::order_by_expr)
    }

    /// `expr [ASC | DESC] [NULLS {FIRST | LAST}]`.
    fn order_by_expr(&mut self) -> Result<sql::OrderByExpr> {
        self.node()?;
        let expr = self.expr()?;
        let asc = if self.eat("ASC") {
            Some(true)
        } else if self.eat("DESC") {
            Some(false)
        } else {
            None
        };
        let nulls_first = if self.eat_all(&["NULLS", "FIRST"]) {
            Some(true)
        } else if self.eat_all(&["NULLS", "LAST"]) {
            Some(false)
        } else {
            None
        };
        Ok(sql::OrderByExpr {
            expr,
            options: sql::OrderByOptions { asc, nulls_first },
            with_fill: None,
        })
    }

    /// LIMIT, OFFSET and FETCH, each at most once.
    fn limit(&mut self) -> Result<Option<sql::LimitClause>> {
        let (mut limit, mut offset) = (None, None);
        let mut all = false;
        loop {
            if limit.is_none() && !all && self.eat("LIMIT") {
                all = self.eat("ALL");
                if !all {
                    limit = Some(self.row_count()?);
                }
            } else if offset.is_none() && self.eat("OFFSET") {
                let value = self.row_count()?;
                if !self.eat("ROWS") {
                    self.eat("ROW");
                }
                offset = Some(sql::Offset {
                    value,
                    rows: sql::OffsetRows::None,
                });
            } else if limit.is_none() && !all && self.eat("FETCH") {
                limit = Some(self.fetch()?);
            } else {
                break;
            }
        }
        if limit.is_none() && offset.is_none() {
            return Ok(None);
        }
        Ok(Some(sql::LimitClause::LimitOffset {
            limit,
            offset,
            limit_by: Vec::new(),
        }))
    }

    /// `{FIRST | NEXT} n {ROW | ROWS} ONLY`; it means LIMIT.
    fn fetch(&mut self) -> Result<sql::Expr> {
        if !self.eat("FIRST") {
            self.expect("NEXT")?;
        }
        let count = self.row_count()?;
        if !self.eat("ROW") {
            self.expect("ROWS")?;
        }
        self.expect("ONLY")?;
        Ok(count)
    }

    fn row_count(&mut self) -> Result<sql::Expr> {
        let token = self.peek();
        let whole = token.kind == Kind::Number && token.text.parse::<i64>().is_ok();
        match whole {
            true => self.number(false),
            false => Err(self.wanted("a number of rows")),
        }
    }
}

fn wildcard_options(star: Token<'_>) -> sql::WildcardAdditionalOptions {
    sql::WildcardAdditionalOptions {
        wildcard_token: Parser::attached(star),
        ..Default::default()
    }
}

fn empty_select(start: Token<'_>) -> sql::Select {
    sql::Select {
        select_token: Parser::attached(start),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: sql::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: sql::SelectFlavor::Standard,
    }
}
