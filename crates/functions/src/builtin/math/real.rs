//! Functions on DOUBLE.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::Float64Type;
use millstream_core::Result;

use crate::args::Call;
use crate::output::number_rows;

fn unary(call: &Call, compute: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    let values = call.numbers::<Float64Type>(0)?;
    Ok(Arc::new(values.array.unary::<_, Float64Type>(compute)))
}

fn binary(call: &Call, compute: impl Fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (lefts, rights) = (
        call.numbers::<Float64Type>(0)?,
        call.numbers::<Float64Type>(1)?,
    );
    number_rows::<Float64Type>(call, |row| {
        Ok(lefts
            .get(row)
            .zip(rights.get(row))
            .map(|(left, right)| compute(left, right)))
    })
}

macro_rules! unaries {
    ($($name:ident = $compute:expr;)*) => {
        $(pub(super) fn $name(call: &Call) -> Result<ArrayRef> {
            unary(call, $compute)
        })*
    };
}

unaries! {
    acos = f64::acos;
    asin = f64::asin;
    atan = f64::atan;
    cos = f64::cos;
    cosh = f64::cosh;
    cot = |x| 1.0 / x.tan();
    degrees = f64::to_degrees;
    exp = f64::exp;
    ln = f64::ln;
    log10 = f64::log10;
    log2 = f64::log2;
    radians = f64::to_radians;
    sin = f64::sin;
    sinh = f64::sinh;
    sqrt = f64::sqrt;
    tan = f64::tan;
    tanh = f64::tanh;
}

pub(super) fn atan2(call: &Call) -> Result<ArrayRef> {
    binary(call, f64::atan2)
}

pub(super) fn power(call: &Call) -> Result<ArrayRef> {
    binary(call, f64::powf)
}

/// LOG(x) is the natural logarithm, LOG(b, x) the one to base b.
pub(super) fn log(call: &Call) -> Result<ArrayRef> {
    match call.len() {
        1 => ln(call),
        _ => binary(call, |base, x| x.ln() / base.ln()),
    }
}

pub(super) fn e(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(Float64Array::from(vec![
        std::f64::consts::E;
        call.rows
    ])))
}

pub(super) fn pi(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(Float64Array::from(vec![
        std::f64::consts::PI;
        call.rows
    ])))
}
