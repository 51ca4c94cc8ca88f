//! Aligned windows in a checkpoint.
//!
//! | table | namespace | entries |
//! |---|---|---|
//! | 0, distinct values from 1 on | end of a slice | its groups |
//! | 128, distinct values from 129 on | end of an outer CUMULATE window | the groups of what has been put out of it |
//!
//! A slice that has been put out for the last time is dropped as a whole. Merged slices (HOP) are
//! made again. How far each key group has come is a blob; see [`crate::state::progress`].

use millstream_core::Result;
use millstream_core::state::{StateChunk, StateReader, StateWriter};
use millstream_core::time::EventTime;

use super::lane::{Dropped, Lane};
use super::{Shape, WindowAggregate};
use crate::groups::Groups;
use crate::state::bytes::damaged;
use crate::state::entries::{KeyCodec, Place};
use crate::state::progress::{self, Progress};
use crate::watermark::EVENT_TIME_MAX_MS;

/// First table of the slices.
const SLICES: u8 = 0;
/// First table of open outer windows.
const OPEN: u8 = 128;

impl WindowAggregate {
    pub(super) fn write_state(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        let lanes = self.lanes.iter();
        let progress = lanes.flat_map(|(groups, lane)| {
            groups.iter().map(|groups| Progress {
                groups: groups.clone(),
                horizon: lane.horizon,
                watermark: lane.watermark.0,
            })
        });
        progress::write(&progress.collect::<Vec<_>>(), state)?;
        for (_, lane) in &mut self.lanes {
            lane.snapshot(self.tables, &mut self.codec, state)?;
        }
        Ok(())
    }

    pub(super) fn read_state(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        self.lanes.clear();
        for part in progress::read(state)? {
            let same = |(_, lane): &&mut (_, Lane)| lane.horizon == part.horizon;
            match self.lanes.iter_mut().find(same) {
                Some((groups, lane)) => {
                    groups.push(part.groups);
                    lane.watermark = lane.watermark.min(EventTime(part.watermark));
                }
                None => {
                    let mut lane = Lane::new(&self.plan);
                    lane.horizon = part.horizon;
                    lane.watermark = EventTime(part.watermark);
                    self.lanes.push((vec![part.groups], lane));
                }
            }
        }
        while let Some(chunk) = state.next_chunk()? {
            self.read_chunk(&chunk)?;
        }
        for (_, lane) in &self.lanes {
            lane.check_restored()?;
        }
        Ok(())
    }

    fn read_chunk(&mut self, chunk: &StateChunk) -> Result<()> {
        if self.lanes.len() == 1 {
            return self.read_into(0, chunk);
        }
        let mut parts = vec![StateChunk::new(chunk.table, chunk.namespace); self.lanes.len()];
        for entry in 0..chunk.len() {
            let group = chunk.group(entry);
            let lane = self.lane_of(u32::from(group));
            parts[lane].push(group, chunk.key(entry), chunk.value(entry));
        }
        for (lane, part) in parts
            .iter()
            .enumerate()
            .filter(|(_, part)| !part.is_empty())
        {
            self.read_into(lane, part)?;
        }
        Ok(())
    }

    fn read_into(&mut self, lane: usize, chunk: &StateChunk) -> Result<()> {
        self.plan.shape.check(chunk)?;
        let (_, lane) = &mut self.lanes[lane];
        if chunk.table < OPEN {
            let groups = lane.slice(&self.plan, chunk.namespace)?;
            return groups.restore(chunk.table - SLICES, chunk, &mut self.codec);
        }
        let (end, mut groups) = match lane.open.take() {
            Some(open) => open,
            None => (chunk.namespace, Box::new(lane.fresh(&self.plan)?)),
        };
        if end != chunk.namespace {
            return Err(damaged("two outer windows are open"));
        }
        groups.restore(chunk.table - OPEN, chunk, &mut self.codec)?;
        lane.open = Some((end, groups));
        Ok(())
    }
}

impl Shape {
    /// Refuses entries of no slice and no window.
    fn check(&self, chunk: &StateChunk) -> Result<()> {
        let (end, is_slice) = (chunk.namespace, chunk.table < OPEN);
        let farthest = 4 * EVENT_TIME_MAX_MS;
        let fits = (-farthest..=farthest).contains(&end)
            && match self {
                Shape::Tumble(grid) | Shape::Hop(grid) => {
                    is_slice && grid.slice_end(end - 1) == end
                }
                Shape::Cumulate(grid) => {
                    grid.slice_end(end - 1) == end && (is_slice || grid.last_end(end) == end)
                }
                Shape::Attached { .. } => is_slice,
            };
        match fits {
            true => Ok(()),
            false => Err(damaged("an entry is of no window")),
        }
    }
}

impl Lane {
    /// Writes what has changed; `tables` is the number of tables groups take.
    fn snapshot(
        &mut self,
        tables: u8,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        let dropped = std::mem::take(&mut self.dropped);
        if !state.is_full() {
            for place in dropped {
                let (first, namespace) = match place {
                    Dropped::Slice(end) => (SLICES, end),
                    Dropped::Open(end) => (OPEN, end),
                };
                for table in first..first + tables {
                    state.drop_namespace(table, namespace)?;
                }
            }
        }
        for (&namespace, groups) in &mut self.slices {
            let place = Place {
                table: SLICES,
                namespace,
            };
            groups.snapshot(place, codec, state)?;
        }
        if let Some((namespace, groups)) = &mut self.open {
            let place = Place {
                table: OPEN,
                namespace: *namespace,
            };
            groups.snapshot(place, codec, state)?;
        }
        Ok(())
    }

    fn check_restored(&self) -> Result<()> {
        let open = self.open.iter().map(|(_, open)| open.as_ref());
        self.slices
            .values()
            .chain(open)
            .try_for_each(Groups::check_restored)
    }
}
