//! Session windows: per key, rows that follow each other within a gap.
//!
//! ```text
//! gap 5     rows of ann   1   3        11  13        a late 7 joins both:
//!           sessions     [1 ──── 8)   [11 ─── 18)    [1 ───────────── 18)
//! ```
//!
//! * A row is a window [time, time + gap); windows of a key that overlap or touch are one session.
//! * A session fires when the watermark reaches its end − 1 ms. A row is late only if it joins no
//!   open session and its own window has fired.
//! * State: one accumulator per open session. Sessions are slots of a vector; a key knows its first
//!   one, usually its only one. Each session has one alarm in a heap; when a session has grown by
//!   the time its alarm goes off, the alarm is set anew, so a row never touches the heap.
//! * In a checkpoint as [`state`] says.
//! * Cost: O(1) per row that extends the only session of its key; O(log sessions) per session.
//!
//! Source: Apache Flink, `MergingWindowSet`, `TimeWindow.intersects`, `SessionWindowAssigner`.

mod state;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::datatypes::DataType;
use arrow::datatypes::SchemaRef;
use millstream_core::id::Port;
use millstream_core::key::{hash_rows, key_group, range};
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};
use millstream_plan::WindowAggregateSpec;

use super::emit::Emitter;
use super::times::Times;
use crate::OperatorContext;
use crate::aggregate::{Accumulators, Batch};
use crate::groups::{Layout, only_additions, signs};
use crate::keys::KeyTable;
use crate::state::entries::{self, KeyCodec};
use crate::state::form::Form;
use crate::state::progress::Progress;
use crate::state::tracker::Tracker;
use crate::watermark::EVENT_TIME_MAX_MS;

/// No session.
const NONE: u32 = u32::MAX;

/// Aggregates per key and session.
pub struct SessionAggregate {
    layout: Layout,
    times: Times,
    retracts: bool,
    keys: KeyTable,
    sessions: Sessions,
    accumulators: Accumulators,
    /// Rows per session, if rows can go.
    rows: Vec<i64>,
    /// Sessions whose end − 1 is not after this local time have fired.
    horizon: i64,
    watermark: EventTime,
    /// What was restored of how far the key groups have come: some may be ahead of the others.
    progress: Vec<Progress>,
    key_groups: u32,
    emitter: Emitter,
    ids: Vec<u32>,
    tracker: Tracker,
    codec: KeyCodec,
    form: Form,
}

/// The open sessions of all keys.
struct Sessions {
    gap: i64,
    slots: Vec<Session>,
    /// By slot, the time of the row that opened the session. No other session of the key has or
    /// will have the same: that time lies in this one while it is open, and is late afterwards. So
    /// it names the session in a checkpoint. Apart, as rows do not need it.
    opened: Vec<i64>,
    free: Vec<u32>,
    /// First session of each key.
    heads: Vec<u32>,
    /// End of a session when the alarm was set, slot, generation of the slot.
    alarms: BinaryHeap<Reverse<(i64, u32, u32)>>,
    /// Sessions to be moved into others, in order: (into, from).
    merges: Vec<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Session {
    /// `NONE`: the slot is free.
    key: u32,
    start: i64,
    end: i64,
    /// The next session of the key.
    next: u32,
    /// Counts the sessions the slot has held: an alarm of an earlier one is void.
    generation: u32,
}

impl SessionAggregate {
    /// An aggregation without any row yet.
    pub fn new(
        spec: &WindowAggregateSpec,
        gap: i64,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        if !(1..=EVENT_TIME_MAX_MS).contains(&gap) {
            return Err(Error::new(
                Code::InvalidPlan,
                format!("SESSION wants a positive gap, found {gap} ms"),
            ));
        }
        let times = Times::new(&spec.time, spec.zone.as_deref(), input)?;
        let layout = Layout::new(&spec.keys, &spec.aggregates, input)?;
        let retracts = spec.input_updates;
        let accumulators = Accumulators::new(&layout.calls, &layout.schema, retracts, true)?;
        let mut key_types = layout.key_types();
        key_types.push(DataType::Int64);
        let own = range(
            context.subtask,
            context.key_groups,
            context.parallelism.max(1),
        );
        Ok(SessionAggregate {
            keys: KeyTable::new(&layout.key_types())?,
            sessions: Sessions::new(gap),
            progress: vec![Progress {
                groups: own,
                horizon: i64::MIN,
                watermark: i64::MIN,
            }],
            key_groups: context.key_groups,
            tracker: Tracker::default(),
            form: state::form(gap, &key_types, retracts, &accumulators)?,
            codec: KeyCodec::new(key_types, layout.keys, context.key_groups)?,
            accumulators,
            layout,
            emitter: Emitter::new(spec, output, times.zone, context.batch_rows)?,
            times,
            retracts,
            rows: Vec::new(),
            horizon: i64::MIN,
            watermark: EventTime::MIN,
            ids: Vec::new(),
        })
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.keys.bytes()
            + self.sessions.bytes()
            + self.accumulators.bytes()
            + self.rows.capacity() * 8
            + self.tracker.bytes()
    }

