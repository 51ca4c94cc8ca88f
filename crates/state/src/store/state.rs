//! Runs and blobs in the store: uploading a snapshot, opening the state of a node.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use millstream_core::failpoint::failpoint;
use millstream_core::state::{StateChunk, StateReader};
use millstream_core::{Error, Result};
use tokio::runtime::Handle;

use super::JobStore;
use super::bucket::Bucket;
use super::names;
use crate::base64::Inline;
use crate::error::damaged;
use crate::manifest::{BlobMeta, Manifest, NodeState, StoredSnapshot};
use crate::run::{
    BlockCache, Body, INLINE_MAX, InMemory, Lookup, Merge, ReadAt, Run, RunFile, RunMeta, Snapshot,
};
use crate::together::together;

/// Uploads and downloads of one snapshot or node at a time.
const CALLS: usize = 4;

/// Who writes state: it stands in the names of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The lineage.
    pub lineage: String,
    /// The checkpoint being made.
    pub checkpoint: u64,
    /// The node.
    pub node: u32,
    /// The subtask.
    pub subtask: u32,
}

impl Writer {
    fn name(&self, kind: &str) -> String {
        self.name_until(self.checkpoint, kind)
    }

    /// A name that garbage collection leaves alone until `checkpoint` is dead.
    fn name_until(&self, checkpoint: u64, kind: &str) -> String {
        let owner = format!("{}.{}", self.node, self.subtask);
        names::state(&self.lineage, checkpoint, &owner, kind)
    }
}

/// Files below one directory: a job's or a savepoint's.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) base: String,
}

impl Files {
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    async fn run(&self, meta: &RunMeta) -> Result<Run> {
        failpoint("rs.state.download")?;
        let name = self.path(&meta.path);
        let source: Arc<dyn ReadAt> = match &meta.inline {
            Some(Inline(bytes)) => Arc::new(InMemory::new(name, bytes.clone())),
            None => Arc::new(Object {
                bucket: Arc::clone(&self.bucket),
                path: name,
                size: meta.size,
            }),
        };
        let run = Run::open(source).await?;
        // The right file under the right name, not merely an intact one.
        match run.entries() == meta.entries {
            true => Ok(run),
            false => Err(damaged(
                run.name(),
                format!(
                    "it has {} entries, the manifest says {}",
                    run.entries(),
                    meta.entries
                ),
            )),
        }
    }

    async fn blob(&self, meta: &BlobMeta) -> Result<(String, Bytes)> {
        let (name, bytes) = match &meta.inline {
            Some(Inline(bytes)) => (meta.name.clone(), bytes.clone()),
            None => {
                let path = self.path(&meta.path);
                let bytes = self.whole(&meta.path, meta.size).await?;
                (path, bytes)
            }
        };
        check(&name, &bytes, meta.size, meta.crc32c)?;
        Ok((meta.name.clone(), bytes))
    }

    /// A whole file of a known size.
    pub(crate) async fn whole(&self, name: &str, size: u64) -> Result<Bytes> {
        let path = self.path(name);
        match size {
            0 => Err(damaged(&path, "it has no bytes")),
            _ => self.bucket.get_range(&path, 0..size, size).await,
        }
    }

    /// Reads every file of a manifest and compares its checksum.
    pub(crate) async fn verify(&self, manifest: &Manifest) -> Result<()> {
        let runs = manifest.nodes.iter().flat_map(|node| &node.runs);
        let blobs = manifest.nodes.iter().flat_map(|node| &node.blobs);
        let files = runs
            .map(|run| (&run.path, &run.inline, run.size, run.crc32c))
            .chain(blobs.map(|blob| (&blob.path, &blob.inline, blob.size, blob.crc32c)));
        together(
            CALLS,
            files.map(|(path, inline, size, crc)| async move {
                let bytes = match inline {
                    Some(Inline(bytes)) => bytes.clone(),
                    None => self.whole(path, size).await?,
                };
                check(&self.path(path), &bytes, size, crc)
            }),
        )
        .await
        .map(|_| ())
    }
}

