//! Values as text, as Java prints the objects Flink's sinks are given.
//!
//! | SQL | text |
//! |---|---|
//! | FLOAT, DOUBLE | `1.5`, `1.0E10`, `NaN`, `Infinity` |
//! | DECIMAL | `12.50`; `1E-7` if it is very small |
//! | BYTES | `[1, -2]` |
//! | DATE, TIME | `2020-01-01`, `10:15`, `10:15:30.500` |
//! | TIMESTAMP, TIMESTAMP_LTZ | `2020-01-01T10:15:30.500`, the same with `Z` at the end |
//! | INTERVAL | `P1Y2M`, `PT1H30M` |
//! | ARRAY, MAP and MULTISET, ROW | `[1, 2]`, `{a=1}`, `+I[1, a]` |
//! | NULL | `null` |
//!
//! As in Java, a time leaves out seconds that are zero and writes its fraction with 3, 6 or 9
//! digits. Recursion is as deep as the type, which the parser bounds.
//!
//! Source: the `toString` methods of `java.time`, `Double`, `BigDecimal` as their documentation
//! describes them, and of Flink's `Row`.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_core::time::civil_from_days;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Whether a time of day leaves out seconds that are zero, as Java's `LocalTime` does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Always,
    IfNotZero,
}

/// Appends the value of a row. Types that no column of ours has are written as Arrow writes them.
pub(crate) fn value(out: &mut String, array: &dyn Array, row: usize) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Boolean => show(out, array.as_boolean().value(row)),
        DataType::Int8 => show(out, array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => show(out, array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => show(out, array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => show(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => float(
            out,
            &format!("{:e}", array.as_primitive::<Float32Type>().value(row)),
        ),
        DataType::Float64 => float(
            out,
            &format!("{:e}", array.as_primitive::<Float64Type>().value(row)),
        ),
        DataType::Decimal128(_, scale) => {
            decimal(
                out,
                array.as_primitive::<Decimal128Type>().value(row),
                *scale,
            );
        }
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::Binary => list(
            out,
            array.as_binary::<i32>().value(row).iter().map(|b| *b as i8),
        ),
        DataType::Date32 => date(out, array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Time32(TimeUnit::Millisecond) => {
            let ms = array.as_primitive::<Time32MillisecondType>().value(row);
            time(out, i128::from(ms) * 1_000_000, Seconds::IfNotZero);
        }
        DataType::Timestamp(_, zone) => timestamp(out, array, row, zone.is_some()),
        DataType::Interval(_) => interval(out, array, row),
        DataType::List(_) => array_value(out, &array.as_list::<i32>().value(row)),
        DataType::Map(..) => map(out, array.as_map(), row),
        DataType::Struct(_) => row_value(out, array.as_struct(), row),
        _ => foreign(out, array, row),
    }
}

/// Appends the value of a row as a partition's directory name has it: a text that a cast reads
/// back. Differs from [`value`] in that a time of day always has its seconds.
pub(crate) fn partition_value(out: &mut String, array: &dyn Array, row: usize) {
    match array.data_type() {
        DataType::Timestamp(..) => {
            let nanos = timestamp_nanos(array, row);
            date_time(out, nanos, Seconds::Always);
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let ms = array.as_primitive::<Time32MillisecondType>().value(row);
            time(out, i128::from(ms) * 1_000_000, Seconds::Always);
        }
        _ => value(out, array, row),
    }
}

fn show(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string cannot fail");
}

/// A floating-point number in Java's notation, from Rust's shortest digits in `1.25e-7`.
fn float(out: &mut String, scientific: &str) {
    let (sign, rest) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let Some((mantissa, exponent)) = rest.split_once('e') else {
        out.push_str(sign);
        out.push_str(if rest == "inf" { "Infinity" } else { "NaN" });
        return;
    };
    let exponent: i32 = exponent.parse().expect("`{:e}` ends in an exponent");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    out.push_str(sign);
    match exponent {
        0..7 => {
            let whole = exponent as usize + 1;
            if digits.len() <= whole {
                let zeros = whole - digits.len();
                show(out, format_args!("{digits}{:0<zeros$}.0", ""));
            } else {
                show(
                    out,
                    format_args!("{}.{}", &digits[..whole], &digits[whole..]),
                );
            }
        }
        -3..0 => {
            let zeros = (-exponent - 1) as usize;
            show(out, format_args!("0.{:0<zeros$}{digits}", ""));
        }
        _ => {
            let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
            show(out, format_args!("{}.{fraction}E{exponent}", &digits[..1]));
        }
    }
}

/// A decimal as `BigDecimal.toString` writes it: plain unless it is smaller than 1E-6.
fn decimal(out: &mut String, unscaled: i128, scale: i8) {
    let digits = unscaled.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - i32::from(scale);
    if unscaled < 0 {
        out.push('-');
    }
    if scale == 0 {
        out.push_str(&digits);
    } else if scale > 0 && exponent >= -6 {
        let scale = scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        show(out, format_args!("{whole}.{fraction}"));
    } else {
        out.push_str(&digits[..1]);
        if digits.len() > 1 {
            show(out, format_args!(".{}", &digits[1..]));
        }
        show(out, format_args!("E{exponent:+}"));
    }
}

fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    match year {
        10_000.. => show(out, format_args!("+{year}")),
        0..10_000 => show(out, format_args!("{year:04}")),
        _ => show(out, format_args!("-{:04}", year.unsigned_abs())),
    }
    show(out, format_args!("-{month:02}-{day:02}"));
}

fn time(out: &mut String, nanos_of_day: i128, seconds: Seconds) {
    let minutes = nanos_of_day / NANOS_PER_SECOND / 60;
    show(out, format_args!("{:02}:{:02}", minutes / 60, minutes % 60));
    let rest = nanos_of_day % (60 * NANOS_PER_SECOND);
    if rest == 0 && seconds == Seconds::IfNotZero {
        return;
    }
    show(out, format_args!(":{:02}", rest / NANOS_PER_SECOND));
    match rest % NANOS_PER_SECOND {
        0 => {}
        nanos if nanos % 1_000_000 == 0 => show(out, format_args!(".{:03}", nanos / 1_000_000)),
        nanos if nanos % 1_000 == 0 => show(out, format_args!(".{:06}", nanos / 1_000)),
        nanos => show(out, format_args!(".{nanos:09}")),
    }
}

fn timestamp(out: &mut String, array: &dyn Array, row: usize, instant: bool) {
    let nanos = timestamp_nanos(array, row);
    if instant {
        date_time(out, nanos, Seconds::Always);
        out.push('Z');
    } else {
        date_time(out, nanos, Seconds::IfNotZero);
    }
}

fn date_time(out: &mut String, nanos: i128, seconds: Seconds) {
    const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;
    date(out, nanos.div_euclid(NANOS_PER_DAY) as i64);
    out.push('T');
    time(out, nanos.rem_euclid(NANOS_PER_DAY), seconds);
}

fn timestamp_nanos(array: &dyn Array, row: usize) -> i128 {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => array
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
            .into(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            i128::from(array.as_primitive::<TimestampMicrosecondType>().value(row)) * 1_000
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            i128::from(array.as_primitive::<TimestampMillisecondType>().value(row)) * 1_000_000
        }
        _ => {
            let seconds = array.as_primitive::<arrow::datatypes::TimestampSecondType>();
            i128::from(seconds.value(row)) * NANOS_PER_SECOND
        }
    }
}

fn interval(out: &mut String, array: &dyn Array, row: usize) {
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>().value(row);
            period(out, months);
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let days = i128::from(value.days) * 86_400 * NANOS_PER_SECOND;
            duration(out, days + i128::from(value.nanoseconds));
        }
        _ => foreign(out, array, row),
    }
}

