//! Statements that run: queries, INSERT, statement sets; and EXPLAIN, which does not.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, lit};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result, suggest};
use millstream_functions::{flink_cast, from_now};
use millstream_plan::spec::NOW_COLUMN;
use millstream_plan::translate::{InsertTarget, Settings as TranslateSettings, Translator};
use millstream_plan::{JobGraph, NodeKind, OnConflict};

use super::{Listing, Outcome, Query, Session};
use crate::ast::{ConflictAction, Explain, Insert, ParsedQuery, Span, Statement};
use crate::bind::Scope;
use crate::bind::table::{OptionOverrides, writable};
use crate::catalog::{Object, ObjectPath};
use crate::diagnostics::locate;
use crate::guarantee;
use crate::limits::on_big_stack;

impl Session {
    pub(super) fn query(&self, query: &ParsedQuery, script: &str) -> Result<Outcome> {
        let scope = self.scope();
        let plan = scope.query(query, script)?;
        let schema = Arc::clone(plan.schema().inner());
        let plan = scope.optimise(self.shown(&scope, plan)?, (script, query.span))?;
        let graph = self.translated(&scope, &query.text, |translator| translator.collect(&plan))?;
        let upsert_key = graph.nodes.last().and_then(|sink| sink.upsert_key.clone());
        Ok(Outcome::Query(Box::new(Query {
            graph,
            schema,
            upsert_key,
        })))
    }

    /// Instants are shown in the session's zone: as the local time there.
    fn shown(&self, scope: &Scope, plan: LogicalPlan) -> Result<LogicalPlan> {
        let is_instant = |ty: &DataType| matches!(ty, DataType::Timestamp(_, Some(_)));
        let any = plan
            .schema()
            .fields()
            .iter()
            .any(|field| is_instant(field.data_type()));
        if !any || self.settings.zone()? == chrono_tz::Tz::UTC {
            return Ok(plan);
        }
        let columns = plan.schema().columns();
        let exprs = columns
            .into_iter()
            .zip(plan.schema().fields())
            .map(|(column, field)| {
                let name = column.name.clone();
                let expr = Expr::Column(column);
                match SqlType::of(field) {
                    SqlType::TimestampLtz(p) => {
                        let local = ColumnType::nullable(SqlType::Timestamp(p));
                        flink_cast(expr, local, false, &scope.functions.context).alias(name)
                    }
                    _ => expr,
                }
            });
        let exprs: Vec<Expr> = exprs.collect();
        LogicalPlanBuilder::new(plan)
            .project(exprs)
            .and_then(LogicalPlanBuilder::build)
            .map_err(millstream_plan::translate::from_datafusion)
    }

    pub(super) fn inserts(&self, inserts: &[&Insert], script: &str) -> Result<Outcome> {
        Ok(Outcome::Insert(Box::new(
            self.insert_graph(inserts, script)?,
        )))
    }

    fn insert_graph(&self, inserts: &[&Insert], script: &str) -> Result<JobGraph> {
        let scope = self.scope();
        let mut bound = Vec::with_capacity(inserts.len());
        for insert in inserts {
            bound.push(self.bind_insert(&scope, insert, script)?);
        }
        let names: Vec<String> = inserts
            .iter()
            .map(|insert| format!("INSERT INTO {}", insert.table))
            .collect();
        self.translated(&scope, &names.join("; "), |translator| {
            bound
                .into_iter()
                .try_for_each(|(plan, target)| translator.insert(&plan, target))
        })
    }

    fn bind_insert(
        &self,
        scope: &Arc<Scope>,
        insert: &Insert,
        script: &str,
    ) -> Result<(LogicalPlan, InsertTarget)> {
        let place = |error: Error, span: Span| error.at(locate(script, span));
        if insert.overwrite {
            return Err(Error::unsupported(
                "INSERT OVERWRITE is not supported by this release",
            ));
        }
        let path = self.catalog.path(&insert.table)?;
        let object = self
            .catalog
            .get(&path)
            .map_err(|e| place(e, insert.table.span()))?;
        let Object::Table(table) = object else {
            let error = Error::new(
                Code::InvalidPlan,
                format!("'{}' is a view; only tables can be written", path.short()),
            );
            return Err(place(error, insert.table.span()));
        };
        let mut overrides = OptionOverrides::new();
        for hint in &insert.hints {
            if !hint.name.value.eq_ignore_ascii_case("OPTIONS") {
                let error = Error::unsupported(format!("the hint {} is not supported", hint.name));
                return Err(place(error, hint.name.span));
            }
            let pairs = hint.options.iter();
            overrides.extend(pairs.map(|p| (p.key.value.clone(), p.value.value.clone())));
        }
        let mut target = scope
            .target(&path, table, &overrides)
            .map_err(|e| place(e, insert.table.span()))?;
        let action = insert.on_conflict.as_ref().map(|(action, _)| match action {
            ConflictAction::Error => OnConflict::Error,
            ConflictAction::Nothing => OnConflict::Nothing,
            ConflictAction::Deduplicate => OnConflict::Deduplicate,
        });
        target.conflict = self.settings.conflict(action)?;
        let source = scope.query(&insert.source, script)?;
        let plan = self
            .to_target(scope, insert, &path, source, &target, script)
            .map_err(|error| match error.location() {
                Some(_) => error,
                None => place(error, insert.table.span()),
            })?;
        Ok((scope.optimise(plan, (script, insert.source.span))?, target))
    }