    /// Finds the session of each row, `NONE` for late ones; returns the number of those.
    fn place(&mut self, rows: &ChangeBatch, now_ms: i64) -> Result<usize> {
        let times = self.times.of(rows, now_ms)?;
        let ahead = self.ahead(rows)?;
        self.sessions.heads.resize(self.keys.id_bound(), NONE);
        let earliest = match self.times.is_processing() {
            // Should the clock have gone back: processing time is never late.
            true => self.horizon.saturating_add(1),
            false => i64::MIN,
        };
        let horizon = self.horizon;
        Ok(match ahead {
            None => self.place_each(&times, earliest, |_| horizon),
            Some(ahead) => self.place_each(&times, earliest, |row| ahead[row]),
        })
    }

    fn place_each(
        &mut self,
        times: &[i64],
        earliest: i64,
        horizon_of: impl Fn(usize) -> i64,
    ) -> usize {
        let mut late = 0;
        for (row, (id, &time)) in self.ids.iter_mut().zip(times).enumerate() {
            let session = self.sessions.of(*id, time.max(earliest), horizon_of(row));
            late += usize::from(session == NONE);
            *id = session;
        }
        late
    }

    /// The horizon of each row, if key groups have come differently far.
    fn ahead(&self, rows: &ChangeBatch) -> Result<Option<Vec<i64>>> {
        if self
            .progress
            .iter()
            .all(|part| part.horizon <= self.horizon)
        {
            return Ok(None);
        }
        let keys = self.layout.columns[..self.layout.keys].iter();
        let keys: Vec<ArrayRef> = keys
            .map(|&column| ArrayRef::clone(rows.rows().column(column)))
            .collect();
        let mut hashes = Vec::new();
        hash_rows(&keys, rows.num_rows(), &mut hashes)?;
        let horizon = |&hash: &u64| {
            let group = key_group(hash, self.key_groups);
            let part = self.progress.iter().find(|p| p.groups.contains(&group));
            part.map_or(self.horizon, |part| part.horizon.max(self.horizon))
        };
        Ok(Some(hashes.iter().map(horizon).collect()))
    }

    fn report_late(&self, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        let time_column = self
            .times
            .column
            .ok_or_else(|| Error::internal("processing time is never late"))?;
        out.late(LateRows {
            rows: rows.take(&self.rows_where(|session| session == NONE))?,
            time_column,
            watermark: self.watermark,
        });
        Ok(())
    }

    fn rows_where(&self, wanted: impl Fn(u32) -> bool) -> UInt32Array {
        let rows = self.ids.iter().enumerate();
        let wanted = rows.filter(|&(_, &session)| wanted(session));
        UInt32Array::from_iter_values(wanted.map(|(row, _)| row as u32))
    }

    /// Adds the rows to their sessions, then joins the sessions that have met.
    fn add(&mut self, rows: &ChangeBatch) -> Result<()> {
        let columns = self.layout.pick(rows.rows().columns());
        let signs = signs(rows.kinds());
        if !self.retracts && !only_additions(signs.as_deref()) {
            return Err(Error::internal(
                "a window planned for insertions met a row that goes",
            ));
        }
        self.accumulators.resize(self.sessions.slots.len());
        if self.retracts {
            self.rows.resize(self.sessions.slots.len(), 0);
            for (row, &session) in self.ids.iter().enumerate() {
                let sign = signs.as_ref().map_or(1, |signs| i64::from(signs[row]));
                self.rows[session as usize] += sign;
            }
        }
        self.accumulators.update(Batch {
            columns: &columns,
            groups: &self.ids,
            signs: signs.as_deref(),
        })?;
        self.tracker.touch(&self.ids, self.sessions.slots.len());
        self.merge()
    }

    /// Joins the sessions that have met.
    fn merge(&mut self) -> Result<()> {
        if self.sessions.merges.is_empty() {
            return Ok(());
        }
        let mut moved = Vec::with_capacity(self.sessions.merges.len());
        for (into, from) in std::mem::take(&mut self.sessions.merges) {
            self.accumulators.combine(into, from)?;
            if self.retracts {
                let rows = std::mem::take(&mut self.rows[from as usize]);
                self.rows[into as usize] += rows;
            }
            self.tracker.touch_one(into);
            moved.push(from);
        }
        self.bury(&moved)?;
        moved.iter().for_each(|&from| self.sessions.release(from));
        Ok(())
    }

