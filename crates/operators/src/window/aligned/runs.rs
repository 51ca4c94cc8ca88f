//! Runs: neighbouring rows of a batch that fall into the same slice.

use arrow::array::UInt32Array;
use hashbrown::HashMap;

/// Neighbouring rows of one slice.
pub(super) struct Run {
    pub(super) slice_end: i64,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Cuts times into runs; `slice_of` tells a slice's end and the times it holds (end exclusive).
pub(super) fn cut(times: &[i64], slice_of: impl Fn(i64) -> (i64, i64, i64), runs: &mut Vec<Run>) {
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
pub(super) fn by_slice(runs: &[Run]) -> (Vec<Run>, UInt32Array) {
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
