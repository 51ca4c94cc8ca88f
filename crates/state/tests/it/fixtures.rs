//! What a release has written must open in every later one.
//!
//! `fixtures/v1` is the directory of a job as version 1 of the formats writes it. It is never written
//! again; a change of the formats brings a `v2` beside it. To make the files of a new version:
//! `cargo test -p millstream-state --test it -- --ignored make_fixtures`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::state::{StateKey, StateWriter};
use millstream_protocol::commit::Content;
use millstream_protocol::recover::{Condition, Verdict};
use millstream_state::manifest::{NodeState, SinkState, SourceState, SplitState};
use millstream_state::run::{BlockCache, RunOptions, RunWriter};
use millstream_state::store::{JobStore, Owner, Writer};
use millstream_state::{CheckpointStore, Manifest, StoreOptions};

const ENTRIES: u32 = 600;

fn fixtures(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(version)
}

fn key(number: u32) -> [u8; 9] {
    let mut key = [1; 9];
    key[5..].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    key
}

fn state_key<'a>(number: u32, key: &'a [u8]) -> StateKey<'a> {
    StateKey {
        group: (number % 128) as u16,
        table: (number % 3) as u8,
        namespace: i64::from(number % 5) * 60_000 - 60_000,
        key,
    }
}

/// Long enough for a file of its own in the first checkpoint, short enough to travel inside the
/// manifest in the second.
fn value(number: u32, checkpoint: u64) -> Vec<u8> {
    let mixed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let other = mixed.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    format!("{checkpoint}:{mixed:x}:{other:x}:{:x}", mixed ^ other >> 7).into_bytes()
}

/// What the fixture's newest checkpoint holds: table 2's namespace 0 was dropped, multiples of 7
/// below 300 were deleted, the others below 300 were put again, and so was key 1 after the drop.
fn wanted() -> BTreeMap<u32, Vec<u8>> {
    (0..ENTRIES)
        .filter(|number| *number >= 300 || number % 7 != 0)
        .filter(|number| *number < 300 || (number % 3, number % 5) != (2, 1))
        .map(|number| (number, value(number, if number < 300 { 2 } else { 1 })))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

async fn restored(job: &JobStore, node: &NodeState) -> BTreeMap<u32, Vec<u8>> {
    let numbers: BTreeMap<Vec<u8>, u32> = (0..ENTRIES).map(|n| (key(n).to_vec(), n)).collect();
    let opened = job.open_node(node).await.unwrap();
    let mut reader = opened.restore(0..128, tokio::runtime::Handle::current());
    let mut found = BTreeMap::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        for entry in 0..chunk.len() {
            let number = numbers[chunk.key(entry)];
            assert_eq!(u32::from(chunk.group(entry)), number % 128);
            assert_eq!(u32::from(chunk.table), number % 3);
            found.insert(number, chunk.value(entry).to_vec());
        }
    }
    // The filter's hash is part of the format: every key must still be found by it.
    let lookup = opened.lookup(Arc::new(BlockCache::new(1 << 20))).unwrap();
    let keys: Vec<[u8; 9]> = (0..ENTRIES).map(key).collect();
    let asked: Vec<_> = (0..ENTRIES)
        .map(|n| state_key(n, &keys[n as usize]))
        .collect();
    let answers = lookup.get_many(&asked).await.unwrap();
    for (number, answer) in (0..ENTRIES).zip(answers) {
        assert_eq!(
            answer.as_deref(),
            found.get(&number).map(Vec::as_slice),
            "{number}"
        );
    }
    found
}