    /// Remembers what a checkpoint holds of sessions that are gone.
    fn bury(&mut self, slots: &[u32]) -> Result<()> {
        let (keys, sessions) = (&self.keys, &self.sessions);
        let keys_of = |slots: &[u32]| key_columns(keys, sessions, slots);
        self.accumulators.name_buried(&mut self.codec, &keys_of)?;
        entries::bury(slots, &mut self.codec, &mut self.tracker, keys_of)
    }

    /// Fires all sessions that end at or before `horizon` + 1.
    fn advance(&mut self, horizon: i64, out: &mut Output) -> Result<()> {
        self.horizon = self.horizon.max(horizon);
        loop {
            let fired = self.sessions.due(self.horizon, self.emitter.batch_rows);
            if fired.is_empty() {
                return Ok(());
            }
            self.put_out(&fired, out)?;
            self.accumulators.reset(&fired)?;
            self.bury(&fired)?;
            let emptied = self.sessions.remove(&fired);
            if self.retracts {
                fired.iter().for_each(|&s| self.rows[s as usize] = 0);
            }
            self.keys.remove(&emptied);
        }
    }

    fn put_out(&self, fired: &[u32], out: &mut Output) -> Result<()> {
        let has_rows = |session: &u32| !self.retracts || self.rows[*session as usize] > 0;
        let live: Vec<u32> = fired.iter().copied().filter(has_rows).collect();
        let session = |row: usize| &self.sessions.slots[live[row] as usize];
        let keys: Vec<u32> = (0..live.len()).map(|row| session(row).key).collect();
        let mut columns = self.keys.keys(&keys)?;
        columns.extend(self.accumulators.evaluate(&live)?);
        self.emitter.send(
            columns,
            live.len(),
            |row| session(row).start,
            |row| session(row).end,
            out,
        )
    }

    fn keep_time(&mut self, out: &mut Output) -> Result<()> {
        let horizon = self
            .times
            .zone
            .local_progress(out.now_ms().saturating_sub(1));
        self.advance(horizon, out)
    }

    fn set_alarm(&self, out: &mut Output) {
        if let Some(Reverse((end, _, _))) = self.sessions.alarms.peek() {
            out.wake_at(self.times.zone.to_epoch(end - 1).saturating_add(1));
        }
    }
}

impl Operator for SessionAggregate {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        if self.times.is_processing() {
            self.keep_time(out)?;
        }
        let Some(mut rows) = self.times.usable(rows, out)? else {
            return Ok(());
        };
        let keys: Vec<_> = self.layout.columns[..self.layout.keys]
            .iter()
            .map(|&column| std::sync::Arc::clone(rows.rows().column(column)))
            .collect();
        self.keys.intern(&keys, rows.num_rows(), &mut self.ids)?;
        let interned = self.ids.clone();
        let late = self.place(&rows, out.now_ms())?;
        if late > 0 {
            self.report_late(&rows, out)?;
            let kept = self.rows_where(|session| session != NONE);
            rows = rows.take(&kept)?;
            self.ids.retain(|&session| session != NONE);
            // A key only late rows came with has no session to remove it later.
            let heads = &self.sessions.heads;
            let unused = interned.iter().filter(|&&key| heads[key as usize] == NONE);
            self.keys.remove(&unused.copied().collect::<Vec<_>>());
        }
        if rows.num_rows() > 0 {
            self.add(&rows)?;
        }
        if self.times.is_processing() {
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if !self.times.is_processing() {
            self.watermark = self.watermark.max(time);
            self.advance(self.times.zone.local_progress(time.0), out)?;
            // After a restore an earlier one may come again; what has been said stays said.
            out.watermark(self.watermark);
            return Ok(());
        }
        if time == EventTime::MAX {
            // The input has ended: whoever is behind this watermark wants all results first.
            self.advance(i64::MAX, out)?;
        }
        out.watermark(time);
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        if self.times.is_processing() {
            self.keep_time(out)?;
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.advance(i64::MAX, out)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }
}

/// What names sessions: their key, and the time they were opened.
fn key_columns(keys: &KeyTable, sessions: &Sessions, slots: &[u32]) -> Result<Vec<ArrayRef>> {
    let key = |slot: &u32| sessions.slots[*slot as usize].key;
    let mut columns = keys.keys(&slots.iter().map(key).collect::<Vec<_>>())?;
    let opened = slots.iter().map(|&slot| sessions.opened[slot as usize]);
    columns.push(std::sync::Arc::new(Int64Array::from_iter_values(opened)));
    Ok(columns)
}

impl Sessions {
    fn new(gap: i64) -> Self {
        Sessions {
            gap,
            slots: Vec::new(),
            opened: Vec::new(),
            free: Vec::new(),
            heads: Vec::new(),
            alarms: BinaryHeap::new(),
            merges: Vec::new(),
        }
    }

