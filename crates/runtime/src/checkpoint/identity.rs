//! Fits a checkpoint to the job that is to go on from it, when the job's SQL may have changed.
//!
//! Nodes are numbered in the order of the graph, so a number means nothing in another graph. What a
//! node is stands in the manifest: see [`millstream_plan::fingerprint`].
//!
//! Always: state, positions and output of a node only ever come to a node that means the same; what
//! finds none is given up only if the owner has approved of that.

use std::collections::BTreeMap;

use millstream_core::{Code, Error, Result};
use millstream_plan::JobGraph;
use millstream_plan::explain::title;
use millstream_plan::fingerprint::{Diff, NodeIdentity, compare, decode, encode, identify, of_job};
use millstream_state::manifest::{Manifest, SinkState};

/// The setting of a manifest that holds the nodes of its job.
const NODES: &str = "nodes";

/// The nodes of a job, and how a manifest remembers them.
pub(crate) struct Identities {
    nodes: Vec<NodeIdentity>,
    job: String,
    text: String,
}

/// A checkpoint whose nodes are those of the job.
pub(crate) struct Fitted {
    /// It.
    pub(crate) manifest: Manifest,
    /// What its owner should know: what was given up.
    pub(crate) warning: Option<String>,
}

impl Identities {
    /// The nodes of this job.
    pub(crate) fn of(graph: &JobGraph) -> Result<Self> {
        let nodes = identify(graph);
        Ok(Identities {
            job: of_job(&nodes),
            text: encode(&nodes)?,
            nodes,
        })
    }

    /// Lets a manifest remember them.
    pub(crate) fn note(&self, manifest: &mut Manifest) {
        manifest.graph.clone_from(&self.job);
        manifest.settings.insert(NODES.into(), self.text.clone());
    }

    /// Gives the nodes of a checkpoint the numbers they have in the job.
    ///
    /// # Errors
    /// `CheckpointMismatch` if the job is another and its owner has not approved, or if the
    /// checkpoint can never be its.
    pub(crate) fn fit(
        &self,
        manifest: Manifest,
        graph: &JobGraph,
        is_approved: bool,
    ) -> Result<Fitted> {
        if manifest.key_groups != 0 && manifest.key_groups != graph.key_groups {
            let message = format!(
                "checkpoint {} has {} key groups, and the job wants {}: they never change",
                manifest.checkpoint, manifest.key_groups, graph.key_groups
            );
            let hint = format!("SET 'pipeline.max-parallelism' = '{}'", manifest.key_groups);
            return Err(Error::new(Code::CheckpointMismatch, message).hint(hint));
        }
        if manifest.graph == self.job {
            return Ok(Fitted {
                manifest,
                warning: None,
            });
        }
        let Some(text) = manifest.settings.get(NODES) else {
            return unnamed(manifest, graph);
        };
        let diff = compare(&decode(text)?, &self.nodes);
        diff.check(is_approved)?;
        Ok(renumbered(manifest, &diff))
    }
}

impl Identities {
    /// The same for a checkpoint the job does not go on from: only what it has prepared counts, and
    /// nothing about it keeps the job from starting.
    pub(crate) fn leave(&self, mut manifest: Manifest) -> Fitted {
        if manifest.graph == self.job {
            return Fitted {
                manifest,
                warning: None,
            };
        }
        let nodes = manifest.settings.get(NODES).map(|text| decode(text));
        if let Some(Ok(nodes)) = nodes {
            return renumbered(manifest, &compare(&nodes, &self.nodes));
        }
        let warning = format!(
            "checkpoint {} does not say whose its prepared output is: unless it was visible already, it \
             stays invisible",
            manifest.checkpoint
        );
        let is_empty = |sink: &SinkState| sink.committables.is_empty();
        let warning = (!manifest.sinks.iter().all(is_empty)).then_some(warning);
        manifest.sinks.clear();
        Fitted { manifest, warning }
    }
}

