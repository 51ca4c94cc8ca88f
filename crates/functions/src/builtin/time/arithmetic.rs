//! Differences, sums, and rounding to units of time.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, Time32MillisecondArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit};
use millstream_core::time::{civil_from_days, days_from_civil};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use super::convert::moments_of;
use crate::args::{Arguments, Call};
use crate::numbers::checked;
use crate::output::number_rows;
use crate::pattern::weekday_index;
use crate::temporal::{DAY_MS, Moment, Zone, add_months, timestamps};

/// A unit of time: so many months, or so many milliseconds, or less.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Months(i64),
    Millis(i64),
    Micros,
    Nanos,
    /// Starts on a Sunday, as Flink's FLOOR has it; 7 days otherwise.
    Week,
}

fn unit(call: &Call, name: &str) -> Result<Unit> {
    let upper = name.to_ascii_uppercase();
    let word = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
    Ok(match word.trim_end_matches('S') {
        "MILLENNIUM" => Unit::Months(12_000),
        "CENTURY" => Unit::Months(1200),
        "DECADE" => Unit::Months(120),
        "YEAR" => Unit::Months(12),
        "QUARTER" => Unit::Months(3),
        "MONTH" => Unit::Months(1),
        "WEEK" => Unit::Week,
        "DAY" => Unit::Millis(DAY_MS),
        "HOUR" => Unit::Millis(3_600_000),
        "MINUTE" => Unit::Millis(60_000),
        "SECOND" => Unit::Millis(1000),
        "MILLISECOND" => Unit::Millis(1),
        "MICROSECOND" => Unit::Micros,
        "NANOSECOND" => Unit::Nanos,
        _ => {
            let found = call.error(format!(
                "wants a unit such as DAY, HOUR, MONTH, found '{name}'"
            ));
            return Err(Error::new(Code::TypeMismatch, found.message()));
        }
    })
}

/// The constant unit that is argument `index`.
fn constant_unit(call: &Call, index: usize) -> Result<Option<Unit>> {
    match (call.is_constant(index), call.texts(index)?.get(0)) {
        (true, Some(name)) => unit(call, name).map(Some),
        (true, None) => Ok(None),
        (false, _) => Err(call.error("wants a constant unit of time")),
    }
}

/// Whole units from the first to the second moment, towards zero.
pub(super) fn timestampdiff(call: &Call) -> Result<ArrayRef> {
    let unit = constant_unit(call, 0)?;
    let (from, to) = (moments_of(call, 1)?, moments_of(call, 2)?);
    number_rows::<Int32Type>(call, |row| {
        let (Some(unit), Some(from), Some(to)) = (unit, from[row], to[row]) else {
            return Ok(None);
        };
        let difference = difference(unit, from, to).and_then(|units| i32::try_from(units).ok());
        checked(difference, || {
            format!("the difference does not fit INT in '{}'", call.name)
        })
        .map(Some)
    })
}

fn difference(unit: Unit, from: Moment, to: Moment) -> Option<i64> {
    let millis = to.millis.checked_sub(from.millis)?;
    let nanos = || {
        millis
            .checked_mul(1_000_000)?
            .checked_add(i64::from(to.nanos) - i64::from(from.nanos))
    };
    match unit {
        Unit::Months(length) => Some(months_between(from, to) / length),
        Unit::Week => Some(millis / (7 * DAY_MS)),
        Unit::Millis(length) => Some(millis / length),
        Unit::Micros => Some(nanos()? / 1000),
        Unit::Nanos => nanos(),
    }
}

/// Whole months, as Flink counts them: a month is full when the day is reached again, or the last
/// day of a month that is shorter; if it is the very day, also the time of day, but never towards zero
/// for a difference that is negative.
fn months_between(from: Moment, to: Moment) -> i64 {
    let months = months_of_days(from.days(), to.days());
    let time_of = |moment: Moment| (moment.milli_of_day(), moment.nanos);
    let same_day = add_months(from.days(), months) == Some(to.days());
    months - i64::from(same_day && time_of(to) < time_of(from))
}

fn months_of_days(from: i64, to: i64) -> i64 {
    if to < from {
        return -months_of_days(to, from);
    }
    let index = |days: i64| {
        let (year, month, _) = civil_from_days(days);
        year * 12 + i64::from(month)
    };
    let months = index(to) - index(from);
    let reached = add_months(from, months).is_none_or(|days| days <= to);
    months - i64::from(!reached)
}

/// Days from the second date to the first.
pub(super) fn datediff(call: &Call) -> Result<ArrayRef> {
    let (to, from) = (moments_of(call, 0)?, moments_of(call, 1)?);
    number_rows::<Int32Type>(call, |row| {
        let (Some(to), Some(from)) = (to[row], from[row]) else {
            return Ok(None);
        };
        checked(i32::try_from(to.days() - from.days()).ok(), || {
            "DATEDIFF".to_string()
        })
        .map(Some)
    })
}

/// A DATE stays one if whole days are added; else it becomes TIMESTAMP.
pub(super) fn added_type(args: &Arguments) -> Result<ColumnType> {
    let name = args
        .constant_str(0)
        .unwrap_or_default()
        .to_ascii_uppercase();
    let below_day = ["HOUR", "MINUTE", "SECOND"]
        .iter()
        .any(|part| name.contains(part));
    match args.ty(2) {
        SqlType::Date if below_day => args.strict(SqlType::Timestamp(6)),
        SqlType::Varchar(_) | SqlType::Char(_) => Ok(ColumnType::nullable(SqlType::Timestamp(3))),
        other => args.strict(other),
    }
}

