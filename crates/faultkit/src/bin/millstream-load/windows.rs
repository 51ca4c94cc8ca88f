//! What a window job wrote, against what was sent; and how late it came.

use std::collections::BTreeMap;

use millstream_core::{Error, Result};
use millstream_faultkit::generator::parse_millis;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::Seen;
use crate::sender::Sent;

/// Times in milliseconds; percentiles by nearest rank.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<i64>);

impl Times {
    /// One more.
    pub(crate) fn push(&mut self, ms: i64) {
        self.0.push(ms);
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The percentiles, in seconds.
    pub(crate) fn summary(&mut self) -> Value {
        json!({
            "p50_s": self.seconds(50.0),
            "p95_s": self.seconds(95.0),
            "p99_s": self.seconds(99.0),
            "max_s": self.seconds(100.0),
            "samples": self.0.len(),
        })
    }

    /// A percentile, in seconds.
    pub(crate) fn seconds(&mut self, percent: f64) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        let at = self.0.get(rank.max(1) - 1).copied();
        at.unwrap_or_default() as f64 / 1_000.0
    }
}

/// What the reader of a window job's results has seen.
#[derive(Default)]
pub(crate) struct Windows {
    /// Events of each window, by its end, summed over its keys.
    counts: BTreeMap<i64, u64>,
    rows: u64,
    unreadable: u64,
    /// From the end of a window to each of its rows; only those that came after `from_ms`.
    pub(crate) times: Times,
    /// Latencies count for windows that end later.
    pub(crate) from_ms: i64,
}

#[derive(Deserialize)]
struct Row {
    window_end: String,
    cnt: u64,
}

impl Windows {
    /// Takes a row in.
    pub(crate) fn take(&mut self, seen: Seen<'_>) {
        let row = seen
            .value
            .and_then(|v| serde_json::from_slice::<Row>(v).ok());
        let read = row.and_then(|row| Some((parse_millis(&row.window_end)?, row.cnt)));
        let Some((end, count)) = read else {
            self.unreadable += 1;
            return;
        };
        self.rows += 1;
        *self.counts.entry(end).or_default() += count;
        if end > self.from_ms {
            self.times.push(seen.at_ms - end);
        }
    }

    /// Compares every window but those still open at the end; returns what was compared.
    pub(crate) fn judge(&self, sent: &Sent) -> Result<Value> {
        if self.unreadable > 0 {
            return Err(Error::internal(format!(
                "{} results could not be read",
                self.unreadable
            )));
        }
        let Some(last) = self.counts.keys().next_back() else {
            return Err(Error::internal("no result was seen"));
        };
        let mut events = 0;
        for (end, wanted) in sent.windows.range(..=last) {
            let found = self.counts.get(end).copied().unwrap_or_default();
            if found != *wanted {
                let text = millstream_core::time::format_millis(*end);
                return Err(Error::internal(format!(
                    "the window that ends at {text} wants {wanted} events, found {found}"
                )));
            }
            events += wanted;
        }
        if let Some(extra) = self
            .counts
            .keys()
            .find(|end| !sent.windows.contains_key(end))
        {
            return Err(Error::internal(format!(
                "nothing was sent for window {extra}"
            )));
        }
        Ok(
            json!({"windows": self.counts.len(), "rows": self.rows, "events": events,
                  "lost": 0, "doubled": 0}),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(windows: &mut Windows, value: &str) {
        windows.take(Seen {
            partition: 0,
            offset: 0,
            at_ms: 12_500,
            value: Some(value.as_bytes()),
        });
    }

    fn sent(counts: &[(i64, u64)]) -> Sent {
        Sent {
            events: counts.iter().map(|(_, count)| count).sum(),
            windows: counts.iter().copied().collect(),
        }
    }

    #[test]
    fn windows_that_are_closed_must_be_whole() {
        let mut windows = Windows::default();
        seen(
            &mut windows,
            r#"{"window_end":"1970-01-01 00:00:10.000","cnt":3}"#,
        );
        seen(
            &mut windows,
            r#"{"window_end":"1970-01-01 00:00:10.000","cnt":4}"#,
        );
        assert!(windows.judge(&sent(&[(10_000, 7), (20_000, 5)])).is_ok());
        assert!(windows.judge(&sent(&[(10_000, 8)])).is_err());
        assert!(
            windows.judge(&sent(&[(5_000, 1), (10_000, 7)])).is_err(),
            "lost"
        );
        assert!(windows.judge(&sent(&[(20_000, 1)])).is_err(), "never sent");
        assert_eq!(windows.times.seconds(99.0), 2.5);
    }

    #[test]
    fn what_is_no_result_is_counted() {
        let mut windows = Windows::default();
        seen(&mut windows, "{}");
        assert!(windows.judge(&sent(&[])).is_err());
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut times = Times((1..=200).collect());
        assert_eq!((times.seconds(50.0), times.seconds(99.0)), (0.1, 0.198));
        assert_eq!(Times::default().seconds(99.0), 0.0);
    }
}
