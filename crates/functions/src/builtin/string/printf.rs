//! PRINTF: texts after the patterns of Java's `Formatter`.
//!
//! ```sql
//! PRINTF('%05d|%,d|%x|%-5s|', 7, 1234567, 255, 'ab')   -- '00007|1,234,567|ff|ab   |'
//! PRINTF('%.2f %2$s', 1.005e0, 'b')                    -- '1.01 b'
//! PRINTF('%d', NULL), PRINTF('%d', 'x')                -- 'null', NULL
//! ```
//!
//! A pattern that is wrong, or does not fit its value, gives NULL. `%h` and `%a`, which show
//! what Java has in its memory, are refused; `%t` has no value it fits.
//!
//! Source: the documentation of `java.util.Formatter`, and what Flink 2.3 answered.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use crate::args::{Arguments, Call};
use crate::numbers::{push_decimal, push_double, push_single};
use crate::output::{VALUE_BYTES_MAX, text_rows};
use crate::temporal::{Moments, push_clock, push_date, push_padded};

/// The widest field; what is wider is no pattern.
const WIDTH_MAX: usize = 1 << 20;

/// STRING, of values that have a text in Java.
pub(super) fn returns(args: &Arguments) -> Result<ColumnType> {
    for index in 1..args.fields.len() {
        let ty = args.ty(index);
        if matches!(
            ty,
            SqlType::Array(_)
                | SqlType::Map(..)
                | SqlType::Multiset(_)
                | SqlType::Row(_)
                | SqlType::Binary(_)
                | SqlType::Varbinary(_)
        ) {
            return Err(args.mismatch(&format!(
                "wants numbers, texts, BOOLEANs or times behind the pattern, found {ty}"
            )));
        }
    }
    Ok(ColumnType::nullable(SqlType::STRING))
}

/// A value as Java's formatter sees it.
#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Null,
    Bool(bool),
    /// A whole number, and how many bits it has.
    Whole(i64, u32),
    /// A floating point number, and its text.
    Real(f64, String),
    /// What has only a text.
    Text(String),
}

/// The pattern, or the value, is wrong.
struct Misfit;

type Fit<T> = std::result::Result<T, Misfit>;

pub(super) fn printf(call: &Call) -> Result<ArrayRef> {
    let patterns = call.texts(0)?;
    let mut columns = (1..call.len())
        .map(|index| Column::new(call, index))
        .collect::<Result<Vec<_>>>()?;
    let mut args = Vec::with_capacity(columns.len());
    text_rows(call, |row, out| {
        let Some(pattern) = patterns.get(row) else {
            return Ok(None);
        };
        if let Some(letter) = refused(pattern) {
            return Err(Error::unsupported(format!(
                "function 'PRINTF': '%{letter}' is not supported"
            )));
        }
        args.clear();
        for column in &mut columns {
            args.push(column.get(row)?);
        }
        match formatted(pattern, &args) {
            Ok(text) => out.push(&text).map(Some),
            Err(Misfit) => Ok(None),
        }
    })
}

/// A conversion that only Java can do.
fn refused(pattern: &str) -> Option<char> {
    let mut rest = pattern;
    while let Some((_, after)) = rest.split_once('%') {
        let end = after.find(|c: char| c.is_ascii_alphabetic() || c == '%')?;
        let letter = after[end..].chars().next()?;
        if matches!(letter, 'h' | 'H' | 'a' | 'A') {
            return Some(letter);
        }
        rest = &after[end + 1..];
    }
    None
}

struct Column<'a> {
    array: &'a ArrayRef,
    step: usize,
    ty: SqlType,
    moments: Option<Moments<'a>>,
}

