//! A lane: slices, windows and progress of some key groups.
//!
//! An operator has one lane, except between a restore and the next watermark, when key groups that
//! were in different subtasks may have come differently far ([`crate::state::progress`]).

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::TimestampMillisecondType;
use millstream_core::operator::{LateRows, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};

use super::runs::{Run, by_slice, cut};
use super::{Plan, Shape};
use crate::groups::{Groups, only_additions, signs};
use crate::window::bounds::Grid;
use crate::window::cover::{Cover, Slices};
use crate::window::times::{all_in_bounds, timestamps};

/// Pieces of a batch up to this number are taken as they lie; more are sorted by slice first.
const RUNS_MAX: usize = 8;
/// Tables kept for new slices.
const POOL_MAX: usize = 4;

/// Slices, windows and progress of some key groups.
pub(super) struct Lane {
    /// By end of the slice.
    pub(super) slices: BTreeMap<i64, Groups>,
    /// CUMULATE: the table of the open outer window, and the end of that.
    pub(super) open: Option<(i64, Box<Groups>)>,
    /// HOP: merged slices.
    cover: Option<Cover>,
    /// Windows whose end − 1 is not after this local time have fired.
    pub(super) horizon: i64,
    pub(super) watermark: EventTime,
    /// Slices and open windows a checkpoint holds and that are gone.
    pub(super) dropped: Vec<Dropped>,
    pool: Vec<Groups>,
}

/// What is gone as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// The slice that ended at this time.
    Slice(i64),
    /// The outer window that ended at this time.
    Open(i64),
}

