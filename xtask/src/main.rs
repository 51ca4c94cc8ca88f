//! Every repeatable command of the project: `cargo xtask <word>`.
//!
//! One list, [`WORDS`], is both the dispatcher and the manual; there is no second place for
//! scripts. A word needs nothing beyond the Rust toolchain and a C compiler; [`shell::need_cc`]
//! says how to get the latter.
//!
//! A word returns whether the project passed. `Err` is for what kept it from finding out.

#![allow(clippy::print_stdout)] // these are commands: they speak on the terminal

mod bench;
mod check;
mod date;
mod docs;
mod faults;
mod measure;
mod new;
mod referee;
mod sales;
mod score;
mod services;
mod shell;
mod sql;
mod tally;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// Whether the project passed what a word looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
}

struct Word {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<Verdict>,
}

static WORDS: &[Word] = &[
    Word {
        name: "help",
        arguments: "",
        help: "list everything (the default)",
        run: help,
    },
    Word {
        name: "check",
        arguments: "",
        help: "format, lints, tidy and every test: run it before a commit",
        run: check::run,
    },
    Word {
        name: "test",
        arguments: "[FILTER]",
        help: "every test, as CI runs them; or those whose name contains FILTER",
        run: test::run,
    },
    Word {
        name: "sql",
        arguments: "FILE [--update]",
        help: "run one golden SQL file; --update rewrites what it expects",
        run: sql::run,
    },
    Word {
        name: "referee",
        arguments: "[NAME..] [--record] [--page]",
        help: "ask a real Flink what the golden SQL files give; --record writes it into them",
        run: referee::run,
    },
    Word {
        name: "tidy",
        arguments: "",
        help: "dead paths, crate rows, file lengths, error pages; shows the longest functions",
        run: tidy::run,
    },
    Word {
        name: "bench",
        arguments: "nexmark [--events N] [--queries q0,q1] [--parallelism N]",
        help: "measure Nexmark queries in a release build; writes bench/results/<date>-nexmark.md",
        run: bench::run,
    },
    Word {
        name: "docs",
        arguments: "[--check]",
        help: "write docs/reference/ from the code; --check only compares",
        run: docs::run,
    },
    Word {
        name: "sales-data",
        arguments: "[--rows N] [--seed N] [--to DIR]",
        help: "write the data of examples/sales/ again, the same bytes for the same seed",
        run: sales::run,
    },
    Word {
        name: "faults",
        arguments: "[ID..] [--runs N] [--seed N] [--seconds N] [--page]",
        help: "the fault cases against the real binary and broker; writes docs/reliability/faults.md",
        run: faults::run,
    },
    Word {
        name: "score",
        arguments: "load|checkpoint-cost|latency|checkpoint|recover-10m|recover-1g|spill|memory|crash-runs|lost-dup|recover|corrupt|faults [--runs N] [--seed N] [--seconds N] [--minutes N] [--keys N] [--events N] [--rate N], or --page",
        help: "one figure of the scoreboard; writes score/<id>.json and docs/reliability/score.md; fails below its floor",
        run: score::run,
    },
    Word {
        name: "services",
        arguments: "up|down|status [kafka|s3|all] [--name NAME] [--data DIR] [--port N] [--advertised-port N]",
        help: "real servers for tests on loopback, installed when first wanted",
        run: services::run,
    },
    Word {
        name: "new",
        arguments: "adr WORD...",
        help: "start a decision record from the template, with the next number",
        run: new::run,
    },
    Word {
        name: "measure",
        arguments: "-- COMMAND...",
        help: "run one command; print its wall time, CPU time and peak memory as JSON",
        run: measure::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<Verdict> {
    let name = match arguments.first().map(String::as_str) {
        None | Some("-h" | "--help") => "help",
        Some(name) => name,
    };
    let Some(word) = WORDS.iter().find(|word| word.name == name) else {
        bail!("unknown word '{name}'; `cargo xtask help` lists the known ones");
    };
    (word.run)(arguments.get(1..).unwrap_or_default())
        .with_context(|| format!("cargo xtask {name}"))
}

fn help(_: &[String]) -> Result<Verdict> {
    println!("cargo xtask <word>\n");
    for word in WORDS {
        println!("  {} {}\n      {}", word.name, word.arguments, word.help);
    }
    Ok(Verdict::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_refused_by_name() {
        let error = dispatch(&["tset".to_string()]).unwrap_err();
        assert!(error.to_string().contains("'tset'"), "{error}");
    }

    #[test]
    fn a_word_stands_in_the_list_once() {
        for (index, word) in WORDS.iter().enumerate() {
            assert!(
                WORDS[..index]
                    .iter()
                    .all(|earlier| earlier.name != word.name),
                "{}",
                word.name
            );
        }
    }
}
