//! Whole jobs with fake connectors and operators.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkpoints;
mod ends;
mod failures;
mod kit;
mod rows;
mod sources;
mod takeover;
