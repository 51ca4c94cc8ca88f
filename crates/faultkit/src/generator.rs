//! Input with known totals: every row is a function of the plan, its partition and its number.
//!
//! ```text
//! base time   start ── seq 0 ── seq 1 ── … ── burst ends ──(gap)── next burst
//! event time  base - (0 .. disorder)        crc = crc32c of all other fields
//! ```
//!
//! * Nothing is stored: `plan.row(partition, seq)` computes any row again, so readers, references
//!   and writers agree without sharing memory, also over 10^8 rows.
//! * Always: within a partition a row is less than `disorder_ms` behind the highest event time
//!   before it, so no row is late under a per-partition watermark delayed by `disorder_ms`, and the
//!   result of a query is a function of the input alone.
//! * Cost: one hash per field; about 10^6 rows per second and core with small pads.

use std::collections::BTreeMap;

use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::chance::{Chance, mix};

#[cfg(test)]
mod tests;

/// What input to make. Equal plans make equal rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Decides keys, amounts, disorder and pads.
    pub seed: u64,
    /// Number of partitions, each with its own sequence.
    pub partitions: u32,
    /// Rows in each partition.
    pub rows_per_partition: u64,
    /// Number of distinct keys.
    pub keys: u32,
    /// Of 100 rows, how many have key 0; 0 spreads the keys evenly.
    pub hot_key_percent: u32,
    /// Event time of the first row, ms since 1970 UTC.
    pub start_ms: i64,
    /// Event time between two rows of a partition; at least 1.
    pub step_ms: u32,
    /// A row is less than this behind the highest event time before it in its partition.
    pub disorder_ms: u32,
    /// Rows until a quiet gap, which ends sessions; 0 for no gaps.
    pub burst_rows: u64,
    /// Event time of a quiet gap.
    pub gap_ms: u32,
    /// Length of the pad, to make rows heavy.
    pub pad_bytes: u32,
}

impl Plan {
    /// A small input: 4 partitions, 16 keys, one row per 10 ms, two seconds of disorder, and a
    /// minute of quiet after each 500 rows.
    pub fn small(seed: u64, rows_per_partition: u64) -> Self {
        Plan {
            seed,
            partitions: 4,
            rows_per_partition,
            keys: 16,
            hot_key_percent: 0,
            start_ms: 1_767_225_600_000,
            step_ms: 10,
            disorder_ms: 2_000,
            burst_rows: 500,
            gap_ms: 60_000,
            pad_bytes: 16,
        }
    }

    /// Refuses a plan that cannot keep its promises.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(Code::InvalidOption, format!("plan: {what}")));
        if self.partitions == 0 || self.keys == 0 {
            return wrong("'partitions' and 'keys' want at least 1, found 0");
        }
        if self.step_ms == 0 {
            return wrong("'step_ms' wants at least 1, found 0");
        }
        if self.hot_key_percent > 100 {
            return wrong("'hot_key_percent' wants at most 100");
        }
        if self.rows_per_partition > 1 << 40 || self.pad_bytes > 100 << 20 {
            return wrong("at most 2^40 rows per partition and 100 MiB of pad");
        }
        if i32::try_from(self.partitions).is_err() {
            return wrong("at most 2^31 - 1 partitions");
        }
        if self.start_ms.unsigned_abs() > 1 << 45 {
            return wrong("'start_ms' wants a time within about 1000 years of 1970");
        }
        Ok(())
    }

    /// The row `seq` of a partition.
    pub fn row(&self, partition: u32, seq: u64) -> Row {
        let mut chance = Chance::new(mix(mix(self.seed ^ u64::from(partition)) ^ seq));
        let hot = chance.below(100) < u64::from(self.hot_key_percent);
        let key = if hot {
            0
        } else {
            chance.below(u64::from(self.keys)) as u32
        };
        let disorder = chance.below(u64::from(self.disorder_ms)) as i64;
        let amount = chance.below(1_000) as i64;
        let pad = pad(&mut chance, self.pad_bytes as usize);
        Row::new(
            partition,
            seq,
            format!("k{key:06}"),
            self.base_ms(seq) - disorder,
            amount,
            pad,
        )
    }

    /// Event time of a row without its disorder; rises by at least `step_ms` per row.
    fn base_ms(&self, seq: u64) -> i64 {
        let quiet = seq.checked_div(self.burst_rows).unwrap_or(0) as i64 * i64::from(self.gap_ms);
        self.start_ms + seq as i64 * i64::from(self.step_ms) + quiet
    }

    /// The rows of one partition, in order.
    pub fn partition(&self, partition: u32) -> impl Iterator<Item = Row> + '_ {
        (0..self.rows_per_partition).map(move |seq| self.row(partition, seq))
    }

    /// All rows, partition after partition.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.partitions).flat_map(move |partition| self.partition(partition))
    }

    /// Number of all rows.
    pub fn row_count(&self) -> u64 {
        u64::from(self.partitions) * self.rows_per_partition
    }

    /// What any query over this input must add up to.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for row in self.rows() {
            totals.all.add(&row);
            totals.per_key.entry(row.key.clone()).or_default().add(&row);
        }
        totals
    }

    /// Totals per tumbling window of `size_ms`, by the start of the window.
    pub fn window_totals(&self, size_ms: i64) -> BTreeMap<i64, Total> {
        let mut windows: BTreeMap<i64, Total> = BTreeMap::new();
        for row in self.rows() {
            let start = row.event_time - row.event_time.rem_euclid(size_ms.max(1));
            windows.entry(start).or_default().add(&row);
        }
        windows
    }

    /// The columns of a table over this input, with its watermark; goes between the brackets of
    /// `CREATE TABLE`.
    pub fn columns_sql(&self) -> String {
        format!(
            "part INT, seq BIGINT, `key` STRING, event_time TIMESTAMP(3), amount BIGINT, crc BIGINT, \
             pad STRING, WATERMARK FOR event_time AS event_time - INTERVAL '{}.{:03}' SECOND({})",
            self.disorder_ms / 1000,
            self.disorder_ms % 1000,
            (self.disorder_ms / 1000).to_string().len().max(2),
        )
    }
}

