//! The streaming operators: what happens to rows between a source and a sink.
//!
//! Each operator is one file (or folder) and one arm of [`create`]. All of them are pure
//! ([`millstream_core::operator::Operator`]): batches in, batches out, no clock, no I/O. They work
//! on columns: keys are interned to dense group numbers ([`keys`]), aggregates are vectors indexed
//! by group number ([`aggregate`]), expressions are DataFusion's ([`expr`]). Nothing on the way of
//! a row allocates per row or calls a trait object per row.
//!
//! ```text
//! source ─▶ watermark ─▶ calc ─▶ window aggregate ─▶ calc ─▶ sink
//!                                group aggregate, join, union, sort, limit
//! ```

pub mod aggregate;
pub mod calc;
pub mod correlate;
pub mod deduplicate;
pub mod expr;
pub mod group_aggregate;
mod groups;
pub mod interval_join;
pub mod join;
pub mod keys;
pub mod limit;
pub mod over;
mod path;
pub mod pattern;
pub mod rank;
mod rows;
pub mod sort;
mod state;
pub mod temporal_join;
pub mod time_sort;
pub mod union;
pub mod upsert;
pub mod watermark;
pub mod window;
pub mod window_join;

use arrow::datatypes::SchemaRef;
use millstream_core::operator::Operator;
use millstream_core::{Error, Result};
use millstream_plan::{NodeKind, OverOrder};

pub use expr::compile;

/// What every operator is told about its job.
#[derive(Clone, Debug)]
pub struct OperatorContext {
    /// Name of the node, for messages.
    pub node: String,
    /// Most rows in one batch of results; at least 1.
    pub batch_rows: usize,
    /// Number of key groups of the job: where an entry of keyed state belongs.
    pub key_groups: u32,
    /// Number of this subtask, from 0.
    pub subtask: u32,
    /// Number of subtasks of the node; at least 1.
    pub parallelism: u32,
}

/// Makes the operator of a node: `input_schemas` by port, `output` as planned.
///
/// # Errors
/// `Internal` for kinds that are not operators (sources, values, sinks) and for specs that
/// contradict the schemas; `Unsupported` for types and aggregates this release cannot run.
pub fn create(
    kind: &NodeKind,
    input_schemas: &[SchemaRef],
    output: &SchemaRef,
    context: &OperatorContext,
) -> Result<Box<dyn Operator>> {
    let input = || {
        input_schemas
            .first()
            .ok_or_else(|| Error::internal(format!("node '{}' has no input", context.node)))
    };
    let operator: Result<Box<dyn Operator>> = match kind {
        NodeKind::Calc(spec) => boxed(calc::Calc::new(spec, input()?, output)),
        NodeKind::Watermark(spec) => boxed(watermark::Watermark::new(spec, input()?)),
        NodeKind::WindowAssign(spec) => boxed(window::assign::WindowAssign::new(
            spec,
            input()?,
            output,
            context,
        )),
        NodeKind::WindowAggregate(spec) => window::create(spec, input()?, output, context),
        NodeKind::GroupAggregate(spec) => boxed(group_aggregate::GroupAggregate::new(
            spec,
            input()?,
            output,
            context,
        )),
        NodeKind::IntervalJoin(spec) => boxed(interval_join::IntervalJoin::new(
            spec,
            two(input_schemas)?,
            output,
            context,
        )),
        NodeKind::TemporalJoin(spec) => boxed(temporal_join::TemporalJoin::new(
            spec,
            two(input_schemas)?,
            output,
            context,
        )),
        NodeKind::Unnest(spec) => boxed(correlate::Unnest::new(spec, input()?, output, context)),
        NodeKind::WindowJoin(spec) => boxed(window_join::WindowJoin::new(
            spec,
            two(input_schemas)?,
            output,
            context,
        )),
        NodeKind::Join(spec) => match input_schemas {
            [left, right] => boxed(join::Join::new(spec, [left, right], output, context)),
            others => Err(Error::internal(format!(
                "a join of {} inputs",
                others.len()
            ))),
        },
        NodeKind::Upsert(spec) => boxed(upsert::Upsert::new(spec, input()?, context)),
        NodeKind::Rank(spec) => boxed(rank::Rank::new(spec, input()?, output, context)),
        NodeKind::Deduplicate(spec) => {
            boxed(deduplicate::Deduplicate::new(spec, input()?, context))
        }
        NodeKind::Over(spec) => match spec.order {
            OverOrder::Time(_) => boxed(over::Over::new(spec, input()?, output, context)),
            OverOrder::Columns(_) => boxed(over::sorted::SortedOver::new(
                spec,
                input()?,
                output,
                context,
            )),
        },
        NodeKind::Pattern(spec) => boxed(pattern::MatchRecognize::new(
            spec,
            input()?,
            output,
            context,
        )),
        NodeKind::Union => boxed(Ok(union::Union)),
        NodeKind::TimeSort(spec) => boxed(time_sort::TimeSort::new(spec, input()?, context)),
        NodeKind::Sort(spec) => boxed(sort::Sort::new(spec, input()?, context)),
        NodeKind::Limit(spec) => boxed(Ok(limit::Limit::new(spec))),
        NodeKind::Source(_) | NodeKind::Values(_) | NodeKind::Sink(_) => Err(Error::internal(
            "sources, values and sinks are run by the runtime itself",
        )),
    };
    operator.map_err(|error| error.context(format_args!("operator '{}'", context.node)))
}

fn two(schemas: &[SchemaRef]) -> Result<[&SchemaRef; 2]> {
    match schemas {
        [left, right] => Ok([left, right]),
        others => Err(Error::internal(format!(
            "a join of {} inputs",
            others.len()
        ))),
    }
}

fn boxed<O: Operator + 'static>(operator: Result<O>) -> Result<Box<dyn Operator>> {
    operator.map(|operator| Box::new(operator) as Box<dyn Operator>)
}
