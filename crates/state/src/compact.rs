//! Compaction: many small runs become few large ones, in the background.
//!
//! ```text
//! oldest                                              newest
//! [ 900 MiB ] [ 80 ] [ 80 ] [ 10 10 10 10 10 10 10 10 ] ─▶ [ 900 ] [ 80 ] [ 80 ] [ 78 ]
//! [ 900 MiB ] [ 640 ] [ 80 ] [ 80 ] … together 900 or more ─▶ [ 950 ]
//! ```
//!
//! * The unit is a *tier*: the runs of one checkpoint number, which stand side by side. Eight
//!   neighbouring tiers of similar size are merged. Once all newer tiers together are as large as
//!   the oldest, everything is: so at most about half of what is stored is out of date.
//! * Merging into the oldest tier drops deletions and dropped namespaces; elsewhere they are kept,
//!   for they must still hit what is older.
//! * Output runs are cut at 64 MiB, so each is one upload. Memory: one output run and the stretches
//!   of a merge.
//! * The result takes effect with the *next* manifest. Garbage collection leaves its files alone
//!   for [`AHEAD`] checkpoints; a result older than that is thrown away.
//! * Sources: O'Neil et al., 1996; the size-tiered strategy of Cassandra, the universal one of
//!   RocksDB.

use std::sync::Arc;

use hashbrown::HashSet;
use millstream_core::{Error, Result};
use tokio::sync::oneshot;

use crate::manifest::NodeState;
use crate::run::{Builder, Dropped, Keep, Merge, Next, Run, RunFile, RunMeta, RunOptions};
use crate::store::{JobStore, Writer};

/// How many checkpoints a compaction may take.
pub const AHEAD: u64 = 1000;

/// When runs are merged.
#[derive(Clone, Debug)]
pub struct Policy {
    /// So many neighbouring tiers of similar size are merged.
    pub tiers_min: usize,
    /// Similar: the largest is at most so many times the smallest.
    pub similar: u64,
    /// Tiers smaller than this count as this.
    pub small_bytes: u64,
    /// Newer tiers together may reach this part of the oldest, in percent.
    pub stale_percent: u64,
    /// More tiers than this are never left.
    pub tiers_max: usize,
    /// Output runs are cut at this many bytes before compression.
    pub run_bytes_max: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            tiers_min: 8,
            similar: 4,
            small_bytes: 64 << 10,
            stale_percent: 100,
            tiers_max: 32,
            run_bytes_max: 64 << 20,
        }
    }
}

/// The runs to merge, as a range of the list; `None` if it is good as it is.
pub fn choose(runs: &[RunMeta], policy: &Policy) -> Option<std::ops::Range<usize>> {
    let tiers = tiers(runs);
    let chosen = choose_tiers(&tiers, policy)?;
    Some(tiers[chosen.start].from..tiers[chosen.end - 1].to)
}

/// The runs of one checkpoint number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tier {
    from: usize,
    to: usize,
    bytes: u64,
}

fn tiers(runs: &[RunMeta]) -> Vec<Tier> {
    let mut tiers = Vec::new();
    let mut from = 0;
    for together in runs.chunk_by(|a, b| a.checkpoint == b.checkpoint) {
        let to = from + together.len();
        let bytes = together.iter().map(|run| run.size).sum();
        tiers.push(Tier { from, to, bytes });
        from = to;
    }
    tiers
}

fn choose_tiers(tiers: &[Tier], policy: &Policy) -> Option<std::ops::Range<usize>> {
    let least = policy.tiers_min.max(2);
    if tiers.len() < least {
        return None;
    }
    let newer: u64 = tiers[1..].iter().map(|tier| tier.bytes).sum();
    if newer >= tiers[0].bytes.saturating_mul(policy.stale_percent) / 100 {
        return Some(0..tiers.len());
    }
    let similar = (least..=tiers.len())
        .rev()
        .map(|end| similar_before(tiers, end, policy)..end)
        .find(|window| window.len() >= least);
    similar.or_else(|| {
        let many = tiers.len() > policy.tiers_max.max(least);
        many.then(|| tiers.len() - policy.tiers_max.max(least) / 2..tiers.len())
    })
}

/// The first of the tiers before `end` that are of similar size without a gap.
fn similar_before(tiers: &[Tier], end: usize, policy: &Policy) -> usize {
    let size = |tier: &Tier| tier.bytes.max(policy.small_bytes);
    let (mut least, mut most) = (u64::MAX, 0);
    let mut from = end;
    while from > 0 {
        let next = size(&tiers[from - 1]);
        least = least.min(next);
        most = most.max(next);
        if most > least.saturating_mul(policy.similar) {
            break;
        }
        from -= 1;
    }
    from
}

/// Runs that can stand in the place of others.
#[derive(Clone, Debug, PartialEq)]
pub struct Compaction {
    /// Names of the runs that were merged, in the order of the list.
    replaced: Vec<String>,
    /// What they became.
    runs: Vec<RunMeta>,
    /// The last checkpoint whose manifest may refer to the new runs first.
    until: u64,
    /// Stored bytes read.
    pub bytes_read: u64,
    /// Stored bytes written.
    pub bytes_written: u64,
}

