//! The right answers, in plain Rust: small, obviously right, and without a line of the engine.
//!
//! A query knows its SQL and its result over a [`Plan`]; a test runs the SQL over the generated
//! rows and compares. The loops here are as simple as they can be: no state is dropped, no
//! watermark is kept, windows are looked up by arithmetic on each row.
//!
//! * Always: the result is a function of the input. The generator's disorder is below the
//!   watermark delay, so no row is late and no result depends on arrival.
//! * Cost: one pass over the rows and one map entry per group and window.
//! * Source of the meaning: Flink SQL, "Windowing table-valued functions".

use std::collections::{BTreeMap, BTreeSet};

use millstream_core::time::format_millis;

use crate::compare::{Multiset, line};
use crate::generator::{Plan, Row};

#[cfg(test)]
mod tests;

/// A query with a known answer. The input table is called `events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Q1: two rows of three, unchanged.
    PassThrough,
    /// Q2: rows and sum per key and tumbling window.
    Tumble {
        /// Size of a window in whole seconds.
        size_s: u32,
    },
    /// Q3: rows and distinct amounts per key and hopping window.
    Hop {
        /// Size of a window in whole seconds; a multiple of the slide.
        size_s: u32,
        /// Distance between two windows in whole seconds.
        slide_s: u32,
    },
    /// Q4: rows and sum per key and session.
    Session {
        /// Quiet time that ends a session, in whole seconds.
        gap_s: u32,
    },
}

/// Q8: two sinks from one source: the first query's rows go to one, the second's to the other.
pub const TWO_SINKS: [Query; 2] = [Query::PassThrough, Query::Tumble { size_s: 10 }];

impl Query {
    /// The name used in reports.
    pub fn id(self) -> &'static str {
        match self {
            Query::PassThrough => "Q1",
            Query::Tumble { .. } => "Q2",
            Query::Hop { .. } => "Q3",
            Query::Session { .. } => "Q4",
        }
    }

    /// Columns of the result, in order.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Query::PassThrough => &["part", "seq", "key", "event_time", "amount"],
            Query::Tumble { .. } | Query::Session { .. } => {
                &["key", "window_start", "window_end", "row_count", "amount"]
            }
            Query::Hop { .. } => &["key", "window_start", "window_end", "row_count", "amounts"],
        }
    }

    /// The columns of a sink table, between the brackets of `CREATE TABLE`.
    pub fn sink_columns_sql(self) -> &'static str {
        match self {
            Query::PassThrough => {
                "part INT, seq BIGINT, `key` STRING, event_time TIMESTAMP(3), amount BIGINT"
            }
            Query::Tumble { .. } | Query::Session { .. } => {
                "`key` STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), \
                 row_count BIGINT, amount BIGINT"
            }
            Query::Hop { .. } => {
                "`key` STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), \
                 row_count BIGINT, amounts BIGINT"
            }
        }
    }

    /// The `SELECT`, without a semicolon.
    pub fn select_sql(self) -> String {
        let windowed = |value: &str, window: String| {
            format!(
                "SELECT `key`, window_start, window_end, COUNT(*) AS row_count, {value} \
                 FROM TABLE({window}) GROUP BY `key`, window_start, window_end"
            )
        };
        let seconds = |value: u32| format!("INTERVAL '{value}' SECOND({})", digits(value));
        match self {
            Query::PassThrough => {
                "SELECT part, seq, `key`, event_time, amount FROM events WHERE MOD(amount, 3) <> 0"
                    .into()
            }
            Query::Tumble { size_s } => windowed(
                "SUM(amount) AS amount",
                format!(
                    "TUMBLE(TABLE events, DESCRIPTOR(event_time), {})",
                    seconds(size_s)
                ),
            ),
            Query::Hop { size_s, slide_s } => windowed(
                "COUNT(DISTINCT amount) AS amounts",
                format!(
                    "HOP(TABLE events, DESCRIPTOR(event_time), {}, {})",
                    seconds(slide_s),
                    seconds(size_s)
                ),
            ),
            Query::Session { gap_s } => windowed(
                "SUM(amount) AS amount",
                format!(
                    "SESSION(TABLE events PARTITION BY `key`, DESCRIPTOR(event_time), {})",
                    seconds(gap_s)
                ),
            ),
        }
    }

    /// The right rows, as lines of [`Query::columns`].
    pub fn expected(self, plan: &Plan) -> Multiset {
        match self {
            Query::PassThrough => pass_through(plan.rows()),
            Query::Tumble { size_s } => tumble(plan.rows(), ms(size_s)),
            Query::Hop { size_s, slide_s } => hop(plan.rows(), ms(size_s), ms(slide_s)),
            Query::Session { gap_s } => session(plan.rows(), ms(gap_s)),
        }
    }
}

