//! Watermarks from an event-time column, per split.
//!
//! ```text
//! split 0   5s 7s 6s 11s …  ─▶ running maximum of (time − delay) ─┐
//! split 1   4s 9s 12s    …  ─▶ running maximum of (time − delay) ─┴▶ minimum ─▶ watermark
//! ```
//!
//! * The watermark of a split is the largest its rows gave, so it never goes back. The operator's
//!   is the smallest over its active splits: those neither idle nor finished. A split that has
//!   been assigned and has not had a row yet holds it back.
//! * A new watermark is passed on when it crosses a step (`step_ms`), right behind the row that did
//!   it. So which rows are late never depends on how rows were cut into batches.
//! * A row without an event time, or with one too far in the future, leaves as a bad row: one
//!   wrong clock must not close all windows.
//! * State, per split: its watermark, and whether it has finished; and what was last passed on. A
//!   restored subtask takes up the splits it is assigned, wherever they were read before, and says
//!   again what it has said. Whether a split is idle is measured anew.
//! * Cost: one comparison per row when the watermark is the column minus a constant; else one
//!   evaluation of the expression per batch.
//!
//! Source: Apache Flink, `WatermarkAssignerOperator` (rows first, then the watermark) and
//! `WatermarkOutputMultiplexer` (splits and idleness).

use arrow::array::{Array, AsArray, BooleanArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMillisecondType};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, Operator as BinaryOperator};
use hashbrown::HashMap;
use millstream_core::id::{Port, SplitId};
use millstream_core::operator::{BadRows, Operator, Output, SplitEvent};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::{EventTime, format_millis};
use millstream_core::{Code, Error, Result};
use millstream_plan::WatermarkSpec;

use crate::expr::Compiled;
use crate::state::bytes::{Fixed, Reader, damaged, put_length};
use crate::state::form::Form;

/// Blob: what was last passed on, and the splits.
const SPLITS: &str = "splits";

/// Event times beyond ±8.64e15 ms (the years ±275,760) are refused, so that window arithmetic can
/// never overflow. The same bound as ECMAScript's dates.
pub const EVENT_TIME_MAX_MS: i64 = 8_640_000_000_000_000;

/// 2026-01-01, when there was no millstream yet: a wall clock before it was never set.
const CLOCK_LEAST_MS: i64 = 1_767_225_600_000;

/// The latest event time that may be `ahead` ms of a wall clock at `now`.
///
/// A limit of years is against sentinels and mixed-up units. It must not take every row for one where a
/// machine begins in 1970; a shorter one is the user's own, who trusts the clock.
fn latest(now: i64, ahead: i64) -> i64 {
    const YEAR_MS: i64 = 365 * 86_400_000;
    let now = match ahead >= YEAR_MS {
        true => now.max(CLOCK_LEAST_MS),
        false => now,
    };
    now.saturating_add(ahead)
}

/// Makes watermarks.
pub struct Watermark {
    column: usize,
    column_name: String,
    rule: Rule,
    step_ms: i64,
    max_future_ms: Option<i64>,
    /// By split; rows of unknown origin count as one more split.
    splits: HashMap<Option<SplitId>, Split>,
    /// The watermark last passed on.
    passed: i64,
    /// Splits of the checkpoint that have not been assigned to this subtask.
    restored: HashMap<Option<SplitId>, Split>,
    /// What was passed on in an earlier life is to be said again: nobody downstream knows it.
    repeats: bool,
}

/// How a row's watermark is computed.
enum Rule {
    /// Event time minus so many ms: the usual case, without evaluating anything.
    Delay(i64),
    /// Any expression.
    Computed(Compiled, DataType),
}

