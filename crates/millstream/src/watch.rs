//! Waits for a job: shows its rows and progress, and passes signals on to it.
//!
//! ```text
//!  signals ──┐
//!  ticks ────┼─▶ one loop on the main thread ─┬─▶ view ─▶ Out      a SELECT
//!  results ──┘                                └─▶ progress         on standard error
//! ```
//!
//! Rows are flushed when no more are waiting, so that the first one is seen at once and a million
//! are written in large pieces.

use std::sync::Arc;

use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_plan::JobGraph;
use millstream_runtime::{JobSummary, Outcome, Results, RunningJob, Stopper};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::message;
use crate::output::{Out, View};
use crate::progress::{Progress, REDRAW};
use crate::signals::Listener;
use crate::summary;

/// Runs jobs for one command, one after the other.
pub(crate) struct Watch<'a> {
    /// What runs them.
    pub(crate) engine: &'a Engine,
    /// Who interrupts them.
    pub(crate) signals: &'a mut Listener,
    /// Where their rows go.
    pub(crate) out: &'a mut Out,
}

impl Watch<'_> {
    /// Runs a query and shows its rows.
    pub(crate) fn query(&mut self, graph: &JobGraph, view: &mut dyn View) -> Result<JobSummary> {
        let summary = self.run(graph, Some(view))?;
        warn(&summary, graph);
        Ok(summary)
    }

    /// Runs a job that writes tables.
    pub(crate) fn insert(&mut self, graph: &JobGraph) -> Result<JobSummary> {
        let summary = self.run(graph, None)?;
        warn(&summary, graph);
        Ok(summary)
    }

    /// Runs a job without a word about what was late or bad.
    pub(crate) fn run(
        &mut self,
        graph: &JobGraph,
        view: Option<&mut dyn View>,
    ) -> Result<JobSummary> {
        let engine = self.engine;
        let job = engine.start(graph)?;
        let ended = engine.block_on(self.follow(job, view));
        // What was printed before an error stands above it.
        let flushed = self.out.flush();
        let summary = ended?;
        flushed.map(|()| summary)
    }

    async fn follow(
        &mut self,
        mut job: RunningJob,
        mut view: Option<&mut dyn View>,
    ) -> Result<JobSummary> {
        let mut ticks = interval(REDRAW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let progress = Progress::new(Arc::clone(job.metrics()), Arc::clone(self.engine.clock()));
        let stopper = job.stopper();
        let results = job.results();
        let mut watched = Watched {
            ticks,
            progress,
            stopper,
            is_quiet: false,
        };
        if let (Some(view), Some(results)) = (&mut view, results) {
            self.show(results, *view, &mut watched).await?;
        }
        let ended = self.wait(job, &mut view, &mut watched).await;
        watched.progress.clear();
        let summary = ended?;
        match (view, summary.outcome) {
            (Some(view), Outcome::Finished | Outcome::Stopped) if !self.out.is_closed() => {
                view.end(self.out)?;
            }
            _ => {}
        }
        Ok(summary)
    }

    /// Shows rows until there are no more, or nobody reads them.
    async fn show(
        &mut self,
        mut results: Results,
        view: &mut dyn View,
        watched: &mut Watched,
    ) -> Result<()> {
        while !self.out.is_closed() {
            let event = tokio::select! {
                biased;
                count = self.signals.next() => Event::Signal(count),
                _ = watched.ticks.tick() => Event::Tick,
                rows = results.next() => Event::Rows(rows),
                () = std::future::ready(()), if self.out.is_waiting() => Event::Pause,
            };
            match event {
                Event::Signal(count) => watched.interrupt(count, Some(view))?,
                Event::Tick => watched.tick(Some(view))?,
                Event::Rows(Some(rows)) => self.print(&rows, view, watched)?,
                Event::Rows(None) => return Ok(()),
                Event::Pause => self.out.flush()?,
            }
        }
        Ok(())
    }

    fn print(
        &mut self,
        rows: &ChangeBatch,
        view: &mut dyn View,
        watched: &mut Watched,
    ) -> Result<()> {
        view.rows(rows, self.out)?;
        if self.out.is_terminal() && self.out.is_waiting() {
            watched.progress.clear();
            watched.is_quiet = true;
        }
        Ok(())
    }

    async fn wait(
        &mut self,
        job: RunningJob,
        view: &mut Option<&mut dyn View>,
        watched: &mut Watched,
    ) -> Result<JobSummary> {
        let mut ended = std::pin::pin!(job.wait());
        loop {
            tokio::select! {
                biased;
                ended = &mut ended => return ended,
                count = self.signals.next() => match view {
                    Some(view) => watched.interrupt(count, Some(*view))?,
                    None => watched.interrupt(count, None)?,
                },
                _ = watched.ticks.tick() => match view {
                    Some(view) => watched.tick(Some(*view))?,
                    None => watched.tick(None)?,
                },
            }
        }
    }
}

enum Event {
    Signal(u32),
    Tick,
    Rows(Option<ChangeBatch>),
    /// No row is ready.
    Pause,
}

/// One job that is waited for.
struct Watched {
    ticks: Interval,
    progress: Progress,
    stopper: Stopper,
    /// Rows were printed on this terminal since the last tick.
    is_quiet: bool,
}

impl Watched {
    fn interrupt(&mut self, count: u32, view: Option<&mut dyn View>) -> Result<()> {
        self.progress.clear();
        if let Some(view) = view {
            view.clear()?;
        }
        match count {
            1 => {
                message::note("stopping; once more ends it at once");
                self.stopper.stop();
            }
            _ => {
                message::note("cut off; what was not committed is gone");
                self.stopper.cancel();
            }
        }
        Ok(())
    }

    fn tick(&mut self, view: Option<&mut dyn View>) -> Result<()> {
        if std::mem::take(&mut self.is_quiet) {
            return Ok(());
        }
        let is_shown = match view {
            Some(view) => {
                let lines = self.progress.lines();
                view.draw(&lines)?
            }
            None => false,
        };
        if !is_shown {
            self.progress.draw();
        }
        Ok(())
    }
}

/// Reports what was late or bad.
fn warn(summary: &JobSummary, graph: &JobGraph) {
    for line in summary::warnings(summary, graph) {
        message::warning(&line);
    }
}
