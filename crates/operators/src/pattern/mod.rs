//! MATCH_RECOGNIZE: looks for a pattern in the rows of each key, in the order of time.
//!
//! ```text
//! rows ─▶ conditions on one row ─▶ wait, by time ──watermark──▶ search ─▶ matches: key, measures
//!           a bit per variable      [store]                      [matchers]
//! ```
//!
//! * Event time: a row has its turn when the watermark reaches it, in the order of time, then of ORDER BY's
//!   further columns, then of arrival. A row that is not after the watermark is late. Processing time: at
//!   once; with further columns when the millisecond is over.
//! * [`nfa`]: the pattern as an automaton. [`matcher`]: the matches of a key that have begun, and which of
//!   those that are complete counts. [`search`]: rows meet matches. [`conditions`] and [`values`]: what is
//!   computed of matches, many at a time. [`store`]: the rows themselves.
//! * A match is put out once and never taken back. Its time ([`MatchPart::Time`]) is that of the row with
//!   which it was found, which is its last one or, if something earlier was possible until then, a later
//!   one: never before a watermark that has been passed on.
//! * State: rows that wait, and the rows of matches that are not over. WITHIN bounds how long that takes;
//!   time alone then gives them up, whether rows come or not. A key without either is forgotten.
//! * In a checkpoint: an entry per row, written again when it has had its turn, and an entry per key with
//!   its matches, as row numbers.
//!
//! Cost per row: its bytes, an entry in a map by time, and a step per match of its key; conditions over
//! several rows one evaluation per round ([`search`]) and variable.
//!
//! Sources: Agrawal et al., "Efficient Pattern Matching over Event Streams", SIGMOD 2008 (runs of an
//! automaton over shared rows); the meaning of each clause is that of Flink's CEP library.
//!
//! [`MatchPart::Time`]: millstream_plan::MatchPart::Time

mod conditions;
mod emit;
mod matcher;
mod nfa;
mod queue;
mod search;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};
use millstream_plan::{PatternSpec, SortKey, TimeAttribute};

use crate::OperatorContext;
use crate::keys::KeyTable;
use crate::state::clock::Clock;
use crate::state::entries::KeyCodec;
use crate::state::form::Form;
use crate::state::tracker::Tracker;
use crate::window::times::{all_in_bounds, is_timestamp, timestamps, usable};
use conditions::Conditions;
use emit::Emitter;
use nfa::Automaton;
use search::{Search, Turn};
use store::{Known, Store};

/// Looks for a pattern.
pub struct MatchRecognize {
    keys_at: Vec<usize>,
    time: Time,
    order: Option<Order>,
    keys: KeyTable,
    store: Store,
    search: Search,
    emitter: Emitter,
    /// Rows whose turn has not come, by time, in the order of their arrival.
    waiting: BTreeMap<i64, Vec<u32>>,
    clock: Clock,
    /// Keys whose matches have changed since they were last looked at.
    touched: Vec<u32>,
    /// Slots of rows that are put out before they are forgotten.
    released: Vec<u32>,
    ids: Vec<u32>,
    tracker: Tracker,
    codec: KeyCodec,
    form: Form,
    variables: usize,
    /// The columns a late row is reported with; empty: all.
    late_columns: Vec<usize>,
}

/// Which time orders rows.
enum Time {
    /// That in a column.
    Event { column: usize, name: String },
    /// That of arrival; the latest so far.
    Processing(i64),
}

/// How rows of one time are ordered.
struct Order {
    /// Among the stored columns.
    columns: Vec<usize>,
    converter: RowConverter,
}

