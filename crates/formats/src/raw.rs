//! `raw`: one column, its bytes as they are, as Flink's format of that name.
//!
//! | SQL | bytes |
//! |---|---|
//! | CHAR, VARCHAR, STRING | the text in `charset` |
//! | BINARY, VARBINARY, BYTES | the bytes |
//! | BOOLEAN | one byte: 1 or 0 |
//! | TINYINT, SMALLINT, INT, BIGINT | 1, 2, 4, 8 bytes in the order of `endianness` |
//! | FLOAT, DOUBLE | 4, 8 bytes of IEEE 754 in that order |
//!
//! * A message without bytes (Kafka's null) is NULL, and NULL is written as an empty value. In a
//!   file a record is a line.
//! * Where Flink reads a number from bytes of another length, reading only some of them, the record
//!   is bad here.

mod codec;
#[cfg(test)]
mod tests;

use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::format::{Decoder, Encoder, Format};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::types::ColumnType;
use millstream_core::{Code, Error, Result};

/// The format `raw`.
pub(crate) struct Raw;

const CHARSET: &str = "charset";
const ENDIANNESS: &str = "endianness";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        CHARSET,
        "'UTF-8'",
        "UTF-8",
        "how text is spelt in bytes; only 'UTF-8' is supported",
    ),
    OptionSpec::new(
        ENDIANNESS,
        "'big-endian' or 'little-endian'",
        "big-endian",
        "the order of the bytes of a number",
    ),
];

impl Format for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn decoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Decoder>> {
        let little = check(&schema, options)?;
        Ok(Box::new(codec::Decoder::new(schema, little)?))
    }

    fn encoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Encoder>> {
        let little = check(&schema, options)?;
        Ok(Box::new(codec::Encoder::new(schema, little)))
    }
}

/// True if numbers are little-endian.
fn check(schema: &SchemaRef, options: &Options) -> Result<bool> {
    options.refuse_unknown(OPTIONS)?;
    options.one_of(CHARSET, &["UTF-8"], "UTF-8")?;
    let orders = ["big-endian", "little-endian"];
    let order = options.one_of(ENDIANNESS, &orders, orders[0])?;
    let [field] = schema.fields().as_ref() else {
        return Err(Error::new(
            Code::InvalidSchema,
            format!(
                "{} wants exactly one column, found {}",
                options.owner(),
                schema.fields().len()
            ),
        ));
    };
    match field.data_type() {
        DataType::Utf8
        | DataType::Binary
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64 => Ok(order == orders[1]),
        _ => Err(Error::unsupported(format!(
            "column '{}' has the type {}, which the format 'raw' cannot carry",
            field.name(),
            ColumnType::of(field)
        ))),
    }
}
