//! UNNEST: each row once per element of its collection, with the columns of the element.
//!
//! ```text
//! k │ [x, y]        k │ [x, y] │ x │ 1
//! l │ []       ─▶   k │ [x, y] │ y │ 2          WITH ORDINALITY: the position, from 1
//!                   l │ []     │ - │ -          only if it is outer (LEFT JOIN)
//! ```
//!
//! * ARRAY and MAP: element by element, in order. MULTISET: each element as often as it is there.
//! * A row as element gives its fields; a row that is NULL gives NULLs.
//! * Kinds of changes are those of the row: what takes a row back takes its elements back.
//! * Keeps nothing. Works on columns: positions of rows and elements are collected, then taken at once, at
//!   most a batch of results at a time, however long a collection is.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, RecordBatchOptions, StructArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type, SchemaRef};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::UnnestSpec;

use crate::OperatorContext;

/// Yields the elements of a collection.
pub struct Unnest {
    spec: UnnestSpec,
    output: SchemaRef,
    batch_rows: usize,
}

/// Results that wait to be put out.
#[derive(Default)]
struct Pending {
    rows: Vec<u32>,
    /// Positions among the elements; `None` for a row without any.
    elements: Vec<Option<u32>>,
    ordinals: Vec<Option<i32>>,
}

impl Pending {
    /// Adds a row with an element and its ordinality, or without any.
    fn push(&mut self, row: usize, element: Option<(u32, i32)>) {
        self.rows.push(row as u32);
        self.elements.push(element.map(|(at, _)| at));
        self.ordinals.push(element.map(|(_, ordinal)| ordinal));
    }
}

impl Unnest {
    /// An operator for rows of `input`.
    ///
    /// # Errors
    /// `Internal` if the column is no collection, or the output has other columns.
    pub fn new(
        spec: &UnnestSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let field = input.fields().get(spec.column);
        let added = match field.map(|field| field.data_type()) {
            Some(DataType::List(element)) => width(element.data_type()),
            Some(DataType::Map(entries, _)) => match (entries.data_type(), spec.is_multiset) {
                (DataType::Struct(pair), true) => width(pair[0].data_type()),
                _ => 2,
            },
            _ => return Err(Error::internal("UNNEST of what is no collection")),
        };
        let columns = input.fields().len() + added + usize::from(spec.with_ordinality);
        if columns != output.fields().len() {
            return Err(Error::internal(format!(
                "UNNEST of {columns} columns for {} of its result",
                output.fields().len()
            )));
        }
        Ok(Unnest {
            spec: spec.clone(),
            output: SchemaRef::clone(output),
            batch_rows: context.batch_rows.max(1),
        })
    }

    fn put_out(
        &self,
        pending: &mut Pending,
        rows: &ChangeBatch,
        elements: &Elements,
        out: &mut Output,
    ) -> Result<()> {
        if pending.rows.is_empty() {
            return Ok(());
        }
        let parents = rows.take(&UInt32Array::from(std::mem::take(&mut pending.rows)))?;
        let positions = UInt32Array::from(std::mem::take(&mut pending.elements));
        let mut columns = parents.rows().columns().to_vec();
        for element in &elements.columns {
            match element.as_struct_opt().filter(|_| elements.unfolds) {
                Some(row) => take_fields(row, &positions, &mut columns)?,
                None => columns.push(take(element, &positions, None)?),
            }
        }
        let ordinals = std::mem::take(&mut pending.ordinals);
        if self.spec.with_ordinality {
            columns.push(Arc::new(Int32Array::from(ordinals)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(parents.num_rows()));
        let schema = SchemaRef::clone(&self.output);
        let made = RecordBatch::try_new_with_options(schema, columns, &options)?;
        out.rows(parents.with_rows(made));
        Ok(())
    }
}

/// Number of columns of an element.
fn width(element: &DataType) -> usize {
    match element {
        DataType::Struct(fields) => fields.len(),
        _ => 1,
    }
}

/// Takes elements that are rows, field by field.
fn take_fields(
    row: &StructArray,
    positions: &UInt32Array,
    columns: &mut Vec<ArrayRef>,
) -> Result<()> {
    let is_there = |at: &u32| row.is_valid(*at as usize);
    let positions: UInt32Array = positions.iter().map(|at| at.filter(is_there)).collect();
    for field in row.columns() {
        columns.push(take(field, &positions, None)?);
    }
    Ok(())
}

/// The elements of a collection column: where those of each row are, their columns, and how often
/// each is there.
struct Elements {
    offsets: Vec<i32>,
    columns: Vec<ArrayRef>,
    times: Option<ArrayRef>,
    /// An element that is a row gives its fields.
    unfolds: bool,
}

impl Elements {
    fn of(column: &ArrayRef, is_multiset: bool) -> Result<Self> {
        if let Some(list) = column.as_list_opt::<i32>() {
            return Ok(Elements {
                offsets: list.value_offsets().to_vec(),
                columns: vec![Arc::clone(list.values())],
                times: None,
                unfolds: true,
            });
        }
        let map = column
            .as_map_opt()
            .ok_or_else(|| Error::internal("UNNEST of what is no collection"))?;
        let offsets = map.value_offsets().to_vec();
        Ok(match is_multiset {
            true => Elements {
                offsets,
                columns: vec![Arc::clone(map.keys())],
                times: Some(Arc::clone(map.values())),
                unfolds: true,
            },
            false => {
                // A key or value that is a row stays one.
                let columns = vec![Arc::clone(map.keys()), Arc::clone(map.values())];
                Elements {
                    offsets,
                    columns,
                    times: None,
                    unfolds: false,
                }
            }
        })
    }

    fn range(&self, row: usize) -> Range<i32> {
        self.offsets[row]..self.offsets[row + 1]
    }

    fn times(&self, at: i32) -> i32 {
        let times = self.times.as_ref();
        times.map_or(1, |times| {
            times.as_primitive::<Int32Type>().value(at as usize)
        })
    }
}

impl Operator for Unnest {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let column = rows.rows().column(self.spec.column);
        let elements = Elements::of(column, self.spec.is_multiset)?;
        let mut pending = Pending::default();
        for row in 0..rows.num_rows() {
            let mut ordinal = 0;
            let range = match column.is_valid(row) {
                true => elements.range(row),
                false => 0..0,
            };
            for at in range {
                for _ in 0..elements.times(at) {
                    ordinal += 1;
                    pending.push(row, Some((at as u32, ordinal)));
                    if pending.rows.len() >= self.batch_rows {
                        self.put_out(&mut pending, &rows, &elements, out)?;
                    }
                }
            }
            if ordinal == 0 && self.spec.is_outer {
                pending.push(row, None);
            }
            if pending.rows.len() >= self.batch_rows {
                self.put_out(&mut pending, &rows, &elements, out)?;
            }
        }
        self.put_out(&mut pending, &rows, &elements, out)
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Ok(())
    }
}
