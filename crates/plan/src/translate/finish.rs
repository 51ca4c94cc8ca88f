//! What only the whole graph knows: the steps of watermarks, and who wants `-U`
//! ([`crate::changelog`]).

use millstream_core::id::NodeId;

use crate::changelog::infer;
use crate::graph::{JobGraph, OutputKind};
use crate::spec::{NodeKind, OverOrder, TimeAttribute, Window, gcd};

/// Step of a watermark nobody waits for; only people see it.
const IDLE_STEP_MS: i64 = 1_000;

/// Completes a graph whose nodes are all there.
pub(super) fn finish(graph: &mut JobGraph) {
    set_watermark_steps(graph);
    infer::complete(graph);
}

/// A watermark is passed on where it can close a window of some operator behind it.
fn set_watermark_steps(graph: &mut JobGraph) {
    for index in 0..graph.nodes.len() {
        let id = graph.nodes[index].id;
        let step = behind(graph, id)
            .into_iter()
            .map(|node| step_of(graph, node))
            .fold(0, gcd);
        let NodeKind::Watermark(spec) = &mut graph.nodes[index].kind else {
            continue;
        };
        if spec.step_ms == 0 {
            spec.step_ms = if step == 0 { IDLE_STEP_MS } else { step };
        }
    }
}

fn step_of(graph: &JobGraph, node: NodeId) -> i64 {
    if waits_for_rows(&graph.node(node).kind) {
        return IDLE_STEP_MS;
    }
    if let NodeKind::TemporalJoin(_) = &graph.node(node).kind {
        return IDLE_STEP_MS;
    }
    if let NodeKind::IntervalJoin(spec) = &graph.node(node).kind {
        return gcd(gcd(spec.lower, spec.upper), IDLE_STEP_MS);
    }
    let window = match &graph.node(node).kind {
        NodeKind::WindowAggregate(spec) if spec.time != TimeAttribute::Processing => &spec.window,
        NodeKind::WindowAssign(spec) if spec.time != TimeAttribute::Processing => &spec.window,
        _ => return 0,
    };
    // In some zone days begin at any quarter of an hour.
    let zoned = match &graph.node(node).kind {
        NodeKind::WindowAggregate(spec) => spec.zone.is_some(),
        NodeKind::WindowAssign(spec) => spec.zone.is_some(),
        _ => false,
    };
    match window {
        Window::Attached { .. } => 0,
        window if zoned => gcd(window.granularity(), 900_000),
        window => window.granularity(),
    }
}

/// True for nodes that put out each row once the watermark has come to its own time.
fn waits_for_rows(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::TimeSort(_) => true,
        NodeKind::Deduplicate(spec) => spec.time != TimeAttribute::Processing,
        NodeKind::Over(spec) => matches!(spec.order, OverOrder::Time(TimeAttribute::Event { .. })),
        _ => false,
    }
}

/// Every node whose rows depend on those of `id`, through main outputs.
fn behind(graph: &JobGraph, id: NodeId) -> Vec<NodeId> {
    let mut found = vec![id];
    for node in &graph.nodes {
        let reads = |found: &[NodeId]| {
            let mut main = node
                .inputs
                .iter()
                .filter(|input| input.output == OutputKind::Main);
            main.any(|input| found.contains(&input.from))
        };
        if reads(&found) {
            found.push(node.id);
        }
    }
    found
}
