//! Keys that are byte strings: texts, binaries and encoded rows.
//!
//! All bytes lie in one arena; a key is a span of it. The hash table holds (hash, id), so growing
//! it hashes nothing again and a probe compares bytes only when all 64 bits of the hash agree.
//! Runs of equal keys, usual in event streams, are found by comparing with the row before.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashSet, HashTable};
use millstream_core::{Error, Result};

use super::NOWHERE;

/// Freed bytes that are worth moving all others.
const COMPACT_BYTES_MIN: usize = 64 << 10;

pub(crate) struct BytesTable {
    table: HashTable<(u64, u32)>,
    hasher: RandomState,
    arena: Vec<u8>,
    spans: Vec<Span>,
    free: Vec<u32>,
    freed_bytes: usize,
    /// Id of NULL by space.
    nulls: HashMap<u32, u32>,
    null_ids: HashSet<u32>,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: u32,
    space: u32,
}

impl BytesTable {
    pub(crate) fn new() -> Self {
        BytesTable {
            table: HashTable::new(),
            hasher: RandomState::default(),
            arena: Vec::new(),
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
            + self.arena.capacity()
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
        Some(bytes_at(&self.arena, self.spans[id as usize]))
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
                self.id_of(bytes_at(&other.arena, span), span.space)?
            });
        }
        Ok(())
    }

    /// The id of a value; a new one if it is not there yet.
    #[inline]
    pub(crate) fn id_of(&mut self, value: &[u8], space: u32) -> Result<u32> {
        let hash = hash_of(&self.hasher, value, space);
        let (arena, spans) = (&self.arena, &self.spans);
        let same = |&(theirs, id): &(u64, u32)| {
            let span = spans[id as usize];
            theirs == hash && span.space == space && bytes_at(arena, span) == value
        };
        match self.table.entry(hash, same, |&(hash, _)| hash) {
            Entry::Occupied(slot) => Ok(slot.get().1),
            Entry::Vacant(slot) => {
                let span = Span {
                    start: self.arena.len(),
                    length: u32::try_from(value.len())
                        .map_err(|_| Error::unsupported("a key of more than 4 GiB"))?,
                    space,
                };
                let id = new_id(&mut self.free, &mut self.spans, span)?;
                self.arena.extend_from_slice(value);
                slot.insert((hash, id));
                Ok(id)
            }
        }
    }

    /// The id of a value, if it is there.
    pub(crate) fn find(&self, value: &[u8], space: u32) -> Option<u32> {
        let hash = hash_of(&self.hasher, value, space);
        let found = self.table.find(hash, |&(theirs, id)| {
            let span = self.spans[id as usize];
            theirs == hash && span.space == space && bytes_at(&self.arena, span) == value
        });
        found.map(|&(_, id)| id)
    }

    fn id_of_null(&mut self, space: u32) -> Result<u32> {
        if let Some(&id) = self.nulls.get(&space) {
            return Ok(id);
        }
        let span = Span {
            start: 0,
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
            let hash = hash_of(&self.hasher, bytes_at(&self.arena, span), span.space);
            if let Ok(slot) = self.table.find_entry(hash, |&(_, theirs)| theirs == id) {
                slot.remove();
            }
        }
        self.freed_bytes += span.length as usize;
        self.spans[id as usize] = Span {
            start: 0,
            length: 0,
            space: NOWHERE,
        };
        self.free.push(id);
    }

    /// Moves the live bytes together once most of the arena is freed: amortised O(1) per byte.
    pub(crate) fn compact(&mut self) {
        if self.freed_bytes < COMPACT_BYTES_MIN || self.freed_bytes < self.arena.len() / 2 {
            return;
        }
        let mut arena = Vec::with_capacity(self.arena.len() - self.freed_bytes);
        for span in &mut self.spans {
            let start = arena.len();
            arena.extend_from_slice(bytes_at(&self.arena, *span));
            span.start = start;
        }
        self.arena = arena;
        self.freed_bytes = 0;
    }
}

fn bytes_at(arena: &[u8], span: Span) -> &[u8] {
    &arena[span.start..span.start + span.length as usize]
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
    spans.push(span);
    Ok(id)
}

#[inline]
fn hash_of(hasher: &RandomState, value: &[u8], space: u32) -> u64 {
    hasher.hash_one(value) ^ u64::from(space).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
