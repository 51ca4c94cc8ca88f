//! Interval joins: pairs of rows with one key whose times are close to each other.
//!
//! ```text
//! left.time - right.time is in [lower, upper]
//!
//! left   ──────────●t────────▶      may meet right rows of   [t - upper, t - lower]
//! right  ───────●u───────────▶      may meet left rows of    [u + lower, u + upper]
//! ```
//!
//! * A row is paired with the rows of the other side that are there when it comes, and kept until the
//!   watermark says that no partner can come any more: a left row until `t - lower`, a right one until
//!   `u + upper`. So what is kept is bounded by the interval and by how far the inputs are apart.
//! * A row of a kept side (LEFT, RIGHT, FULL) that has had no partner is put out with NULLs when it is
//!   given up. Nothing is ever taken back: the result is insert-only.
//! * The times of a result may be behind the watermark of the inputs, by the longest wait; so the
//!   watermark is passed on that much later, and both times stay time attributes.
//! * A late row meets what is still there. One that can be of no use any more is not kept.
//! * With processing time, the time of a row is that of its arrival, and timers give rows up.
//! * NULL in a key or time matches nothing: such a row is put out at once if its side is kept.
//!
//! In a checkpoint: as a join's rows, with their time and whether they have had a partner beside.
//!
//! Source: Apache Flink, `TimeIntervalJoin`, `RowTimeIntervalJoin`; there rows wait in lists by time and
//! are given up some time after the watermark allows it.
//!
//! Cost per row: as for a join, and an entry of 16 bytes in a heap by time; per pair 8 bytes. All kept
//! rows of a key are looked at when one comes, also those outside of the interval.

#[cfg(test)]
mod tests;
pub(crate) mod wait;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMillisecondType};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{IntervalJoinSpec, JoinKind};

use crate::OperatorContext;
use crate::join::change::{self, Change, Changes};
use crate::join::pairs::{Condition, Pairs};
use crate::join::side::Side;
use crate::join::stored::{Refs, Stored};
use crate::join::{PAIRS, number, place};
use crate::keys::KeyTable;
use crate::rows::NONE;
use crate::state::bytes::{Fixed, damaged};
use crate::state::codec::types_text;
use crate::state::entries::KeyCodec;
use crate::state::form::Form;
use crate::state::progress::{self, Progress};
use crate::window::times::is_timestamp;
use wait::Wait;

/// Joins two inputs by key and time.
pub struct IntervalJoin {
    /// Positions of the event times; `None`: processing time.
    times: Option<[usize; 2]>,
    lower: i64,
    upper: i64,
    delay: i64,
    sides: [Side; 2],
    waits: [Wait; 2],
    keys: KeyTable,
    condition: Option<Condition>,
    changes: Changes,
    stored: Stored,
    codec: KeyCodec,
    form: Form,
    /// Key groups of this subtask.
    groups: Range<u32>,
    /// No row of this time or before is expected.
    watermark: i64,
    scratch: Scratch,
}

/// Vectors that are used again.
#[derive(Default)]
struct Scratch {
    ids: Vec<u32>,
    times: Vec<i64>,
    emptied: Vec<u32>,
    pairs: Pairs,
    refs: Refs,
}

impl IntervalJoin {
    /// A join without rows.
    ///
    /// # Errors
    /// `Internal` for semi and anti joins, and for keys or times that contradict the schemas.
    pub fn new(
        spec: &IntervalJoinSpec,
        schemas: [&SchemaRef; 2],
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let join = &spec.join;
        if matches!(join.kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark) {
            return Err(Error::internal("an interval join yields pairs"));
        }
        if let Some(times) = spec.times {
            for (schema, time) in schemas.iter().zip(times) {
                is_timestamp(schema, time)?;
            }
        }
        let pair = millstream_plan::pair_schema(schemas[0], schemas[1]);
        let widths = schemas.map(|schema| schema.fields().len());
        let condition = match &join.condition {
            Some(expr) => Some(Condition::new(expr, &pair, widths[0])?),
            None => None,
        };
        // Equal rows that arrive at different times are different rows.
        let kept = schemas.map(|schema| match spec.times {
            Some(_) => SchemaRef::clone(schema),
            None => with_arrival(schema),
        });
        let is_kept = [
            matches!(join.kind, JoinKind::Left | JoinKind::Full),
            matches!(join.kind, JoinKind::Right | JoinKind::Full),
        ];
        let sides = [
            Side::new(&kept[0], &join.left_keys, None, is_kept[0])?,
            Side::new(&kept[1], &join.right_keys, None, is_kept[1])?,
        ];
        let types = sides[0].key_types();
        if types != sides[1].key_types() {
            return Err(Error::internal(
                "an interval join compares keys of two types",
            ));
        }
        let columns = change::columns(widths, true);
        let parts = [
            format!("{:?}, key({})", join.kind, types_text(&types)?),
            format!("from {} to {} ms", spec.lower, spec.upper),
            sides[0].form()?,
            sides[1].form()?,
        ];
        Ok(IntervalJoin {
            times: spec.times,
            lower: spec.lower,
            upper: spec.upper,
            delay: spec.delay(),
            waits: Default::default(),
            condition,
            changes: Changes::new(columns.clone(), false, output, context.batch_rows)?,
            stored: Stored::new(columns, output, context.batch_rows)?,
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            keys: KeyTable::new(&types)?,
            sides,
            form: Form::new("interval join", parts),
            groups: millstream_core::key::range(
                context.subtask,
                context.key_groups,
                context.parallelism.max(1),
            ),
            watermark: i64::MIN,
            scratch: Scratch::default(),
        })
    }

