//! Rows of a result made of stored rows only: of pairs, or of rows that never found a partner.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt8Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use millstream_core::operator::Output;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::{Error, Result};

use super::side::{Column, Side};
use crate::keys::KeyTable;
use crate::rows::NONE;

/// Stored rows, one of each side; [`NONE`] where a side has none.
#[derive(Default)]
pub(crate) struct Refs {
    slots: [Vec<u32>; 2],
    /// The key of each.
    keys: Vec<u32>,
}

impl Refs {
    /// Adds a pair with this key.
    #[inline]
    pub(crate) fn push(&mut self, left: u32, right: u32, key: u32) {
        self.slots[0].push(left);
        self.slots[1].push(right);
        self.keys.push(key);
    }

    /// Adds a row of one side without a partner.
    pub(crate) fn push_alone(&mut self, side: usize, slot: u32, key: u32) {
        match side {
            0 => self.push(slot, NONE, key),
            _ => self.push(NONE, slot, key),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Left slot, right slot and key.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> (u32, u32, u32) {
        (self.slots[0][at], self.slots[1][at], self.keys[at])
    }

    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
        self.keys.clear();
    }

    /// Columns, given by side and position, of some of the pairs.
    pub(crate) fn columns(
        &self,
        wanted: &[(usize, usize)],
        range: Range<usize>,
        sides: &[Side; 2],
        keys: &KeyTable,
    ) -> Result<Vec<ArrayRef>> {
        let slots = |side: usize| &self.slots[side][range.clone()];
        let is_stored = |side: usize| {
            let mut of_side = wanted.iter().filter(|(of, _)| *of == side);
            of_side.any(|&(_, column)| matches!(sides[side].column(column), Column::Stored(_)))
        };
        let mut stored = [Vec::new(), Vec::new()];
        for side in 0..2 {
            if is_stored(side) {
                stored[side] = sides[side].rows.columns(slots(side))?;
            }
        }
        let key_columns = keys.keys(&self.keys[range.clone()])?;
        let columns = wanted
            .iter()
            .map(|&(side, column)| match sides[side].column(column) {
                Column::Stored(at) => Ok(Arc::clone(&stored[side][at])),
                Column::Key(key) => with_nulls(&key_columns[key], slots(side)),
                Column::Nowhere => Err(Error::internal("a join reads what it has not stored")),
            });
        columns.collect()
    }
}

/// NULL where a side has no row.
fn with_nulls(column: &ArrayRef, slots: &[u32]) -> Result<ArrayRef> {
    if !slots.contains(&NONE) {
        return Ok(Arc::clone(column));
    }
    let rows = slots.iter().zip(0u32..);
    let rows = rows.map(|(slot, row)| (*slot != NONE).then_some(row));
    Ok(take(column, &UInt32Array::from_iter(rows), None)?)
}

/// Puts out insertions made of stored rows.
pub(crate) struct Stored {
    schema: SchemaRef,
    columns: Vec<(usize, usize)>,
    batch_rows: usize,
}

impl Stored {
    /// For results with these columns ([`super::change::columns`]).
    pub(crate) fn new(
        columns: Vec<(usize, usize)>,
        output: &SchemaRef,
        batch_rows: usize,
    ) -> Result<Self> {
        if columns.len() != output.fields().len() {
            return Err(Error::internal(format!(
                "a join of {} columns for {} of its result",
                columns.len(),
                output.fields().len()
            )));
        }
        Ok(Stored {
            schema: SchemaRef::clone(output),
            columns,
            batch_rows: batch_rows.max(1),
        })
    }

    /// Puts pairs out.
    pub(crate) fn put(
        &self,
        refs: &Refs,
        sides: &[Side; 2],
        keys: &KeyTable,
        out: &mut Output,
    ) -> Result<()> {
        self.put_kinds(refs, &[], sides, keys, out)
    }

    /// Puts pairs out, each of its kind; without `kinds` they are insertions.
    pub(crate) fn put_kinds(
        &self,
        refs: &Refs,
        kinds: &[u8],
        sides: &[Side; 2],
        keys: &KeyTable,
        out: &mut Output,
    ) -> Result<()> {
        let mut from = 0;
        while from < refs.len() {
            let to = refs.len().min(from + self.batch_rows);
            let columns = refs.columns(&self.columns, from..to, sides, keys)?;
            let options = RecordBatchOptions::new().with_row_count(Some(to - from));
            let schema = Arc::clone(&self.schema);
            let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
            let kinds = kinds.get(from..to).unwrap_or_default();
            out.rows(
                match kinds.iter().all(|kind| *kind == RowKind::Insert as u8) {
                    true => ChangeBatch::inserts(rows),
                    false => ChangeBatch::with_kinds(rows, UInt8Array::from(kinds.to_vec())),
                },
            );
            from = to;
        }
        Ok(())
    }
}
