//! Runs, merges and look-ups against a plain map, and against damage.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_core::state::{StateChunk, StateKey, StateWriter};
use proptest::prelude::*;

use super::*;

mod damage;
mod model;
mod speed;

/// A key that owns its bytes.
pub(crate) type Key = (u16, u8, i64, Vec<u8>);

pub(crate) fn state_key(key: &Key) -> StateKey<'_> {
    StateKey {
        group: key.0,
        table: key.1,
        namespace: key.2,
        key: &key.3,
    }
}

/// Small blocks and pieces, so that a few entries make many of both.
pub(crate) fn small() -> RunOptions {
    RunOptions {
        piece_bytes: 2_000,
        block_bytes: 100,
        memory_bytes: 1 << 20,
        spill: None,
    }
}

pub(crate) fn open(file: &RunFile, name: &str) -> millstream_core::Result<Run> {
    let bytes = file.body.read()?;
    block_on(Run::open(Arc::new(InMemory::new(name, bytes))))
}

pub(crate) fn opened(snapshot: &Snapshot) -> Vec<Arc<Run>> {
    let open = |file| Arc::new(open(file, "run").unwrap());
    snapshot.runs.iter().map(open).collect()
}

/// Every entry of the groups, from chunks.
pub(crate) fn entries(
    runs: &[Arc<Run>],
    first: u16,
    last: u16,
) -> millstream_core::Result<BTreeMap<Key, Vec<u8>>> {
    let mut merge = Merge::new(runs, first, last);
    let mut found = BTreeMap::new();
    while let Some(chunk) = block_on(merge.next_chunk())? {
        assert!(!chunk.is_empty() && chunk.len() <= StateChunk::ENTRIES_MAX);
        for entry in 0..chunk.len() {
            let key = (
                chunk.group(entry),
                chunk.table,
                chunk.namespace,
                chunk.key(entry).to_vec(),
            );
            let before = found.insert(key, chunk.value(entry).to_vec());
            assert_eq!(before, None, "an entry comes once");
        }
    }
    Ok(found)
}

#[test]
fn the_last_put_of_a_key_counts_also_across_pieces() {
    let mut writer = RunWriter::new(1, 0..4, false, small());
    let key = (3, 0, 0, b"ann".to_vec());
    for round in 0..300u32 {
        writer.put(state_key(&key), &round.to_be_bytes()).unwrap();
        let other = (1, 0, 0, round.to_be_bytes().to_vec());
        writer.put(state_key(&other), b"x").unwrap();
    }
    let snapshot = writer.finish().unwrap();
    assert!(snapshot.runs.len() > 1, "it was cut into pieces");
    let found = entries(&opened(&snapshot), 0, 3).unwrap();
    assert_eq!(found.len(), 301);
    assert_eq!(found[&key], 299u32.to_be_bytes());
}

#[test]
fn a_drop_hits_earlier_snapshots_and_nothing_of_its_own() {
    for pieces in [false, true] {
        let entry = |namespace, key: &str| (2, 1, namespace, key.as_bytes().to_vec());
        let mut first = RunWriter::new(1, 0..4, false, small());
        for namespace in [10, 20] {
            first
                .put(state_key(&entry(namespace, "old")), b"1")
                .unwrap();
        }
        let mut second = RunWriter::new(2, 0..4, false, small());
        second.put(state_key(&entry(10, "new")), b"2").unwrap();
        for filler in 0..if pieces { 300u32 } else { 0 } {
            let key = (0, 0, 0, filler.to_be_bytes().to_vec());
            second.put(state_key(&key), b"filler").unwrap();
        }
        second.drop_namespace(1, 10).unwrap();
        let mut runs = opened(&first.finish().unwrap());
        runs.extend(opened(&second.finish().unwrap()));
        let found = entries(&runs, 2, 2).unwrap();
        let left: Vec<_> = found.into_keys().collect();
        assert_eq!(left, [entry(10, "new"), entry(20, "old")]);
    }
}

