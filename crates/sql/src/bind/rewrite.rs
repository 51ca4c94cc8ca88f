//! What Flink says differently from DataFusion, put right on the syntax tree before planning.
//!
//! * `TUMBLE_START(ts, i)` and its kin take a field of the group window: `TUMBLE(ts, i).window_start`.
//! * A result column without a name gets Flink's: `EXPR$0`; a field of a ROW the field's name; a
//!   name that was taken already a number behind it.
//! * `1E3` is a DOUBLE.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self as sql, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor, Value, VisitMut, VisitorMut,
};

/// Rewrites a query, its subqueries included.
pub(super) fn query(query: &mut Query) {
    let ControlFlow::Continue(()) = VisitMut::visit(query, &mut Rewriter);
}

/// Rewrites an expression that stands alone.
pub(super) fn expr(expr: &mut Expr) {
    let ControlFlow::Continue(()) = VisitMut::visit(expr, &mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        name_columns(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(call) => {
                if let Some(field) = group_window_field(call) {
                    let window = Expr::Function(call.clone());
                    *expr = function("get_field", vec![window, text(field)]);
                }
            }
            Expr::Value(value) => {
                if let Value::Number(digits, _) = &value.value
                    && digits.contains(['e', 'E'])
                {
                    let number = Box::new(text(digits));
                    *expr = Expr::Cast {
                        kind: sql::CastKind::Cast,
                        expr: number,
                        data_type: sql::DataType::Double(sql::ExactNumberInfo::None),
                        array: false,
                        format: None,
                    };
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Makes `TUMBLE_START(..)` a plain `TUMBLE(..)` and returns the field it takes.
fn group_window_field(call: &mut Function) -> Option<&'static str> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_mut_slice() else {
        return None;
    };
    let upper = name.value.to_ascii_uppercase();
    let (window, property) = upper.split_once('_')?;
    if !matches!(window, "TUMBLE" | "HOP" | "SESSION") {
        return None;
    }
    let field = match property {
        "START" => "window_start",
        "END" => "window_end",
        "ROWTIME" | "PROCTIME" => "window_time",
        _ => return None,
    };
    name.value = window.to_string();
    Some(field)
}

fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_select(select: &mut Select) {
    let relations = relation_names(select);
    let mut taken: HashSet<String> = HashSet::new();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let is_unnamed = matches!(item, SelectItem::UnnamedExpr(_));
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = natural_name(expr).unwrap_or_else(|| format!("EXPR${index}"));
                (expr, name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            _ => continue,
        };
        let mut unique = name.clone();
        let mut number = 0;
        while !taken.insert(unique.clone()) {
            unique = format!("{name}{number}");
            number += 1;
        }
        // A plain column keeps its qualifier, so that ORDER BY may use it.
        let is_plain = match &*expr {
            Expr::Identifier(_) => true,
            Expr::CompoundIdentifier(parts) => {
                parts.len() == 2 && relations.contains(parts[0].value.as_str())
            }
            _ => false,
        };
        if is_plain && unique == name && is_unnamed {
            continue;
        }
        let expr = std::mem::replace(expr, Expr::value(Value::Null));
        *item = SelectItem::ExprWithAlias {
            expr,
            alias: Ident::with_quote('`', unique),
        };
    }
}

fn natural_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.clone()),
        Expr::Nested(inner) => natural_name(inner),
        _ => None,
    }
}

/// Names by which columns of this SELECT may be qualified.
fn relation_names(select: &Select) -> HashSet<String> {
    let factors = select.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    });
    factors
        .filter_map(|factor| match factor {
            TableFactor::Table { name, alias, .. } => match alias {
                Some(alias) => Some(alias.name.value.clone()),
                None => name.0.last()?.as_ident().map(|ident| ident.value.clone()),
            },
            TableFactor::Derived { alias, .. } | TableFactor::TableFunction { alias, .. } => {
                alias.as_ref().map(|alias| alias.name.value.clone())
            }
            _ => None,
        })
        .collect()
}

fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_string()))
}

fn function(name: &str, args: Vec<Expr>) -> Expr {
    let args = args
        .into_iter()
        .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
        .collect();
    Expr::Function(Function {
        name: sql::ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(sql::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
