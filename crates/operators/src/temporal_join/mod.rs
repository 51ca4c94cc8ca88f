//! Temporal joins: each left row with the version of the right side that was valid at its event time.
//!
//! ```text
//! right  EUR ─●1.10@0s────────●1.14@9s─────●gone@20s──▶
//! left           ○ 5s → 1.10      ○ 12s → 1.14   ○ 25s → none
//!                                       ▲ put out when the watermark passes
//! ```
//!
//! * A left row waits until the watermark has reached its time: then every version that began at or before
//!   it is known. Rows are put out in the order of their times, with their own kind.
//! * A version begins at the time of its row (`+I`, `+U`), or ends everything known so far (`-D`). `-U` says
//!   nothing that the row behind it does not. Two rows of one key and time: the later one counts.
//! * If the table is the newest row of each key, a version older than one that has come is none.
//! * A version is freed when the watermark has reached the next one of its key; so is one that ended.
//! * The condition is asked of the valid version. If it says no, or there is none, a LEFT join puts the row
//!   out with NULLs, an INNER join does not put it out.
//! * A left row at or behind the watermark is late: counted and dropped, also by a LEFT join. A late
//!   version is taken: it may be valid for rows to come.
//! * NULL in the key of a left row matches nothing.
//!
//! In a checkpoint: as rows by key; left ones with kind and order of arrival as columns, versions with
//! whether they are an end. Times stand beside.
//!
//! Source: Apache Flink, `TemporalRowTimeJoinOperator`.
//!
//! Cost per row: as for a join, and an entry of 16 bytes in a heap. All kept versions of a key are looked
//! at for each of its left rows: those the watermark has not reached yet, and one.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int8Array, Int64Array, RecordBatch};
use arrow::datatypes::{
    DataType, Field, Int8Type, Int64Type, Schema, SchemaRef, TimestampMillisecondType,
};
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{JoinKind, TemporalJoinSpec};

use crate::OperatorContext;
use crate::interval_join::wait::Wait;
use crate::join::pairs::Condition;
use crate::join::side::Side;
use crate::join::stored::{Refs, Stored};
use crate::join::{change, nulls_of, number, place};
use crate::keys::KeyTable;
use crate::rows::NONE;
use crate::state::bytes::{Fixed, damaged};
use crate::state::codec::types_text;
use crate::state::entries::KeyCodec;
use crate::state::form::Form;
use crate::state::progress::{self, Progress};
use crate::window::times::{is_timestamp, usable};

/// Left rows worked on at a time.
const DUE: usize = 8_192;
const LEFT: usize = 0;
const RIGHT: usize = 1;

/// Joins rows with versions.
pub struct TemporalJoin {
    is_outer: bool,
    only_newer: bool,
    times: [usize; 2],
    names: [String; 2],
    /// Width of the inputs, before the columns that are added.
    widths: [usize; 2],
    sides: [Side; 2],
    waits: [Wait; 2],
    /// Of each left slot: its kind, and when it came.
    arrivals: Vec<(i8, i64)>,
    /// Of each right slot: it ends what was before.
    is_end: Vec<bool>,
    next_arrival: i64,
    keys: KeyTable,
    condition: Option<Condition>,
    stored: Stored,
    codec: KeyCodec,
    form: Form,
    groups: Range<u32>,
    watermark: i64,
    ids: Vec<u32>,
    emptied: Vec<u32>,
}

/// A left row whose time has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    time: i64,
    arrival: i64,
    slot: u32,
}

