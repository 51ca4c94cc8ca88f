//! Writes rows to files that become visible only when they are complete.
//!
//! ```text
//! rows ─▶ by partition directory ─▶ encode ─▶ part file ── full, old or idle ──▶ finished
//!                                                                                   │ prepare
//!                                                                    committable ◀──┘
//! ```
//!
//! * A part file is called `part-<run>-<subtask>-<number>`, as Flink does it; no two are the same.
//! * A file ends between two rows: as soon as it has reached `sink.rolling-policy.file-size`.
//! * The number of files open at a time is bounded; the one that has waited longest is finished.
//! * After an error nothing more is prepared: an incomplete result must not look complete.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::connector::{
    Committable, Committer, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
};
use millstream_core::format::{Encoder, Format, Formats};
use millstream_core::options::Options;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::commit::Renames;
use super::part::{Finished, Part};
use super::partition::Partitions;
use super::{
    AUTO_COMPACTION, CHECK_INTERVAL, COMMIT_DELAY, COMMIT_POLICY, COMMIT_TRIGGER, FILE_SIZE,
    Filesystem, INACTIVITY_INTERVAL, ROLLOVER_INTERVAL, SHUFFLE_BY_PARTITION, SUCCESS_NAME,
    location,
};
use crate::options::format_of;

/// The name of a success file unless the table says otherwise.
pub(super) const DEFAULT_SUCCESS_NAME: &str = "_SUCCESS";

/// Most files one subtask has open.
const PARTS_OPEN_MAX: usize = 128;

impl SinkFactory for Filesystem {
    fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::Append)
    }

    fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()> {
        Layout::new(table, formats)?.encoder().map(|_| ())
    }

    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer {
            layout: Layout::new(table, &context.formats)?,
            context: context.clone(),
            open: BTreeMap::new(),
            finished: Vec::new(),
            next: 0,
            encoded: Vec::new(),
            ends: Vec::new(),
            failed: false,
        }))
    }

    fn committer(&self, table: &TableSpec) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Renames {
            root: location::absolute(&table.options)?,
        }))
    }
}

/// Everything the options say.
struct Layout {
    owner: String,
    root: PathBuf,
    partitions: Partitions,
    /// Positions of the columns that are in the files.
    records: Vec<usize>,
    record_schema: SchemaRef,
    format: &'static dyn Format,
    format_options: Options,
    rolling: Rolling,
    success_name: Option<String>,
}

/// When a file is complete.
struct Rolling {
    bytes: u64,
    age: Duration,
    idle: Duration,
}

impl Layout {
    fn new(table: &TableSpec, formats: &Formats) -> Result<Self> {
        refuse_unsupported(&table.options)?;
        let partitions = Partitions::of(table)?;
        let records = partitions.record_columns(table)?;
        let (format, format_options) = format_of(table, formats)?;
        Ok(Layout {
            owner: table.options.owner().to_string(),
            root: location::absolute(&table.options)?,
            record_schema: Arc::new(table.schema.project(&records)?),
            partitions,
            records,
            format,
            format_options,
            rolling: Rolling::of(&table.options)?,
            success_name: success_name(table)?,
        })
    }

    fn encoder(&self) -> Result<Box<dyn Encoder>> {
        self.format
            .encoder(Arc::clone(&self.record_schema), &self.format_options)
    }

    /// The rows for each directory below the root, without their partition columns.
    fn split(&self, rows: &RecordBatch) -> Result<Vec<(String, RecordBatch)>> {
        let records = rows.project(&self.records)?;
        if self.partitions.columns.is_empty() {
            return Ok(vec![(String::new(), records)]);
        }
        let directories = self.partitions.directories(rows).into_iter();
        directories
            .map(|(directory, rows)| {
                Ok((
                    directory,
                    take_record_batch(&records, &UInt32Array::from(rows))?,
                ))
            })
            .collect()
    }
}

impl Rolling {
    fn of(options: &Options) -> Result<Self> {
        const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);
        let bytes = options.bytes(FILE_SIZE)?.unwrap_or(128 << 20);
        if bytes == 0 {
            return Err(options.invalid(FILE_SIZE, "a size of at least one byte"));
        }
        options.duration(CHECK_INTERVAL)?;
        Ok(Rolling {
            bytes,
            age: options.duration(ROLLOVER_INTERVAL)?.unwrap_or(HALF_AN_HOUR),
            idle: options
                .duration(INACTIVITY_INTERVAL)?
                .unwrap_or(HALF_AN_HOUR),
        })
    }

    fn is_due(&self, part: &Part, now: Duration) -> bool {
        now.saturating_sub(part.opened) >= self.age || now.saturating_sub(part.written) >= self.idle
    }
}

struct Writer {
    layout: Layout,
    context: SinkContext,
    /// By directory below the root.
    open: BTreeMap<String, Part>,
    finished: Vec<Finished>,
    /// The number of the next file.
    next: u64,
    /// Rows of one batch and partition, encoded; empty between calls.
    encoded: Vec<u8>,
    ends: Vec<usize>,
    failed: bool,
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        let written = self.write_rows(&rows);
        self.failed |= written.is_err();
        written
    }

    async fn prepare(&mut self, end: bool) -> Result<Vec<Committable>> {
        if self.failed {
            let owner = &self.layout.owner;
            return Err(Error::new(
                Code::Write,
                format!("{owner}: writing failed before"),
            ));
        }
        let finished = self.finish(|_, due| end || due);
        self.failed |= finished.is_err();
        finished?;
        let success_name = self.layout.success_name.as_deref();
        Ok(self
            .finished
            .drain(..)
            .map(|part| part.hand_over(success_name))
            .collect())
    }
}