impl Compaction {
    /// Puts the new runs into the list that goes into the manifest of `checkpoint`. False if the
    /// list does not hold the old ones any more, or it has taken too long.
    pub fn apply(&self, checkpoint: u64, node: &mut NodeState) -> bool {
        let len = self.replaced.len();
        let at = node
            .runs
            .windows(len.max(1))
            .position(|window| window.iter().map(|run| &run.path).eq(self.replaced.iter()));
        match at {
            Some(at) if checkpoint <= self.until => {
                node.runs.splice(at..at + len, self.runs.iter().cloned());
                true
            }
            _ => false,
        }
    }

    /// The new files; garbage collection must not touch them while this is not applied.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let stored = self.runs.iter().filter(|run| run.inline.is_none());
        stored.map(|run| run.path.as_str())
    }
}

impl JobStore {
    /// Merges some runs of a node if that is worth it. `writer` names the checkpoint being made.
    ///
    /// The merging runs on a thread that may be busy, and waits for the store from there.
    pub async fn compact(
        &self,
        writer: &Writer,
        node: &NodeState,
        policy: &Policy,
        options: &RunOptions,
    ) -> Result<Option<Compaction>> {
        let Some(chosen) = choose(&node.runs, policy) else {
            return Ok(None);
        };
        let keep = match chosen.start {
            0 => Keep::Live,
            _ => Keep::Deletions,
        };
        let part = NodeState {
            runs: node.runs[chosen].to_vec(),
            ..NodeState::default()
        };
        let opened = self.open_node(&part).await?;
        let job = Work {
            store: self.clone(),
            writer: writer.clone(),
            checkpoint: part
                .runs
                .iter()
                .map(|run| run.checkpoint)
                .max()
                .unwrap_or(0),
            keep,
            run_bytes_max: policy.run_bytes_max,
            block_bytes: options.block_bytes,
        };
        let handle = tokio::runtime::Handle::current();
        // Nobody can end a blocking thread: it looks at this whenever it waits, so that a merge nobody
        // wants any more does not outlive the runtime whose timers it uses.
        let (wanted, unwanted) = oneshot::channel::<()>();
        let merge = async move {
            tokio::select! {
                biased;
                _ = unwanted => Err(Error::internal("a merge was given up")),
                merged = job.merge(opened.runs()) => merged,
            }
        };
        let runs = tokio::task::spawn_blocking(move || handle.block_on(merge))
            .await
            .map_err(|e| Error::internal("a compaction did not end").caused_by(e))??;
        drop(wanted);
        let bytes = |runs: &[RunMeta]| runs.iter().map(|run| run.size).sum();
        Ok(Some(Compaction {
            bytes_read: bytes(&part.runs),
            bytes_written: bytes(&runs),
            replaced: part.runs.into_iter().map(|run| run.path).collect(),
            runs,
            until: writer.checkpoint + AHEAD - 1,
        }))
    }
}

/// One compaction at work.
struct Work {
    store: JobStore,
    writer: Writer,
    /// Of the newest run merged.
    checkpoint: u64,
    keep: Keep,
    run_bytes_max: u64,
    block_bytes: usize,
}

impl Work {
    async fn merge(self, runs: &[Arc<Run>]) -> Result<Vec<RunMeta>> {
        let mut merge = Merge::keeping(runs, 0, u16::MAX, self.keep);
        // They stand in the first output run: they hit what is older and none of the others.
        let mut drops = match self.keep {
            Keep::Live => Vec::new(),
            Keep::Deletions => drops_of(runs),
        };
        let mut written = Vec::new();
        let mut builder = self.builder()?;
        loop {
            match merge.advance()? {
                Next::Entry => {
                    let (key, value) = merge.entry();
                    builder.push(&key, value)?;
                }
                Next::Bytes => merge.fetch().await?,
                Next::End => break,
            }
            if builder.raw_bytes() >= self.run_bytes_max {
                let full = std::mem::replace(&mut builder, self.builder()?);
                let file = full.finish(std::mem::take(&mut drops))?;
                written.push(self.put(file).await?);
            }
        }
        let last = builder.finish(drops)?;
        if last.meta.entries > 0 || last.meta.drops > 0 {
            written.push(self.put(last).await?);
        }
        Ok(written)
    }

    fn builder(&self) -> Result<Builder> {
        Builder::new(self.checkpoint, self.block_bytes, None)
    }

    async fn put(&self, file: RunFile) -> Result<RunMeta> {
        let until = self.writer.checkpoint + AHEAD;
        self.store.put_run_until(&self.writer, until, file).await
    }
}

/// What the runs drop in older ones, each once; neighbouring key groups become one range.
fn drops_of(runs: &[Arc<Run>]) -> Vec<Dropped> {
    let mut seen = HashSet::new();
    let mut drops: Vec<Dropped> = runs
        .iter()
        .flat_map(|run| &run.footer().drops)
        .filter(|drop| {
            seen.insert((
                drop.table,
                drop.namespace,
                drop.first_group,
                drop.last_group,
            ))
        })
        .copied()
        .collect();
    drops.sort_unstable();
    let mut joined: Vec<Dropped> = Vec::with_capacity(drops.len());
    for drop in drops {
        match joined.last_mut() {
            Some(last)
                if (last.table, last.namespace) == (drop.table, drop.namespace)
                    && u32::from(drop.first_group) <= u32::from(last.last_group) + 1 =>
            {
                last.last_group = last.last_group.max(drop.last_group);
            }
            _ => joined.push(drop),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
