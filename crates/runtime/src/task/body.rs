//! What every task has: a chain of operators, its outputs, and its timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::Result;
use millstream_core::clock::SharedClock;
use millstream_core::failpoint::failpoint;
use millstream_core::message::Barrier;

use super::chain::Chain;
use super::output::Outputs;
use super::report::{Passed, Report, Reports, SourceSnapshot};
use super::timer::Timer;
use crate::memory::JobMemory;
use crate::spawn::let_others_run;

/// How often a task looks for state to give up while memory is short.
const RELIEVE_EVERY: Duration = Duration::from_millis(50);

/// The part of a task behind its input.
pub(crate) struct Body {
    /// The operators.
    pub(crate) chain: Chain,
    /// Where their results go.
    pub(crate) outputs: Outputs,
    /// Time.
    pub(crate) timer: Timer,
    /// Who is told about ends and barriers.
    reports: Reports,
    has_told_end: bool,
    /// What the job holds.
    memory: Arc<JobMemory>,
    last_breath: Duration,
}

impl Body {
    /// Longest time a task works before others get a turn.
    const BREATH: Duration = Duration::from_millis(1);

    /// A body at rest.
    pub(crate) fn new(
        chain: Chain,
        outputs: Outputs,
        timer: Timer,
        reports: Reports,
        memory: Arc<JobMemory>,
    ) -> Self {
        Body {
            chain,
            outputs,
            reports,
            has_told_end: false,
            memory,
            last_breath: timer.clock().elapsed(),
            timer,
        }
    }

    /// Begins, with the state of a checkpoint if there is one; the chain may end at once.
    pub(crate) async fn start(&mut self) -> Result<()> {
        self.chain.restore().await?;
        self.chain.start()?;
        self.flush().await
    }

    /// Sends what the chain has put out; waits while readers are behind.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if self.chain.takes_wish_for_checkpoint() {
            self.reports.tell(Report::Pressed)?;
        }
        self.outputs.send_all(&mut self.chain).await
    }

    /// Completes the input and sends what is left.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.chain.end()?;
        self.flush().await
    }

    /// Cuts a checkpoint here: everything before it is sent, then the barrier, then what is kept is
    /// told.
    pub(crate) async fn barrier(
        &mut self,
        barrier: Barrier,
        source: Option<SourceSnapshot>,
    ) -> Result<()> {
        self.flush().await?;
        let sink = self.outputs.barrier(barrier).await?;
        let passed = Passed {
            checkpoint: barrier.checkpoint,
            stages: self.chain.snapshot(barrier)?,
            source,
            sink,
        };
        failpoint("cp.ack")?;
        self.reports.tell(Report::Passed(Box::new(passed)))
    }

    /// Nobody reads the results: nothing more is put out.
    pub(crate) async fn abandon(&mut self) -> Result<()> {
        self.outputs.abandon().await?;
        self.chain.abandon();
        Ok(())
    }

    /// Tells the job, once, that the chain has ended.
    pub(crate) fn tell_end(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.has_told_end, true) {
            return Ok(());
        }
        self.reports.tell(Report::Ended)
    }

    /// Does what is due by the clock.
    pub(crate) async fn fire_due(&mut self) -> Result<()> {
        if self.is_short_of_memory() {
            self.chain.relieve()?;
        }
        let Some(due) = self.chain.next_wake() else {
            return Ok(());
        };
        if due > self.timer.clock().now_ms() {
            return Ok(());
        }
        self.chain.fire_timers()?;
        self.flush().await
    }

    /// Time left until something is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let due = self.chain.next_wake().map(|at| self.timer.until(at));
        match self.is_short_of_memory() {
            true => Some(due.map_or(RELIEVE_EVERY, |due| due.min(RELIEVE_EVERY))),
            false => due,
        }
    }

    fn is_short_of_memory(&self) -> bool {
        self.memory.is_short(self.timer.clock().elapsed())
    }

    /// Lets other tasks run if this one has worked for a while.
    pub(crate) async fn breathe(&mut self) {
        let now = self.timer.clock().elapsed();
        if now.saturating_sub(self.last_breath) >= Self::BREATH {
            let_others_run().await;
            self.last_breath = self.timer.clock().elapsed();
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
