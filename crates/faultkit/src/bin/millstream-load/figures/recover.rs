//! `recover`: from a SIGKILL to the first output that the next life has committed.
//!
//! ```text
//! … commit │ kill │ start ─ restore ─ replay ─ checkpoint ─ commit ─▶ a row that was not visible before
//!          └──────────────────────── the time ──────────────────────┘
//! ```
//!
//! * The state is a count and a sum for each of many keys, all of which came once. A row is written
//!   when a key comes again, so it is only right, and only there at all, if its state was restored.
//! * The job is started again at once. The time holds the interval up to its first checkpoint.
//! * At the end the newest counts of all keys are added up: they must be the events that were sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::Clock;
use millstream_core::{Error, Result};
use millstream_faultkit::chance::Chance;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::stage::{END, Stage};
use crate::checkpoints::Watch;
use crate::events::Keys;
use crate::job::{Running, events_table};
use crate::options::Options;
use crate::output::{Output, Seen, ends};
use crate::topics::Kept;
use crate::windows::Times;

/// A key of 60 letters, a count and a sum of 8 bytes each: 10 MiB.
const KEYS: u64 = 138_000;
const KEY_WIDTH: usize = 60;
const RUNS: u64 = 20;
const FILL_RATE: u64 = 2_000_000;
/// While the job is killed.
const RATE: u64 = 2_000;

const COUNTS: &str = "INSERT INTO results
SELECT `key`, COUNT(*) AS cnt, SUM(amount) FROM events GROUP BY `key` HAVING COUNT(*) > 1;
";

/// Arrivals that are not counted yet: the reader's side and ours.
#[derive(Clone, Default)]
struct Counts {
    newest: HashMap<String, u64>,
    unreadable: u64,
    /// By partition: wanted is a record at this offset or later.
    wanted: Arc<Mutex<Option<Vec<i64>>>>,
    /// When it came.
    came_at: Arc<Mutex<Option<i64>>>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    cnt: u64,
}

impl Counts {
    fn take(&mut self, seen: Seen<'_>) {
        let row = seen
            .value
            .and_then(|v| serde_json::from_slice::<Row>(v).ok());
        match row {
            Some(row) => drop(self.newest.insert(row.key, row.cnt)),
            None => self.unreadable += 1,
        }
        let mut wanted = self.wanted.lock();
        let is_new = wanted
            .as_ref()
            .and_then(|ends| ends.get(seen.partition as usize))
            .is_some_and(|end| seen.offset >= *end);
        if is_new {
            *self.came_at.lock() = Some(seen.at_ms);
            *wanted = None;
        }
    }
}

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let stage = Stage::set(options, "recover", Kept::All)?;
    let keys = options.keys.unwrap_or(KEYS);
    let statements = events_table(&stage.bootstrap, &stage.events.name, &stage.name, "")
        + &upsert_table(&stage)
        + COUNTS;
    let counts = Counts::default();
    let told = counts.clone();
    let (bootstrap, results) = (&stage.bootstrap, &stage.results.name);
    let output = Output::follow(bootstrap, results, told, Counts::take)?;
    let job = stage.job(&statements)?;
    let filled = stage
        .fill(keys, FILL_RATE, Keys::Each(0), KEY_WIDTH)?
        .finish()?;
    let positions = stage.positions()?;
    let mut running = job.start()?;
    stage.wait_for(filled.events, &positions, &mut running)?;
    eprintln!("{keys} keys are in the state");
    let sender = stage.send(
        options.rate.unwrap_or(RATE),
        Keys::uniform(keys, options.seed),
        KEY_WIDTH,
    )?;
    let mut chance = Chance::branch(options.seed, "kills");
    let mut times = Times::default();
    let mut peak = 0;
    for kill in 0..options.runs.unwrap_or(RUNS) {
        calm(&stage, &mut running, &output, &mut chance)?;
        peak = peak.max(running.peak_bytes());
        running.kill()?;
        let at = stage.clock.now_ms();
        running = job.start()?;
        let took = first_new(&stage, &counts, &mut running, at)?;
        eprintln!("kill {kill}: {:.3} s", took as f64 / 1_000.0);
        times.push(took);
    }
    let sent = sender.stop()?;
    stage.wait_for(filled.events + sent.events, &positions, &mut running)?;
    peak = peak.max(running.stop(END)?);
    let state = state_bytes(options, &job.checkpoints());
    let seen = output.finish()?;
    judge(&seen, sent.events)?;
    let mut found = times.summary();
    found["figure"] = json!(times.seconds(95.0));
    found["runs"] = json!(times.count());
    found["keys"] = json!(keys);
    found["state_bytes"] = json!(keys * (KEY_WIDTH as u64 + 16));
    found["files_bytes"] = json!(state?);
    found["interval_ms"] = json!(options.interval.as_millis() as u64);
    found["compared"] =
        json!({"events": sent.events, "keys": seen.newest.len(), "lost": 0, "doubled": 0});
    found["peak_bytes"] = json!(peak);
    Ok(found)
}

fn upsert_table(stage: &Stage<'_>) -> String {
    format!(
        "CREATE TABLE results (`key` STRING, cnt BIGINT, total BIGINT, PRIMARY KEY (`key`) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = '{}', 'properties.bootstrap.servers' = '{}',
  'key.format' = 'json', 'value.format' = 'json', 'sink.delivery-guarantee' = 'exactly-once'
);
",
        stage.results.name, stage.bootstrap
    )
}

/// Lets the job live for some checkpoints, up to a moment between two of them.
fn calm(
    stage: &Stage<'_>,
    running: &mut Running,
    output: &Output<Counts>,
    chance: &mut Chance,
) -> Result<()> {
    let interval = stage.options.interval;
    let before = output.count();
    let until = stage.clock.elapsed() + END;
    std::thread::sleep(interval * 2 + chance.duration(Duration::ZERO, interval));
    while output.count() == before {
        running.check()?;
        if stage.clock.elapsed() > until {
            return Err(Error::internal("the job writes nothing"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Milliseconds from `killed_ms` until a row is visible that was not when the job was started again.
fn first_new(
    stage: &Stage<'_>,
    counts: &Counts,
    running: &mut Running,
    killed_ms: i64,
) -> Result<i64> {
    *counts.came_at.lock() = None;
    // What the old life had committed is visible by now; the new one is still starting.
    *counts.wanted.lock() = Some(ends(&stage.bootstrap, &stage.results.name)?);
    let until = stage.clock.elapsed() + END;
    loop {
        if let Some(at) = counts.came_at.lock().take() {
            return Ok(at - killed_ms);
        }
        running.check()?;
        if stage.clock.elapsed() > until {
            return Err(Error::internal("no output after the restart"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Each key was there once before; every further event of it is in its count.
fn judge(seen: &Counts, sent: u64) -> Result<()> {
    let found: u64 = seen.newest.values().map(|count| count - 1).sum();
    if seen.unreadable > 0 || found != sent {
        return Err(Error::internal(format!(
            "{sent} events were sent, the counts say {found}, {} rows could not be read",
            seen.unreadable
        )));
    }
    Ok(())
}

/// Bytes of the files of state of the newest checkpoint.
fn state_bytes(options: &Options, folder: &std::path::Path) -> Result<u64> {
    let mut watch = Watch::new(&options.millstream, folder)?;
    let newest = watch.newest()?;
    let newest = newest.ok_or_else(|| Error::internal("no checkpoint was committed"))?;
    let one = watch.look(newest)?;
    Ok(one.written + one.compacted)
}
