//! The type several values have in common: of CASE, COALESCE, ARRAY[..], and of rows put together.
//!
//! | values | in common |
//! |---|---|
//! | whole numbers | the larger type |
//! | DECIMALs, or one and whole numbers | the most digits before and behind the point; if that is more than 38, fewer behind |
//! | FLOAT and whole numbers | FLOAT |
//! | DOUBLE, or FLOAT and DECIMAL, with any number | DOUBLE |
//! | texts; bytes | the longest length, varying if lengths differ |
//! | times of other precisions | the finest |
//! | DATE and TIMESTAMP | TIMESTAMP, but DATE for COALESCE |
//! | ARRAYs | ARRAY of what their elements have in common |
//!
//! NULL fits everywhere; a text and a value that is none have nothing in common. Of FLOAT and DOUBLE
//! CASE takes the one that comes first.
//!
//! Source: what Flink 2.3 answered; its `LogicalTypeMerging` and Calcite's `leastRestrictive`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion_expr::type_coercion::binary::type_union_resolution;
use millstream_core::types::SqlType;

use crate::args::{is_bytes, is_text, plain};

/// Where the kinds of expressions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The widest type.
    #[default]
    Widest,
    /// CASE: of FLOAT and DOUBLE the first.
    FirstFloat,
    /// COALESCE: of DATE and TIMESTAMP it is DATE.
    DateOfTimestamp,
}

/// The Arrow type that values of these types have in common.
pub(crate) fn common_type(types: &[DataType], rule: Rule) -> Option<DataType> {
    let mut known = types.iter().filter(|ty| **ty != DataType::Null);
    let Some(first) = known.next() else {
        return types.first().cloned();
    };
    known.try_fold(first.clone(), |common, ty| pair(&common, ty, rule))
}

fn pair(a: &DataType, b: &DataType, rule: Rule) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    match (a, b) {
        (a, b) if is_text(a) && is_text(b) => Some(T::Utf8),
        (a, b) if is_text(a) || is_text(b) => None,
        (a, b) if is_bytes(a) && is_bytes(b) => Some(T::Binary),
        (a, b) if a.is_numeric() && b.is_numeric() => number(&plain(a), &plain(b), rule),
        (T::Date32, T::Timestamp(..)) | (T::Timestamp(..), T::Date32)
            if rule == Rule::DateOfTimestamp =>
        {
            Some(T::Date32)
        }
        (T::Date32, T::Timestamp(..)) => Some(b.clone()),
        (T::Timestamp(..), T::Date32) => Some(a.clone()),
        (T::Timestamp(u1, zone), T::Timestamp(u2, _)) => {
            Some(T::Timestamp(finer(*u1, *u2), zone.clone()))
        }
        (T::Duration(_), T::Interval(IntervalUnit::MonthDayNano)) => Some(b.clone()),
        (T::Interval(IntervalUnit::MonthDayNano), T::Duration(_)) => Some(a.clone()),
        (T::List(x), T::List(y)) => {
            let element = match (x.data_type(), y.data_type()) {
                (T::Null, other) | (other, T::Null) => other.clone(),
                (x, y) => pair(x, y, rule)?,
            };
            let mut field = Field::new("element", element, x.is_nullable() || y.is_nullable());
            if x.metadata() == y.metadata() && x.data_type() == y.data_type() {
                field.set_metadata(x.metadata().clone());
            }
            Some(T::List(Arc::new(field)))
        }
        (a, b) => type_union_resolution(&[a.clone(), b.clone()]).map(|ty| plain(&ty)),
    }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn number(a: &DataType, b: &DataType, rule: Rule) -> Option<DataType> {
    use DataType as T;
    let is_decimal = |ty: &T| matches!(ty, T::Decimal128(..));
    match (a, b) {
        (T::Float32, T::Float64) | (T::Float64, T::Float32) if rule == Rule::FirstFloat => {
            Some(a.clone())
        }
        (T::Float64, _) | (_, T::Float64) => Some(T::Float64),
        (T::Float32, other) | (other, T::Float32) if is_decimal(other) => Some(T::Float64),
        (T::Float32, _) | (_, T::Float32) => Some(T::Float32),
        (a, b) if is_decimal(a) || is_decimal(b) => {
            let ((p1, s1), (p2, s2)) = (digits(a)?, digits(b)?);
            let whole = (p1 - s1).max(p2 - s2).min(38);
            let scale = s1.max(s2).min(38 - whole);
            Some(T::Decimal128((whole + scale).max(1) as u8, scale as i8))
        }
        (a, b) => Some(if digits(a)? >= digits(b)? { a } else { b }.clone()),
    }
}