impl Writer {
    fn write_rows(&mut self, rows: &ChangeBatch) -> Result<()> {
        if rows
            .kinds()
            .is_some_and(|kinds| kinds.values().iter().any(|kind| *kind != 0))
        {
            let owner = &self.layout.owner;
            return Err(Error::internal(format!("{owner} takes insertions only")));
        }
        self.finish(|_, due| due)?;
        for (directory, rows) in self.layout.split(rows.rows())? {
            self.write_to(&directory, &rows)?;
        }
        Ok(())
    }

    fn write_to(&mut self, directory: &str, rows: &RecordBatch) -> Result<()> {
        const KEPT_BYTES_MAX: usize = 1 << 20;
        let mut encoded = std::mem::take(&mut self.encoded);
        let mut ends = std::mem::take(&mut self.ends);
        let part = self.part(directory)?;
        part.encoder.encode(rows, &mut encoded, &mut ends)?;
        self.append(directory, &encoded, &ends)?;
        encoded.clear();
        encoded.shrink_to(KEPT_BYTES_MAX);
        ends.clear();
        (self.encoded, self.ends) = (encoded, ends);
        Ok(())
    }

    /// Writes encoded rows, `ends` being the end of each, to as many files as they need.
    fn append(&mut self, directory: &str, encoded: &[u8], ends: &[usize]) -> Result<()> {
        let bytes_max = self.layout.rolling.bytes;
        let now = self.context.clock.elapsed();
        let mut from = 0;
        while from < encoded.len() {
            let part = self.part(directory)?;
            let room = bytes_max.saturating_sub(part.bytes);
            let last = ends
                .partition_point(|end| *end <= from || (end.saturating_sub(from) as u64) < room);
            let to = ends.get(last).copied().unwrap_or(encoded.len());
            part.write(&encoded[from..to], now)?;
            from = to;
            if part.bytes >= bytes_max {
                self.finish(|name, due| due || name == directory)?;
            }
        }
        Ok(())
    }

    /// The open file of a directory.
    fn part(&mut self, directory: &str) -> Result<&mut Part> {
        if !self.open.contains_key(directory) {
            if self.open.len() >= PARTS_OPEN_MAX {
                let longest = self.open.iter().min_by_key(|(_, part)| part.written);
                let longest = longest.map(|(name, _)| name.clone());
                self.finish(|name, due| due || Some(name) == longest.as_deref())?;
            }
            let SinkContext {
                run_id, subtask, ..
            } = &self.context;
            let name = format!("part-{run_id}-{subtask}-{}", self.next);
            let path = match directory {
                "" => self.layout.root.clone(),
                _ => self.layout.root.join(directory),
            };
            let now = self.context.clock.elapsed();
            let part = Part::open(&path, &name, self.layout.encoder()?, now)?;
            self.next += 1;
            self.open.insert(directory.to_string(), part);
        }
        Ok(self
            .open
            .get_mut(directory)
            .expect("it was there or has been inserted"))
    }

    /// Finishes the files that `choose` names, which is told whether a file is old or idle.
    fn finish(&mut self, choose: impl Fn(&str, bool) -> bool) -> Result<()> {
        let now = self.context.clock.elapsed();
        let chosen: Vec<String> = self
            .open
            .iter()
            .filter(|(name, part)| choose(name, self.layout.rolling.is_due(part, now)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in chosen {
            if let Some(part) = self.open.remove(&name) {
                self.finished.push(part.finish()?);
            }
        }
        Ok(())
    }
}

/// Options that Flink has and that would change the result if they were ignored.
fn refuse_unsupported(options: &Options) -> Result<()> {
    for key in [AUTO_COMPACTION, SHUFFLE_BY_PARTITION] {
        if options.boolean(key, false)? {
            return Err(Error::unsupported(format!(
                "option '{key}' of {} is not supported",
                options.owner()
            )));
        }
    }
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
        .hint("with 'process-time' a partition is marked when its files become visible"));
    }
    match options.duration(COMMIT_DELAY)? {
        None | Some(Duration::ZERO) => Ok(()),
        Some(_) => Err(Error::unsupported(format!(
            "option '{COMMIT_DELAY}' of {} is not supported beyond '0 s'",
            options.owner()
        ))),
    }
}

/// The name of the success file, if the table wants one.
fn success_name(table: &TableSpec) -> Result<Option<String>> {
    let options = &table.options;
    let name = options.get(SUCCESS_NAME).unwrap_or(DEFAULT_SUCCESS_NAME);
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
    if !name.starts_with(['_', '.']) || name.len() < 2 || name == ".." || name.contains(['/', '\0'])
    {
        return Err(options.invalid(SUCCESS_NAME, "a file name that begins with '_' or '.'"));
    }
    Ok(Some(name.to_string()))
}
