//! The checkpoint folder as one life of a job writes it: state files, manifests, verdicts.
//!
//! The newest manifest is kept here and taken forward: each checkpoint appends the files of its
//! changes, replaces positions and receipts, and gets the next number. Behind the commits, files of
//! one node are merged in the background once there are many of them; the next manifest then refers
//! to what they have become.
//!
//! Always: `base` is committed; whatever is not in a manifest does not exist for a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::connector::JobIdentity;
use millstream_core::failpoint::failpoint;
use millstream_core::id::NodeId;
use millstream_core::{Error, Result};
use millstream_plan::explain::title;
use millstream_plan::{Node, NodeKind, SinkTarget};
use millstream_protocol::commit::{Content, Event};
use millstream_state::compact::{Compaction, choose};
use millstream_state::manifest::{
    Kind, Manifest, NodeState, SinkState, SourceState, StoredSnapshot,
};
use millstream_state::run::BlockCache;
use millstream_state::store::{JobStore, Writer, outcome};

use tokio::sync::watch;

use super::commit::together;
use super::ledger::Cut;
use crate::incarnation::Plan;
use crate::memory::{cache_bytes, compaction_policy, run_options};
use crate::options::{CheckpointOptions, Notice};
use crate::spawn::{Background, background};
use crate::task::report::StageSnapshot;
use crate::task::spill::Committed;
use crate::task::values::ValuesTask;

/// Garbage is collected at every so many checkpoints: it lists the folder.
const COLLECT_EVERY: u64 = 8;

/// The checkpoint folder of one life.
pub(crate) struct StoreSide {
    plan: Arc<Plan>,
    store: JobStore,
    generation: u64,
    retained: usize,
    /// The newest committed checkpoint; before the first, an empty one.
    base: Manifest,
    /// The one that is being committed.
    next: Option<Manifest>,
    compacting: Option<Background<Vec<(u32, Compaction)>>>,
    /// Shows `base` to the tasks.
    newest: watch::Sender<Option<Committed>>,
    cache: Arc<BlockCache>,
}

impl StoreSide {
    /// The folder of a life that begins with `restored`.
    pub(crate) fn new(
        plan: &Arc<Plan>,
        options: &CheckpointOptions,
        store: &JobStore,
        job: &JobIdentity,
        restored: Option<&Manifest>,
    ) -> Self {
        let mut base = restored.cloned().unwrap_or_default();
        base.job = job.name.to_string();
        base.lineage = job.lineage.to_string();
        base.generation = job.generation;
        base.key_groups = plan.graph().key_groups;
        let cache = Arc::new(BlockCache::new(cache_bytes(&plan.environment.memory)));
        let newest = restored.map(|_| Committed::new(store, base.clone(), &cache));
        StoreSide {
            plan: Arc::clone(plan),
            store: store.clone(),
            generation: job.generation,
            retained: options.retained,
            base,
            next: None,
            compacting: None,
            newest: watch::Sender::new(newest),
            cache,
        }
    }

    /// The newest committed checkpoint, as it changes.
    pub(crate) fn committed_so_far(&self) -> watch::Receiver<Option<Committed>> {
        self.newest.subscribe()
    }