#[derive(Clone, Copy)]
struct Split {
    /// Largest watermark of a row so far.
    mark: i64,
    state: SplitState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SplitState {
    Active,
    Idle,
    Finished,
}

impl Watermark {
    /// Compiles the watermark expression.
    pub fn new(spec: &WatermarkSpec, input: &SchemaRef) -> Result<Self> {
        let field = input.fields().get(spec.column).ok_or_else(|| {
            Error::internal(format!("no column {} for the watermark", spec.column))
        })?;
        if !matches!(
            field.data_type(),
            DataType::Timestamp(TimeUnit::Millisecond, _)
        ) {
            return Err(Error::new(
                Code::TypeMismatch,
                format!(
                    "event time '{}' wants TIMESTAMP(3) or TIMESTAMP_LTZ(3), found {}",
                    field.name(),
                    field.data_type()
                ),
            ));
        }
        let rule = match constant_delay(&spec.expr, field.name()) {
            Some(delay) => Rule::Delay(delay),
            None => Rule::Computed(
                Compiled::new(&spec.expr, input, &spec.expr)?,
                field.data_type().clone(),
            ),
        };
        Ok(Watermark {
            column: spec.column,
            column_name: field.name().clone(),
            rule,
            step_ms: spec.step_ms.max(1),
            max_future_ms: spec.max_future_ms,
            splits: HashMap::new(),
            passed: i64::MIN,
            restored: HashMap::new(),
            repeats: false,
        })
    }

    /// Takes out the rows whose event time cannot be used.
    fn usable(&self, rows: ChangeBatch, out: &mut Output) -> Result<Option<ChangeBatch>> {
        let rows = match self.without_nulls(rows, out)? {
            Some(rows) => rows,
            None => return Ok(None),
        };
        let times = self.times(&rows);
        let limit = self.max_future_ms.map_or(EVENT_TIME_MAX_MS, |ahead| {
            latest(out.now_ms(), ahead).min(EVENT_TIME_MAX_MS)
        });
        let plausible = |time: i64| (-EVENT_TIME_MAX_MS..=limit).contains(&time);
        if times.values().iter().all(|&time| plausible(time)) {
            return Ok(Some(rows));
        }
        let good = BooleanArray::from_unary(times, plausible);
        let bad = rows.filter(&arrow::compute::not(&good)?)?;
        let first = self.times(&bad).value(0);
        out.bad(BadRows {
            rows: bad,
            code: Code::FutureEventTime,
            reason: format!(
                "event time '{}' wants a time from {} to {}, found {}",
                self.column_name,
                format_millis(-EVENT_TIME_MAX_MS),
                format_millis(limit),
                format_millis(first)
            ),
        });
        Ok(Some(rows.filter(&good)?).filter(|rows| rows.num_rows() > 0))
    }

    fn without_nulls(&self, rows: ChangeBatch, out: &mut Output) -> Result<Option<ChangeBatch>> {
        let column = rows.rows().column(self.column);
        if column.null_count() == 0 {
            return Ok(Some(rows));
        }
        let missing = arrow::compute::is_null(column)?;
        out.bad(BadRows {
            rows: rows.filter(&missing)?,
            code: Code::NullEventTime,
            reason: format!(
                "event time '{}' wants a timestamp, found NULL",
                self.column_name
            ),
        });
        let rows = rows.filter(&arrow::compute::not(&missing)?)?;
        Ok(Some(rows).filter(|rows| rows.num_rows() > 0))
    }

