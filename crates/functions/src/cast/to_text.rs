//! Casts to STRING, CHAR(n) and VARCHAR(n).

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringBuilder, StructArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalYearMonthType,
};
use millstream_core::types::{LENGTH_MAX, SqlType};
use millstream_core::{Code, Error, Result};

use super::Caster;
use crate::numbers::{push_decimal, push_double, push_single};
use crate::temporal::{Moments, push_clock, push_date, push_padded, push_timestamp};
use crate::{BATCH_BYTES_MAX, VALUE_BYTES_MAX};

impl Caster {
    pub(super) fn write_text(
        &mut self,
        array: &ArrayRef,
        from: &SqlType,
        to: &SqlType,
    ) -> Result<ArrayRef> {
        let whole = super::is_text(from) && *to == SqlType::STRING;
        if whole {
            return Ok(Arc::clone(array));
        }
        if super::is_whole(from) && *to == SqlType::STRING {
            return Ok(arrow::compute::cast(array, &DataType::Utf8)?);
        }
        let mut writer = Writer::new(array, from, self.zone.tz())?;
        let mut out = StringBuilder::with_capacity(array.len(), array.len() * 16);
        let mut value = String::new();
        for row in 0..array.len() {
            if array.is_null(row) {
                out.append_null();
                continue;
            }
            value.clear();
            writer.write(row, &mut value)?;
            let fits = fit(&mut value, to);
            if !fits || out.values_slice().len() + value.len() > BATCH_BYTES_MAX {
                return Err(Error::new(
                    Code::Evaluation,
                    format!("{to} makes too long a text"),
                ));
            }
            out.append_value(&value);
        }
        Ok(Arc::new(out.finish()))
    }
}

/// Cuts a text to the length of its type, and fills CHAR(n) with spaces; false if that is too long.
fn fit(value: &mut String, to: &SqlType) -> bool {
    let (length, fill) = match to {
        SqlType::Char(length) => (*length as usize, true),
        SqlType::Varchar(LENGTH_MAX) => return value.len() <= VALUE_BYTES_MAX,
        SqlType::Varchar(length) => (*length as usize, false),
        _ => return false,
    };
    if let Some((end, _)) = value.char_indices().nth(length) {
        value.truncate(end);
    } else if fill {
        let missing = length - value.chars().count();
        if value.len() + missing > VALUE_BYTES_MAX {
            return false;
        }
        value.extend(std::iter::repeat_n(' ', missing));
    }
    value.len() <= VALUE_BYTES_MAX
}

