//! What the state of each node means, so that it can be found again after the SQL has changed.
//!
//! ```text
//! old JobGraph ─ identify ─▶ in the checkpoint's manifest ─┐
//!                                                         ├─ compare ─▶ Diff: which state goes where
//! new JobGraph ─ identify ─────────────────────────────────┘
//! ```
//!
//! * [`identify`] gives each node an identity: a uid, a fingerprint, and the [`Facet`]s it is made
//!   of. A facet is one thing the node's state depends on: a key, an aggregate, a window.
//! * *Decisive* facets say what the stored bytes mean; the fingerprint is a hash over them. *Doubtful*
//!   ones (which rows reach an aggregate) may change while the bytes keep their meaning: state is
//!   kept, but only if the owner agrees.
//! * Not in it: names of columns and of the job, parallelism, batch sizes, how many nodes a
//!   calculation is spread over, what happens behind the node.
//! * Always: the same SQL gives the same identities, in every process and release. What is hashed is
//!   canonical text (see [`Digest`]) that is spelt out here, never `Debug` of a library. What DataFusion's
//!   optimiser makes of an expression may still change with its release; fixtures in the tests show it.
//! * Cost: linear in the graph and its expressions.
//!
//! Idea: Merkle trees over plans, as in Apache Flink's compiled plans (FLIP-190) and the node hashes
//! of its job graph; here over meaning instead of topology.

mod diff;
mod digest;
mod expr;
mod facets;
mod lineage;
mod literal;
mod pattern;
mod ranked;
mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

pub use self::diff::{Diff, Kept, Lost, Refused, compare};
use self::digest::Canon;
pub use self::digest::Digest;
use self::lineage::Lineages;
use crate::explain;
use crate::graph::{JobGraph, Node};

/// The version of the text [`encode`] writes.
const VERSION: u32 = 1;

/// What a node keeps in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// What it remembers between rows.
    State,
    /// How far it has read.
    Positions,
    /// What it has written and not yet made visible.
    Output,
}

/// Who a node is, across changes of its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// Its number in the graph.
    pub id: u32,
    /// Its name across changes of the query: unique in the graph, made of letters, digits and `-`.
    pub uid: String,
    /// Its name for people.
    pub title: String,
    /// What it keeps.
    pub keeps: Keeps,
    /// What its state means: a hash over its decisive facets and its kind.
    pub fingerprint: String,
    /// What its state depends on, in an order that matters.
    pub facets: Vec<Facet>,
    /// The nodes it reads.
    pub inputs: Vec<u32>,
}

/// One thing a node's state depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// What it is: `key`, `aggregate`, `window`.
    pub kind: String,
    /// It, for people.
    pub text: String,
    /// It, for comparison.
    pub digest: Digest,
    /// True if the state means nothing without it.
    pub decisive: bool,
}

impl Facet {
    fn decisive(kind: &str, text: String, digest: Digest) -> Self {
        Facet {
            kind: kind.to_owned(),
            text,
            digest,
            decisive: true,
        }
    }

    fn doubtful(kind: &str, text: String, digest: Digest) -> Self {
        Facet {
            decisive: false,
            ..Facet::decisive(kind, text, digest)
        }
    }
}

/// True if a node remembers something between rows. Sources and sinks do not in this sense: they
/// keep positions and output.
pub fn is_stateful(node: &Node) -> bool {
    facets::keeps(&node.kind) == Keeps::State
}

/// The identity of every node, in the order of the graph.
pub fn identify(graph: &JobGraph) -> Vec<NodeIdentity> {
    let lineages = Lineages::of(graph);
    let mut taken: HashMap<String, u32> = HashMap::new();
    let identities = graph.nodes.iter().map(|node| {
        let word = facets::word(&node.kind);
        let facets = facets::facets(node, &lineages);
        let decisive = facets.iter().filter(|facet| facet.decisive);
        let fingerprint = decisive
            .fold(Canon::new(word), |canon, facet| {
                canon.text(&facet.kind).part(facet.digest)
            })
            .digest()
            .to_string();
        let uid = format!("{word}-{fingerprint}");
        let times = taken.entry(uid.clone()).or_default();
        *times += 1;
        NodeIdentity {
            id: node.id.0,
            uid: match *times {
                1 => uid,
                more => format!("{uid}-{more}"),
            },
            title: explain::title(node),
            keeps: facets::keeps(&node.kind),
            fingerprint,
            facets,
            inputs: node.inputs.iter().map(|input| input.from.0).collect(),
        }
    });
    identities.collect()
}

/// The fingerprint of a whole job: two jobs with the same one need no comparison.
pub fn of_job(identities: &[NodeIdentity]) -> String {
    let nodes = identities.iter().map(|node| {
        let canon = Canon::new("node").text(&node.uid);
        canon
            .parts(node.facets.iter().map(|facet| facet.digest))
            .digest()
    });
    Canon::new("job").parts(nodes).digest().to_string()
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    nodes: &'a [NodeIdentity],
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    nodes: Vec<NodeIdentity>,
}

/// Identities as one text, for a manifest.
pub fn encode(identities: &[NodeIdentity]) -> Result<String> {
    let written = Written {
        version: VERSION,
        nodes: identities,
    };
    serde_json::to_string(&written)
        .map_err(|e| Error::internal("cannot write down the nodes of the job").caused_by(e))
}

/// The identities in a text that [`encode`] has written.
///
/// # Errors
/// `CheckpointMismatch` if a newer release has written it, `CheckpointDamaged` if nobody has.
pub fn decode(text: &str) -> Result<Vec<NodeIdentity>> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let damaged = |error: serde_json::Error| {
        let message = format!("the list of nodes in the checkpoint cannot be read: {error}");
        Error::new(Code::CheckpointDamaged, message)
    };
    let Version { version } = serde_json::from_str(text).map_err(damaged)?;
    if version > VERSION {
        let message = format!(
            "the list of nodes in the checkpoint has version {version}; this release reads versions \
             up to {VERSION}"
        );
        return Err(Error::new(Code::CheckpointMismatch, message)
            .hint("use the release that wrote the checkpoint, or a newer one"));
    }
    let read: Read = serde_json::from_str(text).map_err(damaged)?;
    debug_assert_eq!(read.version, version);
    Ok(read.nodes)
}
