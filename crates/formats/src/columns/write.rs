//! Text into a column: what a CSV field, a JSON string and a JSON number have in common.

use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};

use super::{Column, Stamps, Values};
use crate::base64;
use crate::parse::{self, Stamp, Why};

impl Column {
    /// Appends the value that `text` (valid UTF-8) spells in this column's type.
    ///
    /// An empty or nested type has no text: [`Why::Shape`]. After an error the column may hold a
    /// part of the value: [`Column::truncate`] it.
    pub(crate) fn push_text(&mut self, text: &[u8], stamps: Stamps) -> Result<(), Why> {
        let precision = self.precision;
        match &mut self.values {
            Values::Text(values) => {
                values.data.extend_from_slice(text);
                values.close();
            }
            Values::Int64(values) => values.push(parse::integer(text.trim_ascii())?),
            Values::Int32(values) | Values::Months(values) => values.push(narrow(text)?),
            Values::Int16(values) => values.push(narrow(text)?),
            Values::Int8(values) => values.push(narrow(text)?),
            Values::Float64(values) => values.push(parse::double(text.trim_ascii())?),
            Values::Float32(values) => values.push(parse::float(text.trim_ascii())?),
            Values::Decimal(values, precision, scale) => {
                values.push(parse::decimal(text.trim_ascii(), *precision, *scale)?);
            }
            Values::Boolean(values) => values.append(parse::boolean(text.trim_ascii())?),
            Values::Timestamp(values, unit, zoned) => {
                let stamp = parse::timestamp(text.trim_ascii(), stamps)?;
                values.push(instant(stamp, *unit, *zoned, precision)?);
            }
            Values::Date(values) => values.push(parse::date(text.trim_ascii())?),
            Values::Time(values) => {
                let nanos = parse::time(text.trim_ascii())?;
                values.push(cut(nanos / 1_000_000, 3, precision) as i32);
            }
            Values::Binary(values) => {
                base64::decode(text, &mut values.data).ok_or(Why::Shape)?;
                values.close();
            }
            Values::DayTime(values) => {
                let ms = parse::integer(text.trim_ascii())?;
                values.push(milliseconds(ms).ok_or(Why::Range)?);
            }
            Values::Null | Values::List(..) | Values::Map(..) | Values::Row(_) => {
                return Err(Why::Shape);
            }
        }
        self.close();
        Ok(())
    }

    /// Appends an integer that has been read already; false if the column is of another kind or
    /// the number is out of its range, and then nothing has been written.
    #[inline]
    pub(crate) fn push_integer(&mut self, number: i64) -> bool {
        match &mut self.values {
            Values::Int64(values) => values.push(number),
            Values::Int32(values) => match i32::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return false,
            },
            Values::Int16(values) => match i16::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return false,
            },
            Values::Int8(values) => match i8::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return false,
            },
            _ => return false,
        }
        self.close();
        true
    }
}

fn narrow<T: TryFrom<i64>>(text: &[u8]) -> Result<T, Why> {
    T::try_from(parse::integer(text.trim_ascii())?).map_err(|_| Why::Range)
}

/// An INTERVAL DAY TO SECOND of so many milliseconds.
fn milliseconds(ms: i64) -> Option<IntervalMonthDayNano> {
    const DAY_MS: i64 = 86_400_000;
    let days = i32::try_from(ms / DAY_MS).ok()?;
    Some(IntervalMonthDayNano::new(
        0,
        days,
        (ms % DAY_MS) * 1_000_000,
    ))
}

/// A time in units of 10 to the power of minus `unit_digits` seconds, with only the first `digits`
/// digits of the second kept.
#[inline]
fn cut(units: i64, unit_digits: u8, digits: u8) -> i64 {
    match unit_digits.saturating_sub(digits) {
        0 => units,
        surplus => units - units % 10i64.pow(u32::from(surplus)),
    }
}

/// A parsed timestamp as a number of `unit`. A TIMESTAMP_LTZ must say its offset from UTC.
///
/// Every division is by a constant: this is called for each timestamp of each record.
#[inline]
fn instant(stamp: Stamp, unit: TimeUnit, zoned: bool, precision: u8) -> Result<i64, Why> {
    if zoned && stamp.offset_seconds.is_none() {
        return Err(Why::Zone);
    }
    let nanos = stamp.nanos_of_day;
    let (per_second, digits, of_day) = match unit {
        TimeUnit::Second => (1, 0, nanos / 1_000_000_000),
        TimeUnit::Millisecond => (1_000, 3, nanos / 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 6, nanos / 1_000),
        TimeUnit::Nanosecond => (1_000_000_000, 9, nanos),
    };
    let midnight = stamp.days * 86_400 - i64::from(stamp.offset_seconds.unwrap_or(0));
    midnight
        .checked_mul(per_second)
        .and_then(|units| units.checked_add(cut(of_day, digits, precision)))
        .ok_or(Why::Range)
}
