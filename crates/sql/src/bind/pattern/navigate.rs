//! What looks at rows of a match, taken out of an expression.
//!
//! | in DEFINE or MEASURES | is |
//! |---|---|
//! | `A.price`, `LAST(A.price, n)` | of the last row mapped to A, or the n-th before it |
//! | `FIRST(A.price, n)` | of the first row mapped to A, or the n-th behind it |
//! | `price`, `FIRST(price)` | the same of all rows of the match; in DEFINE `price` is that of the current row |
//! | `SUM(A.price * A.tax)`, `COUNT(*)` | over all rows mapped to A, of all rows |
//! | `MATCH_ROWTIME()`, `MATCH_PROCTIME()` | the time at which the match was found |
//! | `CLASSIFIER()` | the name of the variable of the last row: ours, not Flink's |
//!
//! In DEFINE the current row is the last one of the variable that is being defined.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion_expr::AggregateUDF;
use datafusion_sql::sqlparser::ast::{
    self as sql, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Query, Value, VisitMut, VisitorMut,
};
use millstream_core::{Code, Error, Result};

/// Functions of the current time: in DEFINE that of the current row's arrival.
const NOW: &[&str] = &[
    "PROCTIME",
    "NOW",
    "CURRENT_TIMESTAMP",
    "CURRENT_ROW_TIMESTAMP",
    "LOCALTIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "LOCALTIME",
    "UNIX_TIMESTAMP",
];

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Measure,
    /// DEFINE of this variable.
    Define(usize),
}

/// Something that looks at rows of a match. Inside, columns have lost their variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Row {
        /// `None`: any.
        variable: Option<usize>,
        from_end: bool,
        offset: usize,
        inner: Expr,
    },
    Aggregate {
        variable: Option<usize>,
        call: Expr,
    },
    /// With the column that was named.
    Time(Option<Expr>),
    Classifier,
}

/// An expression over names of parts.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) expr: Expr,
    pub(super) parts: Vec<Part>,
    first: usize,
}

/// The name of a part; no user's column is called so behind a MATCH_RECOGNIZE.
pub(super) fn placeholder(number: usize) -> String {
    format!("${number}")
}

impl Found {
    /// True if it looks at nothing but the row that is mapped to `current`.
    pub(super) fn is_of_this_row(&self, current: usize) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Row {
                variable,
                from_end: true,
                offset: 0,
                ..
            } => variable.is_none_or(|of| of == current),
            _ => false,
        })
    }

    /// The expression over the columns of that row.
    pub(super) fn of_this_row(self) -> Expr {
        let mut expr = self.expr;
        let mut back = PutBack {
            parts: &self.parts,
            first: self.first,
        };
        let ControlFlow::Continue(()) = VisitMut::visit(&mut expr, &mut back);
        expr
    }
}

struct PutBack<'a> {
    parts: &'a [Part],
    first: usize,
}