impl TemporalJoin {
    /// A join without rows.
    ///
    /// # Errors
    /// `Internal` for kinds other than INNER and LEFT, and for keys or times that contradict the schemas.
    pub fn new(
        spec: &TemporalJoinSpec,
        schemas: [&SchemaRef; 2],
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let join = &spec.join;
        if !matches!(join.kind, JoinKind::Inner | JoinKind::Left) {
            return Err(Error::internal("a temporal join is INNER or LEFT"));
        }
        let pair = millstream_plan::pair_schema(schemas[0], schemas[1]);
        let widths = schemas.map(|schema| schema.fields().len());
        let condition = match &join.condition {
            Some(expr) => Some(Condition::new(expr, &pair, widths[0])?),
            None => None,
        };
        let kept = [
            with_columns(
                schemas[0],
                &[("$kind", DataType::Int8), ("$arrival", DataType::Int64)],
            ),
            with_columns(schemas[1], &[("$end", DataType::Boolean)]),
        ];
        let sides = [
            Side::new(&kept[0], &join.left_keys, None, false)?,
            Side::new(&kept[1], &join.right_keys, None, false)?,
        ];
        let types = sides[0].key_types();
        if types != sides[1].key_types() {
            return Err(Error::internal(
                "a temporal join compares keys of two types",
            ));
        }
        let parts = [
            format!("{:?}, key({})", join.kind, types_text(&types)?),
            sides[0].form()?,
            sides[1].form()?,
        ];
        Ok(TemporalJoin {
            is_outer: join.kind == JoinKind::Left,
            only_newer: spec.only_newer,
            times: spec.times,
            names: [
                is_timestamp(schemas[0], spec.times[0])?,
                is_timestamp(schemas[1], spec.times[1])?,
            ],
            widths,
            waits: Default::default(),
            arrivals: Vec::new(),
            is_end: Vec::new(),
            next_arrival: 0,
            condition,
            stored: Stored::new(change::columns(widths, true), output, context.batch_rows)?,
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            keys: KeyTable::new(&types)?,
            sides,
            form: Form::new("temporal join", parts),
            groups: millstream_core::key::range(
                context.subtask,
                context.key_groups,
                context.parallelism.max(1),
            ),
            watermark: i64::MIN,
            ids: Vec::new(),
            emptied: Vec::new(),
        })
    }

    /// Takes the late rows out.
    fn in_time(&self, rows: ChangeBatch, out: &mut Output) -> Result<Option<ChangeBatch>> {
        let times = times_of(rows.rows(), self.times[LEFT]);
        if times.iter().all(|&time| time > self.watermark) {
            return Ok(Some(rows));
        }
        let is_late: BooleanArray = times.iter().map(|&t| Some(t <= self.watermark)).collect();
        out.late(LateRows {
            rows: rows.filter(&is_late)?,
            time_column: self.times[LEFT],
            watermark: EventTime(self.watermark),
        });
        let rows = rows.filter(&arrow::compute::not(&is_late)?)?;
        Ok(Some(rows).filter(|rows| rows.num_rows() > 0))
    }

