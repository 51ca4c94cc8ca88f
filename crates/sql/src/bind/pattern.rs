//! MATCH_RECOGNIZE: its clauses become a [`PatternNode`] with a projection above.
//!
//! ```text
//! MEASURES  A.price - LAST(C.price, 1) AS d   ─▶  $0 - $1 AS d     $0 = last A's price, $1 = ..
//! DEFINE    B AS price < 15                   ─▶  a BOOLEAN column of each row
//!           C AS C.price < LAST(B.price)      ─▶  $0 < $1          over the match so far
//! ```
//!
//! [`navigate`] takes what looks at rows of the match out of an expression and leaves a name in its place.
//! What stands inside, and conditions that look at the current row only, are expressions over the input,
//! computed for whole batches; only what is left of a condition is evaluated match by match.

mod navigate;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, DFSchemaRef, DataFusionError};
use datafusion_expr::logical_plan::EmptyRelation;
use datafusion_expr::planner::RelationPlannerContext;
use datafusion_expr::{Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_optimizer::{Analyzer, AnalyzerRule};
use datafusion_sql::sqlparser::ast as sql;
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, suggest};
use millstream_plan::logical::aggregate::Aggregate;
use millstream_plan::logical::{PatternNode, Search};
use millstream_plan::{AfterMatch, MatchPart, MatchValue, PatternCondition};

use super::{BindResult, Scope, external, finalise, rewrite};
use crate::ast::{MatchRecognize, Name, SkipTo, Spanned};
use crate::diagnostics::locate;
use navigate::{Navigator, Part, Place};

type Bound<T> = Result<T, DataFusionError>;

/// What binding one clause knows.
struct Binder<'a> {
    scope: &'a Arc<Scope>,
    script: &'a str,
    clause: &'a MatchRecognize,
    variables: Vec<String>,
    schema: DFSchemaRef,
    reads: Vec<Expr>,
    values: Vec<MatchValue>,
}

/// Binds a clause.
pub(super) fn plan(
    scope: &Arc<Scope>,
    script: &str,
    clause: &MatchRecognize,
    context: &mut dyn RelationPlannerContext,
) -> BindResult {
    let mut factor = clause.input.clone();
    rewrite::factor(&mut factor);
    let input = context.plan(factor)?;
    let (pattern, variables) = tree::pattern(&clause.pattern, script)?;
    let schema = Arc::clone(input.schema());
    let mut binder = Binder {
        scope,
        script,
        clause,
        variables,
        schema,
        reads: Vec::new(),
        values: Vec::new(),
    };
    let orders = binder.ordered()?;
    let conditions = binder.conditions()?;
    let measures = binder.measures()?;
    let after_match = binder.after_match()?;
    let Binder {
        reads,
        values,
        variables,
        ..
    } = binder;
    let partitions = clause.partition_by.len();
    let search = Search {
        partitions,
        orders,
        variables: variables.into_iter().zip(conditions).collect(),
        pattern,
        after_match,
        within_ms: clause.within.map(|within| within.ms),
        values,
    };
    let node = PatternNode::new(input, reads, search)?;
    let node = LogicalPlan::Extension(Extension {
        node: Arc::new(node),
    });
    project(scope, node, partitions, measures, (script, clause))
}

/// The partition columns and the measures.
fn project(
    scope: &Arc<Scope>,
    node: LogicalPlan,
    partitions: usize,
    measures: Vec<(sql::Expr, &Name)>,
    (script, clause): (&str, &MatchRecognize),
) -> BindResult {
    let keys = node.schema().columns().into_iter().take(partitions);
    let mut columns: Vec<Expr> = keys.map(Expr::Column).collect();
    let mut taken: Vec<String> = columns
        .iter()
        .map(|c| c.schema_name().to_string())
        .collect();
    for (measure, name) in measures {
        if taken.contains(&name.value) {
            let error = Error::new(
                Code::InvalidPlan,
                format!("column '{}' is defined twice", name.value),
            )
            .hint(
                "partition columns are put out by themselves: leave it out, or name it otherwise",
            );
            return Err(external(error.at(locate(script, name.span))));
        }
        taken.push(name.value.clone());
        let measure = scope.expr(&measure, node.schema())?;
        let measure = finalise::expr(measure, node.schema(), &scope.functions.context)?;
        columns.push(measure.alias(&name.value));
    }
    if columns.is_empty() {
        let error = Error::new(
            Code::InvalidPlan,
            "MATCH_RECOGNIZE without PARTITION BY and without MEASURES has no columns",
        );
        return Err(external(error.at(locate(script, clause.span))));
    }
    LogicalPlanBuilder::new(node).project(columns)?.build()
}

