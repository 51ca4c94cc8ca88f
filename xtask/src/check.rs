//! `check`: what a contributor runs before a commit; formatting, lints, then every test.

use anyhow::{Result, bail};

use crate::{Verdict, shell, test};

/// Stops at the first step that fails; tidiness is part of the tests.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    if let Some(argument) = arguments.first() {
        bail!("check takes no argument, found '{argument}'; for one test: cargo xtask test NAME");
    }
    shell::need_cc()?;
    for component in ["fmt", "clippy"] {
        need_component(component)?;
    }
    if format()? == Some(Verdict::Failed) || lint()? == Verdict::Failed {
        return Ok(Verdict::Failed);
    }
    test::run(&[])
}

/// Whether all code is formatted; `None` where this toolchain has no formatter.
pub(crate) fn format() -> Result<Option<Verdict>> {
    if need_component("fmt").is_err() {
        eprintln!("format: skipped, this toolchain has no rustfmt");
        return Ok(None);
    }
    verdict(shell::cargo().args(["fmt", "--all", "--check"])).map(Some)
}

fn lint() -> Result<Verdict> {
    verdict(shell::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn need_component(name: &str) -> Result<()> {
    if shell::output(shell::cargo().args([name, "--version"])).is_err() {
        bail!("cargo {name} is missing; install it with: rustup component add rustfmt clippy");
    }
    Ok(())
}

fn verdict(command: &mut std::process::Command) -> Result<Verdict> {
    Ok(if shell::succeeds(command)? {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}
