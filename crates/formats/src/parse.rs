//! Text into values, as Flink's converters read it; shared by every text format.
//!
//! * Whole text or nothing: `12x` is not 12. Callers trim where Flink trims.
//! * What does not fit is refused: Flink turns a DECIMAL that overflows into NULL, a DOUBLE that
//!   overflows into infinity and any boolean but `true` into FALSE without a word. We do not,
//!   because nobody would ever know.
//! * Cost: one pass, no allocation.

use millstream_core::time::days_from_civil;

/// Why a text is not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is not spelt like one.
    Shape,
    /// It does not fit into the type.
    Range,
    /// A TIMESTAMP_LTZ without `Z` or offset: no instant.
    Zone,
}

/// How timestamps are spelt: the option `timestamp-format.standard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// `yyyy-MM-dd HH:mm:ss[.fraction]`, `Z` after an instant.
    Sql,
    /// `yyyy-MM-ddTHH:mm[:ss[.fraction]]`, `Z` or `+hh:mm` after an instant.
    Iso,
    /// Either of them.
    Any,
}

/// A parsed timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Days since 1970.
    pub(crate) days: i64,
    /// Nanoseconds of the day.
    pub(crate) nanos_of_day: i64,
    /// Offset from UTC, if there was one.
    pub(crate) offset_seconds: Option<i32>,
}

/// A 64-bit integer; a fraction is allowed if it is zero, an exponent if the value is whole.
#[inline]
pub(crate) fn integer(text: &[u8]) -> Result<i64, Why> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // 18 digits cannot overflow.
    if digits.is_empty() || digits.len() > 18 {
        return long_integer(text);
    }
    let mut number = 0i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return long_integer(text);
        }
        number = number * 10 + i64::from(digit);
    }
    Ok(if negative { -number } else { number })
}

#[cold]
fn long_integer(text: &[u8]) -> Result<i64, Why> {
    let number = Number::split(text)?;
    if !number.is_whole() {
        return Err(Why::Shape);
    }
    i64::try_from(number.scaled(0)?).map_err(|_| Why::Range)
}

/// A DECIMAL(precision, scale), rounded half up as in Flink.
pub(crate) fn decimal(text: &[u8], precision: u8, scale: i8) -> Result<i128, Why> {
    let value = Number::split(text)?.scaled(i32::from(scale))?;
    match value.unsigned_abs() < 10u128.pow(u32::from(precision.min(38))) {
        true => Ok(value),
        false => Err(Why::Range),
    }
}

/// A DOUBLE: a decimal number, or `NaN`, `Infinity`, `-Infinity`.
pub(crate) fn double(text: &[u8]) -> Result<f64, Why> {
    match special(text) {
        Some(value) => Ok(value),
        None => finite(spelt(text)?.parse::<f64>().ok(), f64::is_finite),
    }
}

/// A FLOAT, spelt like a DOUBLE.
pub(crate) fn float(text: &[u8]) -> Result<f32, Why> {
    match special(text) {
        Some(value) => Ok(value as f32),
        None => finite(spelt(text)?.parse::<f32>().ok(), f32::is_finite),
    }
}

fn finite<T: Copy>(value: Option<T>, is_finite: fn(T) -> bool) -> Result<T, Why> {
    match value {
        Some(value) if is_finite(value) => Ok(value),
        Some(_) => Err(Why::Range),
        None => Err(Why::Shape),
    }
}