/// `java.time.Period` of years and months.
fn period(out: &mut String, months: i32) {
    let (years, months) = (months / 12, months % 12);
    out.push('P');
    if years != 0 {
        show(out, format_args!("{years}Y"));
    }
    if months != 0 {
        show(out, format_args!("{months}M"));
    }
    if years == 0 && months == 0 {
        out.push_str("0D");
    }
}

/// `java.time.Duration`: hours, minutes and seconds, each with the sign of the whole.
fn duration(out: &mut String, nanos: i128) {
    let seconds = nanos / NANOS_PER_SECOND;
    let (hours, minutes, rest) = (
        seconds / 3600,
        seconds / 60 % 60,
        nanos % (60 * NANOS_PER_SECOND),
    );
    out.push_str("PT");
    if hours != 0 {
        show(out, format_args!("{hours}H"));
    }
    if minutes != 0 {
        show(out, format_args!("{minutes}M"));
    }
    if rest == 0 {
        out.push_str(if nanos == 0 { "0S" } else { "" });
        return;
    }
    let sign = if rest < 0 { "-" } else { "" };
    let rest = rest.unsigned_abs();
    let whole = rest / NANOS_PER_SECOND as u128;
    let fraction = format!(".{:09}", rest % NANOS_PER_SECOND as u128);
    show(
        out,
        format_args!(
            "{sign}{whole}{}S",
            fraction.trim_end_matches('0').trim_end_matches('.')
        ),
    );
}

fn list(out: &mut String, values: impl Iterator<Item = impl std::fmt::Display>) {
    out.push('[');
    for (i, value) in values.enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        show(out, format_args!("{comma}{value}"));
    }
    out.push(']');
}

fn array_value(out: &mut String, elements: &ArrayRef) {
    out.push('[');
    for i in 0..elements.len() {
        out.push_str(if i == 0 { "" } else { ", " });
        value(out, elements, i);
    }
    out.push(']');
}

fn map(out: &mut String, map: &MapArray, row: usize) {
    let entries = map.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    out.push('{');
    for i in 0..entries.len() {
        out.push_str(if i == 0 { "" } else { ", " });
        value(out, keys, i);
        out.push('=');
        value(out, values, i);
    }
    out.push('}');
}

fn row_value(out: &mut String, rows: &StructArray, row: usize) {
    out.push_str("+I[");
    for (i, column) in rows.columns().iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        value(out, column, row);
    }
    out.push(']');
}

fn foreign(out: &mut String, array: &dyn Array, row: usize) {
    match ArrayFormatter::try_new(array, &FormatOptions::default()) {
        Ok(formatter) => show(out, formatter.value(row)),
        Err(_) => out.push('?'),
    }
}
