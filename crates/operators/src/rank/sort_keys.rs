//! Sort keys by slot: bytes that compare as the values do (Arrow's row encoding).
//!
//! They lie in one arena. The bytes of a slot that is given out again are written over if the new
//! ones are as long, as they are for numbers and times; else they are appended, and the arena is
//! moved together once most of it is free. Keys are not part of a checkpoint: they are made again
//! from the rows.

use std::cmp::Ordering;

use arrow::array::ArrayRef;
use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, Rows, SortField};
use millstream_core::{Error, Result};
use millstream_plan::SortKey;

/// Freed bytes that are worth moving all others.
const COMPACT_BYTES_MIN: usize = 64 << 10;

/// The sort keys of slots, and of a batch at hand.
pub(crate) struct SortKeys {
    /// Positions of the columns in the input.
    columns: Vec<usize>,
    /// `None`: all keys are equal.
    converter: Option<RowConverter>,
    batch: Option<Rows>,
    arena: Vec<u8>,
    spans: Vec<(usize, u32)>,
    freed_bytes: usize,
}

impl SortKeys {
    /// No keys yet.
    pub(crate) fn new(keys: &[SortKey], input: &Schema) -> Result<Self> {
        let mut fields = Vec::with_capacity(keys.len());
        for key in keys {
            let field = input.fields().get(key.column);
            let field = field
                .ok_or_else(|| Error::internal(format!("no column {} to sort by", key.column)))?;
            let options = SortOptions::new(key.descending, key.nulls_first);
            let ty = field.data_type().clone();
            fields.push(SortField::new_with_options(ty, options));
        }
        let converter =
            match fields.is_empty() {
                true => None,
                false => Some(RowConverter::new(fields).map_err(|e| {
                    Error::unsupported("ORDER BY a value of this type").caused_by(e)
                })?),
            };
        Ok(SortKeys {
            columns: keys.iter().map(|key| key.column).collect(),
            converter,
            batch: None,
            arena: Vec::new(),
            spans: Vec::new(),
            freed_bytes: 0,
        })
    }

    /// Positions in the input of the columns that are sorted by.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Takes the sort columns of a batch in hand.
    pub(crate) fn take_in_hand(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if let Some(converter) = &self.converter {
            self.batch = Some(converter.convert_columns(columns)?);
        }
        Ok(())
    }

    /// Compares the key of a slot with that of a row of the batch at hand.
    #[inline]
    pub(crate) fn compare_with(&self, slot: u32, row: usize) -> Ordering {
        match &self.batch {
            Some(batch) => self.key(slot).cmp(batch.row(row).data()),
            None => Ordering::Equal,
        }
    }

    /// Compares the keys of two slots.
    #[inline]
    pub(crate) fn compare(&self, slot: u32, other: u32) -> Ordering {
        match self.converter {
            Some(_) => self.key(slot).cmp(self.key(other)),
            None => Ordering::Equal,
        }
    }

    /// Gives a slot the key of a row of the batch at hand.
    pub(crate) fn set(&mut self, slot: u32, row: usize) {
        let Some(batch) = &self.batch else {
            return;
        };
        let row = batch.row(row);
        let bytes = row.data();
        if slot as usize >= self.spans.len() {
            self.spans.resize(slot as usize + 1, (0, 0));
        }
        let (start, length) = self.spans[slot as usize];
        if length as usize == bytes.len() {
            self.arena[start..start + bytes.len()].copy_from_slice(bytes);
            return;
        }
        self.freed_bytes += length as usize;
        // A row has less than 4 GiB, so its key has.
        self.spans[slot as usize] = (self.arena.len(), bytes.len() as u32);
        self.arena.extend_from_slice(bytes);
        if self.freed_bytes >= COMPACT_BYTES_MIN && self.freed_bytes >= self.arena.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.freed_bytes);
        for (start, length) in &mut self.spans {
            let moved = arena.len();
            arena.extend_from_slice(&self.arena[*start..*start + *length as usize]);
            *start = moved;
        }
        self.arena = arena;
        self.freed_bytes = 0;
    }

    #[inline]
    fn key(&self, slot: u32) -> &[u8] {
        let (start, length) = self.spans[slot as usize];
        &self.arena[start..start + length as usize]
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        let batch = self.batch.as_ref().map_or(0, Rows::size);
        self.arena.capacity() + self.spans.capacity() * size_of::<(usize, u32)>() + batch
    }
}
