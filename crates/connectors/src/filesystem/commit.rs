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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Committable, Committer, SinkContext};
use millstream_core::failpoint::failpoint;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::committable::{Mark, Message, Move};
use super::pending::Life;
use super::root::{Root, Shown};
use super::success::{Now, Policy, Waiting};
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
        let waiting = Policy::of(table)?.map(|policy| Waiting::new(policy, &root));
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
        let Told {
            files,
            last,
            watermark,
            waiting: before,
        } = Told::by(committables)?;
        if let (true, Some(waiting)) = (recovers, &mut self.waiting) {
            waiting.adopt(before);
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
            let now = Now {
                clock_ms: self.clock.now_ms(),
                watermark,
            };
            waiting.step(partitions, now).await?;
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

/// What the committables of one checkpoint say together.
#[derive(Default)]
struct Told {
    files: Vec<Move>,
    /// Nothing more is written.
    last: bool,
    /// How far the rows have come.
    watermark: Option<i64>,
    /// Partitions that waited before it.
    waiting: BTreeMap<String, i64>,
}

impl Told {
    fn by(committables: &[Committable]) -> Result<Self> {
        let mut told = Told::default();
        let mut marks = Vec::new();
        for committable in committables {
            match Message::parse(committable)? {
                Message::File(file) => told.files.push(file),
                Message::Waiting(since) => told.waiting.extend(since),
                Message::Notice {
                    last, watermark, ..
                } => {
                    told.last |= last;
                    marks.extend(watermark);
                }
            }
        }
        told.watermark = together(&marks);
        Ok(told)
    }
}

/// How far all writers together have come: the slowest of those that something is to come to; if there
/// is none, nobody holds up the fastest.
fn together(marks: &[Mark]) -> Option<i64> {
    let busy = marks.iter().filter(|mark| !mark.idle).map(|mark| mark.at);
    busy.min()
        .or_else(|| marks.iter().map(|mark| mark.at).max())
}

#[async_trait]
impl Committer for Commits {
    async fn recover(&mut self, pending: Vec<Committable>) -> Result<()> {
        self.run(&pending, true).await
    }

    fn remembers(&self) -> Vec<Committable> {
        let since = self.waiting.as_ref().map(Waiting::since);
        let since = since.filter(|since| !since.is_empty());
        let message = since.map(|since| Message::Waiting(since.clone()).to_committable());
        message.into_iter().collect()
    }

    fn inherit(&mut self, prepared: &[Committable]) -> Result<()> {
        let Some(waiting) = &mut self.waiting else {
            return Ok(());
        };
        let told = Told::by(prepared)?;
        let partitions = told.files.iter().map(Move::directory).collect();
        let now = Now {
            clock_ms: self.clock.now_ms(),
            watermark: told.watermark,
        };
        waiting.inherit(told.waiting, partitions, now)
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
