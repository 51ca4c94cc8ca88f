//! `load`: the highest rate that a window job holds without falling behind.
//!
//! ```text
//! rate   ┌──┐ ×1.25 until the lag grows; back to the middle of the last two; then held for the whole time
//!      ┌─┘  └┐  ┌───────────────────────────
//!    ──┘     └──┘
//! ```
//!
//! JSON from Kafka, count and sum by key and window of ten seconds, JSON to Kafka, exactly-once.
//! If the rate found by short steps is not held for long, the next try is a tenth lower.

use std::time::Duration;

use millstream_core::clock::Clock;
use millstream_core::{Error, Result};
use serde_json::{Value, json};

use super::round;
use super::stage::{END, Stage};
use crate::events::Keys;
use crate::job::{Running, WINDOW_COLUMNS, WINDOW_MS, events_table, results_table, windows};
use crate::lag::{Positions, is_held};
use crate::options::Options;
use crate::output::Output;
use crate::process;
use crate::sender::Sender;
use crate::topics::Kept;
use crate::windows::Windows;

const KEYS: u64 = 10_000;
const KEY_WIDTH: usize = 16;
/// Rate the search begins with.
const RATE: u64 = 100_000;
const RATE_MAX: u64 = 4_000_000;
/// Seconds of a step of the search: the first are not looked at.
const STEP_S: u64 = 15;
const SETTLE_S: u64 = 4;
/// Tries to hold a rate.
const HOLDS: u32 = 4;

struct Stand<'a> {
    stage: &'a Stage<'a>,
    sender: Sender,
    positions: Positions,
    job: Running,
}

/// A rate that was tried for a while.
struct Tried {
    rate: u64,
    held: bool,
    /// Lag in seconds, once a second.
    lags: Vec<f64>,
    sent: u64,
    seconds: f64,
    cpu: Value,
}

/// Measures it.
pub(super) fn measure(options: &Options) -> Result<Value> {
    let stage = Stage::set(options, "load", Kept::Newest)?;
    let statements = events_table(&stage.bootstrap, &stage.events.name, &stage.name, "")
        + &results_table(
            &stage.bootstrap,
            &stage.results.name,
            WINDOW_COLUMNS,
            "exactly-once",
        )
        + &windows(WINDOW_MS);
    let keys = options.keys.unwrap_or(KEYS);
    let output = Output::follow(
        &stage.bootstrap,
        &stage.results.name,
        Windows::default(),
        Windows::take,
    )?;
    let job = stage.job(&statements)?;
    let mut stand = Stand {
        sender: stage.send(
            options.rate.unwrap_or(RATE),
            Keys::uniform(keys, options.seed),
            KEY_WIDTH,
        )?,
        positions: stage.positions()?,
        job: job.start()?,
        stage: &stage,
    };
    let held = stand.find(options)?;
    let sent = stand.sender.stop()?;
    stage.wait_for(sent.events, &stand.positions, &mut stand.job)?;
    let peak = stand.job.stop(END)?;
    let mut seen = output.finish()?;
    let mean = held.lags.iter().sum::<f64>() / held.lags.len().max(1) as f64;
    Ok(json!({
        "figure": held.rate,
        "runs": 1,
        "held_s": held.seconds as u64,
        "sent_per_s": (held.sent as f64 / held.seconds) as u64,
        "lag_mean_s": round(mean),
        "lag_max_s": round(held.lags.iter().copied().fold(0.0, f64::max)),
        "lag_last_s": round(held.lags.last().copied().unwrap_or_default()),
        "keys": keys,
        "interval_ms": options.interval.as_millis() as u64,
        "compared": seen.judge(&sent)?,
        "window_latency": seen.times.summary(),
        "cpu": held.cpu,
        "peak_bytes": peak,
    }))
}

