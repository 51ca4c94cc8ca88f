//! VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP in one pass.
//!
//! * Whole numbers: their number, sum and sum of squares, exact, so that a result that is a whole number
//!   is one, and rows that go leave no rounding behind.
//! * Other numbers are taken as DOUBLE: their number, mean and sum of squared distances, which stays exact
//!   where the textbook formula loses all digits.
//!
//! The result is converted to the type the plan asks for (Flink gives the type of the argument), towards
//! zero for whole numbers.
//!
//! Source: B. P. Welford, 1962; merging: T. F. Chan, G. H. Golub, R. J. LeVeque, 1979.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use millstream_core::{Code, Error, Result};
use millstream_plan::AggregateFunction;

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader};

/// What becomes of the moments.
struct Gives {
    /// Divide by n − 1 instead of n.
    sample: bool,
    /// Take the square root.
    root: bool,
    result: DataType,
}

/// One of the four functions over a column of type `arg`.
pub(super) fn variance(
    function: &AggregateFunction,
    arg: &DataType,
    result: &DataType,
) -> Result<Box<dyn Accumulator>> {
    if !arg.is_numeric() {
        return Err(wrong_type("a number", arg));
    }
    let gives = Gives {
        sample: matches!(
            function,
            AggregateFunction::VarSamp | AggregateFunction::StddevSamp
        ),
        root: matches!(
            function,
            AggregateFunction::StddevPop | AggregateFunction::StddevSamp
        ),
        result: result.clone(),
    };
    match arg.is_integer() {
        true => Grouped::boxed(OfIntegers(gives)),
        false => Grouped::boxed(OfDoubles(gives)),
    }
}

impl Gives {
    /// Results from numbers of values and sums of squared distances from the mean.
    fn column(&self, moments: impl Iterator<Item = (f64, f64)>) -> Result<ArrayRef> {
        let values = moments.map(|(count, squares)| {
            let divisor = if self.sample { count - 1.0 } else { count };
            (divisor > 0.0).then(|| {
                let variance = squares / divisor;
                if self.root { variance.sqrt() } else { variance }
            })
        });
        let array: ArrayRef = Arc::new(values.collect::<Float64Array>());
        Ok(cast(&array, &self.result)?)
    }
}

struct OfIntegers(Gives);

#[derive(Clone, Copy, Default)]
struct Sums {
    count: i64,
    sum: i128,
    squares: i128,
}

impl Sums {
    fn squared_distances(&self) -> f64 {
        // n Σx² − (Σx)², exact if it fits.
        let exact = self
            .squares
            .checked_mul(i128::from(self.count))
            .zip(self.sum.checked_mul(self.sum))
            .map(|(squares, square)| (squares - square) as f64);
        let count = self.count as f64;
        match exact {
            Some(exact) => exact / count,
            None => (self.squares as f64 - self.sum as f64 * (self.sum as f64 / count)).max(0.0),
        }
    }
}

impl Kernel for OfIntegers {
    type State = Sums;

    fn update(&mut self, states: &mut [Sums], rows: &Rows<'_>) -> Result<()> {
        let values = cast(&rows.args[0], &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>().values();
        let mut fits = true;
        rows.each(|row, group, sign| {
            let (state, value) = (&mut states[group], i128::from(values[row]));
            state.count += sign;
            state.sum += value * i128::from(sign);
            match state.squares.checked_add(value * value * i128::from(sign)) {
                Some(squares) => state.squares = squares,
                None => fits = false,
            }
        });
        match fits {
            true => Ok(()),
            false => Err(Error::new(
                Code::Evaluation,
                "the squares of the values of a variance add up to more than 128 bits",
            )),
        }
    }

    fn absorb(&mut self, into: &mut Sums, from: &Sums) {
        into.count += from.count;
        into.sum += from.sum;
        into.squares = into.squares.saturating_add(from.squares);
    }

    fn evaluate(&self, states: &[Sums], groups: &[u32]) -> Result<ArrayRef> {
        let moments = states_of(states, groups);
        self.0
            .column(moments.map(|sums| (sums.count as f64, sums.squared_distances())))
    }

    fn save(&self, state: &Sums, out: &mut Vec<u8>) -> Result<()> {
        state.count.put(out);
        state.sum.put(out);
        state.squares.put(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Sums> {
        Ok(Sums {
            count: from.fixed()?,
            sum: from.fixed()?,
            squares: from.fixed()?,
        })
    }
}

struct OfDoubles(Gives);

#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Moments {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    /// The inverse of `add`. What rounding has left is forgotten with the last value.
    fn take(&mut self, value: f64) {
        if self.count <= 1.0 {
            *self = Moments::default();
            return;
        }
        self.count -= 1.0;
        let distance = value - self.mean;
        self.mean -= distance / self.count;
        self.squares = (self.squares - distance * (value - self.mean)).max(0.0);
    }
}

impl Kernel for OfDoubles {
    type State = Moments;

    fn update(&mut self, states: &mut [Moments], rows: &Rows<'_>) -> Result<()> {
        let values = cast(&rows.args[0], &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>().values();
        rows.each(|row, group, sign| {
            let state = &mut states[group];
            match sign > 0 {
                true => state.add(values[row]),
                false => state.take(values[row]),
            }
        });
        Ok(())
    }

    fn absorb(&mut self, into: &mut Moments, from: &Moments) {
        let count = into.count + from.count;
        if count == 0.0 {
            return;
        }
        let distance = from.mean - into.mean;
        into.squares += from.squares + distance * distance * into.count * from.count / count;
        into.mean += distance * from.count / count;
        into.count = count;
    }

    fn evaluate(&self, states: &[Moments], groups: &[u32]) -> Result<ArrayRef> {
        let moments = states_of(states, groups);
        self.0
            .column(moments.map(|state| (state.count, state.squares)))
    }

    fn save(&self, state: &Moments, out: &mut Vec<u8>) -> Result<()> {
        state.count.put(out);
        state.mean.put(out);
        state.squares.put(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Moments> {
        Ok(Moments {
            count: from.fixed()?,
            mean: from.fixed()?,
            squares: from.fixed()?,
        })
    }
}
