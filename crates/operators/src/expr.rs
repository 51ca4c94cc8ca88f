//! Expressions: compiled once, evaluated per batch.
//!
//! Logical expressions come from the planner with unqualified column names; a compiled expression
//! is DataFusion's physical expression plus the text to show when it fails on a row. An error that
//! one of our own functions raised keeps its code and words; any other becomes `Evaluation`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use millstream_core::{Code, Error, Result};

/// Most characters of an expression that a message shows.
const SHOWN_CHARS: usize = 120;

/// Compiles a logical expression whose columns are unqualified names of `schema`.
pub fn compile(expr: &Expr, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let named = DFSchema::try_from(Arc::clone(schema)).map_err(|e| error_of(e, expr))?;
    create_physical_expr(
        expr,
        &named,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )
    .map_err(|e| error_of(e, expr))
}

/// A compiled expression with the text its errors show.
pub(crate) struct Compiled {
    physical: Arc<dyn PhysicalExpr>,
    /// What the user wrote, as far as the plan still knows.
    logical: Expr,
}

impl Compiled {
    /// Compiles `expr` against `schema`; errors show `shown`.
    pub(crate) fn new(expr: &Expr, schema: &SchemaRef, shown: &Expr) -> Result<Self> {
        Ok(Compiled {
            physical: compile(expr, schema)?,
            logical: shown.clone(),
        })
    }

    /// One value per row, of type `wanted`.
    pub(crate) fn evaluate(&self, rows: &RecordBatch, wanted: &DataType) -> Result<ArrayRef> {
        let array = self
            .physical
            .evaluate(rows)
            .and_then(|value| value.into_array(rows.num_rows()))
            .map_err(|e| error_of(e, &self.logical))?;
        if array.data_type() == wanted {
            return Ok(array);
        }
        arrow::compute::cast(&array, wanted).map_err(|e| {
            error_of(
                DataFusionError::ArrowError(Box::new(e), None),
                &self.logical,
            )
        })
    }

    /// Which rows it is true for; NULL is not true.
    pub(crate) fn mask(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let array = self.evaluate(rows, &DataType::Boolean)?;
        let mask = array.as_boolean();
        Ok(if mask.null_count() == 0 {
            mask.clone()
        } else {
            prep_null_mask_filter(mask)
        })
    }
}

/// Our error for a failure of `expr`.
fn error_of(error: DataFusionError, expr: &Expr) -> Error {
    match ours(error) {
        Ok(error) => error,
        Err(error) => Error::new(
            Code::Evaluation,
            format!("'{}' failed: {}", shown(expr), error.strip_backtrace()),
        ),
    }
}

/// The error one of our functions raised inside DataFusion, if it is one.
fn ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => ours(*inner),
        DataFusionError::External(inner) => inner
            .downcast::<Error>()
            .map(|error| *error)
            .map_err(DataFusionError::External),
        DataFusionError::ArrowError(inner, trace) => match *inner {
            ArrowError::ExternalError(inner) => inner
                .downcast::<Error>()
                .map(|error| *error)
                .map_err(DataFusionError::External),
            other => Err(DataFusionError::ArrowError(Box::new(other), trace)),
        },
        other => Err(other),
    }
}

fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    if text.chars().count() <= SHOWN_CHARS {
        return text;
    }
    text.chars().take(SHOWN_CHARS).chain(['…']).collect()
}
