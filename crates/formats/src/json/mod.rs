//! `json`: one JSON object per line or message, as Flink's format of that name.
//!
//! | SQL | read from | written as |
//! |---|---|---|
//! | BOOLEAN | `true`, `"true"` | `true` |
//! | TINYINT ... BIGINT, FLOAT, DOUBLE, DECIMAL | a number, or a string that spells one | a number |
//! | CHAR, VARCHAR, STRING | a string; of anything else its JSON text | a string |
//! | BINARY, VARBINARY, BYTES | base64 | base64 |
//! | DATE, TIME | `"yyyy-MM-dd"`, `"HH:mm:ss[.SSS]"` | the same |
//! | TIMESTAMP, TIMESTAMP_LTZ | as `timestamp-format.standard` says | the same, LTZ with `Z` |
//! | ARRAY, ROW | array, object | the same |
//! | MAP, MULTISET with text keys | object | object |
//!
//! Where Flink alters a value without a word, the record is bad here: an INT given as `1.5`, a
//! DECIMAL beyond its precision, a BOOLEAN given as `"yes"`, NULL in a NOT NULL column.
//!
//! With `ignore-parse-errors` a field that does not fit becomes NULL and a record that is not JSON
//! is passed over, as in Flink; each is reported as an ignored bad record and so is counted.

mod decode;
mod encode;
mod read;
mod scan;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use millstream_core::format::{Decoder, Encoder, Format};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::{Error, Result};

pub(crate) use decode::BOM;
pub(crate) use encode::{quoted, range, scalar, string};

use crate::parse::Stamps;

/// The format `json`.
pub(crate) struct Json;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "decode.json-parser.enabled",
        "'true' or 'false'",
        "true",
        "accepted as in Flink; there is one parser and it is the fast one",
    ),
    OptionSpec::new(
        "encode.decimal-as-plain-number",
        "'true' or 'false'",
        "false",
        "write DECIMAL 100000 as 100000 and not as 1E+5",
    ),
    OptionSpec::new(
        "encode.ignore-null-fields",
        "'true' or 'false'",
        "false",
        "leave fields that are NULL out of the object",
    ),
    OptionSpec::new(
        "fail-on-missing-field",
        "'true' or 'false'",
        "false",
        "a record without one of the columns is bad instead of having NULL there",
    ),
    OptionSpec::new(
        "ignore-parse-errors",
        "'true' or 'false'",
        "false",
        "a field that cannot be read becomes NULL, a record that cannot be read is passed over",
    ),
    OptionSpec::new(
        "map-null-key.literal",
        "a string",
        "null",
        "accepted as in Flink; no MAP here can hold the key NULL",
    ),
    OptionSpec::new(
        "map-null-key.mode",
        "'FAIL', 'DROP' or 'LITERAL'",
        "FAIL",
        "accepted as in Flink; no MAP here can hold the key NULL",
    ),
    OptionSpec::new(
        "timestamp-format.standard",
        "'SQL' or 'ISO-8601'",
        "SQL",
        "whether a timestamp is '2020-12-30 12:13:14.123' or '2020-12-30T12:13:14.123'",
    ),
    OptionSpec::new(
        "zero-timestamp.behavior",
        "'FAIL' or 'CONVERT_TO_NULL'",
        "FAIL",
        "what to do with the timestamp '0000-00-00 00:00:00'",
    ),
];

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn decoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Decoder>> {
        check(options)?;
        keys_are_text(schema.fields())?;
        let decoder = decode::Decoder::new(schema, rules(options)?)?;
        Ok(Box::new(decoder))
    }

    /// Columns are found by name, so the others need not be known.
    fn projected_decoder(
        &self,
        schema: SchemaRef,
        projection: &[usize],
        options: &Options,
    ) -> Result<Box<dyn Decoder>> {
        self.decoder(SchemaRef::new(schema.project(projection)?), options)
    }

    fn encoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Encoder>> {
        check(options)?;
        keys_are_text(schema.fields())?;
        Ok(Box::new(encode::Encoder::new(schema, style(options)?)))
    }
}

/// Refuses unknown options and unusable values, also of options that the other direction reads.
fn check(options: &Options) -> Result<()> {
    options.refuse_unknown(OPTIONS)?;
    options.boolean("decode.json-parser.enabled", true)?;
    options.one_of("map-null-key.mode", &["FAIL", "DROP", "LITERAL"], "FAIL")?;
    rules(options)?;
    style(options)?;
    Ok(())
}

fn stamps(options: &Options) -> Result<Stamps> {
    let words = ["SQL", "ISO-8601"];
    Ok(
        match options.one_of("timestamp-format.standard", &words, "SQL")? {
            "SQL" => Stamps::Sql,
            _ => Stamps::Iso,
        },
    )
}

fn rules(options: &Options) -> Result<read::Rules> {
    let ignore_errors = options.boolean("ignore-parse-errors", false)?;
    let missing_fails = options.boolean("fail-on-missing-field", false)?;
    if ignore_errors && missing_fails {
        return Err(options
            .invalid("fail-on-missing-field", "'false'")
            .hint("'fail-on-missing-field' and 'ignore-parse-errors' cannot both be 'true'"));
    }
    let zero = ["FAIL", "CONVERT_TO_NULL"];
    let zero = options.one_of("zero-timestamp.behavior", &zero, "FAIL")?;
    Ok(read::Rules {
        ignore_errors,
        missing_fails,
        zero_timestamp_is_null: zero == "CONVERT_TO_NULL",
        stamps: stamps(options)?,
    })
}

fn style(options: &Options) -> Result<encode::Style> {
    Ok(encode::Style {
        stamps: stamps(options)?,
        plain_decimals: options.boolean("encode.decimal-as-plain-number", false)?,
        leave_nulls_out: options.boolean("encode.ignore-null-fields", false)?,
    })
}

/// Refuses a MAP or MULTISET whose keys are no text: JSON has no other keys.
fn keys_are_text<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Result<()> {
    fields
        .into_iter()
        .try_for_each(|field| match field.data_type() {
            DataType::List(element) => keys_are_text([element]),
            DataType::Struct(fields) => keys_are_text(fields),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair[0].data_type() == &DataType::Utf8 => {
                    keys_are_text(pair.iter().skip(1))
                }
                _ => Err(Error::unsupported(format!(
                    "column '{}' is a map whose keys are not STRING, which JSON cannot carry",
                    field.name()
                ))),
            },
            _ => Ok(()),
        })
}

#[cfg(test)]
mod tests;
