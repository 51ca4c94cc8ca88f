//! Flink's SQL types and the Arrow types that carry them.
//!
//! | SQL | Arrow |
//! |---|---|
//! | BOOLEAN | Boolean |
//! | TINYINT, SMALLINT, INT, BIGINT | Int8, Int16, Int32, Int64 |
//! | FLOAT, DOUBLE | Float32, Float64 |
//! | DECIMAL(p, s) | Decimal128(p, s) |
//! | CHAR(n), VARCHAR(n), STRING | Utf8 |
//! | BINARY(n), VARBINARY(n), BYTES | Binary |
//! | DATE | Date32 |
//! | TIME(p) | Time32(ms) |
//! | TIMESTAMP(p) | Timestamp of ms (p ≤ 3), µs (p ≤ 6) or ns (p ≤ 9), no zone |
//! | TIMESTAMP_LTZ(p) | the same with zone `UTC`: an instant; the session's zone is for display |
//! | INTERVAL YEAR TO MONTH, DAY TO SECOND | Interval(YearMonth), Interval(MonthDayNano) |
//! | ARRAY, MAP, ROW | List, Map, Struct |
//! | MULTISET\<t\> | Map\<t, Int32\> |
//!
//! What Arrow cannot say (a length, an exact precision, MULTISET) stands in the field's metadata
//! under [`TYPE_KEY`], so a schema alone is enough to print the SQL type.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

/// Metadata key of a field whose SQL type is finer than its Arrow type.
pub const TYPE_KEY: &str = "millstream.type";

/// The longest CHAR, VARCHAR, BINARY, VARBINARY; `VARCHAR(2147483647)` is STRING.
pub const LENGTH_MAX: u32 = i32::MAX as u32;

/// The zone of the Arrow type of TIMESTAMP_LTZ.
pub const LTZ_ZONE: &str = "UTC";

/// A Flink SQL type, without its nullability.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum SqlType {
    Null,
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal { precision: u8, scale: i8 },
    Char(u32),
    Varchar(u32),
    Binary(u32),
    Varbinary(u32),
    Date,
    Time(u8),
    Timestamp(u8),
    TimestampLtz(u8),
    IntervalYearMonth,
    IntervalDaySecond,
    Array(Box<ColumnType>),
    Map(Box<ColumnType>, Box<ColumnType>),
    Multiset(Box<ColumnType>),
    Row(Vec<RowField>),
}

/// A type with its nullability: `INT NOT NULL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// The type.
    pub sql: SqlType,
    /// Whether NULL is a value of it.
    pub nullable: bool,
}

/// A field of a ROW type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
    /// Its comment; not part of the Arrow type.
    pub comment: Option<String>,
}

impl ColumnType {
    /// A type that allows NULL.
    pub fn nullable(sql: SqlType) -> Self {
        ColumnType {
            sql,
            nullable: true,
        }
    }

    /// The Arrow field of a column called `name`.
    pub fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.sql.to_arrow(), self.nullable);
        match self.sql.annotation() {
            Some(text) => field.with_metadata(HashMap::from([(TYPE_KEY.to_string(), text)])),
            None => field,
        }
    }

    /// The SQL type of an Arrow field.
    pub fn of(field: &Field) -> Self {
        ColumnType {
            sql: SqlType::of(field),
            nullable: field.is_nullable(),
        }
    }
}

impl SqlType {
    /// STRING.
    pub const STRING: SqlType = SqlType::Varchar(LENGTH_MAX);
    /// BYTES.
    pub const BYTES: SqlType = SqlType::Varbinary(LENGTH_MAX);

