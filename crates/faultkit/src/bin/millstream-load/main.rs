//! `millstream-load FIGURE --millstream PATH [OPTIONS]`: load on the real binary and a real broker, measured.
//!
//! ```text
//! sender ─▶ topic ─▶ millstream run job.sql ─▶ topic ─▶ reader (read_committed)
//!   │ how much, which windows     │ committed offsets      │ what, when
//!   └──────────────▶ lag ◀────────┘                        └─▶ latency, and whether it is right
//! ```
//!
//! * All run on this machine; their processor time counts, so the sender is cheap: it patches
//!   prepared batches ([`events`]) and speaks the one request it needs itself ([`produce`]).
//! * Event times are the times at which events were *due*, not sent: a sender that is held up does
//!   not hide the delay (coordinated omission).
//! * One figure per call, as one JSON object on standard output; progress goes to standard error.
//!   `cargo xtask score` calls it, adds what the figure must reach, and keeps it.
//! * Always: what a window job wrote is compared with what was sent, window by window.

#![allow(clippy::print_stdout)] // a command: it speaks on the terminal

mod checkpoints;
mod events;
mod figures;
mod job;
mod lag;
mod options;
mod output;
mod process;
mod produce;
mod sender;
mod topics;
mod windows;

use std::process::ExitCode;

use millstream_core::Result;

use options::Options;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match measure(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millstream-load: {}", error.report());
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<()> {
    let options = Options::parse(words)?;
    let figure = figures::find(&options.figure)?;
    let mut found = figure(&options)?;
    found["cores"] = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .into();
    if let Some(limit) = &options.memory_limit {
        found["memory_limit"] = options::bytes(limit)?.into();
    }
    println!("{found}");
    Ok(())
}
