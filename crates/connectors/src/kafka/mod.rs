//! Apache Kafka: topics as tables, `kafka` for rows and `upsert-kafka` for the newest row per key.
//!
//! ```text
//! reading   enumerator ─ topic-3 from offset 17 ─▶ reader ─ messages ─▶ decode ─▶ rows
//! writing   rows ─▶ encode ─▶ producer ─ delivered ─▶ prepare        transactions ─▶ commit + marker
//! ```
//!
//! * A split is a partition, a position the offset after the last record. What a position points
//!   into is checked when it is taken up again: input that is gone or was replaced is an error.
//! * Exactly-once: all writers of a job share one transactional producer per cluster, and its commit
//!   carries the commit decision of the checkpoint ([`transactions`]).
//! * Everything librdkafka keeps for us is bounded by bytes; every call to a broker has a deadline
//!   and happens on a thread that may wait.
//! * Only listed `properties.*` reach librdkafka ([`properties`]): some of the others run programs or
//!   read files. Files are read from one directory only ([`secrets`]).
//!
//! Options and their meaning: Apache Flink's "Apache Kafka SQL Connector" and "Upsert Kafka SQL
//! Connector". Client: librdkafka 2.12 through the crate rdkafka.

mod acknowledge;
pub mod admin;
mod client;
mod decode;
mod discovery;
mod encode;
mod error;
mod jaas;
mod layout;
mod lives;
mod metadata;
mod options;
mod partitioner;
mod producer;
mod properties;
mod reader;
mod secrets;
mod sink;
mod source;
mod split;
mod startup;
mod takeover;
#[cfg(test)]
mod tests;
mod transactions;
mod upsert;
mod wire;
mod writer;

use millstream_core::connector::{Connector, SinkFactory, SourceFactory};
use millstream_core::options::OptionSpec;

/// `'connector' = 'kafka'`: every record is a row.
pub(crate) struct Kafka;

/// `'connector' = 'upsert-kafka'`: a record is the newest row of its key, or its end.
pub(crate) struct UpsertKafka;

/// What names the formats of a table, and what stands before their options.
const FORMAT_KEYS: &[(&str, &str)] = &[
    ("format", ""),
    (options::VALUE_FORMAT, "value."),
    (options::KEY_FORMAT, "key."),
];

impl Connector for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::KAFKA
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }

    fn has_format(&self) -> bool {
        true
    }

    fn format_keys(&self) -> &'static [(&'static str, &'static str)] {
        FORMAT_KEYS
    }
}

impl Connector for UpsertKafka {
    fn name(&self) -> &'static str {
        "upsert-kafka"
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::UPSERT
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }

    fn has_format(&self) -> bool {
        true
    }

    fn format_keys(&self) -> &'static [(&'static str, &'static str)] {
        FORMAT_KEYS
    }
}