    /// The Arrow type that carries values of this type.
    pub fn to_arrow(&self) -> DataType {
        match self {
            SqlType::Null => DataType::Null,
            SqlType::Boolean => DataType::Boolean,
            SqlType::TinyInt => DataType::Int8,
            SqlType::SmallInt => DataType::Int16,
            SqlType::Int => DataType::Int32,
            SqlType::BigInt => DataType::Int64,
            SqlType::Float => DataType::Float32,
            SqlType::Double => DataType::Float64,
            SqlType::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            SqlType::Char(_) | SqlType::Varchar(_) => DataType::Utf8,
            SqlType::Binary(_) | SqlType::Varbinary(_) => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            SqlType::Timestamp(p) => DataType::Timestamp(unit_of(*p), None),
            SqlType::TimestampLtz(p) => DataType::Timestamp(unit_of(*p), Some(LTZ_ZONE.into())),
            SqlType::IntervalYearMonth => DataType::Interval(IntervalUnit::YearMonth),
            SqlType::IntervalDaySecond => DataType::Interval(IntervalUnit::MonthDayNano),
            SqlType::Array(element) => DataType::List(Arc::new(element.field("element"))),
            SqlType::Map(key, value) => map_of(key, value),
            SqlType::Multiset(element) => map_of(
                element,
                &ColumnType {
                    sql: SqlType::Int,
                    nullable: false,
                },
            ),
            SqlType::Row(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|f| f.ty.field(&f.name))
                    .collect::<Fields>(),
            ),
        }
    }

    /// The SQL type of an Arrow field, finer if the field's metadata says so.
    pub fn of(field: &Field) -> SqlType {
        let coarse = Self::of_arrow(field.data_type());
        match field.metadata().get(TYPE_KEY) {
            Some(text) => coarse.refined(text),
            None => coarse,
        }
    }

    /// The SQL type an Arrow type has when nothing else is known.
    pub fn of_arrow(ty: &DataType) -> SqlType {
        match ty {
            DataType::Null => SqlType::Null,
            DataType::Boolean => SqlType::Boolean,
            DataType::Int8 => SqlType::TinyInt,
            DataType::Int16 | DataType::UInt8 => SqlType::SmallInt,
            DataType::Int32 | DataType::UInt16 => SqlType::Int,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => SqlType::BigInt,
            DataType::Float16 | DataType::Float32 => SqlType::Float,
            DataType::Float64 => SqlType::Double,
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                SqlType::Decimal {
                    precision: (*precision).min(38),
                    scale: *scale,
                }
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => SqlType::BYTES,
            DataType::Date32 | DataType::Date64 => SqlType::Date,
            DataType::Time32(_) | DataType::Time64(_) => SqlType::Time(3),
            DataType::Timestamp(unit, None) => SqlType::Timestamp(precision_of(*unit)),
            DataType::Timestamp(unit, Some(_)) => SqlType::TimestampLtz(precision_of(*unit)),
            DataType::Interval(IntervalUnit::YearMonth) => SqlType::IntervalYearMonth,
            DataType::Interval(_) | DataType::Duration(_) => SqlType::IntervalDaySecond,
            DataType::List(element) | DataType::LargeList(element) => {
                SqlType::Array(Box::new(ColumnType::of(element)))
            }
            DataType::Map(entries, _) => Self::of_map(entries),
            DataType::Struct(fields) => {
                SqlType::Row(fields.iter().map(|field| RowField::of(field)).collect())
            }
            _ => SqlType::STRING,
        }
    }

    fn of_map(entries: &FieldRef) -> SqlType {
        match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => SqlType::Map(
                Box::new(ColumnType::of(&pair[0])),
                Box::new(ColumnType::of(&pair[1])),
            ),
            _ => SqlType::STRING,
        }
    }

    /// What the Arrow type cannot say, as text for the field's metadata.
    fn annotation(&self) -> Option<String> {
        let coarse = Self::of_arrow(&self.to_arrow());
        match self {
            SqlType::Multiset(_) => Some("MULTISET".into()),
            SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => None,
            _ if coarse == *self => None,
            _ => Some(self.to_string()),
        }
    }

    /// Applies an [`annotation`](Self::annotation); one that does not fit the type is ignored.
    fn refined(self, annotation: &str) -> SqlType {
        let number = |name: &str| -> Option<u32> {
            annotation
                .strip_prefix(name)?
                .strip_prefix('(')?
                .strip_suffix(')')?
                .parse()
                .ok()
        };
        let refined = match &self {
            SqlType::Varchar(_) => number("CHAR")
                .map(SqlType::Char)
                .or(number("VARCHAR").map(SqlType::Varchar)),
            SqlType::Varbinary(_) => number("BINARY")
                .map(SqlType::Binary)
                .or(number("VARBINARY").map(SqlType::Varbinary)),
            SqlType::Time(_) => number("TIME").map(|p| SqlType::Time(p as u8)),
            SqlType::Timestamp(_) => number("TIMESTAMP").map(|p| SqlType::Timestamp(p as u8)),
            SqlType::TimestampLtz(_) => {
                number("TIMESTAMP_LTZ").map(|p| SqlType::TimestampLtz(p as u8))
            }
            SqlType::Map(key, _) if annotation == "MULTISET" => {
                Some(SqlType::Multiset(key.clone()))
            }
            _ => None,
        };
        refined.unwrap_or(self)
    }

    /// True for the types an event-time column may have: TIMESTAMP and TIMESTAMP_LTZ up to (3).
    pub fn is_event_time(&self) -> bool {
        matches!(self, SqlType::Timestamp(p) | SqlType::TimestampLtz(p) if *p <= 3)
    }
}

