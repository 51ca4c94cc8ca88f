//! A job from topic to topic with a sender in front: what `load`, `latency` and `recover` begin with.

use std::fs;
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Error, Result};

use crate::events::Keys;
use crate::job::{Job, Running, WINDOW_MS};
use crate::lag::Positions;
use crate::options::Options;
use crate::sender::{Plan, Sender};
use crate::topics::{Kept, Topic};

/// A job has this long to begin, to catch up, or to end.
const PATIENCE: Duration = Duration::from_secs(600);

/// Two topics, names, and the folder, which goes when this goes.
pub(super) struct Stage<'a> {
    pub(super) options: &'a Options,
    pub(super) bootstrap: String,
    /// Name of the job and its consumer group.
    pub(super) name: String,
    pub(super) events: Topic,
    pub(super) results: Topic,
    pub(super) clock: SystemClock,
    /// Size of the windows that the sender counts.
    pub(super) window_ms: i64,
}

impl<'a> Stage<'a> {
    /// Creates the topics; `kept` says how much of the events must stay.
    pub(super) fn set(options: &'a Options, what: &str, kept: Kept) -> Result<Stage<'a>> {
        let bootstrap = options.bootstrap()?;
        let clock = SystemClock::new();
        // The broker may remember an earlier measurement.
        let name = format!("{what}-{}-{:x}", options.seed, clock.now_ms());
        Ok(Stage {
            options,
            events: Topic::create(&bootstrap, &format!("{name}-in"), kept)?,
            results: Topic::create(&bootstrap, &format!("{name}-out"), kept)?,
            bootstrap,
            name,
            clock,
            window_ms: WINDOW_MS,
        })
    }

    /// A sender to the topic of events, in real time.
    pub(super) fn send(&self, rate: u64, keys: Keys, key_width: usize) -> Result<Sender> {
        Sender::start(self.plan(rate, keys, key_width))
    }

    /// What a sender in real time does.
    pub(super) fn plan(&self, rate: u64, keys: Keys, key_width: usize) -> Plan {
        Plan {
            bootstrap: self.bootstrap.clone(),
            topic: self.events.name.clone(),
            keys,
            key_width,
            seed: self.options.seed,
            rate,
            waits: true,
            total: None,
            window_ms: self.window_ms,
        }
    }

    /// Writes `total` events as fast as it goes, with event times as if at `rate`.
    pub(super) fn fill(&self, total: u64, rate: u64, keys: Keys, width: usize) -> Result<Sender> {
        Sender::start(Plan {
            waits: false,
            total: Some(total),
            ..self.plan(rate, keys, width)
        })
    }

    /// How far the job's checkpoints have read.
    pub(super) fn positions(&self) -> Result<Positions> {
        Positions::of(&self.bootstrap, &self.events.name, &self.name)
    }

    /// A job named as the stage.
    pub(super) fn job(&self, statements: &str) -> Result<Job> {
        Job::new(self.options, &self.name, statements)
    }

    /// Waits until checkpoints have read `events`.
    pub(super) fn wait_for(
        &self,
        events: u64,
        positions: &Positions,
        job: &mut Running,
    ) -> Result<()> {
        let until = self.clock.elapsed() + PATIENCE;
        loop {
            job.check()?;
            let read = positions.committed()?;
            if read >= events {
                return Ok(());
            }
            if self.clock.elapsed() > until {
                let seconds = PATIENCE.as_secs();
                return Err(Error::internal(format!(
                    "after {seconds} s {read} of {events} events are read"
                )));
            }
            job.peak_bytes();
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        sweep(self.options);
    }
}

/// Removes the folder, unless it is to be looked at.
pub(super) fn sweep(options: &Options) {
    if std::env::var_os("MILLSTREAM_LOAD_KEEP").is_some() {
        eprintln!("kept: {}", options.folder.display());
        return;
    }
    match fs::remove_dir_all(&options.folder) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => eprintln!("cannot remove '{}': {cause}", options.folder.display()),
    }
}

/// How long a job may take to end.
pub(super) const END: Duration = PATIENCE;
