//! Rows of columns as bytes, and back.
//!
//! ```text
//! row     validity: a bit per column, 1 = not NULL │ the values that are not NULL, in order
//! ```
//!
//! | type | value |
//! |---|---|
//! | whole numbers, FLOAT, DOUBLE, DECIMAL, DATE, TIME, TIMESTAMP, INTERVAL YEAR | little-endian, as wide as in Arrow |
//! | INTERVAL DAY | months and days (32 bits each), nanoseconds (64) |
//! | BOOLEAN | one byte, 0 or 1 |
//! | STRING, BYTES | length, bytes |
//! | ROW | like a row |
//! | ARRAY | number of elements, a validity bit per element, the elements that are not NULL |
//! | MAP, MULTISET | number of entries, each like a row of two columns |
//!
//! * Types are not part of the bytes: whoever reads them knows them ([`type_text`] names them in
//!   the form of the state).
//! * Equal rows have equal bytes. What is equal beyond its bits (-0.0 and 0.0, the NaNs) has to be
//!   made the same before, as `keys` does.
//! * Damaged bytes are an error: never a panic, never memory beyond a small multiple of the bytes.
//! * Cost: one call per value into code compiled for its type; no allocation per row.

mod read;
mod scalar;
mod write;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use millstream_core::{Error, Result};

pub(crate) use read::Decoder;
pub(crate) use scalar::{put_scalars, scalars};
pub(crate) use write::Row;

/// Many rows of bytes, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Encoded {
    /// Encodes rows of these columns, replacing what was there.
    pub(crate) fn encode(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<()> {
        self.clear();
        self.append(columns, num_rows)
    }

    /// Encodes rows of these columns behind those that are there.
    pub(crate) fn append(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<()> {
        let rows = Row::of(columns)?;
        self.ends.reserve(num_rows);
        for row in 0..num_rows {
            rows.put(row, &mut self.bytes);
            self.ends.push(self.bytes.len());
        }
        Ok(())
    }

    /// Appends a row that is bytes already.
    pub(crate) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    /// The bytes of a row.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        let start = match row {
            0 => 0,
            later => self.ends[later - 1],
        };
        &self.bytes[start..self.ends[row]]
    }

    /// Forgets all rows, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8
    }
}

/// A stable name for what the bytes of a value of this type are.
///
/// # Errors
/// `Unsupported` for types no operator carries.
pub(crate) fn type_text(ty: &DataType) -> Result<String> {
    Ok(match ty {
        DataType::Null => "null".into(),
        DataType::Boolean => "bool".into(),
        DataType::Int8 => "i8".into(),
        DataType::Int16 => "i16".into(),
        DataType::Int32 => "i32".into(),
        DataType::Int64 => "i64".into(),
        DataType::Float32 => "f32".into(),
        DataType::Float64 => "f64".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 => "text".into(),
        DataType::Binary => "bytes".into(),
        DataType::Date32 => "date".into(),
        DataType::Time32(TimeUnit::Millisecond) => "time_ms".into(),
        DataType::Timestamp(unit, zone) => {
            let unit = match unit {
                TimeUnit::Second => "s",
                TimeUnit::Millisecond => "ms",
                TimeUnit::Microsecond => "us",
                TimeUnit::Nanosecond => "ns",
            };
            let kind = if zone.is_some() { "instant" } else { "local" };
            format!("{kind}_{unit}")
        }
        DataType::Interval(IntervalUnit::YearMonth) => "months".into(),
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval".into(),
        DataType::List(element) => format!("array({})", type_text(element.data_type())?),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let [key, value] = [pair[0].data_type(), pair[1].data_type()];
                format!("map({},{})", type_text(key)?, type_text(value)?)
            }
            other => return Err(unsupported(other)),
        },
        DataType::Struct(fields) => {
            let types = fields.iter().map(|field| type_text(field.data_type()));
            format!("row({})", types.collect::<Result<Vec<_>>>()?.join(","))
        }
        other => return Err(unsupported(other)),
    })
}

/// The texts of several types.
pub(crate) fn types_text<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<String> {
    let texts = types.into_iter().map(type_text);
    Ok(texts.collect::<Result<Vec<_>>>()?.join(","))
}

fn unsupported(ty: &DataType) -> Error {
    Error::unsupported(format!("{ty} in the state of an operator"))
}

/// Runs `$body` with `$T` bound to the Arrow type of numbers of fixed width; else `$other`.
macro_rules! with_fixed_type {
    ($ty:expr, $T:ident => $body:expr, $other:expr) => {{
        use arrow::datatypes::{
            Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
            Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
            Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
            TimestampNanosecondType, TimestampSecondType,
        };
        macro_rules! bind {
            ($Native:ty) => {{
                type $T = $Native;
                $body
            }};
        }
        match $ty {
            DataType::Int8 => bind!(Int8Type),
            DataType::Int16 => bind!(Int16Type),
            DataType::Int32 => bind!(Int32Type),
            DataType::Int64 => bind!(Int64Type),
            DataType::Float32 => bind!(Float32Type),
            DataType::Float64 => bind!(Float64Type),
            DataType::Decimal128(_, _) => bind!(Decimal128Type),
            DataType::Date32 => bind!(Date32Type),
            DataType::Time32(TimeUnit::Millisecond) => bind!(Time32MillisecondType),
            DataType::Timestamp(TimeUnit::Second, _) => bind!(TimestampSecondType),
            DataType::Timestamp(TimeUnit::Millisecond, _) => bind!(TimestampMillisecondType),
            DataType::Timestamp(TimeUnit::Microsecond, _) => bind!(TimestampMicrosecondType),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => bind!(TimestampNanosecondType),
            DataType::Interval(IntervalUnit::YearMonth) => bind!(IntervalYearMonthType),
            DataType::Interval(IntervalUnit::MonthDayNano) => bind!(IntervalMonthDayNanoType),
            _ => $other,
        }
    }};
}

use with_fixed_type;

#[cfg(test)]
mod tests;
