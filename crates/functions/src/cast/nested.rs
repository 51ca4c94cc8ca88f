//! Casts of ROW, ARRAY, MAP and MULTISET: element by element, fields by position.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use super::Caster;

impl Caster {
    pub(super) fn nested(
        &mut self,
        array: &ArrayRef,
        from: &SqlType,
        to: &SqlType,
    ) -> Result<ArrayRef> {
        let int = ColumnType::nullable(SqlType::Int);
        match (from, to, to.to_arrow()) {
            (SqlType::Row(from), SqlType::Row(to), DataType::Struct(fields)) => {
                let row = array.as_struct();
                let mut columns = Vec::with_capacity(from.len());
                for ((column, from), to) in row.columns().iter().zip(from).zip(to) {
                    let column = visible(column, row.nulls())?;
                    columns.push(self.cast(&column, &from.ty.sql, &to.ty.sql)?);
                }
                let row = StructArray::try_new_with_length(
                    fields,
                    columns,
                    row.nulls().cloned(),
                    row.len(),
                )?;
                Ok(Arc::new(row))
            }
            (SqlType::Array(from), SqlType::Array(to), DataType::List(field)) => {
                let list = array.as_list::<i32>();
                let (range, offsets) = used(list.offsets());
                let values = list.values().slice(range.start, range.len());
                let values = self.cast(&values, &from.sql, &to.sql)?;
                let nulls = list.nulls().cloned();
                Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
            }
            (SqlType::Map(k1, v1), SqlType::Map(k2, v2), ty) => {
                self.map(array, (k1, v1), (k2, v2), &ty)
            }
            (SqlType::Multiset(from), SqlType::Multiset(to), ty) => {
                self.map(array, (from, &int), (to, &int), &ty)
            }
            _ => Err(Error::internal(format!("no cast from {from} to {to}"))),
        }
    }

    fn map(
        &mut self,
        array: &ArrayRef,
        from: (&ColumnType, &ColumnType),
        to: (&ColumnType, &ColumnType),
        ty: &DataType,
    ) -> Result<ArrayRef> {
        let DataType::Map(entries, sorted) = ty else {
            return Err(Error::internal(format!("{ty} is not a map")));
        };
        let DataType::Struct(pair) = entries.data_type() else {
            return Err(Error::internal(format!("{ty} has no entries")));
        };
        let map = array.as_map();
        let (range, offsets) = used(map.offsets());
        let entries_used = map.entries().slice(range.start, range.len());
        let keys = self.cast(entries_used.column(0), &from.0.sql, &to.0.sql)?;
        let values = self.cast(entries_used.column(1), &from.1.sql, &to.1.sql)?;
        let entry = StructArray::try_new(pair.clone(), vec![keys, values], None)?;
        let nulls = map.nulls().cloned();
        Ok(Arc::new(MapArray::try_new(
            Arc::clone(entries),
            offsets,
            entry,
            nulls,
            *sorted,
        )?))
    }
}

/// The elements that a column, which may be a slice of another, uses; and its offsets within them.
fn used(offsets: &OffsetBuffer<i32>) -> (Range<usize>, OffsetBuffer<i32>) {
    let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    (
        first..last,
        OffsetBuffer::from_lengths(offsets.windows(2).map(|w| (w[1] - w[0]) as usize)),
    )
}

/// A field of a ROW without the values under a ROW that is NULL: they mean nothing, so a cast must
/// not fail on them.
fn visible(column: &ArrayRef, row: Option<&NullBuffer>) -> Result<ArrayRef> {
    match row {
        Some(nulls) if nulls.null_count() > 0 => {
            let hidden = BooleanArray::new(!nulls.inner(), None);
            Ok(arrow::compute::nullif(column, &hidden)?)
        }
        _ => Ok(Arc::clone(column)),
    }
}
