//! Which columns of a row are stored under its key, and where the others are.
//!
//! A column that is a key is not stored a second time, unless equal values may have different bytes
//! (floating-point numbers, and whatever may have them inside).

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::{Error, Result};

/// The columns of rows by key.
pub(crate) struct RowLayout {
    schema: SchemaRef,
    keys: Vec<usize>,
    /// Positions of the columns that are stored.
    stored: Vec<usize>,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Key(usize),
    Stored(usize),
}

impl RowLayout {
    /// The layout of rows with these columns under these keys.
    pub(crate) fn new(schema: &SchemaRef, keys: &[usize]) -> Result<Self> {
        let width = schema.fields().len();
        if let Some(key) = keys.iter().find(|key| **key >= width) {
            return Err(Error::internal(format!("no column {key} to partition by")));
        }
        let is_exact = |column: usize| {
            let ty = schema.field(column).data_type();
            !ty.is_floating() && !ty.is_nested()
        };
        let mut stored = Vec::new();
        let places = (0..width).map(|column| {
            let key = keys.iter().position(|&key| key == column);
            match key.filter(|_| is_exact(column)) {
                Some(key) => Place::Key(key),
                None => {
                    stored.push(column);
                    Place::Stored(stored.len() - 1)
                }
            }
        });
        let places = places.collect();
        Ok(RowLayout {
            schema: SchemaRef::clone(schema),
            keys: keys.to_vec(),
            stored,
            places,
        })
    }

    /// The types of the key columns.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.types(&self.keys)
    }

    /// The types of the stored columns.
    pub(crate) fn stored_types(&self) -> Vec<DataType> {
        self.types(&self.stored)
    }

    fn types(&self, columns: &[usize]) -> Vec<DataType> {
        let types = columns.iter();
        types
            .map(|&column| self.schema.field(column).data_type().clone())
            .collect()
    }

    /// The key columns of a batch.
    pub(crate) fn keys_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        picked(rows, &self.keys)
    }

    /// The columns of a batch that are stored.
    pub(crate) fn stored_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        picked(rows, &self.stored)
    }

    /// One column from the columns of keys and of stored rows.
    pub(crate) fn column(&self, column: usize, keys: &[ArrayRef], stored: &[ArrayRef]) -> ArrayRef {
        Arc::clone(match self.places[column] {
            Place::Key(key) => &keys[key],
            Place::Stored(at) => &stored[at],
        })
    }

    /// All columns from those of keys and of stored rows.
    pub(crate) fn columns(&self, keys: &[ArrayRef], stored: &[ArrayRef]) -> Vec<ArrayRef> {
        let columns = 0..self.places.len();
        columns
            .map(|column| self.column(column, keys, stored))
            .collect()
    }
}

fn picked(rows: &RecordBatch, columns: &[usize]) -> Vec<ArrayRef> {
    let columns = columns.iter();
    columns
        .map(|&column| Arc::clone(rows.column(column)))
        .collect()
}
