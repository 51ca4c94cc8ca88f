//! The state in a checkpoint: rows and matches by key, and how far time had come.
//!
//! | table | key | value |
//! |---|---|---|
//! | 0 | key, arrival, columns of a row | how often (1), its time, its bits, its number |
//! | 1 | key | the matches that have begun, and those that wait |
//!
//! A row's number says whether it waits. How far the watermark has come is a blob, and so is the number of
//! the next row to arrive: of several, after a rescale, the largest.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateReader, StateWriter};
use millstream_plan::PatternSpec;

use super::MatchRecognize;
use super::conditions::Conditions;
use super::matcher::Matcher;
use super::store::Store;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::codec::types_text;
use crate::state::entries::{self, Place};
use crate::state::form::Form;

/// Where the entries of matches are.
const MATCHES: Place = Place {
    table: 1,
    namespace: 0,
};
/// Name of the blob with the number of the next row.
const ARRIVALS: &str = "arrivals";

/// What kind of state it is.
pub(super) fn form(
    spec: &PatternSpec,
    keys: &[DataType],
    store: &Store,
    conditions: &Conditions,
) -> Result<Form> {
    let numbers: Vec<String> = (0..spec.variables.len()).map(|v| format!("v{v}")).collect();
    let names: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut parts = vec![
        format!("{}, key({})", spec.pattern.shown(&names), types_text(keys)?),
        store.form()?,
    ];
    parts.extend(conditions.tally.form());
    Ok(Form::new("pattern", parts))
}

impl MatchRecognize {
    pub(super) fn write_state(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        self.clock.write(state)?;
        state.blob(ARRIVALS, &self.store.arrivals.to_le_bytes())?;
        self.store.snapshot(&self.keys, &mut self.codec, state)?;
        let matchers = &self.search.matchers;
        let mut changed = self.tracker.changes(matchers.len(), state.is_full());
        changed.retain(|&key| !matchers[key as usize].is_idle());
        let keys = &self.keys;
        entries::write(
            &changed,
            MATCHES,
            &mut self.codec,
            &mut self.tracker,
            |ids| keys.keys(ids),
            |key, out| {
                matchers[key as usize].write(out);
                Ok(())
            },
            state,
        )
    }

    pub(super) fn read_state(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.clock.read(state)?;
        for blob in state.blobs(ARRIVALS) {
            let mut reader = Reader::new(blob);
            let arrivals = u64::get(reader.take(u64::BYTES)?);
            reader.end()?;
            self.store.arrivals = self.store.arrivals.max(arrivals);
        }
        while let Some(chunk) = state.next_chunk()? {
            match chunk.table {
                0 => self
                    .store
                    .restore(&chunk, &mut self.keys, &mut self.codec)?,
                1 => self.read_matches(&chunk)?,
                _ => return Err(damaged("an entry is in a table nobody wrote")),
            }
        }
        self.tracker.settled();
        self.search.resize(self.keys.id_bound());
        self.sort_rows()
    }

    fn read_matches(&mut self, chunk: &StateChunk) -> Result<()> {
        let mut ids = Vec::new();
        for piece in entries::pieces(chunk) {
            let columns: Vec<ArrayRef> = self.codec.decode(chunk, piece.clone(), None)?;
            self.keys.intern(&columns, piece.len(), &mut ids)?;
            self.search.resize(self.keys.id_bound());
            for (&key, entry) in ids.iter().zip(piece) {
                let mut reader = Reader::new(chunk.value(entry));
                let automaton = &self.search.automaton;
                let matcher = Matcher::read(&mut reader, automaton, self.variables)?;
                reader.end()?;
                self.search.matchers[key as usize] = matcher;
                self.tracker.restored(key);
            }
        }
        Ok(())
    }

    /// Rows that wait go back in the queue, others to their key's matcher.
    fn sort_rows(&mut self) -> Result<()> {
        let mut waiting = Vec::new();
        for key in self.keys.ids() {
            let mut numbered = Vec::new();
            for slot in self.store.rows.slots(key) {
                match self.store.number(slot) {
                    Ok(number) => numbered.push((number, slot)),
                    Err(arrival) => waiting.push((self.store.time(slot), arrival, slot)),
                }
            }
            numbered.sort_unstable();
            self.search.matchers[key as usize].restore_rows(&numbered)?;
            self.search.set_alarm(key);
        }
        waiting.sort_unstable();
        for (time, _, slot) in waiting {
            self.waiting.entry(time).or_default().push(slot);
        }
        Ok(())
    }

    /// Notes which keys' matches have changed, and forgets keys without rows.
    pub(super) fn tidy(&mut self) -> Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let is_idle = |key: &u32| self.search.matchers[*key as usize].is_idle();
        let (idle, busy): (Vec<u32>, Vec<u32>) = touched.iter().partition(|key| is_idle(key));
        busy.iter().for_each(|&key| self.tracker.touch_one(key));
        let keys = &self.keys;
        let keys_of = |ids: &[u32]| keys.keys(ids);
        entries::bury(&idle, &mut self.codec, &mut self.tracker, keys_of)?;
        let mut gone = idle;
        gone.retain(|&key| self.store.rows.is_empty_at(key));
        if !gone.is_empty() {
            let (keys, codec) = (&self.keys, &mut self.codec);
            self.store.rows.name_buried(keys, codec)?;
            self.store.rows.compact();
            gone.iter().for_each(|&key| self.search.reset(key));
            self.keys.remove(&gone);
        }
        touched.clear();
        self.touched = touched;
        Ok(())
    }
}
