//! Functions that read JSON.

use arrow::array::ArrayRef;
use millstream_core::Result;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::path::Path;
use crate::args::{Call, Texts};
use crate::output::{bool_rows, text_rows};

/// The documents and paths of a call; a constant path is compiled now, and must compile.
struct Documents<'a> {
    texts: Texts<'a>,
    paths: Texts<'a>,
    last: Option<(&'a str, Option<Path>)>,
}

impl<'a> Documents<'a> {
    fn new(call: &'a Call) -> Result<Self> {
        let (texts, paths) = (call.texts(0)?, call.texts(1)?);
        let mut last = None;
        if let (true, Some(path)) = (call.is_constant(1), paths.get(0)) {
            let compiled = Path::parse(path).map_err(|error| call.error(error.message()))?;
            last = Some((path, Some(compiled)));
        }
        Ok(Documents { texts, paths, last })
    }

    /// Hands the document and the compiled path of a row to `read`; `None` if one of them is NULL,
    /// `Some(None)` if one of them cannot be read.
    fn row<T>(&mut self, row: usize, read: impl FnOnce(&Value, &Path) -> T) -> Option<Option<T>> {
        let (text, path) = (self.texts.get(row)?, self.paths.get(row)?);
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            self.last = Some((path, Path::parse(path).ok()));
        }
        let path = self.last.as_ref().and_then(|(_, path)| path.as_ref());
        let document = serde_json::from_str::<Value>(text).ok();
        Some(
            document
                .as_ref()
                .zip(path)
                .map(|(document, path)| read(document, path)),
        )
    }
}

pub(super) fn json_exists(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    bool_rows(call, |row| {
        let found = documents.row(row, |document, path| !path.find(document).is_empty());
        Ok(found.map(|found| found.unwrap_or(false)))
    })
}

pub(super) fn json_value(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    text_rows(call, |row, out| {
        let found = documents.row(row, |document, path| match path.find(document).as_slice() {
            [value] if !path.is_plural() => scalar_text(value),
            _ => None,
        });
        match found.flatten().flatten() {
            Some(text) => out.push(&text).map(Some),
            None => Ok(None),
        }
    })
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn json_query(call: &Call) -> Result<ArrayRef> {
    let mut documents = Documents::new(call)?;
    text_rows(call, |row, out| {
        let found = documents.row(row, |document, path| {
            let found = path.find(document);
            match found.as_slice() {
                found if path.is_plural() => {
                    Some(Value::Array(found.iter().copied().cloned().collect()).to_string())
                }
                [value @ (Value::Array(_) | Value::Object(_))] => Some(value.to_string()),
                _ => None,
            }
        });
        match found.flatten().flatten() {
            Some(text) => out.push(&text).map(Some),
            None => Ok(None),
        }
    })
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
