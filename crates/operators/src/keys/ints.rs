//! Keys of one integer-like column.
//!
//! A hash table of 16-byte slots (value, space, id), so a hit touches one control word and one
//! slot. Values are kept a second time by id, for reading keys back.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashSet, HashTable};
use millstream_core::{Error, Result};

use super::NOWHERE;

pub(super) struct IntTable {
    table: HashTable<Slot>,
    hasher: RandomState,
    values: Vec<i64>,
    spaces: Vec<u32>,
    free: Vec<u32>,
    /// Id of NULL by space.
    nulls: HashMap<u32, u32>,
    null_ids: HashSet<u32>,
}

#[derive(Clone, Copy)]
struct Slot {
    value: i64,
    space: u32,
    id: u32,
}

impl IntTable {
    pub(super) fn new() -> Self {
        IntTable {
            table: HashTable::new(),
            hasher: RandomState::default(),
            values: Vec::new(),
            spaces: Vec::new(),
            free: Vec::new(),
            nulls: HashMap::new(),
            null_ids: HashSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len() + self.nulls.len()
    }

    pub(super) fn id_bound(&self) -> usize {
        self.values.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.values.capacity() * 8
            + (self.spaces.capacity() + self.free.capacity()) * 4
            + self.nulls.allocation_size()
            + self.null_ids.allocation_size()
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
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
        for row in 0..num_rows {
            let id = match value(row) {
                Some(value) => self.id_of(value, space(row))?,
                None => self.id_of_null(space(row))?,
            };
            ids.push(id);
        }
        Ok(())
    }

    pub(super) fn intern_table(&mut self, other: &IntTable, ids: &mut Vec<u32>) -> Result<()> {
        for (id, (&value, &space)) in other.values.iter().zip(&other.spaces).enumerate() {
            ids.push(if space == NOWHERE {
                0
            } else if other.has_nulls() && other.is_null(id as u32) {
                self.id_of_null(space)?
            } else {
                self.id_of(value, space)?
            });
        }
        Ok(())
    }

    #[inline]
    fn id_of(&mut self, value: i64, space: u32) -> Result<u32> {
        let hasher = &self.hasher;
        let hash = hash_of(hasher, value, space);
        let same = |slot: &Slot| slot.value == value && slot.space == space;
        let rehash = |slot: &Slot| hash_of(hasher, slot.value, slot.space);
        match self.table.entry(hash, same, rehash) {
            Entry::Occupied(slot) => Ok(slot.get().id),
            Entry::Vacant(slot) => {
                let id = new_id(&mut self.free, &mut self.values, &mut self.spaces)?;
                self.values[id as usize] = value;
                self.spaces[id as usize] = space;
                slot.insert(Slot { value, space, id });
                Ok(id)
            }
        }
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
            let hash = hash_of(&self.hasher, self.values[id as usize], space);
            if let Ok(slot) = self.table.find_entry(hash, |slot| slot.id == id) {
                slot.remove();
            }
        }
        self.spaces[id as usize] = NOWHERE;
        self.free.push(id);
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
    values.push(0);
    spaces.push(0);
    Ok(id)
}

#[inline]
fn hash_of(hasher: &RandomState, value: i64, space: u32) -> u64 {
    // An odd multiplier spreads the space over all bits; the hash then mixes both.
    hasher.hash_one(value as u64 ^ u64::from(space).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
