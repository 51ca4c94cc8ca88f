//! Keep-first deduplication of insert-only input: the first row of each key, once, for good.
//!
//! ```text
//! processing time   a1 b2 a3 ─▶ a1 b2                       a key that is known is passed over
//! event time        a@5 a@3 b@9 ── mark 6 ─▶ a@3            the least time, once the watermark is there
//! ```
//!
//! * The result is insert-only. That is why event time waits: until the watermark has passed, a row
//!   with a smaller time may come.
//! * A row behind the watermark is late: it could have been the first, and nobody knows any more. A row
//!   of a key whose first row is out is just another row.
//! * Keys are kept for ever, the row of a key only while it waits.
//!
//! Keeping the last row, or the first of an updating input, is a Top-1 ([`crate::rank`]).
//! Source: Flink's `RowTimeDeduplicateKeepFirstRowFunction`, `ProcTimeDeduplicateKeepFirstRowFunction`.
//!
//! Cost per row: one hash and about one probe; a row that waits is encoded and has 70 bytes beside.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{DeduplicateSpec, TimeAttribute};

use crate::OperatorContext;
use crate::keys::KeyTable;
use crate::rows::layout::RowLayout;
use crate::rows::{KeyedRows, NONE};
use crate::state::bytes::{Fixed, damaged};
use crate::state::clock::Clock;
use crate::state::codec::types_text;
use crate::state::entries::{self, KeyCodec, Place};
use crate::state::form::Form;
use crate::state::tracker::{Bits, Tracker};

/// Keys whose first row is out.
const DONE: Place = Place {
    table: 0,
    namespace: 0,
};
/// Rows that wait.
const WAITING: Place = Place {
    table: 1,
    namespace: 0,
};

/// Puts out the first row of each key.
pub struct Deduplicate {
    schema: SchemaRef,
    layout: RowLayout,
    keys: KeyTable,
    /// Keys whose first row is out.
    done: Bits,
    tracker: Tracker,
    waiting: Option<Waiting>,
    batch_rows: usize,
    codec: KeyCodec,
    form: Form,
    ids: Vec<u32>,
}

/// By event time: the first row of each key so far.
struct Waiting {
    time: usize,
    rows: KeyedRows,
    /// By slot.
    times: Vec<i64>,
    /// Times and slots; some rows are not there any more.
    due: BinaryHeap<Reverse<(i64, u32)>>,
    clock: Clock,
}

impl Deduplicate {
    /// An operator that has seen no row.
    ///
    /// # Errors
    /// `Internal` for a spec that contradicts the schema, `Unsupported` for columns of types that
    /// cannot be kept.
    pub fn new(
        spec: &DeduplicateSpec,
        input: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let layout = RowLayout::new(input, &spec.keys)?;
        let types = layout.key_types();
        let mut parts = vec![format!("key({})", types_text(&types)?)];
        let waiting = match spec.time {
            TimeAttribute::Processing => None,
            TimeAttribute::Event { column } => {
                let rows = KeyedRows::new(layout.stored_types());
                parts.push(rows.form()?);
                Some(Waiting {
                    time: time_column(input, column)?,
                    rows,
                    times: Vec::new(),
                    due: BinaryHeap::new(),
                    clock: Clock::new(context),
                })
            }
        };
        Ok(Deduplicate {
            schema: SchemaRef::clone(input),
            keys: KeyTable::new(&types)?,
            done: Bits::default(),
            tracker: Tracker::default(),
            waiting,
            batch_rows: context.batch_rows.max(1),
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            layout,
            form: Form::new("deduplicate", parts),
            ids: Vec::new(),
        })
    }

    /// By processing time: passes the first rows of new keys.
    fn pass_new(&mut self, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        let mut first = Vec::new();
        for (row, &key) in self.ids.iter().enumerate() {
            if !self.done.contains(key) {
                self.done.insert(key);
                self.tracker.touch_one(key);
                first.push(row as u32);
            }
        }
        match first.len() {
            0 => {}
            all if all == rows.num_rows() => out.rows(rows.clone()),
            _ => out.rows(rows.take(&UInt32Array::from(first))?),
        }
        Ok(())
    }
}

impl Waiting {
    /// Keeps the least row of each key; returns the rows that are late.
    fn keep(
        &mut self,
        batch: &RecordBatch,
        layout: &RowLayout,
        ids: &[u32],
        done: &Bits,
    ) -> Result<Vec<u32>> {
        self.rows
            .take_in_hand(&layout.stored_of(batch), batch.num_rows())?;
        let times = batch
            .column(self.time)
            .as_primitive::<TimestampMillisecondType>();
        let keys = layout.keys_of(batch);
        let marks = self.clock.of_rows(&keys, batch.num_rows())?;
        let mut late = Vec::new();
        for (row, &key) in ids.iter().enumerate() {
            let time = match times.is_valid(row) {
                true => times.value(row),
                false => i64::MIN,
            };
            if time < marks.of(row) {
                late.push(row as u32);
                continue;
            }
            if done.contains(key) {
                continue;
            }
            match self.rows.first(key) {
                NONE => {}
                slot if time < self.times[slot as usize] => self.rows.drop_slot(slot),
                _ => continue,
            }
            let slot = self.rows.add(row, key)?;
            if slot as usize >= self.times.len() {
                self.times.resize(self.rows.slot_bound(), 0);
            }
            self.times[slot as usize] = time;
            self.due.push(Reverse((time, slot)));
        }
        self.rows.compact();
        Ok(late)
    }