impl MatchRecognize {
    /// A search without any row yet.
    ///
    /// # Errors
    /// `TooComplex` for a pattern of too many rows or variables, `Unsupported` for columns of types no
    /// state can hold, `Internal` for a spec that contradicts the schemas.
    pub fn new(
        spec: &PatternSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        if spec.variables.len() > u64::BITS as usize {
            return Err(Error::new(
                Code::TooComplex,
                format!("a PATTERN of {} variables", spec.variables.len()),
            ));
        }
        let time = match spec.time {
            TimeAttribute::Event { column } => Time::Event {
                column,
                name: is_timestamp(input, column)?,
            },
            TimeAttribute::Processing => Time::Processing(i64::MIN),
        };
        let mut reads = Conditions::reads(&spec.variables);
        reads.extend(spec.measures.iter().flat_map(conditions::reads));
        reads.extend(spec.order_by.iter().map(|key| key.column));
        let store = Store::new(reads, input)?;
        let key_type = |column: &usize| {
            let field = input.fields().get(*column);
            let missing = || Error::internal(format!("no column {column} to partition by"));
            field
                .map(|field| field.data_type().clone())
                .ok_or_else(missing)
        };
        let key_types = spec.keys.iter().map(key_type).collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = spec.variables.iter().map(|of| of.name.clone()).collect();
        let conditions = Conditions::new(&spec.variables, &store)?;
        let form = state::form(spec, &key_types, &store, &conditions)?;
        let search = Search::new(
            Automaton::new(&spec.pattern)?,
            conditions,
            spec.after_match,
            spec.within_ms,
        );
        Ok(MatchRecognize {
            keys_at: spec.keys.clone(),
            time,
            order: Order::new(&spec.order_by, &store)?,
            keys: KeyTable::new(&key_types)?,
            codec: KeyCodec::new(key_types.clone(), key_types.len(), context.key_groups)?,
            emitter: Emitter::new(&spec.measures, &names, &store, output, context.batch_rows)?,
            store,
            search,
            waiting: BTreeMap::new(),
            clock: Clock::new(context),
            touched: Vec::new(),
            released: Vec::new(),
            ids: Vec::new(),
            tracker: Tracker::default(),
            form,
            variables: spec.variables.len(),
            late_columns: spec.late_columns.clone(),
        })
    }

    /// Puts rows in the queue; late ones leave.
    fn take(&mut self, rows: &ChangeBatch, now_ms: i64, out: &mut Output) -> Result<()> {
        if rows
            .kinds()
            .is_some_and(|kinds| kinds.values().iter().any(|kind| *kind != 0))
        {
            return Err(Error::internal(
                "MATCH_RECOGNIZE was planned for insertions and met another change",
            ));
        }
        let batch = rows.rows();
        let keys: Vec<ArrayRef> = self
            .keys_at
            .iter()
            .map(|&key| Arc::clone(batch.column(key)))
            .collect();
        let late = self.late(rows, &keys)?;
        self.keys.intern(&keys, batch.num_rows(), &mut self.ids)?;
        self.search.resize(self.keys.id_bound());
        // What only late rows have named is forgotten with whatever else is idle.
        self.touched.extend_from_slice(&self.ids);
        let truths = self.search.conditions.truths(batch)?;
        self.store.take_in_hand(batch)?;
        let times = match &self.time {
            Time::Event { column, .. } => Some(timestamps(rows, *column)),
            Time::Processing(_) => None,
        };
        let mut is_late = late.iter().copied().peekable();
        for (row, &truth) in truths.iter().enumerate() {
            if is_late.next_if_eq(&(row as u32)).is_some() {
                continue;
            }
            let known = Known {
                key: self.ids[row],
                time: times.map_or(now_ms, |times| times[row]),
                truth,
            };
            let slot = self.store.add(row, known)?;
            self.waiting.entry(known.time).or_default().push(slot);
        }
        self.store.added(batch.num_rows());
        if !late.is_empty() {
            self.report_late(&rows.take(&UInt32Array::from(late))?, out)?;
        }
        Ok(())
    }

