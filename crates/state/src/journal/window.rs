//! The window of idempotency keys: the exact last ones, each with the record that had it.
//!
//! * Exact: a set, not a high-water mark. Pushes overtake each other, and a mark would drop the
//!   slower one (Restate lost records that way in 2026).
//! * Kept by the journal itself: each record carries its key, and each segment begins with the keys
//!   known then, so that the window outlives the segments that were deleted.
//! * Keys of a group are only staged until the group is durable: a failed group leaves no key.
//! * Cost: about 100 bytes and the key, per key; O(1) per record.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frame::Codec;
use super::record::Record;
use crate::wire::{Cursor, put_bytes, put_varint};

/// Bytes of keys in one frame.
const FRAME_BYTES: usize = 256 << 10;

type Key = Arc<[u8]>;

/// The last keys, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    capacity: usize,
    known: HashMap<Key, u64>,
    order: VecDeque<Key>,
    staged: HashMap<Key, u64>,
    staged_order: Vec<Key>,
}

impl Window {
    /// An empty window for `capacity` keys; none are kept with 0.
    pub(super) fn new(capacity: usize) -> Self {
        Window {
            capacity,
            ..Window::default()
        }
    }

    /// The record that already has this record's key, if any; otherwise the key is staged.
    pub(super) fn stage(&mut self, record: &Record, sequence: u64) -> Option<u64> {
        let key = key(record).filter(|_| self.capacity > 0)?;
        let known = self.known.get(key.as_slice());
        if let Some(first) = known.or_else(|| self.staged.get(key.as_slice())) {
            return Some(*first);
        }
        let key: Key = key.into();
        self.staged.insert(Arc::clone(&key), sequence);
        self.staged_order.push(key);
        None
    }

    /// The group of the staged keys is durable.
    pub(super) fn commit(&mut self) {
        for key in std::mem::take(&mut self.staged_order) {
            if let Some(sequence) = self.staged.remove(&key) {
                self.add(key, sequence);
            }
        }
    }

    /// The group of the staged keys has failed.
    pub(super) fn forget(&mut self) {
        self.staged.clear();
        self.staged_order.clear();
    }

    /// A record of the journal, while it is opened.
    pub(super) fn see(&mut self, record: &Record, sequence: u64) {
        if let Some(key) = key(record) {
            self.add(key.into(), sequence);
        }
    }

    fn add(&mut self, key: Key, sequence: u64) {
        if self.capacity == 0 || self.known.contains_key(&key) {
            return;
        }
        self.known.insert(Arc::clone(&key), sequence);
        self.order.push_back(key);
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Writes all keys as frames.
    pub(super) fn write(&self, codec: Codec, sequence: u64, out: &mut Vec<u8>) {
        let mut keys = self.order.iter().peekable();
        while keys.peek().is_some() {
            codec.keys(out, sequence, |out| {
                let start = out.len();
                while out.len() - start < FRAME_BYTES {
                    let Some(key) = keys.next() else { break };
                    put_bytes(out, key);
                    put_varint(out, self.known.get(key).copied().unwrap_or(sequence));
                }
            });
        }
    }

    /// Reads a frame of keys; `None` if it is none.
    pub(super) fn read(&mut self, body: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(body);
        while cursor.left() > 0 {
            let key = cursor.bytes()?.into();
            self.add(key, cursor.varint()?);
        }
        Some(())
    }
}

/// The key within its stream.
fn key(record: &Record) -> Option<Vec<u8>> {
    let key = record.idempotency_key.as_ref()?;
    let mut out = Vec::with_capacity(record.stream.len() + key.len() + 2);
    put_bytes(&mut out, record.stream.as_bytes());
    out.extend_from_slice(key);
    Some(out)
}
