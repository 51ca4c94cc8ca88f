//! Fault cases as a table, their runner, and their report.
//!
//! A case is a row: which fault, which invariants, how often, and the function that tries it. The
//! runner gives each try a seed and a folder, stops what hangs or panics, prints what repeats a
//! failure, and writes one JSON line per case for `cargo xtask faults` and the fault page.
//!
//! * A case that cannot be tried yet is a row too, with the reason ([`Plan::Gap`]): what is not
//!   tested is said, not left out.
//! * Always: a failed try ends its case (a failure is never tried again), keeps its folder and
//!   prints its seed. A try that hangs ends the whole run: its threads may disturb all others.
//! * Seeds: try `k` of case `F03` under seed `s` has the seed of the branch `F03/k` of `s`, so one
//!   case can be repeated without the others.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chance::Chance;

mod report;
#[cfg(test)]
mod tests;

pub use report::{Report, State, markdown, read_reports};

/// What must hold whatever went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Invariant {
    /// No row lost.
    Nl,
    /// No row twice, also for a reader that reads while we crash.
    Nd,
    /// The result equals that of a run without faults.
    Eq,
    /// Running, with a new checkpoint, within 30 s after healing.
    Live,
    /// Resident memory within the limit at every sample.
    Mem,
    /// No effect of the old incarnation after the new one has started.
    Fence,
    /// Descriptors, threads, memory, transactions and files back at the baseline.
    Leak,
    /// Watermark and committed checkpoint never go back.
    Mono,
    /// Other jobs are not affected.
    Iso,
    /// One clear message: object, cause, remedy; no panic text, no secret.
    Err,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_uppercase())
    }
}

/// One row of the table of faults.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its number, such as `F01`.
    pub id: &'static str,
    /// The fault in one sentence.
    pub what: &'static str,
    /// What must hold.
    pub invariants: &'static [Invariant],
    /// How it is tried, or why not.
    pub plan: Plan,
}

/// How a case is tried.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// By a function.
    Run {
        /// How often, each time with another seed.
        tries: u32,
        /// Longest single try.
        deadline: Duration,
        /// One try.
        run: fn(&mut Context) -> Result<()>,
    },
    /// Not yet, for this reason.
    Gap(&'static str),
}

/// What one try is given.
#[derive(Debug)]
pub struct Context {
    /// Decides everything random in this try.
    pub seed: u64,
    /// Chance of the try, from its seed.
    pub chance: Chance,
    /// An empty folder of its own; kept when the try fails.
    pub folder: PathBuf,
    figures: BTreeMap<String, Value>,
}

impl Context {
    /// What a part of this try is given: a seed and a folder of its own.
    pub fn again(&self, number: u64) -> Result<Context> {
        let seed = Chance::branch(self.seed, &format!("part/{number}")).bits();
        let folder = self.folder.join(format!("part-{number}"));
        clean_folder(&folder)?;
        Ok(Context {
            seed,
            chance: Chance::new(seed),
            folder,
            figures: BTreeMap::new(),
        })
    }

    /// Puts a figure into the report, such as rows compared or a recovery time; the last try's
    /// value counts.
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }
}

/// Which cases to run, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Base seed.
    pub seed: u64,
    /// Only cases whose id starts with one of these; all when empty.
    pub only: Vec<String>,
    /// At most this many tries per case, for a quick slice.
    pub tries_max: u32,
    /// No new try is started after this time; what was not tried is reported as such.
    pub budget: Duration,
    /// Where folders of tries are made.
    pub folder: PathBuf,
    /// File that gets the report as JSON lines; replaced.
    pub report: Option<PathBuf>,
}

impl Options {
    /// All tries of all cases, with an hour's budget.
    pub fn new(seed: u64, folder: &Path) -> Self {
        Options {
            seed,
            only: Vec::new(),
            tries_max: u32::MAX,
            budget: Duration::from_secs(3_600),
            folder: folder.to_owned(),
            report: None,
        }
    }

    fn wants(&self, case: &Case) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|prefix| case.id.starts_with(prefix.as_str()))
    }
}

/// The seed of one try.
pub fn seed_of(base: u64, case: &str, number: u32) -> u64 {
    Chance::branch(base, &format!("{case}/{number}")).bits()
}