    fn report_late(&self, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        let Time::Event { column, .. } = &self.time else {
            return Err(Error::internal("processing time is never late"));
        };
        let (rows, time_column) = match self.late_columns.as_slice() {
            [] => (rows.clone(), *column),
            columns => {
                let place = columns.iter().position(|known| known == column);
                let place = place.ok_or_else(|| Error::internal("a late row without its time"))?;
                (rows.with_rows(rows.rows().project(columns)?), place)
            }
        };
        out.late(LateRows {
            rows,
            time_column,
            watermark: EventTime(self.clock.watermark()),
        });
        Ok(())
    }

    /// The rows that are not after the watermark, ascending.
    fn late(&mut self, rows: &ChangeBatch, keys: &[ArrayRef]) -> Result<Vec<u32>> {
        let Time::Event { column, name } = &self.time else {
            return Ok(Vec::new());
        };
        let times = timestamps(rows, *column);
        all_in_bounds(times, name)?;
        let marks = self.clock.of_rows(keys, times.len())?;
        let rows = times.iter().enumerate();
        let late = rows.filter(|&(row, &time)| time <= marks.of(row));
        Ok(late.map(|(row, _)| row as u32).collect())
    }

    /// Rows up to this time have their turn, and what took too long by then is given up.
    fn advance(&mut self, rows_until: i64, now: i64, out: &mut Output) -> Result<()> {
        let mut ripe = self.ripe(rows_until);
        self.in_order(&mut ripe)?;
        let lanes = ripe.chunk_by(|left, right| left.key == right.key);
        match self.search.conditions.are_computed() {
            false => {
                for lane in lanes {
                    self.lane(lane, out)?;
                }
            }
            true => {
                let mut lanes: Vec<&[Turn]> = lanes.collect();
                let mut round = Vec::with_capacity(lanes.len());
                while !lanes.is_empty() {
                    round.clear();
                    lanes.retain_mut(|lane| match lane.split_first() {
                        Some((next, rest)) => {
                            round.push(*next);
                            *lane = rest;
                            !rest.is_empty()
                        }
                        None => false,
                    });
                    self.round(&round, out)?;
                }
            }
        }
        let (emitter, touched) = (&mut self.emitter, &mut self.touched);
        let mut sink = |key, found: &_, matcher: &_| emitter.note(key, found, matcher);
        let released = &mut self.released;
        self.search.expire(now, released, touched, &mut sink)?;
        self.flush(out)?;
        self.tidy()
    }

    fn lane(&mut self, lane: &[Turn], out: &mut Output) -> Result<()> {
        for turn in lane {
            self.round(std::slice::from_ref(turn), out)?;
        }
        Ok(())
    }

    fn round(&mut self, turns: &[Turn], out: &mut Output) -> Result<()> {
        let emitter = &mut self.emitter;
        let mut sink = |key, found: &_, matcher: &_| emitter.note(key, found, matcher);
        let (store, released) = (&mut self.store, &mut self.released);
        self.search.round(turns, store, released, &mut sink)?;
        match self.emitter.is_full() {
            true => self.flush(out),
            false => Ok(()),
        }
    }

    /// Takes the rows up to a time out of the queue.
    fn ripe(&mut self, until: i64) -> Vec<Turn> {
        let later = match until.checked_add(1) {
            Some(next) => self.waiting.split_off(&next),
            None => BTreeMap::new(),
        };
        let ripe = std::mem::replace(&mut self.waiting, later);
        let slots = ripe.into_values().flatten();
        let turns: Vec<Turn> = slots
            .map(|slot| Turn {
                key: self.store.rows.key_of(slot),
                slot,
            })
            .collect();
        self.touched.extend(turns.iter().map(|turn| turn.key));
        turns
    }

