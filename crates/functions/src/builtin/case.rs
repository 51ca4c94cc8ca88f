//! CASE, COALESCE and BETWEEN SYMMETRIC, as calls until they are optimised.
//!
//! ```text
//! CASE WHEN c THEN a ELSE b END       case_when(c, a, b)
//! CASE x WHEN v THEN a END            case_of(x, v, a, NULL)
//! x BETWEEN SYMMETRIC a AND b         between_symmetric(x, a, b)
//! ```
//!
//! A call has Flink's common type from the start, which a `CASE` of DataFusion only gets by
//! coercion; the optimiser then puts that `CASE` in its place, which computes a result only where it
//! is chosen.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_null_array};
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, cast, is_not_null, or_kleene};
use arrow::datatypes::DataType;
use datafusion_common::Result as DfResult;
use datafusion_expr::Expr;
use datafusion_expr::expr::Case;
use millstream_core::types::ColumnType;
use millstream_core::{Error, Result};

use crate::args::Kind::Any;
use crate::args::{Arguments, Call};
use crate::common::Rule;
use crate::function::{Spec, external, function};
use crate::output::boolean;

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("between_symmetric", &[Any, Any, Any], boolean, between).unified_from(0),
    function("case_of", &[Any, Any, Any, Any], of_results::<1>, of)
        .variadic()
        .cases(1)
        .by_rule(Rule::FirstFloat)
        .rewritten(|args| case(args, true)),
    function("case_when", &[Any, Any, Any], of_results::<0>, when)
        .variadic()
        .cases(0)
        .by_rule(Rule::FirstFloat)
        .rewritten(|args| case(args, false)),
    function("coalesce", &[Any], of_first_known, coalesce)
        .variadic()
        .unified_from(0)
        .by_rule(Rule::DateOfTimestamp)
        .rewritten(|args| Ok(datafusion_functions::core::coalesce().call(args))),
];

/// Where the results of a CASE are among its arguments.
fn results(count: usize, operands: usize) -> impl Iterator<Item = usize> {
    (operands + 1..count - 1).step_by(2).chain([count - 1])
}

fn of_results<const OPERANDS: usize>(args: &Arguments) -> Result<ColumnType> {
    let count = args.fields.len();
    if (count - OPERANDS).is_multiple_of(2) {
        return Err(args.mismatch("wants a result behind each condition, and one more"));
    }
    Ok(ColumnType {
        sql: args.merged_of(results(count, OPERANDS)),
        nullable: results(count, OPERANDS).any(|index| args.nullable(index)),
    })
}

fn of_first_known(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: args.merged(0),
        nullable: (0..args.fields.len()).all(|index| args.nullable(index)),
    })
}

/// DataFusion's CASE from the arguments of a call.
fn case(mut args: Vec<Expr>, has_operand: bool) -> DfResult<Expr> {
    let Some(otherwise) = args.pop() else {
        return Err(external(Error::internal("CASE has a last result")));
    };
    let mut rest = args.into_iter();
    let operand = has_operand.then(|| rest.next()).flatten().map(Box::new);
    let mut branches = Vec::new();
    while let (Some(condition), Some(result)) = (rest.next(), rest.next()) {
        branches.push((Box::new(condition), Box::new(result)));
    }
    Ok(Expr::Case(Case::new(
        operand,
        branches,
        Some(Box::new(otherwise)),
    )))
}

fn when(call: &Call) -> Result<ArrayRef> {
    chosen(call, 0, |index| Ok(call.full(index)?.as_boolean().clone()))
}

fn of(call: &Call) -> Result<ArrayRef> {
    let operand = call.full(0)?;
    chosen(call, 1, |index| {
        let value = call.full(index)?;
        if *value.data_type() == DataType::Null {
            return Ok(new_null_array(&DataType::Boolean, call.rows)
                .as_boolean()
                .clone());
        }
        Ok(cmp::eq(&operand, &value)?)
    })
}

/// Row by row the result behind the first condition that holds.
fn chosen(
    call: &Call,
    operands: usize,
    condition: impl Fn(usize) -> Result<BooleanArray>,
) -> Result<ArrayRef> {
    let last = call.len() - 1;
    let ty = call.returns.data_type();
    let mut result = cast(&call.full(last)?, ty)?;
    for index in (operands..last).step_by(2).rev() {
        let then = cast(&call.full(index + 1)?, ty)?;
        result = zip(&condition(index)?, &then, &result)?;
    }
    Ok(result)
}

fn coalesce(call: &Call) -> Result<ArrayRef> {
    let mut result = call.full(call.len() - 1)?;
    for index in (0..call.len() - 1).rev() {
        let value = call.full(index)?;
        result = zip(&is_not_null(&value)?, &value, &result)?;
    }
    Ok(result)
}

/// Between the two, whichever of them is the greater.
fn between(call: &Call) -> Result<ArrayRef> {
    let (value, a, b) = (call.full(0)?, call.full(1)?, call.full(2)?);
    if *value.data_type() == DataType::Null {
        return Ok(new_null_array(&DataType::Boolean, call.rows));
    }
    let within = |low: &ArrayRef, high: &ArrayRef| {
        and_kleene(&cmp::gt_eq(&value, low)?, &cmp::lt_eq(&value, high)?)
    };
    Ok(Arc::new(or_kleene(&within(&a, &b)?, &within(&b, &a)?)?))
}

#[cfg(test)]
mod tests {
    use datafusion_common::ScalarValue as V;

    use crate::testing::{NO_STR, call, check, check_null, s, type_of};

    fn i(value: i32) -> V {
        V::Int32(Some(value))
    }

    fn b(value: bool) -> V {
        V::Boolean(Some(value))
    }

    #[test]
    fn a_case_has_the_type_its_results_have_in_common() {
        let half = V::Decimal128(Some(25), 2, 1);
        let args = [b(true), i(1), half.clone()];
        assert_eq!(type_of("case_when", &args), "DECIMAL(11, 1) NOT NULL");
        check("case_when", &args, V::Decimal128(Some(10), 11, 1));
        check(
            "case_when",
            &[V::Boolean(None), i(1), half],
            V::Decimal128(Some(25), 11, 1),
        );
        assert_eq!(type_of("case_of", &[i(1), i(1), s("a"), NO_STR]), "STRING");
        check("case_of", &[i(1), i(1), s("a"), s("b")], s("a"));
        check("case_of", &[V::Int32(None), i(1), s("a"), s("b")], s("b"));
        assert!(call("case_of", &[s("1"), i(1), s("a"), s("b")]).is_err());
        assert!(call("case_when", &[i(1), i(1), i(2)]).is_err());
    }

    #[test]
    fn symmetric_bounds_may_come_in_any_order() {
        check("between_symmetric", &[i(7), i(10), i(1)], b(true));
        check("between_symmetric", &[i(7), i(1), i(10)], b(true));
        check("between_symmetric", &[i(11), i(10), i(1)], b(false));
        check_null("between_symmetric", &[i(7), V::Int32(None), i(1)]);
    }
}
