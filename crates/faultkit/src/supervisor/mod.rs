//! Runs the real binary, hurts it on schedule, and restarts it until it has finished.
//!
//! ```text
//! Schedule  round 0: SIGKILL after 312 ms     round 1: FAILPOINTS=cp.ack=return(kill)   then: no faults
//! process   ───────────────────✗  ───────────────────────────✗  ─────────────────▶ exit 0
//! ```
//!
//! * Each round is a child in its own process group with its output in files; signals go to the
//!   group, and dropping the supervisor in the middle kills it.
//! * A round without a planned fault must exit with 0: a failure nobody caused is a finding.
//! * Always: bounded by rounds and deadlines; a schedule is data ([`Schedule::save`], `load`), so a
//!   failed run is repeated from its file. An error names seed, schedule file, binary and folder,
//!   and the folder stays.
//! * Cost: the child is looked at every 2 ms and sampled (memory, descriptors, threads) every 100.
//! * Source of the shape: TigerBeetle's supervisor of the real binary ("Vortex").

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::{Code, Error, Result};

use crate::autopsy;
use crate::contention::Usage;

mod child;
mod schedule;
#[cfg(test)]
mod tests;

use child::Child;
pub use child::Exit;
pub use schedule::{Action, Round, Schedule, Step};

/// How often the child is looked at.
const TICK: Duration = Duration::from_millis(2);

/// How often its usage is sampled.
const SAMPLE: Duration = Duration::from_millis(100);

/// Most bytes of the end of a log that an error shows.
const TAIL_BYTES: usize = 2_000;

/// The program under test and how it is called.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
}

impl Program {
    /// A program with arguments and no added variables.
    pub fn new(path: impl Into<PathBuf>, args: &[&str]) -> Self {
        Program {
            path: path.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: BTreeMap::new(),
        }
    }

    /// crc32c and length of the binary: which build a run was about.
    pub fn fingerprint(&self) -> Result<String> {
        let bytes = fs::read(&self.path).map_err(|cause| {
            let name = self.path.display();
            Error::new(Code::NotFound, format!("cannot read the binary '{name}'")).caused_by(cause)
        })?;
        Ok(format!("{:08x}-{}", crc32c::crc32c(&bytes), bytes.len()))
    }
}

/// How far a run may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most rounds, scheduled and fault-free together.
    pub rounds: u32,
    /// Longest single round.
    pub round: Duration,
    /// Longest run.
    pub run: Duration,
    /// Most resident memory of the child; `None` for no limit.
    pub rss_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rounds: 100,
            round: Duration::from_secs(120),
            run: Duration::from_secs(600),
            rss_bytes: None,
        }
    }
}

/// What happened in one round. Times are those of the supervisor's clock.
#[derive(Clone, Debug)]
pub struct Lived {
    /// When the child was started.
    pub started: Duration,
    /// When it was found to have ended.
    pub ended: Duration,
    /// How it ended.
    pub exit: Exit,
    /// Steps of the round that were carried out before it ended.
    pub steps_done: usize,
    /// The highest usage seen.
    pub peak: Usage,
    /// What it wrote to standard output.
    pub stdout: PathBuf,
    /// What it wrote to standard error.
    pub stderr: PathBuf,
}

/// A run that ended with exit 0.
#[derive(Clone, Debug)]
pub struct Run {
    /// Every round, in order; the last one exited with 0.
    pub rounds: Vec<Lived>,
    /// Rounds of the schedule that were not needed: the job was done before.
    pub rounds_unused: usize,
}

impl Run {
    /// How many rounds ended otherwise than with exit 0.
    pub fn crashes(&self) -> usize {
        self.rounds.len() - 1
    }

    /// The highest usage over all rounds.
    pub fn peak(&self) -> Usage {
        self.rounds
            .iter()
            .fold(Usage::default(), |peak, round| peak.max(round.peak))
    }

    /// From the end of each crashed round to the first arrival after the next start: how long the
    /// outside had to do without. `arrivals` rise and are by the same clock (see
    /// [`Seen::arrivals`](crate::reader::Seen::arrivals)). A crash after which nothing arrived
    /// any more gives no figure.
    pub fn recoveries(&self, arrivals: &[Duration]) -> Vec<Duration> {
        let pairs = self.rounds.iter().zip(self.rounds.iter().skip(1));
        pairs
            .filter_map(|(crashed, next)| {
                let first = arrivals.partition_point(|arrival| *arrival < next.started);
                arrivals
                    .get(first)
                    .map(|arrival| arrival.saturating_sub(crashed.ended))
            })
            .collect()
    }
}

/// Runs one program under schedules, in one folder.
pub struct Supervisor {
    program: Program,
    limits: Limits,
    folder: PathBuf,
    clock: SharedClock,
    begun: Box<dyn Fn(usize) + Send + Sync>,
}

