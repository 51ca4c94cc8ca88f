//! The families of built-in functions; each file has one visible list.

mod collection;
mod conditional;
mod hash;
mod json;
mod math;
mod regex;
mod string;
mod time;

use std::sync::Arc;

use datafusion_expr::ScalarUDF;

use crate::function::Spec;

/// Every list.
pub(crate) const FAMILIES: &[&[Spec]] = &[
    collection::FUNCTIONS,
    conditional::FUNCTIONS,
    hash::FUNCTIONS,
    json::FUNCTIONS,
    math::FUNCTIONS,
    regex::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    crate::current::FUNCTIONS,
];

/// DataFusion's functions whose meaning is exactly Flink's.
pub(crate) fn reused() -> Vec<Arc<ScalarUDF>> {
    use datafusion_functions::core;
    vec![core::coalesce(), core::get_field(), core::named_struct()]
}
