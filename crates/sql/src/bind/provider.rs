//! Names of tables, window functions and scalar functions, for DataFusion's SQL planner.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Column, DataFusionError, TableReference};
use datafusion_expr::planner::{
    ContextProvider, ExprPlanner, PlannedRelation, RelationPlanner, RelationPlannerContext,
    RelationPlanning, TypePlanner,
};
use datafusion_expr::{
    AggregateUDF, Expr, Extension, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF,
    TableSource, WindowUDF,
};
use datafusion_sql::sqlparser::ast as sql;
use millstream_core::{Code, Error};
use millstream_plan::Window;
use millstream_plan::logical::{UnnestNode, UnnestOptions, VersionNode, WindowNode, over};

use super::table::{Inlined, OptionOverrides};
use super::{BindResult, Scope, external, pattern, rewrite};
use crate::ast::{self, Hint, MatchRecognize, ParsedQuery, WindowKind, WindowTvf};
use crate::diagnostics::locate;

/// What the planner of one query sees.
pub(super) struct Provider {
    scope: Arc<Scope>,
    script: String,
    options: ConfigOptions,
    relations: Vec<Arc<dyn RelationPlanner>>,
}

impl Provider {
    /// A provider for a query, or for an expression without relations.
    pub(super) fn new(scope: &Arc<Scope>, query: Option<&ParsedQuery>, script: &str) -> Self {
        let relations: Vec<Arc<dyn RelationPlanner>> = query
            .map(|query| {
                Arc::new(FlinkRelations {
                    scope: Arc::clone(scope),
                    tvfs: query.tvfs.clone(),
                    patterns: query.patterns.clone(),
                    hints: query.table_hints.clone(),
                    script: script.to_string(),
                }) as Arc<dyn RelationPlanner>
            })
            .into_iter()
            .collect();
        Provider {
            scope: Arc::clone(scope),
            script: script.to_string(),
            options: ConfigOptions::default(),
            relations,
        }
    }
}

impl ContextProvider for Provider {
    fn get_table_source(
        &self,
        name: TableReference,
    ) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let path = self
            .scope
            .catalog
            .path_of(&parts(&name))
            .map_err(external)?;
        let plan = self
            .scope
            .relation(&path, &OptionOverrides::default(), &self.script)?;
        Ok(Arc::new(Inlined::new(plan)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.scope.functions.planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(FlinkTypes))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if let Some((ty, tries)) = rewrite::cast_name(name) {
            let ty = crate::parse::cast_type(&crate::parse::type_mark(ty)).ok()?;
            let context = &self.scope.functions.context;
            return Some(millstream_functions::cast_udf(ty, tries, context));
        }
        self.scope
            .functions
            .scalar
            .get(&name.to_lowercase())
            .cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.scope
            .functions
            .aggregate
            .get(&name.to_lowercase())
            .cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        let lower = name.to_lowercase();
        let mut functions = over::functions().into_iter();
        functions.find(|function| function.name() == lower)
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.scope.functions.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.scope.functions.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// CAST targets with Flink's names.
#[derive(Debug)]
struct FlinkTypes;

impl TypePlanner for FlinkTypes {
    fn plan_type_field(&self, ty: &sql::DataType) -> Result<Option<FieldRef>, DataFusionError> {
        let ty = crate::parse::cast_type(ty).map_err(external)?;
        Ok(Some(Arc::new(ty.field(""))))
    }
}

/// Window functions and tables with hints.
struct FlinkRelations {
    scope: Arc<Scope>,
    tvfs: Vec<WindowTvf>,
    patterns: Vec<MatchRecognize>,
    hints: Vec<Vec<Hint>>,
    script: String,
}

impl fmt::Debug for FlinkRelations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlinkRelations")
    }
}

impl RelationPlanner for FlinkRelations {
    fn plan_relation(
        &self,
        relation: sql::TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning, DataFusionError> {
        if let Some(index) = ast::window_tvf(&relation) {
            let sql::TableFactor::TableFunction { alias, .. } = relation else {
                return Err(external(Error::internal(
                    "a window function is a table function",
                )));
            };
            let plan = self.window(&self.tvfs[index], context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                plan, alias,
            ))));
        }
        if let Some(index) = ast::match_recognize(&relation) {
            let sql::TableFactor::TableFunction { alias, .. } = relation else {
                return Err(external(Error::internal(
                    "MATCH_RECOGNIZE stands for a table function",
                )));
            };
            let plan = pattern::plan(&self.scope, &self.script, &self.patterns[index], context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                plan, alias,
            ))));
        }
        if let sql::TableFactor::Table {
            version: Some(_), ..
        } = &relation
        {
            let plan = version(relation, context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                plan, None,
            ))));
        }
        if let Some(index) = ast::table_hints(&relation) {
            let overrides = self.overrides(&self.hints[index])?;
            let sql::TableFactor::Table { name, alias, .. } = relation else {
                return Err(external(Error::internal("only a table has hints")));
            };
            let name = context.object_name_to_table_reference(name)?;
            let path = self
                .scope
                .catalog
                .path_of(&parts(&name))
                .map_err(external)?;
            let plan = self.scope.relation(&path, &overrides, &self.script)?;
            let plan = LogicalPlanBuilder::new(plan).alias(name)?.build()?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                plan, alias,
            ))));
        }
        if let sql::TableFactor::UNNEST {
            alias,
            array_exprs,
            with_ordinality,
            ..
        } = relation
        {
            let plan = unnest(alias, array_exprs, with_ordinality, context)?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                plan, None,
            ))));
        }
        Ok(RelationPlanning::Original(Box::new(relation)))
    }
}

