//! What a writer hands to the committer, as the texts that are kept in checkpoints.
//!
//! ```text
//! {"v": 1, "from": ".millstream-pending/job/l.3/part-…", "to": "dt=2020-01-01/part-…"}
//! {"v": 1, "subtask": 0, "last": true}                 and "watermark": 1577836800000, "idle": true
//! {"v": 1, "waiting": {"dt=2020-01-01": 1577923200000}}
//! ```
//!
//! Paths are relative to the table's directory, so a table can be moved with its checkpoints. They
//! never leave it: a text that says so is no committable of ours.

use std::collections::BTreeMap;

use millstream_core::connector::Committable;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::pending::FOLDER;

/// What a committable says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A file waits to become visible.
    File(Move),
    /// How far a subtask has come.
    Notice {
        /// Its number.
        subtask: u32,
        /// True if it writes nothing more.
        last: bool,
        /// How far its rows have come in event time, if that is asked.
        watermark: Option<Mark>,
    },
    /// Partitions that wait to be marked, and since when, ms since 1970.
    Waiting(BTreeMap<String, i64>),
}

/// How far the rows of a subtask have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its last watermark, ms since 1970.
    pub(super) at: i64,
    /// True if nothing is to come to it for a while.
    pub(super) idle: bool,
}

/// From where to where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: String,
    pub(super) to: String,
}

impl Move {
    /// The directory of the visible file below the table's; empty for the table's own.
    pub(super) fn directory(&self) -> &str {
        self.to
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }
}

impl Message {
    pub(super) fn to_committable(&self) -> Committable {
        let value = match self {
            Message::File(file) => json!({"v": 1, "from": file.from, "to": file.to}),
            Message::Notice {
                subtask,
                last,
                watermark,
            } => {
                let mut value = json!({"v": 1, "subtask": subtask, "last": last});
                if let Some(mark) = watermark {
                    value["watermark"] = json!(mark.at);
                    if mark.idle {
                        value["idle"] = json!(true);
                    }
                }
                value
            }
            Message::Waiting(since) => json!({"v": 1, "waiting": since}),
        };
        Committable(value.to_string())
    }

    pub(super) fn parse(committable: &Committable) -> Result<Self> {
        let parsed = || -> Option<Message> {
            let value: Value = serde_json::from_str(&committable.0).ok()?;
            if value.get("v")?.as_u64()? != 1 {
                return None;
            }
            if let Some(subtask) = value.get("subtask") {
                return Some(Message::Notice {
                    subtask: u32::try_from(subtask.as_u64()?).ok()?,
                    last: value.get("last")?.as_bool()?,
                    watermark: match value.get("watermark") {
                        None => None,
                        Some(ms) => Some(Mark {
                            at: ms.as_i64()?,
                            idle: value.get("idle").is_some_and(|idle| *idle == json!(true)),
                        }),
                    },
                });
            }
            if let Some(waiting) = value.get("waiting") {
                let since = waiting.as_object()?.iter();
                let since = since.map(|(partition, ms)| {
                    let ours = stays(partition) && !partition.starts_with('.');
                    ours.then_some((partition.clone(), ms.as_i64()?))
                });
                return since.collect::<Option<_>>().map(Message::Waiting);
            }
            let text = |key: &str| Some(value.get(key)?.as_str()?.to_string());
            let file = Move {
                from: text("from")?,
                to: text("to")?,
            };
            let ours = file.from.starts_with(FOLDER) && stays(&file.from) && stays(&file.to);
            ours.then_some(Message::File(file))
        };
        parsed().ok_or_else(|| {
            Error::new(
                Code::CheckpointDamaged,
                format!(
                    "'{}' is not a file that waits to be committed",
                    crate::options::shown(&committable.0)
                ),
            )
        })
    }
}

/// True for a relative path that stays where it begins.
fn stays(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(part) && !path.contains(['\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committables_survive_the_way_through_text() {
        let file = Message::File(Move {
            from: format!("{FOLDER}/j/l.1/part-0"),
            to: "a=ü\"/part-0".into(),
        });
        let notice = |watermark| Message::Notice {
            subtask: 3,
            last: true,
            watermark,
        };
        let waiting = BTreeMap::from([("a=ü/b=1".to_string(), i64::MIN), ("a=2".into(), 7)]);
        for message in [
            file,
            notice(None),
            notice(Some(Mark {
                at: i64::MIN,
                idle: true,
            })),
            notice(Some(Mark {
                at: i64::MAX,
                idle: false,
            })),
            Message::Waiting(waiting),
            Message::Waiting(BTreeMap::new()),
        ] {
            assert_eq!(Message::parse(&message.to_committable()).unwrap(), message);
        }
    }

    #[test]
    fn the_texts_in_checkpoints_stay_as_they_are() {
        let texts = [
            r#"{"from":".millstream-pending/j/l.1/part-0","to":"a=1/part-0","v":1}"#,
            r#"{"last":false,"subtask":0,"v":1}"#,
            r#"{"last":false,"subtask":0,"v":1,"watermark":1577836800000}"#,
            r#"{"last":true,"subtask":1,"v":1,"watermark":7,"idle":true}"#,
            r#"{"v":1,"waiting":{"dt=2020-01-01":1577923200000}}"#,
        ];
        for text in texts {
            let message = Message::parse(&Committable(text.into())).unwrap();
            let same: Value = serde_json::from_str(&message.to_committable().0).unwrap();
            assert_eq!(same, serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn a_path_that_leaves_the_table_is_refused() {
        let refused = |from: &str, to: &str| {
            let text = json!({"v": 1, "from": from, "to": to}).to_string();
            let error = Message::parse(&Committable(text)).unwrap_err();
            assert_eq!(error.code(), Code::CheckpointDamaged);
        };
        let good = format!("{FOLDER}/j/l.1/part-0");
        refused(&good, "/etc/passwd");
        refused(&good, "../x");
        refused(&good, "a//x");
        refused(&good, "");
        refused(&format!("{FOLDER}/../x"), "x");
        refused("part-0", "x");
        for text in [
            "",
            "{}",
            "{\"v\":2,\"subtask\":0,\"last\":true}",
            "{\"v\":1,\"subtask\":0,\"last\":true,\"watermark\":\"soon\"}",
            "{\"v\":1,\"waiting\":{\"../x\":1}}",
            "{\"v\":1,\"waiting\":{\".millstream-pending\":1}}",
            "{\"v\":1,\"waiting\":{\"a=1\":\"x\"}}",
            "{\"v\":1,\"waiting\":[]}",
            "[1]",
        ] {
            assert!(Message::parse(&Committable(text.into())).is_err(), "{text}");
        }
    }
}
