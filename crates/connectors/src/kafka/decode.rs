//! The records of one partition into rows: value, key and metadata side by side.
//!
//! * A record is one row or one bad record, never half a row: a row whose key cannot be read is
//!   taken out again when the batch is finished.
//! * A null value or key is passed over and counted, as Flink passes over it, unless the format has
//!   a row for it (`raw`).
//! * Records are decoded where librdkafka keeps them; nothing is copied before.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{FieldRef, SchemaRef};
use millstream_core::format::{BadRecord, Decoder};
use millstream_core::{Error, Result};
use rdkafka::message::{BorrowedMessage, Message};

use super::layout::{Layout, Part};
use super::metadata::{self, Gathered, Key, Pairs};
use super::split::{Fingerprint, Next};

/// Where a wanted column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The value's column at this place among those that are decoded.
    Value(usize),
    /// The same of the key.
    Key(usize),
    /// The metadata column at this place.
    Metadata(usize),
}

/// What is decoded of a table's records.
pub(super) struct Plan {
    /// What the reader delivers.
    pub(super) schema: SchemaRef,
    /// Per column of `schema`.
    pub(super) columns: Vec<Column>,
    pub(super) layout: Layout,
    /// Which columns of the value are decoded.
    pub(super) value: Vec<usize>,
    /// Which columns of the key are; the key is not looked at if there are none.
    pub(super) key: Vec<usize>,
    pub(super) metadata: Vec<(Key, FieldRef)>,
    pub(super) batch_rows: usize,
}

impl Plan {
    fn decoder(&self, part: &Part, projection: &[usize]) -> Result<Box<dyn Decoder>> {
        let schema = Arc::clone(&part.schema);
        let mut decoder = part
            .format
            .projected_decoder(schema, projection, &part.options)?;
        decoder.set_batch_rows(self.batch_rows);
        Ok(decoder)
    }

    /// The decoder of the value.
    pub(super) fn value_decoder(&self) -> Result<Box<dyn Decoder>> {
        self.decoder(&self.layout.value, &self.value)
    }

    /// The decoder of the key, if any of it is wanted.
    pub(super) fn key_decoder(&self) -> Result<Option<Box<dyn Decoder>>> {
        match &self.layout.key {
            Some(part) if !self.key.is_empty() => self.decoder(part, &self.key).map(Some),
            _ => Ok(None),
        }
    }
}

/// The rows of one partition that wait to be handed over.
pub(super) struct Rows {
    plan: Arc<Plan>,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    metadata: Gathered,
    /// Rows of `value` whose key could not be read.
    dropped: Vec<usize>,
    bad: Vec<BadRecord>,
    /// Number of records behind them.
    records: usize,
    /// The last record, whatever became of it.
    last: Option<(i64, Fingerprint)>,
}

impl Rows {
    pub(super) fn new(plan: &Arc<Plan>, topic: &str, partition: i32) -> Result<Self> {
        Ok(Rows {
            value: plan.value_decoder()?,
            key: plan.key_decoder()?,
            metadata: Gathered::new(&plan.metadata, topic, partition),
            plan: Arc::clone(plan),
            dropped: Vec::new(),
            bad: Vec::new(),
            records: 0,
            last: None,
        })
    }

