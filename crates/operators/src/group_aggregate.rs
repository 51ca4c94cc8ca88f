//! Unbounded GROUP BY: one result row per key, updated for ever.
//!
//! ```text
//! rows  ann 3, bob 1, ann 5      +I ann 8     +I bob 1
//! rows  ann 2                    -U ann 8     +U ann 10
//! ```
//!
//! * All rows of a batch are folded before results are put out: at most one update per key and
//!   batch. Only the final state is a promise, not the updates on the way.
//! * A key's first row gives `+I`, a change `-U` (if wanted) and `+U`; nothing if the result is
//!   what it was. With retraction, `-D` when the last row of a key has gone.
//! * Without keys there is one row, which stays when all rows have gone; over nothing it is put out
//!   in batch mode only.
//! * Without aggregates this is DISTINCT: `+I` at the first row of a key.
//! * State: one accumulator per key, never freed (except by `-D`). A snapshot writes the keys that
//!   rows have touched; what was put out last is not kept apart, as it follows from the
//!   accumulators.
//! * Keys can be given up and brought back ([`spill`]) where rows only come and no values are
//!   counted once: then the state may be larger than memory.
//! * Cost: one probe per row; results of touched keys are computed twice per batch.
//!
//! Source: Apache Flink, `GroupAggFunction` and `MiniBatchGroupAggFunction`.

mod spill;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt8Array, UInt32Array,
    make_comparator,
};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{SortOptions, and, interleave, take};
use arrow::datatypes::SchemaRef;
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output, Spill};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::GroupAggregateSpec;

use crate::OperatorContext;
use crate::aggregate::Batch;
use crate::groups::{Groups, Layout, only_additions, signs};
use crate::state::bytes::{Reader, damaged};
use crate::state::entries::{KeyCodec, Place};
use crate::state::form::Form;
use crate::state::grow::make_room;
use crate::state::tracker::Bits;

/// Blob: whether the input had ended.
const ENDED: &str = "ended";
/// Where the groups are in a checkpoint; their distinct values follow.
const PLACE: Place = Place {
    table: 0,
    namespace: 0,
};

/// Aggregates per key, for ever.
pub struct GroupAggregate {
    layout: Layout,
    groups: Groups,
    touched: Touched,
    /// Equal keys have equal bytes, so a key may be read from any of its rows.
    keys_from_rows: bool,
    codec: KeyCodec,
    form: Form,
    /// The input has ended, and what is put out at the end has been.
    ended: bool,
    schema: SchemaRef,
    emit_update_before: bool,
    at_end_only: bool,
    batch_rows: usize,
    /// Ids whose keys are in memory and known, once some have been given up: from then on a number
    /// does not tell whether its key is new.
    present: Option<Bits>,
}

/// The keys a batch has touched, each once, in the order they were met.
#[derive(Default)]
struct Touched {
    ids: Vec<u32>,
    /// First row of each in the batch.
    rows: Vec<u32>,
    /// Number of the batch that last touched a key.
    stamps: Vec<u32>,
    batch: u32,
}

/// What was known of the touched keys before the batch.
struct Before {
    /// Ids below were given out.
    known: usize,
    /// Rows of each, if rows can go.
    counts: Option<Vec<i64>>,
    /// Results of each.
    results: Vec<ArrayRef>,
}

/// What happened to a touched key.
struct Change {
    id: u32,
    kind: RowKind,
    /// Its place among the touched keys.
    place: usize,
}

