//! The entries of rows in a checkpoint: key, row ─▶ how often, and what the operator keeps beside.

use std::ops::Range;

use arrow::array::ArrayRef;
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateWriter};

use super::KeyedRows;
use crate::keys::KeyTable;
use crate::state::bytes::{Reader, damaged, put_length};
use crate::state::codec::{Decoder, types_text};
use crate::state::entries::{self, BATCH_ENTRIES, KeyCodec, Place, state_key};

impl KeyedRows {
    /// What the entries are.
    pub(crate) fn form(&self) -> Result<String> {
        Ok(format!("rows({})", types_text(&self.types)?))
    }

    /// Writes down the keys of rows that are gone, before their keys go.
    pub(crate) fn name_buried(&mut self, keys: &KeyTable, codec: &mut KeyCodec) -> Result<()> {
        let mut key = Vec::new();
        for (batch, ids) in self.buried.keys.chunks(BATCH_ENTRIES).enumerate() {
            codec.encode(&keys.keys(ids)?, ids.len())?;
            for row in 0..ids.len() {
                key.clear();
                key.extend_from_slice(codec.key(row));
                key.extend_from_slice(self.buried.rows.row(batch * BATCH_ENTRIES + row));
                self.tracker.remove(&key, codec.group(row));
            }
        }
        self.buried.keys.clear();
        self.buried.rows.clear();
        Ok(())
    }

    /// Writes what has changed; `beside` appends what the operator keeps beside a slot.
    pub(crate) fn snapshot(
        &mut self,
        place: Place,
        keys: &KeyTable,
        codec: &mut KeyCodec,
        beside: impl Fn(u32, &mut Vec<u8>),
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        self.name_buried(keys, codec)?;
        let mut slots = self.tracker.changes(self.slot_bound(), state.is_full());
        slots.retain(|&slot| self.counts[slot as usize] > 0);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for slots in slots.chunks(BATCH_ENTRIES) {
            let ids: Vec<u32> = slots.iter().map(|&slot| self.table.space(slot)).collect();
            codec.encode(&keys.keys(&ids)?, ids.len())?;
            for (row, &slot) in slots.iter().enumerate() {
                key.clear();
                key.extend_from_slice(codec.key(row));
                key.extend_from_slice(self.table.get(slot).unwrap_or_default());
                value.clear();
                put_length(self.counts[slot as usize] as usize, &mut value);
                beside(slot, &mut value);
                state.put(state_key(place, codec.group(row), &key), &value)?;
                self.tracker.wrote(slot, &key);
            }
        }
        entries::delete(place, &mut self.tracker, state)
    }

    /// Takes entries back; `beside` reads what the operator keeps beside a slot.
    pub(crate) fn restore(
        &mut self,
        chunk: &StateChunk,
        keys: &mut KeyTable,
        codec: &mut KeyCodec,
        mut beside: impl FnMut(u32, &mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut ids = Vec::new();
        for entries in entries::pieces(chunk) {
            let columns = self.decode(chunk, entries.clone(), codec)?;
            keys.intern(&columns, entries.len(), &mut ids)?;
            for (row, entry) in entries.enumerate() {
                let mut reader = Reader::new(chunk.value(entry));
                let times = u32::try_from(reader.length()?)
                    .ok()
                    .filter(|times| *times > 0)
                    .ok_or_else(|| damaged("a row is there an impossible number of times"))?;
                let slot = self.add_times(row, ids[row], times)?;
                beside(slot, &mut reader)?;
                reader.end()?;
                self.tracker.restored(slot);
            }
        }
        // What was added counts as saved.
        self.tracker.settled();
        Ok(())
    }

    /// The key columns of some entries; their rows are at hand then.
    fn decode(
        &mut self,
        chunk: &StateChunk,
        entries: Range<usize>,
        codec: &mut KeyCodec,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Decoder::new(&self.types)?;
        let columns = codec.decode(chunk, entries.clone(), Some(&mut rows))?;
        self.take_in_hand(&rows.finish()?, entries.len())?;
        Ok(columns)
    }
}
