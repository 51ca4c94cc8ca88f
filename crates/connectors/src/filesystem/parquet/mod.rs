//! Parquet files: columns, row groups, and a footer that says where they are.
//!
//! | SQL | Parquet |
//! |---|---|
//! | TINYINT, SMALLINT, INT, BIGINT | INT32 (INT_8, INT_16), INT32, INT64 |
//! | FLOAT, DOUBLE, BOOLEAN | FLOAT, DOUBLE, BOOLEAN |
//! | DECIMAL(p, s) | INT32 to 9 digits, INT64 to 18, FIXED_LEN_BYTE_ARRAY beyond |
//! | CHAR, VARCHAR, STRING; BINARY, VARBINARY, BYTES | BYTE_ARRAY (UTF8); BYTE_ARRAY |
//! | DATE; TIME | INT32 (DATE); INT32 (TIME_MILLIS) |
//! | TIMESTAMP; TIMESTAMP_LTZ | INT64 (TIMESTAMP, adjusted to UTC for the latter); INT96 is read |
//! | ARRAY; MAP, MULTISET; ROW | LIST; MAP; group |
//!
//! * Columns are found by name. One that a file does not have is NULL.
//! * A row group is decoded at a time, and only the wanted columns are fetched.
//! * Foreign bytes are not trusted: sizes are checked before anything is allocated ([`guard`]), and
//!   a panic of the decoder is an error of the file.
//! * A position is a number of rows; the row group it is in is found in the footer.
//!
//! Sources: the Apache Parquet format; Apache Flink 2.3, "Parquet Format".

mod fit;
mod guard;
pub(super) mod reader;
pub(super) mod writer;

#[cfg(test)]
mod tests;

use millstream_core::Result;
use millstream_core::format::Format;
use millstream_core::options::Options;

/// Checks the options that matter to reading.
pub(super) fn check(format: &dyn Format, options: &Options) -> Result<()> {
    options.refuse_unknown(format.options())?;
    if options.parse::<u32>("batch-size", "a number of rows")? == Some(0) {
        return Err(options.invalid("batch-size", "at least one row"));
    }
    match options.boolean("utc-timezone", true)? {
        true => Ok(()),
        false => Err(options
            .invalid("utc-timezone", "'true'")
            .hint("timestamps are read and written as UTC")),
    }
}

/// The name of the format.
pub(super) const NAME: &str = "parquet";
