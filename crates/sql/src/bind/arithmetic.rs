//! Types of `+ - * / %`, by Flink's rules.
//!
//! | operands | result |
//! |---|---|
//! | whole numbers | the larger type; `%` the type of the right one |
//! | FLOAT or DOUBLE with anything | the larger of the two; FLOAT before DOUBLE is FLOAT, and DECIMAL makes it DOUBLE |
//! | DECIMAL `+ -` | scale max(s1, s2), precision max(p1-s1, p2-s2) + scale + 1 |
//! | DECIMAL `*` | scale s1 + s2, precision p1 + p2 + 1 |
//! | DECIMAL `/` | scale max(6, s1 + p2 + 1), precision p1 - s1 + s2 + scale |
//! | DECIMAL `%` | scale max(s1, s2), precision min(p1-s1, p2-s2) + scale |
//!
//! A precision over 38 gives up digits of the scale, but keeps six; a result that does not fit it is
//! NULL. TINYINT, SMALLINT, INT, BIGINT
//! count as DECIMAL(3, 0), (5, 0), (10, 0), (19, 0). Whole numbers wrap around on overflow.
//!
//! Source: Flink's `LogicalTypeMerging` and Calcite's `leastRestrictive`.

use arrow::datatypes::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::BinaryExpr;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr};
use datafusion_expr::{Cast, Expr, ExprSchemable, Operator, lit};
use datafusion_sql::sqlparser::ast::BinaryOperator;
use millstream_core::types::ColumnType;
use millstream_functions::{FunctionContext, flink_cast};

use super::{exact, finalise, intervals};

/// Plans arithmetic with Flink's types, and COUNT(*).
#[derive(Debug)]
pub(super) struct FlinkArithmetic {
    pub(super) context: FunctionContext,
}

impl ExprPlanner for FlinkArithmetic {
    fn plan_binary_op(
        &self,
        mut raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match raw.op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            BinaryOperator::Eq | BinaryOperator::NotEq => {
                return Ok(PlannerResult::Original(self.comparable(raw, schema)?));
            }
            _ => return Ok(PlannerResult::Original(raw)),
        };
        // `COALESCE(i, 0)` is an INT from here on, as it will be in the end.
        raw.left = finalise::narrowed(raw.left)?;
        raw.right = finalise::narrowed(raw.right)?;
        let left = type_of(&raw.left, schema)?;
        let right = type_of(&raw.right, schema)?;
        if intervals::is_interval(&left) || intervals::is_interval(&right) {
            let planned = intervals::plan(&raw.left, op, &raw.right, schema, &self.context)?;
            return Ok(match planned {
                Some(planned) => PlannerResult::Planned(planned),
                None => PlannerResult::Original(raw),
            });
        }
        if !left.is_numeric() || !right.is_numeric() {
            return Ok(PlannerResult::Original(raw));
        }
        let RawBinaryExpr {
            left: l, right: r, ..
        } = raw;
        let (l, r) = (as_type(l, &left), as_type(r, &right));
        let planned = match (decimal(&left), decimal(&right)) {
            _ if left.is_floating() || right.is_floating() => {
                let widest = floating(&left, &right);
                let result = binary(cast(l, &left, &widest), op, cast(r, &right, &widest));
                match (&left, &right) {
                    (DataType::Float32, DataType::Float64) => cast(result, &widest, &left),
                    _ => result,
                }
            }
            (Some(a), Some(b)) if is_decimal(&left) || is_decimal(&right) => {
                decimals(l, &left, a, op, r, &right, b)
            }
            _ => whole(l, &left, op, r, &right),
        };
        Ok(PlannerResult::Planned(planned))
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        #[expect(
            deprecated,
            reason = "the SQL planner still writes COUNT(*) with a wildcard"
        )]
        if raw.func.name() == "count" && matches!(raw.args.as_slice(), [Expr::Wildcard { .. }] | [])
        {
            raw.args = vec![lit(1_i32)];
        }
        Ok(PlannerResult::Original(raw))
    }
}

