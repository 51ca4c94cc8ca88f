//! `test [FILTER]`: everything CI runs, and one line at the end that says how it went.
//!
//! 1. Without a filter: formatting and tidiness, each counted as one test.
//! 2. Build the programs and the tests in one go, so that both share one set of features and
//!    nothing is compiled twice.
//! 3. Start the test services (with a filter: when the first test wants one); they end with the run.
//! 4. `cargo test` over the whole workspace, going on after a failure.
//! 5. The golden SQL files of `tests/sql/`, over their matrix of parallelism and batch size.
//!
//! The last line printed is the sum, in the form `N passed, N failed[, N skipped]`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::services::World;
use crate::tally::{Form, Tally};
use crate::{Verdict, check, shell, sql, tidy};

/// Runs all tests, or those whose name contains the one argument.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let filter = match arguments {
        [] => None,
        [filter] => Some(filter.as_str()),
        _ => bail!("test takes at most one filter, found {}", arguments.len()),
    };
    shell::need_cc()?;
    let mut tally = Tally::default();
    if filter.is_none() {
        check_text(&mut tally)?;
    }
    let is_built =
        shell::succeeds(shell::cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    if is_built {
        run_tests(filter, &mut tally)?;
    } else {
        tally.check(false);
    }
    println!("{tally}");
    Ok(if tally.failed() == 0 {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

fn run_tests(filter: Option<&str>, tally: &mut Tally) -> Result<()> {
    let mut terminal = std::io::stdout();
    let services = World::start(filter.is_none())?;
    let mut tests = shell::cargo();
    tests
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(filter);
    services.tell(&mut tests);
    count(&mut tests, Form::Libtest, &mut terminal, tally)?;
    tally.skipped_after_all(services.skipped()?);
    if sql::has_goldens() {
        let mut goldens = sql::golden()?;
        services.tell(&mut goldens);
        count(goldens.args(filter), Form::Summary, &mut terminal, tally)?;
    }
    Ok(())
}

/// The checks that need no build.
fn check_text(tally: &mut Tally) -> Result<()> {
    match check::format()? {
        Some(verdict) => tally.check(verdict == Verdict::Passed),
        None => tally.skip(),
    }
    tally.check(tidy::check()? == Verdict::Passed);
    Ok(())
}

/// Runs a test program, shows what it prints on `terminal` and counts what it reports.
fn count(
    command: &mut Command,
    form: Form,
    terminal: &mut impl Write,
    tally: &mut Tally,
) -> Result<()> {
    let failed_before = tally.failed();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let stdout = child.stdout.take().expect("stdout was piped");
    // Read as bytes: a test may print anything.
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("cannot read what the tests print")?;
        terminal.write_all(&line)?;
        terminal.write_all(b"\n")?;
        tally.line(&String::from_utf8_lossy(&line), form);
    }
    tally.finish();
    if !child.wait()?.success() {
        tally.failed_since(failed_before);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a shell script that stands for the golden runner.
    fn count_script(script: &str) -> String {
        let mut tally = Tally::default();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        count(&mut shell, Form::Summary, &mut std::io::sink(), &mut tally).unwrap();
        tally.to_string()
    }

    #[test]
    fn a_program_that_fails_silently_is_counted() {
        assert_eq!(
            count_script("echo '2 passed, 0 failed'; exit 3"),
            "2 passed, 1 failed"
        );
    }

    #[test]
    fn a_program_may_print_bytes_that_are_no_text() {
        assert_eq!(
            count_script(r"printf '\377\n1 passed, 0 failed'"),
            "1 passed, 0 failed"
        );
    }
}
