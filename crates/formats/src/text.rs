//! Values as people see them: in result tables, and as JSON with the column names as keys.
//!
//! * Timestamps always have the digits of their type: `2020-12-30 12:13:14.120`. Decimals have
//!   the digits of their scale. The rest is spelt as Flink's client spells it: `TRUE`, `[1, 2]`,
//!   `{a=1}`, `(1, b)`, `x'0aff'`, `+1-02`, `+3 10:00:00.000`.
//! * A NULL within a nested value is `NULL`; how a NULL cell looks is the caller's choice.
//! * An array of a type that no table has (a dictionary, a union) is shown as Arrow shows it.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Field, FieldRef, IntervalMonthDayNano};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_core::Result;

use crate::json::{quoted, range, scalar, string};
use crate::render::{self, Fraction};
use crate::view::{Stamp, Values, View};

/// Appends row `row` of `array`; nothing for NULL.
///
/// Without a field the digits of a timestamp follow from its Arrow unit; see [`cell_of`].
pub fn cell(array: &dyn Array, row: usize, out: &mut String) {
    let field = Arc::new(Field::new("", array.data_type().clone(), true));
    cell_of(&field, array, row, out);
}

/// Appends row `row` of the column `field`, whose SQL type says how many digits a TIME or
/// TIMESTAMP has; nothing for NULL.
pub fn cell_of(field: &FieldRef, array: &dyn Array, row: usize, out: &mut String) {
    let Ok(view) = View::new(field, array) else {
        return foreign(array, row, out);
    };
    if view.is_null(row) {
        return;
    }
    let mut bytes = Vec::new();
    write(&view, row, &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// A value of a type that is none of ours.
fn foreign(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) {
        return;
    }
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => out.push_str(&formatter.value(row).to_string()),
        Err(_) => out.push('?'),
    }
}

/// Appends row `row` as a JSON object with the column names as keys, without a line break.
///
/// Timestamps are `yyyy-MM-dd HH:mm:ss.SSS`, binary is base64, NULL is `null`. For many rows make
/// a [`JsonRows`] once.
pub fn json_row(batch: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()> {
    let schema = batch.schema();
    JsonRows::new(schema.fields(), batch)?.write(row, out);
    Ok(())
}

/// The rows of one batch, ready to be written as JSON objects.
#[derive(Debug)]
pub struct JsonRows<'a> {
    columns: Vec<(&'a str, View<'a>)>,
}

impl<'a> JsonRows<'a> {
    /// The rows of `batch`, whose columns are `fields`.
    pub fn new(fields: &'a arrow::datatypes::Fields, batch: &'a RecordBatch) -> Result<Self> {
        let columns = fields.iter().zip(batch.columns());
        let columns = columns.map(|(field, array)| {
            let view = View::new(field, array.as_ref())?;
            Ok((field.name().as_str(), view))
        });
        Ok(JsonRows {
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Appends one row, without a line break.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        object(&self.columns, row, out);
    }
}

fn object(columns: &[(&str, View<'_>)], row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (name, view)) in columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        json(view, row, out);
    }
    out.push(b'}');
}

fn json(view: &View<'_>, row: usize, out: &mut Vec<u8>) {
    if view.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match &view.values {
        Values::Timestamp(values, stamp) => quoted(out, |out| timestamp(values[row], *stamp, out)),
        Values::Time(values, digits) => quoted(out, |out| {
            render::time_ms(values[row], Fraction::Digits(*digits), out);
        }),
        Values::Months(_) | Values::DayTime(_) => quoted(out, |out| write(view, row, out)),
        Values::List(offsets, element) => {
            out.push(b'[');
            for (i, row) in range(offsets, row).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                json(element, row, out);
            }
            out.push(b']');
        }
        Values::Map(offsets, entry) => {
            out.push(b'{');
            for (i, row) in range(offsets, row).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                // JSON has only text keys, SQL has others too.
                let mut key = Vec::new();
                element(&entry.0, row, &mut key);
                string(&String::from_utf8_lossy(&key), out);
                out.push(b':');
                json(&entry.1, row, out);
            }
            out.push(b'}');
        }
        Values::Row(fields) => object(fields, row, out),
        other => scalar(other, row, out),
    }
}

/// A value that is not NULL, for people.
fn write(view: &View<'_>, row: usize, out: &mut Vec<u8>) {
    match &view.values {
        Values::Boolean(values) => {
            let word: &[u8] = if values.value(row) { b"TRUE" } else { b"FALSE" };
            out.extend_from_slice(word);
        }
        Values::Text(values) => out.extend_from_slice(values.value(row).as_bytes()),
        Values::TextView(values) => out.extend_from_slice(values.value(row).as_bytes()),
        Values::Float32(values) => render::float(values[row], out),
        Values::Float64(values) => render::double(values[row], out),
        Values::Binary(values) => hex(values.value(row), out),
        Values::Date(values) => render::date(i64::from(values[row]), out),
        Values::Time(values, digits) => {
            render::time_ms(values[row], Fraction::Digits(*digits), out);
        }
        Values::Timestamp(values, stamp) => timestamp(values[row], *stamp, out),
        Values::Months(values) => months(values[row], out),
        Values::DayTime(values) => day_time(values[row], out),
        Values::List(offsets, view) => list(b"[]", range(offsets, row), out, |row, out| {
            element(view, row, out);
        }),
        Values::Map(offsets, entry) => list(b"{}", range(offsets, row), out, |row, out| {
            element(&entry.0, row, out);
            out.push(b'=');
            element(&entry.1, row, out);
        }),
        Values::Row(fields) => list(b"()", 0..fields.len(), out, |i, out| {
            element(&fields[i].1, row, out);
        }),
        other => scalar(other, row, out),
    }
}

/// A value within another one.
fn element(view: &View<'_>, row: usize, out: &mut Vec<u8>) {
    match view.is_null(row) {
        true => out.extend_from_slice(b"NULL"),
        false => write(view, row, out),
    }
}

fn list(
    brackets: &[u8; 2],
    rows: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(usize, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (i, row) in rows.enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        write(row, out);
    }
    out.push(brackets[1]);
}

fn timestamp(value: i64, stamp: Stamp, out: &mut Vec<u8>) {
    render::timestamp(
        stamp.split(value),
        b' ',
        Fraction::Digits(stamp.precision),
        out,
    );
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"x'");
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.push(b"0123456789abcdef"[usize::from(half)]);
        }
    }
    out.push(b'\'');
}

/// `+years-months`.
fn months(months: i32, out: &mut Vec<u8>) {
    let sign = if months < 0 { '-' } else { '+' };
    let size = months.unsigned_abs();
    write!(out, "{sign}{}-{:02}", size / 12, size % 12).expect("a vector takes every write");
}

/// `+days hours:minutes:seconds.milliseconds`.
fn day_time(interval: IntervalMonthDayNano, out: &mut Vec<u8>) {
    let ms = crate::view::interval_ms(interval);
    let sign = if ms < 0 { b'-' } else { b'+' };
    let ms = ms.unsigned_abs();
    out.push(sign);
    render::integer(ms / 86_400_000, out);
    out.push(b' ');
    render::time_ms((ms % 86_400_000) as i32, Fraction::Digits(3), out);
}

#[cfg(test)]
mod tests;
