//! Busy cores, and what a process costs: memory, descriptors, threads.
//!
//! * [`Burners`]: threads that do nothing but compute. Races that lose data in one run of a
//!   thousand show up when the job cannot have the processor when it wants it.
//! * [`sample`]: resident memory, open descriptors and threads of any process, from `/proc`.
//! * [`check_no_leak`]: the figures after many cycles are back at the baseline, give or take 5 %.
//! * Cost: a sample reads three small files; at one per 100 ms it does not disturb a measurement.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::chance::mix;

/// Threads that keep cores busy until dropped.
pub struct Burners {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Burners {
    /// Most threads one call starts.
    const THREADS_MAX: usize = 256;

    /// Starts `threads` of them, at most 256.
    pub fn start(threads: usize) -> Result<Self> {
        let mut burners = Burners {
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        for number in 0..threads.min(Self::THREADS_MAX) {
            let stop = Arc::clone(&burners.stop);
            let thread = std::thread::Builder::new()
                .name(format!("burner-{number}"))
                .spawn(move || burn(&stop))
                .map_err(|cause| {
                    Error::internal(format!("cannot start burner {number}")).caused_by(cause)
                })?;
            burners.threads.push(thread);
        }
        Ok(burners)
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A burner computes and returns; there is nothing in it that could panic.
            thread.join().unwrap_or_default();
        }
    }
}

fn burn(stop: &AtomicBool) -> u64 {
    let mut value = 1;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            value = mix(value);
        }
    }
    value
}

/// What a process uses at one moment, or the highest of many moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Resident memory.
    pub rss_bytes: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// The higher of each figure.
    #[must_use]
    pub fn max(self, other: Usage) -> Usage {
        Usage {
            rss_bytes: self.rss_bytes.max(other.rss_bytes),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }
}

/// What process `pid` uses now; `None` when it is gone or only waits to be reaped.
pub fn sample(pid: u32) -> Result<Option<Usage>> {
    match read_usage(pid) {
        Ok(usage) => Ok(usage),
        // Gone between two reads: ESRCH is what a vanished process answers.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) if cause.raw_os_error() == Some(nix::libc::ESRCH) => Ok(None),
        Err(cause) => Err(Error::new(
            Code::Read,
            format!("cannot read the usage of process {pid}"),
        )
        .caused_by(cause)),
    }
}

fn read_usage(pid: u32) -> io::Result<Option<Usage>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    // A zombie has no memory line.
    let (Some(rss_kib), Some(threads)) = (field("VmRSS:"), field("Threads:")) else {
        return Ok(None);
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
    Ok(Some(Usage {
        rss_bytes: rss_kib * 1024,
        descriptors,
        threads,
    }))
}

/// Fails when a figure grew by more than 5 % over the baseline (and by more than noise: 4 MiB,
/// 4 descriptors, 2 threads).
pub fn check_no_leak(baseline: Usage, now: Usage) -> Result<()> {
    let figures = [
        (
            "bytes of resident memory",
            baseline.rss_bytes,
            now.rss_bytes,
            4 << 20,
        ),
        ("open descriptors", baseline.descriptors, now.descriptors, 4),
        ("threads", baseline.threads, now.threads, 2),
    ];
    for (name, before, after, noise) in figures {
        let allowed = before.saturating_add((before / 20).max(noise));
        if after > allowed {
            return Err(Error::internal(format!(
                "leak: {name} wants at most {allowed}, found {after} (baseline {before})"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burner_is_a_thread_that_ends_when_dropped() {
        let own = std::process::id();
        let burners = Burners::start(3).unwrap();
        // A thread names itself once it runs.
        let named = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            names(own)
                .iter()
                .filter(|name| name.starts_with("burner-"))
                .count()
                == 3
        });
        assert!(named, "{:?}", names(own));
        drop(burners);
        assert!(!names(own).iter().any(|name| name == "burner-2"));
    }

    fn names(pid: u32) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks
            .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
            .map(|name| name.trim().to_owned())
            .collect()
    }

    #[test]
    fn a_sample_sees_memory_descriptors_and_threads() {
        let own = std::process::id();
        let before = sample(own).unwrap().unwrap();
        assert!(before.rss_bytes > 1 << 20 && before.threads >= 1 && before.descriptors >= 3);
        let heavy = vec![1u8; 96 << 20];
        let after = sample(own).unwrap().unwrap();
        assert!(
            after.rss_bytes > before.rss_bytes + (64 << 20),
            "{before:?} {after:?}"
        );
        assert_eq!(heavy[17], 1);
        assert_eq!(sample(u32::MAX / 2).unwrap(), None);
    }

    #[test]
    fn a_leak_beyond_five_percent_is_named_and_noise_is_not() {
        let baseline = Usage {
            rss_bytes: 1 << 30,
            descriptors: 200,
            threads: 20,
        };
        let noisy = Usage {
            rss_bytes: (1 << 30) + (40 << 20),
            descriptors: 209,
            threads: 21,
        };
        check_no_leak(baseline, noisy).unwrap();
        let leaking = Usage {
            descriptors: 211,
            ..noisy
        };
        let error = check_no_leak(baseline, leaking).unwrap_err();
        assert_eq!(
            error.message(),
            "leak: open descriptors wants at most 210, found 211 (baseline 200)"
        );
    }
}
