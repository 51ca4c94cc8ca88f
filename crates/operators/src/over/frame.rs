//! Rows that enter and leave bounded frames.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_null_array};
use arrow::compute::kernels::zip::zip;
use millstream_core::{Error, Result};
use millstream_plan::{FrameStart, OverFunction};

use super::Over;
use crate::rows::layout::RowLayout;
use crate::rows::{KeyedRows, NONE};

impl Over {
    /// Lets the rows of a round enter the frames of their partitions, and others leave.
    pub(super) fn enter_frames(&mut self, ids: &[u32], slots: &[u32]) -> Result<()> {
        let mut leaving = Vec::new();
        for (&id, &slot) in ids.iter().zip(slots) {
            let (time, arrival) = self.stamps[slot as usize];
            let frame = &mut self.frames[id as usize];
            match self.start {
                FrameStart::Unbounded => {}
                FrameStart::Rows(rows) => {
                    let most = usize::try_from(rows).unwrap_or(usize::MAX);
                    if frame.len() > most {
                        leaving.extend(frame.pop_front());
                    }
                }
                FrameStart::Millis(span) => {
                    let first = time.saturating_sub(span);
                    let is_old = |slot: &u32| self.stamps[*slot as usize].0 < first;
                    while let Some(old) = frame.pop_front_if(|slot| is_old(slot)) {
                        leaving.push(old);
                    }
                    self.expiring.push_back((time, arrival, slot));
                }
            }
            frame.push_back(slot);
        }
        self.take_out(&leaving)
    }

    /// Takes rows that have left their frames out of the values, and forgets them.
    fn take_out(&mut self, slots: &[u32]) -> Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        let ids: Vec<u32> = slots.iter().map(|&slot| self.rows.key_of(slot)).collect();
        let keys = self.running.groups.keys.keys(&ids)?;
        let columns = self.layout.columns(&keys, &self.rows.columns(slots)?);
        self.running.change(&columns, &ids, -1)?;
        slots.iter().for_each(|&slot| self.rows.drop_slot(slot));
        Ok(())
    }

    /// Frees rows no frame will hold any more, as all rows to come are later than `time`.
    pub(super) fn expire(&mut self, time: i64) -> Result<()> {
        let FrameStart::Millis(span) = self.start else {
            return Ok(());
        };
        let (mut leaving, mut emptied) = (Vec::new(), Vec::new());
        while let Some(&(stamp, arrival, slot)) = self.expiring.front() {
            if stamp.saturating_add(span) > time {
                break;
            }
            self.expiring.pop_front();
            let is_there =
                self.rows.count(slot) > 0 && self.stamps[slot as usize] == (stamp, arrival);
            if !is_there {
                continue;
            }
            let id = self.rows.key_of(slot);
            let frame = &mut self.frames[id as usize];
            frame.pop_front();
            if frame.is_empty() {
                emptied.push(id);
            }
            leaving.push(slot);
        }
        self.take_out(&leaving)?;
        // A partition with rows that wait is in use.
        emptied.retain(|&id| self.rows.is_empty_at(id) && self.frames[id as usize].is_empty());
        if emptied.is_empty() {
            return Ok(());
        }
        self.rows
            .name_buried(&self.running.groups.keys, &mut self.codec)?;
        self.running.groups.remove(&emptied, &mut self.codec)
    }
}

/// What LAG needs to know in a round: the frames begin with the row it looks for.
pub(super) struct Lag<'a> {
    pub(super) calls: &'a [OverFunction],
    pub(super) rows: &'a KeyedRows,
    pub(super) layout: &'a RowLayout,
    pub(super) frames: &'a [VecDeque<u32>],
    pub(super) start: FrameStart,
    /// The columns of the rows of the round, and their partitions.
    pub(super) taken: &'a [ArrayRef],
    pub(super) ids: &'a [u32],
}

impl Lag<'_> {
    /// The values of a call, row by row; `keys`: the columns of the partitions.
    pub(super) fn values(&self, call: usize, keys: &[ArrayRef]) -> Result<ArrayRef> {
        let (Some(OverFunction::Lag { column, default }), FrameStart::Rows(back)) =
            (self.calls.get(call), self.start)
        else {
            return Err(Error::internal("LAG wants a frame of as many rows"));
        };
        let wanted = usize::try_from(back).unwrap_or(usize::MAX);
        let slots: Vec<u32> = self
            .ids
            .iter()
            .map(|&id| {
                let frame = &self.frames[id as usize];
                let first = frame.front().copied();
                first.filter(|_| frame.len() > wanted).unwrap_or(NONE)
            })
            .collect();
        let value = self
            .layout
            .column(*column, keys, &self.rows.columns(&slots)?);
        let other = match default {
            Some(default) => Arc::clone(&self.taken[*default]),
            None => new_null_array(value.data_type(), value.len()),
        };
        let is_there: BooleanArray = slots.iter().map(|&slot| Some(slot != NONE)).collect();
        Ok(zip(&is_there, &value, &other)?)
    }
}
