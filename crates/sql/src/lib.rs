//! Flink SQL text in, job graphs out.
//!
//! ```text
//! text ──parse──▶ statements ──session──▶ catalog changes, listings
//!                                  └─bind──▶ logical plan ──▶ job graph (millstream-plan)
//! ```
//!
//! * [`parse`]: text to statements ([`ast`]), with every mistake placed ([`diagnostics`]).
//! * [`session`]: definitions, settings, and what a statement leads to. [`catalog`]: the names.
//! * [`limits`]: what a statement may be, so that nothing a user types can stop the process.
//!
//! This crate does not know how anything runs; connectors and formats come through [`Registry`].

pub mod ast;
mod bind;
pub mod catalog;
pub mod diagnostics;
pub mod dialect;
mod guarantee;
pub mod limits;
pub mod parse;
pub mod registry;
pub mod session;
pub mod settings;

pub use registry::Registry;
pub use session::{Listing, Outcome, Query, Session, ShellWord};
