//! Session windows in a checkpoint.
//!
//! Table 0: key, time the session was opened ─▶ start, end, rows (if rows can go), states of its
//! aggregates. Distinct values from table 1 on. Sessions that have been put out, and those that
//! became part of others, are deleted one by one. How far each key group has come is a blob; see
//! [`crate::state::progress`].

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateReader, StateWriter};
use millstream_core::time::EventTime;

use super::{NONE, Session, SessionAggregate, Sessions, key_columns};
use crate::aggregate::Accumulators;
use crate::keys::KeyTable;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::codec::types_text;
use crate::state::entries::{self, Place};
use crate::state::form::Form;
use crate::state::progress::{self, Progress};
use crate::watermark::EVENT_TIME_MAX_MS;

/// Where sessions are in a checkpoint.
const SESSIONS: Place = Place {
    table: 0,
    namespace: 0,
};
/// Where their distinct values are, from this table on.
const DISTINCT: Place = Place {
    table: 1,
    namespace: 0,
};

/// What the entries of a checkpoint are.
pub(super) fn form(
    gap: i64,
    keys: &[DataType],
    retracts: bool,
    accumulators: &Accumulators,
) -> Result<Form> {
    let rows = if retracts { ", rows" } else { "" };
    let key = format!("key({}){rows}", types_text(keys)?);
    let parts = accumulators.form().iter().cloned();
    let kind = format!("session window of {gap} ms");
    Ok(Form::new(&kind, std::iter::once(key).chain(parts)))
}

impl SessionAggregate {
    pub(super) fn write_state(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        progress::write(&self.come(), state)?;
        let (sessions, slots) = (&self.sessions, &self.sessions.slots);
        let mut ids = self.tracker.changes(slots.len(), state.is_full());
        ids.retain(|&slot| slots[slot as usize].key != NONE);
        let (keys, rows, accumulators) = (&self.keys, &self.rows, &self.accumulators);
        let keys_of = |ids: &[u32]| key_columns(keys, sessions, ids);
        let value = |slot: u32, out: &mut Vec<u8>| {
            let session = &slots[slot as usize];
            session.start.put(out);
            session.end.put(out);
            if self.retracts {
                rows[slot as usize].put(out);
            }
            accumulators.save(slot, out)
        };
        let (codec, tracker) = (&mut self.codec, &mut self.tracker);
        entries::write(&ids, SESSIONS, codec, tracker, keys_of, value, state)?;
        self.accumulators
            .snapshot_distinct(DISTINCT, codec, &keys_of, state)
    }

    /// How far each key group has come.
    fn come(&self) -> Vec<Progress> {
        let parts = self.progress.iter();
        let come = parts.map(|part| Progress {
            groups: part.groups.clone(),
            horizon: part.horizon.max(self.horizon),
            watermark: part.watermark.max(self.watermark.0),
        });
        come.collect()
    }

    pub(super) fn read_state(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.progress = progress::read(state)?;
        let least = |of: fn(&Progress) -> i64| self.progress.iter().map(of).min();
        self.horizon = least(|part| part.horizon).unwrap_or(i64::MIN);
        self.watermark = EventTime(least(|part| part.watermark).unwrap_or(i64::MIN));
        while let Some(chunk) = state.next_chunk()? {
            if chunk.namespace != SESSIONS.namespace {
                return Err(damaged("an entry is in a namespace nobody wrote"));
            }
            match chunk.table {
                0 => self.read_sessions(&chunk)?,
                table => self.read_distinct(usize::from(table) - 1, &chunk)?,
            }
        }
        self.make_room();
        let mut live = (0..)
            .zip(&self.sessions.slots)
            .filter(|(_, s)| s.key != NONE);
        match live.all(|(slot, _)| self.tracker.is_stored(slot)) {
            true => Ok(()),
            false => Err(damaged("a session has distinct values but no entry")),
        }
    }

    fn read_sessions(&mut self, chunk: &StateChunk) -> Result<()> {
        for entries in entries::pieces(chunk) {
            let columns = self.codec.decode(chunk, entries.clone(), None)?;
            let slots = slots_of(&mut self.keys, &mut self.sessions, &columns, entries.len())?;
            self.make_room();
            for (slot, entry) in slots.into_iter().zip(entries) {
                let mut reader = Reader::new(chunk.value(entry));
                let (start, end) = (reader.fixed()?, reader.fixed()?);
                self.sessions.set_bounds(slot, start, end)?;
                if self.retracts {
                    self.rows[slot as usize] = reader.fixed()?;
                }
                self.accumulators.load(slot, &mut reader)?;
                reader.end()?;
                self.tracker.restored(slot);
            }
        }
        Ok(())
    }

    fn read_distinct(&mut self, set: usize, chunk: &StateChunk) -> Result<()> {
        if set >= self.accumulators.distinct_sets() {
            return Err(damaged("a table is of no aggregate"));
        }
        let (keys, sessions) = (&mut self.keys, &mut self.sessions);
        let groups_of =
            &mut |columns: &[ArrayRef], num_rows| slots_of(keys, sessions, columns, num_rows);
        self.accumulators
            .restore_distinct(set, chunk, &mut self.codec, groups_of)
    }

    fn make_room(&mut self) {
        let bound = self.sessions.slots.len();
        self.accumulators.resize(bound);
        if self.retracts {
            self.rows.resize(bound, 0);
        }
    }
}

/// The slots of sessions named by these columns, made if they are not there yet.
fn slots_of(
    keys: &mut KeyTable,
    sessions: &mut Sessions,
    columns: &[ArrayRef],
    num_rows: usize,
) -> Result<Vec<u32>> {
    let Some((opened, key)) = columns.split_last() else {
        return Err(damaged("a session without a name"));
    };
    let mut ids = Vec::new();
    keys.intern(key, num_rows, &mut ids)?;
    sessions.heads.resize(keys.id_bound(), NONE);
    let opened = opened.as_primitive::<Int64Type>().values();
    let named = ids.iter().zip(opened.iter());
    Ok(named.map(|(&key, &id)| sessions.named(key, id)).collect())
}

impl Sessions {
    /// The slot of the session of `key` with this id, made if it is not there yet.
    fn named(&mut self, key: u32, id: i64) -> u32 {
        let mut at = self.heads[key as usize];
        while at != NONE {
            if self.opened[at as usize] == id {
                return at;
            }
            at = self.slots[at as usize].next;
        }
        let slot = self.slots.len() as u32;
        self.slots.push(Session {
            key,
            next: self.heads[key as usize],
            ..Session::FREE
        });
        self.opened.push(id);
        self.heads[key as usize] = slot;
        slot
    }

    fn set_bounds(&mut self, slot: u32, start: i64, end: i64) -> Result<()> {
        let session = &mut self.slots[slot as usize];
        let opened = self.opened[slot as usize];
        let farthest = 4 * EVENT_TIME_MAX_MS;
        let sane = -farthest <= start && start <= opened && opened < end && end <= farthest;
        if !sane {
            return Err(damaged("a session does not hold the row that opened it"));
        }
        (session.start, session.end) = (start, end);
        let alarm = (end, slot, session.generation);
        self.alarms.push(std::cmp::Reverse(alarm));
        Ok(())
    }
}