pub(super) fn timestampadd(call: &Call) -> Result<ArrayRef> {
    let unit = constant_unit(call, 0)?;
    let counts = call.numbers::<Int64Type>(1)?;
    let moments = moments_of(call, 2)?;
    let mut out = Vec::with_capacity(call.rows);
    for (row, moment) in moments.into_iter().enumerate() {
        let (Some(unit), Some(count), Some(moment)) = (unit, counts.get(row), moment) else {
            out.push(None);
            continue;
        };
        out.push(Some(checked(add(unit, count, moment), || {
            "TIMESTAMPADD leaves the range of time".to_string()
        })?));
    }
    stored(call, out)
}

fn add(unit: Unit, count: i64, moment: Moment) -> Option<Moment> {
    let plus = |millis: i64| {
        Some(Moment {
            millis: moment.millis.checked_add(millis)?,
            ..moment
        })
    };
    match unit {
        Unit::Months(length) => {
            let days = add_months(moment.days(), count.checked_mul(length)?)?;
            Moment::at(days, moment.milli_of_day(), moment.nanos)
        }
        Unit::Week => plus(count.checked_mul(7 * DAY_MS)?),
        Unit::Millis(length) => plus(count.checked_mul(length)?),
        Unit::Micros => add_nanos(moment, count.checked_mul(1000)?),
        Unit::Nanos => add_nanos(moment, count),
    }
}

fn add_nanos(moment: Moment, nanos: i64) -> Option<Moment> {
    let sum = i64::from(moment.nanos).checked_add(nanos)?;
    Some(Moment {
        millis: moment.millis.checked_add(sum.div_euclid(1_000_000))?,
        nanos: sum.rem_euclid(1_000_000) as u32,
    })
}

pub(super) fn floor_to(call: &Call) -> Result<ArrayRef> {
    rounded(call, floor)
}

pub(super) fn ceil_to(call: &Call) -> Result<ArrayRef> {
    rounded(call, |unit, moment| {
        let start = floor(unit, moment)?;
        if start == moment {
            Some(start)
        } else {
            floor(unit, add(unit, 1, start)?)
        }
    })
}

fn rounded(call: &Call, round: impl Fn(Unit, Moment) -> Option<Moment>) -> Result<ArrayRef> {
    let unit = constant_unit(call, 1)?;
    let mut out = Vec::with_capacity(call.rows);
    for moment in moments_of(call, 0)? {
        out.push(match (unit, moment) {
            (Some(unit), Some(moment)) => Some(checked(round(unit, moment), || {
                format!("'{}' leaves the range of time", call.name)
            })?),
            _ => None,
        });
    }
    stored(call, out)
}

/// The start of the unit that holds a moment.
fn floor(unit: Unit, moment: Moment) -> Option<Moment> {
    match unit {
        Unit::Nanos => Some(moment),
        Unit::Micros => Some(Moment {
            nanos: moment.nanos / 1000 * 1000,
            ..moment
        }),
        Unit::Millis(length) => Some(Moment::of_millis(
            moment
                .millis
                .checked_sub(moment.millis.rem_euclid(length))?,
        )),
        Unit::Week => {
            let days = moment.days();
            let since_sunday = (weekday_index(days) + 1) % 7;
            Moment::at(days - since_sunday, 0, 0)
        }
        Unit::Months(length) => {
            let (year, month, _) = civil_from_days(moment.days());
            let index = year * 12 + i64::from(month) - 1;
            // Centuries and millennia begin with the year 1.
            let shift = if length >= 1200 { 12 } else { 0 };
            let start = index - (index - shift).rem_euclid(length);
            let days = days_from_civil(start.div_euclid(12), start.rem_euclid(12) as u32 + 1, 1);
            Moment::at(days, 0, 0)
        }
    }
}

/// Local moments as a column of the declared type.
fn stored(call: &Call, moments: Vec<Option<Moment>>) -> Result<ArrayRef> {
    let ty = call.returns.data_type();
    let unit = match ty {
        DataType::Date32 => {
            let days = |m: Moment| i32::try_from(m.days()).ok();
            let days = moments
                .into_iter()
                .map(|m| m.map(|m| checked(days(m), || "DATE".into())));
            let days = days
                .map(Option::transpose)
                .collect::<Result<Date32Array>>()?;
            return Ok(Arc::new(days));
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let times = moments
                .into_iter()
                .map(|m| m.map(|m| m.milli_of_day() as i32));
            return Ok(Arc::new(times.collect::<Time32MillisecondArray>()));
        }
        DataType::Timestamp(unit, zone) => (*unit, zone.is_some()),
        other => return Err(Error::internal(format!("{other} is not a type of time"))),
    };
    let zone = Zone::new(call.context.time_zone);
    let values = moments.into_iter().map(|moment| {
        let Some(moment) = moment else {
            return Ok(None);
        };
        let instant = if unit.1 { zone.to_utc(moment) } else { moment };
        checked(instant.to_unit(unit.0), || "TIMESTAMP".to_string()).map(Some)
    });
    timestamps(values.collect::<Result<Int64Array>>()?, ty)
}
