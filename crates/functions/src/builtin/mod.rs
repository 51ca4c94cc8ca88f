//! The families of built-in functions; each file has one visible list.

mod case;
mod collection;
mod conditional;
mod hash;
mod inet;
mod json;
mod like;
mod math;
mod regex;
mod string;
mod time;

use std::sync::Arc;

use datafusion_expr::ScalarUDF;

pub use like::like_text;

use crate::function::Spec;

/// Every list.
pub(crate) const FAMILIES: &[&[Spec]] = &[
    case::FUNCTIONS,
    collection::FUNCTIONS,
    conditional::FUNCTIONS,
    hash::FUNCTIONS,
    inet::FUNCTIONS,
    json::FUNCTIONS,
    like::FUNCTIONS,
    math::FUNCTIONS,
    regex::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    crate::current::FUNCTIONS,
];

/// DataFusion's functions whose meaning is exactly Flink's.
pub(crate) fn reused() -> Vec<Arc<ScalarUDF>> {
    use datafusion_functions::core;
    vec![core::get_field(), core::named_struct()]
}
