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
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::connector::{
    Committer, Guarantee, Prepared, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
};
use millstream_core::failpoint::failpoint;
use millstream_core::format::{Format, Formats};
use millstream_core::message::Barrier;
use millstream_core::options::Options;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};

use super::body::Body;
use super::commit::{Commits, ignores_missing};
use super::committable::{Mark, Message, Move};
use super::directory::{blocking, sync};
use super::part::{Finished, Part};
use super::partition::Partitions;
use super::pending::Life;
use super::root::{OBJECT_BYTES_MAX, Root};
use super::success::Policy;
use super::{
    AUTO_COMPACTION, CHECK_INTERVAL, FILE_SIZE, Filesystem, INACTIVITY_INTERVAL, ROLLOVER_INTERVAL,
    SHUFFLE_BY_PARTITION, location, parquet,
};
use crate::options::format_of;

/// Most files one subtask has open; each object in a bucket holds up to 5 MiB.
const PARTS_OPEN_MAX: usize = 128;
const OBJECTS_OPEN_MAX: usize = 32;
/// Most bytes that a file of columns holds in memory if it is the only one that is open; the k-th
/// one holds the k-th part of it.
const HELD_BYTES_MAX: u64 = 64 << 20;

impl SinkFactory for Filesystem {
    fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::Append)
    }

    fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()> {
        ignores_missing(table)?;
        let root = location::root(&table.options)?;
        Layout::new(root, table, formats)?.body().map(|_| ())
    }

    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        let root = location::root(&table.options)?;
        Ok(Box::new(Writer::at(root, table, context)?))
    }

    fn committer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Commits::new(table, context)?))
    }

    fn guarantee(&self, _table: &TableSpec) -> Result<Guarantee> {
        Ok(Guarantee::exactly_once(
            "a file is visible once the checkpoint its rows belong to is committed",
        ))
    }
}

/// Everything the options say.
struct Layout {
    owner: String,
    root: Root,
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
    fn new(root: Root, table: &TableSpec, formats: &Formats) -> Result<Self> {
        refuse_unsupported(&table.options)?;
        let partitions = Partitions::of(table)?;
        let records = partitions.record_columns(table)?;
        let (format, format_options) = format_of(table, formats)?;
        let rolling = Rolling::of(&table.options)?;
        if matches!(root, Root::Bucket(_)) && rolling.bytes > OBJECT_BYTES_MAX {
            return Err(table
                .options
                .invalid(FILE_SIZE, "at most '5GB' for files in a bucket"));
        }
        Ok(Layout {
            owner: table.options.owner().to_string(),
            root,
            record_schema: Arc::new(table.schema.project(&records)?),
            partitions,
            records,
            format,
            format_options,
            rolling,
            policy: Policy::of(table)?,
        })
    }

    /// What turns the rows of one file into bytes.
    fn body(&self) -> Result<Body> {
        let schema = &self.record_schema;
        if self.format.name() == parquet::NAME {
            parquet::check(self.format, &self.format_options)?;
            let settings = parquet::writer::Settings::of(schema, &self.format_options)?;
            let writer = parquet::writer::Writer::new(&settings)?;
            return Ok(Body::Columns(Box::new(writer)));
        }
        let encoder = self
            .format
            .encoder(Arc::clone(schema), &self.format_options)?;
        Ok(Body::rows(encoder))
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

pub(super) struct Writer {
    layout: Layout,
    life: Life,
    context: SinkContext,
    /// By directory below the root.
    open: BTreeMap<String, Part>,
    finished: Vec<Finished>,
    /// The number of the next file.
    next: u64,
    /// How far the rows have come.
    mark: Mark,
    /// True while something is written, and so for ever if that fails or is broken off.
    failed: bool,
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        self.begin()?;
        self.write_rows(&rows).await?;
        self.failed = false;
        Ok(())
    }

    fn watermark(&mut self, time: EventTime) {
        self.mark = Mark {
            at: time.0,
            idle: false,
        };
    }

    fn idle(&mut self) {
        self.mark.idle = true;
    }

    async fn prepare(&mut self, barrier: Barrier) -> Result<Prepared> {
        self.begin()?;
        let prepared = self.hand_over(barrier).await?;
        self.failed = false;
        Ok(prepared)
    }
}

impl Writer {
    /// Writes below any root.
    pub(super) fn at(root: Root, table: &TableSpec, context: &SinkContext) -> Result<Self> {
        Ok(Writer {
            layout: Layout::new(root, table, &context.formats)?,
            life: Life::of(&context.job),
            context: context.clone(),
            open: BTreeMap::new(),
            finished: Vec::new(),
            next: 0,
            mark: Mark {
                at: EventTime::MIN.0,
                idle: false,
            },
            failed: false,
        })
    }

    fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.failed, true) {
            let owner = &self.layout.owner;
            let text = format!("{owner}: writing failed before");
            return Err(Error::new(Code::Write, text));
        }
        Ok(())
    }

    async fn hand_over(&mut self, barrier: Barrier) -> Result<Prepared> {
        let all = barrier.last || self.context.job.checkpoints;
        self.finish(|_, due| all || due).await?;
        failpoint("fs.prepare.sync")?;
        if let Root::Directory(root) = &self.layout.root
            && !self.finished.is_empty()
        {
            let folder = root.join(self.life.folder());
            blocking(move || sync(&folder)).await?;
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
            let file = Message::File(file).to_committable();
            prepared.committables.push(file);
            part.hand_over();
        }
        if barrier.last || waits {
            let asked = self.layout.policy.as_ref();
            let asked = asked.is_some_and(Policy::wants_watermark);
            let notice = Message::Notice {
                subtask: self.context.subtask,
                last: barrier.last,
                watermark: asked.then_some(self.mark),
            };
            prepared.committables.push(notice.to_committable());
        }
        Ok(prepared)
    }

    async fn write_rows(&mut self, rows: &ChangeBatch) -> Result<()> {
        if rows
            .kinds()
            .is_some_and(|kinds| kinds.values().iter().any(|kind| *kind != 0))
        {
            let owner = &self.layout.owner;
            return Err(Error::internal(format!("{owner} takes insertions only")));
        }
        self.mark.idle = false;
        self.finish(|_, due| due).await?;
        for (directory, rows) in self.layout.split(rows.rows())? {
            self.write_to(&directory, rows).await?;
        }
        Ok(())
    }

    /// Writes rows to as many files of a directory as they need.
    async fn write_to(&mut self, directory: &str, mut rows: RecordBatch) -> Result<()> {
        let bytes_max = self.layout.rolling.bytes;
        let now = self.context.clock.elapsed();
        while rows.num_rows() > 0 {
            let held_max = HELD_BYTES_MAX / (self.open.len() as u64 + 1);
            let part = self.part(directory).await?;
            let taken = part.write(&rows, bytes_max, now).await?;
            rows = rows.slice(taken, rows.num_rows() - taken);
            part.relieve(held_max).await?;
            if part.size() >= bytes_max {
                self.finish(|name, due| due || name == directory).await?;
            }
        }
        Ok(())
    }

    /// The open file of a directory.
    async fn part(&mut self, directory: &str) -> Result<&mut Part> {
        if !self.open.contains_key(directory) {
            if let Some(policy) = &self.layout.policy {
                policy.check(directory)?;
            }
            let open_max = match self.layout.root {
                Root::Directory(_) => PARTS_OPEN_MAX,
                Root::Bucket(_) => OBJECTS_OPEN_MAX,
            };
            if self.open.len() >= open_max {
                let longest = self.open.iter().min_by_key(|(_, part)| part.written);
                let longest = longest.map(|(name, _)| name.clone());
                self.finish(|name, due| due || Some(name) == longest.as_deref())
                    .await?;
            }
            let SinkContext {
                run_id, subtask, ..
            } = &self.context;
            let name = format!("part-{run_id}-{subtask}-{}", self.next);
            let now = self.context.clock.elapsed();
            let (root, folder) = (&self.layout.root, self.life.folder());
            let part = Part::open(root, &folder, &name, self.layout.body()?, now).await?;
            self.next += 1;
            self.open.insert(directory.to_string(), part);
        }
        Ok(self
            .open
            .get_mut(directory)
            .expect("it was there or has been inserted"))
    }

    /// Finishes the files that `choose` names, which is told whether a file is old or idle.
    async fn finish(&mut self, choose: impl Fn(&str, bool) -> bool) -> Result<()> {
        let now = self.context.clock.elapsed();
        let chosen: Vec<String> = self
            .open
            .iter()
            .filter(|(name, part)| choose(name, self.layout.rolling.is_due(part, now)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in chosen {
            if let Some(part) = self.open.remove(&name) {
                failpoint("fs.part.finish")?;
                self.finished.push(part.finish(&name).await?);
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