/// Milliseconds of whole seconds; at least 1, so that no window is empty.
fn ms(seconds: u32) -> i64 {
    (i64::from(seconds) * 1_000).max(1)
}

/// The leading precision an interval of this many seconds needs.
fn digits(seconds: u32) -> usize {
    seconds.to_string().len().max(2)
}

fn pass_through(rows: impl Iterator<Item = Row>) -> Multiset {
    rows.filter(|row| row.amount % 3 != 0)
        .map(|row| {
            let time = format_millis(row.event_time);
            line([&row.partition, &row.seq, &row.key, &time, &row.amount])
        })
        .collect()
}

fn tumble(rows: impl Iterator<Item = Row>, size: i64) -> Multiset {
    let mut windows: BTreeMap<(String, i64), (u64, i64)> = BTreeMap::new();
    for row in rows {
        let start = row.event_time.div_euclid(size) * size;
        let (count, sum) = windows.entry((row.key, start)).or_default();
        *count += 1;
        *sum += row.amount;
    }
    windows
        .into_iter()
        .map(|((key, start), (count, sum))| window_line(&key, start, start + size, count, sum))
        .collect()
}

fn hop(rows: impl Iterator<Item = Row>, size: i64, slide: i64) -> Multiset {
    let mut windows: BTreeMap<(String, i64), (u64, BTreeSet<i64>)> = BTreeMap::new();
    for row in rows {
        // The newest window that holds the row, then each older one that still does.
        let mut start = row.event_time.div_euclid(slide) * slide;
        while start + size > row.event_time {
            let (count, amounts) = windows.entry((row.key.clone(), start)).or_default();
            *count += 1;
            amounts.insert(row.amount);
            start -= slide;
        }
    }
    windows
        .into_iter()
        .map(|((key, start), (count, amounts))| {
            window_line(&key, start, start + size, count, amounts.len() as i64)
        })
        .collect()
}

fn session(rows: impl Iterator<Item = Row>, gap: i64) -> Multiset {
    let mut by_key: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for row in rows {
        by_key
            .entry(row.key)
            .or_default()
            .push((row.event_time, row.amount));
    }
    let mut sessions = Multiset::default();
    for (key, mut events) in by_key {
        events.sort_unstable();
        for events in events.chunk_by(|before, after| joins(before.0, after.0, gap)) {
            let (first, last) = (events[0].0, events[events.len() - 1].0);
            let sum = events.iter().map(|(_, amount)| amount).sum();
            sessions.insert(window_line(
                &key,
                first,
                last + gap,
                events.len() as u64,
                sum,
            ));
        }
    }
    sessions
}

/// Whether two neighbouring events are in one session. A row at `t` covers `[t, t + gap]`: Flink
/// merges windows that touch (`TimeWindow.intersects` compares with `<=`), so a row exactly one
/// gap later still belongs to the session.
fn joins(before: i64, after: i64, gap: i64) -> bool {
    after - before <= gap
}

fn window_line(key: &str, start: i64, end: i64, count: u64, value: i64) -> String {
    let (start, end) = (format_millis(start), format_millis(end));
    line([&key, &start, &end, &count, &value])
}
