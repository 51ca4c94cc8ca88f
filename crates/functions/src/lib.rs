//! Flink's built-in scalar functions, CAST and field access, as DataFusion functions.
//!
//! ```text
//! builtin/<family>.rs   one visible list of functions per family; a row of it is a `Spec`
//! function.rs           a `Spec` becomes a `ScalarUDF`: argument types, result type, call
//! cast/                 CAST and TRY_CAST with Flink's rules
//! current.rs            the functions that ask for the time; the planner replaces them
//! planner.rs            SQL syntax that is a function call: EXTRACT, POSITION, a[i], ROW(..)
//! ```
//!
//! * Names are lower case; SQL looks them up without regard to case.
//! * Result types and nullability are Flink 2.3's. Strings are Arrow `Utf8`; see
//!   `millstream_core::types` for the other types.
//! * A function sees a whole batch. A constant argument stays one value: patterns and formats are
//!   compiled once. A call with constants only is computed once.
//! * Always: no clock is read here, no input panics, and a result is bounded
//!   ([`VALUE_BYTES_MAX`]). A value that cannot be computed is an error with code `MS2004`, carried
//!   through DataFusion as `DataFusionError::External`.
//! * Source: the pages "System (Built-in) Functions" and "Data Types" of the Flink 2.3 manual.

mod args;
mod builtin;
mod cast;
mod chance;
mod common;
mod context;
mod current;
mod function;
mod numbers;
mod output;
mod pattern;
mod planner;
mod regular;
mod temporal;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use datafusion_expr::ScalarUDF;

pub use builtin::like_text;
pub use cast::{cast_udf, flink_cast};
pub use common::common_column;
pub use context::FunctionContext;
pub use current::{CURRENT_TIME_FUNCTIONS, from_now};
pub use output::{BATCH_BYTES_MAX, VALUE_BYTES_MAX};
pub use planner::expr_planners;

/// Functions that stand for a syntax: the parser and the binder call them, users write the syntax.
const SYNTAX: &[&str] = &[
    "between_symmetric",
    "case_of",
    "case_when",
    "json_query_array",
    "like_pattern",
    "overlaps",
    "similar_to",
    "time_difference",
];

/// Whether a function only stands for a syntax such as CASE or OVERLAPS, and is not listed.
pub fn is_syntax(name: &str) -> bool {
    SYNTAX.contains(&name)
}

/// Every function of this build, for a session with this context.
pub fn scalar_functions(context: &FunctionContext) -> Vec<Arc<ScalarUDF>> {
    builtin::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .map(|spec| function::udf(spec, context))
        .chain(builtin::reused())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_lower_case_and_given_once() {
        let mut seen = HashSet::new();
        for function in scalar_functions(&FunctionContext::default()) {
            let names =
                std::iter::once(function.name()).chain(function.aliases().iter().map(|a| &**a));
            for name in names {
                assert_eq!(name, name.to_lowercase());
                assert!(seen.insert(name.to_string()), "'{name}' is given twice");
            }
        }
        assert!(seen.len() > 150, "{}", seen.len());
    }
}