impl<'a> Binder<'a> {
    /// Reads the time, the partition columns and those that order rows, in this order.
    fn ordered(&mut self) -> Bound<Vec<(bool, bool)>> {
        let clause = self.clause;
        let Some((time, more)) = clause.order_by.split_first() else {
            return Err(self.wrong("MATCH_RECOGNIZE wants ORDER BY a time attribute"));
        };
        if time.options.asc == Some(false) {
            return Err(self.wrong(
                "MATCH_RECOGNIZE wants ORDER BY to begin with an ascending time attribute, found \
                 DESC",
            ));
        }
        let time = self.column(&time.expr, "ORDER BY")?;
        self.reads.push(time);
        for key in &clause.partition_by {
            let key = self.column(key, "PARTITION BY")?;
            self.reads.push(key);
        }
        let mut orders = Vec::with_capacity(more.len());
        for key in more {
            let column = self.column(&key.expr, "ORDER BY")?;
            self.reads.push(column);
            let descending = key.options.asc == Some(false);
            // Flink: NULL is the smallest value.
            orders.push((descending, key.options.nulls_first.unwrap_or(!descending)));
        }
        Ok(orders)
    }

    fn column(&self, expr: &sql::Expr, of: &str) -> Bound<Expr> {
        let bound = self.scope.expr(expr, &self.schema)?;
        match bound {
            Expr::Column(_) => Ok(bound),
            _ => Err(self.wrong(&format!(
                "{of} of MATCH_RECOGNIZE wants columns, found '{expr}'"
            ))),
        }
    }

    /// The condition of each variable.
    fn conditions(&mut self) -> Bound<Vec<PatternCondition>> {
        let clause = self.clause;
        let mut conditions = vec![PatternCondition::Always; self.variables.len()];
        let mut is_defined = vec![false; self.variables.len()];
        for (name, condition) in &clause.define {
            let variable = self.variable(name)?;
            if std::mem::replace(&mut is_defined[variable], true) {
                let message = format!("pattern variable '{name}' is defined twice");
                return Err(self.located(Error::new(Code::InvalidPlan, message), name));
            }
            conditions[variable] = self.condition(variable, condition)?;
        }
        Ok(conditions)
    }

