//! One row per primary key in front of a sink, although the query's rows are told apart by another key.
//!
//! ```text
//! rows of a key, in the order they came   │ ann 1 │ ann 2 │ ann 3 │
//!   DEDUPLICATE: the last one is the row            ─────────▶ ann 3
//!   NOTHING:     the first one is, once the watermark says that no other comes before it
//!   ERROR:       there must be one only, once the watermark says so
//! ```
//!
//! Without this, `-D ann 1` of a row that was replaced long ago would delete `ann 3` in the sink.
//!
//! * DEDUPLICATE keeps every row of each key that was not taken back, and shows the last one at once. If
//!   that one goes, the one before it is shown again.
//! * NOTHING and ERROR judge at each watermark, so that an update (`-U`, `+U`) that is under way is not
//!   taken for two rows. What was shown stays until it is taken back.
//! * A key changes at most once per batch or watermark; `-U` is never put out: a sink by key does not
//!   need it.
//! * The order of arrival is part of the state.
//!
//! The rules are Flink's (`ON CONFLICT` of 2.3, `SinkUpsertMaterializer` before).

mod shown;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt8Array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};
use millstream_plan::{OnConflict, UpsertSpec};

use crate::OperatorContext;
use crate::keys::KeyTable;
use crate::rows::{KeyedRows, NONE};
use crate::state::bytes::{damaged, put_length};
use crate::state::codec::types_text;
use crate::state::entries::{KeyCodec, Place};
use crate::state::form::Form;
use shown::Shown;

/// Tables of the state: all rows of each key, and the row the sink has.
const ROWS: Place = Place {
    table: 0,
    namespace: 0,
};
const SHOWN: Place = Place {
    table: 1,
    namespace: 0,
};

/// Makes one row of each primary key.
pub struct Upsert {
    key: Vec<usize>,
    on_conflict: OnConflict,
    schema: SchemaRef,
    names: Vec<String>,
    keys: KeyTable,
    rows: KeyedRows,
    /// When the row of a slot came last.
    arrived: Vec<u64>,
    arrivals: u64,
    /// What the sink has of each key.
    shown: Shown,
    /// Keys that have changed since they were judged.
    touched: Vec<u32>,
    codec: KeyCodec,
    form: Form,
    ids: Vec<u32>,
    batch_rows: usize,
}

impl Upsert {
    /// An operator without rows.
    pub fn new(spec: &UpsertSpec, input: &SchemaRef, context: &OperatorContext) -> Result<Self> {
        let field = |column: &usize| {
            let fields = input.fields().get(*column);
            fields.ok_or_else(|| Error::internal(format!("no column {column} in a primary key")))
        };
        let fields = spec.key.iter().map(field).collect::<Result<Vec<_>>>()?;
        let key_types: Vec<DataType> = fields.iter().map(|f| f.data_type().clone()).collect();
        let types: Vec<DataType> = input
            .fields()
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        let rows = KeyedRows::new(types.clone());
        let parts = [
            format!("{:?}, key({})", spec.on_conflict, types_text(&key_types)?),
            rows.form()?,
        ];
        Ok(Upsert {
            key: spec.key.clone(),
            on_conflict: spec.on_conflict,
            schema: SchemaRef::clone(input),
            names: fields.iter().map(|field| field.name().clone()).collect(),
            keys: KeyTable::new(&key_types)?,
            codec: KeyCodec::new(key_types.clone(), key_types.len(), context.key_groups)?,
            rows,
            arrived: Vec::new(),
            arrivals: 0,
            shown: Shown::new(types),
            touched: Vec::new(),
            form: Form::new("upsert", parts),
            ids: Vec::new(),
            batch_rows: context.batch_rows.max(1),
        })
    }

    /// Takes the changes of a batch over.
    fn apply(&mut self, batch: &ChangeBatch, out: &mut Output) -> Result<()> {
        let rows = batch.rows();
        let keys: Vec<ArrayRef> = self
            .key
            .iter()
            .map(|&key| Arc::clone(rows.column(key)))
            .collect();
        self.keys.intern(&keys, rows.num_rows(), &mut self.ids)?;
        self.rows.take_in_hand(rows.columns(), rows.num_rows())?;
        let mut unseen = 0;
        for row in 0..rows.num_rows() {
            let key = self.ids[row];
            self.touched.push(key);
            if !batch.kind(row).is_retraction() {
                self.add(row, key)?;
            } else if let Some(slot) = self.rows.find(row, key) {
                self.rows.remove(slot);
            } else {
                unseen += 1;
            }
        }
        out.unseen(unseen);
        Ok(())
    }

    fn add(&mut self, row: usize, key: u32) -> Result<()> {
        let slot = self.rows.add(row, key)?;
        // DO NOTHING: who was there first stays first.
        if self.on_conflict != OnConflict::Nothing || self.rows.count(slot) == 1 {
            self.rows.move_to_end(slot);
            self.arrived
                .resize(self.rows.slot_bound().max(self.arrived.len()), 0);
            self.arrived[slot as usize] = self.arrivals;
            self.arrivals += 1;
        }
        Ok(())
    }

