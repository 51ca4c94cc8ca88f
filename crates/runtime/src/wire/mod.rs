//! From a job graph to tasks: cuts it into chains, lays the edges, makes the operators.
//!
//! * [`check`]: is the graph what it promises? [`edges`]: inboxes and lanes. [`ends`]: sources and
//!   sinks. Here: chains and tasks.
//!
//! Nothing runs yet. Whatever can be wrong with the parts (an option, an expression, a file that is
//! not there) is found here, before the first row.

mod check;
mod edges;
mod ends;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::connector::{Acknowledger, JobIdentity};
use millstream_core::id::{CheckpointId, NodeId};
use millstream_core::key;
use millstream_core::metrics::JobMetrics;
use millstream_core::operator::Output;
use millstream_core::side::{dead_letter_schema, late_schema};
use millstream_core::{Error, Result};
use millstream_plan::chain::{self, Chain as Nodes};
use millstream_plan::explain::title;
use millstream_plan::{JobGraph, Node, NodeKind, OnError, OutputKind, SourceSpec};
use millstream_state::manifest::{Manifest, SplitState};
use millstream_state::store::JobStore;
use tokio::sync::{mpsc, watch};

use self::check::check;
use self::edges::Mouth;
use crate::checkpoint::sinks::Sinks;
use crate::environment::{Environment, OperatorSite};
use crate::exchange::Edge;
use crate::exchange::inbox::{Readers, Sender};
use crate::job::ResultsDoor;
use crate::memory::{JobMemory, run_options};
use crate::task::OperatorTask;
use crate::task::body::{Body, TaskFuture};
use crate::task::chain::{Chain, Stage, StageStart, StageState};
use crate::task::enumerate::SPLITS_AHEAD;
use crate::task::gate::Gate;
use crate::task::input::Input;
use crate::task::output::{Main, Outputs};
use crate::task::report::{Place, Reports};
use crate::task::side::{BadRule, SideRows};
use crate::task::sink::Held;
use crate::task::source::{SourceTask, State, idle_timeout};
use crate::task::spill::{Committed, Spilling};
use crate::task::timer::Timer;
use crate::task::trigger::Triggers;
use crate::task::values::ValuesTask;

/// A job that is ready to run.
pub(crate) struct Wired {
    /// Its tasks, by name.
    pub(crate) tasks: Vec<(String, TaskFuture)>,
    /// How many of them pass barriers and tell their end; the others find splits.
    pub(crate) chains: usize,
    /// What tells sources how far a committed checkpoint has come, by node.
    pub(crate) acknowledgers: Vec<(NodeId, Box<dyn Acknowledger>)>,
    /// Rows of a SELECT that wait for their checkpoint, and where they go then.
    pub(crate) held: Vec<(Held, Sender)>,
}

/// What one life of a job is wired with.
pub(crate) struct Life<'a> {
    /// Which life of which job.
    pub(crate) job: &'a JobIdentity,
    /// The tables it writes.
    pub(crate) sinks: &'a Sinks,
    /// The checkpoint it starts from.
    pub(crate) restored: Option<&'a Restored>,
    /// Where the rows of a SELECT go.
    pub(crate) results: Option<&'a ResultsDoor>,
    /// What its operators hold.
    pub(crate) memory: &'a Arc<JobMemory>,
    /// Whether state may be given up to a checkpoint.
    pub(crate) spills: bool,
    /// The newest committed checkpoint.
    pub(crate) committed: &'a watch::Receiver<Option<Committed>>,
    /// How sources learn of barriers.
    pub(crate) triggers: &'a Triggers,
    /// What tasks tell.
    pub(crate) reports: &'a Reports,
    /// Rows each source task yields at most in this life.
    pub(crate) quota: Option<u64>,
}

/// A checkpoint to start from; its nodes are those of the graph.
pub(crate) struct Restored {
    /// Reads its files.
    pub(crate) store: JobStore,
    /// What it keeps.
    pub(crate) manifest: Manifest,
}

