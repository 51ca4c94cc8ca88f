//! Marks partitions that have new files: an empty file in their directory, such as `_SUCCESS`.
//!
//! ```text
//! files of a partition become visible ──▶ it waits ── its time has come, at a commit ──▶ marked
//!                                            └─ kept in the checkpoint ─▶ the next life of the job
//! ```
//!
//! | trigger | its time has come |
//! |---|---|
//! | `process-time` | when the delay has passed since its files became visible; without one, at once |
//! | `partition-time` | when the watermark is behind the time its name tells, plus the delay |
//!
//! * A partition is marked with the commit of a checkpoint and never before its files are visible.
//! * The watermark is that of the checkpoint: the least that any writer had at its barrier. Writers to
//!   whom nothing is to come do not count, unless that is true of all; then the fastest does. At the end
//!   of all input everything is marked.
//! * What waits is in the receipt of the next checkpoint, so a crash, a restore and a savepoint take it
//!   along. A mark that was made is made again after a crash: it is the same empty file.
//! * A partition that gets files after it was marked waits and is marked again.
//!
//! Source of the idea and the options: Apache Flink 2.3, "FileSystem SQL Connector", partition
//! commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millstream_core::table::TableSpec;
use millstream_core::{Error, Result};

use super::partition_time::Extractor;
use super::root::Root;
use super::{COMMIT_DELAY, COMMIT_POLICY, COMMIT_TRIGGER, SUCCESS_NAME};

/// The name of a success file unless the table says otherwise.
pub(super) const DEFAULT_NAME: &str = "_SUCCESS";

/// When a partition is marked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    name: String,
    delay_ms: i64,
    /// For partitions that are marked by their own time.
    time: Option<Extractor>,
}

impl Policy {
    /// What the options of a table say; `None` if its partitions are not marked.
    pub(super) fn of(table: &TableSpec) -> Result<Option<Self>> {
        let options = &table.options;
        let triggers = ["process-time", "partition-time"];
        let trigger = options.one_of(COMMIT_TRIGGER, &triggers, triggers[0])?;
        let delay = options.duration(COMMIT_DELAY)?.unwrap_or(Duration::ZERO);
        let delay_ms = i64::try_from(delay.as_millis())
            .map_err(|_| options.invalid(COMMIT_DELAY, "a duration such as '1 h'"))?;
        let time = Extractor::of(table)?;
        let name = options.get(SUCCESS_NAME).unwrap_or(DEFAULT_NAME);
        let Some(kind) = options.get(COMMIT_POLICY) else {
            return match trigger == triggers[1] {
                false => Ok(None),
                true => Err(options
                    .invalid(
                        COMMIT_TRIGGER,
                        "'sink.partition-commit.policy.kind' beside it",
                    )
                    .hint("without a policy there is nothing to do when the time has come")),
            };
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
            time: (trigger == triggers[1]).then_some(time),
        }))
    }

    /// True if a partition may be marked later than its files become visible.
    pub(super) fn waits(&self) -> bool {
        self.delay_ms > 0 || self.time.is_some()
    }

    /// True if the writers' watermark decides.
    pub(super) fn wants_watermark(&self) -> bool {
        self.time.is_some()
    }

    /// Refuses a partition whose time will never come, before anything is written to it.
    pub(super) fn check(&self, partition: &str) -> Result<()> {
        match &self.time {
            Some(time) => time.time_ms(partition).map(drop),
            None => Ok(()),
        }
    }

    fn is_due(&self, partition: &str, since_ms: i64, now: Now) -> Result<bool> {
        let Some(time) = &self.time else {
            return Ok(since_ms.saturating_add(self.delay_ms) <= now.clock_ms);
        };
        let Some(watermark) = now.watermark else {
            return Ok(false);
        };
        let end = time.time_ms(partition)?.saturating_add(self.delay_ms);
        Ok(watermark > end || watermark == i64::MAX)
    }
}

/// The time of a commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Of the machine, ms since 1970.
    pub(super) clock_ms: i64,
    /// Of the checkpoint's rows, if the writers have told one.
    pub(super) watermark: Option<i64>,
}

/// The partitions of one table that wait to be marked.
pub(super) struct Waiting {
    policy: Policy,
    root: Root,
    /// When files of each became visible first, ms since 1970.
    since: BTreeMap<String, i64>,
}

impl Waiting {
    pub(super) fn new(policy: Policy, root: &Root) -> Self {
        Waiting {
            policy,
            root: root.clone(),
            since: BTreeMap::new(),
        }
    }

    /// What a later life of the job has to know.
    pub(super) fn since(&self) -> &BTreeMap<String, i64> {
        &self.since
    }

    /// These wait, since then or since before.
    pub(super) fn adopt(&mut self, waiting: impl IntoIterator<Item = (String, i64)>) {
        for (partition, ms) in waiting {
            let first = self.since.entry(partition).or_insert(ms);
            *first = ms.min(*first);
        }
    }

    /// Takes over what a checkpoint says that others have finished: what was due with it is marked.
    pub(super) fn inherit(
        &mut self,
        before: BTreeMap<String, i64>,
        partitions: BTreeSet<&str>,
        then: Now,
    ) -> Result<()> {
        if !self.policy.waits() {
            return Ok(());
        }
        let with_it = partitions.into_iter();
        let with_it = with_it.map(|partition| (partition.to_string(), then.clock_ms));
        for (partition, since) in before.into_iter().chain(with_it) {
            // The machine's clock tells nothing of the moment when it was committed.
            let by_time = self.policy.wants_watermark();
            if !by_time || !self.policy.is_due(&partition, since, then)? {
                self.adopt([(partition, since)]);
            }
        }
        Ok(())
    }

    /// Notes that files of these partitions are visible, and marks those whose time has come.
    pub(super) async fn step(&mut self, partitions: BTreeSet<&str>, now: Now) -> Result<()> {
        let visible = partitions.into_iter();
        self.adopt(visible.map(|partition| (partition.to_string(), now.clock_ms)));
        let mut due = Vec::new();
        for (partition, since) in &self.since {
            if self.policy.is_due(partition, *since, now)? {
                due.push(partition.clone());
            }
        }
        for partition in due {
            let path = format!("{partition}/{}", self.policy.name);
            self.root.mark(&path).await?;
            self.since.remove(&partition);
        }
        Ok(())
    }
}
