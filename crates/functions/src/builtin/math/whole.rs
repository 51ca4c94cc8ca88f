//! Functions that keep the type of their argument, and texts of numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use crate::args::{Arguments, Call};
use crate::numbers::rescale;
use crate::output::{number_rows, text_rows};

/// Whole numbers wrap, as in Java: ABS of the smallest one is itself.
pub(super) fn abs(call: &Call) -> Result<ArrayRef> {
    fn map<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        f: impl Fn(T::Native) -> T::Native,
    ) -> ArrayRef {
        let values = array.as_primitive::<T>();
        Arc::new(
            values
                .unary::<_, T>(f)
                .with_data_type(values.data_type().clone()),
        )
    }
    let array = call.array(0);
    Ok(match array.data_type() {
        DataType::Int8 => map::<Int8Type>(array, i8::wrapping_abs),
        DataType::Int16 => map::<Int16Type>(array, i16::wrapping_abs),
        DataType::Int32 => map::<Int32Type>(array, i32::wrapping_abs),
        DataType::Int64 => map::<Int64Type>(array, i64::wrapping_abs),
        DataType::Float32 => map::<Float32Type>(array, f32::abs),
        DataType::Float64 => map::<Float64Type>(array, f64::abs),
        DataType::Decimal128(..) => map::<Decimal128Type>(array, i128::wrapping_abs),
        other => return Err(Error::internal(format!("{other} is not a number"))),
    })
}

pub(super) fn sign(call: &Call) -> Result<ArrayRef> {
    fn map<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        f: impl Fn(T::Native) -> T::Native,
    ) -> ArrayRef {
        let values = array.as_primitive::<T>();
        Arc::new(
            values
                .unary::<_, T>(f)
                .with_data_type(values.data_type().clone()),
        )
    }
    let float = |v: f64| {
        if v == 0.0 || v.is_nan() {
            v
        } else {
            v.signum()
        }
    };
    let array = call.array(0);
    Ok(match array.data_type() {
        DataType::Int8 => map::<Int8Type>(array, i8::signum),
        DataType::Int16 => map::<Int16Type>(array, i16::signum),
        DataType::Int32 => map::<Int32Type>(array, i32::signum),
        DataType::Int64 => map::<Int64Type>(array, i64::signum),
        DataType::Float32 => map::<Float32Type>(array, |v| float(f64::from(v)) as f32),
        DataType::Float64 => map::<Float64Type>(array, float),
        // DECIMAL(p, p) has no digit before the point, so no one in it; NULL would surprise more.
        DataType::Decimal128(_, scale) => {
            let one = 10_i128.pow(u32::try_from(*scale).unwrap_or(0));
            map::<Decimal128Type>(array, |v| v.signum() * one)
        }
        other => return Err(Error::internal(format!("{other} is not a number"))),
    })
}

/// The type of the divisor, which no remainder exceeds; with a DECIMAL, the finer scale.
pub(super) fn mod_type(args: &Arguments) -> Result<ColumnType> {
    match (args.ty(0), args.ty(1)) {
        (left @ SqlType::Decimal { .. }, right) | (left, right @ SqlType::Decimal { .. }) => {
            let (p1, s1) = digits(&left);
            let (p2, s2) = digits(&right);
            let scale = s1.max(s2);
            let whole = (p1 as i8 - s1).min(p2 as i8 - s2).max(0);
            let precision = (whole + scale).clamp(1, 38) as u8;
            args.strict(SqlType::Decimal { precision, scale })
        }
        (_, right) => args.strict(right),
    }
}

/// The digits a number of this type may have, and how many of them are a fraction.
fn digits(ty: &SqlType) -> (u8, i8) {
    match ty {
        SqlType::TinyInt => (3, 0),
        SqlType::SmallInt => (5, 0),
        SqlType::Int => (10, 0),
        SqlType::Decimal { precision, scale } => (*precision, *scale),
        _ => (19, 0),
    }
}

pub(super) fn modulo(call: &Call) -> Result<ArrayRef> {
    let ty = call.returns.data_type();
    match ty {
        DataType::Decimal128(precision, scale) => decimal_modulo(call, *precision, *scale),
        DataType::Float32 | DataType::Float64 => float_modulo(call, ty),
        _ if call.array(0).data_type().is_floating() => float_modulo(call, ty),
        _ => whole_modulo(call, ty),
    }
}

