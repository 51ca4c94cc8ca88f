//! Reads the files of one subtask, one after the other in the order they were assigned.
//!
//! ```text
//! file ─▶ decompress ─▶ buffer: │ used │ incomplete record │ free │ ─▶ decoder ─▶ batch + constants
//! ```
//!
//! * The buffer holds what the decoder has not used. It is filled by a quarter of a MiB at a time,
//!   or by as much as is waiting, so a record of n bytes is looked at O(log n) times.
//! * A batch ends after `batch_rows` rows or a MiB of input, and between two fills other tasks get
//!   their turn.
//! * Columns that are the same for all rows of a file are made once per batch.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray,
    UInt32Array,
};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use millstream_core::connector::{Fetch, SourceReader, Split};
use millstream_core::format::{BadRecord, Decoder};
use millstream_core::id::SplitId;
use millstream_core::types::LTZ_ZONE;
use millstream_core::{Code, Error, Result};

use super::compression::Compression;
use super::partition::relabelled;
use super::search::Found;
use super::source::{Column, Layout, Metadata};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// A batch ends after this much input.
const BATCH_INPUT_BYTES: usize = 1 << 20;
/// A guard against a decoder that never finds the end of a record; they have lower limits.
const RECORD_BYTES_MAX: usize = 256 << 20;

pub(super) struct Reader {
    layout: Arc<Layout>,
    waiting: VecDeque<Split>,
    open: Option<OpenFile>,
}

impl Reader {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Reader {
            layout,
            waiting: VecDeque::new(),
            open: None,
        }
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split) {
        self.waiting.push_back(split);
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        loop {
            let Some(file) = &mut self.open else {
                let Some(split) = self.waiting.pop_front() else {
                    return Ok(Fetch::Waiting);
                };
                self.open = Some(OpenFile::open(&self.layout, split)?);
                continue;
            };
            match file.step(&self.layout)? {
                Step::Batch(rows, bad) => {
                    return Ok(Fetch::Rows {
                        split: file.split,
                        rows,
                        bad,
                    });
                }
                Step::More => tokio::task::yield_now().await,
                Step::End => {
                    let split = file.split;
                    self.open = None;
                    return Ok(Fetch::Finished(split));
                }
            }
        }
    }
}

/// What a bounded piece of work brought.
enum Step {
    /// Rows, or bad records, or both.
    Batch(RecordBatch, Vec<BadRecord>),
    /// Not enough for a batch yet.
    More,
    /// The file has been read to its end.
    End,
}

struct OpenFile {
    split: SplitId,
    path: String,
    input: Box<dyn Read + Send>,
    decoder: Box<dyn Decoder>,
    /// One value per column that is the same for all rows, else `None`.
    constants: Vec<Option<ArrayRef>>,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that wait to be decoded.
    start: usize,
    end: usize,
    /// Input decoded since the last batch.
    decoded: usize,
    at_end: bool,
}

impl OpenFile {
    fn open(layout: &Layout, split: Split) -> Result<Self> {
        let path = split.data;
        let failed = |error: io::Error| read_error(layout, &path, error);
        let file = File::open(&path).map_err(failed)?;
        let found = Found::new(path.clone(), &file.metadata().map_err(failed)?);
        let constants = constants(layout, &found)?;
        let input = Compression::of(&path)?.reader(file).map_err(failed)?;
        Ok(OpenFile {
            split: split.id,
            input,
            decoder: layout.decoder()?,
            constants,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            decoded: 0,
            at_end: false,
            path,
        })
    }

