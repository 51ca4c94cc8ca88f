//! What a writer hands to the committer, as the texts that are kept in checkpoints.
//!
//! ```text
//! {"v": 1, "from": ".millstream-pending/job/l.3/part-…", "to": "dt=2020-01-01/part-…"}
//! {"v": 1, "subtask": 0, "last": true}
//! ```
//!
//! Paths are relative to the table's directory, so a table can be moved with its checkpoints. They
//! never leave it: a text that says so is no committable of ours.

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
    },
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
            Message::Notice { subtask, last } => json!({"v": 1, "subtask": subtask, "last": last}),
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
                });
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
        let notice = Message::Notice {
            subtask: 3,
            last: true,
        };
        for message in [file, notice] {
            assert_eq!(Message::parse(&message.to_committable()).unwrap(), message);
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
        for text in ["", "{}", "{\"v\":2,\"subtask\":0,\"last\":true}", "[1]"] {
            assert!(Message::parse(&Committable(text.into())).is_err(), "{text}");
        }
    }
}