impl GroupAggregate {
    /// An aggregation without any key yet.
    pub fn new(
        spec: &GroupAggregateSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let layout = Layout::new(&spec.keys, &spec.aggregates, input)?;
        if output.fields().len() != layout.keys + layout.calls.len() {
            return Err(Error::internal(format!(
                "{} keys and {} aggregates for {} columns",
                layout.keys,
                layout.calls.len(),
                output.fields().len()
            )));
        }
        let keys_from_rows = layout
            .key_types()
            .iter()
            .all(|ty| !ty.is_nested() && !ty.is_floating());
        let groups = Groups::new(&layout, spec.input_updates)?;
        Ok(GroupAggregate {
            codec: KeyCodec::new(layout.key_types(), layout.keys, context.key_groups)?,
            form: Form::new("group aggregate", groups.form()?),
            layout,
            groups,
            touched: Touched::default(),
            keys_from_rows,
            ended: false,
            schema: Arc::clone(output),
            emit_update_before: spec.emit_update_before,
            at_end_only: spec.at_end_only,
            batch_rows: context.batch_rows.max(1),
            present: None,
        })
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let present = self.present.as_ref().map_or(0, Bits::bytes);
        self.groups.bytes() + self.touched.bytes() + present
    }

    /// Puts out results of a key that were not there before and those that have changed.
    fn put_out(&mut self, before: &Before, keys: &[ArrayRef], out: &mut Output) -> Result<()> {
        let new = self.groups.accumulators.evaluate(&self.touched.ids)?;
        let same = same_rows(&before.results, &new, self.touched.ids.len())?;
        let changes = self.changes(before, &same);
        if changes.iter().all(|change| change.kind == RowKind::Insert) {
            self.put_out_inserts(&changes, &new, keys, out)?;
        } else {
            self.put_out_changes(&changes, [&before.results, &new], keys, out)?;
        }
        if let Some(present) = &mut self.present {
            self.touched.ids.iter().for_each(|&id| present.insert(id));
        }
        let gone = changes.iter().filter(|c| c.kind == RowKind::Delete);
        let gone: Vec<u32> = gone.map(|change| change.id).collect();
        self.forget(&gone)?;
        self.forget(&self.stillborn(before))
    }

    /// What happened to each touched key; `same` says whose results are what they were.
    fn changes(&self, before: &Before, same: &BooleanArray) -> Vec<Change> {
        let mut changes = Vec::with_capacity(self.touched.ids.len());
        for (place, &id) in self.touched.ids.iter().enumerate() {
            let was = match &before.counts {
                Some(counts) if self.layout.keys > 0 => counts[place] > 0,
                _ => match &self.present {
                    Some(present) => present.contains(id),
                    None => (id as usize) < before.known,
                },
            };
            let kind = match (was, self.has_rows(id)) {
                (false, false) => continue,
                (false, true) => RowKind::Insert,
                (true, false) => RowKind::Delete,
                (true, true) if same.value(place) => continue,
                (true, true) => RowKind::UpdateAfter,
            };
            changes.push(Change { id, kind, place });
        }
        changes
    }

    fn has_rows(&self, id: u32) -> bool {
        // The one row of a global aggregate stays.
        let stays = self.layout.keys == 0;
        let rows = self.groups.rows.as_ref();
        rows.is_none_or(|rows| stays || rows[id as usize] > 0)
    }

    fn put_out_inserts(
        &self,
        changes: &[Change],
        new: &[ArrayRef],
        keys: &[ArrayRef],
        out: &mut Output,
    ) -> Result<()> {
        let places: Vec<usize> = changes.iter().map(|change| change.place).collect();
        let mut columns = self.key_columns(&places, keys)?;
        if changes.len() == self.touched.ids.len() {
            columns.extend(new.iter().map(Arc::clone));
        } else {
            let places = UInt32Array::from_iter_values(places.iter().map(|&place| place as u32));
            for column in new {
                columns.push(take(column, &places, None)?);
            }
        }
        self.send(columns, changes.len(), None, out)
    }

