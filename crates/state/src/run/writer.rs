//! Writing a snapshot: entries come in any order, runs come out sorted.
//!
//! ```text
//! put ─▶ arena (keys and values, as they come) ─▶ full: sort the index, build a run ─▶ pieces
//! ```
//!
//! * The arena is cut into a run once it holds `piece_bytes`, so a snapshot of any size takes
//!   little memory: one arena, its index, and the finished runs that do not spill to disk.
//! * Of several puts of one key the last one counts, also across pieces: later runs count.
//! * Dropped namespaces concern older snapshots only. So they stand in the first run: in the only
//!   piece, or in a run of their own before all pieces.
//! * Cost: a 16-byte comparison decides nearly every step of the sort; ties read the arena.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashMap;
use millstream_core::state::{StateKey, StateWriter};
use millstream_core::{Error, Result};

use super::build::{Builder, check_size};
use super::file::RunFile;
use super::footer::Dropped;
use super::{RunOptions, VALUE_MAX};

/// What one subtask of one node hands to a checkpoint.
#[derive(Debug)]
pub struct Snapshot {
    /// Its runs, oldest first.
    pub runs: Vec<RunFile>,
    /// Its blobs, sorted by name.
    pub blobs: Vec<(String, Bytes)>,
    /// True if it holds everything, so that older runs and blobs of its key groups are obsolete.
    pub full: bool,
}

/// Collects the state of one subtask of one node for one checkpoint.
pub struct RunWriter {
    checkpoint: u64,
    groups: Range<u32>,
    full: bool,
    options: RunOptions,
    arena: Vec<u8>,
    entries: Vec<Pending>,
    places: Places,
    drops: Vec<(u8, i64)>,
    pieces: Vec<RunFile>,
    in_memory: usize,
    put_bytes: u64,
    blobs: std::collections::BTreeMap<String, Bytes>,
}

/// An entry of the arena: the key, then the value.
#[derive(Clone, Copy)]
struct Pending {
    offset: u32,
    key: u32,
    /// `u32::MAX`: deleted.
    value: u32,
    group: u16,
    /// Number of its table and namespace in [`Places`].
    place: u32,
}

const DELETED: u32 = u32::MAX;

/// Most bytes of one arena: offsets are 32 bits, and one more entry must fit.
const ARENA_MAX: usize = 1 << 31;

impl RunWriter {
    /// A writer for the key groups of one subtask. `full`: everything is wanted.
    pub fn new(checkpoint: u64, key_groups: Range<u32>, full: bool, options: RunOptions) -> Self {
        RunWriter {
            checkpoint,
            groups: key_groups,
            full,
            options,
            arena: Vec::new(),
            entries: Vec::new(),
            places: Places::default(),
            drops: Vec::new(),
            pieces: Vec::new(),
            in_memory: 0,
            put_bytes: 0,
            blobs: std::collections::BTreeMap::new(),
        }
    }

    /// Bytes of keys and values put so far.
    pub fn bytes(&self) -> u64 {
        self.put_bytes
    }

    /// Memory this writer holds now.
    pub fn memory_bytes(&self) -> usize {
        self.arena.capacity()
            + self.entries.capacity() * size_of::<Pending>()
            + self.in_memory
            + self.blobs.values().map(Bytes::len).sum::<usize>()
    }

    /// Sorts and compresses what is left. Takes about 100 ms per 32 MiB.
    pub fn finish(mut self) -> Result<Snapshot> {
        let drops = self.take_drops();
        if self.pieces.is_empty() {
            self.cut(drops)?;
        } else {
            self.cut(Vec::new())?;
            if !drops.is_empty() {
                let first = Builder::new(self.checkpoint, self.options.block_bytes, None)?;
                self.pieces.insert(0, first.finish(drops)?);
            }
        }
        Ok(Snapshot {
            runs: self.pieces,
            blobs: self.blobs.into_iter().collect(),
            full: self.full,
        })
    }

    /// A full snapshot makes everything older obsolete, so it drops nothing.
    fn take_drops(&mut self) -> Vec<Dropped> {
        let mut drops = std::mem::take(&mut self.drops);
        if self.full || self.groups.is_empty() {
            return Vec::new();
        }
        drops.sort_unstable();
        drops.dedup();
        drops
            .into_iter()
            .map(|(table, namespace)| Dropped {
                table,
                namespace,
                first_group: self.groups.start as u16,
                last_group: (self.groups.end - 1) as u16,
            })
            .collect()
    }

    #[inline]
    fn add(&mut self, key: StateKey<'_>, value: Option<&[u8]>) -> Result<()> {
        let bytes = value.map_or(0, <[u8]>::len);
        check_size(&key, bytes)?;
        if !self.groups.contains(&u32::from(key.group)) {
            return Err(Error::internal(format!(
                "a state entry of key group {} was put by the subtask of the groups {}..{}",
                key.group, self.groups.start, self.groups.end
            )));
        }
        if self.held() + key.key.len() + bytes > self.options.piece_bytes.min(ARENA_MAX)
            && !self.entries.is_empty()
        {
            self.cut(Vec::new())?;
        }
        let entry = Pending {
            offset: self.arena.len() as u32,
            key: key.key.len() as u32,
            value: value.map_or(DELETED, |value| value.len() as u32),
            group: key.group,
            place: self.places.number(key.table, key.namespace),
        };
        self.arena.extend_from_slice(key.key);
        self.arena.extend_from_slice(value.unwrap_or_default());
        self.entries.push(entry);
        self.put_bytes += (key.key.len() + bytes) as u64;
        Ok(())
    }

