//! Following a path.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Function, MATCHES_MAX, Path, Step};

/// What a path finds in a document.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Found<'v> {
    /// The value, or the array of values of a path that is not definite.
    Value(Cow<'v, Value>),
    /// Something on the way is not there, or has another shape.
    Missing,
}

type Values<'v> = Vec<Cow<'v, Value>>;

/// Something is not there.
struct Missing;

impl Path {
    /// Follows the path from the root of a document.
    pub(in super::super) fn find<'v>(&self, root: &'v Value) -> Found<'v> {
        let found = follow(&self.steps, root, root);
        if self.is_definite() {
            return match found.ok().and_then(|mut values| values.pop()) {
                Some(value) => Found::Value(value),
                None => Found::Missing,
            };
        }
        match found {
            Ok(values) => {
                let values = values.into_iter().map(Cow::into_owned).collect();
                Found::Value(Cow::Owned(Value::Array(values)))
            }
            Err(Missing) if self.lax => Found::Value(Cow::Owned(Value::Array(Vec::new()))),
            Err(Missing) => Found::Missing,
        }
    }
}

/// The values that steps find below `start`; `root` is what `$` means in a filter.
pub(super) fn values<'v>(steps: &[Step], start: &'v Value, root: &'v Value) -> Vec<Value> {
    match follow(steps, start, root) {
        Ok(values) => values.into_iter().map(Cow::into_owned).collect(),
        Err(Missing) => Vec::new(),
    }
}

fn follow<'v>(steps: &[Step], start: &'v Value, root: &'v Value) -> Result<Values<'v>, Missing> {
    let mut found = vec![Cow::Borrowed(start)];
    let mut definite = true;
    let mut at = 0;
    while at < steps.len() {
        let mut next = Vec::new();
        let scans = matches!(steps[at], Step::Scan);
        at += usize::from(scans);
        let Some(step) = steps.get(at) else {
            return Err(Missing);
        };
        definite &= !scans;
        for value in &found {
            match scans {
                true => below(value, step, root, &mut next),
                false => step.apply(value, root, definite, &mut next)?,
            }
            if next.len() > MATCHES_MAX {
                return Err(Missing);
            }
        }
        definite &= step.is_definite();
        found = next;
        at += 1;
    }
    Ok(found)
}

/// What a step finds in a value and in everything below it, the upper ones first.
#[expect(
    clippy::ptr_arg,
    reason = "what it borrows is handed on with its lifetime"
)]
fn below<'v>(value: &Cow<'v, Value>, step: &Step, root: &'v Value, found: &mut Values<'v>) {
    if found.len() > MATCHES_MAX {
        return;
    }
    // What has another shape is passed by: the step is not definite here.
    if step.apply(value, root, false, found).is_err() {
        return;
    }
    each(value, |inner| below(&inner, step, root, found));
}

/// Hands on the values directly within a value.
#[expect(
    clippy::ptr_arg,
    reason = "what it borrows is handed on with its lifetime"
)]
fn each<'v>(value: &Cow<'v, Value>, mut visit: impl FnMut(Cow<'v, Value>)) {
    match value {
        Cow::Borrowed(Value::Array(elements)) => {
            elements.iter().for_each(|v| visit(Cow::Borrowed(v)));
        }
        Cow::Borrowed(Value::Object(members)) => {
            members.values().for_each(|v| visit(Cow::Borrowed(v)));
        }
        Cow::Owned(Value::Array(elements)) => {
            elements.iter().for_each(|v| visit(Cow::Owned(v.clone())));
        }
        Cow::Owned(Value::Object(members)) => {
            members.values().for_each(|v| visit(Cow::Owned(v.clone())));
        }
        _ => {}
    }
}

