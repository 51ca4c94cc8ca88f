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
//! * State: one accumulator per key and slice, freed when the last window of the slice has fired;
//!   in a checkpoint as [`state`] says.
//! * Always: a window with rows is put out once, in the order of window ends; then the watermark.
//!   Windows without rows cost nothing, however far the watermark jumps.
//! * After a restore at another parallelism, key groups may have come differently far. Each such
//!   set of key groups is a [`lane`] with its own slices, until a watermark has brought all of them
//!   equally far.
//! * Cost: O(rows) per batch; a batch usually falls into one or two slices and is not copied.
//!
//! Source: Apache Flink, `SlicingWindowAggOperatorBuilder`, `AbstractWindowAggProcessor`.

mod lane;
mod runs;
mod state;

use std::ops::Range;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_core::id::Port;
use millstream_core::key::{hash_rows, key_group, range};
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{Window, WindowAggregateSpec, WindowProperty};

use super::bounds::Grid;
use super::emit::Emitter;
use super::times::{Times, is_timestamp, usable};
use crate::OperatorContext;
use crate::groups::{Groups, Layout};
use crate::state::entries::KeyCodec;
use crate::state::form::Form;
use lane::Lane;

/// Aggregates per key and window.
pub struct WindowAggregate {
    plan: Plan,
    /// Lanes with their key groups; at least one.
    lanes: Vec<(Vec<Range<u32>>, Lane)>,
    key_groups: u32,
    /// Leading key columns that decide the key group.
    hashed: usize,
    codec: KeyCodec,
    form: Form,
    /// Tables of a checkpoint a slice takes.
    tables: u8,
}

/// What all lanes do.
struct Plan {
    layout: Layout,
    shape: Shape,
    times: Times,
    retracts: bool,
    emitter: Emitter,
}

enum Shape {
    Tumble(Grid),
    Hop(Grid),
    Cumulate(Grid),
    /// Windows a row brings along, the end in this column; `start`: its start is the last key.
    Attached {
        end: usize,
        name: String,
        start: bool,
    },
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
            (Window::Hop { .. }, Some(grid)) => Shape::Hop(grid),
            (Window::Cumulate { .. }, Some(grid)) => Shape::Cumulate(grid),
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
        let plan = Plan {
            layout: Layout::new(&keys, &spec.aggregates, input)?,
            shape,
            emitter: Emitter::new(spec, output, times.zone, context.batch_rows)?,
            times,
            retracts: spec.input_updates,
        };
        let hashed = spec.keys.len();
        let sample = Groups::new(&plan.layout, plan.retracts)?;
        let own = range(
            context.subtask,
            context.key_groups,
            context.parallelism.max(1),
        );
        Ok(WindowAggregate {
            lanes: vec![(vec![own], Lane::new(&plan))],
            key_groups: context.key_groups,
            hashed,
            codec: KeyCodec::new(plan.layout.key_types(), hashed, context.key_groups)?,
            form: Form::new(&plan.shape.form(), sample.form()?),
            tables: sample.tables(),
            plan,
        })
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.lanes.iter().map(|(_, lane)| lane.bytes()).sum()
    }

    /// The lane of a key group.
    fn lane_of(&self, group: u32) -> usize {
        let has = |(groups, _): &(Vec<Range<u32>>, Lane)| groups.iter().any(|g| g.contains(&group));
        self.lanes.iter().position(has).unwrap_or(0)
    }

    /// Counts rows with a usable time, each in the lane of its key group.
    fn take(&mut self, rows: &ChangeBatch, out: &mut Output) -> Result<()> {
        if let [(_, lane)] = self.lanes.as_mut_slice() {
            return lane.take(&self.plan, rows, out);
        }
        let keys = self.plan.layout.columns[..self.hashed].iter();
        let keys: Vec<ArrayRef> = keys
            .map(|&column| ArrayRef::clone(rows.rows().column(column)))
            .collect();
        let mut hashes = Vec::new();
        hash_rows(&keys, rows.num_rows(), &mut hashes)?;
        let mut parts = vec![Vec::new(); self.lanes.len()];
        for (row, &hash) in hashes.iter().enumerate() {
            parts[self.lane_of(key_group(hash, self.key_groups))].push(row as u32);
        }
        for (part, (_, lane)) in parts.into_iter().zip(&mut self.lanes) {
            if !part.is_empty() {
                lane.take(&self.plan, &rows.take(&UInt32Array::from(part))?, out)?;
            }
        }
        Ok(())
    }

    /// Fires all windows that end at or before `horizon` + 1.
    fn advance(&mut self, horizon: i64, out: &mut Output) -> Result<()> {
        for (_, lane) in &mut self.lanes {
            lane.advance(&self.plan, horizon, out)?;
        }
        if self.lanes.len() > 1 {
            self.join_lanes()?;
        }
        Ok(())
    }

    /// Makes one of lanes that have come equally far.
    fn join_lanes(&mut self) -> Result<()> {
        let mut joined: Vec<(Vec<Range<u32>>, Lane)> = Vec::new();
        for (groups, lane) in std::mem::take(&mut self.lanes) {
            let same = joined
                .iter_mut()
                .find(|(_, other)| other.horizon == lane.horizon);
            match same {
                Some((theirs, other)) => {
                    theirs.extend(groups);
                    other.absorb(&self.plan, lane)?;
                }
                None => joined.push((groups, lane)),
            }
        }
        self.lanes = joined;
        Ok(())
    }

    /// Fires what processing time has passed, and asks to be woken for the next window.
    fn keep_time(&mut self, out: &mut Output) -> Result<()> {
        let now = out.now_ms().saturating_sub(1);
        self.advance(self.plan.times.zone.local_progress(now), out)
    }

    fn set_alarm(&self, out: &mut Output) {
        let ends = self.lanes.iter();
        let ends = ends.filter_map(|(_, lane)| lane.next_end(&self.plan));
        if let Some(end) = ends.min() {
            out.wake_at(self.plan.times.zone.to_epoch(end - 1).saturating_add(1));
        }
    }
}