    /// The folder, for people.
    pub(crate) fn url(&self) -> String {
        self.store.url()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The token of the checkpoint that is being committed: nobody else can have the same.
    pub(crate) fn token(&self) -> Result<String> {
        self.next().map(|manifest| manifest.token.clone())
    }

    /// Writes the state files of a checkpoint and makes its manifest, which nobody sees yet.
    pub(crate) async fn upload(&mut self, cut: Cut) -> Result<()> {
        let checkpoint = cut.barrier.checkpoint.0;
        let mut next = self.base.clone();
        next.parent = self.base.checkpoint;
        next.checkpoint = checkpoint;
        next.kind = Kind::Checkpoint;
        next.token = format!("{}-{}-{checkpoint}", next.lineage, self.generation);
        next.created_ms = self.plan.environment.clock.now_ms();
        self.take_compacted(&mut next).await;
        let graph = self.plan.graph();
        for (node, stored) in self.upload_stages(checkpoint, cut.stages).await? {
            let state = node_state(&mut next, graph.node(node));
            advance(state, stored)?;
        }
        let sources = cut.sources.into_iter();
        next.sources = sources
            .map(|(node, splits)| SourceState {
                node: node.0,
                table: table(graph.node(node)),
                splits: splits.into_values().collect(),
                ..SourceState::default()
            })
            .collect();
        let receipts = cut.receipts.into_iter();
        next.sinks = receipts
            .map(|(node, receipt)| SinkState {
                node: node.0,
                table: table(graph.node(node)),
                token: next.token.clone(),
                committables: receipt.committables.into_iter().map(|c| c.0).collect(),
                rows: receipt.rows,
                ..SinkState::default()
            })
            .collect();
        self.next = Some(next);
        Ok(())
    }

    pub(crate) async fn fence(&self) -> Result<Event> {
        let (current, boundary) = self.store.fence().await?;
        Ok(Event::Fence { current, boundary })
    }

    pub(crate) async fn create_manifest(&self) -> Result<Event> {
        Ok(outcome(self.store.create_manifest(self.next()?).await))
    }

    pub(crate) async fn read_manifest(&self) -> Result<Event> {
        let next = self.next()?;
        let found = self.store.find_manifest(&next.lineage, next.checkpoint);
        Ok(Event::Found(found.await?.map(|manifest| Content {
            token: manifest.token,
            aborted: false,
        })))
    }

    pub(crate) async fn create_committed(&self, checkpoint: u64) -> Result<Event> {
        let next = self.next()?;
        let content = Content {
            token: next.token.clone(),
            aborted: false,
        };
        let created = self
            .store
            .create_marker(&next.lineage, checkpoint, &content);
        Ok(outcome(created.await))
    }

    pub(crate) async fn read_committed(&self, checkpoint: u64) -> Result<Event> {
        let lineage = &self.next()?.lineage;
        let found = self.store.read_marker(lineage, checkpoint).await?;
        Ok(Event::Found(found))
    }

    pub(crate) async fn collect_garbage(&self) -> Result<()> {
        let checkpoint = self.next()?.checkpoint;
        if checkpoint % COLLECT_EVERY != 0 {
            return Ok(());
        }
        failpoint("gc.boundary")?;
        let held = self.plan.claim.lock().await;
        match &*held {
            Some(claim) => {
                let collected = self.store.collect_garbage(claim, self.retained, &[]);
                collected.await.map(|_| ())
            }
            None => Err(Error::internal("the checkpoint folder is not ours")),
        }
    }

    /// The checkpoint is committed: the next one builds on it, unless it was the last.
    pub(crate) fn committed(&mut self, warning: Option<String>, last: bool) {
        if let Some(warning) = warning {
            self.plan.options.tell(Notice::Warning(&warning));
        }
        if let Some(next) = self.next.take() {
            let committed = Committed::new(&self.store, next.clone(), &self.cache);
            self.newest.send_replace(Some(committed));
            self.base = next;
        }
        if !last {
            self.begin_compaction();
        }
    }

    fn next(&self) -> Result<&Manifest> {
        let next = self.next.as_ref();
        next.ok_or_else(|| Error::internal("no checkpoint is being committed"))
    }

    async fn upload_stages(
        &self,
        checkpoint: u64,
        stages: Vec<StageSnapshot>,
    ) -> Result<BTreeMap<NodeId, Vec<(u32, Option<StoredSnapshot>)>>> {
        let uploads = stages.into_iter().map(|stage| async move {
            let (node, subtask) = (stage.place.node, stage.place.subtask);
            let state = stage.state.filter(|_| !stage.finished);
            let Some(state) = state else {
                return Ok((node, subtask, None));
            };
            let writer = Writer {
                lineage: self.base.lineage.clone(),
                checkpoint,
                node: node.0,
                subtask,
            };
            let stored = self.store.put_snapshot(&writer, state).await?;
            Ok((node, subtask, Some(stored)))
        });
        let mut all: BTreeMap<NodeId, Vec<_>> = BTreeMap::new();
        for (node, subtask, stored) in together(uploads).await? {
            all.entry(node).or_default().push((subtask, stored));
        }
        Ok(all)
    }

    /// Merges state files behind the commits, one node after the other.
    fn begin_compaction(&mut self) {
        let policy = compaction_policy(&self.plan.environment.memory);
        let nodes = self.base.nodes.iter();
        let due = nodes.filter(|node| choose(&node.runs, &policy).is_some());
        let due: Vec<NodeState> = due.cloned().collect();
        if due.is_empty() || self.compacting.is_some() {
            return;
        }
        let store = self.store.clone();
        let lineage = self.base.lineage.clone();
        let checkpoint = self.base.checkpoint + 1;
        let options = run_options(&self.plan.environment.memory);
        self.compacting = Some(background(async move {
            let mut done = Vec::new();
            for node in due {
                let writer = Writer {
                    lineage: lineage.clone(),
                    checkpoint,
                    node: node.id,
                    subtask: u32::MAX,
                };
                let options = options.clone();
                let compacted = store.compact(&writer, &node, &policy, &options).await?;
                done.extend(compacted.map(|compacted| (node.id, compacted)));
            }
            Ok(done)
        }));
    }

    /// Lets the manifest refer to merged files if they are ready. A merge that failed is tried
    /// again behind the next commit: the files it would have replaced are still there.
    async fn take_compacted(&mut self, next: &mut Manifest) {
        let Some(ended) = Background::take_ended(&mut self.compacting).await else {
            return;
        };
        match ended {
            Ok(compacted) => {
                for (id, compaction) in compacted {
                    let node = next.nodes.iter_mut().find(|node| node.id == id);
                    if let Some(node) = node {
                        compaction.apply(next.checkpoint, node);
                    }
                }
            }
            Err(error) => {
                let text = format!("state files could not be merged: {error}");
                self.plan.options.tell(Notice::Warning(&text));
            }
        }
    }
}

/// Takes a node forward by what its subtasks have stored, `None` from those that have finished.
fn advance(state: &mut NodeState, mut stored: Vec<(u32, Option<StoredSnapshot>)>) -> Result<()> {
    stored.sort_by_key(|(subtask, _)| *subtask);
    state.finished = stored.iter().all(|(_, snapshot)| snapshot.is_none());
    // Operators write all of their blobs each time: older ones are of no use.
    state.blobs.clear();
    if state.finished {
        state.parallelism = stored.len() as u32;
        state.runs.clear();
        return Ok(());
    }
    let snapshots = stored.into_iter().map(|(_, s)| s.unwrap_or_default());
    state.advance(snapshots.collect())
}

fn node_state<'a>(manifest: &'a mut Manifest, node: &Node) -> &'a mut NodeState {
    let known = manifest
        .nodes
        .iter()
        .position(|state| state.id == node.id.0);
    let at = known.unwrap_or_else(|| {
        manifest.nodes.push(NodeState {
            id: node.id.0,
            title: title(node),
            ..NodeState::default()
        });
        manifest.nodes.len() - 1
    });
    &mut manifest.nodes[at]
}

fn table(node: &Node) -> String {
    match &node.kind {
        NodeKind::Source(source) => source.table.name.clone(),
        NodeKind::Sink(sink) => match &sink.target {
            SinkTarget::Table { table, .. } => table.name.clone(),
            SinkTarget::Collect => String::new(),
        },
        _ => ValuesTask::SPLIT.into(),
    }
}
