//! VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP in one pass.
//!
//! Values are taken as DOUBLE; a group keeps their number, mean and sum of squared distances, which
//! stays exact where the textbook formula loses all digits. The result is converted to the type the
//! plan asks for (Flink gives the type of the argument), towards zero for whole numbers.
//!
//! Source: B. P. Welford, 1962; merging: T. F. Chan, G. H. Golub, R. J. LeVeque, 1979.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use millstream_core::Result;
use millstream_plan::AggregateFunction;

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader};

struct Variance {
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
    Grouped::boxed(Variance {
        sample: matches!(
            function,
            AggregateFunction::VarSamp | AggregateFunction::StddevSamp
        ),
        root: matches!(
            function,
            AggregateFunction::StddevPop | AggregateFunction::StddevSamp
        ),
        result: result.clone(),
    })
}

#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Kernel for Variance {
    type State = Moments;

    fn update(&mut self, states: &mut [Moments], rows: &Rows<'_>) -> Result<()> {
        let values = cast(&rows.args[0], &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>().values();
        rows.each(|row, group, _| {
            let state = &mut states[group];
            state.count += 1.0;
            let distance = values[row] - state.mean;
            state.mean += distance / state.count;
            state.squares += distance * (values[row] - state.mean);
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
        let values = states_of(states, groups).map(|state| {
            let divisor = if self.sample {
                state.count - 1.0
            } else {
                state.count
            };
            (divisor > 0.0).then(|| {
                let variance = state.squares / divisor;
                if self.root { variance.sqrt() } else { variance }
            })
        });
        let array: ArrayRef = Arc::new(values.collect::<Float64Array>());
        Ok(cast(&array, &self.result)?)
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