impl<'a> Column<'a> {
    fn new(call: &'a Call, index: usize) -> Result<Self> {
        let array = call.array(index);
        let step = usize::from(!call.is_constant(index));
        let is_time = matches!(
            array.data_type(),
            DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..)
        );
        let tz = call.context.time_zone;
        Ok(Column {
            array,
            step,
            ty: call.ty(index),
            moments: is_time.then(|| Moments::new(array, step, tz)).transpose()?,
        })
    }

    fn get(&mut self, row: usize) -> Result<Arg> {
        let at = row * self.step;
        if self.array.is_null(at) || *self.array.data_type() == DataType::Null {
            return Ok(Arg::Null);
        }
        let array = self.array;
        let mut text = String::new();
        Ok(match &self.ty {
            SqlType::Boolean => Arg::Bool(array.as_boolean().value(at)),
            SqlType::TinyInt => Arg::Whole(array.as_primitive::<Int8Type>().value(at).into(), 8),
            SqlType::SmallInt => Arg::Whole(array.as_primitive::<Int16Type>().value(at).into(), 16),
            SqlType::Int => Arg::Whole(array.as_primitive::<Int32Type>().value(at).into(), 32),
            SqlType::BigInt => Arg::Whole(array.as_primitive::<Int64Type>().value(at), 64),
            SqlType::Float => {
                let value = array.as_primitive::<Float32Type>().value(at);
                push_single(&mut text, value);
                Arg::Real(f64::from(value), text)
            }
            SqlType::Double => {
                let value = array.as_primitive::<Float64Type>().value(at);
                push_double(&mut text, value);
                Arg::Real(value, text)
            }
            SqlType::Decimal { scale, .. } => {
                let value = array.as_primitive::<Decimal128Type>().value(at);
                push_decimal(&mut text, value, *scale);
                Arg::Text(text)
            }
            SqlType::Char(_) | SqlType::Varchar(_) => {
                Arg::Text(array.as_string::<i32>().value(at).to_string())
            }
            _ => match self.moments.as_ref().and_then(|m| m.instant(row)) {
                // Days and milliseconds of the day, as Flink carries them.
                Some(moment) if self.ty == SqlType::Date => Arg::Whole(moment.days(), 32),
                Some(moment) if matches!(self.ty, SqlType::Time(_)) => {
                    Arg::Whole(moment.milli_of_day(), 32)
                }
                Some(moment) => {
                    push_date(&mut text, moment.days());
                    text.push('T');
                    push_clock(&mut text, moment, java_precision(moment));
                    if text.ends_with(":00") {
                        text.truncate(text.len() - 3);
                    }
                    Arg::Text(text)
                }
                None => {
                    let ty = &self.ty;
                    return Err(Error::internal(format!("{ty} has no text for PRINTF")));
                }
            },
        })
    }
}

/// How many decimals Java writes of the seconds of a moment.
fn java_precision(moment: crate::temporal::Moment) -> u8 {
    match moment.nano_of_second() {
        0 => 0,
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1000 == 0 => 6,
        _ => 9,
    }
}

/// One `%` of a pattern.
#[derive(Debug, Default)]
struct Conversion {
    index: Option<usize>,
    again: bool,
    flags: String,
    width: Option<usize>,
    precision: Option<usize>,
    letter: char,
}

impl Conversion {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Reads what stands behind `%`, and says where the text goes on.
    fn parse(text: &str) -> Fit<(Self, &str)> {
        let mut conversion = Conversion::default();
        let mut rest = text;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest[digits..].starts_with('$') {
            conversion.index = Some(rest[..digits].parse().map_err(|_| Misfit)?);
            rest = &rest[digits + 1..];
        } else if let Some(after) = rest.strip_prefix('<') {
            conversion.again = true;
            rest = after;
        }
        while let Some(flag) = rest.chars().next().filter(|c| "-#+ 0,(".contains(*c)) {
            if conversion.has(flag) {
                return Err(Misfit);
            }
            conversion.flags.push(flag);
            rest = &rest[1..];
        }
        let number = |text: &str| -> Fit<(Option<usize>, usize)> {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            match text[..digits].parse::<usize>() {
                Ok(number) if number <= WIDTH_MAX => Ok((Some(number), digits)),
                Ok(_) => Err(Misfit),
                Err(_) if digits == 0 => Ok((None, 0)),
                Err(_) => Err(Misfit),
            }
        };
        let (width, read) = number(rest)?;
        conversion.width = width;
        rest = &rest[read..];
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, read) = number(after)?;
            conversion.precision = Some(precision.ok_or(Misfit)?);
            rest = &after[read..];
        }
        conversion.letter = rest.chars().next().ok_or(Misfit)?;
        let mut end = conversion.letter.len_utf8();
        // A time has two letters.
        if matches!(conversion.letter, 't' | 'T') {
            end += rest[end..].chars().next().ok_or(Misfit)?.len_utf8();
        }
        Ok((conversion, &rest[end..]))
    }

    /// What is wrong whatever the value is.
    fn check(&self) -> Fit<()> {
        let refused = match self.letter.to_ascii_lowercase() {
            'b' | 's' => "+ 0,(",
            'c' => "#+ 0,(",
            'd' => "#",
            'x' | 'o' | 'e' => ",",
            'g' => "#",
            _ => "",
        };
        let is_numeric = "dxoefg".contains(self.letter.to_ascii_lowercase());
        let wrong = self.flags.chars().any(|flag| refused.contains(flag))
            || (self.has('-') || is_numeric && self.has('0')) && self.width.is_none()
            || self.has('-') && self.has('0')
            || self.has('+') && self.has(' ')
            || "cdxo".contains(self.letter) && self.precision.is_some();
        if wrong { Err(Misfit) } else { Ok(()) }
    }

    /// Puts a text into its field.
    fn padded(&self, text: &str, out: &mut String) -> Fit<()> {
        let width = self.width.unwrap_or(0);
        let missing = width.saturating_sub(text.chars().count());
        if out.len() + text.len() + missing > VALUE_BYTES_MAX {
            return Err(Misfit);
        }
        let spaces = std::iter::repeat_n(' ', missing);
        if self.has('-') {
            out.push_str(text);
            out.extend(spaces);
        } else {
            out.extend(spaces);
            out.push_str(text);
        }
        Ok(())
    }

    /// A general text, cut to the precision.
    fn general(&self, text: &str, out: &mut String) -> Fit<()> {
        // Only values that write themselves could do something with it.
        if self.has('#') {
            return Err(Misfit);
        }
        let cut: String = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_string(),
        };
        self.padded(&cut, out)
    }

    /// A number from its sign and the digits of its magnitude.
    fn number(&self, negative: bool, magnitude: &str, out: &mut String) -> Fit<()> {
        let grouped = match self.has(',') {
            true => grouped(magnitude),
            false => magnitude.to_string(),
        };
        let (before, after) = match negative {
            true if self.has('(') => ("(", ")"),
            true => ("-", ""),
            false if self.has('+') => ("+", ""),
            false if self.has(' ') => (" ", ""),
            false => ("", ""),
        };
        let length = before.len() + grouped.len() + after.len();
        let zeros = match self.has('0') {
            true => self.width.unwrap_or(0).saturating_sub(length),
            false => 0,
        };
        let text = format!("{before}{}{grouped}{after}", "0".repeat(zeros));
        self.padded(&text, out)
    }
}

