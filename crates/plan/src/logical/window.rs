//! A window table-valued function, `TABLE(TUMBLE(..))`, as a node of the logical plan.
//!
//! Its schema is the input's, unqualified, followed by `window_start`, `window_end` and
//! `window_time`. Whether rows are really multiplied, or an aggregate above works on slices instead,
//! is decided when the job graph is made.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::scan::ScanSource;
use crate::spec::Window;

/// Names of the three columns a window function adds, in order.
pub const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// A window table-valued function.
#[derive(Clone, Debug)]
pub struct WindowNode {
    /// The rows.
    pub input: LogicalPlan,
    /// The windows.
    pub window: Window,
    /// The time attribute: a column of the input.
    pub time: Expr,
    /// PARTITION BY of SESSION: columns of the input.
    pub partition_by: Vec<Expr>,
    schema: DFSchemaRef,
    /// True if some table below keeps its late rows: they are kept whole, so no column is pruned.
    keeps_late: bool,
}

impl WindowNode {
    /// A window function over `input`; fails if a column name occurs twice.
    pub fn new(
        input: LogicalPlan,
        window: Window,
        time: Expr,
        partition_by: Vec<Expr>,
    ) -> Result<Self> {
        use datafusion_expr::ExprSchemable;
        let time_type = time.get_type(input.schema())?;
        let mut fields: Vec<FieldRef> = input.schema().fields().iter().cloned().collect();
        fields.extend(window_fields(time_type));
        let schema = DFSchema::from_unqualified_fields(fields.into(), Default::default())?;
        let keeps_late = keeps_late(&input)?;
        let schema = Arc::new(schema);
        Ok(WindowNode {
            input,
            window,
            time,
            partition_by,
            schema,
            keeps_late,
        })
    }

    /// Number of columns of the input: where the three window columns begin.
    pub fn input_width(&self) -> usize {
        self.input.schema().fields().len()
    }
}

/// `window_start`, `window_end` and `window_time`, the last of the type of the time attribute.
pub fn window_fields(time_type: DataType) -> [FieldRef; 3] {
    let bound = || DataType::Timestamp(TimeUnit::Millisecond, None);
    [
        Arc::new(Field::new(WINDOW_COLUMNS[0], bound(), false)),
        Arc::new(Field::new(WINDOW_COLUMNS[1], bound(), false)),
        Arc::new(Field::new(WINDOW_COLUMNS[2], time_type, false)),
    ]
}

/// True if a table below `plan` has a table for its late rows.
fn keeps_late(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => scan
                .source
                .downcast_ref::<ScanSource>()
                .is_some_and(|source| source.late.is_some()),
            _ => false,
        })
    })
}

/// Takes apart what a node with two expressions and one input is rebuilt from.
pub(super) fn two_and_one(
    exprs: Vec<Expr>,
    inputs: Vec<LogicalPlan>,
) -> Result<(Expr, Expr, LogicalPlan)> {
    let (Ok([first, second]), Ok([input])) = (
        <[Expr; 2]>::try_from(exprs),
        <[LogicalPlan; 1]>::try_from(inputs),
    ) else {
        return internal_err!("a node with two expressions has one input");
    };
    Ok((first, second, input))
}

impl PartialEq for WindowNode {
    fn eq(&self, other: &Self) -> bool {
        self.window == other.window
            && self.time == other.time
            && self.partition_by == other.partition_by
            && self.input == other.input
    }
}

impl Eq for WindowNode {}

impl Hash for WindowNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.window.hash(state);
        self.time.hash(state);
        self.partition_by.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for WindowNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for WindowNode {
    fn name(&self) -> &str {
        "Window"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        std::iter::once(&self.time)
            .chain(&self.partition_by)
            .cloned()
            .collect()
    }

    // Filters on columns of the input could pass, but their names lose a qualifier here; the
    // calc before the aggregate applies them just as well.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window: {:?} on {}", self.window, self.time)
    }

    fn with_exprs_and_inputs(
        &self,
        mut exprs: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("a window function has one input");
        };
        if exprs.is_empty() {
            return internal_err!("a window function has a time attribute");
        }
        let partition_by = exprs.split_off(1);
        let time = exprs.remove(0);
        WindowNode::new(input, self.window.clone(), time, partition_by)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.input_width();
        if self.keeps_late {
            return Some(vec![(0..width).collect()]);
        }
        let schema = self.input.schema();
        let mut needed: Vec<usize> = output_columns
            .iter()
            .copied()
            .filter(|column| *column < width)
            .collect();
        for expr in std::iter::once(&self.time).chain(&self.partition_by) {
            for column in expr.column_refs() {
                needed.push(schema.maybe_index_of_column(column)?);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
