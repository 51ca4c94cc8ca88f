//! The committers of a job's tables, and the transactions that may carry its commit decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::connector::{
    Committable, Committer, JobIdentity, Prepared, SinkContext, SinkFactory, Transactions,
};
use millstream_core::failpoint::failpoint;
use millstream_core::id::NodeId;
use millstream_core::table::TableSpec;
use millstream_core::{Error, Result};
use millstream_plan::{JobGraph, Node, NodeKind, SinkTarget};

use crate::environment::Environment;
use crate::task::sink::in_table;

/// All tables one life of a job writes.
pub(crate) struct Sinks {
    tables: Vec<TableSink>,
    group: Option<Group>,
}

struct TableSink {
    node: NodeId,
    name: String,
    committer: Box<dyn Committer>,
}

/// Tables of one outside system, written in the same transactions.
struct Group {
    name: String,
    transactions: Arc<dyn Transactions>,
}

/// A sink node with what writes it.
struct Site<'a> {
    node: &'a Node,
    table: &'a TableSpec,
    factory: &'static dyn SinkFactory,
}

impl Sinks {
    /// Opens the committers, and the transactions of the first group there is. With two groups only
    /// one can carry the decision; the tables of others are written without transactions.
    pub(crate) fn open(
        graph: &JobGraph,
        environment: &Environment,
        job: &JobIdentity,
    ) -> Result<Sinks> {
        let sites = sites(graph, environment)?;
        let group = open_group(&sites, environment, job)?;
        let mut tables = Vec::new();
        for site in &sites {
            let name = format!("table '{}'", site.table.name);
            let mut context = context(environment, job, site.node, 0);
            context.transactions = transactions_of(site.table, site.factory, group.as_ref())?;
            let committer = site.factory.committer(site.table, &context);
            tables.push(TableSink {
                node: site.node.id,
                committer: committer.map_err(|error| in_table(error, &name))?,
                name,
            });
        }
        Ok(Sinks { tables, group })
    }

    /// The transactions that carry the commit decision.
    pub(crate) fn transactions(&self) -> Option<&Arc<dyn Transactions>> {
        self.group.as_ref().map(|group| &group.transactions)
    }

    /// What is waited for while its transactions do something: they say it better, if they can.
    pub(crate) fn waits_for(&self, otherwise: &'static str) -> impl Fn() -> String + use<> {
        let group = self.group.as_ref();
        let group = group.map(|group| (group.name.clone(), Arc::clone(&group.transactions)));
        move || match &group {
            None => otherwise.to_string(),
            Some((name, transactions)) => {
                let doing = transactions.doing();
                format!("{} ({name})", doing.as_deref().unwrap_or(otherwise))
            }
        }
    }

    /// The transactions in which this table is written.
    pub(crate) fn transactions_for(
        &self,
        table: &TableSpec,
        factory: &dyn SinkFactory,
    ) -> Result<Option<Arc<dyn Transactions>>> {
        transactions_of(table, factory, self.group.as_ref())
    }

    /// Makes what a checkpoint has prepared visible, table by table; idempotent.
    pub(crate) async fn finish(
        &mut self,
        prepared: &BTreeMap<NodeId, Vec<Committable>>,
    ) -> Result<()> {
        for table in &mut self.tables {
            let prepared = prepared.get(&table.node).cloned().unwrap_or_default();
            if prepared.is_empty() {
                continue;
            }
            failpoint("cp.sink.finish.before")?;
            let result = table.committer.commit(prepared).await;
            result.map_err(|error| in_table(error, &table.name))?;
            failpoint("cp.sink.finish.after")?;
        }
        Ok(())
    }