/// Precision and scale of an exact number.
fn digits(ty: &DataType) -> Option<(i16, i16)> {
    match ty {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(p, s) => Some((i16::from(*p), i16::from(*s))),
        _ => None,
    }
}

/// The SQL type of values of the types `all` that `arrow` carries: finer than Arrow's where those
/// of the values are.
pub(crate) fn common_sql(all: &[SqlType], arrow: &DataType) -> SqlType {
    use SqlType as T;
    let known: Vec<&T> = all.iter().filter(|ty| **ty != T::Null).collect();
    if let Some(first) = known.first()
        && known.iter().all(|ty| ty == first)
        && first.to_arrow() == *arrow
    {
        return (*first).clone();
    }
    let most = |of: fn(&T) -> u32| known.iter().map(|ty| of(ty)).max().unwrap_or_default();
    match T::of_arrow(arrow) {
        T::Varchar(_) => T::Varchar(most(|ty| match ty {
            T::Char(length) | T::Varchar(length) => *length,
            _ => millstream_core::types::LENGTH_MAX,
        })),
        T::Varbinary(_) => T::Varbinary(most(|ty| match ty {
            T::Binary(length) | T::Varbinary(length) => *length,
            _ => millstream_core::types::LENGTH_MAX,
        })),
        T::Time(_) => T::Time(most(precision) as u8),
        T::Timestamp(_) => T::Timestamp(most(precision) as u8),
        T::TimestampLtz(_) => T::TimestampLtz(most(precision) as u8),
        coarse => coarse,
    }
}

/// The type of a column that holds the rows of several queries; `None` if they have none in common.
pub fn common_column(types: &[SqlType]) -> Option<SqlType> {
    let arrow: Vec<DataType> = types.iter().map(SqlType::to_arrow).collect();
    let common = common_type(&arrow, Rule::FirstFloat)?;
    Some(common_sql(types, &common))
}

fn precision(ty: &SqlType) -> u32 {
    match ty {
        SqlType::Time(p) | SqlType::Timestamp(p) | SqlType::TimestampLtz(p) => u32::from(*p),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(types: &[SqlType], rule: Rule) -> String {
        let arrow: Vec<DataType> = types.iter().map(SqlType::to_arrow).collect();
        match common_type(&arrow, rule) {
            Some(arrow) => common_sql(types, &arrow).to_string(),
            None => "nothing".into(),
        }
    }

    fn decimal(precision: u8, scale: i8) -> SqlType {
        SqlType::Decimal { precision, scale }
    }

    #[test]
    fn types_have_in_common_what_flink_says() {
        use SqlType as T;
        for (types, wanted) in [
            (vec![T::Int, decimal(2, 1)], "DECIMAL(11, 1)"),
            (vec![T::Int, decimal(2, 1), T::BigInt], "DECIMAL(20, 1)"),
            (vec![decimal(38, 0), decimal(38, 20)], "DECIMAL(38, 0)"),
            (vec![decimal(10, 2), T::Double], "DOUBLE"),
            (vec![decimal(10, 2), T::Float], "DOUBLE"),
            (vec![T::Float, T::Int], "FLOAT"),
            (vec![T::Float, T::Double], "DOUBLE"),
            (vec![T::TinyInt, T::SmallInt], "SMALLINT"),
            (vec![T::Null, T::BigInt, T::Int], "BIGINT"),
            (vec![T::Varchar(3), T::Varchar(5)], "VARCHAR(5)"),
            (vec![T::Char(3), T::Char(5)], "VARCHAR(5)"),
            (vec![T::Char(3), T::Char(3)], "CHAR(3)"),
            (vec![T::Char(3), T::STRING], "STRING"),
            (vec![T::Binary(1), T::Binary(2)], "VARBINARY(2)"),
            (vec![T::Timestamp(0), T::Timestamp(3)], "TIMESTAMP(3)"),
            (vec![T::Timestamp(0), T::Timestamp(1)], "TIMESTAMP(1)"),
            (vec![T::Timestamp(3), T::Timestamp(6)], "TIMESTAMP(6)"),
            (vec![T::Time(0), T::Time(1)], "TIME(1)"),
            (vec![T::Date, T::Timestamp(3)], "TIMESTAMP(3)"),
            (vec![T::STRING, T::Int], "nothing"),
        ] {
            assert_eq!(common(&types, Rule::Widest), wanted, "{types:?}");
        }
        assert_eq!(common(&[T::Float, T::Double], Rule::FirstFloat), "FLOAT");
        assert_eq!(common(&[T::Double, T::Float], Rule::FirstFloat), "DOUBLE");
        let times = [T::Timestamp(3), T::Date];
        assert_eq!(common(&times, Rule::DateOfTimestamp), "DATE");
    }
}
