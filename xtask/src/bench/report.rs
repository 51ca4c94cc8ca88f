//! The result page of a benchmark: what was measured, where, with what.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::options::Options;
use crate::measure::Cost;
use crate::{date, shell};

/// One query and what it cost.
pub(super) struct Measured {
    pub(super) query: String,
    pub(super) cost: Cost,
}

/// The page as Markdown.
pub(super) fn report(options: &Options, measured: &[Measured], program: &Path) -> Result<String> {
    let mut text = format!("# Nexmark, {}\n\n", date::today());
    for (name, value) in circumstances(options, program) {
        writeln!(text, "- {name}: {value}")?;
    }
    text.push_str(
        "\n| query | events/s | wall s | CPU s | peak MiB |\n|---|---:|---:|---:|---:|\n",
    );
    for row in measured {
        text.push_str(&table_row(row, options.events));
    }
    Ok(text)
}

fn table_row(measured: &Measured, events: u64) -> String {
    let Cost {
        wall_seconds,
        cpu_seconds,
        peak_bytes,
    } = measured.cost;
    let rate = grouped((events as f64 / wall_seconds.max(1e-3)) as u64);
    let mebibytes = peak_bytes / (1 << 20);
    format!(
        "| {} | {rate} | {wall_seconds:.2} | {cpu_seconds:.2} | {mebibytes} |\n",
        measured.query
    )
}

/// Wall time is that of the whole process, from its start to its end.
fn circumstances(options: &Options, program: &Path) -> Vec<(&'static str, String)> {
    let first_line = |command: &mut Command| {
        let text = shell::output(command).unwrap_or_default();
        text.lines().next().unwrap_or("unknown").to_string()
    };
    let git = |arguments: &[&str]| {
        first_line(
            Command::new("git")
                .current_dir(shell::root())
                .args(arguments),
        )
    };
    vec![
        ("commit", git(&["describe", "--always", "--dirty"])),
        (
            "version",
            first_line(Command::new(program).arg("--version")),
        ),
        (
            "compiler",
            first_line(Command::new("rustc").arg("--version")),
        ),
        ("machine", machine()),
        ("events per query", grouped(options.events)),
        ("parallelism", options.parallelism.to_string()),
        (
            "runs per query",
            format!(
                "{}, the one with the median wall time is shown",
                options.runs
            ),
        ),
        (
            "wall time",
            "of the whole process, start and end included".into(),
        ),
    ]
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown CPU".into());
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(|| "unknown".into());
    format!(
        "{cpu}, {cores} cores, {memory} memory, {}",
        std::env::consts::OS
    )
}

/// The value of the first `name : value` line.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_string())
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn a_row_shows_the_rate_over_the_wall_time() {
        let cost = Cost {
            wall_seconds: 2.0,
            cpu_seconds: 3.5,
            peak_bytes: 100 << 20,
        };
        let row = table_row(
            &Measured {
                query: "q0".into(),
                cost,
            },
            10_000_000,
        );
        assert_eq!(row, "| q0 | 5,000,000 | 2.00 | 3.50 | 100 |\n");
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: Fast: CPU\n";
        assert_eq!(field(text, "model name").unwrap(), "Fast: CPU");
        assert_eq!(field(text, "name"), None);
    }
}
