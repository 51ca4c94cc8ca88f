//! What the tests of this crate share: tables, contexts, and a plain format of their own, so that
//! no test here depends on a real codec.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_core::clock::{ManualClock, SharedClock, SystemClock};
use millstream_core::connector::{JobIdentity, SinkContext, SourceContext};
use millstream_core::format::{BadRecord, Decoder, Encoder, Format, Formats};
use millstream_core::id::CheckpointId;
use millstream_core::message::{Barrier, Keep};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::table::{MetadataColumn, TableSpec};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::text;

/// How a NULL is written in [`batch`] and in the format `lines`.
pub(crate) const NULL: &str = "∅";

/// A table with nullable columns.
pub(crate) fn table(
    name: &str,
    columns: &[(&str, SqlType)],
    options: &[(&str, &str)],
) -> TableSpec {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, ty)| ColumnType::nullable(ty.clone()).field(name))
        .collect();
    let values: BTreeMap<String, String> = options
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    TableSpec {
        name: name.to_string(),
        schema: Arc::new(Schema::new(fields)),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: Options::new(format!("table '{name}'"), values),
    }
}

/// A virtual metadata column of the same name as its key.
pub(crate) fn metadata(key: &str, ty: SqlType) -> MetadataColumn {
    MetadataColumn {
        field: Arc::new(ColumnType::nullable(ty).field(key)),
        key: key.to_string(),
        is_virtual: true,
    }
}

/// Rows from text, each cell cast to its column's type.
pub(crate) fn batch(schema: &SchemaRef, rows: &[&[&str]]) -> RecordBatch {
    let columns = schema.fields().iter().enumerate().map(|(i, field)| {
        let cells = rows
            .iter()
            .map(|row| Some(row[i]).filter(|cell| *cell != NULL));
        let text: ArrayRef = Arc::new(StringArray::from_iter(cells));
        cast(&text, field.data_type()).unwrap()
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options).unwrap()
}

/// One text per row: its cells, separated by `|`.
pub(crate) fn lines(rows: &RecordBatch) -> Vec<String> {
    let line = |row: usize| {
        let cells = rows.columns().iter().map(|column| {
            let mut cell = String::new();
            text::value(&mut cell, column, row);
            cell
        });
        cells.collect::<Vec<_>>().join("|")
    };
    (0..rows.num_rows()).map(line).collect()
}

/// A context in which every column is wanted.
pub(crate) fn source_context(
    table: &TableSpec,
    parallelism: u32,
    batch_rows: usize,
) -> SourceContext {
    let physical = table.schema.fields().iter().cloned();
    let metadata = table
        .metadata
        .iter()
        .map(|column| Arc::clone(&column.field));
    let fields: Vec<_> = physical.chain(metadata).collect();
    SourceContext {
        projection: (0..fields.len()).collect(),
        schema: Arc::new(Schema::new(fields)),
        formats: formats(),
        clock: Arc::new(SystemClock::new()),
        job: JobIdentity::transient("run1"),
        parallelism,
        batch_rows,
    }
}

/// The same context with only the columns at `projection`.
pub(crate) fn projected(context: SourceContext, projection: &[usize]) -> SourceContext {
    SourceContext {
        schema: Arc::new(context.schema.project(projection).unwrap()),
        projection: projection.to_vec(),
        ..context
    }
}

pub(crate) fn sink_context(subtask: u32, parallelism: u32) -> SinkContext {
    SinkContext {
        subtask,
        parallelism,
        run_id: "run1".into(),
        job: JobIdentity::transient("run1"),
        transactions: None,
        formats: formats(),
        clock: manual_clock(0).1,
    }
}

/// The cut of a checkpoint.
pub(crate) fn barrier(checkpoint: u64, last: bool) -> Barrier {
    Barrier {
        checkpoint: CheckpointId(checkpoint),
        keep: Keep::Changes,
        last,
    }
}

/// A clock to move, twice.
pub(crate) fn manual_clock(now_ms: i64) -> (Arc<ManualClock>, SharedClock) {
    let clock = Arc::new(ManualClock::at(now_ms));
    let shared: SharedClock = Arc::clone(&clock) as SharedClock;
    (clock, shared)
}

/// The formats of these tests: `lines`, and the name of `parquet`.
pub(crate) fn formats() -> Formats {
    Arc::new(|name| match name {
        "lines" => Ok(&Lines as &dyn Format),
        "parquet" => Ok(&Parquet as &dyn Format),
        _ => Err(Error::new(
            Code::InvalidOption,
            format!("no format is called '{name}'"),
        )),
    })
}

/// One record per line, cells separated by commas; a line with another number of cells is bad.
struct Lines;

impl Format for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn options(&self) -> &'static [OptionSpec] {
        const OPTIONS: &[OptionSpec] = &[OptionSpec::new(
            "comment",
            "a character",
            "",
            "lines that begin with it are skipped",
        )];
        OPTIONS
    }

    fn decoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(LineDecoder {
            schema,
            comment: options.get("comment").map(str::to_string),
            batch_rows: 1024,
            offset: 0,
            line: 1,
            rows: Vec::new(),
            bad: Vec::new(),
        }))
    }

    fn encoder(&self, _schema: SchemaRef, _options: &Options) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(LineEncoder))
    }
}

