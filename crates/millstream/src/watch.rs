//! Waits for a job: shows its rows and progress, and passes signals on to it.
//!
//! ```text
//!  signals ──┐
//!  ticks ────┼─▶ one loop on the main thread ─┬─▶ view ─▶ Out      a SELECT
//!  results ──┤                                └─▶ progress, notes  on standard error
//!  notices ──┘  restored, restarting, warnings
//! ```
//!
//! Rows are flushed when no more are waiting, so that the first one is seen at once and a million
//! are written in large pieces.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_plan::JobGraph;
use millstream_runtime::{JobOptions, JobSummary, Notice, Outcome, Results, RunningJob, Stopper};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::message;
use crate::output::{Out, View};
use crate::progress::{Progress, REDRAW};
use crate::signals::Listener;
use crate::summary;

/// Most notices that wait to be shown; a job that has more to say is not held up by it.
const NOTICES_MAX: usize = 64;

/// Runs jobs for one command, one after the other.
pub(crate) struct Watch<'a> {
    /// What runs them.
    pub(crate) engine: &'a Engine,
    /// Who interrupts them.
    pub(crate) signals: &'a mut Listener,
    /// Where their rows go.
    pub(crate) out: &'a mut Out,
    /// What they are called and how they live.
    pub(crate) jobs: &'a mut Jobs,
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
        let start = self.jobs.next(graph)?;
        if let Some(warning) = start.warning {
            message::warning(warning);
        }
        let engine = self.engine;
        let ended = engine.block_on(async {
            let mut options = start.settled().await?;
            let mut notices = listen(&mut options);
            match self.begin(graph, options, &mut notices).await? {
                Some(job) => self.follow(job, view, notices).await,
                None => Ok(nothing_done()),
            }
        });
        // What was printed before an error stands above it.
        let flushed = self.out.flush();
        let summary = ended?;
        flushed.map(|()| summary)
    }

    /// Starts a job; `None` if it was interrupted before it began.
    async fn begin(
        &mut self,
        graph: &JobGraph,
        options: JobOptions,
        notices: &mut mpsc::Receiver<Note>,
    ) -> Result<Option<RunningJob>> {
        let mut starting = std::pin::pin!(self.engine.start(graph, options));
        let started = loop {
            tokio::select! {
                biased;
                // Whoever starts may have to wait for somebody, and says so.
                Some(note) = notices.recv() => note.print(),
                started = &mut starting => break started.map(Some),
                _ = self.signals.next() => {
                    message::note("stopped before it began");
                    return Ok(None);
                }
            }
        };
        while let Ok(note) = notices.try_recv() {
            note.print();
        }
        started
    }

    async fn follow(
        &mut self,
        mut job: RunningJob,
        mut view: Option<&mut dyn View>,
        notices: mpsc::Receiver<Note>,
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
            notices,
            is_quiet: false,
        };
        if let (Some(view), Some(results)) = (&mut view, results) {
            self.show(results, *view, &mut watched).await?;
        }
        let ended = self.wait(job, &mut view, &mut watched).await;
        watched.progress.clear();
        while let Ok(note) = watched.notices.try_recv() {
            note.print();
        }
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
                Some(note) = watched.notices.recv() => Event::Note(note),
                _ = watched.ticks.tick() => Event::Tick,
                rows = results.next() => Event::Rows(rows),
                () = std::future::ready(()), if self.out.is_waiting() => Event::Pause,
            };
            match event {
                Event::Signal(count) => watched.interrupt(count, Some(view))?,
                Event::Note(note) => watched.note(&note, Some(view))?,
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
                Some(note) = watched.notices.recv() => match view {
                    Some(view) => watched.note(&note, Some(*view))?,
                    None => watched.note(&note, None)?,
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
    Note(Note),
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
    notices: mpsc::Receiver<Note>,
    /// Rows were printed on this terminal since the last tick.
    is_quiet: bool,
}

impl Watched {
    fn interrupt(&mut self, count: u32, view: Option<&mut dyn View>) -> Result<()> {
        self.make_room(view)?;
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

    fn note(&mut self, note: &Note, view: Option<&mut dyn View>) -> Result<()> {
        self.make_room(view)?;
        note.print();
        Ok(())
    }

    /// Takes away what is redrawn, so that a message stands above it.
    fn make_room(&mut self, view: Option<&mut dyn View>) -> Result<()> {
        self.progress.clear();
        match view {
            Some(view) => view.clear(),
            None => Ok(()),
        }
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

/// Something a job has told.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    text: String,
    is_warning: bool,
}

impl Note {
    /// What people want to hear of; commits are no news.
    fn of(notice: &Notice<'_>) -> Option<Self> {
        let (text, is_warning) = match notice {
            Notice::Committed { .. } => return None,
            Notice::Restored { checkpoint: 0 } => return None,
            Notice::Restored { checkpoint } => (format!("restored checkpoint {checkpoint}"), false),
            Notice::Restarting { cause, after } => {
                let seconds = after.as_secs_f64();
                (format!("restarting in {seconds:.1} s: {cause}"), true)
            }
            Notice::Waiting { step, lasted } => {
                (format!("waiting for {} s: {step}", lasted.as_secs()), true)
            }
            Notice::WentOn { step, lasted } => {
                (format!("over after {} s: {step}", lasted.as_secs()), false)
            }
            Notice::Warning(text) => ((*text).to_string(), true),
        };
        Some(Note { text, is_warning })
    }

    fn print(&self) {
        match self.is_warning {
            true => message::warning(&self.text),
            false => message::note(&self.text),
        }
    }
}

/// Lets a job tell what happens to it.
fn listen(options: &mut JobOptions) -> mpsc::Receiver<Note> {
    let (tell, notices) = mpsc::channel(NOTICES_MAX);
    options.notify = Some(Arc::new(move |notice| {
        if let Some(note) = Note::of(&notice) {
            // Nobody listens any more, or is far behind: either way it need not wait.
            drop(tell.try_send(note));
        }
    }));
    notices
}

/// What a job has done that never began.
fn nothing_done() -> JobSummary {
    JobSummary {
        outcome: Outcome::Stopped,
        duration: Duration::ZERO,
        nodes: Vec::new(),
        splits: Vec::new(),
    }
}

/// Reports what was late or bad.
fn warn(summary: &JobSummary, graph: &JobGraph) {
    for line in summary::warnings(summary, graph) {
        message::warning(&line);
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::{Code, Error};

    use super::*;

    #[test]
    fn a_restore_and_a_restart_are_news_and_a_commit_is_none() {
        let said = |notice: Notice<'_>| Note::of(&notice).map(|note| note.text);
        let restored = Notice::Restored { checkpoint: 7 };
        assert_eq!(said(restored).as_deref(), Some("restored checkpoint 7"));
        let committed = Notice::Committed {
            checkpoint: 8,
            took: Duration::ZERO,
        };
        assert_eq!(said(committed), None);
        let cause = Error::new(Code::Unavailable, "the broker is away");
        let after = Duration::from_millis(200);
        let restarting = Notice::Restarting {
            cause: &cause,
            after,
        };
        assert_eq!(
            said(restarting).as_deref(),
            Some("restarting in 0.2 s: the broker is away")
        );
        let (step, lasted) = ("checkpoint 7: commit", Duration::from_secs(40));
        assert_eq!(
            said(Notice::Waiting { step, lasted }).as_deref(),
            Some("waiting for 40 s: checkpoint 7: commit")
        );
        assert_eq!(
            said(Notice::WentOn { step, lasted }).as_deref(),
            Some("over after 40 s: checkpoint 7: commit")
        );
    }
}
