//! The two ends of a job: sources are opened, sinks get their writers and committers.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::connector::{SinkContext, SinkFactory, Source, SourceContext};
use millstream_core::table::TableSpec;
use millstream_core::{Error, Result};
use millstream_plan::explain::title;
use millstream_plan::{Node, SinkSpec, SinkTarget, SourceSpec};
use tokio::sync::mpsc;

use super::Wiring;
use crate::exchange::inbox::Readers;
use crate::exchange::{Edge, Route};
use crate::job::Results;
use crate::task::enumerate::{Assignment, EnumerateTask};
use crate::task::sink::{Commits, Sink, Target, in_table};

impl Wiring<'_> {
    /// The sink of one subtask, and who reads it if that is somebody who may lose interest.
    pub(super) fn make_sink(
        &mut self,
        node: &Node,
        spec: &SinkSpec,
        subtask: u32,
    ) -> Result<(Sink, Option<Arc<Readers>>)> {
        let (name, target, readers) = match &spec.target {
            SinkTarget::Collect => {
                let (target, readers) = self.collect();
                ("the result".into(), target, Some(readers))
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
                let writer = factory.writer(table, &context);
                let target = Target::Table {
                    writer: writer.map_err(|error| in_table(error, &name))?,
                    accepts: *accepts,
                    commits: self.commits_of(node, table, factory)?,
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

    fn collect(&mut self) -> (Target, Arc<Readers>) {
        let bytes_max = self.environment.results_bytes;
        let results = self
            .wired
            .results
            .get_or_insert_with(|| Results::new(bytes_max));
        let readers = Arc::new(Readers::default());
        let edge = Edge::new(Route::Direct, vec![results.sender(&readers)]);
        (Target::Results(edge), readers)
    }

    /// The commits of a sink node, made for its first subtask.
    fn commits_of(
        &mut self,
        node: &Node,
        table: &TableSpec,
        factory: &dyn SinkFactory,
    ) -> Result<Arc<Commits>> {
        if let Some(commits) = self.commits.get(&node.id) {
            return Ok(Arc::clone(commits));
        }
        let name = format!("table '{}'", table.name);
        let commits = Arc::new(Commits::new(name, factory.committer(table)?));
        self.wired.commits.push(Arc::clone(&commits));
        self.commits.insert(node.id, Arc::clone(&commits));
        Ok(commits)
    }

    /// Opens the table of a source node.
    pub(super) fn open_source(&self, node: &Node, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let connector = (self.environment.connectors)(&spec.connector)?;
        let table = format!("table '{}'", spec.table.name);
        let factory = connector.source().ok_or_else(|| {
            let connector = &spec.connector;
            Error::unsupported(format!("connector '{connector}' of {table} cannot be read"))
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

    /// Adds the task that finds the splits of a source.
    pub(super) fn make_enumerator(
        &mut self,
        node: &Node,
        spec: &SourceSpec,
        source: &dyn Source,
        subtasks: Vec<mpsc::Sender<Assignment>>,
    ) -> Result<()> {
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
}
