//! The job graph as text: what EXPLAIN shows.
//!
//! A tree from the sinks to their sources. Under each node stands what a person asks when a query
//! is slow, large or wrong: how rows come in, which changes go out, what is kept and what frees
//! it, what becomes of rows that cannot be used.
//!
//! ```text
//! [2] Sink(out)
//!     input      hash by k from [1]
//!     runs       parallelism 2, task 2
//! └─ [1] GroupAggregate
//!        keys       k
//!        state      1 accumulator per key; never freed
//! ```
//!
//! * A node that several others read is shown once; the others refer to it.
//! * Cost: linear in the graph. Long expressions and lists are cut, indentation is bounded.

mod details;
mod expr;
mod pattern;
mod ranked;

use std::collections::HashMap;

use millstream_core::id::NodeId;

pub use self::expr::text as expression;
use crate::chain;
use crate::graph::{JobGraph, Node, OutputKind, RuntimeMode};
use crate::spec::{NodeKind, SinkTarget, Window};

/// Levels that are indented; deeper ones stay at the margin of the last.
const INDENT_MAX: usize = 40;

/// The whole graph, sinks first.
pub fn text(graph: &JobGraph) -> String {
    let view = View::new(graph);
    let mode = match graph.mode {
        RuntimeMode::Streaming => "streaming",
        RuntimeMode::Batch => "batch",
    };
    let mut out = format!(
        "job '{}': {mode} mode, {} nodes in {} tasks, {} key groups\n",
        graph.name,
        graph.nodes.len(),
        view.tasks,
        graph.key_groups
    );
    let mut shown = vec![false; graph.nodes.len()];
    let (main, sides) = view.roots();
    for root in main.into_iter().chain(sides) {
        out.push('\n');
        view.tree(root, &mut shown, &mut out);
    }
    out
}

/// A node's name for people, such as `Source(bid)` or `TumbleAggregate`.
pub fn title(node: &Node) -> String {
    match &node.kind {
        NodeKind::Source(spec) => format!("Source({})", spec.table.name),
        NodeKind::Values(_) => "Values".into(),
        NodeKind::Calc(_) => "Calc".into(),
        NodeKind::Watermark(_) => "Watermark".into(),
        NodeKind::WindowAssign(spec) => format!("{}Assign", window_word(&spec.window)),
        NodeKind::WindowAggregate(spec) => format!("{}Aggregate", window_word(&spec.window)),
        NodeKind::GroupAggregate(_) => "GroupAggregate".into(),
        NodeKind::Join(_) => "Join".into(),
        NodeKind::IntervalJoin(_) => "IntervalJoin".into(),
        NodeKind::TemporalJoin(_) => "TemporalJoin".into(),
        NodeKind::Unnest(_) => "Unnest".into(),
        NodeKind::WindowJoin(_) => "WindowJoin".into(),
        NodeKind::Upsert(_) => "Upsert".into(),
        NodeKind::Rank(_) => "Rank".into(),
        NodeKind::Deduplicate(_) => "Deduplicate".into(),
        NodeKind::Over(_) => "Over".into(),
        NodeKind::Pattern(_) => "MatchRecognize".into(),
        NodeKind::Union => "Union".into(),
        NodeKind::Sort(_) => "Sort".into(),
        NodeKind::TimeSort(_) => "TimeSort".into(),
        NodeKind::Limit(_) => "Limit".into(),
        NodeKind::Sink(spec) => match &spec.target {
            SinkTarget::Table { table, .. } => format!("Sink({})", table.name),
            SinkTarget::Collect => "Collect".into(),
        },
    }
}

/// A kind of window with its lengths; `name` says what a column is called.
pub(crate) fn window_text(window: &Window, name: &dyn Fn(usize) -> String) -> String {
    details::window(window, &|columns| {
        let names: Vec<String> = columns.iter().map(|column| name(*column)).collect();
        names.join(", ")
    })
}

fn window_word(window: &Window) -> &'static str {
    match window {
        Window::Tumble { .. } => "Tumble",
        Window::Hop { .. } => "Hop",
        Window::Cumulate { .. } => "Cumulate",
        Window::Session { .. } => "Session",
        Window::Attached { .. } => "Window",
    }
}

/// A graph with what is asked of it again and again.
struct View<'a> {
    graph: &'a JobGraph,
    tasks: usize,
    /// The task of each node, from 1.
    task_of: Vec<usize>,
    /// Who reads each output.
    readers: HashMap<(NodeId, OutputKind), Vec<NodeId>>,
}

impl<'a> View<'a> {
    fn new(graph: &'a JobGraph) -> Self {
        let tasks = chain::tasks(graph);
        let mut task_of = vec![0; graph.nodes.len()];
        for (task, nodes) in tasks.iter().enumerate() {
            for node in nodes {
                task_of[node.0 as usize] = task + 1;
            }
        }
        let mut readers: HashMap<_, Vec<NodeId>> = HashMap::new();
        for node in &graph.nodes {
            for input in &node.inputs {
                let key = (input.from, input.output);
                readers.entry(key).or_default().push(node.id);
            }
        }
        View {
            graph,
            tasks: tasks.len(),
            task_of,
            readers,
        }
    }

    fn readers(&self, node: NodeId, output: OutputKind) -> &[NodeId] {
        self.readers
            .get(&(node, output))
            .map_or(&[], |readers| readers.as_slice())
    }

    /// The nodes nobody reads: those that show results, and those that show late and bad rows.
    fn roots(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let outputs = [OutputKind::Main, OutputKind::Late, OutputKind::DeadLetter];
        let unread = |node: &&Node| {
            let mut outputs = outputs.iter();
            outputs.all(|output| self.readers(node.id, *output).is_empty())
        };
        let is_main = |node: &&Node| {
            let mut inputs = node.inputs.iter();
            inputs.all(|input| input.output == OutputKind::Main)
        };
        let roots = self.graph.nodes.iter().filter(unread);
        let (main, sides): (Vec<&Node>, Vec<&Node>) = roots.partition(is_main);
        let ids = |nodes: Vec<&Node>| nodes.iter().map(|node| node.id).collect();
        (ids(main), ids(sides))
    }

    /// A node and everything it reads, with an explicit stack: graphs may be deep.
    fn tree(&self, root: NodeId, shown: &mut [bool], out: &mut String) {
        let mut open = vec![(0, root)];
        while let Some((depth, id)) = open.pop() {
            let node = self.graph.node(id);
            let margin = "   ".repeat(depth.min(INDENT_MAX));
            let branch = match depth {
                0 => String::new(),
                _ => format!("{}└─ ", &margin[3..]),
            };
            if std::mem::replace(&mut shown[id.0 as usize], true) {
                out.push_str(&format!(
                    "{branch}[{}] {}, shown above\n",
                    id.0,
                    title(node)
                ));
                continue;
            }
            out.push_str(&format!("{branch}[{}] {}\n", id.0, title(node)));
            for (word, words) in self.details(node) {
                out.push_str(&format!("{margin}    {word:<10} {words}\n"));
            }
            let inputs = node.inputs.iter().rev();
            open.extend(inputs.map(|input| (depth + 1, input.from)));
        }
    }
}

#[cfg(test)]
mod tests;
