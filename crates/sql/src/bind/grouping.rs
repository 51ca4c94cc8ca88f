//! GROUPING SETS, ROLLUP and CUBE: one aggregate over several copies of its input.
//!
//! ```text
//! GROUP BY GROUPING SETS ((a, b), (a), ())
//!   ─▶ aggregate by a, b, $group_id
//!        └─ union of   SELECT *, a, b, 0     SELECT *, a, NULL, 1     SELECT *, NULL, NULL, 3
//! ```
//!
//! * Bit i of the id, counted from the last key, says that the key is not in the set. So a NULL that was
//!   in the data and one that stands for "all" are different groups.
//! * Keys that are in every set stay what they are: bounds of a window must be, as in Flink.
//! * GROUPING(a) and GROUPING_ID(a, b) are read off the id.
//!
//! Each copy is a projection of the same input, which is read once. The idea is Flink's Expand node.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::tree_node::Transformed;
use datafusion_common::{Column, Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::expr::{AggregateFunction, GroupingSet};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::logical_plan::Aggregate;
use datafusion_expr::utils::{enumerate_grouping_sets, grouping_set_to_exprlist};
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, ExprSchemable, LogicalPlan,
    LogicalPlanBuilder, Signature, Volatility, lit, when,
};

/// Name of the column that tells the sets apart.
const ID: &str = "$group_id";
/// Most sets of one GROUP BY.
const SETS_MAX: usize = 4096;

/// GROUPING and GROUPING_ID, which only this module computes.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    ["grouping", "grouping_id"]
        .into_iter()
        .map(|name| {
            Arc::new(AggregateUDF::from(Grouping {
                name,
                signature: Signature::variadic_any(Volatility::Immutable),
            }))
        })
        .collect()
}

/// Replaces an aggregate over several sets of keys by one over a union; others stay what they are.
pub(super) fn expand(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &plan else {
        return Ok(Transformed::no(plan));
    };
    let Some(sets) = sets_of(aggregate)? else {
        return match aggregate.aggr_expr.iter().any(|e| grouping_of(e).is_some()) {
            true => plan_err!("GROUPING wants GROUPING SETS, ROLLUP or CUBE"),
            false => Ok(Transformed::no(plan)),
        };
    };
    let keys = grouping_set_to_exprlist(&aggregate.group_expr)?;
    let keys: Vec<Expr> = keys.into_iter().cloned().collect();
    Ok(Transformed::yes(expanded(aggregate, &keys, &sets)?))
}

