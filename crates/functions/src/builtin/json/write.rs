//! Functions that make JSON.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use crate::VALUE_BYTES_MAX;
use crate::args::{Arguments, Call};
use crate::numbers::push_decimal;
use crate::output::text_rows;
use crate::temporal::{Moments, push_clock, push_date};

/// STRING NOT NULL.
pub(super) fn not_null(_: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: SqlType::STRING,
        nullable: false,
    })
}

/// Appends a text as a JSON string.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

pub(super) fn json_quote(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut shown = String::new();
    text_rows(call, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        shown.clear();
        push_quoted(&mut shown, text);
        out.push(&shown).map(Some)
    })
}

pub(super) fn json_string(call: &Call) -> Result<ArrayRef> {
    let array = call.full(0)?;
    let mut value = Json::new(&array, &call.ty(0), call)?;
    let mut shown = String::new();
    text_rows(call, |row, out| {
        if array.is_null(row) {
            return Ok(None);
        }
        shown.clear();
        value.write(row, &mut shown)?;
        out.push(&shown).map(Some)
    })
}

/// Whether NULLs are written; the first argument says it.
fn keeps_nulls(call: &Call) -> Result<bool> {
    match call.texts(0)?.get(0) {
        Some("NULL") => Ok(true),
        Some("ABSENT") => Ok(false),
        _ => Err(call.error("wants 'NULL' or 'ABSENT' as its first argument")),
    }
}

pub(super) fn json_array(call: &Call) -> Result<ArrayRef> {
    let keep = keeps_nulls(call)?;
    let arrays = (1..call.len())
        .map(|i| call.full(i))
        .collect::<Result<Vec<_>>>()?;
    let mut values = members(call, &arrays, 1, 1)?;
    let mut shown = String::new();
    text_rows(call, |row, out| {
        shown.clear();
        shown.push('[');
        for (value, array) in values.iter_mut().zip(&arrays) {
            if keep || array.is_valid(row) {
                separate(&mut shown, '[');
                value.write_or_null(array, row, &mut shown)?;
            }
        }
        shown.push(']');
        out.push(&shown).map(Some)
    })
}

pub(super) fn json_object(call: &Call) -> Result<ArrayRef> {
    let keep = keeps_nulls(call)?;
    if call.len().is_multiple_of(2) {
        return Err(call.error("wants keys with values"));
    }
    let pairs = (call.len() - 1) / 2;
    let keys: Vec<_> = (0..pairs)
        .map(|pair| call.texts(1 + 2 * pair))
        .collect::<Result<_>>()?;
    let arrays = (0..pairs)
        .map(|pair| call.full(2 + 2 * pair))
        .collect::<Result<Vec<_>>>()?;
    let mut values = members(call, &arrays, 2, 2)?;
    let mut shown = String::new();
    text_rows(call, |row, out| {
        shown.clear();
        shown.push('{');
        for (index, array) in arrays.iter().enumerate() {
            if !keep && array.is_null(row) {
                continue;
            }
            let key = keys[index]
                .get(row)
                .ok_or_else(|| call.error("a key is NULL"))?;
            separate(&mut shown, '{');
            push_quoted(&mut shown, key);
            shown.push(':');
            values[index].write_or_null(array, row, &mut shown)?;
        }
        shown.push('}');
        out.push(&shown).map(Some)
    })
}

fn separate(out: &mut String, open: char) {
    if !(out.len() == 1 && out.starts_with(open)) {
        out.push(',');
    }
}

/// The writers of the arguments `first`, `first + step`, ..
fn members<'a>(
    call: &Call,
    arrays: &'a [ArrayRef],
    first: usize,
    step: usize,
) -> Result<Vec<Json<'a>>> {
    let writer = |(index, array): (usize, &'a ArrayRef)| {
        let argument = first + step * index;
        if call.is_json(argument) && *array.data_type() == DataType::Utf8 {
            return Ok(Json::Raw(array.as_string()));
        }
        Json::new(array, &call.ty(argument), call)
    };
    arrays.iter().enumerate().map(writer).collect()
}