    /// The watermark at which a row of this time can have no new partner.
    fn limit(&self, port: usize, time: i64) -> i64 {
        match port {
            0 => time.saturating_sub(self.lower),
            _ => time.saturating_add(self.upper),
        }
    }

    /// The times of possible partners.
    fn partners(&self, port: usize, time: i64) -> (i64, i64) {
        match port {
            0 => (
                time.saturating_sub(self.upper),
                time.saturating_sub(self.lower),
            ),
            _ => (
                time.saturating_add(self.lower),
                time.saturating_add(self.upper),
            ),
        }
    }

    /// Notes the time of each row; a row without one matches nothing.
    fn read_times(&mut self, port: usize, rows: &RecordBatch, now: i64) {
        let Scratch {
            ids,
            times,
            emptied,
            ..
        } = &mut self.scratch;
        times.clear();
        let Some(columns) = self.times else {
            times.resize(rows.num_rows(), now);
            return;
        };
        let column = rows
            .column(columns[port])
            .as_primitive::<TimestampMillisecondType>();
        times.extend_from_slice(column.values());
        if column.null_count() > 0 {
            for (row, id) in ids.iter_mut().enumerate() {
                if column.is_null(row) && *id != NONE {
                    emptied.push(std::mem::replace(id, NONE));
                }
            }
        }
    }

    /// Pairs rows from `start` on; returns where it stopped.
    fn pair(&mut self, port: usize, rows: &RecordBatch, start: usize) -> Result<usize> {
        let mut pairs = std::mem::take(&mut self.scratch.pairs);
        let (other, waits) = (&self.sides[1 - port].rows, &self.waits[1 - port]);
        pairs.clear(start);
        let mut row = start;
        while row < self.scratch.ids.len() && pairs.len() < PAIRS {
            let key = self.scratch.ids[row];
            if key != NONE {
                let (from, to) = self.partners(port, self.scratch.times[row]);
                let is_near = |slot: &u32| (from..=to).contains(&waits.time(*slot));
                pairs.extend(row, other.slots(key).filter(is_near));
            }
            pairs.end_row();
            row += 1;
        }
        if let Some(condition) = &self.condition {
            condition.keep(&mut pairs, port, rows, &self.sides)?;
        }
        self.scratch.pairs = pairs;
        Ok(row)
    }

    fn meet(&mut self, port: usize, row: usize) -> Result<()> {
        let (key, time) = (self.scratch.ids[row], self.scratch.times[row]);
        let range = self.scratch.pairs.range(row);
        let has_partner = !range.is_empty();
        for at in range {
            let slot = self.scratch.pairs.slot(at);
            self.sides[1 - port].note_match(slot);
            let times = self.sides[1 - port].rows.count(slot);
            let joined = Change::joined(row, slot, RowKind::Insert);
            self.changes.push(joined, times);
        }
        if key != NONE && self.limit(port, time) > self.watermark {
            return self.keep(port, row, has_partner);
        }
        if key != NONE {
            self.scratch.emptied.push(key);
        }
        if self.sides[port].is_kept && !has_partner {
            self.changes.push(Change::alone(row, RowKind::Insert), 1);
        }
        Ok(())
    }

    fn keep(&mut self, port: usize, row: usize, has_partner: bool) -> Result<()> {
        let (key, time) = (self.scratch.ids[row], self.scratch.times[row]);
        let side = &mut self.sides[port];
        let slot = side.rows.add(row, key)?;
        if side.rows.count(slot) == 1 {
            self.waits[port].add(slot, time);
            side.set_matches(slot, u64::from(has_partner));
        } else if has_partner {
            side.note_match(slot);
        }
        Ok(())
    }

    /// Gives up what can have no new partner once nothing at or before `watermark` is expected.
    fn advance(&mut self, watermark: i64, out: &mut Output) -> Result<()> {
        if watermark <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark;
        for port in 0..2 {
            self.give_up(port, out)?;
        }
        self.tidy()
    }

    fn give_up(&mut self, port: usize, out: &mut Output) -> Result<()> {
        let mut refs = std::mem::take(&mut self.scratch.refs);
        refs.clear();
        let mut gone = Vec::new();
        while let Some((time, slot)) = self.waits[port].first() {
            if self.limit(port, time) > self.watermark {
                break;
            }
            self.waits[port].take_first();
            gone.push(slot);
            let side = &self.sides[port];
            let key = side.rows.key_of(slot);
            self.scratch.emptied.push(key);
            if side.is_kept && !side.has_match(slot) {
                (0..side.rows.count(slot)).for_each(|_| refs.push_alone(port, slot, key));
            }
        }
        self.stored.put(&refs, &self.sides, &self.keys, out)?;
        gone.into_iter()
            .for_each(|slot| self.sides[port].rows.drop_slot(slot));
        self.scratch.refs = refs;
        Ok(())
    }

