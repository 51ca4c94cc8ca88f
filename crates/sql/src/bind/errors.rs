//! DataFusion's errors in our words, with a code, a place in the text and a hint.

use datafusion_common::{DataFusionError, SchemaError};
use millstream_core::error::Location;
use millstream_core::{Code, Error, suggest};

use super::Scope;
use crate::ast::Span;
use crate::diagnostics::locate;

/// Functions that only stand before OVER.
const OVER_FUNCTIONS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
];

/// Where the text that is bound stands.
pub(crate) struct Place<'a> {
    /// The whole script; empty if it is not at hand.
    pub(crate) script: &'a str,
    /// The query within it.
    pub(crate) span: Span,
}

/// Converts an error of planning.
pub(crate) fn convert(error: DataFusionError, place: &Place<'_>, scope: &Scope) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => place.attach(*ours),
            Err(other) => Error::new(Code::InvalidPlan, other.to_string()),
        },
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let error = convert(*inner, place, scope);
            match diagnostic.span {
                Some(span) if error.location().is_none() && !place.script.is_empty() => {
                    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                    let span = Span {
                        line: narrow(span.start.line),
                        column: narrow(span.start.column),
                        end_line: narrow(span.end.line),
                        end_column: narrow(span.end.column),
                    };
                    error.at(locate(place.script, span))
                }
                _ => error,
            }
        }
        DataFusionError::Context(_, inner) => convert(*inner, place, scope),
        DataFusionError::Shared(inner) => {
            let inner = inner.as_ref();
            place.attach(Error::new(
                Code::InvalidPlan,
                clean(&inner.strip_backtrace()),
            ))
        }
        DataFusionError::SchemaError(inner, _) => place.schema(*inner),
        DataFusionError::ArrowError(inner, _) => Error::new(Code::Evaluation, inner.to_string()),
        DataFusionError::Plan(message) => place.plan(&message, scope),
        DataFusionError::NotImplemented(message) => Error::unsupported(clean(&message)),
        DataFusionError::SQL(parser, _) => Error::new(Code::Syntax, parser.to_string()),
        DataFusionError::Collection(all) => match all.into_iter().next() {
            Some(first) => convert(first, place, scope),
            None => Error::internal("planning failed without a reason"),
        },
        DataFusionError::Internal(message) => Error::internal(clean(&message)),
        other => Error::new(Code::InvalidPlan, clean(&other.strip_backtrace())),
    }
}

