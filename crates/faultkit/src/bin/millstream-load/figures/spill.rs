//! `spill`: state several times larger than the memory limit, against the same run without a limit.
//!
//! Rows with random keys out of twice as many are counted and summed by key; the keys are texts of 60
//! letters. The figure is the highest resident memory as a part of the limit; beside it stands
//! how much slower the run was.

use std::time::Duration;

use millstream_core::Result;
use serde_json::{Value, json};

use super::round;
use super::stage::sweep;
use crate::job::Job;
use crate::options::{Options, bytes};

/// Rows, and different keys they are drawn from: 63 % of these come.
const ROWS: u64 = 60_000_000;
const LIMIT: &str = "1GiB";
const DEADLINE: Duration = Duration::from_secs(4 * 3_600);
/// A key of 60 letters, a count and a sum.
const ENTRY_BYTES: f64 = 76.0;

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let found = both(options);
    sweep(options);
    found
}

fn both(options: &Options) -> Result<Value> {
    let rows = options.events.unwrap_or(ROWS);
    let keys = options.keys.unwrap_or(rows);
    let limit = options.memory_limit.as_deref().unwrap_or(LIMIT);
    let limit_bytes = bytes(limit)?;
    let statements = statements(rows, keys, options.seed);
    let run = |name: &str, limit: Option<&str>| -> Result<(f64, u64)> {
        let job = Job::new(options, name, &statements)?.with_memory_limit(limit);
        let mut running = job.start()?;
        let took = running.wait(DEADLINE)?.as_secs_f64();
        let peak = running.peak_bytes();
        eprintln!("{name}: {took:.1} s, peak {} MiB", peak >> 20);
        Ok((took, peak))
    };
    let (free_s, free_peak) = run("spill-free", None)?;
    let (limited_s, limited_peak) = run("spill-limited", Some(limit))?;
    let came = keys as f64 * (1.0 - (-(rows as f64) / keys as f64).exp());
    Ok(json!({
        "figure": round(limited_peak as f64 / limit_bytes as f64),
        "runs": 1,
        "slowdown": round(limited_s / free_s.max(0.001)),
        "rows": rows,
        "keys": came as u64,
        "state_bytes": (came * ENTRY_BYTES) as u64,
        "memory_limit": limit_bytes,
        "limited": {"seconds": round(limited_s), "rows_per_s": (rows as f64 / limited_s) as u64, "peak_bytes": limited_peak},
        "free": {"seconds": round(free_s), "rows_per_s": (rows as f64 / free_s) as u64, "peak_bytes": free_peak},
        "interval_ms": options.interval.as_millis() as u64,
        "peak_bytes": limited_peak,
    }))
}

/// Two digests side by side have no pattern, as identifiers have none.
fn statements(rows: u64, keys: u64, seed: u64) -> String {
    let key = "MD5(CAST(id AS STRING)) || SUBSTRING(MD5(CAST(id + 1 AS STRING)) FROM 1 FOR 28)";
    format!(
        "CREATE TABLE events (id BIGINT, amount INT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '1000000000', 'number-of-rows' = '{rows}', 'seed' = '{seed}',
  'fields.id.min' = '0', 'fields.id.max' = '{}', 'fields.amount.min' = '0', 'fields.amount.max' = '999'
);
CREATE TABLE nowhere (`key` STRING, cnt BIGINT, total BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere
SELECT `key`, COUNT(*), SUM(amount) FROM (SELECT {key} AS `key`, amount FROM events) GROUP BY `key`;
",
        keys.saturating_sub(1)
    )
}
