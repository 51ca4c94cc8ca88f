//! Files as tables: a file or a directory is read, a directory is written.
//!
//! ```text
//! reading   search ─▶ enumerator ─ one split per file ─▶ reader ─ bytes ─▶ decoder ─▶ rows
//! writing   rows ─▶ writer ─▶ .millstream-pending/…/part-… ─ prepare ─▶ commit ─▶ part-…
//! ```
//!
//! * Names that begin with `_` or `.` are never read: others hide their unfinished files so, and
//!   so do we.
//! * Columns in PARTITIONED BY are not in the files but in the names of directories:
//!   `dt=2020-01-01/hr=1/part-…`.
//! * Always: a file under its final name is complete, and it is there only once the checkpoint its
//!   rows belong to is committed, whatever happens to the process: exactly-once.
//! * The same holds for a place in a bucket, `s3://bucket/prefix`, where a copy takes the place of
//!   the rename ([`commit`]).
//!
//! Options, names of files and directories, and their meaning: Apache Flink 2.3, "FileSystem SQL
//! Connector".

mod body;
mod bucket;
mod commit;
mod committable;
mod compression;
mod directory;
mod enumerator;
mod input;
mod location;
mod parquet;
mod part;
mod partition;
mod partition_time;
mod pending;
mod position;
mod reader;
mod records;
mod root;
mod search;
mod sink;
mod source;
mod success;
#[cfg(test)]
mod tests;
mod upload;

use millstream_core::connector::{Connector, SinkFactory, SourceFactory};
use millstream_core::options::OptionSpec;

/// `'connector' = 'filesystem'`.
pub(crate) struct Filesystem;

impl Connector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }

    fn has_format(&self) -> bool {
        true
    }
}

