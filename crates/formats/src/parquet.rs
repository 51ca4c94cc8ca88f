//! `parquet`: the name and the options of a format of whole files.
//!
//! A Parquet file is read from its end, and written column by column: neither is a stream of
//! records. The connector that has files reads and writes them; this is what all others say of it.

use arrow::datatypes::SchemaRef;
use millstream_core::format::{Decoder, Encoder, Format};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::{Error, Result};

/// The format `parquet`.
pub(crate) struct Parquet;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "batch-size",
        "a number of rows",
        "2048",
        "for Flink; a batch has as many rows as any other of the job",
    ),
    OptionSpec::new(
        "compression",
        "'UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD' or 'LZ4_RAW'",
        "SNAPPY",
        "how pages are compressed when they are written",
    ),
    OptionSpec::new(
        "timestamp.time.unit",
        "'millis', 'micros' or 'nanos'",
        "the precision of the column",
        "the unit timestamps are written in",
    ),
    OptionSpec::new(
        "utc-timezone",
        "'true'",
        "true",
        "INT96 timestamps hold UTC; local time is not supported",
    ),
    OptionSpec::new(
        "write.int64.timestamp",
        "'true'",
        "true",
        "timestamps are written as INT64; INT96 is read, but not written",
    ),
];

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn decoder(&self, _: SchemaRef, _: &Options) -> Result<Box<dyn Decoder>> {
        Err(no_stream())
    }

    fn encoder(&self, _: SchemaRef, _: &Options) -> Result<Box<dyn Encoder>> {
        Err(no_stream())
    }
}

fn no_stream() -> Error {
    Error::unsupported("format 'parquet' is for files, not for single records")
        .hint("use it with 'connector' = 'filesystem'")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;

    #[test]
    fn a_stream_of_records_cannot_be_parquet() {
        let schema = Arc::new(Schema::empty());
        let error = Parquet.decoder(schema, &Options::default()).err().unwrap();
        assert!(error.message().contains("for files"), "{error}");
    }
}
