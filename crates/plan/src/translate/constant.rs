//! Constant rows: VALUES, evaluated when the statement is planned.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::Schema;
use datafusion_common::{DFSchema, DFSchemaRef};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::create_physical_expr;
use millstream_core::Result;

use super::{check_expr, from_datafusion};

/// Evaluates rows of constant expressions to one batch of the given schema.
pub(super) fn rows(values: &[Vec<Expr>], schema: &DFSchemaRef) -> Result<RecordBatch> {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| f.as_ref().clone().with_nullable(true))
        .collect();
    let columns = fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let cells: Vec<ArrayRef> = values
                .iter()
                .map(|row| cell(&row[index]))
                .collect::<Result<_>>()?;
            let cells: Vec<ArrayRef> = cells
                .iter()
                .map(|cell| Ok(arrow::compute::cast(cell, field.data_type())?))
                .collect::<Result<_>>()?;
            if cells.is_empty() {
                return Ok(new_empty_array(field.data_type()));
            }
            let cells: Vec<&dyn Array> = cells.iter().map(AsRef::as_ref).collect();
            Ok(concat(&cells)?)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

fn cell(expr: &Expr) -> Result<ArrayRef> {
    check_expr(expr)?;
    let properties = ExecutionProps::new();
    let physical = create_physical_expr(
        expr,
        &DFSchema::empty(),
        &properties,
        &PhysicalPlanningContext::default(),
    )
    .map_err(from_datafusion)?;
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one)?;
    physical
        .evaluate(&row)
        .and_then(|value| value.into_array(1))
        .map_err(from_datafusion)
}
