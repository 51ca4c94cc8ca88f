//! Numbers and their text forms, as Java has them.
//!
//! * DOUBLE and FLOAT: the shortest digits that give the number back; plain between 10^-3 and 10^7,
//!   `1.0E10` beyond. Source: `Double.toString` of Java 19 and later.
//! * DECIMAL: an `i128` and a scale. Rounding is half up, away from zero.

use std::fmt::Write;

use millstream_core::{Code, Error, Result};

/// The most digits of a DECIMAL.
pub(crate) const DECIMAL_DIGITS_MAX: u8 = 38;

/// Appends a DOUBLE as Java writes it.
pub(crate) fn push_double(out: &mut String, value: f64) {
    push_float(
        out,
        value,
        value.is_nan(),
        value.is_infinite(),
        value.abs(),
        |out, v| {
            // Writing into memory cannot fail.
            write!(out, "{v:e}").is_ok()
        },
    );
}

/// Appends a FLOAT as Java writes it.
pub(crate) fn push_single(out: &mut String, value: f32) {
    let magnitude = f64::from(value).abs();
    push_float(
        out,
        f64::from(value),
        value.is_nan(),
        value.is_infinite(),
        magnitude,
        |out, _| write!(out, "{value:e}").is_ok(),
    );
}

fn push_float(
    out: &mut String,
    value: f64,
    nan: bool,
    infinite: bool,
    magnitude: f64,
    write: impl Fn(&mut String, f64) -> bool,
) {
    if nan {
        return out.push_str("NaN");
    }
    if infinite {
        return out.push_str(if value < 0.0 { "-Infinity" } else { "Infinity" });
    }
    let mut short = String::with_capacity(24);
    if !write(&mut short, value) {
        return;
    }
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    out.push_str(sign);
    let digits = digits.replace('.', "");
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        push_plain(out, &digits, exponent);
    } else {
        out.push_str(&digits[..1]);
        out.push('.');
        out.push_str(if digits.len() > 1 { &digits[1..] } else { "0" });
        out.push('E');
        out.push_str(&exponent.to_string());
    }
}

/// Appends `d.ddd × 10^exponent` without an exponent and with at least one digit after the point.
fn push_plain(out: &mut String, digits: &str, exponent: i32) {
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        return out.push_str(digits);
    }
    let whole = exponent as usize + 1;
    if digits.len() > whole {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    } else {
        out.push_str(digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
        out.push_str(".0");
    }
}

/// Appends a DECIMAL with all digits of its scale.
pub(crate) fn push_decimal(out: &mut String, value: i128, scale: i8) {
    if value < 0 {
        out.push('-');
    }
    let digits = value.unsigned_abs().to_string();
    if scale <= 0 {
        out.push_str(&digits);
        if value != 0 {
            out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        return;
    }
    let scale = scale as usize;
    if digits.len() > scale {
        out.push_str(&digits[..digits.len() - scale]);
    } else {
        out.push('0');
    }
    out.push('.');
    out.extend(std::iter::repeat_n('0', scale.saturating_sub(digits.len())));
    out.push_str(&digits[digits.len().saturating_sub(scale)..]);
}

/// A whole number as Flink reads it: a sign, digits, and digits after a point that do not count.
pub(crate) fn parse_whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Counted downwards, so that the smallest number fits.
    let value = whole.bytes().try_fold(0_i64, |n, b| {
        let digit = i64::from(b.wrapping_sub(b'0'));
        (digit < 10).then_some(())?;
        n.checked_mul(10)?.checked_sub(digit)
    })?;
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A DOUBLE as Java reads it: `1.5`, `-1e10`, `NaN`, `Infinity`, with a type letter behind it.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return text.parse().ok();
    }
    let numeric = digits.bytes().any(|b| b.is_ascii_digit())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if numeric { digits.parse().ok() } else { None }
}

/// A DECIMAL of `scale` from `1.5`, `-.5`, `1e3`; `None` if the text is no number, and
/// `Some(None)` if it has too many digits for `precision`.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<Option<i128>> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !all.clone().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // How many of the digits stand before the point of the result once it is moved by `scale`.
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let mut value: i128 = 0;
    let mut position = 0_i64;
    let mut round_up = false;
    for digit in all.map(|b| b - b'0') {
        if position >= point {
            round_up = position == point && digit >= 5;
            break;
        }
        let Some(next) = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit)))
        else {
            return Some(None);
        };
        value = next;
        position += 1;
    }
    while position < point && value != 0 {
        let Some(next) = value.checked_mul(10) else {
            return Some(None);
        };
        value = next;
        position += 1;
    }
    value += i128::from(round_up);
    let value = if negative { -value } else { value };
    Some(fits(value, precision).then_some(value))
}

/// Whether a DECIMAL has at most `precision` digits.
pub(crate) fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < 10_u128.pow(u32::from(precision.min(DECIMAL_DIGITS_MAX)))
}

