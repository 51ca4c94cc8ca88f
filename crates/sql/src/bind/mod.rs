//! Binding: statements and a catalog become logical plans.
//!
//! ```text
//! ParsedQuery ──rewrite──▶ SqlToRel(provider) ──finalise──▶ TypeCoercion ──▶ optimizer
//! ```
//!
//! * [`rewrite`]: what Flink says differently from DataFusion, on the syntax tree.
//! * [`provider`]: names of tables and functions. [`table`]: a table's definition as a plan.
//! * [`pattern`]: the clauses of MATCH_RECOGNIZE. [`grouping`]: GROUPING SETS, ROLLUP and CUBE.
//! * [`correlate`]: UNNEST over the side it refers to. [`single`]: scalar subqueries have one row.
//! * [`calls`], [`expressions`]: calls and other expressions, as part of that.
//! * [`arithmetic`], [`intervals`]: types of arithmetic. [`comparisons`]: what can be compared.
//!   [`finalise`]: casts and literals with Flink's types.
//! * [`errors`]: DataFusion's errors in our words and with a place in the text.

mod arithmetic;
mod calls;
mod comparisons;
mod correlate;
mod errors;
mod exact;
mod expressions;
mod finalise;
mod grouping;
mod intervals;
mod pattern;
mod provider;
mod rewrite;
mod single;
pub(crate) mod table;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::{AggregateUDF, Expr, LogicalPlan, ScalarUDF};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_optimizer::{
    Analyzer, Optimizer, OptimizerContext, common_subexpr_eliminate::CommonSubexprEliminate,
    decorrelate_lateral_join::DecorrelateLateralJoin,
    decorrelate_predicate_subquery::DecorrelatePredicateSubquery,
    eliminate_cross_join::EliminateCrossJoin, eliminate_filter::EliminateFilter,
    eliminate_outer_join::EliminateOuterJoin, extract_equijoin_predicate::ExtractEquijoinPredicate,
    optimize_projections::OptimizeProjections, push_down_filter::PushDownFilter,
    replace_distinct_aggregate::ReplaceDistinctWithAggregate,
    rewrite_set_comparison::RewriteSetComparison, scalar_subquery_to_join::ScalarSubqueryToJoin,
    simplify_expressions::SimplifyExpressions,
};
use datafusion_sql::planner::{NullOrdering, ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast as sql;
use millstream_core::clock::SharedClock;
use millstream_core::{Error, Result};
use millstream_functions::FunctionContext;
use millstream_plan::logical::{aggregate, group_window};

use self::errors::Place;
use self::provider::Provider;
use crate::ast::ParsedQuery;
use crate::catalog::Catalog;
use crate::registry::Registry;
use crate::settings::Settings;

/// Everything a name may refer to, and the settings: a snapshot of the session.
pub(crate) struct Scope {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) settings: Settings,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: SharedClock,
    pub(crate) functions: Functions,
    /// How many views are being expanded; bounds a cycle that ALTER VIEW could make.
    pub(crate) depth: usize,
}

/// The functions of a session.
#[derive(Clone)]
pub(crate) struct Functions {
    pub(crate) context: FunctionContext,
    pub(crate) scalar: Arc<HashMap<String, Arc<ScalarUDF>>>,
    pub(crate) aggregate: Arc<HashMap<String, Arc<AggregateUDF>>>,
    planners: Arc<Vec<Arc<dyn ExprPlanner>>>,
}

impl Functions {
    pub(crate) fn new(context: FunctionContext) -> Self {
        let mut scalar = HashMap::new();
        for function in millstream_functions::scalar_functions(&context)
            .into_iter()
            .chain(group_window::functions())
        {
            for alias in function.aliases() {
                scalar.insert(alias.clone(), Arc::clone(&function));
            }
            scalar.insert(function.name().to_string(), function);
        }
        let mut aggregates = HashMap::new();
        for function in aggregate::functions()
            .into_iter()
            .chain(grouping::functions())
        {
            for alias in function.aliases() {
                aggregates.insert(alias.clone(), Arc::clone(&function));
            }
            aggregates.insert(function.name().to_string(), function);
        }
        let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(arithmetic::FlinkArithmetic {
            context: context.clone(),
        })];
        planners.extend(millstream_functions::expr_planners(&context));
        Functions {
            context,
            scalar: Arc::new(scalar),
            aggregate: Arc::new(aggregates),
            planners: Arc::new(planners),
        }
    }
}