    fn variable(&self, name: &Name) -> Bound<usize> {
        let mut known = self.variables.iter();
        if let Some(found) = known.position(|known| *known == name.value) {
            return Ok(found);
        }
        let message = format!("variable '{name}' is not in the PATTERN");
        let known = self.variables.iter().map(String::as_str);
        let error = Error::new(Code::InvalidPlan, message);
        let error = match suggest::hint(&name.value, known) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("it has {}", self.variables.join(", "))),
        };
        Err(self.located(error, name))
    }

    fn condition(
        &mut self,
        variable: usize,
        condition: &Spanned<sql::Expr>,
    ) -> Bound<PatternCondition> {
        let mut simple = Vec::new();
        let mut computed = Vec::new();
        let mut values = Vec::new();
        for conjunct in conjuncts(&condition.node) {
            let place = Place::Define(variable);
            let found = self.navigator(place, values.len()).take(conjunct);
            let found = found.map_err(|error| self.at(error, condition))?;
            if found.is_of_this_row(variable) {
                simple.push(found.of_this_row());
                continue;
            }
            for part in found.parts {
                let name = navigate::placeholder(values.len());
                let value = self.value(&name, part)?;
                values.push(value);
            }
            computed.push(found.expr);
        }
        let gate = match all_of(simple) {
            Some(condition) => {
                let schema = Arc::clone(&self.schema);
                let bound = self.boolean(&condition, &schema)?;
                Some(self.read(bound))
            }
            None => None,
        };
        let Some(computed) = all_of(computed) else {
            return Ok(gate.map_or(PatternCondition::Always, PatternCondition::Column));
        };
        let fields = values.iter().map(|value| FieldRef::clone(&value.field));
        let schema = DFSchema::from_unqualified_fields(fields.collect(), HashMap::new())?;
        let expr = self.boolean(&computed, &Arc::new(schema))?;
        Ok(PatternCondition::Computed { gate, expr, values })
    }

    fn boolean(&self, condition: &sql::Expr, schema: &DFSchemaRef) -> Bound<Expr> {
        let bound = self.scope.expr(condition, schema)?;
        let bound = self.analysed(bound, schema)?;
        match bound.get_type(schema)? {
            DataType::Boolean | DataType::Null => Ok(bound),
            other => {
                let found = SqlType::of_arrow(&other);
                Err(self.wrong(&format!(
                    "DEFINE wants a condition, found a value of the type {found}"
                )))
            }
        }
    }

    /// The measures over what the node puts out, with their names.
    fn measures(&mut self) -> Bound<Vec<(sql::Expr, &'a Name)>> {
        let clause = self.clause;
        let mut measures = Vec::with_capacity(clause.measures.len());
        for (measure, name) in &clause.measures {
            let navigator = self.navigator(Place::Measure, self.values.len());
            let found = navigator.take(&measure.node);
            let found = found.map_err(|error| self.at(error, measure))?;
            for part in found.parts {
                let placeholder = navigate::placeholder(self.values.len());
                let value = self.value(&placeholder, part)?;
                self.values.push(value);
            }
            measures.push((found.expr, name));
        }
        Ok(measures)
    }

    fn navigator(&self, place: Place, first: usize) -> Navigator<'_> {
        Navigator::new(
            place,
            &self.variables,
            &self.scope.functions.aggregate,
            first,
        )
    }

    /// Binds what looks at rows of the match.
    fn value(&mut self, name: &str, part: Part) -> Bound<MatchValue> {
        let (what, field) = match part {
            Part::Row {
                variable,
                from_end,
                offset,
                inner,
            } => {
                let bound = self.scope.expr(&inner, &self.schema)?;
                let bound = self.analysed(bound, &self.schema)?;
                let (_, field) = bound.to_field(&self.schema)?;
                let what = MatchPart::Row {
                    variable,
                    from_end,
                    offset,
                    column: self.read(bound),
                };
                (what, field)
            }
            Part::Aggregate { variable, call } => {
                let (call, field) = self.aggregate(&call)?;
                let Expr::AggregateFunction(aggregate) = &call else {
                    return Err(external(Error::internal("an aggregate is none")));
                };
                let function = aggregate.func.inner().as_ref() as &dyn std::any::Any;
                let Some(function) = function.downcast_ref::<Aggregate>() else {
                    let what = format!("the aggregate '{}'", aggregate.func.name());
                    return Err(external(Error::unsupported(what)));
                };
                let what = MatchPart::Aggregate {
                    variable,
                    function: function.function().clone(),
                    args: vec![self.read(call)],
                };
                (what, field)
            }
            Part::Time(of) => (MatchPart::Time, self.time(of.as_ref())?),
            Part::Classifier => {
                let name = ColumnType::nullable(SqlType::STRING).field(name);
                (MatchPart::Classifier, Arc::new(name))
            }
        };
        Ok(MatchValue {
            field: PatternNode::field_of(name, &field, &what),
            what,
        })
    }

    /// The type of `MATCH_ROWTIME([column])`.
    fn time(&self, of: Option<&sql::Expr>) -> Bound<FieldRef> {
        let Some(of) = of else {
            let ty = DataType::Timestamp(TimeUnit::Millisecond, None);
            return Ok(Arc::new(Field::new("", ty, false)));
        };
        let bound = self.scope.expr(of, &self.schema)?;
        if bound != self.reads[0] {
            return Err(self.wrong(&format!(
                "MATCH_ROWTIME wants the time attribute of ORDER BY, found '{of}'"
            )));
        }
        Ok(bound.to_field(&self.schema)?.1)
    }

    fn read(&mut self, expr: Expr) -> usize {
        let known = self.reads.iter().position(|known| *known == expr);
        known.unwrap_or_else(|| {
            self.reads.push(expr);
            self.reads.len() - 1
        })
    }

    /// An expression with the types it will have in the end.
    fn analysed(&self, expr: Expr, schema: &DFSchemaRef) -> Bound<Expr> {
        if matches!(expr, Expr::Column(_)) {
            return Ok(expr);
        }
        let plan = LogicalPlanBuilder::new(nothing(schema))
            .project([expr])?
            .build()?;
        match self.coerced(plan)? {
            LogicalPlan::Projection(projection) => Ok(single(projection.expr)?.unalias()),
            _ => Err(external(Error::internal("a projection is none any more"))),
        }
    }

    /// An aggregate with its type.
    fn aggregate(&self, call: &sql::Expr) -> Bound<(Expr, FieldRef)> {
        let bound = self.scope.expr(call, &self.schema)?.unalias();
        let plan = LogicalPlanBuilder::new(nothing(&self.schema))
            .aggregate(Vec::<Expr>::new(), [bound])?
            .build()?;
        match self.coerced(plan)? {
            LogicalPlan::Aggregate(aggregate) => {
                let field = FieldRef::clone(&aggregate.schema.fields()[0]);
                Ok((single(aggregate.aggr_expr)?.unalias(), field))
            }
            _ => Err(external(Error::internal("an aggregate is none any more"))),
        }
    }

    fn coerced(&self, plan: LogicalPlan) -> BindResult {
        let functions = &self.scope.functions.context;
        let plan = finalise::plan(plan, functions)?;
        let rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(TypeCoercion::new())];
        let config = ConfigOptions::default();
        let plan = Analyzer::with_rules(rules).execute_and_check(plan, &config, |_, _| {})?;
        finalise::zoned(plan, functions)
    }

    fn after_match(&self) -> Bound<AfterMatch> {
        Ok(match &self.clause.after_match {
            Some(SkipTo::PastLastRow) => AfterMatch::PastLastRow,
            // As in Flink, not as in the standard.
            Some(SkipTo::NextRow) | None => AfterMatch::ToNextRow,
            Some(SkipTo::First(name)) => AfterMatch::ToFirst(self.variable(name)?),
            Some(SkipTo::Last(name)) => AfterMatch::ToLast(self.variable(name)?),
        })
    }

    fn at(&self, error: Error, of: &Spanned<sql::Expr>) -> DataFusionError {
        external(error.at(locate(self.script, of.span)))
    }

    fn located(&self, error: Error, name: &Name) -> DataFusionError {
        external(error.at(locate(self.script, name.span)))
    }

    fn wrong(&self, message: &str) -> DataFusionError {
        let error = Error::new(Code::InvalidPlan, message);
        external(error.at(locate(self.script, self.clause.span)))
    }
}

fn nothing(schema: &DFSchemaRef) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema: Arc::clone(schema),
    })
}

fn single(exprs: Vec<Expr>) -> Bound<Expr> {
    let [one] = <[Expr; 1]>::try_from(exprs)
        .map_err(|_| external(Error::internal("one expression became several")))?;
    Ok(one)
}

/// The parts of a condition that all have to be true.
fn conjuncts(expr: &sql::Expr) -> Vec<&sql::Expr> {
    match expr {
        sql::Expr::Nested(inner) => conjuncts(inner),
        sql::Expr::BinaryOp {
            left,
            op: sql::BinaryOperator::And,
            right,
        } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other],
    }
}

fn all_of(conditions: Vec<sql::Expr>) -> Option<sql::Expr> {
    let nested = |expr| Box::new(sql::Expr::Nested(Box::new(expr)));
    conditions
        .into_iter()
        .reduce(|left, right| sql::Expr::BinaryOp {
            left: nested(left),
            op: sql::BinaryOperator::And,
            right: nested(right),
        })
}
