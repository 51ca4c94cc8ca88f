//! The times of stored rows, and which of them is the earliest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// When rows of a side are given up: the earliest first.
#[derive(Default)]
pub(crate) struct Wait {
    /// The time of each slot.
    times: Vec<i64>,
    order: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Wait {
    /// A row of this time is in a slot that was free.
    pub(crate) fn add(&mut self, slot: u32, time: i64) {
        if slot as usize >= self.times.len() {
            self.times.resize(slot as usize + 1, 0);
        }
        self.times[slot as usize] = time;
        self.order.push(Reverse((time, slot)));
    }

    /// The time of a slot's row.
    #[inline]
    pub(crate) fn time(&self, slot: u32) -> i64 {
        self.times[slot as usize]
    }

    /// The earliest time and its slot.
    pub(crate) fn first(&self) -> Option<(i64, u32)> {
        self.order.peek().map(|Reverse(first)| *first)
    }

    /// Takes the earliest one out.
    pub(crate) fn take_first(&mut self) {
        self.order.pop();
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.times.capacity() * 8 + self.order.capacity() * 16
    }
}
