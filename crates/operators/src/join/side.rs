//! One side of a join: its rows by key, and how many partners each has.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateWriter};

use super::picked;
use crate::keys::KeyTable;
use crate::rows::KeyedRows;
use crate::state::bytes::{Reader, put_length};
use crate::state::entries::{KeyCodec, Place};

/// One side of a join.
pub(crate) struct Side {
    schema: SchemaRef,
    keys: Vec<usize>,
    /// Positions of the columns that are stored.
    stored: Vec<usize>,
    pub(crate) rows: KeyedRows,
    /// True if a row without a partner is part of the result, or may become it.
    pub(crate) is_kept: bool,
    /// Partners of each slot, if the side is kept.
    matches: Vec<u64>,
}

/// Where the values of a column of a stored row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// They are those of this key column.
    Key(usize),
    /// In this stored column.
    Stored(usize),
    /// Nobody reads them.
    Nowhere,
}

impl Side {
    /// A side without rows; `only`: the columns anybody reads, if not all.
    pub(crate) fn new(
        schema: &SchemaRef,
        keys: &[usize],
        only: Option<Vec<usize>>,
        is_kept: bool,
    ) -> Result<Self> {
        let ty = |column: usize| schema.field(column).data_type();
        // Equal floats may have different bytes, and so may values inside others.
        let is_exact = |column: usize| !ty(column).is_floating() && !ty(column).is_nested();
        let is_stored = |column: &usize| !(keys.contains(column) && is_exact(*column));
        let read = only.unwrap_or_else(|| (0..schema.fields().len()).collect());
        let stored: Vec<usize> = read.into_iter().filter(is_stored).collect();
        let types = stored.iter().map(|&column| ty(column).clone()).collect();
        Ok(Side {
            schema: SchemaRef::clone(schema),
            keys: keys.to_vec(),
            stored,
            rows: KeyedRows::new(types),
            is_kept,
            matches: Vec::new(),
        })
    }

    /// The types of the key columns.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        let keys = self.keys.iter();
        keys.map(|&key| self.schema.field(key).data_type().clone())
            .collect()
    }

    /// The columns of the input.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Position in the input of a key column.
    pub(crate) fn key(&self, key: usize) -> usize {
        self.keys[key]
    }

    /// Where a stored row has this column of the input.
    pub(crate) fn column(&self, column: usize) -> Column {
        if let Some(stored) = self.stored.iter().position(|&stored| stored == column) {
            return Column::Stored(stored);
        }
        match self.keys.iter().position(|&key| key == column) {
            Some(key) => Column::Key(key),
            None => Column::Nowhere,
        }
    }

    /// The key columns of a batch.
    pub(crate) fn keys_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        picked(rows, &self.keys)
    }

    /// Takes a batch in hand, to be added or removed row by row.
    pub(crate) fn take_in_hand(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns = picked(rows, &self.stored);
        self.rows.take_in_hand(&columns, rows.num_rows())
    }

    /// True if partners are counted.
    pub(crate) fn counts_matches(&self) -> bool {
        self.is_kept
    }

    /// A row was put into this slot, and has so many partners.
    pub(crate) fn set_matches(&mut self, slot: u32, partners: u64) {
        if !self.is_kept {
            return;
        }
        if slot as usize >= self.matches.len() {
            self.matches.resize(self.rows.slot_bound(), 0);
        }
        self.matches[slot as usize] = partners;
    }

    /// A side for the same rows, without any.
    pub(crate) fn like(&self) -> Self {
        Side {
            schema: SchemaRef::clone(&self.schema),
            keys: self.keys.clone(),
            stored: self.stored.clone(),
            rows: self.rows.like(),
            is_kept: self.is_kept,
            matches: Vec::new(),
        }
    }

    /// A row in this slot has a partner, or still has none.
    pub(crate) fn has_match(&self, slot: u32) -> bool {
        self.matches.get(slot as usize).is_some_and(|n| *n > 0)
    }

    /// The row in this slot has a partner.
    pub(crate) fn note_match(&mut self, slot: u32) {
        if self.is_kept && !self.has_match(slot) {
            self.set_matches(slot, 1);
            self.rows.touch(slot);
        }
    }

    /// One more partner; returns how many there are now.
    pub(crate) fn add_match(&mut self, slot: u32) -> u64 {
        self.rows.touch(slot);
        let matches = &mut self.matches[slot as usize];
        *matches += 1;
        *matches
    }

    /// One partner less; returns how many are left.
    pub(crate) fn take_match(&mut self, slot: u32) -> u64 {
        self.rows.touch(slot);
        let matches = &mut self.matches[slot as usize];
        *matches = matches.saturating_sub(1);
        *matches
    }

    /// What its entries in a checkpoint are.
    pub(crate) fn form(&self) -> Result<String> {
        let counted = if self.is_kept { ", partners" } else { "" };
        Ok(format!("{}{counted}", self.rows.form()?))
    }

    pub(crate) fn snapshot(
        &mut self,
        place: Place,
        keys: &KeyTable,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        self.snapshot_with(place, keys, codec, state, |_, _| {})
    }

    /// As [`snapshot`](Self::snapshot), with what the operator itself keeps beside a row.
    pub(crate) fn snapshot_with(
        &mut self,
        place: Place,
        keys: &KeyTable,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
        more: impl Fn(u32, &mut Vec<u8>),
    ) -> Result<()> {
        let (is_kept, matches) = (self.is_kept, &self.matches);
        let beside = |slot: u32, out: &mut Vec<u8>| {
            if is_kept {
                put_length(matches[slot as usize] as usize, out);
            }
            more(slot, out);
        };
        self.rows.snapshot(place, keys, codec, beside, state)
    }

    pub(crate) fn restore(
        &mut self,
        chunk: &StateChunk,
        keys: &mut KeyTable,
        codec: &mut KeyCodec,
    ) -> Result<()> {
        self.restore_with(chunk, keys, codec, |_, _| Ok(()))
    }

    /// As [`restore`](Self::restore), with what the operator itself keeps beside a row.
    pub(crate) fn restore_with(
        &mut self,
        chunk: &StateChunk,
        keys: &mut KeyTable,
        codec: &mut KeyCodec,
        mut more: impl FnMut(u32, &mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        let (is_kept, matches) = (self.is_kept, &mut self.matches);
        self.rows.restore(chunk, keys, codec, |slot, reader| {
            if is_kept {
                matches.resize(matches.len().max(slot as usize + 1), 0);
                matches[slot as usize] = reader.length()? as u64;
            }
            more(slot, reader)
        })
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.rows.memory() + self.matches.capacity() * 8
    }
}
