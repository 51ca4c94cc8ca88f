//! Writes rows to files that become visible only when they are complete.
//!
//! ```text
//! rows ─▶ by partition directory ─▶ encode ─▶ part file ── full, old or idle ──▶ finished
//!                                                │ checkpoint                        │ prepare
//!                                                └───────────────▶    committable ◀──┘
//! ```
//!
//! * A part file is called `part-<run>-<subtask>-<number>`, as Flink does it; no two are the same.
//! * A file ends between two rows: as soon as it has reached `sink.rolling-policy.file-size`.
//! * A job with checkpoints ends every file at each of them (Flink's `OnCheckpointRollingPolicy`):
//!   what a checkpoint holds is a whole file, and nothing needs to be cut when it is restored. A
//!   job without them goes by size, age and idleness alone.
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
    Committer, Prepared, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
};
use millstream_core::failpoint::failpoint;
use millstream_core::format::{Encoder, Format, Formats};
use millstream_core::message::Barrier;
use millstream_core::options::Options;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::commit::{Renames, ignores_missing};
use super::committable::{Message, Move};
use super::part::{Finished, Part};
use super::partition::Partitions;
use super::pending::{Life, sync};
use super::success::Policy;
use super::{
    AUTO_COMPACTION, CHECK_INTERVAL, FILE_SIZE, Filesystem, INACTIVITY_INTERVAL, ROLLOVER_INTERVAL,
    SHUFFLE_BY_PARTITION, location,
};
use crate::options::format_of;

/// Most files one subtask has open.
const PARTS_OPEN_MAX: usize = 128;

impl SinkFactory for Filesystem {
    fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::Append)
    }

    fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()> {
        ignores_missing(table)?;
        Layout::new(table, formats)?.encoder().map(|_| ())
    }

    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        let life = Life::of(&context.job);
        let layout = Layout::new(table, &context.formats)?;
        Ok(Box::new(Writer {
            folder: layout.root.join(life.folder()),
            life,
            layout,
            context: context.clone(),
            open: BTreeMap::new(),
            finished: Vec::new(),
            next: 0,
            encoded: Vec::new(),
            ends: Vec::new(),
            failed: false,
        }))
    }

    fn committer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Renames::new(table, context)?))
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
    policy: Option<Policy>,
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
            policy: Policy::of(table)?,
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
    life: Life,
    /// Where files wait.
    folder: PathBuf,
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

    async fn prepare(&mut self, barrier: Barrier) -> Result<Prepared> {
        if self.failed {
            let owner = &self.layout.owner;
            return Err(Error::new(
                Code::Write,
                format!("{owner}: writing failed before"),
            ));
        }
        let prepared = self.hand_over(barrier);
        self.failed |= prepared.is_err();
        prepared
    }
}

impl Writer {
    fn hand_over(&mut self, barrier: Barrier) -> Result<Prepared> {
        let all = barrier.last || self.context.job.checkpoints;
        self.finish(|_, due| all || due)?;
        failpoint("fs.prepare.sync")?;
        if !self.finished.is_empty() {
            sync(&self.folder)?;
        }
        let waits = self.layout.policy.as_ref().is_some_and(Policy::waits);
        let mut prepared = Prepared::default();
        for mut part in self.finished.drain(..) {
            let file = Move {
                from: format!("{}/{}", self.life.folder(), part.name),
                to: match part.directory.as_str() {
                    "" => part.name.clone(),
                    directory => format!("{directory}/{}", part.name),
                },
            };
            prepared.rows += part.rows;
            prepared
                .committables
                .push(Message::File(file).to_committable());
            part.hand_over();
        }
        if barrier.last || waits {
            let notice = Message::Notice {
                subtask: self.context.subtask,
                last: barrier.last,
            };
            prepared.committables.push(notice.to_committable());
        }
        Ok(prepared)
    }

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
            let first = ends.partition_point(|end| *end <= from);
            let full = |end: &usize| (end.saturating_sub(from) as u64) < room;
            let last = first + ends[first..].partition_point(full);
            let to = ends.get(last).copied().unwrap_or(encoded.len());
            let rows = ends.len().min(last + 1) - first;
            part.write(&encoded[from..to], rows as u64, now)?;
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
            let now = self.context.clock.elapsed();
            let encoder = self.layout.encoder()?;
            let part = Part::open(&self.folder, &name, encoder, now)?;
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
                self.finished.push(part.finish(&name)?);
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
    Ok(())
}
