//! `nexmark`: the events of an on-line auction house, made up as they are read.
//!
//! ```sql
//! CREATE TABLE nexmark (
//!   event_type INT,                                        -- 0, 1, 2
//!   person  ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING,
//!               state STRING, `dateTime` TIMESTAMP(3), extra STRING>,
//!   auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT,
//!               reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT,
//!               category BIGINT, extra STRING>,
//!   bid     ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
//!               `dateTime` TIMESTAMP(3), extra STRING>
//! ) WITH ('connector' = 'nexmark', 'events.num' = '10000000', 'first-event.rate' = '10000000')
//! ```
//!
//! How an event comes about, in the order of the files:
//!
//! ```text
//! split ─▶ event numbers ─▶ market: kind, ids that exist ─▶ person │ auction │ bid ─▶ batch
//!                           timeline: event time           random, price, channel, text
//! ```
//!
//! * Always: an event is a function of the options and its number. Parallelism, batch size and
//!   the columns read do not change it; the tests pin the first thousand.
//! * Always: within a split, event numbers and event times only grow; no event is out of order.
//! * Every column the table declares is made for every event, read or not, unless
//!   `projection-pushdown` is on: a benchmark should pay for the bytes it claims to process.
//! * Speed is not limited unless `rate.limited` is on, as in Flink's generator. The rates decide
//!   the event times in both cases.
//! * Cost: 80 ns and 320 bytes per event for all columns on one core of an AMD EPYC, of which 48
//!   and 170 for `bid` (`examples/nexmark_speed.rs`, 10 M events, batches of 8192).
//! * Sources: Tucker, Tufte, Papadimos, Maier, "NEXMark – A Benchmark for Queries over Data
//!   Streams", 2002; the suites of Apache Beam and of Flink (github.com/nexmark/nexmark), whose
//!   option names, proportions and distributions these are. Differences: seeded; event times
//!   begin at a fixed day; 'next-event.rate' works as in Beam (Flink has come to ignore it) and is
//!   the first rate unless given; texts never begin or end with a space; bidders are persons (see
//!   `market`).

mod auction;
mod batch;
mod bid;
mod channel;
mod field;
mod layout;
mod market;
mod person;
mod price;
mod random;
mod settings;
mod source;
mod split;
mod text;
mod timeline;

use millstream_core::connector::{Connector, SinkFactory, SourceFactory};
use millstream_core::options::OptionSpec;

/// The connector.
#[derive(Debug)]
pub(crate) struct Nexmark;

impl Connector for Nexmark {
    fn name(&self) -> &'static str {
        "nexmark"
    }

    fn options(&self) -> &'static [OptionSpec] {
        settings::OPTIONS
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(&source::Factory)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        None
    }

    fn has_format(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
