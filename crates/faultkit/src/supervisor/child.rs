//! One life of the program: a child in its own process group.

use std::fmt;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use millstream_core::{Code, Error, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Action, Program, Round};
use crate::contention::{Usage, sample};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        }
    }
}

/// A running child; killed with its whole group when dropped.
pub(super) struct Child {
    inner: std::process::Child,
    ended: bool,
}

impl Child {
    pub(super) fn start(
        program: &Program,
        round: &Round,
        stdout: &Path,
        stderr: &Path,
    ) -> Result<Self> {
        let mut command = Command::new(&program.path);
        command
            .args(&program.args)
            .envs(&program.env)
            .stdin(Stdio::null())
            .stdout(log(stdout)?)
            .stderr(log(stderr)?)
            // Its own group: a signal reaches what it started, and never the test.
            .process_group(0);
        // A setting of the surroundings must not leak into a round that has none.
        match &round.failpoints {
            Some(value) => command.env("FAILPOINTS", value),
            None => command.env_remove("FAILPOINTS"),
        };
        let inner = command.spawn().map_err(|cause| {
            let name = program.path.display();
            Error::new(Code::NotFound, format!("cannot start '{name}'")).caused_by(cause)
        })?;
        Ok(Child {
            inner,
            ended: false,
        })
    }

    /// Its process id, which is that of its group.
    pub(super) fn id(&self) -> u32 {
        self.inner.id()
    }

    /// How it ended, or `None` while it runs.
    pub(super) fn exit(&mut self) -> Result<Option<Exit>> {
        let status = self.inner.try_wait().map_err(lost)?;
        self.ended |= status.is_some();
        Ok(status.map(Exit::from))
    }

    pub(super) fn signal(&self, action: Action) -> Result<()> {
        let signal = match action {
            Action::Kill => Signal::SIGKILL,
            Action::Terminate => Signal::SIGTERM,
            Action::Interrupt => Signal::SIGINT,
            Action::Stop => Signal::SIGSTOP,
            Action::Continue => Signal::SIGCONT,
        };
        self.send(signal)
    }

    fn send(&self, signal: Signal) -> Result<()> {
        // Until it is reaped its number cannot be given to another process.
        if self.ended {
            return Ok(());
        }
        let pid = i32::try_from(self.inner.id())
            .map_err(|_| Error::internal(format!("impossible process id {}", self.inner.id())))?;
        match killpg(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(cause) => Err(Error::internal(format!(
                "cannot send {signal} to process group {pid}"
            ))
            .caused_by(cause)),
        }
    }

    /// Kills it and waits for its end.
    pub(super) fn end(&mut self) -> Result<()> {
        self.send(Signal::SIGKILL)?;
        self.inner.wait().map_err(lost)?;
        self.ended = true;
        Ok(())
    }

    /// What it uses now; nothing when it has just ended.
    pub(super) fn usage(&self) -> Result<Usage> {
        Ok(sample(self.inner.id())?.unwrap_or_default())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Err(error) = self.end() {
            eprintln!("a child could not be ended: {}", error.report());
        }
    }
}

fn lost(cause: std::io::Error) -> Error {
    Error::internal("lost sight of the child").caused_by(cause)
}

fn log(path: &Path) -> Result<File> {
    File::create(path).map_err(|cause| {
        Error::new(
            Code::Write,
            format!("cannot create log '{}'", path.display()),
        )
        .caused_by(cause)
    })
}
