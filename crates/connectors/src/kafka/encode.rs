//! Rows into records: key, value, headers and time.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use millstream_core::format::Encoder;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::table::TableSpec;
use millstream_core::{Error, Result};
use rdkafka::message::OwnedHeaders;

use super::layout::{Layout, Part};
use super::metadata::{self, Key};

/// A record to be written.
#[derive(Clone, Debug)]
pub(super) struct Record<'a> {
    /// None for a table without a key.
    pub(super) key: Option<&'a [u8]>,
    /// None says that the row of this key is gone.
    pub(super) value: Option<&'a [u8]>,
    /// Milliseconds since 1970; else the producer's clock.
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Option<OwnedHeaders>,
}

/// Encodes the rows of a table.
pub(super) struct Encoding {
    key: Option<Side>,
    value: Side,
    /// Where the written metadata columns stand among the columns of a row.
    headers: Option<usize>,
    timestamp: Option<usize>,
    upsert: bool,
}

/// Key or value.
struct Side {
    columns: Vec<usize>,
    encoder: Box<dyn Encoder>,
    spare: Bytes,
}

/// Rows as bytes, one after the other.
#[derive(Default)]
struct Bytes {
    out: Vec<u8>,
    ends: Vec<usize>,
    /// Length of the line break of a file at the end of each row.
    line_break: usize,
}

impl Side {
    fn new(part: &Part) -> Result<Self> {
        let encoder = part
            .format
            .encoder(Arc::clone(&part.schema), &part.options)?;
        Ok(Side {
            columns: part.columns.clone(),
            spare: Bytes {
                line_break: encoder.line_break_bytes(),
                ..Bytes::default()
            },
            encoder,
        })
    }

    fn encode(&mut self, rows: &RecordBatch) -> Result<Bytes> {
        let line_break = self.spare.line_break;
        let mut bytes = std::mem::take(&mut self.spare);
        self.spare.line_break = line_break;
        bytes.out.clear();
        bytes.ends.clear();
        let rows = rows.project(&self.columns)?;
        self.encoder
            .encode(&rows, &mut bytes.out, &mut bytes.ends)?;
        match bytes.ends.len() == rows.num_rows() {
            true => Ok(bytes),
            false => Err(Error::internal("an encoder lost a row")),
        }
    }

    /// Takes buffers back for the next batch.
    fn give_back(&mut self, mut bytes: Bytes) {
        const KEPT_BYTES_MAX: usize = 4 << 20;
        bytes.out.clear();
        bytes.out.shrink_to(KEPT_BYTES_MAX);
        self.spare = bytes;
    }
}

impl Bytes {
    /// The bytes of a row, without the line break of a file.
    fn row(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[row].saturating_sub(self.line_break);
        self.out.get(start..end).unwrap_or_default()
    }
}

impl Encoding {
    pub(super) fn new(table: &TableSpec, layout: &Layout, upsert: bool) -> Result<Self> {
        let mut encoding = Encoding {
            key: layout.key.as_ref().map(Side::new).transpose()?,
            value: Side::new(&layout.value)?,
            headers: None,
            timestamp: None,
            upsert,
        };
        let written = table.metadata.iter().filter(|column| !column.is_virtual);
        for (place, column) in (table.schema.fields().len()..).zip(written) {
            match Key::writable(table, column)? {
                Key::Headers => encoding.headers = Some(place),
                _ => encoding.timestamp = Some(place),
            }
        }
        Ok(encoding)
    }

    /// Encodes a batch.
    pub(super) fn encode(&mut self, batch: ChangeBatch) -> Result<Encoded> {
        let rows = batch.rows();
        let key = self.key.as_mut().map(|key| key.encode(rows)).transpose()?;
        let value = self.value.encode(rows)?;
        let column = |place: Option<usize>| place.map(|place| Arc::clone(rows.column(place)));
        Ok(Encoded {
            key,
            value,
            headers: column(self.headers),
            timestamps: match column(self.timestamp) {
                Some(column) => metadata::millis_of(&column)?,
                None => Vec::new(),
            },
            upsert: self.upsert,
            batch,
        })
    }

    /// Takes a batch back whose records have been used.
    pub(super) fn give_back(&mut self, encoded: Encoded) {
        if let (Some(side), Some(bytes)) = (&mut self.key, encoded.key) {
            side.give_back(bytes);
        }
        self.value.give_back(encoded.value);
    }
}

/// The records of a batch.
pub(super) struct Encoded {
    batch: ChangeBatch,
    key: Option<Bytes>,
    value: Bytes,
    headers: Option<ArrayRef>,
    timestamps: Vec<Option<i64>>,
    upsert: bool,
}

impl Encoded {
    /// The record of a row; none for the old version of an updated row.
    pub(super) fn record(&self, row: usize) -> Result<Option<Record<'_>>> {
        let kind = self.batch.kind(row);
        if !self.upsert && kind != RowKind::Insert {
            return Err(Error::internal("a 'kafka' table takes insertions only"));
        }
        if kind == RowKind::UpdateBefore {
            return Ok(None);
        }
        let gone = kind == RowKind::Delete;
        Ok(Some(Record {
            key: self.key.as_ref().map(|key| key.row(row)),
            value: (!gone).then(|| self.value.row(row)),
            timestamp: self.timestamps.get(row).copied().flatten(),
            headers: self
                .headers
                .as_ref()
                .and_then(|headers| metadata::headers_of(headers, row)),
        }))
    }
}
