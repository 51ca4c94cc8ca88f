//! Where rows end: tables, whoever started the job, and the tables of side outputs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion_expr::{Cast, Expr, LogicalPlan};
use millstream_core::connector::SinkAccepts;
use millstream_core::id::NodeId;
use millstream_core::side;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result, suggest};

use super::Translator;
use super::calc::column;
use super::rel::{Rel, unique_schema};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind};
use crate::logical::SideTable;
use crate::spec::{NodeKind, OnConflict, SinkSpec, SinkTarget, UpsertSpec};

/// The table an INSERT writes.
#[derive(Clone, Debug)]
pub struct InsertTarget {
    /// The table.
    pub table: TableSpec,
    /// Its connector's name.
    pub connector: String,
    /// Which changes it takes.
    pub accepts: SinkAccepts,
    /// Positions of columns in which NULL fails the job.
    pub not_null: Vec<usize>,
    /// `sink.parallelism`, if set.
    pub parallelism: Option<u32>,
    /// What several rows with one primary key mean.
    pub conflict: ConflictRules,
}

/// What several rows with one primary key mean, and whether the user has to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConflictRules {
    /// ON CONFLICT of the statement.
    pub action: Option<OnConflict>,
    /// `table.exec.sink.upsert-materialize`.
    pub materialize: Materialize,
    /// `table.exec.sink.require-on-conflict` is `false`.
    pub may_be_silent: bool,
}

/// `table.exec.sink.upsert-materialize`: when rows are made one per primary key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Materialize {
    /// Where the query tells them apart by another key.
    #[default]
    Auto,
    /// Never.
    None,
    /// For every query with updates.
    Force,
}

