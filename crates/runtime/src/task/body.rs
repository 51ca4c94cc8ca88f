//! What every task has: a chain of operators, its outputs, and its timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::Result;
use millstream_core::clock::SharedClock;

use super::chain::Chain;
use super::output::Outputs;
use super::timer::Timer;
use crate::spawn::let_others_run;

/// The part of a task behind its input.
pub(crate) struct Body {
    /// The operators.
    pub(crate) chain: Chain,
    /// Where their results go.
    pub(crate) outputs: Outputs,
    /// Time.
    pub(crate) timer: Timer,
    last_breath: Duration,
}

impl Body {
    /// Longest time a task works before others get a turn.
    const BREATH: Duration = Duration::from_millis(1);

    /// A body at rest.
    pub(crate) fn new(chain: Chain, outputs: Outputs, timer: Timer) -> Self {
        Body {
            chain,
            outputs,
            last_breath: timer.clock().elapsed(),
            timer,
        }
    }

    /// Begins; the chain may end at once.
    pub(crate) async fn start(&mut self) -> Result<()> {
        self.chain.start()?;
        self.flush().await
    }

    /// Sends what the chain has put out; waits while readers are behind.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.outputs.send_all(&mut self.chain).await
    }

    /// Completes the input and sends what is left.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.chain.end()?;
        self.flush().await
    }

    /// Passes a stop on.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.chain.stop();
        self.flush().await
    }

    /// Does what is due by the clock.
    pub(crate) async fn fire_due(&mut self) -> Result<()> {
        let Some(due) = self.next_wake() else {
            return Ok(());
        };
        if due > self.timer.clock().now_ms() {
            return Ok(());
        }
        self.chain.fire_timers()?;
        self.flush().await?;
        self.outputs.fire_due().await
    }

    /// Time left until something is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.next_wake().map(|at| self.timer.until(at))
    }

    /// Lets other tasks run if this one has worked for a while.
    pub(crate) async fn breathe(&mut self) {
        let now = self.timer.clock().elapsed();
        if now.saturating_sub(self.last_breath) >= Self::BREATH {
            let_others_run().await;
            self.last_breath = self.timer.clock().elapsed();
        }
    }

    fn next_wake(&self) -> Option<i64> {
        match (self.chain.next_wake(), self.outputs.next_wake()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Runs a future and adds the time it was working (not waiting) to `busy_nanos`.
pub(crate) async fn count_busy<T>(
    clock: &SharedClock,
    busy_nanos: &AtomicU64,
    future: impl Future<Output = T>,
) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let started = clock.elapsed();
        let polled = future.as_mut().poll(context);
        let busy = clock.elapsed().saturating_sub(started).as_nanos();
        busy_nanos.fetch_add(u64::try_from(busy).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    })
    .await
}

/// A future for a boxed task.
pub(crate) type TaskFuture =
    std::pin::Pin<Box<dyn Future<Output = Result<crate::spawn::End>> + Send>>;

/// Whether a job is asked to stop; cheap to clone.
#[derive(Clone)]
pub(crate) struct StopSignal(Arc<tokio::sync::watch::Sender<bool>>);

impl StopSignal {
    /// Nobody has asked yet.
    pub(crate) fn new() -> Self {
        StopSignal(Arc::new(tokio::sync::watch::Sender::new(false)))
    }

    /// Asks for a stop.
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }

    /// A view for one task.
    pub(crate) fn watch(&self) -> StopWatch {
        StopWatch(self.0.subscribe())
    }
}

/// One task's view of the stop signal.
pub(crate) struct StopWatch(tokio::sync::watch::Receiver<bool>);

impl StopWatch {
    /// True once a stop was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for.
    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // The job is gone and this task is about to be cancelled.
            std::future::pending::<()>().await;
        }
    }
}
