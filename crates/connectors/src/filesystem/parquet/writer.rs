//! Rows to a Parquet file in memory, handed over row group by row group.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use millstream_core::options::Options;
use millstream_core::types::ColumnType;
use millstream_core::{Code, Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::fit::fit;

const COMPRESSION: &str = "compression";
const TIME_UNIT: &str = "timestamp.time.unit";
const INT64: &str = "write.int64.timestamp";

/// How files are written.
#[derive(Clone)]
pub(in crate::filesystem) struct Settings {
    /// The columns of a file.
    schema: SchemaRef,
    compression: Compression,
}

impl Settings {
    /// Checks the options of the format and the columns.
    pub(in crate::filesystem) fn of(schema: &SchemaRef, options: &Options) -> Result<Self> {
        let unit = match options.one_of(TIME_UNIT, &["millis", "micros", "nanos"], "")? {
            "millis" => Some(TimeUnit::Millisecond),
            "micros" => Some(TimeUnit::Microsecond),
            "nanos" => Some(TimeUnit::Nanosecond),
            _ => None,
        };
        if !options.boolean(INT64, true)? {
            return Err(Error::unsupported(format!(
                "{} has '{INT64}' = 'false', but timestamps are written as INT64 only",
                options.owner()
            ))
            .hint("INT96 is deprecated in Parquet; it can be read"));
        }
        let fields = schema.fields().iter().map(|field| written(field, unit));
        let fields: Result<Vec<Field>> = fields.collect();
        Ok(Settings {
            schema: Arc::new(Schema::new(fields?)),
            compression: compression(options)?,
        })
    }
}

fn compression(options: &Options) -> Result<Compression> {
    const KNOWN: &str = "'UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD' or 'LZ4_RAW'";
    let name = options.get(COMPRESSION).unwrap_or("SNAPPY").trim();
    Ok(match name.to_ascii_uppercase().as_str() {
        "UNCOMPRESSED" => Compression::UNCOMPRESSED,
        "SNAPPY" => Compression::SNAPPY,
        "GZIP" => Compression::GZIP(GzipLevel::default()),
        "ZSTD" => Compression::ZSTD(ZstdLevel::default()),
        "LZ4" | "LZ4_RAW" => Compression::LZ4_RAW,
        _ => return Err(options.invalid(COMPRESSION, KNOWN)),
    })
}

/// The column of a file for a column of a table.
fn written(field: &FieldRef, unit: Option<TimeUnit>) -> Result<Field> {
    let data_type = match field.data_type() {
        DataType::Timestamp(own, zone) => {
            let zone = zone.as_ref().map(|_| "UTC".into());
            DataType::Timestamp(unit.unwrap_or(*own), zone)
        }
        DataType::List(element) => DataType::List(Arc::new(written(element, unit)?)),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(written(entries, unit)?), *sorted),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| written(field, unit));
            let fields: Fields = fields.collect::<Result<Vec<Field>>>()?.into();
            if fields.is_empty() {
                return Err(no_form(field));
            }
            DataType::Struct(fields)
        }
        DataType::Interval(_) | DataType::Null => return Err(no_form(field)),
        other => other.clone(),
    };
    Ok(Field::new(field.name(), data_type, field.is_nullable()))
}

fn no_form(field: &FieldRef) -> Error {
    Error::unsupported(format!(
        "column '{}' of type {} has no form in Parquet",
        field.name(),
        ColumnType::of(field)
    ))
}

/// One file.
pub(in crate::filesystem) struct Writer {
    schema: SchemaRef,
    /// `None` once it has ended.
    inner: Option<ArrowWriter<Vec<u8>>>,
    rest: Vec<u8>,
}

impl Writer {
    pub(in crate::filesystem) fn new(settings: &Settings) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_created_by("millstream".into())
            .set_compression(settings.compression)
            .set_coerce_types(true)
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let schema = Arc::clone(&settings.schema);
        let inner = ArrowWriter::try_new_with_options(Vec::new(), schema, options);
        Ok(Writer {
            schema: Arc::clone(&settings.schema),
            inner: Some(inner.map_err(failed)?),
            rest: Vec::new(),
        })
    }

    pub(in crate::filesystem) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let fields = self.schema.fields().iter();
        let columns = rows.columns().iter().zip(fields).map(|(column, field)| {
            fit(column, field.data_type()).map_err(|reason| {
                Error::new(Code::Write, format!("column '{}': {reason}", field.name()))
            })
        });
        let columns: Result<Vec<ArrayRef>> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.schema);
        let rows = RecordBatch::try_new_with_options(schema, columns?, &options)?;
        self.inner()?.write(&rows).map_err(failed)
    }

    /// Bytes of rows that are in no row group yet.
    pub(in crate::filesystem) fn held_bytes(&self) -> u64 {
        let inner = self.inner.as_ref();
        inner.map_or(0, |inner| inner.in_progress_size() as u64)
    }

    /// Ends the row group.
    pub(in crate::filesystem) fn flush(&mut self) -> Result<()> {
        self.inner()?.flush().map_err(failed)
    }

    /// Ends the last row group and writes the footer.
    pub(in crate::filesystem) fn end(&mut self) -> Result<()> {
        let inner = self.inner.take().ok_or_else(ended)?;
        self.rest = inner.into_inner().map_err(failed)?;
        Ok(())
    }

    pub(in crate::filesystem) fn ready(&self) -> &[u8] {
        match &self.inner {
            Some(inner) => inner.inner(),
            None => &self.rest,
        }
    }

    pub(in crate::filesystem) fn taken(&mut self) {
        match &mut self.inner {
            // It counts what it has written and never looks back.
            Some(inner) => inner.inner_mut().clear(),
            None => self.rest.clear(),
        }
    }

    fn inner(&mut self) -> Result<&mut ArrowWriter<Vec<u8>>> {
        self.inner.as_mut().ok_or_else(ended)
    }
}

fn ended() -> Error {
    Error::internal("a file takes rows after its end")
}

fn failed(error: ParquetError) -> Error {
    Error::new(
        Code::Write,
        format!("a parquet file cannot be made: {error}"),
    )
    .caused_by(error)
}
