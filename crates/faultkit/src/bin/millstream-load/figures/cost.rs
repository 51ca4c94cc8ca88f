//! `checkpoint-cost`: what checkpoints and transactions take from the throughput.
//!
//! The same topic is read from its start to its end by the same window job: without checkpoints and
//! at-least-once, then with a checkpoint each second and exactly-once, in turns. The figure is the
//! part of the throughput that is lost, of the medians.
//!
//! * What a job needs to begin and to end is no throughput: it is measured with a topic of a few
//!   events, and taken off.
//! * Processor time stands beside it, because it says the same on a machine that others use.

use std::time::Duration;

use millstream_core::{Error, Result};
use serde_json::{Value, json};

use super::stage::{END, Stage};
use super::{median, round};
use crate::events::Keys;
use crate::job::{Job, WINDOW_COLUMNS, WINDOW_MS, events_table, results_table, windows};
use crate::options::Options;
use crate::output::Output;
use crate::sender::Sent;
use crate::topics::{Kept, Topic};
use crate::windows::Windows;

const KEYS: u64 = 10_000;
const KEY_WIDTH: usize = 16;
const EVENTS: u64 = 30_000_000;
const RUNS: u64 = 3;
/// Event times are as if the events had come at this rate.
const RATE: u64 = 200_000;
/// Events of a job that has nothing to do.
const FEW: u64 = 400;

/// What the runs of one kind took.
#[derive(Default)]
struct Taken {
    begin_and_end_s: Vec<f64>,
    rates: Vec<f64>,
    cpu_s: Vec<f64>,
    peak: u64,
}

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let (few, _) = filled(options, FEW)?;
    let (stage, sent) = filled(options, options.events.unwrap_or(EVENTS))?;
    eprintln!("{} events are in the topic", sent.events);
    let (mut off, mut on) = (Taken::default(), Taken::default());
    for run in 0..options.runs.unwrap_or(RUNS) {
        for taken in [&mut off, &mut on].into_iter().enumerate() {
            once(&few, &stage, &sent, taken.0 == 1, taken.1)?;
            let rate = taken.1.rates.last().copied().unwrap_or_default();
            let what = ["off", "on"][taken.0];
            eprintln!("run {run}, checkpoints {what}: {rate:.0} events/s");
        }
    }
    let (without, with) = (median(off.rates.clone()), median(on.rates.clone()));
    let (cpu_off, cpu_on) = (median(off.cpu_s.clone()), median(on.cpu_s.clone()));
    let shown = |taken: &Taken| {
        json!({
            "events_per_s": taken.rates.iter().map(|rate| *rate as u64).collect::<Vec<_>>(),
            "cpu_s": taken.cpu_s.iter().copied().map(round).collect::<Vec<_>>(),
            "begin_and_end_s": taken.begin_and_end_s.iter().copied().map(round).collect::<Vec<_>>(),
        })
    };
    Ok(json!({
        "figure": round(1.0 - with / without.max(1.0)),
        "runs": on.rates.len(),
        "events": sent.events,
        "off": shown(&off),
        "on": shown(&on),
        "more_cpu": round(cpu_on / cpu_off.max(0.001) - 1.0),
        "interval_ms": options.interval.as_millis() as u64,
        "peak_bytes": on.peak.max(off.peak),
    }))
}

/// A topic with so many events.
fn filled(options: &Options, events: u64) -> Result<(Stage<'_>, Sent)> {
    let stage = Stage::set(options, "cost", Kept::All)?;
    let keys = Keys::uniform(options.keys.unwrap_or(KEYS), options.seed);
    let sent = stage.fill(events, RATE, keys, KEY_WIDTH)?.finish()?;
    Ok((stage, sent))
}

/// Reads the few events, then all; the results of the latter must be right.
fn once(
    few: &Stage<'_>,
    stage: &Stage<'_>,
    sent: &Sent,
    with: bool,
    taken: &mut Taken,
) -> Result<()> {
    let what = if with { "on" } else { "off" };
    let number = taken.rates.len();
    let name = |stage: &Stage<'_>| format!("{}-{what}-{number}", stage.name);
    let results = Topic::create(&few.bootstrap, &name(few), Kept::All)?;
    let mut running = job(few, &results.name, with)?.start()?;
    let fixed = running.wait(END)?.as_secs_f64();
    let fixed_cpu = running.cpu_seconds();
    let results = Topic::create(&stage.bootstrap, &name(stage), Kept::All)?;
    let output = Output::follow(
        &stage.bootstrap,
        &results.name,
        Windows::default(),
        Windows::take,
    )?;
    let mut running = job(stage, &results.name, with)?.start()?;
    let took = running.wait(END)?.as_secs_f64();
    taken.peak = taken.peak.max(running.peak_bytes());
    taken.cpu_s.push(running.cpu_seconds() - fixed_cpu);
    taken.begin_and_end_s.push(fixed);
    taken
        .rates
        .push(sent.events as f64 / (took - fixed).max(0.001));
    let compared = output.finish()?.judge(sent)?;
    if compared["events"] != sent.events {
        return Err(Error::internal(format!(
            "{} events were sent, the results hold {}",
            sent.events, compared["events"]
        )));
    }
    Ok(())
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
        .filter(|interval| *interval > Duration::ZERO);
    Ok(job)
}
