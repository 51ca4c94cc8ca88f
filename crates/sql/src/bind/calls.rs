//! Calls, before they are planned: clauses that only aggregate functions have, and functions that
//! know the session.
//!
//! DataFusion drops FILTER, DISTINCT and OVER of a scalar function without a word.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, ObjectNamePart, Query, Value, VisitMut, VisitorMut,
};
use millstream_core::{Code, Error, Result};

use super::Scope;

/// Checks and replaces the calls of a query.
pub(super) fn query(query: &mut Query, scope: &Scope) -> Result<()> {
    done(VisitMut::visit(query, &mut Calls { scope }))
}

/// Checks and replaces the calls of an expression that stands alone.
pub(super) fn expr(expr: &mut Expr, scope: &Scope) -> Result<()> {
    done(VisitMut::visit(expr, &mut Calls { scope }))
}

fn done(flow: ControlFlow<Box<Error>>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Calls<'a> {
    scope: &'a Scope,
}

impl VisitorMut for Calls<'_> {
    type Break = Box<Error>;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::Function(call) = expr else {
            return ControlFlow::Continue(());
        };
        let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else {
            return ControlFlow::Continue(());
        };
        let lower = name.value.to_lowercase();
        if lower == "current_database" && has_no_arguments(call) {
            let database = self.scope.catalog.current().to_string();
            *expr = Expr::value(Value::SingleQuotedString(database));
            return ControlFlow::Continue(());
        }
        let functions = &self.scope.functions;
        let is_scalar = functions.scalar.contains_key(&lower);
        if !is_scalar || functions.aggregate.contains_key(&lower) {
            return ControlFlow::Continue(());
        }
        match aggregate_clause(call) {
            Some(clause) => ControlFlow::Break(Box::new(Error::new(
                Code::InvalidPlan,
                format!(
                    "{clause} stands with an aggregate function, and '{}' is none",
                    name.value.to_uppercase()
                ),
            ))),
            None => ControlFlow::Continue(()),
        }
    }
}

fn has_no_arguments(call: &Function) -> bool {
    match &call.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty(),
        FunctionArguments::Subquery(_) => false,
    }
}

/// A clause that a scalar function cannot have.
fn aggregate_clause(call: &Function) -> Option<&'static str> {
    let list = match &call.args {
        FunctionArguments::List(list) => Some(list),
        _ => None,
    };
    if call.filter.is_some() {
        Some("FILTER")
    } else if call.over.is_some() {
        Some("OVER")
    } else if list.is_some_and(|list| list.duplicate_treatment.is_some()) {
        Some("DISTINCT or ALL")
    } else if !call.within_group.is_empty() {
        Some("WITHIN GROUP")
    } else if call.null_treatment.is_some() || list.is_some_and(|list| !list.clauses.is_empty()) {
        Some("ORDER BY or IGNORE NULLS")
    } else {
        None
    }
}
