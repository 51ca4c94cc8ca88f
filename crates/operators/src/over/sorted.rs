//! OVER in the order of columns: all rows up to a row, of which any may come later or go again.
//!
//! ```text
//! rows in order   2 5 7      running sum   2 7 14
//! 4 comes         2 4 5 7                  2 6 11 18     +I 4,6   -U 5,7 +U 5,11   -U 7,14 +U 7,18
//! ```
//!
//! The rows are kept, their values are not: those of a partition are computed once as they were before
//! a batch, once as they are behind it, and what differs is put out. So a batch costs what the
//! partitions it touches have rows, however many of its rows they get.
//!
//! Flink's `NonTimeRangeUnboundedPrecedingFunction` keeps the values per sort key instead, and
//! updates those behind each row that comes.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, UInt8Array, UInt32Array, new_null_array,
};
use arrow::compute::{concat, interleave, take};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, Rows, SortField};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::{FrameStart, OverFunction, OverOrder, OverSpec};

use super::running::{Life, Piece, Rounds, Running};
use crate::OperatorContext;
use crate::rank::sorted_rows::SortedRows;
use crate::rows::NONE;
use crate::state::form::Form;

/// OVER in the order of columns.
pub struct SortedOver {
    schema: SchemaRef,
    calls: Vec<OverFunction>,
    start: FrameStart,
    by_rows: bool,
    rows: SortedRows,
    running: Running,
    values: RowConverter,
    emits_before: bool,
    at_end_only: bool,
    batch_rows: usize,
    form: Form,
}

/// The rows of some partitions in order, with their values.
struct Answers {
    slots: Vec<u32>,
    /// Columns of the rows, then one per call.
    columns: Vec<ArrayRef>,
    /// The values, to be compared.
    values: Rows,
}

/// A row to be put out: kind, which answers, position in them.
type Change = (RowKind, usize, usize);

impl SortedOver {
    /// An operator that has seen no row.
    ///
    /// # Errors
    /// `Internal` for a spec that contradicts the schemas, `Unsupported` for columns of types that
    /// cannot be kept or ordered.
    pub fn new(
        spec: &OverSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let OverOrder::Columns(order) = &spec.order else {
            return Err(Error::internal("an order of time is not one of columns"));
        };
        if output.fields().len() != input.fields().len() + spec.calls.len() {
            return Err(Error::internal("OVER adds a column per call"));
        }
        let (partition_by, updates) = (&spec.partition_by, spec.input_updates);
        let rows = SortedRows::new(input, partition_by, order, updates, context)?;
        let calls: Vec<OverFunction> = spec.calls.iter().map(|c| c.function.clone()).collect();
        let results = output.fields().iter().skip(input.fields().len());
        let results = results.map(|field| SortField::new(field.data_type().clone()));
        let values = RowConverter::new(results.collect())
            .map_err(|e| Error::unsupported("results of this type").caused_by(e))?;
        Ok(SortedOver {
            form: Form::new("sorted over", rows.form()?),
            schema: SchemaRef::clone(output),
            running: Running::new(&calls, partition_by, input, Life::Restarts)?,
            calls,
            start: spec.frame.start,
            by_rows: spec.frame.by_rows,
            rows,
            values,
            emits_before: spec.emit_update_before,
            at_end_only: spec.at_end_only,
            batch_rows: context.batch_rows.max(1),
        })
    }

    /// The rows of some partitions with their values.
    fn answers(&mut self, partitions: &[u32]) -> Result<Answers> {
        let (mut slots, mut ids, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for &partition in partitions {
            let start = slots.len();
            let list = self.rows.list(partition);
            list.copy(0..list.len(), &mut slots);
            ids.resize(slots.len(), partition);
            parts.push(start..slots.len());
        }
        let columns = self.rows.columns(&slots)?;
        let results = self.results(&slots, &ids, &parts, &columns)?;
        let values = self.values.convert_columns(&results)?;
        Ok(Answers {
            slots,
            columns: columns.into_iter().chain(results).collect(),
            values,
        })
    }

    /// The values of the calls.
    fn results(
        &mut self,
        slots: &[u32],
        ids: &[u32],
        parts: &[Range<usize>],
        columns: &[ArrayRef],
    ) -> Result<Vec<ArrayRef>> {
        if let FrameStart::Rows(back) = self.start {
            let back = usize::try_from(back).unwrap_or(usize::MAX);
            let lags = self.calls.iter();
            return lags.map(|call| lag(call, back, parts, columns)).collect();
        }
        let mut peers = vec![0_i64; slots.len()];
        for at in 1..slots.len() {
            let is_peer =
                ids[at] == ids[at - 1] && self.rows.compare(slots[at - 1], slots[at]).is_eq();
            peers[at] = peers[at - 1] + i64::from(!is_peer);
        }
        let mut known: Vec<u32> = ids.to_vec();
        known.dedup();
        self.running.make_room_for(self.rows.partition_bound());
        self.running.reset(&known)?;
        let piece = Piece {
            columns,
            ids,
            peers: &peers,
        };
        let rounds = Rounds::of(&piece, self.by_rows, self.rows.partition_bound());
        let mut found: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.running.calls()];
        let mut no_lag = |_| Err(Error::internal("LAG has a frame of its own"));
        for round in 0..rounds.len() {
            let picks = rounds.rows(round);
            let own: Vec<u32> = picks.iter().map(|&row| ids[row as usize]).collect();
            let picks = UInt32Array::from(picks.to_vec());
            let taken = columns.iter().map(|column| take(column, &picks, None));
            let taken = taken.collect::<Result<Vec<_>, _>>()?;
            let results = self.running.round(&taken, &own, &mut no_lag)?;
            for (part, result) in found.iter_mut().zip(results) {
                part.push(result);
            }
        }
        // Nothing of it is kept.
        self.running.reset(&known)?;
        match slots.is_empty() {
            false => found.iter().map(|part| rounds.in_row_order(part)).collect(),
            true => Ok(self.no_results(columns.len())),
        }
    }

