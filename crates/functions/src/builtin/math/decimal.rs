//! Rounding: CEIL, FLOOR, ROUND, TRUNCATE of every type of number.
//!
//! A DECIMAL is rounded exactly, in digits. A DOUBLE is rounded by its shortest text, as Java's
//! `BigDecimal.valueOf` does, so that ROUND(2.675, 2) is 2.68.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use crate::args::{Arguments, Call};
use crate::numbers::{divide_half_up, overflow};
use crate::output::number_rows;

/// The same type; a DECIMAL loses its fraction.
pub(super) fn whole_type(args: &Arguments) -> Result<ColumnType> {
    args.strict(match args.ty(0) {
        SqlType::Decimal { precision, .. } => SqlType::Decimal {
            precision,
            scale: 0,
        },
        other => other,
    })
}

/// The same type; a DECIMAL rounded to a constant number of digits keeps that many.
pub(super) fn round_type(args: &Arguments) -> Result<ColumnType> {
    let SqlType::Decimal { precision, scale } = args.ty(0) else {
        return args.strict(args.ty(0));
    };
    let digits = match args.fields.len() {
        1 => Some(0),
        _ => args.constant_int(1),
    };
    args.strict(match digits {
        Some(digits) if digits < i64::from(scale) => rounded_type(precision, scale, digits),
        _ => SqlType::Decimal { precision, scale },
    })
}

/// One more digit before the point, since 9.9 becomes 10.
fn rounded_type(precision: u8, scale: i8, digits: i64) -> SqlType {
    let kept = digits.max(0) as i8;
    let whole = precision as i8 - scale + 1;
    SqlType::Decimal {
        precision: (whole + kept).clamp(1, 38) as u8,
        scale: kept,
    }
}

pub(super) fn ceil(call: &Call) -> Result<ArrayRef> {
    to_whole(call, f64::ceil, |value, unit| {
        value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
    })
}

pub(super) fn floor(call: &Call) -> Result<ArrayRef> {
    to_whole(call, f64::floor, i128::div_euclid)
}

fn to_whole(
    call: &Call,
    float: impl Fn(f64) -> f64,
    decimal: impl Fn(i128, i128) -> i128,
) -> Result<ArrayRef> {
    let array = call.array(0);
    Ok(match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Arc::new(values.unary::<_, Float32Type>(|v| float(f64::from(v)) as f32))
        }
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(float),
        ),
        DataType::Decimal128(precision, scale) => {
            let unit = power_of_ten(i64::from(*scale)).unwrap_or(1);
            let values = array.as_primitive::<Decimal128Type>();
            let values: Decimal128Array = values.unary(|v| decimal(v, unit));
            Arc::new(values.with_precision_and_scale(*precision, 0)?)
        }
        _ => Arc::clone(array),
    })
}

fn power_of_ten(exponent: i64) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

pub(super) fn round(call: &Call) -> Result<ArrayRef> {
    rounded(call, divide_half_up)
}

pub(super) fn truncate(call: &Call) -> Result<ArrayRef> {
    rounded(call, |value, unit| value / unit)
}

fn rounded(call: &Call, divide: fn(i128, i128) -> i128) -> Result<ArrayRef> {
    let array = call.array(0);
    match array.data_type() {
        DataType::Int8 => whole::<Int8Type>(call, divide),
        DataType::Int16 => whole::<Int16Type>(call, divide),
        DataType::Int32 => whole::<Int32Type>(call, divide),
        DataType::Int64 => whole::<Int64Type>(call, divide),
        DataType::Float32 => {
            let values = call.numbers::<Float32Type>(0)?;
            let digits = Digits::new(call)?;
            number_rows::<Float32Type>(call, |row| {
                let both = values.get(row).zip(digits.get(row));
                Ok(both.map(|(v, digits)| {
                    real(&format!("{v:e}"), f64::from(v), digits, divide) as f32
                }))
            })
        }
        DataType::Float64 => {
            let values = call.numbers::<Float64Type>(0)?;
            let digits = Digits::new(call)?;
            number_rows::<Float64Type>(call, |row| {
                let both = values.get(row).zip(digits.get(row));
                Ok(both.map(|(v, digits)| real(&format!("{v:e}"), v, digits, divide)))
            })
        }
        DataType::Decimal128(_, scale) => decimal(call, *scale, divide),
        other => Err(Error::internal(format!("{other} is not a number"))),
    }
}