    /// The slots whose time has come, in the order of their times.
    fn take_due(&mut self, watermark: i64) -> Vec<u32> {
        let mut slots = Vec::new();
        while let Some(&Reverse((time, slot))) = self.due.peek() {
            if time > watermark {
                break;
            }
            self.due.pop();
            // The row may have given way to an earlier one, and its slot to a row of another time.
            let is_there = self.rows.count(slot) > 0 && self.times[slot as usize] == time;
            if is_there && slots.last() != Some(&slot) {
                slots.push(slot);
            }
        }
        slots
    }
}

impl Operator for Deduplicate {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let batch = rows.rows();
        let keys = self.layout.keys_of(batch);
        self.keys.intern(&keys, batch.num_rows(), &mut self.ids)?;
        let Some(waiting) = &mut self.waiting else {
            return self.pass_new(&rows, out);
        };
        let late = waiting.keep(batch, &self.layout, &self.ids, &self.done)?;
        if !late.is_empty() {
            out.late(LateRows {
                rows: rows.take(&UInt32Array::from(late))?,
                time_column: waiting.time,
                watermark: EventTime(waiting.clock.watermark()),
            });
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if let Some(waiting) = &mut self.waiting {
            waiting.clock.advance(time.0);
            let slots = waiting.take_due(time.0);
            for slots in slots.chunks(self.batch_rows) {
                let ids: Vec<u32> = slots.iter().map(|&s| waiting.rows.key_of(s)).collect();
                let (keys, stored) = (self.keys.keys(&ids)?, waiting.rows.columns(slots)?);
                let columns: Vec<ArrayRef> = self.layout.columns(&keys, &stored);
                let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
                let schema = Arc::clone(&self.schema);
                let made = RecordBatch::try_new_with_options(schema, columns, &options)?;
                out.rows(ChangeBatch::inserts(made));
                for (&slot, &key) in slots.iter().zip(&ids) {
                    waiting.rows.drop_slot(slot);
                    self.done.insert(key);
                    self.tracker.touch_one(key);
                }
            }
            waiting.rows.compact();
        }
        out.watermark(time);
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        let mut ids = self.tracker.changes(self.keys.id_bound(), state.is_full());
        ids.retain(|&id| self.done.contains(id));
        let keys = |ids: &[u32]| self.keys.keys(ids);
        let nothing = |_: u32, _: &mut Vec<u8>| Ok(());
        let (codec, tracker) = (&mut self.codec, &mut self.tracker);
        entries::write(&ids, DONE, codec, tracker, keys, nothing, state)?;
        let Some(waiting) = &mut self.waiting else {
            return Ok(());
        };
        waiting.clock.write(state)?;
        let times = &waiting.times;
        let beside = |slot: u32, out: &mut Vec<u8>| times[slot as usize].put(out);
        let (rows, codec) = (&mut waiting.rows, &mut self.codec);
        rows.snapshot(WAITING, &self.keys, codec, beside, state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        if let Some(waiting) = &mut self.waiting {
            waiting.clock.read(state)?;
        }
        while let Some(chunk) = state.next_chunk()? {
            match (chunk.table, &mut self.waiting) {
                (0, _) => {
                    for entries in entries::pieces(&chunk) {
                        let columns = self.codec.decode(&chunk, entries.clone(), None)?;
                        self.keys.intern(&columns, entries.len(), &mut self.ids)?;
                        for &id in &self.ids {
                            self.done.insert(id);
                            self.tracker.restored(id);
                        }
                    }
                }
                (1, Some(waiting)) => {
                    let Waiting {
                        rows, times, due, ..
                    } = waiting;
                    rows.restore(&chunk, &mut self.keys, &mut self.codec, |slot, reader| {
                        times.resize(times.len().max(slot as usize + 1), 0);
                        times[slot as usize] = reader.fixed()?;
                        due.push(Reverse((times[slot as usize], slot)));
                        Ok(())
                    })?;
                }
                _ => return Err(damaged("an entry is in a table nobody wrote")),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| {
            waiting.rows.memory() + waiting.times.capacity() * 8 + waiting.due.capacity() * 16
        });
        self.keys.bytes() + self.done.bytes() + self.tracker.bytes() + waiting
    }
}

/// Checks that a column holds event times.
pub(crate) fn time_column(input: &SchemaRef, column: usize) -> Result<usize> {
    use arrow::datatypes::{DataType, TimeUnit};
    let field = input.fields().get(column);
    match field.map(|field| field.data_type()) {
        Some(DataType::Timestamp(TimeUnit::Millisecond, _)) => Ok(column),
        other => Err(Error::internal(format!(
            "an event time of type {other:?} in column {column}"
        ))),
    }
}
