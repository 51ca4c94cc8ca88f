//! Makes prepared files visible, and durable.
//!
//! ```text
//!                     pending   visible    directory              bucket
//! commit              yes       no         rename, sync           copy, delete the pending one
//!                     no        yes        done before            done before
//!                     yes       yes        the same file: remove  copy again: the same bytes
//!                                          the pending name;
//!                                          another: an error
//!                     no        no         an error: rows are lost, unless the table says that
//!                                          visible files are taken away
//! ```
//!
//! * Every step can be repeated, so a crash anywhere is followed by the same commit again.
//! * What earlier lives have left behind is removed at the first commit and not in `recover`: by
//!   then every sink of the job has recovered what was pending, also one that shares the directory.
//! * Marks of partitions ([`success`](super::success)) follow the files they speak of.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Committable, Committer, SinkContext};
use millstream_core::failpoint::failpoint;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::committable::{Message, Move};
use super::pending::Life;
use super::root::{Root, Shown};
use super::success::{Policy, Waiting};
use super::{MISSING_FILES, location};

/// Most files that are being made visible at a time, where that takes waiting.
const AT_A_TIME: usize = 16;

/// Commits the files of one table.
pub(super) struct Commits {
    owner: String,
    root: Root,
    life: Life,
    clock: SharedClock,
    waiting: Option<Waiting>,
    /// Visible files may be taken away before a restart.
    ignores_missing: bool,
    /// True once what earlier lives have left is removed.
    swept: bool,
}

impl Commits {
    pub(super) fn new(table: &TableSpec, context: &SinkContext) -> Result<Self> {
        Self::at(location::root(&table.options)?, table, context)
    }

    /// Commits below any root.
    pub(super) fn at(root: Root, table: &TableSpec, context: &SinkContext) -> Result<Self> {
        let life = Life::of(&context.job);
        let waiting = Policy::of(table)?
            .map(|policy| Waiting::new(policy, table, &root, &life, &context.run_id));
        Ok(Commits {
            owner: table.options.owner().to_string(),
            root,
            life,
            clock: Arc::clone(&context.clock),
            waiting,
            ignores_missing: ignores_missing(table)?,
            swept: false,
        })
    }

    async fn run(&mut self, committables: &[Committable], recovers: bool) -> Result<()> {
        let mut files = Vec::new();
        let mut last = false;
        for committable in committables {
            match Message::parse(committable)? {
                Message::File(file) => files.push(file),
                Message::Notice { last: says, .. } => last |= says,
            }
        }
        let mut shown = Vec::with_capacity(files.len());
        for some in files.chunks(AT_A_TIME) {
            let some: Vec<_> = some.iter().map(|file| self.show(file, recovers)).collect();
            shown.extend(try_join_all(some).await?);
        }
        let files = files.iter().zip(shown);
        let files: Vec<&Move> = files.filter_map(|(file, is)| is.then_some(file)).collect();
        failpoint("fs.commit.settle")?;
        self.root.settle(&files).await?;
        failpoint("fs.commit.marks")?;
        if let Some(waiting) = &mut self.waiting {
            let partitions: BTreeSet<&str> = files.iter().map(|file| file.directory()).collect();
            waiting.step(partitions, self.clock.now_ms()).await?;
        }
        if last && !recovers {
            self.root.remove_empty(&self.life)?;
        }
        Ok(())
    }

    /// Makes a file visible; false if it is not there any more, and need not be.
    async fn show(&self, file: &Move, recovers: bool) -> Result<bool> {
        failpoint("fs.commit.show")?;
        match self.root.show(file).await? {
            Shown::Yes => Ok(true),
            Shown::NameTaken => Err(self.cannot_show(file, "another file has its name already")),
            Shown::Gone if recovers && self.ignores_missing => Ok(false),
            Shown::Gone => Err(self
                .cannot_show(file, "it is gone, and there is no visible file either")
                .hint(format!(
                    "if visible files are taken away while the job is down, say so: \
                     '{MISSING_FILES}' = 'ignore'"
                ))),
        }
    }

    fn cannot_show(&self, file: &Move, why: &str) -> Error {
        Error::new(
            Code::Write,
            format!(
                "{} cannot make '{}' visible as '{}': {why}",
                self.owner,
                self.root.shown(&file.from),
                self.root.shown(&file.to)
            ),
        )
    }
}

#[async_trait]
impl Committer for Commits {
    async fn recover(&mut self, pending: Vec<Committable>) -> Result<()> {
        if let Some(waiting) = &mut self.waiting {
            waiting.adopt().await?;
        }
        self.run(&pending, true).await
    }

    async fn is_visible(&mut self, prepared: &[Committable]) -> Result<bool> {
        for committable in prepared {
            if let Message::File(file) = Message::parse(committable)?
                && self.root.is_visible(&file).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()> {
        // Before the folders that have become empty are removed.
        if !self.swept {
            failpoint("fs.commit.sweep")?;
            self.root.remove_leftovers(&self.life).await?;
            self.swept = true;
        }
        self.run(&prepared, false).await
    }
}

/// What becomes of a restart that finds neither a pending file nor the visible one.
pub(super) fn ignores_missing(table: &TableSpec) -> Result<bool> {
    let choice = table
        .options
        .one_of(MISSING_FILES, &["fail", "ignore"], "fail")?;
    Ok(choice == "ignore")
}
