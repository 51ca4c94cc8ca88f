//! What Flink says differently from DataFusion, put right on the syntax tree before planning.
//!
//! * `TUMBLE_START(ts, i)` and its kin take a field of the group window: `TUMBLE(ts, i).window_start`.
//! * A result column without a name gets Flink's: `EXPR$0`; a field of a ROW the field's name; a
//!   name that was taken already a number behind it.
//! * What is in [`super::expressions`]: CASE, LIKE, literals ..
//! * CAST, TRY_CAST and typed literals become calls of a function made for the type
//!   ([`cast_name`]), so that their types are Flink's from the start, and two casts of one column
//!   have two names.
//! * VALUES with more than plain literals becomes SELECT .. UNION ALL SELECT .., which finds common
//!   types where DataFusion's VALUES wants equal ones.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self as sql, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor, Value, VisitMut, VisitorMut,
};

/// Start of the names of functions that cast; no user can write it.
const CAST: &str = "cast as ";
const TRY_CAST: &str = "try_cast as ";

/// Most rows of a VALUES that is rewritten: each is a level of the tree.
const UNION_ROWS_MAX: usize = 256;

/// Rewrites a query, its subqueries included.
pub(super) fn query(query: &mut Query) {
    let ControlFlow::Continue(()) = VisitMut::visit(query, &mut Rewriter);
}

/// Rewrites an expression that stands alone.
pub(super) fn expr(expr: &mut Expr) {
    let ControlFlow::Continue(()) = VisitMut::visit(expr, &mut Rewriter);
}

/// Rewrites what a table function or pattern reads.
pub(super) fn factor(factor: &mut TableFactor) {
    let ControlFlow::Continue(()) = VisitMut::visit(factor, &mut Rewriter);
}

/// The text of the type a function casts to, and whether it tries, if `name` is that of a cast.
pub(super) fn cast_name(name: &str) -> Option<(&str, bool)> {
    let plain = name.strip_prefix(CAST).map(|ty| (ty, false));
    plain.or_else(|| name.strip_prefix(TRY_CAST).map(|ty| (ty, true)))
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        values_to_union(&mut query.body);
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
            Expr::Cast {
                kind,
                expr: inner,
                data_type,
                ..
            } => {
                let start = match kind {
                    sql::CastKind::Cast => CAST,
                    _ => TRY_CAST,
                };
                let inner = std::mem::replace(inner.as_mut(), Expr::value(Value::Null));
                *expr = function(&format!("{start}{data_type}"), vec![inner]);
            }
            Expr::TypedString(literal) => {
                let inner = Expr::Value(literal.value.clone());
                *expr = function(&format!("{CAST}{}", literal.data_type), vec![inner]);
            }
            _ => super::expressions::rewrite(expr),
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

/// `VALUES (a), (b)` with computed cells as `SELECT a UNION ALL SELECT b`.
fn values_to_union(body: &mut SetExpr) {
    if let SetExpr::SetOperation { left, right, .. } = body {
        values_to_union(left);
        values_to_union(right);
        return;
    }
    let SetExpr::Values(values) = body else {
        return;
    };
    let is_literal = |cell: &Expr| match cell {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } => matches!(expr.as_ref(), Expr::Value(_)),
        _ => false,
    };
    let plain = values
        .rows
        .iter()
        .flat_map(|row| row.iter())
        .all(is_literal);
    let width = values.rows.first().map_or(0, |row| row.len());
    let is_even = values.rows.iter().all(|row| row.len() == width);
    if plain || !is_even || values.rows.len() > UNION_ROWS_MAX {
        return;
    }
    let rows = values.rows.iter().map(|row| select(row.iter().cloned()));
    let union = rows.reduce(|left, right| SetExpr::SetOperation {
        op: sql::SetOperator::Union,
        set_quantifier: sql::SetQuantifier::All,
        left: Box::new(left),
        right: Box::new(right),
    });
    if let Some(union) = union {
        *body = union;
    }
}

/// `SELECT cells`.
fn select(cells: impl Iterator<Item = Expr>) -> SetExpr {
    SetExpr::Select(Box::new(Select {
        select_token: sql::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: cells.map(SelectItem::UnnamedExpr).collect(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: sql::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: sql::SelectFlavor::Standard,
    }))
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

/// `CAST(inner AS ty)`.
pub(super) fn cast(ty: &str, inner: Expr) -> Expr {
    function(&format!("{CAST}{ty}"), vec![inner])
}

/// A call.
pub(super) fn function(name: &str, args: Vec<Expr>) -> Expr {
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