/// The sets of keys an aggregate groups by, if there are several.
fn sets_of(aggregate: &Aggregate) -> Result<Option<Vec<Vec<Expr>>>> {
    let [Expr::GroupingSet(set)] = aggregate.group_expr.as_slice() else {
        return Ok(None);
    };
    let sets = match set {
        GroupingSet::GroupingSets(sets) => sets.clone(),
        GroupingSet::Rollup(keys) => (0..=keys.len())
            .rev()
            .map(|length| keys[..length].to_vec())
            .collect(),
        GroupingSet::Cube(_) => {
            // Crossed with a set without keys: all subsets, listed.
            let mut crossed = aggregate.group_expr.clone();
            crossed.push(Expr::GroupingSet(GroupingSet::GroupingSets(vec![vec![]])));
            match enumerate_grouping_sets(crossed)?.as_slice() {
                [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.clone(),
                _ => return internal_err!("a CUBE has no sets"),
            }
        }
    };
    match sets.len() {
        1..=SETS_MAX => Ok(Some(sets)),
        found => plan_err!("GROUP BY with {found} grouping sets, at most {SETS_MAX} are possible"),
    }
}

fn expanded(aggregate: &Aggregate, keys: &[Expr], sets: &[Vec<Expr>]) -> Result<LogicalPlan> {
    let input = Arc::clone(&aggregate.input);
    let schema = Arc::clone(input.schema());
    let everywhere = |key: &Expr| sets.iter().all(|set| set.contains(key));
    let name = |index: usize| format!("$group_{index}");
    let plain = |index: usize| format!("$column_{index}");
    let mut copies = Vec::with_capacity(sets.len());
    for set in sets {
        // A union forgets which table a column is of: they have plain names on the way.
        let columns = schema.columns().into_iter().enumerate();
        let mut exprs: Vec<Expr> = columns
            .map(|(index, column)| Expr::Column(column).alias(plain(index)))
            .collect();
        let mut id = 0i64;
        for (index, key) in keys.iter().enumerate() {
            id = id * 2 + i64::from(!set.contains(key));
            if everywhere(key) {
                continue;
            }
            let value = match set.contains(key) {
                true => key.clone(),
                false => Expr::Literal(ScalarValue::try_from(&key.get_type(&schema)?)?, None),
            };
            exprs.push(value.alias(name(index)));
        }
        exprs.push(lit(id).alias(ID));
        let copy = LogicalPlanBuilder::from(Arc::clone(&input));
        copies.push(copy.project(exprs)?.build()?);
    }
    let mut copies = copies.into_iter();
    let Some(first) = copies.next() else {
        return internal_err!("a GROUP BY without sets");
    };
    let union = copies.try_fold(LogicalPlanBuilder::new(first), |union, copy| {
        union.union(copy)
    })?;
    let unqualified = |name: &str| Expr::Column(Column::new_unqualified(name));
    let columns = schema.columns().into_iter().enumerate();
    let mut back: Vec<Expr> = columns
        .map(|(index, column)| {
            unqualified(&plain(index)).alias_qualified(column.relation, column.name)
        })
        .collect();
    let added = keys.iter().enumerate().filter(|(_, key)| !everywhere(key));
    back.extend(added.map(|(index, _)| unqualified(&name(index))));
    back.push(unqualified(ID));
    let union = union.project(back)?;
    let groups = keys
        .iter()
        .enumerate()
        .map(|(index, key)| match everywhere(key) {
            true => key.clone(),
            false => unqualified(&name(index)),
        });
    let groups: Vec<Expr> = groups.chain([unqualified(ID)]).collect();
    let calls = aggregate.aggr_expr.iter();
    let calls = calls.filter(|call| grouping_of(call).is_none()).cloned();
    let grouped = union.aggregate(groups, calls)?.build()?;
    renamed(aggregate, keys, grouped)
}

/// The columns of the aggregate under the names they had.
fn renamed(aggregate: &Aggregate, keys: &[Expr], grouped: LogicalPlan) -> Result<LogicalPlan> {
    let found = grouped.schema().columns();
    let mut exprs = Vec::with_capacity(aggregate.schema.fields().len());
    let names = aggregate.schema.columns();
    for (index, name) in names.iter().take(keys.len()).enumerate() {
        let column = Expr::Column(found[index].clone());
        exprs.push(column.alias_qualified(name.relation.clone(), name.name.clone()));
    }
    let id = Expr::Column(found[keys.len()].clone());
    let mut next = keys.len() + 1;
    // Behind the keys the old aggregate has an id of its own, which nobody reads.
    for (call, name) in aggregate.aggr_expr.iter().zip(&names[keys.len() + 1..]) {
        let value = match grouping_of(call) {
            Some(asked) => bits_of(asked, keys, &id)?,
            None => {
                next += 1;
                Expr::Column(found[next - 1].clone())
            }
        };
        exprs.push(value.alias_qualified(name.relation.clone(), name.name.clone()));
    }
    LogicalPlanBuilder::new(grouped).project(exprs)?.build()
}

/// The arguments if an expression is a call of GROUPING.
fn grouping_of(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Alias(alias) => grouping_of(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            let implementation: &dyn std::any::Any = func.inner().as_ref();
            let is_marker = implementation.downcast_ref::<Grouping>().is_some();
            is_marker.then_some(params.args.as_slice())
        }
        _ => None,
    }
}

/// A number with one bit per argument, the last one lowest: 1 if the key is not in the set.
fn bits_of(asked: &[Expr], keys: &[Expr], id: &Expr) -> Result<Expr> {
    let mut sum: Option<Expr> = None;
    for (place, argument) in asked.iter().rev().enumerate() {
        let Some(position) = keys.iter().position(|key| key == argument) else {
            return plan_err!("GROUPING wants keys of GROUP BY, found '{argument}'");
        };
        let divisor = 1i64 << (keys.len() - 1 - position);
        let is_out = (id.clone() / lit(divisor) % lit(2i64)).eq(lit(1i64));
        let bit = when(is_out, lit(1i64 << place)).otherwise(lit(0i64))?;
        sum = Some(match sum {
            Some(sum) => sum + bit,
            None => bit,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => plan_err!("GROUPING wants at least one key of GROUP BY"),
    }
}

/// GROUPING: a description, replaced before anything runs.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Grouping {
    name: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for Grouping {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field(&self, _arguments: &[FieldRef]) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name, DataType::Int64, false)))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} is read off the grouping set", self.name)
    }
}
