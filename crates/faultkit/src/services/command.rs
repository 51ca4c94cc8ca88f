//! `cargo xtask services ...` as a child: run to its end, or held for as long as we live.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for real processes; no simulated time here"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use millstream_core::Result;

use super::{state_path, unusable};

/// A short wait between two looks.
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Looks again and again until `is_true` or the deadline; tells which.
pub(super) fn wait_until(deadline: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is_true() {
            return true;
        }
        if start.elapsed() > deadline {
            return false;
        }
        pause();
    }
}

/// The program of this very checkout: as it was started, or by way of cargo.
fn xtask(arguments: &[&str]) -> Result<Command> {
    let mut command = match std::env::var_os("MILLSTREAM_XTASK") {
        Some(program) => Command::new(program),
        None => {
            let mut cargo =
                Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.arg("xtask");
            cargo
        }
    };
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        // It works in another folder than we do.
        .env("MILLSTREAM_SERVICES", state_path()?)
        .arg("services")
        .args(arguments);
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .map_err(|error| unusable("cannot start `cargo xtask services`").caused_by(error))
}

/// Runs one action to its end.
pub(super) fn run(arguments: &[&str], deadline: Duration) -> Result<()> {
    let line = arguments.join(" ");
    let mut child = spawn(xtask(arguments)?.stdin(Stdio::null()).stdout(Stdio::null()))?;
    let mut outcome = None;
    wait_until(deadline, || {
        outcome = child.try_wait().transpose();
        outcome.is_some()
    });
    match outcome {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(unusable(format!(
            "`cargo xtask services {line}` failed ({status})"
        ))),
        Some(Err(error)) => {
            Err(unusable(format!("lost sight of `cargo xtask services {line}`")).caused_by(error))
        }
        None => {
            end(&mut child)?;
            Err(unusable(format!(
                "`cargo xtask services {line}` did not end within {deadline:?}"
            )))
        }
    }
}

fn end(child: &mut Child) -> Result<()> {
    child
        .kill()
        .and_then(|()| child.wait())
        .map(drop)
        .map_err(|error| unusable("cannot end `cargo xtask services`").caused_by(error))
}

/// Servers that are up as long as this is there.
#[derive(Debug)]
pub(super) struct Hold {
    child: Child,
}

impl Hold {
    /// Starts `hold` and waits until its servers are up.
    pub(super) fn start(arguments: &[&str], deadline: Duration) -> Result<Hold> {
        let mut child = spawn(
            xtask(arguments)?
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        )?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| unusable("no output of the holder"))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        // Ends with the line, with the end of the child, or with the child we end below.
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Nobody listens any more after the deadline.
            sender.send(read.map(|_| line)).is_ok()
        });
        let ready = receiver.recv_timeout(deadline);
        if matches!(&ready, Ok(Ok(line)) if !line.trim().is_empty()) {
            return Ok(Hold { child });
        }
        end(&mut child)?;
        drop(reader);
        Err(unusable(format!(
            "`cargo xtask services {}` did not start its server within {deadline:?}; see its messages above",
            arguments.join(" ")
        )))
    }

    /// Ends the servers and waits until they are gone.
    pub(super) fn end(&mut self, deadline: Duration) -> Result<()> {
        drop(self.child.stdin.take());
        let mut outcome = None;
        wait_until(deadline, || {
            outcome = self.child.try_wait().transpose();
            outcome.is_some()
        });
        match outcome {
            Some(Ok(status)) if status.success() => Ok(()),
            Some(Ok(status)) => Err(unusable(format!(
                "the holder of a server failed ({status})"
            ))),
            Some(Err(error)) => {
                Err(unusable("lost sight of the holder of a server").caused_by(error))
            }
            None => {
                end(&mut self.child)?;
                Err(unusable(format!(
                    "a server was not stopped within {deadline:?}"
                )))
            }
        }
    }
}