impl FlinkRelations {
    fn window(&self, tvf: &WindowTvf, context: &mut dyn RelationPlannerContext) -> BindResult {
        let located = |error: Error| external(error.at(locate(&self.script, tvf.span)));
        let input = context.plan(tvf.input.clone())?;
        let time = context.sql_to_expr(tvf.time_column.clone(), input.schema())?;
        if !matches!(time, Expr::Column(_)) {
            return Err(located(Error::new(
                Code::InvalidPlan,
                format!("DESCRIPTOR wants a column, found '{}'", tvf.time_column),
            )));
        }
        let partition_by = tvf
            .partition_by
            .iter()
            .map(|expr| context.sql_to_expr(expr.clone(), input.schema()))
            .collect::<Result<Vec<_>, _>>()?;
        let window = window_of(&tvf.kind);
        window.check().map_err(located)?;
        let node = WindowNode::new(input, window, time, partition_by)?;
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        }))
    }

    fn overrides(&self, hints: &[Hint]) -> Result<OptionOverrides, DataFusionError> {
        let mut overrides = OptionOverrides::default();
        for hint in hints {
            if !hint.name.value.eq_ignore_ascii_case("OPTIONS") {
                let error = Error::unsupported(format!("the hint {} is not supported", hint.name));
                return Err(external(error.at(locate(&self.script, hint.name.span))));
            }
            for pair in &hint.options {
                overrides.insert(pair.key.value.clone(), pair.value.value.clone());
            }
        }
        Ok(overrides)
    }
}

/// A table FOR SYSTEM_TIME AS OF a column of the other side of its join.
fn version(mut relation: sql::TableFactor, context: &mut dyn RelationPlannerContext) -> BindResult {
    let time = match &mut relation {
        sql::TableFactor::Table { version, .. } => version.take(),
        _ => None,
    };
    let names = |expr: &sql::Expr| match expr {
        sql::Expr::Identifier(name) => Some(vec![name.value.clone()]),
        sql::Expr::CompoundIdentifier(names) if names.len() <= 2 => {
            Some(names.iter().map(|name| name.value.clone()).collect())
        }
        _ => None,
    };
    let names = match &time {
        Some(sql::TableVersion::ForSystemTimeAsOf(expr)) => names(expr),
        _ => None,
    };
    let time = match names.as_deref() {
        Some([column]) => Column::new_unqualified(column),
        Some([relation, column]) => Column::new(Some(relation.as_str()), column),
        _ => {
            return Err(external(
                Error::unsupported("FOR SYSTEM_TIME AS OF anything but a column is not supported")
                    .hint("name a time attribute of the left side of the join, such as o.ts"),
            ));
        }
    };
    let input = context.plan(relation)?;
    Ok(LogicalPlan::Extension(Extension {
        node: Arc::new(VersionNode { input, time }),
    }))
}

/// An UNNEST over a single row; its collection may refer to the other side of a join.
fn unnest(
    alias: Option<sql::TableAlias>,
    collections: Vec<sql::Expr>,
    with_ordinality: bool,
    context: &mut dyn RelationPlannerContext,
) -> BindResult {
    let Ok([collection]) = <[sql::Expr; 1]>::try_from(collections) else {
        return Err(external(
            Error::unsupported("UNNEST of several collections is not supported")
                .hint("write one CROSS JOIN UNNEST(..) for each"),
        ));
    };
    let one = LogicalPlanBuilder::empty(true).build()?;
    let collection = context.sql_to_expr(collection, one.schema())?;
    let (name, names) = match alias {
        Some(alias) => {
            let names = alias.columns.into_iter().map(|column| column.name.value);
            (alias.name.value, names.collect())
        }
        None => ("EXPR$0".to_string(), Vec::new()),
    };
    let options = UnnestOptions {
        alias: TableReference::bare(name),
        names,
        with_ordinality,
        is_outer: false,
    };
    Ok(LogicalPlan::Extension(Extension {
        node: Arc::new(UnnestNode::new(one, collection, options)?),
    }))
}

fn window_of(kind: &WindowKind) -> Window {
    let shift = |offset: &Option<ast::Millis>| offset.map_or(0, |offset| offset.ms);
    match kind {
        WindowKind::Tumble { size, offset } => Window::Tumble {
            size: size.ms,
            offset: shift(offset),
        },
        WindowKind::Hop {
            slide,
            size,
            offset,
        } => Window::Hop {
            slide: slide.ms,
            size: size.ms,
            offset: shift(offset),
        },
        WindowKind::Cumulate { step, size, offset } => Window::Cumulate {
            step: step.ms,
            size: size.ms,
            offset: shift(offset),
        },
        WindowKind::Session { gap } => Window::Session { gap: gap.ms },
    }
}

fn parts(name: &TableReference) -> Vec<&str> {
    [name.catalog(), name.schema(), Some(name.table())]
        .into_iter()
        .flatten()
        .collect()
}
