//! Flink's types: in column definitions, in CAST, and again as text in a query's tree.
//!
//! ```text
//! type      := base [NOT NULL | NULL] { {ARRAY | MULTISET} [NOT NULL | NULL] }
//! base      := INT | DECIMAL(p, s) | TIMESTAMP(p) [WITH LOCAL TIME ZONE] | INTERVAL .. | ..
//!            | ARRAY<type> | MULTISET<type> | MAP<type, type>
//!            | ROW<name type ['comment'], ..> | ROW(..)
//! ```
//!
//! `sqlparser` cannot hold most of these, so a query's tree holds the type as it was written, in a
//! `DataType::Custom`, and [`cast_type`] reads it again. Always: a type is at most
//! [`TYPE_DEPTH_MAX`] levels deep and its lengths and precisions are within Flink's ranges.
//!
//! A VARCHAR or VARBINARY without length is as long as can be, as in Flink's planner; CHAR and BINARY
//! have length one.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::types::{ColumnType, LENGTH_MAX, RowField, SqlType};
use millstream_core::{Code, Error, Result, suggest};

use super::cursor::{Parser, shortened};
use super::lexer::Kind;
use crate::diagnostics::Span;
use crate::limits::TYPE_DEPTH_MAX;

/// Names a type may begin with, for hints.
const TYPE_NAMES: &[&str] = &[
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BYTES",
    "CHAR",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "MAP",
    "MULTISET",
    "NUMERIC",
    "ROW",
    "SMALLINT",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "TINYINT",
    "VARBINARY",
    "VARCHAR",
];

/// Reads a type from its text, such as `ROW<a INT NOT NULL, b STRING>`.
pub fn parse_type(text: &str) -> Result<ColumnType> {
    let mut parser = Parser::new(text)?;
    let ty = parser.column_type()?;
    if parser.peek().kind != Kind::End {
        return Err(parser.wanted("the end of the type"));
    }
    Ok(ty)
}

/// The Flink type of a CAST or typed literal in a parsed query.
pub fn cast_type(ty: &sql::DataType) -> Result<ColumnType> {
    match ty {
        sql::DataType::Custom(name, modifiers) if modifiers.is_empty() => match name.0.as_slice() {
            [sql::ObjectNamePart::Identifier(text)] => parse_type(&text.value),
            _ => parse_type(&name.to_string()),
        },
        _ => parse_type(&ty.to_string()),
    }
}

/// A type as the tree of a query holds it.
pub(crate) fn type_mark(text: &str) -> sql::DataType {
    let name = sql::ObjectName(vec![sql::ObjectNamePart::Identifier(sql::Ident::new(text))]);
    sql::DataType::Custom(name, Vec::new())
}