    /// Puts rows, which are in the order of time and arrival, in that of the search, key by key.
    fn in_order(&mut self, turns: &mut Vec<Turn>) -> Result<()> {
        let Some(order) = &self.order else {
            turns.sort_by_key(|turn| turn.key);
            return Ok(());
        };
        if turns.is_empty() {
            return Ok(());
        }
        let slots: Vec<u32> = turns.iter().map(|turn| turn.slot).collect();
        let stored = self.store.columns(&slots)?;
        let columns: Vec<ArrayRef> = order
            .columns
            .iter()
            .map(|&c| Arc::clone(&stored[c]))
            .collect();
        let rows = order.converter.convert_columns(&columns)?;
        let mut places: Vec<usize> = (0..turns.len()).collect();
        places.sort_by(|&left, &right| {
            let (of_left, of_right) = (turns[left], turns[right]);
            let by_key = of_left.key.cmp(&of_right.key);
            let time = |turn: Turn| self.store.time(turn.slot);
            by_key
                .then_with(|| time(of_left).cmp(&time(of_right)))
                .then_with(|| rows.row(left).cmp(&rows.row(right)))
        });
        *turns = places.into_iter().map(|place| turns[place]).collect();
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<()> {
        self.emitter.flush(&self.keys, &self.store, out)?;
        self.store.release(&mut self.released);
        Ok(())
    }

    /// Processing time has come to that of this call; returns it.
    fn keep_time(&mut self, out: &mut Output) -> Result<Option<i64>> {
        let Time::Processing(latest) = &mut self.time else {
            return Ok(None);
        };
        // Should the clock have gone back: processing time does not.
        *latest = out.now_ms().max(*latest);
        let now = *latest;
        self.advance(now.saturating_sub(1), now, out)?;
        Ok(Some(now))
    }

    fn set_timer(&self, out: &mut Output) {
        if matches!(self.time, Time::Event { .. }) {
            return;
        }
        if let Some((time, _)) = self.waiting.first_key_value() {
            out.wake_at(time.saturating_add(1));
        }
        if let Some(std::cmp::Reverse((at, _))) = self.search.alarms.peek() {
            out.wake_at(*at);
        }
    }
}

impl Order {
    fn new(keys: &[SortKey], store: &Store) -> Result<Option<Self>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let places = keys.iter().map(|key| store.place(key.column));
        let columns = places.collect::<Result<Vec<_>>>()?;
        let fields = keys.iter().zip(&columns).map(|(key, &column)| {
            let ty: DataType = store.types()[column].clone();
            SortField::new_with_options(ty, SortOptions::new(key.descending, key.nulls_first))
        });
        let converter = RowConverter::new(fields.collect())
            .map_err(|e| Error::unsupported("ORDER BY a value of this type").caused_by(e))?;
        Ok(Some(Order { columns, converter }))
    }
}

impl Operator for MatchRecognize {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let now = self.keep_time(out)?;
        let rows = match &self.time {
            Time::Event { column, name } => usable(rows, *column, name, out)?,
            Time::Processing(_) => Some(rows),
        };
        let Some(rows) = rows else {
            return Ok(());
        };
        self.take(&rows, now.unwrap_or_default(), out)?;
        match (now, &self.order) {
            (Some(now), None) => self.advance(now, now, out)?,
            _ => self.tidy()?,
        }
        self.set_timer(out);
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if let Time::Processing(latest) = self.time {
            if time == EventTime::MAX {
                // The input has ended: whoever is behind this watermark wants all results first.
                self.advance(i64::MAX, latest, out)?;
            }
            out.watermark(time);
            return Ok(());
        }
        self.clock.advance(time.0);
        self.advance(time.0, time.0, out)?;
        // After a restore an earlier one may come again; what has been said stays said.
        out.watermark(EventTime(self.clock.watermark()));
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        self.keep_time(out)?;
        self.set_timer(out);
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        match self.time {
            Time::Processing(latest) => self.advance(i64::MAX, latest, out),
            Time::Event { .. } => Ok(()),
        }
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }

    fn state_bytes(&self) -> usize {
        let matchers = self.search.matchers.iter();
        let matchers = matchers.map(|m| size_of_val(m) + m.memory()).sum::<usize>();
        let waiting = self.waiting.values().map(|slots| 48 + slots.capacity() * 4);
        let queue = waiting.sum::<usize>() + self.search.alarms.len() * 16;
        self.keys.bytes() + self.store.memory() + matchers + queue + self.tracker.bytes()
    }
}
