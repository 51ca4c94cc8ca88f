//! The entries of a distinct set in a checkpoint: key of the group, value ─▶ what is known of it.
//!
//! An entry whose group is about to go can no longer say its key, so what has gone is *buried*
//! (number of the group, bytes of the value) and gets its key from whoever owns the groups, before
//! the group's number is given to another key.

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateWriter};

use super::{CHANGED, DistinctSet, Seen, is_counted, note_live};
use crate::aggregate::kernel::{Accumulator, Rows};
use crate::aggregate::state::GroupsOf;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::codec::{Decoder, Encoded, types_text};
use crate::state::entries::{self, BATCH_ENTRIES, KeyCodec, Place, state_key};

/// The key columns of groups.
type KeysOf<'a> = &'a dyn Fn(&[u32]) -> Result<Vec<ArrayRef>>;

impl DistinctSet {
    /// What its entries are.
    pub(in crate::aggregate) fn form(&self) -> Result<String> {
        let known = match self.seen {
            Seen::Bits(_) => "seen",
            Seen::Counts(_) => "counted",
        };
        Ok(format!(
            "distinct({}) {known} for {}",
            types_text(self.types())?,
            self.filters.len()
        ))
    }

    fn types(&self) -> &[DataType] {
        self.values.types()
    }

    /// Remembers those of these entries that a checkpoint holds; they are about to be removed.
    pub(super) fn bury(&mut self, ids: &[u32]) -> Result<()> {
        let stored = ids.iter().copied().filter(|&id| self.tracker.is_stored(id));
        let stored: Vec<u32> = stored.collect();
        for ids in stored.chunks(BATCH_ENTRIES) {
            let values = self.values.keys(ids)?;
            self.buried.values.append(&values, ids.len())?;
            let groups = ids.iter().filter_map(|&id| self.values.space(id));
            self.buried.groups.extend(groups);
        }
        ids.iter().for_each(|&id| self.tracker.free(id));
        Ok(())
    }

    /// Gives buried entries their keys, while their groups still have them.
    pub(in crate::aggregate) fn name_buried(
        &mut self,
        codec: &mut KeyCodec,
        keys: KeysOf<'_>,
    ) -> Result<()> {
        let mut key = Vec::new();
        for (batch, groups) in self.buried.groups.chunks(BATCH_ENTRIES).enumerate() {
            codec.encode(&keys(groups)?, groups.len())?;
            for row in 0..groups.len() {
                key.clear();
                key.extend_from_slice(codec.key(row));
                let value = self.buried.values.row(batch * BATCH_ENTRIES + row);
                key.extend_from_slice(value);
                self.tracker.remove(&key, codec.group(row));
            }
        }
        self.buried.groups.clear();
        self.buried.values.clear();
        Ok(())
    }

    /// Writes the entries that have changed.
    pub(in crate::aggregate) fn snapshot(
        &mut self,
        place: Place,
        codec: &mut KeyCodec,
        keys: KeysOf<'_>,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        self.name_buried(codec, keys)?;
        self.collect_changes();
        let mut ids = self
            .tracker
            .changes(self.values.id_bound(), state.is_full());
        ids.retain(|&id| self.values.space(id).is_some());
        let (mut values, mut key, mut known) = (Encoded::default(), Vec::new(), Vec::new());
        for ids in ids.chunks(BATCH_ENTRIES) {
            let groups = ids.iter().filter_map(|&id| self.values.space(id));
            let groups: Vec<u32> = groups.collect();
            codec.encode(&keys(&groups)?, ids.len())?;
            values.encode(&self.values.keys(ids)?, ids.len())?;
            for (row, &id) in ids.iter().enumerate() {
                key.clear();
                key.extend_from_slice(codec.key(row));
                key.extend_from_slice(values.row(row));
                known.clear();
                self.put_known(id, &mut known);
                state.put(state_key(place, codec.group(row), &key), &known)?;
                self.tracker.wrote(id, &key);
            }
        }
        entries::delete(place, &mut self.tracker, state)
    }

