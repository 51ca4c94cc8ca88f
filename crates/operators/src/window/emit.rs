//! Result rows of windows: keys, aggregates, window properties, in batches of bounded size.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, TimestampMillisecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use millstream_core::operator::Output;
use millstream_core::rows::ChangeBatch;
use millstream_core::{Error, Result};
use millstream_plan::{WindowAggregateSpec, WindowProperty};

use super::zone::Zone;

/// Makes result rows.
pub(crate) struct Emitter {
    schema: SchemaRef,
    properties: Vec<WindowProperty>,
    pub(crate) batch_rows: usize,
    zone: Zone,
}

impl Emitter {
    /// For results of `spec` with columns of `output`.
    pub(crate) fn new(
        spec: &WindowAggregateSpec,
        output: &SchemaRef,
        zone: Zone,
        batch_rows: usize,
    ) -> Result<Self> {
        let results = spec.keys.len() + spec.aggregates.len();
        if output.fields().len() != results + spec.properties.len() {
            return Err(Error::internal(format!(
                "{results} results and {} window properties for {} columns",
                spec.properties.len(),
                output.fields().len()
            )));
        }
        for field in &output.fields()[results..] {
            if !matches!(
                field.data_type(),
                DataType::Timestamp(TimeUnit::Millisecond, _)
            ) {
                return Err(Error::internal(format!(
                    "window property '{}' wants TIMESTAMP(3), found {}",
                    field.name(),
                    field.data_type()
                )));
            }
        }
        Ok(Emitter {
            schema: Arc::clone(output),
            properties: spec.properties.clone(),
            batch_rows: batch_rows.max(1),
            zone,
        })
    }

    /// Sends one batch: `columns` are keys and aggregates; `start` and `end` tell the local bounds
    /// of each row's window.
    pub(crate) fn send(
        &self,
        mut columns: Vec<ArrayRef>,
        num_rows: usize,
        start: impl Fn(usize) -> i64,
        end: impl Fn(usize) -> i64,
        out: &mut Output,
    ) -> Result<()> {
        for property in &self.properties {
            let ty = self.schema.field(columns.len()).data_type();
            let is_instant = matches!(ty, DataType::Timestamp(_, Some(_)));
            let value = |row| match property {
                WindowProperty::Start => start(row),
                WindowProperty::End => end(row),
                WindowProperty::Time if is_instant => self.zone.to_epoch(end(row) - 1),
                WindowProperty::Time => end(row) - 1,
            };
            let times = TimestampMillisecondArray::from_iter_values((0..num_rows).map(value));
            columns.push(Arc::new(times.with_data_type(ty.clone())));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(num_rows));
        out.rows(ChangeBatch::inserts(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?));
        Ok(())
    }
}