    /// Puts the query's columns into the order and types of the target.
    fn to_target(
        &self,
        scope: &Arc<Scope>,
        insert: &Insert,
        path: &ObjectPath,
        source: LogicalPlan,
        target: &InsertTarget,
        script: &str,
    ) -> Result<LogicalPlan> {
        let columns = writable(&target.table);
        let wanted = wanted_columns(insert, &columns, path, script)?;
        let given = source.schema().columns();
        if given.len() != wanted.len() {
            return Err(Error::new(
                Code::TypeMismatch,
                format!(
                    "INSERT INTO '{}' wants {} columns ({}), but the query has {}",
                    path.short(),
                    wanted.len(),
                    wanted
                        .iter()
                        .map(|i| columns[*i].name().as_str())
                        .collect::<Vec<_>>()
                        .join(", "),
                    given.len()
                ),
            ));
        }
        let mut exprs: Vec<Option<Expr>> = vec![None; columns.len()];
        for ((column, index), field) in given.into_iter().zip(&wanted).zip(source.schema().fields())
        {
            let to = &columns[*index];
            let expr = Expr::Column(column);
            exprs[*index] = Some(implicit_cast(scope, expr, field, to, path)?);
        }
        for (name, value) in &insert.partition {
            let index = columns.iter().position(|f| f.name() == &name.value);
            let index = index.ok_or_else(|| unknown_column(&name.value, &columns, path))?;
            let text = match &value.node {
                datafusion_sql::sqlparser::ast::Expr::Value(value) => value
                    .value
                    .clone()
                    .into_string()
                    .or_else(|| number_text(&value.value)),
                _ => None,
            };
            let text = text.ok_or_else(|| {
                Error::new(
                    Code::TypeMismatch,
                    format!("PARTITION ({name} = ..) wants a literal"),
                )
                .at(locate(script, value.span))
            })?;
            let context = &scope.functions.context;
            exprs[index] = Some(flink_cast(
                lit(text),
                ColumnType::of(&columns[index]),
                false,
                context,
            ));
        }
        let exprs = exprs.into_iter().zip(&columns).map(|(expr, to)| {
            let missing = || {
                Expr::Cast(Cast::new(
                    Box::new(lit(datafusion_common::ScalarValue::Null)),
                    to.data_type().clone(),
                ))
            };
            expr.unwrap_or_else(missing).alias(to.name())
        });
        LogicalPlanBuilder::new(source)
            .project(exprs.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(millstream_plan::translate::from_datafusion)
    }

    pub(super) fn explain(&self, explain: &Explain, script: &str) -> Result<Outcome> {
        let graph = match &explain.statement.node {
            Statement::Query(query) => match self.query(query, script)? {
                Outcome::Query(query) => query.graph,
                _ => return Err(Error::internal("a query became something else")),
            },
            Statement::Insert(insert) => self.insert_graph(&[insert.as_ref()], script)?,
            Statement::StatementSet(inserts) => {
                let inserts: Vec<_> = inserts.iter().map(|insert| &insert.node).collect();
                self.insert_graph(&inserts, script)?
            }
            _ => {
                return Err(Error::unsupported(
                    "EXPLAIN wants a query, an INSERT or a statement set",
                ));
            }
        };
        let text = self.explained(&graph)?;
        let rows = vec![vec![Some(text)]];
        Ok(Outcome::Listing(Listing {
            columns: vec!["plan"],
            rows,
            verbatim: true,
        }))
    }

    /// A job as people read it: its nodes, and what it promises.
    pub fn explained(&self, graph: &JobGraph) -> Result<String> {
        let plan = millstream_plan::explain::text(graph);
        let promise = on_big_stack(|| guarantee::text(graph, self.registry.as_ref(), &self.clock))?;
        Ok(format!("{}\n\n{promise}", plan.trim_end()))
    }

    fn translated(
        &self,
        scope: &Scope,
        name: &str,
        add: impl FnOnce(&mut Translator<'_>) -> Result<()>,
    ) -> Result<JobGraph> {
        let context = &scope.functions.context;
        let now = |expr: &Expr| {
            let Expr::ScalarFunction(call) = expr else {
                return None;
            };
            if !call.args.is_empty() {
                return None;
            }
            let now = Expr::Column(datafusion_common::Column::new_unqualified(NOW_COLUMN));
            from_now(call.name(), now, context)
        };
        let zone = self.settings.zone()?;
        let job = self.settings.job()?;
        let named = job.name.clone();
        let mut translator = Translator::new(TranslateSettings {
            name: named.unwrap_or_else(|| name.chars().take(80).collect()),
            job,
            parallelism: self.settings.parallelism(self.cores)?,
            key_groups: self.settings.key_groups()?,
            batch_rows: self.settings.batch_rows()?,
            mode: self.settings.mode()?,
            zone: (zone != chrono_tz::Tz::UTC).then(|| zone.name().to_string()),
            now: &now,
        });
        add(&mut translator)?;
        let graph = translator.finish()?;
        debug_assert!(
            graph
                .nodes
                .iter()
                .any(|node| matches!(node.kind, NodeKind::Sink(_)))
        );
        Ok(graph)
    }
}

/// Positions of the target's columns the query's columns go to, in the query's order.
fn wanted_columns(
    insert: &Insert,
    columns: &[FieldRef],
    path: &ObjectPath,
    script: &str,
) -> Result<Vec<usize>> {
    let fixed = |name: &str| {
        insert
            .partition
            .iter()
            .any(|(column, _)| column.value == name)
    };
    if insert.columns.is_empty() {
        return Ok((0..columns.len())
            .filter(|i| !fixed(columns[*i].name()))
            .collect());
    }
    let mut wanted = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let place = |error: Error| error.at(locate(script, name.span));
        let index = columns.iter().position(|field| field.name() == &name.value);
        let index = index.ok_or_else(|| place(unknown_column(&name.value, columns, path)))?;
        if wanted.contains(&index) {
            let message = format!("column '{name}' is named twice");
            return Err(place(Error::new(Code::InvalidPlan, message)));
        }
        wanted.push(index);
    }
    Ok(wanted)
}

fn unknown_column(name: &str, columns: &[FieldRef], path: &ObjectPath) -> Error {
    let error = Error::new(
        Code::UnknownColumn,
        format!(
            "table '{}' has no column '{name}' that can be written",
            path.short()
        ),
    );
    match suggest::hint(name, columns.iter().map(|field| field.name().as_str())) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn number_text(value: &datafusion_sql::sqlparser::ast::Value) -> Option<String> {
    match value {
        datafusion_sql::sqlparser::ast::Value::Number(digits, _) => Some(digits.clone()),
        _ => None,
    }
}

/// A cast the user need not write: to the same family without losing the sense of the value.
fn implicit_cast(
    scope: &Scope,
    expr: Expr,
    from: &FieldRef,
    to: &FieldRef,
    path: &ObjectPath,
) -> Result<Expr> {
    if from.data_type() == to.data_type() {
        return Ok(expr);
    }
    let (source, target) = (ColumnType::of(from), ColumnType::of(to));
    if !is_implicit(from.data_type(), to.data_type()) {
        return Err(Error::new(
            Code::TypeMismatch,
            format!(
                "column '{}' of '{}' wants the type {}, found {}",
                to.name(),
                path.short(),
                target.sql,
                source.sql
            ),
        )
        .hint(format!("write CAST(.. AS {})", target.sql)));
    }
    Ok(flink_cast(expr, target, false, &scope.functions.context))
}

/// Flink's implicit casts: NULL to anything, numbers to wider (or approximate) numbers, between
/// timestamps, DATE to timestamps, and element by element within nested types.
fn is_implicit(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let rank = |ty: &DataType| match ty {
        T::Int8 => 1,
        T::Int16 => 2,
        T::Int32 => 3,
        T::Int64 => 4,
        T::Decimal128(_, _) => 5,
        T::Float32 => 6,
        T::Float64 => 7,
        _ => 0,
    };
    match (from, to) {
        (T::Null, _) => true,
        (a, b) if rank(a) > 0 && rank(b) > 0 => {
            rank(a) <= rank(b) || matches!((a, b), (T::Decimal128(..), T::Decimal128(..)))
        }
        (T::Utf8, T::Utf8) | (T::Binary, T::Binary) => true,
        (T::Timestamp(..) | T::Date32, T::Timestamp(..)) => true,
        (T::Time32(_), T::Time32(_)) => true,
        (T::List(a), T::List(b)) => same_or_implicit(a.data_type(), b.data_type()),
        (T::Map(a, _), T::Map(b, _)) => same_or_implicit(a.data_type(), b.data_type()),
        (T::Struct(a), T::Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| same_or_implicit(a.data_type(), b.data_type()))
        }
        _ => SqlType::of_arrow(from) == SqlType::of_arrow(to) && !matches!(from, T::Utf8),
    }
}

fn same_or_implicit(from: &DataType, to: &DataType) -> bool {
    from == to || is_implicit(from, to)
}