impl Step {
    /// Appends what the step finds in a value. Only where the path is definite up to here is it an
    /// error that something is not there.
    #[expect(
        clippy::ptr_arg,
        reason = "what it borrows is handed on with its lifetime"
    )]
    fn apply<'v>(
        &self,
        value: &Cow<'v, Value>,
        root: &'v Value,
        definite: bool,
        found: &mut Values<'v>,
    ) -> Result<(), Missing> {
        let unless = |holds: bool| match holds || !definite {
            true => Ok(()),
            false => Err(Missing),
        };
        match self {
            Step::Member(name) => {
                let member = member(value, name);
                let is_there = member.is_some();
                found.extend(member);
                return unless(is_there);
            }
            Step::Members(names) => {
                let Value::Object(members) = value.as_ref() else {
                    return unless(false);
                };
                let some: Map<String, Value> = names
                    .iter()
                    .filter_map(|name| Some((name.clone(), members.get(name)?.clone())))
                    .collect();
                found.push(Cow::Owned(Value::Object(some)));
            }
            Step::Elements(indexes) => {
                let Some(length) = length(value) else {
                    return unless(false);
                };
                let places = indexes.iter().filter_map(|index| place(*index, length));
                found.extend(places.filter_map(|at| element(value, at)));
            }
            Step::Slice(from, to) => {
                let Some(length) = length(value) else {
                    return unless(false);
                };
                let bound = |at: i64| match at {
                    at if at < 0 => length.saturating_sub(at.unsigned_abs() as usize),
                    at => (at as usize).min(length),
                };
                let (from, to) = (bound(from.unwrap_or(0)), to.map_or(length, bound));
                found.extend((from..to).filter_map(|at| element(value, at)));
            }
            Step::All => each(value, |inner| found.push(inner)),
            Step::Filter(filter) => match value.as_ref() {
                Value::Array(_) => each(value, |inner| {
                    if filter.accepts(&inner, root) {
                        found.push(inner);
                    }
                }),
                Value::Object(_) if filter.accepts(value, root) => found.push(value.clone()),
                Value::Object(_) => {}
                _ => return unless(false),
            },
            Step::Function(function) => match function.of(value) {
                Some(result) => found.push(Cow::Owned(result)),
                None => return unless(false),
            },
            // `follow` takes it together with the step behind it.
            Step::Scan => return Err(Missing),
        }
        Ok(())
    }
}

fn member<'v>(value: &Cow<'v, Value>, name: &str) -> Option<Cow<'v, Value>> {
    match value {
        Cow::Borrowed(Value::Object(members)) => members.get(name).map(Cow::Borrowed),
        Cow::Owned(Value::Object(members)) => members.get(name).cloned().map(Cow::Owned),
        _ => None,
    }
}

fn length(value: &Value) -> Option<usize> {
    value.as_array().map(Vec::len)
}

fn place(index: i64, length: usize) -> Option<usize> {
    match index {
        index if index < 0 => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
        index => usize::try_from(index).ok(),
    }
}

fn element<'v>(value: &Cow<'v, Value>, at: usize) -> Option<Cow<'v, Value>> {
    match value {
        Cow::Borrowed(Value::Array(elements)) => elements.get(at).map(Cow::Borrowed),
        Cow::Owned(Value::Array(elements)) => elements.get(at).cloned().map(Cow::Owned),
        _ => None,
    }
}

impl Function {
    /// Its value; none if it has none of such a value.
    fn of(self, value: &Value) -> Option<Value> {
        let elements = match (self, value) {
            (Function::Length, Value::Object(members)) => return Some(members.len().into()),
            (Function::Keys, Value::Object(members)) => {
                return Some(
                    members
                        .keys()
                        .map(|key| Value::from(key.as_str()))
                        .collect(),
                );
            }
            (_, Value::Array(elements)) => elements,
            _ => return None,
        };
        let numbers = || elements.iter().filter_map(Value::as_f64);
        let count = numbers().count() as f64;
        let result = match self {
            Function::Length => return Some(elements.len().into()),
            Function::First => return elements.first().cloned(),
            Function::Last => return elements.last().cloned(),
            Function::Keys => return None,
            _ if count == 0.0 => return None,
            Function::Min => numbers().fold(f64::INFINITY, f64::min),
            Function::Max => numbers().fold(f64::NEG_INFINITY, f64::max),
            Function::Sum => numbers().sum(),
            Function::Avg => numbers().sum::<f64>() / count,
            Function::StdDev => {
                let (sum, squares) = numbers().fold((0.0, 0.0), |(s, q), n| (s + n, q + n * n));
                (squares / count - sum * sum / count / count).sqrt()
            }
        };
        Number::from_f64(result).map(Value::Number)
    }
}
