//! OVER: each row with what functions find in the rows of its partition up to it.
//!
//! ```text
//! rows a@3 a@1 b@2 ─▶ wait ── mark 3 ─▶ a@1 b@2 a@3 ─▶ in rounds (running) ─▶ + a column per call
//!                                              frame │ a@1 a@3 │ rows that leave it are taken back
//! ```
//!
//! * [`Over`]: rows in the order of a time attribute; insert-only. By event time rows wait for the
//!   watermark, and one at or behind it is late; by processing time each is answered at once.
//! * [`sorted`]: rows in the order of columns; values of rows behind a new one change.
//! * An unbounded frame keeps the states of the functions per partition and no rows. A bounded one
//!   keeps the rows of the frame too and takes out those that leave it: by number when the next row
//!   comes, by time also when the watermark (or the clock) has passed.
//! * RANGE: rows of one time see each other. By processing time these are rows of one batch.
//!
//! Source: Flink's `RowTimeRowsBoundedPrecedingFunction` and its kin. A row is late here if it is at or
//! behind the watermark; Flink's bounded frames ask whether it is behind the last row of its key.
//!
//! Cost: by event time a row is encoded, hashed and decoded again, with 90 bytes beside while it waits
//! or is in a frame; a bounded frame adds and takes back each row once.

mod frame;
mod running;
pub mod sorted;
mod state;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef, TimestampMillisecondType};
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{FrameStart, OverFunction, OverOrder, OverSpec, TimeAttribute};

use crate::OperatorContext;
use crate::deduplicate::time_column;
use crate::rows::KeyedRows;
use crate::rows::layout::RowLayout;
use crate::state::clock::Clock;
use crate::state::entries::KeyCodec;
use crate::state::form::Form;
use running::{Life, Piece, Rounds, Running};

/// Rows worked on at a time, unless more have the same time.
const PIECE_ROWS: usize = 8_192;

/// OVER in the order of a time attribute.
pub struct Over {
    schema: SchemaRef,
    layout: RowLayout,
    calls: Vec<OverFunction>,
    /// The column of event times; `None`: processing time.
    time: Option<usize>,
    start: FrameStart,
    by_rows: bool,
    running: Running,
    /// Rows that wait, and rows of frames.
    rows: KeyedRows,
    /// By slot: the time of the row and the number of its arrival.
    stamps: Vec<(i64, i64)>,
    next_arrival: i64,
    /// Rows that wait: time, arrival, slot.
    due: BinaryHeap<Reverse<(i64, i64, u32)>>,
    /// By partition: the slots of its frame, in order.
    frames: Vec<VecDeque<u32>>,
    /// Frames by time: time, arrival, slot of rows that leave one day; some have left already.
    expiring: VecDeque<(i64, i64, u32)>,
    clock: Clock,
    batch_rows: usize,
    codec: KeyCodec,
    form: Form,
}

impl Over {
    /// An operator that has seen no row.
    ///
    /// # Errors
    /// `Internal` for a spec that contradicts the schemas, `Unsupported` for columns of types that
    /// cannot be kept and for aggregates that cannot take a row back when the frame wants it.
    pub fn new(
        spec: &OverSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let time = match &spec.order {
            OverOrder::Time(TimeAttribute::Event { column }) => Some(time_column(input, *column)?),
            OverOrder::Time(TimeAttribute::Processing) => None,
            OverOrder::Columns(_) => {
                return Err(Error::internal("an order of columns is not one of time"));
            }
        };
        if output.fields().len() != input.fields().len() + spec.calls.len() {
            return Err(Error::internal("OVER adds a column per call"));
        }
        let layout = RowLayout::new(input, &spec.partition_by)?;
        let types = layout.key_types();
        let mut stored = layout.stored_types();
        // Each row is one of its own, however many are equal to it.
        stored.push(DataType::Int64);
        let calls: Vec<OverFunction> = spec.calls.iter().map(|c| c.function.clone()).collect();
        let life = match spec.frame.start {
            FrameStart::Unbounded => Life::Grows,
            _ => Life::Slides,
        };
        let running = Running::new(&calls, &spec.partition_by, input, life)?;
        let rows = KeyedRows::new(stored);
        let frame = format!("{:?} {}", spec.frame.start, spec.frame.by_rows);
        let names = calls.iter().map(|call| call.name().to_owned());
        let parts = [frame, rows.form()?].into_iter().chain(names);
        let parts = parts.chain(running.groups.form()?);
        Ok(Over {
            form: Form::new("over", parts),
            schema: SchemaRef::clone(output),
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            layout,
            calls,
            time,
            start: spec.frame.start,
            // By processing time rows come one by one, unless the frame is one of time.
            by_rows: spec.frame.by_rows
                || (time.is_none() && !matches!(spec.frame.start, FrameStart::Millis(_))),
            running,
            rows,
            stamps: Vec::new(),
            next_arrival: 0,
            due: BinaryHeap::new(),
            frames: Vec::new(),
            expiring: VecDeque::new(),
            clock: Clock::new(context),
            batch_rows: context.batch_rows.max(1),
        })
    }

