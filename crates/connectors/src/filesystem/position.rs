//! Which file a split is, and how far it has been read: the texts that are kept in checkpoints.
//!
//! ```text
//! split      {"path": "/in/a.csv", "size": 812, "modified": 1600000000000}
//! position   {"v": 1, "size": 812, "stamp": "1600000000000000000",
//!             "at": 512, "line": 31, "crc": 301985, "rows": 3, "bad": 0}
//! ```
//!
//! A position is a place in the decoded stream (the file after decompression) between two records
//! at which another decoder can begin, and the number of rows and bad records behind it that have
//! been returned already. `crc` is the crc32c of the stream up to that place: a file that has been
//! touched since is read from its beginning and must have the same bytes there, so a replaced file
//! is found out and never taken for the old one.

use millstream_core::connector::Position;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::search::Found;

/// The data of a split: the file as it was found.
pub(super) fn split_data(found: &Found) -> String {
    json!({"path": found.path, "size": found.size, "modified": found.modified_ms}).to_string()
}

/// The file a split was made of.
pub(super) fn split_file(data: &str) -> Result<Found> {
    let parsed = || -> Option<Found> {
        let value: Value = serde_json::from_str(data).ok()?;
        Some(Found {
            path: value.get("path")?.as_str()?.to_string(),
            size: value.get("size")?.as_u64()?,
            modified_ms: value.get("modified")?.as_i64()?,
        })
    };
    parsed().ok_or_else(|| Error::internal("a split of another connector"))
}

/// What tells one version of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size: u64,
    /// When it was written, or its version: whatever its file system changes with the content.
    pub(super) stamp: String,
}

/// A place between two records of the decoded stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes before it.
    pub(super) at: u64,
    /// Line breaks before it.
    pub(super) lines: u64,
    /// crc32c of the bytes before it.
    pub(super) crc: u32,
}

/// Where to go on in a file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InRecords {
    pub(super) identity: Identity,
    /// Where decoding begins again.
    pub(super) mark: Mark,
    /// Rows and bad records behind it that have been returned.
    pub(super) rows: u64,
    pub(super) bad: u64,
}

impl InRecords {
    pub(super) fn to_position(&self) -> Position {
        let text = json!({
            "v": 1,
            "size": self.identity.size,
            "stamp": self.identity.stamp,
            "at": self.mark.at,
            "line": self.mark.lines,
            "crc": self.mark.crc,
            "rows": self.rows,
            "bad": self.bad,
        });
        Position(text.to_string())
    }

    pub(super) fn parse(position: &Position) -> Result<Self> {
        let parsed = || -> Option<InRecords> {
            let value = versioned(position)?;
            let number = |key: &str| value.get(key)?.as_u64();
            Some(InRecords {
                identity: identity(&value)?,
                mark: Mark {
                    at: number("at")?,
                    lines: number("line")?,
                    crc: u32::try_from(number("crc")?).ok()?,
                },
                rows: number("rows")?,
                bad: number("bad")?,
            })
        };
        parsed().ok_or_else(|| damaged(position))
    }
}

/// The value of a position, if it is one of a version we know.
pub(super) fn versioned(position: &Position) -> Option<Value> {
    let value: Value = serde_json::from_str(&position.0).ok()?;
    (value.get("v")?.as_u64()? == 1).then_some(value)
}

pub(super) fn identity(value: &Value) -> Option<Identity> {
    Some(Identity {
        size: value.get("size")?.as_u64()?,
        stamp: value.get("stamp")?.as_str()?.to_string(),
    })
}

/// The error for a position no reader of ours has told.
pub(super) fn damaged(position: &Position) -> Error {
    Error::new(
        Code::CheckpointDamaged,
        format!(
            "'{}' is not a position in such a file",
            crate::options::shown(&position.0)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_splits_survive_the_way_through_text() {
        let position = InRecords {
            identity: Identity {
                size: u64::MAX,
                stamp: "\"2020\" é".into(),
            },
            mark: Mark {
                at: 1 << 60,
                lines: 7,
                crc: u32::MAX,
            },
            rows: 3,
            bad: 1,
        };
        assert_eq!(InRecords::parse(&position.to_position()).unwrap(), position);
        let found = Found {
            path: "/a \"b\"/ü.csv".into(),
            size: 9,
            modified_ms: -5,
        };
        assert_eq!(split_file(&split_data(&found)).unwrap(), found);
    }

    #[test]
    fn other_texts_are_no_positions() {
        let good = r#"{"v":1,"size":1,"stamp":"x","at":0,"line":0,"crc":0,"rows":0,"bad":0}"#;
        InRecords::parse(&Position(good.into())).unwrap();
        for bad in [
            String::new(),
            "7".into(),
            "{}".into(),
            good.replace("\"v\":1", "\"v\":2"),
            good.replace("\"at\":0", "\"at\":-1"),
            good.replace("\"crc\":0", "\"crc\":4294967296"),
        ] {
            let error = InRecords::parse(&Position(bad)).unwrap_err();
            assert_eq!(error.code(), Code::CheckpointDamaged);
        }
        assert_eq!(split_file("/in/a.csv").unwrap_err().code(), Code::Internal);
    }
}
