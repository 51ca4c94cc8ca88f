//! Counters of a running job, shared by those who count and those who show.
//!
//! Nothing here locks on the hot path: a task holds the [`Arc`] of its counters and adds once per
//! batch. Names in exports are the field names with their unit.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::{NodeId, SplitId};
use crate::time::EventTime;

/// Counters of one node, summed over its subtasks.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    /// Rows that came in.
    pub rows_in: AtomicU64,
    /// Rows that went out.
    pub rows_out: AtomicU64,
    /// Rows dropped as late here.
    pub late_rows: AtomicU64,
    /// Rows taken back that had never come: they changed nothing.
    pub unseen_rows: AtomicU64,
    /// Time spent in the operators, nanoseconds.
    pub busy_nanos: AtomicU64,
}

/// Counters of one split.
#[derive(Debug)]
pub struct SplitMetrics {
    /// The source node it belongs to.
    pub node: NodeId,
    /// Its number.
    pub split: SplitId,
    /// The table it is a part of.
    pub table: String,
    /// Its name: a path, a partition.
    pub name: String,
    /// Rows read and decoded.
    pub rows: AtomicU64,
    /// Records that could not be used.
    pub bad_records: AtomicU64,
    /// Rows of it that some operator dropped as late.
    pub late_rows: AtomicU64,
    /// Largest watermark, ms; `i64::MIN` before the first.
    pub watermark: AtomicI64,
    /// True once it is read to its end.
    pub finished: std::sync::atomic::AtomicBool,
}

/// All counters of one job.
#[derive(Debug, Default)]
pub struct JobMetrics {
    nodes: Mutex<Vec<(NodeId, String, Arc<NodeMetrics>)>>,
    splits: Mutex<Splits>,
}

#[derive(Debug, Default)]
struct Splits {
    all: BTreeMap<u32, Arc<SplitMetrics>>,
    ids: HashMap<(NodeId, String), SplitId>,
}

impl JobMetrics {
    /// The counters of a node, made at the first call.
    pub fn node(&self, id: NodeId, name: &str) -> Arc<NodeMetrics> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, found)) = nodes.iter().find(|(node, _, _)| *node == id) {
            return Arc::clone(found);
        }
        let made = Arc::new(NodeMetrics::default());
        nodes.push((id, name.to_string(), Arc::clone(&made)));
        made
    }

    /// The counters of a split, made at the first call under the next free id.
    pub fn add_split(&self, node: NodeId, table: &str, name: &str) -> Arc<SplitMetrics> {
        let mut splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        let known = splits.ids.get(&(node, name.to_string())).copied();
        let next = || splits.all.last_key_value().map_or(0, |(id, _)| id + 1);
        let id = known.unwrap_or_else(|| SplitId(next()));
        splits.make(id, node, table, name)
    }

    /// The counters of a split of a checkpoint, under the id it had there.
    pub fn restore_split(
        &self,
        id: SplitId,
        node: NodeId,
        table: &str,
        name: &str,
    ) -> Arc<SplitMetrics> {
        let mut splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        splits.make(id, node, table, name)
    }

    /// The counters of a split.
    pub fn split(&self, id: SplitId) -> Option<Arc<SplitMetrics>> {
        let splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        splits.all.get(&id.0).cloned()
    }

    /// Every split so far, in the order of discovery.
    pub fn splits(&self) -> Vec<Arc<SplitMetrics>> {
        let splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        splits.all.values().cloned().collect()
    }

    /// Every node with its name, in the order of creation.
    pub fn nodes(&self) -> Vec<(NodeId, String, Arc<NodeMetrics>)> {
        self.nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Splits {
    fn make(&mut self, id: SplitId, node: NodeId, table: &str, name: &str) -> Arc<SplitMetrics> {
        if let Some(found) = self.all.get(&id.0)
            && found.node == node
            && found.name == name
        {
            return Arc::clone(found);
        }
        let made = Arc::new(SplitMetrics {
            node,
            split: id,
            table: table.to_string(),
            name: name.to_string(),
            rows: AtomicU64::new(0),
            bad_records: AtomicU64::new(0),
            late_rows: AtomicU64::new(0),
            watermark: AtomicI64::new(i64::MIN),
            finished: false.into(),
        });
        self.all.insert(id.0, Arc::clone(&made));
        self.ids.insert((node, name.to_string()), id);
        made
    }
}

impl SplitMetrics {
    /// The watermark of this split.
    pub fn watermark(&self) -> EventTime {
        EventTime(self.watermark.load(Ordering::Relaxed))
    }
}
