//! What a real Flink says about a golden file: `cargo xtask referee` asks it and writes it down here.
//!
//! ```text
//! -- @flink-set pipeline.auto-watermark-interval=1 h      a setting for Flink only
//! -- @flink-differs WHY                                   its result is another one, and may be
//! -- @flink-types WHY                                     its column types are others, and may be
//! -- @flink-modes WHY                                     its kinds of changes are others, and may be
//! -- @flink-skip WHY                                      it cannot be asked
//! ..
//! -- @flink 2.3.0 2026-11-21                              the record, always the last block
//! -- select [I,UA] k STRING, n BIGINT NOT NULL            changes and columns of each query
//! -- insert [I] [I]                                       changes that reach each sink of a job
//! -- insert [I] refused: Illegal use of 'NULL'
//! -- - {"n":1}                                            a wanted line that Flink does not have
//! -- + {"n":2}                                            a line only Flink has
//! -- 4 lines 5ba1a9ef2b0a1f43                             all of Flink's lines, and their digest
//! ```
//!
//! The lines of `@expect` are checked against our engine; the digest ties them to the record, so a
//! golden whose lines change must be judged again. Cost: no JVM is needed to check a record.

use anyhow::{Context, Result, bail, ensure};

use super::canonical::canonical;
use super::file::{Golden, Wanted};

/// What a file says about Flink by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Settings for Flink only.
    pub settings: Vec<(String, String)>,
    /// Why the results may differ.
    pub differs: Option<String>,
    /// Why the types may differ.
    pub types: Option<String>,
    /// Why one may be insert-only and the other updating.
    pub modes: Option<String>,
    /// Why Flink is not asked.
    pub skip: Option<String>,
}

impl Notes {
    /// Takes a directive in; false if it is none of Flink's.
    pub(super) fn take(&mut self, word: &str, rest: &str) -> Result<bool> {
        let reason = || {
            ensure!(!rest.trim().is_empty(), "'@{word}' wants a reason");
            Ok(Some(rest.trim().to_string()))
        };
        match word {
            "flink-set" => {
                let setting = rest.split_once('=');
                let (key, value) = setting.context("'@flink-set' wants KEY=VALUE")?;
                let setting = (key.trim().to_string(), value.trim().to_string());
                self.settings.push(setting);
            }
            "flink-differs" => self.differs = reason()?,
            "flink-types" => self.types = reason()?,
            "flink-modes" => self.modes = reason()?,
            "flink-skip" => self.skip = reason()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What Flink said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Flink's version.
    pub version: String,
    /// The day it was asked.
    pub date: String,
    /// Its queries and INSERTs.
    pub statements: Vec<Planned>,
    /// Wanted lines it does not have.
    pub missing: Vec<String>,
    /// Lines only it has.
    pub extra: Vec<String>,
    /// How many lines it has in all, and their digest; none for a file that wants an error.
    pub lines: Option<(usize, String)>,
}

/// A query or a job of INSERTs as Flink planned it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// False for INSERTs.
    pub is_query: bool,
    /// For each sink the kinds of changes that reach it, such as `I,UB,UA`.
    pub modes: Vec<String>,
    /// Name and type of each column of a query.
    pub columns: String,
    /// Why it was refused, or why it failed.
    pub error: Option<String>,
}

impl Record {
    /// Compares Flink's lines with the wanted ones.
    pub fn new(
        golden: &Golden,
        version: &str,
        date: &str,
        statements: Vec<Planned>,
        found: &[String],
    ) -> Record {
        let mut record = Record {
            version: version.into(),
            date: date.into(),
            statements,
            ..Record::default()
        };
        let Wanted::Lines(wanted) = &golden.wanted else {
            return record;
        };
        record.missing = wanted.clone();
        for line in found {
            let same = |other: &String| canonical(other) == canonical(line);
            match record.missing.iter().position(same) {
                Some(index) => drop(record.missing.remove(index)),
                None => record.extra.push(line.clone()),
            }
        }
        record.extra.sort();
        record.lines = Some((found.len(), digest(found)));
        record
    }

    /// Whether Flink's result is another one than the wanted one.
    pub fn differs(&self) -> bool {
        let fails = self.statements.iter().any(|one| one.error.is_some());
        match self.lines {
            Some(_) => fails || !self.missing.is_empty() || !self.extra.is_empty(),
            None => !fails,
        }
    }

    /// Whether both say the same, the day aside.
    pub fn says_what(&self, other: &Record) -> bool {
        let date = other.date.clone();
        Record {
            date,
            ..self.clone()
        } == *other
    }

