//! Opening the table: its options, its one split, and what a checkpoint allows to forget.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Acknowledger, Discovery, Position, Source, SourceContext, SourceFactory, SourceReader, Split,
    SplitEnumerator,
};
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};
use millstream_state::journal;
use tokio::sync::OnceCell;

use super::decode::{METADATA, Plan};
use super::reader::Reader;
use super::{BOUNDED, Journal, PATH, RETENTION, STREAM};

/// The name of the only split.
const SPLIT: &str = "journal";
/// Longest time a disk may take to open or shorten a journal.
const DEADLINE: Duration = Duration::from_secs(60);

impl SourceFactory for Journal {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        let options = &table.options;
        let path = options.require(PATH)?;
        let path = path.strip_prefix("file://").unwrap_or(path);
        if path.is_empty() {
            return Err(options.invalid(PATH, "a folder"));
        }
        let retention = options.one_of(RETENTION, &["all", "checkpoint"], "all")?;
        let bounded = options.one_of(BOUNDED, &["unbounded", "latest-offset"], "unbounded")?;
        Ok(Box::new(Table {
            place: Arc::new(Place {
                folder: PathBuf::from(path),
                clock: Arc::clone(&context.clock),
                open: OnceCell::new(),
            }),
            plan: Arc::new(Plan::of(table, context)?),
            stream: options.get(STREAM).map(str::to_owned),
            is_bounded: bounded == "latest-offset",
            // Without checkpoints nothing that was read is safe.
            forgets: retention == "checkpoint" && context.job.checkpoints,
        }))
    }

    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        METADATA
    }
}

/// The journal of a table, opened when it is first needed and shared by all parts of the source.
pub(super) struct Place {
    folder: PathBuf,
    clock: SharedClock,
    open: OnceCell<journal::Journal>,
}

impl Place {
    /// The open journal.
    pub(super) async fn journal(&self) -> Result<&journal::Journal> {
        let open = || async {
            let (folder, clock) = (self.folder.clone(), Arc::clone(&self.clock));
            let open = move || journal::Journal::open(&folder, journal::Options::default(), clock);
            self.on_a_thread("open", open).await
        };
        self.open.get_or_try_init(open).await
    }

    /// Work that waits for the disk.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = self.folder.display();
        match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(panicked)) => {
                let what = format!("cannot {doing} journal '{folder}'");
                Err(Error::internal(what).caused_by(panicked))
            }
            Err(_) => Err(Error::new(
                Code::Unavailable,
                format!("cannot {doing} journal '{folder}' within {DEADLINE:?}"),
            )),
        }
    }
}

struct Table {
    place: Arc<Place>,
    plan: Arc<Plan>,
    stream: Option<String>,
    is_bounded: bool,
    forgets: bool,
}

impl Source for Table {
    fn is_bounded(&self) -> bool {
        self.is_bounded
    }

    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(Enumerator {
            place: Arc::clone(&self.place),
            is_bounded: self.is_bounded,
            done: !known.is_empty(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        let (place, plan) = (Arc::clone(&self.place), Arc::clone(&self.plan));
        Ok(Box::new(Reader::new(place, plan, self.stream.clone())))
    }

    fn replays(&self) -> bool {
        true
    }

    fn acknowledger(&self) -> Option<Box<dyn Acknowledger>> {
        let place = Arc::clone(&self.place);
        self.forgets
            .then(|| Box::new(Forget { place }) as Box<dyn Acknowledger>)
    }
}

struct Enumerator {
    place: Arc<Place>,
    is_bounded: bool,
    done: bool,
}

#[async_trait]
impl SplitEnumerator for Enumerator {
    async fn discover(&mut self) -> Result<Discovery> {
        if self.done {
            return Ok(Discovery::default());
        }
        let journal = self.place.journal().await?;
        let until = self.is_bounded.then(|| journal.end_sequence());
        self.done = true;
        Ok(Discovery {
            splits: vec![(SPLIT.to_owned(), Until(until).to_text())],
            again_after: None,
        })
    }
}

/// Removes what committed checkpoints have confirmed.
struct Forget {
    place: Arc<Place>,
}

#[async_trait]
impl Acknowledger for Forget {
    async fn acknowledge(&mut self, positions: &[(String, Position)]) -> Result<()> {
        for (_, position) in positions {
            let next = Next::parse(position)?;
            let journal = self.place.journal().await?.clone();
            next.check(&journal)?;
            let remove = move || journal.truncate_before(next.sequence);
            self.place.on_a_thread("shorten", remove).await?;
        }
        Ok(())
    }
}

/// Where a bounded split ends; its text is kept in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Until(pub(super) Option<u64>);

impl Until {
    fn to_text(self) -> String {
        self.0
            .map_or(String::new(), |until| format!("until={until}"))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let until = match text.strip_prefix("until=") {
            None if text.is_empty() => return Ok(Until(None)),
            None => None,
            Some(digits) => digits.parse().ok(),
        };
        match until {
            Some(until) => Ok(Until(Some(until))),
            None => Err(Error::new(
                Code::CheckpointMismatch,
                format!("'{}' is no part of a journal", crate::options::shown(text)),
            )),
        }
    }
}

/// A position: the next record, of which journal; its text is kept in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) journal: u64,
    pub(super) sequence: u64,
}

impl Next {
    pub(super) fn to_position(self) -> Position {
        Position(format!("{:016x}:{}", self.journal, self.sequence))
    }

    pub(super) fn parse(position: &Position) -> Result<Self> {
        let parts = position.0.split_once(':').and_then(|(journal, sequence)| {
            let journal = u64::from_str_radix(journal, 16).ok()?;
            Some((journal, sequence.parse().ok()?))
        });
        match parts {
            Some((journal, sequence)) => Ok(Next { journal, sequence }),
            None => Err(Error::new(
                Code::CheckpointMismatch,
                format!(
                    "'{}' is no position in a journal",
                    crate::options::shown(&position.0)
                ),
            )),
        }
    }

    /// Refuses a journal that is another one than before.
    pub(super) fn check(self, journal: &journal::Journal) -> Result<()> {
        if journal.id() == self.journal {
            return Ok(());
        }
        Err(Error::new(
            Code::InputLost,
            format!(
                "the journal is {:016x}, the job was reading journal {:016x}",
                journal.id(),
                self.journal
            ),
        )
        .hint("the folder was replaced: put the old one back, or start the job anew"))
    }
}
