//! `checkpoint`: what a checkpoint of large state writes when little of it has changed.
//!
//! The state is a count and a sum for each of many keys. First every key comes once; the checkpoint
//! at the end of that writes all of it. Then so many keys change between two checkpoints that they
//! are the wanted part of all. The figure is the part of the bytes.

use std::time::Duration;

use millstream_core::clock::Clock;
use millstream_core::{Error, Result};
use serde_json::{Value, json};

use super::stage::{END, Stage};
use super::{median, round};
use crate::checkpoints::{Checkpoint, Watch};
use crate::events::Keys;
use crate::job::{Job, events_table};
use crate::options::Options;
use crate::topics::Kept;

/// A key of 60 letters, a count and a sum of 8 bytes each: 1 GiB.
const KEYS: u64 = 14_128_000;
const KEY_WIDTH: usize = 60;
/// Between two checkpoints.
const DIRTY: f64 = 0.01;
const INTERVAL: Duration = Duration::from_secs(5);
const RUNS: u64 = 20;
const FILL_RATE: u64 = 2_000_000;

const GROUPS: &str = "CREATE TABLE nowhere (`key` STRING, cnt BIGINT, total BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT `key`, COUNT(*), SUM(amount) FROM events GROUP BY `key`;
";

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let stage = Stage::set(options, "checkpoint", Kept::All)?;
    let keys = options.keys.unwrap_or(KEYS);
    let statements = events_table(&stage.bootstrap, &stage.events.name, &stage.name, "") + GROUPS;
    let mut job = stage.job(&statements)?;
    let mut watch = Watch::new(&options.millstream, &job.checkpoints())?;
    let (full, mut peak) = fill(&stage, &mut job, keys, &mut watch)?;
    eprintln!(
        "all of it: {} entries, {} bytes ({} before compression) in {:.2} s",
        full.entries, full.written, full.raw, full.seconds
    );
    job.interval = Some(options.interval.max(INTERVAL));
    let mut running = job.start()?;
    let rate = (keys as f64 * DIRTY / job_interval_s(&job)).max(1.0) as u64;
    let mut sender = stage.send(rate, Keys::uniform(keys, options.seed), KEY_WIDTH)?;
    let found = follow(&stage, &mut watch, options, &mut || {
        peak = peak.max(running.peak_bytes());
        running.check()?;
        sender.check()
    })?;
    sender.stop()?;
    running.stop(END)?;
    report(&full, &found, keys, peak)
}

fn job_interval_s(job: &Job) -> f64 {
    job.interval.unwrap_or(INTERVAL).as_secs_f64()
}

/// Lets every key come once; returns the last checkpoint, which holds all of the state, and the peak.
fn fill(
    stage: &Stage<'_>,
    job: &mut Job,
    keys: u64,
    watch: &mut Watch,
) -> Result<(Checkpoint, u64)> {
    let sent = stage.fill(keys, FILL_RATE, Keys::Each(0), KEY_WIDTH)?;
    let sent = sent.finish()?;
    job.settings = vec!["execution.checkpointing.incremental=false".to_string()];
    job.interval = Some(INTERVAL * 2);
    let mut running = job.start()?;
    stage.wait_for(sent.events, &stage.positions()?, &mut running)?;
    let peak = running.peak_bytes();
    running.stop(END)?;
    job.settings.clear();
    let newest = watch.newest()?;
    let newest = newest.ok_or_else(|| Error::internal("no checkpoint was committed"))?;
    Ok((watch.look(newest)?, peak))
}

fn report(full: &Checkpoint, found: &[Checkpoint], keys: u64, peak: u64) -> Result<Value> {
    if full.raw == 0 || found.is_empty() {
        return Err(Error::internal("no checkpoint with state was seen"));
    }
    let of = |take: fn(&Checkpoint) -> f64| median(found.iter().map(take).collect());
    let compacted: u64 = found.iter().map(|one| one.compacted).sum();
    let all: u64 = found.iter().map(|one| one.written).sum();
    Ok(json!({
        "figure": round(of(|one| one.written as f64) / full.written as f64),
        "runs": found.len(),
        "keys": keys,
        "state_bytes": full.raw,
        "full": {"bytes": full.written, "entries": full.entries, "seconds": round(full.seconds)},
        "dirty": {
            "part": round(of(|one| one.entries as f64) / full.entries.max(1) as f64),
            "bytes": of(|one| one.written as f64) as u64,
            "seconds": round(of(|one| one.seconds)),
            "seconds_max": round(found.iter().map(|one| one.seconds).fold(0.0, f64::max)),
        },
        "compaction_bytes_per_checkpoint_byte": round(compacted as f64 / all.max(1) as f64),
        "peak_bytes": peak,
    }))
}

/// Looks at each checkpoint soon after its commit, until there were enough.
fn follow(
    stage: &Stage<'_>,
    watch: &mut Watch,
    options: &Options,
    alive: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Checkpoint>> {
    let runs = options.runs.unwrap_or(RUNS) as usize;
    let mut next = watch.newest()?.unwrap_or_default() + 1;
    // The first after a restart begins in the middle of an interval.
    let mut is_first = true;
    let mut found = Vec::new();
    let mut until = stage.clock.elapsed() + END;
    while found.len() < runs {
        alive()?;
        if watch.newest()?.is_none_or(|newest| newest < next) {
            if stage.clock.elapsed() > until {
                return Err(Error::internal(format!("checkpoint {next} does not come")));
            }
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        let one = watch.look(next)?;
        eprintln!(
            "checkpoint {}: {} entries, {} bytes, {} by compaction, {:.2} s",
            one.number, one.entries, one.written, one.compacted, one.seconds
        );
        if !is_first {
            found.push(one);
        }
        is_first = false;
        next += 1;
        until = stage.clock.elapsed() + END;
    }
    Ok(found)
}