impl Supervisor {
    /// A supervisor that keeps logs and the schedule in `folder`, which it creates.
    pub fn new(
        program: Program,
        folder: &Path,
        limits: Limits,
        clock: SharedClock,
    ) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|cause| {
            let name = folder.display();
            Error::new(Code::Write, format!("cannot create folder '{name}'")).caused_by(cause)
        })?;
        Ok(Supervisor {
            program,
            limits,
            folder: folder.to_owned(),
            clock,
            begun: Box::new(|_| {}),
        })
    }

    /// Calls this at the beginning of each round, with its number: so many lives have ended before.
    #[must_use]
    pub fn on_round(mut self, begun: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.begun = Box::new(begun);
        self
    }

    /// The clock of all times in a [`Run`]; give it to the reader too.
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.clock)
    }

    /// Carries out the schedule, then restarts without faults until exit 0.
    ///
    /// Seed, schedule file and binary are printed to standard error first, so that even a run that
    /// is killed from outside can be repeated.
    pub fn run(&self, schedule: &Schedule) -> Result<Run> {
        let file = self.folder.join("schedule.json");
        schedule.save(&file)?;
        let label = format!(
            "seed {}, schedule '{}', binary {}",
            schedule.seed,
            file.display(),
            self.program.fingerprint()?
        );
        eprintln!("run: {label}");
        self.rounds(schedule).map_err(|error| error.context(label))
    }

    fn rounds(&self, schedule: &Schedule) -> Result<Run> {
        let until = self.clock.elapsed() + self.limits.run;
        let mut rounds: Vec<Lived> = Vec::new();
        let quiet = Round::default();
        for number in 0..self.limits.rounds as usize {
            let round = schedule.rounds.get(number).unwrap_or(&quiet);
            (self.begun)(number);
            let lived = self.round(number, round, until)?;
            let exit = lived.exit;
            if exit != Exit::Code(0) && round.is_quiet() {
                let tail = tail(&lived.stderr);
                return Err(Error::internal(format!(
                    "round {number} had no fault and ended with {exit}: {tail}"
                )));
            }
            rounds.push(lived);
            if exit == Exit::Code(0) {
                let rounds_unused = schedule.rounds.len().saturating_sub(rounds.len());
                return Ok(Run {
                    rounds,
                    rounds_unused,
                });
            }
        }
        let last = rounds
            .last()
            .map(|lived| tail(&lived.stderr))
            .unwrap_or_default();
        Err(Error::internal(format!(
            "no exit 0 within {} rounds: {last}",
            self.limits.rounds
        )))
    }

    /// One life of the child, with the faults of its round.
    fn round(&self, number: usize, round: &Round, run_until: Duration) -> Result<Lived> {
        let log = |stream: &str| self.folder.join(format!("round-{number:04}.{stream}"));
        let (stdout, stderr) = (log("stdout"), log("stderr"));
        let started = self.clock.elapsed();
        let mut child = Child::start(&self.program, round, &stdout, &stderr)?;
        let until = run_until.min(started + self.limits.round);
        let mut steps = round.in_order().into_iter().peekable();
        let (mut steps_done, mut peak, mut sample_at) = (0, Usage::default(), started);
        loop {
            let now = self.clock.elapsed();
            if let Some(exit) = child.exit()? {
                return Ok(Lived {
                    started,
                    ended: now,
                    exit,
                    steps_done,
                    peak,
                    stdout,
                    stderr,
                });
            }
            if now > until {
                let did = autopsy::write(child.id(), &stderr, &self.folder);
                child.end()?;
                let tail = tail(&stderr);
                let lasted = (now - started).as_millis();
                return Err(Error::internal(format!(
                    "round {number} did not end within {lasted} ms; {did}; {tail}"
                )));
            }
            while let Some(step) = steps.next_if(|step| started + step.after() <= now) {
                child.signal(step.action)?;
                steps_done += 1;
            }
            if now >= sample_at {
                peak = peak.max(child.usage()?);
                self.check_memory(number, peak)?;
                sample_at = now + SAMPLE;
            }
            std::thread::sleep(TICK);
        }
    }

    fn check_memory(&self, number: usize, peak: Usage) -> Result<()> {
        match self.limits.rss_bytes {
            Some(limit) if peak.rss_bytes > limit => Err(Error::internal(format!(
                "round {number}: resident memory wants at most {limit} bytes, found {}",
                peak.rss_bytes
            ))),
            _ => Ok(()),
        }
    }
}

/// The end of a log, for an error.
fn tail(path: &Path) -> String {
    let Ok(bytes) = fs::read(path) else {
        return format!("no log at '{}'", path.display());
    };
    let from = bytes.len().saturating_sub(TAIL_BYTES);
    let text = String::from_utf8_lossy(&bytes[from..]).trim().to_owned();
    format!("'{}' ends with\n{text}", path.display())
}
