//! Makes prepared files visible by renaming them, and durable by syncing their directories.
//!
//! ```text
//!                     pending   visible
//! commit              yes       no        rename, sync
//!                     no        yes       done before
//!                     yes       yes       the same file (a rename cut in half): remove the first;
//!                                         another file: an error
//!                     no        no        an error: rows are lost, unless the table says that
//!                                         visible files are taken away
//! ```
//!
//! * Every step can be repeated, so a crash anywhere is followed by the same commit again.
//! * The folders of earlier lives are removed at the first commit and not in `recover`: by then
//!   every sink of the job has recovered what was pending, also one that shares the directory.
//! * Marks of partitions ([`success`](super::success)) follow the files they speak of.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Committable, Committer, SinkContext};
use millstream_core::failpoint::failpoint;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::committable::{Message, Move};
use super::pending::{Life, create_dirs, remove_empty, remove_others, sync, write_error};
use super::success::{Policy, Waiting};
use super::{MISSING_FILES, location};

/// Commits the files of one table.
pub(super) struct Renames {
    owner: String,
    /// The table's directory.
    root: PathBuf,
    life: Life,
    clock: SharedClock,
    waiting: Option<Waiting>,
    /// Visible files may be taken away before a restart.
    ignores_missing: bool,
    /// True once the folders of other lives are removed.
    swept: bool,
}

impl Renames {
    pub(super) fn new(table: &TableSpec, context: &SinkContext) -> Result<Self> {
        let root = location::absolute(&table.options)?;
        let life = Life::of(&context.job);
        let waiting = Policy::of(table)?
            .map(|policy| Waiting::new(policy, table, &root, &life, &context.run_id));
        Ok(Renames {
            owner: table.options.owner().to_string(),
            life,
            clock: Arc::clone(&context.clock),
            waiting,
            ignores_missing: ignores_missing(table)?,
            swept: false,
            root,
        })
    }

    fn run(&mut self, committables: &[Committable], recovers: bool) -> Result<()> {
        let messages: Result<Vec<Message>> = committables.iter().map(Message::parse).collect();
        let mut directories = BTreeSet::new();
        let mut last = false;
        for message in messages? {
            match message {
                Message::File(file) => {
                    if self.show(&file, recovers)? {
                        directories.insert(file.directory().to_string());
                    }
                }
                Message::Notice { last: says, .. } => last |= says,
            }
        }
        for directory in &directories {
            sync(&self.root.join(directory))?;
        }
        failpoint("fs.commit.marks")?;
        if let Some(waiting) = &mut self.waiting {
            waiting.step(directories.iter().map(String::as_str), self.clock.now_ms())?;
        }
        if last && !recovers {
            remove_empty(&self.root, &self.life)?;
        }
        Ok(())
    }

    /// Makes a file visible; false if it is not there any more.
    fn show(&self, file: &Move, recovers: bool) -> Result<bool> {
        failpoint("fs.commit.rename")?;
        let (from, to) = (self.root.join(&file.from), self.root.join(&file.to));
        match (look(&from)?, look(&to)?) {
            (Some(_), None) => {
                create_dirs(to.parent().unwrap_or(&self.root))?;
                fs::rename(&from, &to).map_err(|error| write_error(&to, error))?;
                Ok(true)
            }
            (None, Some(_)) => Ok(true),
            (Some(pending), Some(visible)) if is_same(&pending, &visible) => {
                fs::remove_file(&from).map_err(|error| write_error(&from, error))?;
                Ok(true)
            }
            (Some(_), Some(_)) => {
                Err(self.cannot_show(&from, &to, "another file has its name already"))
            }
            (None, None) if recovers && self.ignores_missing => Ok(false),
            (None, None) => Err(self
                .cannot_show(
                    &from,
                    &to,
                    "it is gone, and there is no visible file either",
                )
                .hint(format!(
                    "if visible files are taken away while the job is down, say so: \
                     '{MISSING_FILES}' = 'ignore'"
                ))),
        }
    }

    fn cannot_show(&self, from: &Path, to: &Path, why: &str) -> Error {
        Error::new(
            Code::Write,
            format!(
                "{} cannot make '{}' visible as '{}': {why}",
                self.owner,
                from.display(),
                to.display()
            ),
        )
    }
}

#[async_trait]
impl Committer for Renames {
    async fn recover(&mut self, pending: Vec<Committable>) -> Result<()> {
        if let Some(waiting) = &mut self.waiting {
            waiting.adopt()?;
        }
        self.run(&pending, true)
    }

    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()> {
        self.run(&prepared, false)?;
        if !self.swept {
            remove_others(&self.root, &self.life)?;
            self.swept = true;
        }
        Ok(())
    }
}

/// What becomes of a restart that finds neither a pending file nor the visible one.
pub(super) fn ignores_missing(table: &TableSpec) -> Result<bool> {
    let choice = table
        .options
        .one_of(MISSING_FILES, &["fail", "ignore"], "fail")?;
    Ok(choice == "ignore")
}

fn look(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(write_error(path, error)),
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}
