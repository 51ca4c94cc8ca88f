//! Window columns without aggregation: each row once per window that contains it.
//!
//! Output: the input's columns, then `window_start`, `window_end` (local, end exclusive) and
//! `window_time` (end − 1 ms, of the type of the time attribute). Kinds and origin are kept. Rows
//! are never late here: whoever aggregates by the window decides.
//!
//! Cost: a row of a HOP is copied size/slide times; batches of results are bounded all the same.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::{Window, WindowAssignSpec};

use super::bounds::{Grid, start};
use super::times::Times;
use crate::OperatorContext;

/// Adds window columns.
pub struct WindowAssign {
    window: Window,
    times: Times,
    schema: SchemaRef,
    batch_rows: usize,
}

/// Rows to be put out: which row of the input, with which window.
#[derive(Default)]
struct Pending {
    rows: Vec<u32>,
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl WindowAssign {
    /// An operator for the windows of `spec`.
    pub fn new(
        spec: &WindowAssignSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        if matches!(
            spec.window,
            Window::Session { .. } | Window::Attached { .. }
        ) {
            return Err(Error::internal(
                "windows known only later cannot be assigned to rows",
            ));
        }
        // HOP: any size will do here, as nothing is shared between windows.
        match spec.window {
            Window::Hop { slide, size, .. } => {
                Grid::of(&Window::Tumble { size, offset: 0 })?;
                Grid::of(&Window::Tumble {
                    size: slide,
                    offset: 0,
                })?;
            }
            _ => drop(Grid::of(&spec.window)?),
        }
        if output.fields().len() != input.fields().len() + 3 {
            return Err(Error::internal(format!(
                "{} columns and 3 of the window for {} columns",
                input.fields().len(),
                output.fields().len()
            )));
        }
        Ok(WindowAssign {
            window: spec.window.clone(),
            times: Times::new(&spec.time, spec.zone.as_deref(), input)?,
            schema: Arc::clone(output),
            batch_rows: context.batch_rows.max(1),
        })
    }

    /// Calls `visit(start, end)` for each window that contains `time`.
    fn windows(&self, time: i64, mut visit: impl FnMut(i64, i64) -> Result<()>) -> Result<()> {
        match self.window {
            Window::Tumble { size, offset } => {
                let from = start(time, size, offset);
                visit(from, from + size)
            }
            Window::Hop {
                slide,
                size,
                offset,
            } => {
                let mut from = start(time, slide, offset);
                while from > time - size {
                    visit(from, from + size)?;
                    from -= slide;
                }
                Ok(())
            }
            Window::Cumulate { step, size, offset } => {
                let from = start(time, size, offset);
                let mut end = start(time, step, offset) + step;
                while end <= from + size {
                    visit(from, end)?;
                    end += step;
                }
                Ok(())
            }
            Window::Session { .. } | Window::Attached { .. } => Ok(()),
        }
    }

    fn flush(&self, rows: &ChangeBatch, pending: &mut Pending, out: &mut Output) -> Result<()> {
        let picked = rows.take(&UInt32Array::from(std::mem::take(&mut pending.rows)))?;
        let (starts, ends) = (
            std::mem::take(&mut pending.starts),
            std::mem::take(&mut pending.ends),
        );
        self.send(&picked, starts, ends, out)
    }

    fn send(
        &self,
        rows: &ChangeBatch,
        starts: Vec<i64>,
        ends: Vec<i64>,
        out: &mut Output,
    ) -> Result<()> {
        let mut columns = rows.rows().columns().to_vec();
        let time_type = self.schema.field(columns.len() + 2).data_type();
        let is_instant = matches!(time_type, DataType::Timestamp(_, Some(_)));
        let time = |&end: &i64| match is_instant {
            true => self.times.zone.to_epoch(end - 1),
            false => end - 1,
        };
        let times: Vec<i64> = ends.iter().map(time).collect();
        for values in [starts, ends, times] {
            let ty = self.schema.field(columns.len()).data_type().clone();
            let column: ArrayRef =
                Arc::new(TimestampMillisecondArray::from(values).with_data_type(ty));
            columns.push(column);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        out.rows(rows.with_rows(batch));
        Ok(())
    }
}

impl Operator for WindowAssign {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let Some(rows) = self.times.usable(rows, out)? else {
            return Ok(());
        };
        let times = self.times.of(&rows, out.now_ms())?;
        if let Window::Tumble { size, offset } = self.window {
            // Each row once: nothing to copy.
            let starts: Vec<i64> = times.iter().map(|&t| start(t, size, offset)).collect();
            let ends = starts.iter().map(|start| start + size).collect();
            return self.send(&rows, starts, ends, out);
        }
        let mut pending = Pending::default();
        for (row, &time) in times.iter().enumerate() {
            self.windows(time, |start, end| {
                pending.rows.push(row as u32);
                pending.starts.push(start);
                pending.ends.push(end);
                if pending.rows.len() == self.batch_rows {
                    self.flush(&rows, &mut pending, out)?;
                }
                Ok(())
            })?;
        }
        if pending.rows.is_empty() {
            return Ok(());
        }
        self.flush(&rows, &mut pending, out)
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
