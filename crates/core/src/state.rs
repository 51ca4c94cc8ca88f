//! State: what an operator remembers between rows, as it is handed to and taken from a checkpoint.
//!
//! ```text
//! operator (native form: vectors, hash tables)
//!    │ snapshot: what changed                    ▲ restore: chunks of its key groups
//!    ▼                                           │
//! key group │ table │ namespace │ key ─▶ value      blobs: name ─▶ bytes, per subtask
//! ```
//!
//! * Keyed state is a table of one job-wide key space. A *key group* decides which subtask owns an
//!   entry, so a change of parallelism moves whole groups and no operator notices. The *namespace*
//!   is something that is dropped as a whole, such as the end of a window slice.
//! * Operators hand over only what has changed since their last snapshot, unless
//!   [`StateWriter::is_full`] asks for everything; so a checkpoint costs what has changed.
//! * Blobs are for state without keys: each subtask writes its own, and after a restore every
//!   subtask sees all of them and takes what is its own.
//!
//! Nothing here touches a disk: that is `crates/state`.

use std::ops::Range;

use crate::Result;

/// Where an entry of keyed state belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey<'a> {
    /// The key group of the key; see [`crate::key`].
    pub group: u16,
    /// Which table of the operator.
    pub table: u8,
    /// What is dropped as a whole; 0 if nothing is.
    pub namespace: i64,
    /// The key, encoded by the operator; equal keys have equal bytes.
    pub key: &'a [u8],
}

/// Where an operator puts its state at a checkpoint.
pub trait StateWriter: Send {
    /// True if everything is wanted, not only what has changed since the last snapshot.
    fn is_full(&self) -> bool;
    /// The entry has this value now.
    fn put(&mut self, key: StateKey<'_>, value: &[u8]) -> Result<()>;
    /// The entry is gone. Deleting what was never stored is allowed.
    fn delete(&mut self, key: StateKey<'_>) -> Result<()>;
    /// Every entry of this table and namespace that an *earlier* snapshot of this subtask's key
    /// groups has stored is gone; those put in this snapshot stay.
    fn drop_namespace(&mut self, table: u8, namespace: i64) -> Result<()>;
    /// State without keys. One value per name and subtask; the newest replaces the older ones.
    fn blob(&mut self, name: &str, value: &[u8]) -> Result<()>;
}

/// Where an operator takes its state from after a restart, before its first row.
pub trait StateReader {
    /// The next entries of the subtask's key groups, in no particular order of chunks; each entry
    /// comes once. `None` after the last.
    fn next_chunk(&mut self) -> Result<Option<StateChunk>>;
    /// The blobs of this name, of all subtasks of the run that wrote the checkpoint.
    fn blobs(&self, name: &str) -> Vec<&[u8]>;
    /// The key groups of this subtask.
    fn key_groups(&self) -> Range<u32>;
    /// True if an operator that holds this many bytes by now, and can bring entries back later
    /// ([`crate::operator::Spill`]), should leave the rest where it is.
    fn is_enough(&self, _bytes: usize) -> bool {
        false
    }
}

/// Looks up entries that an operator has given up, in what the newest committed checkpoint keeps.
pub trait StateLookup: Send {
    /// The value of each key, `None` where nothing is stored. May wait for a disk.
    fn get(&mut self, keys: &[StateKey<'_>]) -> Result<Vec<Option<Vec<u8>>>>;
}

/// Entries of one table and namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChunk {
    /// Which table of the operator.
    pub table: u8,
    /// Their namespace.
    pub namespace: i64,
    groups: Vec<u16>,
    ends: Vec<(u32, u32)>,
    bytes: Vec<u8>,
}

impl StateChunk {
    /// Most entries in a chunk made by a reader.
    pub const ENTRIES_MAX: usize = 8192;

    /// No entries yet.
    pub fn new(table: u8, namespace: i64) -> Self {
        StateChunk {
            table,
            namespace,
            ..StateChunk::default()
        }
    }

    /// Appends an entry. A chunk holds at most 4 GiB; readers stop long before.
    pub fn push(&mut self, group: u16, key: &[u8], value: &[u8]) {
        self.groups.push(group);
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push((middle, self.bytes.len() as u32));
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The key group of an entry.
    pub fn group(&self, entry: usize) -> u16 {
        self.groups[entry]
    }

    /// The key of an entry.
    pub fn key(&self, entry: usize) -> &[u8] {
        &self.bytes[self.start(entry)..self.ends[entry].0 as usize]
    }

    /// The value of an entry.
    pub fn value(&self, entry: usize) -> &[u8] {
        let (middle, end) = self.ends[entry];
        &self.bytes[middle as usize..end as usize]
    }

    fn start(&self, entry: usize) -> usize {
        match entry {
            0 => 0,
            later => self.ends[later - 1].1 as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_gives_back_what_was_pushed() {
        let mut chunk = StateChunk::new(1, 60);
        chunk.push(3, b"ann", b"1");
        chunk.push(7, b"", b"");
        chunk.push(7, b"bob", b"22");
        let entry = |i| (chunk.group(i), chunk.key(i), chunk.value(i));
        assert_eq!(entry(0), (3, &b"ann"[..], &b"1"[..]));
        assert_eq!(entry(1), (7, &b""[..], &b""[..]));
        assert_eq!(entry(2), (7, &b"bob"[..], &b"22"[..]));
        assert_eq!((chunk.len(), chunk.bytes()), (3, 9));
    }
}
