//! The rows and bad records a decoder has waiting, and when it is time to hand them over.
//!
//! A record either ends with [`Batch::commit`], and every column is one value longer, or with
//! [`Batch::refuse`], and no column is. Memory is bounded by three limits: rows, bytes of input
//! behind them, and bad records.

use std::mem;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use millstream_core::format::BadRecord;
use millstream_core::{Error, Result};

use crate::columns::Column;
use crate::reason::Trouble;

/// Longest record that is decoded; a longer one is bad.
pub(crate) const RECORD_BYTES_MAX: usize = 64 << 20;
/// Rows of a batch unless the reader wants otherwise.
const ROWS: usize = 8192;
/// Input behind a batch. With the longest record on top it stays far below Arrow's offset limit.
const BATCH_BYTES_MAX: usize = 32 << 20;
/// Bad records, and bytes of evidence, that wait before they must be taken.
const BAD_MAX: usize = 1024;
const BAD_BYTES_MAX: usize = 16 << 20;

/// A place in the decoded stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes before it.
    pub(crate) offset: u64,
    /// Its line, from 1.
    pub(crate) line: u64,
}

impl Place {
    /// The first byte.
    pub(crate) const START: Place = Place { offset: 0, line: 1 };
}

/// Columns being written and records that failed.
#[derive(Debug)]
pub(crate) struct Batch {
    schema: SchemaRef,
    pub(crate) columns: Vec<Column>,
    rows: usize,
    rows_max: usize,
    bytes: usize,
    bad: Vec<BadRecord>,
    /// Bad records, and their bytes, since somebody last took something away. Not the length of
    /// `bad`: a reader that never takes them must still get on.
    bad_waiting: usize,
    bad_bytes: usize,
}

impl Batch {
    pub(crate) fn new(schema: SchemaRef) -> Result<Self> {
        Ok(Batch {
            columns: Column::all(schema.fields())?,
            schema,
            rows: 0,
            rows_max: ROWS,
            bytes: 0,
            bad: Vec::new(),
            bad_waiting: 0,
            bad_bytes: 0,
        })
    }

    pub(crate) fn set_rows_max(&mut self, rows: usize) {
        self.rows_max = rows.max(1);
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.rows_max
            || self.bytes >= BATCH_BYTES_MAX
            || self.bad_waiting >= BAD_MAX
            || self.bad_bytes >= BAD_BYTES_MAX
    }

    /// Ends a record of `bytes` bytes whose values stand in every column.
    #[inline]
    pub(crate) fn commit(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Takes back whatever the current record has written.
    pub(crate) fn roll_back(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
    }

    /// Ends a record that cannot be decoded.
    pub(crate) fn refuse(&mut self, place: Place, reason: String, bytes: &[u8], ignored: bool) {
        self.roll_back();
        self.note(place, reason, bytes, ignored);
    }

    /// Keeps the evidence of a record, whether it left a row or not.
    pub(crate) fn note(&mut self, place: Place, reason: String, bytes: &[u8], ignored: bool) {
        let mut record = BadRecord::new(place.offset, place.line, reason, bytes);
        record.ignored = ignored;
        self.bad_waiting += 1;
        self.bad_bytes += record.bytes.len();
        self.bad.push(record);
    }

    /// Keeps the evidence of a field that became NULL.
    pub(crate) fn note_ignored(&mut self, place: Place, trouble: &Trouble, bytes: &[u8]) {
        self.note(place, format!("{trouble}; it became NULL"), bytes, true);
    }

    pub(crate) fn flush(&mut self) -> Result<RecordBatch> {
        let rows = mem::take(&mut self.rows);
        self.bytes = 0;
        self.bad_waiting = 0;
        self.bad_bytes = 0;
        let arrays = self
            .columns
            .iter_mut()
            .map(Column::finish)
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), arrays, &options)
            .map_err(|error| Error::internal("a decoder's columns do not fit").caused_by(error))
    }

    pub(crate) fn take_bad(&mut self) -> Vec<BadRecord> {
        self.bad_waiting = 0;
        self.bad_bytes = 0;
        mem::take(&mut self.bad)
    }
}
