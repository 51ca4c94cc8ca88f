//! A Parquet file, read row group by row group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use millstream_core::connector::Position;
use millstream_core::{Code, Error, Result};
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use serde_json::json;

use super::fit::fit;
use super::guard;
use crate::filesystem::input::{Blob, lost};
use crate::filesystem::position::{Identity, damaged, identity, versioned};
use crate::filesystem::reader::Step;
use crate::filesystem::source::Layout;

/// The magic word and the length of the footer, at the end.
const TAIL: u64 = 8;
/// Most bytes of a row group that are held at a time.
const GROUP_BYTES_MAX: u64 = 1 << 30;

/// A file that is being read.
pub(in crate::filesystem) struct Columns {
    blob: Blob,
    /// crc32c of the footer, which says where everything is: another one is another file.
    footer: u32,
    decoder: ParquetPushDecoder,
    metadata: Arc<ParquetMetaData>,
    /// Rows returned, in this life and earlier ones.
    rows: u64,
    /// True once there is something to go on from.
    moved: bool,
}

impl Columns {
    /// Opens a file at its beginning, or where a reader of it has stopped.
    pub(in crate::filesystem) async fn open(
        layout: &Layout,
        blob: Blob,
        from: Option<&Position>,
    ) -> Result<Self> {
        let footer = footer(layout, &blob).await?;
        let crc = crc32c::crc32c(&footer);
        let rows = match from {
            None => 0,
            Some(position) => resume(layout, &blob, crc, position)?,
        };
        let path = &blob.found.path;
        let metadata = guarded(layout, path, || metadata(&footer))?;
        check_groups(layout, &blob, &metadata)?;
        let wanted = layout.wanted()?;
        let decoder = guarded(layout, path, || decoder(layout, &metadata, &wanted, rows))?;
        Ok(Columns {
            footer: crc,
            decoder,
            metadata,
            rows,
            moved: from.is_some(),
            blob,
        })
    }

    /// Where to go on after everything that was returned.
    pub(in crate::filesystem) fn position(&self) -> Option<Position> {
        let Identity { size, stamp } = &self.blob.identity;
        let text = json!({
            "v": 1, "size": size, "stamp": stamp, "footer": self.footer, "row": self.rows,
        });
        self.moved.then(|| Position(text.to_string()))
    }

    /// The next batch; fetches what is missing for it.
    pub(in crate::filesystem) async fn step(&mut self, layout: &Layout) -> Result<Step> {
        let path = &self.blob.found.path;
        let decoder = &mut self.decoder;
        match guarded(layout, path, || decoder.try_decode())? {
            DecodeResult::Finished => Ok(Step::End),
            DecodeResult::Data(batch) => {
                let count = batch.num_rows() as u64;
                let batch = complete(layout, path, &batch)?;
                self.rows += count;
                self.moved = true;
                match count {
                    0 => Ok(Step::More),
                    _ => Ok(Step::Batch(batch, Vec::new())),
                }
            }
            DecodeResult::NeedsData(ranges) => {
                let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                if bytes > GROUP_BYTES_MAX {
                    let text = format!("has a row group of {bytes} bytes in the wanted columns");
                    return Err(unreadable(layout, path, text).hint(format!(
                        "at most {GROUP_BYTES_MAX} bytes are read at a time: write smaller row \
                         groups"
                    )));
                }
                let mut found = Vec::with_capacity(ranges.len());
                for range in &ranges {
                    let bytes = self.blob.range(layout, range.clone()).await?;
                    if self.is_column(range.start, range.end) {
                        let checked = guard::pages(&bytes);
                        checked.map_err(|reason| unreadable(layout, path, reason))?;
                    }
                    found.push(bytes);
                }
                let decoder = &mut self.decoder;
                guarded(layout, path, || decoder.push_ranges(ranges, found))?;
                Ok(Step::More)
            }
        }
    }

    /// True if these bytes are all pages of one column in one row group.
    fn is_column(&self, start: u64, end: u64) -> bool {
        let mut groups = self.metadata.row_groups().iter();
        groups.any(|group| {
            let mut columns = group.columns().iter();
            columns.any(|column| {
                let (from, bytes) = column.byte_range();
                (from, from.saturating_add(bytes)) == (start, end)
            })
        })
    }
}

/// The bytes of the footer, whose structure has been checked.
async fn footer(layout: &Layout, blob: &Blob) -> Result<Bytes> {
    let (path, size) = (&blob.found.path, blob.identity.size);
    let not_parquet =
        |what: &str| unreadable(layout, path, format!("is not a parquet file: {what}"));
    if size < TAIL + 4 {
        return Err(not_parquet(&format!("it has only {size} bytes")));
    }
    let tail = blob.range(layout, size - TAIL..size).await?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => return Err(unreadable(layout, path, "is encrypted".into())),
        _ => return Err(not_parquet("it does not end with 'PAR1'")),
    }
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let room = (size - TAIL - 4).min(guard::FOOTER_BYTES_MAX);
    if length > room {
        let text = format!("says that its footer has {length} bytes, at most {room} can be read");
        return Err(unreadable(layout, path, text));
    }
    let end = size - TAIL;
    let footer = blob.range(layout, end - length..end).await?;
    guard::footer(&footer).map_err(|reason| unreadable(layout, path, reason))?;
    Ok(footer)
}

fn metadata(footer: &[u8]) -> Result<Arc<ParquetMetaData>, ParquetError> {
    ParquetMetaDataReader::decode_metadata(footer).map(Arc::new)
}

