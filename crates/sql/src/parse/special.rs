//! Calls with a syntax of their own: `EXTRACT(u FROM x)`, `FLOOR(t TO u)`, `TRIM(BOTH c FROM s)` ..
//!
//! `dialect.rs` lists what they become.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::{DateTimeField, Expr, FunctionArg, FunctionArgExpr};
use millstream_core::{Result, suggest};

use super::call::function_of;
use super::cursor::{Parser, shortened};
use super::lexer::{Kind, Token};

/// Units of EXTRACT, TIMESTAMPADD and TIMESTAMPDIFF, FLOOR and CEIL.
const UNITS: &[(&str, DateTimeField)] = &[
    ("CENTURY", DateTimeField::Century),
    ("DAY", DateTimeField::Day),
    ("DECADE", DateTimeField::Decade),
    ("DOW", DateTimeField::Dow),
    ("DOY", DateTimeField::Doy),
    ("EPOCH", DateTimeField::Epoch),
    ("HOUR", DateTimeField::Hour),
    ("ISODOW", DateTimeField::Isodow),
    ("ISOYEAR", DateTimeField::Isoyear),
    ("MICROSECOND", DateTimeField::Microsecond),
    ("MILLENNIUM", DateTimeField::Millennium),
    ("MILLISECOND", DateTimeField::Millisecond),
    ("MINUTE", DateTimeField::Minute),
    ("MONTH", DateTimeField::Month),
    ("NANOSECOND", DateTimeField::Nanosecond),
    ("QUARTER", DateTimeField::Quarter),
    ("SECOND", DateTimeField::Second),
    ("WEEK", DateTimeField::Week(None)),
    ("YEAR", DateTimeField::Year),
];

