//! `SET 'key' = 'value'`: the settings of a session.
//!
//! A key is one of ours ([`KEYS`]), which changes something; or one that only a Flink cluster reads
//! ([`IGNORED`] prefixes), which is kept and shown but changes nothing here; or a mistake.
//!
//! What concerns the life of a job (checkpoints, restarts) is in [`job`].

mod job;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use millstream_core::key::KEY_GROUPS_DEFAULT;
use millstream_core::options::{OptionSpec, Options};
use millstream_core::{Code, Error, Result, suggest};
use millstream_plan::translate::{ConflictRules, Materialize};
use millstream_plan::{JobSettings, OnConflict, RuntimeMode};

/// Whether a query has to say what several rows with one primary key mean.
const REQUIRE_ON_CONFLICT: &str = "table.exec.sink.require-on-conflict";
/// When rows are made one per primary key.
const UPSERT_MATERIALIZE: &str = "table.exec.sink.upsert-materialize";

/// The settings that change something.
pub static KEYS: &[OptionSpec] = &[
    OptionSpec::new(
        job::DIR,
        "a directory, 'file:///..' or 's3://bucket/prefix'",
        "",
        "where the state of jobs is kept; without it a job does not survive a crash",
    ),
    OptionSpec::new(
        job::INCREMENTAL,
        "'true' or 'false'",
        "true",
        "a checkpoint writes only what has changed",
    ),
    OptionSpec::new(
        job::INTERVAL,
        "a duration of at least 10 ms; 0 s: only at the end",
        "10 s",
        "time from one checkpoint to the next, and so how long results stay invisible",
    ),
    OptionSpec::new(
        job::MIN_PAUSE,
        "a duration",
        "0 s",
        "shortest time from the end of a checkpoint to the start of the next",
    ),
    OptionSpec::new(
        job::MODE,
        "'EXACTLY_ONCE' or 'AT_LEAST_ONCE'",
        "EXACTLY_ONCE",
        "state is exactly-once in either case: AT_LEAST_ONCE promises less and costs the same",
    ),
    OptionSpec::new(
        job::RETAINED,
        "a number from 3 to 10000; fewer become 3",
        "3",
        "checkpoints that are kept",
    ),
    OptionSpec::new(
        job::SAVEPOINT_DIR,
        "a directory, 'file:///..' or 's3://bucket/prefix'",
        "beside the checkpoints",
        "where savepoints are put if nobody says otherwise",
    ),
    OptionSpec::new(
        job::TIMEOUT,
        "a duration of at least 10 ms",
        "10 min",
        "longest time a checkpoint may take",
    ),
    OptionSpec::new(
        "execution.runtime-mode",
        "'streaming' or 'batch'",
        "streaming",
        "streaming updates results as rows come; batch gives one final result of bounded input",
    ),
    OptionSpec::new(
        job::RECOVERY_PATH,
        "a URL or directory",
        "",
        "a savepoint or checkpoint the next jobs start from",
    ),
    OptionSpec::new(
        "millstream.batch-rows",
        "a number from 1 to 65536",
        "8192",
        "most rows in one batch",
    ),
    OptionSpec::new(
        "parallelism.default",
        "a number from 1 to 128",
        "number of cores",
        "subtasks of each operator",
    ),
    OptionSpec::new(
        "pipeline.max-parallelism",
        "a number from 1 to 32768",
        "128",
        "number of key groups",
    ),
    OptionSpec::new(
        "pipeline.name",
        "a name of 1 to 100 characters",
        "the name of the file",
        "name of the next jobs: a job finds its checkpoints by it",
    ),
    OptionSpec::new(
        job::RESTART,
        "'none', 'fixed-delay', 'exponential-delay' or 'failure-rate'",
        "exponential-delay with checkpoints, else none",
        "what follows a failure that may pass",
    ),
    OptionSpec::new(
        job::EXPONENTIAL_ATTEMPTS,
        "a number from 1 to 2147483647",
        "2147483647",
        "restarts before the job is given up",
    ),
    OptionSpec::new(
        job::EXPONENTIAL_INITIAL,
        "a duration of at least 1 ms",
        "1 s",
        "the first wait; it doubles with every failure",
    ),
    OptionSpec::new(
        job::EXPONENTIAL_MAX,
        "a duration of at least 1 ms",
        "1 min",
        "the longest wait",
    ),
    OptionSpec::new(
        job::EXPONENTIAL_RESET,
        "a duration of at least 1 ms",
        "1 h",
        "running this long forgets every failure before",
    ),
    OptionSpec::new(
        job::RATE_DELAY,
        "a duration of at least 1 ms",
        "1 s",
        "the wait before each restart",
    ),
    OptionSpec::new(
        job::RATE_INTERVAL,
        "a duration of at least 1 ms",
        "1 min",
        "the period failures are counted in",
    ),
    OptionSpec::new(
        job::RATE_FAILURES,
        "a number from 1 to 2147483647",
        "1",
        "failures in the period before the job is given up",
    ),
    OptionSpec::new(
        job::FIXED_ATTEMPTS,
        "a number from 1 to 2147483647",
        "1",
        "restarts before the job is given up",
    ),
    OptionSpec::new(
        job::FIXED_DELAY,
        "a duration of at least 1 ms",
        "1 s",
        "the wait before each restart",
    ),
    OptionSpec::new(
        job::S3_ENDPOINT,
        "a URL",
        "AWS_ENDPOINT_URL, else that of AWS",
        "the server of an S3-compatible object store",
    ),
    OptionSpec::new(
        job::S3_PATH_STYLE,
        "'true' or 'false'",
        "true with an endpoint",
        "the bucket stands in the path and not in the name of the host",
    ),
    OptionSpec::new(
        job::S3_REGION,
        "a region",
        "AWS_REGION",
        "where the bucket is",
    ),
    OptionSpec::new(
        "table.exec.resource.default-parallelism",
        "a number from 1 to 128, or -1",
        "-1",
        "overrides parallelism.default",
    ),
    OptionSpec::new(
        "table.exec.source.idle-timeout",
        "a duration; 0 ms switches it off",
        "15 s for sources that never end, else off",
        "a split without rows for this long does not hold back the watermark",
    ),
    OptionSpec::new(
        "table.exec.sink.not-null-enforcer",
        "'ERROR'",
        "ERROR",
        "NULL in a NOT NULL column of a sink fails the job",
    ),
    OptionSpec::new(
        REQUIRE_ON_CONFLICT,
        "'true' or 'false'",
        "true",
        "a query that tells rows apart by another key than the PRIMARY KEY of its sink wants ON CONFLICT",
    ),
    OptionSpec::new(
        UPSERT_MATERIALIZE,
        "'AUTO', 'NONE' or 'FORCE'",
        "AUTO",
        "when rows are made one per PRIMARY KEY in front of a sink by key",
    ),
    OptionSpec::new(
        "table.local-time-zone",
        "a zone such as 'Europe/Berlin'",
        "UTC",
        "how TIMESTAMP_LTZ is shown, parsed and cut into windows",
    ),
];

