//! The binary as a user runs it: the examples print what an independent computation says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod examples;
mod goldens;
mod session;

use std::path::Path;
use std::process::{Command, Output};

/// Runs `millstream` with these arguments in a folder.
fn millstream(folder: &Path, arguments: &[&str]) -> Output {
    let program = millstream_tests::golden::program().unwrap();
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// The lines of a text as JSON values' texts, sorted: key order and spaces do not matter.
fn values(text: &str) -> Vec<String> {
    let parse = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap()
            .to_string()
    };
    let mut lines: Vec<String> = text.lines().map(parse).collect();
    lines.sort();
    lines
}
