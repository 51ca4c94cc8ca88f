//! EVERY and SOME: the conjunction and the disjunction of a BOOLEAN column, NULLs ignored.
//!
//! FALSE is less than TRUE, so EVERY is MIN and SOME is MAX.

use arrow::datatypes::DataType;
use millstream_core::Result;

use super::kernel::Accumulator;
use super::{choice, wrong_type};

/// EVERY, also called BOOL_AND.
pub(super) fn every(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    only(arg)?;
    choice::min(arg)
}

/// SOME, also called BOOL_OR.
pub(super) fn some(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    only(arg)?;
    choice::max(arg)
}

/// Refuses whatever is no BOOLEAN.
pub(super) fn only(arg: &DataType) -> Result<()> {
    match arg {
        DataType::Boolean => Ok(()),
        other => Err(wrong_type("BOOLEAN", other)),
    }
}
