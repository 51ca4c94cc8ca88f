//! What is kept of a partition in checkpoints: where it begins, where it ends, where to go on.
//!
//! Both texts are promises to later releases.
//!
//! * A split: `{"topic":"bid","partition":3,"start":17,"end":42}`, `end` only if reading ends there.
//!   The offsets are numbers from the first look on, so that starting again means the same records.
//! * A position: `1234`, the offset after the last record that was returned, and, if there was one,
//!   its fingerprint: `1234 1769857200500.8f3a01bc`. Offsets alone cannot tell a topic from another
//!   one of the same name; the fingerprint of the record before the position can.

use millstream_core::connector::Position;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

/// A partition to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The first offset that is read.
    pub(super) start: i64,
    /// The first offset that is not.
    pub(super) end: Option<i64>,
}

impl Partition {
    /// Its name for people.
    pub(super) fn name(&self) -> String {
        name(&self.topic, self.partition)
    }

    pub(super) fn to_text(&self) -> String {
        let mut object = json!({
            "topic": self.topic,
            "partition": self.partition,
            "start": self.start,
        });
        if let Some(end) = self.end {
            object["end"] = end.into();
        }
        object.to_string()
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let partition = serde_json::from_str::<Value>(text).ok().and_then(|value| {
            Some(Partition {
                topic: value.get("topic")?.as_str()?.to_string(),
                partition: i32::try_from(value.get("partition")?.as_i64()?).ok()?,
                start: value.get("start")?.as_i64().filter(|start| *start >= 0)?,
                end: match value.get("end") {
                    None => None,
                    Some(end) => Some(end.as_i64()?),
                },
            })
        });
        partition.ok_or_else(|| damaged("a partition", text))
    }
}

/// The name of a partition for people.
pub(super) fn name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// Recognises a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) timestamp: i64,
    pub(super) checksum: u32,
}

impl Fingerprint {
    pub(super) fn of(timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let key = crc32c::crc32c(key.unwrap_or_default());
        Fingerprint {
            timestamp,
            checksum: crc32c::crc32c_append(key, value.unwrap_or_default()),
        }
    }
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// The offset after the last record.
    pub(super) offset: i64,
    /// That record, if `offset` follows it at once.
    pub(super) last: Option<Fingerprint>,
}

impl Next {
    pub(super) fn to_position(self) -> Position {
        Position(match self.last {
            None => self.offset.to_string(),
            Some(last) => format!("{} {}.{:08x}", self.offset, last.timestamp, last.checksum),
        })
    }

    pub(super) fn parse(position: &Position) -> Result<Self> {
        let text = position.0.as_str();
        let next = || {
            let (offset, last) = match text.split_once(' ') {
                None => (text, None),
                Some((offset, last)) => {
                    let (timestamp, checksum) = last.split_once('.')?;
                    let last = Fingerprint {
                        timestamp: timestamp.parse().ok()?,
                        checksum: u32::from_str_radix(checksum, 16).ok()?,
                    };
                    (offset, Some(last))
                }
            };
            let offset = offset.parse().ok().filter(|offset| *offset >= 0)?;
            Some(Next { offset, last })
        };
        next().ok_or_else(|| damaged("a position in a partition", text))
    }
}

fn damaged(what: &str, text: &str) -> Error {
    Error::new(
        Code::CheckpointDamaged,
        format!(
            "the checkpoint wants {what} of Kafka, found '{}'",
            crate::options::shown(text)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_in_checkpoints_stay_as_they_are() {
        let mut partition = Partition {
            topic: "bid".into(),
            partition: 3,
            start: 17,
            end: None,
        };
        let text = r#"{"topic":"bid","partition":3,"start":17}"#;
        assert_eq!(partition.to_text(), text);
        assert_eq!(Partition::parse(text).unwrap(), partition);
        partition.end = Some(42);
        let text = r#"{"topic":"bid","partition":3,"start":17,"end":42}"#;
        assert_eq!(partition.to_text(), text);
        assert_eq!(Partition::parse(text).unwrap(), partition);

        let last = Fingerprint::of(1_769_857_200_500, Some(b"k"), Some(b"v"));
        let next = Next {
            offset: 1234,
            last: Some(last),
        };
        let position = next.to_position();
        assert_eq!(position.0, "1234 1769857200500.8f378a10");
        assert_eq!(Next::parse(&position).unwrap(), next);
        let bare = Next {
            offset: 7,
            last: None,
        };
        assert_eq!(Next::parse(&Position("7".into())).unwrap(), bare);
        assert_eq!(bare.to_position().0, "7");
    }

    #[test]
    fn a_damaged_text_is_an_error() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"topic":"a","partition":9999999999,"start":0}"#,
        ] {
            assert_eq!(
                Partition::parse(text).unwrap_err().code(),
                Code::CheckpointDamaged
            );
        }
        for text in ["", "-1", "1 2", "1 2.x", "a 1.00"] {
            let error = Next::parse(&Position(text.into())).unwrap_err();
            assert_eq!(error.code(), Code::CheckpointDamaged, "{text}");
        }
    }
}
