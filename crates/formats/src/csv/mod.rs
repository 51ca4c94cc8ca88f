//! `csv`: comma-separated values, as Flink's format of that name.
//!
//! * Columns are found by position: a record has as many fields as the table has columns. There is
//!   no header; `ignore-first-line` passes over one.
//! * Values are spelt as in `json`; an ARRAY or ROW of plain values stands in one field, its parts
//!   divided by `array-element-delimiter`. MAP and MULTISET have no CSV form.
//! * An empty field is the empty string in a text column (NULL with `empty-string-as-null` or
//!   `'null-literal' = ''`) and NULL in any other one. Flink wants a null literal for the latter
//!   and fails without one; there is nothing else that an empty number could mean.
//! * Timestamps are read with a space or a `T`, and written with a space.
//! * Blank lines are passed over, except in a table of one column, where they are a value.
//! * The characters of the dialect are single ASCII characters.

mod decode;
mod encode;
mod scan;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use millstream_core::format::{Decoder, Encoder, Format};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::{Error, Result};

use scan::Dialect;

/// The format `csv`.
pub(crate) struct Csv;

const FLAG: &str = "'true' or 'false'";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "allow-comments",
        FLAG,
        "false",
        "pass over lines that begin with '#'",
    ),
    OptionSpec::new(
        "allow-trailing-comma",
        FLAG,
        "true",
        "a delimiter after the last field begins no other field",
    ),
    OptionSpec::new(
        "array-element-delimiter",
        "a single character",
        ";",
        "what stands between the parts of an ARRAY or ROW",
    ),
    OptionSpec::new(
        "disable-quote-character",
        FLAG,
        "false",
        "a quote is a character like any other",
    ),
    OptionSpec::new(
        "empty-string-as-null",
        FLAG,
        "false",
        "an empty field of a text column is NULL",
    ),
    OptionSpec::new(
        "escape-character",
        "a single character",
        "",
        "takes the meaning from the character behind it",
    ),
    OptionSpec::new(
        "fail-on-missing-columns",
        FLAG,
        "false",
        "a record with too few fields is bad even if 'ignore-parse-errors' is 'true'",
    ),
    OptionSpec::new(
        "field-delimiter",
        "a single character, or an escape such as '\\t' or '\\u0001'",
        ",",
        "what stands between two fields",
    ),
    OptionSpec::new(
        "ignore-first-line",
        FLAG,
        "false",
        "pass over the first record of each file: a header",
    ),
    OptionSpec::new(
        "ignore-parse-errors",
        FLAG,
        "false",
        "a field that cannot be read becomes NULL, a record that cannot be read is passed over",
    ),
    OptionSpec::new(
        "ignore-trailing-unmappable",
        FLAG,
        "false",
        "fields behind those of the table's columns are passed over",
    ),
    OptionSpec::new(
        "null-literal",
        "a string",
        "",
        "a field with exactly this text is NULL, and NULL is written so",
    ),
    OptionSpec::new(
        "quote-character",
        "a single character",
        "\"",
        "stands around fields that hold delimiters or line breaks",
    ),
    OptionSpec::new(
        "trim-spaces",
        FLAG,
        "false",
        "leave out space around fields without quotes",
    ),
    OptionSpec::new(
        "write-bigdecimal-in-scientific-notation",
        FLAG,
        "true",
        "write DECIMAL 100000 as 1E+5 and not as 100000",
    ),
];

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn decoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Decoder>> {
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        self.projected_decoder(schema, &all, options)
    }

    fn projected_decoder(
        &self,
        schema: SchemaRef,
        projection: &[usize],
        options: &Options,
    ) -> Result<Box<dyn Decoder>> {
        check(&schema, options)?;
        let decoder = decode::Decoder::new(&schema, projection, rules(options)?)?;
        Ok(Box::new(decoder))
    }

    fn encoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Encoder>> {
        check(&schema, options)?;
        Ok(Box::new(encode::Encoder::new(schema, style(options)?)))
    }
}

/// Refuses unknown options, unusable values, and types that have no CSV form.
fn check(schema: &SchemaRef, options: &Options) -> Result<()> {
    options.refuse_unknown(OPTIONS)?;
    rules(options)?;
    style(options)?;
    schema.fields().iter().try_for_each(carries)
}

