//! Functions that read JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::DataType;
use millstream_core::{Error, Result};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::path::{Found, Path, Wrong};
use crate::args::{Call, Texts};
use crate::output::{bool_rows, text_rows};

/// The documents and paths of a call.
struct Documents<'a> {
    texts: Texts<'a>,
    paths: Texts<'a>,
    last: Option<(&'a str, Option<Path>)>,
}

/// What a path finds in the document of a row.
enum Outcome {
    /// A value that is not NULL.
    Value(Value),
    /// Nothing, in lax mode.
    Empty,
    /// Nothing in strict mode, or the text or the path cannot be read.
    Failed(&'static str),
}

impl<'a> Documents<'a> {
    fn new(call: &'a Call) -> Result<Self> {
        Ok(Documents {
            texts: call.texts(0)?,
            paths: call.texts(1)?,
            last: None,
        })
    }

    /// What the path of a row finds, and whether it is lax; `None` if document or path is NULL.
    fn row(&mut self, row: usize) -> Result<Option<(Outcome, bool)>> {
        let (Some(text), Some(path)) = (self.texts.get(row), self.paths.get(row)) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            let compiled = match Path::parse(path) {
                Ok(path) => Some(path),
                Err(Wrong::Path) => None,
                Err(Wrong::Unsupported(error)) => return Err(error),
            };
            self.last = Some((path, compiled));
        }
        let Some(path) = self.last.as_ref().and_then(|(_, path)| path.as_ref()) else {
            return Ok(Some((Outcome::Failed("the path is none"), false)));
        };
        let lax = path.is_lax();
        let Ok(document) = serde_json::from_str::<Value>(text) else {
            return Ok(Some((Outcome::Failed("the text is not JSON"), lax)));
        };
        let outcome = match path.find(&document) {
            Found::Value(value) if !value.is_null() => Outcome::Value(value.into_owned()),
            _ if lax => Outcome::Empty,
            _ => Outcome::Failed("the path finds nothing"),
        };
        Ok(Some((outcome, lax)))
    }
}

/// What a clause such as `DEFAULT 'x' ON EMPTY` says, one text per row.
struct Behaviour<'a> {
    what: Option<Texts<'a>>,
    default: Option<Texts<'a>>,
}

impl<'a> Behaviour<'a> {
    fn new(call: &'a Call, what: usize, default: Option<usize>) -> Result<Self> {
        Ok(Behaviour {
            what: call.optional_texts(what)?,
            default: match default {
                Some(index) => call.optional_texts(index)?,
                None => None,
            },
        })
    }

    /// The text that takes the place of a value; `why` there is none.
    fn text(&self, call: &Call, row: usize, why: &str) -> Result<Option<&'a str>> {
        match self.what.as_ref().and_then(|what| what.get(row)) {
            None | Some("NULL") => Ok(None),
            Some("DEFAULT") => Ok(self.default.as_ref().and_then(|default| default.get(row))),
            Some("EMPTY ARRAY") => Ok(Some("[]")),
            Some("EMPTY OBJECT") => Ok(Some("{}")),
            Some("ERROR") => Err(call.error(why)),
            Some(other) => Err(call.error(format!("does not know what '{other}' means"))),
        }
    }
}

/// JSON_EXISTS(json, path[, 'TRUE' | 'FALSE' | 'UNKNOWN' | 'ERROR']): the word is for errors.
pub(super) fn json_exists(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    let on_error = call.optional_texts(2)?;
    bool_rows(call, |row| {
        let (outcome, lax) = documents.row(row)?.unzip();
        let lax = lax.unwrap_or(false);
        let why = match outcome {
            None => return Ok(None),
            Some(Outcome::Value(_)) => return Ok(Some(true)),
            Some(Outcome::Empty) => return Ok(Some(false)),
            Some(Outcome::Failed(_)) if lax => return Ok(Some(false)),
            Some(Outcome::Failed(why)) => why,
        };
        match on_error.as_ref().and_then(|words| words.get(row)) {
            None | Some("FALSE") => Ok(Some(false)),
            Some("TRUE") => Ok(Some(true)),
            Some("UNKNOWN") => Ok(None),
            Some("ERROR") => Err(call.error(why)),
            Some(other) => Err(call.error(format!("does not know what '{other}' means"))),
        }
    })
}

/// JSON_VALUE(json, path[, on empty, default[, on error, default]]): a scalar as text.
pub(super) fn json_value(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    let on_empty = Behaviour::new(call, 2, Some(3))?;
    let on_error = Behaviour::new(call, 4, Some(5))?;
    text_rows(call, |row, out| {
        let Some((outcome, lax)) = documents.row(row)? else {
            return Ok(None);
        };
        let text = match outcome {
            Outcome::Value(Value::String(text)) => return out.push(&text).map(Some),
            Outcome::Value(value @ (Value::Bool(_) | Value::Number(_))) => {
                return out.push(&value.to_string()).map(Some);
            }
            Outcome::Value(_) if !lax => on_error.text(call, row, "the value is no scalar")?,
            Outcome::Value(_) | Outcome::Empty => on_empty.text(call, row, "there is no value")?,
            Outcome::Failed(why) => on_error.text(call, row, why)?,
        };
        match text {
            Some(text) => out.push(text).map(Some),
            None => Ok(None),
        }
    })
}

