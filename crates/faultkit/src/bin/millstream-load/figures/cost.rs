//! `checkpoint-cost`: what checkpoints and transactions take from the throughput.
//!
//! The same topic is read from its start to its end by the same window job: without checkpoints and
//! at-least-once, then with a checkpoint each second and exactly-once, in turns. The figure is the
//! part of the throughput that is lost, of the medians.

use std::time::Duration;

use millstream_core::{Error, Result};
use serde_json::{Value, json};

use super::stage::{END, Stage};
use super::{median, round};
use crate::events::Keys;
use crate::job::{Job, WINDOW_COLUMNS, WINDOW_MS, events_table, results_table, windows};
use crate::options::Options;
use crate::output::Output;
use crate::topics::{Kept, Topic};
use crate::windows::Windows;

const KEYS: u64 = 10_000;
const KEY_WIDTH: usize = 16;
const EVENTS: u64 = 30_000_000;
const RUNS: u64 = 3;
/// Event times are as if the events had come at this rate.
const RATE: u64 = 200_000;

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let stage = Stage::set(options, "cost", Kept::All)?;
    let keys = Keys::uniform(options.keys.unwrap_or(KEYS), options.seed);
    let events = options.events.unwrap_or(EVENTS);
    let sent = stage.fill(events, RATE, keys, KEY_WIDTH)?.finish()?;
    eprintln!("{} events are in the topic", sent.events);
    let (mut off, mut on) = (Vec::new(), Vec::new());
    let mut peak = 0;
    for run in 0..options.runs.unwrap_or(RUNS) {
        for with in [false, true] {
            let what = if with { "on" } else { "off" };
            let name = format!("{}-{what}-{run}", stage.name);
            let results = Topic::create(&stage.bootstrap, &name, Kept::All)?;
            let output = Output::follow(
                &stage.bootstrap,
                &results.name,
                Windows::default(),
                Windows::take,
            )?;
            let job = job(&stage, &name, with)?;
            let mut running = job.start()?;
            let took = running.wait(END)?;
            peak = peak.max(running.peak_bytes());
            let rate = sent.events as f64 / took.as_secs_f64();
            eprintln!("run {run}, checkpoints {what}: {rate:.0} events/s");
            if with {
                on.push(rate)
            } else {
                off.push(rate)
            }
            let compared = output.finish()?.judge(&sent)?;
            if compared["events"] != sent.events {
                return Err(Error::internal(format!(
                    "{} events were sent, the results hold {}",
                    sent.events, compared["events"]
                )));
            }
        }
    }
    let (without, with) = (median(off.clone()), median(on.clone()));
    let whole = |rates: &[f64]| rates.iter().map(|rate| *rate as u64).collect::<Vec<_>>();
    Ok(json!({
        "figure": round(1.0 - with / without.max(1.0)),
        "runs": on.len(),
        "events": sent.events,
        "events_per_s_off": whole(&off),
        "events_per_s_on": whole(&on),
        "interval_ms": options.interval.as_millis() as u64,
        "peak_bytes": peak,
    }))
}

fn job(stage: &Stage<'_>, name: &str, with: bool) -> Result<Job> {
    let guarantee = if with {
        "exactly-once"
    } else {
        "at-least-once"
    };
    let bounded = ", 'scan.bounded.mode' = 'latest-offset'";
    let statements = events_table(&stage.bootstrap, &stage.events.name, name, bounded)
        + &results_table(&stage.bootstrap, name, WINDOW_COLUMNS, guarantee)
        + &windows(WINDOW_MS);
    let mut job = Job::new(stage.options, name, &statements)?;
    job.interval = with
        .then_some(stage.options.interval)
        .filter(|i| *i > Duration::ZERO);
    Ok(job)
}