fn check(name: &str, bytes: &Bytes, size: u64, crc: u32) -> Result<()> {
    let found = crc32c::crc32c(bytes);
    match bytes.len() as u64 == size && found == crc {
        true => Ok(()),
        false => Err(damaged(
            name,
            format!(
                "it has {} bytes and the checksum {found:08x}, wanted {size} and {crc:08x}",
                bytes.len()
            ),
        )),
    }
}

/// A run that is an object.
struct Object {
    bucket: Arc<Bucket>,
    path: String,
    size: u64,
}

#[async_trait]
impl ReadAt for Object {
    fn name(&self) -> &str {
        &self.path
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        failpoint("rs.state.download")?;
        self.bucket.get_range(&self.path, range, self.size).await
    }

    fn read_here(&self, range: Range<u64>) -> Option<Bytes> {
        self.bucket.read_here(&self.path, range, self.size)
    }
}

impl JobStore {
    pub(crate) fn files(&self) -> Files {
        Files {
            bucket: Arc::clone(&self.bucket),
            base: self.directory_name.clone(),
        }
    }

    /// Stores a subtask's snapshot. Nothing refers to it until a manifest does.
    pub async fn put_snapshot(
        &self,
        writer: &Writer,
        snapshot: Snapshot,
    ) -> Result<StoredSnapshot> {
        let runs = together(
            CALLS,
            snapshot
                .runs
                .into_iter()
                .map(|run| self.put_run(writer.name("run"), run)),
        )
        .await?;
        let blobs = together(
            CALLS,
            snapshot
                .blobs
                .into_iter()
                .map(|(name, bytes)| self.put_blob(writer, name, bytes)),
        )
        .await?;
        failpoint("cp.upload.done")?;
        Ok(StoredSnapshot {
            runs,
            blobs,
            full: snapshot.full,
        })
    }

    async fn put_run(&self, name: String, run: RunFile) -> Result<RunMeta> {
        failpoint("cp.upload.part")?;
        let RunFile { mut meta, body } = run;
        let bytes = match body {
            Body::Memory(bytes) => bytes,
            spilled @ Body::Spilled(_) => tokio::task::spawn_blocking(move || spilled.read())
                .await
                .map_err(|e| Error::internal("reading a spill file did not end").caused_by(e))??,
        };
        meta.path = name;
        match bytes.len() <= INLINE_MAX {
            true => meta.inline = Some(Inline(bytes)),
            false => self.bucket.put(&self.path(&meta.path), bytes).await?,
        }
        Ok(meta)
    }

    /// Stores a run that no manifest refers to before `checkpoint`.
    pub(crate) async fn put_run_until(
        &self,
        writer: &Writer,
        checkpoint: u64,
        run: RunFile,
    ) -> Result<RunMeta> {
        self.put_run(writer.name_until(checkpoint, "run"), run)
            .await
    }

    async fn put_blob(&self, writer: &Writer, name: String, bytes: Bytes) -> Result<BlobMeta> {
        failpoint("cp.upload.part")?;
        let mut meta = BlobMeta {
            subtask: writer.subtask,
            name,
            inline: None,
            path: String::new(),
            size: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        };
        match bytes.len() <= INLINE_MAX {
            true => meta.inline = Some(Inline(bytes)),
            false => {
                meta.path = writer.name("blob");
                self.bucket.put(&self.path(&meta.path), bytes).await?;
            }
        }
        Ok(meta)
    }

    /// Opens the state of a node: footers and blobs are read, entries are not.
    pub async fn open_node(&self, node: &NodeState) -> Result<NodeRuns> {
        NodeRuns::open(&self.files(), node).await
    }