    fn no_results(&self, width: usize) -> Vec<ArrayRef> {
        let fields = self.schema.fields().iter().skip(width);
        fields
            .map(|field| new_null_array(field.data_type(), 0))
            .collect()
    }

    /// What differs.
    fn differences(&self, before: &Answers, after: &Answers) -> Vec<Change> {
        let mut at = vec![NONE; self.rows.slot_bound()];
        // A row that is there several times stands there side by side: the first place says all.
        for (place, &slot) in before.slots.iter().enumerate().rev() {
            at[slot as usize] = place as u32;
        }
        let mut is_left = vec![true; before.slots.len()];
        let (mut gone, mut others) = (Vec::new(), Vec::new());
        for (place, &slot) in after.slots.iter().enumerate() {
            let old = &mut at[slot as usize];
            let known = before.slots.get(*old as usize) == Some(&slot);
            if !known {
                others.push((RowKind::Insert, 1, place));
                continue;
            }
            let was = *old as usize;
            *old += 1;
            is_left[was] = false;
            if before.values.row(was) == after.values.row(place) {
                continue;
            }
            if self.emits_before {
                others.push((RowKind::UpdateBefore, 0, was));
            }
            others.push((RowKind::UpdateAfter, 1, place));
        }
        for (place, left) in is_left.into_iter().enumerate() {
            if left {
                gone.push((RowKind::Delete, 0, place));
            }
        }
        gone.extend(others);
        gone
    }

    fn put_out(&self, changes: &[Change], answers: [&Answers; 2], out: &mut Output) -> Result<()> {
        for changes in changes.chunks(self.batch_rows) {
            let picks: Vec<(usize, usize)> = changes.iter().map(|c| (c.1, c.2)).collect();
            let columns = (0..self.schema.fields().len()).map(|column| {
                let of = answers.map(|answers| answers.columns[column].as_ref());
                Ok(interleave(&of, &picks)?)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
            let schema = Arc::clone(&self.schema);
            let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
            out.rows(match changes.iter().all(|c| c.0 == RowKind::Insert) {
                true => ChangeBatch::inserts(rows),
                false => {
                    let kinds = changes.iter().map(|change| change.0 as u8);
                    ChangeBatch::with_kinds(rows, UInt8Array::from_iter_values(kinds))
                }
            });
        }
        Ok(())
    }

    /// Lets the rows of the batch at hand come and go.
    fn apply(&mut self, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        let mut unseen = 0;
        for row in 0..rows.num_rows() {
            let partition = self.rows.partition(row);
            if rows.kind(row).is_retraction() {
                match self.rows.position_of(row, partition) {
                    Some(position) => self.rows.leave(partition, position),
                    None => unseen += 1,
                }
                continue;
            }
            let slot = self.rows.slot_for(row, partition)?;
            self.rows.enter(partition, slot);
        }
        out.unseen(unseen);
        Ok(())
    }
}

/// The values some rows before, in each part.
fn lag(
    call: &OverFunction,
    back: usize,
    parts: &[Range<usize>],
    columns: &[ArrayRef],
) -> Result<ArrayRef> {
    let OverFunction::Lag { column, default } = call else {
        return Err(Error::internal("a bounded frame in the order of columns"));
    };
    let value = &columns[*column];
    // The second half of the places are those of the default.
    let other = match default {
        Some(default) => Arc::clone(&columns[*default]),
        None => new_null_array(value.data_type(), value.len()),
    };
    let both = concat(&[value.as_ref(), other.as_ref()])?;
    let places = parts.iter().flat_map(|part| {
        let first = part.start;
        part.clone().map(move |at| match at.checked_sub(back) {
            Some(source) if source >= first => source as u32,
            _ => (at + value.len()) as u32,
        })
    });
    Ok(take(&both, &UInt32Array::from_iter_values(places), None)?)
}

impl Operator for SortedOver {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        self.rows.take_in_hand(rows.rows())?;
        if self.at_end_only {
            self.apply(&rows, out)?;
            return self.rows.tidy();
        }
        let mut touched = self.rows.partitions_of_rows().to_vec();
        touched.sort_unstable();
        touched.dedup();
        let before = self.answers(&touched)?;
        self.apply(&rows, out)?;
        let after = self.answers(&touched)?;
        let changes = self.differences(&before, &after);
        self.put_out(&changes, [&before, &after], out)?;
        self.rows.tidy()
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        if !self.at_end_only {
            return Ok(());
        }
        for partition in 0..self.rows.partition_bound() as u32 {
            let answers = self.answers(&[partition])?;
            let all = (0..answers.slots.len()).map(|place| (RowKind::Insert, 0, place));
            let all: Vec<Change> = all.collect();
            self.put_out(&all, [&answers, &answers], out)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        self.rows.snapshot(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.rows.restore(state)
    }

    fn state_bytes(&self) -> usize {
        self.rows.memory() + self.running.memory()
    }
}
