//! Whether a failed job tries again, when, and how often.
//!
//! ```text
//! failure 1   2    3     4 …                       10 within the window, the next gives up
//! wait    100 200 400  800 … 10 s  (doubles, capped)
//! healthy for long enough: as if nothing had failed
//! ```
//!
//! * A fatal failure gives up at once: the same attempt would fail in the same way (X2).
//! * The first cause is kept, for it is usually the true one; the last because it is the present.
//! * Always: at most `restarts_max` restarts in any `window_ms`, so never a tight loop.
//! * Time comes in as an argument; a clock that goes back is taken as standing still.

use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The outside is away or busy, and nothing was done: the same call again.
    Retryable,
    /// The attempt is lost, the data is not: drop the producer, recover, replay.
    Replayable,
    /// It will fail again until somebody changes something: stop with the text.
    Fatal,
}

/// How often and how fast one step is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The first wait.
    pub first_ms: u64,
    /// The longest wait.
    pub cap_ms: u64,
    /// Attempts in all, the first included.
    pub attempts: u32,
}

impl Backoff {
    /// The wait after the failed attempt with this number, from 1: doubles up to the cap.
    pub fn wait_ms(&self, attempt: u32) -> u64 {
        let doublings = attempt.saturating_sub(1).min(63);
        self.first_ms
            .saturating_mul(1 << doublings)
            .min(self.cap_ms)
    }
}

/// How a job is restarted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The wait before the first restart.
    pub first_ms: u64,
    /// The longest wait.
    pub cap_ms: u64,
    /// Restarts allowed within the window.
    pub restarts_max: u32,
    /// The window.
    pub window_ms: u64,
    /// Running this long forgets every failure before.
    pub healthy_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first_ms: 100,
            cap_ms: 10_000,
            restarts_max: 10,
            window_ms: 600_000,
            healthy_ms: 600_000,
        }
    }
}

/// The answer to a failure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Restart {
    /// Start again after so many milliseconds.
    After(u64),
    /// The job has failed.
    GiveUp {
        /// The cause of the first failure since the job was last healthy.
        first: String,
        /// The cause of this failure.
        last: String,
        /// Restarts that were tried since the job was last healthy.
        restarts: u32,
    },
}

/// The failures of one job. See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Restarts {
    policy: Policy,
    /// Times of the restarts within the window; never more than `restarts_max`.
    recent: VecDeque<u64>,
    /// Restarts since the job was last healthy.
    in_a_row: u32,
    first: Option<String>,
    /// When the job last reported that it runs, if it has since the last failure.
    running_since_ms: Option<u64>,
    now_ms: u64,
}

impl Restarts {
    /// A job that has not failed yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            recent: VecDeque::new(),
            in_a_row: 0,
            first: None,
            running_since_ms: None,
            now_ms: 0,
        }
    }

    /// The job runs: recovered, first rows flow. Health is counted from here.
    pub fn running(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.running_since_ms.get_or_insert(self.now_ms);
    }

    /// The job failed.
    pub fn next(&mut self, now_ms: u64, class: Class, cause: &str) -> Restart {
        self.now_ms = self.now_ms.max(now_ms);
        self.forget();
        let first = self.first.get_or_insert_with(|| cause.to_owned()).clone();
        if class == Class::Fatal || self.recent.len() >= self.policy.restarts_max as usize {
            return Restart::GiveUp {
                first,
                last: cause.to_owned(),
                restarts: self.in_a_row,
            };
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.recent.push_back(self.now_ms);
        let (first_ms, cap_ms) = (self.policy.first_ms, self.policy.cap_ms);
        let backoff = Backoff {
            first_ms,
            cap_ms,
            attempts: self.policy.restarts_max,
        };
        Restart::After(backoff.wait_ms(self.in_a_row))
    }

    fn forget(&mut self) {
        let healthy = |since: u64| self.now_ms - since >= self.policy.healthy_ms;
        if self.running_since_ms.take().is_some_and(healthy) {
            self.recent.clear();
            self.in_a_row = 0;
            self.first = None;
        }
        let (now, window) = (self.now_ms, self.policy.window_ms);
        while self.recent.front().is_some_and(|at| now - at >= window) {
            self.recent.pop_front();
        }
    }
}
