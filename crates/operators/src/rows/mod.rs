//! Rows by key: under each key a multiset of rows, as bytes.
//!
//! ```text
//! heads[key] ─▶ slot ⇄ slot ⇄ slot        slot: the bytes of a row, and how often it is there
//!                         table: (key, bytes) ─▶ slot
//! ```
//!
//! * Rows are encoded by [`crate::state::codec`]: equal rows have equal bytes, and what lies in memory
//!   is what a checkpoint holds. The bytes of all rows lie in one arena.
//! * The table finds a row that goes without looking at the others of its key.
//! * Slots of a key are listed in the order of their arrival (after a restore, of their bytes).
//! * A slot's number is given out again once its row is gone. Numbers index vectors that an operator
//!   keeps beside, such as how many rows of the other side of a join it matches.
//!
//! Cost: one hash and about one probe per row that comes or goes; 50 bytes per row beside its own.

pub(crate) mod layout;
mod state;
#[cfg(test)]
mod tests;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_core::{Error, Result};

use crate::keys::bytes::BytesTable;
use crate::state::bytes::Reader;
use crate::state::codec::{Decoder, Encoded};
use crate::state::tracker::Tracker;

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Multisets of rows, by the dense number of their key.
pub(crate) struct KeyedRows {
    types: Vec<DataType>,
    table: BytesTable,
    counts: Vec<u32>,
    next: Vec<u32>,
    /// Of the first slot of a key: the last one.
    prev: Vec<u32>,
    heads: Vec<u32>,
    /// The rows of the batch at hand.
    batch: Encoded,
    tracker: Tracker,
    buried: Buried,
}

/// Rows that a checkpoint holds and that are gone, until their keys are written down.
#[derive(Default)]
struct Buried {
    keys: Vec<u32>,
    rows: Encoded,
}

impl KeyedRows {
    /// No rows yet; `types` are those of the columns.
    pub(crate) fn new(types: Vec<DataType>) -> Self {
        KeyedRows {
            types,
            table: BytesTable::new(),
            counts: Vec::new(),
            next: Vec::new(),
            prev: Vec::new(),
            heads: Vec::new(),
            batch: Encoded::default(),
            tracker: Tracker::default(),
            buried: Buried::default(),
        }
    }

    /// The same kind of rows, without any.
    pub(crate) fn like(&self) -> Self {
        KeyedRows::new(self.types.clone())
    }

    /// The key of the row in a slot.
    pub(crate) fn key_of(&self, slot: u32) -> u32 {
        self.table.space(slot)
    }

    /// Takes a batch of rows in hand; they are then added or removed one by one.
    pub(crate) fn take_in_hand(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<()> {
        self.batch.encode(columns, num_rows)
    }

    /// Adds a row of the batch at hand under a key and returns its slot.
    pub(crate) fn add(&mut self, row: usize, key: u32) -> Result<u32> {
        self.add_times(row, key, 1)
    }

    /// Adds a row that is bytes already, such as one of other rows with the same columns.
    pub(crate) fn add_bytes(&mut self, row: &[u8], key: u32) -> Result<u32> {
        let slot = self.table.id_of(row, key)?;
        self.count_up(slot, key, 1)
    }

    fn add_times(&mut self, row: usize, key: u32, times: u32) -> Result<u32> {
        let slot = self.table.id_of(self.batch.row(row), key)?;
        self.count_up(slot, key, times)
    }

    fn count_up(&mut self, slot: u32, key: u32, times: u32) -> Result<u32> {
        let at = slot as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
            self.next.resize(at + 1, NONE);
            self.prev.resize(at + 1, NONE);
        }
        let count = &mut self.counts[at];
        let is_new = *count == 0;
        *count = count
            .checked_add(times)
            .ok_or_else(|| Error::unsupported("more than 4 billion equal rows"))?;
        if is_new {
            self.link(slot, key);
        }
        self.tracker.touch_one(slot);
        Ok(slot)
    }

    /// The slot of a row of the batch at hand, if such a row is there.
    pub(crate) fn find(&self, row: usize, key: u32) -> Option<u32> {
        self.table.find(self.batch.row(row), key)
    }

    /// The slot of a row that is bytes already, if such a row is there.
    pub(crate) fn find_bytes(&self, row: &[u8], key: u32) -> Option<u32> {
        self.table.find(row, key)
    }

    /// The bytes of the row in a slot.
    pub(crate) fn bytes_of(&self, slot: u32) -> &[u8] {
        self.table.get(slot).unwrap_or_default()
    }

