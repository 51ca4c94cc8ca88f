//! Top-N: of each partition the rows whose number in an order lies in a range.
//!
//! ```text
//! rows ─▶ partition ─▶ in order   8 7 │7 5 4│ 2 1       range: number 3 to 5
//!                                     └──▲──┘           another 5 comes: 4 leaves, 5 comes
//! ```
//!
//! * Rows that are equal in the order stand in the order of their arrival, or the newest first.
//! * Insert-only input: only the first `last` rows of a partition are kept, and what cannot come
//!   among them is dropped at once. Updating input: all rows are kept, as any of them may move up.
//! * The changes of a batch are collected first: what is put out is the difference between before
//!   and after. So ten rows that push each other down make one update.
//! * Rows are put out *by place* if their number is a column (or if there is one row per partition):
//!   another row in the same place is an update. Otherwise a row comes when it enters the range and
//!   goes when it leaves it; those that go, go first.
//! * A row that leaves gives its slot back only behind the batch, so that slots name rows until then.
//! * Partitions of windows put out nothing before their window is over ([`windowed`]).
//! * A row that goes and never came is counted and changes nothing.
//!
//! Flink has three functions for this (`AppendOnlyTopNFunction`, `RetractableTopNFunction`,
//! `FastTop1Function`); they differ in what they can leave out, and so does this one by its spec.
//!
//! Cost per row that may enter: encoding, one hash, O(log n) comparisons of bytes; one comparison for
//! the others. Memory: the bytes of a row and of its sort key, about 90 bytes beside; 40 per partition.

pub(crate) mod order;
mod put_out;
pub(crate) mod sort_keys;
pub(crate) mod sorted_rows;
#[cfg(test)]
mod tests;
mod windowed;

use std::cmp::Ordering;

use arrow::datatypes::SchemaRef;
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::RankSpec;

use crate::OperatorContext;
use crate::state::form::Form;
use put_out::Changes;
use sorted_rows::SortedRows;
use windowed::Windows;

/// Puts out the rows of each partition whose number lies in a range.
pub struct Rank {
    rows: SortedRows,
    /// Positions that are put out: from, to (not included).
    range: (usize, usize),
    updates: bool,
    at_end_only: bool,
    /// If partitions are of windows, which put out their rows when they are over.
    windows: Option<Windows>,
    changes: Changes,
    form: Form,
}

/// One row of the batch at hand.
#[derive(Clone, Copy)]
struct Met {
    row: usize,
    partition: u32,
}

impl Rank {
    /// A rank without rows.
    ///
    /// # Errors
    /// `Internal` for a spec that contradicts the schemas, `Unsupported` for columns of types that
    /// cannot be kept or ordered.
    pub fn new(
        spec: &RankSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let wanted = input.fields().len() + usize::from(spec.with_number);
        if output.fields().len() != wanted {
            return Err(Error::internal(format!(
                "a rank of {wanted} columns for {} of its result",
                output.fields().len()
            )));
        }
        let rows = SortedRows::new(
            input,
            &spec.partition_by,
            &spec.order_by,
            spec.input_updates,
            context,
        )?
        .newest_first(spec.newest_first);
        let clamp = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let kind = if spec.input_updates { "all" } else { "first" };
        let parts = [kind.to_owned()].into_iter().chain(rows.form()?);
        Ok(Rank {
            form: Form::new("rank", parts),
            rows,
            range: (clamp(spec.first.saturating_sub(1)), clamp(spec.last)),
            updates: spec.input_updates,
            at_end_only: spec.at_end_only,
            windows: match &spec.window {
                Some(window) => Some(Windows::new(window, input, context)?),
                None => None,
            },
            changes: Changes::new(spec, output, context.batch_rows),
        })
    }

    fn comes(&mut self, met: Met) -> Result<()> {
        if !self.updates && self.is_beyond(met) {
            return Ok(());
        }
        let slot = self.rows.slot_for(met.row, met.partition)?;
        self.changes.make_room(self.rows.slot_bound());
        self.changes
            .touch(met.partition, self.rows.lists(), self.range);
        let position = self.rows.enter(met.partition, slot);
        let list = self.rows.list(met.partition);
        let (from, to) = self.range;
        if position < to {
            self.changes.count(list.get(position.max(from)), 1);
            self.changes.count(list.get(to), -1);
        }
        if !self.updates && list.len() > to {
            self.rows.leave(met.partition, to);
        }
        Ok(())
    }

    /// True if a row cannot come among those that matter.
    fn is_beyond(&self, met: Met) -> bool {
        let list = self.rows.list(met.partition);
        if list.len() < self.range.1 {
            return false;
        }
        match list.last() {
            Some(last) => self.rows.compare_new(last, met.row) == Ordering::Less,
            None => true,
        }
    }

    fn goes(&mut self, met: Met) {
        let Some(position) = self.rows.position_of(met.row, met.partition) else {
            self.changes.unseen += 1;
            return;
        };
        self.changes
            .touch(met.partition, self.rows.lists(), self.range);
        let list = self.rows.list(met.partition);
        let (from, to) = self.range;
        if position < to {
            self.changes.count(list.get(position.max(from)), -1);
            self.changes.count(list.get(to), 1);
        }
        self.rows.leave(met.partition, position);
    }

    /// Puts out everything in the range.
    fn put_out_all(&mut self, out: &mut Output) -> Result<()> {
        let (from, to) = self.range;
        let mut slots = Vec::new();
        for list in self.rows.lists() {
            slots.clear();
            list.copy(from..to, &mut slots);
            for (place, &slot) in slots.iter().enumerate() {
                self.changes.push_insert(slot, from + place);
            }
            self.changes.flush(&self.rows, false, out)?;
        }
        self.changes.flush(&self.rows, true, out)
    }
}

impl Operator for Rank {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let rows = self.in_time(rows, out)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let ends = self.window_ends(&rows);
        self.rows.take_in_hand(rows.rows())?;
        for row in 0..rows.num_rows() {
            let met = Met {
                row,
                partition: self.rows.partition(row),
            };
            if let (Some(ends), Some(windows)) = (&ends, &mut self.windows)
                && self.rows.list(met.partition).is_empty()
            {
                windows.opened(met.partition, ends[row]);
            }
            match rows.kind(row).is_retraction() {
                false => self.comes(met)?,
                true => self.goes(met),
            }
        }
        let (from, to) = self.range;
        match self.at_end_only || self.windows.is_some() {
            true => self.changes.forget(),
            false => self.changes.collect(self.rows.lists(), from..to),
        }
        self.changes.flush(&self.rows, true, out)?;
        out.unseen(std::mem::take(&mut self.changes.unseen));
        self.rows.tidy()
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        self.close_windows(time.0, out)?;
        out.watermark(time);
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        match self.at_end_only {
            true => self.put_out_all(out),
            false => Ok(()),
        }
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        if let Some(windows) = &self.windows {
            windows.clock.write(state)?;
        }
        self.rows.snapshot(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        if let Some(windows) = &mut self.windows {
            windows.clock.read(state)?;
        }
        self.rows.restore(state)?;
        self.open_restored()?;
        self.changes.make_room(self.rows.slot_bound());
        if self.at_end_only || self.windows.is_some() {
            return Ok(());
        }
        let mut slots = Vec::new();
        for list in self.rows.lists() {
            list.copy(self.range.0..self.range.1, &mut slots);
            slots.drain(..).for_each(|slot| self.changes.restored(slot));
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.rows.memory() + self.changes.memory()
    }
}
