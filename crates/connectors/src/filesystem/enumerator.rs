//! Finds the files of a table: once, or again and again in a watched directory.
//!
//! A watched directory is looked at every `source.monitor-interval`. A file is handed out once:
//!
//! ```text
//! new ── modified longer ago than the interval, or the same at two looks ──▶ handed out
//!  │                                                                            │
//!  └── gone: forgotten                             another size later: an error │ gone: forgotten
//! ```
//!
//! * A file that is still being written is not read too early, and one that grows after it was
//!   read stops the job: its new rows would be lost in silence otherwise.
//! * A file that is gone may have been moved away by its owner; a file of the same name later is
//!   another file. A file that is gone before it was read is the reader's error.
//! * A directory that is gone stops the job.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Discovery, SplitEnumerator};
use millstream_core::{Code, Error, Result};

use super::compression::Compression;
use super::search::{Found, Search};

/// Finds every file once and is done.
pub(super) struct Once {
    pub(super) search: Search,
}

#[async_trait]
impl SplitEnumerator for Once {
    async fn discover(&mut self) -> Result<Discovery> {
        let splits: Result<Vec<_>> = self.search.files()?.into_iter().map(split).collect();
        Ok(Discovery {
            splits: splits?,
            again_after: None,
        })
    }
}

/// Looks for new files at an interval.
pub(super) struct Watch {
    search: Search,
    interval: Duration,
    clock: SharedClock,
    seen: HashMap<String, Seen>,
}

struct Seen {
    found: Found,
    handed_out: bool,
}

impl Watch {
    pub(super) fn new(search: Search, interval: Duration, clock: SharedClock) -> Self {
        Watch {
            search,
            interval,
            clock,
            seen: HashMap::new(),
        }
    }

    /// Files to hand out now. What is not in `files` is forgotten.
    fn settled(&mut self, files: Vec<Found>) -> Result<Vec<Found>> {
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        let old_ms = self.clock.now_ms().saturating_sub(interval_ms);
        let mut before = std::mem::take(&mut self.seen);
        let mut ready = Vec::new();
        for found in files {
            let last = before.remove(&found.path);
            let was_out = last.as_ref().is_some_and(|seen| seen.handed_out);
            if let Some(last) = last.as_ref().filter(|_| was_out) {
                self.unchanged(&last.found, &found)?;
            }
            let settled =
                found.modified_ms < old_ms || last.is_some_and(|last| last.found == found);
            if settled && !was_out {
                ready.push(found.clone());
            }
            let seen = Seen {
                handed_out: was_out || settled,
                found,
            };
            self.seen.insert(seen.found.path.clone(), seen);
        }
        Ok(ready)
    }

    fn unchanged(&self, read: &Found, now: &Found) -> Result<()> {
        if read.size == now.size {
            return Ok(());
        }
        Err(Error::new(
            Code::Read,
            format!(
                "{}: file '{}' changed after it was read: it had {} bytes and has {} now",
                self.search.owner, now.path, read.size, now.size
            ),
        )
        .hint("write a file elsewhere and move it into the watched directory when it is complete"))
    }

    fn gone(&self, error: Error) -> Error {
        if error.code() != Code::NotFound {
            return error;
        }
        let path = self.search.root.display();
        let message = format!("{}: the watched '{path}' is gone", self.search.owner);
        Error::new(Code::Read, message).caused_by(error)
    }
}

#[async_trait]
impl SplitEnumerator for Watch {
    async fn discover(&mut self) -> Result<Discovery> {
        let files = self.search.files().map_err(|error| self.gone(error))?;
        let ready = self.settled(files)?;
        let splits: Result<Vec<_>> = ready.into_iter().map(split).collect();
        Ok(Discovery {
            splits: splits?,
            again_after: Some(self.interval),
        })
    }
}

/// A split is named after its file, and that is all a reader needs.
fn split(found: Found) -> Result<(String, String)> {
    Compression::of(&found.path)?;
    Ok((found.path.clone(), found.path))
}