    /// Takes one row away; true if it was the last one in its slot, which is free then.
    pub(crate) fn remove(&mut self, slot: u32) -> bool {
        let count = &mut self.counts[slot as usize];
        *count -= 1;
        if *count > 0 {
            self.tracker.touch_one(slot);
            return false;
        }
        self.drop_slot(slot);
        true
    }

    /// Takes all rows of a slot away.
    pub(crate) fn drop_slot(&mut self, slot: u32) {
        self.counts[slot as usize] = 0;
        let key = self.table.space(slot);
        if self.tracker.is_stored(slot) {
            self.buried.keys.push(key);
            self.buried
                .rows
                .push(self.table.get(slot).unwrap_or_default());
        }
        self.tracker.free(slot);
        self.unlink(slot, key);
        self.table.remove(slot);
    }

    fn link(&mut self, slot: u32, key: u32) {
        if key as usize >= self.heads.len() {
            self.heads.resize(key as usize + 1, NONE);
        }
        self.next[slot as usize] = NONE;
        match self.heads[key as usize] {
            NONE => {
                self.heads[key as usize] = slot;
                self.prev[slot as usize] = slot;
            }
            head => {
                let last = std::mem::replace(&mut self.prev[head as usize], slot);
                self.next[last as usize] = slot;
                self.prev[slot as usize] = last;
            }
        }
    }

    fn unlink(&mut self, slot: u32, key: u32) {
        let (before, behind) = (self.prev[slot as usize], self.next[slot as usize]);
        let head = self.heads[key as usize];
        match behind {
            // The last one: the first one remembers who is last now.
            NONE => self.prev[head as usize] = before,
            behind => self.prev[behind as usize] = before,
        }
        match head == slot {
            true => self.heads[key as usize] = behind,
            false => self.next[before as usize] = behind,
        }
    }

    /// The slots of a key.
    #[inline]
    pub(crate) fn slots(&self, key: u32) -> impl Iterator<Item = u32> {
        let first = self.heads.get(key as usize).copied().unwrap_or(NONE);
        let next = |&slot: &u32| Some(self.next[slot as usize]).filter(|&next| next != NONE);
        std::iter::successors(Some(first).filter(|&first| first != NONE), next)
    }

    /// The first slot of a key, or [`NONE`].
    pub(crate) fn first(&self, key: u32) -> u32 {
        self.heads.get(key as usize).copied().unwrap_or(NONE)
    }

    /// The last slot of a key, or [`NONE`].
    pub(crate) fn last(&self, key: u32) -> u32 {
        match self.first(key) {
            NONE => NONE,
            first => self.prev[first as usize],
        }
    }

    /// Makes a slot the last one of its key.
    pub(crate) fn move_to_end(&mut self, slot: u32) {
        let key = self.table.space(slot);
        if self.last(key) != slot {
            self.unlink(slot, key);
            self.link(slot, key);
        }
    }

    /// Puts the slots of a key into another order.
    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: u32, place: impl Fn(u32) -> K) {
        let mut slots: Vec<u32> = self.slots(key).collect();
        if slots.len() < 2 {
            return;
        }
        slots.sort_by_key(|&slot| place(slot));
        self.heads[key as usize] = NONE;
        slots.into_iter().for_each(|slot| self.link(slot, key));
    }

    /// True if there is no row under a key.
    pub(crate) fn is_empty_at(&self, key: u32) -> bool {
        self.heads
            .get(key as usize)
            .is_none_or(|&head| head == NONE)
    }

    /// How often the row of a slot is there.
    #[inline]
    pub(crate) fn count(&self, slot: u32) -> u32 {
        self.counts[slot as usize]
    }

    /// One more than the largest slot ever given out: how long vectors indexed by slot must be.
    pub(crate) fn slot_bound(&self) -> usize {
        self.counts.len()
    }

    /// Says that what an operator keeps beside a slot has changed.
    pub(crate) fn touch(&mut self, slot: u32) {
        self.tracker.touch_one(slot);
    }

    /// Gives back memory of rows that are gone; slots stay what they are.
    pub(crate) fn compact(&mut self) {
        self.table.compact();
    }

    /// The columns of the rows in some slots; NULLs for [`NONE`].
    pub(crate) fn columns(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut decoder = Decoder::new(&self.types)?;
        for &slot in slots {
            match slot {
                NONE => decoder.null(),
                slot => {
                    decoder.read(&mut Reader::new(self.table.get(slot).unwrap_or_default()))?;
                }
            }
        }
        decoder.finish()
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        let vectors = self.counts.capacity() + self.next.capacity() + self.prev.capacity();
        let buried = self.buried.rows.memory() + self.buried.keys.capacity() * 4;
        let lists = (vectors + self.heads.capacity()) * 4;
        self.table.bytes() + lists + self.batch.memory() + self.tracker.bytes() + buried
    }
}
