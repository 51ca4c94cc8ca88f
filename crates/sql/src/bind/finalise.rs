//! Casts and literals with Flink's meaning, put in place of DataFusion's after planning.
//!
//! * A whole number is INT if it fits, else BIGINT. (DataFusion reads every one as BIGINT.)
//! * The columns of a UNION have the types their values have in common.
//! * CAST and TRY_CAST between types where Arrow's rules differ from Flink's become our function.
//!
//! Names of columns stay as they were, so that nodes above still find them.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::logical_plan::{Union, Values};
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use millstream_core::types::{ColumnType, SqlType};
use millstream_functions::{FunctionContext, common_column, flink_cast};

use super::{comparisons, grouping};

/// Rewrites every expression of a plan.
pub(super) fn plan(plan: LogicalPlan, context: &FunctionContext) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        if matches!(node, LogicalPlan::Limit(_)) {
            return Ok(Transformed::no(node));
        }
        let mut schema = merge_schema(&node.inputs());
        if let LogicalPlan::TableScan(scan) = &node {
            schema.merge(&scan.projected_schema);
        }
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|e| {
            let name = names.save(&e);
            let e = expr(e, &schema, context)?;
            Ok(Transformed::yes(name.restore(e)))
        })?;
        match node.data {
            // The types of constant rows are those of their rewritten values.
            LogicalPlan::Values(values) => retyped(values).map(Transformed::yes),
            LogicalPlan::Union(union) => unioned(union, context).map(Transformed::yes),
            aggregate @ LogicalPlan::Aggregate(_) => {
                grouping::expand(aggregate.recompute_schema()?)
                    .map(|plan| Transformed::yes(plan.data))
            }
            other => Ok(Transformed::yes(other.recompute_schema()?)),
        }
    })?;
    Ok(rewritten.data)
}

/// Constant rows with the types their values have now, under the names they had.
fn retyped(values: Values) -> Result<LogicalPlan> {
    let names = values.schema.columns();
    // A cast here is DataFusion's, to the type it took the literals for.
    let plain = |cell: Expr| match cell.unalias() {
        Expr::Cast(cast) => *cast.expr,
        Expr::Literal(value, metadata) if value.is_null() => {
            Expr::Literal(ScalarValue::Null, metadata)
        }
        other => other,
    };
    let rows = values
        .values
        .into_iter()
        .map(|row| row.into_iter().map(plain).collect());
    let plan = LogicalPlanBuilder::values(rows.collect())?.build()?;
    let renamed = plan
        .schema()
        .columns()
        .into_iter()
        .zip(names)
        .map(|(from, to)| Expr::Column(from).alias_qualified(to.relation, to.name));
    let renamed: Vec<Expr> = renamed.collect();
    LogicalPlanBuilder::new(plan).project(renamed)?.build()
}

/// Rewrites one expression over the columns of `schema`.
pub(super) fn expr(expr: Expr, schema: &DFSchema, context: &FunctionContext) -> Result<Expr> {
    let rewritten = narrowed(expr)?.transform_up(|e| match e {
        Expr::Cast(cast) => {
            let from = cast.expr.get_type(schema)?;
            if is_same_in_flink(&from, cast.field.data_type()) {
                return Ok(Transformed::no(Expr::Cast(cast)));
            }
            let target = ColumnType::of(&cast.field);
            Ok(Transformed::yes(flink_cast(
                *cast.expr, target, false, context,
            )))
        }
        Expr::TryCast(cast) => {
            let target = ColumnType::of(&cast.field);
            Ok(Transformed::yes(flink_cast(
                *cast.expr, target, true, context,
            )))
        }
        other => {
            comparisons::check(&other, schema)?;
            Ok(Transformed::no(other))
        }
    })?;
    Ok(rewritten.data)
}