    fn is_bounded(&self) -> bool {
        self.start != FrameStart::Unbounded
    }

    /// Numbers the partitions of a batch.
    fn number(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let keys = self.layout.keys_of(batch);
        let table = &mut self.running.groups.keys;
        table.intern(&keys, batch.num_rows(), &mut ids)?;
        self.make_room();
        Ok(ids)
    }

    fn make_room(&mut self) {
        self.running.make_room();
        let bound = self.running.groups.keys.id_bound();
        if self.is_bounded() && bound > self.frames.len() {
            self.frames.resize_with(bound, VecDeque::new);
        }
    }

    /// Stores the rows of a batch; returns their slots.
    fn store(&mut self, batch: &RecordBatch, ids: &[u32], times: &[i64]) -> Result<Vec<u32>> {
        let mut stored = self.layout.stored_of(batch);
        let first = self.next_arrival;
        self.next_arrival += batch.num_rows() as i64;
        let arrivals = Int64Array::from_iter_values(first..self.next_arrival);
        stored.push(Arc::new(arrivals));
        self.rows.take_in_hand(&stored, batch.num_rows())?;
        let mut slots = Vec::with_capacity(ids.len());
        for (row, &id) in ids.iter().enumerate() {
            let slot = self.rows.add(row, id)?;
            if slot as usize >= self.stamps.len() {
                self.stamps.resize(self.rows.slot_bound(), (0, 0));
            }
            self.stamps[slot as usize] = (times[row], first + row as i64);
            slots.push(slot);
        }
        Ok(slots)
    }

    /// By event time: keeps rows until the watermark is there; those behind it are late.
    fn wait(&mut self, rows: &ChangeBatch, time: usize, out: &mut Output) -> Result<()> {
        let batch = rows.rows();
        let times = batch
            .column(time)
            .as_primitive::<TimestampMillisecondType>();
        let keys = self.layout.keys_of(batch);
        let marks = self.clock.of_rows(&keys, batch.num_rows())?;
        let is_late = |row: &u32| {
            let row = *row as usize;
            times.is_null(row) || times.value(row) <= marks.of(row)
        };
        let (late, in_time): (Vec<u32>, Vec<u32>) = (0..batch.num_rows() as u32).partition(is_late);
        let in_time = match late.is_empty() {
            true => rows.clone(),
            false => rows.take(&UInt32Array::from(in_time))?,
        };
        if !late.is_empty() {
            out.late(LateRows {
                rows: rows.take(&UInt32Array::from(late))?,
                time_column: time,
                watermark: EventTime(self.clock.watermark()),
            });
        }
        let batch = in_time.rows();
        let ids = self.number(batch)?;
        let times = batch
            .column(time)
            .as_primitive::<TimestampMillisecondType>();
        let slots = self.store(batch, &ids, times.values())?;
        for slot in slots {
            let (time, arrival) = self.stamps[slot as usize];
            self.due.push(Reverse((time, arrival, slot)));
        }
        Ok(())
    }

    /// The next slots whose time has come, whole times only.
    fn next_due(&mut self, watermark: i64) -> Vec<u32> {
        let mut slots: Vec<u32> = Vec::new();
        let mut last = i64::MIN;
        while let Some(&Reverse((time, _, slot))) = self.due.peek() {
            if time > watermark || (slots.len() >= PIECE_ROWS && time != last) {
                break;
            }
            self.due.pop();
            slots.push(slot);
            last = time;
        }
        slots
    }