    /// Hands the changes that entries have noted themselves to the tracker.
    fn collect_changes(&mut self) {
        if let Seen::Bits(seen) = &mut self.seen {
            let changed = (0..).zip(seen).filter(|(_, seen)| **seen & CHANGED != 0);
            for (id, seen) in changed {
                *seen &= !CHANGED;
                self.tracker.touch_one(id);
            }
        }
    }

    fn put_known(&self, id: u32, out: &mut Vec<u8>) {
        let width = self.filters.len();
        match &self.seen {
            Seen::Bits(seen) => seen[id as usize].put(out),
            Seen::Counts(counts) => {
                let entry = &counts[id as usize * width..(id as usize + 1) * width];
                entry.iter().for_each(|count| count.put(out));
            }
        }
    }

    /// Takes entries back; the states of the aggregates that were told of them come apart, except
    /// those that are told again.
    pub(in crate::aggregate) fn restore(
        &mut self,
        chunk: &StateChunk,
        codec: &mut KeyCodec,
        groups_of: &mut GroupsOf<'_>,
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        for entries in entries::pieces(chunk) {
            let mut decoder = Decoder::new(self.types())?;
            let keys = codec.decode(chunk, entries.clone(), Some(&mut decoder))?;
            let values = decoder.finish()?;
            let groups = groups_of(&keys, entries.len())?;
            let mut ids = std::mem::take(&mut self.ids);
            self.values.intern_in(&values, &groups, &mut ids)?;
            self.make_room(&groups, &ids);
            for ((&id, &group), entry) in ids.iter().zip(&groups).zip(entries) {
                self.load_known(id, group, chunk.value(entry))?;
                self.tracker.restored(id);
            }
            self.ids = ids;
            self.tell_again(&values, &groups, accumulators)?;
        }
        Ok(())
    }

    /// Tells the values just restored to the aggregates that do not store them.
    fn tell_again(
        &self,
        values: &[ArrayRef],
        groups: &[u32],
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        let Seen::Counts(counts) = &self.seen else {
            return Ok(());
        };
        let width = self.filters.len();
        let bound = groups.iter().max().map_or(0, |&most| most as usize + 1);
        for &(index, bit) in &self.members {
            let accumulator = &mut accumulators[index];
            if !accumulator.is_rebuilt() {
                continue;
            }
            let there = |row: usize| counts[self.ids[row] as usize * width + bit] > 0;
            let chosen = BooleanBuffer::collect_bool(self.ids.len(), there);
            accumulator.resize(bound);
            accumulator.update(&Rows {
                args: values,
                groups,
                chosen: Some(&chosen),
                signs: None,
            })?;
        }
        Ok(())
    }

    fn load_known(&mut self, id: u32, group: u32, value: &[u8]) -> Result<()> {
        let width = self.filters.len();
        let mut reader = Reader::new(value);
        match &mut self.seen {
            Seen::Bits(seen) => {
                let bits: u32 = reader.fixed()?;
                if bits & CHANGED != 0 {
                    return Err(damaged("a value was seen by a filter there is not"));
                }
                seen[id as usize] = bits;
            }
            Seen::Counts(counts) => {
                let entry = &mut counts[id as usize * width..(id as usize + 1) * width];
                for count in entry.iter_mut() {
                    *count = reader.fixed()?;
                }
                note_live(&mut self.live, group, false, is_counted(entry));
            }
        }
        reader.end()
    }

    /// Says that the entries have got another place in the checkpoint.
    pub(in crate::aggregate) fn moved(&mut self) {
        self.tracker.moved(self.values.id_bound());
        self.buried.groups.clear();
        self.buried.values.clear();
    }

    /// Says that a checkpoint may hold any of the entries, but not as they are now.
    pub(in crate::aggregate) fn adopted(&mut self) {
        let ids = self.values.ids();
        ids.iter().for_each(|&id| self.tracker.adopted(id));
    }
}