    /// Keeps left rows until their time has come.
    fn add_left(&mut self, rows: &ChangeBatch) -> Result<()> {
        let count = rows.num_rows();
        let kinds: Int8Array = (0..count).map(|row| Some(rows.kind(row) as i8)).collect();
        let first = self.next_arrival;
        self.next_arrival += count as i64;
        let arrivals = Int64Array::from_iter_values(first..self.next_arrival);
        let added: [ArrayRef; 2] = [Arc::new(kinds), Arc::new(arrivals)];
        let batch = with_added(rows.rows(), self.sides[LEFT].schema(), &added)?;
        let keys = self.sides[LEFT].keys_of(&batch);
        // NULLs are kept too, for LEFT; no version has such a key.
        self.keys.intern(&keys, count, &mut self.ids)?;
        let nulls = nulls_of(&keys).filter(|_| !self.is_outer);
        self.sides[LEFT].take_in_hand(&batch)?;
        let times = times_of(&batch, self.times[LEFT]);
        for (row, &time) in times.iter().enumerate() {
            let key = self.ids[row];
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                self.emptied.push(key);
                continue;
            }
            let slot = self.sides[LEFT].rows.add(row, key)?;
            self.waits[LEFT].add(slot, time);
            let arrival = (rows.kind(row) as i8, first + row as i64);
            put_at(&mut self.arrivals, slot, arrival);
        }
        Ok(())
    }

    /// Takes versions.
    fn add_right(&mut self, rows: &ChangeBatch) -> Result<()> {
        let count = rows.num_rows();
        let is_end = |row: usize| rows.kind(row) == RowKind::Delete;
        let ends: BooleanArray = (0..count).map(|row| Some(is_end(row))).collect();
        let added: [ArrayRef; 1] = [Arc::new(ends)];
        let batch = with_added(rows.rows(), self.sides[RIGHT].schema(), &added)?;
        let keys = self.sides[RIGHT].keys_of(&batch);
        number(
            &mut self.keys,
            &keys,
            count,
            false,
            &mut self.ids,
            &mut self.emptied,
        )?;
        self.sides[RIGHT].take_in_hand(&batch)?;
        let times = times_of(&batch, self.times[RIGHT]);
        for (row, &time) in times.iter().enumerate() {
            let key = self.ids[row];
            if key == NONE {
                continue;
            }
            if rows.kind(row) == RowKind::UpdateBefore || self.is_outdated(key, time) {
                self.emptied.push(key);
                continue;
            }
            self.forget_version(key, time);
            let slot = self.sides[RIGHT].rows.add(row, key)?;
            self.waits[RIGHT].add(slot, time);
            put_at(&mut self.is_end, slot, is_end(row));
        }
        Ok(())
    }

    /// True if only newer versions count, and this one is not.
    fn is_outdated(&self, key: u32, time: i64) -> bool {
        let wait = &self.waits[RIGHT];
        let mut slots = self.sides[RIGHT].rows.slots(key);
        self.only_newer && slots.any(|slot| wait.time(slot) > time)
    }

    /// Frees the version of a key that began at this very time.
    fn forget_version(&mut self, key: u32, time: i64) {
        let wait = &self.waits[RIGHT];
        let rows = &mut self.sides[RIGHT].rows;
        let same = rows.slots(key).find(|&slot| wait.time(slot) == time);
        if let Some(slot) = same {
            rows.drop_slot(slot);
        }
    }

    /// The version of a key that is valid at a time.
    fn version(&self, key: u32, time: i64) -> u32 {
        let wait = &self.waits[RIGHT];
        let slots = self.sides[RIGHT].rows.slots(key);
        let begun = slots.filter(|&slot| wait.time(slot) <= time);
        match begun.max_by_key(|&slot| wait.time(slot)) {
            Some(slot) if !self.is_end[slot as usize] => slot,
            _ => NONE,
        }
    }

    /// Puts out what the watermark has reached, and frees the versions it has passed.
    fn advance(&mut self, watermark: i64, out: &mut Output) -> Result<()> {
        if watermark <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark;
        let mut due = Vec::new();
        while let Some((time, slot)) = self.waits[LEFT].first() {
            if time > watermark {
                break;
            }
            self.waits[LEFT].take_first();
            let arrival = self.arrivals[slot as usize].1;
            due.push(Due {
                time,
                arrival,
                slot,
            });
        }
        due.sort_unstable();
        for due in due.chunks(DUE) {
            self.join(due, out)?;
        }
        for Due { slot, .. } in due {
            let rows = &mut self.sides[LEFT].rows;
            self.emptied.push(rows.key_of(slot));
            rows.drop_slot(slot);
        }
        self.free_versions();
        self.tidy()
    }

    fn join(&self, due: &[Due], out: &mut Output) -> Result<()> {
        let mut pairs = Refs::default();
        let mut versions = Vec::with_capacity(due.len());
        for row in due {
            let key = self.sides[LEFT].rows.key_of(row.slot);
            let version = self.version(key, row.time);
            versions.push((version, key));
            if version != NONE {
                pairs.push(row.slot, version, key);
            }
        }
        let mask = match &self.condition {
            Some(condition) if pairs.len() > 0 => {
                Some(condition.of_stored(&pairs, &self.sides, &self.keys)?)
            }
            _ => None,
        };
        let mut refs = Refs::default();
        let mut kinds = Vec::with_capacity(due.len());
        let mut at = 0;
        for (row, (version, key)) in due.iter().zip(versions) {
            let mut valid = version;
            if version != NONE {
                if mask.as_ref().is_some_and(|mask| !mask.value(at)) {
                    valid = NONE;
                }
                at += 1;
            }
            if valid != NONE || self.is_outer {
                refs.push(row.slot, valid, key);
                kinds.push(self.arrivals[row.slot as usize].0 as u8);
            }
        }
        self.stored
            .put_kinds(&refs, &kinds, &self.sides, &self.keys, out)
    }

    /// Frees all versions that began at or before the watermark but the last one of each key, and that too
    /// if it is an end.
    fn free_versions(&mut self) {
        let mut touched = Vec::new();
        while let Some((time, slot)) = self.waits[RIGHT].first() {
            if time > self.watermark {
                break;
            }
            self.waits[RIGHT].take_first();
            // The slot may have been freed since, or have a later version by now.
            let rows = &self.sides[RIGHT].rows;
            if rows.count(slot) > 0 && self.waits[RIGHT].time(slot) == time {
                touched.push(rows.key_of(slot));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for key in touched {
            let wait = &self.waits[RIGHT];
            let rows = &mut self.sides[RIGHT].rows;
            let begun = rows.slots(key).filter(|&s| wait.time(s) <= self.watermark);
            let begun: Vec<u32> = begun.collect();
            let last = begun.iter().copied().max_by_key(|&slot| wait.time(slot));
            for slot in begun {
                if Some(slot) != last || self.is_end[slot as usize] {
                    rows.drop_slot(slot);
                }
            }
            self.emptied.push(key);
        }
    }

    /// Gives the numbers of keys without rows back.
    fn tidy(&mut self) -> Result<()> {
        if self.emptied.is_empty() {
            return Ok(());
        }
        for side in &mut self.sides {
            side.rows.name_buried(&self.keys, &mut self.codec)?;
            side.rows.compact();
        }
        let (emptied, sides) = (&mut self.emptied, &self.sides);
        emptied.sort_unstable();
        emptied.dedup();
        emptied.retain(|&key| sides.iter().all(|side| side.rows.is_empty_at(key)));
        self.keys.remove(emptied);
        emptied.clear();
        Ok(())
    }

    /// What the columns added to a row say, after a restore.
    fn read_added(&mut self, table: usize, slots: &[u32]) -> Result<()> {
        let side = &self.sides[table];
        let columns = side.rows.columns(slots)?;
        let added = |index: usize| {
            let position = self.widths[table] + index;
            match side.column(position) {
                crate::join::side::Column::Stored(at) => Ok(&columns[at]),
                _ => Err(Error::internal("an added column is stored")),
            }
        };
        if table == RIGHT {
            let ends = added(0)?.as_boolean();
            for (row, &slot) in slots.iter().enumerate() {
                put_at(&mut self.is_end, slot, ends.value(row));
            }
            return Ok(());
        }
        let kinds = added(0)?.as_primitive::<Int8Type>();
        let arrivals = added(1)?.as_primitive::<Int64Type>();
        for (row, &slot) in slots.iter().enumerate() {
            let (kind, arrival) = (kinds.value(row), arrivals.value(row));
            if !(0..4).contains(&kind) || arrival == i64::MAX {
                return Err(damaged("a row has no kind or no place"));
            }
            put_at(&mut self.arrivals, slot, (kind, arrival));
            self.next_arrival = self.next_arrival.max(arrival + 1);
        }
        Ok(())
    }
}

impl Operator for TemporalJoin {
    fn on_rows(&mut self, port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let port = port.0 as usize;
        let Some(rows) = usable(rows, self.times[port], &self.names[port], out)? else {
            return Ok(());
        };
        if port == RIGHT {
            self.add_right(&rows)?;
        } else if let Some(rows) = self.in_time(rows, out)? {
            self.add_left(&rows)?;
        }
        self.tidy()
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        self.advance(time.0, out)?;
        out.watermark(time);
        Ok(())
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
        let watermarks = parts.iter().map(|part| part.watermark);
        self.watermark = watermarks.min().unwrap_or(i64::MIN);
        while let Some(chunk) = state.next_chunk()? {
            let table = usize::from(chunk.table);
            let (Some(side), Some(wait)) = (self.sides.get_mut(table), self.waits.get_mut(table))
            else {
                return Err(damaged("an entry is in a table nobody wrote"));
            };
            let mut slots = Vec::with_capacity(chunk.len());
            side.restore_with(&chunk, &mut self.keys, &mut self.codec, |slot, reader| {
                wait.add(slot, reader.fixed::<i64>()?);
                slots.push(slot);
                Ok(())
            })?;
            self.read_added(table, &slots)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let sides = self.sides.iter().map(Side::memory).sum::<usize>();
        let waits = self.waits.iter().map(Wait::memory).sum::<usize>();
        let beside = self.arrivals.capacity() * 16 + self.is_end.capacity();
        self.keys.bytes() + sides + waits + beside
    }
}

fn times_of(rows: &RecordBatch, column: usize) -> &[i64] {
    rows.column(column)
        .as_primitive::<TimestampMillisecondType>()
        .values()
}

fn put_at<T: Clone + Default>(values: &mut Vec<T>, slot: u32, value: T) {
    if slot as usize >= values.len() {
        values.resize(slot as usize + 1, T::default());
    }
    values[slot as usize] = value;
}

fn with_columns(schema: &SchemaRef, added: &[(&str, DataType)]) -> SchemaRef {
    let added = added
        .iter()
        .map(|(name, ty)| Arc::new(Field::new(*name, ty.clone(), false)));
    let fields = schema.fields().iter().cloned().chain(added);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn with_added(rows: &RecordBatch, schema: &SchemaRef, added: &[ArrayRef]) -> Result<RecordBatch> {
    let columns = rows.columns().iter().chain(added).cloned();
    Ok(RecordBatch::try_new(
        SchemaRef::clone(schema),
        columns.collect(),
    )?)
}