impl Parser<'_> {
    /// A type with its nullability.
    pub(crate) fn column_type(&mut self) -> Result<ColumnType> {
        let start = self.peek();
        let ty = self.type_within(0)?;
        if height(&ty.sql) > TYPE_DEPTH_MAX {
            return Err(self.too_deep(self.span_since(start)));
        }
        self.check_fields(&ty.sql, self.span_since(start))?;
        Ok(ty)
    }

    /// The type of a CAST, checked, as the tree holds it.
    pub(crate) fn cast_target(&mut self) -> Result<sql::DataType> {
        let start = self.peek();
        self.column_type()?;
        Ok(type_mark(&self.text_since(start)))
    }

    fn too_deep(&self, span: Span) -> Error {
        self.error_of(
            Code::TooComplex,
            span,
            format!("the type is nested more than {TYPE_DEPTH_MAX} levels deep"),
        )
    }

    /// A type below `depth` others.
    fn type_within(&mut self, depth: usize) -> Result<ColumnType> {
        self.node()?;
        if depth > TYPE_DEPTH_MAX {
            return Err(self.too_deep(self.peek().span));
        }
        let mut ty = ColumnType {
            sql: self.base_type(depth)?,
            nullable: self.nullability()?,
        };
        for level in depth.. {
            let wrap = if self.eat("ARRAY") {
                SqlType::Array
            } else if self.eat("MULTISET") {
                SqlType::Multiset
            } else {
                break;
            };
            if level > TYPE_DEPTH_MAX {
                return Err(self.too_deep(self.previous().span));
            }
            ty = ColumnType {
                sql: wrap(Box::new(ty)),
                nullable: self.nullability()?,
            };
        }
        Ok(ty)
    }

    /// `NOT NULL`, `NULL` or nothing. `NOT` without `NULL`, and `NULL ON ..` of JSON_VALUE, belong to
    /// somebody else.
    fn nullability(&mut self) -> Result<bool> {
        if self.eat_all(&["NOT", "NULL"]) {
            return Ok(false);
        }
        if !self.peek_nth(1).is_word("ON") {
            self.eat("NULL");
        }
        Ok(true)
    }

    fn base_type(&mut self, depth: usize) -> Result<SqlType> {
        let token = self.peek();
        if token.kind != Kind::Word {
            return Err(self.wanted("a type"));
        }
        self.advance();
        Ok(match token.text.to_ascii_uppercase().as_str() {
            "BOOLEAN" => SqlType::Boolean,
            "TINYINT" => SqlType::TinyInt,
            "SMALLINT" => SqlType::SmallInt,
            "INT" | "INTEGER" => SqlType::Int,
            "BIGINT" => SqlType::BigInt,
            "FLOAT" | "REAL" => SqlType::Float,
            "DOUBLE" => {
                self.eat("PRECISION");
                SqlType::Double
            }
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "CHAR" | "CHARACTER" => self.sized(SqlType::Char, SqlType::Varchar)?,
            "VARCHAR" => SqlType::Varchar(self.length()?.unwrap_or(LENGTH_MAX)),
            "STRING" => SqlType::STRING,
            "BINARY" => self.sized(SqlType::Binary, SqlType::Varbinary)?,
            "VARBINARY" => SqlType::Varbinary(self.length()?.unwrap_or(LENGTH_MAX)),
            "BYTES" => SqlType::BYTES,
            "DATE" => SqlType::Date,
            "TIME" => self.time()?,
            "TIMESTAMP" => self.timestamp()?,
            "TIMESTAMP_LTZ" => SqlType::TimestampLtz(self.precision(0..=9)?.unwrap_or(6)),
            "INTERVAL" => self.interval_type()?,
            "ARRAY" => SqlType::Array(self.element(depth)?),
            "MULTISET" => SqlType::Multiset(self.element(depth)?),
            "MAP" => self.map(depth)?,
            "ROW" => self.row(depth)?,
            "NULL" => SqlType::Null,
            other => return Err(self.no_such_type(other, token.span)),
        })
    }

    fn no_such_type(&self, name: &str, span: Span) -> Error {
        match name {
            "RAW" | "STRUCTURED" | "VARIANT" | "BITMAP" | "DESCRIPTOR" | "ANY" => {
                self.unsupported(span, &format!("the type {name}"))
            }
            _ => {
                let error = self.error(span, format!("unknown type '{}'", shortened(name)));
                match suggest::hint(name, TYPE_NAMES.iter().copied()) {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
        }
    }

    /// `CHAR(n)` or `CHAR VARYING(n)`, and the same for BINARY.
    fn sized(
        &mut self,
        fixed: impl Fn(u32) -> SqlType,
        varying: impl Fn(u32) -> SqlType,
    ) -> Result<SqlType> {
        Ok(match self.eat("VARYING") {
            true => varying(self.length()?.unwrap_or(LENGTH_MAX)),
            false => fixed(self.length()?.unwrap_or(1)),
        })
    }

    fn length(&mut self) -> Result<Option<u32>> {
        if !self.eat_symbol("(") {
            return Ok(None);
        }
        let length = self.integer("a length", 1..=LENGTH_MAX)?;
        self.expect_symbol(")")?;
        Ok(Some(length))
    }

    fn precision(&mut self, range: RangeInclusive<u32>) -> Result<Option<u8>> {
        if !self.eat_symbol("(") {
            return Ok(None);
        }
        let precision = self.integer("a precision", range)?;
        self.expect_symbol(")")?;
        Ok(Some(precision as u8))
    }

    /// A whole number within a range.
    fn integer(&mut self, what: &str, range: RangeInclusive<u32>) -> Result<u32> {
        let token = self.peek();
        let number = (token.kind == Kind::Number).then(|| token.text.parse().ok());
        match number {
            None => Err(self.wanted(what)),
            Some(Some(number)) if range.contains(&number) => {
                self.advance();
                Ok(number)
            }
            Some(_) => Err(self.error(
                token.span,
                format!(
                    "wanted {what} from {} to {}, found '{}'",
                    range.start(),
                    range.end(),
                    shortened(token.text)
                ),
            )),
        }
    }

    fn decimal(&mut self) -> Result<SqlType> {
        let (mut precision, mut scale) = (10, 0);
        if self.eat_symbol("(") {
            precision = self.integer("a precision", 1..=38)?;
            if self.eat_symbol(",") {
                scale = self.integer("a scale", 0..=precision)?;
            }
            self.expect_symbol(")")?;
        }
        Ok(SqlType::Decimal {
            precision: precision as u8,
            scale: scale as i8,
        })
    }

    fn time(&mut self) -> Result<SqlType> {
        let precision = self.precision(0..=9)?.unwrap_or(0);
        if self.sees("WITH") {
            return Err(self.unsupported(self.peek().span, "TIME WITH TIME ZONE"));
        }
        self.without_time_zone()?;
        Ok(SqlType::Time(precision))
    }

    fn timestamp(&mut self) -> Result<SqlType> {
        let precision = self.precision(0..=9)?.unwrap_or(6);
        if self.eat_all(&["WITH", "LOCAL", "TIME", "ZONE"]) {
            return Ok(SqlType::TimestampLtz(precision));
        }
        if self.sees_all(&["WITH", "TIME", "ZONE"]) {
            return Err(self
                .unsupported(self.peek().span, "TIMESTAMP WITH TIME ZONE")
                .hint("an instant is a TIMESTAMP_LTZ"));
        }
        self.without_time_zone()?;
        Ok(SqlType::Timestamp(precision))
    }

    fn without_time_zone(&mut self) -> Result<()> {
        if self.eat("WITHOUT") {
            self.expect_all(&["TIME", "ZONE"])?;
        }
        Ok(())
    }

    fn element(&mut self, depth: usize) -> Result<Box<ColumnType>> {
        self.expect_symbol("<")?;
        let element = self.type_within(depth + 1)?;
        self.expect_symbol(">")?;
        Ok(Box::new(element))
    }

    fn map(&mut self, depth: usize) -> Result<SqlType> {
        self.expect_symbol("<")?;
        let key = self.type_within(depth + 1)?;
        self.expect_symbol(",")?;
        let value = self.type_within(depth + 1)?;
        self.expect_symbol(">")?;
        Ok(SqlType::Map(Box::new(key), Box::new(value)))
    }

    fn row(&mut self, depth: usize) -> Result<SqlType> {
        let close = match self.eat_symbol("(") {
            true => ")",
            false => {
                self.expect_symbol("<")?;
                ">"
            }
        };
        let fields = self.separated(|p| p.row_field(depth))?;
        self.expect_symbol(close)?;
        Ok(SqlType::Row(fields))
    }

    fn row_field(&mut self, depth: usize) -> Result<RowField> {
        let name = self.name("the name of a field")?;
        let ty = self.type_within(depth + 1)?;
        let comment = match self.peek().kind {
            Kind::Text | Kind::UnicodeText => Some(self.text_literal()?.value),
            _ => None,
        };
        Ok(RowField {
            name: name.value,
            ty,
            comment,
        })
    }

    fn interval_type(&mut self) -> Result<SqlType> {
        let token = self.peek();
        let Some((first, leading)) = interval_field(token.text) else {
            return Err(self.wanted("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND"));
        };
        self.advance();
        self.precision(leading)?;
        let mut last = first;
        if self.eat("TO") {
            let token = self.peek();
            last = match interval_field(token.text) {
                Some((last, _)) if last > first && (first < 2) == (last < 2) => last,
                _ => return Err(self.wanted("a smaller unit of the same kind of interval")),
            };
            self.advance();
            if last == 5 {
                self.precision(0..=9)?;
            }
        }
        Ok(match last {
            0 | 1 => SqlType::IntervalYearMonth,
            _ => SqlType::IntervalDaySecond,
        })
    }

    /// Refuses two fields of one name.
    fn check_fields(&self, ty: &SqlType, span: Span) -> Result<()> {
        match ty {
            SqlType::Array(inner) | SqlType::Multiset(inner) => self.check_fields(&inner.sql, span),
            SqlType::Map(key, value) => {
                self.check_fields(&key.sql, span)?;
                self.check_fields(&value.sql, span)
            }
            SqlType::Row(fields) => {
                let mut names = HashSet::new();
                if let Some(twice) = fields.iter().find(|field| !names.insert(&field.name)) {
                    let message = format!("the field '{}' is defined twice", twice.name);
                    return Err(self.error_of(Code::InvalidSchema, span, message));
                }
                fields
                    .iter()
                    .try_for_each(|field| self.check_fields(&field.ty.sql, span))
            }
            _ => Ok(()),
        }
    }
}

/// The rank of a unit in an interval type, and the range of its precision.
fn interval_field(word: &str) -> Option<(u8, RangeInclusive<u32>)> {
    Some(match word.to_ascii_uppercase().as_str() {
        "YEAR" => (0, 1..=4),
        "MONTH" => (1, 1..=4),
        "DAY" => (2, 1..=6),
        "HOUR" => (3, 1..=6),
        "MINUTE" => (4, 1..=6),
        "SECOND" => (5, 0..=9),
        _ => return None,
    })
}

/// Levels of a type; bounded by construction, so recursion is safe.
fn height(ty: &SqlType) -> usize {
    match ty {
        SqlType::Array(inner) | SqlType::Multiset(inner) => 1 + height(&inner.sql),
        SqlType::Map(key, value) => 1 + height(&key.sql).max(height(&value.sql)),
        SqlType::Row(fields) => {
            let tallest = fields.iter().map(|field| height(&field.ty.sql)).max();
            1 + tallest.unwrap_or_default()
        }
        _ => 1,
    }
}
