//! One life of the job, for cases that are about how it ends.
//!
//! The supervisor restarts a job until it has finished; here the test itself says what happens in a
//! life and which end it wants. The child has its own process group and is killed when dropped.

use std::fs;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::{Error, Result};
use millstream_faultkit::autopsy;
use millstream_faultkit::supervisor::Program;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::trial::unreadable;

/// How often a child is looked at.
const TICK: Duration = Duration::from_millis(5);

/// A running job.
pub(crate) struct Life {
    child: Child,
    stderr: PathBuf,
    clock: SharedClock,
    ended: bool,
}

/// How a life ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    /// Time from the start, or from the last signal, to the end.
    pub(crate) took: Duration,
    /// What was written to standard error.
    pub(crate) messages: String,
}

impl Life {
    /// Starts the job; its messages go to a file in `folder`.
    pub(crate) fn start(
        program: &Program,
        failpoints: Option<&str>,
        folder: &Path,
        clock: SharedClock,
    ) -> Result<Life> {
        let number = clock.elapsed().as_micros();
        let stderr = folder.join(format!("life-{number:012}.stderr"));
        let log = File::create(&stderr).map_err(|cause| unreadable(&stderr, cause))?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.args)
            .envs(&program.env)
            // The words of a panic are enough.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        match failpoints {
            Some(value) => command.env("FAILPOINTS", value),
            None => command.env_remove("FAILPOINTS"),
        };
        let child = command.spawn().map_err(|cause| {
            Error::internal(format!("cannot start '{}'", program.path.display())).caused_by(cause)
        })?;
        Ok(Life {
            child,
            stderr,
            clock,
            ended: false,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        let status = self.child.try_wait();
        let status =
            status.map_err(|cause| Error::internal("lost sight of the child").caused_by(cause))?;
        Ok(status.is_some())
    }

    /// Sends a signal to the whole group.
    pub(crate) fn send(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).map_err(|_| Error::internal("impossible pid"))?;
        match killpg(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(cause) => Err(Error::internal(format!("cannot send {signal}")).caused_by(cause)),
        }
    }

    /// Waits for the end; a life that goes on is an error that shows its last messages.
    pub(crate) fn end(mut self, deadline: Duration) -> Result<End> {
        let begun = self.clock.elapsed();
        loop {
            let status = self
                .child
                .try_wait()
                .map_err(|cause| Error::internal("lost sight of the child").caused_by(cause))?;
            let took = self.clock.elapsed() - begun;
            if let Some(status) = status {
                self.ended = true;
                return Ok(End {
                    status,
                    took,
                    messages: self.messages(),
                });
            }
            if took > deadline {
                let folder = self.stderr.parent().unwrap_or(Path::new("."));
                let did = autopsy::write(self.child.id(), &self.stderr, folder);
                return Err(Error::internal(format!(
                    "no end within {} ms; {did}; {}",
                    deadline.as_millis(),
                    self.messages()
                )));
            }
            std::thread::sleep(TICK);
        }
    }

    /// What it has written to standard error so far.
    pub(crate) fn messages(&self) -> String {
        match fs::read(&self.stderr) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(cause) => format!("no messages: {cause}"),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let ended = self.send(Signal::SIGKILL);
        if let Err(error) = ended.and_then(|()| {
            let waited = self.child.wait();
            waited.map_err(|cause| Error::internal("lost sight of the child").caused_by(cause))
        }) {
            eprintln!("a child could not be ended: {}", error.report());
        }
    }
}

impl End {
    /// An end by SIGKILL.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9) || self.status.code() == Some(137)
    }

    /// Wants exit 0.
    pub(crate) fn well(self) -> Result<End> {
        match self.status.success() {
            true => Ok(self),
            false => Err(Error::internal(format!(
                "wanted exit 0, found {}: {}",
                self.status, self.messages
            ))),
        }
    }

    /// Wants a failure that is explained: an error of ours that names all of `words`, no panic.
    pub(crate) fn explained(self, words: &[&str]) -> Result<End> {
        let missing = words.iter().find(|word| !self.messages.contains(**word));
        let complaint = if self.status.success() {
            "exit 0".to_string()
        } else if self.status.code().is_none() {
            format!("{}", self.status)
        } else if self.messages.contains("panicked") {
            "the text of a panic".to_string()
        } else if !self.messages.contains("error[MS") {
            "no error with a code".to_string()
        } else if let Some(word) = missing {
            format!("nothing about '{word}'")
        } else {
            return Ok(self);
        };
        Err(Error::internal(format!(
            "wanted an explained failure, found {complaint}: {}",
            self.messages
        )))
    }
}
