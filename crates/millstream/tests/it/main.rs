//! The built program, as a user meets it: arguments and files in, text and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod demo;
mod interrupt;
mod kit;
mod memory;
mod mistakes;
mod output;
mod patterns;
mod shell;
mod state;
