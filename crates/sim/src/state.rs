//! State in memory: what operators write at checkpoints, in a map, and strict about it.
//!
//! It keeps what the last checkpoint says: entries of all key groups, and the blobs of the subtasks
//! that wrote it. A writer refuses what no other implementation promises to bear: entries of key
//! groups of other subtasks, and keys that one snapshot puts or deletes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use millstream_core::key::range;
use millstream_core::operator::Operator;
use millstream_core::state::{StateChunk, StateKey, StateLookup, StateReader, StateWriter};
use millstream_core::{Error, Result};

/// Entries in a chunk of a reader: few, so that small tests have several chunks.
const CHUNK_ENTRIES: usize = 5;

/// Where an entry is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    table: u8,
    namespace: i64,
    group: u16,
    key: Vec<u8>,
}

/// The state of one operator, in memory.
#[derive(Clone, Debug)]
pub struct MemoryState {
    key_groups: u32,
    entries: BTreeMap<Place, Vec<u8>>,
    /// By name and subtask.
    blobs: BTreeMap<(String, usize), Vec<u8>>,
    /// Subtasks that wrote the last checkpoint.
    subtasks: usize,
    written: usize,
}

/// What one subtask writes at a checkpoint.
#[derive(Debug)]
pub struct MemoryWriter {
    groups: Range<u32>,
    is_full: bool,
    puts: BTreeMap<Place, Vec<u8>>,
    deletes: BTreeSet<Place>,
    drops: BTreeSet<(u8, i64)>,
    blobs: BTreeMap<String, Vec<u8>>,
}

/// Reads the state of some key groups.
#[derive(Debug)]
pub struct MemoryReader<'a> {
    state: &'a MemoryState,
    groups: Range<u32>,
    chunks: Vec<StateChunk>,
}

impl MemoryState {
    /// No state, for a job with so many key groups.
    pub fn new(key_groups: u32) -> Self {
        MemoryState {
            key_groups,
            entries: BTreeMap::new(),
            blobs: BTreeMap::new(),
            subtasks: 0,
            written: 0,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries put and deleted, and namespaces dropped, by the last checkpoint.
    pub fn written(&self) -> usize {
        self.written
    }

    /// The bytes of every entry and blob, to be damaged.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.entries.values_mut().chain(self.blobs.values_mut())
    }

    /// A checkpoint of all subtasks of an operator, in their order.
    ///
    /// # Errors
    /// Those of the operators; then nothing has changed.
    pub fn checkpoint(&mut self, operators: &mut [&mut dyn Operator], is_full: bool) -> Result<()> {
        let parallelism = operators.len() as u32;
        let mut writers = Vec::new();
        for (subtask, operator) in (0..).zip(operators.iter_mut()) {
            let groups = range(subtask, self.key_groups, parallelism);
            let mut writer = MemoryWriter::new(groups, is_full);
            operator.snapshot(&mut writer)?;
            writers.push(writer);
        }
        self.apply(writers);
        Ok(())
    }

    /// Gives an operator the state of its key groups.
    ///
    /// # Errors
    /// Those of the operator.
    pub fn restore(
        &self,
        operator: &mut dyn Operator,
        subtask: u32,
        parallelism: u32,
    ) -> Result<()> {
        operator.restore(&mut self.reader(range(subtask, self.key_groups, parallelism)))
    }

    /// Reads the state of some key groups.
    pub fn reader(&self, groups: Range<u32>) -> MemoryReader<'_> {
        let mut chunks: Vec<StateChunk> = Vec::new();
        for (place, value) in &self.entries {
            if !groups.contains(&u32::from(place.group)) {
                continue;
            }
            let fits = |chunk: &&mut StateChunk| {
                let same = (chunk.table, chunk.namespace) == (place.table, place.namespace);
                same && chunk.len() < CHUNK_ENTRIES
            };
            match chunks.last_mut().filter(fits) {
                Some(chunk) => chunk.push(place.group, &place.key, value),
                None => {
                    let mut chunk = StateChunk::new(place.table, place.namespace);
                    chunk.push(place.group, &place.key, value);
                    chunks.push(chunk);
                }
            }
        }
        // Taken from the end: the tables that depend on others come first.
        MemoryReader {
            state: self,
            groups,
            chunks,
        }
    }

