//! Pairs of rows of a batch with stored rows of the other side, and the condition they must meet.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_expr::Expr;
use millstream_core::{Error, Result};

use super::side::{Column, Side};
use super::stored::Refs;
use crate::expr::Compiled;
use crate::keys::KeyTable;

/// Pairs of consecutive rows of a batch.
#[derive(Default)]
pub(crate) struct Pairs {
    rows: Vec<u32>,
    slots: Vec<u32>,
    /// The first row, and where the pairs of each end.
    first: usize,
    ends: Vec<usize>,
}

impl Pairs {
    /// No pairs; rows come from `first` on.
    pub(crate) fn clear(&mut self, first: usize) {
        self.rows.clear();
        self.slots.clear();
        self.ends.clear();
        self.first = first;
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Pairs a row with some slots.
    pub(crate) fn extend(&mut self, row: usize, slots: impl Iterator<Item = u32>) {
        self.slots.extend(slots);
        self.rows.resize(self.slots.len(), row as u32);
    }

    /// There are no more pairs of this row.
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.slots.len());
    }

    /// Which pairs are those of a row.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        let at = row - self.first;
        let start = match at {
            0 => 0,
            at => self.ends[at - 1],
        };
        start..self.ends[at]
    }

    /// The stored row of a pair.
    #[inline]
    pub(crate) fn slot(&self, at: usize) -> u32 {
        self.slots[at]
    }

    /// Keeps the pairs for which `is_kept` is true.
    fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut kept = 0;
        let mut start = 0;
        for end in &mut self.ends {
            for at in start..*end {
                if is_kept(at) {
                    self.slots[kept] = self.slots[at];
                    self.rows[kept] = self.rows[at];
                    kept += 1;
                }
            }
            start = std::mem::replace(end, kept);
        }
        self.slots.truncate(kept);
        self.rows.truncate(kept);
    }
}

/// What pairs must meet beside having the same key.
pub(crate) struct Condition {
    compiled: Compiled,
    schema: SchemaRef,
    /// Side and position in its input of each column the condition reads.
    columns: Vec<(usize, usize)>,
}

impl Condition {
    /// Compiles a condition over the columns of both sides, the first `left` being those of the left.
    pub(crate) fn new(expr: &Expr, pair: &SchemaRef, left: usize) -> Result<Self> {
        let mut names: Vec<&str> = expr.column_refs().iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        let mut columns = Vec::with_capacity(names.len());
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let position = pair.index_of(name).map_err(|error| {
                Error::internal("a join's condition reads a column that does not exist")
                    .caused_by(error)
            })?;
            columns.push(match position.checked_sub(left) {
                None => (0, position),
                Some(right) => (1, right),
            });
            fields.push(Arc::clone(&pair.fields()[position]));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        Ok(Condition {
            compiled: Compiled::new(expr, &schema, expr)?,
            schema,
            columns,
        })
    }

    /// The columns of one side it reads.
    pub(crate) fn columns(&self, side: usize) -> Vec<usize> {
        let own = self.columns.iter().filter(|(of, _)| *of == side);
        own.map(|(_, column)| *column).collect()
    }

    /// Which pairs of stored rows meet it.
    pub(crate) fn of_stored(
        &self,
        pairs: &Refs,
        sides: &[Side; 2],
        keys: &KeyTable,
    ) -> Result<BooleanArray> {
        let columns = pairs.columns(&self.columns, 0..pairs.len(), sides, keys)?;
        let options = RecordBatchOptions::new().with_row_count(Some(pairs.len()));
        let schema = Arc::clone(&self.schema);
        let narrow = RecordBatch::try_new_with_options(schema, columns, &options)?;
        self.compiled.mask(&narrow)
    }

    /// Keeps the pairs that meet it; `port` is the side of the batch.
    pub(crate) fn keep(
        &self,
        pairs: &mut Pairs,
        port: usize,
        batch: &RecordBatch,
        sides: &[Side; 2],
    ) -> Result<()> {
        if pairs.len() == 0 {
            return Ok(());
        }
        let rows = UInt32Array::from(pairs.rows.clone());
        let stored = match self.columns.iter().any(|(side, _)| *side != port) {
            true => sides[1 - port].rows.columns(&pairs.slots)?,
            false => Vec::new(),
        };
        let read = |&(side, column): &(usize, usize)| -> Result<ArrayRef> {
            let from = match (side == port, sides[side].column(column)) {
                (true, _) => column,
                (false, Column::Stored(at)) => return Ok(Arc::clone(&stored[at])),
                (false, Column::Key(key)) => sides[port].key(key),
                (false, Column::Nowhere) => {
                    return Err(Error::internal(
                        "a join's condition reads what is not stored",
                    ));
                }
            };
            Ok(take(batch.column(from), &rows, None)?)
        };
        let columns = self.columns.iter().map(read).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(pairs.len()));
        let schema = Arc::clone(&self.schema);
        let narrow = RecordBatch::try_new_with_options(schema, columns, &options)?;
        let mask = self.compiled.mask(&narrow)?;
        if mask.true_count() < pairs.len() {
            pairs.retain(|at| mask.value(at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_with_its_row() {
        let mut pairs = Pairs::default();
        pairs.clear(5);
        pairs.extend(5, [10, 11, 12].into_iter());
        pairs.end_row();
        pairs.end_row();
        pairs.extend(7, [20, 21].into_iter());
        pairs.end_row();
        pairs.retain(|at| at % 2 == 1);
        let of = |row| {
            pairs
                .range(row)
                .map(|at| pairs.slot(at))
                .collect::<Vec<_>>()
        };
        assert_eq!([of(5), of(6), of(7)], [vec![11], vec![], vec![20]]);
        assert_eq!(pairs.rows, [5, 7]);
    }
}
