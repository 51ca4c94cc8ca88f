//! Tests of whole operators: scripts, and random rows against naive implementations.

#![allow(missing_docs, reason = "tests")]

mod calc;
mod oracle;
mod support;
mod windows;
