//! Aggregates over TUMBLE, HOP, CUMULATE and attached windows.
//!
//! ```text
//! rows      a@3s   a@9s │ b@11s            watermark 10s closes [0s, 10s)
//! slices   [0s ─────── 10s)[10s ─────── 20s)     each: keys and their aggregates
//! ```
//!
//! * A row is counted once, in its slice ([`super::bounds`]). A window fires when the watermark
//!   reaches its end − 1 ms: TUMBLE puts out its only slice, HOP the union of its slices
//!   ([`super::cover`]), CUMULATE a table that grows by one slice per step.
//! * A row is late only when the *last* window that contains it has fired; otherwise it counts in
//!   every window that is still open.
//! * State: one accumulator per key and slice, freed when the last window of the slice has fired.
//! * Always: a window with rows is put out once, in the order of window ends; then the watermark.
//!   Windows without rows cost nothing, however far the watermark jumps.
//! * Cost: O(rows) per batch; a batch usually falls into one or two slices and is not copied.
//!
//! Source: Apache Flink, `SlicingWindowAggOperatorBuilder`, `AbstractWindowAggProcessor`.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use hashbrown::HashMap;
use millstream_core::id::Port;
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{Window, WindowAggregateSpec, WindowProperty};

use super::bounds::Grid;
use super::cover::{Cover, Slices};
use super::emit::Emitter;
use super::times::{Times, in_bounds, is_timestamp, timestamps, usable};
use crate::OperatorContext;
use crate::groups::{Groups, Layout, only_additions, signs};

/// Pieces of a batch up to this number are taken as they lie; more are sorted by slice first.
const RUNS_MAX: usize = 8;
/// Tables kept for new slices.
const POOL_MAX: usize = 4;

/// Aggregates per key and window.
pub struct WindowAggregate {
    layout: Layout,
    shape: Shape,
    times: Times,
    retracts: bool,
    /// By end of the slice.
    slices: BTreeMap<i64, Groups>,
    /// Windows whose end − 1 is not after this local time have fired.
    horizon: i64,
    watermark: EventTime,
    pool: Vec<Groups>,
    emitter: Emitter,
}

enum Shape {
    Tumble(Grid),
    Hop(Cover, Grid),
    /// The table of the open outer window.
    Cumulate(Option<Box<Groups>>, Grid),
    /// Windows a row brings along, the end in this column; `start`: its start is the last key.
    Attached {
        end: usize,
        name: String,
        start: bool,
    },
}

/// Neighbouring rows of one slice.
struct Run {
    slice_end: i64,
    from: usize,
    to: usize,
}

impl WindowAggregate {
    /// An aggregation without any row yet.
    pub fn new(
        spec: &WindowAggregateSpec,
        input: &SchemaRef,
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let times = Times::new(&spec.time, spec.zone.as_deref(), input)?;
        let mut keys = spec.keys.clone();
        let shape = match (&spec.window, Grid::of(&spec.window)?) {
            (Window::Tumble { .. }, Some(grid)) => Shape::Tumble(grid),
            (Window::Hop { .. }, Some(grid)) => Shape::Hop(Cover::new(grid), grid),
            (Window::Cumulate { .. }, Some(grid)) => Shape::Cumulate(None, grid),
            (&Window::Attached { start, end }, _) => {
                keys.extend(start);
                if start.is_none() && spec.properties.contains(&WindowProperty::Start) {
                    return Err(Error::internal("window_start is neither given nor a key"));
                }
                Shape::Attached {
                    end,
                    name: is_timestamp(input, end)?,
                    start: start.is_some(),
                }
            }
            (window, _) => return Err(Error::internal(format!("{window:?} is not aligned"))),
        };
        Ok(WindowAggregate {
            layout: Layout::new(&keys, &spec.aggregates, input)?,
            shape,
            emitter: Emitter::new(spec, output, times.zone, context.batch_rows)?,
            times,
            retracts: spec.input_updates,
            slices: BTreeMap::new(),
            horizon: i64::MIN,
            watermark: EventTime::MIN,
            pool: Vec::new(),
        })
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let slices: usize = self.slices.values().map(Groups::bytes).sum();
        let pool: usize = self.pool.iter().map(Groups::bytes).sum();
        let merged = match &self.shape {
            Shape::Hop(cover, _) => cover.bytes(),
            Shape::Cumulate(Some(open), _) => open.bytes(),
            _ => 0,
        };
        slices + pool + merged
    }

