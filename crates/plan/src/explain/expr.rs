//! Expressions in SQL, for people: no types at literals, no internal names.

use std::fmt::Write;

use datafusion_common::ScalarValue;
use datafusion_expr::expr::{Case, InList, ScalarFunction};
use datafusion_expr::{Expr, Operator};
use millstream_core::time::format_millis;
use millstream_core::types::SqlType;

use crate::spec::NOW_COLUMN;

/// Longest text of one expression, in characters.
const CHARS_MAX: usize = 300;

/// Deepest nesting that is shown.
const DEPTH_MAX: usize = 50;

/// An expression as SQL; cut where it is very long or deep.
pub fn text(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, 0);
    cut(&out)
}

/// A text of bounded length.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn write_expr(out: &mut String, expr: &Expr, depth: usize) {
    // Once it is too long to be shown, the rest need not be written.
    if depth > DEPTH_MAX || out.len() > 4 * CHARS_MAX {
        out.push('…');
        return;
    }
    let inner = depth + 1;
    match expr {
        Expr::Alias(alias) => write_expr(out, &alias.expr, depth),
        Expr::Column(column) if column.name == NOW_COLUMN => out.push_str("PROCTIME()"),
        Expr::Column(column) => out.push_str(&column.name),
        Expr::Literal(value, _) => out.push_str(&literal(value)),
        Expr::BinaryExpr(binary) => {
            let strength = strength(binary.op);
            write_operand(out, &binary.left, strength, inner);
            push(out, format_args!(" {} ", operator(binary.op)));
            write_operand(out, &binary.right, strength + 1, inner);
        }
        Expr::Not(of) => {
            out.push_str("NOT ");
            write_operand(out, of, COMPARISON, inner);
        }
        Expr::Negative(of) => {
            out.push('-');
            write_operand(out, of, TIGHTEST, inner);
        }
        Expr::IsNull(of) => write_suffix(out, of, " IS NULL", inner),
        Expr::IsNotNull(of) => write_suffix(out, of, " IS NOT NULL", inner),
        Expr::IsTrue(of) => write_suffix(out, of, " IS TRUE", inner),
        Expr::IsFalse(of) => write_suffix(out, of, " IS FALSE", inner),
        Expr::IsUnknown(of) => write_suffix(out, of, " IS UNKNOWN", inner),
        Expr::IsNotTrue(of) => write_suffix(out, of, " IS NOT TRUE", inner),
        Expr::IsNotFalse(of) => write_suffix(out, of, " IS NOT FALSE", inner),
        Expr::IsNotUnknown(of) => write_suffix(out, of, " IS NOT UNKNOWN", inner),
        Expr::Between(between) => {
            let word = if between.negated {
                "NOT BETWEEN"
            } else {
                "BETWEEN"
            };
            write_operand(out, &between.expr, TIGHTEST, inner);
            push(out, format_args!(" {word} "));
            write_operand(out, &between.low, TIGHTEST, inner);
            out.push_str(" AND ");
            write_operand(out, &between.high, TIGHTEST, inner);
        }
        Expr::Like(like) => {
            let word = if like.negated { "NOT LIKE" } else { "LIKE" };
            write_operand(out, &like.expr, TIGHTEST, inner);
            push(out, format_args!(" {word} "));
            write_operand(out, &like.pattern, TIGHTEST, inner);
        }
        Expr::Cast(cast) => write_cast(out, "CAST", &cast.expr, &cast.field, inner),
        Expr::TryCast(cast) => write_cast(out, "TRY_CAST", &cast.expr, &cast.field, inner),
        Expr::Case(case) => write_case(out, case, inner),
        Expr::InList(list) => write_in_list(out, list, inner),
        Expr::ScalarFunction(call) => write_call(out, call, inner),
        other => push(out, format_args!("{}", other.human_display())),
    }
}

/// How tightly operators bind; looser ones stand in parentheses inside tighter ones.
const COMPARISON: u8 = 3;
const TIGHTEST: u8 = 9;

fn strength(op: Operator) -> u8 {
    match op {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Plus | Operator::Minus => 5,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 6,
        Operator::Eq
        | Operator::NotEq
        | Operator::Lt
        | Operator::LtEq
        | Operator::Gt
        | Operator::GtEq
        | Operator::IsDistinctFrom
        | Operator::IsNotDistinctFrom => COMPARISON,
        _ => 4,
    }
}

fn operator(op: Operator) -> String {
    match op {
        Operator::NotEq => "<>".into(),
        op => op.to_string(),
    }
}