/// The number of digits per row: 0 unless it is given.
struct Digits<'a>(Option<crate::args::Values<'a, arrow::array::Int32Array>>);

impl<'a> Digits<'a> {
    fn new(call: &'a Call) -> Result<Self> {
        Ok(Digits(
            (call.len() > 1)
                .then(|| call.numbers::<Int32Type>(1))
                .transpose()?,
        ))
    }

    fn get(&self, row: usize) -> Option<i64> {
        match &self.0 {
            Some(digits) => digits.get(row).map(i64::from),
            None => Some(0),
        }
    }
}

/// A value without its digits below 10^exponent; `exponent` is positive.
fn without_digits(value: i128, exponent: i64, divide: fn(i128, i128) -> i128) -> i128 {
    match power_of_ten(exponent) {
        Some(unit) => divide(value, unit).saturating_mul(unit),
        None => 0,
    }
}

fn whole<T: ArrowPrimitiveType>(call: &Call, divide: fn(i128, i128) -> i128) -> Result<ArrayRef>
where
    T::Native: Into<i64> + TryFrom<i128>,
{
    let values = call.numbers::<T>(0)?;
    let digits = Digits::new(call)?;
    number_rows::<T>(call, |row| {
        let (Some(value), Some(digits)) = (values.get(row), digits.get(row)) else {
            return Ok(None);
        };
        if digits >= 0 {
            return Ok(Some(value));
        }
        let rounded = without_digits(i128::from(value.into()), -digits, divide);
        let fitting = T::Native::try_from(rounded);
        fitting
            .map(Some)
            .map_err(|_| overflow(&format!("{rounded} in '{}'", call.name)))
    })
}

fn decimal(call: &Call, scale: i8, divide: fn(i128, i128) -> i128) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, target) = *call.returns.data_type() else {
        return Err(Error::internal("a rounded DECIMAL is a DECIMAL"));
    };
    let values = call.numbers::<Decimal128Type>(0)?;
    let digits = Digits::new(call)?;
    let unit = power_of_ten(i64::from(scale) - i64::from(target)).unwrap_or(1);
    number_rows::<Decimal128Type>(call, |row| {
        let (Some(value), Some(digits)) = (values.get(row), digits.get(row)) else {
            return Ok(None);
        };
        let dropped = i64::from(scale) - digits;
        let kept = if dropped > 0 {
            without_digits(value, dropped, divide)
        } else {
            value
        };
        let stored = kept / unit;
        if !crate::numbers::fits(stored, precision) {
            return Err(overflow(&format!("a DECIMAL in '{}'", call.name)));
        }
        Ok(Some(stored))
    })
}

/// Rounds `digits.digits e exponent`, the shortest text of `value`.
fn real(text: &str, value: f64, digits: i64, divide: fn(i128, i128) -> i128) -> f64 {
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return value;
    };
    let fraction = mantissa
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len() as i64);
    let (Ok(number), Ok(exponent)) = (
        mantissa.replace('.', "").parse::<i128>(),
        exponent.parse::<i64>(),
    ) else {
        return value;
    };
    // value = number × 10^-scale.
    let scale = fraction - exponent;
    if scale <= digits {
        return value;
    }
    let kept = match power_of_ten(scale - digits) {
        Some(unit) => divide(number, unit),
        None => 0,
    };
    format!("{kept}e{}", -digits).parse().unwrap_or(value)
}
