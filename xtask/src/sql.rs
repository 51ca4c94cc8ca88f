//! `sql FILE [--update]`: one golden SQL file, run by the runner in the `tests` crate.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{Verdict, shell};

/// Builds, then runs the files named, each with its whole matrix.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    if !arguments.iter().any(|argument| !argument.starts_with("--")) {
        bail!("sql wants a file, such as tests/sql/tumble.sql");
    }
    shell::need_cc()?;
    if !shell::succeeds(shell::cargo().args(["build", "--quiet", "--workspace", "--bins"]))? {
        return Ok(Verdict::Failed);
    }
    // Paths are the user's, so relative to where they stand and not to the checkout.
    let mut golden = golden()?;
    golden.current_dir(std::env::current_dir()?).args(arguments);
    Ok(if shell::succeeds(&mut golden)? {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Whether there are golden files to run.
pub(crate) fn has_goldens() -> bool {
    shell::root().join("tests/sql").is_dir()
}

/// The built golden runner; without arguments it runs all files of `tests/sql/`.
pub(crate) fn golden() -> Result<Command> {
    let program = format!("golden{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(shell::target_dir()?.join("debug").join(program));
    command.current_dir(shell::root());
    Ok(command)
}