impl FlinkArithmetic {
    /// Gives the right one of two rows the names and types of the left one's fields.
    fn comparable(&self, mut raw: RawBinaryExpr, schema: &DFSchema) -> Result<RawBinaryExpr> {
        let (_, left) = raw.left.to_field(schema)?;
        let right = raw.right.get_type(schema)?;
        let are_rows = matches!(
            (left.data_type(), &right),
            (DataType::Struct(_), DataType::Struct(_))
        );
        if are_rows && *left.data_type() != right {
            raw.right = flink_cast(raw.right, ColumnType::of(&left), false, &self.context);
        }
        Ok(raw)
    }
}

/// The type of an operand; a whole-number literal is an INT if it fits.
fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) if i32::try_from(*value).is_ok() => {
            Ok(DataType::Int32)
        }
        // DataFusion reads whole numbers beyond BIGINT as unsigned.
        Expr::Literal(ScalarValue::UInt64(_), _) => Ok(DataType::Decimal128(20, 0)),
        _ => expr.get_type(schema),
    }
}

fn as_type(expr: Expr, ty: &DataType) -> Expr {
    match (expr, ty) {
        (Expr::Literal(ScalarValue::Int64(Some(value)), _), DataType::Int32) => lit(value as i32),
        (expr @ Expr::Literal(ScalarValue::UInt64(_), _), ty) => {
            Expr::Cast(Cast::new(Box::new(expr), ty.clone()))
        }
        (expr, _) => expr,
    }
}

fn cast(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to {
        return expr;
    }
    Expr::Cast(Cast::new(Box::new(expr), to.clone()))
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn whole(l: Expr, left: &DataType, op: Operator, r: Expr, right: &DataType) -> Expr {
    let larger = if rank(left) >= rank(right) {
        left
    } else {
        right
    };
    let result = binary(cast(l, left, larger), op, cast(r, right, larger));
    // The remainder is smaller than the divisor, so its type holds it.
    if op == Operator::Modulo {
        cast(result, larger, right)
    } else {
        result
    }
}

fn rank(ty: &DataType) -> u8 {
    match ty {
        DataType::Int8 => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        _ => 3,
    }
}

fn floating(left: &DataType, right: &DataType) -> DataType {
    let double = [left, right]
        .iter()
        .any(|ty| matches!(ty, DataType::Float64) || is_decimal(ty));
    if double {
        DataType::Float64
    } else {
        DataType::Float32
    }
}

fn is_decimal(ty: &DataType) -> bool {
    matches!(ty, DataType::Decimal128(_, _))
}

/// Precision and scale of an exact number.
fn decimal(ty: &DataType) -> Option<(i32, i32)> {
    match ty {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(p, s) => Some((i32::from(*p), i32::from(*s))),
        _ => None,
    }
}

fn decimals(
    l: Expr,
    left: &DataType,
    (p1, s1): (i32, i32),
    op: Operator,
    r: Expr,
    right: &DataType,
    (p2, s2): (i32, i32),
) -> Expr {
    let exact = |p: i32, s: i32| DataType::Decimal128(p as u8, s as i8);
    let (l, r) = (
        cast(l, left, &exact(p1, s1)),
        cast(r, right, &exact(p2, s2)),
    );
    let (precision, scale) = match op {
        Operator::Multiply => (p1 + p2 + 1, s1 + s2),
        Operator::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        Operator::Modulo => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
        _ => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
    };
    let may_overflow = precision > 38;
    let (precision, scale) = adjusted(precision, scale);
    // Arrow brings the operands of a remainder to one scale, for which there may be no place.
    let aligned = (p1 - s1).max(p2 - s2) + s1.max(s2);
    if may_overflow || op == Operator::Divide || (op == Operator::Modulo && aligned > 38) {
        let ty = (precision as u8, scale as i8);
        return exact::exact(l, op, r, ty, may_overflow);
    }
    let result = binary(l, op, r);
    Expr::Cast(Cast::new(Box::new(result), exact(precision, scale)))
}

fn adjusted(precision: i32, scale: i32) -> (i32, i32) {
    if precision <= 38 {
        return (precision, scale);
    }
    let digits = precision - scale;
    (38, (38 - digits).max(scale.min(6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_over_38_keeps_six_digits_of_the_scale() {
        assert_eq!(adjusted(23, 3), (23, 3));
        assert_eq!(adjusted(40, 10), (38, 8));
        assert_eq!(adjusted(77, 20), (38, 6));
        assert_eq!(adjusted(60, 2), (38, 2));
    }
}
