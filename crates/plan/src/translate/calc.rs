//! Projections and filters become calcs; neighbours are folded into one where that is free.

use arrow::datatypes::{Field, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Column, DFSchema, DFSchemaRef};
use datafusion_expr::Expr;
use millstream_core::Result;
use millstream_core::id::NodeId;

use super::rel::{GroupWindowRow, Rel, RelColumn, RelWindow, TimeKind, unique_schema};
use super::{Translator, from_datafusion};
use crate::graph::{Exchange, Input, NodeOutput, OutputKind};
use crate::spec::{CalcSpec, NOW_COLUMN, NodeKind, TimeAttribute};

impl Translator<'_> {
    /// `SELECT exprs FROM input`.
    pub(super) fn project(
        &mut self,
        mut input: Rel,
        schema: &DFSchema,
        exprs: &[Expr],
        output: &DFSchemaRef,
    ) -> Result<Rel> {
        let computes =
            |e: &Expr| input.column(e, schema).is_none() && input.needs_window(e, schema);
        if exprs.iter().any(computes) {
            input = self.materialise(input)?;
        }
        let mut columns = Vec::with_capacity(exprs.len());
        let mut projection: Vec<(Expr, Field)> = Vec::with_capacity(exprs.len());
        for (expr, field) in exprs.iter().zip(output.fields()) {
            let known = input.column(expr, schema);
            if let Some(column) = known.filter(RelColumn::is_virtual) {
                columns.push(column);
                continue;
            }
            if let Some(row) = known.and_then(|column| column.group_window) {
                columns.push(self.keep_group_window(&input, row, &mut projection));
                continue;
            }
            columns.push(RelColumn {
                time: known.map_or_else(|| time_of(&input, expr, schema), |column| column.time),
                ..RelColumn::at(projection.len())
            });
            projection.push((self.resolve(&input, schema, expr)?, field.as_ref().clone()));
        }
        self.apply(input, None, projection, columns)
    }

    fn keep_group_window(
        &self,
        input: &Rel,
        row: GroupWindowRow,
        projection: &mut Vec<(Expr, Field)>,
    ) -> RelColumn {
        let before = self.schema_of(input.node);
        let first = projection.len();
        for position in row.fields {
            let field = before.field(position);
            projection.push((column(field.name()), field.clone()));
        }
        let row = GroupWindowRow {
            fields: [first, first + 1, first + 2],
            ..row
        };
        RelColumn {
            group_window: Some(row),
            ..RelColumn::at(first)
        }
    }

    /// `input WHERE predicate`.
    pub(super) fn filter(
        &mut self,
        input: Rel,
        schema: &DFSchema,
        predicate: &Expr,
    ) -> Result<Rel> {
        let input = match input.needs_window(predicate, schema) {
            true => self.materialise(input)?,
            false => input,
        };
        let predicate = self.resolve(&input, schema, predicate)?;
        let output = self.schema_of(input.node);
        let projection = output
            .fields()
            .iter()
            .map(|f| (column(f.name()), f.as_ref().clone()));
        let columns = input.columns.clone();
        self.apply(input, Some(predicate), projection.collect(), columns)
    }

    /// Adds a calc whose output is `projection`, plus whatever a pending window still needs.
    fn apply(
        &mut self,
        input: Rel,
        filter: Option<Expr>,
        mut projection: Vec<(Expr, Field)>,
        columns: Vec<RelColumn>,
    ) -> Result<Rel> {
        let before = self.schema_of(input.node);
        let window = input
            .window
            .clone()
            .and_then(|window| carry_window(window, &before, &mut projection));
        let node = self.add_calc(input.node, filter, projection)?;
        Ok(Rel {
            node,
            columns,
            window,
            late: input.late,
            bounded: input.bounded,
        })
    }

    /// Adds a calc after `from`, or folds it into `from` if that is a calc only we read.
    pub(super) fn add_calc(
        &mut self,
        from: NodeId,
        filter: Option<Expr>,
        projection: Vec<(Expr, Field)>,
    ) -> Result<NodeId> {
        let schema = unique_schema(projection.iter().map(|(_, f)| (f.name().as_str(), f)));
        let exprs: Vec<Expr> = projection.into_iter().map(|(expr, _)| expr).collect();
        if filter.is_none() && is_identity(&exprs, &self.schema_of(from), &schema) {
            return Ok(from);
        }
        let upsert_key = self.upsert_key_after(from, &exprs);
        if let Some(spec) = self.folded(from, filter.as_ref(), &exprs)? {
            let node = &mut self.graph.nodes[from.0 as usize];
            node.kind = NodeKind::Calc(spec);
            node.schema = schema;
            node.upsert_key = upsert_key;
            return Ok(from);
        }
        let parallelism = self.parallelism_of(from);
        let changelog = self.graph.node(from).changelog;
        let uses_now = filter.iter().chain(&exprs).any(uses_now);
        let spec = CalcSpec {
            filter,
            projection: exprs,
            uses_now,
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog,
            upsert_key,
        };
        Ok(self.graph.add(NodeKind::Calc(spec), vec![input], output))
    }

    /// The calc `from` with another one after it, as one; only if no expression is computed twice.
    fn folded(
        &self,
        from: NodeId,
        filter: Option<&Expr>,
        exprs: &[Expr],
    ) -> Result<Option<CalcSpec>> {
        let node = self.graph.node(from);
        let NodeKind::Calc(spec) = &node.kind else {
            return Ok(None);
        };
        // A node somebody else reads is never the last one: readers are added right after it.
        let is_last = from.0 as usize + 1 == self.graph.nodes.len();
        let only_columns = spec.projection.iter().all(|e| matches!(e, Expr::Column(_)));
        if !is_last || !only_columns || (filter.is_some() && spec.filter.is_some()) {
            return Ok(None);
        }
        let inline = |expr: &Expr| -> Result<Expr> {
            let inlined = expr.clone().transform_up(|e| match &e {
                Expr::Column(c) if c.name != NOW_COLUMN => match node.schema.index_of(&c.name) {
                    Ok(index) => Ok(Transformed::yes(spec.projection[index].clone())),
                    Err(error) => Err(error.into()),
                },
                _ => Ok(Transformed::no(e)),
            });
            Ok(inlined.map_err(from_datafusion)?.data)
        };
        let projection = exprs.iter().map(inline).collect::<Result<Vec<_>>>()?;
        let filter = match filter {
            Some(filter) => Some(inline(filter)?),
            None => spec.filter.clone(),
        };
        let uses_now = filter.iter().chain(&projection).any(uses_now);
        Ok(Some(CalcSpec {
            filter,
            projection,
            uses_now,
        }))
    }

    fn upsert_key_after(&self, from: NodeId, exprs: &[Expr]) -> Option<Vec<usize>> {
        let node = self.graph.node(from);
        let position = |key: &usize| {
            let name = node.schema.field(*key).name();
            exprs
                .iter()
                .position(|e| matches!(e, Expr::Column(c) if &c.name == name))
        };
        node.upsert_key.as_ref()?.iter().map(position).collect()
    }
}

