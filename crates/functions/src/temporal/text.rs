//! Flink's text forms of dates and times; each function that reads them has its own rules.
//!
//! | reader | of | takes | does not take |
//! |---|---|---|---|
//! | [`parse_date`] | CAST, TO_DATE | `2024-2-9`, `2024-02`, `2024`, a time after a space | `T`, years above 9999 |
//! | [`parse_timestamp`] | CAST, TO_TIMESTAMP(_LTZ) | `2024-2-9`, `2024-02-09 1:2:3.5`, 24:00:00, February 30 | `T`, an offset, hours and minutes only |
//! | [`parse_loosely`] | UNIX_TIMESTAMP, DATE_FORMAT, CONVERT_TZ | `2024-13-01 25:00:00`, anything behind the seconds | a date without a time |
//!
//! Source: what Flink 2.3.0 answers. Differs: before 1582 `parse_loosely` goes on with the calendar
//! of today where Java changes to the Julian one.

use millstream_core::time::civil_from_days;

use super::{Moment, day_number, days_in_month};

/// `2024-02-29`, also `2024-2-29`, `2024-02`, `2024`; what stands behind a space is ignored.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let date = match text.find(' ') {
        Some(end) if end > 0 => &text[..end],
        _ => text,
    };
    let mut parts = date.splitn(3, '-').map(str::trim);
    let year = digits_of(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits_of(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits_of(part, 2))?;
    day_number(year, month as u32, day as u32)
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

/// `2024-02-29 12:34:56.789`; all of the time of day may be missing. Day 31 of a shorter month is its
/// last one, and 24:00:00 is the next midnight.
pub(crate) fn parse_timestamp(text: &str) -> Option<Moment> {
    let (date, clock) = match text.split_once(' ') {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let year = parts.next().filter(|year| year.len() == 4)?;
    let year = digits_of(year, 4).filter(|year| *year > 0)?;
    let month = digits_of(parts.next()?, 2).filter(|month| (1..=12).contains(month))? as u32;
    let day = digits_of(parts.next()?, 2).filter(|day| (1..=31).contains(day))? as u32;
    let days = day_number(year, month, day.min(days_in_month(year, month)))?;
    let Some(clock) = clock else {
        return Moment::at(days, 0, 0);
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if whole.split(':').count() != 3 {
        return None;
    }
    match whole.strip_prefix("24:") {
        Some(rest) => match parse_time(&format!("00:{rest}.{fraction}"))? {
            (0, 0) => Moment::at(days + 1, 0, 0),
            _ => None,
        },
        None if clock.starts_with(char::is_whitespace) => None,
        None if clock.ends_with(char::is_whitespace) => None,
        None => {
            let (millis, nanos) = parse_time(clock)?;
            Moment::at(days, millis, nanos)
        }
    }
}

/// `2024-02-29 12:34:56` with numbers of any size, which count on: month 13 is the next January. What
/// stands behind the seconds is ignored.
pub(crate) fn parse_loosely(text: &str) -> Option<Moment> {
    let mut rest = text;
    let mut numbers = [0_i64; 6];
    for (index, number) in numbers.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(['-', '-', ' ', ':', ':'][index - 1])?;
        }
        rest = rest.trim_start_matches([' ', '\t']);
        let (sign, digits) = match rest.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, rest),
        };
        let end = digits.bytes().take_while(u8::is_ascii_digit).count();
        *number = sign * digits_of(&digits[..end], 9)?;
        rest = &digits[end..];
    }
    let [year, month, day, hour, minute, second] = numbers;
    let months = year * 12 + month - 1;
    let first = day_number(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1)?;
    let seconds = (hour * 60 + minute) * 60 + second;
    let days = first + day - 1 + seconds.div_euclid(86_400);
    Moment::at(days, seconds.rem_euclid(86_400) * 1000, 0)
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
    while digits > usize::from(precision) && fraction.is_multiple_of(10) {
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
