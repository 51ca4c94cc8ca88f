//! Keys of one integer-like column.
//!
//! An open-addressing table with linear probing: one array of 16-byte slots (value, space, id), at
//! most 5/8 full, so a key is found with about one cache miss. Values are kept a second time by id,
//! for reading keys back.
//!
//! Rows are looked up in blocks. When the table is larger than the nearer caches, the slots of a
//! whole block are read before the first of them is compared: those reads do not wait for each
//! other, while each comparison would wait for its own.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use millstream_core::{Error, Result};

use super::NOWHERE;
use crate::state::grow::make_room;

/// Rows looked up together.
const BLOCK_ROWS: usize = 64;
/// Slots from which reading ahead pays: 1 MiB, the size of a core's own cache.
const READ_AHEAD_SLOTS: usize = 1 << 16;
/// Slots of the smallest table; a power of two, as all sizes are.
const SLOTS_MIN: usize = 16;

pub(super) struct IntTable {
    slots: Vec<Slot>,
    used: usize,
    hasher: RandomState,
    values: Vec<i64>,
    spaces: Vec<u32>,
    free: Vec<u32>,
    /// Id of NULL by space.
    nulls: HashMap<u32, u32>,
    null_ids: HashSet<u32>,
}

/// A key; empty if the id is `NOWHERE`.
#[derive(Clone, Copy)]
struct Slot {
    value: i64,
    space: u32,
    id: u32,
}

const EMPTY: Slot = Slot {
    value: 0,
    space: 0,
    id: NOWHERE,
};