impl Translator<'_> {
    pub(super) fn collect_sink(&mut self, rel: Rel, plan: &LogicalPlan) -> Result<()> {
        let rel = self.plain(rel, plan)?;
        let spec = SinkSpec {
            target: SinkTarget::Collect,
            not_null: Vec::new(),
        };
        self.add_sink(rel.node, spec, 1);
        Ok(())
    }

    pub(super) fn table_sink(
        &mut self,
        rel: Rel,
        plan: &LogicalPlan,
        target: InsertTarget,
    ) -> Result<()> {
        let mut rel = self.plain(rel, plan)?;
        self.check_accepts(rel.node, &target)?;
        if let Some(spec) = self.needs_upsert(&rel, &target)? {
            rel.node = self.add_upsert(rel.node, spec);
        }
        let parallelism = target.parallelism.unwrap_or(self.parallelism_of(rel.node));
        let InsertTarget {
            table,
            connector,
            accepts,
            not_null,
            ..
        } = target;
        let target = SinkTarget::Table {
            table,
            connector,
            accepts,
        };
        self.add_sink(rel.node, SinkSpec { target, not_null }, parallelism);
        Ok(())
    }

    fn check_accepts(&self, from: NodeId, target: &InsertTarget) -> Result<()> {
        let changelog = self.graph.node(from).changelog;
        if target.accepts != SinkAccepts::Append || changelog.is_insert_only() {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidPlan,
            format!(
                "table '{}' takes insertions only, but this query also makes updates {changelog}",
                target.table.name
            ),
        )
        .hint(
            "aggregate over a window, whose results are final, or run with \
             'execution.runtime-mode' = 'batch' over bounded input",
        ))
    }

    /// How rows are made one per primary key, if the query tells them apart by another key.
    fn needs_upsert(&self, rel: &Rel, target: &InsertTarget) -> Result<Option<UpsertSpec>> {
        let key = primary_key(&target.table);
        let rules = target.conflict;
        if key.is_empty() || target.accepts == SinkAccepts::Append {
            return match rules.action {
                None => Ok(None),
                Some(_) => Err(Error::new(
                    Code::InvalidPlan,
                    format!(
                        "ON CONFLICT wants a sink that replaces rows by a PRIMARY KEY, '{}' does not",
                        target.table.name
                    ),
                )),
            };
        }
        if rules.materialize == Materialize::None {
            return match rules.action {
                None => Ok(None),
                Some(_) => Err(Error::new(
                    Code::InvalidPlan,
                    "ON CONFLICT contradicts 'table.exec.sink.upsert-materialize' = 'NONE'",
                )),
            };
        }
        let node = self.graph.node(rel.node);
        let is_apart = node
            .upsert_key
            .as_ref()
            .is_some_and(|known| known.iter().all(|column| key.contains(column)));
        let is_quiet = node.changelog.is_insert_only() && rules.action.is_none();
        let is_forced = rules.materialize == Materialize::Force && !is_quiet;
        if !is_forced && (is_apart || is_quiet || target.accepts != SinkAccepts::Upsert) {
            return Ok(None);
        }
        let default = (rules.may_be_silent || is_forced).then_some(OnConflict::Deduplicate);
        match rules.action.or(default) {
            Some(on_conflict) => Ok(Some(UpsertSpec { key, on_conflict })),
            None => Err(self.keys_differ(rel, target)),
        }
    }

    fn keys_differ(&self, rel: &Rel, target: &InsertTarget) -> Error {
        let node = self.graph.node(rel.node);
        let name = |column: &usize| node.schema.field(*column).name().as_str();
        let known = match &node.upsert_key {
            Some(key) if !key.is_empty() => {
                let names: Vec<&str> = key.iter().map(name).collect();
                format!("by ({})", names.join(", "))
            }
            _ => "by no key".to_string(),
        };
        Error::new(
            Code::InvalidPlan,
            format!(
                "the query tells its rows apart {known}, but the PRIMARY KEY of table '{}' is ({})",
                target.table.name,
                target.table.primary_key.join(", ")
            ),
        )
        .hint(
            "say what several rows with one key mean: ON CONFLICT DO ERROR, DO NOTHING (the first \
             stays) or DO DEDUPLICATE (the last is shown), at the end of the INSERT",
        )
    }

    fn add_upsert(&mut self, from: NodeId, spec: UpsertSpec) -> NodeId {
        let parallelism = self.settings.parallelism.min(self.settings.key_groups);
        let exchange = match (self.parallelism_of(from), parallelism) {
            (1, 1) => Exchange::Forward,
            _ => Exchange::Hash(spec.key.clone()),
        };
        let output = NodeOutput {
            schema: self.schema_of(from),
            parallelism,
            changelog: ChangelogMode::UPSERT,
            upsert_key: Some(spec.key.clone()),
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        self.graph.add(NodeKind::Upsert(spec), vec![input], output)
    }

    fn add_sink(&mut self, from: NodeId, spec: SinkSpec, parallelism: u32) {
        let node = self.graph.node(from);
        let exchange = match (&node.upsert_key, parallelism) {
            _ if node.parallelism == parallelism => Exchange::Forward,
            (_, 1) => Exchange::Single,
            (Some(key), _) if !node.changelog.is_insert_only() && !key.is_empty() => {
                Exchange::Hash(key.clone())
            }
            _ if node.changelog.is_insert_only() => Exchange::Rebalance,
            // Changes of one row must not overtake each other.
            _ => Exchange::Hash((0..node.schema.fields().len()).collect()),
        };
        let output = NodeOutput {
            schema: Arc::clone(&node.schema),
            parallelism,
            changelog: node.changelog,
            upsert_key: node.upsert_key.clone(),
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        self.graph
            .add(NodeKind::Sink(Box::new(spec)), vec![input], output);
    }

    /// Remembers that a side output of `from` goes to `table`.
    pub(super) fn side(&mut self, table: &Arc<SideTable>, from: NodeId, output: OutputKind) {
        let key = format!("{output:?} {}", table.table.name);
        let (_, inputs) = self
            .sides
            .entry(key)
            .or_insert_with(|| (Arc::clone(table), Vec::new()));
        inputs.push(Input {
            from,
            output,
            exchange: Exchange::Single,
        });
    }

    /// The dead-letter table of the source below a node.
    pub(super) fn dead_letter_below(&self, mut node: NodeId) -> Option<Arc<SideTable>> {
        while let Some(input) = self.graph.node(node).inputs.first() {
            node = input.from;
        }
        let mut sides = self.sides.values();
        let found = sides.find(|(_, inputs)| {
            inputs
                .iter()
                .any(|i| i.from == node && i.output == OutputKind::DeadLetter)
        });
        found.map(|(table, _)| Arc::clone(table))
    }

    pub(super) fn add_side_sinks(&mut self) -> Result<()> {
        for (table, inputs) in std::mem::take(&mut self.sides).into_values() {
            let offered = match inputs[0].output {
                OutputKind::Late => side::late_schema(),
                _ => side::dead_letter_schema(),
            };
            let schema = unique_schema(
                offered
                    .fields()
                    .iter()
                    .map(|f| (f.name().as_str(), f.as_ref())),
            );
            let projection = side_projection(&table.table, offered.fields())?;
            let output = NodeOutput {
                schema,
                parallelism: 1,
                changelog: ChangelogMode::INSERT_ONLY,
                upsert_key: None,
            };
            let union = self.graph.add(NodeKind::Union, inputs, output);
            let calc = self.add_calc(union, None, projection)?;
            let target = SinkTarget::Table {
                table: table.table.clone(),
                connector: table.connector.clone(),
                accepts: table.accepts,
            };
            self.add_sink(
                calc,
                SinkSpec {
                    target,
                    not_null: Vec::new(),
                },
                1,
            );
        }
        Ok(())
    }
}

/// Positions of the primary key among the columns that are written.
fn primary_key(table: &TableSpec) -> Vec<usize> {
    let metadata = table.metadata.iter().filter(|column| !column.is_virtual);
    let names = table.schema.fields().iter().map(|field| field.name());
    let names: Vec<&String> = names
        .chain(metadata.map(|column| column.field.name()))
        .collect();
    let key = table.primary_key.iter();
    key.filter_map(|column| names.iter().position(|name| *name == column))
        .collect()
}

/// Picks the declared columns of a side table from the offered ones, by name.
fn side_projection(
    table: &TableSpec,
    offered: &arrow::datatypes::Fields,
) -> Result<Vec<(Expr, Field)>> {
    let pick = |wanted: &Arc<Field>| {
        let name = wanted.name();
        let Some((_, found)) = offered.find(name) else {
            let names: Vec<&str> = offered.iter().map(|field| field.name().as_str()).collect();
            let error = Error::new(
                Code::InvalidSchema,
                format!(
                    "column '{name}' of side table '{}' is not one of its columns",
                    table.name
                ),
            );
            let known = format!("it may have: {}", names.join(", "));
            return Err(error.hint(suggest::hint(name, names).unwrap_or(known)));
        };
        let from = column(name);
        let expr = match (found.data_type(), wanted.data_type()) {
            (a, b) if a == b => from,
            (DataType::Binary, DataType::Utf8) => column(side::RECORD_TEXT),
            (DataType::Timestamp(..), DataType::Timestamp(..))
            | (DataType::Int64, DataType::Utf8) => {
                Expr::Cast(Cast::new(Box::new(from), wanted.data_type().clone()))
            }
            (found, _) => {
                return Err(Error::new(
                    Code::InvalidSchema,
                    format!(
                        "column '{name}' of side table '{}' wants the type {}",
                        table.name,
                        millstream_core::types::SqlType::of_arrow(found)
                    ),
                ));
            }
        };
        Ok((expr, wanted.as_ref().clone()))
    };
    table.schema.fields().iter().map(pick).collect()
}