/// A checkpoint that does not say what its nodes are, such as the empty one: it fits the very graph
/// that wrote it.
fn unnamed(manifest: Manifest, graph: &JobGraph) -> Result<Fitted> {
    let is_same = |id: u32, name: &str| {
        let node = graph.nodes.get(id as usize);
        node.is_some_and(|node| title(node) == name)
    };
    match manifest
        .nodes
        .iter()
        .find(|node| !is_same(node.id, &node.title))
    {
        None => Ok(Fitted {
            manifest,
            warning: None,
        }),
        Some(node) => Err(Error::new(
            Code::CheckpointMismatch,
            format!(
                "checkpoint {} has the state of '{}' as node {}, and the job has none such",
                manifest.checkpoint, node.title, node.id
            ),
        )),
    }
}

fn renumbered(mut manifest: Manifest, diff: &Diff) -> Fitted {
    let numbers = diff.remap();
    let mut gone = Vec::new();
    manifest
        .nodes
        .retain_mut(|node| moved(&numbers, &mut node.id));
    manifest
        .sources
        .retain_mut(|source| moved(&numbers, &mut source.node));
    manifest.sinks.retain_mut(|sink| {
        let is_kept = moved(&numbers, &mut sink.node);
        if !is_kept && !sink.committables.is_empty() {
            gone.push(format!("'{}'", sink.table));
        }
        is_kept
    });
    let warning = (!gone.is_empty()).then(|| {
        format!(
            "checkpoint {} had prepared output for {}, which the job no longer writes: unless it was \
             visible already, it stays invisible",
            manifest.checkpoint,
            gone.join(", ")
        )
    });
    Fitted { manifest, warning }
}

