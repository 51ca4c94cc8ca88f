//! Marks partitions that have new files: an empty file in their directory, such as `_SUCCESS`.
//!
//! ```text
//! files of a partition become visible ──▶ waiting since then ── delay over, at a commit ──▶ marked
//! ```
//!
//! * A partition is marked with the commit of a checkpoint and never before its files are visible.
//! * Without a delay nothing is remembered: the files and their mark belong to the same commit,
//!   which is repeated after a crash. With one, the waiting partitions are kept in
//!   `waiting-<run>.json` in the folder of the job's life, and a later life takes them over.
//! * A partition that gets files after it was marked waits and is marked again.
//!
//! Source of the idea and the options: Apache Flink 2.3, "FileSystem SQL Connector", partition
//! commit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::pending::{Life, create_dirs, entries, segment, sync, write_error};
use super::{COMMIT_DELAY, COMMIT_POLICY, COMMIT_TRIGGER, SUCCESS_NAME};

/// The name of a success file unless the table says otherwise.
pub(super) const DEFAULT_NAME: &str = "_SUCCESS";

/// When a partition is marked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    name: String,
    delay_ms: i64,
}

impl Policy {
    /// What the options of a table say; `None` if its partitions are not marked.
    pub(super) fn of(table: &TableSpec) -> Result<Option<Self>> {
        let options = &table.options;
        let trigger = options.one_of(
            COMMIT_TRIGGER,
            &["process-time", "partition-time"],
            "process-time",
        )?;
        if trigger == "partition-time" {
            return Err(Error::unsupported(format!(
                "option '{COMMIT_TRIGGER}' of {} is 'partition-time', which is not supported",
                options.owner()
            ))
            .hint("with 'process-time' a partition is marked once its files are visible"));
        }
        let delay = options.duration(COMMIT_DELAY)?.unwrap_or(Duration::ZERO);
        let delay_ms = i64::try_from(delay.as_millis())
            .map_err(|_| options.invalid(COMMIT_DELAY, "a duration such as '1 h'"))?;
        let name = options.get(SUCCESS_NAME).unwrap_or(DEFAULT_NAME);
        let Some(kind) = options.get(COMMIT_POLICY) else {
            return Ok(None);
        };
        if kind.trim() != "success-file" {
            return Err(Error::unsupported(format!(
                "option '{COMMIT_POLICY}' of {} is '{}', only 'success-file' is supported",
                options.owner(),
                crate::options::shown(kind)
            )));
        }
        if table.partition_keys.is_empty() {
            return Err(options
                .invalid(COMMIT_POLICY, "a table with PARTITIONED BY")
                .hint("leave the option out: files are visible only when they are complete"));
        }
        // A name that a reader skips, and that stays in its directory.
        let harmless = name.starts_with(['_', '.']) && name.len() > 1 && name != "..";
        if !harmless || name.contains(['/', '\\', '\0']) {
            return Err(options.invalid(SUCCESS_NAME, "a file name that begins with '_' or '.'"));
        }
        Ok(Some(Policy {
            name: name.to_string(),
            delay_ms,
        }))
    }

    /// True if a partition is marked later than its files become visible.
    pub(super) fn waits(&self) -> bool {
        self.delay_ms > 0
    }
}

/// The partitions of one table that wait to be marked.
pub(super) struct Waiting {
    policy: Policy,
    table: String,
    root: PathBuf,
    life: Life,
    /// Where they are kept.
    file: PathBuf,
    /// When files of each became visible first, ms since 1970.
    since: BTreeMap<String, i64>,
}

impl Waiting {
    pub(super) fn new(
        policy: Policy,
        table: &TableSpec,
        root: &Path,
        life: &Life,
        run_id: &str,
    ) -> Self {
        let file = format!("{}/waiting-{}.json", life.folder(), segment(run_id));
        Waiting {
            policy,
            table: table.name.clone(),
            root: root.to_path_buf(),
            life: life.clone(),
            file: root.join(file),
            since: BTreeMap::new(),
        }
    }

    /// Takes over what earlier lives of the job have left waiting.
    pub(super) fn adopt(&mut self) -> Result<()> {
        if !self.policy.waits() {
            return Ok(());
        }
        for folder in entries(&self.root.join(&self.life.job))? {
            let name = folder.file_name().and_then(|name| name.to_str());
            if !name.is_some_and(|name| self.life.outlives(name)) {
                continue;
            }
            for file in entries(&folder)? {
                let name = file.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| name.starts_with("waiting-")) {
                    self.load(&file)?;
                }
            }
        }
        self.keep()
    }

    /// Notes that files of these partitions are visible, and marks those that are due.
    pub(super) fn step<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a str>,
        now_ms: i64,
    ) -> Result<()> {
        let before = self.since.len();
        for partition in partitions {
            self.since.entry(partition.to_string()).or_insert(now_ms);
        }
        if self.policy.waits() && self.since.len() > before {
            self.keep()?;
        }
        let due_ms = now_ms.saturating_sub(self.policy.delay_ms);
        let due: Vec<String> = self
            .since
            .iter()
            .filter(|(_, since)| **since <= due_ms)
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in &due {
            self.mark(partition)?;
            self.since.remove(partition);
        }
        match self.policy.waits() && !due.is_empty() {
            true => self.keep(),
            false => Ok(()),
        }
    }

    fn mark(&self, partition: &str) -> Result<()> {
        let directory = self.root.join(partition);
        let path = directory.join(&self.policy.name);
        match File::create(&path) {
            Ok(_) => sync(&directory),
            // Its owner has moved the whole partition away: there is nobody to tell.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(write_error(&path, error)),
        }
    }

    fn load(&mut self, file: &Path) -> Result<()> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(write_error(file, error)),
        };
        let parsed = || -> Option<(String, Vec<(String, i64)>)> {
            let value: Value = serde_json::from_str(&text).ok()?;
            let table = value.get("table")?.as_str()?.to_string();
            let since = value.get("since")?.as_object()?.iter();
            let since = since.map(|(partition, ms)| Some((partition.clone(), ms.as_i64()?)));
            Some((table, since.collect::<Option<_>>()?))
        };
        let (table, since) = parsed().ok_or_else(|| {
            Error::new(
                Code::CheckpointDamaged,
                format!(
                    "'{}' does not hold the partitions that wait to be marked",
                    file.display()
                ),
            )
        })?;
        if table == self.table {
            for (partition, ms) in since {
                let first = self.since.entry(partition).or_insert(ms);
                *first = ms.min(*first);
            }
        }
        Ok(())
    }

    /// Replaces the file, or removes it if nothing waits.
    fn keep(&self) -> Result<()> {
        let folder = self.root.join(self.life.folder());
        if self.since.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(write_error(&self.file, error))
                }
                _ => Ok(()),
            };
        }
        create_dirs(&folder)?;
        let text = json!({"table": self.table, "since": self.since}).to_string();
        let new = self.file.with_extension("new");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| write_error(&new, error))?;
        fs::rename(&new, &self.file).map_err(|error| write_error(&self.file, error))?;
        sync(&folder)
    }
}
