//! What cannot be compared is refused when it is planned.
//!
//! DataFusion would read a column of texts as numbers and fail at the first that is none. A text
//! that is a literal is read once, while planning, as an extension: `i = '7'`.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::{Expr, ExprSchemable};
use millstream_core::types::SqlType;
use millstream_core::{Code, Error};

use super::external;

/// Checks the operands of a comparison; other expressions are none.
pub(super) fn check(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::BinaryExpr(binary) if binary.op.supports_propagation() => {
            pair(&binary.left, &binary.right, schema)
        }
        Expr::Between(between) => {
            pair(&between.expr, &between.low, schema)?;
            pair(&between.expr, &between.high, schema)
        }
        Expr::InList(list) => list
            .list
            .iter()
            .try_for_each(|item| pair(&list.expr, item, schema)),
        _ => Ok(()),
    }
}

fn pair(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<()> {
    let (a, b) = (left.get_type(schema)?, right.get_type(schema)?);
    let fails = text_column(left, &a) && is_number(&b)
        || text_column(right, &b) && is_number(&a)
        || kinds_of_interval(&a, &b)
        || kinds_of_interval(&b, &a);
    if !fails {
        return Ok(());
    }
    let (a, b) = (SqlType::of_arrow(&a), SqlType::of_arrow(&b));
    Err(external(
        Error::new(Code::TypeMismatch, format!("cannot compare {a} with {b}"))
            .hint("CAST one of the two"),
    ))
}

fn text_column(expr: &Expr, ty: &DataType) -> bool {
    let is_text = matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    is_text && !matches!(expr, Expr::Literal(..))
}

fn is_number(ty: &DataType) -> bool {
    ty.is_numeric() || *ty == DataType::Boolean
}

fn kinds_of_interval(a: &DataType, b: &DataType) -> bool {
    matches!(a, DataType::Interval(IntervalUnit::YearMonth))
        && matches!(
            b,
            DataType::Interval(IntervalUnit::MonthDayNano) | DataType::Duration(_)
        )
}
