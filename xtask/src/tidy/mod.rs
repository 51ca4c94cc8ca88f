//! `tidy`: what a machine can check about the house.
//!
//! * [`paths`]: every path the documents name exists.
//! * [`rows`]: crates depend only on crates of lower rows, and heavy libraries stay outside.
//! * [`errors`]: every error code has its page, and no page is left over.
//! * [`sizes`]: no file beyond 800 lines without a reason on its first line; the ten longest files
//!   and functions are shown, not judged.
//!
//! Each check is a function from what it reads to a list of [`Problem`]s, tested on small texts.

mod errors;
mod paths;
mod rows;
mod sizes;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{Verdict, shell};

/// Something to put right, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    place: String,
    what: String,
}

impl Problem {
    fn new(place: impl fmt::Display, what: impl Into<String>) -> Self {
        Problem {
            place: place.to_string(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// One text file of the checkout.
struct Text {
    /// Relative to the root, with `/` between folders.
    path: String,
    content: String,
}

/// The word: all checks, then the longest files and functions.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    if let Some(argument) = arguments.first() {
        bail!("tidy takes no argument, found '{argument}'");
    }
    let verdict = check()?;
    print!("{}", sizes::longest(&texts()?));
    Ok(verdict)
}

/// All checks; prints each problem on a line of its own.
pub(crate) fn check() -> Result<Verdict> {
    let texts = texts()?;
    let root = shell::root();
    let mut problems = paths::check(&root, &texts);
    problems.extend(rows::check(&rows::packages(&shell::metadata()?)?));
    problems.extend(errors::check(&texts));
    problems.extend(sizes::check(&texts));
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    eprintln!("tidy: {} files, {} problems", texts.len(), problems.len());
    Ok(if problems.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// Our own source, scripts and documents, in the order of their paths. Data is not ours to judge.
fn texts() -> Result<Vec<Text>> {
    const ENDINGS: &[&str] = &["rs", "md", "sql", "toml", "sh"];
    let root = shell::root();
    let mut folders = vec![root.clone()];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| picture(&folder))? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_foreign(&root, &path) {
                folders.push(path);
            } else if kind.is_file() && has_ending(&path, ENDINGS) {
                let content = std::fs::read_to_string(&path).with_context(|| picture(&path))?;
                texts.push(Text {
                    path: relative(&root, &path),
                    content,
                });
            }
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(texts)
}

/// Folders with nothing of ours: version control, build output, results of measurements.
fn is_foreign(root: &Path, folder: &Path) -> bool {
    let path = relative(root, folder);
    path == ".git" || path == "bench/results" || folder.join("CACHEDIR.TAG").exists()
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|e| endings.contains(&e))
}

fn relative(root: &Path, path: &Path) -> String {
    let parts: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    parts.to_string_lossy().replace('\\', "/")
}

fn picture(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
