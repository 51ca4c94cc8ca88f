//! Points in time as functions see them: local date-times, time zones, Flink's text forms.
//!
//! A [`Moment`] is a date and time of day without a zone. TIMESTAMP is one already; TIMESTAMP_LTZ
//! becomes one in the session's [`Zone`]. Every `i64` of milliseconds is a valid moment: the
//! calendar arithmetic never overflows, however wrong the data are.

mod column;
mod text;
mod zone;

#[cfg(test)]
mod tests;

use arrow::datatypes::TimeUnit;
use millstream_core::time::{civil_from_days, days_from_civil};

pub(crate) use column::{Moments, timestamps};
pub(crate) use text::{
    digits_of, parse_date, parse_loosely, parse_offset, parse_time, parse_timestamp, push_clock,
    push_date, push_padded, push_timestamp,
};
pub(crate) use zone::{Zone, zone_named};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A date and time of day without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Milliseconds since 1970-01-01 00:00:00.
    pub(crate) millis: i64,
    /// Nanoseconds beyond the millisecond, below 1,000,000.
    pub(crate) nanos: u32,
}

impl Moment {
    /// A moment of whole milliseconds.
    pub(crate) fn of_millis(millis: i64) -> Self {
        Moment { millis, nanos: 0 }
    }

    /// The moment `value` units after 1970.
    pub(crate) fn of_unit(value: i64, unit: TimeUnit) -> Self {
        let split = |per_milli: i64, nanos: i64| Moment {
            millis: value.div_euclid(per_milli),
            nanos: (value.rem_euclid(per_milli) * nanos) as u32,
        };
        match unit {
            TimeUnit::Second => Self::of_millis(value.saturating_mul(1000)),
            TimeUnit::Millisecond => Self::of_millis(value),
            TimeUnit::Microsecond => split(1000, 1000),
            TimeUnit::Nanosecond => split(1_000_000, 1),
        }
    }

    /// Units since 1970, rounded towards the past; `None` when the unit cannot count that far.
    pub(crate) fn to_unit(self, unit: TimeUnit) -> Option<i64> {
        match unit {
            TimeUnit::Second => Some(self.millis.div_euclid(1000)),
            TimeUnit::Millisecond => Some(self.millis),
            TimeUnit::Microsecond => self
                .millis
                .checked_mul(1000)?
                .checked_add(i64::from(self.nanos / 1000)),
            TimeUnit::Nanosecond => self
                .millis
                .checked_mul(1_000_000)?
                .checked_add(i64::from(self.nanos)),
        }
    }

    /// The day number, 0 for 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        self.millis.div_euclid(DAY_MS)
    }

    /// Milliseconds since midnight.
    pub(crate) fn milli_of_day(self) -> i64 {
        self.millis.rem_euclid(DAY_MS)
    }

    /// Nanoseconds within the second.
    pub(crate) fn nano_of_second(self) -> u32 {
        (self.millis.rem_euclid(1000) as u32) * 1_000_000 + self.nanos
    }

    /// Year, month and day.
    pub(crate) fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.days())
    }

    /// The moment of a date and a time of day; `None` when it is out of range.
    pub(crate) fn at(days: i64, milli_of_day: i64, nanos: u32) -> Option<Self> {
        let millis = days.checked_mul(DAY_MS)?.checked_add(milli_of_day)?;
        Some(Moment { millis, nanos })
    }
}

/// A day number from year, month and day; `None` if there is no such day.
pub(crate) fn day_number(year: i64, month: u32, day: u32) -> Option<i64> {
    let known = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    (known && year.abs() < 1_000_000).then(|| days_from_civil(year, month, day))
}

/// How many days a month has; `month` from 1 to 12.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `days` moved by whole months; the day of the month is cut to the new month's length.
pub(crate) fn add_months(days: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil_from_days(days);
    let total = year
        .checked_mul(12)?
        .checked_add(i64::from(month) - 1)?
        .checked_add(months)?;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    day_number(year, month, day.min(days_in_month(year, month)))
}
