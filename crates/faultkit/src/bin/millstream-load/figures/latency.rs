//! `latency`: from the time an event is due to the time its result is visible to readers.
//!
//! * Windows of 2.3 s: from the end of the window, which no event of it is older than, to each of its rows.
//! * Events: a job that filters a tenth of them; from the event's time to its row.
//! * Readers are `read_committed`, so a row waits for its checkpoint: half an interval on average, and
//!   one interval at worst, are the price of exactly-once.

use std::time::Duration;

use millstream_core::clock::Clock;
use millstream_core::{Error, Result};
use millstream_faultkit::generator::parse_millis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::round;
use super::stage::{END, Stage};
use crate::events::Keys;
use crate::job::{self, WINDOW_COLUMNS, events_table, results_table};
use crate::options::Options;
use crate::output::{Output, Seen};
use crate::topics::Kept;
use crate::windows::{Times, Windows};

const KEYS: u64 = 10_000;
const KEY_WIDTH: usize = 16;
const RATE: u64 = 75_000;
/// No multiple of the time between checkpoints: windows end at every moment between two of them.
const WINDOW_MS: i64 = 2_300;
/// Until programs are warm.
const WARM: Duration = Duration::from_secs(15);

const PASSED: &str = "INSERT INTO results SELECT seq, event_time FROM events WHERE amount < 100;\n";

/// What the reader of passed events has seen.
#[derive(Default)]
struct Passed {
    from_ms: i64,
    unreadable: u64,
    rows: u64,
    times: Times,
}

#[derive(Deserialize)]
struct Row {
    event_time: String,
}

impl Passed {
    fn take(&mut self, seen: Seen<'_>) {
        let row = seen
            .value
            .and_then(|v| serde_json::from_slice::<Row>(v).ok());
        self.rows += 1;
        match row.and_then(|row| parse_millis(&row.event_time)) {
            Some(time) if time > self.from_ms => self.times.push(seen.at_ms - time),
            Some(_) => {}
            None => self.unreadable += 1,
        }
    }
}

/// Measures both.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let rate = options.rate.unwrap_or(RATE);
    let (mut windows, first_peak) = windows(options, rate)?;
    let (mut passed, second_peak) = events(options, rate)?;
    let interval = options.interval.as_secs_f64();
    let worst = windows.seconds(99.0).max(passed.seconds(99.0));
    Ok(json!({
        "figure": round(worst / interval),
        "runs": windows.count() + passed.count(),
        "rate": rate,
        "interval_ms": options.interval.as_millis() as u64,
        "windows": windows.summary(),
        "events": passed.summary(),
        "peak_bytes": first_peak.max(second_peak),
    }))
}

fn windows(options: &Options, rate: u64) -> Result<(Times, u64)> {
    let mut stage = Stage::set(options, "windows", Kept::Newest)?;
    stage.window_ms = WINDOW_MS;
    let mut seen = Windows::default();
    seen.from_ms = stage.clock.now_ms() + WARM.as_millis() as i64;
    let (topic, bootstrap) = (&stage.results.name, &stage.bootstrap);
    let output = Output::follow(bootstrap, topic, seen, Windows::take)?;
    let (sent, peak) = run(&stage, rate, WINDOW_COLUMNS, &job::windows(WINDOW_MS))?;
    let seen = output.finish()?;
    let compared = seen.judge(&sent)?;
    eprintln!("windows: {compared}");
    Ok((seen.times, peak))
}

fn events(options: &Options, rate: u64) -> Result<(Times, u64)> {
    let stage = Stage::set(options, "events", Kept::Newest)?;
    let seen = Passed {
        from_ms: stage.clock.now_ms() + WARM.as_millis() as i64,
        ..Passed::default()
    };
    let (topic, bootstrap) = (&stage.results.name, &stage.bootstrap);
    let output = Output::follow(bootstrap, topic, seen, Passed::take)?;
    let (_, peak) = run(&stage, rate, "seq BIGINT, event_time TIMESTAMP(3)", PASSED)?;
    let seen = output.finish()?;
    eprintln!("events: {} rows", seen.rows);
    match seen.unreadable {
        0 => Ok((seen.times, peak)),
        many => Err(Error::internal(format!("{many} results could not be read"))),
    }
}

/// Runs one job under the rate for the whole time; returns what was sent, and its peak.
fn run(
    stage: &Stage<'_>,
    rate: u64,
    columns: &str,
    statement: &str,
) -> Result<(crate::sender::Sent, u64)> {
    let statements = events_table(&stage.bootstrap, &stage.events.name, &stage.name, "")
        + &results_table(
            &stage.bootstrap,
            &stage.results.name,
            columns,
            "exactly-once",
        )
        + statement;
    let keys = Keys::uniform(stage.options.keys.unwrap_or(KEYS), stage.options.seed);
    let mut job = stage.job(&statements)?.start()?;
    let mut sender = stage.send(rate, keys, KEY_WIDTH)?;
    let until = stage.clock.elapsed() + WARM + stage.options.hold;
    while stage.clock.elapsed() < until {
        std::thread::sleep(Duration::from_millis(500));
        job.check()?;
        sender.check()?;
        job.peak_bytes();
    }
    let sent = sender.stop()?;
    stage.wait_for(sent.events, &stage.positions()?, &mut job)?;
    Ok((sent, job.stop(END)?))
}
