//! Exact DECIMAL division and wide multiplication, rounded half up to the type Flink gives it.
//!
//! Arrow's division keeps four digits more than its left operand and cuts the rest, which is too
//! few for Flink's result scale; so this is computed in 256 bits.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::{Code, Error};

use super::external;

/// `left / right` (or `left * right`) as DECIMAL(precision, scale).
pub(super) fn exact(left: Expr, right: Expr, divide: bool, precision: u8, scale: i8) -> Expr {
    let function = ScalarUDF::from(ExactDecimal {
        divide,
        precision,
        scale,
        signature: Signature::any(2, Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(
        Arc::new(function),
        vec![left, right],
    ))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactDecimal {
    divide: bool,
    precision: u8,
    scale: i8,
    signature: Signature,
}

impl ScalarUDFImpl for ExactDecimal {
    fn name(&self) -> &str {
        if self.divide {
            "decimal_divide"
        } else {
            "decimal_multiply"
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(self.precision, self.scale))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return internal_err!("a division has two operands");
        };
        let (left, right) = (decimals(left)?, decimals(right)?);
        let (s1, s2) = (i32::from(left.scale()), i32::from(right.scale()));
        let values = (0..left.len()).map(|row| {
            if left.is_null(row) || right.is_null(row) {
                return Ok(None);
            }
            let l = i256::from_i128(left.value(row));
            let r = i256::from_i128(right.value(row));
            self.compute(l, s1, r, s2).map(Some)
        });
        let values = values.collect::<Result<Vec<Option<i128>>>>()?;
        let array =
            Decimal128Array::from(values).with_precision_and_scale(self.precision, self.scale)?;
        Ok(ColumnarValue::Array(Arc::new(array)))
    }
}

impl ExactDecimal {
    fn compute(&self, l: i256, s1: i32, r: i256, s2: i32) -> Result<i128> {
        let scale = i32::from(self.scale);
        let failed = |message: &str| external(Error::new(Code::Evaluation, message));
        let overflow = || {
            failed(&format!(
                "a result does not fit DECIMAL({}, {})",
                self.precision, self.scale
            ))
        };
        let (numerator, divisor) = if self.divide {
            if r == i256::ZERO {
                return Err(failed("division by zero"));
            }
            let shift = scale - s1 + s2;
            if shift >= 0 {
                (scaled(l, shift).ok_or_else(overflow)?, r)
            } else {
                (l, scaled(r, -shift).ok_or_else(overflow)?)
            }
        } else {
            let product = l.checked_mul(r).ok_or_else(overflow)?;
            (
                product,
                scaled(i256::ONE, s1 + s2 - scale).ok_or_else(overflow)?,
            )
        };
        let rounded = divide_half_up(numerator, divisor).ok_or_else(overflow)?;
        let limit = scaled(i256::ONE, i32::from(self.precision)).ok_or_else(overflow)?;
        if rounded >= limit || rounded <= -limit {
            return Err(overflow());
        }
        rounded.to_i128().ok_or_else(overflow)
    }
}

fn decimals(array: &ArrayRef) -> Result<&Decimal128Array, DataFusionError> {
    match array.as_primitive_opt::<Decimal128Type>() {
        Some(array) => Ok(array),
        None => internal_err!("operands were cast to DECIMAL"),
    }
}

fn scaled(value: i256, digits: i32) -> Option<i256> {
    let power = i256::from_i128(10).checked_pow(digits.try_into().ok()?)?;
    value.checked_mul(power)
}

/// Rounds half away from zero, as Java's `RoundingMode.HALF_UP`.
fn divide_half_up(numerator: i256, divisor: i256) -> Option<i256> {
    let quotient = numerator.checked_div(divisor)?;
    let rest = numerator.checked_sub(quotient.checked_mul(divisor)?)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from_i128(2))?;
    if twice < divisor.wrapping_abs() {
        return Some(quotient);
    }
    let is_negative = (numerator < i256::ZERO) != (divisor < i256::ZERO);
    quotient.checked_add(if is_negative {
        i256::MINUS_ONE
    } else {
        i256::ONE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(l: i128, s1: i32, r: i128, s2: i32, precision: u8, scale: i8) -> Option<i128> {
        let signature = Signature::any(2, Volatility::Immutable);
        let function = ExactDecimal {
            divide: true,
            precision,
            scale,
            signature,
        };
        function
            .compute(i256::from_i128(l), s1, i256::from_i128(r), s2)
            .ok()
    }

    #[test]
    fn division_rounds_half_up_at_the_result_scale() {
        assert_eq!(divided(100, 2, 3, 0, 20, 6), Some(333_333));
        assert_eq!(divided(200, 2, 3, 0, 20, 6), Some(666_667));
        assert_eq!(divided(-200, 2, 3, 0, 20, 6), Some(-666_667));
        assert_eq!(divided(1, 0, 8, 0, 10, 2), Some(13));
        assert_eq!(divided(1, 0, 0, 0, 10, 2), None);
        assert_eq!(divided(i128::MAX, 0, 1, 38, 38, 6), None);
    }
}