    fn put_out_changes(
        &self,
        changes: &[Change],
        [old, new]: [&[ArrayRef]; 2],
        keys: &[ArrayRef],
        out: &mut Output,
    ) -> Result<()> {
        let mut places = Vec::with_capacity(changes.len() * 2);
        let mut kinds = Vec::with_capacity(changes.len() * 2);
        let mut picks = Vec::with_capacity(changes.len() * 2);
        let mut push = |change: &Change, kind: RowKind, source: usize| {
            places.push(change.place);
            kinds.push(kind as u8);
            picks.push((source, change.place));
        };
        for change in changes {
            match change.kind {
                RowKind::Insert => push(change, RowKind::Insert, 1),
                RowKind::Delete => push(change, RowKind::Delete, 0),
                RowKind::UpdateBefore | RowKind::UpdateAfter => {
                    if self.emit_update_before {
                        push(change, RowKind::UpdateBefore, 0);
                    }
                    push(change, RowKind::UpdateAfter, 1);
                }
            }
        }
        let mut columns = self.key_columns(&places, keys)?;
        for (old, new) in old.iter().zip(new) {
            columns.push(interleave(&[old.as_ref(), new.as_ref()], &picks)?);
        }
        self.send(columns, places.len(), Some(UInt8Array::from(kinds)), out)
    }

    /// The keys at some places among the touched ones; `keys` are the key columns of the batch.
    fn key_columns(&self, places: &[usize], keys: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        if !self.keys_from_rows {
            let ids = places.iter().map(|&place| self.touched.ids[place]);
            return self.groups.keys.keys(&ids.collect::<Vec<_>>());
        }
        // The batch is in the cache; the table of keys is not, and may have to decode them.
        let rows = places.iter().map(|&place| self.touched.rows[place]);
        let rows = UInt32Array::from_iter_values(rows);
        let columns = keys.iter().map(|key| Ok(take(key, &rows, None)?));
        columns.collect()
    }

    fn send(
        &self,
        columns: Vec<ArrayRef>,
        num_rows: usize,
        kinds: Option<UInt8Array>,
        out: &mut Output,
    ) -> Result<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(num_rows));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let changes = match kinds {
            Some(kinds) => ChangeBatch::with_kinds(rows, kinds),
            None => ChangeBatch::inserts(rows),
        };
        for start in (0..num_rows).step_by(self.batch_rows) {
            out.rows(changes.slice(start, self.batch_rows.min(num_rows - start)));
        }
        Ok(())
    }

    /// Keys that came and went within the batch.
    fn stillborn(&self, before: &Before) -> Vec<u32> {
        let Some(counts) = &before.counts else {
            return Vec::new();
        };
        let touched = self.touched.ids.iter().zip(counts);
        touched
            .filter(|&(&id, &before)| before <= 0 && !self.has_rows(id))
            .map(|(&id, _)| id)
            .collect()
    }

    fn forget(&mut self, ids: &[u32]) -> Result<()> {
        match ids {
            [] => Ok(()),
            ids => self.groups.remove(ids, &mut self.codec),
        }
    }
}

impl Operator for GroupAggregate {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let columns = self.layout.pick(rows.rows().columns());
        let signs = signs(rows.kinds());
        let signs = signs.as_deref();
        let groups = &mut self.groups;
        if groups.rows.is_none() && !only_additions(signs) {
            return Err(Error::internal(
                "an aggregate planned for insertions met a row that goes",
            ));
        }
        let known = groups.keys.id_bound();
        let keys = &columns[..self.layout.keys];
        groups.keys.intern(keys, rows.num_rows(), &mut groups.ids)?;
        groups.make_room();
        self.touched.mark(&groups.ids, groups.keys.id_bound());
        groups
            .tracker
            .touch(&self.touched.ids, groups.keys.id_bound());
        let results = if self.at_end_only {
            Vec::new()
        } else {
            groups.accumulators.evaluate(&self.touched.ids)?
        };
        let counts = groups.rows.as_mut().map(|counts| {
            let touched = self.touched.ids.iter();
            let before: Vec<i64> = touched.map(|&id| counts[id as usize]).collect();
            for (row, &id) in groups.ids.iter().enumerate() {
                counts[id as usize] += signs.map_or(1, |signs| i64::from(signs[row]));
            }
            before
        });
        groups.accumulators.update(Batch {
            columns: &columns,
            groups: &groups.ids,
            signs,
        })?;
        if self.at_end_only {
            return Ok(());
        }
        let before = Before {
            known,
            counts,
            results,
        };
        self.put_out(&before, &columns[..self.layout.keys], out)
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        if !self.at_end_only || std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let groups = &mut self.groups;
        // As in Flink: an aggregate without keys over nothing is one row in batch mode only.
        if self.layout.keys == 0 && groups.keys.is_empty() {
            groups.keys.intern(&[], 1, &mut groups.ids)?;
            groups.make_room();
            return self.send(self.groups.accumulators.evaluate(&[0])?, 1, None, out);
        }
        let mut ids = groups.keys.ids();
        ids.retain(|&id| self.has_rows(id));
        for ids in ids.chunks(self.batch_rows) {
            let columns = self.groups.columns(ids)?;
            self.send(columns, ids.len(), None, out)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.bytes()
    }

