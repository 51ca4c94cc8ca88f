//! Who runs a job: generation records, lineages, the fence.
//!
//! ```text
//! claim          list ─▶ create generation-(newest + 1) ─▶ list again: is it the newest?
//! renew          create generation-(mine + 1): in-process recovery must not jump over a successor
//! begin_lineage  the same, and the record names a new lineage
//! check_fence    list what follows mine: anything there has replaced us
//! ```
//!
//! * A record is created, never changed, and carries the lineage on: which one it is, where it
//!   began, which ones it replaced.
//! * On a local directory the claim also holds an operating-system lock for as long as the process
//!   lives: a second process is refused instead of fencing the first (F10).
//! * The rules are those of [`millstream_protocol::generation`].

use millstream_core::failpoint::failpoint;
use millstream_core::{Code, Error, Result};
use millstream_protocol::generation::{claim, renew};
use serde::{Deserialize, Serialize};

use super::JobStore;
use super::bucket::Put;
use super::local::{self, Lock};
use super::names::{self, Object};
use crate::envelope;
use crate::manifest::Manifest;

const VERSION: u32 = 1;

/// Largest record read.
const RECORD_MAX: u64 = 1 << 20;

/// The process that runs a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process number.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// When it started, milliseconds since 1970 UTC.
    pub started_ms: i64,
}

impl Owner {
    /// This process.
    pub fn this_process(now_ms: i64) -> Owner {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
        Owner {
            pid: std::process::id(),
            host: host.map_or_else(|_| "unknown".into(), |name| name.trim().to_owned()),
            started_ms: now_ms,
        }
    }
}

/// Where a lineage began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The lineage of that checkpoint.
    pub lineage: String,
    /// Its number.
    pub checkpoint: u64,
}

/// What a generation record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub generation: u64,
    /// The lineage it continues.
    pub lineage: String,
    /// Where that lineage began; nothing is the empty state. Its manifest is `origin-<lineage>`.
    pub origin: Option<Origin>,
    /// Every lineage of the job before this one.
    pub replaced: Vec<String>,
    /// The process that made it.
    pub owner: Owner,
    /// Tells this attempt from others.
    pub token: String,
}

/// A generation that is ours, for as long as nobody claims a newer one.
#[derive(Debug)]
pub struct Claim {
    /// The newest record, which is ours.
    pub record: Record,
    /// Held while this lives, on a local directory.
    lock: Option<Lock>,
}

impl Claim {
    /// Our generation.
    pub fn generation(&self) -> u64 {
        self.record.generation
    }

    /// The lineage we continue.
    pub fn lineage(&self) -> &str {
        &self.record.lineage
    }
}

impl JobStore {
    /// Takes the job over: from now on earlier incarnations are fenced.
    ///
    /// # Errors
    /// `Fenced` if another process starts at the same time, or holds the local directory.
    pub async fn claim(&self, owner: &Owner) -> Result<Claim> {
        failpoint("rs.generation.claim")?;
        let lock = match self.directory() {
            None => None,
            Some(directory) => {
                let lock = Lock::take(&directory, &self.job)?;
                self.tidy(directory).await?;
                Some(lock)
            }
        };
        let existing = self.generations().await?;
        let number = claim(&existing);
        let record = match existing.iter().max() {
            Some(newest) => self.read_record(*newest).await?,
            None => first(names::token()),
        };
        let record = Record {
            generation: number,
            owner: owner.clone(),
            token: names::token(),
            ..record
        };
        if !self.create_record(&record).await? {
            return Err(Error::new(
                Code::Fenced,
                format!(
                    "job '{}' is being started by another process at the same time",
                    self.job
                ),
            )
            .hint("start it once"));
        }
        self.check_fence(number).await?;
        let mut claim = Claim { record, lock };
        self.note(&mut claim)?;
        Ok(claim)
    }

    /// A further generation of the same process, for recovery without an end.
    ///
    /// # Errors
    /// `Fenced` if another process has taken the job over.
    pub async fn renew(&self, claim: &mut Claim) -> Result<()> {
        failpoint("rs.generation.claim")?;
        let record = claim.record.clone();
        self.follow(claim, record).await
    }