    /// The session a row of `key` at `time` belongs to, opened, grown or merged for it; `NONE` if
    /// the row is late.
    #[inline]
    fn of(&mut self, key: u32, time: i64, horizon: i64) -> u32 {
        let (start, end) = (time, time + self.gap);
        let head = self.heads[key as usize];
        if head == NONE {
            return self.open(key, start, end, horizon);
        }
        let first = &mut self.slots[head as usize];
        if first.next == NONE && first.meets(start, end) {
            first.start = first.start.min(start);
            first.end = first.end.max(end);
            return head;
        }
        self.join(key, start, end, horizon)
    }

    fn open(&mut self, key: u32, start: i64, end: i64, horizon: i64) -> u32 {
        if end - 1 <= horizon {
            return NONE;
        }
        let next = self.heads[key as usize];
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Session::FREE);
            self.opened.push(0);
            self.slots.len() as u32 - 1
        });
        let session = &mut self.slots[slot as usize];
        *session = Session {
            key,
            start,
            end,
            next,
            ..*session
        };
        self.alarms.push(Reverse((end, slot, session.generation)));
        self.opened[slot as usize] = start;
        self.heads[key as usize] = slot;
        slot
    }

    /// The general case: the row may join any number of the key's sessions, which become one.
    fn join(&mut self, key: u32, start: i64, end: i64, horizon: i64) -> u32 {
        let mut joined = NONE;
        let mut before = NONE;
        let mut at = self.heads[key as usize];
        while at != NONE {
            let session = self.slots[at as usize];
            if !session.meets(start, end) {
                before = at;
            } else if joined == NONE {
                joined = at;
                before = at;
                let grown = &mut self.slots[at as usize];
                grown.start = session.start.min(start);
                grown.end = session.end.max(end);
            } else {
                let grown = &mut self.slots[joined as usize];
                grown.start = grown.start.min(session.start);
                grown.end = grown.end.max(session.end);
                self.merges.push((joined, at));
                self.unlink(key, before, at);
            }
            at = session.next;
        }
        if joined == NONE {
            return self.open(key, start, end, horizon);
        }
        joined
    }

    /// Takes `at`, which follows `before`, out of the key's list, and voids its alarm.
    fn unlink(&mut self, key: u32, before: u32, at: u32) {
        let next = self.slots[at as usize].next;
        if before == NONE {
            self.heads[key as usize] = next;
        } else {
            self.slots[before as usize].next = next;
        }
        let generation = &mut self.slots[at as usize].generation;
        *generation = generation.wrapping_add(1);
    }

    /// At most `limit` sessions that end at or before `horizon` + 1, in the order of their ends.
    fn due(&mut self, horizon: i64, limit: usize) -> Vec<u32> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(&Reverse((end, slot, generation))) = self.alarms.peek() else {
                break;
            };
            if end - 1 > horizon {
                break;
            }
            self.alarms.pop();
            let session = self.slots[slot as usize];
            if session.generation != generation {
                continue;
            }
            if session.end > end {
                self.alarms.push(Reverse((session.end, slot, generation)));
            } else {
                due.push(slot);
            }
        }
        due
    }

    /// Frees fired sessions; returns the keys that have none left.
    fn remove(&mut self, fired: &[u32]) -> Vec<u32> {
        let mut emptied = Vec::new();
        for &slot in fired {
            let key = self.slots[slot as usize].key;
            let mut before = NONE;
            let mut at = self.heads[key as usize];
            while at != slot && at != NONE {
                before = at;
                at = self.slots[at as usize].next;
            }
            self.unlink(key, before, slot);
            self.release(slot);
            if self.heads[key as usize] == NONE {
                emptied.push(key);
            }
        }
        emptied
    }

    /// Frees a slot that is in no list.
    fn release(&mut self, slot: u32) {
        self.slots[slot as usize].key = NONE;
        self.free.push(slot);
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Session>()
            + self.opened.capacity() * 8
            + (self.free.capacity() + self.heads.capacity()) * 4
            + self.alarms.capacity() * 16
    }
}

impl Session {
    const FREE: Session = Session {
        key: NONE,
        start: 0,
        end: 0,
        next: NONE,
        generation: 0,
    };

    /// True if the windows overlap or touch.
    fn meets(&self, start: i64, end: i64) -> bool {
        self.start <= end && self.end >= start
    }
}
