//! The rows of side outputs: what a late-rows table and a dead-letter table are offered.
//!
//! A user declares such a table with any of these columns, by name, in any order.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Name of the dead letter's text column.
pub const RECORD_TEXT: &str = "record_text";

/// Columns of a late row.
///
/// | column | type | meaning |
/// |---|---|---|
/// | `source` | STRING | table it was read from; NULL for a derived row |
/// | `split` | STRING | file or partition it was read from; NULL for a derived row |
/// | `operator` | STRING | the operator that dropped it |
/// | `event_time` | TIMESTAMP(3) | its event time |
/// | `watermark` | TIMESTAMP(3) | the watermark it was behind |
/// | `reason` | STRING | one sentence |
/// | `row` | STRING | every column of the window function's input, as JSON |
pub fn late_schema() -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Millisecond, None);
    schema(&[
        ("source", DataType::Utf8),
        ("split", DataType::Utf8),
        ("operator", DataType::Utf8),
        ("event_time", time()),
        ("watermark", time()),
        ("reason", DataType::Utf8),
        ("row", DataType::Utf8),
    ])
}

/// Columns of a dead letter.
///
/// | column | type | meaning |
/// |---|---|---|
/// | `source` | STRING | table it was read from |
/// | `split` | STRING | file or partition it was read from |
/// | `position` | BIGINT | offset of its first byte in the split; NULL if it was decoded |
/// | `line` | BIGINT | line of its first byte, from 1; NULL if it was decoded |
/// | `code` | STRING | error code |
/// | `reason` | STRING | one sentence |
/// | `record` | BYTES | the raw bytes; of a decoded row its JSON |
/// | `record_text` | STRING | the same as text, invalid UTF-8 replaced; taken for `record STRING` |
pub fn dead_letter_schema() -> SchemaRef {
    schema(&[
        ("source", DataType::Utf8),
        ("split", DataType::Utf8),
        ("position", DataType::Int64),
        ("line", DataType::Int64),
        ("code", DataType::Utf8),
        ("reason", DataType::Utf8),
        ("record", DataType::Binary),
        (RECORD_TEXT, DataType::Utf8),
    ])
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, ty)| Field::new(*name, ty.clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}