const PATH: &str = "path";
const ENDPOINT: &str = "s3.endpoint";
const ACCESS_KEY: &str = "s3.access-key";
const SECRET_KEY: &str = "s3.secret-key";
const REGION: &str = "s3.region";
const PATH_STYLE: &str = "s3.path.style.access";
const MONITOR_INTERVAL: &str = "source.monitor-interval";
const PATH_PATTERN: &str = "source.path.regex-pattern";
const DEFAULT_NAME: &str = "partition.default-name";
const FILE_SIZE: &str = "sink.rolling-policy.file-size";
const ROLLOVER_INTERVAL: &str = "sink.rolling-policy.rollover-interval";
const INACTIVITY_INTERVAL: &str = "sink.rolling-policy.inactivity-interval";
const CHECK_INTERVAL: &str = "sink.rolling-policy.check-interval";
const COMMIT_TRIGGER: &str = "sink.partition-commit.trigger";
const COMMIT_DELAY: &str = "sink.partition-commit.delay";
const TIME_ZONE: &str = "sink.partition-commit.watermark-time-zone";
const EXTRACTOR_KIND: &str = "partition.time-extractor.kind";
const PATTERN: &str = "partition.time-extractor.timestamp-pattern";
const FORMATTER: &str = "partition.time-extractor.timestamp-formatter";
const COMMIT_POLICY: &str = "sink.partition-commit.policy.kind";
const SUCCESS_NAME: &str = "sink.partition-commit.success-file.name";
const MISSING_FILES: &str = "sink.recovery.missing-files";
const AUTO_COMPACTION: &str = "auto-compaction";
const SHUFFLE_BY_PARTITION: &str = "sink.shuffle-by-partition.enable";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        PATH,
        "a path, a file:// URL or 's3://bucket/prefix'",
        "",
        "the file or directory to read, the directory to write; a relative path starts at the \
         working directory",
    ),
    OptionSpec::new(
        ENDPOINT,
        "a URL such as 'http://localhost:9000'",
        "Amazon's for the region",
        "where the S3-compatible store of the bucket listens",
    ),
    OptionSpec {
        secret: true,
        ..OptionSpec::new(
            ACCESS_KEY,
            "an access key id",
            "AWS_ACCESS_KEY_ID",
            "who reads and writes the bucket",
        )
    },
    OptionSpec {
        secret: true,
        ..OptionSpec::new(
            SECRET_KEY,
            "a secret key",
            "AWS_SECRET_ACCESS_KEY",
            "the secret that goes with the access key",
        )
    },
    OptionSpec::new(
        REGION,
        "a region",
        "AWS_REGION, or us-east-1",
        "the region of the bucket",
    ),
    OptionSpec::new(
        PATH_STYLE,
        "'true' or 'false'",
        "true with 's3.endpoint'",
        "the bucket stands in the path of a request and not in its host name",
    ),
    OptionSpec::new(
        MONITOR_INTERVAL,
        "a duration such as '10 s'",
        "",
        "look for new files this often and never end; without it the files are read once",
    ),
    OptionSpec::new(
        PATH_PATTERN,
        "a regular expression",
        "",
        "only files whose whole absolute path matches are read",
    ),
    OptionSpec::new(
        DEFAULT_NAME,
        "a name",
        partition::DEFAULT_NAME,
        "stands for NULL and the empty string in the name of a partition's directory",
    ),
    OptionSpec::new(
        FILE_SIZE,
        "a size such as '128MB'",
        "128MB",
        "a file that has reached this size is complete; with checkpoints, each of them completes \
         every file",
    ),
    OptionSpec::new(
        ROLLOVER_INTERVAL,
        "a duration such as '30 min'",
        "30 min",
        "a file opened this long ago is complete",
    ),
    OptionSpec::new(
        INACTIVITY_INTERVAL,
        "a duration such as '30 min'",
        "30 min",
        "a file without new rows for this long is complete",
    ),
    OptionSpec::new(
        CHECK_INTERVAL,
        "a duration such as '1 min'",
        "1 min",
        "for Flink; the two intervals are checked whenever rows come and at each commit",
    ),
    OptionSpec::new(
        COMMIT_POLICY,
        "'success-file'",
        "",
        "what marks a partition that has new files: an empty file in its directory",
    ),
    OptionSpec::new(
        SUCCESS_NAME,
        "a name",
        success::DEFAULT_NAME,
        "the name of that file",
    ),
    OptionSpec::new(
        COMMIT_TRIGGER,
        "'process-time' or 'partition-time'",
        "process-time",
        "a partition is marked once its files are visible, or once the watermark has passed the time \
         its name tells",
    ),
    OptionSpec::new(
        COMMIT_DELAY,
        "a duration such as '1 h'",
        "0 s",
        "a partition is marked at the first commit this long after its files became visible, or this \
         long behind its time; for partitions of an hour say '1 h'",
    ),
    OptionSpec::new(
        TIME_ZONE,
        "a time zone such as 'Europe/Berlin' or 'GMT-08:00'",
        "UTC",
        "the zone of the times that partitions are named by, if the watermark is one of TIMESTAMP_LTZ",
    ),
    OptionSpec::new(
        EXTRACTOR_KIND,
        "'default'",
        "default",
        "how the time of a partition is found; 'custom' is not supported",
    ),
    OptionSpec::new(
        PATTERN,
        "a text such as '$dt $hour:00:00'",
        "the first partition column",
        "the time of a partition as text, with the values of partition columns",
    ),
    OptionSpec::new(
        FORMATTER,
        "a pattern such as 'yyyyMMdd'",
        "yyyy-MM-dd HH:mm:ss, or a date",
        "how that text is read",
    ),
    OptionSpec::new(
        MISSING_FILES,
        "'fail' or 'ignore'",
        "fail",
        "what a restarted job does about a file of its checkpoint that is neither pending nor \
         visible: 'ignore' if others take visible files away",
    ),
    OptionSpec::new(
        AUTO_COMPACTION,
        "'false'",
        "false",
        "compaction is not supported",
    ),
    OptionSpec::new(
        SHUFFLE_BY_PARTITION,
        "'false'",
        "false",
        "sending each partition to one subtask is not supported",
    ),
    OptionSpec::new(
        "source.report-statistics",
        "'all' or 'none'",
        "all",
        "for Flink; statistics are not used",
    ),
];
