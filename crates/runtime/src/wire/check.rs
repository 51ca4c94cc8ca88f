//! Refuses graphs that break the promises of `millstream_plan::graph`: a planner's defect must not
//! become a panic or a hang.

use millstream_core::{Error, Result};
use millstream_plan::{Exchange, JobGraph, Node, NodeKind, SinkTarget};

use super::{input_schema, name};

/// Refuses a broken graph.
pub(super) fn check(graph: &JobGraph) -> Result<()> {
    let wrong = |node: &Node, what: &str| {
        let name = name(node);
        Err(Error::internal(format!(
            "job '{}': node {name} {what}",
            graph.name
        )))
    };
    if graph.nodes.is_empty() {
        return Err(Error::internal(format!(
            "job '{}' has no nodes",
            graph.name
        )));
    }
    for (position, node) in graph.nodes.iter().enumerate() {
        if node.id.0 as usize != position {
            return wrong(node, "is not at the place its id says");
        }
        if node.parallelism == 0 {
            return wrong(node, "has no subtasks");
        }
        let is_head = matches!(node.kind, NodeKind::Source(_) | NodeKind::Values(_));
        if is_head != node.inputs.is_empty() {
            return wrong(node, "has the wrong number of inputs");
        }
        if let NodeKind::Sink(spec) = &node.kind
            && let [input] = node.inputs.as_slice()
            && input.from.0 < node.id.0
        {
            let width = input_schema(graph, input).fields().len();
            if spec.not_null.iter().any(|column| *column >= width) {
                return wrong(node, "checks a column its input does not have");
            }
            if matches!(spec.target, SinkTarget::Collect) && node.parallelism != 1 {
                return wrong(node, "hands over results from more than one subtask");
            }
        }
        for input in &node.inputs {
            if input.from.0 >= node.id.0 {
                return wrong(node, "reads a node behind itself");
            }
            let from = graph.node(input.from);
            if input.exchange == Exchange::Forward && from.parallelism != node.parallelism {
                return wrong(
                    node,
                    "reads forward from a node with another number of subtasks",
                );
            }
            if let Exchange::Hash(columns) = &input.exchange {
                let width = input_schema(graph, input).fields().len();
                if columns.iter().any(|column| *column >= width) {
                    return wrong(node, "is keyed by a column its input does not have");
                }
            }
        }
    }
    Ok(())
}
