//! Expressions whose meaning in Flink is another one than in DataFusion, on the syntax tree.
//!
//! | written | planned as |
//! |---|---|
//! | `CASE WHEN c THEN a ELSE b END` | `case_when(c, a, b)`, which has Flink's type from the start |
//! | `x LIKE 'a^_b' ESCAPE '^'` | `x LIKE 'a\_b'`: DataFusion's escape character is always `\` |
//! | `x LIKE p` | `x LIKE like_pattern(p)`: nothing escapes without ESCAPE |
//! | `x SIMILAR TO p` | `similar_to(x, p)` |
//! | `0.10`, `X'0a'` | `CAST(.. AS DECIMAL(3, 2))`, `CAST(.. AS BINARY(1))`: as many digits as are written |
//! | `INTERVAL '1-2' YEAR TO MONTH` | `CAST(14 AS INTERVAL MONTH)` |
//! | `(a, b) = (c, d)` | `a = c AND b = d`, also for IN |
//! | `(a, b) <> (c, d)` | `a IS DISTINCT FROM c OR b IS DISTINCT FROM d` |
//! | `a IS [NOT] DISTINCT FROM b` | `(..) IS TRUE`, which is never NULL |
//!
//! Functions that stand for a syntax are in `millstream_functions`.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Interval, UnaryOperator, Value, ValueWithSpan,
};
use millstream_functions::like_text;

use super::rewrite::{cast, function};

/// Rows of more fields than this are compared by DataFusion.
const ROW_FIELDS_MAX: usize = 64;

/// Rewrites one node, whose children have been rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    let old = std::mem::replace(expr, Expr::value(Value::Null));
    *expr = match old {
        Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            let name = match operand {
                Some(_) => "case_of",
                None => "case_when",
            };
            let mut args: Vec<Expr> = operand.map(|operand| *operand).into_iter().collect();
            for branch in conditions {
                args.extend([branch.condition, branch.result]);
            }
            args.push(match else_result {
                Some(otherwise) => *otherwise,
                None => Expr::value(Value::Null),
            });
            function(name, args)
        }
        Expr::Like {
            negated,
            any,
            expr,
            pattern,
            escape_char,
        } => Expr::Like {
            negated,
            any,
            expr,
            pattern: Box::new(like_pattern(*pattern, escape_char)),
            escape_char: None,
        },
        Expr::SimilarTo {
            negated,
            expr,
            pattern,
            escape_char,
        } => {
            let mut args = vec![*expr, *pattern];
            args.extend(escape_char.map(Expr::Value));
            negated_if(negated, function("similar_to", args))
        }
        Expr::Value(value) => literal(value),
        Expr::Interval(interval) => months(interval),
        Expr::BinaryOp { left, op, right } => compared(*left, op, *right),
        Expr::InList {
            expr,
            list,
            negated,
        } => in_list(*expr, list, negated),
        old @ (Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..)) => {
            Expr::IsTrue(Box::new(old))
        }
        old => old,
    };
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    match negated {
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(expr),
        },
        false => expr,
    }
}

/// A pattern of LIKE in DataFusion's form; what is wrong with one is said when it is evaluated.
fn like_pattern(pattern: Expr, escape: Option<ValueWithSpan>) -> Expr {
    if let Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(text),
        span,
    }) = &pattern
    {
        let escape_char = match &escape {
            Some(ValueWithSpan {
                value: Value::SingleQuotedString(text),
                ..
            }) => text.chars().next(),
            _ => None,
        };
        if let Ok(text) = like_text(text, escape_char) {
            return Expr::Value(Value::SingleQuotedString(text).with_span(*span));
        }
    }
    let mut args = vec![pattern];
    args.extend(escape.map(Expr::Value));
    function("like_pattern", args)
}