fn whole_modulo(call: &Call, ty: &DataType) -> Result<ArrayRef> {
    let lefts = cast(call.array(0), &DataType::Int64)?;
    let lefts = lefts.as_primitive::<Int64Type>();
    let remainders = if call.is_constant(1) && !call.is_constant(0) {
        let divisor = cast(call.array(1), &DataType::Int64)?;
        let divisor = divisor.as_primitive::<Int64Type>();
        if divisor.is_null(0) {
            return Ok(arrow::array::new_null_array(ty, call.rows));
        }
        by_constant(call, lefts, divisor.value(0))?
    } else {
        let (lefts, rights) = (call.full(0)?, call.full(1)?);
        let (lefts, rights) = (
            cast(&lefts, &DataType::Int64)?,
            cast(&rights, &DataType::Int64)?,
        );
        let rights = rights.as_primitive::<Int64Type>();
        arrow::compute::try_binary(lefts.as_primitive::<Int64Type>(), rights, |l, r| {
            if r == 0 {
                return Err(arrow::error::ArrowError::DivideByZero);
            }
            Ok(l.wrapping_rem(r))
        })
        .map_err(|_| by_zero(call))?
    };
    Ok(cast(&remainders, ty)?)
}

fn by_constant(
    call: &Call,
    lefts: &PrimitiveArray<Int64Type>,
    divisor: i64,
) -> Result<PrimitiveArray<Int64Type>> {
    if divisor == 0 {
        if lefts.null_count() < lefts.len() {
            return Err(by_zero(call));
        }
        return Ok(lefts.clone());
    }
    Ok(lefts.unary(|left| left.wrapping_rem(divisor)))
}

fn by_zero(call: &Call) -> Error {
    call.error("division by zero")
}

fn float_modulo(call: &Call, ty: &DataType) -> Result<ArrayRef> {
    let (lefts, rights) = (call.full(0)?, call.full(1)?);
    let (lefts, rights) = (
        cast(&lefts, &DataType::Float64)?,
        cast(&rights, &DataType::Float64)?,
    );
    let (lefts, rights) = (
        lefts.as_primitive::<Float64Type>(),
        rights.as_primitive::<Float64Type>(),
    );
    let values: PrimitiveArray<Float64Type> =
        arrow::compute::binary(lefts, rights, |l, r: f64| l % r)?;
    Ok(cast(&values, ty)?)
}

fn decimal_modulo(call: &Call, precision: u8, scale: i8) -> Result<ArrayRef> {
    let decimal = |index: usize| -> Result<ArrayRef> {
        Ok(cast(&call.full(index)?, &DataType::Decimal128(38, scale))?)
    };
    let (lefts, rights) = (decimal(0)?, decimal(1)?);
    let (lefts, rights) = (
        lefts.as_primitive::<Decimal128Type>(),
        rights.as_primitive::<Decimal128Type>(),
    );
    number_rows::<Decimal128Type>(call, |row| {
        if lefts.is_null(row) || rights.is_null(row) {
            return Ok(None);
        }
        match lefts.value(row).checked_rem(rights.value(row)) {
            Some(rest) => Ok(rescale(rest, scale, scale, precision)),
            None => Err(by_zero(call)),
        }
    })
}

pub(super) fn bin(call: &Call) -> Result<ArrayRef> {
    let values = call.numbers::<Int64Type>(0)?;
    text_rows(call, |row, out| match values.get(row) {
        Some(value) => out.push(&format!("{value:b}")).map(Some),
        None => Ok(None),
    })
}

/// Of a number, or of each byte of a text.
pub(super) fn hex(call: &Call) -> Result<ArrayRef> {
    if *call.array(0).data_type() == DataType::Utf8 {
        let texts = call.texts(0)?;
        return text_rows(call, |row, out| match texts.get(row) {
            Some(text) => {
                text.bytes()
                    .try_for_each(|byte| out.push(&format!("{byte:02X}")))?;
                Ok(Some(()))
            }
            None => Ok(None),
        });
    }
    let values = cast(&call.full(0)?, &DataType::Int64)?;
    let values = values.as_primitive::<Int64Type>();
    text_rows(call, |row, out| {
        if values.is_null(row) {
            return Ok(None);
        }
        out.push(&format!("{:X}", values.value(row))).map(Some)
    })
}
