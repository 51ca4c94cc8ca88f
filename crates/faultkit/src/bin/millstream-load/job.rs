//! The job under load: its statements, and its process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Code, Error, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::options::Options;
use crate::process;

/// How often a process is looked at.
const TICK: Duration = Duration::from_millis(5);

/// Size of the windows, in milliseconds, unless there is a reason for another.
pub(crate) const WINDOW_MS: i64 = 10_000;

/// The table of events; `more` are further options, each with a comma in front.
pub(crate) fn events_table(bootstrap: &str, topic: &str, group: &str, more: &str) -> String {
    format!(
        "CREATE TABLE events (
  seq BIGINT, `key` STRING, amount INT, event_time TIMESTAMP(3),
  WATERMARK FOR event_time AS event_time - INTERVAL '0.001' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
  'properties.group.id' = '{group}', 'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'{more}
);
"
    )
}

/// The table of results, with these columns.
pub(crate) fn results_table(
    bootstrap: &str,
    topic: &str,
    columns: &str,
    guarantee: &str,
) -> String {
    format!(
        "CREATE TABLE results ({columns}) WITH (
  'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
  'format' = 'json', 'sink.delivery-guarantee' = '{guarantee}'
);
"
    )
}

/// Columns of the results of [`windows`].
pub(crate) const WINDOW_COLUMNS: &str =
    "`key` STRING, window_end TIMESTAMP(3), cnt BIGINT, total BIGINT";

/// Events and amounts of each key and window of so many milliseconds.
pub(crate) fn windows(size_ms: i64) -> String {
    format!(
        "INSERT INTO results
SELECT `key`, window_end, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(event_time), INTERVAL '{}.{:03}' SECOND))
GROUP BY `key`, window_start, window_end;
",
        size_ms / 1_000,
        size_ms % 1_000
    )
}

/// A job of the measurement: how to start it.
#[derive(Clone)]
pub(crate) struct Job {
    millstream: PathBuf,
    /// Scripts, messages, checkpoints.
    folder: PathBuf,
    /// Its name.
    pub(crate) name: String,
    script: PathBuf,
    parallelism: usize,
    memory_limit: Option<String>,
    /// Time between two checkpoints; zero: only at the end; `None`: no checkpoints at all.
    pub(crate) interval: Option<Duration>,
    /// More settings, as `key=value`.
    pub(crate) settings: Vec<String>,
}

impl Job {
    /// A job of these statements.
    pub(crate) fn new(options: &Options, name: &str, statements: &str) -> Result<Job> {
        fs::create_dir_all(&options.folder).map_err(|cause| unusable(&options.folder, cause))?;
        let script = options.folder.join(format!("{name}.sql"));
        fs::write(&script, statements).map_err(|cause| unusable(&script, cause))?;
        Ok(Job {
            millstream: options.millstream.clone(),
            folder: options.folder.clone(),
            name: name.to_string(),
            script,
            parallelism: options.parallelism,
            memory_limit: options.memory_limit.clone(),
            interval: Some(options.interval),
            settings: Vec::new(),
        })
    }

    /// The same job with another limit.
    pub(crate) fn with_memory_limit(mut self, limit: Option<&str>) -> Job {
        self.memory_limit = limit.map(str::to_string);
        self
    }

    /// Where its checkpoints are.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints").join(&self.name)
    }

    /// Starts it, or goes on with it.
    pub(crate) fn start(&self) -> Result<Running> {
        let stderr = self.folder.join(format!("{}.stderr", self.name));
        let messages = File::options().create(true).append(true).open(&stderr);
        let messages = messages.map_err(|cause| unusable(&stderr, cause))?;
        let mut command = Command::new(&self.millstream);
        command
            .arg("run")
            .arg(&self.script)
            .args(["--name", &self.name])
            .args(["--parallelism", &self.parallelism.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(messages);
        if let Some(interval) = self.interval {
            let interval = format!("{}ms", interval.as_millis());
            command
                .arg("--checkpoint-dir")
                .arg(self.folder.join("checkpoints"))
                .args(["--checkpoint-interval", &interval]);
        }
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        if let Some(limit) = &self.memory_limit {
            command.args(["--memory-limit", limit]);
        }
        let child = command.spawn().map_err(|cause| {
            let name = self.millstream.display();
            Error::internal(format!("cannot start '{name}'")).caused_by(cause)
        })?;
        Ok(Running {
            child,
            stderr,
            peak: 0,
            cpu_s: 0.0,
            is_over: false,
        })
    }
}

/// A job that runs; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stderr: PathBuf,
    peak: u64,
    cpu_s: f64,
    is_over: bool,
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error if it has ended, with what it said.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.look()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Most resident memory seen.
    pub(crate) fn peak_bytes(&mut self) -> u64 {
        self.peak = self.peak.max(process::peak_bytes(self.child.id()));
        self.peak
    }

    /// Processor seconds when it was last looked at.
    pub(crate) fn cpu_seconds(&mut self) -> f64 {
        self.cpu_s = self.cpu_s.max(process::cpu_seconds(self.child.id()));
        self.cpu_s
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.reap()
    }

    /// SIGTERM: it commits what it has read, and ends well.
    pub(crate) fn stop(mut self, deadline: Duration) -> Result<u64> {
        self.signal(Signal::SIGTERM)?;
        self.wait(deadline)?;
        Ok(self.peak)
    }

    /// Waits until it ends well; returns how long that took.
    pub(crate) fn wait(&mut self, deadline: Duration) -> Result<Duration> {
        let clock = SystemClock::new();
        loop {
            self.peak_bytes();
            self.cpu_seconds();
            match self.look()? {
                Some(status) if status.success() => return Ok(clock.elapsed()),
                Some(status) => return Err(self.ended(status)),
                None if clock.elapsed() > deadline => {
                    let seconds = deadline.as_secs();
                    return Err(Error::internal(format!("no end within {seconds} s")));
                }
                None => std::thread::sleep(TICK),
            }
        }
    }

    fn look(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait();
        let status = status.map_err(lost_sight)?;
        self.is_over |= status.is_some();
        Ok(status)
    }

    fn reap(&mut self) -> Result<()> {
        self.child.wait().map_err(lost_sight)?;
        self.is_over = true;
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> Error {
        let said = fs::read_to_string(&self.stderr).unwrap_or_default();
        let lines: Vec<&str> = said.lines().rev().take(12).collect();
        let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Error::internal(format!("the job ended ({status}): {last}"))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).map_err(|_| Error::internal("impossible pid"))?;
        kill(Pid::from_raw(pid), signal)
            .map_err(|cause| Error::internal(format!("cannot send {signal}")).caused_by(cause))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let ended = self.signal(Signal::SIGKILL).and_then(|()| self.reap());
        if let Err(error) = ended {
            eprintln!("a job could not be ended: {}", error.report());
        }
    }
}

fn lost_sight(cause: std::io::Error) -> Error {
    Error::internal("lost sight of the job").caused_by(cause)
}

fn unusable(path: &Path, cause: std::io::Error) -> Error {
    Error::new(Code::Write, format!("cannot use '{}'", path.display())).caused_by(cause)
}
