//! Slots in an order: found, put in and taken out by position.
//!
//! ```text
//! none │ one │ a vector │ vectors of at most CHUNK slots, one behind the other
//! ```
//!
//! Most partitions are small, and many have one row: that one takes no memory of its own. A large
//! one is cut in chunks, so that putting a slot in moves a few of them and not all.
//!
//! Cost: O(log n) comparisons, and moving O(CHUNK) slots plus counting O(n / CHUNK) chunks.

use std::ops::Range;

/// Most slots in a chunk.
const CHUNK: usize = 2048;

/// Slots in an order that whoever puts them in knows.
#[derive(Debug, Default)]
pub(crate) enum Ordered {
    /// None.
    #[default]
    Empty,
    /// One.
    One(u32),
    /// Up to `CHUNK`, more than one.
    Few(Vec<u32>),
    /// More. No chunk is empty.
    Many(Vec<Vec<u32>>, usize),
}

impl Ordered {
    /// Number of slots.
    pub(crate) fn len(&self) -> usize {
        match self {
            Ordered::Empty => 0,
            Ordered::One(_) => 1,
            Ordered::Few(slots) => slots.len(),
            Ordered::Many(_, length) => *length,
        }
    }

    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot at a position.
    pub(crate) fn get(&self, position: usize) -> Option<u32> {
        match self {
            Ordered::Empty => None,
            Ordered::One(slot) => (position == 0).then_some(*slot),
            Ordered::Few(slots) => slots.get(position).copied(),
            Ordered::Many(chunks, _) => {
                let (chunk, at) = place(chunks, position);
                chunks.get(chunk)?.get(at).copied()
            }
        }
    }

    /// The last slot.
    pub(crate) fn last(&self) -> Option<u32> {
        match self {
            Ordered::Many(chunks, _) => chunks.last()?.last().copied(),
            few => few.get(few.len().checked_sub(1)?),
        }
    }

    /// Number of slots in front that are `before`; they all stand before those that are not.
    pub(crate) fn position(&self, mut before: impl FnMut(u32) -> bool) -> usize {
        match self {
            Ordered::Empty => 0,
            Ordered::One(slot) => usize::from(before(*slot)),
            Ordered::Few(slots) => slots.partition_point(|&slot| before(slot)),
            Ordered::Many(chunks, _) => {
                // The last chunk that begins before it.
                let chunk = chunks.partition_point(|chunk| before(chunk[0]));
                let Some(chunk) = chunk.checked_sub(1) else {
                    return 0;
                };
                let earlier: usize = chunks[..chunk].iter().map(Vec::len).sum();
                earlier + chunks[chunk].partition_point(|&slot| before(slot))
            }
        }
    }

    /// Puts a slot at a position, in front of the one that is there.
    pub(crate) fn insert(&mut self, position: usize, slot: u32) {
        match self {
            Ordered::Empty => *self = Ordered::One(slot),
            Ordered::One(other) => {
                let mut slots = vec![*other];
                slots.insert(position, slot);
                *self = Ordered::Few(slots);
            }
            Ordered::Few(slots) => {
                slots.insert(position, slot);
                if slots.len() > CHUNK {
                    let length = slots.len();
                    let back = slots.split_off(length / 2);
                    *self = Ordered::Many(vec![std::mem::take(slots), back], length);
                }
            }
            Ordered::Many(chunks, length) => {
                let (mut chunk, mut at) = place(chunks, position);
                if chunk == chunks.len() {
                    chunk -= 1;
                    at = chunks[chunk].len();
                }
                chunks[chunk].insert(at, slot);
                *length += 1;
                if chunks[chunk].len() > CHUNK {
                    let back = chunks[chunk].split_off(CHUNK / 2);
                    chunks.insert(chunk + 1, back);
                }
            }
        }
    }

    /// Takes the slot at a position out.
    ///
    /// # Panics
    /// If there is none: whoever calls has found it.
    pub(crate) fn remove(&mut self, position: usize) -> u32 {
        match self {
            Ordered::Empty => unreachable!("there is a slot at the position"),
            Ordered::One(slot) => {
                let slot = *slot;
                *self = Ordered::Empty;
                slot
            }
            Ordered::Few(slots) => {
                let slot = slots.remove(position);
                if let [only] = slots.as_slice() {
                    *self = Ordered::One(*only);
                }
                slot
            }
            Ordered::Many(chunks, length) => {
                let (chunk, at) = place(chunks, position);
                let slot = chunks[chunk].remove(at);
                *length -= 1;
                if chunks[chunk].is_empty() {
                    chunks.remove(chunk);
                }
                if *length <= CHUNK / 2 {
                    *self = Ordered::Few(chunks.concat());
                }
                slot
            }
        }
    }

    /// Appends the slots at these positions, as far as there are any.
    pub(crate) fn copy(&self, positions: Range<usize>, into: &mut Vec<u32>) {
        let end = positions.end.min(self.len());
        let start = positions.start.min(end);
        match self {
            Ordered::Empty => {}
            Ordered::One(slot) => into.extend((start..end).map(|_| *slot)),
            Ordered::Few(slots) => into.extend_from_slice(&slots[start..end]),
            Ordered::Many(chunks, _) => {
                let (chunk, at) = place(chunks, start);
                let slots = chunks[chunk.min(chunks.len())..].iter().flatten();
                into.extend(slots.skip(at).take(end - start));
            }
        }
    }

    /// Bytes of memory held besides itself.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Ordered::Empty | Ordered::One(_) => 0,
            Ordered::Few(slots) => slots.capacity() * 4,
            Ordered::Many(chunks, _) => {
                let slots: usize = chunks.iter().map(|chunk| chunk.capacity() * 4).sum();
                slots + chunks.capacity() * size_of::<Vec<u32>>()
            }
        }
    }
}

/// Chunk, and position in it; the number of chunks if it is behind all.
fn place(chunks: &[Vec<u32>], position: usize) -> (usize, usize) {
    let mut rest = position;
    for (index, chunk) in chunks.iter().enumerate() {
        if rest < chunk.len() {
            return (index, rest);
        }
        rest -= chunk.len();
    }
    (chunks.len(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_where_a_plain_vector_has_them() {
        let mut ordered = Ordered::default();
        let mut model: Vec<u32> = Vec::new();
        let mut random = 7_u64;
        let mut next = |bound: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) as usize % bound
        };
        // Grows beyond several chunks, then shrinks to nothing.
        for step in 0..24_000 {
            let grows = if step < 12_000 {
                next(4) > 0
            } else {
                next(4) == 0
            };
            if grows || model.is_empty() {
                let value = next(1_000_000) as u32;
                let position = ordered.position(|slot| slot <= value);
                assert_eq!(position, model.partition_point(|&slot| slot <= value));
                ordered.insert(position, value);
                model.insert(position, value);
            } else {
                let position = next(model.len());
                assert_eq!(ordered.remove(position), model.remove(position));
            }
            assert_eq!(ordered.len(), model.len());
            if step % 97 == 0 {
                let position = next(model.len() + 2);
                assert_eq!(ordered.get(position), model.get(position).copied());
                assert_eq!(ordered.last(), model.last().copied());
                let mut copied = Vec::new();
                ordered.copy(position..position + 3000, &mut copied);
                let wanted: Vec<u32> = model.iter().skip(position).take(3000).copied().collect();
                assert_eq!(copied, wanted);
            }
        }
    }
}