/// The digits before the point in groups of three.
fn grouped(magnitude: &str) -> String {
    let whole = magnitude.bytes().take_while(u8::is_ascii_digit).count();
    let mut out = String::with_capacity(magnitude.len() + whole / 3);
    for (at, digit) in magnitude[..whole].chars().enumerate() {
        if at > 0 && (whole - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(&magnitude[whole..]);
    out
}

fn formatted(pattern: &str, args: &[Arg]) -> Fit<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let (mut next, mut last) = (0, None);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (conversion, after) = Conversion::parse(after)?;
        rest = after;
        match conversion.letter {
            'n' => out.push('\n'),
            '%' if conversion.has('-') && conversion.width.is_none() => return Err(Misfit),
            '%' => conversion.padded("%", &mut out)?,
            _ => {
                let index = match (conversion.index, conversion.again) {
                    (Some(index), _) => index.checked_sub(1).ok_or(Misfit)?,
                    (None, true) => last.ok_or(Misfit)?,
                    (None, false) => {
                        next += 1;
                        next - 1
                    }
                };
                last = Some(index);
                convert(&conversion, args.get(index).ok_or(Misfit)?, &mut out)?;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn convert(conversion: &Conversion, arg: &Arg, out: &mut String) -> Fit<()> {
    let letter = conversion.letter;
    let mut text = String::new();
    conversion.check()?;
    match (letter.to_ascii_lowercase(), arg) {
        ('b', Arg::Null) => conversion.general("false", &mut text)?,
        ('b', Arg::Bool(value)) => conversion.general(&value.to_string(), &mut text)?,
        ('b', _) => conversion.general("true", &mut text)?,
        ('s' | 'd' | 'x' | 'o' | 'e' | 'f' | 'g' | 'c' | 't', Arg::Null) => {
            null(conversion, &mut text)?;
        }
        ('s', Arg::Bool(value)) => conversion.general(&value.to_string(), &mut text)?,
        ('s', Arg::Whole(value, _)) => conversion.general(&value.to_string(), &mut text)?,
        ('s', Arg::Real(_, shown) | Arg::Text(shown)) => conversion.general(shown, &mut text)?,
        ('c', Arg::Whole(value, 8..=32)) => {
            let c = u32::try_from(*value).ok().and_then(char::from_u32);
            conversion.padded(&c.ok_or(Misfit)?.to_string(), &mut text)?;
        }
        ('d', Arg::Whole(value, _)) => {
            let magnitude = value.unsigned_abs().to_string();
            conversion.number(*value < 0, &magnitude, &mut text)?;
        }
        ('x' | 'o', Arg::Whole(value, bits)) => {
            bits_text(conversion, *value, *bits, &mut text)?;
        }
        ('e' | 'f' | 'g', Arg::Real(value, shown)) => {
            real(conversion, *value, shown, &mut text)?;
        }
        _ => return Err(Misfit),
    }
    // Upper case is for the letters that have it.
    if letter.is_ascii_uppercase() {
        if !"BSXEGCT".contains(letter) {
            return Err(Misfit);
        }
        text = text.to_uppercase();
    }
    out.push_str(&text);
    Ok(())
}

/// NULL has a text for every conversion; the precision cuts it.
fn null(conversion: &Conversion, out: &mut String) -> Fit<()> {
    let cut: String = "null"
        .chars()
        .take(conversion.precision.unwrap_or(4))
        .collect();
    conversion.padded(&cut, out)
}

/// The bits of a whole number, those of a negative one as its type has them.
fn bits_text(conversion: &Conversion, value: i64, bits: u32, out: &mut String) -> Fit<()> {
    if conversion.flags.chars().any(|flag| !"-#0".contains(flag)) {
        return Err(Misfit);
    }
    let mask = u64::MAX >> (64 - bits);
    let value = value as u64 & mask;
    let (prefix, digits) = match conversion.letter {
        'o' => ("0", format!("{value:o}")),
        _ => ("0x", format!("{value:x}")),
    };
    let prefix = if conversion.has('#') { prefix } else { "" };
    let zeros = match conversion.has('0') {
        true => conversion.width.ok_or(Misfit)?,
        false => 0,
    };
    let zeros = zeros.saturating_sub(prefix.len() + digits.len());
    conversion.padded(&format!("{prefix}{}{digits}", "0".repeat(zeros)), out)
}

fn real(conversion: &Conversion, value: f64, shown: &str, out: &mut String) -> Fit<()> {
    if !value.is_finite() {
        let word = shown.trim_start_matches('-');
        return conversion.number(value < 0.0, word, out);
    }
    let number = Digits::of(shown);
    let negative = value.is_sign_negative();
    let precision = conversion.precision.unwrap_or(6);
    let magnitude = match conversion.letter.to_ascii_lowercase() {
        'f' if precision == 0 && conversion.has('#') => number.plain(0) + ".",
        'f' => number.plain(precision),
        'e' => number.scientific(precision),
        _ => {
            let precision = precision.max(1);
            let rounded = number.rounded(precision);
            match rounded.exponent {
                // From 10^-4 up to as many digits as are wanted.
                exponent if exponent >= -4 && exponent < precision as i32 => {
                    rounded.plain((precision as i32 - 1 - exponent) as usize)
                }
                _ => rounded.scientific(precision - 1),
            }
        }
    };
    conversion.number(negative, &magnitude, out)
}

/// `d.ddd × 10^exponent`; all digits zero for 0.
#[derive(Clone, Debug)]
struct Digits {
    digits: Vec<u8>,
    exponent: i32,
}

impl Digits {
    /// The digits of Java's text of a number.
    fn of(shown: &str) -> Self {
        let shown = shown.trim_start_matches('-');
        let (mantissa, exponent) = shown.split_once('E').unwrap_or((shown, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .map(|b| b - b'0')
            .collect();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if zeros == digits.len() {
            return Digits {
                digits: vec![0],
                exponent: 0,
            };
        }
        Digits {
            exponent: exponent + whole.len() as i32 - 1 - zeros as i32,
            digits: digits[zeros..].to_vec(),
        }
    }

    /// At most `count` digits, rounded half up.
    fn rounded(&self, count: usize) -> Self {
        let mut rounded = self.clone();
        if self.digits.len() <= count {
            return rounded;
        }
        rounded.digits.truncate(count);
        if self.digits[count] >= 5 {
            let mut at = count;
            loop {
                if at == 0 {
                    rounded.digits.insert(0, 1);
                    rounded.exponent += 1;
                    break;
                }
                at -= 1;
                if rounded.digits[at] < 9 {
                    rounded.digits[at] += 1;
                    break;
                }
                rounded.digits[at] = 0;
            }
        }
        if rounded.digits.is_empty() {
            rounded = Digits {
                digits: vec![0],
                exponent: 0,
            };
        }
        rounded
    }

    /// With `decimals` digits behind the point.
    fn plain(&self, decimals: usize) -> String {
        let kept = self.exponent + 1 + decimals as i32;
        let number = match usize::try_from(kept) {
            Ok(kept) => self.rounded(kept),
            Err(_) => Digits {
                digits: vec![0],
                exponent: 0,
            },
        };
        let digit = |place: i32| -> char {
            let at = usize::try_from(number.exponent - place).ok();
            let digit = at.and_then(|at| number.digits.get(at)).copied();
            char::from(b'0' + digit.unwrap_or(0))
        };
        let mut out: String = (0..=number.exponent.max(0)).rev().map(digit).collect();
        if decimals > 0 {
            out.push('.');
            out.extend((1..=decimals as i32).map(|place| digit(-place)));
        }
        out
    }

    fn scientific(&self, decimals: usize) -> String {
        let number = self.rounded(decimals + 1);
        let mut out = String::new();
        let digit = |at: usize| char::from(b'0' + number.digits.get(at).copied().unwrap_or(0));
        out.push(digit(0));
        if decimals > 0 {
            out.push('.');
            out.extend((1..=decimals).map(digit));
        }
        out.push_str(if number.exponent < 0 { "e-" } else { "e+" });
        push_padded(&mut out, i64::from(number.exponent.unsigned_abs()), 2);
        out
    }
}

#[cfg(test)]
mod tests {
    use datafusion_common::ScalarValue as V;

    use crate::testing::{NO_STR, call, check, check_null, s};

    fn i(value: i32) -> V {
        V::Int32(Some(value))
    }

    fn d(value: f64) -> V {
        V::Float64(Some(value))
    }

    #[test]
    fn numbers_and_texts_are_formatted_as_in_java() {
        for (pattern, arg, wanted) in [
            ("%5d|", i(7), "    7|"),
            ("%-5d|", i(7), "7    |"),
            ("%05d", i(-7), "-0007"),
            (
                "%,d",
                V::Int64(Some(1_709_212_455_678)),
                "1,709,212,455,678",
            ),
            ("%(d", i(-7), "(7)"),
            ("%+d% d", i(7), ""),
            ("%x", i(-1), "ffffffff"),
            ("%#x", i(255), "0xff"),
            ("%X", i(255), "FF"),
            ("%o", i(8), "10"),
            ("%c", i(65), "A"),
            ("%e", d(2.25), "2.250000e+00"),
            ("%E", d(1234.5), "1.234500E+03"),
            ("%.2f", d(1.005), "1.01"),
            ("%10.3f", d(2.25), "     2.250"),
            ("%.0f", d(0.5), "1"),
            ("%.1f", d(0.04), "0.0"),
            ("%.1f", d(9.96), "10.0"),
            ("%,.2f", d(1_234_567.891), "1,234,567.89"),
            ("%g", d(2.25), "2.25000"),
            ("%g", d(0.00001), "1.00000e-05"),
            ("%f", d(1e22), "10000000000000000000000.000000"),
            ("%S", s("ab"), "AB"),
            ("%.1s", s("ab"), "a"),
            ("%b", V::Boolean(Some(true)), "true"),
            ("%s", d(2.25), "2.25"),
            ("%s", V::Decimal128(Some(123_456), 10, 2), "1234.56"),
            ("%s", V::Date32(Some(19_782)), "19782"),
            ("%d", V::Int32(None), "null"),
            ("%.2f", V::Float64(None), "nu"),
            ("%5s|", NO_STR, " null|"),
            ("%%|%n|", i(1), "%|\n|"),
        ] {
            if wanted.is_empty() {
                check_null("printf", &[s(pattern), arg]);
                continue;
            }
            check("printf", &[s(pattern), arg], s(wanted));
        }
        check("printf", &[s("%2$s %1$s %s"), i(7), s("a")], s("a 7 7"));
        check("printf", &[s("%s%<s"), i(7)], s("77"));
        check("printf", &[s("abc")], s("abc"));
    }

    #[test]
    fn what_does_not_fit_is_null() {
        for (pattern, arg) in [
            ("%d", s("x")),
            ("%d", d(1.0)),
            ("%f", i(1)),
            ("%q", i(1)),
            ("%", i(1)),
            ("%s %s", i(1)),
            ("%<s", i(1)),
            ("%-d", i(1)),
            ("%05s", NO_STR),
            ("%,x", V::Int32(None)),
            ("%.2d", i(1)),
            ("%5", i(1)),
            ("%99999999d", i(1)),
            ("%D", i(1)),
            ("%tY", i(1)),
        ] {
            check_null("printf", &[s(pattern), arg]);
        }
        assert!(call("printf", &[s("%h"), i(1)]).is_err());
    }
}