/// Writes the values of one column as text; a tree for nested types.
enum Writer<'a> {
    Text(&'a arrow::array::StringArray),
    Bytes(&'a arrow::array::BinaryArray),
    Truth(&'a arrow::array::BooleanArray),
    Whole(Box<dyn Fn(usize) -> i64 + 'a>),
    Single(&'a arrow::array::Float32Array),
    Double(&'a arrow::array::Float64Array),
    Decimal(&'a arrow::array::Decimal128Array, i8),
    Date(Moments<'a>),
    Clock(Moments<'a>, u8),
    Timestamp(Moments<'a>, u8),
    Months(&'a arrow::array::IntervalYearMonthArray),
    Days(&'a arrow::array::IntervalMonthDayNanoArray),
    Row(&'a StructArray, Vec<Writer<'a>>),
    Array(&'a ListArray, Box<Writer<'a>>),
    Map(&'a MapArray, Box<Writer<'a>>, Box<Writer<'a>>),
    Null,
}

impl<'a> Writer<'a> {
    fn new(array: &'a ArrayRef, ty: &SqlType, tz: chrono_tz::Tz) -> Result<Self> {
        let moments = || Moments::new(array, 1, tz);
        Ok(match ty {
            SqlType::Null => Writer::Null,
            SqlType::Char(_) | SqlType::Varchar(_) => Writer::Text(array.as_string()),
            SqlType::Binary(_) | SqlType::Varbinary(_) => Writer::Bytes(array.as_binary()),
            SqlType::Boolean => Writer::Truth(array.as_boolean()),
            SqlType::TinyInt => {
                let values = array.as_primitive::<Int8Type>();
                Writer::Whole(Box::new(|row| i64::from(values.value(row))))
            }
            SqlType::SmallInt => {
                let values = array.as_primitive::<Int16Type>();
                Writer::Whole(Box::new(|row| i64::from(values.value(row))))
            }
            SqlType::Int => {
                let values = array.as_primitive::<Int32Type>();
                Writer::Whole(Box::new(|row| i64::from(values.value(row))))
            }
            SqlType::BigInt => {
                let values = array.as_primitive::<Int64Type>();
                Writer::Whole(Box::new(|row| values.value(row)))
            }
            SqlType::Float => Writer::Single(array.as_primitive::<Float32Type>()),
            SqlType::Double => Writer::Double(array.as_primitive::<Float64Type>()),
            SqlType::Decimal { scale, .. } => {
                Writer::Decimal(array.as_primitive::<Decimal128Type>(), *scale)
            }
            SqlType::Date => Writer::Date(moments()?),
            SqlType::Time(precision) => Writer::Clock(moments()?, *precision),
            SqlType::Timestamp(precision) | SqlType::TimestampLtz(precision) => {
                Writer::Timestamp(moments()?, *precision)
            }
            SqlType::IntervalYearMonth => {
                Writer::Months(array.as_primitive::<IntervalYearMonthType>())
            }
            SqlType::IntervalDaySecond => {
                Writer::Days(array.as_primitive::<IntervalMonthDayNanoType>())
            }
            SqlType::Array(element) => {
                let list = array.as_list::<i32>();
                Writer::Array(
                    list,
                    Box::new(Writer::new(list.values(), &element.sql, tz)?),
                )
            }
            SqlType::Row(fields) => {
                let row = array.as_struct();
                let columns = row.columns().iter().zip(fields);
                let writers = columns.map(|(column, field)| Writer::new(column, &field.ty.sql, tz));
                Writer::Row(row, writers.collect::<Result<_>>()?)
            }
            SqlType::Map(key, value) => Self::map(array, &key.sql, &value.sql, tz)?,
            SqlType::Multiset(element) => Self::map(array, &element.sql, &SqlType::Int, tz)?,
        })
    }

    fn map(array: &'a ArrayRef, key: &SqlType, value: &SqlType, tz: chrono_tz::Tz) -> Result<Self> {
        let map = array.as_map();
        Ok(Writer::Map(
            map,
            Box::new(Writer::new(map.keys(), key, tz)?),
            Box::new(Writer::new(map.values(), value, tz)?),
        ))
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Writer::Text(array) => array.is_null(row),
            Writer::Bytes(array) => array.is_null(row),
            Writer::Truth(array) => array.is_null(row),
            // Its column is behind a closure; `write_element` is told by the parent.
            Writer::Whole(_) => false,
            Writer::Single(array) => array.is_null(row),
            Writer::Double(array) => array.is_null(row),
            Writer::Decimal(array, _) => array.is_null(row),
            Writer::Date(moments) | Writer::Clock(moments, _) | Writer::Timestamp(moments, _) => {
                moments.instant(row).is_none()
            }
            Writer::Months(array) => array.is_null(row),
            Writer::Days(array) => array.is_null(row),
            Writer::Row(array, _) => array.is_null(row),
            Writer::Array(array, _) => array.is_null(row),
            Writer::Map(array, ..) => array.is_null(row),
            Writer::Null => true,
        }
    }

    /// Writes a value inside a nested one, where NULL has a text.
    fn write_element(&mut self, column: &dyn Array, row: usize, out: &mut String) -> Result<()> {
        if column.is_null(row) || self.is_null(row) {
            out.push_str("NULL");
            return Ok(());
        }
        self.write(row, out)
    }

    /// Writes the value of `row`, which is not NULL.
    fn write(&mut self, row: usize, out: &mut String) -> Result<()> {
        match self {
            Writer::Text(array) => out.push_str(array.value(row)),
            Writer::Bytes(array) => out.push_str(&String::from_utf8_lossy(array.value(row))),
            Writer::Truth(array) => out.push_str(if array.value(row) { "TRUE" } else { "FALSE" }),
            Writer::Whole(value) => push_padded(out, value(row), 1),
            Writer::Single(array) => push_single(out, array.value(row)),
            Writer::Double(array) => push_double(out, array.value(row)),
            Writer::Decimal(array, scale) => push_decimal(out, array.value(row), *scale),
            Writer::Date(moments) => {
                if let Some(moment) = moments.get(row) {
                    push_date(out, moment.days());
                }
            }
            Writer::Clock(moments, precision) => {
                if let Some(moment) = moments.get(row) {
                    push_clock(out, moment, *precision);
                }
            }
            Writer::Timestamp(moments, precision) => {
                if let Some(moment) = moments.get(row) {
                    push_timestamp(out, moment, *precision);
                }
            }
            Writer::Months(array) => push_months(out, array.value(row))?,
            Writer::Days(array) => push_days(out, super::interval_millis(array.value(row)))?,
            Writer::Row(array, fields) => {
                out.push('(');
                for (index, field) in fields.iter_mut().enumerate() {
                    separate(out, index);
                    field.write_element(array.column(index), row, out)?;
                }
                out.push(')');
            }
            Writer::Array(array, element) => {
                out.push('[');
                let offsets = array.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                for at in start..end {
                    separate(out, at - start);
                    element.write_element(array.values(), at, out)?;
                    bounded(out)?;
                }
                out.push(']');
            }
            Writer::Map(array, keys, values) => {
                out.push('{');
                let offsets = array.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                for at in start..end {
                    separate(out, at - start);
                    keys.write_element(array.keys(), at, out)?;
                    out.push('=');
                    values.write_element(array.values(), at, out)?;
                    bounded(out)?;
                }
                out.push('}');
            }
            Writer::Null => out.push_str("NULL"),
        }
        Ok(())
    }
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push_str(", ");
    }
}

fn bounded(out: &str) -> Result<()> {
    if out.len() > VALUE_BYTES_MAX {
        return Err(Error::new(
            Code::Evaluation,
            "a nested value makes too long a text",
        ));
    }
    Ok(())
}

/// `+1-06`.
fn push_months(out: &mut String, months: i32) -> Result<()> {
    let sign = if months < 0 { '-' } else { '+' };
    let months = months.unsigned_abs();
    write!(out, "{sign}{}-{:02}", months / 12, months % 12)
        .map_err(|error| Error::internal(error.to_string()))
}

/// `+1 02:03:04.567`.
fn push_days(out: &mut String, millis: i64) -> Result<()> {
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    write!(
        out,
        "{sign}{days} {hours:02}:{minutes:02}:{seconds:02}.{:03}",
        rest % 1000
    )
    .map_err(|error| Error::internal(error.to_string()))
}
