//! Keys that are byte strings: texts, binaries and encoded rows.
//!
//! All bytes lie in one arena; a key is a span of it. The hash table holds half of the hash and the
//! id, so growing it hashes nothing again and a probe compares bytes only when all 32 bits agree.
//! Runs of equal keys, usual in event streams, are found by comparing with the row before.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashSet, HashTable};
use millstream_core::{Error, Result};

use super::NOWHERE;
use super::arena::{Arena, Start};
use crate::state::grow::make_room;

/// Freed bytes that are worth moving all others.
const COMPACT_BYTES_MIN: usize = 64 << 10;

pub(crate) struct BytesTable {
    table: HashTable<(u32, u32)>,
    hasher: RandomState,
    arena: Arena,
    spans: Vec<Span>,
    free: Vec<u32>,
    freed_bytes: usize,
    /// Id of NULL by space.
    nulls: HashMap<u32, u32>,
    null_ids: HashSet<u32>,
}

#[derive(Clone, Copy)]
struct Span {
    start: Start,
    length: u32,
    space: u32,
}

impl BytesTable {
    pub(crate) fn new() -> Self {
        BytesTable {
            table: HashTable::new(),
            hasher: RandomState::default(),
            arena: Arena::default(),
            spans: Vec::new(),
            free: Vec::new(),
            freed_bytes: 0,
            nulls: HashMap::new(),
            null_ids: HashSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len() + self.nulls.len()
    }

    pub(crate) fn id_bound(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.arena.bytes()
            + self.spans.capacity() * size_of::<Span>()
            + self.free.capacity() * 4
            + self.nulls.allocation_size()
            + self.null_ids.allocation_size()
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.arena.clear();
        self.spans.clear();
        self.free.clear();
        self.freed_bytes = 0;
        self.nulls.clear();
        self.null_ids.clear();
    }

    pub(crate) fn space(&self, id: u32) -> u32 {
        self.spans[id as usize].space
    }

    pub(crate) fn has_nulls(&self) -> bool {
        !self.null_ids.is_empty()
    }

    /// The bytes of a key; `None` for NULL.
    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        if self.has_nulls() && self.null_ids.contains(&id) {
            return None;
        }
        Some(self.spans[id as usize].of(&self.arena))
    }

