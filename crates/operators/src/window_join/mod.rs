//! Window joins: the rows of equal windows, joined once the window is over.
//!
//! ```text
//! left   ─▶ [0s,10s): a@1 a@4        watermark 9.999s     a@1 × A@7
//! right  ─▶ [0s,10s): A@7 B@8       ────────────────▶     a@4 × A@7      (B alone, if RIGHT or FULL)
//! ```
//!
//! * Both inputs bring their windows along; `window_start` and `window_end` are among the keys. Rows wait
//!   in their window, each side by key, until the watermark reaches the end of the window − 1 ms. Then all
//!   pairs of the window are made at once, the condition is evaluated over them by column, and the window
//!   is dropped. So there is nothing to take back, whatever the kind: the result is insert-only.
//! * INNER, LEFT, RIGHT, FULL yield pairs and the kept rows that have no partner; SEMI and ANTI left rows.
//! * A row whose window is over is late: it is counted and dropped.
//! * NULL in a key matches nothing (unless the plan says so). A row without a window matches nothing
//!   either, and no watermark speaks of it: it is put out at once if its side is kept.
//! * The watermark is passed on as it is, behind the results: those of a window have its `window_time`.
//!
//! In a checkpoint: the rows of each window in a namespace of its own, the end of the window; it is
//! dropped as a whole. How far each key group has come is a blob ([`crate::state::progress`]).
//!
//! Source: Apache Flink, `WindowJoinOperator`.
//!
//! Cost: per row its key and its bytes; per window the pairs, worked on [`PAIRS`] at a time.

