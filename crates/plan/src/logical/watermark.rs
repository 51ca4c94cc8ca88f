//! Where event time begins: `WATERMARK FOR column AS expr`, as a node of the logical plan.
//!
//! Filters stay above it, since a row that is filtered away still moves time on; the optimizer is
//! told so by `prevent_predicate_push_down_columns`.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use datafusion_common::{Column, DFSchemaRef, Result};
use datafusion_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

/// Makes watermarks from the column `column` of its input; passes every row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatermarkNode {
    /// The rows.
    pub input: LogicalPlan,
    /// The event-time column.
    pub column: Column,
    /// The watermark of a row.
    pub expr: Expr,
    /// How it is emitted.
    pub options: WatermarkOptions,
}

/// The `scan.watermark.*` options of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatermarkOptions {
    /// `emit.strategy` is `on-event`: after every row that advances it.
    pub on_event: bool,
    /// `idle-timeout`; `None`: never idle.
    pub idle_timeout_ms: Option<i64>,
    /// `max-future`; `None`: no guard.
    pub max_future_ms: Option<i64>,
}

impl PartialOrd for WatermarkNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for WatermarkNode {
    fn name(&self) -> &str {
        "Watermark"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![Expr::Column(self.column.clone()), self.expr.clone()]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watermark: {} AS {}", self.column, self.expr)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (column, expr, input) = super::window::two_and_one(exprs, inputs)?;
        let Expr::Column(column) = column else {
            return datafusion_common::internal_err!("the event time is a column");
        };
        Ok(WatermarkNode {
            input,
            column,
            expr,
            options: self.options,
        })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let mut needed: Vec<usize> = output_columns.to_vec();
        needed.push(schema.maybe_index_of_column(&self.column)?);
        for column in self.expr.column_refs() {
            needed.push(schema.maybe_index_of_column(column)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