/// Rows and the sum of their amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the amounts.
    pub amount: i64,
}

impl Total {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.amount += row.amount;
    }
}

/// What all rows of a plan add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Over all rows.
    pub all: Total,
    /// Per key.
    pub per_key: BTreeMap<String, Total>,
}

/// One row of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Partition it belongs to; `part` in SQL, where `partition` is a reserved word.
    pub partition: u32,
    /// Number within the partition, from 0 without a hole.
    pub seq: u64,
    /// Key.
    pub key: String,
    /// Event time, ms since 1970 UTC.
    pub event_time: i64,
    /// A value to add up, 0 to 999.
    pub amount: i64,
    /// crc32c of all other fields.
    pub crc: u32,
    /// Weight.
    pub pad: String,
}

/// The JSON object of a row; event time in Flink's SQL notation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    part: u32,
    seq: u64,
    key: String,
    event_time: String,
    amount: i64,
    crc: u32,
    pad: String,
}

impl Row {
    fn new(
        partition: u32,
        seq: u64,
        key: String,
        event_time: i64,
        amount: i64,
        pad: String,
    ) -> Self {
        let mut row = Row {
            partition,
            seq,
            key,
            event_time,
            amount,
            crc: 0,
            pad,
        };
        row.crc = row.checksum();
        row
    }

    /// crc32c of all fields but the crc itself.
    pub fn checksum(&self) -> u32 {
        let text = format!(
            "{}|{}|{}|{}|{}|{}",
            self.partition, self.seq, self.key, self.event_time, self.amount, self.pad
        );
        crc32c::crc32c(text.as_bytes())
    }

    /// The row as one JSON object, without a line break.
    pub fn to_json(&self) -> String {
        // Written by hand: keys and pads are letters and digits, nothing needs escaping, and this
        // is the inner loop of every load test.
        format!(
            "{{\"part\":{},\"seq\":{},\"key\":\"{}\",\"event_time\":\"{}\",\"amount\":{},\"crc\":{},\"pad\":\"{}\"}}",
            self.partition,
            self.seq,
            self.key,
            format_millis(self.event_time),
            self.amount,
            self.crc,
            self.pad
        )
    }

    /// The row of a JSON object; an error unless every field is there and the crc is right.
    pub fn from_json(bytes: &[u8]) -> Result<Row> {
        let json: Json = serde_json::from_slice(bytes).map_err(|cause| {
            let shown: String = String::from_utf8_lossy(bytes).chars().take(200).collect();
            Error::new(Code::BadRecord, format!("'{shown}' is not a generated row"))
                .caused_by(cause)
        })?;
        let event_time = parse_millis(&json.event_time).ok_or_else(|| {
            let found = format!("event time '{}' of a generated row", json.event_time);
            Error::new(Code::BadRecord, format!("{found} is not a timestamp"))
        })?;
        let row = Row {
            partition: json.part,
            seq: json.seq,
            key: json.key,
            event_time,
            amount: json.amount,
            crc: json.crc,
            pad: json.pad,
        };
        let wanted = row.checksum();
        if wanted == row.crc {
            return Ok(row);
        }
        let place = format!("row {} of partition {}", row.seq, row.partition);
        Err(Error::new(
            Code::BadRecord,
            format!("{place}: crc wants {wanted}, found {}", row.crc),
        ))
    }
}

/// Milliseconds since 1970 UTC of `yyyy-MM-dd HH:mm:ss[.SSS]`, with `T` and a final `Z` allowed;
/// `None` for anything else, also for digits finer than a millisecond that are not zero.
pub fn parse_millis(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let bytes = clock.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if bytes.len() != 19
        || separators.iter().any(|&(at, mark)| bytes[at] != mark)
        || !matches!(bytes[10], b' ' | b'T')
    {
        return None;
    }
    let number = |from: usize, to: usize| digits(&bytes[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let nanos = digits(format!("{fraction:0<9}").as_bytes())?;
    if nanos % 1_000_000 != 0 {
        return None;
    }
    let days = millstream_core::time::days_from_civil(year, month as u32, day as u32);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000 + nanos / 1_000_000)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0i64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn pad(chance: &mut Chance, length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let mut pad = String::with_capacity(length);
    while pad.len() < length {
        let mut bits = chance.bits();
        for _ in 0..12.min(length - pad.len()) {
            pad.push(char::from(LETTERS[(bits & 31) as usize]));
            bits >>= 5;
        }
    }
    pad
}
