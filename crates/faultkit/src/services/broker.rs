//! A broker of one's own: killed, paused and brought back on the same data and the same address.
//!
//! ```text
//! start ─▶ up ─▶ kill ─▶ dead ─▶ restart ─▶ up ─▶ stop
//!           └─ freeze ─▶ thaw ─┘
//! ```
//!
//! * The data folder is the caller's and is kept, so that a broker can be started on it again.
//! * `kill` is SIGKILL and returns once the process is gone; what the broker had written to files
//!   survives, for the kernel has it.
//! * After `kill` a restart takes about 3 s, because the broker's old registration must lapse.
//! * Dropping it stops it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::{Kafka, UP_DEADLINE, command, find, state_path, unusable};

const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Where a broker listens and where it sends its clients; what is `None` is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The port it listens on.
    pub own: Option<u16>,
    /// The port it tells clients to use, such as that of a proxy in front of it.
    pub advertised: Option<u16>,
}

/// A broker that is ours alone.
#[derive(Debug)]
pub struct Broker {
    hold: command::Hold,
    data: PathBuf,
    entry: Entry,
    ports: Ports,
    is_stopped: bool,
}

/// What the state file says about it.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    pid: u32,
    port: u16,
    bootstrap: String,
}

impl Broker {
    /// Starts a broker on the folder `data`, which it creates, and waits until it is ready.
    pub fn start(data: &Path, ports: Ports) -> Result<Broker> {
        let data = std::path::absolute(data).map_err(|error| {
            unusable(format!("no usable path: '{}'", data.display())).caused_by(error)
        })?;
        let arguments = arguments("hold", &data, ports)?;
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let hold = command::Hold::start(&words, UP_DEADLINE)?;
        let entry = look_up(&data)?;
        // It comes back where its clients look for it.
        let ports = Ports {
            own: Some(entry.port),
            ..ports
        };
        Ok(Broker {
            hold,
            data,
            entry,
            ports,
            is_stopped: false,
        })
    }

    /// The address clients are told: the proxy's, if there is one.
    pub fn kafka(&self) -> Kafka {
        Kafka {
            bootstrap: self.entry.bootstrap.clone(),
        }
    }

    /// The port the broker itself listens on.
    pub fn port(&self) -> u16 {
        self.entry.port
    }

    /// Its process id, new after each restart.
    pub fn pid(&self) -> u32 {
        self.entry.pid
    }

    /// SIGKILL; returns once the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        let pid = self.entry.pid;
        if command::wait_until(STOP_DEADLINE, || !is_alive(pid)) {
            Ok(())
        } else {
            Err(unusable(format!(
                "broker process {pid} outlived SIGKILL by {STOP_DEADLINE:?}"
            )))
        }
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Starts it again after [`kill`](Broker::kill), on the same data and the same ports.
    pub fn restart(&mut self) -> Result<()> {
        let arguments = arguments("up", &self.data, self.ports)?;
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        command::run(&words, UP_DEADLINE)?;
        self.entry = look_up(&self.data)?;
        Ok(())
    }

    /// Stops it in an orderly way; its data stays.
    pub fn stop(mut self) -> Result<()> {
        self.is_stopped = true;
        self.hold.end(STOP_DEADLINE)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.entry.pid;
        let failed = || unusable(format!("cannot send {signal} to broker process {pid}"));
        let id = i32::try_from(pid).map_err(|error| failed().caused_by(error))?;
        kill(Pid::from_raw(id), signal).map_err(|error| failed().caused_by(error))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if !self.is_stopped
            && let Err(error) = self.hold.end(STOP_DEADLINE)
        {
            eprintln!("a broker was not stopped: {error}");
        }
    }
}

/// The data folder is also the broker's name: no two brokers can share one.
fn arguments(action: &str, data: &Path, ports: Ports) -> Result<Vec<String>> {
    let data = data
        .to_str()
        .ok_or_else(|| unusable(format!("the path '{}' is no UTF-8", data.display())))?;
    let mut words: Vec<String> = [action, "kafka", "--name", data, "--data", data]
        .map(str::to_string)
        .to_vec();
    for (flag, port) in [
        ("--port", ports.own),
        ("--advertised-port", ports.advertised),
    ] {
        if let Some(port) = port {
            words.extend([flag.to_string(), port.to_string()]);
        }
    }
    Ok(words)
}

fn look_up(data: &Path) -> Result<Entry> {
    let path = state_path()?;
    find(&path, "kafka", &data.to_string_lossy())?.ok_or_else(|| {
        unusable(format!(
            "'{}' does not name the broker on '{}'",
            path.display(),
            data.display()
        ))
    })
}

/// A zombie is dead (who reaps it depends on the system's first process), but only once all its
/// threads are: until then its sockets are open.
fn is_alive(pid: u32) -> bool {
    let folder = Path::new("/proc").join(pid.to_string());
    let Ok(stat) = std::fs::read_to_string(folder.join("stat")) else {
        let has_proc = Path::new("/proc/self").exists();
        return !has_proc
            && i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok());
    };
    let after_name = stat.rsplit(')').next().unwrap_or_default().trim_start();
    let is_zombie = after_name.is_empty() || after_name.starts_with(['Z', 'X']);
    let threads = std::fs::read_dir(folder.join("task")).map_or(0, Iterator::count);
    !is_zombie || threads > 1
}