    /// The same, taking over what is open already of an earlier checkpoint of the node.
    pub async fn reopen_node(
        &self,
        node: &NodeState,
        before: Option<&NodeRuns>,
    ) -> Result<NodeRuns> {
        NodeRuns::reopen(&self.files(), node, before).await
    }

    /// Reads every file of a manifest and compares its checksum.
    pub async fn verify(&self, manifest: &Manifest) -> Result<()> {
        self.files().verify(manifest).await
    }
}

/// The state of a node, opened: shared by the subtasks that restore from it.
#[derive(Clone)]
pub struct NodeRuns {
    /// Oldest first.
    runs: Arc<Vec<Arc<Run>>>,
    blobs: Arc<Vec<(String, Bytes)>>,
}

impl NodeRuns {
    pub(crate) async fn open(files: &Files, node: &NodeState) -> Result<NodeRuns> {
        Self::reopen(files, node, None).await
    }

    async fn reopen(
        files: &Files,
        node: &NodeState,
        before: Option<&NodeRuns>,
    ) -> Result<NodeRuns> {
        let known = |meta: &RunMeta| {
            let name = files.path(&meta.path);
            let runs = before.map_or(&[][..], |before| before.runs());
            runs.iter().find(|run| run.name() == name).map(Arc::clone)
        };
        let runs = together(
            CALLS,
            node.runs.iter().map(|meta| {
                let known = known(meta);
                async move {
                    match known {
                        Some(run) => Ok(run),
                        None => files.run(meta).await.map(Arc::new),
                    }
                }
            }),
        )
        .await?;
        let blobs = together(CALLS, node.blobs.iter().map(|meta| files.blob(meta))).await?;
        Ok(NodeRuns {
            runs: Arc::new(runs),
            blobs: Arc::new(blobs),
        })
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    /// The live entries of some key groups.
    pub fn merge(&self, key_groups: &Range<u32>) -> Merge {
        match groups(key_groups) {
            Some((first, last)) => Merge::new(&self.runs, first, last),
            None => Merge::new(&[], 0, 0),
        }
    }

    /// The state of one subtask, for an operator. `handle` is the runtime that serves the reads.
    pub fn restore(&self, key_groups: Range<u32>, handle: Handle) -> Restore {
        Restore {
            merge: self.merge(&key_groups),
            blobs: Arc::clone(&self.blobs),
            key_groups,
            handle,
        }
    }

    /// Point look-ups by way of a cache.
    pub fn lookup(&self, cache: Arc<BlockCache>) -> Result<Lookup> {
        Lookup::new(self.runs.to_vec(), cache)
    }
}

/// First and last key group; none if the range is empty.
fn groups(range: &Range<u32>) -> Option<(u16, u16)> {
    let last = range.end.checked_sub(1)?;
    match range.start <= last {
        true => Some((
            u16::try_from(range.start).ok()?,
            u16::try_from(last).unwrap_or(u16::MAX),
        )),
        false => None,
    }
}

/// Hands a subtask its state back.
///
/// [`StateReader::next_chunk`] waits for the store, so it must be called from a thread that may
/// block (`spawn_blocking`), never from a task; a task asks [`Restore::next`].
pub struct Restore {
    merge: Merge,
    blobs: Arc<Vec<(String, Bytes)>>,
    key_groups: Range<u32>,
    handle: Handle,
}

impl Restore {
    /// The next entries, for callers that can wait without a thread.
    pub async fn next(&mut self) -> Result<Option<StateChunk>> {
        self.merge.next_chunk().await
    }
}

impl StateReader for Restore {
    fn next_chunk(&mut self) -> Result<Option<StateChunk>> {
        self.handle.block_on(self.merge.next_chunk())
    }

    fn blobs(&self, name: &str) -> Vec<&[u8]> {
        let named = self.blobs.iter().filter(|(found, _)| found == name);
        named.map(|(_, bytes)| &bytes[..]).collect()
    }

    fn key_groups(&self) -> Range<u32> {
        self.key_groups.clone()
    }
}
