//! SQL text to statements.
//!
//! ```text
//! text ─ lexer ─▶ tokens ─ statement ─┬▶ create, table, alter, insert, explain
//!                                     └▶ query ⇄ from ⇄ tvf, expr ⇄ primary ⇄ call, special, literal
//! ```
//!
//! The grammar is Flink's, read by recursive descent; queries come out as `sqlparser`'s AST, which
//! DataFusion plans. `sqlparser`'s own parser is not used: it tries alternatives and goes back, which
//! takes exponential time on hostile nesting; it accepts many dialects that Flink refuses; and what
//! Flink adds (window functions, hints, types, `FLOOR(t TO HOUR)`) would have to be smuggled through.
//!
//! * Always: time and memory are linear in the text; no input panics; the first error is reported, with
//!   its place, what was wanted and what was found.
//! * Parsing runs on the big stack of [`limits`](crate::limits); what it returns is at most
//!   [`DEPTH_MAX`](crate::limits::DEPTH_MAX) levels high and may be dropped anywhere.
//! * Source: the grammar files of Apache Flink 2.3 and Apache Calcite, and Flink's SQL manual.

mod alter;
mod call;
mod create;
mod cursor;
mod explain;
mod expr;
mod from;
mod hint;
mod insert;
mod interval;
mod json;
mod lexer;
mod literal;
mod match_recognize;
mod primary;
mod query;
mod special;
mod split;
mod statement;
mod table;
#[cfg(test)]
mod tests;
mod tvf;
mod types;

use millstream_core::Result;

pub use self::split::{Split, split_statement};
pub(crate) use self::types::type_mark;
pub use self::types::{cast_type, parse_type};
use crate::ast::{Spanned, Statement};
use crate::limits::on_big_stack;

/// The statements of a script, which are separated by `;`.
///
/// The whole script is read before anything is returned, so a mistake in its last statement is found
/// before its first one runs. Errors: `MS1001` (grammar), `MS1002` (valid Flink SQL that is not
/// supported yet), `MS1010` (limits), `MS1009` and `MS1012` (a definition that contradicts itself).
pub fn parse_script(sql: &str) -> Result<Vec<Spanned<Statement>>> {
    on_big_stack(|| cursor::Parser::new(sql)?.script())
}