impl VisitorMut for PutBack<'_> {
    type Break = std::convert::Infallible;

    // Behind its children, so that what is put in is not visited.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::Identifier(name) = expr else {
            return ControlFlow::Continue(());
        };
        let number = name.value.strip_prefix('$').and_then(|n| n.parse().ok());
        let part = number.and_then(|n: usize| self.parts.get(n.checked_sub(self.first)?));
        if let Some(Part::Row { inner, .. }) = part {
            *expr = Expr::Nested(Box::new(inner.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// Takes parts out of expressions.
pub(super) struct Navigator<'a> {
    place: Place,
    variables: &'a [String],
    aggregates: &'a HashMap<String, Arc<AggregateUDF>>,
    first: usize,
    parts: Vec<Part>,
}

impl<'a> Navigator<'a> {
    /// Parts are numbered from `first` on.
    pub(super) fn new(
        place: Place,
        variables: &'a [String],
        aggregates: &'a HashMap<String, Arc<AggregateUDF>>,
        first: usize,
    ) -> Self {
        Navigator {
            place,
            variables,
            aggregates,
            first,
            parts: Vec::new(),
        }
    }

    /// Takes the parts out of an expression.
    pub(super) fn take(mut self, expr: &Expr) -> Result<Found> {
        let mut expr = expr.clone();
        if let ControlFlow::Break(error) = VisitMut::visit(&mut expr, &mut self) {
            return Err(error);
        }
        Ok(Found {
            expr,
            parts: self.parts,
            first: self.first,
        })
    }

    fn part_of(&self, expr: &Expr) -> Result<Option<Part>> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.row(expr, true, 0).map(Some),
            Expr::Function(call) => self.call(call),
            _ => Ok(None),
        }
    }

    fn call(&self, call: &Function) -> Result<Option<Part>> {
        let name = name_of(call);
        let is_aggregate = self.aggregates.contains_key(&name.to_lowercase());
        match name.as_str() {
            "FIRST" | "LAST" => self.navigation(&name, call).map(Some),
            "PREV" | "NEXT" => Err(Error::unsupported(format!(
                "{name} looks at rows whether they are part of the match or not, which is not \
                 supported"
            ))
            .hint("LAST(A.x, 1) is that of the row of A before the current one")),
            "CLASSIFIER" if self.place == Place::Measure && args_of(call).is_empty() => {
                Ok(Some(Part::Classifier))
            }
            "CLASSIFIER" => Err(only_in_measures(&name)),
            "MATCH_NUMBER" => Err(Error::unsupported(format!(
                "{name} is not supported in MATCH_RECOGNIZE"
            ))
            .hint("ROW_NUMBER numbers the matches behind it")),
            "MATCH_ROWTIME" => self.time(call).map(Some),
            "MATCH_PROCTIME" if self.place != Place::Measure => Err(only_in_measures(&name)),
            _ if is_aggregate => self.aggregate(&name, call).map(Some),
            _ if self.place != Place::Measure && is_now(&name, call) => {
                self.row(&Expr::Function(call.clone()), true, 0).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `FIRST(expr [, n])` or `LAST(expr [, n])`.
    fn navigation(&self, name: &str, call: &Function) -> Result<Part> {
        let args = args_of(call);
        let (inner, offset) = match args.as_slice() {
            [inner] => (*inner, 0),
            [inner, offset] => (*inner, count(name, offset)?),
            others => {
                return Err(Error::new(
                    Code::InvalidPlan,
                    format!(
                        "{name} wants a value and a number of rows, found {} arguments",
                        others.len()
                    ),
                ));
            }
        };
        self.row(inner, name == "LAST", offset)
    }

    fn row(&self, inner: &Expr, from_end: bool, offset: usize) -> Result<Part> {
        let (inner, variable) = self.stripped(inner, "FIRST and LAST want")?;
        Ok(Part::Row {
            variable,
            from_end,
            offset,
            inner,
        })
    }

    fn aggregate(&self, name: &str, call: &Function) -> Result<Part> {
        if let FunctionArguments::List(list) = &call.args
            && list.duplicate_treatment == Some(sql::DuplicateTreatment::Distinct)
        {
            return Err(Error::unsupported(format!(
                "{name}(DISTINCT ..) is not supported in MATCH_RECOGNIZE"
            ))
            .hint("leave DISTINCT out, or aggregate the rows of COLLECT behind it"));
        }
        let has_clauses = matches!(&call.args, FunctionArguments::List(l) if !l.clauses.is_empty());
        let has_more =
            call.filter.is_some() || call.over.is_some() || !call.within_group.is_empty();
        if has_clauses || has_more {
            return Err(Error::unsupported(format!(
                "FILTER, OVER and ORDER BY of {name} are not supported in MATCH_RECOGNIZE"
            ))
            .hint("put the condition into the argument: SUM(CASE WHEN .. THEN A.x END)"));
        }
        let mut inner = call.clone();
        let mut seen = Seen::default();
        if let FunctionArguments::List(list) = &mut inner.args {
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))
                | FunctionArg::Named {
                    arg: FunctionArgExpr::Expr(arg),
                    ..
                } = arg
                {
                    *arg = self.strip(arg, &mut seen)?;
                }
            }
        }
        Ok(Part::Aggregate {
            variable: seen.variable(self.variables, &format!("{name} wants"))?,
            call: Expr::Function(inner),
        })
    }

    fn time(&self, call: &Function) -> Result<Part> {
        if self.place != Place::Measure {
            return Err(only_in_measures("MATCH_ROWTIME"));
        }
        match args_of(call).as_slice() {
            [] => Ok(Part::Time(None)),
            [column] => Ok(Part::Time(Some((*column).clone()))),
            others => Err(Error::new(
                Code::InvalidPlan,
                format!(
                    "MATCH_ROWTIME wants at most 1 argument, found {}",
                    others.len()
                ),
            )),
        }
    }

    /// An expression whose columns have lost their variable, and that variable.
    fn stripped(&self, expr: &Expr, who: &str) -> Result<(Expr, Option<usize>)> {
        let mut seen = Seen::default();
        let stripped = self.strip(expr, &mut seen)?;
        Ok((stripped, seen.variable(self.variables, who)?))
    }

    fn strip(&self, expr: &Expr, seen: &mut Seen) -> Result<Expr> {
        let mut stripped = expr.clone();
        let mut stripper = Stripper { of: self, seen };
        match VisitMut::visit(&mut stripped, &mut stripper) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(stripped),
        }
    }
}

