//! One JSON object per line, with the column names as keys; of a change `"op"` first.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_formats::text::JsonRows;

use super::{OP, RowWriter, Shape};

/// JSON lines.
pub(super) struct Json {
    schema: SchemaRef,
    shape: Shape,
}

impl Json {
    pub(super) fn new(schema: SchemaRef, shape: Shape) -> Self {
        Json { schema, shape }
    }
}

impl RowWriter for Json {
    fn write(&mut self, rows: &ChangeBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        let objects = JsonRows::new(schema.fields(), rows.rows())?;
        for row in 0..rows.num_rows() {
            if self.shape == Shape::Rows {
                objects.write(row, out);
            } else {
                let op = format!("{{\"{OP}\":\"{}\"", rows.kind(row).as_str());
                out.extend_from_slice(op.as_bytes());
                let brace = out.len();
                objects.write(row, out);
                // The object's own brace becomes the comma after `op`. A row has columns.
                out[brace] = b',';
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::rows::RowKind;

    use super::super::testing::{changes, schema, written};
    use super::*;

    #[test]
    fn a_change_begins_with_what_it_does() {
        let rows = [
            (RowKind::Insert, Some("a\"b"), Some(1)),
            (RowKind::Delete, None, None),
        ];
        assert_eq!(
            written(Json::new(schema(), Shape::Changes), &[changes(&rows)]),
            "{\"op\":\"+I\",\"name\":\"a\\\"b\",\"n\":1,\"ts\":\"1970-01-01 00:00:01.000\"}\n\
             {\"op\":\"-D\",\"name\":null,\"n\":null,\"ts\":null}\n"
        );
    }

    #[test]
    fn a_row_has_its_columns_only() {
        let rows = [(RowKind::Insert, Some("a"), Some(0))];
        assert_eq!(
            written(Json::new(schema(), Shape::Rows), &[changes(&rows)]),
            "{\"name\":\"a\",\"n\":0,\"ts\":\"1970-01-01 00:00:00.000\"}\n"
        );
    }
}
