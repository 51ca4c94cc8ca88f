//! Servers as processes: started into the background, watched until they answer, stopped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::date::Stopwatch;

const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// How much of a log is looked at; a server that starts writes some ten kilobytes.
const LOG_BYTES_MAX: u64 = 1 << 20;

/// A short wait between two looks.
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(30));
}

/// A loopback address.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// As many different ports as asked for, free a moment ago.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(loopback(0)).context("cannot find a free port")?;
        *port = listener.local_addr()?.port();
        // Kept open until all are found, so that they differ.
        listeners.push(listener);
    }
    Ok(ports)
}

/// A server that was started and may not answer yet.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
    /// Where this start's part of the log begins.
    log_start: u64,
}

/// Starts a server in the background, in its own process group, so that Ctrl-C passes it by.
pub(super) fn spawn(command: &mut Command, log: &Path) -> Result<Server> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    let log_start = file.metadata()?.len();
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    Ok(Server {
        child,
        log: log.to_path_buf(),
        log_start,
    })
}

impl Server {
    /// Waits until the log holds `sign` and somebody listens on `port`; returns the process id.
    pub(super) fn wait(mut self, sign: &str, port: u16, deadline: Duration) -> Result<u32> {
        let watch = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once ({status}); {}", self.log_tail());
            }
            if self.log_text().contains(sign) && answers(port) {
                return Ok(self.child.id());
            }
            if watch.elapsed() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                bail!("it did not answer within {deadline:?}; {}", self.log_tail());
            }
            pause();
        }
    }

    fn log_text(&self) -> String {
        read_from(&self.log, self.log_start).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(20)..];
        format!("the end of {}:\n{}", self.log.display(), tail.join("\n"))
    }
}

fn read_from(path: &Path, start: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&loopback(port), Duration::from_secs(1)).is_ok()
}

/// Whether the process is there, is no zombie, and works on `data`.
pub(super) fn is_running(pid: u32, data: &Path) -> bool {
    if !is_alive(pid) {
        return false;
    }
    match std::fs::read(process_folder(pid).join("cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line).contains(&*data.to_string_lossy()),
        // No /proc on this system: the process id is all there is.
        Err(_) => !has_proc(),
    }
}

/// A zombie is dead, but only once all its threads are: until then its sockets are open.
fn is_alive(pid: u32) -> bool {
    let folder = process_folder(pid);
    let Ok(stat) = std::fs::read_to_string(folder.join("stat")) else {
        return !has_proc() && signal(pid, None).is_ok();
    };
    // `pid (name) state ...`, and the name may hold anything.
    let after_name = stat.rsplit(')').next().unwrap_or_default().trim_start();
    let is_zombie = after_name.is_empty() || after_name.starts_with(['Z', 'X']);
    let threads = std::fs::read_dir(folder.join("task")).map_or(0, Iterator::count);
    !is_zombie || threads > 1
}

fn process_folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn has_proc() -> bool {
    Path::new("/proc/self").exists()
}

/// Stops the process, politely if asked to, and returns once it is gone.
pub(super) fn stop(pid: u32, data: &Path, is_polite: bool) -> Result<()> {
    if !is_running(pid, data) {
        return Ok(());
    }
    let polite = is_polite.then_some(Signal::SIGTERM);
    for sign in polite.into_iter().chain([Signal::SIGKILL]) {
        signal(pid, Some(sign))?;
        let watch = Stopwatch::start();
        while is_alive(pid) && watch.elapsed() < STOP_DEADLINE {
            pause();
        }
        if !is_alive(pid) {
            return Ok(());
        }
    }
    bail!("process {pid} outlived SIGKILL by {STOP_DEADLINE:?}")
}

fn signal(pid: u32, sign: Option<Signal>) -> Result<()> {
    let pid = i32::try_from(pid).context("no process id")?;
    match kill(Pid::from_raw(pid), sign) {
        // It ended on its own in between.
        Err(Errno::ESRCH) if sign.is_some() => Ok(()),
        result => result.with_context(|| format!("cannot signal process {pid}")),
    }
}

/// Runs a command to its end, what it says on our stderr; one that does not end is killed with all
/// it started.
pub(super) fn finish(command: &mut Command, deadline: Duration) -> Result<()> {
    finish_into(command, Stdio::from(std::io::stderr()), deadline)
}

/// Like [`finish`], with another place for what the command prints on standard output.
pub(super) fn finish_into(command: &mut Command, output: Stdio, deadline: Duration) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let watch = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{name} failed ({status})");
            }
            return Ok(());
        }
        if watch.elapsed() > deadline {
            let group = Pid::from_raw(i32::try_from(child.id())?);
            nix::sys::signal::killpg(group, Signal::SIGKILL)?;
            child.wait()?;
            bail!("{name} did not end within {deadline:?}");
        }
        pause();
    }
}