/// Writes the values of one column as JSON; a tree for nested types.
enum Json<'a> {
    Null,
    Raw(&'a arrow::array::StringArray),
    Text(&'a arrow::array::StringArray),
    Bytes(&'a arrow::array::BinaryArray),
    Truth(&'a arrow::array::BooleanArray),
    Whole(arrow::array::Int64Array),
    Real(arrow::array::Float64Array),
    Single(&'a arrow::array::Float32Array),
    Decimal(&'a arrow::array::Decimal128Array, i8),
    Time(Moments<'a>, SqlType),
    Array(&'a arrow::array::ListArray, Box<Json<'a>>),
    Map(&'a arrow::array::MapArray, Box<Json<'a>>),
    Row(&'a arrow::array::StructArray, Vec<(String, Json<'a>)>),
}

impl<'a> Json<'a> {
    fn new(array: &'a ArrayRef, ty: &SqlType, call: &Call) -> Result<Self> {
        use arrow::array::Int64Array;
        Ok(match ty {
            SqlType::Null => Json::Null,
            SqlType::Char(_) | SqlType::Varchar(_) => Json::Text(array.as_string()),
            SqlType::Binary(_) | SqlType::Varbinary(_) => Json::Bytes(array.as_binary()),
            SqlType::Boolean => Json::Truth(array.as_boolean()),
            SqlType::TinyInt => Json::Whole(
                array
                    .as_primitive::<Int8Type>()
                    .unary::<_, Int64Type>(i64::from),
            ),
            SqlType::SmallInt => Json::Whole(
                array
                    .as_primitive::<Int16Type>()
                    .unary::<_, Int64Type>(i64::from),
            ),
            SqlType::Int => Json::Whole(
                array
                    .as_primitive::<Int32Type>()
                    .unary::<_, Int64Type>(i64::from),
            ),
            SqlType::BigInt => {
                let values: &Int64Array = array.as_primitive::<Int64Type>();
                Json::Whole(values.clone())
            }
            SqlType::Float => Json::Single(array.as_primitive::<Float32Type>()),
            SqlType::Double => Json::Real(array.as_primitive::<Float64Type>().clone()),
            SqlType::Decimal { scale, .. } => {
                Json::Decimal(array.as_primitive::<Decimal128Type>(), *scale)
            }
            SqlType::Date | SqlType::Time(_) | SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
                // Instants are written in UTC, so they need no zone here.
                Json::Time(Moments::new(array, 1, chrono_tz::Tz::UTC)?, ty.clone())
            }
            SqlType::Array(element) => {
                let list = array.as_list::<i32>();
                Json::Array(
                    list,
                    Box::new(Json::new(list.values(), &element.sql, call)?),
                )
            }
            SqlType::Row(fields) => {
                let row = array.as_struct();
                let members = row.columns().iter().zip(fields);
                let members = members.map(|(column, field)| {
                    Ok((field.name.clone(), Json::new(column, &field.ty.sql, call)?))
                });
                Json::Row(row, members.collect::<Result<_>>()?)
            }
            SqlType::Map(key, value) => Self::map(array, &key.sql, &value.sql, call)?,
            SqlType::Multiset(element) => Self::map(array, &element.sql, &SqlType::Int, call)?,
            SqlType::IntervalYearMonth | SqlType::IntervalDaySecond => {
                return Err(call.error(format!("{ty} has no JSON form")));
            }
        })
    }

    fn map(array: &'a ArrayRef, key: &SqlType, value: &SqlType, call: &Call) -> Result<Self> {
        let map = array.as_map();
        if !matches!(key, SqlType::Char(_) | SqlType::Varchar(_)) {
            return Err(call.error(format!("a key of a JSON object is a STRING, found {key}")));
        }
        Ok(Json::Map(
            map,
            Box::new(Json::new(map.values(), value, call)?),
        ))
    }

    fn write_or_null(&mut self, column: &dyn Array, row: usize, out: &mut String) -> Result<()> {
        if column.is_null(row) || matches!(self, Json::Null) {
            out.push_str("null");
            return Ok(());
        }
        self.write(row, out)
    }

    /// Writes the value of `row`, which is not NULL.
    fn write(&mut self, row: usize, out: &mut String) -> Result<()> {
        if out.len() > VALUE_BYTES_MAX {
            return Err(Error::new(
                millstream_core::Code::Evaluation,
                format!("a JSON text of more than {VALUE_BYTES_MAX} bytes"),
            ));
        }
        match self {
            Json::Null => out.push_str("null"),
            Json::Raw(array) => out.push_str(array.value(row)),
            Json::Text(array) => push_quoted(out, array.value(row)),
            Json::Bytes(array) => {
                push_quoted(out, &crate::builtin::string::base64_text(array.value(row)));
            }
            Json::Truth(array) => out.push_str(if array.value(row) { "true" } else { "false" }),
            Json::Whole(array) => out.push_str(&array.value(row).to_string()),
            Json::Real(array) => push_real(out, array.value(row), |out, v| {
                crate::numbers::push_double(out, v);
            }),
            Json::Single(array) => {
                let value = array.value(row);
                push_real(out, f64::from(value), |out, _| {
                    crate::numbers::push_single(out, value)
                });
            }
            Json::Decimal(array, scale) => push_decimal(out, array.value(row), *scale),
            Json::Time(moments, ty) => push_time(out, moments, row, ty),
            Json::Array(array, element) => {
                let offsets = array.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                out.push('[');
                for at in start..end {
                    if at > start {
                        out.push(',');
                    }
                    element.write_or_null(array.values(), at, out)?;
                }
                out.push(']');
            }
            Json::Map(array, value) => {
                let offsets = array.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                let keys: &arrow::array::StringArray = array.keys().as_string();
                out.push('{');
                for at in start..end {
                    if at > start {
                        out.push(',');
                    }
                    push_quoted(out, keys.value(at));
                    out.push(':');
                    value.write_or_null(array.values(), at, out)?;
                }
                out.push('}');
            }
            Json::Row(array, members) => {
                out.push('{');
                for (index, (name, value)) in members.iter_mut().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_quoted(out, name);
                    out.push(':');
                    value.write_or_null(array.column(index), row, out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

/// A number; NaN and infinity, which JSON does not have, as text.
fn push_real(out: &mut String, value: f64, push: impl Fn(&mut String, f64)) {
    let quote = if value.is_finite() { "" } else { "\"" };
    out.push_str(quote);
    push(out, value);
    out.push_str(quote);
}

/// ISO 8601, in quotes; an instant ends with `Z`.
fn push_time(out: &mut String, moments: &mut Moments, row: usize, ty: &SqlType) {
    let Some(moment) = moments.instant(row) else {
        return out.push_str("null");
    };
    out.push('"');
    match ty {
        SqlType::Date => push_date(out, moment.days()),
        SqlType::Time(precision) => push_clock(out, moment, *precision),
        SqlType::Timestamp(precision) | SqlType::TimestampLtz(precision) => {
            push_date(out, moment.days());
            out.push('T');
            push_clock(out, moment, *precision);
            if matches!(ty, SqlType::TimestampLtz(_)) {
                out.push('Z');
            }
        }
        _ => {}
    }
    out.push('"');
}
