//! How far event time had come for each key group.
//!
//! Which rows are late, and which windows have been put out, follows from the watermark, so the
//! watermark is state. All subtasks of an operator see the same watermarks, but while an input
//! falls idle and wakes up they may see them in another order, and one may have come further than
//! its neighbours. So each subtask writes how far it has come *for which key groups*; after a
//! rescale a subtask finds out for each of its own.
//!
//! ```text
//! written by 2   │ groups 0..64: 10 s │ groups 64..128: 12 s │
//! read by 3        #0: 10 s    #1: 43..64: 10 s, 64..86: 12 s    #2: 12 s
//! ```
//!
//! Taking one value for all would be wrong: with the largest, rows that were in time become late;
//! with the smallest, a row that was late opens a window that has been put out already.

use std::ops::Range;

use millstream_core::Result;
use millstream_core::state::{StateReader, StateWriter};

use super::bytes::{Fixed, Reader, damaged, put_length};

/// Name of the blob.
const BLOB: &str = "progress";

/// How far some key groups have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Which.
    pub(crate) groups: Range<u32>,
    /// Windows that end at or before this local time + 1 have been put out.
    pub(crate) horizon: i64,
    /// The watermark.
    pub(crate) watermark: i64,
}

/// Writes how far the key groups of a subtask have come.
pub(crate) fn write(progress: &[Progress], state: &mut dyn StateWriter) -> Result<()> {
    let mut bytes = Vec::new();
    put_length(progress.len(), &mut bytes);
    for part in progress {
        part.groups.start.put(&mut bytes);
        part.groups.end.put(&mut bytes);
        part.horizon.put(&mut bytes);
        part.watermark.put(&mut bytes);
    }
    state.blob(BLOB, &bytes)
}

/// How far the key groups of this subtask have come: ascending, without gaps, as few parts as
/// possible, at least one.
pub(crate) fn read(state: &dyn StateReader) -> Result<Vec<Progress>> {
    let own = state.key_groups();
    let mut found: Vec<Option<(i64, i64)>> = vec![None; own.len()];
    for blob in state.blobs(BLOB) {
        let mut reader = Reader::new(blob);
        for _ in 0..reader.length()? {
            let groups = reader.fixed::<u32>()?..reader.fixed::<u32>()?;
            let come = (reader.fixed::<i64>()?, reader.fixed::<i64>()?);
            for group in groups.start.max(own.start)..groups.end.min(own.end) {
                let place = &mut found[(group - own.start) as usize];
                if place.replace(come).is_some() {
                    return Err(damaged("two subtasks had the same key group"));
                }
            }
        }
        reader.end()?;
    }
    let mut parts: Vec<Progress> = Vec::new();
    for (group, come) in own.clone().zip(found) {
        let (horizon, watermark) =
            come.ok_or_else(|| damaged("the watermark of a key group is missing"))?;
        match parts.last_mut() {
            Some(last) if (last.horizon, last.watermark) == (horizon, watermark) => {
                last.groups.end = group + 1;
            }
            _ => parts.push(Progress {
                groups: group..group + 1,
                horizon,
                watermark,
            }),
        }
    }
    if parts.is_empty() {
        parts.push(Progress {
            groups: own,
            horizon: i64::MIN,
            watermark: i64::MIN,
        });
    }
    Ok(parts)
}