mod open;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use millstream_core::id::Port;
use millstream_core::key::{hash_rows, key_group, range};
use millstream_core::operator::{LateRows, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_plan::{JoinKind, WindowJoinSpec};

use crate::OperatorContext;
use crate::join::change;
use crate::join::pairs::Condition;
use crate::join::side::Side;
use crate::join::stored::Stored;
use crate::join::{PAIRS, picked, place};
use crate::keys::KeyTable;
use crate::state::bytes::damaged;
use crate::state::codec::types_text;
use crate::state::entries::{KeyCodec, Place};
use crate::state::form::Form;
use crate::state::progress::{self, Progress};
use crate::window::times::{all_in_bounds, is_timestamp};
use crate::window::zone::Zone;
use open::Open;

/// Joins the rows of equal windows.
pub struct WindowJoin {
    plan: Plan,
    /// By the end of the window, local time.
    windows: BTreeMap<i64, Open>,
    /// Windows that were put out since the last snapshot.
    dropped: Vec<i64>,
    /// How far key groups have come; one part unless there was a rescale.
    parts: Vec<Progress>,
    codec: KeyCodec,
    form: Form,
}

/// What all windows do.
struct Plan {
    kind: JoinKind,
    null_equal: bool,
    keys: [Vec<usize>; 2],
    ends: [usize; 2],
    end_names: [String; 2],
    zone: Zone,
    condition: Option<Condition>,
    stored: Stored,
    /// A window without rows.
    empty: Open,
    key_groups: u32,
}

impl WindowJoin {
    /// A join without rows.
    ///
    /// # Errors
    /// `Internal` for keys or windows that contradict the schemas.
    pub fn new(
        spec: &WindowJoinSpec,
        schemas: [&SchemaRef; 2],
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let join = &spec.join;
        if join.kind == JoinKind::Mark {
            return Err(Error::internal("a window join does not mark"));
        }
        let pair = millstream_plan::pair_schema(schemas[0], schemas[1]);
        let widths = schemas.map(|schema| schema.fields().len());
        let condition = match &join.condition {
            Some(expr) => Some(Condition::new(expr, &pair, widths[0])?),
            None => None,
        };
        let is_whole = !matches!(join.kind, JoinKind::Semi | JoinKind::Anti);
        let read = condition.as_ref().map(|c| c.columns(1)).unwrap_or_default();
        let sides = [
            Side::new(schemas[0], &join.left_keys, None, false)?,
            Side::new(
                schemas[1],
                &join.right_keys,
                (!is_whole).then_some(read),
                false,
            )?,
        ];
        let types = sides[0].key_types();
        if types != sides[1].key_types() {
            return Err(Error::internal("a window join compares keys of two types"));
        }
        let parts = [
            format!("{:?}, key({})", join.kind, types_text(&types)?),
            sides[0].form()?,
            sides[1].form()?,
        ];
        let columns = change::columns(widths, is_whole);
        let own = range(
            context.subtask,
            context.key_groups,
            context.parallelism.max(1),
        );
        let plan = Plan {
            kind: join.kind,
            null_equal: join.null_equals_null,
            keys: [join.left_keys.clone(), join.right_keys.clone()],
            ends: spec.ends,
            end_names: [
                is_timestamp(schemas[0], spec.ends[0])?,
                is_timestamp(schemas[1], spec.ends[1])?,
            ],
            zone: spec.zone.as_deref().map_or(Ok(Zone::UTC), Zone::named)?,
            condition,
            stored: Stored::new(columns, output, context.batch_rows)?,
            empty: Open::new(sides, KeyTable::new(&types)?),
            key_groups: context.key_groups,
        };
        Ok(WindowJoin {
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            form: Form::new("window join", parts),
            windows: BTreeMap::new(),
            dropped: Vec::new(),
            parts: vec![Progress {
                groups: own,
                horizon: i64::MIN,
                watermark: i64::MIN,
            }],
            plan,
        })
    }

    /// Takes out the rows without a window; those of a kept side are put out.
    fn with_window(
        &self,
        port: usize,
        rows: ChangeBatch,
        out: &mut Output,
    ) -> Result<Option<ChangeBatch>> {
        let ends = rows.rows().column(self.plan.ends[port]);
        if ends.null_count() == 0 {
            return Ok(Some(rows));
        }
        let missing: BooleanArray = arrow::compute::is_null(ends)?;
        if self.plan.keeps_alone(port) {
            let alone = rows.filter(&missing)?;
            let mut window = self.plan.empty.like()?;
            window.add(port, alone.rows())?;
            window.put_out(&self.plan, out)?;
        }
        let rows = rows.filter(&arrow::compute::not(&missing)?)?;
        Ok(Some(rows).filter(|rows| rows.num_rows() > 0))
    }

    /// Takes out the rows whose window is over.
    fn in_time(
        &self,
        port: usize,
        rows: ChangeBatch,
        out: &mut Output,
    ) -> Result<Option<ChangeBatch>> {
        let ends = rows
            .rows()
            .column(self.plan.ends[port])
            .as_primitive::<TimestampMillisecondType>()
            .values();
        all_in_bounds(ends, &self.plan.end_names[port])?;
        let largest = self.parts.iter().map(|part| part.horizon).max();
        let is_over = |end: i64, horizon: i64| end - 1 <= horizon;
        if ends
            .iter()
            .all(|&end| !is_over(end, largest.unwrap_or(i64::MIN)))
        {
            return Ok(Some(rows));
        }
        let horizons = self.horizons(port, &rows)?;
        let mut kinds: [Vec<u32>; 2] = Default::default();
        for (row, (&end, horizon)) in ends.iter().zip(horizons).enumerate() {
            kinds[usize::from(is_over(end, horizon))].push(row as u32);
        }
        let [open, late] = kinds.map(UInt32Array::from);
        out.late(LateRows {
            rows: rows.take(&late)?,
            time_column: self.plan.ends[port],
            watermark: self.watermark(),
        });
        match open.is_empty() {
            true => Ok(None),
            false => Ok(Some(rows.take(&open)?)),
        }
    }

    /// How far the key group of each row has come.
    fn horizons(&self, port: usize, rows: &ChangeBatch) -> Result<Vec<i64>> {
        if let [one] = self.parts.as_slice() {
            return Ok(vec![one.horizon; rows.num_rows()]);
        }
        let keys: Vec<ArrayRef> = picked(rows.rows(), &self.plan.keys[port]);
        let mut hashes = Vec::new();
        hash_rows(&keys, rows.num_rows(), &mut hashes)?;
        let horizon = |hash: &u64| {
            let group = key_group(*hash, self.plan.key_groups);
            let part = self.parts.iter().find(|part| part.groups.contains(&group));
            part.map_or(i64::MIN, |part| part.horizon)
        };
        Ok(hashes.iter().map(horizon).collect())
    }

    fn watermark(&self) -> EventTime {
        let watermarks = self.parts.iter().map(|part| part.watermark);
        EventTime(watermarks.min().unwrap_or(i64::MIN))
    }

    /// Puts rows into their windows.
    fn add(&mut self, port: usize, rows: &ChangeBatch) -> Result<()> {
        let ends = rows
            .rows()
            .column(self.plan.ends[port])
            .as_primitive::<TimestampMillisecondType>()
            .values();
        let first = ends[0];
        if ends.iter().all(|&end| end == first) {
            return window(&mut self.windows, &self.plan, first)?.add(port, rows.rows());
        }
        let mut by_end: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (row, &end) in ends.iter().enumerate() {
            by_end.entry(end).or_default().push(row as u32);
        }
        for (end, indices) in by_end {
            let part = rows.take(&UInt32Array::from(indices))?;
            window(&mut self.windows, &self.plan, end)?.add(port, part.rows())?;
        }
        Ok(())
    }

    /// Puts out all windows that end at or before `horizon` + 1.
    fn advance(&mut self, horizon: i64, out: &mut Output) -> Result<()> {
        while let Some(window) = self.windows.first_entry() {
            if *window.key() - 1 > horizon {
                break;
            }
            let (end, mut window) = window.remove_entry();
            window.put_out(&self.plan, out)?;
            if window.is_stored {
                self.dropped.push(end);
            }
        }
        Ok(())
    }
}

/// The window that ends then.
fn window<'w>(windows: &'w mut BTreeMap<i64, Open>, plan: &Plan, end: i64) -> Result<&'w mut Open> {
    Ok(match windows.entry(end) {
        Entry::Occupied(window) => window.into_mut(),
        Entry::Vacant(place) => place.insert(plan.empty.like()?),
    })
}

