//! Late rows and bad records become counts, side rows, or the error that fails the job.
//!
//! * A late row is always counted, for its operator and for its split; if somebody reads the
//!   operator's late output it also becomes a row of `side::late_schema`.
//! * What becomes of a bad record is the source table's `on-error`. It is counted in any case.
//!
//! Nothing is dropped without a count.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMillisecondBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMillisecondType};
use millstream_core::format::BadRecord;
use millstream_core::id::SplitId;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use millstream_core::operator::{BadRows, LateRows};
use millstream_core::rows::ChangeBatch;
use millstream_core::side::{dead_letter_schema, late_schema};
use millstream_core::{Code, Error, Remedy, Result};
use millstream_plan::OnError;

use crate::environment::JsonRow;

/// Why a row is late, for people.
const LATE_REASON: &str = "the last window that could hold the row had already fired";

/// How to get past a bad record.
const BAD_HINT: &str = "set 'on-error' = 'skip' or 'dead-letter' on the table to go on without it";

/// Makes side rows of late rows and bad records.
#[derive(Clone)]
pub(crate) struct SideRows {
    metrics: Arc<JobMetrics>,
    json_row: JsonRow,
    late: SchemaRef,
    dead_letter: SchemaRef,
}

/// What becomes of the bad records of a source.
#[derive(Clone, Debug)]
pub(crate) struct BadRule {
    /// The table they come from.
    pub(crate) table: String,
    /// What its owner wants.
    pub(crate) on_error: OnError,
}

impl SideRows {
    /// Side rows of one job.
    pub(crate) fn new(metrics: Arc<JobMetrics>, json_row: JsonRow) -> Self {
        SideRows {
            metrics,
            json_row,
            late: late_schema(),
            dead_letter: dead_letter_schema(),
        }
    }

