//! SUM and AVG over whole numbers, decimals and floating-point numbers.
//!
//! Both keep a sum and the number of values; the number makes the SUM of nothing NULL again after
//! all values have been taken back.
//!
//! * SUM of TINYINT … BIGINT keeps the type and wraps around, as Flink's (Java's) arithmetic does.
//! * SUM of DECIMAL(p, s) is DECIMAL(38, s); one that does not fit is NULL.
//! * AVG of whole numbers keeps the type and truncates towards zero. AVG of DECIMAL rounds half
//!   away from zero to the scale of the result.
//!
//! Source: Apache Flink, `LogicalTypeMerging.findSumAggType` and `findAvgAggType`,
//! `AvgAggFunction`, `SumAggFunction`.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    i256,
};
use millstream_core::Result;

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader};

/// 10^38: decimals stay below.
const DECIMAL_BOUND: u128 = 10u128.pow(38);

/// SUM of a column of type `arg`.
pub(super) fn sum(arg: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    match (arg, result) {
        (DataType::Int8, DataType::Int8) => Whole::<Int8Type>::boxed(false),
        (DataType::Int16, DataType::Int16) => Whole::<Int16Type>::boxed(false),
        (DataType::Int32, DataType::Int32) => Whole::<Int32Type>::boxed(false),
        (DataType::Int64, DataType::Int64) => Whole::<Int64Type>::boxed(false),
        (DataType::Float32, DataType::Float32) => Real::<Float32Type>::boxed(false),
        (DataType::Float64, DataType::Float64) => Real::<Float64Type>::boxed(false),
        (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) if from == to => {
            Grouped::boxed(Decimal::new(*from, *precision, *to, false))
        }
        _ => Err(numbers(arg, result)),
    }
}

/// AVG of a column of type `arg`.
pub(super) fn average(arg: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    match (arg, result) {
        (DataType::Int8, DataType::Int8) => Whole::<Int8Type>::boxed(true),
        (DataType::Int16, DataType::Int16) => Whole::<Int16Type>::boxed(true),
        (DataType::Int32, DataType::Int32) => Whole::<Int32Type>::boxed(true),
        (DataType::Int64, DataType::Int64) => Whole::<Int64Type>::boxed(true),
        (DataType::Float32, DataType::Float32) => Real::<Float32Type>::boxed(true),
        (DataType::Float64, DataType::Float64) => Real::<Float64Type>::boxed(true),
        (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) if from <= to => {
            Grouped::boxed(Decimal::new(*from, *precision, *to, true))
        }
        _ => Err(numbers(arg, result)),
    }
}

fn numbers(arg: &DataType, result: &DataType) -> millstream_core::Error {
    if arg.is_numeric() {
        wrong_type(&format!("a result that fits {arg}"), result)
    } else {
        wrong_type("a number", arg)
    }
}

/// What a group knows of its numbers.
#[derive(Clone, Copy, Default)]
struct Total<N> {
    sum: N,
    count: i64,
}

impl<N: Fixed> Total<N> {
    fn save(&self, out: &mut Vec<u8>) {
        self.sum.put(out);
        self.count.put(out);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self> {
        Ok(Total {
            sum: from.fixed()?,
            count: from.fixed()?,
        })
    }
}

/// TINYINT, SMALLINT, INT, BIGINT.
struct Whole<T> {
    average: bool,
    ty: PhantomData<fn() -> T>,
}

impl<T> Whole<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64> + Truncated,
{
    fn boxed(average: bool) -> Result<Box<dyn Accumulator>> {
        Grouped::boxed(Whole::<T> {
            average,
            ty: PhantomData,
        })
    }
}

/// The low bits of a wider number: Java's narrowing, and the same as wrapping at every step.
trait Truncated {
    fn truncated(value: i64) -> Self;
}

macro_rules! truncated {
    ($($ty:ty),*) => {
        $(impl Truncated for $ty {
            fn truncated(value: i64) -> Self {
                value as $ty
            }
        })*
    };
}

truncated!(i8, i16, i32, i64);

impl<T> Kernel for Whole<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64> + Truncated,
{
    type State = Total<i64>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>().values();
        rows.each(|row, group, sign| {
            let state = &mut states[group];
            let value: i64 = values[row].into();
            state.sum = state.sum.wrapping_add(value.wrapping_mul(sign));
            state.count += sign;
        });
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        into.sum = into.sum.wrapping_add(from.sum);
        into.count += from.count;
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let values = states_of(states, groups).map(|state| {
            (state.count != 0).then(|| {
                T::Native::truncated(if self.average {
                    state.sum.wrapping_div(state.count)
                } else {
                    state.sum
                })
            })
        });
        Ok(Arc::new(values.collect::<PrimitiveArray<T>>()))
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        Total::load(from)
    }
}

/// FLOAT, DOUBLE; summed in 64 bits.
struct Real<T> {
    average: bool,
    ty: PhantomData<fn() -> T>,
}

