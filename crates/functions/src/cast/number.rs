//! Casts between numbers, BOOLEAN and intervals.
//!
//! Whole numbers wrap and floating point numbers saturate, as Java's conversions do. A number that
//! does not fit its DECIMAL is NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array,
    Int64Array, PrimitiveArray,
};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalYearMonthType,
};
use millstream_core::types::SqlType;
use millstream_core::{Error, Result};

use super::Caster;
use crate::numbers::{decimal_to_double, double_to_decimal, rescale};

impl Caster {
    pub(super) fn number(
        &self,
        array: &ArrayRef,
        from: &SqlType,
        to: &SqlType,
    ) -> Result<ArrayRef> {
        match (from, to) {
            (_, SqlType::Boolean) => truth(array),
            (SqlType::Boolean, _) => {
                let ints: ArrayRef = Arc::new(ints_of(array.as_boolean()));
                self.number(&ints, &SqlType::BigInt, to)
            }
            (SqlType::IntervalYearMonth | SqlType::IntervalDaySecond, _) => {
                whole_to(&interval_to_whole(array)?, to)
            }
            (_, SqlType::IntervalYearMonth | SqlType::IntervalDaySecond) => {
                whole_to_interval(array, to)
            }
            (_, SqlType::Decimal { precision, scale }) => to_decimal(array, *precision, *scale),
            (SqlType::Decimal { scale, .. }, _) => from_decimal(array.as_primitive(), *scale, to),
            (SqlType::Float | SqlType::Double, _) => from_floating(array, to),
            (_, SqlType::Float | SqlType::Double) => Ok(arrow_cast(array, &to.to_arrow())?),
            _ => {
                let wide = arrow_cast(array, &DataType::Int64)?;
                whole_to(wide.as_primitive(), to)
            }
        }
    }
}

fn ints_of(array: &BooleanArray) -> Int64Array {
    array.iter().map(|value| value.map(i64::from)).collect()
}

fn truth(array: &ArrayRef) -> Result<ArrayRef> {
    fn not_zero<T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef {
        let values = array.as_primitive::<T>();
        Arc::new(
            values
                .iter()
                .map(|v| v.map(|v| !v.is_zero()))
                .collect::<BooleanArray>(),
        )
    }
    Ok(match array.data_type() {
        DataType::Int8 => not_zero::<Int8Type>(array),
        DataType::Int16 => not_zero::<Int16Type>(array),
        DataType::Int32 => not_zero::<Int32Type>(array),
        DataType::Int64 => not_zero::<Int64Type>(array),
        DataType::Float32 => not_zero::<Float32Type>(array),
        DataType::Float64 => not_zero::<Float64Type>(array),
        DataType::Decimal128(..) => not_zero::<Decimal128Type>(array),
        other => return Err(Error::internal(format!("{other} is not a number"))),
    })
}

/// Whole numbers as a narrower type, or as another type that whole numbers fit.
fn whole_to(array: &Int64Array, to: &SqlType) -> Result<ArrayRef> {
    Ok(match to {
        SqlType::TinyInt => Arc::new(array.unary::<_, Int8Type>(|v| v as i8)),
        SqlType::SmallInt => Arc::new(array.unary::<_, Int16Type>(|v| v as i16)),
        SqlType::Int => Arc::new(array.unary::<_, Int32Type>(|v| v as i32)),
        SqlType::BigInt => Arc::new(array.clone()),
        other => arrow_cast(array, &other.to_arrow())?,
    })
}

/// Java's conversion of a floating point number: towards zero, NaN is 0, beyond the range its end.
/// TINYINT and SMALLINT go through INT and then wrap.
fn from_floating(array: &ArrayRef, to: &SqlType) -> Result<ArrayRef> {
    if matches!(to, SqlType::Float | SqlType::Double) {
        return Ok(arrow_cast(array, &to.to_arrow())?);
    }
    let wide = arrow_cast(array, &DataType::Float64)?;
    let values = wide.as_primitive::<Float64Type>();
    Ok(match to {
        SqlType::TinyInt => Arc::new(values.unary::<_, Int8Type>(|v| v as i32 as i8)),
        SqlType::SmallInt => Arc::new(values.unary::<_, Int16Type>(|v| v as i32 as i16)),
        SqlType::Int => Arc::new(values.unary::<_, Int32Type>(|v| v as i32)),
        SqlType::BigInt => Arc::new(values.unary::<_, Int64Type>(|v| v as i64)),
        other => return Err(Error::internal(format!("{other} is not a number"))),
    })
}

fn from_decimal(array: &Decimal128Array, scale: i8, to: &SqlType) -> Result<ArrayRef> {
    match to {
        SqlType::Float => {
            Ok(Arc::new(array.unary::<_, Float32Type>(|v| {
                decimal_to_double(v, scale) as f32
            })))
        }
        SqlType::Double => Ok(Arc::new(
            array.unary::<_, Float64Type>(|v| decimal_to_double(v, scale)),
        )),
        _ => {
            let unit = 10_i128
                .checked_pow(u32::try_from(scale).unwrap_or(0))
                .unwrap_or(1);
            whole_to(&array.unary::<_, Int64Type>(|v| (v / unit) as i64), to)
        }
    }
}

fn to_decimal(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef> {
    fn convert<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> Option<i128>,
    ) -> Decimal128Array {
        array.as_primitive::<T>().unary_opt(convert)
    }
    let values: Decimal128Array = match array.data_type() {
        DataType::Decimal128(_, from) => {
            convert::<Decimal128Type>(array, |v| rescale(v, *from, scale, precision))
        }
        DataType::Float32 => convert::<Float32Type>(array, |v| {
            crate::numbers::parse_decimal(&format!("{v:e}"), precision, scale).flatten()
        }),
        DataType::Float64 => {
            convert::<Float64Type>(array, |v| double_to_decimal(v, precision, scale))
        }
        _ => {
            let wide = arrow_cast(array, &DataType::Int64)?;
            convert::<Int64Type>(&wide, |v| rescale(i128::from(v), 0, scale, precision))
        }
    };
    Ok(Arc::new(values.with_precision_and_scale(precision, scale)?))
}

fn interval_to_whole(array: &ArrayRef) -> Result<Int64Array> {
    match array.data_type() {
        DataType::Interval(arrow::datatypes::IntervalUnit::YearMonth) => Ok(array
            .as_primitive::<IntervalYearMonthType>()
            .unary(i64::from)),
        _ => {
            let values: &PrimitiveArray<IntervalMonthDayNanoType> = array.as_primitive();
            Ok(values.unary(interval_millis))
        }
    }
}

/// The length of a day-time interval in milliseconds.
pub(crate) fn interval_millis(value: IntervalMonthDayNano) -> i64 {
    i64::from(value.days) * 86_400_000 + value.nanoseconds / 1_000_000
}

fn whole_to_interval(array: &ArrayRef, to: &SqlType) -> Result<ArrayRef> {
    let wide = arrow_cast(array, &DataType::Int64)?;
    let values = wide.as_primitive::<Int64Type>();
    if *to == SqlType::IntervalYearMonth {
        return Ok(Arc::new(
            values.unary::<_, IntervalYearMonthType>(|v| v as i32),
        ));
    }
    Ok(Arc::new(
        values.unary::<_, IntervalMonthDayNanoType>(interval_of_millis),
    ))
}

/// An interval of `millis`; one beyond the range is its end.
pub(crate) fn interval_of_millis(millis: i64) -> IntervalMonthDayNano {
    let days = (millis / 86_400_000).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    IntervalMonthDayNano::new(0, days as i32, millis % 86_400_000 * 1_000_000)
}
