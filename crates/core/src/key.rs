//! Key groups: how keyed rows find their subtask.
//!
//! A key's hash selects one of a fixed number of key groups (128 unless the job says otherwise);
//! contiguous ranges of key groups belong to subtasks. So a change of parallelism moves whole key
//! groups and never a single key. Keys hash the same on every machine and in every release:
//! the hash is xxHash3 (64 bit) of the value's canonical bytes, mixed column by column.
//!
//! Idea: Apache Flink, "key groups" (`KeyGroupRangeAssignment`).

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Error, Result};

/// Number of key groups of a job unless `pipeline.max-parallelism` says otherwise.
pub const KEY_GROUPS_DEFAULT: u32 = 128;

/// Hash of a NULL; any fixed odd number far from small integers will do.
const NULL_HASH: u64 = 0x9E37_79B9_7F4A_7C15;

/// One stable 64-bit hash per row over all `columns`, written into `hashes` (cleared first).
pub fn hash_rows(columns: &[ArrayRef], num_rows: usize, hashes: &mut Vec<u64>) -> Result<()> {
    hashes.clear();
    hashes.resize(num_rows, 0);
    columns
        .iter()
        .try_for_each(|column| mix_column(column, hashes))
}

/// The key group of a hash.
pub fn key_group(hash: u64, key_groups: u32) -> u32 {
    (hash % u64::from(key_groups)) as u32
}

/// The subtask that owns a key group when `parallelism` subtasks share `key_groups` groups.
pub fn owner(key_group: u32, key_groups: u32, parallelism: u32) -> u32 {
    (u64::from(key_group) * u64::from(parallelism) / u64::from(key_groups)) as u32
}

/// The key groups that belong to a subtask; the inverse of [`owner`].
pub fn range(subtask: u32, key_groups: u32, parallelism: u32) -> std::ops::Range<u32> {
    let first = |subtask: u32| {
        (u64::from(subtask) * u64::from(key_groups)).div_ceil(u64::from(parallelism)) as u32
    };
    first(subtask)..first(subtask + 1)
}

fn mix_column(column: &ArrayRef, hashes: &mut [u64]) -> Result<()> {
    match column.data_type() {
        DataType::Int8 => mix_ints::<Int8Type>(column, hashes, i64::from),
        DataType::Int16 => mix_ints::<Int16Type>(column, hashes, i64::from),
        DataType::Int32 => mix_ints::<Int32Type>(column, hashes, i64::from),
        DataType::Int64 => mix_ints::<Int64Type>(column, hashes, |v| v),
        DataType::Date32 => mix_ints::<Date32Type>(column, hashes, i64::from),
        DataType::Time32(TimeUnit::Millisecond) => {
            mix_ints::<Time32MillisecondType>(column, hashes, i64::from)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            mix_ints::<TimestampMillisecondType>(column, hashes, |v| v)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            mix_ints::<TimestampMicrosecondType>(column, hashes, |v| v)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            mix_ints::<TimestampNanosecondType>(column, hashes, |v| v)
        }
        DataType::Float32 => {
            mix_ints::<Float32Type>(column, hashes, |v| canonical_f64(f64::from(v)))
        }
        DataType::Float64 => mix_ints::<Float64Type>(column, hashes, canonical_f64),
        DataType::Boolean => {
            let values = column.as_boolean();
            mix(hashes, |row| {
                column
                    .is_valid(row)
                    .then(|| hash_int(i64::from(values.value(row))))
            });
        }
        DataType::Decimal128(_, _) => {
            let values = column.as_primitive::<Decimal128Type>();
            mix(hashes, |row| {
                column
                    .is_valid(row)
                    .then(|| xxh3_64(&values.value(row).to_le_bytes()))
            });
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            mix(hashes, |row| {
                column
                    .is_valid(row)
                    .then(|| xxh3_64(values.value(row).as_bytes()))
            });
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            mix(hashes, |row| {
                column.is_valid(row).then(|| xxh3_64(values.value(row)))
            });
        }
        // Nested and rare types: the comparable row encoding is canonical too, only slower.
        other => {
            let converter = RowConverter::new(vec![SortField::new(other.clone())]);
            let rows = converter
                .and_then(|c| c.convert_columns(std::slice::from_ref(column)))
                .map_err(|e| Error::unsupported(format!("{other} as a key")).caused_by(e))?;
            mix(hashes, |row| {
                column
                    .is_valid(row)
                    .then(|| xxh3_64(rows.row(row).as_ref()))
            });
        }
    }
    Ok(())
}

fn mix_ints<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hashes: &mut [u64],
    canonical: impl Fn(T::Native) -> i64,
) {
    let array = column.as_primitive::<T>();
    let values = array.values();
    if array.null_count() == 0 {
        mix(hashes, |row| Some(hash_int(canonical(values[row]))));
    } else {
        mix(hashes, |row| {
            array
                .is_valid(row)
                .then(|| hash_int(canonical(values[row])))
        });
    }
}

fn mix(hashes: &mut [u64], hash_of: impl Fn(usize) -> Option<u64>) {
    for (row, hash) in hashes.iter_mut().enumerate() {
        let value = hash_of(row).unwrap_or(NULL_HASH);
        *hash = hash.rotate_left(23).wrapping_mul(0x9FB2_1C65_1E98_DF25) ^ value;
    }
}

/// -0.0 is 0.0, and every NaN is the same NaN.
fn canonical_f64(value: f64) -> i64 {
    let value = if value == 0.0 { 0.0 } else { value };
    let value = if value.is_nan() { f64::NAN } else { value };
    value.to_bits() as i64
}

/// The finaliser of MurmurHash3 (64 bit): bijective, so integers never collide.
fn hash_int(value: i64) -> u64 {
    let mut hash = value as u64;
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn hashes(columns: &[ArrayRef]) -> Vec<u64> {
        let mut hashes = Vec::new();
        hash_rows(columns, columns[0].len(), &mut hashes).unwrap();
        hashes
    }

    #[test]
    fn keys_hash_the_same_in_every_release() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-7), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some(""),
            Some("a"),
            Some("é"),
            None,
        ]));
        let groups: Vec<u32> = hashes(&[ints, texts])
            .into_iter()
            .map(|h| key_group(h, 128))
            .collect();
        assert_eq!(
            groups, PINNED,
            "a changed hash moves every key of every saved job"
        );
    }

    const PINNED: [u32; 4] = [66, 9, 112, 57];

    #[test]
    fn every_subtask_owns_a_contiguous_range_and_every_group_has_an_owner() {
        for parallelism in [1, 2, 3, 7, 128] {
            let owners: Vec<u32> = (0..128).map(|g| owner(g, 128, parallelism)).collect();
            assert!(owners.is_sorted());
            assert_eq!(owners[127], parallelism - 1);
        }
    }

    #[test]
    fn ranges_are_what_owner_says_and_cover_every_group_once() {
        for (key_groups, parallelism) in [(128, 1), (128, 3), (128, 7), (5, 4), (7, 7), (1, 1)] {
            for subtask in 0..parallelism {
                let range = range(subtask, key_groups, parallelism);
                for group in 0..key_groups {
                    let owned = owner(group, key_groups, parallelism) == subtask;
                    assert_eq!(range.contains(&group), owned, "{group} of {key_groups}");
                }
            }
        }
    }
}
