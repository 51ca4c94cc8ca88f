//! Interval joins: a condition that bounds the time of one side by that of the other.
//!
//! ```text
//! l.ts BETWEEN r.ts - INTERVAL '1' HOUR AND r.ts        ─▶   l.ts - r.ts in [-3600000, 0]
//! l.ts > r.ts - INTERVAL '5' SECOND AND l.ts < r.ts     ─▶   l.ts - r.ts in [-4999, -1]
//! l.ts = r.ts                                           ─▶   l.ts - r.ts in [0, 0]
//! ```
//!
//! Both must be time attributes of the same kind, both inputs insert-only, and both bounds given; otherwise
//! it is a regular join. As in Flink, SEMI and ANTI joins always are.

use arrow::datatypes::DataType;
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::logical_plan::Join as JoinNode;
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{BinaryExpr, Expr, Operator};
use millstream_core::Result;

use super::{Side, Translator};
use crate::changelog::ChangelogMode;
use crate::graph::RuntimeMode;
use crate::spec::{IntervalJoinSpec, JoinKind, JoinSpec, NodeKind};
use crate::translate::rel::{Rel, TimeKind};

/// What a condition says about the times of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    kind: TimeKind,
    /// Positions in the nodes' outputs.
    times: [usize; 2],
    lower: Option<i64>,
    upper: Option<i64>,
}

/// A time attribute of one side, shifted.
struct Term {
    side: usize,
    kind: TimeKind,
    position: usize,
    shift: i64,
}

impl Translator<'_> {
    /// Takes the bounds of time out of a condition if there are both of them.
    pub(super) fn interval(
        &self,
        rels: &[Rel; 2],
        node: &JoinNode,
        kind: JoinKind,
        on: &mut Vec<(Expr, Expr)>,
        filter: &mut Option<Expr>,
    ) -> Result<Option<Bounds>> {
        let inserts = |rel: &Rel| self.graph.node(rel.node).changelog.is_insert_only();
        if matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark)
            || self.settings.mode == RuntimeMode::Batch
            || !rels.iter().all(inserts)
        {
            return Ok(None);
        }
        let schemas: [&DFSchema; 2] = [node.left.schema(), node.right.schema()];
        let term = |expr: &Expr| term(expr, rels, schemas);
        let mut bounds: Option<Bounds> = None;
        let mut rest = Vec::new();
        for conjunct in filter.iter().flat_map(split_conjunction) {
            if !note(conjunct, &term, &mut bounds) {
                rest.push(conjunct.clone());
            }
        }
        let mut keys = Vec::new();
        for (left, right) in on.iter() {
            if !equal(left, right, &term, &mut bounds) {
                keys.push((left.clone(), right.clone()));
            }
        }
        let Some(bounds) = bounds.filter(|b| b.lower.is_some() && b.upper.is_some()) else {
            return Ok(None);
        };
        // Times that are equal are a key like any other if there is none besides.
        if !keys.is_empty() {
            *on = keys;
        }
        *filter = conjunction(rest);
        Ok(Some(bounds))
    }

    pub(super) fn interval_join(
        &mut self,
        left: Side,
        right: Side,
        spec: JoinSpec,
        bounds: Bounds,
    ) -> Result<Rel> {
        let sides = [&left, &right];
        let interval = IntervalJoinSpec {
            join: spec.clone(),
            times: (bounds.kind == TimeKind::Event).then_some(bounds.times),
            lower: bounds.lower.unwrap_or(i64::MIN),
            upper: bounds.upper.unwrap_or(i64::MAX),
        };
        let node = self.add_join(sides, &spec, ChangelogMode::INSERT_ONLY, |_| {
            NodeKind::IntervalJoin(interval)
        });
        // The watermark follows the times of both sides.
        let columns = self.join_columns(sides, spec.kind, |_, column| column.time)?;
        Ok(Rel {
            node,
            columns,
            window: None,
            late: super::late_of(sides),
            bounded: left.rel.bounded && right.rel.bounded,
        })
    }
}

