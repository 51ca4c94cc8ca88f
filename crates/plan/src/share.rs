//! What several parts of a job compute alike is computed once.
//!
//! ```text
//! Source(bid: a, t) ─▶ Watermark ─▶ …              ┌─▶ Calc(a, t) ─▶ …
//!                                      becomes     │
//! Source(bid: b, t) ─▶ Watermark ─▶ …     Source(bid: a, t, b) ─▶ Watermark ─┴─▶ Calc(b, t) ─▶ …
//! ```
//!
//! * First, sources of the same table that read different columns become one that reads all of them,
//!   together with the watermark behind it; each reader gets its own columns from a calc.
//! * Then, from the sources down, a node that does the same with the same inputs as one before it is
//!   dropped, and its readers read the other.
//! * A calc that gives another value each time (`RAND()`) is only the same as itself. Sinks are never
//!   merged.
//!
//! So a statement set, a self-join and the copies of GROUPING SETS read a table once, as in Flink
//! (`table.optimizer.reuse-source-enabled`, `reuse-sub-plan-enabled`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion_expr::Expr;
use millstream_core::id::NodeId;

use crate::graph::{Exchange, Input, JobGraph, Node, NodeOutput, OutputKind};
use crate::spec::{CalcSpec, NodeKind, SourceSpec, WatermarkSpec};
use crate::translate::column;

/// Merges what is alike.
pub(crate) fn share(graph: &mut JobGraph) {
    widen(graph);
    merge(graph);
}

/// Sources of one table that read different columns.
struct Group {
    sources: Vec<NodeId>,
    /// The watermark behind each, if the table has one.
    watermarks: Vec<NodeId>,
    /// What reads the columns of all of them.
    spec: SourceSpec,
    schema: SchemaRef,
    made: Option<Made>,
}

/// What stands for a group.
#[derive(Clone, Copy)]
struct Made {
    source: NodeId,
    watermark: Option<NodeId>,
}

/// The graph while it is built anew.
struct Builder {
    graph: JobGraph,
    /// What the main output of an old node is now.
    main: HashMap<NodeId, NodeId>,
    /// What its side outputs are now.
    side: HashMap<NodeId, NodeId>,
}

/// Makes sources of the same table read the same columns.
fn widen(graph: &mut JobGraph) {
    let mut groups = groups(graph);
    if groups.is_empty() {
        return;
    }
    let old = std::mem::take(&mut graph.nodes);
    let mut builder = Builder::new(graph);
    for node in &old {
        let source = groups.iter_mut().find(|g| g.sources.contains(&node.id));
        if let Some(group) = source {
            let made = builder.source(group, node);
            builder.side.insert(node.id, made.source);
            let id = match group.watermarks.is_empty() {
                true => builder.narrow(made.source, node),
                false => made.source,
            };
            builder.main.insert(node.id, id);
            continue;
        }
        let watermark = groups.iter_mut().find(|g| g.watermarks.contains(&node.id));
        match watermark {
            Some(group) => {
                let wide = builder.watermark(group, node);
                let narrow = builder.narrow(wide, node);
                builder.side.insert(node.id, wide);
                builder.main.insert(node.id, narrow);
            }
            None => builder.copy(node),
        }
    }
    *graph = builder.graph;
}

/// Groups of sources worth making one.
fn groups(graph: &JobGraph) -> Vec<Group> {
    let mut found: Vec<(SourceSpec, u32, Vec<NodeId>)> = Vec::new();
    for node in &graph.nodes {
        let NodeKind::Source(spec) = &node.kind else {
            continue;
        };
        let bare = SourceSpec {
            projection: Vec::new(),
            ..spec.clone()
        };
        let same = |(other, parallelism, _): &&mut (SourceSpec, u32, Vec<NodeId>)| {
            *parallelism == node.parallelism && *other == bare
        };
        match found.iter_mut().find(same) {
            Some((_, _, sources)) => sources.push(node.id),
            None => found.push((bare, node.parallelism, vec![node.id])),
        }
    }
    let several = found
        .into_iter()
        .filter(|(_, _, sources)| sources.len() > 1);
    several
        .filter_map(|(bare, _, sources)| group(graph, bare, sources))
        .collect()
}

/// The group of some sources; `None` if they are the same already, or their watermarks differ.
fn group(graph: &JobGraph, bare: SourceSpec, sources: Vec<NodeId>) -> Option<Group> {
    let mut projection: Vec<usize> = Vec::new();
    let mut fields = Vec::new();
    let mut differ = false;
    for source in &sources {
        let node = graph.node(*source);
        let NodeKind::Source(spec) = &node.kind else {
            return None;
        };
        differ |= source != &sources[0] && spec.projection != projection;
        for (column, field) in spec.projection.iter().zip(node.schema.fields()) {
            if !projection.contains(column) {
                projection.push(*column);
                fields.push(Arc::clone(field));
            }
        }
    }
    let watermarks = watermarks(graph, &sources)?;
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let names: HashSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let is_plain = names.len() == schema.fields().len();
    (differ && is_plain).then_some(Group {
        sources,
        watermarks,
        spec: SourceSpec { projection, ..bare },
        schema,
        made: None,
    })
}

