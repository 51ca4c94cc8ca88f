//! Events as Arrow arrays, made column by column straight into their final buffers.
//!
//! ```text
//! event_type  person            auction       bid
//!     0       {1000, "Paul …}   NULL          NULL               a run of one person
//!     1       NULL              {1000, …}     NULL               a run of three auctions
//!     1       …
//!     2       NULL              NULL          {1000, 1001, …}    a run of 46 bids
//! ```
//!
//! One column is filled at a time, one run after the other, so what is written stays in the first
//! level cache and each loop does one thing. Rows of another kind are zeros or empty texts below
//! the NULL of their ROW; the fields of a ROW share its validity (the same buffer), so that
//! reading a field of a NULL row gives NULL without computing anything.
//!
//! The pattern of validity repeats with every epoch, but is written run by run all the same: that
//! costs three short writes per 50 events.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBufferBuilder, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
    StructArray, TimestampMillisecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Fields;

use millstream_core::Result;

use super::field::{Field, Fill, extra_max};
use super::layout::{Column, Layout};
use super::market::{Kind, Market, Run, Runs};
use super::text::Text;

/// The most bytes a text column of a batch may need, far below the 2 GiB that offsets can name.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// The most rows of a batch: `wanted`, or fewer if events are very large.
pub(super) fn rows_max(market: &Market, wanted: usize) -> usize {
    let settings = &market.settings;
    let largest = [
        settings.person_bytes,
        settings.auction_bytes,
        settings.bid_bytes,
    ]
    .map(extra_max)
    .into_iter()
    .fold(128, usize::max);
    wanted.clamp(1, TEXT_BYTES_MAX / largest)
}

/// The events of `runs`, in the columns of `layout`.
pub(super) fn build(market: &Market, layout: &Layout, runs: &Runs) -> Result<RecordBatch> {
    let columns = layout
        .columns
        .iter()
        .map(|column| match column {
            Column::EventType => Ok(event_types(runs)),
            Column::Row {
                kind,
                fields,
                arrow,
            } => row(market, *kind, fields, arrow, runs),
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(runs.rows));
    let schema = Arc::clone(&layout.schema);
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}

fn event_types(runs: &Runs) -> ArrayRef {
    let mut types = vec![Kind::Bid as i32; runs.rows];
    for kind in [Kind::Person, Kind::Auction] {
        for run in runs.of(kind) {
            types[run.row..run.row + run.rows].fill(kind as i32);
        }
    }
    Arc::new(Int32Array::from(types))
}

fn row(
    market: &Market,
    kind: Kind,
    fields: &[&'static Field],
    arrow: &Fields,
    runs: &Runs,
) -> Result<ArrayRef> {
    let nulls = validity(runs.of(kind), runs.rows);
    let columns = fields
        .iter()
        .map(|field| match field.fill {
            Fill::Long(fill) => {
                let values = integers(market, fill, runs.of(kind), runs.rows);
                Ok(Arc::new(Int64Array::new(values.into(), Some(nulls.clone()))) as ArrayRef)
            }
            Fill::Time(fill) => {
                let values = integers(market, fill, runs.of(kind), runs.rows);
                let times = TimestampMillisecondArray::new(values.into(), Some(nulls.clone()));
                Ok(Arc::new(times) as ArrayRef)
            }
            Fill::Text(fill, bytes_max) => {
                let text = texts(market, fill, bytes_max(market), runs.of(kind), runs.rows);
                text.finish(Some(nulls.clone()))
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let row = StructArray::try_new_with_length(arrow.clone(), columns, Some(nulls), runs.rows)?;
    Ok(Arc::new(row))
}

fn validity(runs: &[Run], rows: usize) -> NullBuffer {
    let mut bits = BooleanBufferBuilder::new(rows);
    for run in runs {
        bits.append_n(run.row - bits.len(), false);
        bits.append_n(run.rows, true);
    }
    bits.append_n(rows - bits.len(), false);
    NullBuffer::new(bits.finish())
}

fn integers(
    market: &Market,
    fill: fn(&Market, &Run, &mut [i64]),
    runs: &[Run],
    rows: usize,
) -> Vec<i64> {
    let mut values = vec![0; rows];
    for run in runs {
        fill(market, run, &mut values[run.row..run.row + run.rows]);
    }
    values
}

fn texts(
    market: &Market,
    fill: fn(&Market, &Run, &mut Text),
    bytes_max: usize,
    runs: &[Run],
    rows: usize,
) -> Text {
    let filled: usize = runs.iter().map(|run| run.rows).sum();
    let mut text = Text::with_capacity(rows, filled * bytes_max);
    for run in runs {
        text.pad_to(run.row);
        fill(market, run, &mut text);
    }
    text.pad_to(rows);
    text
}
