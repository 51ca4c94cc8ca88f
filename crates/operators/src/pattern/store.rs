//! The rows of all keys: those that wait for the watermark, and those of matches that have begun.
//!
//! A row is stored once, with the columns that conditions, measures and the order look at; matches and
//! the queue by time know its slot. Beside it: its time, which conditions on it alone are true, and either
//! its number in the order of arrival or, once it had its turn, that in its key's matcher.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use millstream_core::state::{StateChunk, StateWriter};
use millstream_core::{Error, Result};

use crate::keys::KeyTable;
use crate::rows::KeyedRows;
use crate::state::bytes::Fixed;
use crate::state::entries::{KeyCodec, Place};

/// Set in the number of a row that waits.
const WAITS: u64 = 1 << 63;

/// Where the entries of rows are.
const ROWS: Place = Place {
    table: 0,
    namespace: 0,
};

/// Rows by key.
pub(super) struct Store {
    pub(super) rows: KeyedRows,
    /// Positions in the input of the columns that are stored, ascending.
    columns: Vec<usize>,
    types: Vec<DataType>,
    times: Vec<i64>,
    truths: Vec<u64>,
    numbers: Vec<u64>,
    /// Numbers the rows in the order of their arrival.
    pub(super) arrivals: u64,
}

/// What is known of a row besides its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) key: u32,
    pub(super) time: i64,
    /// By variable, one bit each.
    pub(super) truth: u64,
}

impl Store {
    /// No rows yet; `columns` are those that anything looks at.
    pub(super) fn new(mut columns: Vec<usize>, input: &Schema) -> Result<Self> {
        columns.sort_unstable();
        columns.dedup();
        if let Some(column) = columns.iter().find(|c| **c >= input.fields().len()) {
            return Err(Error::internal(format!("no column {column} for a pattern")));
        }
        let types: Vec<DataType> = columns
            .iter()
            .map(|&column| input.field(column).data_type().clone())
            .collect();
        // Rows are told apart by their arrival, so that equal ones are two.
        let stored = std::iter::once(DataType::Int64).chain(types.iter().cloned());
        Ok(Store {
            rows: KeyedRows::new(stored.collect()),
            columns,
            types,
            times: Vec::new(),
            truths: Vec::new(),
            numbers: Vec::new(),
            arrivals: 0,
        })
    }

    /// The place of an input's column among the stored ones.
    pub(super) fn place(&self, column: usize) -> Result<usize> {
        let place = self.columns.binary_search(&column);
        place.map_err(|_| Error::internal(format!("column {column} is not kept")))
    }

    /// The types of the stored columns.
    pub(super) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// What the entries are.
    pub(super) fn form(&self) -> Result<String> {
        self.rows.form()
    }

    /// Takes a batch in hand, of which rows are then added one by one.
    pub(super) fn take_in_hand(&mut self, rows: &RecordBatch) -> Result<()> {
        let first = self.arrivals as i64;
        let arrivals = Int64Array::from_iter_values(first..first + rows.num_rows() as i64);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(arrivals)];
        let kept = self.columns.iter();
        columns.extend(kept.map(|&column| Arc::clone(rows.column(column))));
        self.rows.take_in_hand(&columns, rows.num_rows())
    }

    /// Adds a row of the batch at hand; it waits.
    pub(super) fn add(&mut self, row: usize, known: Known) -> Result<u32> {
        let slot = self.rows.add(row, known.key)?;
        let number = WAITS | (self.arrivals + row as u64);
        self.note(slot, known.time, known.truth, number);
        Ok(slot)
    }

    /// Says that all rows of the batch at hand have been added.
    pub(super) fn added(&mut self, num_rows: usize) {
        self.arrivals += num_rows as u64;
    }

    fn note(&mut self, slot: u32, time: i64, truth: u64, number: u64) {
        let at = slot as usize;
        if at >= self.times.len() {
            self.times.resize(at + 1, 0);
            self.truths.resize(at + 1, 0);
            self.numbers.resize(at + 1, 0);
        }
        self.times[at] = time;
        self.truths[at] = truth;
        self.numbers[at] = number;
    }

    pub(super) fn time(&self, slot: u32) -> i64 {
        self.times[slot as usize]
    }

    pub(super) fn truth(&self, slot: u32) -> u64 {
        self.truths[slot as usize]
    }

    /// The number of a row in its key's matcher; `Err` with that of its arrival if it waits.
    pub(super) fn number(&self, slot: u32) -> std::result::Result<u64, u64> {
        match self.numbers[slot as usize] {
            number if number & WAITS == 0 => Ok(number),
            waits => Err(waits & !WAITS),
        }
    }

    /// Says that a row has had its turn, and with which number.
    pub(super) fn turn(&mut self, slot: u32, number: u64) {
        self.numbers[slot as usize] = number;
        self.rows.touch(slot);
    }

    /// Forgets rows.
    pub(super) fn release(&mut self, slots: &mut Vec<u32>) {
        for slot in slots.drain(..) {
            self.rows.drop_slot(slot);
        }
    }

    /// The stored columns of some rows; NULLs for [`crate::rows::NONE`].
    pub(super) fn columns(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = self.rows.columns(slots)?;
        columns.remove(0);
        Ok(columns)
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        let beside = self.times.capacity() + self.truths.capacity() + self.numbers.capacity();
        self.rows.memory() + beside * 8
    }

    pub(super) fn snapshot(
        &mut self,
        keys: &KeyTable,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        let (times, truths, numbers) = (&self.times, &self.truths, &self.numbers);
        let beside = |slot: u32, out: &mut Vec<u8>| {
            times[slot as usize].put(out);
            truths[slot as usize].put(out);
            numbers[slot as usize].put(out);
        };
        self.rows.snapshot(ROWS, keys, codec, beside, state)
    }

    pub(super) fn restore(
        &mut self,
        chunk: &StateChunk,
        keys: &mut KeyTable,
        codec: &mut KeyCodec,
    ) -> Result<()> {
        let mut beside = Vec::with_capacity(chunk.len());
        self.rows.restore(chunk, keys, codec, |slot, reader| {
            let known = (reader.fixed()?, reader.fixed()?, reader.fixed()?);
            beside.push((slot, known));
            Ok(())
        })?;
        for (slot, (time, truth, number)) in beside {
            self.note(slot, time, truth, number);
        }
        Ok(())
    }
}