    fn spill(&mut self) -> Option<&mut dyn Spill> {
        self.can_spill().then_some(self as &mut dyn Spill)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        state.blob(ENDED, &[u8::from(self.ended)])?;
        self.groups.snapshot(PLACE, &mut self.codec, state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        for blob in state.blobs(ENDED) {
            self.ended |= Reader::new(blob).flag()?;
        }
        while let Some(chunk) = state.next_chunk()? {
            let table = chunk.table;
            if chunk.namespace != PLACE.namespace {
                return Err(damaged("an entry is in a namespace nobody wrote"));
            }
            self.groups.restore(table, &chunk, &mut self.codec)?;
            if self.can_spill() && state.is_enough(self.state_bytes()) {
                self.note_present();
                break;
            }
        }
        self.groups.check_restored()
    }
}

impl Touched {
    /// Batches since the key was touched last; the largest for one not touched since the start.
    fn age(&self, id: u32) -> u32 {
        match self.stamps.get(id as usize) {
            None | Some(0) => u32::MAX,
            Some(stamp) => self.batch.wrapping_sub(*stamp),
        }
    }

    /// Keeps these keys only, ascending: `ids[i]` becomes `i`.
    fn keep(&mut self, ids: &[u32]) {
        for (new, &id) in ids.iter().enumerate() {
            self.stamps[new] = self.stamps[id as usize];
        }
        self.stamps.truncate(ids.len());
        self.stamps.shrink_to_fit();
        self.ids.clear();
        self.rows.clear();
    }

    fn bytes(&self) -> usize {
        (self.ids.capacity() + self.rows.capacity() + self.stamps.capacity()) * 4
    }

    fn mark(&mut self, ids: &[u32], bound: usize) {
        self.ids.clear();
        self.rows.clear();
        if bound > self.stamps.len() {
            let more = bound - self.stamps.len();
            make_room(&mut self.stamps, more);
            self.stamps.resize(bound, 0);
        }
        self.batch = self.batch.wrapping_add(1);
        if self.batch == 0 {
            self.stamps.fill(0);
            self.batch = 1;
        }
        for (row, &id) in ids.iter().enumerate() {
            let stamp = &mut self.stamps[id as usize];
            if *stamp != self.batch {
                *stamp = self.batch;
                self.ids.push(id);
                self.rows.push(row as u32);
            }
        }
    }
}

/// Row by row: are all columns equal, NULL being equal to NULL?
fn same_rows(old: &[ArrayRef], new: &[ArrayRef], num_rows: usize) -> Result<BooleanArray> {
    let mut same = BooleanArray::from(vec![true; num_rows]);
    for (old, new) in old.iter().zip(new) {
        let column = if old.data_type().is_nested() {
            same_nested(old, new)
        } else {
            not_distinct(old, new)?
        };
        same = and(&same, &column)?;
    }
    Ok(same)
}

fn same_nested(old: &ArrayRef, new: &ArrayRef) -> BooleanArray {
    match make_comparator(old, new, SortOptions::default()) {
        Ok(compare) => (0..old.len())
            .map(|row| Some(compare(row, row).is_eq()))
            .collect(),
        // Not comparable: an update too many is harmless.
        Err(_) => BooleanArray::from(vec![false; old.len()]),
    }
}

#[cfg(test)]
mod tests;
