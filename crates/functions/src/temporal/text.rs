//! Flink's text forms of dates and times. Reading is lenient where CAST is; writing is exact.

use millstream_core::time::civil_from_days;

use super::{Moment, day_number};

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