    /// Makes a checkpoint of what all subtasks have written.
    fn apply(&mut self, writers: Vec<MemoryWriter>) {
        // Blobs stay until they are replaced, but not those of a run with other subtasks.
        if self.subtasks != writers.len() {
            self.blobs.clear();
        }
        self.subtasks = writers.len();
        self.written = 0;
        for (subtask, writer) in writers.into_iter().enumerate() {
            self.written += writer.puts.len() + writer.deletes.len() + writer.drops.len();
            let is_gone = |place: &Place| {
                writer.groups.contains(&u32::from(place.group))
                    && (writer.is_full
                        || writer.deletes.contains(place)
                        || writer.drops.contains(&(place.table, place.namespace)))
            };
            self.entries.retain(|place, _| !is_gone(place));
            self.entries.extend(writer.puts);
            let blobs = writer.blobs.into_iter();
            self.blobs
                .extend(blobs.map(|(name, bytes)| ((name, subtask), bytes)));
        }
    }
}

impl StateLookup for MemoryState {
    fn get(&mut self, keys: &[StateKey<'_>]) -> Result<Vec<Option<Vec<u8>>>> {
        let place = |key: &StateKey<'_>| Place {
            table: key.table,
            namespace: key.namespace,
            group: key.group,
            key: key.key.to_vec(),
        };
        let found = keys
            .iter()
            .map(|key| self.entries.get(&place(key)).cloned());
        Ok(found.collect())
    }
}

impl MemoryWriter {
    /// Takes the state of a subtask with these key groups.
    pub fn new(groups: Range<u32>, is_full: bool) -> Self {
        MemoryWriter {
            groups,
            is_full,
            puts: BTreeMap::new(),
            deletes: BTreeSet::new(),
            drops: BTreeSet::new(),
            blobs: BTreeMap::new(),
        }
    }

    fn place(&self, key: StateKey<'_>) -> Result<Place> {
        if !self.groups.contains(&u32::from(key.group)) {
            return Err(Error::internal(format!(
                "an entry in key group {}, wanted one of {:?}",
                key.group, self.groups
            )));
        }
        let place = Place {
            table: key.table,
            namespace: key.namespace,
            group: key.group,
            key: key.key.to_vec(),
        };
        match self.puts.contains_key(&place) || self.deletes.contains(&place) {
            true => Err(Error::internal(format!("written twice: {place:?}"))),
            false => Ok(place),
        }
    }
}

impl StateWriter for MemoryWriter {
    fn is_full(&self) -> bool {
        self.is_full
    }

    fn put(&mut self, key: StateKey<'_>, value: &[u8]) -> Result<()> {
        let place = self.place(key)?;
        self.puts.insert(place, value.to_vec());
        Ok(())
    }

    fn delete(&mut self, key: StateKey<'_>) -> Result<()> {
        let place = self.place(key)?;
        self.deletes.insert(place);
        Ok(())
    }

    fn drop_namespace(&mut self, table: u8, namespace: i64) -> Result<()> {
        self.drops.insert((table, namespace));
        Ok(())
    }

    fn blob(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.blobs.insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}

impl StateReader for MemoryReader<'_> {
    fn next_chunk(&mut self) -> Result<Option<StateChunk>> {
        Ok(self.chunks.pop())
    }

    fn blobs(&self, name: &str) -> Vec<&[u8]> {
        let blobs = self.state.blobs.iter();
        let named = blobs.filter(|((known, _), _)| known == name);
        named.map(|(_, bytes)| bytes.as_slice()).collect()
    }

    fn key_groups(&self) -> Range<u32> {
        self.groups.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: u16, namespace: i64, key: &[u8]) -> StateKey<'_> {
        StateKey {
            group,
            table: 0,
            namespace,
            key,
        }
    }

    #[test]
    fn a_dropped_namespace_takes_older_entries_of_the_subtask_only() {
        let mut state = MemoryState::new(2);
        let mut first = MemoryWriter::new(0..1, false);
        let mut second = MemoryWriter::new(1..2, false);
        first.put(key(0, 7, b"a"), b"1").unwrap();
        second.put(key(1, 7, b"b"), b"2").unwrap();
        state.apply(vec![first, second]);
        let mut first = MemoryWriter::new(0..1, false);
        first.drop_namespace(0, 7).unwrap();
        first.put(key(0, 7, b"c"), b"3").unwrap();
        state.apply(vec![first, MemoryWriter::new(1..2, false)]);
        let keys: Vec<_> = state.entries.keys().map(|place| &place.key[..]).collect();
        assert_eq!(keys, [b"c", b"b"]);
        assert_eq!(state.written(), 2);
    }

    #[test]
    fn a_writer_refuses_what_is_not_the_subtasks_and_what_comes_twice() {
        let mut writer = MemoryWriter::new(0..1, false);
        assert!(writer.put(key(1, 0, b"a"), b"").is_err());
        writer.delete(key(0, 0, b"a")).unwrap();
        assert!(writer.put(key(0, 0, b"a"), b"").is_err());
    }
}
