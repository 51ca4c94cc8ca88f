//! Joins with something that depends on a row of the other side: UNNEST, and FOR SYSTEM_TIME AS OF.
//!
//! The SQL planner makes a join of the left side and of an UNNEST whose collection refers to it. That
//! join is taken out: the UNNEST gets the left side as its input.
//!
//! ```text
//! Join(t, Unnest(outer t.items))   ─▶   Unnest(t.items) over t
//! ```
//!
//! A join with a table FOR SYSTEM_TIME AS OF a time of the left side gets a condition that names the time
//! ([`version`]).

use std::collections::HashSet;
use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, JoinType, Result, ScalarValue, internal_err};
use datafusion_expr::expr::InSubquery;
use datafusion_expr::logical_plan::{Filter, Join};
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr,
};
use millstream_core::Error;
use millstream_plan::logical::{UnnestNode, VersionNode, version};

use super::external;

/// Rewrites a plan and its subqueries.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) => joined(join),
        LogicalPlan::Filter(filter) => {
            refuse_negated_in(&filter)?;
            Ok(Transformed::no(LogicalPlan::Filter(filter)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(rewritten.data)
}

fn joined(join: Join) -> Result<Transformed<LogicalPlan>> {
    if let Some(version) = version_of(&join.right) {
        let time = version.time.clone();
        return temporal(join, time).map(Transformed::yes);
    }
    let Some(unnest) = unnest_of(&join.right) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let condition = condition_of(&join);
    let is_outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        _ => {
            return Err(external(
                Error::unsupported(
                    "UNNEST on the right side of a RIGHT or FULL JOIN is not supported",
                )
                .hint("write CROSS JOIN UNNEST(..) or LEFT JOIN UNNEST(..) ON TRUE"),
            ));
        }
    };
    if is_outer && condition.is_some() {
        return Err(external(
            Error::unsupported(
                "LEFT JOIN UNNEST with another condition than TRUE is not supported",
            )
            .hint("write ON TRUE, and the condition in WHERE or in a subquery"),
        ));
    }
    let node = unnest.over(Arc::unwrap_or_clone(join.left), is_outer)?;
    let plan = LogicalPlan::Extension(Extension {
        node: Arc::new(node),
    });
    let plan = match condition {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build()?,
        None => plan,
    };
    Ok(Transformed::yes(plan))
}

/// Refuses NOT IN inside OR if a NULL may be compared: the join that marks rows knows only yes and no.
fn refuse_negated_in(filter: &Filter) -> Result<()> {
    let schema = filter.input.schema();
    let may_be_null = |e: &InSubquery| -> Result<bool> {
        let theirs = e.subquery.subquery.schema().fields();
        Ok(e.expr.nullable(schema)? || theirs.iter().any(|field| field.is_nullable()))
    };
    for conjunct in split_conjunction(&filter.predicate) {
        let inner = match conjunct {
            Expr::Not(inner) => inner.as_ref(),
            other => other,
        };
        if matches!(inner, Expr::InSubquery(_)) {
            continue;
        }
        let mut is_negated = false;
        conjunct.apply(|e| {
            let found = |e: &Expr| match e {
                Expr::InSubquery(e) => may_be_null(e),
                _ => Ok(false),
            };
            is_negated |= match e {
                Expr::InSubquery(inner) => inner.negated && found(e)?,
                Expr::Not(inner) => inner.exists(|e| found(e))?,
                _ => false,
            };
            Ok(TreeNodeRecursion::Continue)
        })?;
        if is_negated {
            return Err(external(
                Error::unsupported(
                    "NOT IN with a subquery inside OR is not supported where a value may be NULL",
                )
                .hint("write NOT EXISTS (SELECT .. WHERE ..), or declare the columns NOT NULL"),
            ));
        }
    }
    Ok(())
}

/// The table FOR SYSTEM_TIME AS OF a side of a join is.
fn version_of(plan: &LogicalPlan) -> Option<&VersionNode> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
        _ => None,
    }
}

/// Names the time of the left side among the conditions of a join.
fn temporal(mut join: Join, time: Column) -> Result<LogicalPlan> {
    let (left, right) = (join.left.schema(), join.right.schema());
    let found = match &time.relation {
        Some(relation) => left.qualified_field_with_name(Some(relation), &time.name),
        None => left.qualified_field_with_unqualified_name(&time.name),
    };
    let time = Column::from(found?);
    // A column of the table, so that the condition is of both sides; none that is compared for equality,
    // as the optimizer may put the other one in its place.
    let equal = join.filter.iter().flat_map(split_conjunction);
    let equal = equal.filter(|e| matches!(e, Expr::BinaryExpr(e) if e.op == Operator::Eq));
    let keys = join.on.iter().map(|(_, key)| key).chain(equal);
    let keys: HashSet<&Column> = keys.flat_map(Expr::column_refs).collect();
    let columns = right.columns();
    let free = columns.iter().find(|column| !keys.contains(column));
    let right = free.or(columns.first()).cloned();
    let Some(right) = right else {
        return internal_err!("a table has columns");
    };
    let as_of = version::as_of(time, right);
    join.filter = Some(match join.filter.take() {
        Some(filter) => filter.and(as_of),
        None => as_of,
    });
    Ok(LogicalPlan::Join(join))
}

/// The UNNEST a side of a join is.
fn unnest_of(plan: &LogicalPlan) -> Option<&UnnestNode> {
    match plan {
        LogicalPlan::Subquery(subquery) => unnest_of(&subquery.subquery),
        LogicalPlan::Extension(extension) => {
            let node = extension.node.as_any().downcast_ref::<UnnestNode>()?;
            // Not one that has found its input already.
            let is_alone =
                matches!(&node.input, LogicalPlan::EmptyRelation(one) if one.produce_one_row);
            is_alone.then_some(node)
        }
        _ => None,
    }
}

/// What a join wants besides TRUE.
fn condition_of(join: &Join) -> Option<Expr> {
    let equal = join
        .on
        .iter()
        .map(|(left, right)| binary_expr(left.clone(), Operator::Eq, right.clone()));
    let is_true = |e: &&Expr| matches!(e, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let filters = join.filter.iter().flat_map(split_conjunction);
    let filters = filters.filter(|e| !is_true(e)).cloned();
    equal.chain(filters).reduce(Expr::and)
}
