//! State that does not fit into the memory limit: the result is exact and the limit holds.

#![cfg(target_os = "linux")]

use std::io::Read;
use std::time::Duration;

use crate::kit::{Place, numbers};

const MIB: u64 = 1 << 20;
const LIMIT: u64 = 256 * MIB;

/// Without a limit this takes 290 MiB, and with it the operator has 32 MiB for its 100 MiB.
const KEYS: u64 = 800_000;
const ROWS: u64 = 1_200_000;

/// The most a process has held, bytes; `None` once it is gone.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[test]
fn more_keys_than_fit_are_counted_exactly_and_within_the_limit() {
    let place = Place::new();
    // A multiplier without a common factor goes through all keys in an order no cache likes, and the
    // first third of them comes twice.
    let sql = format!(
        "{}SELECT COUNT(*) AS k, SUM(c) AS n, SUM(c * c) AS squares, SUM(s) AS total FROM (
           SELECT key, COUNT(*) AS c, SUM(n) AS s FROM (
             SELECT n, CONCAT('customer-', LPAD(CAST(MOD(n * 7919, {KEYS}) AS STRING), 45, 'abc-'))
               AS key FROM numbers)
           GROUP BY key);",
        numbers(ROWS)
    );
    let file = place.write("keys.sql", sql);
    let mut job = place
        .command(&["run", &file.to_string_lossy(), "--result", "final"])
        .args(["--format", "csv", "--parallelism", "2"])
        .args(["--checkpoint-dir", "ckpt", "--checkpoint-interval", "1s"])
        .args(["--memory-limit", "256MiB"])
        .spawn()
        .unwrap();
    let mut most = 0;
    while job.try_wait().unwrap().is_none() {
        most = most.max(peak(job.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let (mut out, mut err) = (String::new(), String::new());
    job.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    job.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let twice = ROWS - KEYS;
    let squares = KEYS - twice + 4 * twice;
    let total = ROWS * (ROWS + 1) / 2;
    let wanted = format!("{KEYS},{ROWS},{squares},{total}");
    assert_eq!(out.lines().last(), Some(wanted.as_str()), "{err}");
    assert!(most > 0 && most <= LIMIT, "{} MiB", most / MIB);
}
