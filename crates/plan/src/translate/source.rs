//! Where rows come from: tables, constants, and the watermark above a table; also their union.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion_expr::logical_plan::{EmptyRelation, TableScan, Union, Values};
use datafusion_expr::{Expr, LogicalPlan};
use millstream_core::{Error, Result};

use super::rel::{Rel, RelColumn, RelWindow, TimeKind, unique_schema};
use super::{Translator, constant};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::logical::{ScanSource, WatermarkNode};
use crate::spec::{NodeKind, SourceSpec, ValuesSpec, WatermarkSpec};

impl Translator<'_> {
    pub(super) fn scan(&mut self, scan: &TableScan) -> Result<Rel> {
        let Some(source) = scan.source.downcast_ref::<ScanSource>() else {
            return Err(Error::internal(format!(
                "'{}' is not a table",
                scan.table_name
            )));
        };
        if self.settings.mode == RuntimeMode::Batch && !source.bounded {
            return Err(Error::new(
                millstream_core::Code::InvalidPlan,
                format!(
                    "table '{}' never ends, so batch mode cannot read it",
                    source.table.name
                ),
            )
            .hint("SET 'execution.runtime-mode' = 'streaming'"));
        }
        let all: Vec<usize> = (0..source.schema.fields().len()).collect();
        let wanted = scan.projection.clone().unwrap_or_else(|| all.clone());
        let projection = if source.projects { wanted.clone() } else { all };
        let columns = wanted
            .iter()
            .map(|index| {
                projection
                    .iter()
                    .position(|p| p == index)
                    .map(RelColumn::at)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::internal("a column that is not read"))?;
        let fields = projection.iter().map(|index| source.schema.field(*index));
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field)));
        let spec = SourceSpec {
            table: source.table.clone(),
            connector: source.connector.clone(),
            projection,
            on_error: source.on_error,
            bounded: source.bounded,
        };
        let parallelism = source.parallelism.unwrap_or(self.settings.parallelism);
        let output = insert_only(schema, parallelism);
        let node = self.graph.add(NodeKind::Source(spec), Vec::new(), output);
        if let Some(table) = &source.dead_letter {
            self.side(table, node, OutputKind::DeadLetter);
        }
        let late = source.late.iter().cloned().collect();
        Ok(Rel {
            node,
            columns,
            window: None,
            late,
            bounded: source.bounded,
        })
    }

    pub(super) fn watermark(&mut self, mut input: Rel, node: &WatermarkNode) -> Result<Rel> {
        let schema = node.input.schema();
        let index = schema.maybe_index_of_column(&node.column);
        let index = index.ok_or_else(|| Error::internal("the event time is not a column"))?;
        let spec = WatermarkSpec {
            column: self.position(input.columns[index])?,
            expr: self.resolve(&input, schema, &node.expr)?,
            // Set by `finish` unless every event counts.
            step_ms: i64::from(node.options.on_event),
            idle_timeout_ms: node.options.idle_timeout_ms,
            max_future_ms: node.options.max_future_ms,
        };
        let from = input.node;
        let output = insert_only(self.schema_of(from), self.parallelism_of(from));
        let edge = Input {
            from,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        };
        input.node = self
            .graph
            .add(NodeKind::Watermark(spec), vec![edge], output);
        input.columns[index].time = Some(TimeKind::Event);
        if let Some(table) = self.dead_letter_below(from) {
            self.side(&table, input.node, OutputKind::DeadLetter);
        }
        Ok(input)
    }

    pub(super) fn values(&mut self, values: &Values) -> Result<Rel> {
        let rows = constant::rows(&values.values, &values.schema)?;
        Ok(self.constant(rows))
    }

    pub(super) fn empty(&mut self, node: &EmptyRelation) -> Result<Rel> {
        let schema = Arc::new(Schema::new(node.schema.fields().clone()));
        let rows = if node.produce_one_row {
            let one = RecordBatchOptions::new().with_row_count(Some(1));
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one)?
        } else {
            RecordBatch::new_empty(schema)
        };
        Ok(self.constant(rows))
    }

    fn constant(&mut self, rows: RecordBatch) -> Rel {
        let old = rows.schema();
        let schema = unique_schema(old.fields().iter().map(|f| (f.name().as_str(), f.as_ref())));
        let columns = (0..schema.fields().len()).map(RelColumn::at).collect();
        let output = insert_only(Arc::clone(&schema), 1);
        let renamed = match rows.num_columns() {
            0 => rows,
            _ => RecordBatch::try_new(schema, rows.columns().to_vec())
                .expect("the same columns under other names"),
        };
        let spec = ValuesSpec { rows: renamed };
        let node = self.graph.add(NodeKind::Values(spec), Vec::new(), output);
        Rel {
            node,
            columns,
            window: None,
            late: Vec::new(),
            bounded: true,
        }
    }

    pub(super) fn union(&mut self, union: &Union) -> Result<Rel> {
        let mut rels = Vec::with_capacity(union.inputs.len());
        for input in &union.inputs {
            let rel = self.rel(input)?;
            rels.push(self.plain(rel, input)?);
        }
        let parallelism = rels
            .iter()
            .map(|rel| self.parallelism_of(rel.node))
            .max()
            .unwrap_or(1);
        let updates = rels
            .iter()
            .any(|r| !self.graph.node(r.node).changelog.is_insert_only());
        let inputs = rels
            .iter()
            .map(|rel| Input {
                from: rel.node,
                output: OutputKind::Main,
                exchange: self.spread(rel, parallelism),
            })
            .collect();
        let names = union.schema.fields().iter();
        let schema = unique_schema(names.map(|field| (field.name().as_str(), field.as_ref())));
        let changelog = if updates {
            ChangelogMode::ALL
        } else {
            ChangelogMode::INSERT_ONLY
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog,
            upsert_key: None,
        };
        let node = self.graph.add(NodeKind::Union, inputs, output);
        let columns = (0..union.schema.fields().len())
            .map(|index| RelColumn {
                time: common_time(&rels, index),
                ..RelColumn::at(index)
            })
            .collect();
        let mut late: Vec<_> = Vec::new();
        for table in rels.iter().flat_map(|rel| &rel.late) {
            if !late.iter().any(|known| Arc::ptr_eq(known, table)) {
                late.push(Arc::clone(table));
            }
        }
        let bounded = rels.iter().all(|rel| rel.bounded);
        Ok(Rel {
            node,
            columns,
            window: common_window(&rels),
            late,
            bounded,
        })
    }

    /// Puts the columns of a relation into the order of its plan; the window is made real.
    pub(super) fn plain(&mut self, rel: Rel, plan: &LogicalPlan) -> Result<Rel> {
        let rel = self.materialise(rel)?;
        if rel.is_plain(self.schema_of(rel.node).fields().len()) {
            return Ok(rel);
        }
        let schema = plan.schema();
        let exprs: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        self.project(rel, schema, &exprs, schema)
    }

    /// How the rows of `rel` reach `parallelism` subtasks when any will do.
    fn spread(&self, rel: &Rel, parallelism: u32) -> Exchange {
        let node = self.graph.node(rel.node);
        match &node.upsert_key {
            _ if node.parallelism == parallelism => Exchange::Forward,
            Some(key) if !node.changelog.is_insert_only() => Exchange::Hash(key.clone()),
            _ => Exchange::Rebalance,
        }
    }
}

fn insert_only(schema: arrow::datatypes::SchemaRef, parallelism: u32) -> NodeOutput {
    let changelog = ChangelogMode::INSERT_ONLY;
    NodeOutput {
        schema,
        parallelism,
        changelog,
        upsert_key: None,
    }
}

/// The window of a union's rows: that of all inputs, in the same columns, or none.
fn common_window(rels: &[Rel]) -> Option<RelWindow> {
    let first = rels.first()?.window.as_ref()?;
    rels.iter()
        .all(|rel| rel.window.as_ref() == Some(first))
        .then(|| first.clone())
}

/// The time attribute of a union's column: that of all inputs, or none.
fn common_time(rels: &[Rel], index: usize) -> Option<TimeKind> {
    let first = rels.first()?.columns[index].time?;
    rels.iter()
        .all(|rel| rel.columns[index].time == Some(first))
        .then_some(first)
}
