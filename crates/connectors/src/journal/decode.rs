//! Rows from records: the payload through the format, the rest as metadata columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use millstream_core::connector::SourceContext;
use millstream_core::format::{BadRecord, Decoder, Format};
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::types::LTZ_ZONE;
use millstream_core::{Code, Error, Result, suggest};
use millstream_state::journal::Entry;

/// What can be read besides the payload.
pub(super) const METADATA: &[(&str, &str)] = &[
    ("key", "BYTES"),
    ("sequence", "BIGINT NOT NULL"),
    ("stream", "STRING NOT NULL"),
    ("timestamp", "TIMESTAMP_LTZ(3) NOT NULL"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meta {
    Key,
    Sequence,
    Stream,
    Timestamp,
}

impl Meta {
    fn of(name: &str, field: &Field, table: &TableSpec) -> Result<Meta> {
        let (key, wanted) = match name {
            "key" => (Meta::Key, DataType::Binary),
            "sequence" => (Meta::Sequence, DataType::Int64),
            "stream" => (Meta::Stream, DataType::Utf8),
            "timestamp" => {
                let zone = Some(LTZ_ZONE.into());
                (
                    Meta::Timestamp,
                    DataType::Timestamp(TimeUnit::Millisecond, zone),
                )
            }
            _ => {
                let owner = table.options.owner();
                let error = Error::new(
                    Code::InvalidSchema,
                    format!("{owner} has no metadata '{name}'"),
                );
                let known = METADATA.iter().map(|(key, _)| *key);
                return Err(match suggest::hint(name, known) {
                    Some(hint) => error.hint(hint),
                    None => error.hint("known metadata: key, sequence, stream, timestamp"),
                });
            }
        };
        let ty = METADATA.iter().find(|(known, _)| *known == name);
        let ty = ty.map_or("", |(_, ty)| ty);
        if *field.data_type() != wanted || (ty == "BYTES" && !field.is_nullable()) {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "{}: the metadata column '{}' wants the type {ty}",
                    table.options.owner(),
                    field.name()
                ),
            ));
        }
        Ok(key)
    }
}

/// What is decoded of a table's records.
pub(super) struct Plan {
    /// What the reader delivers: the physical columns, then the metadata.
    schema: SchemaRef,
    physical: SchemaRef,
    format: &'static dyn Format,
    options: Options,
    metadata: Vec<Meta>,
    pub(super) batch_rows: usize,
}

impl Plan {
    pub(super) fn of(table: &TableSpec, context: &SourceContext) -> Result<Self> {
        let (format, options) = crate::options::format_of(table, &context.formats)?;
        let metadata = table.metadata.iter();
        let metadata = metadata.map(|column| Meta::of(&column.key, &column.field, table));
        let plan = Plan {
            schema: Arc::clone(&context.schema),
            physical: Arc::clone(&table.schema),
            format,
            options,
            metadata: metadata.collect::<Result<_>>()?,
            batch_rows: context.batch_rows.max(1),
        };
        // So that a mistake in the format's options is found now.
        plan.rows()?;
        Ok(plan)
    }

    pub(super) fn rows(&self) -> Result<Rows> {
        let schema = Arc::clone(&self.physical);
        let mut decoder = self.format.decoder(schema, &self.options)?;
        decoder.set_batch_rows(self.batch_rows);
        Ok(Rows {
            decoder,
            entries: Vec::new(),
            bad: Vec::new(),
        })
    }
}

/// Rows that wait to be handed over.
pub(super) struct Rows {
    decoder: Box<dyn Decoder>,
    /// The records of the waiting rows.
    entries: Vec<Entry>,
    bad: Vec<BadRecord>,
}

impl Rows {
    /// Takes a record.
    pub(super) fn push(&mut self, entry: Entry) -> Result<()> {
        let rows = self.decoder.rows();
        self.decoder.decode_message(&entry.record.payload)?;
        for mut bad in self.decoder.take_bad() {
            bad.offset = entry.sequence;
            bad.line = 0;
            self.bad.push(bad);
        }
        if self.decoder.rows() > rows {
            self.entries.push(entry);
        }
        Ok(())
    }

    /// True once the rows should be handed over before more records come.
    pub(super) fn is_full(&self) -> bool {
        self.decoder.is_full() || self.bad.len() >= 1024
    }

    pub(super) fn is_empty(&self) -> bool {
        self.decoder.rows() == 0 && self.bad.is_empty()
    }

    /// The waiting rows, and the bad records between them.
    pub(super) fn take(&mut self, plan: &Plan) -> Result<(RecordBatch, Vec<BadRecord>)> {
        let physical = self.decoder.flush()?;
        let entries = std::mem::take(&mut self.entries);
        let mut columns = physical.columns().to_vec();
        columns.extend(plan.metadata.iter().map(|key| column(*key, &entries)));
        let options = RecordBatchOptions::new().with_row_count(Some(entries.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&plan.schema), columns, &options)
            .map_err(|e| Error::internal("the parts of records do not fit").caused_by(e))?;
        Ok((rows, std::mem::take(&mut self.bad)))
    }
}

fn column(key: Meta, entries: &[Entry]) -> ArrayRef {
    let records = entries.iter().map(|entry| &entry.record);
    match key {
        Meta::Key => Arc::new(BinaryArray::from_iter(records.map(|r| r.key.as_deref()))),
        Meta::Sequence => Arc::new(Int64Array::from_iter_values(
            entries.iter().map(|entry| entry.sequence as i64),
        )),
        Meta::Stream => Arc::new(StringArray::from_iter_values(records.map(|r| &r.stream))),
        Meta::Timestamp => {
            let times = records.map(|record| record.timestamp_ms);
            Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone(LTZ_ZONE))
        }
    }
}
