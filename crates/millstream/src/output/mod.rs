//! Rows on standard output: how they are written, and which of them.
//!
//! ```text
//! changes ─┬─▶ Changes ───────────────────┬─▶ RowWriter ─▶ Out ─▶ standard output
//!          ├─▶ Final ─ Materialised ──────┤   table, json, csv
//!          └─▶ Live ── Materialised ──────┘
//! ```
//!
//! * [`RowWriter`]: a format. [`View`]: what of a query is shown, and when.
//! * Always: rows keep the order in which the query gave them; nothing is cut except in a live
//!   table, which is not the result.

mod csv;
mod json;
mod listing;
mod live;
pub(crate) mod materialise;
mod out;
mod table;
mod view;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use millstream_core::Result;
use millstream_core::rows::ChangeBatch;

pub(crate) use self::listing::print as print_listing;
pub(crate) use self::live::Live;
pub(crate) use self::out::Out;
pub(crate) use self::view::{Changes, Final, View};
use crate::cli::Format;

/// Name of the column that says what a change does.
const OP: &str = "op";

/// A format for people or programs. Appends to a buffer; never touches the outside.
pub(crate) trait RowWriter {
    /// Appends rows.
    fn write(&mut self, rows: &ChangeBatch, out: &mut Vec<u8>) -> Result<()>;
    /// Appends what stands after the last row.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;
}

/// What is written of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// What it does, then its columns.
    Changes,
    /// Its columns.
    Rows,
}

/// A writer of rows with these columns.
pub(crate) fn writer(
    format: Format,
    schema: &SchemaRef,
    shape: Shape,
    colour: bool,
) -> Box<dyn RowWriter> {
    let schema = Arc::clone(schema);
    match format {
        Format::Table => Box::new(table::Table::new(schema, shape, colour)),
        Format::Json => Box::new(json::Json::new(schema, shape)),
        Format::Csv => Box::new(csv::Csv::new(schema, shape)),
    }
}

/// The columns of a result as its batches may have them: any value may be NULL.
///
/// The planner's promise that a column has no NULL is for its users, and nothing here needs it.
pub(crate) fn shown(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The same rows with the columns' names and types as the user sees them.
fn renamed(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new(
        Arc::clone(schema),
        rows.columns().to_vec(),
    )?)
}

#[cfg(test)]
pub(crate) mod testing {
    //! Small batches for the tests of the formats.

    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray, UInt8Array};
    use arrow::datatypes::{DataType, Field, TimeUnit};
    use millstream_core::rows::RowKind;

    use super::*;

    /// Columns `name STRING, n BIGINT, ts TIMESTAMP(3)`.
    pub(crate) fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("n", DataType::Int64, true),
            Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        ]))
    }

    /// Rows of [`schema`] with their kinds; `ts` is `n` seconds after 1970.
    pub(crate) fn changes(rows: &[(RowKind, Option<&str>, Option<i64>)]) -> ChangeBatch {
        let names: Vec<Option<&str>> = rows.iter().map(|(_, name, _)| *name).collect();
        let numbers: Vec<Option<i64>> = rows.iter().map(|(_, _, n)| *n).collect();
        let times: Vec<Option<i64>> = numbers.iter().map(|n| n.map(|n| n * 1000)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(names)),
            Arc::new(Int64Array::from(numbers)),
            Arc::new(TimestampMillisecondArray::from(times)),
        ];
        let kinds: Vec<u8> = rows.iter().map(|(kind, _, _)| *kind as u8).collect();
        let batch = RecordBatch::try_new(schema(), columns).unwrap();
        ChangeBatch::with_kinds(batch, UInt8Array::from(kinds))
    }

    /// Everything a writer makes of some batches.
    pub(crate) fn written(mut writer: impl RowWriter, batches: &[ChangeBatch]) -> String {
        let mut out = Vec::new();
        for batch in batches {
            writer.write(batch, &mut out).unwrap();
        }
        writer.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}
