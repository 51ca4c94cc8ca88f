//! Merged slices of a HOP window: few merges per window, however many slices it has.
//!
//! A window of 360 slices would merge 360 tables each time it slides by one. Instead, blocks of
//! 2, 4, 8 … aligned neighbours are merged once and kept, and a window is the union of at most
//! 2·log₂(n) blocks:
//!
//! ```text
//! slices   1 2 3 4 5 6 7 8 9 10       window [3, 10]  =  3 + 4..7 + 8..9 + 10
//! blocks     └2─3┘└4─5┘└6─7┘└8─9┘
//!                 └──4..7──┘
//! ```
//!
//! * A block is thrown away when one of its slices changes or expires.
//! * Cost: each key of a slice is merged O(log n) times into blocks, and a window merges O(log n)
//!   blocks; memory at most doubles per level a key is spread over.
//!
//! Idea: a segment tree over the stream; Tangwongsan et al., "General Incremental Sliding-Window
//! Aggregation", PVLDB 8(7), 2015.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use millstream_core::Result;

use super::bounds::Grid;
use crate::groups::{Groups, Layout};

/// Fewer slices with rows than this are merged one by one.
const LINEAR_MAX: usize = 8;

/// Merged blocks of slices.
pub(crate) struct Cover {
    grid: Grid,
    /// By level and number: block (l, i) holds slices i·2^l … (i+1)·2^l − 1.
    blocks: HashMap<(u32, i64), Groups>,
}

/// What is needed to make a new block.
pub(crate) struct Slices<'a> {
    pub(crate) slices: &'a BTreeMap<i64, Groups>,
    pub(crate) layout: &'a Layout,
    pub(crate) retracts: bool,
}

impl Cover {
    pub(crate) fn new(grid: Grid) -> Self {
        Cover {
            grid,
            blocks: HashMap::new(),
        }
    }

    /// Merges the slices of the window ending at `end` into the empty `into`.
    pub(crate) fn merge(&mut self, end: i64, from: &Slices<'_>, into: &mut Groups) -> Result<()> {
        let first_end = self.grid.start_of(end) + self.grid.slice;
        let mut present = from.slices.range(first_end..=end);
        if present.clone().count() <= LINEAR_MAX {
            return present.try_for_each(|(_, slice)| into.merge(slice));
        }
        let (mut at, last) = (self.grid.index(first_end), self.grid.index(end));
        while at <= last {
            let level = widest(at, last);
            if let Some(block) = self.block(level, at >> level, from)? {
                into.merge(block)?;
            }
            at += 1 << level;
        }
        Ok(())
    }

    /// A block, made if it is not there yet; `None` if it has no rows.
    fn block<'a>(
        &'a mut self,
        level: u32,
        number: i64,
        from: &'a Slices<'_>,
    ) -> Result<Option<&'a Groups>> {
        if level == 0 {
            return Ok(from.slices.get(&self.grid.end_at(number)));
        }
        let first = self.grid.end_at(number << level);
        let last = self.grid.end_at(((number + 1) << level) - 1);
        if from.slices.range(first..=last).next().is_none() {
            return Ok(None);
        }
        if !self.blocks.contains_key(&(level, number)) {
            let mut merged = Groups::new(from.layout, from.retracts)?;
            for half in [number * 2, number * 2 + 1] {
                if let Some(half) = self.block(level - 1, half, from)? {
                    merged.merge(half)?;
                }
            }
            self.blocks.insert((level, number), merged);
        }
        Ok(self.blocks.get(&(level, number)))
    }

    /// Says that the slice ending at `slice_end` has got rows.
    pub(crate) fn changed(&mut self, slice_end: i64) {
        if self.blocks.is_empty() {
            return;
        }
        let index = self.grid.index(slice_end);
        for level in 1..i64::BITS {
            if self.grid.slices() >> level == 0 {
                break;
            }
            self.blocks.remove(&(level, index >> level));
        }
    }

    /// Says that slices ending at or before `slice_end` are gone.
    pub(crate) fn expire(&mut self, slice_end: i64) {
        let index = self.grid.index(slice_end);
        self.blocks
            .retain(|&(level, number), _| number << level > index);
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.values().map(Groups::bytes).sum()
    }
}

/// Level of the widest aligned block that starts at `at` and ends at or before `last`.
fn widest(at: i64, last: i64) -> u32 {
    let aligned = at.trailing_zeros().min(62);
    let fits = ((last - at + 1) as u64).ilog2();
    aligned.min(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_a_range_without_gap_or_overlap() {
        for first in -20..20 {
            for last in first..40 {
                let (mut at, mut blocks) = (first, 0);
                while at <= last {
                    let width = 1 << widest(at, last);
                    assert_eq!(at.rem_euclid(width), 0);
                    at += width;
                    blocks += 1;
                }
                assert_eq!(at, last + 1);
                assert!(blocks <= 12);
            }
        }
    }
}
