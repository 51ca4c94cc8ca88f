//! `millstream`: Flink SQL on streams, in one binary.
//!
//! ```text
//! cli ─▶ command/run ─────┐                      ┌▶ sql::Session ── a job graph ──┐
//!        command/sql ─────┼─ statement by ───────┤                                │
//!        command/explain ─┤  statement           └─ output: rows as table, json,  │
//!        command/demo ────┘                         csv; final, live ◀─ watch ◀───┘
//! ```
//!
//! * [`registry`] is the one place where connectors, formats and operators are named.
//! * [`engine`] owns the threads and the clock, [`watch`] waits for a job and shows what comes.
//! * [`jobs`] says what a job is called, where its state is kept and what it starts from.
//! * Always: rows go to standard output and everything else to standard error; a mistake ends in
//!   one message and the exit code it deserves.

mod allocator;
mod cli;
mod command;
mod engine;
mod jobs;
mod message;
mod output;
mod progress;
mod registry;
mod script;
mod signals;
mod summary;
mod terminal;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    millstream_core::failpoint::arm();
    match command::dispatch(cli::Cli::parse()) {
        Ok(ended) => ended.exit_code(),
        Err(error) => {
            message::error(&error);
            message::exit_code(&error)
        }
    }
}