    /// The name of a table that shows something of what a checkpoint has prepared, if there is one.
    pub(crate) async fn visible(
        &mut self,
        prepared: &BTreeMap<NodeId, Vec<Committable>>,
    ) -> Result<Option<String>> {
        for table in &mut self.tables {
            if let Some(prepared) = prepared.get(&table.node) {
                let visible = table.committer.is_visible(prepared).await;
                if visible.map_err(|error| in_table(error, &table.name))? {
                    return Ok(Some(table.name.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Adds to the receipts of a checkpoint what the committers have to know after a restart.
    pub(crate) fn remember(&self, receipts: &mut BTreeMap<NodeId, Prepared>) {
        for table in &self.tables {
            let remembered = table.committer.remembers();
            if !remembered.is_empty() {
                let receipt = receipts.entry(table.node).or_default();
                receipt.committables.extend(remembered);
            }
        }
    }

    /// Takes over what a checkpoint of another history says about the future.
    pub(crate) fn inherit(&mut self, prepared: &BTreeMap<NodeId, Vec<Committable>>) -> Result<()> {
        for table in &mut self.tables {
            if let Some(prepared) = prepared.get(&table.node) {
                let result = table.committer.inherit(prepared);
                result.map_err(|error| in_table(error, &table.name))?;
            }
        }
        Ok(())
    }

    /// As [`finish`](Self::finish) after a restart, and removes what earlier lives have left behind.
    pub(crate) async fn recover(
        &mut self,
        pending: &BTreeMap<NodeId, Vec<Committable>>,
    ) -> Result<()> {
        failpoint("rs.sink.finish")?;
        for table in &mut self.tables {
            let pending = pending.get(&table.node).cloned().unwrap_or_default();
            let result = table.committer.recover(pending).await;
            result.map_err(|error| in_table(error, &table.name))?;
        }
        Ok(())
    }
}

/// What a writer or committer of this node may use, but for its transactions.
pub(crate) fn context(
    environment: &Environment,
    job: &JobIdentity,
    node: &Node,
    subtask: u32,
) -> SinkContext {
    SinkContext {
        subtask,
        parallelism: node.parallelism,
        run_id: format!("{}-g{}-n{}", job.lineage, job.generation, node.id.0),
        job: job.clone(),
        transactions: None,
        formats: Arc::clone(&environment.formats),
        clock: Arc::clone(&environment.clock),
    }
}

/// How a table is written.
pub(crate) fn sink_factory(
    environment: &Environment,
    connector: &str,
    table: &TableSpec,
) -> Result<&'static dyn SinkFactory> {
    (environment.connectors)(connector)?.sink().ok_or_else(|| {
        Error::unsupported(format!(
            "connector '{connector}' of table '{}' cannot be written",
            table.name
        ))
    })
}

fn sites<'a>(graph: &'a JobGraph, environment: &Environment) -> Result<Vec<Site<'a>>> {
    let mut sites = Vec::new();
    for node in &graph.nodes {
        if let NodeKind::Sink(spec) = &node.kind
            && let SinkTarget::Table {
                table, connector, ..
            } = &spec.target
        {
            let factory = sink_factory(environment, connector, table)?;
            sites.push(Site {
                node,
                table,
                factory,
            });
        }
    }
    Ok(sites)
}

fn open_group(
    sites: &[Site<'_>],
    environment: &Environment,
    job: &JobIdentity,
) -> Result<Option<Group>> {
    let mut groups = Vec::new();
    for site in sites {
        if let Some(name) = site.factory.transaction_group(site.table)? {
            groups.push((name, site));
        }
    }
    let Some((name, first)) = groups.first() else {
        return Ok(None);
    };
    let of_first = groups.iter().filter(|(group, _)| group == name);
    let tables: Vec<&TableSpec> = of_first.map(|(_, site)| site.table).collect();
    let context = context(environment, job, first.node, 0);
    let transactions = first.factory.transactions(&tables, &context);
    let in_first = |error| in_table(error, &format!("table '{}'", first.table.name));
    Ok(Some(Group {
        name: name.clone(),
        transactions: transactions.map_err(in_first)?,
    }))
}

fn transactions_of(
    table: &TableSpec,
    factory: &dyn SinkFactory,
    group: Option<&Group>,
) -> Result<Option<Arc<dyn Transactions>>> {
    let name = factory.transaction_group(table)?;
    let own = group.filter(|group| Some(&group.name) == name.as_ref());
    Ok(own.map(|group| Arc::clone(&group.transactions)))
}
