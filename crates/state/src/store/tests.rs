//! The store as a job uses it, on a local directory, in memory, and on one that fails.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::state::{StateKey, StateWriter};
use millstream_core::{Code, Result};
use millstream_protocol::commit::Content;

use super::*;
use crate::manifest::{Manifest, NodeState};
use crate::run::{RunOptions, RunWriter};

mod collecting;
mod failing;
mod savepoints;
mod whole;

/// Deadlines and pauses for tests.
fn quick() -> StoreOptions {
    StoreOptions {
        call_timeout: Duration::from_millis(300),
        retry_budget: Duration::from_secs(2),
        retry_first: Duration::from_millis(1),
        retry_cap: Duration::from_millis(5),
        ..StoreOptions::default()
    }
}

fn owner(pid: u32) -> Owner {
    Owner {
        pid,
        host: "mill".into(),
        started_ms: 1,
    }
}

fn in_memory() -> CheckpointStore {
    CheckpointStore::open("memory://", &quick()).unwrap()
}

/// A directory and the store in it.
fn on_disk() -> (tempfile::TempDir, CheckpointStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(directory.path().to_str().unwrap(), &quick()).unwrap();
    (directory, store)
}

const KEY_GROUPS: u32 = 8;

/// What a checkpoint of the test job puts: key `n` with the number of the checkpoint.
fn put(
    writer: &mut RunWriter,
    groups: &std::ops::Range<u32>,
    keys: std::ops::Range<u32>,
    value: u64,
) {
    for number in keys {
        let group = number % KEY_GROUPS;
        if groups.contains(&group) {
            let key = StateKey {
                group: group as u16,
                table: 0,
                namespace: 0,
                key: &number.to_be_bytes(),
            };
            // Long and without a pattern, so that runs are files of their own.
            let mut bytes = [0u8; 64];
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = (number.wrapping_mul(2_654_435_761).rotate_left(i as u32 * 5) >> 7) as u8;
            }
            bytes[..8].copy_from_slice(&value.to_be_bytes());
            writer.put(key, &bytes).unwrap();
        }
    }
}

/// One checkpoint of a job with two subtasks, from snapshot to verdict.
async fn checkpoint(
    job: &JobStore,
    claim: &Claim,
    parent: Option<&Manifest>,
    keys: std::ops::Range<u32>,
) -> Result<Manifest> {
    let manifest = prepare(job, claim, parent, keys).await?;
    let content = Content {
        token: manifest.token.clone(),
        aborted: false,
    };
    let done = job
        .create_marker(&manifest.lineage, manifest.checkpoint, &content)
        .await?;
    assert_eq!(done, Created::Done);
    Ok(manifest)
}

/// The same without the verdict.
async fn prepare(
    job: &JobStore,
    claim: &Claim,
    parent: Option<&Manifest>,
    keys: std::ops::Range<u32>,
) -> Result<Manifest> {
    let mut manifest = parent.cloned().unwrap_or_default();
    manifest.job = job.job().to_owned();
    manifest.lineage = claim.lineage().to_owned();
    manifest.generation = claim.generation();
    manifest.parent = manifest.checkpoint;
    manifest.checkpoint += 1;
    manifest.key_groups = KEY_GROUPS;
    manifest.token = format!("token-{}", manifest.checkpoint);
    if manifest.nodes.is_empty() {
        manifest.nodes.push(NodeState::default());
    }
    let mut stored = Vec::new();
    for (subtask, groups) in [0..4, 4..8].into_iter().enumerate() {
        let mut writer = RunWriter::new(
            manifest.checkpoint,
            groups.clone(),
            false,
            RunOptions::default(),
        );
        put(&mut writer, &groups, keys.clone(), manifest.checkpoint);
        writer.blob("count", &[manifest.checkpoint as u8]).unwrap();
        let place = Writer {
            lineage: manifest.lineage.clone(),
            checkpoint: manifest.checkpoint,
            node: 0,
            subtask: subtask as u32,
        };
        let snapshot = writer.finish().unwrap();
        stored.push(job.put_snapshot(&place, snapshot).await?);
    }
    manifest.nodes[0].advance(stored)?;
    assert_eq!(job.create_manifest(&manifest).await?, Created::Done);
    Ok(manifest)
}

/// Every key and the checkpoint that wrote it, of some key groups.
async fn state(
    job: &JobStore,
    manifest: &Manifest,
    groups: std::ops::Range<u32>,
) -> Result<Vec<(u32, u64)>> {
    let opened = job.open_node(&manifest.nodes[0]).await?;
    let mut restore = opened.restore(groups, tokio::runtime::Handle::current());
    let mut found = Vec::new();
    while let Some(chunk) = restore.next().await? {
        for entry in 0..chunk.len() {
            let key = u32::from_be_bytes(chunk.key(entry).try_into().unwrap());
            let value = u64::from_be_bytes(chunk.value(entry)[..8].try_into().unwrap());
            found.push((key, value));
        }
    }
    found.sort_unstable();
    Ok(found)
}