impl RowField {
    fn of(field: &Field) -> Self {
        RowField {
            name: field.name().clone(),
            ty: ColumnType::of(field),
            comment: None,
        }
    }
}

fn unit_of(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn precision_of(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn map_of(key: &ColumnType, value: &ColumnType) -> DataType {
    let key = ColumnType {
        sql: key.sql.clone(),
        nullable: false,
    };
    let pair = Fields::from(vec![key.field("key"), value.field("value")]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(pair), false)),
        false,
    )
}

impl fmt::Display for SqlType {
    /// As Flink prints it in DESCRIBE: `TIMESTAMP(3)`, `ROW<a INT, b STRING>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlType::Null => f.write_str("NULL"),
            SqlType::Boolean => f.write_str("BOOLEAN"),
            SqlType::TinyInt => f.write_str("TINYINT"),
            SqlType::SmallInt => f.write_str("SMALLINT"),
            SqlType::Int => f.write_str("INT"),
            SqlType::BigInt => f.write_str("BIGINT"),
            SqlType::Float => f.write_str("FLOAT"),
            SqlType::Double => f.write_str("DOUBLE"),
            SqlType::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            SqlType::Char(length) => write!(f, "CHAR({length})"),
            SqlType::Varchar(LENGTH_MAX) => f.write_str("STRING"),
            SqlType::Varchar(length) => write!(f, "VARCHAR({length})"),
            SqlType::Binary(length) => write!(f, "BINARY({length})"),
            SqlType::Varbinary(LENGTH_MAX) => f.write_str("BYTES"),
            SqlType::Varbinary(length) => write!(f, "VARBINARY({length})"),
            SqlType::Date => f.write_str("DATE"),
            SqlType::Time(p) => write!(f, "TIME({p})"),
            SqlType::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            SqlType::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            // As in Flink, whatever units a literal was written in.
            SqlType::IntervalYearMonth => f.write_str("INTERVAL MONTH"),
            SqlType::IntervalDaySecond => f.write_str("INTERVAL SECOND(3)"),
            SqlType::Array(element) => write!(f, "ARRAY<{element}>"),
            SqlType::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            SqlType::Multiset(element) => write!(f, "MULTISET<{element}>"),
            SqlType::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}`{}` {}", field.name, field.ty)?;
                }
                f.write_str(">")
            }
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.sql,
            if self.nullable { "" } else { " NOT NULL" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_way_through_arrow() {
        let int = || Box::new(ColumnType::nullable(SqlType::Int));
        let key = || {
            Box::new(ColumnType {
                sql: SqlType::Char(3),
                nullable: false,
            })
        };
        let types = [
            SqlType::Boolean,
            SqlType::TinyInt,
            SqlType::Decimal {
                precision: 20,
                scale: 4,
            },
            SqlType::Char(5),
            SqlType::Varchar(7),
            SqlType::STRING,
            SqlType::Binary(4),
            SqlType::BYTES,
            SqlType::Date,
            SqlType::Time(0),
            SqlType::Timestamp(0),
            SqlType::Timestamp(3),
            SqlType::Timestamp(5),
            SqlType::TimestampLtz(9),
            SqlType::IntervalYearMonth,
            SqlType::IntervalDaySecond,
            SqlType::Array(int()),
            SqlType::Map(key(), int()),
            SqlType::Multiset(key()),
            SqlType::Row(vec![RowField {
                name: "a".into(),
                ty: ColumnType {
                    sql: SqlType::Varchar(9),
                    nullable: false,
                },
                comment: None,
            }]),
        ];
        for sql in types {
            let ty = ColumnType {
                sql,
                nullable: false,
            };
            assert_eq!(ColumnType::of(&ty.field("c")), ty);
        }
    }
}
