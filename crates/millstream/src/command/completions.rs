//! `millstream completions SHELL`: a script that teaches a shell the commands and their flags.

use clap::CommandFactory;
use clap_complete::Shell;
use millstream_core::Result;

use super::Ended;
use crate::cli::Cli;
use crate::output::Out;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<Ended> {
    let mut out = Out::stdout();
    clap_complete::generate(shell, &mut Cli::command(), "millstream", out.buffer());
    out.flush()?;
    Ok(Ended::Well)
}
