//! How jobs live: the settings of checkpoints and restarts, by Flink's names.

use std::time::Duration;

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result};
use millstream_plan::{AccessSettings, CheckpointSettings, JobSettings, RestartStrategy};

pub(super) const DIR: &str = "execution.checkpointing.dir";
pub(super) const INCREMENTAL: &str = "execution.checkpointing.incremental";
pub(super) const INTERVAL: &str = "execution.checkpointing.interval";
pub(super) const MIN_PAUSE: &str = "execution.checkpointing.min-pause";
pub(super) const MODE: &str = "execution.checkpointing.mode";
pub(super) const RETAINED: &str = "execution.checkpointing.num-retained";
pub(super) const SAVEPOINT_DIR: &str = "execution.checkpointing.savepoint-dir";
pub(super) const TIMEOUT: &str = "execution.checkpointing.timeout";
pub(super) const RECOVERY_PATH: &str = "execution.state-recovery.path";
pub(super) const NAME: &str = "pipeline.name";
pub(super) const RESTART: &str = "restart-strategy.type";
pub(super) const EXPONENTIAL_ATTEMPTS: &str =
    "restart-strategy.exponential-delay.attempts-before-reset-backoff";
pub(super) const EXPONENTIAL_INITIAL: &str = "restart-strategy.exponential-delay.initial-backoff";
pub(super) const EXPONENTIAL_MAX: &str = "restart-strategy.exponential-delay.max-backoff";
pub(super) const EXPONENTIAL_RESET: &str =
    "restart-strategy.exponential-delay.reset-backoff-threshold";
pub(super) const RATE_DELAY: &str = "restart-strategy.failure-rate.delay";
pub(super) const RATE_INTERVAL: &str = "restart-strategy.failure-rate.failure-rate-interval";
pub(super) const RATE_FAILURES: &str = "restart-strategy.failure-rate.max-failures-per-interval";
pub(super) const FIXED_ATTEMPTS: &str = "restart-strategy.fixed-delay.attempts";
pub(super) const FIXED_DELAY: &str = "restart-strategy.fixed-delay.delay";
pub(super) const S3_ENDPOINT: &str = "s3.endpoint";
pub(super) const S3_PATH_STYLE: &str = "s3.path.style.access";
pub(super) const S3_REGION: &str = "s3.region";

/// Every setting that is read here.
pub(super) const KEYS: &[&str] = &[
    DIR,
    INCREMENTAL,
    INTERVAL,
    MIN_PAUSE,
    MODE,
    RETAINED,
    SAVEPOINT_DIR,
    TIMEOUT,
    RECOVERY_PATH,
    NAME,
    RESTART,
    EXPONENTIAL_ATTEMPTS,
    EXPONENTIAL_INITIAL,
    EXPONENTIAL_MAX,
    EXPONENTIAL_RESET,
    RATE_DELAY,
    RATE_INTERVAL,
    RATE_FAILURES,
    FIXED_ATTEMPTS,
    FIXED_DELAY,
    S3_ENDPOINT,
    S3_PATH_STYLE,
    S3_REGION,
];

/// Keys of object stores, which must not be shown, and the variables to put them in.
const SECRETS: &[(&str, &str)] = &[
    ("s3.access-key", "AWS_ACCESS_KEY_ID"),
    ("s3.access.key", "AWS_ACCESS_KEY_ID"),
    ("s3.secret-key", "AWS_SECRET_ACCESS_KEY"),
    ("s3.secret.key", "AWS_SECRET_ACCESS_KEY"),
];

/// The shortest time between two checkpoints, as in Flink.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The longest time any of these may be.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Longest name of a job, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Reads all of them.
pub(super) fn read(options: &Options) -> Result<JobSettings> {
    // Ours is always the stronger mode; only a third word is a mistake.
    options.one_of(MODE, &["EXACTLY_ONCE", "AT_LEAST_ONCE"], "EXACTLY_ONCE")?;
    Ok(JobSettings {
        name: name(options)?,
        checkpoints: CheckpointSettings {
            dir: place(options, DIR)?,
            savepoint_dir: place(options, SAVEPOINT_DIR)?,
            interval: interval(options)?,
            min_pause: duration(options, MIN_PAUSE, Duration::ZERO)?,
            timeout: duration(options, TIMEOUT, INTERVAL_MIN)?,
            retained: number(options, RETAINED, 10_000)?,
            incremental: match options.get(INCREMENTAL) {
                None => None,
                Some(_) => Some(options.boolean(INCREMENTAL, true)?),
            },
        },
        recover_from: place(options, RECOVERY_PATH)?,
        restart: restart(options)?,
        access: AccessSettings {
            endpoint: place(options, S3_ENDPOINT)?,
            region: place(options, S3_REGION)?,
            path_style: match options.get(S3_PATH_STYLE) {
                None => None,
                Some(_) => Some(options.boolean(S3_PATH_STYLE, true)?),
            },
        },
    })
}

