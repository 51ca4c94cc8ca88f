//! A source of made-up rows, with the options of Flink's `datagen`.
//!
//! ```text
//! row number i ──┬── random columns: a function of (seed, column, i)
//!                ├── sequence columns: start + i
//!                └── times: when the row is made; with a seed a function of i
//! ```
//!
//! * With `seed` the rows are the same in every run, at any parallelism and batch size: subtask k
//!   of n makes the rows k, k + n, k + 2n, … and nothing depends on what was made before. Times
//!   then start at 2020-01-01 00:00:00 UTC and go on by `1 / rows-per-second`.
//! * `rows-per-second` holds for all subtasks together.
//! * The table ends after `number-of-rows`, or when the first sequence ends.
//! * The length of a value, and of a row, is bounded.
//!
//! Options and their meaning: Apache Flink 2.3, "DataGen SQL Connector"; `seed` is ours.

mod generator;
mod nested;
mod random;
mod settings;
mod source;
#[cfg(test)]
mod tests;

use millstream_core::connector::{Connector, SinkFactory, SourceFactory};
use millstream_core::options::OptionSpec;

/// `'connector' = 'datagen'`.
pub(crate) struct Datagen;

impl Connector for Datagen {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        None
    }

    fn has_format(&self) -> bool {
        false
    }
}

const ROWS_PER_SECOND: &str = "rows-per-second";
const NUMBER_OF_ROWS: &str = "number-of-rows";
const SEED: &str = "seed";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        ROWS_PER_SECOND,
        "a number of at least 1",
        "10000",
        "how many rows are made per second, by all subtasks together",
    ),
    OptionSpec::new(
        NUMBER_OF_ROWS,
        "a number of rows",
        "",
        "the table ends after this many rows; without it, and without a sequence, it never ends",
    ),
    OptionSpec::new(
        SEED,
        "a number",
        "another one in each run",
        "the same seed makes the same rows in every run",
    ),
    OptionSpec::new(
        "fields.#.kind",
        "'random' or 'sequence'",
        "random",
        "how the values of the column are made",
    ),
    OptionSpec::new(
        "fields.#.min",
        "a number",
        "the smallest of the type; 0 for FLOAT, DOUBLE and INTERVAL",
        "the smallest random number; INTERVAL counts in months or milliseconds",
    ),
    OptionSpec::new(
        "fields.#.max",
        "a number",
        "the largest of the type; 10000 years or 3650 days for INTERVAL",
        "the largest random number",
    ),
    OptionSpec::new(
        "fields.#.start",
        "a number",
        "",
        "the first number of a sequence",
    ),
    OptionSpec::new(
        "fields.#.end",
        "a number",
        "",
        "the last number of a sequence",
    ),
    OptionSpec::new(
        "fields.#.max-past",
        "a duration such as '1 h'",
        "0 s",
        "a random time lies at most this far in the past",
    ),
    OptionSpec::new(
        "fields.#.length",
        "a number",
        "that of the type; 100 for STRING and BYTES, 3 for ARRAY, MAP and MULTISET",
        "how long a text is, or how many elements there are",
    ),
    OptionSpec::new(
        "fields.#.var-len",
        "'true' or 'false'",
        "false",
        "whether texts and bytes have any length from 1 to 'length'",
    ),
    OptionSpec::new(
        "fields.#.null-rate",
        "a number from 0 to 1",
        "0",
        "which share of the values is NULL",
    ),
];