    fn times<'a>(&self, rows: &'a ChangeBatch) -> &'a TimestampMillisecondArray {
        rows.rows()
            .column(self.column)
            .as_primitive::<TimestampMillisecondType>()
    }

    /// Sends the rows on, and each new watermark right behind the row that gave it.
    fn pass(
        &mut self,
        rows: ChangeBatch,
        mark_of: impl Fn(usize) -> Option<i64>,
        out: &mut Output,
    ) {
        let others = self.smallest(Some(rows.origin())).unwrap_or(i64::MAX);
        let restored = &mut self.restored;
        let split = self.splits.entry(rows.origin());
        let split = split.or_insert_with_key(|id| restored.remove(id).unwrap_or(Split::NEW));
        split.state = SplitState::Active;
        let mut mark = split.mark;
        let mut next = next_step(self.passed, self.step_ms);
        let mut sent = 0;
        for row in 0..rows.num_rows() {
            let Some(of_row) = mark_of(row).filter(|&of_row| of_row > mark) else {
                continue;
            };
            mark = of_row;
            if mark >= next && others >= next {
                out.rows(rows.slice(sent, row + 1 - sent));
                sent = row + 1;
                self.passed = mark.min(others);
                out.watermark(EventTime(self.passed));
                next = next_step(self.passed, self.step_ms);
            }
        }
        split.mark = mark;
        if sent == 0 {
            out.rows(rows);
        } else if sent < rows.num_rows() {
            out.rows(rows.slice(sent, rows.num_rows() - sent));
        }
    }

    /// Smallest watermark of the active splits, leaving one out; `None` if there is none.
    fn smallest(&self, except: Option<Option<SplitId>>) -> Option<i64> {
        let active = self.splits.iter().filter(|(id, split)| {
            split.state == SplitState::Active && except.is_none_or(|except| except != **id)
        });
        active.map(|(_, split)| split.mark).min()
    }

    /// Passes the watermark on if the splits that are left allow it; `flush` also within a step.
    fn advance(&mut self, flush: bool, out: &mut Output) {
        let Some(mark) = self.smallest(None) else {
            return;
        };
        if mark > self.passed && (flush || mark >= next_step(self.passed, self.step_ms)) {
            self.passed = mark;
            out.watermark(EventTime(mark));
        }
    }

    /// Says again what was said in an earlier life.
    fn repeat(&mut self, out: &mut Output) {
        if std::mem::take(&mut self.repeats) && self.passed > i64::MIN {
            out.watermark(EventTime(self.passed));
        }
    }

    fn all_quiet(&self) -> bool {
        let mut states = self.splits.values().map(|split| split.state);
        self.smallest(None).is_none() && states.any(|state| state == SplitState::Idle)
    }
}

impl Split {
    const NEW: Split = Split {
        mark: i64::MIN,
        state: SplitState::Active,
    };
}

impl Operator for Watermark {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        self.repeat(out);
        let Some(rows) = self.usable(rows, out)? else {
            return Ok(());
        };
        match &self.rule {
            Rule::Delay(delay) => {
                let (times, delay) = (self.times(&rows).values().clone(), *delay);
                self.pass(rows, |row| Some(times[row].saturating_sub(delay)), out);
            }
            Rule::Computed(expr, ty) => {
                let marks = expr.evaluate(rows.rows(), ty)?;
                let marks = marks.as_primitive::<TimestampMillisecondType>();
                self.pass(
                    rows,
                    |row| marks.is_valid(row).then(|| marks.value(row)),
                    out,
                );
            }
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        self.repeat(out);
        // Only the end of input comes from above.
        if time.0 > self.passed {
            self.passed = time.0;
            out.watermark(time);
        }
        Ok(())
    }

    fn on_split(&mut self, split: SplitId, event: SplitEvent, out: &mut Output) -> Result<()> {
        self.repeat(out);
        if event == SplitEvent::Idle {
            // What this split had to say is said before it falls silent.
            self.advance(true, out);
        }
        let restored = &mut self.restored;
        let entry = self.splits.entry(Some(split));
        let entry = entry.or_insert_with_key(|id| restored.remove(id).unwrap_or(Split::NEW));
        match (event, entry.state) {
            (SplitEvent::Assigned, SplitState::Finished) => {}
            (SplitEvent::Assigned, _) => entry.state = SplitState::Active,
            (SplitEvent::Finished, _) => entry.state = SplitState::Finished,
            (SplitEvent::Idle, SplitState::Finished) => {}
            (SplitEvent::Idle, _) => entry.state = SplitState::Idle,
        }
        if event == SplitEvent::Assigned {
            // The next one may be behind: nothing is said before a row has come.
            return Ok(());
        }
        self.advance(false, out);
        if self.all_quiet() {
            out.idle();
        }
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        self.repeat(out);
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }
}

