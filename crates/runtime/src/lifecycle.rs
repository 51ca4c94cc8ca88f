//! The life of a job as a state machine without I/O: events in, effects out.
//!
//! ```text
//!             all tasks ended           committed
//!  running ───────────────▶ committing ──────────▶ over
//!   │  │  stop                 ▲
//!   │  └──────▶ stopping ──────┘
//!   │ error, cancel  │ error, cancel
//!   ▼                ▼
//!  cancelling ─────────────────────────────────▶ over   all tasks ended; nothing committed
//! ```
//!
//! * The first real error wins. A task that merely lost its input waits for the one that failed.
//! * Nothing is committed unless every task has ended without an error.

use millstream_core::{Error, Result};

use crate::spawn::End;

/// What happened.
pub(crate) enum Event {
    /// Somebody wants a graceful stop.
    Stop,
    /// Somebody wants the job gone.
    Cancel,
    /// A task has ended; `None` if it was cancelled.
    TaskEnded(String, Option<Result<End>>),
    /// The sinks have committed, or could not.
    Committed(Result<()>),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask the sources to stop.
    StopSources,
    /// Cancel every task.
    CancelTasks,
    /// Make the prepared rows of all sinks visible.
    Commit,
}

/// How a job ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All input was read, or nobody wanted more results.
    Finished,
    /// It was stopped; what was read is processed and committed.
    Stopped,
    /// It was cancelled; what was not committed is gone.
    Cancelled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopping,
    Cancelling,
    Committing,
    Over,
}

/// The life of one job.
pub(crate) struct Lifecycle {
    state: State,
    stopped: bool,
    cancelled: bool,
    tasks: usize,
    error: Option<Error>,
    orphan: Option<String>,
}

impl Lifecycle {
    /// A job with this many tasks.
    pub(crate) fn new(tasks: usize) -> Self {
        Lifecycle {
            state: State::Running,
            stopped: false,
            cancelled: false,
            tasks,
            error: None,
            orphan: None,
        }
    }

    /// True once nothing more will happen; then ask for the `outcome`.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes an event and returns what to do.
    pub(crate) fn step(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Stop if self.state == State::Running => {
                self.state = State::Stopping;
                self.stopped = true;
                Some(Effect::StopSources)
            }
            Event::Stop => None,
            Event::Cancel => self.cancel(),
            Event::TaskEnded(name, result) => self.task_ended(name, result),
            Event::Committed(result) => {
                self.error = self.error.take().or(result.err());
                self.state = State::Over;
                None
            }
        }
    }

    /// How it ended, or the first error.
    pub(crate) fn outcome(self) -> Result<Outcome> {
        match (self.error, self.orphan) {
            (Some(error), _) => Err(error),
            (None, Some(name)) => Err(Error::internal(format!(
                "the input of task '{name}' broke off although no task failed"
            ))),
            (None, None) if self.cancelled => Ok(Outcome::Cancelled),
            (None, None) if self.stopped => Ok(Outcome::Stopped),
            (None, None) => Ok(Outcome::Finished),
        }
    }

    fn cancel(&mut self) -> Option<Effect> {
        let cancels = matches!(self.state, State::Running | State::Stopping);
        cancels.then(|| {
            self.state = State::Cancelling;
            self.cancelled = true;
            Effect::CancelTasks
        })
    }

    fn task_ended(&mut self, name: String, result: Option<Result<End>>) -> Option<Effect> {
        self.tasks = self.tasks.saturating_sub(1);
        let mut effect = None;
        match result {
            Some(Err(error)) => {
                self.error.get_or_insert(error);
                effect = self.cancel();
            }
            Some(Ok(End::Orphaned)) => {
                // Behind a cancelled task an input breaks off as a matter of course.
                effect = self.cancel();
                if effect.is_some() {
                    self.orphan.get_or_insert(name);
                }
            }
            // Cancelled by us, or by the end of the whole process: either way, not done.
            None => effect = self.cancel(),
            Some(Ok(End::Done)) => {}
        }
        if self.tasks > 0 {
            return effect;
        }
        match self.state {
            State::Running | State::Stopping => {
                self.state = State::Committing;
                Some(Effect::Commit)
            }
            _ => {
                self.state = State::Over;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_breaks_off_behind_a_cancelled_task_is_no_error() {
        let mut life = Lifecycle::new(1);
        life.step(Event::Cancel);
        life.step(Event::TaskEnded("t".into(), Some(Ok(End::Orphaned))));
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Cancelled);
    }

    fn done(life: &mut Lifecycle) -> Option<Effect> {
        life.step(Event::TaskEnded("t".into(), Some(Ok(End::Done))))
    }

    fn failed(life: &mut Lifecycle, message: &str) -> Option<Effect> {
        let error = Error::internal(message);
        life.step(Event::TaskEnded("t".into(), Some(Err(error))))
    }

    fn orphaned(life: &mut Lifecycle) -> Option<Effect> {
        life.step(Event::TaskEnded("lost".into(), Some(Ok(End::Orphaned))))
    }

    #[test]
    fn a_job_commits_once_every_task_is_done() {
        let mut life = Lifecycle::new(2);
        assert_eq!(done(&mut life), None);
        assert_eq!(done(&mut life), Some(Effect::Commit));
        assert!(!life.is_over());
        assert_eq!(life.step(Event::Committed(Ok(()))), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Finished);
    }

    #[test]
    fn the_first_real_error_wins_and_nothing_is_committed() {
        let mut life = Lifecycle::new(4);
        assert_eq!(orphaned(&mut life), Some(Effect::CancelTasks));
        assert_eq!(failed(&mut life, "first"), None);
        assert_eq!(failed(&mut life, "second"), None);
        assert_eq!(life.step(Event::TaskEnded("t".into(), None)), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap_err().message(), "first");
    }

    #[test]
    fn a_broken_input_without_a_cause_is_our_defect_and_names_the_task() {
        let mut life = Lifecycle::new(1);
        orphaned(&mut life);
        assert!(life.is_over());
        assert!(life.outcome().unwrap_err().message().contains("'lost'"));
    }

    #[test]
    fn a_stopped_job_commits_and_a_cancelled_one_does_not() {
        let mut life = Lifecycle::new(1);
        assert_eq!(life.step(Event::Stop), Some(Effect::StopSources));
        assert_eq!(life.step(Event::Stop), None);
        assert_eq!(done(&mut life), Some(Effect::Commit));
        assert_eq!(life.step(Event::Cancel), None, "too late");
        life.step(Event::Committed(Ok(())));
        assert_eq!(life.outcome().unwrap(), Outcome::Stopped);

        let mut life = Lifecycle::new(1);
        assert_eq!(life.step(Event::Cancel), Some(Effect::CancelTasks));
        assert_eq!(life.step(Event::TaskEnded("t".into(), None)), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Cancelled);
    }

    #[test]
    fn an_error_while_stopping_fails_the_job() {
        let mut life = Lifecycle::new(2);
        life.step(Event::Stop);
        assert_eq!(failed(&mut life, "late"), Some(Effect::CancelTasks));
        assert_eq!(done(&mut life), None);
        assert_eq!(life.outcome().unwrap_err().message(), "late");
    }

    #[test]
    fn a_failed_commit_fails_the_job() {
        let mut life = Lifecycle::new(1);
        done(&mut life);
        life.step(Event::Committed(Err(Error::internal("disk full"))));
        assert_eq!(life.outcome().unwrap_err().message(), "disk full");
    }
}
