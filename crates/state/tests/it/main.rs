//! Tests of the crate from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod fixtures;
mod s3;
mod shop;