/// Only a name and options: the connector that has files does the rest.
struct Parquet;

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn options(&self) -> &'static [OptionSpec] {
        const OPTIONS: &[OptionSpec] = &[
            OptionSpec::new("batch-size", "", "", ""),
            OptionSpec::new("compression", "", "", ""),
            OptionSpec::new("timestamp.time.unit", "", "", ""),
            OptionSpec::new("utc-timezone", "", "", ""),
            OptionSpec::new("write.int64.timestamp", "", "", ""),
        ];
        OPTIONS
    }

    fn decoder(&self, _: SchemaRef, _: &Options) -> Result<Box<dyn Decoder>> {
        Err(Error::unsupported("no records"))
    }

    fn encoder(&self, _: SchemaRef, _: &Options) -> Result<Box<dyn Encoder>> {
        Err(Error::unsupported("no records"))
    }
}

struct LineDecoder {
    schema: SchemaRef,
    comment: Option<String>,
    batch_rows: usize,
    offset: u64,
    line: u64,
    rows: Vec<Vec<String>>,
    bad: Vec<BadRecord>,
}

impl LineDecoder {
    fn record(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).into_owned();
        let cells: Vec<String> = text.split(',').map(str::to_string).collect();
        if self
            .comment
            .as_ref()
            .is_some_and(|comment| text.starts_with(comment))
        {
            return;
        }
        if cells.len() == self.schema.fields().len() {
            self.rows.push(cells);
        } else {
            let reason = format!("{} cells", cells.len());
            self.bad
                .push(BadRecord::new(self.offset, self.line, reason, line));
        }
    }
}

impl Decoder for LineDecoder {
    fn set_batch_rows(&mut self, rows: usize) {
        self.batch_rows = rows;
    }

    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize> {
        let mut used = 0;
        while !self.is_full() && used < input.len() {
            let rest = &input[used..];
            let (line, taken) = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&rest[..end], end + 1),
                None if last => (rest, rest.len()),
                None => break,
            };
            self.record(line);
            used += taken;
            self.offset += taken as u64;
            self.line += 1;
        }
        Ok(used)
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.batch_rows
    }

    fn flush(&mut self) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        let rows: Vec<Vec<&str>> = rows
            .iter()
            .map(|row| row.iter().map(String::as_str).collect())
            .collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        Ok(batch(&self.schema, &rows))
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        std::mem::take(&mut self.bad)
    }
}

struct LineEncoder;

impl Encoder for LineEncoder {
    fn header(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"# header\n");
        Ok(())
    }

    fn encode(
        &mut self,
        rows: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()> {
        for line in lines(rows) {
            out.extend_from_slice(line.replace('|', ",").as_bytes());
            out.push(b'\n');
            ends.push(out.len());
        }
        Ok(())
    }
}