/// JSON_QUERY(json, path[, wrapper, on empty, on error]): an object or array as text.
pub(super) fn json_query(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    let (wrappers, on_empty, on_error) = query_clauses(call)?;
    text_rows(call, |row, out| {
        let Some((outcome, lax)) = documents.row(row)? else {
            return Ok(None);
        };
        let text = match outcome {
            Outcome::Value(value) => {
                let value = wrapped(value, wrappers.as_ref().and_then(|w| w.get(row)));
                match value {
                    Value::Array(_) | Value::Object(_) => {
                        return out.push(&sorted(value).to_string()).map(Some);
                    }
                    _ if lax => on_empty.text(call, row, "there is no object or array")?,
                    _ => on_error.text(call, row, "the value is no object or array")?,
                }
            }
            Outcome::Empty => on_empty.text(call, row, "there is no value")?,
            Outcome::Failed(why) => on_error.text(call, row, why)?,
        };
        match text {
            Some(text) => out.push(text).map(Some),
            None => Ok(None),
        }
    })
}

type QueryClauses<'a> = (Option<Texts<'a>>, Behaviour<'a>, Behaviour<'a>);

fn query_clauses<'a>(call: &'a Call) -> Result<QueryClauses<'a>> {
    let wrappers = call.optional_texts(2)?;
    let (on_empty, on_error) = (
        Behaviour::new(call, 3, None)?,
        Behaviour::new(call, 4, None)?,
    );
    Ok((wrappers, on_empty, on_error))
}

fn wrapped(value: Value, wrapper: Option<&str>) -> Value {
    match (wrapper, value) {
        (Some("UNCONDITIONAL"), value) => Value::Array(vec![value]),
        (Some("CONDITIONAL"), value) if !value.is_array() => Value::Array(vec![value]),
        (_, value) => value,
    }
}

/// A value whose members come in the order of their names, as Flink writes them.
fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// JSON_QUERY(.. RETURNING ARRAY&lt;STRING&gt;): the elements as texts.
pub(super) fn json_query_array(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    let (wrappers, on_empty, on_error) = query_clauses(call)?;
    let field = match call.returns.data_type() {
        DataType::List(field) => Arc::clone(field),
        other => return Err(Error::internal(format!("{other} is not an array"))),
    };
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in 0..call.rows {
        let Some((outcome, lax)) = documents.row(row)? else {
            out.append(false);
            continue;
        };
        let text = match outcome {
            Outcome::Value(value) => {
                match wrapped(value, wrappers.as_ref().and_then(|w| w.get(row))) {
                    Value::Array(elements) => {
                        elements
                            .iter()
                            .for_each(|value| out.values().append_option(element_text(value)));
                        out.append(true);
                        continue;
                    }
                    _ if lax => on_empty.text(call, row, "there is no array")?,
                    _ => on_error.text(call, row, "the value is no array")?,
                }
            }
            Outcome::Empty => on_empty.text(call, row, "there is no value")?,
            Outcome::Failed(why) => on_error.text(call, row, why)?,
        };
        // An empty array is one; an empty object is none.
        out.append(text == Some("[]"));
    }
    Ok(Arc::new(out.finish()))
}

fn element_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(sorted(other.clone()).to_string()),
    }
}

/// IS_JSON(text[, 'VALUE' | 'SCALAR' | 'ARRAY' | 'OBJECT']); NULL is no JSON.
pub(super) fn is_json(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let kinds = call.optional_texts(1)?;
    bool_rows(call, |row| {
        let kind = match &kinds {
            Some(kinds) => kinds.get(row),
            None => Some("VALUE"),
        };
        let (Some(text), Some(kind)) = (texts.get(row), kind) else {
            return Ok(Some(false));
        };
        let first = text.trim_start().bytes().next();
        let fits = match kind {
            "VALUE" => true,
            "SCALAR" => !matches!(first, Some(b'[' | b'{')),
            "ARRAY" => first == Some(b'['),
            "OBJECT" => first == Some(b'{'),
            other => {
                return Err(call.error(format!(
                    "wants VALUE, SCALAR, ARRAY or OBJECT, found '{other}'"
                )));
            }
        };
        Ok(Some(
            fits && serde_json::from_str::<IgnoredAny>(text).is_ok(),
        ))
    })
}

/// The text of a JSON string; a text that is none stays as it is.
pub(super) fn json_unquote(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match serde_json::from_str::<Value>(text) {
            Ok(Value::String(inside)) => out.push(&inside).map(Some),
            _ => out.push(text).map(Some),
        }
    })
}