impl IntTable {
    pub(super) fn new() -> Self {
        IntTable {
            slots: vec![EMPTY; SLOTS_MIN],
            used: 0,
            hasher: RandomState::default(),
            values: Vec::new(),
            spaces: Vec::new(),
            free: Vec::new(),
            nulls: HashMap::new(),
            null_ids: HashSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.used + self.nulls.len()
    }

    pub(super) fn id_bound(&self) -> usize {
        self.values.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.values.capacity() * 8
            + (self.spaces.capacity() + self.free.capacity()) * 4
            + self.nulls.allocation_size()
            + self.null_ids.allocation_size()
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.used = 0;
        self.values.clear();
        self.spaces.clear();
        self.free.clear();
        self.nulls.clear();
        self.null_ids.clear();
    }

    pub(super) fn value(&self, id: u32) -> i64 {
        self.values[id as usize]
    }

    pub(super) fn space(&self, id: u32) -> u32 {
        self.spaces[id as usize]
    }

    pub(super) fn has_nulls(&self) -> bool {
        !self.null_ids.is_empty()
    }

    pub(super) fn is_null(&self, id: u32) -> bool {
        self.null_ids.contains(&id)
    }

    /// Appends the ids of `num_rows` rows to `ids`.
    pub(super) fn intern(
        &mut self,
        num_rows: usize,
        value: impl Fn(usize) -> Option<i64>,
        space: impl Fn(usize) -> u32,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let mut hashes = [0u64; BLOCK_ROWS];
        for start in (0..num_rows).step_by(BLOCK_ROWS) {
            let rows = start..num_rows.min(start + BLOCK_ROWS);
            for (hash, row) in hashes.iter_mut().zip(rows.clone()) {
                *hash = hash_of(&self.hasher, value(row).unwrap_or(0), space(row));
            }
            if self.slots.len() >= READ_AHEAD_SLOTS {
                self.read_ahead(&hashes[..rows.len()]);
            }
            for (&hash, row) in hashes.iter().zip(rows) {
                ids.push(match value(row) {
                    Some(value) => self.id_of(hash, value, space(row))?,
                    None => self.id_of_null(space(row))?,
                });
            }
        }
        Ok(())
    }

    /// Brings the slots of these hashes into the cache.
    fn read_ahead(&self, hashes: &[u64]) {
        let mask = self.slots.len() - 1;
        let slots = hashes.iter().map(|&hash| self.slots[hash as usize & mask]);
        // The sum is of no use; without one, the reads would be removed.
        std::hint::black_box(slots.fold(0, |sum: u32, slot| sum.wrapping_add(slot.id)));
    }

    pub(super) fn intern_table(&mut self, other: &IntTable, ids: &mut Vec<u32>) -> Result<()> {
        for (id, (&value, &space)) in other.values.iter().zip(&other.spaces).enumerate() {
            ids.push(if space == NOWHERE {
                0
            } else if other.has_nulls() && other.is_null(id as u32) {
                self.id_of_null(space)?
            } else {
                self.id_of(hash_of(&self.hasher, value, space), value, space)?
            });
        }
        Ok(())
    }

    #[inline]
    fn id_of(&mut self, hash: u64, value: i64, space: u32) -> Result<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.id == NOWHERE {
                return self.insert(at, value, space);
            }
            if slot.value == value && slot.space == space {
                return Ok(slot.id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts a new key into the empty slot `at`.
    fn insert(&mut self, at: usize, value: i64, space: u32) -> Result<u32> {
        let id = new_id(&mut self.free, &mut self.values, &mut self.spaces)?;
        self.values[id as usize] = value;
        self.spaces[id as usize] = space;
        self.slots[at] = Slot { value, space, id };
        self.used += 1;
        if self.used * 8 > self.slots.len() * 5 {
            self.grow();
        }
        Ok(id)
    }

    fn grow(&mut self) {
        let mut slots = vec![EMPTY; self.slots.len() * 2];
        let mask = slots.len() - 1;
        for slot in self.slots.iter().filter(|slot| slot.id != NOWHERE) {
            let mut at = hash_of(&self.hasher, slot.value, slot.space) as usize & mask;
            while slots[at].id != NOWHERE {
                at = (at + 1) & mask;
            }
            slots[at] = *slot;
        }
        self.slots = slots;
    }

    /// Empties the slot of a key, moving back those behind it that had to give way to it.
    fn vacate(&mut self, id: u32) {
        let mask = self.slots.len() - 1;
        let home = |table: &Self, slot: Slot| {
            hash_of(&table.hasher, slot.value, slot.space) as usize & mask
        };
        let key = Slot {
            value: self.values[id as usize],
            space: self.spaces[id as usize],
            id,
        };
        let mut hole = home(self, key);
        while self.slots[hole].id != id {
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.id == NOWHERE {
                break;
            }
            // It may lie anywhere from its home on; the hole is such a place if it is not before.
            let from_home = at.wrapping_sub(home(self, slot)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = EMPTY;
        self.used -= 1;
    }

    fn id_of_null(&mut self, space: u32) -> Result<u32> {
        if let Some(&id) = self.nulls.get(&space) {
            return Ok(id);
        }
        let id = new_id(&mut self.free, &mut self.values, &mut self.spaces)?;
        self.values[id as usize] = 0;
        self.spaces[id as usize] = space;
        self.nulls.insert(space, id);
        self.null_ids.insert(id);
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: u32) {
        let space = self.spaces[id as usize];
        if space == NOWHERE {
            return;
        }
        if self.null_ids.remove(&id) {
            self.nulls.remove(&space);
        } else {
            self.vacate(id);
        }
        self.spaces[id as usize] = NOWHERE;
        self.free.push(id);
    }

    /// Keeps these keys only, ascending, and numbers them anew in this order; gives back the memory
    /// of all others.
    pub(super) fn keep(&mut self, ids: &[u32]) {
        for (new, &id) in ids.iter().enumerate() {
            self.values[new] = self.values[id as usize];
            self.spaces[new] = self.spaces[id as usize];
        }
        self.values.truncate(ids.len());
        self.values.shrink_to_fit();
        self.spaces.truncate(ids.len());
        self.spaces.shrink_to_fit();
        self.free = Vec::new();
        self.nulls.clear();
        let null_ids = std::mem::take(&mut self.null_ids);
        if !null_ids.is_empty() {
            let nulls = ids
                .iter()
                .zip(0u32..)
                .filter(|(id, _)| null_ids.contains(*id));
            for (_, new) in nulls {
                self.nulls.insert(self.spaces[new as usize], new);
                self.null_ids.insert(new);
            }
        }
        self.used = ids.len() - self.nulls.len();
        // The old table goes before the new one is made.
        self.slots = Vec::new();
        let room = (self.used * 8 / 5 + 1).next_power_of_two().max(SLOTS_MIN);
        self.slots = vec![EMPTY; room];
        for id in 0..ids.len() as u32 {
            if !self.null_ids.contains(&id) {
                let (value, space) = (self.values[id as usize], self.spaces[id as usize]);
                self.settle(Slot { value, space, id });
            }
        }
    }

    /// Puts a key that is not there into its place; there is room.
    fn settle(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = hash_of(&self.hasher, slot.value, slot.space) as usize & mask;
        while self.slots[at].id != NOWHERE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// Takes a freed id or lengthens the vectors by one.
fn new_id(free: &mut Vec<u32>, values: &mut Vec<i64>, spaces: &mut Vec<u32>) -> Result<u32> {
    if let Some(id) = free.pop() {
        return Ok(id);
    }
    let id = u32::try_from(values.len())
        .ok()
        .filter(|&id| id < NOWHERE)
        .ok_or_else(|| Error::unsupported("more than 4 billion keys in one subtask"))?;
    make_room(values, 1);
    make_room(spaces, 1);
    values.push(0);
    spaces.push(0);
    Ok(id)
}

#[inline]
fn hash_of(hasher: &RandomState, value: i64, space: u32) -> u64 {
    // An odd multiplier spreads the space over all bits; the hash then mixes both.
    hasher.hash_one(value as u64 ^ u64::from(space).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
