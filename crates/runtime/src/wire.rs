//! From a job graph to tasks: cuts it into chains, lays the edges, makes the operators.
//!
//! Nothing runs yet. Whatever can be wrong with the parts (an option, an expression, a file that is
//! not there) is found here, before the first row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::connector::{SinkContext, Source, SourceContext};
use millstream_core::id::{NodeId, Port};
use millstream_core::metrics::JobMetrics;
use millstream_core::operator::Output;
use millstream_core::side::{dead_letter_schema, late_schema};
use millstream_core::{Error, Result};
use millstream_plan::chain::{self, Chain as Nodes};
use millstream_plan::explain::title;
use millstream_plan::{
    Exchange, JobGraph, Node, NodeKind, OnError, OutputKind, SinkSpec, SinkTarget, SourceSpec,
};
use tokio::sync::mpsc;

use crate::environment::{Environment, OperatorSite};
use crate::exchange::inbox::{Inbox, Readers, Sender};
use crate::exchange::partition::Partitioner;
use crate::exchange::{Edge, Route};
use crate::job::Results;
use crate::task::OperatorTask;
use crate::task::body::{Body, StopSignal, TaskFuture};
use crate::task::chain::{Chain, Stage};
use crate::task::enumerate::{Assignment, EnumerateTask, SPLITS_AHEAD};
use crate::task::input::Input;
use crate::task::output::{Main, Outputs};
use crate::task::side::{BadRule, SideRows};
use crate::task::sink::{Commits, Sink, Target, in_table};
use crate::task::source::{SourceTask, State, idle_timeout};
use crate::task::timer::Timer;
use crate::task::values::ValuesTask;

/// A job that is ready to run.
pub(crate) struct Wired {
    /// Its tasks, by name.
    pub(crate) tasks: Vec<(String, TaskFuture)>,
    /// What each table sink commits at the end, in the order of the graph.
    pub(crate) commits: Vec<Arc<Commits>>,
    /// The rows of a SELECT.
    pub(crate) results: Option<Results>,
}

/// One output of one subtask.
type OutputKey = (NodeId, OutputKind, u32);

struct Wiring<'a> {
    graph: &'a JobGraph,
    environment: &'a Environment,
    metrics: &'a Arc<JobMetrics>,
    stop: &'a StopSignal,
    timer: Timer,
    run_id: String,
    unbounded: bool,
    /// What leaves each subtask, not yet handed to its task.
    edges: HashMap<OutputKey, Vec<Edge>>,
    /// Who reads the main output of each subtask, by its last node.
    readers: HashMap<(NodeId, u32), Arc<Readers>>,
    commits: HashMap<NodeId, Arc<Commits>>,
    wired: Wired,
}

/// The receiving end of one subtask and the port of each of its lanes.
struct Mouth {
    inbox: Inbox,
    ports: Vec<Port>,
}

/// Prepares every task of a job.
pub(crate) fn wire(
    graph: &JobGraph,
    environment: &Environment,
    metrics: &Arc<JobMetrics>,
    stop: &StopSignal,
) -> Result<Wired> {
    check(graph)?;
    let unbounded = |node: &Node| matches!(&node.kind, NodeKind::Source(s) if !s.bounded);
    let mut wiring = Wiring {
        graph,
        environment,
        metrics,
        stop,
        timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        run_id: environment.run_id(),
        unbounded: graph.nodes.iter().any(unbounded),
        edges: HashMap::new(),
        readers: HashMap::new(),
        commits: HashMap::new(),
        wired: Wired {
            tasks: Vec::new(),
            commits: Vec::new(),
            results: None,
        },
    };
    for node in &graph.nodes {
        // In the order of the graph, whatever order tasks count first in.
        metrics.node(node.id, &title(node));
    }
    let chains = chain::tasks(graph);
    let mouths = wiring.lay_edges(&chains)?;
    for (nodes, mouths) in chains.iter().zip(mouths) {
        wiring.make_tasks(nodes, mouths)?;
    }
    Ok(wiring.wired)
}