impl Watermark {
    fn write_state(&self, state: &mut dyn StateWriter) -> Result<()> {
        form().write(state)?;
        let mut bytes = Vec::new();
        self.passed.put(&mut bytes);
        put_length(self.splits.len(), &mut bytes);
        let mut splits: Vec<_> = self.splits.iter().collect();
        splits.sort_unstable_by_key(|(id, _)| **id);
        for (id, split) in splits {
            u8::from(id.is_some()).put(&mut bytes);
            id.map_or(0, |id| id.0).put(&mut bytes);
            split.mark.put(&mut bytes);
            u8::from(split.state == SplitState::Finished).put(&mut bytes);
        }
        state.blob(SPLITS, &bytes)
    }

    fn read_state(&mut self, state: &dyn StateReader) -> Result<()> {
        form().check(state)?;
        let mut least = None;
        for blob in state.blobs(SPLITS) {
            let mut reader = Reader::new(blob);
            let passed = reader.fixed::<i64>()?;
            let splits = reader.length()?;
            for _ in 0..splits {
                self.read_split(&mut reader)?;
            }
            reader.end()?;
            // One that never read anything never said anything.
            if splits > 0 {
                least = Some(least.map_or(passed, |least: i64| least.min(passed)));
            }
        }
        // Splits may come from any subtask: what all had passed holds for each of them.
        self.passed = least.unwrap_or(i64::MIN);
        self.repeats = true;
        Ok(())
    }

    fn read_split(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let (is_known, id) = (reader.flag()?, reader.fixed::<u32>()?);
        let mark = reader.fixed::<i64>()?;
        let state = match reader.flag()? {
            true => SplitState::Finished,
            false => SplitState::Active,
        };
        let split = Split { mark, state };
        let id = is_known.then_some(SplitId(id));
        match self.restored.get_mut(&id) {
            None => drop(self.restored.insert(id, split)),
            Some(_) if id.is_some() => return Err(damaged("two subtasks read the same split")),
            // Rows of unknown origin: each subtask had its own.
            Some(known) => known.mark = known.mark.min(mark),
        }
        Ok(())
    }
}

fn form() -> Form {
    Form::new("watermark", [])
}

/// The smallest watermark worth passing on after `passed`: the next multiple of the step, less 1.
fn next_step(passed: i64, step_ms: i64) -> i64 {
    if passed == i64::MIN {
        return i64::MIN + 1;
    }
    let steps = passed.saturating_add(1).div_euclid(step_ms);
    steps
        .saturating_add(1)
        .saturating_mul(step_ms)
        .saturating_sub(1)
}

/// The delay in ms if `expr` is the event-time column, or the column minus a constant interval.
fn constant_delay(expr: &Expr, column: &str) -> Option<i64> {
    match expr {
        Expr::Alias(alias) => constant_delay(&alias.expr, column),
        Expr::Column(found) => (found.name == column).then_some(0),
        Expr::BinaryExpr(binary) if binary.op == BinaryOperator::Minus => {
            let is_column =
                matches!(binary.left.as_ref(), Expr::Column(found) if found.name == column);
            let Expr::Literal(interval, _) = binary.right.as_ref() else {
                return None;
            };
            is_column.then(|| interval_ms(interval)).flatten()
        }
        _ => None,
    }
}

fn interval_ms(interval: &ScalarValue) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    match interval {
        ScalarValue::IntervalMonthDayNano(Some(v)) => (v.months == 0
            && v.nanoseconds % 1_000_000 == 0)
            .then(|| i64::from(v.days) * DAY_MS + v.nanoseconds / 1_000_000),
        ScalarValue::IntervalDayTime(Some(v)) => {
            Some(i64::from(v.days) * DAY_MS + i64::from(v.milliseconds))
        }
        ScalarValue::DurationMillisecond(ms) => *ms,
        _ => None,
    }
}

#[cfg(test)]
mod tests;