    /// Appends the ids of `num_rows` rows to `ids`.
    pub(crate) fn intern<'a>(
        &mut self,
        num_rows: usize,
        value: impl Fn(usize) -> Option<&'a [u8]>,
        space: impl Fn(usize) -> u32,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let mut last: Option<(&[u8], u32, u32)> = None;
        for row in 0..num_rows {
            let space = space(row);
            let id = match (value(row), last) {
                (None, _) => self.id_of_null(space)?,
                (Some(value), Some((before, of, id))) if of == space && before == value => id,
                (Some(value), _) => {
                    let id = self.id_of(value, space)?;
                    last = Some((value, space, id));
                    id
                }
            };
            ids.push(id);
        }
        Ok(())
    }

    pub(crate) fn intern_table(&mut self, other: &BytesTable, ids: &mut Vec<u32>) -> Result<()> {
        for (id, &span) in other.spans.iter().enumerate() {
            ids.push(if span.space == NOWHERE {
                0
            } else if other.has_nulls() && other.null_ids.contains(&(id as u32)) {
                self.id_of_null(span.space)?
            } else {
                self.id_of(span.of(&other.arena), span.space)?
            });
        }
        Ok(())
    }

    /// The id of a value; a new one if it is not there yet.
    #[inline]
    pub(crate) fn id_of(&mut self, value: &[u8], space: u32) -> Result<u32> {
        let hash = hash_of(&self.hasher, value, space);
        let (arena, spans) = (&self.arena, &self.spans);
        let same = |&(theirs, id): &(u32, u32)| {
            let span = spans[id as usize];
            theirs == hash && span.space == space && span.of(arena) == value
        };
        match self
            .table
            .entry(spread(hash), same, |&(hash, _)| spread(hash))
        {
            Entry::Occupied(slot) => Ok(slot.get().1),
            Entry::Vacant(slot) => {
                let length = u32::try_from(value.len())
                    .map_err(|_| Error::unsupported("a key of more than 4 GiB"))?;
                let start = Start::default();
                let span = Span {
                    start,
                    length,
                    space,
                };
                let id = new_id(&mut self.free, &mut self.spans, span)?;
                self.spans[id as usize].start = self.arena.put(value);
                slot.insert((hash, id));
                Ok(id)
            }
        }
    }

    /// The id of a value, if it is there.
    pub(crate) fn find(&self, value: &[u8], space: u32) -> Option<u32> {
        let hash = hash_of(&self.hasher, value, space);
        let found = self.table.find(spread(hash), |&(theirs, id)| {
            let span = self.spans[id as usize];
            theirs == hash && span.space == space && span.of(&self.arena) == value
        });
        found.map(|&(_, id)| id)
    }

    fn id_of_null(&mut self, space: u32) -> Result<u32> {
        if let Some(&id) = self.nulls.get(&space) {
            return Ok(id);
        }
        let span = Span {
            start: Start::default(),
            length: 0,
            space,
        };
        let id = new_id(&mut self.free, &mut self.spans, span)?;
        self.nulls.insert(space, id);
        self.null_ids.insert(id);
        Ok(id)
    }

    pub(crate) fn remove(&mut self, id: u32) {
        let span = self.spans[id as usize];
        if span.space == NOWHERE {
            return;
        }
        if self.null_ids.remove(&id) {
            self.nulls.remove(&span.space);
        } else {
            let hash = hash_of(&self.hasher, span.of(&self.arena), span.space);
            let slot = self
                .table
                .find_entry(spread(hash), |&(_, theirs)| theirs == id);
            if let Ok(slot) = slot {
                slot.remove();
            }
        }
        self.freed_bytes += span.length as usize;
        self.spans[id as usize] = Span {
            start: Start::default(),
            length: 0,
            space: NOWHERE,
        };
        self.free.push(id);
    }

    /// Moves the live bytes together once most of the arena is freed: amortised O(log n) per key.
    pub(crate) fn compact(&mut self) {
        if self.freed_bytes < COMPACT_BYTES_MIN || self.freed_bytes < self.arena.used() / 2 {
            return;
        }
        self.move_together();
    }

    fn move_together(&mut self) {
        let live = (0..self.spans.len() as u32).filter(|&id| self.spans[id as usize].length > 0);
        let mut order: Vec<u32> = live.collect();
        order.sort_unstable_by_key(|&id| self.spans[id as usize].start);
        let spans = &mut self.spans;
        let strings = order.iter().map(|&id| {
            let span = spans[id as usize];
            (id, span.start, span.length)
        });
        // Read before the first of them moves, and eight times smaller than what they name.
        let strings: Vec<(u32, Start, u32)> = strings.collect();
        drop(order);
        self.arena.compact(strings.into_iter(), |id, start| {
            spans[id as usize].start = start;
        });
        self.freed_bytes = 0;
    }

    /// Keeps these keys only, ascending, and numbers them anew in this order; gives back the memory
    /// of all others.
    pub(super) fn keep(&mut self, ids: &[u32]) {
        for (new, &id) in ids.iter().enumerate() {
            self.spans[new] = self.spans[id as usize];
        }
        self.spans.truncate(ids.len());
        self.spans.shrink_to_fit();
        self.free = Vec::new();
        self.nulls.clear();
        let null_ids = std::mem::take(&mut self.null_ids);
        if !null_ids.is_empty() {
            let nulls = ids
                .iter()
                .zip(0u32..)
                .filter(|(id, _)| null_ids.contains(*id));
            for (_, new) in nulls {
                self.nulls.insert(self.spans[new as usize].space, new);
                self.null_ids.insert(new);
            }
        }
        self.move_together();
        // The old table goes before the new one is made.
        self.table = HashTable::new();
        let mut table = HashTable::with_capacity(ids.len() - self.nulls.len());
        for (id, span) in self.spans.iter().enumerate() {
            if !self.null_ids.contains(&(id as u32)) {
                let hash = hash_of(&self.hasher, span.of(&self.arena), span.space);
                table.insert_unique(spread(hash), (hash, id as u32), |&(hash, _)| spread(hash));
            }
        }
        self.table = table;
    }
}

impl Span {
    #[inline]
    fn of(self, arena: &Arena) -> &[u8] {
        arena.get(self.start, self.length)
    }
}

fn new_id(free: &mut Vec<u32>, spans: &mut Vec<Span>, span: Span) -> Result<u32> {
    if let Some(id) = free.pop() {
        spans[id as usize] = span;
        return Ok(id);
    }
    let id = u32::try_from(spans.len())
        .ok()
        .filter(|&id| id < NOWHERE)
        .ok_or_else(|| Error::unsupported("more than 4 billion keys in one subtask"))?;
    make_room(spans, 1);
    spans.push(span);
    Ok(id)
}

#[inline]
fn hash_of(hasher: &RandomState, value: &[u8], space: u32) -> u32 {
    let hash = hasher.hash_one(value) ^ u64::from(space).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 32) as u32
}

/// The hash the table wants: it places by the low bits and tells apart by the highest seven.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
