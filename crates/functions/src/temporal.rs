//! Points in time as functions see them: local date-times, time zones, Flink's text forms.
//!
//! A [`Moment`] is a date and time of day without a zone. TIMESTAMP is one already; TIMESTAMP_LTZ
//! becomes one in the session's [`Zone`]. Every `i64` of milliseconds is a valid moment: the
//! calendar arithmetic never overflows, however wrong the data are.

use arrow::array::{
    Array, Date32Array, Int64Array, PrimitiveArray, Time32MillisecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use millstream_core::time::{civil_from_days, days_from_civil};
use millstream_core::{Error, Result};

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

/// A time zone that remembers the offset of the minute it was last asked about.
///
/// Rows come in order of time, so nearly all of them hit. A minute, not an hour, because some
/// zones have changed their clocks one minute after midnight.
pub(crate) struct Zone {
    tz: Tz,
    fixed: bool,
    minute: i64,
    offset: i64,
}

impl Zone {
    pub(crate) fn new(tz: Tz) -> Self {
        Zone {
            tz,
            fixed: matches!(tz, Tz::UTC | Tz::Etc__UTC | Tz::GMT | Tz::Etc__GMT),
            minute: i64::MIN,
            offset: 0,
        }
    }

    /// The zone itself.
    pub(crate) fn tz(&self) -> Tz {
        self.tz
    }

    /// Milliseconds the local clock is ahead of UTC at this instant.
    pub(crate) fn offset_at(&mut self, utc_ms: i64) -> i64 {
        if self.fixed {
            return 0;
        }
        let minute = utc_ms.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.offset = naive(utc_ms).map_or(0, |utc| {
                i64::from(
                    self.tz
                        .offset_from_utc_datetime(&utc)
                        .fix()
                        .local_minus_utc(),
                ) * 1000
            });
        }
        self.offset
    }

    /// The local moment of an instant.
    pub(crate) fn to_local(&mut self, utc: Moment) -> Moment {
        Moment {
            millis: utc.millis.saturating_add(self.offset_at(utc.millis)),
            ..utc
        }
    }

    /// The instant of a local moment. Of two, the earlier; one that the clock skips moves forward.
    pub(crate) fn to_utc(&self, local: Moment) -> Moment {
        if self.fixed {
            return local;
        }
        Moment {
            millis: local.millis.saturating_sub(self.local_offset(local.millis)),
            ..local
        }
    }

    fn local_offset(&self, local_ms: i64) -> i64 {
        // No clock has ever been moved by more than a day.
        for hours in 0..=25 {
            let Some(local) = naive(local_ms.saturating_sub(hours * 3_600_000)) else {
                return 0;
            };
            if let Some(offset) = self.tz.offset_from_local_datetime(&local).earliest() {
                return i64::from(offset.fix().local_minus_utc()) * 1000;
            }
        }
        0
    }
}

fn naive(millis: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(millis).map(|time| time.naive_utc())
}

/// A zone by its name (`Europe/Berlin`), or by its offset (`+02:00`, `GMT+2`) if it is whole hours.
pub(crate) fn zone_named(name: &str) -> Option<Tz> {
    let name = name.trim();
    if let Ok(tz) = name.parse::<Tz>() {
        return Some(tz);
    }
    let offset = ["UTC", "GMT"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    if offset.is_empty() || offset == "Z" {
        return Some(Tz::UTC);
    }
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => ('-', digits),
        ("-", digits) => ('+', digits),
        _ => return None,
    };
    let hours: u32 = digits.strip_suffix(":00").unwrap_or(digits).parse().ok()?;
    // The names of the Etc zones have the opposite sign.
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

/// The values of a DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ column as local moments.
pub(crate) struct Moments<'a> {
    values: MomentValues<'a>,
    nulls: Option<&'a arrow::buffer::NullBuffer>,
    step: usize,
    zone: Option<Zone>,
}

