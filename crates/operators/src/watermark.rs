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

/// Event times beyond ±8.64e15 ms (the years ±275,760) are refused, so that window arithmetic can
/// never overflow. The same bound as ECMAScript's dates.
pub const EVENT_TIME_MAX_MS: i64 = 8_640_000_000_000_000;

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
            out.now_ms().saturating_add(ahead).min(EVENT_TIME_MAX_MS)
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
        let split = self.splits.entry(rows.origin()).or_insert(Split::NEW);
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
        // Only the end of input comes from above.
        if time.0 > self.passed {
            self.passed = time.0;
            out.watermark(time);
        }
        Ok(())
    }

    fn on_split(&mut self, split: SplitId, event: SplitEvent, out: &mut Output) -> Result<()> {
        if event == SplitEvent::Idle {
            // What this split had to say is said before it falls silent.
            self.advance(true, out);
        }
        let entry = self.splits.entry(Some(split)).or_insert(Split::NEW);
        match (event, entry.state) {
            (SplitEvent::Assigned, _) => entry.state = SplitState::Active,
            (SplitEvent::Finished, _) => entry.state = SplitState::Finished,
            (SplitEvent::Idle, SplitState::Finished) => {}
            (SplitEvent::Idle, _) => entry.state = SplitState::Idle,
        }
        self.advance(false, out);
        if event != SplitEvent::Assigned && self.all_quiet() {
            out.idle();
        }
        Ok(())
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Err(Error::unsupported("the state of a watermark cannot be kept in a checkpoint yet"))
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Err(Error::unsupported("the state of a watermark cannot be kept in a checkpoint yet"))
    }
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
