//! Windows: pieces of time in which rows are aggregated, or with which rows are marked.
//!
//! * [`bounds`]: slices and windows as arithmetic; [`zone`]: local clocks.
//! * [`aligned`]: TUMBLE, HOP, CUMULATE and windows a row brings along, aggregated over slices.
//! * [`session`]: SESSION, aggregated per key.
//! * [`assign`]: window columns without aggregation.
//! * [`emit`]: result rows; [`times`]: the event times of a batch.

pub mod aligned;
pub mod assign;
pub mod bounds;
mod cover;
mod emit;
pub mod session;
pub(crate) mod times;
pub(crate) mod zone;

use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::operator::Operator;
use millstream_plan::{Window, WindowAggregateSpec};

use crate::{OperatorContext, boxed};

/// The operator that aggregates over the windows of `spec`.
pub(crate) fn create(
    spec: &WindowAggregateSpec,
    input: &SchemaRef,
    output: &SchemaRef,
    context: &OperatorContext,
) -> Result<Box<dyn Operator>> {
    match spec.window {
        Window::Session { gap } => boxed(session::SessionAggregate::new(
            spec, gap, input, output, context,
        )),
        _ => boxed(aligned::WindowAggregate::new(spec, input, output, context)),
    }
}