    /// Bytes of arena and index, as they will be while sorting.
    fn held(&self) -> usize {
        self.arena.len() + self.entries.len() * (size_of::<Pending>() + size_of::<(u128, u32)>())
    }

    /// Makes a run of what the arena holds.
    fn cut(&mut self, drops: Vec<Dropped>) -> Result<()> {
        if self.entries.is_empty() && drops.is_empty() {
            return Ok(());
        }
        let roomy = self.in_memory + self.arena.len() <= self.options.memory_bytes;
        let spill = self.options.spill.as_deref().filter(|_| !roomy);
        let mut builder = Builder::new(self.checkpoint, self.options.block_bytes, spill)?;
        // Nothing older can hold what the first piece of a full snapshot deletes.
        let keep_deleted = !(self.full && self.pieces.is_empty());
        for number in self.sorted() {
            let entry = self.entries[number as usize];
            if entry.value != DELETED || keep_deleted {
                builder.push(&self.key_of(&entry), self.value_of(&entry))?;
            }
        }
        let piece = builder.finish(drops)?;
        if spill.is_none() {
            self.in_memory += piece.meta.size as usize;
        }
        if piece.meta.entries > 0 || piece.meta.drops > 0 {
            self.pieces.push(piece);
        }
        self.arena.clear();
        self.entries.clear();
        self.places = Places::default();
        Ok(())
    }

    /// Numbers of the entries in the order of a run, of each key only the last.
    fn sorted(&self) -> Vec<u32> {
        let ranks = self.places.ranks();
        let mut order: Vec<(u128, u32)> = self
            .entries
            .iter()
            .zip(0..)
            .map(|(entry, number)| (self.rank(entry, &ranks), number))
            .collect();
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| self.rest_of(a.1).cmp(self.rest_of(b.1)))
                .then_with(|| {
                    self.entries[a.1 as usize]
                        .key
                        .cmp(&self.entries[b.1 as usize].key)
                })
                .then(a.1.cmp(&b.1))
        });
        // Equal keys stand side by side, the last put at the end.
        let mut numbers = Vec::with_capacity(order.len());
        for (at, (rank, number)) in order.iter().enumerate() {
            let again = order.get(at + 1).is_some_and(|(next, later)| {
                rank == next && self.key_bytes(*number) == self.key_bytes(*later)
            });
            if !again {
                numbers.push(*number);
            }
        }
        numbers
    }

    /// Group, place and the first ten bytes of the key as one number.
    #[inline]
    fn rank(&self, entry: &Pending, ranks: &[u32]) -> u128 {
        let mut head = [0u8; 16];
        head[..2].copy_from_slice(&entry.group.to_be_bytes());
        head[2..6].copy_from_slice(&ranks[entry.place as usize].to_be_bytes());
        let from = entry.offset as usize;
        let len = (entry.key as usize).min(Self::RANKED);
        head[6..6 + len].copy_from_slice(&self.arena[from..from + len]);
        u128::from_be_bytes(head)
    }

    /// Bytes of a key that its rank holds.
    const RANKED: usize = 10;

    /// What the rank does not hold of a key.
    fn rest_of(&self, number: u32) -> &[u8] {
        self.key_bytes(number).get(Self::RANKED..).unwrap_or(&[])
    }

    fn key_bytes(&self, number: u32) -> &[u8] {
        let entry = &self.entries[number as usize];
        &self.arena[entry.offset as usize..][..entry.key as usize]
    }

    #[inline]
    fn key_of(&self, entry: &Pending) -> StateKey<'_> {
        let (table, namespace) = self.places.list[entry.place as usize];
        StateKey {
            group: entry.group,
            table,
            namespace,
            key: &self.arena[entry.offset as usize..][..entry.key as usize],
        }
    }

    #[inline]
    fn value_of(&self, entry: &Pending) -> Option<&[u8]> {
        (entry.value != DELETED).then(|| {
            &self.arena[entry.offset as usize + entry.key as usize..][..entry.value as usize]
        })
    }
}

impl StateWriter for RunWriter {
    fn is_full(&self) -> bool {
        self.full
    }

    fn put(&mut self, key: StateKey<'_>, value: &[u8]) -> Result<()> {
        self.add(key, Some(value))
    }

    fn delete(&mut self, key: StateKey<'_>) -> Result<()> {
        self.add(key, None)
    }

    fn drop_namespace(&mut self, table: u8, namespace: i64) -> Result<()> {
        self.drops.push((table, namespace));
        Ok(())
    }

    fn blob(&mut self, name: &str, value: &[u8]) -> Result<()> {
        if value.len() > VALUE_MAX {
            return Err(Error::internal(format!(
                "the blob '{name}' has {} bytes, wanted at most {VALUE_MAX}",
                value.len()
            )));
        }
        self.put_bytes += value.len() as u64;
        self.blobs
            .insert(name.to_owned(), Bytes::copy_from_slice(value));
        Ok(())
    }
}

/// The tables and namespaces of the entries, numbered in the order they came.
#[derive(Default)]
struct Places {
    list: Vec<(u8, i64)>,
    numbers: HashMap<(u8, i64), u32>,
    last: u32,
}

impl Places {
    #[inline]
    fn number(&mut self, table: u8, namespace: i64) -> u32 {
        let place = (table, namespace);
        if self.list.get(self.last as usize) == Some(&place) {
            return self.last;
        }
        self.last = *self.numbers.entry(place).or_insert_with(|| {
            self.list.push(place);
            self.list.len() as u32 - 1
        });
        self.last
    }

    /// For each number its position in sorted order.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.list.len() as u32).collect();
        order.sort_unstable_by_key(|number| self.list[*number as usize]);
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }
}
