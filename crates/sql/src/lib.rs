//! Flink SQL text in, bound logical plans out.

pub mod ast;
pub mod diagnostics;
pub mod parse;
