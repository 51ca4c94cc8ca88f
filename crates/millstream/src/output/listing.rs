//! Tables of text: SHOW, DESCRIBE, EXPLAIN, SET.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_sql::session::Listing;

use super::{Out, Shape, writer};
use crate::cli::Format;

/// Prints a listing; one long text as it is, in any format.
pub(crate) fn print(listing: &Listing, format: Format, out: &mut Out) -> Result<()> {
    if listing.verbatim {
        let cells = listing.rows.iter().flatten().flatten();
        for text in cells {
            out.buffer().extend_from_slice(text.trim_end().as_bytes());
            out.buffer().push(b'\n');
        }
        return out.flush();
    }
    let fields = listing
        .columns
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let column = |i: usize| -> ArrayRef {
        let cells = listing
            .rows
            .iter()
            .map(|row| row.get(i).and_then(|cell| cell.as_deref()));
        Arc::new(cells.collect::<StringArray>())
    };
    let columns = (0..listing.columns.len()).map(column).collect();
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let colour = out.colour();
    let mut writer = writer(format, &schema, Shape::Rows, colour);
    writer.write(&ChangeBatch::inserts(rows), out.buffer())?;
    writer.finish(out.buffer())?;
    out.flush()
}
