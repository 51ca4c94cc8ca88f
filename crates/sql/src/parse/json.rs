//! JSON_VALUE, JSON_QUERY and JSON_EXISTS with their clauses.
//!
//! ```text
//! JSON_VALUE(j, p [RETURNING t] [b ON EMPTY] [b ON ERROR])     b := NULL | ERROR | DEFAULT x
//! JSON_QUERY(j, p [RETURNING t] [wrapper] [b ON EMPTY] [b ON ERROR])
//!     wrapper := {WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]} [ARRAY] WRAPPER
//!     b       := NULL | ERROR | EMPTY {ARRAY | OBJECT}
//! JSON_EXISTS(j, p [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])
//! ```
//!
//! Without clauses the call has its two arguments; else words follow that say what is done:
//! `json_value(j, p, 'DEFAULT', x, 'NULL', NULL)`, `json_query(j, p, 'WITHOUT', 'NULL', 'EMPTY ARRAY')`,
//! `json_exists(j, p, 'TRUE')`.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::Expr;
use millstream_core::Result;

use super::cursor::Parser;
use super::lexer::Token;
use super::special::plain_call;
use super::types::type_mark;

/// What is done instead of giving a value: a word, and the value of DEFAULT.
type Behaviour = (&'static str, Option<Expr>);

impl Parser<'_> {
    /// `json, path` of each of the functions.
    fn json_and_path(&mut self) -> Result<Vec<Expr>> {
        let json = self.expr()?;
        self.expect_symbol(",")?;
        Ok(vec![json, self.expr()?])
    }

    pub(super) fn json_value(&mut self, name: Token<'_>) -> Result<Expr> {
        let mut args = self.json_and_path()?;
        let returning = match self.eat("RETURNING") {
            true => Some(self.cast_target()?),
            false => None,
        };
        let (on_empty, on_error) = self.json_behaviours(Self::json_value_behaviour)?;
        if on_empty.is_some() || on_error.is_some() {
            for behaviour in [on_empty, on_error] {
                let (word, default) = behaviour.unwrap_or(("NULL", None));
                args.push(text(word));
                args.push(match default {
                    Some(default) => as_text(default),
                    None => Expr::value(sql::Value::Null),
                });
            }
        }
        let call = plain_call("json_value", name, args);
        Ok(match returning {
            // A value of another type is NULL, which is what TRY_CAST gives.
            Some(data_type) => Expr::Cast {
                kind: sql::CastKind::TryCast,
                expr: Box::new(call),
                data_type,
                array: false,
                format: None,
            },
            None => call,
        })
    }

    pub(super) fn json_query(&mut self, name: Token<'_>) -> Result<Expr> {
        let mut args = self.json_and_path()?;
        let mut function = "json_query";
        if self.eat("RETURNING") {
            let place = self.peek();
            let ty = self.column_type()?.sql.to_string();
            function = match ty.as_str() {
                "STRING" => "json_query",
                "ARRAY<STRING>" => "json_query_array",
                ty => {
                    return Err(self.error(
                        place.span,
                        format!("JSON_QUERY returns STRING or ARRAY<STRING>, not {ty}"),
                    ));
                }
            };
        }
        let wrapper = self.json_wrapper()?;
        let (on_empty, on_error) = self.json_behaviours(Self::json_query_behaviour)?;
        if wrapper.is_some() || on_empty.is_some() || on_error.is_some() {
            args.push(text(wrapper.unwrap_or("WITHOUT")));
            for behaviour in [on_empty, on_error] {
                args.push(text(behaviour.map_or("NULL", |(word, _)| word)));
            }
        }
        Ok(plain_call(function, name, args))
    }

    pub(super) fn json_exists(&mut self, name: Token<'_>) -> Result<Expr> {
        let mut args = self.json_and_path()?;
        let word = ["TRUE", "FALSE", "UNKNOWN", "ERROR"]
            .into_iter()
            .find(|word| self.eat(word));
        if let Some(word) = word {
            self.expect("ON")?;
            self.expect("ERROR")?;
            args.push(text(word));
        }
        Ok(plain_call("json_exists", name, args))
    }

    fn json_wrapper(&mut self) -> Result<Option<&'static str>> {
        let wrapper = if self.eat("WITHOUT") {
            "WITHOUT"
        } else if self.eat("WITH") {
            match self.eat("CONDITIONAL") {
                true => "CONDITIONAL",
                false => {
                    self.eat("UNCONDITIONAL");
                    "UNCONDITIONAL"
                }
            }
        } else {
            return Ok(None);
        };
        self.eat("ARRAY");
        self.expect("WRAPPER")?;
        Ok(Some(wrapper))
    }

    /// `b ON EMPTY` and `b ON ERROR`, each at most once, in this order.
    fn json_behaviours(
        &mut self,
        read: fn(&mut Self) -> Result<Option<Behaviour>>,
    ) -> Result<(Option<Behaviour>, Option<Behaviour>)> {
        let Some(first) = read(self)? else {
            return Ok((None, None));
        };
        self.expect("ON")?;
        if self.eat("ERROR") {
            return Ok((None, Some(first)));
        }
        self.expect("EMPTY")?;
        let second = read(self)?;
        if second.is_some() {
            self.expect("ON")?;
            self.expect("ERROR")?;
        }
        Ok((Some(first), second))
    }

    fn json_value_behaviour(&mut self) -> Result<Option<Behaviour>> {
        Ok(if self.eat("NULL") {
            Some(("NULL", None))
        } else if self.eat("ERROR") {
            Some(("ERROR", None))
        } else if self.eat("DEFAULT") {
            Some(("DEFAULT", Some(self.expr()?)))
        } else {
            None
        })
    }

    fn json_query_behaviour(&mut self) -> Result<Option<Behaviour>> {
        if self.eat("NULL") {
            return Ok(Some(("NULL", None)));
        } else if self.eat("ERROR") {
            return Ok(Some(("ERROR", None)));
        } else if !self.eat("EMPTY") {
            return Ok(None);
        }
        if self.eat("ARRAY") {
            Ok(Some(("EMPTY ARRAY", None)))
        } else if self.eat("OBJECT") {
            Ok(Some(("EMPTY OBJECT", None)))
        } else {
            Err(self.wanted("ARRAY or OBJECT"))
        }
    }
}

fn text(word: &str) -> Expr {
    Expr::value(sql::Value::SingleQuotedString(word.to_string()))
}

fn as_text(expr: Expr) -> Expr {
    Expr::Cast {
        kind: sql::CastKind::Cast,
        expr: Box::new(expr),
        data_type: type_mark("STRING"),
        array: false,
        format: None,
    }
}