/// Prefixes of keys that only a Flink cluster reads.
pub static IGNORED: &[&str] = &[
    "akka.",
    "blob.",
    "client.",
    "classloader.",
    "cluster.",
    "env.",
    "execution.",
    "fs.",
    "high-availability.",
    "io.",
    "jobmanager.",
    "kubernetes.",
    "metrics.",
    "parallelism.",
    "pipeline.",
    "process.",
    "python.",
    "rest.",
    "restart-strategy",
    "s3.",
    "security.",
    "slot.",
    "sql-client.",
    "state.",
    "table.",
    "taskmanager.",
    "web.",
    "yarn.",
];

/// The settings of a session.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// Sets a key after checking its value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        job::refuse_secret(key)?;
        let known = KEYS.iter().any(|spec| spec.key == key);
        if !known && !IGNORED.iter().any(|prefix| key.starts_with(prefix)) {
            let error = Error::new(Code::UnknownOption, format!("unknown setting '{key}'"));
            return Err(match suggest::hint(key, KEYS.iter().map(|spec| spec.key)) {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        let mut changed = self.clone();
        changed.values.insert(key.to_string(), value.to_string());
        changed.check(key)?;
        *self = changed;
        Ok(())
    }

    /// Gives one setting its default again.
    pub fn reset(&mut self, key: &str) {
        self.values.remove(key);
    }

    /// Gives every setting its default again.
    pub fn reset_all(&mut self) {
        self.values.clear();
    }

    /// The settings that were set, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// True if this key changes nothing here, only on a Flink cluster.
    pub fn is_ignored(key: &str) -> bool {
        !KEYS.iter().any(|spec| spec.key == key)
    }

    /// `execution.runtime-mode`.
    pub fn mode(&self) -> Result<RuntimeMode> {
        let words = ["streaming", "batch"];
        Ok(
            match self
                .options()
                .one_of("execution.runtime-mode", &words, "streaming")?
            {
                "batch" => RuntimeMode::Batch,
                _ => RuntimeMode::Streaming,
            },
        )
    }

    /// What several rows with one primary key mean; `action`: ON CONFLICT of the statement.
    pub fn conflict(&self, action: Option<OnConflict>) -> Result<ConflictRules> {
        let options = self.options();
        let words = ["AUTO", "NONE", "FORCE"];
        let materialize = match options.one_of(UPSERT_MATERIALIZE, &words, "AUTO")? {
            "NONE" => Materialize::None,
            "FORCE" => Materialize::Force,
            _ => Materialize::Auto,
        };
        Ok(ConflictRules {
            action,
            materialize,
            may_be_silent: !options.boolean(REQUIRE_ON_CONFLICT, true)?,
        })
    }

    /// Number of subtasks; `cores` if it is not set.
    pub fn parallelism(&self, cores: u32) -> Result<u32> {
        let key = "table.exec.resource.default-parallelism";
        let wanted = "a number from 1 to 128, or -1";
        match self.options().parse::<i64>(key, wanted)? {
            None | Some(-1) => self.number("parallelism.default", cores.into(), 128),
            Some(number) if (1..=128).contains(&number) => Ok(number as u32),
            Some(_) => Err(self.options().invalid(key, wanted)),
        }
    }

    /// Number of key groups.
    pub fn key_groups(&self) -> Result<u32> {
        self.number(
            "pipeline.max-parallelism",
            KEY_GROUPS_DEFAULT.into(),
            32_768,
        )
    }

    /// Most rows in a batch.
    pub fn batch_rows(&self) -> Result<usize> {
        Ok(self.number("millstream.batch-rows", 8_192, 65_536)? as usize)
    }

    /// The session's zone.
    pub fn zone(&self) -> Result<Tz> {
        let options = self.options();
        let Some(name) = options.get("table.local-time-zone") else {
            return Ok(Tz::UTC);
        };
        if name.eq_ignore_ascii_case("default") {
            return Ok(Tz::UTC);
        }
        name.parse()
            .map_err(|_| options.invalid("table.local-time-zone", "a zone such as 'Europe/Berlin'"))
    }

    /// `table.exec.source.idle-timeout`.
    pub fn idle_timeout(&self) -> Result<Option<Duration>> {
        self.options().duration("table.exec.source.idle-timeout")
    }

    /// How the next jobs live.
    pub fn job(&self) -> Result<JobSettings> {
        job::read(&self.options())
    }

    fn number(&self, key: &str, default: i64, most: i64) -> Result<u32> {
        let wanted = format!("a number from 1 to {most}");
        match self.options().parse::<i64>(key, &wanted)? {
            None => Ok(default as u32),
            Some(number) if (1..=most).contains(&number) => Ok(number as u32),
            Some(_) => Err(self.options().invalid(key, &wanted)),
        }
    }

    fn options(&self) -> Options {
        Options::new("the session", self.values.clone())
    }

    fn check(&self, key: &str) -> Result<()> {
        match key {
            "execution.runtime-mode" => self.mode().map(drop),
            "millstream.batch-rows" => self.batch_rows().map(drop),
            "parallelism.default" | "table.exec.resource.default-parallelism" => {
                self.parallelism(1).map(drop)
            }
            "pipeline.max-parallelism" => self.key_groups().map(drop),
            "table.exec.source.idle-timeout" => self.idle_timeout().map(drop),
            "table.local-time-zone" => self.zone().map(drop),
            "table.exec.sink.not-null-enforcer" => {
                self.options().one_of(key, &["ERROR"], "ERROR").map(drop)
            }
            REQUIRE_ON_CONFLICT | UPSERT_MATERIALIZE => self.conflict(None).map(drop),
            _ if job::KEYS.contains(&key) => self.job().map(drop),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