#[tokio::test]
async fn the_files_of_version_1_open_and_hold_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixtures("v1"), directory.path());
    let root = directory.path().to_str().unwrap();
    let store = CheckpointStore::open(root, &StoreOptions::default()).unwrap();
    let job = store.job("shop").unwrap();
    let seen = job.observe().await.unwrap();
    let record = seen.record.as_ref().unwrap();
    assert_eq!((record.generation, record.owner.pid), (1, 7));
    assert_eq!(seen.manifests.len(), 2);
    assert!(
        seen.manifests
            .iter()
            .all(|found| found.condition == Condition::Intact)
    );
    let verdicts: Vec<_> = seen.markers.iter().map(|marker| &marker.verdict).collect();
    assert_eq!(verdicts, [&Verdict::Committed, &Verdict::Aborted]);

    let manifest = &seen.readable[&(record.lineage.clone(), 2)];
    assert_eq!(
        (manifest.parent, manifest.created_ms),
        (1, 1_760_000_000_000)
    );
    assert_eq!(
        manifest.sources[0].splits[0].position.as_deref(),
        Some("42")
    );
    assert_eq!(manifest.sinks[0].committables, ["file-1"]);
    let node = &manifest.nodes[0];
    assert_eq!((node.watermark, node.blobs.len()), (Some(-5), 1));
    assert_eq!(restored(&job, node).await, wanted());
    job.verify(manifest).await.unwrap();
    assert_eq!(job.claim(&Owner::default()).await.unwrap().generation(), 2);
}

#[tokio::test]
#[ignore = "writes the fixtures of a new version; those of a released one are never written again"]
async fn make_fixtures() {
    let root = fixtures("v1");
    assert!(
        !root.exists(),
        "'{}' is there: it stays as it is",
        root.display()
    );
    let store = CheckpointStore::open(root.to_str().unwrap(), &StoreOptions::default()).unwrap();
    let job = store.job("shop").unwrap();
    let owner = Owner {
        pid: 7,
        host: "mill".into(),
        started_ms: 1_760_000_000_000,
    };
    let claim = job.claim(&owner).await.unwrap();
    let mut manifest = Manifest {
        job: "shop".into(),
        lineage: claim.lineage().into(),
        generation: claim.generation(),
        created_ms: 1_760_000_000_000,
        key_groups: 128,
        nodes: vec![NodeState {
            id: 3,
            uid: "sum".into(),
            watermark: Some(-5),
            ..NodeState::default()
        }],
        sources: vec![SourceState {
            splits: vec![SplitState {
                name: "orders-0".into(),
                position: Some("42".into()),
                ..SplitState::default()
            }],
            ..SourceState::default()
        }],
        sinks: vec![SinkState {
            committables: vec!["file-1".into()],
            ..SinkState::default()
        }],
        ..Manifest::default()
    };
    for checkpoint in 1..=2 {
        let options = RunOptions {
            block_bytes: 2_000,
            ..RunOptions::default()
        };
        let mut writer = RunWriter::new(checkpoint, 0..128, false, options);
        let numbers = if checkpoint == 1 { 0..ENTRIES } else { 0..300 };
        for number in numbers {
            let bytes = key(number);
            let key = state_key(number, &bytes);
            match checkpoint == 2 && number % 7 == 0 {
                true => writer.delete(key).unwrap(),
                false => writer.put(key, &value(number, checkpoint)).unwrap(),
            }
        }
        if checkpoint == 2 {
            writer.drop_namespace(2, 0).unwrap();
        }
        writer.blob("timers", b"12:30").unwrap();
        let place = Writer {
            lineage: manifest.lineage.clone(),
            checkpoint,
            node: 3,
            subtask: 0,
        };
        let stored = job
            .put_snapshot(&place, writer.finish().unwrap())
            .await
            .unwrap();
        manifest.parent = checkpoint - 1;
        manifest.checkpoint = checkpoint;
        manifest.token = format!("token-{checkpoint}");
        manifest.nodes[0].advance(vec![stored]).unwrap();
        job.create_manifest(&manifest).await.unwrap();
        let content = Content {
            token: manifest.token.clone(),
            aborted: checkpoint == 2,
        };
        job.create_marker(&manifest.lineage, checkpoint, &content)
            .await
            .unwrap();
    }
    drop(claim);
    std::fs::remove_file(root.join("shop/lock")).unwrap();
}