    /// Decodes what is waiting; if that does not make a batch, reads another chunk.
    fn step(&mut self, layout: &Layout) -> Result<Step> {
        let used = self
            .decoder
            .decode(&self.buffer[self.start..self.end], self.at_end)
            .map_err(|error| error.context(format_args!("file '{}'", self.path)))?;
        self.start += used.min(self.end - self.start);
        self.decoded += used;
        let full = self.decoder.is_full();
        let done = self.at_end && self.start == self.end;
        if full || done || self.decoded >= BATCH_INPUT_BYTES {
            self.decoded = 0;
            let rows = self.decoder.rows();
            let bad = self.decoder.take_bad();
            if rows > 0 || !bad.is_empty() || full {
                return Ok(Step::Batch(self.batch(layout, rows)?, bad));
            }
        }
        if done {
            return Ok(Step::End);
        }
        if self.at_end {
            return match used {
                0 => Err(Error::internal(format!(
                    "the decoder of '{}' stands still",
                    self.path
                ))),
                _ => Ok(Step::More),
            };
        }
        self.fill(layout)?;
        Ok(Step::More)
    }

    /// Reads behind what is waiting, until the buffer is full or the file ends.
    fn fill(&mut self, layout: &Layout) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end > RECORD_BYTES_MAX {
            return Err(Error::new(
                Code::Read,
                format!(
                    "{}: a record of file '{}' is longer than {RECORD_BYTES_MAX} bytes",
                    layout.owner, self.path
                ),
            ));
        }
        let wanted = self.end + CHUNK.max(self.end);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.end < wanted {
            match self.input.read(&mut self.buffer[self.end..wanted]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(());
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(layout, &self.path, error)),
            }
        }
        Ok(())
    }

    /// The waiting rows with the columns that are not in the file.
    fn batch(&mut self, layout: &Layout, rows: usize) -> Result<RecordBatch> {
        let decoded = self.decoder.flush()?;
        let first = UInt32Array::from(vec![0; rows]);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(layout.columns.len());
        for (column, constant) in layout.columns.iter().zip(&self.constants) {
            columns.push(match (column, constant) {
                (_, Some(value)) => take(value, &first, None)?,
                (Column::Record(place), None) => Arc::clone(decoded.column(*place)),
                (_, None) => return Err(Error::internal("a column of a file has no value")),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&layout.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

fn read_error(layout: &Layout, path: &str, error: io::Error) -> Error {
    let what = match error.kind() {
        ErrorKind::NotFound => "is gone, though it was found before".to_string(),
        ErrorKind::UnexpectedEof => {
            "was cut short: its compressed data ends too early, so rows are missing".to_string()
        }
        _ => format!("cannot be read: {error}"),
    };
    Error::new(
        Code::Read,
        format!("{}: file '{path}' {what}", layout.owner),
    )
    .caused_by(error)
}

/// The value of each column that is the same for all rows of a file.
fn constants(layout: &Layout, file: &Found) -> Result<Vec<Option<ArrayRef>>> {
    let relative = file.path.strip_prefix(&layout.root).unwrap_or(&file.path);
    let partitions = layout.partitions.values(relative.trim_start_matches('/'))?;
    let value = |column: &Column| match column {
        Column::Record(_) => Ok(None),
        Column::Partition(place) => Ok(Some(Arc::clone(&partitions[*place]))),
        Column::Metadata(metadata, field) => metadata_value(*metadata, field, file).map(Some),
    };
    layout.columns.iter().map(value).collect()
}

fn metadata_value(metadata: Metadata, field: &Field, file: &Found) -> Result<ArrayRef> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let value: ArrayRef = match metadata {
        Metadata::Path => Arc::new(StringArray::from(vec![file.path.as_str()])),
        Metadata::Name => Arc::new(StringArray::from(vec![name])),
        Metadata::Size => Arc::new(Int64Array::from(vec![
            i64::try_from(file.size).unwrap_or(i64::MAX),
        ])),
        Metadata::ModificationTime => Arc::new(
            TimestampMillisecondArray::from(vec![file.modified_ms]).with_timezone(LTZ_ZONE),
        ),
    };
    let wanted = field.data_type();
    if value.data_type() == wanted {
        return Ok(value);
    }
    let cast = match wanted {
        DataType::Timestamp(..) => relabelled(&value, wanted),
        _ => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(&value, wanted, &options)
        }
    };
    cast.map_err(|error| {
        Error::new(
            Code::Read,
            format!(
                "file '{}' does not fit the metadata column '{}'",
                file.path,
                field.name()
            ),
        )
        .caused_by(error)
    })
}