    /// Gives the numbers of keys without rows back.
    fn tidy(&mut self) -> Result<()> {
        let emptied = &mut self.scratch.emptied;
        if emptied.is_empty() {
            return Ok(());
        }
        for side in &mut self.sides {
            side.rows.name_buried(&self.keys, &mut self.codec)?;
            side.rows.compact();
        }
        emptied.sort_unstable();
        emptied.dedup();
        let sides = &self.sides;
        emptied.retain(|&key| sides.iter().all(|side| side.rows.is_empty_at(key)));
        self.keys.remove(emptied);
        emptied.clear();
        Ok(())
    }

    /// With processing time: gives up what `now` has passed; returns the time of rows that come now.
    fn keep_time(&mut self, out: &mut Output) -> Result<i64> {
        if self.times.is_some() {
            return Ok(0);
        }
        self.advance(out.now_ms().saturating_sub(1), out)?;
        // Should the clock have gone back, time stands still.
        Ok(self.watermark.saturating_add(1))
    }

    fn set_alarm(&self, out: &mut Output) {
        if self.times.is_some() {
            return;
        }
        let first = |port: usize| {
            let (time, _) = self.waits[port].first()?;
            Some(self.limit(port, time))
        };
        if let Some(limit) = first(0).into_iter().chain(first(1)).min() {
            out.wake_at(limit.saturating_add(1));
        }
    }
}

impl Operator for IntervalJoin {
    fn on_rows(&mut self, port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        if rows.kinds().is_some() {
            return Err(Error::internal("an interval join takes insertions only"));
        }
        let now = self.keep_time(out)?;
        let port = port.0 as usize;
        let batch = match self.times {
            Some(_) => rows.rows().clone(),
            None => arrived(rows.rows(), self.sides[port].schema(), now)?,
        };
        let keys = self.sides[port].keys_of(&batch);
        let Scratch { ids, emptied, .. } = &mut self.scratch;
        number(&mut self.keys, &keys, batch.num_rows(), false, ids, emptied)?;
        self.read_times(port, &batch, now);
        self.sides[port].take_in_hand(&batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let end = self.pair(port, &batch, start)?;
            for row in start..end {
                self.meet(port, row)?;
                self.changes.flush(port, &batch, &self.sides, false, out)?;
            }
            self.changes.flush(port, &batch, &self.sides, true, out)?;
            start = end;
        }
        self.tidy()?;
        self.set_alarm(out);
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if self.times.is_some() || time == EventTime::MAX {
            self.advance(time.0, out)?;
        }
        out.watermark(match time {
            EventTime::MAX => time,
            EventTime(ms) => EventTime(ms.saturating_sub(self.delay)),
        });
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        self.keep_time(out)?;
        self.set_alarm(out);
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.advance(i64::MAX, out)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        let progress = Progress {
            groups: self.groups.clone(),
            horizon: self.watermark,
            watermark: self.watermark,
        };
        progress::write(&[progress], state)?;
        for table in 0..2 {
            let (side, wait) = (&mut self.sides[table], &self.waits[table]);
            let beside = |slot: u32, out: &mut Vec<u8>| wait.time(slot).put(out);
            side.snapshot_with(place(table), &self.keys, &mut self.codec, state, beside)?;
        }
        Ok(())
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        let parts = progress::read(state)?;
        // Where key groups have come differently far, a late row may be kept once more.
        let watermarks = parts.iter().map(|part| part.watermark);
        self.watermark = watermarks.min().unwrap_or(i64::MIN);
        while let Some(chunk) = state.next_chunk()? {
            let table = usize::from(chunk.table);
            let (Some(side), Some(wait)) = (self.sides.get_mut(table), self.waits.get_mut(table))
            else {
                return Err(damaged("an entry is in a table nobody wrote"));
            };
            side.restore_with(&chunk, &mut self.keys, &mut self.codec, |slot, reader| {
                wait.add(slot, reader.fixed::<i64>()?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let sides = self.sides.iter().map(Side::memory).sum::<usize>();
        let waits = self.waits.iter().map(Wait::memory).sum::<usize>();
        self.keys.bytes() + sides + waits
    }
}

/// The columns of an input, and the time of arrival.
fn with_arrival(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().cloned();
    let arrival = Arc::new(Field::new("$arrival", DataType::Int64, false));
    Arc::new(Schema::new(fields.chain([arrival]).collect::<Vec<_>>()))
}

fn arrived(rows: &RecordBatch, schema: &SchemaRef, now: i64) -> Result<RecordBatch> {
    let arrival: ArrayRef = Arc::new(Int64Array::from_value(now, rows.num_rows()));
    let columns = rows.columns().iter().cloned().chain([arrival]);
    Ok(RecordBatch::try_new(
        SchemaRef::clone(schema),
        columns.collect(),
    )?)
}