    /// Begins a new lineage, with the state of `origin` or empty. The files `origin` refers to are
    /// in this job's directory already: see [`JobStore::adopt`].
    ///
    /// # Errors
    /// `Fenced` if another process has taken the job over.
    pub async fn begin_lineage(
        &self,
        claim: &mut Claim,
        origin: Option<&Manifest>,
        replaced: Vec<String>,
    ) -> Result<()> {
        let lineage = names::token();
        if let Some(origin) = origin {
            let path = self.path(&names::origin(&lineage));
            self.bucket.put(&path, origin.encode()?).await?;
        }
        let record = Record {
            lineage,
            origin: origin.map(|origin| Origin {
                lineage: origin.lineage.clone(),
                checkpoint: origin.checkpoint,
            }),
            replaced,
            ..claim.record.clone()
        };
        self.follow(claim, record).await
    }

    async fn follow(&self, claim: &mut Claim, record: Record) -> Result<()> {
        let record = Record {
            generation: renew(claim.record.generation),
            token: names::token(),
            ..record
        };
        if !self.create_record(&record).await? {
            return Err(self.fenced(claim.generation(), record.generation).await);
        }
        self.check_fence(record.generation).await?;
        claim.record = record;
        self.note(claim)
    }

    fn note(&self, claim: &mut Claim) -> Result<()> {
        let generation = claim.record.generation;
        match &mut claim.lock {
            Some(lock) => lock.note(&claim.record.owner, generation),
            None => Ok(()),
        }
    }

    async fn tidy(&self, directory: std::path::PathBuf) -> Result<()> {
        let shown = directory.display().to_string();
        tokio::task::spawn_blocking(move || local::tidy(&directory))
            .await
            .map_err(|e| Error::internal("tidying the directory did not end").caused_by(e))?
            .map_err(|e| {
                Error::new(Code::Write, format!("cannot tidy the directory '{shown}'")).caused_by(e)
            })
    }

    /// True if the record is there and ours.
    async fn create_record(&self, record: &Record) -> Result<bool> {
        let path = self.path(&names::generation(record.generation));
        let bytes = envelope::seal("generation", VERSION, record)?;
        let ours = bytes.clone();
        let put = self
            .bucket
            .create(&path, bytes, |found| found == ours)
            .await?;
        Ok(put == Put::Ours)
    }

    pub(crate) async fn read_record(&self, generation: u64) -> Result<Record> {
        let path = self.path(&names::generation(generation));
        match self.bucket.get(&path, RECORD_MAX).await? {
            Some(bytes) => envelope::open("generation", VERSION, &path, &bytes),
            None => Err(crate::error::damaged(&path, "it was listed and is missing")),
        }
    }

    async fn generations(&self) -> Result<Vec<u64>> {
        Ok(self.fence_objects().await?.0)
    }

    /// The newest generation, and the boundary of garbage collection: numbers below it are dead.
    /// Each is 0 before the first.
    pub async fn fence(&self) -> Result<(u64, u64)> {
        let (generations, boundaries) = self.fence_objects().await?;
        let newest = |numbers: Vec<u64>| numbers.into_iter().max().unwrap_or(0);
        Ok((newest(generations), newest(boundaries)))
    }

    /// Numbers of the generations and of the boundaries.
    pub(crate) async fn fence_objects(&self) -> Result<(Vec<u64>, Vec<u64>)> {
        let (mut generations, mut boundaries) = (Vec::new(), Vec::new());
        for found in self.bucket.list(&self.path(names::FENCE)).await? {
            match self.name_of(&found.path).map(names::parse) {
                Some(Object::Generation(number)) => generations.push(number),
                Some(Object::Boundary(number)) => boundaries.push(number),
                _ => {}
            }
        }
        Ok((generations, boundaries))
    }

    /// Whether `generation` is still the newest.
    ///
    /// # Errors
    /// `Fenced`, with the newer generation and its owner, if it is not.
    pub async fn check_fence(&self, generation: u64) -> Result<()> {
        let (newest, _) = self.fence().await?;
        match millstream_protocol::generation::is_fenced(generation, newest) {
            false => Ok(()),
            true => Err(self.fenced(generation, newest).await),
        }
    }

    /// The error of a process that was replaced.
    pub async fn fenced(&self, mine: u64, newest: u64) -> Error {
        let by = match self.read_record(newest).await {
            Ok(record) => format!(
                " of process {} on host '{}'",
                record.owner.pid, record.owner.host
            ),
            Err(_) => String::new(),
        };
        Error::new(
            Code::Fenced,
            format!(
                "generation {mine} of job '{}' was replaced by generation {newest}{by}",
                self.job
            ),
        )
        .hint("another process runs this job now; this one has stopped without further effect")
    }
}

fn first(lineage: String) -> Record {
    Record {
        generation: 0,
        lineage,
        origin: None,
        replaced: Vec::new(),
        owner: Owner::default(),
        token: String::new(),
    }
}