impl Plan {
    /// True if a row of this side without a partner is part of the result.
    fn keeps_alone(&self, port: usize) -> bool {
        use JoinKind::{Anti, Full, Left, Right};
        match port {
            0 => matches!(self.kind, Left | Full | Anti),
            _ => matches!(self.kind, Right | Full),
        }
    }
}

impl Operator for WindowJoin {
    fn on_rows(&mut self, port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        if rows.kinds().is_some() {
            return Err(Error::internal("a window join takes insertions only"));
        }
        let port = port.0 as usize;
        let Some(rows) = self.with_window(port, rows, out)? else {
            return Ok(());
        };
        match self.in_time(port, rows, out)? {
            Some(rows) => self.add(port, &rows),
            None => Ok(()),
        }
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        let horizon = self.plan.zone.local_progress(time.0);
        self.advance(horizon, out)?;
        for part in &mut self.parts {
            part.watermark = part.watermark.max(time.0);
            part.horizon = part.horizon.max(horizon);
        }
        if self.parts.len() > 1 {
            let own = self.parts[0].groups.start..self.parts[self.parts.len() - 1].groups.end;
            let first = self.parts[0].clone();
            if self.parts.iter().all(|part| part.horizon == first.horizon) {
                self.parts = vec![Progress {
                    groups: own,
                    ..first
                }];
            }
        }
        out.watermark(time);
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        self.advance(i64::MAX, out)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        progress::write(&self.parts, state)?;
        for end in std::mem::take(&mut self.dropped) {
            if !state.is_full() {
                (0..2).try_for_each(|table| state.drop_namespace(table, end))?;
            }
        }
        for (&namespace, window) in &mut self.windows {
            window.is_stored = true;
            for table in 0..2 {
                let place = Place {
                    namespace,
                    ..place(table)
                };
                let side = &mut window.sides[table];
                side.snapshot(place, &window.keys, &mut self.codec, state)?;
            }
        }
        Ok(())
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.parts = progress::read(state)?;
        while let Some(chunk) = state.next_chunk()? {
            all_in_bounds(&[chunk.namespace], "window_end")
                .map_err(|_| damaged("an entry is of no window"))?;
            let window = window(&mut self.windows, &self.plan, chunk.namespace)?;
            window.is_stored = true;
            let side = window.sides.get_mut(usize::from(chunk.table));
            let side = side.ok_or_else(|| damaged("an entry is in a table nobody wrote"))?;
            side.restore(&chunk, &mut window.keys, &mut self.codec)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.windows.values().map(Open::memory).sum()
    }
}
