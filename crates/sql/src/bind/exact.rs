//! Exact DECIMAL arithmetic, rounded half up to the type Flink gives it.
//!
//! Arrow's division keeps four digits more than its left operand and cuts the rest, which is too
//! few for Flink's result scale; its other operations fail where a result has more than 38 digits,
//! which in Flink is NULL. So what may leave 128 bits is computed in 256.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, i256};
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use millstream_core::{Code, Error};

use super::external;

/// `left op right` as DECIMAL(precision, scale); NULL where it does not fit, if it may not.
pub(super) fn exact(
    left: Expr,
    op: Operator,
    right: Expr,
    (precision, scale): (u8, i8),
    may_overflow: bool,
) -> Expr {
    let function = ScalarUDF::from(ExactDecimal {
        op,
        precision,
        scale,
        may_overflow,
        signature: Signature::any(2, Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(
        Arc::new(function),
        vec![left, right],
    ))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactDecimal {
    op: Operator,
    precision: u8,
    scale: i8,
    may_overflow: bool,
    signature: Signature,
}

impl ScalarUDFImpl for ExactDecimal {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "decimal_add",
            Operator::Minus => "decimal_subtract",
            Operator::Multiply => "decimal_multiply",
            Operator::Modulo => "decimal_modulo",
            _ => "decimal_divide",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(self.precision, self.scale))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let nullable = self.may_overflow || args.arg_fields.iter().any(|field| field.is_nullable());
        let ty = DataType::Decimal128(self.precision, self.scale);
        Ok(Arc::new(Field::new(self.name(), ty, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return internal_err!("arithmetic has two operands");
        };
        let (left, right) = (decimals(left)?, decimals(right)?);
        let (s1, s2) = (i32::from(left.scale()), i32::from(right.scale()));
        let values = (0..left.len()).map(|row| {
            if left.is_null(row) || right.is_null(row) {
                return Ok(None);
            }
            let l = i256::from_i128(left.value(row));
            let r = i256::from_i128(right.value(row));
            if r == i256::ZERO && matches!(self.op, Operator::Divide | Operator::Modulo) {
                let error = Error::new(Code::Evaluation, "division by zero");
                return Err(external(error));
            }
            Ok(self.compute(l, s1, r, s2))
        });
        let values = values.collect::<Result<Vec<Option<i128>>>>()?;
        let array =
            Decimal128Array::from(values).with_precision_and_scale(self.precision, self.scale)?;
        Ok(ColumnarValue::Array(Arc::new(array)))
    }
}

impl ExactDecimal {
    /// The result, whose divisor is not zero; `None` if it does not fit.
    fn compute(&self, l: i256, s1: i32, r: i256, s2: i32) -> Option<i128> {
        let scale = i32::from(self.scale);
        let common = s1.max(s2);
        let aligned = || Some((scaled(l, common - s1)?, scaled(r, common - s2)?));
        let rounded = match self.op {
            Operator::Plus => {
                let (l, r) = aligned()?;
                rescaled(l.checked_add(r)?, common, scale)?
            }
            Operator::Minus => {
                let (l, r) = aligned()?;
                rescaled(l.checked_sub(r)?, common, scale)?
            }
            Operator::Modulo => {
                let (l, r) = aligned()?;
                rescaled(l.checked_rem(r)?, common, scale)?
            }
            Operator::Multiply => rescaled(l.checked_mul(r)?, s1 + s2, scale)?,
            _ => match scale - s1 + s2 {
                shift if shift >= 0 => divide_half_up(scaled(l, shift)?, r)?,
                shift => divide_half_up(l, scaled(r, -shift)?)?,
            },
        };
        let limit = scaled(i256::ONE, i32::from(self.precision))?;
        let fits = rounded < limit && rounded > -limit;
        fits.then(|| rounded.to_i128()).flatten()
    }
}

/// A number of one scale in another one.
fn rescaled(value: i256, from: i32, to: i32) -> Option<i256> {
    match to - from {
        shift if shift >= 0 => scaled(value, shift),
        shift => divide_half_up(value, scaled(i256::ONE, -shift)?),
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

    fn computed(
        op: Operator,
        (l, s1): (i128, i32),
        (r, s2): (i128, i32),
        (precision, scale): (u8, i8),
    ) -> Option<i128> {
        let function = ExactDecimal {
            op,
            precision,
            scale,
            may_overflow: true,
            signature: Signature::any(2, Volatility::Immutable),
        };
        function.compute(i256::from_i128(l), s1, i256::from_i128(r), s2)
    }

    #[test]
    fn division_rounds_half_up_at_the_result_scale() {
        let divided = |l, r, ty| computed(Operator::Divide, l, r, ty);
        assert_eq!(divided((100, 2), (3, 0), (20, 6)), Some(333_333));
        assert_eq!(divided((200, 2), (3, 0), (20, 6)), Some(666_667));
        assert_eq!(divided((-200, 2), (3, 0), (20, 6)), Some(-666_667));
        assert_eq!(divided((1, 0), (8, 0), (10, 2)), Some(13));
        assert_eq!(divided((i128::MAX, 0), (1, 38), (38, 6)), None);
    }

    #[test]
    fn what_does_not_fit_is_null() {
        let most = 10_i128.pow(38) - 1;
        for (op, wanted) in [
            (Operator::Plus, None),
            (Operator::Minus, Some(0)),
            (Operator::Multiply, None),
            (Operator::Modulo, Some(0)),
            (Operator::Divide, Some(1)),
        ] {
            assert_eq!(computed(op, (most, 0), (most, 0), (38, 0)), wanted, "{op}");
        }
        let mixed = |op| computed(op, (12_345, 2), (7, 0), (38, 1));
        assert_eq!(mixed(Operator::Plus), Some(1305));
        assert_eq!(mixed(Operator::Minus), Some(1165));
        assert_eq!(mixed(Operator::Multiply), Some(8642));
        assert_eq!(mixed(Operator::Modulo), Some(45));
    }
}
