//! A cache of opened blocks with a limit in bytes.
//!
//! Second chance ("clock"): a block that was used since the hand last passed stays for another
//! round. One lock, held for a look-up in a hash table; the blocks themselves are shared.

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// Blocks of all runs that share it.
pub struct BlockCache {
    inner: Mutex<Inner>,
}

/// A block: the number of the opened run, and the block's offset in its file.
type Key = (u64, u64);

#[derive(Default)]
struct Inner {
    bytes_max: usize,
    bytes: usize,
    slots: Vec<Slot>,
    at: HashMap<Key, usize>,
    hand: usize,
    hits: u64,
    misses: u64,
}

struct Slot {
    key: Key,
    block: Bytes,
    used: bool,
}

impl BlockCache {
    /// A cache of at most `bytes_max` bytes; 0 caches nothing.
    pub fn new(bytes_max: usize) -> Self {
        BlockCache {
            inner: Mutex::new(Inner {
                bytes_max,
                ..Inner::default()
            }),
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Look-ups that found their block, and those that did not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.hits, inner.misses)
    }

    /// Changes the limit; what is beyond it goes at once. For pressure on memory.
    pub fn resize(&self, bytes_max: usize) {
        let mut inner = self.inner.lock();
        inner.bytes_max = bytes_max;
        inner.make_room(0);
    }

    pub(crate) fn get(&self, key: Key) -> Option<Bytes> {
        let mut inner = self.inner.lock();
        let found = inner.at.get(&key).copied();
        match found {
            None => {
                inner.misses += 1;
                None
            }
            Some(slot) => {
                inner.hits += 1;
                inner.slots[slot].used = true;
                Some(inner.slots[slot].block.clone())
            }
        }
    }

    pub(crate) fn insert(&self, key: Key, block: Bytes) {
        let mut inner = self.inner.lock();
        // One huge value must not push out everything else.
        if block.len() > inner.bytes_max / 4 || inner.at.contains_key(&key) {
            return;
        }
        inner.make_room(block.len());
        inner.bytes += block.len();
        let slot = inner.slots.len();
        inner.at.insert(key, slot);
        inner.slots.push(Slot {
            key,
            block,
            used: false,
        });
    }
}

impl Inner {
    fn make_room(&mut self, wanted: usize) {
        while self.bytes + wanted > self.bytes_max && !self.slots.is_empty() {
            self.hand %= self.slots.len();
            match std::mem::take(&mut self.slots[self.hand].used) {
                true => self.hand += 1,
                false => self.remove(self.hand),
            }
        }
    }

    fn remove(&mut self, slot: usize) {
        let gone = self.slots.swap_remove(slot);
        self.bytes -= gone.block.len();
        self.at.remove(&gone.key);
        if let Some(moved) = self.slots.get(slot) {
            self.at.insert(moved.key, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(len: usize) -> Bytes {
        vec![7; len].into()
    }

    #[test]
    fn the_limit_holds_and_a_used_block_outlives_an_unused_one() {
        let cache = BlockCache::new(100);
        for offset in 0..4 {
            cache.insert((1, offset), block(25));
        }
        assert!(cache.get((1, 0)).is_some());
        cache.insert((1, 4), block(25));
        assert_eq!(cache.bytes(), 100);
        assert!(cache.get((1, 0)).is_some(), "it was used");
        let left = (1..5).filter(|o| cache.get((1, *o)).is_some()).count();
        assert_eq!(left, 3);
    }

    #[test]
    fn a_block_larger_than_a_quarter_is_not_kept_and_resizing_frees() {
        let cache = BlockCache::new(100);
        cache.insert((1, 0), block(26));
        assert_eq!(cache.bytes(), 0);
        cache.insert((1, 1), block(25));
        cache.insert((2, 1), block(20));
        cache.resize(20);
        assert!(cache.bytes() <= 20);
        cache.resize(0);
        assert_eq!(cache.bytes(), 0);
    }
}
