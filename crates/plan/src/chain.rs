//! Chaining: nodes joined by `Forward` edges run in one task, one call after the other.
//!
//! A node joins the task of its input if that is its only input, the edge is `Forward`, both have
//! the same parallelism, and nobody else reads that input's main output. A sink behind a side
//! output is a task of its own.

use millstream_core::id::NodeId;

use crate::graph::{Exchange, JobGraph, Node, OutputKind};

/// The nodes of one task, in the order rows pass them; never empty.
pub type Chain = Vec<NodeId>;

/// Cuts a job graph into tasks, in topological order of their heads.
pub fn tasks(graph: &JobGraph) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for node in &graph.nodes {
        match chain_of_input(graph, node, &chains) {
            Some(index) => chains[index].push(node.id),
            None => chains.push(vec![node.id]),
        }
    }
    chains
}

fn chain_of_input(graph: &JobGraph, node: &Node, chains: &[Chain]) -> Option<usize> {
    let [input] = node.inputs.as_slice() else {
        return None;
    };
    let from = graph.node(input.from);
    let joins = input.exchange == Exchange::Forward
        && input.output == OutputKind::Main
        && from.parallelism == node.parallelism
        && main_readers(graph, input.from) == 1;
    joins.then(|| {
        chains
            .iter()
            .position(|chain| chain.last() == Some(&input.from))
    })?
}

fn main_readers(graph: &JobGraph, id: NodeId) -> usize {
    let inputs = graph.nodes.iter().flat_map(|node| &node.inputs);
    inputs
        .filter(|input| input.from == id && input.output == OutputKind::Main)
        .count()
}
