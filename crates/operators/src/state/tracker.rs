//! Which entries have changed since the last snapshot.
//!
//! An entry has a number (`id`): that of a key, of a session, of a distinct value. Two bits per
//! entry say whether it has changed, and whether a checkpoint holds it; entries that are gone are
//! remembered by their bytes, but only if a checkpoint holds them. So a job that keeps no
//! checkpoints remembers nothing of what has gone.
//!
//! * Cost: setting a bit. A batch with more rows than there are entries sets one number instead:
//!   all entries below it count as changed. That is true of nearly all of them, and a small table
//!   costs little to write.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// A set of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    #[inline]
    pub(crate) fn insert(&mut self, id: u32) {
        let word = id as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id % 64);
    }

    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(word) = self.words.get_mut(id as usize / 64) {
            *word &= !(1 << (id % 64));
        }
    }

    pub(crate) fn contains(&self, id: u32) -> bool {
        let word = self.words.get(id as usize / 64);
        word.is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Keeps these numbers only, ascending: `ids[i]` becomes `i`.
    fn keep(&mut self, ids: &[u32]) {
        let mut kept = Bits::default();
        for (new, &id) in ids.iter().enumerate() {
            if self.contains(id) {
                kept.insert(new as u32);
            }
        }
        *self = kept;
    }

    /// All numbers below `bound`.
    pub(crate) fn below(bound: usize) -> Self {
        let mut words = vec![u64::MAX; bound.div_ceil(64)];
        if let Some(last) = words.last_mut()
            && !bound.is_multiple_of(64)
        {
            *last = (1 << (bound % 64)) - 1;
        }
        Bits { words }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }

    /// The numbers, from `from` on, ascending.
    fn iter(&self, from: u32) -> impl Iterator<Item = u32> {
        let words = self.words.iter().enumerate().skip(from as usize / 64);
        words
            .flat_map(|(index, &word)| {
                let mut rest = word;
                std::iter::from_fn(move || {
                    let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                    rest &= rest - 1;
                    Some(index as u32 * 64 + bit)
                })
            })
            .filter(move |&id| id >= from)
    }
}

/// Remembers what the next snapshot has to write.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    changed: Bits,
    /// All entries below have changed.
    changed_below: u32,
    stored: Bits,
    /// Keys a checkpoint holds and that are gone, with their key groups.
    removed: HashMap<Box<[u8]>, u16, RandomState>,
    removed_bytes: usize,
}

impl Tracker {
    /// These entries, all below `bound`, have changed. They may repeat.
    #[inline]
    pub(crate) fn touch(&mut self, ids: &[u32], bound: usize) {
        if ids.len() >= bound {
            self.changed_below = self.changed_below.max(bound as u32);
        } else {
            ids.iter().for_each(|&id| self.touch_one(id));
        }
    }

    /// This entry has changed.
    #[inline]
    pub(crate) fn touch_one(&mut self, id: u32) {
        if id >= self.changed_below {
            self.changed.insert(id);
        }
    }

    /// True if a checkpoint holds this entry.
    pub(crate) fn is_stored(&self, id: u32) -> bool {
        self.stored.contains(id)
    }

    /// True if a checkpoint holds this entry as it is now.
    pub(crate) fn is_clean(&self, id: u32) -> bool {
        let is_changed = id < self.changed_below || self.changed.contains(id);
        !is_changed && self.stored.contains(id)
    }

    /// A checkpoint holds this entry as it is now.
    pub(crate) fn restored(&mut self, id: u32) {
        self.stored.insert(id);
    }

    /// A checkpoint holds every entry as it is now.
    pub(crate) fn settled(&mut self) {
        self.changed.words.clear();
        self.changed_below = 0;
    }

    /// A checkpoint holds this entry, but not as it is now.
    pub(crate) fn adopted(&mut self, id: u32) {
        self.stored.insert(id);
        self.touch_one(id);
    }

    /// The number is free: whatever gets it next is another entry.
    pub(crate) fn free(&mut self, id: u32) {
        // That it has changed may stay: whoever asks leaves out the free ones, and what gets the
        // number next has changed.
        self.stored.remove(id);
    }

    /// An entry that a checkpoint holds is gone; its number is to be freed apart.
    pub(crate) fn remove(&mut self, key: &[u8], group: u16) {
        if self.removed.insert(key.into(), group).is_none() {
            self.removed_bytes += key.len();
        }
    }

    /// Entries have got other numbers: `ids[i]` (ascending) is `i` now, and all others are gone, not
    /// deleted: a checkpoint holds them.
    pub(crate) fn keep(&mut self, ids: &[u32]) {
        self.changed.keep(ids);
        self.stored.keep(ids);
        self.changed_below = ids.partition_point(|&id| id < self.changed_below) as u32;
    }

    /// Forgets everything: none of the entries is there any more, or in a checkpoint.
    pub(crate) fn clear(&mut self) {
        self.changed.words.clear();
        self.changed_below = 0;
        self.stored.words.clear();
        self.removed.clear();
        self.removed_bytes = 0;
    }

    /// Calls all entries below `bound` changed and in no checkpoint: they have a new place.
    pub(crate) fn moved(&mut self, bound: usize) {
        self.clear();
        self.changed_below = bound as u32;
    }

    /// The entries to be written, ascending; `bound` is above all ids. Some may not be in use.
    pub(crate) fn changes(&self, bound: usize, is_full: bool) -> Vec<u32> {
        let bound = bound as u32;
        let below = if is_full { bound } else { self.changed_below };
        let below = below.min(bound);
        (0..below).chain(self.changed.iter(below)).collect()
    }

    /// This entry is written, under this key.
    pub(crate) fn wrote(&mut self, id: u32, key: &[u8]) {
        self.stored.insert(id);
        if !self.removed.is_empty() && self.removed.remove(key).is_some() {
            self.removed_bytes -= key.len();
        }
    }

    /// All changes are written; what is left are the keys to be deleted.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = (Box<[u8]>, u16)> + use<> {
        self.changed.words.clear();
        self.changed_below = 0;
        self.removed_bytes = 0;
        std::mem::take(&mut self.removed).into_iter()
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        let removed = self.removed.allocation_size() + self.removed_bytes;
        self.changed.bytes() + self.stored.bytes() + removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_touched_since_the_last_snapshot_is_written() {
        let mut tracker = Tracker::default();
        tracker.touch(&[70, 3, 3], 200);
        assert_eq!(tracker.changes(200, false), [3, 70]);
        assert_eq!(tracker.changes(72, true), (0..72).collect::<Vec<_>>());
        tracker.wrote(3, b"c");
        assert_eq!(tracker.finish().count(), 0);
        assert_eq!(tracker.changes(200, false), [0u32; 0]);
        assert!(tracker.is_stored(3) && !tracker.is_stored(70));
    }

    #[test]
    fn a_batch_larger_than_the_table_touches_all_of_it() {
        let mut tracker = Tracker::default();
        tracker.touch_one(8);
        tracker.touch(&[0, 1, 0, 1], 3);
        tracker.touch_one(1);
        assert_eq!(tracker.changes(10, false), [0, 1, 2, 8]);
    }

    #[test]
    fn a_key_that_comes_back_is_not_deleted() {
        let mut tracker = Tracker::default();
        tracker.remove(b"ann", 7);
        tracker.remove(b"bob", 8);
        tracker.wrote(0, b"ann");
        let removed: Vec<_> = tracker.finish().collect();
        assert_eq!(removed, [(b"bob"[..].into(), 8)]);
        assert_eq!(
            tracker.bytes(),
            tracker.changed.bytes() + tracker.stored.bytes()
        );
    }
}
