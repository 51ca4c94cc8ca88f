//! COUNT: rows, or rows whose arguments are all not NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use millstream_core::Result;

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader};

struct Count;

/// COUNT(*) and COUNT(x, …).
pub(super) fn count(result: &DataType) -> Result<Box<dyn Accumulator>> {
    match result {
        DataType::Int64 => Grouped::boxed(Count),
        other => Err(wrong_type("a BIGINT result", other)),
    }
}

impl Kernel for Count {
    type State = i64;

    fn update(&mut self, states: &mut [i64], rows: &Rows<'_>) -> Result<()> {
        rows.each(|_, group, sign| states[group] += sign);
        Ok(())
    }

    fn absorb(&mut self, into: &mut i64, from: &i64) {
        *into += from;
    }

    fn evaluate(&self, states: &[i64], groups: &[u32]) -> Result<ArrayRef> {
        let counts = states_of(states, groups).copied();
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }
    fn save(&self, state: &i64, out: &mut Vec<u8>) -> Result<()> {
        state.put(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<i64> {
        from.fixed()
    }
}
