//! The commands: one file each.

mod checkpoint;
mod completions;
mod demo;
mod docs;
mod explain;
pub(crate) mod journal;
mod kafka;
mod kept;
mod run;
mod savepoint;
mod sql;

use std::process::ExitCode;

use millstream_core::Result;

use crate::cli::{Cli, Command};

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything is done, or was stopped gracefully.
    Well,
    /// A job was cut off.
    CutOff,
}

impl Ended {
    /// What the process tells its parent.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Ended::Well => ExitCode::SUCCESS,
            Ended::CutOff => ExitCode::FAILURE,
        }
    }
}

/// Carries out a command.
pub(crate) fn dispatch(cli: Cli) -> Result<Ended> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Sql(args) => sql::run(&args),
        Command::Checkpoint(command) => checkpoint::run(&command),
        Command::Savepoint(command) => savepoint::run(&command),
        Command::Kafka(command) => kafka::run(&command),
        Command::Journal(command) => journal::run(&command),
        Command::Demo => demo::run(),
        Command::Completions(args) => completions::run(args.shell),
        Command::Docs(args) => docs::run(&args.dir),
    }
}