impl Lane {
    /// A lane without any row yet.
    pub(super) fn new(plan: &Plan) -> Self {
        Lane {
            slices: BTreeMap::new(),
            open: None,
            cover: match plan.shape {
                Shape::Hop(grid) => Some(Cover::new(grid)),
                _ => None,
            },
            horizon: i64::MIN,
            watermark: EventTime::MIN,
            dropped: Vec::new(),
            pool: Vec::new(),
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let slices: usize = self.slices.values().map(Groups::bytes).sum();
        let pool: usize = self.pool.iter().map(Groups::bytes).sum();
        let open = self.open.as_ref().map_or(0, |(_, open)| open.bytes());
        slices + pool + open + self.cover.as_ref().map_or(0, Cover::bytes)
    }

    /// Counts rows with a usable time in their slices; those too late go out as late.
    pub(super) fn take(&mut self, plan: &Plan, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        let runs = self.runs(plan, rows, out.now_ms())?;
        let runs = self.without_late(plan, runs, rows, out)?;
        self.add(plan, &runs, rows)
    }

    /// Cuts a batch into runs of rows of the same slice.
    fn runs(&self, plan: &Plan, rows: &ChangeBatch, now_ms: i64) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        match &plan.shape {
            Shape::Attached { end, name, .. } => {
                let ends = timestamps(rows, *end);
                all_in_bounds(ends, name)?;
                cut(ends, |end| (end, end, end + 1), &mut runs);
            }
            Shape::Tumble(grid) | Shape::Hop(grid) | Shape::Cumulate(grid) => {
                let times = plan.times.of(rows, now_ms)?;
                let slice_of = |time| {
                    let end = grid.slice_end(time);
                    (end, end - grid.slice, end)
                };
                if plan.times.is_processing() {
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
    fn open_slice(&self, plan: &Plan, slice_end: i64) -> Option<i64> {
        let is_closed = |end: i64| end - 1 <= self.horizon;
        match &plan.shape {
            // Processing time is never late: the window a row brings along fires at once.
            Shape::Attached { .. } => {
                (plan.times.is_processing() || !is_closed(slice_end)).then_some(slice_end)
            }
            Shape::Tumble(grid) | Shape::Hop(grid) => {
                (!is_closed(grid.last_end(slice_end))).then_some(slice_end)
            }
            Shape::Cumulate(grid) => {
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
        plan: &Plan,
        runs: Vec<Run>,
        rows: &ChangeBatch,
        out: &mut Output,
    ) -> Result<Vec<Run>> {
        let mut late: Vec<u32> = Vec::new();
        let mut open = Vec::with_capacity(runs.len());
        for run in runs {
            match self.open_slice(plan, run.slice_end) {
                Some(slice_end) => open.push(Run { slice_end, ..run }),
                None => late.extend(run.from as u32..run.to as u32),
            }
        }
        if !late.is_empty() {
            let time_column = match (&plan.shape, plan.times.column) {
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
    fn add(&mut self, plan: &Plan, runs: &[Run], rows: &ChangeBatch) -> Result<()> {
        let columns = plan.layout.pick(rows.rows().columns());
        let signs = signs(rows.kinds());
        if !plan.retracts && !only_additions(signs.as_deref()) {
            return Err(Error::internal(
                "a window planned for insertions met a row that goes",
            ));
        }
        if runs.len() <= RUNS_MAX || runs.len() * 32 <= rows.num_rows() {
            return runs
                .iter()
                .try_for_each(|run| self.add_run(plan, run, &columns, signs.as_deref()));
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
            .try_for_each(|run| self.add_run(plan, run, &columns, signs.as_deref()))
    }

    fn add_run(
        &mut self,
        plan: &Plan,
        run: &Run,
        columns: &[ArrayRef],
        signs: Option<&[i8]>,
    ) -> Result<()> {
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
        if let Some(cover) = &mut self.cover {
            cover.changed(run.slice_end);
        }
        let signs = signs.map(|signs| &signs[run.from..run.to]);
        let groups = self.slice(plan, run.slice_end)?;
        groups.update(columns, plan.layout.keys, length, signs)
    }

    /// The slice ending at `slice_end`, made if it is not there yet.
    pub(super) fn slice(&mut self, plan: &Plan, slice_end: i64) -> Result<&mut Groups> {
        if !self.slices.contains_key(&slice_end) {
            let fresh = self.fresh(plan)?;
            self.slices.insert(slice_end, fresh);
        }
        Ok(self
            .slices
            .get_mut(&slice_end)
            .expect("it has just been put there"))
    }

    /// Groups to be filled.
    pub(super) fn fresh(&mut self, plan: &Plan) -> Result<Groups> {
        match self.pool.pop() {
            Some(groups) => Ok(groups),
            None => Groups::new(&plan.layout, plan.retracts),
        }
    }

    fn recycle(&mut self, mut groups: Groups) {
        if self.pool.len() < POOL_MAX {
            groups.clear();
            self.pool.push(groups);
        }
    }

    /// Forgets groups that a checkpoint may hold.
    fn drop_stored(&mut self, groups: Groups, place: Dropped) {
        if groups.is_stored() {
            self.dropped.push(place);
        }
        self.recycle(groups);
    }

    /// End of the window that fires next, if there is one with rows.
    pub(super) fn next_end(&self, plan: &Plan) -> Option<i64> {
        let first = self.slices.keys().next().copied();
        let after_horizon = |grid: &Grid| {
            let is_set = self.horizon > i64::MIN;
            is_set.then(|| grid.slice_end(self.horizon.saturating_add(1).min(i64::MAX / 4)))
        };
        match &plan.shape {
            Shape::Tumble(_) | Shape::Attached { .. } => first,
            Shape::Hop(grid) => first.map(|end| after_horizon(grid).map_or(end, |e| e.max(end))),
            Shape::Cumulate(grid) => match &self.open {
                Some(_) => after_horizon(grid),
                None => first,
            },
        }
    }

    /// Fires all windows that end at or before `horizon` + 1.
    pub(super) fn advance(&mut self, plan: &Plan, horizon: i64, out: &mut Output) -> Result<()> {
        while let Some(end) = self.next_end(plan).filter(|&end| end - 1 <= horizon) {
            self.fire(plan, end, out)?;
            self.horizon = self.horizon.max(end - 1);
        }
        self.horizon = self.horizon.max(horizon);
        Ok(())
    }

    fn fire(&mut self, plan: &Plan, end: i64, out: &mut Output) -> Result<()> {
        match &plan.shape {
            Shape::Hop(grid) => self.fire_hop(plan, end, *grid, out),
            Shape::Cumulate(grid) => self.fire_cumulate(plan, end, *grid, out),
            Shape::Tumble(_) | Shape::Attached { .. } => {
                let Some(groups) = self.slices.remove(&end) else {
                    return Ok(());
                };
                plan.put_out(&groups, end, out)?;
                self.drop_stored(groups, Dropped::Slice(end));
                Ok(())
            }
        }
    }

    fn fire_hop(&mut self, plan: &Plan, end: i64, grid: Grid, out: &mut Output) -> Result<()> {
        let first_end = grid.start_of(end) + grid.slice;
        let mut present = self.slices.range(first_end..=end);
        if let (Some((_, only)), None) = (present.next(), present.next()) {
            plan.put_out(only, end, out)?;
        } else {
            let mut union = self.fresh(plan)?;
            if let Some(cover) = &mut self.cover {
                let from = Slices {
                    slices: &self.slices,
                    layout: &plan.layout,
                    retracts: plan.retracts,
                };
                cover.merge(end, &from, &mut union)?;
            }
            plan.put_out(&union, end, out)?;
            self.recycle(union);
        }
        while let Some(slice) = self.slices.first_entry().filter(|s| *s.key() <= first_end) {
            let (slice_end, groups) = slice.remove_entry();
            self.drop_stored(groups, Dropped::Slice(slice_end));
        }
        if let Some(cover) = &mut self.cover {
            cover.expire(first_end);
        }
        Ok(())
    }

    fn fire_cumulate(&mut self, plan: &Plan, end: i64, grid: Grid, out: &mut Output) -> Result<()> {
        let outer_end = grid.last_end(end);
        let groups = match (self.open.take(), self.slices.remove(&end)) {
            (Some((_, mut open)), Some(slice)) => {
                open.merge(&slice)?;
                self.drop_stored(slice, Dropped::Slice(end));
                *open
            }
            (Some((_, open)), None) => *open,
            (None, Some(mut slice)) => {
                if slice.is_stored() {
                    self.dropped.push(Dropped::Slice(end));
                }
                slice.moved();
                slice
            }
            (None, None) => return Ok(()),
        };
        plan.put_out(&groups, end, out)?;
        if outer_end == end {
            self.drop_stored(groups, Dropped::Open(outer_end));
        } else {
            self.open = Some((outer_end, Box::new(groups)));
        }
        Ok(())
    }

    /// Takes in a lane that has come equally far.
    pub(super) fn absorb(&mut self, plan: &Plan, mut other: Lane) -> Result<()> {
        for (slice_end, theirs) in std::mem::take(&mut other.slices) {
            if let Some(cover) = &mut self.cover {
                cover.changed(slice_end);
            }
            self.slice(plan, slice_end)?.absorb(theirs)?;
        }
        if let Some((end, theirs)) = other.open.take() {
            match &mut self.open {
                Some((_, ours)) => ours.absorb(*theirs)?,
                None => self.open = Some((end, theirs)),
            }
        }
        self.dropped.append(&mut other.dropped);
        self.watermark = self.watermark.min(other.watermark);
        Ok(())
    }
}

impl Plan {
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
                Shape::Tumble(grid) | Shape::Hop(grid) | Shape::Cumulate(grid) => {
                    let start = grid.start_of(end);
                    self.emitter
                        .send(columns, ids.len(), |_| start, |_| end, out)?;
                }
            }
        }
        Ok(())
    }
}
