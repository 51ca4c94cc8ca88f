//! Changes of the result of a join: collected as references, put out as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt8Array, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use millstream_core::operator::Output;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::{Error, Result};

use super::side::{Column, Side};
use crate::rows::NONE;

/// One row of the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    kind: RowKind,
    /// The row of the batch that caused it; it has the key, whatever else is of it.
    row: u32,
    /// The row of the batch is part of it.
    has_row: bool,
    /// The stored row of the other side that is part of it.
    slot: u32,
    /// What the mark says, if there is one.
    mark: bool,
}

impl Change {
    /// A row of the batch, without a partner.
    pub(crate) fn alone(row: usize, kind: RowKind) -> Self {
        Change {
            kind,
            row: row as u32,
            has_row: true,
            slot: NONE,
            mark: false,
        }
    }

    /// The same with a mark.
    pub(crate) fn marked(self, mark: bool) -> Self {
        Change { mark, ..self }
    }

    /// A row of the batch with one of the other side.
    pub(crate) fn joined(row: usize, slot: u32, kind: RowKind) -> Self {
        Change {
            slot,
            ..Change::alone(row, kind)
        }
    }

    /// A row of the other side, without a partner.
    pub(crate) fn other(row: usize, slot: u32, kind: RowKind) -> Self {
        Change {
            has_row: false,
            ..Change::joined(row, slot, kind)
        }
    }
}

/// Side and position in its input of each column of a result: of both sides, or of the left one only.
pub(crate) fn columns(widths: [usize; 2], is_whole: bool) -> Vec<(usize, usize)> {
    let left = (0..widths[0]).map(|column| (0, column));
    let right = (0..widths[1])
        .map(|column| (1, column))
        .filter(|_| is_whole);
    left.chain(right).collect()
}

/// Changes that wait to be put out.
pub(crate) struct Changes {
    schema: SchemaRef,
    /// Side and position in its input of each column of the result.
    columns: Vec<(usize, usize)>,
    /// The last column says whether a row has a partner.
    is_mark: bool,
    batch_rows: usize,
    pending: Vec<Change>,
    /// Rows that go and had never come.
    pub(crate) unseen: u64,
}

impl Changes {
    /// For results with these columns ([`columns`]).
    pub(crate) fn new(
        columns: Vec<(usize, usize)>,
        is_mark: bool,
        output: &SchemaRef,
        batch_rows: usize,
    ) -> Result<Self> {
        if columns.len() + usize::from(is_mark) != output.fields().len() {
            return Err(Error::internal(format!(
                "a join of {} columns for {} of its result",
                columns.len(),
                output.fields().len()
            )));
        }
        Ok(Changes {
            schema: SchemaRef::clone(output),
            columns,
            is_mark,
            batch_rows: batch_rows.max(1),
            pending: Vec::new(),
            unseen: 0,
        })
    }

    /// Adds a change, several times.
    #[inline]
    pub(crate) fn push(&mut self, change: Change, times: u32) {
        for _ in 0..times {
            self.pending.push(change);
        }
    }

    /// Puts out full batches, or everything.
    #[inline]
    pub(crate) fn flush(
        &mut self,
        port: usize,
        batch: &RecordBatch,
        sides: &[Side; 2],
        all: bool,
        out: &mut Output,
    ) -> Result<()> {
        if self.pending.is_empty() || (!all && self.pending.len() < self.batch_rows) {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let mut pieces = pending.chunks(self.batch_rows);
        pieces.try_for_each(|changes| {
            out.rows(self.made(changes, port, batch, sides)?);
            Ok::<_, Error>(())
        })?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    fn made(
        &self,
        changes: &[Change],
        port: usize,
        batch: &RecordBatch,
        sides: &[Side; 2],
    ) -> Result<ChangeBatch> {
        let own = changes.iter().map(|c| c.has_row.then_some(c.row));
        let own = UInt32Array::from_iter(own);
        let keys = changes.iter().map(|c| (c.slot != NONE).then_some(c.row));
        let keys = UInt32Array::from_iter(keys);
        let slots: Vec<u32> = changes.iter().map(|change| change.slot).collect();
        let reads_other = self.columns.iter().any(|(side, _)| *side != port);
        let stored = match reads_other {
            true => sides[1 - port].rows.columns(&slots)?,
            false => Vec::new(),
        };
        let columns = self
            .columns
            .iter()
            .map(|&(side, column)| -> Result<ArrayRef> {
                if side == port {
                    return Ok(take(batch.column(column), &own, None)?);
                }
                match sides[side].column(column) {
                    Column::Stored(at) => Ok(Arc::clone(&stored[at])),
                    Column::Key(key) => Ok(take(batch.column(sides[port].key(key)), &keys, None)?),
                    Column::Nowhere => {
                        Err(Error::internal("a join puts out what it has not stored"))
                    }
                }
            });
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        if self.is_mark {
            let marks = changes.iter().map(|change| Some(change.mark));
            columns.push(Arc::new(BooleanArray::from_iter(marks)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
        let schema = Arc::clone(&self.schema);
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
        if changes.iter().all(|change| change.kind == RowKind::Insert) {
            return Ok(ChangeBatch::inserts(rows));
        }
        let kinds = changes.iter().map(|change| change.kind as u8);
        Ok(ChangeBatch::with_kinds(
            rows,
            UInt8Array::from_iter_values(kinds),
        ))
    }
}