    /// Counts late rows for their split.
    pub(crate) fn count_late(&self, late: &LateRows) {
        if let Some(split) = self.split(late.rows.origin()) {
            let rows = late.rows.num_rows() as u64;
            split.late_rows.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Late rows as rows of `side::late_schema`.
    pub(crate) fn late(&self, late: &LateRows, operator: &str) -> Result<ChangeBatch> {
        let rows = late.rows.rows();
        let count = rows.num_rows();
        let split = self.split(late.rows.origin());
        let table = split.as_ref().map(|split| split.table.as_str());
        let name = split.as_ref().map(|split| split.name.as_str());
        let mut watermark = TimestampMillisecondBuilder::with_capacity(count);
        watermark.append_value_n(late.watermark.0, count);
        let columns: Vec<ArrayRef> = vec![
            repeat(table, count),
            repeat(name, count),
            repeat(Some(operator), count),
            event_times(rows, late.time_column)?,
            Arc::new(watermark.finish()),
            repeat(Some(LATE_REASON), count),
            self.json(rows)?,
        ];
        self.batch(&self.late, columns, late.rows.origin())
    }

    /// Counts rows an operator could not use and turns them into dead letters if the rule says so.
    pub(crate) fn bad_rows(&self, bad: &BadRows, rule: &BadRule) -> Result<Option<ChangeBatch>> {
        let rows = bad.rows.rows();
        let count = rows.num_rows();
        let split = self.split(bad.rows.origin());
        if let Some(split) = &split {
            let count = count as u64;
            split.bad_records.fetch_add(count, Ordering::Relaxed);
        }
        let name = split.as_ref().map(|split| split.name.as_str());
        match rule.on_error {
            OnError::Fail => {
                let mut row = Vec::new();
                (self.json_row)(rows, 0, &mut row)?;
                let row = shortened(&String::from_utf8_lossy(&row));
                let place = place(&rule.table, name);
                let message = format!("{place}: {}, row {row}", bad.reason);
                Err(fail(bad.code, message))
            }
            OnError::Skip => Ok(None),
            OnError::DeadLetter => {
                let numbers = || nulls(count);
                let texts = self.json(rows)?;
                let columns: Vec<ArrayRef> = vec![
                    repeat(Some(&rule.table), count),
                    repeat(name, count),
                    numbers(),
                    numbers(),
                    repeat(Some(bad.code.as_str()), count),
                    repeat(Some(&bad.reason), count),
                    cast(&texts, &DataType::Binary)?,
                    texts,
                ];
                self.batch(&self.dead_letter, columns, bad.rows.origin())
                    .map(Some)
            }
        }
    }

    /// Counts records a source could not decode and turns them into dead letters if the rule says
    /// so.
    pub(crate) fn bad_records(
        &self,
        bad: &[BadRecord],
        split: &SplitMetrics,
        rule: &BadRule,
    ) -> Result<Option<ChangeBatch>> {
        if bad.is_empty() {
            return Ok(None);
        }
        split
            .bad_records
            .fetch_add(bad.len() as u64, Ordering::Relaxed);
        match rule.on_error {
            OnError::Fail => {
                // A format told to ignore such records (`ignore-parse-errors`) has its way.
                let Some(first) = bad.iter().find(|record| !record.ignored) else {
                    return Ok(None);
                };
                let BadRecord { line, offset, .. } = first;
                let place = match line {
                    // A record of a queue: its split is a partition.
                    0 => format!(
                        "table '{}', partition '{}', offset {offset}",
                        rule.table, split.name
                    ),
                    _ => format!(
                        "{}, line {line}, byte offset {offset}",
                        place(&rule.table, Some(&split.name))
                    ),
                };
                let message = format!("{place}: {}", first.reason);
                Err(fail(Code::BadRecord, message))
            }
            OnError::Skip => Ok(None),
            OnError::DeadLetter => self.dead_letters(bad, split, rule).map(Some),
        }
    }

    fn dead_letters(
        &self,
        bad: &[BadRecord],
        split: &SplitMetrics,
        rule: &BadRule,
    ) -> Result<ChangeBatch> {
        let count = bad.len();
        let mut positions = Int64Builder::with_capacity(count);
        let mut lines = Int64Builder::with_capacity(count);
        let mut reasons = StringBuilder::new();
        let mut records = BinaryBuilder::new();
        let mut texts = StringBuilder::new();
        for record in bad {
            positions.append_option(i64::try_from(record.offset).ok());
            lines.append_option(i64::try_from(record.line).ok());
            reasons.append_value(&record.reason);
            records.append_value(&record.bytes);
            texts.append_value(String::from_utf8_lossy(&record.bytes));
        }
        let columns: Vec<ArrayRef> = vec![
            repeat(Some(&rule.table), count),
            repeat(Some(&split.name), count),
            Arc::new(positions.finish()),
            Arc::new(lines.finish()),
            repeat(Some(Code::BadRecord.as_str()), count),
            Arc::new(reasons.finish()),
            Arc::new(records.finish()),
            Arc::new(texts.finish()),
        ];
        self.batch(&self.dead_letter, columns, Some(split.split))
    }

    fn split(&self, origin: Option<SplitId>) -> Option<Arc<SplitMetrics>> {
        self.metrics.split(origin?)
    }

    fn json(&self, rows: &RecordBatch) -> Result<ArrayRef> {
        let mut texts = StringBuilder::new();
        let mut text = Vec::new();
        for row in 0..rows.num_rows() {
            text.clear();
            (self.json_row)(rows, row, &mut text)?;
            texts.append_value(String::from_utf8_lossy(&text).trim_end());
        }
        Ok(Arc::new(texts.finish()))
    }

    fn batch(
        &self,
        schema: &SchemaRef,
        columns: Vec<ArrayRef>,
        origin: Option<SplitId>,
    ) -> Result<ChangeBatch> {
        let rows = RecordBatch::try_new(SchemaRef::clone(schema), columns)?;
        let batch = ChangeBatch::inserts(rows);
        Ok(match origin {
            Some(split) => batch.from_split(split),
            None => batch,
        })
    }
}

fn place(table: &str, split: Option<&str>) -> String {
    match split {
        Some(split) => format!("table '{table}', split '{split}'"),
        None => format!("table '{table}'"),
    }
}

fn fail(code: Code, message: String) -> Error {
    Error::new(code, message)
        .with_remedy(Remedy::Correct)
        .hint(BAD_HINT)
}

/// At most this many characters of a row stand in an error message.
const ROW_CHARS: usize = 200;

fn shortened(text: &str) -> String {
    let mut kept: String = text.trim_end().chars().take(ROW_CHARS).collect();
    if kept.len() < text.trim_end().len() {
        kept.push('…');
    }
    kept
}

fn repeat(text: Option<&str>, count: usize) -> ArrayRef {
    let mut texts = StringBuilder::new();
    for _ in 0..count {
        texts.append_option(text);
    }
    Arc::new(texts.finish())
}

fn nulls(count: usize) -> ArrayRef {
    arrow::array::new_null_array(&DataType::Int64, count)
}

/// The event times of late rows as TIMESTAMP(3); NULL where the column is not a time.
fn event_times(rows: &RecordBatch, column: usize) -> Result<ArrayRef> {
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    let Some(times) = rows.columns().get(column) else {
        return Ok(arrow::array::new_null_array(&millis, rows.num_rows()));
    };
    if let DataType::Timestamp(TimeUnit::Millisecond, Some(_)) = times.data_type() {
        // The same instant without its zone; a cast would shift it to local time.
        let plain = times.as_primitive::<TimestampMillisecondType>().clone();
        return Ok(Arc::new(plain.with_timezone_opt(None::<Arc<str>>)));
    }
    Ok(cast(times, &millis)?)
}
