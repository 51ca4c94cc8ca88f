//! Which columns of a table are in the key of a record, which in its value.
//!
//! ```text
//! table   k_id │ name │ price │ ts (metadata)      'key.fields' = 'k_id', 'key.fields-prefix' = 'k_'
//! key     id                                       'value.fields-include' = 'EXCEPT_KEY'
//! value          name │ price
//! ```

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use millstream_core::format::{Format, Formats};
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result, suggest};

use super::options::{KEY_FIELDS, KEY_FORMAT, KEY_PREFIX, VALUE_FORMAT, VALUE_INCLUDE};
use crate::options::format_named;

/// Key or value of a table's records.
#[derive(Clone)]
pub(super) struct Part {
    /// Positions of its columns among the physical columns of the table.
    pub(super) columns: Vec<usize>,
    /// The columns under the names they have in the record.
    pub(super) schema: SchemaRef,
    /// How it is written as bytes.
    pub(super) format: &'static dyn Format,
    /// The options of the format.
    pub(super) options: Options,
}

/// The columns of a table's records.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) key: Option<Part>,
    pub(super) value: Part,
}

impl Layout {
    /// Of a table whose key is in `key.fields`, or is its PRIMARY KEY for `upsert`.
    pub(super) fn of(table: &TableSpec, formats: &Formats, upsert: bool) -> Result<Self> {
        let options = &table.options;
        let prefix = options.get(KEY_PREFIX).unwrap_or_default();
        let include = options.one_of(VALUE_INCLUDE, &["ALL", "EXCEPT_KEY"], "ALL")?;
        if !prefix.is_empty() && include == "ALL" {
            return Err(needs(
                options,
                KEY_PREFIX,
                "'value.fields-include' = 'EXCEPT_KEY'",
            ));
        }
        let keys = match upsert {
            true => primary_key(table)?,
            false => key_fields(table)?,
        };
        let key = match (keys.is_empty(), options.get(KEY_FORMAT)) {
            (true, None) => None,
            (false, None) => return Err(needs(options, KEY_FIELDS, "'key.format'")),
            (true, Some(_)) => return Err(needs(options, KEY_FORMAT, "'key.fields'")),
            (false, Some(_)) => {
                let (format, format_options) = format_named(table, formats, KEY_FORMAT, "key.")?;
                Some(Part {
                    schema: stripped(table, &keys, prefix)?,
                    columns: keys.clone(),
                    format,
                    options: format_options,
                })
            }
        };
        let except = include == "EXCEPT_KEY";
        let columns: Vec<usize> = (0..table.schema.fields().len())
            .filter(|column| !except || !keys.contains(column))
            .collect();
        if columns.is_empty() && !upsert {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "{} has no column for the value of its records",
                    options.owner()
                ),
            ));
        }
        let (format, format_options) = value_format(table, formats, upsert)?;
        let schema = Arc::new(table.schema.project(&columns)?);
        let value = Part {
            columns,
            schema,
            format,
            options: format_options,
        };
        Ok(Layout { key, value })
    }
}

fn value_format(
    table: &TableSpec,
    formats: &Formats,
    upsert: bool,
) -> Result<(&'static dyn Format, Options)> {
    let options = &table.options;
    match (options.get("format"), options.get(VALUE_FORMAT)) {
        (Some(_), Some(_)) => Err(Error::new(
            Code::InvalidOption,
            format!(
                "{} has both 'format' and '{VALUE_FORMAT}', wanted one",
                options.owner()
            ),
        )),
        (Some(_), None) if upsert => Err(Error::new(
            Code::InvalidOption,
            format!(
                "{} has 'format', wanted '{KEY_FORMAT}' and '{VALUE_FORMAT}'",
                options.owner()
            ),
        )),
        (Some(_), None) => format_named(table, formats, "format", ""),
        (None, Some(_)) => format_named(table, formats, VALUE_FORMAT, "value."),
        (None, None) => Err(Error::new(
            Code::InvalidOption,
            match upsert {
                true => format!("{} needs the option '{VALUE_FORMAT}'", options.owner()),
                false => format!("{} needs the option 'format'", options.owner()),
            },
        )),
    }
}

fn primary_key(table: &TableSpec) -> Result<Vec<usize>> {
    let owner = table.options.owner();
    if table.primary_key.is_empty() {
        return Err(Error::new(
            Code::InvalidSchema,
            format!("{owner} has the connector 'upsert-kafka' and so needs a PRIMARY KEY"),
        )
        .hint("add 'PRIMARY KEY (…) NOT ENFORCED' to its columns"));
    }
    table.options.require(KEY_FORMAT)?;
    table
        .primary_key
        .iter()
        .map(|name| {
            table.schema.index_of(name).map_err(|_| {
                Error::new(
                    Code::InvalidSchema,
                    format!("{owner}: the key column '{name}' is no physical column"),
                )
            })
        })
        .collect()
}

fn key_fields(table: &TableSpec) -> Result<Vec<usize>> {
    let options = &table.options;
    let Some(text) = options.get(KEY_FIELDS) else {
        return Ok(Vec::new());
    };
    let mut columns = Vec::new();
    for name in text
        .split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Ok(column) = table.schema.index_of(name) else {
            let names = table
                .schema
                .fields()
                .iter()
                .map(|field| field.name().as_str());
            let error = options.invalid(KEY_FIELDS, "physical columns of the table divided by ';'");
            return Err(match suggest::hint(name, names) {
                Some(hint) => error.hint(hint),
                None => error.hint(format!(
                    "there is no column '{}'",
                    crate::options::shown(name)
                )),
            });
        };
        if columns.contains(&column) {
            return Err(options.invalid(KEY_FIELDS, "each column once"));
        }
        columns.push(column);
    }
    match columns.is_empty() {
        true => Err(options.invalid(KEY_FIELDS, "at least one column")),
        false => Ok(columns),
    }
}

/// The columns of the key without the prefix of their names.
fn stripped(table: &TableSpec, keys: &[usize], prefix: &str) -> Result<SchemaRef> {
    let field = |column: &usize| -> Result<FieldRef> {
        let field = &table.schema.fields()[*column];
        match field.name().strip_prefix(prefix) {
            Some("") | None => Err(table.options.invalid(
                KEY_PREFIX,
                &format!(
                    "what the name of each key column begins with, also '{}'",
                    field.name()
                ),
            )),
            Some(name) => Ok(Arc::new(field.as_ref().clone().with_name(name))),
        }
    };
    let fields = keys.iter().map(field).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn needs(options: &Options, key: &str, other: &str) -> Error {
    Error::new(
        Code::InvalidOption,
        format!(
            "{} has the option '{key}', which needs {other}",
            options.owner()
        ),
    )
}