#[test]
fn a_drop_concerns_the_key_groups_of_its_subtask_only() {
    let key = |group| (group, 0, 5, b"k".to_vec());
    let mut all = RunWriter::new(1, 0..8, false, small());
    for group in 0..8 {
        all.put(state_key(&key(group)), b"v").unwrap();
    }
    let mut half = RunWriter::new(2, 4..8, false, small());
    half.drop_namespace(0, 5).unwrap();
    let mut runs = opened(&all.finish().unwrap());
    runs.extend(opened(&half.finish().unwrap()));
    let groups: Vec<u16> = entries(&runs, 0, 7).unwrap().keys().map(|k| k.0).collect();
    assert_eq!(groups, [0, 1, 2, 3]);
}

#[test]
fn an_entry_of_a_foreign_key_group_or_beyond_the_limits_is_refused() {
    let mut writer = RunWriter::new(1, 0..4, false, small());
    let error = writer.put(state_key(&(4, 0, 0, vec![])), b"").unwrap_err();
    assert!(error.message().contains("key group 4"), "{error}");
    let long = (0, 0, 0, vec![0; KEY_MAX + 1]);
    let error = writer.put(state_key(&long), b"").unwrap_err();
    assert!(error.message().contains("wanted at most"), "{error}");
    assert!(writer.finish().unwrap().runs.is_empty(), "nothing was put");
}

#[test]
fn a_value_larger_than_a_block_and_a_piece_comes_back() {
    let mut writer = RunWriter::new(1, 0..1, false, small());
    let value: Vec<u8> = (0..100_000u32).map(|i| i.wrapping_mul(i) as u8).collect();
    for key in 0..3u8 {
        writer
            .put(state_key(&(0, 0, 0, vec![key])), &value)
            .unwrap();
    }
    let found = entries(&opened(&writer.finish().unwrap()), 0, 0).unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.values().all(|found| *found == value));
}

#[test]
fn a_full_snapshot_holds_no_deletions_and_drops_nothing() {
    let mut writer = RunWriter::new(1, 0..4, true, RunOptions::default());
    assert!(writer.is_full());
    writer.put(state_key(&(0, 0, 0, vec![1])), b"v").unwrap();
    writer.delete(state_key(&(0, 0, 0, vec![2]))).unwrap();
    writer.drop_namespace(0, 7).unwrap();
    let snapshot = writer.finish().unwrap();
    let meta = &snapshot.runs[0].meta;
    assert_eq!((meta.entries, meta.tombstones, meta.drops), (1, 0, 0));
}

#[test]
fn finished_pieces_beyond_the_limit_go_to_disk_and_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let options = RunOptions {
        memory_bytes: 4_000,
        spill: Some(directory.path().join("spill")),
        ..small()
    };
    let mut writer = RunWriter::new(1, 0..1, true, options);
    for number in 0..2_000u32 {
        let key = number.wrapping_mul(2_654_435_761).to_be_bytes().to_vec();
        writer
            .put(state_key(&(0, 0, 0, key)), &number.to_be_bytes())
            .unwrap();
        assert!(
            writer.memory_bytes() < 32 << 10,
            "{}",
            writer.memory_bytes()
        );
    }
    let snapshot = writer.finish().unwrap();
    let files = || {
        std::fs::read_dir(directory.path().join("spill"))
            .unwrap()
            .count()
    };
    assert!(files() > 2);
    assert_eq!(entries(&opened(&snapshot), 0, 0).unwrap().len(), 2_000);
    drop(snapshot);
    assert_eq!(files(), 0);
}

#[test]
fn blobs_are_handed_over_by_name_and_the_last_one_counts() {
    let mut writer = RunWriter::new(1, 0..1, false, small());
    writer.blob("timers", b"1").unwrap();
    writer.blob("buffer", b"2").unwrap();
    writer.blob("timers", b"3").unwrap();
    let blobs = writer.finish().unwrap().blobs;
    let wanted = [
        ("buffer".to_owned(), Bytes::from_static(b"2")),
        ("timers".to_owned(), Bytes::from_static(b"3")),
    ];
    assert_eq!(blobs, wanted);
}
