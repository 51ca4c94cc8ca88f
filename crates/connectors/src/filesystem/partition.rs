//! Partition columns: their values stand in the names of directories, `dt=2020-01-01/hr=1`.
//!
//! Characters that have a meaning in paths are written as `%` and two hex digits, as Hive does. A
//! NULL (and the empty string) is written as a name of its own, `__DEFAULT_PARTITION__`. A value is
//! read back by casting its text to the type of the column.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, make_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef};
use millstream_core::table::TableSpec;
use millstream_core::types::ColumnType;
use millstream_core::{Code, Error, Result, suggest};

use crate::text;

/// The directory of NULL unless the table says otherwise.
pub(super) const DEFAULT_NAME: &str = "__DEFAULT_PARTITION__";

/// The partition columns of a table.
#[derive(Clone)]
pub(super) struct Partitions {
    /// The owner's name in messages.
    owner: String,
    /// Positions in the table's columns, in the order of the directories.
    pub(super) columns: Vec<usize>,
    fields: Vec<FieldRef>,
    default_name: String,
}

impl Partitions {
    /// Checks that the columns exist and that their values can stand in a name.
    pub(super) fn of(table: &TableSpec) -> Result<Self> {
        let default_name = table
            .options
            .get(super::DEFAULT_NAME)
            .unwrap_or(DEFAULT_NAME);
        if default_name.is_empty() {
            return Err(table.options.invalid(super::DEFAULT_NAME, "a name"));
        }
        let mut partitions = Partitions {
            owner: table.options.owner().to_string(),
            columns: Vec::new(),
            fields: Vec::new(),
            default_name: default_name.to_string(),
        };
        for key in &table.partition_keys {
            let column = position(table, key)?;
            let field = &table.schema.fields()[column];
            if partitions.columns.contains(&column) || !can_be_named(field.data_type()) {
                return Err(Error::new(
                    Code::InvalidSchema,
                    format!(
                        "{} cannot be partitioned by '{key}' of type {}",
                        table.options.owner(),
                        ColumnType::of(field)
                    ),
                ));
            }
            partitions.columns.push(column);
            partitions.fields.push(Arc::clone(field));
        }
        Ok(partitions)
    }

    /// Positions of the columns that are in the files.
    pub(super) fn record_columns(&self, table: &TableSpec) -> Result<Vec<usize>> {
        let all = 0..table.schema.fields().len();
        let columns: Vec<usize> = all
            .filter(|column| !self.columns.contains(column))
            .collect();
        match columns.is_empty() {
            false => Ok(columns),
            true => Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "{} has no column besides those it is partitioned by",
                    self.owner
                ),
            )),
        }
    }

    /// The directory of each row, relative and without a slash at its ends, with the rows in it.
    pub(super) fn directories(&self, rows: &RecordBatch) -> Vec<(String, Vec<u32>)> {
        let mut found: Vec<(String, Vec<u32>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let (mut name, mut value) = (String::new(), String::new());
        for row in 0..rows.num_rows() {
            name.clear();
            for (column, field) in self.columns.iter().zip(&self.fields) {
                name.push_str(if name.is_empty() { "" } else { "/" });
                escape(&mut name, field.name());
                name.push('=');
                value.clear();
                let array = rows.column(*column);
                if !array.is_null(row) {
                    text::partition_value(&mut value, array, row);
                }
                escape(
                    &mut name,
                    if value.is_empty() {
                        &self.default_name
                    } else {
                        &value
                    },
                );
            }
            let place = match places.get(&name) {
                Some(place) => *place,
                None => {
                    found.push((name.clone(), Vec::new()));
                    places.insert(name.clone(), found.len() - 1);
                    found.len() - 1
                }
            };
            found[place].1.push(row as u32);
        }
        found
    }

    /// The value of each partition column for a file, as arrays of one row.
    ///
    /// `path` is relative to the table's directory.
    pub(super) fn values(&self, path: &str) -> Result<Vec<ArrayRef>> {
        let directories = path
            .rsplit_once('/')
            .map_or("", |(directories, _)| directories);
        let pairs: Vec<(String, String)> = directories
            .split('/')
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (unescape(key), unescape(value)))
            .collect();
        let value = |field: &FieldRef| match pairs.iter().find(|(key, _)| key == field.name()) {
            Some((_, value)) => self.typed(path, field, value),
            None => Err(self.error(
                path,
                format_args!(
                    "lies in no directory '{}=…' of that partition column",
                    field.name()
                ),
            )),
        };
        self.fields.iter().map(value).collect()
    }

    fn typed(&self, path: &str, field: &Field, value: &str) -> Result<ArrayRef> {
        let found = Some(value).filter(|value| *value != self.default_name);
        let cast = parse(found, field.data_type());
        match cast {
            Ok(array) if array.is_null(0) && !field.is_nullable() => Err(self.error(
                path,
                format_args!(
                    "has no value for the column '{}', which is NOT NULL",
                    field.name()
                ),
            )),
            Ok(array) => Ok(array),
            Err(error) => Err(self
                .error(
                    path,
                    format_args!(
                        "has the value '{}' for the partition column '{}' of type {}",
                        crate::options::shown(value),
                        field.name(),
                        ColumnType::of(field)
                    ),
                )
                .caused_by(error)),
        }
    }

    fn error(&self, path: &str, what: impl std::fmt::Display) -> Error {
        Error::new(Code::Read, format!("{}: file '{path}' {what}", self.owner))
    }
}

fn position(table: &TableSpec, key: &str) -> Result<usize> {
    let fields = table.schema.fields();
    fields
        .iter()
        .position(|field| field.name() == key)
        .ok_or_else(|| {
            let error = Error::new(
                Code::InvalidSchema,
                format!(
                    "{} is partitioned by '{key}', which is none of its columns",
                    table.options.owner()
                ),
            );
            match suggest::hint(key, fields.iter().map(|field| field.name().as_str())) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
}

fn can_be_named(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Utf8
            | DataType::Date32
            | DataType::Time32(_)
            | DataType::Timestamp(..)
    )
}

/// One row of type `ty` from its text.
fn parse(text: Option<&str>, ty: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match ty {
        // An instant is written with a `Z`; the same number without a zone is read and relabelled.
        DataType::Timestamp(unit, Some(_)) => {
            let local = DataType::Timestamp(*unit, None);
            let text: StringArray = [text.map(|text| text.trim_end_matches('Z'))]
                .into_iter()
                .collect();
            relabelled(&cast_with_options(&text, &local, &options)?, ty)
        }
        _ => {
            let text: StringArray = [text].into_iter().collect();
            cast_with_options(&text, ty, &options)
        }
    }
}

/// The same values under another type of the same layout.
pub(super) fn relabelled(
    array: &dyn Array,
    ty: &DataType,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let data = array
        .to_data()
        .into_builder()
        .data_type(ty.clone())
        .build()?;
    Ok(make_array(data))
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\0'..='\x1f'
            | '\x7f'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '}'
            | '['
            | ']'
            | '^' => {
                write!(out, "%{:02X}", c as u32).expect("writing to a string cannot fail");
            }
            _ => out.push(c),
        }
    }
}

/// The text before [`escape`]; what is not an escape stays as it is.
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let code = hex
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}