/// A column of a node's output by its unique name.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn uses_now(expr: &Expr) -> bool {
    expr.column_refs()
        .iter()
        .any(|column| column.name == NOW_COLUMN)
}

fn is_identity(exprs: &[Expr], before: &SchemaRef, after: &SchemaRef) -> bool {
    exprs.len() == before.fields().len()
        && exprs
            .iter()
            .zip(before.fields())
            .zip(after.fields())
            .all(|((expr, from), to)| {
                matches!(expr, Expr::Column(c) if &c.name == from.name())
                    && from.name() == to.name()
            })
}

/// The time attribute an expression makes: `PROCTIME()`, or `window_time` of a group window.
fn time_of(rel: &Rel, expr: &Expr, schema: &DFSchema) -> Option<TimeKind> {
    match expr {
        Expr::Alias(alias) => time_of(rel, &alias.expr, schema),
        Expr::ScalarFunction(call) if call.name().eq_ignore_ascii_case("proctime") => {
            Some(TimeKind::Processing)
        }
        _ => {
            let (row, field) = rel.group_window_field(expr, schema)?;
            (field == "window_time").then_some(row.kind)
        }
    }
}

/// What becomes of a relation's window behind a projection. Columns a pending window needs are
/// appended; an attached window is lost with its columns.
fn carry_window(
    window: RelWindow,
    before: &SchemaRef,
    projection: &mut Vec<(Expr, Field)>,
) -> Option<RelWindow> {
    let find = |projection: &[(Expr, Field)], position: usize| {
        let name = before.field(position).name();
        projection
            .iter()
            .position(|(e, _)| matches!(e, Expr::Column(c) if &c.name == name))
    };
    match window {
        RelWindow::Attached {
            start,
            end,
            kind,
            time_type,
        } => Some(RelWindow::Attached {
            start: find(projection, start)?,
            end: find(projection, end)?,
            kind,
            time_type,
        }),
        RelWindow::Pending {
            window,
            time,
            time_type,
            partition_by,
            whole,
        } => {
            let mut keep = |position: usize| {
                find(projection, position).unwrap_or_else(|| {
                    let field = before.field(position);
                    projection.push((column(field.name()), field.clone()));
                    projection.len() - 1
                })
            };
            let time = match time {
                TimeAttribute::Event { column } => TimeAttribute::Event {
                    column: keep(column),
                },
                TimeAttribute::Processing => TimeAttribute::Processing,
            };
            let partition_by = partition_by.into_iter().map(&mut keep).collect();
            let whole = whole.into_iter().map(&mut keep).collect();
            Some(RelWindow::Pending {
                window,
                time,
                time_type,
                partition_by,
                whole,
            })
        }
    }
}
