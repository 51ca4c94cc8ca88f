//! A small job: two subtasks, a few thousand keys, checkpoints one after the other.

use std::collections::BTreeMap;

use millstream_core::Result;
use millstream_core::state::{StateKey, StateWriter};
use millstream_protocol::commit::Content;
use millstream_state::Manifest;
use millstream_state::manifest::NodeState;
use millstream_state::run::{RunOptions, RunWriter};
use millstream_state::store::{Claim, Created, JobStore, Owner, Writer};

pub(crate) fn owner() -> Owner {
    Owner {
        pid: 1,
        host: "mill".into(),
        started_ms: 1,
    }
}

/// A job and what its state should be.
pub(crate) struct Shop {
    pub(crate) job: JobStore,
    pub(crate) claim: Claim,
    pub(crate) manifest: Manifest,
    pub(crate) wanted: BTreeMap<u32, Vec<u8>>,
}

impl Shop {
    pub(crate) async fn open(job: JobStore) -> Result<Shop> {
        let claim = job.claim(&owner()).await?;
        Ok(Shop {
            job,
            claim,
            manifest: Manifest::default(),
            wanted: BTreeMap::new(),
        })
    }

    /// A checkpoint in which these keys change.
    pub(crate) async fn checkpoint(&mut self, keys: std::ops::Range<u32>) -> Result<()> {
        let mut next = self.manifest.clone();
        next.lineage = self.claim.lineage().to_owned();
        next.parent = next.checkpoint;
        next.checkpoint += 1;
        next.token = format!("token-{}", next.checkpoint);
        next.nodes.resize(1, NodeState::default());
        let mut stored = Vec::new();
        for subtask in 0..2 {
            let groups = subtask * 4..subtask * 4 + 4;
            let options = RunOptions::default();
            let mut writer = RunWriter::new(next.checkpoint, groups.clone(), false, options);
            for number in keys.clone().filter(|key| groups.contains(&(key % 8))) {
                let key = StateKey {
                    group: (number % 8) as u16,
                    table: 0,
                    namespace: 0,
                    key: &number.to_be_bytes(),
                };
                writer.put(key, &value(number, next.checkpoint))?;
            }
            let place = Writer {
                lineage: next.lineage.clone(),
                checkpoint: next.checkpoint,
                node: 0,
                subtask,
            };
            stored.push(self.job.put_snapshot(&place, writer.finish()?).await?);
        }
        next.nodes[0].advance(stored)?;
        let content = Content {
            token: next.token.clone(),
            aborted: false,
        };
        assert_eq!(self.job.create_manifest(&next).await?, Created::Done);
        let verdict = self
            .job
            .create_marker(&next.lineage, next.checkpoint, &content)
            .await?;
        assert_eq!(verdict, Created::Done);
        for key in keys {
            self.wanted.insert(key, value(key, next.checkpoint));
        }
        self.manifest = next;
        Ok(())
    }

    /// What a restore of the newest checkpoint gives.
    pub(crate) async fn restored(&self) -> Result<BTreeMap<u32, Vec<u8>>> {
        restored(&self.job, &self.manifest).await
    }
}

pub(crate) async fn restored(
    job: &JobStore,
    manifest: &Manifest,
) -> Result<BTreeMap<u32, Vec<u8>>> {
    let opened = job.open_node(&manifest.nodes[0]).await?;
    let mut reader = opened.restore(0..8, tokio::runtime::Handle::current());
    let mut found = BTreeMap::new();
    while let Some(chunk) = reader.next().await? {
        for entry in 0..chunk.len() {
            let key = u32::from_be_bytes(chunk.key(entry).try_into().unwrap());
            found.insert(key, chunk.value(entry).to_vec());
        }
    }
    Ok(found)
}

/// Without a pattern, so that a few thousand of them are a file of their own.
fn value(key: u32, checkpoint: u64) -> Vec<u8> {
    let mut state = u64::from(key) << 32 | checkpoint;
    let mut bytes = Vec::with_capacity(48);
    for _ in 0..6 {
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ state >> 29;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}