enum MomentValues<'a> {
    Days(&'a [i32]),
    MilliOfDay(&'a [i32]),
    Units(&'a [i64], TimeUnit),
}

impl<'a> Moments<'a> {
    /// Reads `array`; TIMESTAMP_LTZ is seen in `time_zone`.
    pub(crate) fn new(array: &'a dyn Array, step: usize, time_zone: Tz) -> Result<Self> {
        let (values, zone) = match array.data_type() {
            DataType::Date32 => (
                MomentValues::Days(primitive::<Date32Array>(array)?.values()),
                None,
            ),
            DataType::Time32(TimeUnit::Millisecond) => {
                let array = primitive::<Time32MillisecondArray>(array)?;
                (MomentValues::MilliOfDay(array.values()), None)
            }
            DataType::Timestamp(unit, zone) => {
                let values = timestamp_values(array, *unit)?;
                let zone = zone.as_ref().map(|_| Zone::new(time_zone));
                (MomentValues::Units(values, *unit), zone)
            }
            other => {
                return Err(Error::internal(format!(
                    "{other} is not a type of points in time"
                )));
            }
        };
        Ok(Moments {
            values,
            nulls: array.nulls(),
            step,
            zone,
        })
    }

    /// The local moment of `row`.
    #[inline]
    pub(crate) fn get(&mut self, row: usize) -> Option<Moment> {
        let instant = self.instant(row)?;
        Some(match &mut self.zone {
            Some(zone) => zone.to_local(instant),
            None => instant,
        })
    }

    /// The value of `row` as it is stored: for TIMESTAMP_LTZ, in UTC.
    #[inline]
    pub(crate) fn instant(&self, row: usize) -> Option<Moment> {
        let at = row * self.step;
        if self.nulls.is_some_and(|nulls| nulls.is_null(at)) {
            return None;
        }
        Some(match &self.values {
            MomentValues::Days(days) => Moment::of_millis(i64::from(days[at]) * DAY_MS),
            MomentValues::MilliOfDay(millis) => Moment::of_millis(i64::from(millis[at])),
            MomentValues::Units(values, unit) => Moment::of_unit(values[at], *unit),
        })
    }

    /// Whether the values are instants, shown in the session's zone.
    pub(crate) fn zone(&mut self) -> Option<&mut Zone> {
        self.zone.as_mut()
    }
}

fn primitive<A: Array + 'static>(array: &dyn Array) -> Result<&A> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::internal(format!("cannot read {}", array.data_type())))
}

/// The numbers of a timestamp column.
pub(crate) fn timestamp_values(array: &dyn Array, unit: TimeUnit) -> Result<&[i64]> {
    fn values<T: ArrowPrimitiveType<Native = i64>>(array: &PrimitiveArray<T>) -> &[i64] {
        array.values()
    }
    Ok(match unit {
        TimeUnit::Second => values(primitive::<TimestampSecondArray>(array)?),
        TimeUnit::Millisecond => values(primitive::<TimestampMillisecondArray>(array)?),
        TimeUnit::Microsecond => values(primitive::<TimestampMicrosecondArray>(array)?),
        TimeUnit::Nanosecond => values(primitive::<TimestampNanosecondArray>(array)?),
    })
}

/// A timestamp column of `ty` from numbers in the type's own unit.
pub(crate) fn timestamps(values: Int64Array, ty: &DataType) -> Result<arrow::array::ArrayRef> {
    let DataType::Timestamp(unit, zone) = ty else {
        return Err(Error::internal(format!("{ty} is not a timestamp type")));
    };
    let zone = zone.clone();
    Ok(match unit {
        TimeUnit::Second => std::sync::Arc::new(
            values
                .reinterpret_cast::<arrow::datatypes::TimestampSecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Millisecond => std::sync::Arc::new(
            values
                .reinterpret_cast::<arrow::datatypes::TimestampMillisecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Microsecond => std::sync::Arc::new(
            values
                .reinterpret_cast::<arrow::datatypes::TimestampMicrosecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Nanosecond => std::sync::Arc::new(
            values
                .reinterpret_cast::<arrow::datatypes::TimestampNanosecondType>()
                .with_timezone_opt(zone),
        ),
    })
}

/// `2024-02-29`, also `2024-2-29`, `2024-02`, `2024`; a time of day after it is ignored.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim();
    let date = text.split([' ', 'T']).next()?;
    let (negative, digits) = match date.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, date),
    };
    let mut parts = digits.splitn(3, '-');
    let year = digits_of(parts.next()?, 9)?;
    let month = parts.next().map_or(Some(1), |part| digits_of(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits_of(part, 2))?;
    day_number(
        if negative { -year } else { year },
        month as u32,
        day as u32,
    )
}

/// `12:34:56.789`, also `12:34` and `12`, in milliseconds and nanoseconds beyond.
pub(crate) fn parse_time(text: &str) -> Option<(i64, u32)> {
    let text = text.trim();
    let (clock, fraction) = text.split_once('.').map_or((text, ""), |(c, f)| (c, f));
    let mut parts = clock.splitn(3, ':');
    let hour = digits_of(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits_of(part, 2))?;
    let second = parts.next().map_or(Some(0), |part| digits_of(part, 2))?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = fraction_nanos(fraction)?;
    let millis = ((hour * 60 + minute) * 60 + second) * 1000 + i64::from(nanos / 1_000_000);
    Some((millis, nanos % 1_000_000))
}

/// `2024-02-29 12:34:56.789`; the time of day may be missing, a `T` may separate, and an offset
/// may follow, which then is returned in milliseconds.
pub(crate) fn parse_timestamp(text: &str) -> Option<(Moment, Option<i64>)> {
    let text = text.trim();
    let Some(split) = text.find([' ', 'T']) else {
        return Some((Moment::at(parse_date(text)?, 0, 0)?, None));
    };
    let days = parse_date(&text[..split])?;
    let (clock, offset) = split_offset(text[split + 1..].trim_start())?;
    // Flink wants at least hours and minutes after the date.
    if !clock.contains(':') {
        return None;
    }
    let (millis, nanos) = parse_time(clock)?;
    Some((Moment::at(days, millis, nanos)?, offset))
}

/// The clock text before an offset `Z`, `+02:00`, `+0200` or `+02`, and the offset.
fn split_offset(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, Some(0)));
    }
    let Some(at) = text.find(['+', '-']) else {
        return Some((text, None));
    };
    Some((text[..at].trim_end(), Some(parse_offset(&text[at..])?)))
}