impl Scope {
    /// Binds a query: names resolved, Flink's types, not yet optimised.
    pub(crate) fn query(
        self: &Arc<Self>,
        parsed: &ParsedQuery,
        script: &str,
    ) -> Result<LogicalPlan> {
        self.bind(parsed, script).map_err(|error| {
            let place = Place {
                script,
                span: parsed.span,
            };
            errors::convert(error, &place, self)
        })
    }

    /// Binds a query inside another one: errors keep DataFusion's form.
    fn bind(self: &Arc<Self>, parsed: &ParsedQuery, script: &str) -> BindResult {
        if let Some(hint) = parsed.select_hints.first() {
            return Err(external(
                Error::unsupported(format!("the hint {} is not supported", hint.name))
                    .at(crate::diagnostics::locate(script, hint.name.span)),
            ));
        }
        let mut query = parsed.query.as_ref().clone();
        calls::query(&mut query, self).map_err(external)?;
        rewrite::query(&mut query);
        let provider = Provider::new(self, Some(parsed), script);
        let planner = SqlToRel::new_with_options(&provider, parser_options());
        let plan = planner.sql_statement_to_plan(sql::Statement::Query(Box::new(query)))?;
        let plan = single::plan(correlate::plan(plan)?, &self.functions)?;
        finalise::plan(plan, &self.functions.context)
    }

    /// Binds an expression over the columns of `schema`.
    fn expr(
        self: &Arc<Self>,
        expr: &sql::Expr,
        schema: &DFSchema,
    ) -> Result<Expr, DataFusionError> {
        let mut expr = expr.clone();
        calls::expr(&mut expr, self).map_err(external)?;
        rewrite::expr(&mut expr);
        let provider = Provider::new(self, None, "");
        let planner = SqlToRel::new_with_options(&provider, parser_options());
        planner.sql_to_expr(expr, schema, &mut PlannerContext::new())
    }

    /// Names and types of the columns of a table or view, as users see them.
    pub(crate) fn column_types(
        self: &Arc<Self>,
        path: &crate::catalog::ObjectPath,
    ) -> Result<Vec<(String, millstream_core::types::ColumnType)>> {
        let place = Place {
            script: "",
            span: crate::ast::Span::default(),
        };
        let plan = self
            .described(path)
            .map_err(|error| errors::convert(error, &place, self))?;
        let columns = plan.schema().fields().iter();
        Ok(columns
            .map(|field| {
                (
                    field.name().clone(),
                    millstream_core::types::ColumnType::of(field),
                )
            })
            .collect())
    }

    /// Coerces types and optimises.
    pub(crate) fn optimise(
        &self,
        plan: LogicalPlan,
        place: (&str, crate::ast::Span),
    ) -> Result<LogicalPlan> {
        let (script, span) = place;
        let place = Place { script, span };
        let mut config = ConfigOptions::default();
        // A subquery's value may change, so it is an input of a join like any other.
        config
            .optimizer
            .enable_physical_uncorrelated_scalar_subquery = false;
        let config = Arc::new(config);
        let coerced = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())])
            .execute_and_check(plan, &config, |_, _| {})
            .map_err(|error| errors::convert(error, &place, self))?;
        let coerced = finalise::zoned(coerced, &self.functions.context)
            .map_err(|error| errors::convert(error, &place, self))?;
        let context =
            OptimizerContext::new_with_config_options(config).without_query_execution_start_time();
        Optimizer::with_rules(vec![
            Arc::new(RewriteSetComparison::new()),
            Arc::new(SimplifyExpressions::new()),
            Arc::new(ReplaceDistinctWithAggregate::new()),
            Arc::new(DecorrelatePredicateSubquery::new()),
            Arc::new(ScalarSubqueryToJoin::new()),
            Arc::new(DecorrelateLateralJoin::new()),
            Arc::new(ExtractEquijoinPredicate::new()),
            Arc::new(EliminateFilter::new()),
            Arc::new(EliminateCrossJoin::new()),
            Arc::new(EliminateOuterJoin::new()),
            Arc::new(PushDownFilter::new()),
            Arc::new(CommonSubexprEliminate::new()),
            Arc::new(OptimizeProjections::new()),
        ])
        .optimize(coerced, &context, |_, _| {})
        .map_err(|error| errors::convert(error, &place, self))
    }
}

type BindResult = Result<LogicalPlan, DataFusionError>;

/// Our error in DataFusion's clothes.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(false)
        .with_collect_spans(true)
        .with_map_string_types_to_utf8view(false)
        // Flink: NULL is the smallest value.
        .with_default_null_ordering(NullOrdering::NullsMin)
}
