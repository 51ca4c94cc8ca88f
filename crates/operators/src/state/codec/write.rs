//! Values of columns to bytes; see [`super`] for the format.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use millstream_core::Result;

use super::{unsupported, with_fixed_type};
use crate::state::bytes::{Fixed, put_bytes, put_length};

/// Some columns, ready to be written row by row.
pub(crate) struct Row<'a> {
    columns: Vec<Column<'a>>,
}

/// A column; only values that are not NULL are asked for.
struct Column<'a> {
    nulls: Option<NullBuffer>,
    values: Box<dyn Values + 'a>,
}

/// The values of a column.
trait Values {
    /// Appends a value that is not NULL.
    fn put(&self, row: usize, out: &mut Vec<u8>);
}

impl<'a> Row<'a> {
    /// For rows of these columns.
    pub(crate) fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        let columns = columns.iter().map(Column::of);
        Ok(Row {
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Appends a row.
    pub(crate) fn put(&self, row: usize, out: &mut Vec<u8>) {
        put_validity(self.columns.iter().map(|column| column.is_valid(row)), out);
        for column in self.columns.iter().filter(|column| column.is_valid(row)) {
            column.values.put(row, out);
        }
    }
}

impl<'a> Column<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(Column {
            // Logical: a Null-typed column has no bitmap and yet only NULLs.
            nulls: array.logical_nulls().filter(|nulls| nulls.null_count() > 0),
            values: values_of(array)?,
        })
    }

    #[inline]
    fn is_valid(&self, row: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }
}

/// Appends a bit per value, lowest first, filled up with zeros to whole bytes.
fn put_validity(valid: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let (mut byte, mut bits) = (0u8, 0);
    for is_valid in valid {
        byte |= u8::from(is_valid) << bits;
        bits += 1;
        if bits == 8 {
            out.push(byte);
            (byte, bits) = (0, 0);
        }
    }
    if bits > 0 {
        out.push(byte);
    }
}

fn values_of(array: &ArrayRef) -> Result<Box<dyn Values + '_>> {
    let ty = array.data_type();
    with_fixed_type!(ty, T => Ok(Box::new(Numbers(array.as_primitive::<T>()))), {
        Ok(match ty {
            DataType::Null => Box::new(Nothing),
            DataType::Boolean => Box::new(Truths(array.as_boolean())),
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                Box::new(Strings(|row: usize| texts.value(row).as_bytes()))
            }
            DataType::Binary => {
                let strings = array.as_binary::<i32>();
                Box::new(Strings(|row: usize| strings.value(row)))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Box::new(Elements {
                    offsets: list.value_offsets(),
                    elements: Column::of(list.values())?,
                })
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                Box::new(Entries {
                    offsets: map.value_offsets(),
                    entries: Row::of(map.entries().columns())?,
                })
            }
            DataType::Struct(_) => Box::new(Row::of(array.as_struct().columns())?),
            other => return Err(unsupported(other)),
        })
    })
}

struct Nothing;

impl Values for Nothing {
    fn put(&self, _row: usize, _out: &mut Vec<u8>) {}
}

struct Numbers<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T> Values for Numbers<'_, T>
where
    T: ArrowPrimitiveType,
    T::Native: Fixed,
{
    #[inline]
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        self.0.value(row).put(out);
    }
}

struct Truths<'a>(&'a BooleanArray);

impl Values for Truths<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.push(u8::from(self.0.value(row)));
    }
}

struct Strings<F>(F);

impl<'a, F: Fn(usize) -> &'a [u8]> Values for Strings<F> {
    #[inline]
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        put_bytes((self.0)(row), out);
    }
}

struct Elements<'a> {
    offsets: &'a [i32],
    elements: Column<'a>,
}

impl Values for Elements<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let elements = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        put_length(elements.len(), out);
        let valid = elements.clone().map(|at| self.elements.is_valid(at));
        put_validity(valid, out);
        for at in elements.filter(|&at| self.elements.is_valid(at)) {
            self.elements.values.put(at, out);
        }
    }
}

struct Entries<'a> {
    offsets: &'a [i32],
    entries: Row<'a>,
}

impl Values for Entries<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let entries = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        put_length(entries.len(), out);
        entries.for_each(|at| self.entries.put(at, out));
    }
}

impl Values for Row<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        Row::put(self, row, out);
    }
}