/// `+02:00`, `+0200`, `-02` in milliseconds.
pub(crate) fn parse_offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "0"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':')?,
        _ => return None,
    };
    let (hours, minutes) = (digits_of(hours, 2)?, digits_of(minutes, 2)?);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn fraction_nanos(digits: &str) -> Option<u32> {
    if digits.is_empty() {
        return Some(0);
    }
    let value = digits_of(digits, 9)? as u32;
    Some(value * 10_u32.pow(9 - digits.len() as u32))
}

/// A number of 1 to `most` decimal digits.
pub(crate) fn digits_of(text: &str, most: usize) -> Option<i64> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.bytes().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

/// Appends `value` with at least `width` digits.
pub(crate) fn push_padded(out: &mut String, value: i64, width: usize) {
    if value < 0 {
        out.push('-');
    }
    let mut digits = [0_u8; 20];
    let mut rest = value.unsigned_abs();
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for _ in (digits.len() - at)..width {
        out.push('0');
    }
    out.extend(digits[at..].iter().map(|b| char::from(*b)));
}

/// Appends `yyyy-MM-dd`.
pub(crate) fn push_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    push_padded(out, year, 4);
    out.push('-');
    push_padded(out, i64::from(month), 2);
    out.push('-');
    push_padded(out, i64::from(day), 2);
}