impl Stand<'_> {
    /// Finds a rate by short steps and holds it.
    fn find(&mut self, options: &Options) -> Result<Tried> {
        // The first seconds are those of a program that starts.
        self.watch(RATE.min(options.rate.unwrap_or(RATE)), STEP_S, SETTLE_S)?;
        let mut rate = match options.rate {
            Some(rate) => rate,
            None => self.search()?,
        };
        let mut last = None;
        for _ in 0..HOLDS {
            let tried = self.watch(rate, options.hold.as_secs(), SETTLE_S)?;
            if tried.held {
                return Ok(tried);
            }
            last = Some(tried);
            self.recover(rate)?;
            rate = rate / 100 * 90;
        }
        let lags = last.map(|tried| tried.lags).unwrap_or_default();
        Err(Error::internal(format!(
            "no rate was held; lag in seconds at the end of the last try: {:?}",
            lags.iter().rev().take(5).collect::<Vec<_>>()
        )))
    }

    fn search(&mut self) -> Result<u64> {
        let mut good = 0;
        let mut rate = RATE;
        let mut bad = loop {
            if self.watch(rate, STEP_S, SETTLE_S)?.held {
                good = rate;
                rate = rate / 4 * 5;
                if rate > RATE_MAX {
                    return Ok(good);
                }
            } else if good == 0 && rate > 1_000 {
                self.recover(rate)?;
                rate /= 2;
            } else {
                break rate;
            }
        };
        self.recover(good)?;
        while bad - good > good / 12 {
            let middle = good.midpoint(bad);
            if self.watch(middle, STEP_S, SETTLE_S)?.held {
                good = middle;
            } else {
                bad = middle;
                self.recover(good)?;
            }
        }
        // Short steps are kind: the log of the broker is young, its pages are warm.
        Ok(good / 100 * 95)
    }

    /// Sends at a rate for some seconds and looks at the lag every second, after the first few.
    fn watch(&mut self, rate: u64, seconds: u64, settle: u64) -> Result<Tried> {
        self.sender.set_rate(rate);
        self.pause(settle)?;
        let clock = &self.stage.clock;
        let (pid, broker, own) = (self.job.pid(), process::broker(), std::process::id());
        let all = || {
            let of = |pid: Option<u32>| pid.map(process::threads).unwrap_or_default();
            [of(Some(pid)), of(broker), of(Some(own))]
        };
        let (begun, sent, before) = (clock.elapsed(), self.sender.sent(), all());
        let mut lags = Vec::new();
        while clock.elapsed() < begun + Duration::from_secs(seconds) {
            self.pause(1)?;
            let due = self.sender.due(clock.now_ms());
            let lag = due.saturating_sub(self.positions.committed()?);
            lags.push(lag as f64 / rate as f64);
        }
        let seconds = (clock.elapsed() - begun).as_secs_f64();
        let after = all();
        let cpu = |index: usize| process::used(&before[index], &after[index], seconds);
        let tried = Tried {
            rate,
            held: is_held(&lags),
            sent: self.sender.sent() - sent,
            seconds,
            cpu: json!({"job": cpu(0), "broker": cpu(1), "sender_and_reader": cpu(2)}),
            lags,
        };
        eprintln!(
            "{rate} events/s for {seconds:.0} s: {}, lag {:.1} s to {:.1} s, cores of job {} broker {} load {}",
            if tried.held { "held" } else { "not held" },
            tried.lags.first().copied().unwrap_or_default(),
            tried.lags.last().copied().unwrap_or_default(),
            tried.cpu["job"]["cores"],
            tried.cpu["broker"]["cores"],
            tried.cpu["sender_and_reader"]["cores"],
        );
        Ok(tried)
    }

    /// Sends little until nothing is behind.
    fn recover(&mut self, rate: u64) -> Result<()> {
        self.sender.set_rate(rate / 4);
        let until = self.stage.clock.elapsed() + END;
        loop {
            self.pause(1)?;
            let due = self.sender.due(self.stage.clock.now_ms());
            let lag = due.saturating_sub(self.positions.committed()?);
            if lag < rate {
                return Ok(());
            }
            if self.stage.clock.elapsed() > until {
                return Err(Error::internal(format!("{lag} events are never caught up")));
            }
        }
    }

    fn pause(&mut self, seconds: u64) -> Result<()> {
        std::thread::sleep(Duration::from_secs(seconds));
        self.job.peak_bytes();
        self.sender.check()?;
        self.job.check()
    }
}
