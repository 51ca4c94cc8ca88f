//! Scalar subqueries that may have several rows: a second one fails the job, as in Flink.
//!
//! ```text
//! (SELECT price FROM p)   ─▶   (SELECT single_value(FIRST_VALUE(price), COUNT(*)) FROM p)
//! ```
//!
//! The optimizer makes a join of a scalar subquery, which would multiply rows. With an aggregate it has one
//! row by itself. Subqueries that are an aggregate already, or end in LIMIT 1, stay as they are.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Result, internal_err};
use datafusion_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::logical_plan::{FetchType, Subquery};
use datafusion_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};
use millstream_core::{Code, Error};

use super::{Functions, external};

/// Makes one row of every scalar subquery of a plan.
pub(super) fn plan(plan: LogicalPlan, functions: &Functions) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|e| {
            let name = names.save(&e);
            let e = e.transform_up(|e| match e {
                Expr::ScalarSubquery(subquery) if !is_single(&subquery.subquery) => {
                    let single = single(subquery, functions)?;
                    Ok(Transformed::yes(Expr::ScalarSubquery(single)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(e.update_data(|e| name.restore(e)))
        })
    })?;
    Ok(rewritten.data)
}

/// True if a plan has one row at most.
fn is_single(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => is_single(&node.input),
        LogicalPlan::Filter(node) => is_single(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_single(&node.input),
        LogicalPlan::Sort(node) => is_single(&node.input),
        LogicalPlan::Aggregate(node) => node.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Values(node) => node.values.len() <= 1,
        LogicalPlan::Limit(node) => {
            matches!(node.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1))))
                || is_single(&node.input)
        }
        _ => false,
    }
}

fn single(subquery: Subquery, functions: &Functions) -> Result<Subquery> {
    let plan = Arc::unwrap_or_clone(subquery.subquery);
    let [column] = plan
        .schema()
        .columns()
        .try_into()
        .map_err(|columns: Vec<_>| {
            external(Error::new(
                Code::InvalidPlan,
                format!("a scalar subquery has one column, found {}", columns.len()),
            ))
        })?;
    let call = |name: &str, arg: Expr| match functions.aggregate.get(name) {
        Some(function) => Ok(Expr::AggregateFunction(AggregateFunction::new_udf(
            Arc::clone(function),
            vec![arg],
            false,
            None,
            vec![],
            None,
        ))),
        None => internal_err!("there is no aggregate '{name}'"),
    };
    let name = column.name.clone();
    let first = call("first_value", Expr::Column(column))?.alias("$value");
    let count = call("count", lit(1_i32))?.alias("$rows");
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(Vec::<Expr>::new(), vec![first, count])?
        .build()?;
    let args = plan.schema().columns().into_iter().map(Expr::Column);
    let function = ScalarUDF::from(SingleValue {
        signature: Signature::any(2, Volatility::Immutable),
    });
    let call = ScalarFunction::new_udf(Arc::new(function), args.collect());
    let plan = LogicalPlanBuilder::from(plan)
        .project(vec![Expr::ScalarFunction(call).alias(name)])?
        .build()?;
    Ok(Subquery {
        subquery: Arc::new(plan),
        ..subquery
    })
}

/// The value, if there are not several.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

impl ScalarUDFImpl for SingleValue {
    fn name(&self) -> &str {
        "single_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(value) => Ok(value.clone()),
            None => internal_err!("single_value has two arguments"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [value, count] = arrays.as_slice() else {
            return internal_err!("single_value has two arguments");
        };
        let Some(count) = count.as_primitive_opt::<Int64Type>() else {
            return internal_err!("the number of rows is a BIGINT");
        };
        match count.iter().flatten().max() {
            Some(rows) if rows > 1 => Err(external(
                Error::new(
                    Code::Evaluation,
                    format!("a scalar subquery wants one row at most, found {rows}"),
                )
                .hint("aggregate its rows, such as with MAX, or compare the key in its WHERE"),
            )),
            _ => Ok(ColumnarValue::Array(Arc::clone(value))),
        }
    }
}
