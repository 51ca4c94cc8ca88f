//! What a batch has changed in the ranges of partitions, and its rows as columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions, UInt8Array};
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::operator::Output;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_plan::RankSpec;

use super::order::Ordered;
use super::sorted_rows::SortedRows;
use crate::rows::NONE as NOWHERE;

/// Changes of the result.
pub(super) struct Changes {
    schema: SchemaRef,
    with_number: bool,
    by_place: bool,
    emits_before: bool,
    batch_rows: usize,
    /// Partitions the batch has touched; by place: and where their old slots are in `before`.
    touched: Vec<(u32, Range<usize>)>,
    /// By place: position in `touched` by partition.
    touched_at: Vec<u32>,
    before: Vec<u32>,
    /// Not by place: how often the row of a slot is in the result, as it was put out and as it is.
    shown: Vec<u32>,
    now: Vec<u32>,
    /// Slots whose number may have changed.
    counted: Vec<u32>,
    pending: Pending,
    after: Vec<u32>,
    /// Rows that go and had never come.
    pub(super) unseen: u64,
}

/// Changes that wait to be put out.
#[derive(Default)]
struct Pending {
    kinds: Vec<u8>,
    slots: Vec<u32>,
    numbers: Vec<i64>,
}

impl Changes {
    /// No changes.
    pub(super) fn new(spec: &RankSpec, output: &SchemaRef, batch_rows: usize) -> Self {
        Changes {
            schema: SchemaRef::clone(output),
            with_number: spec.with_number,
            // Nothing is compared if rows are put out once.
            by_place: spec.is_by_place() || spec.window.is_some(),
            emits_before: spec.emit_update_before,
            batch_rows: batch_rows.max(1),
            touched: Vec::new(),
            touched_at: Vec::new(),
            before: Vec::new(),
            shown: Vec::new(),
            now: Vec::new(),
            counted: Vec::new(),
            pending: Pending::default(),
            after: Vec::new(),
            unseen: 0,
        }
    }

    /// Makes room for slots below `bound`.
    pub(super) fn make_room(&mut self, bound: usize) {
        if !self.by_place && bound > self.shown.len() {
            self.shown.resize(bound, 0);
            self.now.resize(bound, 0);
        }
    }

    /// A partition is about to change.
    #[inline]
    pub(super) fn touch(&mut self, partition: u32, lists: &[Ordered], range: (usize, usize)) {
        if !self.by_place {
            return;
        }
        if partition as usize >= self.touched_at.len() {
            self.touched_at.resize(lists.len(), NOWHERE);
        }
        let at = &mut self.touched_at[partition as usize];
        if *at != NOWHERE {
            return;
        }
        *at = self.touched.len() as u32;
        let start = self.before.len();
        lists[partition as usize].copy(range.0..range.1, &mut self.before);
        self.touched.push((partition, start..self.before.len()));
    }

    /// The row of a slot has entered the range, or left it.
    #[inline]
    pub(super) fn count(&mut self, slot: Option<u32>, change: i32) {
        if self.by_place {
            return;
        }
        if let Some(slot) = slot {
            let now = &mut self.now[slot as usize];
            *now = now.saturating_add_signed(change);
            self.counted.push(slot);
        }
    }

    /// The row of a slot is part of the result that was put out in an earlier life.
    pub(super) fn restored(&mut self, slot: u32) {
        if !self.by_place {
            self.shown[slot as usize] += 1;
            self.now[slot as usize] += 1;
        }
    }

    /// Forgets what the batch has changed: nothing is put out before the end.
    pub(super) fn forget(&mut self) {
        for (partition, _) in self.touched.drain(..) {
            self.touched_at[partition as usize] = NOWHERE;
        }
        self.before.clear();
        for slot in self.counted.drain(..) {
            self.now[slot as usize] = 0;
        }
    }

    /// Finds the difference between before and after the batch.
    pub(super) fn collect(&mut self, lists: &[Ordered], range: Range<usize>) {
        let touched = std::mem::take(&mut self.touched);
        for (partition, before) in &touched {
            self.touched_at[*partition as usize] = NOWHERE;
            self.after.clear();
            lists[*partition as usize].copy(range.clone(), &mut self.after);
            self.compare(before.clone(), range.start);
        }
        self.touched = touched;
        self.touched.clear();
        self.before.clear();
        for kind in [RowKind::Delete, RowKind::Insert] {
            for at in 0..self.counted.len() {
                self.catch_up(self.counted[at], kind);
            }
        }
        self.counted.clear();
    }

    /// By place: what stood there and what stands there now.
    fn compare(&mut self, before: Range<usize>, first: usize) {
        for place in 0..before.len().max(self.after.len()) {
            let old = self.before[before.clone()].get(place).copied();
            let new = self.after.get(place).copied();
            let number = first + place;
            match (old, new) {
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) => {
                    if self.emits_before {
                        self.push(RowKind::UpdateBefore, old, number);
                    }
                    self.push(RowKind::UpdateAfter, new, number);
                }
                (None, Some(new)) => self.push(RowKind::Insert, new, number),
                (Some(old), None) => self.push(RowKind::Delete, old, number),
                (None, None) => {}
            }
        }
    }

    /// Not by place: puts a row out as often as it has come, or gone.
    fn catch_up(&mut self, slot: u32, kind: RowKind) {
        let (shown, now) = (self.shown[slot as usize], self.now[slot as usize]);
        let times = match kind {
            RowKind::Insert => now.saturating_sub(shown),
            _ => shown.saturating_sub(now),
        };
        if times == 0 {
            return;
        }
        self.shown[slot as usize] = now;
        for _ in 0..times {
            self.push(kind, slot, 0);
        }
    }

    fn push(&mut self, kind: RowKind, slot: u32, position: usize) {
        self.pending.kinds.push(kind as u8);
        self.pending.slots.push(slot);
        if self.with_number {
            self.pending.numbers.push(position as i64 + 1);
        }
    }

    /// A row that is put out at the end.
    pub(super) fn push_insert(&mut self, slot: u32, position: usize) {
        self.push(RowKind::Insert, slot, position);
    }

    /// Puts out what is pending, if it is a full batch, or everything.
    pub(super) fn flush(&mut self, rows: &SortedRows, all: bool, out: &mut Output) -> Result<()> {
        let length = self.pending.kinds.len();
        if length == 0 || (!all && length < self.batch_rows) {
            return Ok(());
        }
        for start in (0..length).step_by(self.batch_rows) {
            let piece = start..(start + self.batch_rows).min(length);
            out.rows(self.made(piece, rows)?);
        }
        self.pending.kinds.clear();
        self.pending.slots.clear();
        self.pending.numbers.clear();
        Ok(())
    }

    fn made(&self, piece: Range<usize>, rows: &SortedRows) -> Result<ChangeBatch> {
        let slots = &self.pending.slots[piece.clone()];
        let mut columns = rows.columns(slots)?;
        if self.with_number {
            let numbers = self.pending.numbers[piece.clone()].iter().copied();
            columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        let schema = Arc::clone(&self.schema);
        let made = RecordBatch::try_new_with_options(schema, columns, &options)?;
        let kinds = &self.pending.kinds[piece];
        if kinds.iter().all(|&kind| kind == RowKind::Insert as u8) {
            return Ok(ChangeBatch::inserts(made));
        }
        let kinds = UInt8Array::from_iter_values(kinds.iter().copied());
        Ok(ChangeBatch::with_kinds(made, kinds))
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        let by_slot = self.shown.capacity() + self.now.capacity();
        let others = self.touched_at.capacity() + self.before.capacity() + self.counted.capacity();
        (by_slot + others) * 4
    }
}
