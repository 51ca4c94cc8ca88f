//! The job graph: nodes and the edges between them. Plain data, in topological order.

use arrow::datatypes::SchemaRef;
use millstream_core::id::NodeId;

use crate::changelog::ChangelogMode;
use crate::settings::JobSettings;
use crate::spec::NodeKind;

/// One job: what a statement (or a statement set) runs.
///
/// Nodes are in topological order: the inputs of a node come before it, and `nodes[i].id` is `i`.
#[derive(Clone, Debug)]
pub struct JobGraph {
    /// A name for people.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Number of key groups; the upper limit of any keyed node's parallelism.
    pub key_groups: u32,
    /// Streaming or batch.
    pub mode: RuntimeMode,
    /// Most rows in one batch.
    pub batch_rows: usize,
    /// How it lives: checkpoints, restarts.
    pub settings: JobSettings,
}

/// `execution.runtime-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RuntimeMode {
    /// Results are updated as rows come.
    #[default]
    Streaming,
    /// All input is bounded; one final result.
    Batch,
}

/// One step of a job.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its number, and its place in the list.
    pub id: NodeId,
    /// What it does.
    pub kind: NodeKind,
    /// Where its rows come from, by port.
    pub inputs: Vec<Input>,
    /// Columns of its main output. Names are unique within a schema: expressions refer to them.
    pub schema: SchemaRef,
    /// Number of subtasks; at least 1.
    pub parallelism: u32,
    /// Changes of its main output.
    pub changelog: ChangelogMode,
    /// Positions of output columns that identify a row of the result; `None` if unknown.
    pub upsert_key: Option<Vec<usize>>,
}

/// An edge, seen from its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The node it comes from.
    pub from: NodeId,
    /// Which of its outputs.
    pub output: OutputKind,
    /// How rows find their subtask.
    pub exchange: Exchange,
}

/// The outputs a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// Its results.
    Main,
    /// Rows it dropped as late, as `side::late_schema`.
    Late,
    /// Records its source could not use, as `side::dead_letter_schema`.
    DeadLetter,
}

/// How rows find their subtask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Subtask i to subtask i; both sides have the same parallelism. Such nodes share a task.
    Forward,
    /// By the key group of these columns.
    Hash(Vec<usize>),
    /// In turn, to even out the load.
    Rebalance,
    /// Everything to the only subtask.
    Single,
}

impl JobGraph {
    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Appends a node whose inputs are already there and returns its id.
    pub fn add(&mut self, kind: NodeKind, inputs: Vec<Input>, out: NodeOutput) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            id,
            kind,
            inputs,
            schema: out.schema,
            parallelism: out.parallelism,
            changelog: out.changelog,
            upsert_key: out.upsert_key,
        });
        id
    }
}

/// What a new node puts out; see the fields of [`Node`].
#[derive(Clone, Debug)]
pub struct NodeOutput {
    /// Columns of the main output.
    pub schema: SchemaRef,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Changes of the main output.
    pub changelog: ChangelogMode,
    /// What identifies a row.
    pub upsert_key: Option<Vec<usize>>,
}