fn special(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" | b"+Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Keeps Rust's `inf` and `nan` out: the first byte must begin a decimal number.
fn spelt(text: &[u8]) -> Result<&str, Why> {
    let first = text.iter().find(|byte| !matches!(byte, b'+' | b'-'));
    match first {
        Some(b'0'..=b'9' | b'.') => std::str::from_utf8(text).map_err(|_| Why::Shape),
        _ => Err(Why::Shape),
    }
}

/// `true` or `false`, ignoring case.
pub(crate) fn boolean(text: &[u8]) -> Result<bool, Why> {
    match text {
        _ if text.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(Why::Shape),
    }
}

/// A DATE `yyyy-MM-dd`, in days since 1970.
pub(crate) fn date(text: &[u8]) -> Result<i32, Why> {
    let mut rest = Rest(text);
    let days = rest.date()?;
    rest.end()?;
    i32::try_from(days).map_err(|_| Why::Range)
}

/// A TIME `HH:mm[:ss[.fraction]]`, in nanoseconds of the day.
pub(crate) fn time(text: &[u8]) -> Result<i64, Why> {
    let mut rest = Rest(text);
    let nanos = rest.time(true)?;
    rest.end()?;
    Ok(nanos)
}

/// A TIMESTAMP or TIMESTAMP_LTZ.
pub(crate) fn timestamp(text: &[u8], stamps: Stamps) -> Result<Stamp, Why> {
    let mut rest = Rest(text);
    let days = rest.date()?;
    match (rest.next()?, stamps) {
        (b' ', Stamps::Sql | Stamps::Any) | (b'T' | b't', Stamps::Iso | Stamps::Any) => {}
        _ => return Err(Why::Shape),
    }
    let nanos_of_day = rest.time(stamps != Stamps::Sql)?;
    let offset_seconds = rest.offset()?;
    rest.end()?;
    Ok(Stamp {
        days,
        nanos_of_day,
        offset_seconds,
    })
}

/// True for `0000-00-00 00:00:00`, with `T` or a zero fraction too: what some databases write for
/// no time at all.
pub(crate) fn is_zero_timestamp(text: &[u8]) -> bool {
    text.len() >= 19
        && text.starts_with(b"0000-00-00")
        && matches!(text[10], b' ' | b'T')
        && text[11..].starts_with(b"00:00:00")
        && text[19..]
            .iter()
            .all(|byte| matches!(byte, b'0' | b'.' | b'Z'))
}

/// What is left of a text that is read from left to right.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn next(&mut self) -> Result<u8, Why> {
        let (first, rest) = self.0.split_first().ok_or(Why::Shape)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take_if(&mut self, wanted: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn end(&self) -> Result<(), Why> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Why::Shape),
        }
    }

    /// Two digits up to `max`.
    #[inline]
    fn two(&mut self, max: u8) -> Result<u8, Why> {
        let [a, b, rest @ ..] = self.0 else {
            return Err(Why::Shape);
        };
        let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
        if a > 9 || b > 9 || a * 10 + b > max {
            return Err(Why::Shape);
        }
        self.0 = rest;
        Ok(a * 10 + b)
    }

    /// `yyyy-MM-dd`; a year of more than four digits has a sign, as in ISO 8601.
    fn date(&mut self) -> Result<i64, Why> {
        let year = match self.0 {
            [b'+' | b'-', ..] => self.signed_year()?,
            _ => i64::from(self.two(99)?) * 100 + i64::from(self.two(99)?),
        };
        self.expect(b'-')?;
        let month = self.two(12)?;
        self.expect(b'-')?;
        let day = self.two(31)?;
        if month == 0 || day == 0 || day > days_in_month(year, month) {
            return Err(Why::Shape);
        }
        Ok(days_from_civil(year, u32::from(month), u32::from(day)))
    }

    fn signed_year(&mut self) -> Result<i64, Why> {
        let negative = self.next()? == b'-';
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(4..=9).contains(&digits) {
            return Err(Why::Shape);
        }
        let (year, rest) = self.0.split_at(digits);
        self.0 = rest;
        let year = year
            .iter()
            .fold(0, |year, digit| year * 10 + i64::from(digit - b'0'));
        Ok(if negative { -year } else { year })
    }

    /// `HH:mm:ss[.fraction]`, the seconds optional if `short`.
    fn time(&mut self, short: bool) -> Result<i64, Why> {
        let hour = i64::from(self.two(23)?);
        self.expect(b':')?;
        let minute = i64::from(self.two(59)?);
        let mut nanos = (hour * 3600 + minute * 60) * 1_000_000_000;
        if !self.take_if(b':') {
            return if short { Ok(nanos) } else { Err(Why::Shape) };
        }
        nanos += i64::from(self.two(59)?) * 1_000_000_000;
        if self.take_if(b'.') {
            nanos += self.fraction()?;
        }
        Ok(nanos)
    }

    /// One to nine digits of a second, in nanoseconds.
    fn fraction(&mut self) -> Result<i64, Why> {
        let (mut nanos, mut unit) = (0, 1_000_000_000);
        while let [digit @ b'0'..=b'9', rest @ ..] = self.0 {
            if unit == 1 {
                return Err(Why::Shape);
            }
            unit /= 10;
            nanos += i64::from(digit - b'0') * unit;
            self.0 = rest;
        }
        match unit {
            1_000_000_000 => Err(Why::Shape),
            _ => Ok(nanos),
        }
    }

    /// `Z`, `+hh`, `+hhmm`, `+hh:mm`, or nothing.
    fn offset(&mut self) -> Result<Option<i32>, Why> {
        let sign = match self.0 {
            [] => return Ok(None),
            [b'Z' | b'z', rest @ ..] => {
                self.0 = rest;
                return Ok(Some(0));
            }
            _ => match self.next()? {
                b'+' => 1,
                b'-' => -1,
                _ => return Err(Why::Shape),
            },
        };
        let hours = i32::from(self.two(18)?);
        let colon = self.take_if(b':');
        let minutes = match self.0.is_empty() && !colon {
            true => 0,
            false => i32::from(self.two(59)?),
        };
        Ok(Some(sign * (hours * 3600 + minutes * 60)))
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Why> {
        match self.take_if(wanted) {
            true => Ok(()),
            false => Err(Why::Shape),
        }
    }
}

fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// A decimal number in its parts: `-12.50e3` is negative, digits `12` and `50`, exponent 3.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i32,
}

impl<'a> Number<'a> {
    fn split(text: &'a [u8]) -> Result<Self, Why> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (whole, text) = digits(text);
        let (fraction, text) = match text {
            [b'.', rest @ ..] => digits(rest),
            _ => (&text[..0], text),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(Why::Shape);
        }
        let exponent = match text {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return Err(Why::Shape),
        };
        Ok(Number {
            negative,
            whole,
            fraction,
            exponent,
        })
    }

    /// All digits without the point, from the most significant one that is not zero.
    fn significant(&self) -> impl Iterator<Item = u8> {
        let all = self.whole.iter().chain(self.fraction);
        all.map(|byte| byte - b'0').skip_while(|digit| *digit == 0)
    }

    /// True if nothing but zeros stands right of the point.
    fn is_whole(&self) -> bool {
        let drop = self.fraction.len() as i64 - i64::from(self.exponent);
        let digits = self.whole.iter().chain(self.fraction).rev();
        drop <= 0 || digits.take(drop as usize).all(|byte| *byte == b'0')
    }

    /// The number times 10 to the power of `scale`, rounded half up (away from zero).
    fn scaled(&self, scale: i32) -> Result<i128, Why> {
        let count = self.significant().count() as i64;
        if count == 0 {
            return Ok(0);
        }
        // Digits of the result: those of the number, moved by exponent and scale.
        let shift = i64::from(self.exponent) + i64::from(scale) - self.fraction.len() as i64;
        let kept = count + shift;
        if kept > 38 {
            return Err(Why::Range);
        }
        if kept < 0 {
            return Ok(0);
        }
        let mut value = 0i128;
        for digit in self.significant().take(kept.min(count) as usize) {
            value = value * 10 + i128::from(digit);
        }
        if shift > 0 {
            value *= 10i128.pow(shift as u32);
        }
        let next = if kept < count {
            self.significant().nth(kept as usize)
        } else {
            None
        };
        value += i128::from(next.is_some_and(|digit| digit >= 5));
        Ok(if self.negative { -value } else { value })
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// An exponent; a huge one is cut to where every number is zero or out of range anyway.
fn exponent(text: &[u8]) -> Result<i32, Why> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (digits, rest) = digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return Err(Why::Shape);
    }
    let size = digits.iter().fold(0i32, |size, digit| {
        size.saturating_mul(10)
            .saturating_add(i32::from(digit - b'0'))
    });
    let size = size.min(1_000_000_000);
    Ok(if negative { -size } else { size })
}

#[cfg(test)]
mod tests;