/// Notes what a comparison says about both times; false if it says something else.
fn note(expr: &Expr, term: &impl Fn(&Expr) -> Option<Term>, bounds: &mut Option<Bounds>) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compare(left, *op, right, term, bounds),
        Expr::Between(between) if !between.negated => {
            let mut both = *bounds;
            let is_noted = compare(&between.expr, Operator::GtEq, &between.low, term, &mut both)
                && compare(
                    &between.expr,
                    Operator::LtEq,
                    &between.high,
                    term,
                    &mut both,
                );
            if is_noted {
                *bounds = both;
            }
            is_noted
        }
        _ => false,
    }
}

/// Notes that two times are equal.
fn equal(
    left: &Expr,
    right: &Expr,
    term: &impl Fn(&Expr) -> Option<Term>,
    bounds: &mut Option<Bounds>,
) -> bool {
    compare(left, Operator::Eq, right, term, bounds)
}

fn compare(
    left: &Expr,
    op: Operator,
    right: &Expr,
    term: &impl Fn(&Expr) -> Option<Term>,
    bounds: &mut Option<Bounds>,
) -> bool {
    let (Some(one), Some(other)) = (term(left), term(right)) else {
        return false;
    };
    if one.side == other.side || one.kind != other.kind {
        return false;
    }
    let (one, op, other) = match (one.side, op.swap()) {
        (0, _) => (one, op, other),
        (_, Some(swapped)) => (other, swapped, one),
        (_, None) => return false,
    };
    // one.time + one.shift OP other.time + other.shift
    let Some(difference) = other.shift.checked_sub(one.shift) else {
        return false;
    };
    let (lower, upper) = match op {
        Operator::Eq => (Some(difference), Some(difference)),
        Operator::Gt => (difference.checked_add(1), None),
        Operator::GtEq => (Some(difference), None),
        Operator::Lt => (None, difference.checked_sub(1)),
        Operator::LtEq => (None, Some(difference)),
        _ => return false,
    };
    let times = [one.position, other.position];
    let known = bounds.get_or_insert(Bounds {
        kind: one.kind,
        times,
        lower: None,
        upper: None,
    });
    if known.times != times || known.kind != one.kind {
        return false;
    }
    known.lower = known.lower.max(lower);
    known.upper = match (known.upper, upper) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    true
}

/// A time attribute plus or minus intervals.
fn term(expr: &Expr, rels: &[Rel; 2], schemas: [&DFSchema; 2]) -> Option<Term> {
    match expr {
        Expr::Alias(alias) => term(&alias.expr, rels, schemas),
        Expr::Column(_) => (0..2).find_map(|side| {
            let column = rels[side].column(expr, schemas[side])?;
            let super::super::rel::Place::At(position) = column.place else {
                return None;
            };
            Some(Term {
                side,
                kind: column.time?,
                position,
                shift: 0,
            })
        }),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (inner, shift) = match (op, millis(left), millis(right)) {
                (Operator::Plus, None, Some(ms)) => (left, ms),
                (Operator::Plus, Some(ms), None) => (right, ms),
                (Operator::Minus, None, Some(ms)) => (left, ms.checked_neg()?),
                _ => return None,
            };
            let inner = term(inner, rels, schemas)?;
            Some(Term {
                shift: inner.shift.checked_add(shift)?,
                ..inner
            })
        }
        // Both sides of a comparison may have been given one precision.
        Expr::Cast(cast) => {
            let inner = term(&cast.expr, rels, schemas)?;
            let target = cast.field.data_type();
            matches!(target, DataType::Timestamp(_, _)).then_some(inner)
        }
        _ => None,
    }
}

/// An interval of days to seconds, in ms; `None` if it is finer, or has months.
fn millis(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Alias(alias) => millis(&alias.expr),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(v)), _)
            if v.months == 0 && v.nanoseconds % 1_000_000 == 0 =>
        {
            i64::from(v.days)
                .checked_mul(86_400_000)?
                .checked_add(v.nanoseconds / 1_000_000)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(v)), _) => {
            Some(i64::from(v.days) * 86_400_000 + i64::from(v.milliseconds))
        }
        _ => None,
    }
}
