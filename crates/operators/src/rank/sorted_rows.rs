//! Rows of partitions in an order, as they come and go.
//!
//! ```text
//! partition ─▶ list of slots in order        slot: bytes of the row, sort key, when it came
//! ```
//!
//! * Rows that are equal in the order stand as they came, or the newest first.
//! * Of insert-only input each row is one of its own, however many are equal to it. Of updating input
//!   equal rows share a slot that stands in the list as often as the row is there, so that a row
//!   that goes is found.
//! * A slot whose row has left stays what it is until [`SortedRows::tidy`], so that changes of a batch
//!   can be put out behind it; if the row comes back in the same batch, it gets its slot back.
//! * In a checkpoint a row is an entry: partition, row ─▶ how often it is there, when it came. Lists and
//!   sort keys are made again.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::Result;
use millstream_core::state::{StateReader, StateWriter};
use millstream_plan::SortKey;

use super::order::Ordered;
use super::sort_keys::SortKeys;
use crate::OperatorContext;
use crate::keys::KeyTable;
use crate::rows::KeyedRows;
use crate::rows::layout::RowLayout;
use crate::state::bytes::{Fixed, damaged};
use crate::state::codec::types_text;
use crate::state::entries::{BATCH_ENTRIES, KeyCodec, Place};

const ROWS: Place = Place {
    table: 0,
    namespace: 0,
};

/// Rows of partitions in an order.
pub(crate) struct SortedRows {
    layout: RowLayout,
    partitions: KeyTable,
    rows: KeyedRows,
    sort: SortKeys,
    newest_first: bool,
    updates: bool,
    /// Number of the arrival of each slot.
    arrivals: Vec<i64>,
    /// That of the first row of the batch at hand, and the one behind the last.
    first_arrival: i64,
    next_arrival: i64,
    /// The slots of each partition in order; a row that is there twice stands there twice.
    lists: Vec<Ordered>,
    codec: KeyCodec,
    /// The partition of each row of the batch.
    ids: Vec<u32>,
    /// Slots to be given back behind the batch, if they are still marked.
    leaving: Vec<u32>,
    is_leaving: Vec<bool>,
    /// Partitions that may be empty now.
    emptied: Vec<u32>,
}

impl SortedRows {
    /// No rows; `updates`: they may go.
    pub(crate) fn new(
        input: &SchemaRef,
        partition_by: &[usize],
        order_by: &[SortKey],
        updates: bool,
        context: &OperatorContext,
    ) -> Result<Self> {
        let layout = RowLayout::new(input, partition_by)?;
        let types = layout.key_types();
        let mut stored = layout.stored_types();
        if !updates {
            stored.push(DataType::Int64);
        }
        Ok(SortedRows {
            partitions: KeyTable::new(&types)?,
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            rows: KeyedRows::new(stored),
            sort: SortKeys::new(order_by, input)?,
            layout,
            newest_first: false,
            updates,
            arrivals: Vec::new(),
            first_arrival: 0,
            next_arrival: 0,
            lists: Vec::new(),
            ids: Vec::new(),
            leaving: Vec::new(),
            is_leaving: Vec::new(),
            emptied: Vec::new(),
        })
    }

    /// Of rows that are equal in the order the newest stands first.
    pub(crate) fn newest_first(mut self, newest_first: bool) -> Self {
        self.newest_first = newest_first;
        self
    }

    /// What the entries of a checkpoint are.
    pub(crate) fn form(&self) -> Result<[String; 2]> {
        let key = format!("key({})", types_text(self.partitions.types())?);
        Ok([key, self.rows.form()?])
    }

    /// The columns of a batch that partition it.
    pub(crate) fn keys_of(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.layout.keys_of(batch)
    }

    /// Takes a batch in hand: partitions, sort keys, bytes.
    pub(crate) fn take_in_hand(&mut self, batch: &RecordBatch) -> Result<()> {
        let num_rows = batch.num_rows();
        let keys = self.layout.keys_of(batch);
        self.partitions.intern(&keys, num_rows, &mut self.ids)?;
        let bound = self.partitions.id_bound();
        if bound > self.lists.len() {
            self.lists.resize_with(bound, Ordered::default);
        }
        let columns = self.sort.columns().iter();
        let columns: Vec<ArrayRef> = columns.map(|&c| Arc::clone(batch.column(c))).collect();
        self.sort.take_in_hand(&columns)?;
        self.first_arrival = self.next_arrival;
        self.next_arrival += num_rows as i64;
        let mut stored = self.layout.stored_of(batch);
        if !self.updates {
            let numbers = Int64Array::from_iter_values(self.first_arrival..self.next_arrival);
            stored.push(Arc::new(numbers));
        }
        self.rows.take_in_hand(&stored, num_rows)
    }

