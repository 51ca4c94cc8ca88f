//! The functions that ask for the time.
//!
//! An operator may not read a clock: the runtime gives the processing time of a batch as a column.
//! So these functions only name what is wanted. The planner finds calls of
//! [`CURRENT_TIME_FUNCTIONS`] and puts [`from_now`] in their place; one that is left over is a
//! mistake of ours and fails when it is called.
//!
//! ```text
//! SELECT PROCTIME(), CURRENT_DATE, LOCALTIMESTAMP, UNIX_TIMESTAMP()
//!     -> now, CAST(now AS DATE), CAST(now AS TIMESTAMP(3)), EXTRACT(EPOCH FROM now)
//! ```

use arrow::array::ArrayRef;
use datafusion_expr::{Expr, lit};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use crate::args::{Arguments, Call};
use crate::function::{Spec, function};
use crate::{FunctionContext, cast, planner};

/// The functions, called without arguments, that the planner replaces.
pub const CURRENT_TIME_FUNCTIONS: &[&str] = &[
    "proctime",
    "now",
    "current_timestamp",
    "current_row_timestamp",
    "localtimestamp",
    "current_date",
    "current_time",
    "localtime",
    "unix_timestamp",
];

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("proctime", &[], instant, unplanned).volatile(),
    function("now", &[], instant, unplanned).volatile(),
    function("current_timestamp", &[], instant, unplanned).volatile(),
    function("current_row_timestamp", &[], instant, unplanned).volatile(),
    function("localtimestamp", &[], local, unplanned).volatile(),
    function("current_date", &[], today, unplanned).volatile(),
    function("current_time", &[], clock, unplanned).volatile(),
    function("localtime", &[], clock, unplanned).volatile(),
];

/// An expression equal to a call of `name` without arguments, where `now` is the processing time
/// as TIMESTAMP_LTZ(3); `None` if `name` does not ask for the time.
pub fn from_now(name: &str, now: Expr, context: &FunctionContext) -> Option<Expr> {
    let as_type = |sql| cast::flink_cast(now.clone(), ColumnType::nullable(sql), false, context);
    match name.to_ascii_lowercase().as_str() {
        "proctime" | "now" | "current_timestamp" | "current_row_timestamp" => Some(now),
        "localtimestamp" => Some(as_type(SqlType::Timestamp(3))),
        "current_date" => Some(as_type(SqlType::Date)),
        "current_time" | "localtime" => Some(as_type(SqlType::Time(0))),
        "unix_timestamp" => Some(planner::extract(vec![lit("EPOCH"), now], context)),
        _ => None,
    }
}

fn never_null(sql: SqlType) -> Result<ColumnType> {
    Ok(ColumnType {
        sql,
        nullable: false,
    })
}

fn instant(_: &Arguments) -> Result<ColumnType> {
    never_null(SqlType::TimestampLtz(3))
}

fn local(_: &Arguments) -> Result<ColumnType> {
    never_null(SqlType::Timestamp(3))
}

fn today(_: &Arguments) -> Result<ColumnType> {
    never_null(SqlType::Date)
}

fn clock(_: &Arguments) -> Result<ColumnType> {
    never_null(SqlType::Time(0))
}

pub(crate) fn unplanned(call: &Call) -> Result<ArrayRef> {
    Err(Error::internal(format!(
        "function '{}' was not replaced by the processing time",
        call.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_replacement_and_a_function() {
        let context = FunctionContext::default();
        let functions = crate::scalar_functions(&context);
        for name in CURRENT_TIME_FUNCTIONS {
            assert!(from_now(name, lit(1), &context).is_some(), "{name}");
            assert!(functions.iter().any(|f| f.name() == *name), "{name}");
        }
        assert!(from_now("upper", lit(1), &context).is_none());
    }
}
