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
//!   another file, and its split has another name. A file that is gone before it was read is the
//!   reader's error.
//! * A directory that is gone stops the job.
//! * The splits of the checkpoint a job starts from count as handed out, with the size they had.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Discovery, Split, SplitEnumerator};
use millstream_core::{Code, Error, Result};

use super::compression::Compression;
use super::position::{split_data, split_file};
use super::search::{Found, Search};

/// Finds every file once and is done.
pub(super) struct Once {
    search: Search,
    known: HashSet<String>,
}

impl Once {
    pub(super) fn new(search: Search, known: &[Split]) -> Self {
        let known = known.iter().map(|split| split.name.clone()).collect();
        Once { search, known }
    }
}

#[async_trait]
impl SplitEnumerator for Once {
    async fn discover(&mut self) -> Result<Discovery> {
        let files = self.search.files().await?.into_iter();
        let new = files.filter(|found| !self.known.contains(&found.path));
        let splits: Result<Vec<_>> = new.map(|found| split(found.path.clone(), &found)).collect();
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
    /// By path.
    seen: HashMap<String, Seen>,
    /// Every name a split of the job has had.
    names: HashSet<String>,
}

struct Seen {
    found: Found,
    handed_out: bool,
}

impl Watch {
    pub(super) fn new(
        search: Search,
        interval: Duration,
        clock: SharedClock,
        known: &[Split],
    ) -> Result<Self> {
        let mut seen = HashMap::new();
        // In the order of discovery: the last file of a path is the one that may still be there.
        for split in known {
            let found = split_file(&split.data)?;
            let path = found.path.clone();
            let handed_out = true;
            seen.insert(path, Seen { found, handed_out });
        }
        Ok(Watch {
            search,
            interval,
            clock,
            seen,
            names: known.iter().map(|split| split.name.clone()).collect(),
        })
    }

    /// The name of a file's split: its path, unless another file had that before.
    fn name(&mut self, found: &Found) -> String {
        let mut name = found.path.clone();
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{}#{number}", found.path);
            number += 1;
        }
        name
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
            Code::InputLost,
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
        let path = self.search.root.shown("");
        let message = format!("{}: the watched '{path}' is gone", self.search.owner);
        Error::new(Code::InputLost, message).caused_by(error)
    }
}

#[async_trait]
impl SplitEnumerator for Watch {
    async fn discover(&mut self) -> Result<Discovery> {
        let files = match self.search.files().await {
            // A bucket has no empty folders: nothing has been written yet, or all was taken away.
            Err(error) if error.code() == Code::NotFound && self.search.is_bucket() => Vec::new(),
            files => files.map_err(|error| self.gone(error))?,
        };
        let ready = self.settled(files)?;
        let named = |found: Found| split(self.name(&found), &found);
        let splits: Result<Vec<_>> = ready.into_iter().map(named).collect();
        Ok(Discovery {
            splits: splits?,
            again_after: Some(self.interval),
        })
    }
}

fn split(name: String, found: &Found) -> Result<(String, String)> {
    Compression::of(&found.path)?;
    Ok((name, split_data(found)))
}