/// Refuses a footer that speaks of bytes which are not in the file.
fn check_groups(layout: &Layout, blob: &Blob, metadata: &Arc<ParquetMetaData>) -> Result<()> {
    let (path, size) = (&blob.found.path, blob.identity.size);
    let check = || {
        for group in metadata.row_groups() {
            for column in group.columns() {
                let (from, bytes) = column.byte_range();
                if from.checked_add(bytes).is_none_or(|end| end > size) || group.num_rows() < 0 {
                    return Err(ParquetError::General(format!(
                        "a column is said to be at bytes {from} to {}, of {size}",
                        from.saturating_add(bytes)
                    )));
                }
            }
        }
        Ok(())
    };
    guarded(layout, path, check)
}

/// How many rows earlier lives have returned of the same file.
fn resume(layout: &Layout, blob: &Blob, footer: u32, position: &Position) -> Result<u64> {
    let parsed = || {
        let value = versioned(position)?;
        let number = |key: &str| value.get(key)?.as_u64();
        Some((identity(&value)?, number("footer")?, number("row")?))
    };
    let (before, crc, rows) = parsed().ok_or_else(|| damaged(position))?;
    let (then, now) = (before.size, blob.identity.size);
    if then != now {
        let text = format!("changed while it was read: it had {then} bytes and has {now} now");
        return Err(lost(layout, &blob.found.path, text));
    }
    if crc != u64::from(footer) {
        let text = "has been replaced: its footer is not the one that was read before";
        return Err(lost(layout, &blob.found.path, text));
    }
    Ok(rows)
}

fn decoder(
    layout: &Layout,
    metadata: &Arc<ParquetMetaData>,
    wanted: &SchemaRef,
    rows: u64,
) -> Result<ParquetPushDecoder, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let mut known = ArrowReaderMetadata::try_new(Arc::clone(metadata), options.clone())?;
    if let Some(schema) = with_micros(&known) {
        let options = options.with_schema(schema);
        known = ArrowReaderMetadata::try_new(Arc::clone(metadata), options)?;
    }
    let names = wanted.fields().iter().map(|field| field.name());
    let roots: Vec<usize> = names
        .filter_map(|name| known.schema().index_of(name).ok())
        .collect();
    let mask = ProjectionMask::roots(known.parquet_schema(), roots);
    let (groups, offset) = groups_from(metadata, rows);
    ParquetPushDecoderBuilder::new_with_metadata(known)
        .with_projection(mask)
        .with_row_groups(groups)
        .with_offset(offset)
        .with_batch_size(layout.batch_rows)
        .build()
}

/// The row groups that hold what follows the first `rows` rows, and how many rows of theirs are
/// among those.
fn groups_from(metadata: &ParquetMetaData, rows: u64) -> (Vec<usize>, usize) {
    let mut left = rows;
    let mut first = 0;
    for group in metadata.row_groups() {
        let here = u64::try_from(group.num_rows()).unwrap_or(0);
        if left < here {
            break;
        }
        left -= here;
        first += 1;
    }
    let groups = (first..metadata.num_row_groups()).collect();
    (groups, usize::try_from(left).unwrap_or(usize::MAX))
}

/// A schema that reads INT96 as microseconds: as nanoseconds it would hold the years 1677 to 2262.
fn with_micros(known: &ArrowReaderMetadata) -> Option<SchemaRef> {
    let is_int96 = |name: &str| {
        let mut columns = known.parquet_schema().columns().iter();
        columns.any(|column| {
            column.physical_type() == Type::INT96 && column.path().parts() == [name.to_string()]
        })
    };
    let mut changed = false;
    let fields = known.schema().fields().iter().map(|field| {
        if !is_int96(field.name()) {
            return Arc::clone(field);
        }
        changed = true;
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        Arc::new(Field::new(field.name(), micros, field.is_nullable()))
    });
    let fields: Fields = fields.collect();
    changed.then(|| Arc::new(Schema::new(fields)))
}

/// The wanted columns, in order and with their types.
fn complete(layout: &Layout, path: &str, batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = layout.wanted()?;
    let column = |field: &Arc<Field>| {
        let wrong = |reason: String| {
            unreadable(
                layout,
                path,
                format!("has another column '{}': {reason}", field.name()),
            )
        };
        match batch.column_by_name(field.name()) {
            Some(column) => {
                let fitted = fit(column, field.data_type()).map_err(wrong)?;
                match fitted.null_count() > 0 && !field.is_nullable() {
                    true => Err(wrong("it holds NULL, wanted NOT NULL".into())),
                    false => Ok(fitted),
                }
            }
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
            None => Err(unreadable(
                layout,
                path,
                format!("has no column '{}', which is NOT NULL", field.name()),
            )),
        }
    };
    let columns: Result<Vec<ArrayRef>> = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        schema, columns?, &options,
    )?)
}

/// Runs the decoder on foreign bytes: a panic is the fault of the file.
fn guarded<T>(
    layout: &Layout,
    path: &str,
    call: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            Err(unreadable(layout, path, format!("cannot be decoded: {error}")).caused_by(error))
        }
        Err(_) => Err(unreadable(
            layout,
            path,
            "cannot be decoded: its contents contradict each other".into(),
        )),
    }
}

fn unreadable(layout: &Layout, path: &str, what: String) -> Error {
    Error::new(
        Code::Read,
        format!("{}: file '{path}' {what}", layout.owner),
    )
}
