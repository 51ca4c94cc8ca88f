//! Top-N of windows: put out once, when the watermark says that a window is over.
//!
//! A partition belongs to one window, whose end is among its columns. Its rows are kept like those of
//! any Top-N, and freed with it; a row of a window that is over is late.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use millstream_core::Result;
use millstream_core::operator::{LateRows, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;
use millstream_plan::WindowEnd;

use super::Rank;
use crate::OperatorContext;
use crate::deduplicate::time_column;
use crate::state::clock::Clock;
use crate::window::zone::Zone;

/// The windows whose rows are kept.
pub(super) struct Windows {
    /// The column of window_end, in local time.
    end: usize,
    zone: Zone,
    pub(super) clock: Clock,
    /// Partitions by the end of their window.
    open: BTreeMap<i64, Vec<u32>>,
}

impl Windows {
    /// No window is open.
    pub(super) fn new(
        spec: &WindowEnd,
        input: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        Ok(Windows {
            end: time_column(input, spec.column)?,
            zone: spec.zone.as_deref().map_or(Ok(Zone::UTC), Zone::named)?,
            clock: Clock::new(context),
            open: BTreeMap::new(),
        })
    }

    /// A partition has got its first row.
    pub(super) fn opened(&mut self, partition: u32, end: i64) {
        self.open.entry(end).or_default().push(partition);
    }
}

/// True if a window that ends then is over at this watermark.
fn is_over(zone: Zone, end: i64, watermark: i64) -> bool {
    end.saturating_sub(1) <= zone.local_progress(watermark)
}

impl Rank {
    /// Takes the rows of windows that are over out of a batch.
    pub(super) fn in_time(&mut self, rows: ChangeBatch, out: &mut Output) -> Result<ChangeBatch> {
        let keys = self.rows.keys_of(rows.rows());
        let Some(windows) = &mut self.windows else {
            return Ok(rows);
        };
        let ends = rows.rows().column(windows.end);
        let ends = ends.as_primitive::<TimestampMillisecondType>().clone();
        let mut late = Vec::new();
        {
            let marks = windows.clock.of_rows(&keys, rows.num_rows())?;
            // Rows of one window mostly stand together.
            let mut last = None;
            for row in 0..rows.num_rows() {
                let (end, mark) = (ends.value(row), marks.of(row));
                let judged = match last {
                    Some((key, judged)) if key == (end, mark) => judged,
                    _ => ends.is_null(row) || is_over(windows.zone, end, mark),
                };
                last = Some(((end, mark), judged));
                if judged {
                    late.push(row as u32);
                }
            }
        }
        if late.is_empty() {
            return Ok(rows);
        }
        let mut is_late = vec![false; rows.num_rows()];
        late.iter().for_each(|&row| is_late[row as usize] = true);
        let in_time = (0..rows.num_rows() as u32).filter(|&row| !is_late[row as usize]);
        let in_time = rows.take(&UInt32Array::from_iter_values(in_time))?;
        out.late(LateRows {
            rows: rows.take(&UInt32Array::from(late))?,
            time_column: windows.end,
            watermark: EventTime(windows.clock.watermark()),
        });
        Ok(in_time)
    }

    /// The ends of the windows of a batch's rows.
    pub(super) fn window_ends(&self, rows: &ChangeBatch) -> Option<Vec<i64>> {
        let windows = self.windows.as_ref()?;
        let ends = rows.rows().column(windows.end);
        let ends = ends.as_primitive::<TimestampMillisecondType>();
        Some(ends.values().to_vec())
    }

    /// Puts out the windows that are over, and frees their rows.
    pub(super) fn close_windows(&mut self, watermark: i64, out: &mut Output) -> Result<()> {
        let Some(windows) = &mut self.windows else {
            return Ok(());
        };
        windows.clock.advance(watermark);
        let mut over = Vec::new();
        while let Some(first) = windows.open.first_entry() {
            let end = *first.key();
            if !is_over(windows.zone, end, watermark) {
                break;
            }
            over.extend(first.remove());
        }
        let (from, to) = self.range;
        let mut slots = Vec::new();
        for &partition in &over {
            slots.clear();
            self.rows.list(partition).copy(from..to, &mut slots);
            for (place, &slot) in slots.iter().enumerate() {
                self.changes.push_insert(slot, from + place);
            }
            self.changes.flush(&self.rows, false, out)?;
        }
        self.changes.flush(&self.rows, true, out)?;
        over.iter()
            .for_each(|&partition| self.rows.leave_all(partition));
        self.rows.tidy()
    }

    /// Finds the windows of the partitions that were restored.
    pub(super) fn open_restored(&mut self) -> Result<()> {
        let Some(windows) = &mut self.windows else {
            return Ok(());
        };
        let lists = self.rows.lists().iter().enumerate();
        let first = lists.filter_map(|(id, list)| Some((id as u32, list.get(0)?)));
        let (partitions, slots): (Vec<u32>, Vec<u32>) = first.unzip();
        let columns = self.rows.columns(&slots)?;
        let ends = columns[windows.end].as_primitive::<TimestampMillisecondType>();
        for (row, partition) in partitions.into_iter().enumerate() {
            windows.opened(partition, ends.value(row));
        }
        Ok(())
    }
}
