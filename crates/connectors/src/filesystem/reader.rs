//! Reads the files of one subtask, one after the other in the order they were assigned.
//!
//! A split that waits keeps the position it was assigned with; the open one tells its own. A split
//! leaves the queue only when its file is open, so a `fetch` that is dropped halfway loses nothing.
//! Columns that are the same for all rows of a file are made once per batch.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray,
    UInt32Array,
};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use millstream_core::connector::{Fetch, Position, SourceReader, Split};
use millstream_core::format::BadRecord;
use millstream_core::id::SplitId;
use millstream_core::types::LTZ_ZONE;
use millstream_core::{Code, Error, Result};

use super::input::Blob;
use super::parquet::reader::Columns;
use super::partition::relabelled;
use super::position::split_file;
use super::records::Records;
use super::search::Found;
use super::source::{Column, Layout, Metadata};

pub(super) struct Reader {
    layout: Arc<Layout>,
    waiting: VecDeque<(Split, Option<Position>)>,
    open: Option<OpenFile>,
}

/// What a bounded piece of work brought.
pub(super) enum Step {
    /// Rows of the wanted columns that are in the file, or bad records, or both.
    Batch(RecordBatch, Vec<BadRecord>),
    /// Not enough for a batch yet.
    More,
    /// The file has been read to its end.
    End,
}

struct OpenFile {
    split: SplitId,
    /// One value per column that is the same for all rows, else `None`.
    constants: Vec<Option<ArrayRef>>,
    body: Body,
}

enum Body {
    Records(Box<Records>),
    Columns(Box<Columns>),
}

impl Body {
    async fn step(&mut self, layout: &Layout) -> Result<Step> {
        match self {
            Body::Records(body) => body.step(layout).await,
            Body::Columns(body) => body.step(layout).await,
        }
    }

    fn position(&self) -> Option<Position> {
        match self {
            Body::Records(body) => body.position(),
            Body::Columns(body) => body.position(),
        }
    }
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
    fn reads_in_turn(&self) -> bool {
        true
    }

    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        split_file(&split.data)?;
        self.waiting.push_back((split, from));
        Ok(())
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        loop {
            let Some(file) = &mut self.open else {
                let Some((split, from)) = self.waiting.front() else {
                    return Ok(Fetch::Waiting);
                };
                let open = OpenFile::open(&self.layout, split, from.as_ref()).await?;
                self.waiting.pop_front();
                self.open = Some(open);
                continue;
            };
            match file.body.step(&self.layout).await? {
                Step::Batch(rows, bad) => {
                    return Ok(Fetch::Rows {
                        split: file.split,
                        rows: file.complete(&self.layout, &rows)?,
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

    fn position(&self, split: SplitId) -> Option<Position> {
        match &self.open {
            Some(file) if file.split == split => file.body.position(),
            _ => {
                let mut waiting = self.waiting.iter();
                waiting.find(|(own, _)| own.id == split)?.1.clone()
            }
        }
    }
}

impl OpenFile {
    async fn open(layout: &Layout, split: &Split, from: Option<&Position>) -> Result<Self> {
        let named = split_file(&split.data)?;
        let blob = Blob::look(layout, &named.path).await?;
        let constants = constants(layout, &blob.found)?;
        let body = match layout.is_columnar() {
            true => Body::Columns(Box::new(Columns::open(layout, blob, from).await?)),
            false => Body::Records(Box::new(Records::open(layout, blob, from).await?)),
        };
        Ok(OpenFile {
            split: split.id,
            constants,
            body,
        })
    }

    /// The rows of a file with the columns that are not in it.
    fn complete(&self, layout: &Layout, decoded: &RecordBatch) -> Result<RecordBatch> {
        let rows = decoded.num_rows();
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

/// The value of each column that is the same for all rows of a file.
fn constants(layout: &Layout, file: &Found) -> Result<Vec<Option<ArrayRef>>> {
    let partitions = layout.partitions.values(layout.relative(&file.path))?;
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
