//! `millstream sql`: a shell for Flink SQL.
//!
//! ```text
//! terminal ─▶ editor ─────────┐
//!                             ├─ one statement at a time ─▶ shell ─▶ session, watch
//! pipe, --file, --init ───────┘
//! ```
//!
//! * On a terminal a mistake is shown and the prompt comes back; without one it ends the command,
//!   because what follows was written for a world in which it worked.
//! * Ctrl-C at the prompt drops the line, while a query runs it stops the query, Ctrl-D ends.

mod editor;
mod shell;
mod words;

use std::io::{self, BufRead, IsTerminal};

use millstream_core::{Code, Error, Result};
use millstream_sql::limits::SQL_BYTES_MAX;
use millstream_sql::parse::{Split, split_statement};

use self::shell::{Next, Shell};
use super::Ended;
use crate::cli::SqlArgs;
use crate::engine::Engine;
use crate::script;

/// Opens the shell, or runs what a file or standard input says.
pub(crate) fn run(args: &SqlArgs) -> Result<Ended> {
    let engine = Engine::new()?;
    let is_person = args.file.is_none() && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut shell = Shell::new(&engine, &args.settings, is_person)?;
    let mut next = Next::Go;
    for file in args.init.iter().chain(&args.file) {
        if next == Next::Go {
            next = shell.all(&script::read_file(file)?)?;
        }
    }
    if next == Next::Go && args.file.is_none() {
        next = match is_person {
            true => editor::talk(&mut shell)?,
            false => follow(&mut shell, io::stdin().lock())?,
        };
    }
    Ok(match next {
        Next::CutOff => Ended::CutOff,
        Next::Go | Next::Quit => Ended::Well,
    })
}

/// Runs each statement as soon as its `;` is there, so that a program may write one, read what it
/// prints, and write the next.
fn follow(shell: &mut Shell<'_>, from: impl BufRead) -> Result<Next> {
    let mut from = from.take(u64::MAX);
    let mut text = String::new();
    loop {
        // A statement longer than this is refused whatever comes; so is a line without an end.
        from.set_limit((SQL_BYTES_MAX - text.len().min(SQL_BYTES_MAX)) as u64 + 1);
        let mut line = Vec::new();
        let read = from.read_until(b'\n', &mut line);
        read.map_err(|e| Error::new(Code::Read, format!("cannot read standard input: {e}")))?;
        let is_end = line.is_empty();
        let has_end = line.contains(&b';');
        let line = String::from_utf8(line)
            .map_err(|_| Error::new(Code::Syntax, "standard input is not UTF-8 text"))?;
        text.push_str(&line);
        if text.len() > SQL_BYTES_MAX {
            let message =
                format!("a statement is longer than the {SQL_BYTES_MAX} bytes it may have");
            return Err(Error::new(Code::TooComplex, message));
        }
        if is_end {
            return shell.all(&text);
        }
        while has_end && let Split::Complete { end } = split_statement(&text) {
            let statement: String = text.drain(..end).collect();
            match shell.all(&statement)? {
                Next::Go => {}
                next => return Ok(next),
            }
        }
    }
}
