//! The manifest of a checkpoint: the one file that says what belongs to it.
//!
//! It is created last, once, and never changed. Everything it refers to was durable before. What
//! stands in it is plain data; the runtime fills it in and reads it back.
//!
//! * State: per node a list of runs, oldest first (see [`crate::run`]), and its blobs. Runs and
//!   blobs of at most [`INLINE_MAX`] bytes travel inside, so a small checkpoint is one file.
//! * Sources: where each split goes on. Sinks: what is prepared and must be committed.
//! * Watermarks and "finished" flags are state too: they never go back.
//!
//! [`INLINE_MAX`]: crate::run::INLINE_MAX

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::base64::Inline;
use crate::envelope;
use crate::run::RunMeta;

/// The version of the format this release writes.
pub const VERSION: u32 = 1;

/// Why a manifest was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// By the clock, for recovery; collected when newer ones are there.
    #[default]
    Checkpoint,
    /// On request; self-contained, kept until it is deleted.
    Savepoint,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The job's name.
    pub job: String,
    /// The unbroken history it belongs to.
    pub lineage: String,
    /// The incarnation that wrote it.
    pub generation: u64,
    /// Its number in the lineage.
    pub checkpoint: u64,
    /// The checkpoint it was built on; 0 is the empty state.
    pub parent: u64,
    /// Chosen at random before the first attempt to write it.
    pub token: String,
    /// When the checkpoint was triggered, milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// Checkpoint or savepoint.
    pub kind: Kind,
    /// Fingerprint of the whole job graph.
    pub graph: String,
    /// Number of key groups of the job; never changes.
    pub key_groups: u32,
    /// The release that wrote it.
    #[serde(default)]
    pub release: String,
    /// State of the nodes.
    pub nodes: Vec<NodeState>,
    /// Positions of the sources.
    pub sources: Vec<SourceState>,
    /// Receipts of the sinks.
    pub sinks: Vec<SinkState>,
    /// Counters of the job: rows in, rows out, late rows, dead letters.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// Whatever else must be known again: the SQL text, options that matter.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// State of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its number in the graph that wrote it.
    pub id: u32,
    /// Its name across changes of the query.
    pub uid: String,
    /// What its state means: restored only into a node with the same.
    pub fingerprint: String,
    /// Its name for people.
    pub title: String,
    /// Number of subtasks that wrote it.
    pub parallelism: u32,
    /// Keyed state, oldest run first.
    #[serde(default)]
    pub runs: Vec<RunMeta>,
    /// State without keys.
    #[serde(default)]
    pub blobs: Vec<BlobMeta>,
    /// Its watermark, ms; none before the first.
    #[serde(default)]
    pub watermark: Option<i64>,
    /// True once all its input has ended.
    #[serde(default)]
    pub finished: bool,
}

/// One value of state without keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobMeta {
    /// The subtask that wrote it.
    pub subtask: u32,
    /// Its name.
    pub name: String,
    /// Its bytes, if they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// Its object otherwise, relative to the job's or savepoint's directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Number of its bytes.
    pub size: u64,
    /// Their crc32c.
    pub crc32c: u32,
}

/// Where a source goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceState {
    /// Its node.
    pub node: u32,
    /// The node's name across changes of the query.
    pub uid: String,
    /// The table it reads.
    pub table: String,
    /// What its enumerator remembers.
    #[serde(default)]
    pub enumerator: Option<String>,
    /// Its splits.
    pub splits: Vec<SplitState>,
}

/// Where a split goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitState {
    /// Its number in the job.
    pub id: u32,
    /// Its name for people.
    pub name: String,
    /// What its reader needs to find it.
    pub data: String,
    /// The position after the last row that is in the state.
    #[serde(default)]
    pub position: Option<String>,
    /// True once it is read to its end.
    #[serde(default)]
    pub finished: bool,
    /// Its watermark, ms.
    #[serde(default)]
    pub watermark: Option<i64>,
}

/// The receipt of a sink that has prepared its output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SinkState {
    /// Its node.
    pub node: u32,
    /// The node's name across changes of the query.
    pub uid: String,
    /// The table it writes.
    pub table: String,
    /// Makes its commit idempotent; the same at every attempt.
    pub token: String,
    /// What is to be made visible.
    pub committables: Vec<String>,
    /// Rows in it.
    pub rows: u64,
}

/// A subtask's snapshot as it lies in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredSnapshot {
    /// Its runs, oldest first.
    pub runs: Vec<RunMeta>,
    /// Its blobs.
    pub blobs: Vec<BlobMeta>,
    /// True if it holds everything.
    pub full: bool,
}

