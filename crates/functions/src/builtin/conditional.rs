//! Functions that choose.
//!
//! ```sql
//! IF(5 > 3, 'yes', 'no')     -- 'yes'
//! IFNULL(NULL, 5)            -- 5
//! NULLIF(5, 5)               -- NULL
//! GREATEST(1, 3, 2)          -- 3;   NULL if any argument is
//! IS_DECIMAL('1.5')          -- TRUE
//! TYPEOF(1)                  -- 'INT NOT NULL'
//! ```
//!
//! CASE and COALESCE are in `case.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, nullif as arrow_nullif, or};
use arrow::datatypes::DataType;
use datafusion_common::Result as DfResult;
use datafusion_expr::{Expr, when};
use millstream_core::types::ColumnType;
use millstream_core::{Error, Result};

use crate::args::Kind::{Any, Bool, NumberOrStr};
use crate::args::{Arguments, Call};
use crate::common::{Rule, common_type};
use crate::function::{Spec, external, function};
use crate::numbers::parse_double;
use crate::output::{bool_rows, boolean_not_null, string_or_null};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("greatest", &[Any], common, |call| extreme(call, true))
        .variadic()
        .unified_from(0),
    function("if", &[Bool, Any, Any], of_branches, if_)
        .unified_from(1)
        .by_rule(Rule::FirstFloat)
        .rewritten(case),
    function("ifnull", &[Any, Any], of_either, if_null)
        .unified_from(0)
        .by_rule(Rule::DateOfTimestamp)
        .alias(&["nvl"])
        .rewritten(coalesce),
    function("is_alpha", &[NumberOrStr], boolean_not_null, |call| {
        all_chars(call, |text| {
            !text.is_empty() && text.chars().all(char::is_alphabetic)
        })
    }),
    function("is_decimal", &[NumberOrStr], boolean_not_null, |call| {
        all_chars(call, |text| parse_double(text).is_some())
    }),
    function("is_digit", &[NumberOrStr], boolean_not_null, |call| {
        all_chars(call, |text| {
            !text.is_empty() && text.chars().all(char::is_numeric)
        })
    }),
    function("least", &[Any], common, |call| extreme(call, false))
        .variadic()
        .unified_from(0),
    function("nullif", &[Any, Any], nullable_first, null_if),
    function("typeof", &[Any], string_or_null, type_of),
];

/// The type of the argument as DESCRIBE shows it.
fn type_of(call: &Call) -> Result<ArrayRef> {
    let ty = call.column_type(0).to_string();
    Ok(Arc::new(StringArray::from(vec![ty; call.rows])))
}

/// The common type; NULL if any argument may be.
fn common(args: &Arguments) -> Result<ColumnType> {
    args.strict(args.merged(0))
}

fn of_branches(args: &Arguments) -> Result<ColumnType> {
    // As in Flink, also if the condition may be NULL, although FALSE is what it counts as then.
    args.strict(args.merged(1))
}

fn of_either(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: args.merged(0),
        nullable: args.nullable(0) && args.nullable(1),
    })
}

fn nullable_first(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType::nullable(args.ty(0)))
}

/// `IF(c, a, b)` as `CASE WHEN c THEN a ELSE b END`, which computes `a` only where `c` holds.
fn case(mut args: Vec<Expr>) -> DfResult<Expr> {
    match (args.pop(), args.pop(), args.pop()) {
        (Some(otherwise), Some(then), Some(condition)) => {
            when(condition, then).otherwise(otherwise)
        }
        _ => Err(external(Error::internal("IF has three arguments"))),
    }
}

/// `IFNULL(a, b)` as `COALESCE(a, b)`, which computes `b` only where `a` is NULL.
fn coalesce(args: Vec<Expr>) -> DfResult<Expr> {
    Ok(datafusion_functions::core::coalesce().call(args))
}

fn if_(call: &Call) -> Result<ArrayRef> {
    let condition = call.full(0)?;
    let condition: &BooleanArray = arrow::array::AsArray::as_boolean(&condition);
    Ok(zip(condition, &call.full(1)?, &call.full(2)?)?)
}

fn if_null(call: &Call) -> Result<ArrayRef> {
    let value = call.full(0)?;
    Ok(zip(&is_not_null(&value)?, &value, &call.full(1)?)?)
}

fn null_if(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (call.full(0)?, call.full(1)?);
    if left.data_type() == &DataType::Null {
        return Ok(left);
    }
    let types = [left.data_type().clone(), right.data_type().clone()];
    let common = common_type(&types, Rule::Widest)
        .ok_or_else(|| call.error(format!("cannot compare {} with {}", call.ty(0), call.ty(1))))?;
    let equal = cmp::eq(
        &arrow::compute::cast(&left, &common)?,
        &arrow::compute::cast(&right, &common)?,
    )?;
    Ok(arrow_nullif(&left, &equal)?)
}

fn extreme(call: &Call, greatest: bool) -> Result<ArrayRef> {
    let mut best = call.full(0)?;
    if *best.data_type() == DataType::Null {
        return Ok(best);
    }
    for index in 1..call.len() {
        let next = call.full(index)?;
        let better = if greatest {
            cmp::gt(&best, &next)?
        } else {
            cmp::lt(&best, &next)?
        };
        // Where one of the two is NULL the comparison is: keep whichever is NULL.
        let keep_null = arrow::compute::is_null(&best)?;
        let keep = or(&keep_null, &known_true(&better))?;
        best = zip(&keep, &best, &next)?;
    }
    Ok(best)
}

/// NULL as FALSE.
fn known_true(truth: &BooleanArray) -> BooleanArray {
    match truth.nulls() {
        Some(nulls) => BooleanArray::new(truth.values() & nulls.inner(), None),
        None => truth.clone(),
    }
}

/// FALSE for NULL; a number is its text.
fn all_chars(call: &Call, holds: impl Fn(&str) -> bool) -> Result<ArrayRef> {
    let texts = arrow::compute::cast(&call.full(0)?, &DataType::Utf8)?;
    let texts: &arrow::array::StringArray = arrow::array::AsArray::as_string(&texts);
    bool_rows(call, |row| {
        Ok(Some(texts.is_valid(row) && holds(texts.value(row))))
    })
}