fn write_operand(out: &mut String, expr: &Expr, strength_outside: u8, depth: usize) {
    let mut inside = expr;
    while let Expr::Alias(alias) = inside {
        inside = &alias.expr;
    }
    let strength = match inside {
        Expr::BinaryExpr(binary) => strength(binary.op),
        Expr::Not(_) | Expr::Between(_) | Expr::Like(_) | Expr::InList(_) => COMPARISON,
        Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::IsTrue(_) | Expr::IsFalse(_) => COMPARISON,
        _ => TIGHTEST,
    };
    if strength < strength_outside {
        out.push('(');
        write_expr(out, inside, depth);
        out.push(')');
    } else {
        write_expr(out, inside, depth);
    }
}

fn write_suffix(out: &mut String, expr: &Expr, suffix: &str, depth: usize) {
    write_operand(out, expr, TIGHTEST, depth);
    out.push_str(suffix);
}

fn write_cast(
    out: &mut String,
    word: &str,
    expr: &Expr,
    field: &arrow::datatypes::Field,
    depth: usize,
) {
    push(out, format_args!("{word}("));
    write_expr(out, expr, depth);
    push(out, format_args!(" AS {})", SqlType::of(field)));
}

fn write_case(out: &mut String, case: &Case, depth: usize) {
    out.push_str("CASE");
    if let Some(of) = &case.expr {
        out.push(' ');
        write_expr(out, of, depth);
    }
    for (when, then) in &case.when_then_expr {
        out.push_str(" WHEN ");
        write_expr(out, when, depth);
        out.push_str(" THEN ");
        write_expr(out, then, depth);
    }
    if let Some(otherwise) = &case.else_expr {
        out.push_str(" ELSE ");
        write_expr(out, otherwise, depth);
    }
    out.push_str(" END");
}

fn write_in_list(out: &mut String, list: &InList, depth: usize) {
    write_operand(out, &list.expr, TIGHTEST, depth);
    out.push_str(if list.negated { " NOT IN (" } else { " IN (" });
    write_list(out, &list.list, depth);
    out.push(')');
}

fn write_call(out: &mut String, call: &ScalarFunction, depth: usize) {
    // A field of a row is a function to the planner and a dot to people.
    if call.name() == "get_field"
        && let [of, Expr::Literal(ScalarValue::Utf8(Some(field)), _)] = call.args.as_slice()
    {
        write_operand(out, of, TIGHTEST, depth);
        push(out, format_args!(".{field}"));
        return;
    }
    push(out, format_args!("{}(", call.name().to_uppercase()));
    write_list(out, &call.args, depth);
    out.push(')');
}

fn write_list(out: &mut String, list: &[Expr], depth: usize) {
    for (index, expr) in list.iter().enumerate() {
        if out.len() > 4 * CHARS_MAX {
            return;
        }
        if index > 0 {
            out.push_str(", ");
        }
        write_expr(out, expr, depth);
    }
}

fn literal(value: &ScalarValue) -> String {
    match value {
        value if value.is_null() => "NULL".into(),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => quoted(text),
        ScalarValue::Boolean(Some(value)) => value.to_string().to_uppercase(),
        ScalarValue::TimestampMillisecond(Some(ms), zone) => {
            let word = if zone.is_some() {
                "TIMESTAMP_LTZ"
            } else {
                "TIMESTAMP"
            };
            format!("{word} '{}'", format_millis(*ms))
        }
        ScalarValue::Date32(_) => format!("DATE '{value}'"),
        ScalarValue::IntervalYearMonth(Some(months)) => months_text(*months),
        ScalarValue::IntervalMonthDayNano(Some(interval)) => {
            let days = i128::from(interval.days) * 86_400_000_000_000;
            let nanos = days + i128::from(interval.nanoseconds);
            match (interval.months, nanos) {
                (0, nanos) => nanos_text(nanos),
                (months, 0) => months_text(months),
                (months, nanos) => format!("{} + {}", months_text(months), nanos_text(nanos)),
            }
        }
        other => cut(&other.to_string()),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", cut(text).replace('\'', "''"))
}

fn months_text(months: i32) -> String {
    match months % 12 {
        0 if months != 0 => format!("INTERVAL '{}' YEAR", months / 12),
        _ => format!("INTERVAL '{months}' MONTH"),
    }
}

fn nanos_text(nanos: i128) -> String {
    const SECOND: i128 = 1_000_000_000;
    let units = [
        (86_400, "DAY"),
        (3_600, "HOUR"),
        (60, "MINUTE"),
        (1, "SECOND"),
    ];
    for (seconds, word) in units {
        let unit = seconds * SECOND;
        if nanos != 0 && nanos % unit == 0 {
            return format!("INTERVAL '{}' {word}", nanos / unit);
        }
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, part) = (nanos.abs() / SECOND, nanos.abs() % SECOND);
    let part = format!("{part:09}");
    let part = part.trim_end_matches('0');
    let dot = if part.is_empty() { "" } else { "." };
    format!("INTERVAL '{sign}{whole}{dot}{part}' SECOND")
}

fn push(out: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let written = out.write_fmt(words);
    debug_assert!(written.is_ok());
}