/// Refuses graphs that break the promises of `millstream_plan::graph`.
fn check(graph: &JobGraph) -> Result<()> {
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

impl Wiring<'_> {
    /// Makes the inbox of every subtask and the edges that lead there. No inbox for sources.
    fn lay_edges(&mut self, chains: &[Nodes]) -> Result<Vec<Vec<Option<Mouth>>>> {
        let mut all = Vec::with_capacity(chains.len());
        for nodes in chains {
            let head = self.graph.node(nodes[0]);
            let mut mouths: Vec<Mouth> = (0..head.parallelism)
                .map(|_| Mouth {
                    inbox: Inbox::new(self.environment.exchange_bytes),
                    ports: Vec::new(),
                })
                .collect();
            for port in 0..head.inputs.len() {
                self.lay_input(head, port, &mut mouths);
            }
            let has_inbox = !head.inputs.is_empty();
            all.push(mouths.into_iter().map(|m| has_inbox.then_some(m)).collect());
        }
        Ok(all)
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

    fn make_tasks(&mut self, nodes: &Nodes, mouths: Vec<Option<Mouth>>) -> Result<()> {
        let head = self.graph.node(nodes[0]);
        let source = match &head.kind {
            NodeKind::Source(spec) => Some(self.open_source(head, spec)?),
            _ => None,
        };
        let mut assignments = Vec::new();
        for (subtask, mouth) in mouths.into_iter().enumerate() {
            let subtask = subtask as u32;
            let mut sides = Sides::default();
            let chain = self.make_chain(nodes, subtask, &mut sides)?;
            let bad_to = self.side(&mut sides, head.id, OutputKind::DeadLetter, subtask);
            let outputs = self.make_outputs(nodes, subtask, sides)?;
            let body = Body::new(chain, outputs, self.timer.clone());
            let task: TaskFuture = match (&head.kind, mouth) {
                (NodeKind::Source(spec), _) => {
                    let (sender, receiver) = mpsc::channel(SPLITS_AHEAD);
                    assignments.push(sender);
                    let source = source.as_ref().map(|source| source.reader());
                    let reader = source.transpose()?;
                    let task = SourceTask {
                        reader: reader.ok_or_else(|| Error::internal("a source without reader"))?,
                        assignments: receiver,
                        columns: head.schema.fields().len(),
                        bad: bad_rule(spec),
                        bad_to,
                        idleness: idle_timeout(self.idle_timeout_ms(nodes)),
                        metrics: self.metrics.node(head.id, ""),
                        body,
                        stop: self.stop.watch(),
                        state: State::default(),
                    };
                    Box::pin(task.run())
                }
                (NodeKind::Values(spec), _) => {
                    let task = ValuesTask {
                        // Constant rows exist once, whatever the parallelism.
                        rows: spec.rows.slice(
                            0,
                            if subtask == 0 {
                                spec.rows.num_rows()
                            } else {
                                0
                            },
                        ),
                        batch_rows: self.graph.batch_rows,
                        metrics: self.metrics.node(head.id, ""),
                        body,
                        stop: self.stop.watch(),
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
        match source {
            Some(source) => self.make_enumerator(head, source.as_ref(), assignments),
            None => Ok(()),
        }
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
                let mut stage = self.make_stage(node, source)?;
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

    fn make_stage(&self, node: &Node, source: Option<&SourceSpec>) -> Result<Stage> {
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
            name: &name,
        })?;
        Ok(Stage {
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

    fn make_sink(
        &mut self,
        node: &Node,
        spec: &SinkSpec,
        subtask: u32,
    ) -> Result<(Sink, Option<Arc<Readers>>)> {
        let width = self.graph.node(node.inputs[0].from).schema.fields().len();
        if spec.not_null.iter().any(|column| *column >= width) {
            let name = name(node);
            return Err(Error::internal(format!(
                "{name} checks a column its input does not have"
            )));
        }
        let (name, target, readers) = match &spec.target {
            SinkTarget::Collect => {
                let results = self
                    .wired
                    .results
                    .get_or_insert_with(|| Results::new(self.environment.results_bytes));
                let readers = Arc::new(Readers::default());
                let edge = Edge::new(Route::Direct, vec![results.sender(&readers)]);
                ("the result".into(), Target::Results(edge), Some(readers))
            }
            SinkTarget::Table {
                table,
                connector,
                accepts,
            } => {
                let name = format!("table '{}'", table.name);
                let factory = (self.environment.connectors)(connector)?
                    .sink()
                    .ok_or_else(|| {
                        Error::unsupported(format!(
                            "connector '{connector}' of {name} cannot be written"
                        ))
                    })?;
                let context = SinkContext {
                    subtask,
                    parallelism: node.parallelism,
                    run_id: format!("{}n{}", self.run_id, node.id.0),
                    formats: Arc::clone(&self.environment.formats),
                    clock: Arc::clone(&self.environment.clock),
                };
                let commits = match self.commits.get(&node.id) {
                    Some(commits) => Arc::clone(commits),
                    None => {
                        let committer = factory.committer(table)?;
                        let commits = Arc::new(Commits::new(name.clone(), committer));
                        self.wired.commits.push(Arc::clone(&commits));
                        self.commits.insert(node.id, Arc::clone(&commits));
                        commits
                    }
                };
                let writer = factory.writer(table, &context);
                let target = Target::Table {
                    writer: writer.map_err(|error| in_table(error, &name))?,
                    accepts: *accepts,
                    commits,
                    periodic: self.unbounded,
                    commit_at: None,
                };
                (name, target, None)
            }
        };
        let sink = Sink {
            name,
            not_null: spec.not_null.clone(),
            metrics: self.metrics.node(node.id, ""),
            clock: Arc::clone(&self.environment.clock),
            target,
        };
        Ok((sink, readers))
    }

    fn open_source(&self, node: &Node, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let connector = (self.environment.connectors)(&spec.connector)?;
        let table = format!("table '{}'", spec.table.name);
        let factory = connector.source().ok_or_else(|| {
            Error::unsupported(format!(
                "connector '{}' of {table} cannot be read",
                spec.connector
            ))
        })?;
        let context = SourceContext {
            projection: spec.projection.clone(),
            schema: SchemaRef::clone(&node.schema),
            formats: Arc::clone(&self.environment.formats),
            clock: Arc::clone(&self.environment.clock),
            parallelism: node.parallelism,
            batch_rows: self.graph.batch_rows,
        };
        let source = factory.create(&spec.table, &context);
        source.map_err(|error| in_table(error, &table))
    }

    fn make_enumerator(
        &mut self,
        node: &Node,
        source: &dyn Source,
        subtasks: Vec<mpsc::Sender<Assignment>>,
    ) -> Result<()> {
        let NodeKind::Source(spec) = &node.kind else {
            return Ok(());
        };
        let task = EnumerateTask {
            node: node.id,
            table: spec.table.name.clone(),
            enumerator: source.enumerator()?,
            subtasks,
            metrics: Arc::clone(self.metrics),
            timer: self.timer.clone(),
            stop: self.stop.watch(),
        };
        let name = format!("{} splits", title(node));
        self.wired.tasks.push((name, Box::pin(task.run())));
        Ok(())
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