impl Shape {
    /// What is kept: slices depend on these numbers.
    fn form(&self) -> String {
        let grid = |name: &str, grid: &Grid| {
            let (slice, size, offset) = (grid.slice, grid.size, grid.offset);
            format!("{name} window of {size} ms by {slice} ms at {offset} ms")
        };
        match self {
            Shape::Tumble(of) => grid("tumble", of),
            Shape::Hop(of) => grid("hop", of),
            Shape::Cumulate(of) => grid("cumulate", of),
            Shape::Attached { start, .. } => {
                let start = if *start {
                    "with start"
                } else {
                    "without start"
                };
                format!("attached window {start}")
            }
        }
    }
}

impl Operator for WindowAggregate {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let is_processing = self.plan.times.is_processing();
        if is_processing {
            self.keep_time(out)?;
        }
        let rows = match &self.plan.shape {
            Shape::Attached { end, name, .. } => usable(rows, *end, name, out)?,
            _ => self.plan.times.usable(rows, out)?,
        };
        let Some(rows) = rows else {
            return Ok(());
        };
        self.take(&rows, out)?;
        if is_processing {
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if self.plan.times.is_processing() {
            if time == EventTime::MAX {
                // The input has ended: whoever is behind this watermark wants all results first.
                self.advance(i64::MAX, out)?;
            }
            out.watermark(time);
            return Ok(());
        }
        let mut reached = EventTime::MAX;
        for (_, lane) in &mut self.lanes {
            lane.watermark = lane.watermark.max(time);
            reached = reached.min(lane.watermark);
        }
        self.advance(self.plan.times.zone.local_progress(time.0), out)?;
        // After a restore an earlier one may come again; what has been said stays said.
        out.watermark(reached);
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        if self.plan.times.is_processing() {
            self.keep_time(out)?;
            self.set_alarm(out);
        }
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.advance(i64::MAX, out)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.write_state(state)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.read_state(state)
    }
}
