//! What a process that hangs is doing, written down before it is killed.
//!
//! ```text
//! /proc/PID/task/*  name, state, where it sleeps in the kernel, system call, kernel stack
//! gdb, if there     the stack of every thread in our code
//! its messages      the last bytes of standard error
//! ```
//!
//! * Every process of the child's group is looked at: the child may be `strace` with the job below it.
//! * Always: what cannot be read is said in the place where it would stand; an autopsy never fails a
//!   run that has failed already, and it ends: `gdb` gets [`GDB_DEADLINE`].
//! * Cost: some small files per thread; `gdb` reads the symbols of the binary, some seconds.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};

/// Longest time for the stacks of our own code.
pub const GDB_DEADLINE: Duration = Duration::from_secs(60);

/// Most bytes of a log that are shown.
const TAIL_BYTES: usize = 16 << 10;

/// Writes what the processes of group `group` do, and the end of their messages, to a file in `folder`.
/// Returns a sentence for the error that says where it is.
pub fn write(group: u32, stderr: &Path, folder: &Path) -> String {
    let path = folder.join(format!("hanging-{group}.txt"));
    let mut text = kernel_side(group);
    let tail = last_bytes(stderr);
    append(&mut text, &format!("== messages\n{tail}\n"));
    // First what costs nothing, so that it is there even if the rest takes us down.
    if let Err(cause) = fs::write(&path, &text) {
        return format!("what it did could not be written down: {cause}\n{text}");
    }
    let own = folder.join(format!("hanging-{group}.gdb.txt"));
    let stacks = match own_side(group, &own) {
        Ok(true) => format!(", its stacks in '{}'", own.display()),
        Ok(false) => String::new(),
        Err(cause) => format!(", no stacks: {cause}"),
    };
    format!("what its threads did is in '{}'{stacks}", path.display())
}

/// The processes of a group.
pub fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return vec![group];
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<u32> = names
        .filter_map(|name| name.parse().ok())
        .filter(|pid| group_of(*pid) == Some(group))
        .collect();
    found.sort_unstable();
    found
}

fn group_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, so count from its end: state, parent, group.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

/// Every thread of every process of the group, as the kernel sees it.
pub fn kernel_side(group: u32) -> String {
    let mut text = String::new();
    for pid in members(group) {
        let line = read(&format!("/proc/{pid}/cmdline")).replace('\0', " ");
        append(&mut text, &format!("== process {pid}: {}\n", line.trim()));
        for name in ["status", "io"] {
            let all = read(&format!("/proc/{pid}/{name}"));
            let lines = all.lines().filter(|line| is_telling(line));
            lines.for_each(|line| append(&mut text, &format!("   {line}\n")));
        }
        threads_of(pid, &mut text);
    }
    append(&mut text, "== the machine\n");
    for name in ["loadavg", "pressure/cpu", "pressure/io", "pressure/memory"] {
        let line = read(&format!("/proc/{name}")).replace('\n', "; ");
        append(&mut text, &format!("   {name}: {line}\n"));
    }
    let memory = read("/proc/meminfo");
    let lines = memory.lines().filter(|line| is_telling(line));
    lines.for_each(|line| append(&mut text, &format!("   {line}\n")));
    text
}

fn is_telling(line: &str) -> bool {
    const KEYS: &[&str] = &[
        "State",
        "VmRSS",
        "VmHWM",
        "Threads",
        "SigQ",
        "write_bytes",
        "Dirty",
        "Writeback:",
        "MemAvail",
    ];
    KEYS.iter().any(|key| line.starts_with(key))
}

fn threads_of(pid: u32, text: &mut String) {
    let folder = format!("/proc/{pid}/task");
    let mut threads: Vec<u32> = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok())
            .collect(),
        Err(cause) => {
            append(text, &format!("   no threads: {cause}\n"));
            return;
        }
    };
    threads.sort_unstable();
    for thread in threads {
        let of = |name: &str| read(&format!("{folder}/{thread}/{name}")).trim().to_owned();
        let stat = of("stat");
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next())
            .unwrap_or('?');
        let heading = format!(
            "-- thread {thread} '{}': state {state}, waits in {}, system call {}\n",
            of("comm"),
            of("wchan"),
            of("syscall"),
        );
        append(text, &heading);
        let stack = of("stack");
        let lines = stack.lines();
        lines.for_each(|line| append(text, &format!("      {line}\n")));
    }
}

/// The stacks of our own code; false where there is no `gdb`.
fn own_side(group: u32, path: &Path) -> io::Result<bool> {
    let Some(pid) = members(group).into_iter().max_by_key(|pid| threads(*pid)) else {
        return Ok(false);
    };
    let file = fs::File::create(path)?;
    let child = Command::new("gdb")
        .args(["-p", &pid.to_string(), "-batch", "-nx"])
        .args(["-ex", "set pagination off", "-ex", "thread apply all bt 40"])
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            fs::remove_file(path)?;
            return Ok(false);
        }
        Err(cause) => return Err(cause),
    };
    let clock = SystemClock::new();
    while child.try_wait()?.is_none() {
        if clock.elapsed() > GDB_DEADLINE {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(true)
}

fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// A small file, or why it cannot be read.
fn read(path: &str) -> String {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(cause) => format!("({cause})"),
    }
}

fn last_bytes(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => {
            let from = bytes.len().saturating_sub(TAIL_BYTES);
            String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
        }
        Err(cause) => format!("(no messages: {cause})"),
    }
}

fn append(text: &mut String, more: &str) {
    // Writing to a string cannot fail.
    text.write_str(more).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn every_thread_of_a_group_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let stderr = folder.path().join("stderr");
        fs::write(&stderr, "the last words").unwrap();
        let mut child = Command::new("/bin/sh")
            .args(["-c", "sleep 60 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        let group = child.id();
        // The shell forks when it gets to it.
        let two = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            members(group).len() == 2 && kernel_side(group).contains("'sleep'")
        });
        let told = write(group, &stderr, folder.path());
        nix::sys::signal::killpg(
            nix::unistd::Pid::from_raw(i32::try_from(group).unwrap()),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        child.wait().unwrap();
        assert!(two, "{:?}", members(group));
        let path = folder.path().join(format!("hanging-{group}.txt"));
        assert!(told.contains(&path.display().to_string()), "{told}");
        let text = fs::read_to_string(&path).unwrap();
        for part in [
            "'sleep': state S",
            "'sh': state S",
            "the last words",
            "loadavg",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_no_reason_to_fail() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = u32::MAX / 2;
        let told = write(nobody, &folder.path().join("none"), folder.path());
        assert!(told.contains("hanging-"), "{told}");
    }
}