impl Manifest {
    /// The file.
    pub fn encode(&self) -> Result<Bytes> {
        envelope::seal("manifest", VERSION, self)
    }

    /// Checks and parses the file called `name`.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Manifest> {
        envelope::open("manifest", VERSION, name, bytes)
    }

    /// Every object it refers to, with its size, relative to its directory.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        let runs = self.nodes.iter().flat_map(|node| &node.runs);
        let blobs = self.nodes.iter().flat_map(|node| &node.blobs);
        runs.filter(|run| run.inline.is_none())
            .map(|run| (run.path.as_str(), run.size))
            .chain(
                blobs
                    .filter(|blob| blob.inline.is_none())
                    .map(|blob| (blob.path.as_str(), blob.size)),
            )
    }

    /// Bytes of state it refers to, as stored.
    pub fn state_bytes(&self) -> u64 {
        let runs = self.nodes.iter().flat_map(|node| &node.runs);
        let blobs = self.nodes.iter().flat_map(|node| &node.blobs);
        runs.map(|run| run.size).sum::<u64>() + blobs.map(|blob| blob.size).sum::<u64>()
    }
}

impl NodeState {
    /// Takes over the snapshots of one checkpoint, one of each subtask in order.
    ///
    /// Full snapshots replace everything older; the others are appended, and a blob replaces the
    /// older one of its name and subtask. A subtask that no longer exists leaves no blob behind.
    ///
    /// # Errors
    /// If some snapshots are full and some are not: then the list could not be read.
    pub fn advance(&mut self, snapshots: Vec<StoredSnapshot>) -> Result<()> {
        let full = snapshots.iter().filter(|snapshot| snapshot.full).count();
        if full != 0 && full != snapshots.len() {
            return Err(Error::internal(format!(
                "{full} of {} subtasks of '{}' made a full snapshot, the others did not",
                snapshots.len(),
                self.title
            )));
        }
        if full > 0 {
            self.runs.clear();
            self.blobs.clear();
        }
        self.parallelism = snapshots.len() as u32;
        self.blobs.retain(|blob| blob.subtask < self.parallelism);
        for snapshot in snapshots {
            self.runs.extend(snapshot.runs);
            for blob in snapshot.blobs {
                self.blobs
                    .retain(|old| (old.subtask, &old.name) != (blob.subtask, &blob.name));
                self.blobs.push(blob);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(subtask: u32, name: &str, size: u64) -> BlobMeta {
        BlobMeta {
            subtask,
            name: name.into(),
            size,
            ..BlobMeta::default()
        }
    }

    fn snapshot(checkpoint: u64, full: bool, blobs: Vec<BlobMeta>) -> StoredSnapshot {
        let run = RunMeta {
            checkpoint,
            ..RunMeta::default()
        };
        StoredSnapshot {
            runs: vec![run],
            blobs,
            full,
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        let manifest = Manifest {
            job: "shop".into(),
            checkpoint: 7,
            nodes: vec![NodeState {
                blobs: vec![BlobMeta {
                    inline: Some(Inline(Bytes::from_static(b"\x00\xff"))),
                    ..blob(1, "timers", 2)
                }],
                watermark: Some(i64::MIN),
                ..NodeState::default()
            }],
            ..Manifest::default()
        };
        let file = manifest.encode().unwrap();
        assert_eq!(Manifest::decode("manifest-a-7", &file).unwrap(), manifest);
    }

    #[test]
    fn snapshots_are_appended_and_their_blobs_replace_those_of_the_same_name() {
        let mut node = NodeState::default();
        let first = vec![
            snapshot(1, true, vec![blob(0, "a", 1), blob(0, "b", 1)]),
            snapshot(1, true, vec![blob(1, "a", 1)]),
        ];
        node.advance(first).unwrap();
        node.advance(vec![snapshot(2, false, vec![blob(0, "a", 2)])])
            .unwrap();
        assert_eq!((node.runs.len(), node.parallelism), (3, 1));
        let left: Vec<_> = node
            .blobs
            .iter()
            .map(|b| (b.subtask, &*b.name, b.size))
            .collect();
        assert_eq!(left, [(0, "b", 1), (0, "a", 2)], "subtask 1 is no more");
    }

    #[test]
    fn full_snapshots_replace_everything_but_only_all_together() {
        let mut node = NodeState::default();
        node.advance(vec![snapshot(1, false, vec![blob(0, "a", 1)])])
            .unwrap();
        let mixed = vec![snapshot(2, true, vec![]), snapshot(2, false, vec![])];
        assert!(node.advance(mixed).is_err());
        node.advance(vec![snapshot(3, true, vec![])]).unwrap();
        assert_eq!((node.runs.len(), node.blobs.len()), (1, 0));
    }
}
