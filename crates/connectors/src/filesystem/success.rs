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

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::pending::{Life, segment};
use super::root::Root;
use super::{COMMIT_DELAY, COMMIT_POLICY, COMMIT_TRIGGER, SUCCESS_NAME};

/// The name of a success file unless the table says otherwise.
pub(super) const DEFAULT_NAME: &str = "_SUCCESS";

/// The beginning of the names of files that hold waiting partitions.
const PREFIX: &str = "waiting-";

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
    root: Root,
    life: Life,
    /// Where they are kept, below the root.
    file: String,
    /// When files of each became visible first, ms since 1970.
    since: BTreeMap<String, i64>,
}

impl Waiting {
    pub(super) fn new(
        policy: Policy,
        table: &TableSpec,
        root: &Root,
        life: &Life,
        run_id: &str,
    ) -> Self {
        Waiting {
            policy,
            table: table.name.clone(),
            root: root.clone(),
            life: life.clone(),
            file: format!("{}/{PREFIX}{}.json", life.folder(), segment(run_id)),
            since: BTreeMap::new(),
        }
    }

    /// Takes over what earlier lives of the job have left waiting.
    pub(super) async fn adopt(&mut self) -> Result<()> {
        if !self.policy.waits() {
            return Ok(());
        }
        for path in self.root.leftovers(&self.life).await? {
            let name = path.rsplit('/').next().unwrap_or_default();
            if name.starts_with(PREFIX) && name.ends_with(".json") {
                self.load(&path).await?;
            }
        }
        match self.since.is_empty() {
            true => Ok(()),
            false => self.keep().await,
        }
    }

    /// Notes that files of these partitions are visible, and marks those that are due.
    pub(super) async fn step(&mut self, partitions: BTreeSet<&str>, now_ms: i64) -> Result<()> {
        let before = self.since.len();
        for partition in partitions {
            self.since.entry(partition.to_string()).or_insert(now_ms);
        }
        if self.policy.waits() && self.since.len() > before {
            self.keep().await?;
        }
        let due_ms = now_ms.saturating_sub(self.policy.delay_ms);
        let due = self.since.iter().filter(|(_, since)| **since <= due_ms);
        let due: Vec<String> = due.map(|(partition, _)| partition.clone()).collect();
        for partition in &due {
            let path = format!("{partition}/{}", self.policy.name);
            self.root.mark(&path).await?;
            self.since.remove(partition);
        }
        match self.policy.waits() && !due.is_empty() {
            true => self.keep().await,
            false => Ok(()),
        }
    }

    async fn load(&mut self, path: &str) -> Result<()> {
        let Some(text) = self.root.read(path).await? else {
            return Ok(());
        };
        let parsed = || -> Option<(String, Vec<(String, i64)>)> {
            let value: Value = serde_json::from_slice(&text).ok()?;
            let table = value.get("table")?.as_str()?.to_string();
            let since = value.get("since")?.as_object()?.iter();
            let since = since.map(|(partition, ms)| Some((partition.clone(), ms.as_i64()?)));
            Some((table, since.collect::<Option<_>>()?))
        };
        let (table, since) = parsed().ok_or_else(|| {
            let path = self.root.shown(path);
            let text = format!("'{path}' does not hold the partitions that wait to be marked");
            Error::new(Code::CheckpointDamaged, text)
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
    async fn keep(&self) -> Result<()> {
        if self.since.is_empty() {
            return self.root.remove(&self.file).await;
        }
        let text = json!({"table": self.table, "since": self.since}).to_string();
        self.root.put(&self.file, text.into_bytes()).await
    }
}
