//! The JVM: started when first asked, ended with us, replaced if it hangs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::date::Stopwatch;
use crate::services;

const START_DEADLINE: Duration = Duration::from_secs(180);
/// A job has 60 s, and a script some ten of them.
const SCRIPT_DEADLINE: Duration = Duration::from_secs(15 * 60);
const SOURCE: &str = include_str!("Referee.java");

/// What a script is run with unless it says otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("parallelism.default", "1"),
    ("pipeline.auto-watermark-interval", "0 ms"),
    ("table.local-time-zone", "UTC"),
];

/// A Flink that may not have been started yet.
#[derive(Default)]
pub(super) struct Flink(Option<Running>);

struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Flink {
    /// Runs a script and returns what Flink has to say about its queries and INSERTs.
    pub(super) fn ask(
        &mut self,
        name: &str,
        settings: &[(String, String)],
        sql: &str,
    ) -> Result<Vec<Value>> {
        let running = match &mut self.0 {
            Some(running) => running,
            none => none.insert(Running::start()?),
        };
        let answer = running.ask(&request(name, settings, sql));
        if answer.is_err() {
            // Whatever it is busy with, the next script shall not suffer from it.
            self.0 = None;
        }
        let answer = answer.with_context(|| format!("cannot ask Flink about {name}"))?;
        match answer {
            Value::Array(statements) => Ok(statements),
            other => bail!("Flink answers with {other}"),
        }
    }
}

fn request(name: &str, settings: &[(String, String)], sql: &str) -> Value {
    let own = SETTINGS
        .iter()
        .map(|(key, value)| (key.to_string(), json!(value)));
    let given = settings
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)));
    let settings: Map<String, Value> = own.chain(given).collect();
    json!({"name": name, "settings": settings, "sql": sql})
}

impl Running {
    fn start() -> Result<Running> {
        let watch = Stopwatch::start();
        let jars = services::flink::jars()?;
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("Referee.java");
        std::fs::write(&source, SOURCE)?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut child = services::flink::java(&jars, &source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start java")?;
        let stdin = child.stdin.take().context("stdin is a pipe")?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let running = Running {
            child,
            stdin,
            lines,
            folder,
        };
        let ready = running
            .line(START_DEADLINE)
            .context("Flink did not start")?;
        if ready != format!("ready {}", services::flink::VERSION) {
            bail!("wanted Flink {}, found: {ready}", services::flink::VERSION);
        }
        eprintln!("{ready} after {:.1} s", watch.elapsed().as_secs_f64());
        Ok(running)
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        writeln!(self.stdin, "{request}")?;
        self.stdin.flush()?;
        let line = self.line(SCRIPT_DEADLINE)?;
        let mut answer: Value = serde_json::from_str(&line).context("Flink answers no JSON")?;
        Ok(answer["statements"].take())
    }

    fn line(&self, deadline: Duration) -> Result<String> {
        match self.lines.recv_timeout(deadline) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {deadline:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
                let log = String::from_utf8_lossy(&log).into_owned();
                let lines: Vec<&str> = log.lines().collect();
                let tail = &lines[lines.len().saturating_sub(20)..];
                bail!("it ended; its last words:\n{}", tail.join("\n"))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing in it is worth waiting for; everything it wrote is in folders that go with us.
        for outcome in [self.child.kill(), self.child.wait().map(|_| ())] {
            if let Err(error) = outcome {
                eprintln!("cannot end Flink: {error}");
            }
        }
    }
}
