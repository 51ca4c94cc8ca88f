//! `faults [ID..] [--runs N] [--seed S] [--seconds N] [--full]`: the fault cases, and the page about them.
//!
//! ```text
//! build ─▶ services ─▶ test program `faults` (every_case) ─▶ report.jsonl ─▶ score/faults.jsonl ─▶ page
//! ```
//!
//! * What became of each case is kept in `score/faults.jsonl`, with date and commit; a run over some
//!   cases replaces their lines only. `docs/reliability/faults.md` is written from it.
//! * A failed case prints its seed and keeps its folder; `--page` only writes the page; `--full` takes
//!   the long form of cases that have one: minutes without a store, a million mutated inputs.
//! * `MILLSTREAM_FAULTS_PROGRAM` names a test program that is built already, `MILLSTREAM_BINARY` the
//!   millstream to test, such as a release build with the feature `failpoints`.

mod page;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::services::World;
use crate::{Verdict, date, shell};

/// Tries of a case if nobody says otherwise: a walk through all of them in about an hour.
const RUNS: u64 = 30;
const SECONDS: u64 = 3_600;

/// What to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Cases, by the beginning of their id; all if empty.
    pub(crate) ids: Vec<String>,
    /// At most so many tries of each.
    pub(crate) runs: u64,
    /// Decides everything random.
    pub(crate) seed: u64,
    /// No try is begun after that.
    pub(crate) seconds: u64,
    /// Only write the page.
    pub(crate) page: bool,
    /// The long form of cases that have one.
    pub(crate) full: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Options {
            ids: Vec::new(),
            runs: RUNS,
            seed: 1,
            seconds: SECONDS,
            page: false,
            full: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let value = words
                    .next()
                    .with_context(|| format!("{word} wants a number"))?;
                let number = value.parse();
                number.with_context(|| format!("{word} wants a number, found '{value}'"))
            };
            match word.as_str() {
                "--runs" => options.runs = number()?,
                "--seed" => options.seed = number()?,
                "--seconds" => options.seconds = number()?,
                "--page" => options.page = true,
                "--full" => options.full = true,
                id if id.starts_with('F') => options.ids.push(id.to_string()),
                other => bail!("unknown argument '{other}'; cases are called F01 to F48"),
            }
        }
        Ok(options)
    }
}

/// Runs the cases that the arguments name.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let options = Options::parse(arguments)?;
    let mut verdict = Verdict::Passed;
    if !options.page {
        let tried = attempt(&options)?;
        if !tried.passed {
            verdict = Verdict::Failed;
        }
        keep(&tried.reports)?;
    }
    let path = shell::root().join("docs/reliability/faults.md");
    write(&path, &page::page(&kept()?))?;
    eprintln!("written: {}", path.display());
    Ok(verdict)
}

/// What came of a run.
pub(crate) struct Tried {
    pub(crate) passed: bool,
    /// A line per case.
    pub(crate) reports: Vec<Value>,
    /// A line per result compared and per life ended.
    pub(crate) log: Vec<Value>,
    /// Which build of millstream it was about.
    pub(crate) build: &'static str,
}

/// Builds and runs the cases.
pub(crate) fn attempt(options: &Options) -> Result<Tried> {
    shell::need_cc()?;
    let target = shell::target_dir()?.join("faults");
    std::fs::create_dir_all(&target)?;
    let (report, log) = (target.join("report.jsonl"), target.join("log.jsonl"));
    for file in [&report, &log] {
        write(file, "")?;
    }
    let services = World::start(true)?;
    let mut program = match std::env::var_os("MILLSTREAM_FAULTS_PROGRAM") {
        Some(built) => {
            let mut program = Command::new(built);
            program.current_dir(shell::root());
            program
        }
        None => {
            let built = ["build", "--workspace", "--bins", "--tests"];
            if !shell::succeeds(shell::cargo().args(built))? {
                bail!("the build failed");
            }
            let mut program = shell::cargo();
            program.args(["test", "--workspace", "--test", "faults", "--"]);
            program
        }
    };
    program
        .args(["--ignored", "--exact", "slice::every_case", "--nocapture"])
        .env("MILLSTREAM_FAULTS_ONLY", options.ids.join(","))
        .env("MILLSTREAM_FAULTS_RUNS", options.runs.to_string())
        .env("MILLSTREAM_FAULTS_SEED", options.seed.to_string())
        .env("MILLSTREAM_FAULTS_SECONDS", options.seconds.to_string())
        .env(
            "MILLSTREAM_FAULTS_FULL",
            if options.full { "1" } else { "" },
        )
        .env("MILLSTREAM_FAULTS_FOLDER", target.join("runs"))
        .env("MILLSTREAM_FAULTS_REPORT", &report)
        .env("MILLSTREAM_FAULTS_LOG", &log);
    services.tell(&mut program);
    let passed = shell::succeeds(&mut program)?;
    let (reports, log) = (lines(&report)?, lines(&log)?);
    if reports.is_empty() {
        bail!("no case was reported; is the id right, and did the tests start?");
    }
    let is_release = std::env::var_os("MILLSTREAM_BINARY").is_some_and(|path| {
        Path::new(&path)
            .components()
            .any(|c| c.as_os_str() == "release")
    });
    Ok(Tried {
        passed,
        reports,
        log,
        build: if is_release { "release" } else { "debug" },
    })
}

fn kept_path() -> PathBuf {
    shell::root().join("score/faults.jsonl")
}

/// What is known of every case.
pub(crate) fn kept() -> Result<Vec<Value>> {
    match kept_path().exists() {
        true => lines(&kept_path()),
        false => Ok(Vec::new()),
    }
}

/// Replaces what is known of the cases that were reported.
fn keep(reports: &[Value]) -> Result<()> {
    let (date, commit) = (date::today(), commit()?);
    let mut all = kept()?;
    for report in reports {
        // A case for which no time was left says nothing new.
        let is_untried = report["reason"]
            .as_str()
            .is_some_and(|r| r.starts_with("not tried"));
        if is_untried {
            continue;
        }
        let mut line = report.clone();
        line["date"] = json!(date);
        line["commit"] = json!(commit);
        if let Some(reason) = line["reason"].as_str() {
            // The first line says what; folders of this machine are nobody's business.
            line["reason"] = json!(reason.lines().next().unwrap_or_default());
        }
        all.retain(|known| known["case"] != line["case"]);
        all.push(line);
    }
    all.sort_by(|a, b| a["case"].as_str().cmp(&b["case"].as_str()));
    let text: String = all.iter().map(|line| format!("{line}\n")).collect();
    std::fs::create_dir_all(shell::root().join("score"))?;
    write(&kept_path(), &text)
}

/// The commit of the checkout, with a mark if files were changed since.
pub(crate) fn commit() -> Result<String> {
    let git = |arguments: &[&str]| {
        shell::output(
            Command::new("git")
                .current_dir(shell::root())
                .args(arguments),
        )
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?
        .trim()
        .to_string();
    let is_changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(if is_changed { commit + "+" } else { commit })
}

pub(crate) fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("{}: '{line}'", path.display()))
        })
        .collect()
}

pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        Options::parse(&words)
    }

    #[test]
    fn cases_and_numbers_are_told_apart() {
        let options = parse("F03 --runs 7 F21 --seed 9").unwrap();
        assert_eq!(options.ids, ["F03", "F21"]);
        assert_eq!((options.runs, options.seed, options.page), (7, 9, false));
    }

    #[test]
    fn a_number_that_is_missing_or_none_is_named() {
        for line in ["--runs", "--seed x", "x03"] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(line.split(' ').next().unwrap()), "{error}");
        }
    }
}
