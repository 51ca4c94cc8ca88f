//! Matches become rows: the key, then one column per measure.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use millstream_core::operator::Output;
use millstream_core::rows::ChangeBatch;
use millstream_core::{Error, Result};
use millstream_plan::MatchValue;

use super::matcher::{Found, Matcher};
use super::store::Store;
use super::values::{Asked, Counted, Values};
use crate::keys::KeyTable;

/// Collects matches and puts them out.
pub(super) struct Emitter {
    schema: SchemaRef,
    values: Values,
    asked: Asked,
    keys: Vec<u32>,
    counted: Vec<Counted>,
    batch_rows: usize,
}

impl Emitter {
    pub(super) fn new(
        measures: &[MatchValue],
        names: &[String],
        store: &Store,
        schema: &SchemaRef,
        batch_rows: usize,
    ) -> Result<Self> {
        Ok(Emitter {
            schema: Arc::clone(schema),
            values: Values::new(measures, names, store)?,
            asked: Asked::default(),
            keys: Vec::new(),
            counted: Vec::new(),
            batch_rows: batch_rows.max(1),
        })
    }

    /// True if there are enough for a batch.
    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= self.batch_rows
    }

    /// Notes a match; its rows must stay in the store until they are put out.
    pub(super) fn note(&mut self, key: u32, (run, time): &Found, matcher: &Matcher) {
        self.values.ask(&mut self.asked, run, matcher, None, *time);
        if !self.values.aggregates.are_none() {
            let of = self.keys.len() as u32;
            for (variable, rows) in run.mapped() {
                self.counted.extend(rows.map(|row| Counted {
                    slot: matcher.slot(row),
                    of,
                    variable,
                }));
            }
        }
        self.keys.push(key);
    }

    /// Puts out what was noted.
    pub(super) fn flush(&mut self, keys: &KeyTable, store: &Store, out: &mut Output) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let matches = self.keys.len();
        let aggregates = match self.values.aggregates.are_none() {
            true => Vec::new(),
            false => {
                let none: &[u8] = &[];
                let aggregates = &mut self.values.aggregates;
                aggregates.begin(std::iter::repeat_n(none, matches))?;
                aggregates.add(&self.counted, store)?;
                aggregates.results(matches)?
            }
        };
        let mut columns = keys.keys(&self.keys)?;
        columns.extend(self.values.columns(&mut self.asked, &aggregates, store)?);
        let options = RecordBatchOptions::new().with_row_count(Some(matches));
        let schema = Arc::clone(&self.schema);
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|e| Error::internal("matches do not fit their columns").caused_by(e))?;
        self.keys.clear();
        self.counted.clear();
        let rows = ChangeBatch::inserts(rows);
        for first in (0..matches).step_by(self.batch_rows) {
            out.rows(rows.slice(first, self.batch_rows.min(matches - first)));
        }
        Ok(())
    }
}