/// Refuses what everybody who reads the script or lists the settings would see.
pub(super) fn refuse_secret(key: &str) -> Result<()> {
    match SECRETS.iter().find(|(secret, _)| *secret == key) {
        None => Ok(()),
        Some((_, variable)) => Err(Error::new(
            Code::InvalidOption,
            format!("'{key}' is a secret and cannot be a setting"),
        )
        .hint(format!("set the environment variable {variable} instead"))),
    }
}

fn name(options: &Options) -> Result<Option<String>> {
    let Some(name) = options.get(NAME).map(str::trim) else {
        return Ok(None);
    };
    match name.chars().count() {
        1..=NAME_CHARS_MAX => Ok(Some(name.to_owned())),
        _ => Err(options.invalid(NAME, "a name of 1 to 100 characters")),
    }
}

fn place(options: &Options, key: &str) -> Result<Option<String>> {
    match options.get(key).map(str::trim) {
        Some("") => Err(options.invalid(key, "a directory or a URL")),
        place => Ok(place.map(str::to_owned)),
    }
}

fn interval(options: &Options) -> Result<Option<Duration>> {
    match options.duration(INTERVAL)? {
        Some(Duration::ZERO) => Ok(Some(Duration::ZERO)),
        _ => duration(options, INTERVAL, INTERVAL_MIN),
    }
}

fn duration(options: &Options, key: &str, least: Duration) -> Result<Option<Duration>> {
    match options.duration(key)? {
        Some(time) if time < least => {
            let wanted = format!("a duration of at least {} ms", least.as_millis());
            Err(options.invalid(key, &wanted))
        }
        Some(time) if time > LONGEST => Err(options.invalid(key, "a duration of at most 366 d")),
        time => Ok(time),
    }
}

fn number(options: &Options, key: &str, most: u32) -> Result<Option<u32>> {
    let wanted = format!("a number from 1 to {most}");
    match options.parse::<i64>(key, &wanted)? {
        None => Ok(None),
        Some(number) if (1..=i64::from(most)).contains(&number) => Ok(Some(number as u32)),
        Some(_) => Err(options.invalid(key, &wanted)),
    }
}

/// The strategy, if one is chosen. The options of all of them are checked, so that a mistake shows
/// when it is made.
fn restart(options: &Options) -> Result<Option<RestartStrategy>> {
    const MOST: u32 = i32::MAX as u32;
    let time = |key: &str, default: Duration| {
        let found = duration(options, key, Duration::from_millis(1))?;
        Ok::<_, Error>(found.unwrap_or(default))
    };
    let count =
        |key: &str, default: u32| Ok::<_, Error>(number(options, key, MOST)?.unwrap_or(default));
    let second = Duration::from_secs(1);
    let fixed = RestartStrategy::FixedDelay {
        attempts: count(FIXED_ATTEMPTS, 1)?,
        delay: time(FIXED_DELAY, second)?,
    };
    let exponential = RestartStrategy::ExponentialDelay {
        initial: time(EXPONENTIAL_INITIAL, second)?,
        max: time(EXPONENTIAL_MAX, Duration::from_secs(60))?,
        reset: time(EXPONENTIAL_RESET, Duration::from_secs(3_600))?,
        attempts: count(EXPONENTIAL_ATTEMPTS, MOST)?,
    };
    let rate = RestartStrategy::FailureRate {
        failures: count(RATE_FAILURES, 1)?,
        interval: time(RATE_INTERVAL, Duration::from_secs(60))?,
        delay: time(RATE_DELAY, second)?,
    };
    let words = [
        "none",
        "off",
        "disable",
        "fixed-delay",
        "fixeddelay",
        "exponential-delay",
        "exponentialdelay",
        "failure-rate",
        "failurerate",
    ];
    if options.get(RESTART).is_none() {
        return Ok(None);
    }
    Ok(Some(match options.one_of(RESTART, &words, "none")? {
        "fixed-delay" | "fixeddelay" => fixed,
        "exponential-delay" | "exponentialdelay" => exponential,
        "failure-rate" | "failurerate" => rate,
        _ => RestartStrategy::None,
    }))
}
