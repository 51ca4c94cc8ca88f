//! The graph of a job with another number of subtasks, for rehearsals of crashes.

use millstream_plan::JobGraph;

/// The same job, with `parallelism` subtasks wherever there are as many as anywhere.
pub(crate) fn rescaled(graph: &JobGraph, parallelism: u32) -> JobGraph {
    let most = graph.nodes.iter().map(|node| node.parallelism).max();
    let mut graph = graph.clone();
    for node in &mut graph.nodes {
        if Some(node.parallelism) == most && most > Some(1) {
            node.parallelism = parallelism.max(1);
        }
    }
    graph
}
