//! The edges of a job: an inbox for every subtask that reads, a lane for each that sends to it.

use std::sync::Arc;

use millstream_core::id::Port;
use millstream_plan::chain::Chain as Nodes;
use millstream_plan::{Exchange, Node, OutputKind};

use super::Wiring;
use crate::exchange::inbox::{Inbox, Sender};
use crate::exchange::partition::Partitioner;
use crate::exchange::{Edge, Route};
use crate::memory::lane_bytes;

/// The receiving end of one subtask and the port of each of its lanes.
pub(super) struct Mouth {
    /// Where its messages come in.
    pub(super) inbox: Inbox,
    /// The port of each lane.
    pub(super) ports: Vec<Port>,
}

impl Wiring<'_> {
    /// Makes the inbox of every subtask and the edges that lead there. No inbox for sources.
    pub(super) fn lay_edges(&mut self, chains: &[Nodes]) -> Vec<Vec<Option<Mouth>>> {
        let bytes_max = lane_bytes(
            self.lanes(chains),
            self.environment.exchange_bytes,
            self.environment.memory.limit(),
        );
        let mut all = Vec::with_capacity(chains.len());
        for nodes in chains {
            let head = self.graph.node(nodes[0]);
            let mut mouths: Vec<Mouth> = (0..head.parallelism)
                .map(|_| Mouth {
                    inbox: Inbox::new(bytes_max),
                    ports: Vec::new(),
                })
                .collect();
            for port in 0..head.inputs.len() {
                self.lay_input(head, port, &mut mouths);
            }
            let has_inbox = !head.inputs.is_empty();
            all.push(mouths.into_iter().map(|m| has_inbox.then_some(m)).collect());
        }
        all
    }

    /// Number of lanes in the whole job.
    fn lanes(&self, chains: &[Nodes]) -> usize {
        let mut lanes = 0;
        for nodes in chains {
            let head = self.graph.node(nodes[0]);
            for input in &head.inputs {
                let from = self.graph.node(input.from).parallelism as usize;
                lanes += match input.exchange {
                    Exchange::Forward => from,
                    _ => from * head.parallelism as usize,
                };
            }
        }
        lanes
    }

    fn lay_input(&mut self, head: &Node, port: usize, mouths: &mut [Mouth]) {
        let input = &head.inputs[port];
        let from = self.graph.node(input.from);
        for subtask in 0..from.parallelism {
            let readers = (input.output == OutputKind::Main)
                .then(|| Arc::clone(self.readers.entry((from.id, subtask)).or_default()));
            let mut lane = |mouth: &mut Mouth| {
                mouth.ports.push(Port(port as u32));
                mouth.inbox.sender(readers.as_ref())
            };
            let senders: Vec<Sender> = match input.exchange {
                Exchange::Forward => vec![lane(&mut mouths[subtask as usize])],
                _ => mouths.iter_mut().map(&mut lane).collect(),
            };
            let route = self.route(&input.exchange, subtask, head.parallelism);
            let key = (from.id, input.output, subtask);
            let edges = self.edges.entry(key).or_default();
            edges.push(Edge::new(route, senders));
        }
    }

    fn route(&self, exchange: &Exchange, subtask: u32, parallelism: u32) -> Route {
        match exchange {
            Exchange::Forward | Exchange::Single => Route::Direct,
            // Senders start at different readers, so that small inputs spread too.
            Exchange::Rebalance => Route::Rebalance {
                next: (subtask % parallelism) as usize,
            },
            Exchange::Hash(columns) => Route::Hash(Partitioner::new(
                columns.clone(),
                self.graph.key_groups,
                parallelism,
            )),
        }
    }
}
