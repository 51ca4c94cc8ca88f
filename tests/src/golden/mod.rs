//! Golden SQL: a file holds tables, input rows, statements and the wanted result.
//!
//! ```text
//! -- Rows behind the watermark count in every window that is still open.
//! -- @input bids.jsonl
//! -- {"auction": 1, "ts": "2026-01-01 00:00:03"}
//! CREATE TABLE bid (..) WITH ('path' = '{dir}/bids.jsonl', ..);
//! SELECT ..;
//! -- @expect
//! -- {"auction":1,"n":4}
//! ```
//!
//! Every file runs as a user would run it, `millstream run FILE --result final --format json`, once
//! for each parallelism and batch size of the matrix; the wanted lines, sorted, stay the same. Then the
//! same with `--rehearse-crashes`: the job is broken off behind each checkpoint and goes on with another
//! number of subtasks, and the wanted lines still stay the same.
//! `{dir}` is a fresh folder with the inputs. `-- @error MS1004` instead of `@expect` wants a
//! failure with that code, `-- @stderr TEXT` wants a text among the messages, and `-- @once` leaves
//! the matrix out. The lines of several SELECTs are sorted together. What a real Flink says about the
//! file stands in its last block; see [`flink`].

mod canonical;
mod file;
pub mod flink;
mod run;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use file::{Golden, Wanted};
pub use run::Matrix;

/// What became of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Files whose result was the wanted one in every run.
    pub passed: usize,
    /// The others.
    pub failed: usize,
}

/// Runs golden files and prints what differs.
pub fn run(arguments: &[String]) -> Result<Count> {
    let update = arguments.iter().any(|argument| argument == "--update");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let program = program()?;
    let mut count = Count::default();
    for path in files(&wanted)? {
        let outcome = Golden::read(&path).and_then(|golden| run::check(&golden, &program, update));
        match outcome {
            Ok(()) => count.passed += 1,
            Err(error) => {
                count.failed += 1;
                eprintln!("FAILED {}\n{error:#}\n", path.display());
            }
        }
    }
    Ok(count)
}

/// The `millstream` beside this program, which may itself be a test in the folder `deps`.
pub fn program() -> Result<PathBuf> {
    let here = std::env::current_exe().context("cannot find this program")?;
    let name = format!("millstream{}", std::env::consts::EXE_SUFFIX);
    let folders = here.ancestors().skip(1).take(2);
    let found = folders
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: cargo build --bin millstream"))
}

/// A named file, or every file below `tests/sql` whose name contains a word.
pub fn files(wanted: &[&String]) -> Result<Vec<PathBuf>> {
    if let [one] = wanted
        && Path::new(one).is_file()
    {
        return Ok(vec![PathBuf::from(one)]);
    }
    let folder = crate::reference::root().join("tests/sql");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).context("cannot read tests/sql")? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_wanted = wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
        if name.ends_with(".sql") && is_wanted {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("no golden file matches");
    }
    Ok(found)
}
