//! Event time: milliseconds since 1970-01-01 00:00:00 UTC, as in Flink.

use std::fmt;

/// A point in event time, in milliseconds since 1970 UTC; also the value of a watermark.
///
/// A watermark `t` says: no row with an event time at or before `t` is expected any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before everything: the watermark of an input that has not spoken yet.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// After everything: the watermark at the end of a bounded input; closes every window.
    pub const MAX: EventTime = EventTime(i64::MAX);
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EventTime {
    /// `yyyy-MM-dd HH:mm:ss.SSS`, or `-` and `end` for the two extremes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EventTime::MIN => f.write_str("-"),
            EventTime::MAX => f.write_str("end"),
            EventTime(ms) => f.write_str(&format_millis(ms)),
        }
    }
}

/// `yyyy-MM-dd HH:mm:ss.SSS` of a time in milliseconds since 1970 UTC; any `i64` has a text.
pub fn format_millis(ms: i64) -> String {
    let (year, month, day) = civil_from_days(ms.div_euclid(86_400_000));
    let rest = ms.rem_euclid(86_400_000);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:03}",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000
    )
}

/// Year, month and day of a day number (0 is 1970-01-01), in the proleptic Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day)
}

/// Day number (0 is 1970-01-01) of a date in the proleptic Gregorian calendar.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_and_leap_days_are_written_right() {
        assert_eq!(format_millis(0), "1970-01-01 00:00:00.000");
        assert_eq!(format_millis(-1), "1969-12-31 23:59:59.999");
        assert_eq!(format_millis(951_782_400_000), "2000-02-29 00:00:00.000");
        assert_eq!(
            EventTime(1_357_035_300_000).to_string(),
            "2013-01-01 10:15:00.000"
        );
    }

    #[test]
    fn dates_and_day_numbers_are_inverse() {
        for days in (-1_000_000..1_000_000).step_by(997) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        assert!(!format_millis(i64::MIN).is_empty());
        assert!(!format_millis(i64::MAX).is_empty());
    }
}
