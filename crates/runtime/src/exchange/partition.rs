//! Cuts a batch by key: every row goes to the subtask that owns its key group.
//!
//! Two passes over the hashes (count, then place the row numbers) and one `take` per subtask that
//! gets rows; nothing is copied when one subtask owns all of them. Buffers are reused, so a batch
//! costs no allocation but its parts.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::buffer::ScalarBuffer;
use millstream_core::Result;
use millstream_core::key::{hash_rows, key_group, owner};
use millstream_core::rows::ChangeBatch;

/// Finds the subtask of each row by the key group of its key columns.
pub(crate) struct Partitioner {
    columns: Vec<usize>,
    key_groups: u32,
    /// Owner of each key group.
    owners: Vec<u32>,
    subtasks: usize,
    hashes: Vec<u64>,
    targets: Vec<u32>,
    /// Number of rows per subtask; during placement, where its next row number goes.
    counts: Vec<u32>,
}

impl Partitioner {
    /// Cuts by `columns` into parts for `subtasks` subtasks that share `key_groups` groups.
    pub(crate) fn new(columns: Vec<usize>, key_groups: u32, subtasks: u32) -> Self {
        let key_groups = key_groups.max(1);
        Partitioner {
            columns,
            key_groups,
            owners: (0..key_groups)
                .map(|group| owner(group, key_groups, subtasks))
                .collect(),
            subtasks: subtasks as usize,
            hashes: Vec::new(),
            targets: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// The parts of `batch`, none of them empty, in the order of their subtasks. Rows of one
    /// subtask keep their order.
    pub(crate) fn split(&mut self, batch: ChangeBatch) -> Result<Vec<(usize, ChangeBatch)>> {
        self.find_targets(&batch)?;
        let rows = batch.num_rows() as u32;
        if let Some(only) = self.counts.iter().position(|count| *count == rows) {
            return Ok(vec![(only, batch)]);
        }
        let indices = self.place_rows();
        let mut parts = Vec::with_capacity(self.subtasks);
        let mut from = 0;
        // After placement, `counts[t]` is where the part of `t` ends.
        for (target, end) in self.counts.iter().enumerate() {
            let end = *end as usize;
            if end > from {
                let part = UInt32Array::new(indices.slice(from, end - from), None);
                parts.push((target, batch.take(&part)?));
            }
            from = end;
        }
        Ok(parts)
    }

    fn find_targets(&mut self, batch: &ChangeBatch) -> Result<()> {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| ArrayRef::clone(batch.rows().column(*column)))
            .collect();
        hash_rows(&columns, batch.num_rows(), &mut self.hashes)?;
        self.targets.clear();
        let owners = &self.owners;
        if self.key_groups.is_power_of_two() {
            // The same group as `key_group`, without its division.
            let mask = u64::from(self.key_groups) - 1;
            let target = |hash: &u64| owners[(hash & mask) as usize];
            self.targets.extend(self.hashes.iter().map(target));
        } else {
            let target = |hash: &u64| owners[key_group(*hash, self.key_groups) as usize];
            self.targets.extend(self.hashes.iter().map(target));
        }
        self.counts.clear();
        self.counts.resize(self.subtasks, 0);
        for target in &self.targets {
            self.counts[*target as usize] += 1;
        }
        Ok(())
    }

    /// Row numbers grouped by subtask; turns the counts into the ends of the groups.
    fn place_rows(&mut self) -> ScalarBuffer<u32> {
        let mut start = 0;
        for count in &mut self.counts {
            let length = *count;
            *count = start;
            start += length;
        }
        let mut indices = vec![0_u32; self.targets.len()];
        for (row, target) in self.targets.iter().enumerate() {
            let place = &mut self.counts[*target as usize];
            indices[*place as usize] = row as u32;
            *place += 1;
        }
        ScalarBuffer::from(indices)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, RecordBatch, UInt8Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use millstream_core::id::SplitId;

    use super::*;

    fn batch(values: &[i64]) -> ChangeBatch {
        let schema = Schema::new(vec![Field::new("k", DataType::Int64, false)]);
        let column = Arc::new(Int64Array::from(values.to_vec()));
        let rows = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
        let kinds = UInt8Array::from_iter_values(values.iter().map(|v| (v % 4) as u8));
        ChangeBatch::with_kinds(rows, kinds).from_split(SplitId(3))
    }

    #[test]
    fn every_row_goes_to_the_owner_of_its_key_group_with_kind_and_origin() {
        for (groups, subtasks) in [(128, 7), (100, 3), (128, 128), (2, 5)] {
            let values: Vec<i64> = (0..1000).collect();
            let mut partitioner = Partitioner::new(vec![0], groups, subtasks);
            let mut seen = BTreeMap::new();
            for (target, part) in partitioner.split(batch(&values)).unwrap() {
                assert_eq!(part.origin(), Some(SplitId(3)));
                let column = Arc::clone(part.rows().column(0));
                let mut hashes = Vec::new();
                hash_rows(&[Arc::clone(&column)], part.num_rows(), &mut hashes).unwrap();
                let keys = column.as_primitive::<Int64Type>();
                assert!(keys.values().is_sorted(), "the order of rows is kept");
                for (row, hash) in hashes.iter().enumerate() {
                    let wanted = owner(key_group(*hash, groups), groups, subtasks);
                    assert_eq!(target, wanted as usize);
                    assert_eq!(part.kind(row) as i64, keys.value(row) % 4);
                    seen.insert(keys.value(row), target);
                }
            }
            assert_eq!(seen.len(), 1000);
        }
    }

    #[test]
    fn a_batch_of_one_key_is_not_copied() {
        let mut partitioner = Partitioner::new(vec![0], 128, 4);
        let whole = batch(&[5; 100]);
        let before = whole.rows().column(0).to_data().buffers()[0].as_ptr();
        let parts = partitioner.split(whole).unwrap();
        assert_eq!(parts.len(), 1);
        let after = parts[0].1.rows().column(0).to_data().buffers()[0].as_ptr();
        assert_eq!(before, after);
    }

    #[test]
    fn without_key_columns_everything_goes_to_one_subtask() {
        let mut partitioner = Partitioner::new(vec![], 128, 4);
        assert_eq!(partitioner.split(batch(&[1, 2, 3])).unwrap().len(), 1);
    }
}
