//! Splits: event numbers dealt out in blocks, so that event time advances together in all of them.
//!
//! ```text
//! block     0      1      2      3      4      5      6
//! split   ┌ 0 ┐  ┌ 1 ┐  ┌ 2 ┐  ┌ 0 ┐  ┌ 1 ┐  ┌ 2 ┐  ┌ 0 ┐   …     3 splits
//! ```
//!
//! Within a split, event numbers only grow. Together, the splits have every number once.

use std::ops::Range;

use millstream_core::time::EventTime;
use millstream_core::{Error, Result};

/// What a reader needs to know of a split; as text `index/count@base`, the base in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) index: u32,
    pub(super) count: u32,
    /// Event time of event 0, decided once per job.
    pub(super) base: EventTime,
}

impl Share {
    /// The split's data.
    pub(super) fn to_text(self) -> String {
        format!("{}/{}@{}", self.index, self.count, self.base.0)
    }

    /// The share a split's data stands for.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let parsed = || -> Option<Share> {
            let (share, base) = text.split_once('@')?;
            let (index, count) = share.split_once('/')?;
            Some(Share {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
                base: EventTime(base.parse().ok()?),
            })
        };
        parsed()
            .filter(|share| share.index < share.count)
            .ok_or_else(|| {
                Error::internal(format!(
                    "a nexmark split wants data such as '0/2@1436918400000', found '{text}'"
                ))
            })
    }
}

/// How far a split has been read.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    next: u64,
    /// End of all events.
    end: u64,
    block: u64,
    /// From the end of a block of this split to the beginning of its next.
    stride: u64,
}

impl Cursor {
    /// The beginning of a share of `events` events in blocks of `block`.
    pub(super) fn new(share: &Share, events: u64, block: u64) -> Self {
        let block = block.max(1);
        Cursor {
            next: u64::from(share.index) * block,
            end: events,
            block,
            stride: u64::from(share.count - 1) * block,
        }
    }

    /// Goes on at `event`, which a cursor of the same share has told as its next; false if that is
    /// not one of its events.
    pub(super) fn resume(&mut self, event: u64) -> bool {
        let round = self.stride + self.block;
        let own = event >= self.next && (event - self.next) % round < self.block;
        if own {
            self.next = event;
        }
        own
    }

    /// Where to go on: the number of the next event, or one behind all events at the end.
    pub(super) fn place(&self) -> u64 {
        self.next
    }

    /// The number of the next event; `None` at the end.
    pub(super) fn next(&self) -> Option<u64> {
        (self.next < self.end).then_some(self.next)
    }

    /// Takes the next events: at most `rows`, and only numbers below `before`.
    pub(super) fn take(&mut self, rows: usize, before: u64) -> Vec<Range<u64>> {
        let mut left = rows as u64;
        let limit = self.end.min(before);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        while left > 0 && self.next < limit {
            let block_end = (self.next / self.block + 1) * self.block;
            let end = block_end.min(limit).min(self.next + left);
            left -= end - self.next;
            match ranges.last_mut() {
                Some(last) if last.end == self.next => last.end = end,
                _ => ranges.push(self.next..end),
            }
            self.next = if end == block_end {
                end + self.stride
            } else {
                end
            };
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: EventTime = EventTime(5);

    fn share(index: u32, count: u32) -> Share {
        Share {
            index,
            count,
            base: BASE,
        }
    }

    fn numbers(count: u32, events: u64, block: u64, rows: usize) -> Vec<u64> {
        let mut all = Vec::new();
        for index in 0..count {
            let mut cursor = Cursor::new(&share(index, count), events, block);
            let mut own = Vec::new();
            while cursor.next().is_some() {
                own.extend(cursor.take(rows, u64::MAX).into_iter().flatten());
            }
            assert!(own.is_sorted());
            all.extend(own);
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn every_number_is_in_one_split() {
        for count in [1, 2, 7, 200] {
            for (block, rows) in [(1, 3), (50, 1), (50, 64), (7, 1000)] {
                assert_eq!(
                    numbers(count, 1_003, block, rows),
                    (0..1_003).collect::<Vec<_>>()
                );
            }
        }
        assert!(numbers(3, 0, 50, 10).is_empty());
    }

    #[test]
    fn blocks_are_dealt_out_in_turn() {
        let mut cursor = Cursor::new(&share(1, 3), 1_000, 50);
        assert_eq!(cursor.take(120, u64::MAX), [50..100, 200..250, 350..370]);
        assert_eq!(cursor.take(120, 375), vec![370..375]);
        assert_eq!(cursor.take(120, 375), Vec::<Range<u64>>::new());
        assert_eq!(cursor.next(), Some(375));
    }

    #[test]
    fn a_cursor_goes_on_where_another_stopped() {
        for rows in [1, 49, 50, 51, 120, 2_000] {
            let mut first = Cursor::new(&share(1, 3), 1_000, 50);
            first.take(rows, u64::MAX);
            let mut second = Cursor::new(&share(1, 3), 1_000, 50);
            assert!(second.resume(first.place()));
            assert_eq!(second.next(), first.next());
            assert_eq!(second.take(9_999, u64::MAX), first.take(9_999, u64::MAX));
        }
        let mut other = Cursor::new(&share(1, 3), 1_000, 50);
        assert!(!other.resume(49) && !other.resume(100) && !other.resume(0));
    }

    #[test]
    fn a_single_split_has_one_range() {
        assert_eq!(
            Cursor::new(&share(0, 1), 1_000, 50).take(999, 999),
            vec![0..999]
        );
    }

    #[test]
    fn the_data_of_a_split_survives_the_way_through_text() {
        let share = share(1, 3);
        assert_eq!(Share::parse(&share.to_text()).unwrap(), share);
        for bad in [
            "",
            "1",
            "3/3@0",
            "0/0@0",
            "0/1@",
            "a/b@c",
            "0/1@99999999999999999999",
        ] {
            assert!(Share::parse(bad).is_err(), "{bad}");
        }
    }
}
