//! ORDER BY at the end of bounded input, with OFFSET and LIMIT.
//!
//! Rows are kept as they came, next to their sort keys in Arrow's row encoding, which compares like
//! bytes; the end sorts references to rows and puts them out in batches. Equal rows keep the order
//! of their arrival.
//!
//! * With a limit, no more than a few times `skip + fetch` rows are kept.
//! * Rows that go (`-U`, `-D`) are kept apart and cancel an equal row at the end.
//! * Cost: memory for all rows; O(n log n) comparisons of bytes.
//! * Runs once per job. A snapshot writes the rows that have come since the one before; all of them
//!   again only after rows have been thrown away ([`state`]).

mod state;

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{SortOptions, concat_batches, interleave_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, Rows, SortField};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::SortSpec;

use crate::OperatorContext;
use crate::groups::signs;
use crate::keys::KeyTable;
use crate::state::form::Form;
use state::Saved;

/// With a limit: kept rows that are not worth sorting yet.
const PRUNE_ROWS_MIN: usize = 65_536;

/// Sorts all rows at the end.
pub struct Sort {
    schema: SchemaRef,
    columns: Vec<usize>,
    converter: RowConverter,
    skip: usize,
    fetch: Option<usize>,
    batch_rows: usize,
    kept: Kept,
    /// Small batches that will be joined.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    /// Rows that have gone.
    gone: Vec<RecordBatch>,
    saved: Saved,
    form: Form,
}

#[derive(Default)]
struct Kept {
    batches: Vec<RecordBatch>,
    keys: Vec<Rows>,
    rows: usize,
}

impl Sort {
    /// A sorter without rows.
    pub fn new(spec: &SortSpec, input: &SchemaRef, context: &OperatorContext) -> Result<Self> {
        let mut fields = Vec::with_capacity(spec.keys.len());
        for key in &spec.keys {
            let field = input
                .fields()
                .get(key.column)
                .ok_or_else(|| Error::internal(format!("no column {} to sort by", key.column)))?;
            let options = SortOptions::new(key.descending, key.nulls_first);
            fields.push(SortField::new_with_options(
                field.data_type().clone(),
                options,
            ));
        }
        let converter = RowConverter::new(fields)
            .map_err(|e| Error::unsupported("ORDER BY a value of this type").caused_by(e))?;
        let clamp = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Sort {
            schema: Arc::clone(input),
            columns: spec.keys.iter().map(|key| key.column).collect(),
            converter,
            skip: clamp(spec.skip),
            fetch: spec.fetch.map(clamp),
            batch_rows: context.batch_rows.max(1),
            kept: Kept::default(),
            pending: Vec::new(),
            pending_rows: 0,
            gone: Vec::new(),
            saved: Saved::default(),
            form: state::form(input)?,
        })
    }

    /// The most rows from the front that can matter.
    fn wanted(&self) -> usize {
        self.fetch
            .map_or(usize::MAX, |fetch| self.skip.saturating_add(fetch))
    }

    fn keep_pending(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = match self.pending.as_slice() {
            [one] => one.clone(),
            several => concat_batches(&self.schema, several)?,
        };
        self.pending.clear();
        self.pending_rows = 0;
        self.keep(batch)?;
        let most = self.wanted().saturating_mul(4).max(PRUNE_ROWS_MIN);
        if self.kept.rows > most && self.gone.is_empty() {
            self.prune()?;
        }
        Ok(())
    }

    fn keep(&mut self, batch: RecordBatch) -> Result<()> {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|&column| Arc::clone(batch.column(column)))
            .collect();
        if !columns.is_empty() {
            self.kept
                .keys
                .push(self.converter.convert_columns(&columns)?);
        }
        self.kept.rows += batch.num_rows();
        self.kept.batches.push(batch);
        Ok(())
    }

    /// Keeps only the rows that may still be put out.
    fn prune(&mut self) -> Result<()> {
        self.saved.start_again();
        let order = self.kept.order(self.wanted());
        let kept = std::mem::take(&mut self.kept);
        for picks in order.chunks(self.batch_rows) {
            self.keep(kept.pick(picks)?)?;
        }
        Ok(())
    }

    /// Cancels rows that came and went.
    fn settle(&mut self) -> Result<()> {
        let types: Vec<_> = self
            .schema
            .fields()
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let mut table = KeyTable::new(&types)?;
        let (mut ids, mut counts) = (Vec::new(), Vec::new());
        let came = std::mem::take(&mut self.kept).batches;
        let gone = std::mem::take(&mut self.gone);
        for (batches, sign) in [(came, 1i64), (gone, -1)] {
            for batch in batches {
                table.intern(batch.columns(), batch.num_rows(), &mut ids)?;
                counts.resize(table.id_bound(), 0);
                ids.iter().for_each(|&id| counts[id as usize] += sign);
            }
        }
        let rows = counts.iter().enumerate().flat_map(|(id, &count)| {
            let times = usize::try_from(count).unwrap_or(0);
            std::iter::repeat_n(id as u32, times)
        });
        let rows: Vec<u32> = rows.collect();
        for ids in rows.chunks(self.batch_rows) {
            let options = RecordBatchOptions::new().with_row_count(Some(ids.len()));
            let columns = table.keys(ids)?;
            let batch =
                RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
            self.keep(batch)?;
        }
        Ok(())
    }
}

impl Kept {
    /// References to the first `wanted` rows in order: batch, row.
    fn order(&self, wanted: usize) -> Vec<(usize, usize)> {
        let batches = self.batches.iter().enumerate();
        let mut order: Vec<(usize, usize)> = batches
            .flat_map(|(b, batch)| (0..batch.num_rows()).map(move |row| (b, row)))
            .collect();
        if !self.keys.is_empty() {
            let key = |&(batch, row): &(usize, usize)| self.keys[batch].row(row);
            order.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        order.truncate(wanted);
        order
    }

    fn pick(&self, picks: &[(usize, usize)]) -> Result<RecordBatch> {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        Ok(interleave_record_batch(&batches, picks)?)
    }
}

impl Operator for Sort {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, _out: &mut Output) -> Result<()> {
        let mut came = rows.rows().clone();
        if let Some(signs) = signs(rows.kinds()).filter(|signs| signs.contains(&-1)) {
            let goes: BooleanArray = signs.iter().map(|&sign| Some(sign < 0)).collect();
            self.gone.push(rows.filter(&goes)?.rows().clone());
            came = rows.filter(&arrow::compute::not(&goes)?)?.rows().clone();
        }
        self.pending_rows += came.num_rows();
        self.pending.push(came);
        if self.pending_rows >= self.batch_rows {
            self.keep_pending()?;
        }
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.keep_pending()?;
        if !self.gone.is_empty() {
            self.settle()?;
        }
        self.saved.start_again();
        let kept = std::mem::take(&mut self.kept);
        let order = kept.order(self.wanted());
        let order = order.get(self.skip..).unwrap_or_default();
        for picks in order.chunks(self.batch_rows) {
            out.rows(ChangeBatch::inserts(kept.pick(picks)?));
        }
        Ok(())
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.keep_pending()?;
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }
}

#[cfg(test)]
mod tests;
