//! Sessions with the real connectors and formats: what statements lead to, and how mistakes read.

mod mistakes;
mod plans;
mod statements;

use std::sync::Arc;

use millstream_core::Result;
use millstream_core::clock::ManualClock;
use millstream_core::connector::Connector;
use millstream_core::format::Formats;
use millstream_core::table::TableSpec;
use millstream_sql::{Listing, Outcome, Registry, Session};

struct Everything;

impl Registry for Everything {
    fn connector(&self, name: &str) -> Result<&'static dyn Connector> {
        millstream_connectors::connector(name)
    }

    fn formats(&self) -> Formats {
        Arc::new(millstream_formats::format)
    }

    fn check_options(&self, connector: &dyn Connector, table: &TableSpec) -> Result<()> {
        millstream_connectors::check_options(connector, table, &self.formats())
    }
}

/// A session at 2026-01-01 with parallelism 2.
pub(crate) fn session() -> Session {
    let clock = Arc::new(ManualClock::at(1_767_225_600_000));
    Session::new(Arc::new(Everything), clock, 2)
}

/// Tables the tests read and write.
const TABLES: &str = "
CREATE TABLE bid (
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3),
  amount DECIMAL(10, 2), small INT, p AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND
) WITH ('connector' = 'datagen', 'number-of-rows' = '10');
CREATE TABLE endless (k INT, v BIGINT) WITH ('connector' = 'datagen');
CREATE TABLE sink (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE files (k BIGINT, n BIGINT)
  WITH ('connector' = 'filesystem', 'path' = '/tmp/millstream-never-written', 'format' = 'json');
";

/// Runs a script and returns what its last statement led to.
fn last(script: &str) -> Result<Outcome> {
    let mut session = session();
    let script = format!("{TABLES}{script}");
    let mut outcome = Ok(Outcome::Done(String::new()));
    for statement in session.parse(&script)? {
        outcome = Ok(session.execute(&statement, &script)?);
    }
    outcome
}

/// The report of a script's error, its lines counted without the tables.
fn mistake(script: &str) -> String {
    match last(script) {
        Ok(outcome) => panic!("'{script}' was accepted: {outcome:?}"),
        Err(error) => {
            let above = TABLES.lines().count() as u64 - 1;
            let mut report = error.report();
            if let Some(place) = error.location() {
                let (from, to) = (place.line, place.line.saturating_sub(above));
                report = report.replace(&format!("line {from},"), &format!("line {to},"));
                report = report.replace(&format!("\n {from} |"), &format!("\n {to} |"));
            }
            report
        }
    }
}

fn listing(script: &str) -> Listing {
    match last(script).unwrap() {
        Outcome::Listing(listing) => listing,
        other => panic!("'{script}' gave {other:?}"),
    }
}

/// Cells joined by ` | `, a line a row.
fn table(script: &str) -> String {
    let rows = listing(script).rows;
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".into());
    rows.iter()
        .map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ") + "\n")
        .collect()
}

/// Names and types of a query's columns.
fn types(query: &str) -> String {
    match last(query).unwrap() {
        Outcome::Query(query) => query
            .schema
            .fields()
            .iter()
            .map(|field| {
                format!(
                    "{}: {}",
                    field.name(),
                    millstream_core::types::ColumnType::of(field)
                )
            })
            .collect::<Vec<_>>()
            .join(", "),
        other => panic!("'{query}' gave {other:?}"),
    }
}