    /// Checks that the record is about the file as it is, and that a difference has its reason.
    pub fn check(&self, golden: &Golden) -> Result<()> {
        let notes = &golden.notes;
        if let Some(why) = &notes.skip {
            bail!("'@flink-skip {why}' has a record below it; remove one of them");
        }
        match (self.differs(), &notes.differs) {
            (true, None) => bail!(
                "Flink {} differs: {}\nsay why with '-- @flink-differs WHY', or mend it",
                self.version,
                self.difference()
            ),
            (false, Some(_)) => bail!("'@flink-differs' stands there, but Flink agrees"),
            _ => {}
        }
        let (Some((count, known)), Wanted::Lines(wanted)) = (&self.lines, &golden.wanted) else {
            return Ok(());
        };
        let mut lines = wanted.clone();
        for line in &self.missing {
            let index = lines.iter().position(|other| other == line);
            lines.remove(index.with_context(|| stale(line))?);
        }
        lines.extend(self.extra.iter().cloned());
        ensure!(
            lines.len() == *count && digest(&lines) == *known,
            stale("the lines")
        );
        Ok(())
    }

    /// What differs, for people.
    pub fn difference(&self) -> String {
        let fails = self.statements.iter().filter_map(|one| one.error.clone());
        let missing = self.missing.iter().map(|line| format!("- {line}"));
        let extra = self.extra.iter().map(|line| format!("+ {line}"));
        let lines: Vec<String> = fails.chain(missing).chain(extra).collect();
        match lines.is_empty() {
            true => "it accepts what we refuse".into(),
            false => lines.join("\n"),
        }
    }

    /// The block of the file, as comments.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("@flink {} {}", self.version, self.date)];
        lines.extend(self.statements.iter().map(Planned::text));
        lines.extend(self.missing.iter().map(|line| format!("- {line}")));
        lines.extend(self.extra.iter().map(|line| format!("+ {line}")));
        if let Some((count, digest)) = &self.lines {
            lines.push(format!("{count} lines {digest}"));
        }
        lines.iter().map(|line| format!("-- {line}\n")).collect()
    }

    /// The beginning of a block: `VERSION DATE`.
    pub(super) fn begin(rest: &str) -> Result<Record> {
        let (version, date) = rest
            .trim()
            .split_once(' ')
            .context("'@flink' wants a version and a day")?;
        Ok(Record {
            version: version.into(),
            date: date.into(),
            ..Record::default()
        })
    }

    /// A line of the block.
    pub(super) fn line(&mut self, line: &str) -> Result<()> {
        if let Some(missing) = line.strip_prefix("- ") {
            self.missing.push(missing.into());
        } else if let Some(extra) = line.strip_prefix("+ ") {
            self.extra.push(extra.into());
        } else if let Some((count, digest)) = line.split_once(" lines ") {
            self.lines = Some((count.parse()?, digest.into()));
        } else {
            self.statements.push(Planned::parse(line)?);
        }
        Ok(())
    }
}

fn stale(what: &str) -> String {
    format!(
        "{what}: not what Flink was compared with; ask it again: cargo xtask referee NAME --record"
    )
}

impl Planned {
    fn text(&self) -> String {
        let mut text = String::from(if self.is_query { "select" } else { "insert" });
        for mode in &self.modes {
            text.push_str(&format!(" [{mode}]"));
        }
        match &self.error {
            Some(error) => text.push_str(&format!(" refused: {error}")),
            None if self.is_query => text.push_str(&format!(" {}", self.columns)),
            None => {}
        }
        text
    }

    fn parse(line: &str) -> Result<Planned> {
        let (word, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut planned = Planned {
            is_query: match word {
                "select" => true,
                "insert" => false,
                _ => bail!("'{line}' is no line of a record of Flink"),
            },
            ..Planned::default()
        };
        while let Some((mode, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            planned.modes.push(mode.into());
            rest = after.trim_start();
        }
        match rest.strip_prefix("refused: ") {
            Some(error) => planned.error = Some(error.into()),
            None => planned.columns = rest.into(),
        }
        Ok(planned)
    }
}

/// FNV-1a, 64 bits, of the lines in order of their canonical text.
///
/// Source: the hash of G. Fowler, L. C. Noll and K.-P. Vo, with its published constants.
fn digest(lines: &[String]) -> String {
    let mut lines: Vec<String> = lines.iter().map(|line| canonical(line)).collect();
    lines.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in lines.iter().flat_map(|line| line.bytes().chain([b'\n'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
#[path = "flink_tests.rs"]
mod tests;
