//! The state of OVER by time in a checkpoint.
//!
//! | tables | entries |
//! |---|---|
//! | 0 | partition, row ─▶ how often (1), its time, the number of its arrival |
//! | 1 | partition ─▶ rows and different times so far, if a function counts them |
//! | 2 … | partition ─▶ states of the aggregates, and their distinct values |
//!
//! By event time a row at or behind the watermark has been answered and is in a frame; the others wait.

use std::cmp::Reverse;

use millstream_core::Result;
use millstream_core::state::{StateReader, StateWriter};
use millstream_plan::FrameStart;

use super::Over;
use super::running::Counter;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::entries::{self, BATCH_ENTRIES, Place, state_key};

const ROWS: Place = place(0);
const COUNTERS: Place = place(1);
const GROUPS: Place = place(2);

const fn place(table: u8) -> Place {
    Place {
        table,
        namespace: 0,
    }
}

impl Over {
    pub(super) fn write_state(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        self.clock.write(state)?;
        let stamps = &self.stamps;
        let beside = |slot: u32, out: &mut Vec<u8>| {
            let (time, arrival) = stamps[slot as usize];
            time.put(out);
            arrival.put(out);
        };
        let keys = &self.running.groups.keys;
        self.rows
            .snapshot(ROWS, keys, &mut self.codec, beside, state)?;
        self.write_counters(state)?;
        self.running.groups.snapshot(GROUPS, &mut self.codec, state)
    }

    /// They change whenever the states of the aggregates do, and go with them.
    fn write_counters(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        let Some(counters) = &self.running.counters else {
            return Ok(());
        };
        let groups = &self.running.groups;
        let bound = groups.keys.id_bound();
        let mut ids = groups.tracker.changes(bound, state.is_full());
        ids.retain(|&id| groups.keys.space(id).is_some());
        let mut value = Vec::new();
        for ids in ids.chunks(BATCH_ENTRIES) {
            self.codec.encode(&groups.keys.keys(ids)?, ids.len())?;
            for (row, &id) in ids.iter().enumerate() {
                let counter = counters[id as usize];
                value.clear();
                counter.rows.put(&mut value);
                counter.values.put(&mut value);
                let key = self.codec.key(row);
                state.put(state_key(COUNTERS, self.codec.group(row), key), &value)?;
            }
        }
        Ok(())
    }

    pub(super) fn read_state(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.clock.read(state)?;
        while let Some(chunk) = state.next_chunk()? {
            match chunk.table {
                0 => {
                    let stamps = &mut self.stamps;
                    let keys = &mut self.running.groups.keys;
                    self.rows
                        .restore(&chunk, keys, &mut self.codec, |slot, reader| {
                            stamps.resize(stamps.len().max(slot as usize + 1), (0, 0));
                            stamps[slot as usize] = (reader.fixed()?, reader.fixed()?);
                            Ok(())
                        })?;
                }
                1 => self.read_counters(&chunk)?,
                table => {
                    let groups = &mut self.running.groups;
                    groups.restore(table - GROUPS.table, &chunk, &mut self.codec)?;
                }
            }
        }
        self.make_room();
        self.sort_restored()
    }

    fn read_counters(&mut self, chunk: &millstream_core::state::StateChunk) -> Result<()> {
        let mut ids = Vec::new();
        for entries in entries::pieces(chunk) {
            let columns = self.codec.decode(chunk, entries.clone(), None)?;
            let keys = &mut self.running.groups.keys;
            keys.intern(&columns, entries.len(), &mut ids)?;
            self.make_room();
            let Some(counters) = &mut self.running.counters else {
                return Err(damaged("an entry is in a table nobody wrote"));
            };
            for (&id, entry) in ids.iter().zip(entries) {
                let mut reader = Reader::new(chunk.value(entry));
                counters[id as usize] = Counter {
                    rows: reader.fixed()?,
                    values: reader.fixed()?,
                };
                reader.end()?;
            }
        }
        Ok(())
    }

    /// Puts the rows that were restored where they belong: to those that wait, or into a frame.
    fn sort_restored(&mut self) -> Result<()> {
        let bound = self.rows.slot_bound() as u32;
        let mut slots: Vec<u32> = (0..bound).filter(|&s| self.rows.count(s) > 0).collect();
        slots.sort_unstable_by_key(|&slot| self.stamps[slot as usize]);
        for slots in slots.chunks(BATCH_ENTRIES) {
            let ids: Vec<u32> = slots.iter().map(|&slot| self.rows.key_of(slot)).collect();
            let keys = self.running.groups.keys.keys(&ids)?;
            let marks = self.clock.of_rows(&keys, slots.len())?;
            for (row, (&slot, &id)) in slots.iter().zip(&ids).enumerate() {
                let (time, arrival) = self.stamps[slot as usize];
                self.next_arrival = self.next_arrival.max(arrival + 1);
                if self.time.is_some() && time > marks.of(row) {
                    self.due.push(Reverse((time, arrival, slot)));
                    continue;
                }
                let Some(frame) = self.frames.get_mut(id as usize) else {
                    return Err(damaged("a row is in a frame, and there are none"));
                };
                frame.push_back(slot);
                if matches!(self.start, FrameStart::Millis(_)) {
                    self.expiring.push_back((time, arrival, slot));
                }
            }
        }
        Ok(())
    }
}
