//! The watermark of an operator that judges each row by its own time.
//!
//! There is one watermark, except after a change of parallelism: then a subtask may have key groups
//! of several others, one of which had come further ([`super::progress`]). A row is judged by the
//! watermark of its key group, until the watermark has passed all of them.

use arrow::array::ArrayRef;
use millstream_core::Result;
use millstream_core::key::{hash_rows, key_group, range};
use millstream_core::state::{StateReader, StateWriter};

use super::progress::{self, Progress};
use crate::OperatorContext;

/// How far event time has come.
pub(crate) struct Clock {
    /// Ascending, without gaps, at least one.
    parts: Vec<Progress>,
    key_groups: u32,
    hashes: Vec<u64>,
}

impl Clock {
    /// Before everything.
    pub(crate) fn new(context: &OperatorContext) -> Self {
        let groups = range(context.subtask, context.key_groups, context.parallelism);
        Clock {
            parts: vec![Progress {
                groups,
                horizon: i64::MIN,
                watermark: i64::MIN,
            }],
            key_groups: context.key_groups,
            hashes: Vec::new(),
        }
    }

    /// The watermark has come to `time`.
    pub(crate) fn advance(&mut self, time: i64) {
        for part in &mut self.parts {
            part.watermark = part.watermark.max(time);
        }
        let first = self.parts[0].watermark;
        if self.parts.len() > 1 && self.parts.iter().all(|part| part.watermark == first) {
            let end = self.parts.last().map_or(0, |part| part.groups.end);
            self.parts.truncate(1);
            self.parts[0].groups.end = end;
        }
    }

    /// The watermark all key groups have reached.
    pub(crate) fn watermark(&self) -> i64 {
        let marks = self.parts.iter().map(|part| part.watermark);
        marks.min().unwrap_or(i64::MIN)
    }

    /// Says for some rows, by the columns of their keys, which watermark judges each.
    pub(crate) fn of_rows(&mut self, keys: &[ArrayRef], num_rows: usize) -> Result<Watermarks<'_>> {
        if self.parts.len() > 1 {
            hash_rows(keys, num_rows, &mut self.hashes)?;
        }
        Ok(Watermarks(self))
    }

    /// Writes it.
    pub(crate) fn write(&self, state: &mut dyn StateWriter) -> Result<()> {
        progress::write(&self.parts, state)
    }

    /// Takes it back.
    pub(crate) fn read(&mut self, state: &dyn StateReader) -> Result<()> {
        self.parts = progress::read(state)?;
        Ok(())
    }
}

/// The watermarks of the rows of a batch.
pub(crate) struct Watermarks<'a>(&'a Clock);

impl Watermarks<'_> {
    /// The watermark that judges a row.
    #[inline]
    pub(crate) fn of(&self, row: usize) -> i64 {
        match self.0.parts.as_slice() {
            [only] => only.watermark,
            parts => {
                let group = key_group(self.0.hashes[row], self.0.key_groups);
                let part = parts.partition_point(|part| part.groups.end <= group);
                parts.get(part).map_or(i64::MIN, |part| part.watermark)
            }
        }
    }
}