impl<T> Real<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64> + Rounded,
{
    fn boxed(average: bool) -> Result<Box<dyn Accumulator>> {
        Grouped::boxed(Real::<T> {
            average,
            ty: PhantomData,
        })
    }
}

/// The nearest number of fewer bits.
trait Rounded {
    fn rounded(value: f64) -> Self;
}

impl Rounded for f32 {
    fn rounded(value: f64) -> Self {
        value as f32
    }
}

impl Rounded for f64 {
    fn rounded(value: f64) -> Self {
        value
    }
}

impl<T> Kernel for Real<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64> + Rounded,
{
    type State = Total<f64>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>().values();
        rows.each(|row, group, sign| {
            let state = &mut states[group];
            let value: f64 = values[row].into();
            state.sum += value * sign as f64;
            state.count += sign;
        });
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        into.sum += from.sum;
        into.count += from.count;
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let values = states_of(states, groups).map(|state| {
            (state.count != 0).then(|| {
                T::Native::rounded(if self.average {
                    state.sum / state.count as f64
                } else {
                    state.sum
                })
            })
        });
        Ok(Arc::new(values.collect::<PrimitiveArray<T>>()))
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        state.save(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        Total::load(from)
    }
}

/// DECIMAL.
struct Decimal {
    precision: u8,
    scale: i8,
    /// 10^(scale of the result − scale of the argument).
    factor: i128,
    average: bool,
}

/// A sum that knows when it has left 128 bits; it cannot come back, whatever the order of rows.
#[derive(Clone, Copy, Default)]
struct DecimalTotal {
    sum: i128,
    count: i64,
    overflowed: bool,
}

impl DecimalTotal {
    fn add(&mut self, value: i128, count: i64) {
        let (sum, overflowed) = self.sum.overflowing_add(value);
        self.sum = sum;
        self.overflowed |= overflowed;
        self.count += count;
    }
}

impl Decimal {
    fn new(from: i8, precision: u8, to: i8, average: bool) -> Self {
        Decimal {
            precision,
            scale: to,
            factor: 10i128.pow(u32::from(from.abs_diff(to)).min(38)),
            average,
        }
    }

    fn result(&self, state: &DecimalTotal) -> Option<i128> {
        if state.count == 0 || state.overflowed {
            return None;
        }
        let value = if self.average {
            divide(state.sum, self.factor, state.count)?
        } else {
            state.sum
        };
        (value.unsigned_abs() < DECIMAL_BOUND).then_some(value)
    }
}

/// `sum · factor / count`, rounded half away from zero; `None` if it does not fit.
fn divide(sum: i128, factor: i128, count: i64) -> Option<i128> {
    let count = i128::from(count);
    match sum.checked_mul(factor) {
        Some(scaled) => {
            let (quotient, rest) = (scaled / count, scaled % count);
            let away = rest.unsigned_abs() * 2 >= count.unsigned_abs();
            let step = if (scaled < 0) == (count < 0) { 1 } else { -1 };
            Some(if away { quotient + step } else { quotient })
        }
        None => {
            let scaled = i256::from_i128(sum).checked_mul(i256::from_i128(factor))?;
            let count = i256::from_i128(count);
            let (quotient, rest) = (scaled.checked_div(count)?, scaled.checked_rem(count)?);
            let twice = rest.wrapping_abs().checked_add(rest.wrapping_abs())?;
            let step = if scaled.is_negative() == count.is_negative() {
                i256::ONE
            } else {
                i256::MINUS_ONE
            };
            let away = twice >= count.wrapping_abs();
            let rounded = if away {
                quotient.checked_add(step)?
            } else {
                quotient
            };
            rounded.to_i128()
        }
    }
}

impl Kernel for Decimal {
    type State = DecimalTotal;

    fn update(&mut self, states: &mut [DecimalTotal], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<Decimal128Type>().values();
        rows.each(|row, group, sign| states[group].add(values[row] * i128::from(sign), sign));
        Ok(())
    }

    fn absorb(&mut self, into: &mut DecimalTotal, from: &DecimalTotal) {
        into.add(from.sum, from.count);
        into.overflowed |= from.overflowed;
    }

    fn evaluate(&self, states: &[DecimalTotal], groups: &[u32]) -> Result<ArrayRef> {
        let values = states_of(states, groups).map(|state| self.result(state));
        let array: Decimal128Array = values.collect();
        Ok(Arc::new(
            array.with_precision_and_scale(self.precision, self.scale)?,
        ))
    }

    fn save(&self, state: &DecimalTotal, out: &mut Vec<u8>) -> Result<()> {
        state.sum.put(out);
        state.count.put(out);
        u8::from(state.overflowed).put(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<DecimalTotal> {
        Ok(DecimalTotal {
            sum: from.fixed()?,
            count: from.fixed()?,
            overflowed: from.flag()?,
        })
    }
}