/// A number or bytes with their own type.
fn literal(value: ValueWithSpan) -> Expr {
    match &value.value {
        Value::Number(digits, _) if digits.contains(['e', 'E']) => {
            let text = Value::SingleQuotedString(digits.clone());
            cast("DOUBLE", Expr::Value(text.with_span(value.span)))
        }
        Value::Number(digits, _) => match digits.split_once('.') {
            // `1.` is a whole number.
            Some((whole, "")) => {
                let whole = Value::Number(whole.to_string(), false);
                Expr::Value(whole.with_span(value.span))
            }
            // DataFusion does not count the zeros at the start.
            Some((whole, fraction)) if whole.starts_with('0') => {
                let precision = whole.len() + fraction.len();
                match precision <= 38 {
                    true => {
                        let ty = format!("DECIMAL({precision}, {})", fraction.len());
                        cast(&ty, Expr::Value(value))
                    }
                    false => Expr::Value(value),
                }
            }
            _ => Expr::Value(value),
        },
        Value::HexStringLiteral(digits) if !digits.is_empty() => {
            cast(&format!("BINARY({})", digits.len() / 2), Expr::Value(value))
        }
        _ => Expr::Value(value),
    }
}

/// An interval of months as one; DataFusion knows one kind of interval only.
fn months(interval: Interval) -> Expr {
    let count = match interval.value.as_ref() {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            span,
        }) => text
            .strip_suffix(" MONTHS")
            .map(|count| Value::Number(count.to_string(), false).with_span(*span)),
        _ => None,
    };
    match count {
        Some(count) => cast("INTERVAL MONTH", Expr::Value(count)),
        None => Expr::Interval(interval),
    }
}

/// The fields of a row, if it is one.
fn fields(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Struct { values, fields } if fields.is_empty() => Some(values),
        Expr::Nested(inner) => fields_of_nested(inner),
        _ => None,
    }
}

fn fields_of_nested(mut expr: &Expr) -> Option<&[Expr]> {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    match expr {
        Expr::Struct { values, fields } if fields.is_empty() => Some(values),
        _ => None,
    }
}

fn compared(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    let joins = match op {
        BinaryOperator::Eq => BinaryOperator::And,
        BinaryOperator::NotEq => BinaryOperator::Or,
        _ => return binary(left, op, right),
    };
    match (fields(&left), fields(&right)) {
        (Some(a), Some(b)) if a.len() == b.len() && (1..=ROW_FIELDS_MAX).contains(&a.len()) => {
            let pairs = a.iter().cloned().zip(b.iter().cloned());
            // As in Flink, a row with a NULL is another one, although it is not known to be equal.
            let pairs = pairs.map(|(a, b)| match op {
                BinaryOperator::Eq => compared(a, op.clone(), b),
                _ => Expr::IsTrue(Box::new(Expr::IsDistinctFrom(Box::new(a), Box::new(b)))),
            });
            match pairs.reduce(|all, one| binary(all, joins.clone(), one)) {
                Some(all) => Expr::Nested(Box::new(all)),
                None => binary(left.clone(), op, right.clone()),
            }
        }
        _ => binary(left, op, right),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

/// A row among rows: equal to one of them.
fn in_list(expr: Expr, list: Vec<Expr>, negated: bool) -> Expr {
    let width = fields(&expr).map(<[Expr]>::len);
    let is_even = width.is_some_and(|width| {
        list.iter()
            .all(|item| fields(item).is_some_and(|fields| fields.len() == width))
    });
    // The row is written again for each item: not for many of them.
    if !is_even || list.len() > ROW_FIELDS_MAX {
        return Expr::InList {
            expr: Box::new(expr),
            list,
            negated,
        };
    }
    let equal = list
        .into_iter()
        .map(|item| compared(expr.clone(), BinaryOperator::Eq, item))
        .reduce(|any, one| binary(any, BinaryOperator::Or, one));
    match equal {
        Some(equal) => negated_if(negated, Expr::Nested(Box::new(equal))),
        None => expr,
    }
}