/// Whole numbers that fit are INT.
pub(super) fn narrowed(expr: Expr) -> Result<Expr> {
    let narrowed = expr.transform_up(|e| match e {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => match i32::try_from(value) {
            Ok(value) => {
                let value = ScalarValue::Int32(Some(value));
                Ok(Transformed::yes(Expr::Literal(value, metadata)))
            }
            Err(_) => {
                let value = ScalarValue::Int64(Some(value));
                Ok(Transformed::no(Expr::Literal(value, metadata)))
            }
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(narrowed.data)
}

/// A union whose columns have the types their values have in common.
fn unioned(union: Union, context: &FunctionContext) -> Result<LogicalPlan> {
    let width = union.schema.fields().len();
    let is_even = union
        .inputs
        .iter()
        .all(|input| input.schema().fields().len() == width);
    let mut wanted: Vec<Option<SqlType>> = vec![None; if is_even { width } else { 0 }];
    for (column, wanted) in wanted.iter_mut().enumerate() {
        let types: Vec<SqlType> = union
            .inputs
            .iter()
            .map(|input| SqlType::of(input.schema().field(column)))
            .collect();
        if types.windows(2).any(|pair| pair[0] != pair[1]) {
            *wanted = common_column(&types);
        }
    }
    let mut inputs = union.inputs;
    if wanted.iter().any(Option::is_some) {
        for input in &mut inputs {
            let columns = input.schema().columns().into_iter().zip(&wanted);
            let columns: Vec<Expr> = columns
                .map(|(column, wanted)| match wanted {
                    Some(sql) => {
                        let ty = ColumnType::nullable(sql.clone());
                        flink_cast(Expr::Column(column.clone()), ty, false, context)
                            .alias_qualified(column.relation, column.name)
                    }
                    None => Expr::Column(column),
                })
                .collect();
            let plan = LogicalPlanBuilder::new(input.as_ref().clone());
            *input = Arc::new(plan.project(columns)?.build()?);
        }
    }
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
}

/// Replaces the casts type coercion has added where an instant meets a local time or a text: they
/// mean the session's zone, not UTC.
pub(super) fn zoned(plan: LogicalPlan, context: &FunctionContext) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|e| {
            let name = names.save(&e);
            let zoned = e.transform_up(|e| match e {
                Expr::Cast(cast)
                    if meets_zone(&cast.expr.get_type(&schema)?, cast.field.data_type()) =>
                {
                    let target = ColumnType::of(&cast.field);
                    Ok(Transformed::yes(flink_cast(
                        *cast.expr, target, false, context,
                    )))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(zoned.update_data(|e| name.restore(e)))
        })?;
        Ok(node)
    })?;
    Ok(rewritten.data)
}

fn meets_zone(from: &DataType, to: &DataType) -> bool {
    let is_instant = |ty: &DataType| matches!(ty, DataType::Timestamp(_, Some(_)));
    match (from, to) {
        (DataType::Timestamp(..) | DataType::Date32 | DataType::Utf8, DataType::Timestamp(..)) => {
            is_instant(from) != is_instant(to)
        }
        (DataType::Timestamp(..), DataType::Utf8 | DataType::Date32) => is_instant(from),
        _ => false,
    }
}

/// True for casts Arrow and Flink agree on: those that lose nothing, between numbers or to the
/// type that is there already.
fn is_same_in_flink(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Null, _) => true,
        (T::Int8, T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64)
        | (T::Int16, T::Int32 | T::Int64 | T::Float32 | T::Float64)
        | (T::Int32, T::Int64 | T::Float64)
        | (T::Float32, T::Float64) => true,
        (T::Int8 | T::Int16 | T::Int32 | T::Int64, T::Decimal128(p, s)) => {
            i16::from(*p) - i16::from(*s) >= 19
        }
        (T::Decimal128(p1, s1), T::Decimal128(p2, s2)) => {
            s1 <= s2 && i16::from(*p1) - i16::from(*s1) <= i16::from(*p2) - i16::from(*s2)
        }
        _ => false,
    }
}
