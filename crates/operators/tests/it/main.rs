//! Tests of whole operators: scripts, and random rows against naive implementations.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calc;
mod oracle;
mod pattern;
mod ranked;
mod recovery;
mod support;
mod windows;
