//! A job that reads files and writes files: for faults of records, which need no broker.
//!
//! ```text
//! in/part-00000.jsonl, ..  ──▶ millstream run job.sql ──▶ out/   compared with the reference
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::{SharedClock, SystemClock};
use millstream_core::{Code, Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::compare::compare;
use millstream_faultkit::generator::Plan;
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::Program;

use crate::life::{End, Life};
use crate::trial::{binary, read_files, record, with, write_file};

/// Longest life of such a job.
const LONG: Duration = Duration::from_secs(60);

/// A job over files.
pub(crate) struct Plain {
    pub(crate) case: &'static str,
    pub(crate) seed: u64,
    pub(crate) folder: PathBuf,
    /// What the rows are; for columns and the reference.
    pub(crate) plan: Plan,
    pub(crate) query: Query,
    /// Options of the source besides connector, path and format.
    pub(crate) options: Vec<(String, String)>,
    /// `json` or `csv`.
    pub(crate) format: &'static str,
    /// More arguments of the command.
    pub(crate) arguments: Vec<String>,
    /// Variables of its environment.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) clock: SharedClock,
}

impl Plain {
    /// A job over JSON files with two partitions of so many rows.
    pub(crate) fn new(case: &'static str, context: &Context, rows: u64, query: Query) -> Plain {
        let mut plan = Plan::small(context.seed, rows);
        plan.partitions = 2;
        Plain {
            case,
            seed: context.seed,
            folder: context.folder.clone(),
            plan,
            query,
            options: Vec::new(),
            format: "json",
            arguments: Vec::new(),
            env: Vec::new(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// One more option of the source.
    pub(crate) fn option(&mut self, key: &str, value: &str) {
        self.options.push((key.into(), value.into()));
    }

    /// Folder of what is read.
    pub(crate) fn input(&self) -> PathBuf {
        self.folder.join("in")
    }

    /// Folder of what is written.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// The rows of a partition as lines of the format.
    pub(crate) fn lines(&self, partition: u32) -> Vec<String> {
        self.plan
            .partition(partition)
            .map(|row| row.to_json())
            .collect()
    }

    /// Writes a file that is read.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.input().join(name);
        let written =
            std::fs::create_dir_all(self.input()).and_then(|()| std::fs::write(&path, bytes));
        written.map_err(|cause| {
            Error::new(Code::Write, format!("cannot write '{}'", path.display())).caused_by(cause)
        })?;
        Ok(path)
    }

    fn sql(&self) -> String {
        let files = |path: PathBuf, format: &str| -> Vec<(String, String)> {
            [
                ("connector", "filesystem".to_owned()),
                ("path", path.display().to_string()),
                ("format", format.to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
        };
        let mut source = files(self.input(), self.format);
        source.extend(self.options.iter().cloned());
        format!(
            "CREATE TABLE events ({}) WITH ({});\nCREATE TABLE out0 ({}) WITH ({});\n\
             INSERT INTO out0 {};\n",
            self.plan.columns_sql(),
            with(&source),
            self.query.sink_columns_sql(),
            with(&files(self.output(), "json")),
            self.query.select_sql(),
        )
    }

    /// One life of the job.
    pub(crate) fn live(&self, failpoints: Option<&str>) -> Result<Life> {
        let script = self.folder.join("job.sql");
        write_file(&script, &self.sql())?;
        run(self, &script.display().to_string(), failpoints)
    }

    /// One life to its end.
    pub(crate) fn run(&self) -> Result<End> {
        self.live(None)?.end(LONG)
    }

    /// Whether the output is that of the reference.
    pub(crate) fn judge(&self) -> Result<u64> {
        let found = read_files(&self.output(), self.query.columns())?;
        let difference = compare(&self.query.expected(&self.plan), &found);
        record(&serde_json::json!({
            "case": self.case,
            "seed": self.seed,
            "query": self.query.id(),
            "rows": found.len(),
            "lost": difference.lost_rows(),
            "duplicated": difference.duplicated_rows(),
            "equal": difference.is_empty(),
        }))?;
        difference.into_result()?;
        Ok(found.len())
    }

    /// Wants exit 0 and a warning about exactly so many of `what`, summed over all files.
    pub(crate) fn told(&self, end: &End, count: u64, what: &str) -> Result<()> {
        let found: u64 = end
            .messages
            .lines()
            .filter_map(|line| {
                let line = line.strip_prefix("warning: ")?;
                let (number, rest) = line.split_once(' ')?;
                rest.starts_with(what).then(|| number.parse::<u64>().ok())?
            })
            .sum();
        match found == count {
            true => Ok(()),
            false => Err(Error::internal(format!(
                "wanted {count} of '{what}' to be told, found {found}: {}",
                end.messages
            ))),
        }
    }
}

fn run(job: &Plain, script: &str, failpoints: Option<&str>) -> Result<Life> {
    let checkpoints = job.folder.join("checkpoints").display().to_string();
    let mut arguments = vec![
        "run",
        script,
        "--name",
        "plain",
        "--checkpoint-dir",
        &checkpoints,
        "--checkpoint-interval",
        "20ms",
        "--parallelism",
        "2",
    ];
    arguments.extend(job.arguments.iter().map(String::as_str));
    let mut program = Program::new(binary()?, &arguments);
    program.env.extend(job.env.iter().cloned());
    Life::start(&program, failpoints, &job.folder, Arc::clone(&job.clock))
}