    /// Takes a record.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        let (key, value) = (message.key(), message.payload());
        let offset = message.offset();
        self.records += 1;
        // The fingerprint of the last one is made when it is known to be the last.
        self.last = None;
        let headers = match message.headers() {
            Some(headers) if self.metadata.wants_headers() => match metadata::pairs(headers) {
                Ok(pairs) => pairs,
                Err(reason) => {
                    self.refuse(offset, reason, value.unwrap_or_default(), false);
                    return Ok(());
                }
            },
            _ => Pairs::new(),
        };
        let row = self.value.rows();
        self.decode_value(offset, value)?;
        if self.value.rows() == row {
            return Ok(());
        }
        self.metadata.push(offset, message.timestamp(), headers);
        if !self.decode_key(offset, key)? {
            self.dropped.push(row);
        }
        Ok(())
    }

    /// Says which record was the last one.
    pub(super) fn note_last(&mut self, message: &BorrowedMessage<'_>) {
        self.last = Some((message.offset(), fingerprint(message)));
    }

    fn decode_value(&mut self, offset: i64, value: Option<&[u8]>) -> Result<()> {
        match value {
            Some(bytes) => self.value.decode_message(bytes)?,
            None if self.value.decode_null() => {}
            None => self.refuse(offset, "the value is null".into(), b"", true),
        }
        collect(&mut self.bad, self.value.as_mut(), offset, "");
        Ok(())
    }

    /// False if the row has no key.
    fn decode_key(&mut self, offset: i64, key: Option<&[u8]>) -> Result<bool> {
        let Some(decoder) = &mut self.key else {
            return Ok(true);
        };
        let rows = decoder.rows();
        match key {
            Some(bytes) => decoder.decode_message(bytes)?,
            None if decoder.decode_null() => {}
            None => {
                let mut bad = BadRecord::new(offset as u64, 0, "the key is null", b"");
                bad.ignored = true;
                self.bad.push(bad);
                return Ok(false);
            }
        }
        let added = decoder.rows() > rows;
        collect(&mut self.bad, decoder.as_mut(), offset, "in the key: ");
        Ok(added)
    }

    fn refuse(&mut self, offset: i64, reason: String, bytes: &[u8], ignored: bool) {
        let mut bad = BadRecord::new(offset as u64, 0, reason, bytes);
        bad.ignored = ignored;
        self.bad.push(bad);
    }

    /// True once the rows should be handed over before more records come.
    pub(super) fn is_full(&self) -> bool {
        const RECORDS_MAX: usize = 1 << 16;
        self.value.is_full()
            || self.key.as_ref().is_some_and(|key| key.is_full())
            || self.bad.len() >= 1024
            || self.records >= RECORDS_MAX
    }

    /// Number of records waiting.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The rows, the bad records between them, and where to go on.
    pub(super) fn take(&mut self) -> Result<(RecordBatch, Vec<BadRecord>, Option<Next>)> {
        let next = self.last.take().map(|(offset, last)| Next {
            offset: offset + 1,
            last: Some(last),
        });
        self.records = 0;
        let values = self.value.flush()?;
        let metadata = self.metadata.take()?;
        let dropped = std::mem::take(&mut self.dropped);
        let keep = (!dropped.is_empty()).then(|| {
            let mut keep = vec![true; values.num_rows()];
            dropped.iter().for_each(|row| keep[*row] = false);
            BooleanArray::from(keep)
        });
        let kept = |columns: &[ArrayRef]| -> Result<Vec<ArrayRef>> {
            match &keep {
                None => Ok(columns.to_vec()),
                Some(keep) => columns
                    .iter()
                    .map(|column| Ok(arrow::compute::filter(column, keep)?))
                    .collect(),
            }
        };
        let rows = match &keep {
            None => values.num_rows(),
            Some(keep) => filter_record_batch(&values, keep)?.num_rows(),
        };
        let keys = match &mut self.key {
            Some(key) => key.flush()?.columns().to_vec(),
            None => Vec::new(),
        };
        let (values, metadata) = (kept(values.columns())?, kept(&metadata)?);
        let columns = self.plan.columns.iter().map(|column| match column {
            Column::Value(place) => Arc::clone(&values[*place]),
            Column::Key(place) => Arc::clone(&keys[*place]),
            Column::Metadata(place) => Arc::clone(&metadata[*place]),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.plan.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns.collect(), &options)
            .map_err(|error| Error::internal("the parts of records do not fit").caused_by(error))?;
        Ok((batch, std::mem::take(&mut self.bad), next))
    }
}

/// Takes over what a decoder could not read of the record at `offset`.
fn collect(bad: &mut Vec<BadRecord>, decoder: &mut dyn Decoder, offset: i64, place: &str) {
    for mut record in decoder.take_bad() {
        record.offset = offset as u64;
        record.line = 0;
        if !place.is_empty() {
            record.reason.insert_str(0, place);
        }
        bad.push(record);
    }
}

/// Recognises a record.
pub(super) fn fingerprint(message: &BorrowedMessage<'_>) -> Fingerprint {
    let timestamp = message.timestamp().to_millis().unwrap_or(-1);
    Fingerprint::of(timestamp, message.key(), message.payload())
}
