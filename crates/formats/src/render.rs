//! Values into text, as Java and Flink spell them; shared by the encoders and the result tables.

use millstream_core::time::civil_from_days;

/// How many digits of a second are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fraction {
    /// As many as it takes, without trailing zeros: files, as Flink.
    Needed,
    /// Always so many: people.
    Digits(u8),
}

/// Any integer.
pub(crate) fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn two(number: i64, out: &mut Vec<u8>) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// `yyyy-MM-dd`; a year of more than four digits has a sign, as in ISO 8601.
pub(crate) fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    match year {
        0..=9999 => {
            two(year / 100, out);
            two(year % 100, out);
        }
        _ => {
            out.push(if year < 0 { b'-' } else { b'+' });
            let digits = itoa::Buffer::new().format(year.unsigned_abs()).to_string();
            out.extend(std::iter::repeat_n(
                b'0',
                4usize.saturating_sub(digits.len()),
            ));
            out.extend_from_slice(digits.as_bytes());
        }
    }
    out.push(b'-');
    two(i64::from(month), out);
    out.push(b'-');
    two(i64::from(day), out);
}

/// `HH:mm:ss` and a fraction.
pub(crate) fn time(second_of_day: i64, nanos: u32, fraction: Fraction, out: &mut Vec<u8>) {
    two(second_of_day / 3600, out);
    out.push(b':');
    two(second_of_day / 60 % 60, out);
    out.push(b':');
    two(second_of_day % 60, out);
    let (mut digits, mut nanos) = (9, nanos);
    match fraction {
        Fraction::Digits(wanted) => {
            let wanted = u32::from(wanted.min(9));
            nanos /= 10u32.pow(9 - wanted);
            digits = wanted;
        }
        Fraction::Needed if nanos == 0 => digits = 0,
        Fraction::Needed => {
            while nanos.is_multiple_of(10) {
                nanos /= 10;
                digits -= 1;
            }
        }
    }
    if digits > 0 {
        out.push(b'.');
        let start = out.len();
        out.resize(start + digits as usize, b'0');
        for place in out[start..].iter_mut().rev() {
            *place = b'0' + (nanos % 10) as u8;
            nanos /= 10;
        }
    }
}

/// A time of the day given in milliseconds.
pub(crate) fn time_ms(ms: i32, fraction: Fraction, out: &mut Vec<u8>) {
    let ms = i64::from(ms).rem_euclid(86_400_000);
    time(ms / 1000, (ms % 1000) as u32 * 1_000_000, fraction, out);
}

/// A date and a time, `between` them a space or `T`.
pub(crate) fn timestamp(
    (seconds, nanos): (i64, u32),
    between: u8,
    fraction: Fraction,
    out: &mut Vec<u8>,
) {
    date(seconds.div_euclid(86_400), out);
    out.push(between);
    time(seconds.rem_euclid(86_400), nanos, fraction, out);
}

/// A decimal with all digits of its scale: `1.50`.
pub(crate) fn decimal_plain(value: i128, scale: i8, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    if value < 0 {
        out.push(b'-');
    }
    place_point(digits, i32::from(scale), out);
}

/// Digits with the point so that `scale` of them are right of it.
fn place_point(digits: &[u8], scale: i32, out: &mut Vec<u8>) {
    if scale <= 0 {
        out.extend_from_slice(digits);
        if digits != b"0" {
            out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs() as usize));
        }
        return;
    }
    let scale = scale as usize;
    let whole = digits.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    out.push(b'.');
    out.extend(std::iter::repeat_n(
        b'0',
        scale.saturating_sub(digits.len()),
    ));
    out.extend_from_slice(&digits[whole..]);
}

/// A decimal as Flink's formats write it: without trailing zeros; with an exponent where Java's
/// `BigDecimal.toString` has one, unless `plain`.
pub(crate) fn decimal(value: i128, scale: i8, plain: bool, out: &mut Vec<u8>) {
    if value == 0 {
        return out.push(b'0');
    }
    let (mut magnitude, mut scale) = (value.unsigned_abs(), i32::from(scale));
    while magnitude.is_multiple_of(10) {
        magnitude /= 10;
        scale -= 1;
    }
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(magnitude).as_bytes();
    let exponent = digits.len() as i32 - 1 - scale;
    if plain || (scale >= 0 && exponent >= -6) {
        return place_point(digits, scale, out);
    }
    scientific(digits, exponent, out);
    if exponent > 0 {
        let sign = out.len() - itoa::Buffer::new().format(exponent).len();
        out.insert(sign, b'+');
    }
}

/// `d.dddE±n` without a plus.
fn scientific(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'E');
    integer(exponent, out);
}

/// A DOUBLE as Java's `Double.toString`: `1.0`, `1.0E10`, `NaN`.
pub(crate) fn double(value: f64, out: &mut Vec<u8>) {
    match special(value) {
        Some(word) => out.extend_from_slice(word),
        None => java(zmij::Buffer::new().format_finite(value), out),
    }
}

/// A FLOAT as Java's `Float.toString`.
pub(crate) fn float(value: f32, out: &mut Vec<u8>) {
    match special(f64::from(value)) {
        Some(word) => out.extend_from_slice(word),
        None => java(zmij::Buffer::new().format_finite(value), out),
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    match value {
        _ if value.is_nan() => Some(b"NaN"),
        f64::INFINITY => Some(b"Infinity"),
        f64::NEG_INFINITY => Some(b"-Infinity"),
        _ => None,
    }
}

/// Java's spelling of a shortest decimal such as `-12.5`, `0.001` or `1e-7`: plain from 10^-3 up
/// to 10^7, else with an exponent, and always with a digit after the point.
fn java(shortest: &str, out: &mut Vec<u8>) {
    let (negative, text) = match shortest.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, shortest),
    };
    if negative {
        out.push(b'-');
    }
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The digits d.ddd and the exponent that belongs to them.
    let mut buffer = [0; 64];
    let mut len = 0;
    for digit in whole.bytes().chain(fraction.bytes()).take(buffer.len() / 2) {
        buffer[len] = digit;
        len += 1;
    }
    let leading = buffer[..len]
        .iter()
        .take_while(|digit| **digit == b'0')
        .count();
    if leading == len {
        return out.extend_from_slice(b"0.0");
    }
    while len > leading + 1 && buffer[len - 1] == b'0' {
        len -= 1;
    }
    let exponent = exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - leading as i32;
    let plain = (-3..7).contains(&exponent);
    // At least one digit after the point.
    let wanted = match plain {
        true => (exponent + 2).max(1) as usize,
        false => 2,
    };
    while len - leading < wanted {
        buffer[len] = b'0';
        len += 1;
    }
    let digits = &buffer[leading..len];
    match plain {
        true => place_point(digits, digits.len() as i32 - 1 - exponent, out),
        false => scientific(digits, exponent, out),
    }
}

#[cfg(test)]
mod tests;
