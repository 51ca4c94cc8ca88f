//! Waiting for processing time: the one place where a task sleeps.
//!
//! Time is the injected clock's, waiting is tokio's. The machine's clock may jump and a test's
//! clock is moved by hand, so a long wait is cut into pieces of at most `check`, after each of
//! which the caller looks at the clock again.

use std::time::Duration;

use millstream_core::clock::SharedClock;

/// Sleeps until the clock may have reached a time.
#[derive(Clone)]
pub(crate) struct Timer {
    clock: SharedClock,
    check: Duration,
}

impl Timer {
    /// Shortest sleep: what is due sooner is slept for this long.
    const SHORTEST: Duration = Duration::from_millis(1);

    /// A timer that looks at `clock` at least every `check`.
    pub(crate) fn new(clock: SharedClock, check: Duration) -> Self {
        Timer { clock, check }
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Time left until `at_ms`.
    pub(crate) fn until(&self, at_ms: i64) -> Duration {
        let left = at_ms.saturating_sub(self.clock.now_ms());
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    }

    /// Sleeps for `left`, or for less: look at the clock again afterwards. Without a time it
    /// sleeps for ever.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that sleeps; the caller then asks the injected clock"
    )]
    pub(crate) async fn pause(&self, left: Option<Duration>) {
        match left {
            Some(left) => tokio::time::sleep(left.min(self.check).max(Self::SHORTEST)).await,
            None => std::future::pending().await,
        }
    }
}