    /// Cuts a batch into runs of rows of the same slice.
    fn runs(&self, rows: &ChangeBatch, now_ms: i64) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        match &self.shape {
            Shape::Attached { end, name, .. } => {
                let ends = timestamps(rows, *end);
                ends.iter()
                    .try_for_each(|&e| in_bounds(e, name).map(drop))?;
                cut(ends, |end| (end, end, end + 1), &mut runs);
            }
            Shape::Tumble(grid) | Shape::Hop(_, grid) | Shape::Cumulate(_, grid) => {
                let times = self.times.of(rows, now_ms)?;
                let slice_of = |time| {
                    let end = grid.slice_end(time);
                    (end, end - grid.slice, end)
                };
                if self.times.is_processing() {
                    // One time for all; should the clock have gone back, the open slice takes it.
                    let time = times[0].max(self.horizon.saturating_add(1));
                    runs.push(Run {
                        slice_end: grid.slice_end(time),
                        from: 0,
                        to: rows.num_rows(),
                    });
                } else {
                    cut(&times, slice_of, &mut runs);
                }
            }
        }
        Ok(runs)
    }

    /// The slice a row of `slice_end` is counted in; `None` if it is late.
    fn open_slice(&self, slice_end: i64) -> Option<i64> {
        let is_closed = |end: i64| end - 1 <= self.horizon;
        match &self.shape {
            // Processing time is never late: the window a row brings along fires at once.
            Shape::Attached { .. } => {
                (self.times.is_processing() || !is_closed(slice_end)).then_some(slice_end)
            }
            Shape::Tumble(grid) | Shape::Hop(_, grid) => {
                (!is_closed(grid.last_end(slice_end))).then_some(slice_end)
            }
            Shape::Cumulate(_, grid) => {
                if is_closed(grid.last_end(slice_end)) {
                    None
                } else if is_closed(slice_end) {
                    // All windows still open grow over it: any open slice will do.
                    Some(grid.slice_end(self.horizon + 1))
                } else {
                    Some(slice_end)
                }
            }
        }
    }

    /// Takes the late runs out, and counts their rows as late.
    fn without_late(
        &self,
        runs: Vec<Run>,
        rows: &ChangeBatch,
        out: &mut Output,
    ) -> Result<Vec<Run>> {
        let mut late: Vec<u32> = Vec::new();
        let mut open = Vec::with_capacity(runs.len());
        for run in runs {
            match self.open_slice(run.slice_end) {
                Some(slice_end) => open.push(Run { slice_end, ..run }),
                None => late.extend(run.from as u32..run.to as u32),
            }
        }
        if !late.is_empty() {
            let time_column = match (&self.shape, self.times.column) {
                (_, Some(column)) => column,
                (Shape::Attached { end, .. }, None) => *end,
                (_, None) => return Err(Error::internal("processing time is never late")),
            };
            let rows = if late.len() == rows.num_rows() {
                rows.clone()
            } else {
                rows.take(&UInt32Array::from(late))?
            };
            out.late(LateRows {
                rows,
                time_column,
                watermark: self.watermark,
            });
        }
        Ok(open)
    }

    /// Adds the rows of each run to its slice.
    fn add(&mut self, runs: &[Run], rows: &ChangeBatch) -> Result<()> {
        let columns = self.layout.pick(rows.rows().columns());
        let signs = signs(rows.kinds());
        if !self.retracts && !only_additions(signs.as_deref()) {
            return Err(Error::internal(
                "a window planned for insertions met a row that goes",
            ));
        }
        if runs.len() <= RUNS_MAX || runs.len() * 32 <= rows.num_rows() {
            return runs
                .iter()
                .try_for_each(|run| self.add_run(run, &columns, signs.as_deref()));
        }
        let (sorted, order) = by_slice(runs);
        let columns = columns
            .iter()
            .map(|column| take(column, &order, None))
            .collect::<Result<Vec<_>, _>>()?;
        let signs = signs.map(|signs| {
            let order = order.values().iter();
            order.map(|&row| signs[row as usize]).collect::<Vec<i8>>()
        });
        sorted
            .iter()
            .try_for_each(|run| self.add_run(run, &columns, signs.as_deref()))
    }

    fn add_run(&mut self, run: &Run, columns: &[ArrayRef], signs: Option<&[i8]>) -> Result<()> {
        let length = run.to - run.from;
        let is_whole = columns.first().is_none_or(|c| c.len() == length);
        let sliced: Vec<ArrayRef>;
        let columns = if is_whole {
            columns
        } else {
            let pieces = columns.iter();
            sliced = pieces.map(|c| c.slice(run.from, length)).collect();
            &sliced
        };
        if !self.slices.contains_key(&run.slice_end) {
            let fresh = self.fresh()?;
            self.slices.insert(run.slice_end, fresh);
        }
        if let Shape::Hop(cover, _) = &mut self.shape {
            cover.changed(run.slice_end);
        }
        let groups = self
            .slices
            .get_mut(&run.slice_end)
            .expect("it has just been put there");
        let signs = signs.map(|signs| &signs[run.from..run.to]);
        groups.update(columns, self.layout.keys, length, signs)
    }

    fn fresh(&mut self) -> Result<Groups> {
        match self.pool.pop() {
            Some(groups) => Ok(groups),
            None => Groups::new(&self.layout, self.retracts),
        }
    }

    fn recycle(&mut self, mut groups: Groups) {
        if self.pool.len() < POOL_MAX {
            groups.clear();
            self.pool.push(groups);
        }
    }

    /// End of the window that fires next, if there is one with rows.
    fn next_end(&self) -> Option<i64> {
        let first = self.slices.keys().next().copied();
        let after_horizon = |grid: &Grid| {
            let is_set = self.horizon > i64::MIN;
            is_set.then(|| grid.slice_end(self.horizon.saturating_add(1).min(i64::MAX / 4)))
        };
        match &self.shape {
            Shape::Tumble(_) | Shape::Attached { .. } => first,
            Shape::Hop(_, grid) => first.map(|end| after_horizon(grid).map_or(end, |e| e.max(end))),
            Shape::Cumulate(Some(_), grid) => after_horizon(grid),
            Shape::Cumulate(None, _) => first,
        }
    }

    /// Fires all windows that end at or before `horizon` + 1.
    fn advance(&mut self, horizon: i64, out: &mut Output) -> Result<()> {
        while let Some(end) = self.next_end().filter(|&end| end - 1 <= horizon) {
            self.fire(end, out)?;
            self.horizon = self.horizon.max(end - 1);
        }
        self.horizon = self.horizon.max(horizon);
        Ok(())
    }

    fn fire(&mut self, end: i64, out: &mut Output) -> Result<()> {
        match &self.shape {
            Shape::Hop(_, grid) => {
                let grid = *grid;
                self.fire_hop(end, grid, out)
            }
            Shape::Cumulate(_, grid) => {
                let grid = *grid;
                self.fire_cumulate(end, grid, out)
            }
            Shape::Tumble(_) | Shape::Attached { .. } => {
                let Some(groups) = self.slices.remove(&end) else {
                    return Ok(());
                };
                self.put_out(&groups, end, out)?;
                self.recycle(groups);
                Ok(())
            }
        }
    }

    fn fire_hop(&mut self, end: i64, grid: Grid, out: &mut Output) -> Result<()> {
        let first_end = grid.start_of(end) + grid.slice;
        let mut present = self.slices.range(first_end..=end);
        if let (Some((&only, _)), None) = (present.next(), present.next()) {
            let groups = self.slices.remove(&only).expect("it has just been found");
            self.put_out(&groups, end, out)?;
            self.slices.insert(only, groups);
        } else {
            let mut union = self.fresh()?;
            if let Shape::Hop(cover, _) = &mut self.shape {
                let from = Slices {
                    slices: &self.slices,
                    layout: &self.layout,
                    retracts: self.retracts,
                };
                cover.merge(end, &from, &mut union)?;
            }
            self.put_out(&union, end, out)?;
            self.recycle(union);
        }
        while let Some(slice) = self.slices.first_entry().filter(|s| *s.key() <= first_end) {
            let groups = slice.remove();
            self.recycle(groups);
        }
        if let Shape::Hop(cover, _) = &mut self.shape {
            cover.expire(first_end);
        }
        Ok(())
    }

    fn fire_cumulate(&mut self, end: i64, grid: Grid, out: &mut Output) -> Result<()> {
        let slice = self.slices.remove(&end);
        let Shape::Cumulate(open, _) = &mut self.shape else {
            return Ok(());
        };
        let groups = match (open.take(), slice) {
            (Some(mut open), Some(slice)) => {
                open.merge(&slice)?;
                self.recycle(slice);
                *open
            }
            (Some(open), None) => *open,
            (None, Some(slice)) => slice,
            (None, None) => return Ok(()),
        };
        self.put_out(&groups, end, out)?;
        if grid.last_end(end) == end {
            self.recycle(groups);
        } else if let Shape::Cumulate(open, _) = &mut self.shape {
            *open = Some(Box::new(groups));
        }
        Ok(())
    }

    /// Puts out one window.
    fn put_out(&self, groups: &Groups, end: i64, out: &mut Output) -> Result<()> {
        for ids in groups.live().chunks(self.emitter.batch_rows) {
            let mut columns = groups.columns(ids)?;
            match &self.shape {
                Shape::Attached { start: false, .. } => {
                    self.emitter
                        .send(columns, ids.len(), |_| end, |_| end, out)?;
                }
                Shape::Attached { .. } => {
                    let starts = columns.remove(self.layout.keys - 1);
                    let starts = starts.as_primitive::<TimestampMillisecondType>().values();
                    self.emitter
                        .send(columns, ids.len(), |row| starts[row], |_| end, out)?;
                }
                Shape::Tumble(grid) | Shape::Hop(_, grid) | Shape::Cumulate(_, grid) => {
                    let start = grid.start_of(end);
                    self.emitter
                        .send(columns, ids.len(), |_| start, |_| end, out)?;
                }
            }
        }
        Ok(())
    }

    /// Fires what processing time has passed, and asks to be woken for the next window.
    fn keep_time(&mut self, out: &mut Output) -> Result<()> {
        let horizon = self
            .times
            .zone
            .local_progress(out.now_ms().saturating_sub(1));
        self.advance(horizon, out)
    }

    fn set_alarm(&self, out: &mut Output) {
        if let Some(end) = self.next_end() {
            out.wake_at(self.times.zone.to_epoch(end - 1).saturating_add(1));
        }
    }
}

