//! ORDER BY event time: rows in the order of their times, as the watermark lets them go.
//!
//! ```text
//! rows @5 @3 @9 ── mark 5 ─▶ @3 @5          @4 is late from now on
//! ```
//!
//! Rows of one time are ordered by further columns, then as they came. A row at or behind the watermark
//! is late: its place has been passed. Runs once per job; a row is kept until the watermark reaches it.
//!
//! Source: Flink's `RowTimeSortOperator`. Cost per row: encoding, one hash, O(log n) comparisons.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::TimeSortSpec;

use crate::OperatorContext;
use crate::deduplicate::time_column;
use crate::rank::sorted_rows::SortedRows;
use crate::state::clock::Clock;
use crate::state::form::Form;

/// Rows are not partitioned.
const ALL: u32 = 0;

/// Sorts rows by event time.
pub struct TimeSort {
    schema: SchemaRef,
    time: usize,
    rows: SortedRows,
    /// By slot.
    times: Vec<i64>,
    clock: Clock,
    batch_rows: usize,
    form: Form,
}

impl TimeSort {
    /// A sorter without rows.
    ///
    /// # Errors
    /// `Internal` if the first key is not an event time in ascending order, `Unsupported` for columns
    /// of types that cannot be kept or ordered.
    pub fn new(spec: &TimeSortSpec, input: &SchemaRef, context: &OperatorContext) -> Result<Self> {
        let first = spec.keys.first().filter(|key| !key.descending);
        let first = first.ok_or_else(|| Error::internal("a sort by time begins with the time"))?;
        let rows = SortedRows::new(input, &[], &spec.keys, false, context)?;
        Ok(TimeSort {
            schema: SchemaRef::clone(input),
            time: time_column(input, first.column)?,
            form: Form::new("time sort", rows.form()?),
            rows,
            times: Vec::new(),
            clock: Clock::new(context),
            batch_rows: context.batch_rows.max(1),
        })
    }

    /// Takes late rows out of a batch.
    fn in_time(&self, rows: ChangeBatch, out: &mut Output) -> Result<ChangeBatch> {
        let times = rows.rows().column(self.time);
        let times = times.as_primitive::<TimestampMillisecondType>();
        let watermark = self.clock.watermark();
        let is_late = |row: &u32| {
            let row = *row as usize;
            times.is_null(row) || times.value(row) <= watermark
        };
        let (late, in_time): (Vec<u32>, Vec<u32>) = (0..rows.num_rows() as u32).partition(is_late);
        if late.is_empty() {
            return Ok(rows);
        }
        out.late(LateRows {
            rows: rows.take(&UInt32Array::from(late))?,
            time_column: self.time,
            watermark: EventTime(watermark),
        });
        rows.take(&UInt32Array::from(in_time))
    }

    /// Puts out the rows whose time has come.
    fn let_go(&mut self, watermark: i64, out: &mut Output) -> Result<()> {
        let Some(list) = self.rows.lists().first() else {
            return Ok(());
        };
        let due = list.position(|slot| self.times[slot as usize] <= watermark);
        let mut slots = Vec::with_capacity(due);
        list.copy(0..due, &mut slots);
        for slots in slots.chunks(self.batch_rows) {
            let columns = self.rows.columns(slots)?;
            let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
            let schema = Arc::clone(&self.schema);
            let made = RecordBatch::try_new_with_options(schema, columns, &options)?;
            out.rows(ChangeBatch::inserts(made));
        }
        for _ in 0..slots.len() {
            self.rows.leave(ALL, 0);
        }
        self.rows.tidy()
    }
}

impl Operator for TimeSort {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let rows = self.in_time(rows, out)?;
        let batch = rows.rows();
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows.take_in_hand(batch)?;
        let times = batch.column(self.time);
        let times = times.as_primitive::<TimestampMillisecondType>();
        for row in 0..batch.num_rows() {
            let slot = self.rows.slot_for(row, ALL)?;
            if slot as usize >= self.times.len() {
                self.times.resize(self.rows.slot_bound(), 0);
            }
            self.times[slot as usize] = times.value(row);
            self.rows.enter(ALL, slot);
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        self.clock.advance(time.0);
        self.let_go(time.0, out)?;
        out.watermark(time);
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        self.clock.write(state)?;
        self.rows.snapshot(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.clock.read(state)?;
        self.rows.restore(state)?;
        self.times.resize(self.rows.slot_bound(), 0);
        let mut slots = Vec::new();
        for list in self.rows.lists() {
            list.copy(0..list.len(), &mut slots);
        }
        for slots in slots.chunks(self.batch_rows) {
            let columns = self.rows.columns(slots)?;
            let times = columns[self.time].as_primitive::<TimestampMillisecondType>();
            for (row, &slot) in slots.iter().enumerate() {
                self.times[slot as usize] = times.value(row);
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.rows.memory() + self.times.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
    use expect_test::expect;
    use millstream_plan::SortKey;
    use millstream_sim::Script;

    use super::*;

    #[test]
    fn rows_go_in_the_order_of_their_times_and_then_of_other_columns() {
        let ts = DataType::Timestamp(TimeUnit::Millisecond, None);
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("v", DataType::Int32, true),
            Field::new("ts", ts, true),
        ]));
        let key = |column, descending| SortKey {
            column,
            descending,
            nulls_first: !descending,
        };
        let keys = vec![key(1, false), key(0, true)];
        let context = OperatorContext {
            node: "test".into(),
            batch_rows: 2,
            key_groups: 128,
            subtask: 0,
            parallelism: 1,
        };
        for batch_rows in [1, 100] {
            let mut sort =
                TimeSort::new(&TimeSortSpec { keys: keys.clone() }, &schema, &context).unwrap();
            let out = Script::new(Arc::clone(&schema)).batch_rows(batch_rows).run(
                &mut sort,
                "
                row 1 5s
                row 2 3s
                row 3 9s
                row 4 3s
                row 4 3s
                mark 5s
                row 6 5s
                row 7 6s
                mark 6s
                mark end
                ",
            );
            expect![[r#"
                +I 4 3s
                +I 4 3s
                +I 2 3s
                +I 1 5s
                mark 5s
                late 6 5s
                +I 7 6s
                mark 6s
                +I 3 9s
                mark end
            "#]]
            .assert_eq(&out);
        }
    }
}