fn moved(numbers: &BTreeMap<u32, u32>, id: &mut u32) -> bool {
    match numbers.get(id) {
        Some(new) => {
            *id = *new;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use millstream_core::id::NodeId;
    use millstream_plan::graph::NodeOutput;
    use millstream_plan::{
        ChangelogMode, Exchange, Input, JobSettings, LimitSpec, NodeKind, OutputKind, RuntimeMode,
        SinkSpec, SinkTarget, ValuesSpec,
    };
    use millstream_state::manifest::{NodeState, SourceState};

    use super::*;

    /// Values, limits of so many rows one after the other, results.
    fn graph(limits: &[u64]) -> JobGraph {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let mut graph = JobGraph {
            name: "test".into(),
            nodes: Vec::new(),
            key_groups: 128,
            mode: RuntimeMode::Streaming,
            batch_rows: 4,
            settings: JobSettings::default(),
        };
        let mut add = |kind: NodeKind, from: Option<NodeId>| {
            let inputs = from.into_iter().map(|from| Input {
                from,
                output: OutputKind::Main,
                exchange: Exchange::Forward,
            });
            let output = NodeOutput {
                schema: Arc::clone(&schema),
                parallelism: 1,
                changelog: ChangelogMode::INSERT_ONLY,
                upsert_key: None,
            };
            graph.add(kind, inputs.collect(), output)
        };
        let column = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
        let mut from = add(NodeKind::Values(ValuesSpec { rows }), None);
        for fetch in limits {
            let spec = LimitSpec {
                skip: 0,
                fetch: Some(*fetch),
            };
            from = add(NodeKind::Limit(spec), Some(from));
        }
        let sink = SinkSpec {
            target: SinkTarget::Collect,
            not_null: Vec::new(),
        };
        add(NodeKind::Sink(Box::new(sink)), Some(from));
        graph
    }

    /// The checkpoint of a job with one limit.
    fn checkpoint(of: &JobGraph) -> Manifest {
        let mut manifest = Manifest {
            checkpoint: 7,
            key_groups: of.key_groups,
            nodes: vec![NodeState {
                id: 1,
                title: "Limit".into(),
                ..NodeState::default()
            }],
            sources: vec![SourceState::default()],
            sinks: vec![SinkState {
                node: 2,
                table: "out".into(),
                committables: vec!["file".into()],
                ..SinkState::default()
            }],
            ..Manifest::default()
        };
        Identities::of(of).unwrap().note(&mut manifest);
        manifest
    }

    fn fit(manifest: Manifest, graph: &JobGraph, is_approved: bool) -> Result<Fitted> {
        Identities::of(graph)
            .unwrap()
            .fit(manifest, graph, is_approved)
    }

    #[test]
    fn the_same_job_takes_its_checkpoint_as_it_is() {
        let job = graph(&[5]);
        let fitted = fit(checkpoint(&job), &job, false).unwrap();
        assert_eq!(fitted.manifest, checkpoint(&job));
        assert_eq!(fitted.warning, None);
    }

    #[test]
    fn a_changed_job_takes_it_with_new_numbers_once_its_owner_agrees() {
        let (old, new) = (graph(&[5]), graph(&[5, 4]));
        let refused = fit(checkpoint(&old), &new, false).map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::CheckpointMismatch);
        assert!(
            refused.message().contains("+ rebuilt  [2] Limit"),
            "{}",
            refused.message()
        );
        let fitted = fit(checkpoint(&old), &new, true).unwrap().manifest;
        let numbers = (
            fitted.nodes[0].id,
            fitted.sources[0].node,
            fitted.sinks[0].node,
        );
        assert_eq!(numbers, (1, 0, 3));
    }

    #[test]
    fn state_that_cannot_be_kept_is_given_up_only_if_its_owner_agrees() {
        let (old, new) = (graph(&[5]), graph(&[6]));
        let refused = fit(checkpoint(&old), &new, false).map(drop).unwrap_err();
        assert!(
            refused.message().contains("'Limit'"),
            "{}",
            refused.message()
        );
        let fitted = fit(checkpoint(&old), &new, true).unwrap().manifest;
        assert!(fitted.nodes.is_empty(), "{fitted:?}");
        assert_eq!(fitted.sources.len(), 1);
    }

    #[test]
    fn output_that_nobody_can_make_visible_any_more_is_told() {
        let old = graph(&[5]);
        let mut manifest = checkpoint(&old);
        // A sink of another kind was where the results are now.
        let text = manifest.settings[NODES].replace("\"sink-", "\"other-sink-");
        let identity = Identities::of(&old).unwrap();
        let fingerprint = &identity.nodes[2].fingerprint;
        let text = text.replace(fingerprint, "0123456789abcdef");
        manifest.settings.insert(NODES.into(), text);
        manifest.graph = "another".into();
        let warning = fit(manifest, &old, true).unwrap().warning.unwrap();
        assert!(warning.contains("'out'"), "{warning}");
    }

    #[test]
    fn key_groups_never_change_whoever_approves() {
        let mut job = graph(&[5]);
        let manifest = checkpoint(&job);
        job.key_groups = 64;
        let error = fit(manifest, &job, true).map(drop).unwrap_err();
        assert!(error.hint_text().unwrap().contains("'128'"), "{error:?}");
    }

    #[test]
    fn a_checkpoint_without_names_fits_only_the_graph_that_wrote_it() {
        let job = graph(&[5]);
        let mut manifest = checkpoint(&job);
        manifest.settings.clear();
        manifest.graph.clear();
        assert!(fit(manifest.clone(), &job, false).is_ok());
        assert!(fit(manifest, &graph(&[]), true).is_err());
    }

    #[test]
    fn a_checkpoint_that_is_left_behind_stops_nobody_and_keeps_what_finds_its_sink() {
        let (old, new) = (graph(&[5]), graph(&[]));
        let identities = Identities::of(&new).unwrap();
        let left = identities.leave(checkpoint(&old));
        assert_eq!((left.manifest.sinks[0].node, left.warning), (1, None));
        let mut nameless = checkpoint(&old);
        nameless.settings.clear();
        let left = identities.leave(nameless);
        assert!(left.manifest.sinks.is_empty() && left.warning.is_some());
    }
}