/// The watermark behind each source: none at all, or one each and all alike.
fn watermarks(graph: &JobGraph, sources: &[NodeId]) -> Option<Vec<NodeId>> {
    let mut found: Vec<NodeId> = Vec::new();
    for source in sources {
        let readers = graph.nodes.iter().filter(|node| {
            let mut inputs = node.inputs.iter();
            inputs.any(|i| i.from == *source && i.output == OutputKind::Main)
        });
        let readers: Vec<&Node> = readers.collect();
        match readers.as_slice() {
            [one] if matches!(one.kind, NodeKind::Watermark(_)) => found.push(one.id),
            others
                if others
                    .iter()
                    .any(|n| matches!(n.kind, NodeKind::Watermark(_))) =>
            {
                return None;
            }
            _ => {}
        }
    }
    let Some(first) = found.first() else {
        return Some(found);
    };
    let meaning = |id: &NodeId| match &graph.node(*id).kind {
        NodeKind::Watermark(spec) => {
            let name = graph.node(*id).schema.field(spec.column).name().clone();
            Some((
                name,
                WatermarkSpec {
                    column: 0,
                    ..spec.clone()
                },
            ))
        }
        _ => None,
    };
    let wanted = meaning(first);
    let is_same = found.len() == sources.len() && found.iter().all(|id| meaning(id) == wanted);
    is_same.then_some(found)
}

impl Builder {
    /// An empty graph of the same job.
    fn new(of: &JobGraph) -> Self {
        Builder {
            graph: JobGraph {
                nodes: Vec::new(),
                ..of.clone()
            },
            main: HashMap::new(),
            side: HashMap::new(),
        }
    }

    /// The source that reads what all of a group read.
    fn source(&mut self, group: &mut Group, node: &Node) -> Made {
        if let Some(made) = group.made {
            return made;
        }
        let output = output(node, &group.schema);
        let kind = NodeKind::Source(group.spec.clone());
        let made = Made {
            source: self.graph.add(kind, Vec::new(), output),
            watermark: None,
        };
        group.made = Some(made);
        made
    }

    /// The watermark behind the source of a group.
    fn watermark(&mut self, group: &mut Group, node: &Node) -> NodeId {
        let made = self.source(group, node);
        if let Some(watermark) = made.watermark {
            return watermark;
        }
        let kind = match &node.kind {
            NodeKind::Watermark(spec) => {
                let name = node.schema.field(spec.column).name();
                let column = group.schema.index_of(name).unwrap_or(spec.column);
                NodeKind::Watermark(WatermarkSpec {
                    column,
                    ..spec.clone()
                })
            }
            other => other.clone(),
        };
        let input = forward(made.source);
        let output = output(node, &group.schema);
        let watermark = self.graph.add(kind, vec![input], output);
        group.made = Some(Made {
            watermark: Some(watermark),
            ..made
        });
        watermark
    }

    /// The columns of an old node, taken from a wider one.
    fn narrow(&mut self, from: NodeId, old: &Node) -> NodeId {
        let fields = old.schema.fields().iter();
        let spec = CalcSpec {
            filter: None,
            projection: fields.map(|field| column(field.name())).collect(),
            uses_now: false,
        };
        let output = output(old, &old.schema);
        let kind = NodeKind::Calc(spec);
        self.graph.add(kind, vec![forward(from)], output)
    }

    /// A node as it was.
    fn copy(&mut self, node: &Node) {
        let inputs = self.inputs(node);
        let output = output(node, &node.schema);
        let id = self.graph.add(node.kind.clone(), inputs, output);
        self.is_now(node.id, id);
    }

    fn is_now(&mut self, old: NodeId, new: NodeId) {
        self.main.insert(old, new);
        self.side.insert(old, new);
    }

    /// The inputs of an old node; a side output is read once, however many had it.
    fn inputs(&self, node: &Node) -> Vec<Input> {
        let mut inputs: Vec<Input> = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let map = match input.output {
                OutputKind::Main => &self.main,
                OutputKind::Late | OutputKind::DeadLetter => &self.side,
            };
            let input = Input {
                from: map[&input.from],
                ..input.clone()
            };
            if input.output == OutputKind::Main || !inputs.contains(&input) {
                inputs.push(input);
            }
        }
        inputs
    }
}

/// Drops nodes that do what another one does already.
fn merge(graph: &mut JobGraph) {
    let old = std::mem::take(&mut graph.nodes);
    let mut builder = Builder::new(graph);
    for node in &old {
        let inputs = builder.inputs(node);
        let same = builder.graph.nodes.iter().find(|known| {
            may_merge(&known.kind)
                && known.kind == node.kind
                && known.inputs == inputs
                && known.schema == node.schema
                && known.parallelism == node.parallelism
        });
        match same.map(|known| known.id) {
            Some(known) => builder.is_now(node.id, known),
            None => builder.copy(node),
        }
    }
    *graph = builder.graph;
}

/// True if two such nodes over the same inputs put out the same.
fn may_merge(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::Sink(_) => false,
        NodeKind::Calc(spec) => {
            let mut exprs = spec.filter.iter().chain(&spec.projection);
            !exprs.any(Expr::is_volatile)
        }
        _ => true,
    }
}

fn output(node: &Node, schema: &SchemaRef) -> NodeOutput {
    NodeOutput {
        schema: SchemaRef::clone(schema),
        parallelism: node.parallelism,
        changelog: node.changelog,
        upsert_key: node.upsert_key.clone(),
    }
}

fn forward(from: NodeId) -> Input {
    Input {
        from,
        output: OutputKind::Main,
        exchange: Exchange::Forward,
    }
}