/// Appends `HH:mm:ss` and as many digits of a fraction as `precision` says, more if they are not 0.
pub(crate) fn push_clock(out: &mut String, moment: Moment, precision: u8) {
    let seconds = moment.milli_of_day() / 1000;
    push_padded(out, seconds / 3600, 2);
    out.push(':');
    push_padded(out, seconds / 60 % 60, 2);
    out.push(':');
    push_padded(out, seconds % 60, 2);
    let mut fraction = moment.nano_of_second();
    let mut digits = 9;
    while digits > usize::from(precision) && fraction % 10 == 0 {
        fraction /= 10;
        digits -= 1;
    }
    if digits > 0 {
        out.push('.');
        push_padded(out, i64::from(fraction), digits);
    }
}

/// Appends `yyyy-MM-dd HH:mm:ss` and the fraction as [`push_clock`] does.
pub(crate) fn push_timestamp(out: &mut String, moment: Moment, precision: u8) {
    push_date(out, moment.days());
    out.push(' ');
    push_clock(out, moment, precision);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(moment: Moment, precision: u8) -> String {
        let mut out = String::new();
        push_timestamp(&mut out, moment, precision);
        out
    }

    #[test]
    fn timestamps_are_read_and_written_with_their_fraction() {
        for (input, precision, wanted) in [
            ("2024-02-29 12:34:56.789", 3, "2024-02-29 12:34:56.789"),
            ("2024-2-9 01:02:03", 3, "2024-02-09 01:02:03.000"),
            ("2024-02-09T01:02", 0, "2024-02-09 01:02:00"),
            ("1969-12-31 23:59:59.9999", 0, "1969-12-31 23:59:59.9999"),
            (" 2024-02-09 ", 0, "2024-02-09 00:00:00"),
        ] {
            let (moment, offset) = parse_timestamp(input).expect(input);
            assert_eq!((text(moment, precision).as_str(), offset), (wanted, None));
        }
        assert_eq!(
            parse_timestamp("2024-02-29T12:00:00+02:00").map(|(_, offset)| offset),
            Some(Some(7_200_000))
        );
    }

    #[test]
    fn what_is_not_a_timestamp_is_refused() {
        for input in [
            "",
            " ",
            "x",
            "2024-02-30",
            "2024-13-01",
            "2024-02-09 24:00:00",
            "2024-02-09 1",
            "2024-02-09 01:02:03.1234567891",
            "99999999999-01-01",
            "2024-02-09 01:02:03+99:00",
            "é2024",
            "2024-02-09 01:02:03+é",
        ] {
            assert_eq!(parse_timestamp(input), None, "{input}");
        }
    }

    #[test]
    fn a_zone_takes_the_earlier_of_two_and_moves_a_skipped_time_forward() {
        let mut berlin = Zone::new(Tz::Europe__Berlin);
        let local = |text| parse_timestamp(text).unwrap().0;
        let shown = |berlin: &mut Zone, input| {
            let utc = berlin.to_utc(local(input));
            (text(utc, 0), text(berlin.to_local(utc), 0))
        };
        assert_eq!(
            shown(&mut berlin, "2024-10-27 02:30:00").0,
            "2024-10-27 00:30:00"
        );
        assert_eq!(
            shown(&mut berlin, "2024-03-31 02:30:00").1,
            "2024-03-31 03:30:00"
        );
    }

    #[test]
    fn the_extremes_neither_panic_nor_wrap() {
        let mut zone = Zone::new(Tz::America__New_York);
        for millis in [i64::MIN, i64::MAX, 0] {
            let moment = Moment::of_millis(millis);
            assert!(!text(zone.to_local(moment), 9).is_empty());
            zone.to_utc(moment);
            Moment::of_unit(millis, TimeUnit::Nanosecond);
        }
        assert_eq!(
            Moment::of_millis(i64::MAX).to_unit(TimeUnit::Nanosecond),
            None
        );
        assert_eq!(add_months(0, i64::MAX), None);
    }

    #[test]
    fn zones_have_names_and_offsets() {
        assert_eq!(zone_named("Europe/Berlin"), Some(Tz::Europe__Berlin));
        assert_eq!(zone_named("GMT+02:00"), Some(Tz::Etc__GMTMinus2));
        assert_eq!(zone_named("+5"), Some(Tz::Etc__GMTMinus5));
        assert_eq!(zone_named("Mars/Base"), None);
    }
}
