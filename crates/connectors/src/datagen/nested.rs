//! Makes values that hold other values: rows, arrays, maps and multisets.
//!
//! Elements are made for all cells at once. Equal keys of one map are one entry and equal elements
//! of one multiset are counted, which is found out by comparing them as bytes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use millstream_core::Result;

use super::generator::{Cell, Generator, Time, is_valid};
use super::random::pick;

impl Generator {
    pub(super) fn rows(
        &self,
        cells: &[Cell],
        nulls: Option<NullBuffer>,
        fields: &[Generator],
        time: Time,
    ) -> Result<ArrayRef> {
        let DataType::Struct(types) = self.field.data_type() else {
            return Err(self.unmakeable());
        };
        if fields.is_empty() {
            return Ok(Arc::new(StructArray::new_empty_fields(cells.len(), nulls)));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (place, field) in fields.iter().enumerate() {
            let inner: Vec<Cell> = cells
                .iter()
                .map(|cell| inside(cell, place as u64))
                .collect();
            columns.push(field.generate(&inner, time)?);
        }
        Ok(Arc::new(StructArray::try_new(
            types.clone(),
            columns,
            nulls,
        )?))
    }

    pub(super) fn arrays(
        &self,
        cells: &[Cell],
        nulls: Option<NullBuffer>,
        length: usize,
        element: &Generator,
        time: Time,
    ) -> Result<ArrayRef> {
        let elements = element.generate(&elements_of(cells, length, &nulls), time)?;
        let offsets = OffsetBuffer::from_lengths(lengths(cells.len(), length, &nulls));
        let field = Arc::clone(&element.field);
        Ok(Arc::new(ListArray::try_new(
            field, offsets, elements, nulls,
        )?))
    }

    pub(super) fn maps(
        &self,
        cells: &[Cell],
        nulls: Option<NullBuffer>,
        length: usize,
        key: &Generator,
        value: &Generator,
        time: Time,
    ) -> Result<ArrayRef> {
        let inner = elements_of(cells, length, &nulls);
        let keys = key.generate(&inner, time)?;
        let value_cells: Vec<Cell> = inner.iter().map(|cell| inside(cell, 0)).collect();
        let values = value.generate(&value_cells, time)?;
        let lengths = lengths(cells.len(), length, &nulls);
        let distinct = Distinct::of(&keys, lengths)?;
        let keys = take(&keys, &distinct.first, None)?;
        let values = take(&values, &distinct.first, None)?;
        self.map_array(distinct.lengths, keys, values, nulls)
    }

    pub(super) fn multisets(
        &self,
        cells: &[Cell],
        nulls: Option<NullBuffer>,
        length: usize,
        element: &Generator,
        time: Time,
    ) -> Result<ArrayRef> {
        let elements = element.generate(&elements_of(cells, length, &nulls), time)?;
        let distinct = Distinct::of(&elements, lengths(cells.len(), length, &nulls))?;
        let keys = take(&elements, &distinct.first, None)?;
        let counts: ArrayRef = Arc::new(Int32Array::from(distinct.counts));
        self.map_array(distinct.lengths, keys, counts, nulls)
    }

    fn map_array(
        &self,
        lengths: Vec<usize>,
        keys: ArrayRef,
        values: ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let DataType::Map(entries, sorted) = self.field.data_type() else {
            return Err(self.unmakeable());
        };
        let DataType::Struct(pair) = entries.data_type() else {
            return Err(self.unmakeable());
        };
        let offsets = OffsetBuffer::from_lengths(lengths);
        let pairs = StructArray::try_new(pair.clone(), vec![keys, values], None)?;
        Ok(Arc::new(MapArray::try_new(
            Arc::clone(entries),
            offsets,
            pairs,
            nulls,
            *sorted,
        )?))
    }
}

/// True if values of this type can be compared, as keys of a map must be.
pub(super) fn is_comparable(ty: &DataType) -> bool {
    RowConverter::supports_fields(&[SortField::new(ty.clone())])
}

/// The different elements of each list among the elements of all lists.
struct Distinct {
    /// Where each stands first.
    first: UInt32Array,
    /// How often each stands in its list.
    counts: Vec<i32>,
    /// How many there are per list.
    lengths: Vec<usize>,
}

impl Distinct {
    fn of(elements: &ArrayRef, lists: impl Iterator<Item = usize>) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(elements.data_type().clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(elements)])?;
        let (mut first, mut counts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for length in lists {
            let begin = first.len();
            let mut seen = HashMap::with_capacity(length);
            for place in start..start + length {
                let at = *seen.entry(rows.row(place)).or_insert(first.len());
                if at == first.len() {
                    first.push(place as u32);
                    counts.push(0);
                }
                counts[at] += 1;
            }
            lengths.push(first.len() - begin);
            start += length;
        }
        Ok(Distinct {
            first: UInt32Array::from(first),
            counts,
            lengths,
        })
    }
}

/// The cell at `place` inside of a cell.
fn inside(cell: &Cell, place: u64) -> Cell {
    // Away from the numbers that the cell's own value uses.
    const INSIDE: u64 = 0x5851_f42d_4c95_7f2d;
    Cell {
        key: pick(cell.key ^ INSIDE, place),
        row: cell.row,
    }
}

fn elements_of(cells: &[Cell], length: usize, nulls: &Option<NullBuffer>) -> Vec<Cell> {
    let valid = cells
        .iter()
        .enumerate()
        .filter(|(i, _)| is_valid(nulls, *i));
    valid
        .flat_map(|(_, cell)| (0..length as u64).map(|place| inside(cell, place)))
        .collect()
}

/// Elements per cell: none if it is NULL.
fn lengths(cells: usize, length: usize, nulls: &Option<NullBuffer>) -> impl Iterator<Item = usize> {
    (0..cells).map(move |i| if is_valid(nulls, i) { length } else { 0 })
}
