//! How a job lives: where and how often its state is kept, and what follows a failure.
//!
//! Plain data from the session's settings; whoever runs the job turns it into what it needs. `None`
//! is a setting that nobody has set: the default belongs to the runner.

use std::time::Duration;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobSettings {
    /// `pipeline.name`.
    pub name: Option<String>,
    /// `execution.checkpointing.*`.
    pub checkpoints: CheckpointSettings,
    /// `execution.state-recovery.path`: a savepoint or checkpoint to start from.
    pub recover_from: Option<String>,
    /// `restart-strategy.*`.
    pub restart: Option<RestartStrategy>,
    /// `s3.*`.
    pub access: AccessSettings,
}

/// `s3.*`: how object stores are reached. Keys are secrets and come from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// `endpoint`.
    pub endpoint: Option<String>,
    /// `region`.
    pub region: Option<String>,
    /// `path.style.access`: the bucket stands in the path and not in the name of the host.
    pub path_style: Option<bool>,
}

/// `execution.checkpointing.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointSettings {
    /// `dir`: where state is kept; `None`: nowhere.
    pub dir: Option<String>,
    /// `savepoint-dir`: where savepoints go if nobody says otherwise.
    pub savepoint_dir: Option<String>,
    /// `interval`: from one checkpoint to the next; zero: only at the end.
    pub interval: Option<Duration>,
    /// `min-pause`: shortest time from the end of one to the start of the next.
    pub min_pause: Option<Duration>,
    /// `timeout`: longest time one may take.
    pub timeout: Option<Duration>,
    /// `num-retained`: how many are kept.
    pub retained: Option<u32>,
    /// `incremental`: only what has changed is written.
    pub incremental: Option<bool>,
}

impl CheckpointSettings {
    /// From one checkpoint to the next if there is a place for them and nobody says how often.
    pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
}

/// `restart-strategy.type` with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartStrategy {
    /// A failure ends the job.
    None,
    /// The same pause before every attempt.
    FixedDelay {
        /// Restarts in all.
        attempts: u32,
        /// The pause.
        delay: Duration,
    },
    /// A growing pause.
    ExponentialDelay {
        /// The first pause.
        initial: Duration,
        /// The longest pause.
        max: Duration,
        /// Running this long forgets every failure before.
        reset: Duration,
        /// Restarts before the job is given up.
        attempts: u32,
    },
    /// The same pause, and so many failures in a period.
    FailureRate {
        /// Failures the job may have in the period.
        failures: u32,
        /// The period.
        interval: Duration,
        /// The pause.
        delay: Duration,
    },
}
