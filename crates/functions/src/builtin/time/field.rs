//! The fields of a date and time.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int64Type};
use millstream_core::time::days_from_civil;
use millstream_core::{Code, Error, Result};

use crate::args::Call;
use crate::output::number_rows;
use crate::pattern::{day_of_year as nth_day, weekday_index};
use crate::temporal::{Moment, Moments};

/// A field that EXTRACT can name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfYear,
    DayOfWeek,
    IsoDayOfWeek,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

impl Part {
    pub(super) fn named(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_uppercase().trim_end_matches('S') {
            "MILLENNIUM" => Part::Millennium,
            "CENTURY" => Part::Century,
            "DECADE" => Part::Decade,
            "YEAR" => Part::Year,
            "ISOYEAR" => Part::IsoYear,
            "QUARTER" => Part::Quarter,
            "MONTH" => Part::Month,
            "WEEK" => Part::Week,
            "DAY" | "DAYOFMONTH" => Part::Day,
            "DOY" | "DAYOFYEAR" => Part::DayOfYear,
            "DOW" | "DAYOFWEEK" => Part::DayOfWeek,
            "ISODOW" => Part::IsoDayOfWeek,
            "HOUR" => Part::Hour,
            "MINUTE" => Part::Minute,
            "SECOND" => Part::Second,
            "MILLISECOND" => Part::Millisecond,
            "MICROSECOND" => Part::Microsecond,
            "NANOSECOND" => Part::Nanosecond,
            "EPOCH" => Part::Epoch,
            _ => {
                return Err(Error::new(
                    Code::TypeMismatch,
                    format!("EXTRACT wants a field such as YEAR, MONTH, DAY, HOUR, found '{name}'"),
                ));
            }
        })
    }

    fn of(self, moment: Moment) -> i64 {
        let (year, month, _) = moment.date();
        let of_day = moment.milli_of_day();
        match self {
            Part::Millennium => from_one(year, 1000),
            Part::Century => from_one(year, 100),
            Part::Decade => year.div_euclid(10),
            Part::Year => year,
            Part::IsoYear => iso_week(moment).0,
            Part::Quarter => i64::from((month - 1) / 3 + 1),
            Part::Month => i64::from(month),
            Part::Week => iso_week(moment).1,
            Part::Day => i64::from(moment.date().2),
            Part::DayOfYear => nth_day(moment),
            Part::DayOfWeek => (weekday_index(moment.days()) + 1) % 7 + 1,
            Part::IsoDayOfWeek => weekday_index(moment.days()) + 1,
            Part::Hour => of_day / 3_600_000,
            Part::Minute => of_day / 60_000 % 60,
            Part::Second => of_day / 1000 % 60,
            Part::Millisecond => of_day % 1000,
            Part::Microsecond => i64::from(moment.nano_of_second() / 1000),
            Part::Nanosecond => i64::from(moment.nano_of_second()),
            Part::Epoch => moment.millis.div_euclid(1000),
        }
    }
}

/// The first century is the years 1 to 100.
fn from_one(year: i64, length: i64) -> i64 {
    if year > 0 {
        (year + length - 1) / length
    } else {
        (year - length) / length
    }
}

/// Year and week after ISO 8601: week 1 is the one with the first Thursday.
fn iso_week(moment: Moment) -> (i64, i64) {
    let days = moment.days();
    let thursday = days - weekday_index(days) + 3;
    let (year, ..) = millstream_core::time::civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

pub(super) fn extract(call: &Call) -> Result<ArrayRef> {
    if matches!(call.array(1).data_type(), DataType::Interval(_)) {
        return super::interval::extract(call);
    }
    let names = call.texts(0)?;
    let mut values = Moments::new(
        call.array(1),
        usize::from(!call.is_constant(1)),
        call.context.time_zone,
    )?;
    let constant = match (call.is_constant(0), names.get(0)) {
        (true, Some(name)) => Some(Part::named(name)?),
        _ => None,
    };
    number_rows::<Int64Type>(call, |row| {
        let part = match (constant, names.get(row)) {
            (Some(part), _) => part,
            (None, Some(name)) => Part::named(name)?,
            (None, None) => return Ok(None),
        };
        // An epoch counts instants: the zone does not matter.
        let moment = if part == Part::Epoch {
            values.instant(row)
        } else {
            values.get(row)
        };
        Ok(moment.map(|moment| part.of(moment)))
    })
}

fn part(call: &Call, part: Part) -> Result<ArrayRef> {
    let mut values = Moments::new(
        call.array(0),
        usize::from(!call.is_constant(0)),
        call.context.time_zone,
    )?;
    number_rows::<Int64Type>(call, |row| {
        Ok(values.get(row).map(|moment| part.of(moment)))
    })
}

macro_rules! parts {
    ($($name:ident = $part:ident;)*) => {
        $(pub(super) fn $name(call: &Call) -> Result<ArrayRef> {
            part(call, Part::$part)
        })*
    };
}

parts! {
    year = Year;
    quarter = Quarter;
    month = Month;
    week = Week;
    day = Day;
    day_of_year = DayOfYear;
    day_of_week = DayOfWeek;
    hour = Hour;
    minute = Minute;
    second = Second;
}