impl Place<'_> {
    fn schema(&self, error: SchemaError) -> Error {
        match error {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => {
                let name = field.name.as_str();
                let names: Vec<&str> = valid_fields.iter().map(|c| c.name.as_str()).collect();
                let error = Error::new(
                    Code::UnknownColumn,
                    format!("unknown column '{}'", field.flat_name()),
                );
                let error = match suggest::hint(name, names.iter().copied()) {
                    Some(hint) => error.hint(hint),
                    None if names.is_empty() => error,
                    None => {
                        let shown: Vec<&str> = names.into_iter().take(20).collect();
                        error.hint(format!("known columns: {}", shown.join(", ")))
                    }
                };
                self.find(error, name)
            }
            SchemaError::AmbiguousReference { field } => {
                let name = field.name.clone();
                let error = Error::new(
                    Code::UnknownColumn,
                    format!("column '{name}' could be one of several"),
                );
                self.find(
                    error.hint("write the table's name or alias before it"),
                    &name,
                )
            }
            other => self.attach(Error::new(Code::InvalidPlan, clean(&other.to_string()))),
        }
    }

    fn plan(&self, message: &str, scope: &Scope) -> Error {
        let message = clean(message);
        if let Some(name) = quoted_after(&message, "Invalid function '") {
            let known = scope
                .functions
                .scalar
                .keys()
                .chain(scope.functions.aggregate.keys());
            let name = name.to_string();
            if OVER_FUNCTIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name))
            {
                let what = format!("{} stands only before OVER", name.to_uppercase());
                let error = Error::new(Code::InvalidPlan, what);
                let hint = format!("write {}(..) OVER (ORDER BY ..)", name.to_uppercase());
                return self.find(error.hint(hint), &name);
            }
            let error = Error::new(Code::UnknownFunction, format!("unknown function '{name}'"));
            let lower = name.to_lowercase();
            let error = match suggest::nearest(&lower, known.map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean '{}'?", near.to_uppercase())),
                None => error.hint("SHOW FUNCTIONS lists them"),
            };
            return self.find(error, &name);
        }
        // What one of our functions says about its arguments, in DataFusion's wrapping.
        if let Some((_, ours)) = message.split_once("coercion failed with: External error: ") {
            let ours = ours.split(". No function matches").next().unwrap_or(ours);
            let error = Error::new(Code::TypeMismatch, ours);
            return match ours.starts_with("CASE ") {
                true => self.find(error, "case"),
                false => self.attach(error),
            };
        }
        if message.contains("must appear in the GROUP BY clause")
            && let Some(column) = message.split('"').nth(1)
        {
            let column = column.to_string();
            let error = Error::new(
                Code::InvalidPlan,
                format!("column '{column}' is neither grouped by nor inside an aggregate"),
            )
            .hint("add it to GROUP BY, or take MIN, MAX or another aggregate of it");
            let name = column.rsplit('.').next().unwrap_or(&column).to_string();
            return self.find(error, &name);
        }
        let is_type = ["coerce", "type", "wants", "signature", "argument"];
        let code = match is_type.iter().any(|word| message.contains(word)) {
            true => Code::TypeMismatch,
            false => Code::InvalidPlan,
        };
        self.attach(Error::new(code, lower_first(&message)))
    }

    /// Points to the first place in the query where `word` stands by itself.
    fn find(&self, error: Error, word: &str) -> Error {
        match self.location_of(word) {
            Some(location) => error.at(location),
            None => self.attach(error),
        }
    }

    /// Points to a name the message quotes, if the query has it, or to the query's beginning.
    fn attach(&self, error: Error) -> Error {
        if self.script.is_empty() || self.span.is_unknown() || error.location().is_some() {
            return error;
        }
        let named = error.message().split('\'').nth(1).and_then(|word| {
            let last = word.rsplit('.').next()?;
            self.location_of(word).or_else(|| self.location_of(last))
        });
        let start = Span {
            end_line: self.span.line,
            end_column: self.span.column.saturating_add(1),
            ..self.span
        };
        error.at(named.unwrap_or_else(|| locate(self.script, start)))
    }

    fn location_of(&self, word: &str) -> Option<Location> {
        if word.is_empty() || self.script.is_empty() || self.span.is_unknown() {
            return None;
        }
        let lower = word.to_lowercase();
        let lines = self
            .script
            .lines()
            .enumerate()
            .skip(self.span.line as usize - 1);
        let last = self.span.end_line.max(self.span.line) as usize;
        for (index, line) in lines.take(last + 1 - self.span.line as usize) {
            if let Some(column) = column_of(line, &lower) {
                let line = index as u32 + 1;
                let end = column + word.chars().count() as u32;
                let span = Span {
                    line,
                    column,
                    end_line: line,
                    end_column: end,
                };
                return Some(locate(self.script, span));
            }
        }
        None
    }
}

/// Column (from 1, in characters) where `word` stands in `line` and is not part of a longer name.
fn column_of(line: &str, word: &str) -> Option<u32> {
    let lower = line.to_lowercase();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(at) = lower[from..].find(word).map(|at| at + from) {
        let before = lower[..at].chars().next_back();
        let after = lower[at + word.len()..].chars().next();
        if !before.is_some_and(is_name) && !after.is_some_and(is_name) {
            return Some(lower[..at].chars().count() as u32 + 1);
        }
        from = at + word.len();
    }
    None
}

fn quoted_after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message.split_once(start)?.1.split('\'').next()
}

/// The first sentence of a DataFusion message, without its prefixes and internal advice.
fn clean(message: &str) -> String {
    let mut text = message;
    for prefix in [
        "Error during planning: ",
        "This feature is not implemented: ",
        "Execution error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let text = text
        .split("\nThis issue was likely caused")
        .next()
        .unwrap_or(text);
    let line = text.lines().next().unwrap_or(text);
    line.trim_end_matches('.').chars().take(400).collect()
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_string(),
    }
}
