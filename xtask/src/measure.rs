//! `measure -- COMMAND...`: what one command costs: wall time, CPU time, peak memory.
//!
//! The kernel keeps the CPU time and the peak memory of a process's finished children, the latter
//! as the maximum over all of them. So each measurement is a process of its own with one child:
//! whoever wants to measure several commands starts this word several times ([`of`]).
//!
//! Source: getrusage(2), `RUSAGE_CHILDREN`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde_json::{Value, json};

use crate::{Verdict, date::Stopwatch, shell};

/// What a command cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) wall_seconds: f64,
    /// User and system time of all its threads.
    pub(crate) cpu_seconds: f64,
    /// Largest resident set.
    pub(crate) peak_bytes: u64,
}

/// The word: runs the command after `--` and prints its cost as one line of JSON.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let [dashes, program, rest @ ..] = arguments else {
        bail!("measure wants `-- COMMAND...`")
    };
    if dashes != "--" {
        bail!("measure wants `-- COMMAND...`, found '{dashes}'");
    }
    // The command's own output goes to stderr: stdout carries the measurement.
    let watch = Stopwatch::start();
    let status = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot start '{program}'"))?;
    let wall_seconds = watch.elapsed().as_secs_f64();
    if !status.success() {
        bail!("'{program}' failed ({status})");
    }
    println!("{}", to_json(spent(wall_seconds)?));
    Ok(Verdict::Passed)
}

/// The cost of one command, measured in a fresh process.
pub(crate) fn of(command: &[String]) -> Result<Cost> {
    let mut measure = Command::new(crate::shell::this_program()?);
    measure
        .current_dir(shell::root())
        .args(["measure", "--"])
        .args(command);
    from_json(&shell::output(&mut measure)?)
}

fn spent(wall_seconds: f64) -> Result<Cost> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    // macOS counts bytes where Linux counts kibibytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok(Cost {
        wall_seconds,
        cpu_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
        peak_bytes: usage.max_rss() as u64 * unit,
    })
}

fn to_json(cost: Cost) -> Value {
    json!({
        "wall_seconds": cost.wall_seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_bytes": cost.peak_bytes,
    })
}

fn from_json(text: &str) -> Result<Cost> {
    let value: Value =
        serde_json::from_str(text.trim()).context("a measurement is one line of JSON")?;
    let seconds = |key: &str| {
        value[key]
            .as_f64()
            .with_context(|| format!("no '{key}' in {value}"))
    };
    Ok(Cost {
        wall_seconds: seconds("wall_seconds")?,
        cpu_seconds: seconds("cpu_seconds")?,
        peak_bytes: value["peak_bytes"]
            .as_u64()
            .with_context(|| format!("no 'peak_bytes' in {value}"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_survives_the_trip_through_json() {
        let cost = Cost {
            wall_seconds: 1.25,
            cpu_seconds: 2.5,
            peak_bytes: 1 << 33,
        };
        assert_eq!(from_json(&to_json(cost).to_string()).unwrap(), cost);
    }

    #[test]
    fn a_finished_child_has_used_memory() {
        assert!(Command::new("true").status().unwrap().success());
        assert!(spent(0.0).unwrap().peak_bytes > 4096);
    }

    #[test]
    fn a_command_that_fails_is_no_measurement() {
        let words = ["--", "false"].map(String::from);
        assert!(
            run(&words)
                .unwrap_err()
                .to_string()
                .contains("'false' failed")
        );
        assert!(run(&["true".to_string()]).is_err());
    }
}