impl Parser<'_> {
    /// The call that is next, if its syntax is special; nothing is read otherwise.
    pub(crate) fn special_call(&mut self) -> Result<Option<Expr>> {
        let name = self.peek();
        let read = match name.text.to_ascii_uppercase().as_str() {
            "EXTRACT" => Self::extract,
            "POSITION" => Self::position,
            "SUBSTRING" => Self::substring,
            "OVERLAY" => Self::overlay,
            "TRIM" => Self::trim,
            "FLOOR" | "CEIL" | "CEILING" => Self::floor_or_ceil,
            "TIMESTAMPADD" | "TIMESTAMPDIFF" => Self::timestamp_arithmetic,
            "JSON_VALUE" => Self::json_value,
            "JSON_QUERY" => Self::json_query,
            "JSON_EXISTS" => Self::json_exists,
            "JSON_OBJECT" | "JSON_ARRAY" | "JSON_OBJECTAGG" | "JSON_ARRAYAGG" => {
                Self::json_constructor
            }
            _ => return Ok(None),
        };
        self.advance();
        self.expect_symbol("(")?;
        let expr = read(self, name)?;
        self.expect_symbol(")")?;
        Ok(Some(expr))
    }

    /// `unit FROM x`.
    fn extract(&mut self, _: Token<'_>) -> Result<Expr> {
        let (_, field) = self.time_unit()?;
        self.expect("FROM")?;
        Ok(Expr::Extract {
            field,
            syntax: sql::ExtractSyntax::From,
            expr: Box::new(self.expr()?),
        })
    }

    /// `a IN b`. The needle is read as an operand, or IN would belong to it.
    fn position(&mut self, _: Token<'_>) -> Result<Expr> {
        let expr = Box::new(self.needle()?);
        self.expect("IN")?;
        let r#in = Box::new(self.expr()?);
        if self.sees("FROM") {
            return Err(self.unsupported(self.peek().span, "POSITION with a start"));
        }
        Ok(Expr::Position { expr, r#in })
    }

    /// `s FROM a [FOR n]` or `s, a [, n]`.
    fn substring(&mut self, _: Token<'_>) -> Result<Expr> {
        let expr = Box::new(self.expr()?);
        let special = self.sees_symbol(",");
        if !special {
            self.expect("FROM")?;
        } else {
            self.expect_symbol(",")?;
        }
        let from = Box::new(self.expr()?);
        let more = match special {
            true => self.eat_symbol(","),
            false => self.eat("FOR"),
        };
        let substring_for = match more {
            true => Some(Box::new(self.expr()?)),
            false => None,
        };
        Ok(Expr::Substring {
            expr,
            substring_from: Some(from),
            substring_for,
            special,
            shorthand: false,
        })
    }

    /// `s PLACING r FROM a [FOR n]`.
    fn overlay(&mut self, _: Token<'_>) -> Result<Expr> {
        let expr = Box::new(self.expr()?);
        self.expect("PLACING")?;
        let overlay_what = Box::new(self.expr()?);
        self.expect("FROM")?;
        let overlay_from = Box::new(self.expr()?);
        let overlay_for = match self.eat("FOR") {
            true => Some(Box::new(self.expr()?)),
            false => None,
        };
        Ok(Expr::Overlay {
            expr,
            overlay_what,
            overlay_from,
            overlay_for,
        })
    }

    /// `[BOTH | LEADING | TRAILING] [c] FROM s` or `s`.
    fn trim(&mut self, _: Token<'_>) -> Result<Expr> {
        let side = if self.eat("BOTH") {
            Some(sql::TrimWhereField::Both)
        } else if self.eat("LEADING") {
            Some(sql::TrimWhereField::Leading)
        } else if self.eat("TRAILING") {
            Some(sql::TrimWhereField::Trailing)
        } else {
            None
        };
        let mut what = None;
        let expr = if side.is_some() && self.eat("FROM") {
            self.expr()?
        } else {
            let first = self.expr()?;
            match self.eat("FROM") {
                true => {
                    what = Some(Box::new(first));
                    self.expr()?
                }
                false if side.is_some() => return Err(self.wanted("FROM")),
                false => first,
            }
        };
        let side = side.or(what.is_some().then_some(sql::TrimWhereField::Both));
        Ok(Expr::Trim {
            trim_where: side,
            trim_what: what,
            expr: Box::new(expr),
            trim_characters: None,
        })
    }

    /// `x` or `t TO unit`.
    fn floor_or_ceil(&mut self, name: Token<'_>) -> Result<Expr> {
        let is_floor = name.is_word("FLOOR");
        let argument = self.expr()?;
        if !self.eat("TO") {
            let function = if is_floor { "floor" } else { "ceil" };
            return Ok(plain_call(function, name, vec![argument]));
        }
        let unit = self.unit_text()?;
        let function = if is_floor { "floor_to" } else { "ceil_to" };
        Ok(plain_call(function, name, vec![argument, unit]))
    }

    /// `unit, a, b`.
    fn timestamp_arithmetic(&mut self, name: Token<'_>) -> Result<Expr> {
        let unit = self.unit_text()?;
        self.expect_symbol(",")?;
        let first = self.expr()?;
        self.expect_symbol(",")?;
        let second = self.expr()?;
        let function = name.text.to_ascii_lowercase();
        Ok(plain_call(&function, name, vec![unit, first, second]))
    }

    /// A unit as a text argument.
    fn unit_text(&mut self) -> Result<Expr> {
        let span = self.peek().span;
        let (name, _) = self.time_unit()?;
        let value = sql::Value::SingleQuotedString(name.to_string());
        Ok(Expr::Value(value.with_span(span.into())))
    }

    /// A unit by name, in singular or plural, with or without SQL_TSI_ before it.
    fn time_unit(&mut self) -> Result<(&'static str, DateTimeField)> {
        let token = self.peek();
        let mut name = token.text.to_ascii_uppercase();
        if let Some(rest) = name.strip_prefix("SQL_TSI_") {
            name = rest.to_string();
        }
        let singular = name.strip_suffix('S').unwrap_or(&name);
        let unit = UNITS
            .iter()
            .find(|(unit, _)| *unit == name || *unit == singular);
        match unit {
            Some((name, field)) if token.kind == Kind::Word => {
                self.advance();
                Ok((name, field.clone()))
            }
            _ => {
                let error = self.wanted("a unit of time such as SECOND, HOUR or DAY");
                let names = UNITS.iter().map(|(name, _)| *name);
                Err(match suggest::hint(&shortened(&name), names) {
                    Some(hint) => error.hint(hint),
                    None => error,
                })
            }
        }
    }

    /// `x IS [NOT] JSON [VALUE | SCALAR | ARRAY | OBJECT]`, with IS read.
    pub(crate) fn is_json(&mut self, left: Expr, not: bool) -> Result<Expr> {
        let place = self.expect("JSON")?;
        let kind = ["VALUE", "SCALAR", "ARRAY", "OBJECT"]
            .into_iter()
            .find(|kind| self.eat(kind));
        let kind = sql::Value::SingleQuotedString(kind.unwrap_or("VALUE").to_string());
        let call = plain_call("is_json", place, vec![left, Expr::value(kind)]);
        if !not {
            return Ok(call);
        }
        self.taller()?;
        Ok(Expr::UnaryOp {
            op: sql::UnaryOperator::Not,
            expr: Box::new(call),
        })
    }

    /// `[KEY] k VALUE v, ..` or `a, b` with `{NULL | ABSENT} ON NULL`.
    ///
    /// The call gets the choice for NULL first, `'NULL'` or `'ABSENT'`, then keys and values.
    fn json_constructor(&mut self, name: Token<'_>) -> Result<Expr> {
        let function = name.text.to_ascii_lowercase();
        let of_pairs = function.starts_with("json_object");
        let mut arguments = Vec::new();
        let empty = self.sees_symbol(")") || self.sees_all(&["NULL", "ON"]) || self.sees("ABSENT");
        if !empty {
            self.separated(|p| p.json_member(of_pairs, &mut arguments))?;
        }
        // JSON_OBJECT keeps NULLs unless told otherwise, JSON_ARRAY leaves them out.
        let mut on_null = if of_pairs { "NULL" } else { "ABSENT" };
        if self.eat_all(&["NULL", "ON", "NULL"]) {
            on_null = "NULL";
        } else if self.eat_all(&["ABSENT", "ON", "NULL"]) {
            on_null = "ABSENT";
        }
        let on_null = sql::Value::SingleQuotedString(on_null.to_string());
        arguments.insert(0, Expr::value(on_null));
        Ok(plain_call(&function, name, arguments))
    }

    fn json_member(&mut self, of_pairs: bool, arguments: &mut Vec<Expr>) -> Result<()> {
        if of_pairs {
            self.eat("KEY");
            arguments.push(self.expr()?);
            if !self.eat("VALUE") {
                self.expect_symbol(":")?;
            }
        }
        arguments.push(self.expr()?);
        Ok(())
    }
}

/// `function(arguments)`, written where `place` stands.
pub(super) fn plain_call(function: &str, place: Token<'_>, arguments: Vec<Expr>) -> Expr {
    let name = sql::Ident::with_span(place.span.into(), function);
    let name = super::from::object_name(vec![name]);
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(function_of(
        name,
        sql::FunctionArguments::List(sql::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
    ))
}
