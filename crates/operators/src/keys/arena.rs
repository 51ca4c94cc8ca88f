//! Byte strings one behind the other, in segments.
//!
//! ```text
//! segment 0 │ ann │ bob │ cid │ …  1 MiB │   segment 1 │ dee │ …       a place: segment, offset
//! ```
//!
//! One long vector would hold three times its bytes while it grows, and twice while it is compacted.
//! A segment stays where it is; compacting frees each old one as soon as it has been read.
//!
//! * A small arena is one vector that grows as any does: windows have thousands of them.
//! * A string is never split: one longer than a segment has its own.

/// Bytes of a segment; a power of two.
const SEGMENT_BYTES: usize = 1 << 20;

/// Where a byte string begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Start(u64);

/// Byte strings.
#[derive(Default)]
pub(super) struct Arena {
    segments: Vec<Vec<u8>>,
    /// Bytes of all strings, also of those nobody knows any more.
    used: usize,
}

impl Start {
    #[inline]
    fn at(segment: usize, offset: usize) -> Self {
        Start((segment * SEGMENT_BYTES + offset) as u64)
    }

    #[inline]
    fn segment(self) -> usize {
        self.0 as usize / SEGMENT_BYTES
    }

    #[inline]
    fn offset(self) -> usize {
        self.0 as usize % SEGMENT_BYTES
    }
}

impl Arena {
    /// Bytes of all strings that were put and not compacted away.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let segments = self.segments.iter().map(Vec::capacity).sum::<usize>();
        segments + self.segments.capacity() * size_of::<Vec<u8>>()
    }

    /// Forgets everything, keeping the memory of the first segment.
    pub(super) fn clear(&mut self) {
        self.segments.truncate(1);
        self.segments.iter_mut().for_each(Vec::clear);
        self.used = 0;
    }

    #[inline]
    pub(super) fn get(&self, start: Start, length: u32) -> &[u8] {
        match length {
            // Also where there is no segment yet.
            0 => &[],
            _ => &self.segments[start.segment()][start.offset()..][..length as usize],
        }
    }

    /// Appends a string and returns where it begins.
    #[inline]
    pub(super) fn put(&mut self, value: &[u8]) -> Start {
        let fits = self.segments.last().is_some_and(|last| {
            last.len() < SEGMENT_BYTES && last.len() + value.len() <= SEGMENT_BYTES
        });
        if !fits {
            self.begin(value.len());
        }
        self.used += value.len();
        let segment = self.segments.len() - 1;
        let bytes = &mut self.segments[segment];
        let start = Start::at(segment, bytes.len());
        bytes.extend_from_slice(value);
        start
    }

    #[cold]
    fn begin(&mut self, bytes: usize) {
        let room = match self.segments.is_empty() {
            true => bytes,
            false => bytes.max(SEGMENT_BYTES),
        };
        self.segments.push(Vec::with_capacity(room));
    }

    /// Moves strings together and forgets all others. `strings` are those to keep, in the order in
    /// which they lie; `moved` is told the number of each and where it is now.
    pub(super) fn compact(
        &mut self,
        strings: impl Iterator<Item = (u32, Start, u32)>,
        mut moved: impl FnMut(u32, Start),
    ) {
        let mut old = std::mem::take(self);
        let mut read = 0;
        for (number, start, length) in strings {
            while read < start.segment() && length > 0 {
                old.segments[read] = Vec::new();
                read += 1;
            }
            moved(number, self.put(old.get(start, length)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_any_length_are_found_again_also_after_compaction() {
        let mut arena = Arena::default();
        let value =
            |n: usize| vec![n as u8; [0, 7, 100_000, SEGMENT_BYTES, 3 * SEGMENT_BYTES][n % 5]];
        let mut at: Vec<Start> = (0..60).map(|n| arena.put(&value(n))).collect();
        for (n, start) in at.iter().enumerate() {
            assert_eq!(arena.get(*start, value(n).len() as u32), value(n));
        }
        let kept = (0..60u32).filter(|n| n % 3 == 0);
        let strings = kept
            .clone()
            .map(|n| (n, at[n as usize], value(n as usize).len() as u32));
        let strings: Vec<_> = strings.collect();
        let before = arena.bytes();
        arena.compact(strings.into_iter(), |n, start| at[n as usize] = start);
        for n in kept {
            let wanted = value(n as usize);
            assert_eq!(arena.get(at[n as usize], wanted.len() as u32), wanted);
        }
        assert!(arena.bytes() < before / 2, "{} of {before}", arena.bytes());
    }

    #[test]
    fn a_small_arena_takes_little_and_a_large_one_hardly_more_than_it_holds() {
        let mut arena = Arena::default();
        arena.put(b"ann");
        assert!(arena.bytes() < 200);
        for _ in 0..100_000 {
            arena.put(&[1; 60]);
        }
        assert!(arena.bytes() < arena.used() + (2 << 20));
    }
}
