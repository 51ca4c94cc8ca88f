//! Operands of expressions: columns, literals, parentheses, CASE, CAST, constructors.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::Expr;
use millstream_core::Result;

use super::cursor::Parser;
use super::expr::row;
use super::lexer::{Kind, Token};
use crate::dialect::{is_callable, is_reserved};

impl Parser<'_> {
    /// An operand without sign and without what follows it.
    pub(crate) fn primary(&mut self) -> Result<Expr> {
        self.node()?;
        let token = self.peek();
        match token.kind {
            Kind::Number => self.number(false),
            Kind::Text | Kind::UnicodeText => {
                let text = self.text_literal()?;
                let value = sql::Value::SingleQuotedString(text.value);
                Ok(Expr::Value(value.with_span(text.span.into())))
            }
            Kind::Hex => self.hex(),
            Kind::Quoted => self.column_or_call(),
            Kind::Word => self.word(token),
            Kind::Symbol if token.text == "(" => self.parenthesised(),
            _ => Err(self.wanted_operand()),
        }
    }

    fn word(&mut self, token: Token<'_>) -> Result<Expr> {
        let next = self.peek_nth(1);
        let called = next.is_symbol("(");
        let text_follows = matches!(next.kind, Kind::Text | Kind::UnicodeText);
        match token.text.to_ascii_uppercase().as_str() {
            "TRUE" => Ok(self.constant(sql::Value::Boolean(true))),
            "FALSE" => Ok(self.constant(sql::Value::Boolean(false))),
            "NULL" | "UNKNOWN" => Ok(self.constant(sql::Value::Null)),
            "CASE" => self.case(),
            "INTERVAL" => self.interval(),
            "EXISTS" => self.exists(false),
            "NOT" => Err(self
                .wanted("an operand")
                .hint("NOT binds loosely: put it and what follows in parentheses")),
            "DATE" if text_follows => self.date_literal(),
            "TIME" if text_follows => self.time_literal(),
            "TIMESTAMP" if text_follows => self.timestamp_literal(),
            "CAST" if called => self.cast(sql::CastKind::Cast),
            "TRY_CAST" if called => self.cast(sql::CastKind::TryCast),
            "ROW" if called => self.explicit_row(),
            "ARRAY" if next.is_symbol("[") => self.array(),
            "MAP" if next.is_symbol("[") => self.map_literal(),
            "ARRAY" | "MULTISET" if called => {
                let what = format!("{} of a query", token.text.to_ascii_uppercase());
                Err(self.unsupported(token.span, &what))
            }
            "MULTISET" if next.is_symbol("[") => Err(self.unsupported(token.span, "MULTISET[..]")),
            "CURRENT_TIMESTAMP" | "CURRENT_DATE" | "CURRENT_TIME" | "LOCALTIME"
            | "LOCALTIMESTAMP" | "CURRENT_USER" | "SESSION_USER" | "SYSTEM_USER"
            | "CURRENT_CATALOG"
                if !called =>
            {
                self.call_without_parens()
            }
            // As in Flink, where a column of this name stands in backticks.
            "PI" if !called && !next.is_symbol(".") => self.call_without_parens(),
            _ if called => match self.special_call()? {
                Some(expr) => Ok(expr),
                None if is_reserved(token.text) && !is_callable(token.text) => {
                    Err(self.wanted_operand())
                }
                None => self.column_or_call(),
            },
            _ => self.column_or_call(),
        }
    }

    fn constant(&mut self, value: sql::Value) -> Expr {
        let token = self.advance();
        Expr::Value(value.with_span(token.span.into()))
    }

    /// `a`, `a.b.c`, or a call `f(..)`, `db.f(..)`.
    fn column_or_call(&mut self) -> Result<Expr> {
        if self.peek_nth(1).is_symbol("(") {
            return self.call();
        }
        let mut parts = vec![self.ident_of_expression()?];
        while self.eat_symbol(".") {
            self.node()?;
            if self.sees_symbol("*") {
                return Err(self
                    .wanted("a column")
                    .hint("'*' stands in a SELECT list or in COUNT(*)"));
            }
            let called = self.peek_nth(1).is_symbol("(");
            parts.push(self.ident("a field")?);
            if called {
                return self.call_of(super::from::object_name(parts));
            }
        }
        Ok(match parts.len() {
            1 => Expr::Identifier(parts.remove(0)),
            _ => Expr::CompoundIdentifier(parts),
        })
    }

    fn ident_of_expression(&mut self) -> Result<sql::Ident> {
        match self.peek() {
            token if token.kind == Kind::Word && is_reserved(token.text) => {
                Err(self.wanted_operand())
            }
            _ => self.ident("an expression"),
        }
    }

    fn case(&mut self) -> Result<Expr> {
        let start = self.expect("CASE")?;
        let operand = match self.sees("WHEN") {
            true => None,
            false => Some(Box::new(self.case_part()?)),
        };
        let mut conditions = Vec::new();
        while self.eat("WHEN") {
            self.node()?;
            let condition = self.case_part()?;
            self.expect("THEN")?;
            let result = self.case_part()?;
            conditions.push(sql::CaseWhen { condition, result });
        }
        if conditions.is_empty() {
            return Err(self.wanted("WHEN"));
        }
        let else_result = match self.eat("ELSE") {
            true => Some(Box::new(self.case_part()?)),
            false => None,
        };
        let end = self.expect("END")?;
        Ok(Expr::Case {
            case_token: Self::attached(start),
            end_token: Self::attached(end),
            operand,
            conditions,
            else_result,
        })
    }

    /// An expression within CASE; END here ends the CASE and is not meant as a name.
    fn case_part(&mut self) -> Result<Expr> {
        match self.sees("END") {
            true => Err(self.wanted("an expression")),
            false => self.expr(),
        }
    }

    /// `CAST(x AS type)`.
    fn cast(&mut self, kind: sql::CastKind) -> Result<Expr> {
        self.advance();
        self.expect_symbol("(")?;
        let expr = Box::new(self.expr()?);
        self.expect("AS")?;
        let data_type = self.cast_target()?;
        self.expect_symbol(")")?;
        Ok(Expr::Cast {
            kind,
            expr,
            data_type,
            array: false,
            format: None,
        })
    }

    fn explicit_row(&mut self) -> Result<Expr> {
        self.advance();
        Ok(row(self.in_parens(Self::expr)?))
    }

    fn array(&mut self) -> Result<Expr> {
        self.advance();
        let elem = self.in_brackets(Self::expr)?;
        Ok(Expr::Array(sql::Array { elem, named: true }))
    }

    /// `MAP[k1, v1, k2, v2]`.
    fn map_literal(&mut self) -> Result<Expr> {
        self.advance();
        let entries = self.in_brackets(|p| {
            let key = Box::new(p.expr()?);
            if !p.eat_symbol(",") {
                return Err(p.wanted("',' and a value: MAP[key, value, ..]"));
            }
            let value = Box::new(p.expr()?);
            Ok(sql::MapEntry { key, value })
        })?;
        Ok(Expr::Map(sql::Map { entries }))
    }

    /// `[ item, .. ]`, possibly empty.
    fn in_brackets<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_symbol("[")?;
        if self.eat_symbol("]") {
            return Ok(Vec::new());
        }
        let items = self.separated(item)?;
        self.expect_symbol("]")?;
        Ok(items)
    }
}
