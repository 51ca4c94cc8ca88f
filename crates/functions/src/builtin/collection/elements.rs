//! The elements of ARRAY arguments, comparable whatever their type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::DataType;
use arrow::row::{Row, RowConverter, Rows, SortField};
use millstream_core::{Error, Result};

use crate::args::Call;

/// One ARRAY argument.
pub(super) struct Lists {
    /// The lists, one per row.
    pub(super) list: ListArray,
    /// Where the elements of this argument start in [`Elements`].
    base: usize,
}

impl Lists {
    /// The elements of `row`, as numbers in [`Elements`]; `None` for NULL.
    pub(super) fn of(&self, row: usize) -> Option<std::ops::Range<usize>> {
        if self.list.is_null(row) {
            return None;
        }
        let offsets = self.list.value_offsets();
        Some(offsets[row] as usize + self.base..offsets[row + 1] as usize + self.base)
    }
}

/// The elements of all arguments of a call, one after the other.
pub(super) struct Elements {
    values: ArrayRef,
    rows: Rows,
}

impl Elements {
    /// The encoded element with a number: equal and ordered as its bytes.
    pub(super) fn key(&self, index: usize) -> Row<'_> {
        self.rows.row(index)
    }

    pub(super) fn is_null(&self, index: usize) -> bool {
        self.values.is_null(index)
    }

    /// The elements with these numbers; `None` is NULL.
    pub(super) fn pick(&self, indexes: Vec<Option<u32>>, ty: &DataType) -> Result<ArrayRef> {
        let picked = take(&self.values, &UInt32Array::from(indexes), None)?;
        Ok(if picked.data_type() == ty {
            picked
        } else {
            cast(&picked, ty)?
        })
    }
}

/// Reads arguments as ARRAYs, or with `false` as an element per row, of the element type of the
/// first argument.
pub(super) fn elements(call: &Call, arrays: &[bool]) -> Result<(Vec<Lists>, Elements)> {
    let ty = match call.array(0).data_type() {
        DataType::List(field) => field.data_type().clone(),
        other => return Err(Error::internal(format!("{other} is not an array"))),
    };
    let mut base = 0;
    let mut lists = Vec::with_capacity(arrays.len());
    let mut values = Vec::with_capacity(arrays.len());
    for (index, is_array) in arrays.iter().enumerate() {
        let list = if *is_array {
            call.full(index)?.as_list::<i32>().clone()
        } else {
            singles(call.full(index)?)?
        };
        let column = comparable(call, list.values(), &ty)?;
        lists.push(Lists { list, base });
        base += column.len();
        values.push(column);
    }
    let parts: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
    let values = concat(&parts)?;
    let converter = RowConverter::new(vec![SortField::new(ty)])?;
    let rows = converter.convert_columns(&[Arc::clone(&values)])?;
    Ok((lists, Elements { values, rows }))
}

fn comparable(call: &Call, values: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if values.data_type() == ty {
        return Ok(Arc::clone(values));
    }
    let known = |ty: &DataType| millstream_core::types::SqlType::of_arrow(ty);
    let (found, wanted) = (known(values.data_type()), known(ty));
    if !arrow::compute::can_cast_types(values.data_type(), ty) {
        return Err(call.error(format!("wants elements of {wanted}, found {found}")));
    }
    Ok(cast(values, ty)?)
}

/// A column as arrays of one element each.
fn singles(values: ArrayRef) -> Result<ListArray> {
    let field = arrow::datatypes::Field::new("element", values.data_type().clone(), true);
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(1, values.len()));
    Ok(ListArray::try_new(Arc::new(field), offsets, values, None)?)
}

/// Collects which elements each row of an ARRAY result has.
#[derive(Default)]
pub(super) struct ListOutput {
    indexes: Vec<Option<u32>>,
    ends: Vec<usize>,
    valid: Vec<bool>,
}

impl ListOutput {
    /// Appends an element to the current row.
    pub(super) fn push(&mut self, index: usize) -> Result<()> {
        let index = u32::try_from(index)
            .ok()
            .filter(|_| self.indexes.len() < i32::MAX as usize);
        match index {
            Some(index) => self.indexes.push(Some(index)),
            None => return Err(Error::internal("a batch with more than 2^31 elements")),
        }
        Ok(())
    }

    /// Ends the current row.
    pub(super) fn end(&mut self, valid: bool) {
        self.ends.push(self.indexes.len());
        self.valid.push(valid);
    }

    /// The rows as a column of type `ty`.
    pub(super) fn finish(self, elements: &Elements, ty: &DataType) -> Result<ArrayRef> {
        let DataType::List(field) = ty else {
            return Err(Error::internal(format!("{ty} is not an array")));
        };
        let values = elements.pick(self.indexes, field.data_type())?;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let lengths = self.ends.iter().zip(starts).map(|(end, start)| end - start);
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls = NullBuffer::from(self.valid);
        let list = ListArray::try_new(Arc::clone(field), offsets, values, Some(nulls))?;
        Ok(Arc::new(list))
    }
}