impl Life<'_> {
    /// Where a stage starts from.
    fn stage_start(&self, node: NodeId) -> StageStart {
        let Some(restored) = self.restored else {
            return StageStart::Empty;
        };
        let state = restored.manifest.nodes.iter().find(|n| n.id == node.0);
        match state {
            None => StageStart::Empty,
            Some(state) if state.finished => StageStart::Finished,
            Some(state) => StageStart::State(Box::new(StageState {
                store: restored.store.clone(),
                node: state.clone(),
            })),
        }
    }

    fn restored_from(&self) -> CheckpointId {
        let manifest = self.restored.map(|restored| restored.manifest.checkpoint);
        CheckpointId(manifest.unwrap_or(0))
    }

    /// The splits of a source in the checkpoint.
    fn splits(&self, node: NodeId) -> &[SplitState] {
        let sources = self.restored.map(|restored| &restored.manifest.sources);
        let source = sources.and_then(|all| all.iter().find(|source| source.node == node.0));
        source.map_or(&[], |source| &source.splits)
    }
}

/// One output of one subtask.
type OutputKey = (NodeId, OutputKind, u32);

struct Wiring<'a> {
    graph: &'a JobGraph,
    environment: &'a Environment,
    metrics: &'a Arc<JobMetrics>,
    life: &'a Life<'a>,
    timer: Timer,
    /// What leaves each subtask, not yet handed to its task.
    edges: HashMap<OutputKey, Vec<Edge>>,
    /// Who reads the main output of each subtask, by its last node.
    readers: HashMap<(NodeId, u32), Arc<Readers>>,
    wired: Wired,
}

/// Prepares every task of a job.
pub(crate) fn wire(
    graph: &JobGraph,
    environment: &Environment,
    metrics: &Arc<JobMetrics>,
    life: &Life<'_>,
) -> Result<Wired> {
    check(graph)?;
    let mut wiring = Wiring {
        graph,
        environment,
        metrics,
        life,
        timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        edges: HashMap::new(),
        readers: HashMap::new(),
        wired: Wired {
            tasks: Vec::new(),
            chains: 0,
            acknowledgers: Vec::new(),
            held: Vec::new(),
        },
    };
    for node in &graph.nodes {
        // In the order of the graph, whatever order tasks count first in.
        metrics.node(node.id, &title(node));
    }
    let chains = chain::tasks(graph);
    let mouths = wiring.lay_edges(&chains);
    for (nodes, mouths) in chains.iter().zip(mouths) {
        wiring.make_tasks(nodes, mouths)?;
    }
    Ok(wiring.wired)
}

