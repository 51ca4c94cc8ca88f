//! `referee [NAME..] [--record] [--page]`: a real Flink judges the golden SQL files.
//!
//! ```text
//! golden file ──▶ Referee.java in one JVM: a mini cluster, the same script over the same input
//!                      │ rows that are left, changes that reach each sink, columns, refusals
//!                      ▼
//!      compare with @expect ──▶ --record: the block @flink of the file
//! ```
//!
//! * Each file must agree, or say why it does not (`-- @flink-differs WHY`); else the word fails.
//! * `--record` writes what Flink said into the files that agree or have a reason, and brings the
//!   table of differences up to date. The day of an unchanged record stays.
//! * `cargo xtask test` checks our results against the records without a JVM.
//! * One parallel subtask and a watermark behind each row: rows come in the order of the file, and
//!   what is late is the same each time. `-- @flink-set` says otherwise for one file.
//! * `--page` alone writes the table of differences from the files, and asks nobody.
//!
//! Cost: some 8 s to start, then well under a second a query. Decision: `docs/adr/0013-referee.md`.

mod flink;
mod page;

use std::path::Path;

use anyhow::{Result, bail};
use millstream_tests::golden::flink::{Planned, Record};
use millstream_tests::golden::{Golden, files};
use serde_json::Value;

use crate::services::flink::VERSION;
use crate::{Verdict, date, shell};
use flink::Flink;

/// The word.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let (flags, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| word.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|word| *word == flag);
    if let Some(other) = flags
        .iter()
        .find(|f| !["--record", "--page"].contains(&f.as_str()))
    {
        bail!("unknown argument '{other}'");
    }
    let asks = !(has("--page") && names.is_empty() && !has("--record"));
    let mut verdict = Verdict::Passed;
    if asks {
        let sum = judge_all(&goldens(&names)?, has("--record"))?;
        println!("{sum}");
        if sum.failed > 0 {
            verdict = Verdict::Failed;
        }
    }
    if has("--page") || has("--record") {
        page::write(&goldens(&[])?)?;
    }
    Ok(verdict)
}

fn goldens(names: &[&String]) -> Result<Vec<Golden>> {
    if names.is_empty() {
        return files(&[])?.iter().map(|path| Golden::read(path)).collect();
    }
    let mut goldens = Vec::new();
    for name in names {
        for path in files(&[*name])? {
            goldens.push(Golden::read(&path)?);
        }
    }
    Ok(goldens)
}

/// What became of the files.
#[derive(Default)]
struct Sum {
    agreed: usize,
    differed: usize,
    skipped: usize,
    failed: usize,
    written: usize,
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Flink {VERSION}: {} agree, {} differ with a reason, {} not asked, {} failed; {} records written",
            self.agreed, self.differed, self.skipped, self.failed, self.written
        )
    }
}

fn judge_all(goldens: &[Golden], writes: bool) -> Result<Sum> {
    let mut sum = Sum::default();
    let mut flink = Flink::default();
    for golden in goldens {
        let path = golden.path.strip_prefix(shell::root());
        let name = path.unwrap_or(&golden.path).display();
        if let Some(why) = &golden.notes.skip {
            eprintln!("skipped {name}: {why}");
            sum.skipped += 1;
            continue;
        }
        match judge(&mut flink, golden).and_then(|record| settle(golden, record, writes)) {
            Ok((record, is_new)) => {
                let differs = record.differs();
                eprintln!("{} {name}", if differs { "differs" } else { "agrees " });
                sum.differed += usize::from(differs);
                sum.agreed += usize::from(!differs);
                sum.written += usize::from(is_new);
            }
            Err(error) => {
                sum.failed += 1;
                eprintln!("FAILED  {name}\n{error:#}\n");
            }
        }
    }
    Ok(sum)
}

/// Asks Flink about a file.
fn judge(flink: &mut Flink, golden: &Golden) -> Result<Record> {
    let folder = tempfile::tempdir()?;
    golden.lay_out(folder.path())?;
    let script = golden.script(folder.path())?;
    let answer = flink.ask(
        &golden.path.display().to_string(),
        &golden.notes.settings,
        &script,
    )?;
    let statements = answer.iter().map(|json| planned(json, folder.path()));
    let rows = answer.iter().filter_map(|json| json["rows"].as_array());
    let lines: Vec<String> = rows
        .flatten()
        .filter_map(|line| line.as_str().map(str::to_string))
        .collect();
    Ok(Record::new(
        golden,
        VERSION,
        &date::today(),
        statements.collect(),
        &lines,
    ))
}

fn planned(json: &Value, folder: &Path) -> Planned {
    let texts = |json: &Value| -> Vec<String> {
        let texts = json.as_array().into_iter().flatten();
        texts
            .filter_map(|text| text.as_str().map(str::to_string))
            .collect()
    };
    let columns = json["columns"].as_array().into_iter().flatten();
    let mut columns: Vec<String> = columns.map(|column| texts(column).join(" ")).collect();
    let error = json["error"].as_str().map(|error| {
        let first = error.lines().next().unwrap_or_default().trim();
        let error: String = first.chars().take(200).collect();
        error.replace(&*folder.to_string_lossy(), "{dir}")
    });
    if error.is_some() {
        columns.clear();
    }
    Planned {
        is_query: json["kind"] != "insert",
        modes: texts(&json["modes"]),
        columns: columns.join(", "),
        error,
    }
}

/// Compares with the record in the file, or replaces that one; true if it was replaced.
fn settle(golden: &Golden, record: Record, writes: bool) -> Result<(Record, bool)> {
    record.check(golden)?;
    match &golden.record {
        Some(old) if old.says_what(&record) => Ok((record, false)),
        _ if writes => {
            golden.write(&golden.with_record(Some(&record)))?;
            Ok((record, true))
        }
        Some(old) => bail!("Flink said\n{}\nand says\n{}", old.text(), record.text()),
        None => {
            eprintln!("not recorded: {}", golden.path.display());
            Ok((record, false))
        }
    }
}