    /// The partition of a row of the batch.
    pub(crate) fn partition(&self, row: usize) -> u32 {
        self.ids[row]
    }

    /// The partitions of the rows of the batch.
    pub(crate) fn partitions_of_rows(&self) -> &[u32] {
        &self.ids
    }

    /// One more than the largest number of a partition.
    pub(crate) fn partition_bound(&self) -> usize {
        self.partitions.id_bound()
    }

    /// The rows of each partition, in order.
    pub(crate) fn lists(&self) -> &[Ordered] {
        &self.lists
    }

    /// The rows of a partition, in order.
    pub(crate) fn list(&self, partition: u32) -> &Ordered {
        &self.lists[partition as usize]
    }

    /// One more than the largest slot.
    pub(crate) fn slot_bound(&self) -> usize {
        self.rows.slot_bound()
    }

    /// The order of a slot and of a row of the batch that is not there yet.
    pub(crate) fn compare_new(&self, slot: u32, row: usize) -> Ordering {
        self.sort
            .compare_with(slot, row)
            .then(match self.newest_first {
                true => Ordering::Greater,
                false => Ordering::Less,
            })
    }

    /// The slot of a row that comes; it is to [`enter`](Self::enter) its list.
    pub(crate) fn slot_for(&mut self, row: usize, partition: u32) -> Result<u32> {
        let arrival = self.first_arrival + row as i64;
        let known = match self.updates {
            true => self.rows.find(row, partition),
            false => None,
        };
        match known {
            Some(slot) if self.is_leaving[slot as usize] => {
                self.is_leaving[slot as usize] = false;
                self.rows.touch(slot);
                self.arrivals[slot as usize] = arrival;
                Ok(slot)
            }
            Some(_) => self.rows.add(row, partition),
            None => {
                let slot = self.rows.add(row, partition)?;
                if slot as usize >= self.arrivals.len() {
                    let bound = self.rows.slot_bound();
                    self.arrivals.resize(bound, 0);
                    self.is_leaving.resize(bound, false);
                }
                self.arrivals[slot as usize] = arrival;
                self.sort.set(slot, row);
                Ok(slot)
            }
        }
    }

    /// Puts a slot in its place in the list; returns its position.
    pub(crate) fn enter(&mut self, partition: u32, slot: u32) -> usize {
        let list = &self.lists[partition as usize];
        let position = list.position(|other| self.in_order(other, slot) != Ordering::Greater);
        self.lists[partition as usize].insert(position, slot);
        position
    }

    /// Where a row that goes stands; `None` if it is not there.
    pub(crate) fn position_of(&mut self, row: usize, partition: u32) -> Option<usize> {
        let found = self.rows.find(row, partition);
        let Some(slot) = found.filter(|&slot| !self.is_leaving[slot as usize]) else {
            self.emptied.push(partition);
            return None;
        };
        let list = &self.lists[partition as usize];
        Some(list.position(|other| self.in_order(other, slot) == Ordering::Less))
    }

    /// Takes the row at a position away.
    pub(crate) fn leave(&mut self, partition: u32, position: usize) {
        let list = &mut self.lists[partition as usize];
        let slot = list.remove(position);
        if list.is_empty() {
            self.emptied.push(partition);
        }
        match self.rows.count(slot) {
            1 => {
                self.is_leaving[slot as usize] = true;
                self.leaving.push(slot);
            }
            _ => {
                self.rows.remove(slot);
            }
        }
    }

    /// Takes all rows of a partition away.
    pub(crate) fn leave_all(&mut self, partition: u32) {
        let list = std::mem::take(&mut self.lists[partition as usize]);
        let mut slots = Vec::new();
        list.copy(0..list.len(), &mut slots);
        // A row that is there several times stands there side by side.
        slots.dedup();
        slots.into_iter().for_each(|slot| self.rows.drop_slot(slot));
        self.emptied.push(partition);
    }

    /// The order of two rows of a partition.
    pub(crate) fn in_order(&self, slot: u32, other: u32) -> Ordering {
        let arrival = |slot: u32| self.arrivals[slot as usize];
        self.compare(slot, other).then_with(|| {
            let order = arrival(slot).cmp(&arrival(other));
            if self.newest_first {
                order.reverse()
            } else {
                order
            }
        })
    }

