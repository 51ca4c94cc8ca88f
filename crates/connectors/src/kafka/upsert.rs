//! Rows of `upsert-kafka` that are held back: of several with one key only the last is written.
//!
//! `sink.buffer-flush.max-rows` and `.interval` say when they are written; a checkpoint writes them
//! too, so nothing is held back behind one. The interval is looked at whenever rows come.
//! Memory: the encoded rows, at most [`BYTES_MAX`].

use std::collections::HashMap;
use std::time::Duration;

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result};
use rdkafka::message::OwnedHeaders;

use super::encode::Record;
use super::options::{BUFFER_INTERVAL, BUFFER_ROWS};

/// Most bytes that are held back.
const BYTES_MAX: usize = 32 << 20;

/// When rows are written that are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    rows_max: usize,
    interval: Duration,
}

impl Holding {
    /// What the options say; none if rows are written at once.
    pub(super) fn of(options: &Options) -> Result<Option<Self>> {
        let rows_max: usize = options
            .parse(BUFFER_ROWS, "a number of rows")?
            .unwrap_or_default();
        let interval = options.duration(BUFFER_INTERVAL)?.unwrap_or_default();
        match (rows_max, interval.is_zero()) {
            (0, true) => Ok(None),
            (0, false) | (_, true) => Err(Error::new(
                Code::InvalidOption,
                format!(
                    "{} wants '{BUFFER_ROWS}' and '{BUFFER_INTERVAL}' both above zero, or neither",
                    options.owner()
                ),
            )),
            _ => Ok(Some(Holding { rows_max, interval })),
        }
    }
}

/// A row that is held back.
struct Held {
    value: Option<Vec<u8>>,
    timestamp: Option<i64>,
    headers: Option<OwnedHeaders>,
}

/// Rows that are held back, the last of each key.
pub(super) struct Buffer {
    holding: Holding,
    rows: HashMap<Vec<u8>, Held>,
    bytes: usize,
    since: Option<Duration>,
}

impl Buffer {
    pub(super) fn new(holding: Holding) -> Self {
        Buffer {
            holding,
            rows: HashMap::new(),
            bytes: 0,
            since: None,
        }
    }

    /// Holds a record back instead of an earlier one of its key.
    pub(super) fn put(&mut self, record: &Record<'_>, now: Duration) {
        let key = record.key.unwrap_or_default();
        let held = Held {
            value: record.value.map(<[u8]>::to_vec),
            timestamp: record.timestamp,
            headers: record.headers.clone(),
        };
        let length = |held: &Held| held.value.as_ref().map_or(0, Vec::len);
        self.bytes += length(&held);
        match self.rows.get_mut(key) {
            Some(earlier) => {
                self.bytes -= length(earlier);
                *earlier = held;
            }
            None => {
                self.bytes += key.len();
                self.rows.insert(key.to_vec(), held);
            }
        }
        self.since.get_or_insert(now);
    }

    /// True if the rows are to be written now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.rows.len() >= self.holding.rows_max
            || self.bytes >= BYTES_MAX
            || self
                .since
                .is_some_and(|since| now.saturating_sub(since) >= self.holding.interval)
    }

    /// Takes the rows out.
    pub(super) fn take(&mut self) -> Vec<Taken> {
        self.bytes = 0;
        self.since = None;
        let rows = self.rows.drain();
        rows.map(|(key, held)| Taken { key, held }).collect()
    }
}

/// A row that was held back.
pub(super) struct Taken {
    key: Vec<u8>,
    held: Held,
}

impl Taken {
    pub(super) fn record(&self) -> Record<'_> {
        Record {
            key: Some(&self.key),
            value: self.held.value.as_deref(),
            timestamp: self.held.timestamp,
            headers: self.held.headers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: &'a str, value: Option<&'a str>) -> Record<'a> {
        Record {
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            timestamp: None,
            headers: None,
        }
    }

    #[test]
    fn of_several_rows_with_one_key_the_last_is_written() {
        let second = Duration::from_secs(1);
        let mut buffer = Buffer::new(Holding {
            rows_max: 3,
            interval: second,
        });
        buffer.put(&record("a", Some("1")), Duration::ZERO);
        buffer.put(&record("b", Some("1")), Duration::ZERO);
        buffer.put(&record("a", Some("22")), Duration::ZERO);
        buffer.put(&record("b", None), Duration::ZERO);
        assert_eq!(buffer.bytes, 4);
        assert!(!buffer.is_due(Duration::ZERO));
        assert!(buffer.is_due(second));
        let mut rows: Vec<_> = buffer
            .take()
            .into_iter()
            .map(|row| (row.key, row.held.value))
            .collect();
        rows.sort();
        assert_eq!(
            rows,
            [(b"a".to_vec(), Some(b"22".to_vec())), (b"b".to_vec(), None)]
        );
        assert!(!buffer.is_due(second * 2));
        for key in ["a", "b", "c"] {
            buffer.put(&record(key, None), second);
        }
        assert!(buffer.is_due(second));
    }
}