fn carries(field: &FieldRef) -> Result<()> {
    let plain = |part: &FieldRef| !part.data_type().is_nested();
    let (fits, kind) = match field.data_type() {
        DataType::Map(..) => (false, "a MAP or MULTISET"),
        DataType::List(element) => (plain(element), "an ARRAY of nested values"),
        DataType::Struct(fields) => (fields.iter().all(plain), "a ROW with nested fields"),
        _ => (true, ""),
    };
    match fits {
        true => Ok(()),
        false => Err(Error::unsupported(format!(
            "column '{}' is {kind}, which CSV cannot carry",
            field.name()
        ))),
    }
}

fn rules(options: &Options) -> Result<decode::Rules> {
    Ok(decode::Rules {
        dialect: dialect(options)?,
        comments: options.boolean("allow-comments", false)?,
        ignore_errors: options.boolean("ignore-parse-errors", false)?,
        missing_fails: options.boolean("fail-on-missing-columns", false)?,
        more_columns_pass: options.boolean("ignore-trailing-unmappable", false)?,
        trailing_delimiter_passes: options.boolean("allow-trailing-comma", true)?,
        empty_is_null: options.boolean("empty-string-as-null", false)?,
        skip_first: options.boolean("ignore-first-line", false)?,
        elements: elements(options)?,
        null: options.get("null-literal").map(str::to_string),
    })
}

fn style(options: &Options) -> Result<encode::Style> {
    let scientific = options.boolean("write-bigdecimal-in-scientific-notation", true)?;
    Ok(encode::Style {
        dialect: dialect(options)?,
        elements: elements(options)?,
        null: options.get("null-literal").unwrap_or_default().to_string(),
        plain_decimals: !scientific,
    })
}

fn elements(options: &Options) -> Result<u8> {
    Ok(character(options, "array-element-delimiter")?.unwrap_or(b';'))
}

fn dialect(options: &Options) -> Result<Dialect> {
    let delimiter = match options.get("field-delimiter") {
        None => b',',
        Some(text) => single(&unescape_java(text)).ok_or_else(|| {
            options.invalid(
                "field-delimiter",
                "a single character other than a line break",
            )
        })?,
    };
    let disabled = options.boolean("disable-quote-character", false)?;
    let quote = character(options, "quote-character")?;
    if disabled && quote.is_some() {
        let error = options.invalid("quote-character", "to be left out");
        return Err(error.hint("'disable-quote-character' is 'true'"));
    }
    let quote = if disabled { None } else { quote.or(Some(b'"')) };
    let escape = character(options, "escape-character")?;
    for (key, found) in [("quote-character", quote), ("escape-character", escape)] {
        if found == Some(delimiter) {
            return Err(options.invalid(key, "a character other than the field delimiter"));
        }
    }
    Ok(Dialect {
        delimiter,
        quote,
        // A quote that escapes itself is what a quote does anyway.
        escape: escape.filter(|escape| Some(*escape) != quote),
        trim: options.boolean("trim-spaces", false)?,
    })
}

/// An option that is one character.
fn character(options: &Options, key: &str) -> Result<Option<u8>> {
    let Some(text) = options.get(key) else {
        return Ok(None);
    };
    match single(text) {
        Some(byte) => Ok(Some(byte)),
        None => Err(options.invalid(key, "a single character other than a line break")),
    }
}

fn single(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte @ 0..0x80] if !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

/// The escapes of a Java string literal, as Flink reads the delimiter: `\t`, `\u0001`, `\\`.
fn unescape_java(text: &str) -> String {
    let Some(rest) = text.strip_prefix('\\') else {
        return text.to_string();
    };
    let code = rest
        .strip_prefix('u')
        .map(|digits| digits.trim_start_matches('u'));
    if let Some(digits) = code.filter(|digits| digits.len() == 4) {
        let character = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32);
        return character.map_or(text.to_string(), String::from);
    }
    let character = match rest {
        "t" => '\t',
        "b" => '\u{8}',
        "f" => '\u{c}',
        "\\" | "'" | "\"" => return rest.to_string(),
        _ => match u8::from_str_radix(rest, 8) {
            Ok(code) if rest.len() <= 3 => char::from(code),
            _ => return text.to_string(),
        },
    };
    character.to_string()
}

#[cfg(test)]
mod tests;
