//! Keys that are given up for want of memory, and brought back for the rows that need them.
//!
//! ```text
//! evict   of the clean keys those untouched for longest go; all others are numbered anew and
//!         moved together, so that the memory really is free
//! fetch   keys of a batch that are not present: looked up, loaded if stored, new if not
//! ```
//!
//! * Only where rows come and none goes: a key that was deleted and comes again could otherwise be
//!   found in a checkpoint older than its deletion. And only without distinct values, which are
//!   entries of their own.
//! * How long a key was untouched is told by the number of the batch that touched it last.
//! * Cost: giving up looks at every key once and moves what is left, so it is done in large steps:
//!   at least an eighth of the keys go, or none. Bringing back hashes the keys of a batch twice.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use millstream_core::Result;
use millstream_core::id::Port;
use millstream_core::operator::Spill;
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateKey, StateLookup};

use super::{GroupAggregate, PLACE};
use crate::state::bytes::Reader;
use crate::state::entries::state_key;
use crate::state::tracker::Bits;

/// Less than this part of the keys is not worth moving all others.
const PARTS: usize = 8;

impl GroupAggregate {
    /// True if keys can be given up.
    pub(super) fn can_spill(&self) -> bool {
        let only_grows = self.groups.rows.is_none() && !self.at_end_only;
        only_grows && self.layout.keys > 0 && self.groups.accumulators.distinct_sets() == 0
    }

    /// From now on, keys that are not in memory may be in a checkpoint.
    pub(super) fn note_present(&mut self) {
        if self.present.is_none() {
            let mut present = Bits::default();
            let ids = self.groups.keys.ids();
            ids.into_iter().for_each(|id| present.insert(id));
            self.present = Some(present);
            self.groups.looked_up = true;
        }
    }

    /// The keys that stay when about `bytes` are given up, ascending: all that have changed, and of
    /// the clean ones those touched last. `None` if there is nothing to give up.
    fn keepers(&self, bytes: usize) -> Option<Vec<u32>> {
        let mut ids = self.groups.keys.ids();
        let each = (self.bytes() / ids.len().max(1)).max(1);
        let (tracker, touched) = (&self.groups.tracker, &self.touched);
        // The clean ones to the front.
        let mut clean = 0;
        for at in 0..ids.len() {
            if tracker.is_clean(ids[at]) {
                ids.swap(clean, at);
                clean += 1;
            }
        }
        let least = ids.len() / PARTS;
        let count = bytes.div_ceil(each).max(least).min(clean);
        if count == 0 || count < least {
            return None;
        }
        if count < clean {
            let age = |id: &u32| std::cmp::Reverse(touched.age(*id));
            ids[..clean].select_nth_unstable_by_key(count, age);
        }
        ids.drain(..count);
        ids.shrink_to_fit();
        ids.sort_unstable();
        Some(ids)
    }

    /// Loads what the store knows of these keys; the others stay new.
    fn load(&mut self, ids: &[u32], rows: &[ArrayRef], state: &mut dyn StateLookup) -> Result<()> {
        self.codec.encode(rows, ids.len())?;
        let keys = (0..ids.len()).map(|row| {
            let group = self.codec.group(row);
            state_key(PLACE, group, self.codec.key(row))
        });
        let keys: Vec<StateKey<'_>> = keys.collect();
        let found = state.get(&keys)?;
        for (&id, value) in ids.iter().zip(found) {
            let Some(value) = value else {
                continue;
            };
            let mut reader = Reader::new(&value);
            self.groups.accumulators.load(id, &mut reader)?;
            reader.end()?;
            self.groups.tracker.restored(id);
            if let Some(present) = &mut self.present {
                present.insert(id);
            }
        }
        Ok(())
    }
}

impl Spill for GroupAggregate {
    fn is_partial(&self) -> bool {
        self.present.is_some()
    }

    fn evict(&mut self, bytes: usize) -> Result<usize> {
        let Some(ids) = self.keepers(bytes) else {
            return Ok(0);
        };
        let before = self.bytes();
        self.groups.keep(&ids)?;
        self.touched.keep(&ids);
        self.present = Some(Bits::below(ids.len()));
        self.groups.looked_up = true;
        Ok(before.saturating_sub(self.bytes()))
    }

    fn fetch(
        &mut self,
        _port: Port,
        rows: &ChangeBatch,
        state: &mut dyn StateLookup,
    ) -> Result<()> {
        let Some(present) = &self.present else {
            return Ok(());
        };
        let columns = self.layout.pick(rows.rows().columns());
        let keys = &columns[..self.layout.keys];
        let groups = &mut self.groups;
        groups.keys.intern(keys, rows.num_rows(), &mut groups.ids)?;
        let mut missing = Vec::new();
        let mut first_rows = Vec::new();
        let mut asked = Bits::default();
        for (row, &id) in groups.ids.iter().enumerate() {
            if !present.contains(id) && !asked.contains(id) {
                asked.insert(id);
                missing.push(id);
                first_rows.push(row as u32);
            }
        }
        groups.make_room();
        if missing.is_empty() {
            return Ok(());
        }
        let first_rows = UInt32Array::from(first_rows);
        let keys = keys.iter().map(|key| Ok(take(key, &first_rows, None)?));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        self.load(&missing, &keys, state)
    }
}

#[cfg(test)]
mod tests;
