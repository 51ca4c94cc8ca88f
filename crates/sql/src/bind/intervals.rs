//! Arithmetic with INTERVALs, by Flink's rules.
//!
//! | operands | result |
//! |---|---|
//! | INTERVAL `+ -` INTERVAL of the same kind | INTERVAL |
//! | INTERVAL `*` whole number, either way | INTERVAL |
//! | a time `+ -` INTERVAL | the type of the time, with its precision |
//!
//! What is not in the table and not here is left to DataFusion.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr::BinaryExpr;
use datafusion_expr::{Expr, ExprSchemable, Operator};
use millstream_core::types::{ColumnType, SqlType, TYPE_KEY};
use millstream_core::{Code, Error};
use millstream_functions::{FunctionContext, flink_cast};

use super::external;

/// Whether an operand of this type is for this module.
pub(super) fn is_interval(ty: &DataType) -> bool {
    matches!(ty, DataType::Interval(_) | DataType::Duration(_))
}

/// Plans `left op right`, one of which is an interval; `None` leaves it to DataFusion.
pub(super) fn plan(
    left: &Expr,
    op: Operator,
    right: &Expr,
    schema: &DFSchema,
    context: &FunctionContext,
) -> Result<Option<Expr>> {
    let (a, b) = (left.get_type(schema)?, right.get_type(schema)?);
    let refused = || {
        let (a, b) = (SqlType::of_arrow(&a), SqlType::of_arrow(&b));
        Err(external(Error::new(
            Code::TypeMismatch,
            format!("{a} {op} {b} has no meaning"),
        )))
    };
    match (is_interval(&a), op, is_interval(&b)) {
        (true, Operator::Multiply, false) if b.is_integer() => {
            Ok(Some(times(left, &a, right, context)))
        }
        (false, Operator::Multiply, true) if a.is_integer() => {
            Ok(Some(times(right, &b, left, context)))
        }
        (_, Operator::Multiply | Operator::Divide | Operator::Modulo, _) => refused(),
        (true, _, true) if is_months(&a) != is_months(&b) => refused(),
        (false, _, true) => moved(left, op, left, right, schema, context),
        (true, Operator::Plus, false) => moved(right, op, left, right, schema, context),
        _ => Ok(None),
    }
}

fn is_months(ty: &DataType) -> bool {
    matches!(ty, DataType::Interval(IntervalUnit::YearMonth))
}

/// A number of intervals, counted in months or milliseconds.
fn times(interval: &Expr, ty: &DataType, count: &Expr, context: &FunctionContext) -> Expr {
    let to = |expr: Expr, sql| flink_cast(expr, ColumnType::nullable(sql), false, context);
    let kind = match is_months(ty) {
        true => SqlType::IntervalYearMonth,
        false => SqlType::IntervalDaySecond,
    };
    let length = to(to(interval.clone(), kind.clone()), SqlType::BigInt);
    let product = BinaryExpr::new(
        Box::new(length),
        Operator::Multiply,
        Box::new(to(count.clone(), SqlType::BigInt)),
    );
    to(Expr::BinaryExpr(product), kind)
}

/// A time moved by an interval keeps its type, precision included.
fn moved(
    time: &Expr,
    op: Operator,
    left: &Expr,
    right: &Expr,
    schema: &DFSchema,
    context: &FunctionContext,
) -> Result<Option<Expr>> {
    let (_, field) = time.to_field(schema)?;
    if !field.metadata().contains_key(TYPE_KEY) {
        return Ok(None);
    }
    let ty = SqlType::of(&field);
    if !matches!(
        ty,
        SqlType::Time(_) | SqlType::Timestamp(_) | SqlType::TimestampLtz(_)
    ) {
        return Ok(None);
    }
    let sum = BinaryExpr::new(Box::new(left.clone()), op, Box::new(right.clone()));
    Ok(Some(flink_cast(
        Expr::BinaryExpr(sum),
        ColumnType::nullable(ty),
        false,
        context,
    )))
}
