//! A line of column names, then one line per row; quoted as RFC 4180 says.
//!
//! NULL is an empty cell, an empty text is `""`.

use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_formats::text::cell_of;

use super::{OP, RowWriter, Shape};

/// Comma-separated values.
pub(super) struct Csv {
    schema: SchemaRef,
    shape: Shape,
    has_header: bool,
    cell: String,
}

impl Csv {
    pub(super) fn new(schema: SchemaRef, shape: Shape) -> Self {
        Csv {
            schema,
            shape,
            has_header: false,
            cell: String::new(),
        }
    }

    fn header(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_header, true) {
            return;
        }
        let op = (self.shape == Shape::Changes).then_some(OP);
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        for (i, name) in op.into_iter().chain(names).enumerate() {
            separate(i, out);
            quote(name, out);
        }
        out.push(b'\n');
    }
}

impl RowWriter for Csv {
    fn write(&mut self, rows: &ChangeBatch, out: &mut Vec<u8>) -> Result<()> {
        self.header(out);
        let columns = rows.rows().columns();
        for row in 0..rows.num_rows() {
            if self.shape == Shape::Changes {
                out.extend_from_slice(rows.kind(row).as_str().as_bytes());
                out.push(b',');
            }
            for (i, (field, column)) in self.schema.fields().iter().zip(columns).enumerate() {
                separate(i, out);
                if column.is_null(row) {
                    continue;
                }
                self.cell.clear();
                cell_of(field, column.as_ref(), row, &mut self.cell);
                quote(&self.cell, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.header(out);
        Ok(())
    }
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use millstream_core::rows::RowKind;

    use super::super::testing::{changes, schema, written};
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_and_null_is_not_the_empty_text() {
        let rows = [
            (RowKind::Insert, Some("a,\"b\"\n"), Some(1)),
            (RowKind::UpdateBefore, Some(""), None),
            (RowKind::UpdateAfter, None, Some(2)),
        ];
        assert_eq!(
            written(Csv::new(schema(), Shape::Changes), &[changes(&rows)]),
            "op,name,n,ts\n\
             +I,\"a,\"\"b\"\"\n\",1,1970-01-01 00:00:01.000\n\
             -U,\"\",,\n\
             +U,,2,1970-01-01 00:00:02.000\n"
        );
    }

    #[test]
    fn a_result_without_rows_still_names_its_columns_once() {
        assert_eq!(written(Csv::new(schema(), Shape::Rows), &[]), "name,n,ts\n");
    }
}