    /// Answers stored rows, in this order.
    fn answer_stored(&mut self, slots: &[u32], out: &mut Output) -> Result<()> {
        let ids: Vec<u32> = slots.iter().map(|&slot| self.rows.key_of(slot)).collect();
        let times: Vec<i64> = slots.iter().map(|&s| self.stamps[s as usize].0).collect();
        let keys = self.running.groups.keys.keys(&ids)?;
        let columns = self.layout.columns(&keys, &self.rows.columns(slots)?);
        let results = self.answer(&columns, &ids, &times, slots)?;
        if !self.is_bounded() {
            slots.iter().for_each(|&slot| self.rows.drop_slot(slot));
        }
        self.put_out(columns, results, out)
    }

    /// The values of the calls for rows in order.
    fn answer(
        &mut self,
        columns: &[ArrayRef],
        ids: &[u32],
        times: &[i64],
        slots: &[u32],
    ) -> Result<Vec<ArrayRef>> {
        let piece = Piece {
            columns,
            ids,
            peers: times,
        };
        let bound = self.running.groups.keys.id_bound();
        let rounds = Rounds::of(&piece, self.by_rows, bound);
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.running.calls()];
        for round in 0..rounds.len() {
            let rows = rounds.rows(round);
            let own: Vec<u32> = rows.iter().map(|&row| ids[row as usize]).collect();
            let picks = UInt32Array::from(rows.to_vec());
            let taken: Vec<ArrayRef> = match rounds.len() {
                1 => piece.columns.to_vec(),
                _ => {
                    let columns = piece.columns.iter();
                    let taken = columns.map(|column| take(column, &picks, None));
                    taken.collect::<Result<_, _>>()?
                }
            };
            if self.is_bounded() {
                let slots: Vec<u32> = rows.iter().map(|&row| slots[row as usize]).collect();
                self.enter_frames(&own, &slots)?;
            }
            let (values, lagging) = (&mut self.running, &self.frames);
            let lag = frame::Lag {
                calls: &self.calls,
                rows: &self.rows,
                layout: &self.layout,
                frames: lagging,
                start: self.start,
                taken: &taken,
                ids: &own,
            };
            let keys = values.groups.keys.keys(&own)?;
            let results = values.round(&taken, &own, &mut |call| lag.values(call, &keys))?;
            for (part, result) in parts.iter_mut().zip(results) {
                part.push(result);
            }
        }
        parts.iter().map(|part| rounds.in_row_order(part)).collect()
    }

    fn put_out(
        &self,
        mut columns: Vec<ArrayRef>,
        results: Vec<ArrayRef>,
        out: &mut Output,
    ) -> Result<()> {
        columns.extend(results);
        let made = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        for start in (0..made.num_rows()).step_by(self.batch_rows) {
            let length = self.batch_rows.min(made.num_rows() - start);
            out.rows(ChangeBatch::inserts(made.slice(start, length)));
        }
        Ok(())
    }

    /// By processing time: answers the rows of a batch.
    fn answer_at_once(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<()> {
        let now = out.now_ms();
        self.expire(now.saturating_sub(1))?;
        let ids = self.number(batch)?;
        let times = vec![now; ids.len()];
        let slots = match self.is_bounded() {
            true => self.store(batch, &ids, &times)?,
            false => Vec::new(),
        };
        let results = self.answer(batch.columns(), &ids, &times, &slots)?;
        self.put_out(batch.columns().to_vec(), results, out)?;
        self.wake(out);
        self.rows.compact();
        Ok(())
    }

    /// By processing time: asks to be called when the oldest row leaves its frame.
    fn wake(&self, out: &mut Output) {
        if let (None, FrameStart::Millis(span), Some(&(time, _, _))) =
            (self.time, self.start, self.expiring.front())
        {
            out.wake_at(time.saturating_add(span).saturating_add(1));
        }
    }
}

impl Operator for Over {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        match self.time {
            Some(time) => self.wait(&rows, time, out),
            None => self.answer_at_once(rows.rows(), out),
        }
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if self.time.is_some() {
            self.clock.advance(time.0);
            loop {
                let slots = self.next_due(time.0);
                if slots.is_empty() {
                    break;
                }
                self.answer_stored(&slots, out)?;
            }
            self.expire(time.0)?;
            self.rows.compact();
        }
        out.watermark(time);
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        if self.time.is_none() {
            self.expire(out.now_ms().saturating_sub(1))?;
            self.wake(out);
        }
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }

    fn state_bytes(&self) -> usize {
        let frames: usize = self.frames.iter().map(|frame| frame.capacity() * 4).sum();
        let stamps = self.stamps.capacity() * 16;
        let queues = (self.due.capacity() + self.expiring.capacity()) * 24;
        self.running.memory() + self.rows.memory() + frames + stamps + queues
    }
}
