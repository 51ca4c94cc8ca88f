//! A record and its bytes.
//!
//! ```text
//! flags u8 │ stream │ timestamp i64 │ key? │ idempotency key? │ n × (name, value) │ payload …
//! ```
//!
//! Numbers are little-endian, lengths are varints, the payload is the rest. Limits are checked when
//! a record is appended, so that what is in the journal can always be read.

use bytes::Bytes;
use millstream_core::{Code, Error, Result};

use crate::wire::{Cursor, put_bytes, put_varint};

/// Most bytes of one record, everything counted.
pub const RECORD_MAX: usize = 16 << 20;
/// Most bytes of the name of a stream.
pub const STREAM_MAX: usize = 1024;
/// Most bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_MAX: usize = 256;
/// Most headers of one record.
pub const HEADERS_MAX: usize = 1024;

const HAS_KEY: u8 = 1;
const HAS_IDEMPOTENCY_KEY: u8 = 2;

/// What somebody pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What it belongs to: a topic, a path. At most [`STREAM_MAX`] bytes.
    pub stream: String,
    /// When it was pushed, or happened: ms since 1970 UTC.
    pub timestamp_ms: i64,
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// Two records of one stream with the same idempotency key are one record, as long as the first
    /// is among the last [`dedupe_keys`](super::Options::dedupe_keys). At most
    /// [`IDEMPOTENCY_KEY_MAX`] bytes, not empty.
    pub idempotency_key: Option<Bytes>,
    /// Names and values; a name may come twice. At most [`HEADERS_MAX`].
    pub headers: Vec<(String, Bytes)>,
    /// What was pushed.
    pub payload: Bytes,
}

/// A record at its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: counts up from 0 without a gap.
    pub sequence: u64,
    /// The record.
    pub record: Record,
}

impl Record {
    /// A record without key and headers.
    pub fn new(stream: impl Into<String>, timestamp_ms: i64, payload: impl Into<Bytes>) -> Self {
        Record {
            stream: stream.into(),
            timestamp_ms,
            payload: payload.into(),
            ..Record::default()
        }
    }

    /// The same record with an idempotency key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<Bytes>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// At least as many bytes as its encoding has.
    pub fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(n, v)| n.len() + v.len() + 20).sum();
        let key = self.key.as_ref().map_or(0, |key| key.len() + 10);
        let idempotency = self.idempotency_key.as_ref().map_or(0, |k| k.len() + 10);
        self.stream.len() + key + idempotency + headers + self.payload.len() + 40
    }

    /// Refuses what the journal does not keep.
    pub(super) fn check(&self) -> Result<()> {
        let stream: String = self.stream.chars().take(80).collect();
        let refuse = |what: &str, found: usize, wanted: usize| {
            Err(Error::new(
                Code::BadRecord,
                format!(
                    "a record of stream '{stream}' has {found} {what}, wanted at most {wanted}"
                ),
            ))
        };
        if self.stream.len() > STREAM_MAX {
            return refuse(
                "bytes in the name of its stream",
                self.stream.len(),
                STREAM_MAX,
            );
        }
        if self.headers.len() > HEADERS_MAX {
            return refuse("headers", self.headers.len(), HEADERS_MAX);
        }
        match &self.idempotency_key {
            Some(key) if key.len() > IDEMPOTENCY_KEY_MAX => {
                return refuse(
                    "bytes in its idempotency key",
                    key.len(),
                    IDEMPOTENCY_KEY_MAX,
                );
            }
            Some(key) if key.is_empty() => {
                return Err(Error::new(
                    Code::BadRecord,
                    format!("a record of stream '{stream}' has an empty idempotency key"),
                ));
            }
            _ => {}
        }
        match self.bytes() {
            bytes if bytes > RECORD_MAX => refuse("bytes", bytes, RECORD_MAX),
            _ => Ok(()),
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let key = self.key.as_ref().map_or(0, |_| HAS_KEY);
        let idempotency = self.idempotency_key.as_ref();
        out.push(key | idempotency.map_or(0, |_| HAS_IDEMPOTENCY_KEY));
        put_bytes(out, self.stream.as_bytes());
        out.extend_from_slice(&self.timestamp_ms.to_le_bytes());
        for bytes in self.key.iter().chain(idempotency) {
            put_bytes(out, bytes);
        }
        put_varint(out, self.headers.len() as u64);
        for (name, value) in &self.headers {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value);
        }
        out.extend_from_slice(&self.payload);
    }

    /// `None` if the bytes are no record: only possible if another program has written them.
    pub(super) fn decode(body: &Bytes) -> Option<Record> {
        let mut cursor = Cursor::new(body);
        let flags = cursor.u8()?;
        if flags & !(HAS_KEY | HAS_IDEMPOTENCY_KEY) != 0 {
            return None;
        }
        let stream = text(cursor.bytes()?)?;
        let timestamp_ms = cursor.i64()?;
        let key = match flags & HAS_KEY {
            0 => None,
            _ => Some(body.slice_ref(cursor.bytes()?)),
        };
        let idempotency_key = match flags & HAS_IDEMPOTENCY_KEY {
            0 => None,
            _ => Some(body.slice_ref(cursor.bytes()?)),
        };
        let count = cursor.count(2)?;
        let mut headers = Vec::with_capacity(count.min(HEADERS_MAX));
        for _ in 0..count {
            let name = text(cursor.bytes()?)?;
            headers.push((name, body.slice_ref(cursor.bytes()?)));
        }
        Some(Record {
            stream,
            timestamp_ms,
            key,
            idempotency_key,
            headers,
            payload: body.slice(cursor.position()..),
        })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}
