//! The two ends of a job: sources are opened, sinks get their writers and committers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use millstream_core::connector::{Position, Source, SourceContext, Split};
use millstream_core::id::SplitId;
use millstream_core::{Error, Result};
use millstream_plan::explain::title;
use millstream_plan::{Node, SinkSpec, SinkTarget, SourceSpec};
use tokio::sync::mpsc;

use super::Wiring;
use crate::checkpoint::sinks::{context, sink_factory};
use crate::exchange::inbox::Readers;
use crate::exchange::{Edge, Route};
use crate::task::enumerate::{Assignment, EnumerateTask};
use crate::task::sink::{Held, Sink, Target, in_table};

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
                let (target, readers) = self.collect()?;
                ("the result".into(), target, Some(readers))
            }
            SinkTarget::Table {
                table,
                connector,
                accepts,
            } => {
                let name = format!("table '{}'", table.name);
                let factory = sink_factory(self.environment, connector, table)?;
                let mut context = context(self.environment, self.life.job, node, subtask);
                context.transactions = self.life.sinks.transactions_for(table, factory)?;
                let writer = factory.writer(table, &context);
                let target = Target::Table {
                    node: node.id,
                    writer: writer.map_err(|error| in_table(error, &name))?,
                    accepts: *accepts,
                    since_receipt: 0,
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

    fn collect(&mut self) -> Result<(Target, Arc<Readers>)> {
        let door = self
            .life
            .results
            .ok_or_else(|| Error::internal("a job without a result was asked to collect one"))?;
        let readers = Arc::new(Readers::default());
        let edge = Edge::new(Route::Direct, vec![door.sender(&readers)]);
        let held = self.life.job.checkpoints.then(Held::default);
        if let Some(held) = &held {
            self.wired.held.push((held.clone(), door.sender(&readers)));
        }
        Ok((Target::Results { edge, held }, readers))
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
            job: self.life.job.clone(),
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
        let table = spec.table.name.clone();
        let mut known = Vec::new();
        let mut restored = Vec::new();
        for state in self.life.splits(node.id) {
            let split = Split {
                id: SplitId(state.id),
                name: state.name.clone(),
                data: state.data.clone(),
            };
            let metrics = self
                .metrics
                .restore_split(split.id, node.id, &table, &split.name);
            metrics.finished.store(state.finished, Ordering::Relaxed);
            if !state.finished {
                restored.push((split.clone(), state.position.clone().map(Position)));
            }
            known.push(split);
        }
        let task = EnumerateTask {
            node: node.id,
            table,
            enumerator: source.enumerator(&known)?,
            restored,
            known: known.into_iter().map(|split| split.name).collect(),
            subtasks,
            metrics: Arc::clone(self.metrics),
            timer: self.timer.clone(),
        };
        let name = format!("{} splits", title(node));
        self.wired.tasks.push((name, Box::pin(task.run())));
        Ok(())
    }
}
