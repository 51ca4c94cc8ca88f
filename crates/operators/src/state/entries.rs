//! The keys of entries, and the loop that writes a table of them.
//!
//! A key is the row of its columns ([`super::codec`]); its key group comes from the hash of the
//! leading columns, those the exchange in front of the operator hashes too. So an entry lies in
//! the subtask that gets its rows, at any parallelism.
//!
//! Keys come from a `KeyTable`, which has already made equal what is equal (-0.0 and 0.0, NaNs).

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_core::key::{hash_rows, key_group};
use millstream_core::state::{StateChunk, StateKey, StateWriter};
use millstream_core::{Error, Result};

use super::bytes::{Reader, damaged};
use super::codec::{Decoder, Encoded};
use super::tracker::Tracker;

/// Entries encoded or decoded at a time.
pub(crate) const BATCH_ENTRIES: usize = 1024;
/// Bytes of entries decoded at a time, unless a single one is larger.
const BATCH_BYTES: usize = 64 << 20;
/// Key groups are numbered in 16 bits.
const KEY_GROUPS_MAX: u32 = 1 << 16;

/// A table of an operator, and a namespace of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) table: u8,
    pub(crate) namespace: i64,
}

/// Turns key columns into bytes and key groups, and back.
pub(crate) struct KeyCodec {
    types: Vec<DataType>,
    /// Leading columns that decide the key group.
    hashed: usize,
    key_groups: u32,
    encoded: Encoded,
    hashes: Vec<u64>,
}

impl KeyCodec {
    /// For keys of these types, of which the first `hashed` decide the key group.
    pub(crate) fn new(types: Vec<DataType>, hashed: usize, key_groups: u32) -> Result<Self> {
        if !(1..=KEY_GROUPS_MAX).contains(&key_groups) || hashed > types.len() {
            return Err(Error::internal(format!(
                "{hashed} of {} key columns for {key_groups} key groups",
                types.len()
            )));
        }
        Ok(KeyCodec {
            types,
            hashed,
            key_groups,
            encoded: Encoded::default(),
            hashes: Vec::new(),
        })
    }

    /// Encodes keys; they are then asked for one by one.
    pub(crate) fn encode(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<()> {
        self.encoded.encode(columns, num_rows)?;
        hash_rows(&columns[..self.hashed], num_rows, &mut self.hashes)
    }

    /// Finds the key groups of keys, without encoding them.
    fn hash(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<()> {
        hash_rows(&columns[..self.hashed], num_rows, &mut self.hashes)
    }

    /// The bytes of a key just encoded.
    pub(crate) fn key(&self, row: usize) -> &[u8] {
        self.encoded.row(row)
    }

    /// The key group of a key just encoded.
    pub(crate) fn group(&self, row: usize) -> u16 {
        key_group(self.hashes[row], self.key_groups) as u16
    }

    /// The key columns of some entries; what follows a key belongs to `rest`.
    pub(crate) fn decode(
        &mut self,
        chunk: &StateChunk,
        entries: Range<usize>,
        mut rest: Option<&mut Decoder>,
    ) -> Result<Vec<ArrayRef>> {
        let mut decoder = Decoder::new(&self.types)?;
        for entry in entries.clone() {
            let mut reader = Reader::new(chunk.key(entry));
            decoder.read(&mut reader)?;
            if let Some(rest) = &mut rest {
                rest.read(&mut reader)?;
            }
            reader.end()?;
        }
        let columns = decoder.finish()?;
        let hashed = &columns[..self.hashed];
        hash_rows(hashed, entries.len(), &mut self.hashes)?;
        for (row, entry) in entries.enumerate() {
            if chunk.group(entry) != self.group(row) {
                return Err(damaged("a key is not in its key group"));
            }
        }
        Ok(columns)
    }
}

/// Writes entries; `keys` gives their key columns, `value` appends their values.
pub(crate) fn write(
    ids: &[u32],
    place: Place,
    codec: &mut KeyCodec,
    tracker: &mut Tracker,
    keys: impl Fn(&[u32]) -> Result<Vec<ArrayRef>>,
    value: impl Fn(u32, &mut Vec<u8>) -> Result<()>,
    state: &mut dyn StateWriter,
) -> Result<()> {
    let mut bytes = Vec::new();
    for ids in ids.chunks(BATCH_ENTRIES) {
        codec.encode(&keys(ids)?, ids.len())?;
        for (row, &id) in ids.iter().enumerate() {
            bytes.clear();
            value(id, &mut bytes)?;
            let key = codec.key(row);
            state.put(state_key(place, codec.group(row), key), &bytes)?;
            tracker.wrote(id, key);
        }
    }
    delete(place, tracker, state)
}

/// The same entries, key group by key group. Files cut from such a snapshot hold few key groups each,
/// so a look-up asks one of them and not all.
pub(crate) fn by_key_group(
    ids: &[u32],
    codec: &mut KeyCodec,
    keys: impl Fn(&[u32]) -> Result<Vec<ArrayRef>>,
) -> Result<Vec<u32>> {
    let mut groups: Vec<u16> = Vec::with_capacity(ids.len());
    let mut ends = vec![0usize; codec.key_groups as usize + 1];
    for ids in ids.chunks(BATCH_ENTRIES) {
        codec.hash(&keys(ids)?, ids.len())?;
        for row in 0..ids.len() {
            let group = codec.group(row);
            groups.push(group);
            ends[usize::from(group) + 1] += 1;
        }
    }
    for group in 1..ends.len() {
        ends[group] += ends[group - 1];
    }
    let mut ordered = vec![0; ids.len()];
    for (&id, group) in ids.iter().zip(groups) {
        let at = &mut ends[usize::from(group)];
        ordered[*at] = id;
        *at += 1;
    }
    Ok(ordered)
}

/// Deletes what is gone, after everything that is there has been written.
pub(crate) fn delete(
    place: Place,
    tracker: &mut Tracker,
    state: &mut dyn StateWriter,
) -> Result<()> {
    let is_full = state.is_full();
    for (key, group) in tracker.finish() {
        if !is_full {
            state.delete(state_key(place, group, &key))?;
        }
    }
    Ok(())
}

/// Remembers the keys of entries that a checkpoint holds and that are about to go, and frees the
/// numbers of all of them.
pub(crate) fn bury(
    ids: &[u32],
    codec: &mut KeyCodec,
    tracker: &mut Tracker,
    keys: impl Fn(&[u32]) -> Result<Vec<ArrayRef>>,
) -> Result<()> {
    let stored = ids.iter().copied().filter(|&id| tracker.is_stored(id));
    let stored: Vec<u32> = stored.collect();
    for ids in stored.chunks(BATCH_ENTRIES) {
        codec.encode(&keys(ids)?, ids.len())?;
        (0..ids.len()).for_each(|row| tracker.remove(codec.key(row), codec.group(row)));
    }
    ids.iter().for_each(|&id| tracker.free(id));
    Ok(())
}

/// Where an entry belongs.
pub(crate) fn state_key(place: Place, group: u16, key: &[u8]) -> StateKey<'_> {
    StateKey {
        group,
        table: place.table,
        namespace: place.namespace,
        key,
    }
}

/// Cuts a chunk so that the columns of a piece stay small.
pub(crate) fn pieces(chunk: &StateChunk) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for entry in 0..chunk.len() {
        let size = chunk.key(entry).len() + chunk.value(entry).len();
        if entry > from && bytes + size > BATCH_BYTES {
            pieces.push(from..entry);
            (from, bytes) = (entry, 0);
        }
        bytes += size;
    }
    if from < chunk.len() {
        pieces.push(from..chunk.len());
    }
    pieces
}
