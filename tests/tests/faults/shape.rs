//! F33, F40: files that appear whole or not at all, and jobs that come back in another size.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::Schedule;

use crate::crash::{number_of, pause, setup, survive};
use crate::trial::{Input, Target, Trial, all_files, is_hidden};

const LONG: Duration = Duration::from_secs(30);

const FILE_STEPS: &[&str] = &[
    "fs.prepare.sync",
    "fs.part.finish",
    "fs.commit.settle",
    "fs.commit.show",
    "fs.commit.marks",
    "fs.commit.sweep",
    "cp.marker.before",
    "cp.sink.finish.before",
];

/// Walks once over each of the 16 pairs of parallelism, so that one job goes through them all.
const PAIRS: [u64; 17] = [1, 1, 2, 2, 3, 3, 4, 4, 1, 3, 1, 4, 2, 4, 3, 2, 1];

/// F33: the process dies three times at a step of the file commit while somebody reads the folder.
pub(crate) fn files_are_whole(context: &mut Context) -> Result<()> {
    let step = FILE_STEPS[number_of(context) % FILE_STEPS.len()];
    let mut setup = setup("F33", context)?;
    setup.queries = vec![(Query::PassThrough, Target::Files)];
    let trial = Trial::start(setup)?;
    let folder = trial.files(0);
    let first = format!("{step}=return(kill)");
    let later = format!("{step}={}*off->return(kill)", context.chance.between(1, 3));
    let schedule = Schedule::crash_at(context.seed, &[&first, &later, &first]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&folder, &over));
        let survived = survive(context, trial, &schedule);
        over.store(true, Ordering::SeqCst);
        let watched = watcher.join();
        survived?;
        watched.map_err(|_| Error::internal("the watcher panicked"))?
    })
}

/// A visible file never changes, and ends with the end of a row.
fn watch(folder: &std::path::Path, over: &AtomicBool) -> Result<()> {
    let mut known: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        for path in all_files(folder)? {
            if is_hidden(folder, &path) {
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else {
                let text = format!("'{}' was visible and is gone", path.display());
                return Err(Error::internal(text));
            };
            if bytes.last().is_some_and(|byte| *byte != b'\n') {
                let text = format!("'{}' was seen half written", path.display());
                return Err(Error::internal(text));
            }
            let before = known.insert(path.clone(), bytes);
            if before.is_some_and(|before| known.get(&path) != Some(&before)) {
                let text = format!("'{}' changed after it was visible", path.display());
                return Err(Error::internal(text));
            }
        }
        pause(20);
    }
    Ok(())
}

/// F40: one job lives 17 times, each time with another number of subtasks, and is killed after its
/// second checkpoint; every pair of numbers from 1 to 4 is met.
pub(crate) fn every_size(context: &mut Context) -> Result<()> {
    let mut setup = setup("F40", context)?;
    setup.plan.rows_per_partition = 2_500;
    setup.input = Input::Paced(500);
    setup.interval_ms = 50;
    // A busy machine needs longer for all those lives; there must be rows left for the last of them.
    setup.hold_until = 1;
    let trial = Trial::start(setup)?;
    for (life, parallelism) in PAIRS.into_iter().enumerate() {
        let kill = Some("cp.marker.after=1*off->return(kill)");
        let end = trial.live(parallelism, kill)?.end(LONG)?;
        if !end.was_killed() {
            return Err(Error::internal(format!(
                "life {life} with {parallelism} subtasks: wanted a kill, found {}: {}",
                end.status, end.messages
            )));
        }
    }
    trial.release();
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}