impl Wiring<'_> {
    fn make_tasks(&mut self, nodes: &Nodes, mouths: Vec<Option<Mouth>>) -> Result<()> {
        let head = self.graph.node(nodes[0]);
        if let NodeKind::Source(spec) = &head.kind {
            return self.make_source_tasks(nodes, head, spec);
        }
        for (subtask, mouth) in mouths.into_iter().enumerate() {
            let subtask = subtask as u32;
            let (body, _) = self.make_body(nodes, subtask)?;
            self.wired.chains += 1;
            let task: TaskFuture = match (&head.kind, mouth) {
                (NodeKind::Values(spec), _) => {
                    // Constant rows exist once, whatever the parallelism.
                    let count = if subtask == 0 {
                        spec.rows.num_rows()
                    } else {
                        0
                    };
                    let sent = self.life.splits(head.id).first();
                    let sent = sent.and_then(|s| s.position.as_ref()?.parse().ok());
                    let sent = sent.unwrap_or(0).min(count);
                    let task = ValuesTask {
                        node: head.id,
                        sent,
                        until: self.life.quota.map_or(count, |quota| sent + quota as usize),
                        rows: spec.rows.slice(0, count),
                        batch_rows: self.graph.batch_rows,
                        metrics: self.metrics.node(head.id, ""),
                        body,
                        triggers: self.life.triggers.watch(),
                    };
                    Box::pin(task.run())
                }
                (_, Some(mouth)) => {
                    let task = OperatorTask {
                        input: Input::new(&mouth.ports),
                        inbox: mouth.inbox,
                        body,
                    };
                    Box::pin(task.run())
                }
                (_, None) => return Err(Error::internal(format!("{} has no input", name(head)))),
            };
            let name = self.task_name(nodes, subtask);
            self.wired.tasks.push((name, task));
        }
        Ok(())
    }

    fn make_source_tasks(&mut self, nodes: &Nodes, head: &Node, spec: &SourceSpec) -> Result<()> {
        let source = self.open_source(head, spec)?;
        let mut assignments = Vec::new();
        let gate = Gate::new(head.parallelism as usize);
        for subtask in 0..head.parallelism {
            let (body, bad_to) = self.make_body(nodes, subtask)?;
            self.wired.chains += 1;
            let (sender, receiver) = mpsc::channel(SPLITS_AHEAD);
            assignments.push(sender);
            let reader = source.reader()?;
            let idleness = idle_timeout(self.idle_timeout_ms(nodes), reader.reads_in_turn());
            let task = SourceTask {
                reader,
                assignments: receiver,
                columns: head.schema.fields().len(),
                bad: bad_rule(spec),
                bad_to,
                idleness,
                metrics: self.metrics.node(head.id, ""),
                body,
                node: head.id,
                triggers: self.life.triggers.watch(),
                pass: gate.pass(),
                quota: self.life.quota,
                memory: Arc::clone(self.life.memory),
                state: State::default(),
            };
            let name = self.task_name(nodes, subtask);
            self.wired.tasks.push((name, Box::pin(task.run())));
        }
        let acknowledger = source.acknowledger().map(|made| (head.id, made));
        self.wired.acknowledgers.extend(acknowledger);
        self.make_enumerator(head, spec, source.as_ref(), assignments)
    }

    /// Everything of a task but its input, and which side output takes the bad records of its head.
    fn make_body(&mut self, nodes: &Nodes, subtask: u32) -> Result<(Body, Option<usize>)> {
        let mut sides = Sides::default();
        let chain = self.make_chain(nodes, subtask, &mut sides)?;
        let bad_to = self.side(&mut sides, nodes[0], OutputKind::DeadLetter, subtask);
        let outputs = self.make_outputs(nodes, subtask, sides)?;
        let body = Body::new(
            chain,
            outputs,
            self.timer.clone(),
            self.life.reports.clone(),
            Arc::clone(self.life.memory),
        );
        Ok((body, bad_to))
    }

    fn make_chain(&mut self, nodes: &Nodes, subtask: u32, sides: &mut Sides) -> Result<Chain> {
        let source = source_of(self.graph, nodes[0]);
        let mut stages = Vec::new();
        for id in nodes {
            let node = self.graph.node(*id);
            let is_operator = !matches!(
                node.kind,
                NodeKind::Source(_) | NodeKind::Values(_) | NodeKind::Sink(_)
            );
            if is_operator {
                let mut stage = self.make_stage(node, subtask, source)?;
                stage.late_to = self.side(sides, *id, OutputKind::Late, subtask);
                let own = self.side(sides, *id, OutputKind::DeadLetter, subtask);
                // Rows an operator cannot use are dead letters of the source in front of it.
                stage.bad_to =
                    own.or_else(|| self.side(sides, nodes[0], OutputKind::DeadLetter, subtask));
                stages.push(stage);
            }
        }
        let side_rows = SideRows::new(Arc::clone(self.metrics), self.environment.json_row);
        let clock = Arc::clone(&self.environment.clock);
        Ok(Chain::new(stages, clock, side_rows))
    }

    fn make_stage(&self, node: &Node, subtask: u32, source: Option<&SourceSpec>) -> Result<Stage> {
        let inputs: Vec<SchemaRef> = node
            .inputs
            .iter()
            .map(|input| input_schema(self.graph, input))
            .collect();
        let name = name(node);
        let operator = (self.environment.operators)(&OperatorSite {
            node,
            inputs: &inputs,
            batch_rows: self.graph.batch_rows,
            key_groups: self.graph.key_groups,
            subtask,
            name: &name,
        })?;
        Ok(Stage {
            place: Place {
                node: node.id,
                subtask,
                key_groups: key::range(subtask, self.graph.key_groups, node.parallelism),
            },
            from: self.life.stage_start(node.id),
            run_options: run_options(&self.environment.memory),
            spilling: Spilling::new(
                node.id,
                self.life.memory.account(&name),
                self.life.committed.clone(),
                self.life.restored_from(),
                self.life.spills,
            ),
            operator,
            metrics: self.metrics.node(node.id, ""),
            makes_watermarks: matches!(node.kind, NodeKind::Watermark(_)),
            late_to: None,
            bad: source.map_or_else(
                || BadRule {
                    table: name.clone(),
                    on_error: OnError::Fail,
                },
                bad_rule,
            ),
            bad_to: None,
            out: Output::new(self.environment.clock.now_ms()),
            wake_at: None,
            name,
        })
    }

    /// The number of a side output in its task, if somebody reads it.
    fn side(
        &mut self,
        sides: &mut Sides,
        node: NodeId,
        kind: OutputKind,
        subtask: u32,
    ) -> Option<usize> {
        if let Some(known) = sides.numbers.get(&(node, kind)) {
            return Some(*known);
        }
        let edges = self.edges.remove(&(node, kind, subtask))?;
        let number = sides.edges.len();
        sides.edges.push(edges);
        sides.numbers.insert((node, kind), number);
        Some(number)
    }

    fn make_outputs(&mut self, nodes: &Nodes, subtask: u32, sides: Sides) -> Result<Outputs> {
        let last = self.graph.node(nodes[nodes.len() - 1]);
        let mut readers = self.readers.get(&(last.id, subtask)).map(Arc::clone);
        let main = match &last.kind {
            NodeKind::Sink(spec) => {
                let (sink, results) = self.make_sink(last, spec, subtask)?;
                readers = results;
                Main::Sink(Box::new(sink))
            }
            _ => {
                let key = (last.id, OutputKind::Main, subtask);
                Main::Edges(self.edges.remove(&key).unwrap_or_default())
            }
        };
        Ok(Outputs::new(main, sides.edges, readers))
    }

    fn idle_timeout_ms(&self, nodes: &Nodes) -> Option<i64> {
        nodes
            .iter()
            .find_map(|id| match &self.graph.node(*id).kind {
                NodeKind::Watermark(spec) => spec.idle_timeout_ms,
                _ => None,
            })
    }

    fn task_name(&self, nodes: &Nodes, subtask: u32) -> String {
        let titles = nodes.iter().map(|id| title(self.graph.node(*id)));
        let titles: Vec<String> = titles.collect();
        let of = self.graph.node(nodes[0]).parallelism;
        format!("{} ({}/{of})", titles.join(" -> "), subtask + 1)
    }
}

/// The side outputs of one task that somebody reads.
#[derive(Default)]
struct Sides {
    numbers: HashMap<(NodeId, OutputKind), usize>,
    edges: Vec<Vec<Edge>>,
}

fn input_schema(graph: &JobGraph, input: &millstream_plan::Input) -> SchemaRef {
    match input.output {
        OutputKind::Main => SchemaRef::clone(&graph.node(input.from).schema),
        OutputKind::Late => late_schema(),
        OutputKind::DeadLetter => dead_letter_schema(),
    }
}

fn bad_rule(spec: &SourceSpec) -> BadRule {
    BadRule {
        table: spec.table.name.clone(),
        on_error: spec.on_error,
    }
}

/// The source a node's rows come from; the first one if there are several.
fn source_of(graph: &JobGraph, mut id: NodeId) -> Option<&SourceSpec> {
    loop {
        let node = graph.node(id);
        if let NodeKind::Source(spec) = &node.kind {
            return Some(spec);
        }
        // Inputs come before their readers, so this ends.
        id = node.inputs.first()?.from;
    }
}

/// A node's name in messages and side rows: `Calc[2]`.
fn name(node: &Node) -> String {
    format!("{}[{}]", title(node), node.id.0)
}