impl VisitorMut for Navigator<'_> {
    type Break = Error;

    // In front of its children: what is taken out is not visited any more.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::Function(call) = expr
            && name_of(call) == "MATCH_PROCTIME"
            && self.place == Place::Measure
        {
            call.name = sql::ObjectName(vec![ObjectNamePart::Identifier(Ident::new("PROCTIME"))]);
            return ControlFlow::Continue(());
        }
        let part = match self.part_of(expr) {
            Ok(Some(part)) => part,
            Ok(None) => return ControlFlow::Continue(()),
            Err(error) => return ControlFlow::Break(error),
        };
        let known = self.parts.iter().position(|known| *known == part);
        let number = known.unwrap_or_else(|| {
            self.parts.push(part);
            self.parts.len() - 1
        });
        *expr = Expr::Identifier(Ident::new(placeholder(self.first + number)));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        ControlFlow::Break(no_subquery())
    }
}

/// Which variables the columns of an expression were of.
#[derive(Default)]
struct Seen(Vec<Option<usize>>);

impl Seen {
    fn add(&mut self, variable: Option<usize>) {
        if !self.0.contains(&variable) {
            self.0.push(variable);
        }
    }

    fn variable(&self, names: &[String], who: &str) -> Result<Option<usize>> {
        match self.0.as_slice() {
            [] => Ok(None),
            [only] => Ok(*only),
            [first, second, ..] => {
                let name = |of: &Option<usize>| match of {
                    Some(of) => format!("'{}'", names[*of]),
                    None => "the whole match".into(),
                };
                Err(Error::new(
                    Code::InvalidPlan,
                    format!(
                        "{who} columns of one pattern variable, found those of {} and of {}",
                        name(first),
                        name(second)
                    ),
                )
                .hint("take each value by itself, such as LAST(A.x) * LAST(B.y)"))
            }
        }
    }
}

struct Stripper<'a, 's> {
    of: &'a Navigator<'a>,
    seen: &'s mut Seen,
}

impl VisitorMut for Stripper<'_, '_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Identifier(_) => self.seen.add(None),
            Expr::CompoundIdentifier(parts) => {
                let named = self.of.variables.iter();
                let variable = named.clone().position(|name| *name == parts[0].value);
                self.seen.add(variable);
                if variable.is_some() {
                    parts.remove(0);
                    if let [only] = parts.as_slice() {
                        *expr = Expr::Identifier(only.clone());
                    }
                }
            }
            Expr::Function(call) => {
                let name = name_of(call);
                let is_aggregate = self.of.aggregates.contains_key(&name.to_lowercase());
                let navigates = [
                    "FIRST",
                    "LAST",
                    "PREV",
                    "NEXT",
                    "MATCH_ROWTIME",
                    "CLASSIFIER",
                ];
                if is_aggregate || navigates.contains(&name.as_str()) {
                    return ControlFlow::Break(
                        Error::new(
                            Code::InvalidPlan,
                            format!(
                                "{name} stands inside of another function over rows of a match"
                            ),
                        )
                        .hint("FIRST, LAST and aggregates take values of one row each"),
                    );
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        ControlFlow::Break(no_subquery())
    }
}

fn no_subquery() -> Error {
    Error::unsupported("a subquery in MATCH_RECOGNIZE is not supported")
        .hint("join the table first, and look for the pattern in the result")
}

fn only_in_measures(name: &str) -> Error {
    Error::new(
        Code::InvalidPlan,
        format!("{name} is known once a match is found: it can stand in MEASURES only"),
    )
}

fn name_of(call: &Function) -> String {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => name.value.to_ascii_uppercase(),
        _ => String::new(),
    }
}

fn is_now(name: &str, call: &Function) -> bool {
    NOW.contains(&name) && args_of(call).is_empty()
}

fn args_of(call: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &call.args else {
        return Vec::new();
    };
    let args = list.args.iter();
    args.filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
    .collect()
}

fn count(name: &str, offset: &Expr) -> Result<usize> {
    if let Expr::Value(value) = offset
        && let Value::Number(digits, _) = &value.value
        && let Ok(count) = digits.parse()
    {
        return Ok(count);
    }
    Err(Error::new(
        Code::InvalidPlan,
        format!("{name} wants a number of rows as its second argument, found '{offset}'"),
    ))
}