/// `value` of scale `from` as scale `to`, rounded half up; `None` when it does not fit `precision`.
pub(crate) fn rescale(value: i128, from: i8, to: i8, precision: u8) -> Option<i128> {
    let steps = i32::from(to) - i32::from(from);
    let scaled = if steps >= 0 {
        if value == 0 {
            return Some(0);
        }
        value.checked_mul(10_i128.checked_pow(steps as u32)?)?
    } else {
        match 10_i128.checked_pow(steps.unsigned_abs()) {
            Some(unit) => divide_half_up(value, unit),
            None => 0,
        }
    };
    fits(scaled, precision).then_some(scaled)
}

/// `value / unit`, rounded half away from zero; `unit` is positive.
pub(crate) fn divide_half_up(value: i128, unit: i128) -> i128 {
    let (quotient, rest) = (value / unit, value % unit);
    let up = rest.unsigned_abs() >= (unit.unsigned_abs()).div_ceil(2);
    quotient + if up { value.signum() } else { 0 }
}

/// A DOUBLE as a DECIMAL, through its shortest text as Java does; `None` when it does not fit.
pub(crate) fn double_to_decimal(value: f64, precision: u8, scale: i8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    parse_decimal(&format!("{value:e}"), precision, scale).flatten()
}

/// A DECIMAL as the nearest DOUBLE.
pub(crate) fn decimal_to_double(value: i128, scale: i8) -> f64 {
    // Exact as long as both sides are: 2^53 and 10^22.
    if value.unsigned_abs() < (1 << 53) && (0..=22).contains(&scale) {
        return value as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{value}e{}", -i32::from(scale))
        .parse()
        .unwrap_or(f64::NAN)
}

/// An error about a number that has no place in its type.
pub(crate) fn overflow(what: &str) -> Error {
    Error::new(Code::Evaluation, format!("numeric overflow: {what}"))
}

/// `value`, or an error that says what overflowed.
pub(crate) fn checked<T>(value: Option<T>, what: impl Fn() -> String) -> Result<T> {
    value.ok_or_else(|| overflow(&what()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_as_in_java() {
        for (value, wanted) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.000_1, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (-123.456, "-123.456"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            push_double(&mut out, value);
            assert_eq!(out, wanted);
        }
        let mut out = String::new();
        push_single(&mut out, 0.1);
        assert_eq!(out, "0.1");
    }

    #[test]
    fn decimals_are_written_with_their_scale_and_read_back() {
        for (value, scale, wanted) in [
            (12345_i128, 2, "123.45"),
            (-5, 3, "-0.005"),
            (0, 2, "0.00"),
            (7, 0, "7"),
            (7, -2, "700"),
        ] {
            let mut out = String::new();
            push_decimal(&mut out, value, scale);
            assert_eq!(out, wanted);
            assert_eq!(parse_decimal(&out, 38, scale), Some(Some(value)));
        }
    }

    #[test]
    fn decimals_round_half_up_and_overflow_to_nothing() {
        assert_eq!(parse_decimal("1.005", 5, 2), Some(Some(101)));
        assert_eq!(parse_decimal("-1.005", 5, 2), Some(Some(-101)));
        assert_eq!(parse_decimal("0.0049", 5, 2), Some(Some(0)));
        assert_eq!(parse_decimal("1e3", 5, 1), Some(Some(10_000)));
        assert_eq!(parse_decimal("1e3", 4, 1), Some(None));
        assert_eq!(parse_decimal("1e999999999", 38, 1), Some(None));
        assert_eq!(parse_decimal("0e999999999", 38, 1), Some(Some(0)));
        assert_eq!(parse_decimal("1e-999999999", 38, 1), Some(Some(0)));
        assert_eq!(parse_decimal(&"9".repeat(50), 38, 0), Some(None));
        for text in ["", ".", "-", "x", "1..2", "1e", "é"] {
            assert_eq!(parse_decimal(text, 38, 2), None, "{text}");
        }
        assert_eq!(rescale(125, 2, 1, 3), Some(13));
        assert_eq!(rescale(-125, 2, 1, 3), Some(-13));
        assert_eq!(rescale(i128::MAX, 0, 30, 38), None);
    }

    #[test]
    fn whole_numbers_may_have_a_fraction_that_does_not_count() {
        for (text, wanted) in [
            (" 42 ", Some(42)),
            ("-1.9", Some(-1)),
            ("+7", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("1e3", None),
            ("é", None),
        ] {
            assert_eq!(parse_whole(text), wanted, "{text}");
        }
    }

    #[test]
    fn doubles_are_read_as_java_reads_them() {
        assert_eq!(parse_double(" -1.5e3 "), Some(-1500.0));
        assert_eq!(parse_double("1d"), Some(1.0));
        assert_eq!(parse_double("Infinity"), Some(f64::INFINITY));
        for text in ["", "inf", "nan", "e", "1x", "0x10"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }
}