/// Runs the cases and returns their reports, in order; an error only when the report or a folder
/// cannot be written. Progress goes to standard error.
pub fn run(cases: &[Case], options: &Options) -> Result<Vec<Report>> {
    let clock = SystemClock::new();
    let mut reports = Vec::new();
    let mut hung = false;
    for case in cases.iter().filter(|case| options.wants(case)) {
        let report = match case.plan {
            Plan::Gap(reason) => Report::gap(case, options.seed, reason),
            Plan::Run { .. } if hung => {
                Report::gap(case, options.seed, "not tried: an earlier case hung")
            }
            Plan::Run {
                tries,
                deadline,
                run,
            } => {
                let tries = tries.min(options.tries_max);
                let (report, ended) = try_case(case, (tries, deadline, run), options, &clock)?;
                hung = !ended;
                report
            }
        };
        eprintln!("{report}");
        reports.push(report);
    }
    if let Some(path) = &options.report {
        save(path, &reports)?;
    }
    Ok(reports)
}

fn save(path: &Path, reports: &[Report]) -> Result<()> {
    let failed = |cause: std::io::Error| {
        let name = path.display();
        Error::new(Code::Write, format!("cannot write report '{name}'")).caused_by(cause)
    };
    let mut file = fs::File::create(path).map_err(failed)?;
    for report in reports {
        let line = serde_json::to_string(report).map_err(|cause| failed(cause.into()))?;
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.sync_all().map_err(failed)
}

type Tries = (u32, Duration, fn(&mut Context) -> Result<()>);

/// All tries of a case; false when the last one hangs.
fn try_case(
    case: &Case,
    (tries, deadline, run): Tries,
    options: &Options,
    clock: &SystemClock,
) -> Result<(Report, bool)> {
    let started = clock.elapsed();
    let mut report = Report::new(case, options.seed);
    let mut ended = true;
    for number in 0..tries {
        if clock.elapsed() > options.budget {
            break;
        }
        let seed = seed_of(options.seed, case.id, number);
        let folder = options.folder.join(format!("{}-{number:05}", case.id));
        clean_folder(&folder)?;
        let outcome = attempt(seed, &folder, deadline, run);
        report.tries += 1;
        match outcome {
            Outcome::Passed(figures) => {
                report.figures = figures;
                remove_folder(&folder)?;
            }
            Outcome::Failed(error) => {
                report.fail(seed, &folder, error);
                break;
            }
            Outcome::Hung => {
                let error = format!("did not end within {} s", deadline.as_secs());
                report.fail(seed, &folder, error);
                ended = false;
                break;
            }
        }
    }
    report.finish(clock.elapsed() - started);
    Ok((report, ended))
}

enum Outcome {
    Passed(BTreeMap<String, Value>),
    Failed(String),
    Hung,
}

/// One try in a thread of its own, so that a hang cannot stop the runner.
fn attempt(
    seed: u64,
    folder: &Path,
    deadline: Duration,
    run: fn(&mut Context) -> Result<()>,
) -> Outcome {
    let (send, receive) = sync_channel(1);
    let mut context = Context {
        seed,
        chance: Chance::new(seed),
        folder: folder.to_owned(),
        figures: BTreeMap::new(),
    };
    let started = std::thread::Builder::new()
        .name("faultkit-case".into())
        .spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| run(&mut context)));
            let outcome = match result {
                Ok(Ok(())) => Outcome::Passed(context.figures),
                Ok(Err(error)) => Outcome::Failed(error.report()),
                Err(panic) => Outcome::Failed(format!("panicked: {}", panic_text(&*panic))),
            };
            // The runner may have given up waiting: then nobody wants to know.
            send.send(outcome).unwrap_or_default();
        });
    if let Err(cause) = started {
        return Outcome::Failed(format!("cannot start a thread: {cause}"));
    }
    match receive.recv_timeout(deadline) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Outcome::Hung,
        Err(RecvTimeoutError::Disconnected) => Outcome::Failed("ended without a result".into()),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text")
}

fn clean_folder(folder: &Path) -> Result<()> {
    remove_folder(folder)?;
    fs::create_dir_all(folder).map_err(|cause| {
        let name = folder.display();
        Error::new(Code::Write, format!("cannot create folder '{name}'")).caused_by(cause)
    })
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            let name = folder.display();
            Err(Error::new(Code::Write, format!("cannot remove folder '{name}'")).caused_by(cause))
        }
        _ => Ok(()),
    }
}