    /// The order of two rows of a partition; rows that came one after the other may be equal.
    pub(crate) fn compare(&self, slot: u32, other: u32) -> Ordering {
        self.sort.compare(slot, other)
    }

    /// The columns of the rows in some slots.
    pub(crate) fn columns(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let ids: Vec<u32> = slots.iter().map(|&slot| self.rows.key_of(slot)).collect();
        let (keys, stored) = (self.partitions.keys(&ids)?, self.rows.columns(slots)?);
        Ok(self.layout.columns(&keys, &stored))
    }

    /// Gives back slots of rows that have left, and numbers of partitions without rows.
    pub(crate) fn tidy(&mut self) -> Result<()> {
        for slot in self.leaving.drain(..) {
            if std::mem::take(&mut self.is_leaving[slot as usize]) {
                self.rows.drop_slot(slot);
            }
        }
        self.rows.compact();
        if self.emptied.is_empty() {
            return Ok(());
        }
        self.rows.name_buried(&self.partitions, &mut self.codec)?;
        self.emptied.sort_unstable();
        self.emptied.dedup();
        let lists = &self.lists;
        let is_empty = |partition: &u32| lists[*partition as usize].is_empty();
        self.emptied.retain(is_empty);
        self.partitions.remove(&self.emptied);
        self.emptied.clear();
        Ok(())
    }

    /// Writes the rows that have changed.
    pub(crate) fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        let arrivals = &self.arrivals;
        let beside = |slot: u32, out: &mut Vec<u8>| arrivals[slot as usize].put(out);
        let codec = &mut self.codec;
        self.rows
            .snapshot(ROWS, &self.partitions, codec, beside, state)
    }

    /// Takes rows back and puts them in order.
    pub(crate) fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        while let Some(chunk) = state.next_chunk()? {
            if chunk.table != ROWS.table {
                return Err(damaged("an entry is in a table nobody wrote"));
            }
            let arrivals = &mut self.arrivals;
            let (partitions, codec) = (&mut self.partitions, &mut self.codec);
            self.rows
                .restore(&chunk, partitions, codec, |slot, reader| {
                    arrivals.resize(arrivals.len().max(slot as usize + 1), 0);
                    arrivals[slot as usize] = reader.fixed()?;
                    Ok(())
                })?;
        }
        self.order_all()
    }

    fn order_all(&mut self) -> Result<()> {
        let bound = self.rows.slot_bound();
        self.is_leaving.resize(bound, false);
        self.lists
            .resize_with(self.partitions.id_bound(), Ordered::default);
        let live = (0..bound as u32).filter(|&slot| self.rows.count(slot) > 0);
        let mut slots: Vec<u32> = live.collect();
        for slots in slots.chunks(BATCH_ENTRIES) {
            self.make_sort_keys(slots)?;
        }
        slots.sort_by(|&slot, &other| {
            let partition = |slot: u32| self.rows.key_of(slot);
            let order = partition(slot).cmp(&partition(other));
            order.then_with(|| self.in_order(slot, other))
        });
        for slot in slots {
            let behind = self.arrivals[slot as usize].saturating_add(1);
            self.next_arrival = self.next_arrival.max(behind);
            let list = &mut self.lists[self.rows.key_of(slot) as usize];
            for _ in 0..self.rows.count(slot) {
                list.insert(list.len(), slot);
            }
        }
        Ok(())
    }

    fn make_sort_keys(&mut self, slots: &[u32]) -> Result<()> {
        if self.sort.columns().is_empty() {
            return Ok(());
        }
        let all = self.columns(slots)?;
        let columns = self.sort.columns().iter();
        let columns: Vec<ArrayRef> = columns.map(|&column| Arc::clone(&all[column])).collect();
        self.sort.take_in_hand(&columns)?;
        for (row, &slot) in slots.iter().enumerate() {
            self.sort.set(slot, row);
        }
        Ok(())
    }

    /// True if there is no row.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        let lists: usize = self.lists.iter().map(Ordered::memory).sum();
        let by_slot = self.arrivals.capacity() * 8 + self.is_leaving.capacity();
        let by_partition = self.lists.capacity() * size_of::<Ordered>();
        let keys = self.partitions.bytes() + self.rows.memory() + self.sort.memory();
        keys + lists + by_slot + by_partition
    }
}
