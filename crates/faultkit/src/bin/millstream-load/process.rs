//! What a process costs: its peak of resident memory, and processor time by thread.
//!
//! * Peak: `VmHWM`, which the kernel keeps; it is gone with the process, so it is read while it runs.
//! * Threads of one kind differ by a number, which is left out: `tokio-rt-3` counts as `tokio-rt`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

/// Ticks of /proc per second, the same on every Linux in use.
const TICKS: f64 = 100.0;

/// Highest resident memory so far; 0 when the process is gone.
pub(crate) fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// Processor seconds of the whole process so far; 0 when it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::path::PathBuf::from(format!("/proc/{pid}/stat"));
    read(&stat).map_or(0.0, |(_, ticks)| ticks / TICKS)
}

/// Processor seconds of every kind of thread so far.
pub(crate) fn threads(pid: u32) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return all;
    };
    for task in tasks.flatten() {
        if let Some((name, ticks)) = read(&task.path().join("stat")) {
            *all.entry(name).or_default() += ticks / TICKS;
        }
    }
    all
}

/// `pid (name) state ppid … utime stime`: fields 14 and 15, counted behind the name.
fn read(path: &std::path::Path) -> Option<(String, f64)> {
    let text = fs::read_to_string(path).ok()?;
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || "-#:_ ".contains(c));
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((name.to_string(), ticks))
}

/// Processors used between two readings that lie `seconds` apart: the sum, and the busiest threads.
pub(crate) fn used(
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
    seconds: f64,
) -> Value {
    let mut each: Vec<(&str, f64)> = after
        .iter()
        .map(|(name, time)| {
            let spent = time - before.get(name).copied().unwrap_or_default();
            (name.as_str(), spent.max(0.0) / seconds.max(0.001))
        })
        .collect();
    each.sort_by(|a, b| b.1.total_cmp(&a.1));
    let sum: f64 = each.iter().map(|(_, used)| used).sum();
    let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
    let shown = each.iter().take(8).filter(|(_, used)| *used >= 0.005);
    let threads: BTreeMap<&str, f64> = shown.map(|(name, used)| (*name, round(*used))).collect();
    json!({"cores": round(sum), "threads": threads})
}

/// The broker of the services, if it is on this machine and known.
pub(crate) fn broker() -> Option<u32> {
    let path = std::env::var_os("MILLSTREAM_SERVICES")?;
    let state: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let entries = state["services"].as_array()?;
    let kafka = entries.iter().find(|entry| entry["kind"] == "kafka")?;
    kafka["pid"].as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_threads_and_memory_are_seen() {
        let own = std::process::id();
        assert!(peak_bytes(own) > 1 << 20);
        assert!(!threads(own).is_empty());
        assert_eq!(cpu_seconds(u32::MAX / 2), 0.0);
        assert_eq!(peak_bytes(u32::MAX / 2), 0);
    }

    #[test]
    fn what_was_used_is_the_difference_over_the_time() {
        let before = BTreeMap::from([("a".to_string(), 1.0)]);
        let after = BTreeMap::from([("a".to_string(), 3.0), ("b".to_string(), 1.0)]);
        let used = used(&before, &after, 2.0);
        assert_eq!(used["cores"], 1.5);
        assert_eq!(used["threads"]["a"], 1.0);
    }
}