    /// Puts out what has become of the touched keys.
    fn judge(&mut self, out: &mut Output) -> Result<()> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let mut changes = Vec::with_capacity(touched.len());
        for &key in &touched {
            let wanted = self.wanted(key)?;
            changes.extend(self.shown.change(key, wanted, &self.rows));
        }
        for changes in changes.chunks(self.batch_rows) {
            out.rows(self.made(changes)?);
        }
        self.shown.apply(&changes, &self.rows)?;
        self.tidy(&touched)?;
        touched.clear();
        self.touched = touched;
        Ok(())
    }

    /// The slot of the row the sink should have.
    fn wanted(&self, key: u32) -> Result<u32> {
        match self.on_conflict {
            OnConflict::Deduplicate => Ok(self.rows.last(key)),
            OnConflict::Nothing => {
                // What was shown stays as long as it is there.
                let shown = self.shown.find(key, &self.rows);
                Ok(shown.unwrap_or_else(|| self.rows.first(key)))
            }
            OnConflict::Error => {
                let first = self.rows.first(key);
                match first != NONE && (self.rows.last(key) != first || self.rows.count(first) > 1)
                {
                    true => Err(self.conflict(key)),
                    false => Ok(first),
                }
            }
        }
    }

    fn conflict(&self, key: u32) -> Error {
        let slots: Vec<u32> = self.rows.slots(key).take(2).collect();
        let shown = |columns: Vec<ArrayRef>, row: usize| {
            let columns = columns.iter().take(8);
            let cells = columns.map(|column| {
                let text = arrow::util::display::array_value_to_string(column, row);
                text.unwrap_or_else(|_| "?".into())
            });
            cells.collect::<Vec<_>>().join(", ")
        };
        let key = self.keys.keys(&[key]).map(|columns| shown(columns, 0));
        let first = self.rows.columns(&slots).map(|columns| shown(columns, 0));
        let unknown = |_| "?".to_string();
        Error::new(
            Code::KeyConflict,
            format!(
                "two rows have the primary key {} = {}; one of them is ({})",
                self.names.join(", "),
                key.unwrap_or_else(unknown),
                first.unwrap_or_else(unknown),
            ),
        )
        .hint("aggregate or rank the rows of a key, or say which one stays with ON CONFLICT DO NOTHING or DO DEDUPLICATE")
    }

    /// Changes as rows: new versions from the rows, old ones from what the sink has.
    fn made(&self, changes: &[shown::Change]) -> Result<ChangeBatch> {
        let new: Vec<u32> = changes.iter().map(|change| change.new).collect();
        let old: Vec<u32> = changes.iter().map(|change| change.old).collect();
        let (new, old) = (self.rows.columns(&new)?, self.shown.columns(&old)?);
        let picks: Vec<(usize, usize)> = changes
            .iter()
            .enumerate()
            .map(|(at, change)| (usize::from(change.kind == RowKind::Delete), at))
            .collect();
        let columns = new.iter().zip(&old);
        let columns = columns.map(|(new, old)| interleave(&[new.as_ref(), old.as_ref()], &picks));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let kinds = changes.iter().map(|change| change.kind as u8);
        Ok(ChangeBatch::with_kinds(
            rows,
            UInt8Array::from_iter_values(kinds),
        ))
    }

    /// Gives the numbers of keys without rows back.
    fn tidy(&mut self, touched: &[u32]) -> Result<()> {
        let is_gone = |key: &u32| self.rows.is_empty_at(*key) && self.shown.is_empty_at(*key);
        let gone: Vec<u32> = touched.iter().copied().filter(is_gone).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.rows.name_buried(&self.keys, &mut self.codec)?;
        self.rows.compact();
        self.shown.name_buried(&self.keys, &mut self.codec)?;
        self.keys.remove(&gone);
        Ok(())
    }
}

impl Operator for Upsert {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        self.apply(&rows, out)?;
        match self.on_conflict {
            OnConflict::Deduplicate => self.judge(out),
            OnConflict::Nothing | OnConflict::Error => Ok(()),
        }
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        self.judge(out)?;
        out.watermark(time);
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.judge(out)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        let arrived = &self.arrived;
        let beside =
            |slot: u32, out: &mut Vec<u8>| put_length(arrived[slot as usize] as usize, out);
        let (keys, codec) = (&self.keys, &mut self.codec);
        self.rows.snapshot(ROWS, keys, codec, beside, state)?;
        self.shown.snapshot(SHOWN, keys, codec, state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        while let Some(chunk) = state.next_chunk()? {
            let (keys, codec) = (&mut self.keys, &mut self.codec);
            match chunk.table {
                0 => {
                    let arrived = &mut self.arrived;
                    self.rows.restore(&chunk, keys, codec, |slot, reader| {
                        arrived.resize(arrived.len().max(slot as usize + 1), 0);
                        arrived[slot as usize] = reader.length()? as u64;
                        Ok(())
                    })?;
                }
                1 => self.shown.restore(&chunk, keys, codec)?,
                _ => return Err(damaged("an entry is in a table nobody wrote")),
            }
        }
        self.touched = self.keys.ids();
        for &key in &self.touched {
            self.rows
                .sort_by_key(key, |slot| self.arrived[slot as usize]);
        }
        let last = self.arrived.iter().max();
        self.arrivals = last.map_or(0, |last| last + 1);
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let arrived = self.arrived.capacity() * 8;
        self.keys.bytes() + self.rows.memory() + self.shown.memory() + arrived
    }
}