impl Operator for WindowAggregate {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        if self.times.is_processing() {
            self.keep_time(out)?;
        }
        let rows = match &self.shape {
            Shape::Attached { end, name, .. } => usable(rows, *end, name, out)?,
            _ => self.times.usable(rows, out)?,
        };
        let Some(rows) = rows else {
            return Ok(());
        };
        let runs = self.runs(&rows, out.now_ms())?;
        let runs = self.without_late(runs, &rows, out)?;
        self.add(&runs, &rows)?;
        if self.times.is_processing() {
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if !self.times.is_processing() {
            self.watermark = self.watermark.max(time);
            self.advance(self.times.zone.local_progress(time.0), out)?;
        } else if time == EventTime::MAX {
            // The input has ended: whoever is behind this watermark wants all results first.
            self.advance(i64::MAX, out)?;
        }
        out.watermark(time);
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        if self.times.is_processing() {
            self.keep_time(out)?;
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.advance(i64::MAX, out)
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Err(Error::unsupported("the state of a window cannot be kept in a checkpoint yet"))
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Err(Error::unsupported("the state of a window cannot be kept in a checkpoint yet"))
    }
}

/// Cuts times into runs; `slice_of` tells a slice's end and the times it holds (end exclusive).
fn cut(times: &[i64], slice_of: impl Fn(i64) -> (i64, i64, i64), runs: &mut Vec<Run>) {
    // An empty range: the first time opens a run.
    let (mut low, mut high) = (1, 0);
    for (row, &time) in times.iter().enumerate() {
        if time >= low && time < high {
            continue;
        }
        if let Some(run) = runs.last_mut() {
            run.to = row;
        }
        let (slice_end, from, to) = slice_of(time);
        (low, high) = (from, to);
        runs.push(Run {
            slice_end,
            from: row,
            to: times.len(),
        });
    }
}

/// One run per slice, over rows in the returned order; rows of a slice keep theirs.
fn by_slice(runs: &[Run]) -> (Vec<Run>, UInt32Array) {
    let mut places: HashMap<i64, usize> = HashMap::new();
    let mut rows: Vec<(i64, Vec<u32>)> = Vec::new();
    for run in runs {
        let place = *places.entry(run.slice_end).or_insert_with(|| {
            rows.push((run.slice_end, Vec::new()));
            rows.len() - 1
        });
        rows[place].1.extend(run.from as u32..run.to as u32);
    }
    let mut order = Vec::new();
    let mut sorted = Vec::with_capacity(rows.len());
    for (slice_end, rows) in rows {
        sorted.push(Run {
            slice_end,
            from: order.len(),
            to: order.len() + rows.len(),
        });
        order.extend(rows);
    }
    (sorted, UInt32Array::from(order))
}
