//! One life of a job as a state machine without I/O: events in, effects out.
//!
//! ```text
//!            all chains ended, stop               all tasks returned, last commit done
//!  running ──────────────────────────▶ finishing ────────────────────────────────────▶ over
//!     │ error, cancel                      │ error, cancel
//!     ▼                                    ▼
//!  cancelling ─────────────────────────────────────────────────────────────────────▶ over
//!              all tasks joined, no commit under way; nothing more is committed
//! ```
//!
//! * The first real error wins. A task that merely lost its input waits for the one that failed.
//! * A commit that has begun is never broken off: its outcome would not be known.
//! * Both ways to end well, the end of all input and a stop, end with one last checkpoint.

use millstream_core::{Error, Result};

use crate::spawn::End;

/// What happened.
pub(crate) enum Event {
    /// Somebody wants a graceful stop.
    Stop,
    /// Somebody wants the job gone.
    Cancel,
    /// The chain of one task has ended.
    ChainEnded,
    /// A task has returned; `None` if it was cancelled.
    TaskReturned(String, Option<Result<End>>),
    /// A commit has begun.
    Committing,
    /// A checkpoint is committed (true: the last one), or could not be.
    Committed(Result<bool>),
    /// Something else went wrong.
    Failed(Error),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Cut the last checkpoint.
    Last,
    /// Cancel every task.
    CancelTasks,
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
    Finishing,
    Cancelling,
}

/// One life of a job.
pub(crate) struct Lifecycle {
    state: State,
    stopped: bool,
    cancelled: bool,
    /// Tasks that have not returned.
    tasks: usize,
    /// Chains that have not ended.
    chains: usize,
    committing: bool,
    last_committed: bool,
    error: Option<Error>,
    orphan: Option<String>,
}

impl Lifecycle {
    /// A job with this many tasks, of which `chains` tell their end.
    pub(crate) fn new(tasks: usize, chains: usize) -> Self {
        Lifecycle {
            state: State::Running,
            stopped: false,
            cancelled: false,
            tasks,
            chains,
            committing: false,
            last_committed: false,
            error: None,
            orphan: None,
        }
    }

    /// True once nothing more will happen; then ask for the `outcome`.
    pub(crate) fn is_over(&self) -> bool {
        let quiet = self.tasks == 0 && !self.committing;
        quiet && (self.last_committed || self.state == State::Cancelling)
    }

    /// False once it is being cancelled: then checkpoints make no sense any more.
    pub(crate) fn is_going(&self) -> bool {
        self.state != State::Cancelling
    }

    /// True if its last checkpoint is committed.
    pub(crate) fn ended_well(&self) -> bool {
        self.last_committed
    }

    /// True if it was cancelled and nothing else went wrong.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.cancelled && self.error.is_none()
    }

    /// Takes an event and returns what to do.
    pub(crate) fn step(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Stop => {
                self.stopped |= self.state == State::Running;
                self.finish()
            }
            Event::Cancel => {
                self.cancelled |= self.state != State::Cancelling && !self.last_committed;
                self.cancel()
            }
            Event::ChainEnded => {
                self.chains = self.chains.saturating_sub(1);
                if self.chains == 0 {
                    self.finish()
                } else {
                    None
                }
            }
            Event::TaskReturned(name, result) => self.task_returned(name, result),
            Event::Committing => {
                self.committing = true;
                None
            }
            Event::Committed(result) => {
                self.committing = false;
                match result {
                    Ok(last) => {
                        self.last_committed |= last;
                        None
                    }
                    Err(error) => self.fail(error),
                }
            }
            Event::Failed(error) => self.fail(error),
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

    fn finish(&mut self) -> Option<Effect> {
        (self.state == State::Running).then(|| {
            self.state = State::Finishing;
            Effect::Last
        })
    }

    fn cancel(&mut self) -> Option<Effect> {
        let cancels = self.state != State::Cancelling && !self.last_committed;
        cancels.then(|| {
            self.state = State::Cancelling;
            Effect::CancelTasks
        })
    }

    fn fail(&mut self, error: Error) -> Option<Effect> {
        // Behind a cancellation things break as a matter of course.
        if !self.cancelled {
            self.error.get_or_insert(error);
        }
        self.cancel()
    }

    fn task_returned(&mut self, name: String, result: Option<Result<End>>) -> Option<Effect> {
        self.tasks = self.tasks.saturating_sub(1);
        match result {
            Some(Err(error)) => self.fail(error),
            Some(Ok(End::Orphaned)) => {
                let effect = self.cancel();
                if effect.is_some() {
                    self.orphan.get_or_insert(name);
                }
                effect
            }
            // Cancelled by us, or by the end of the whole process: either way, not done.
            None => self.cancel(),
            Some(Ok(End::Done)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(life: &mut Lifecycle) -> Option<Effect> {
        life.step(Event::TaskReturned("t".into(), Some(Ok(End::Done))))
    }

    fn failed(life: &mut Lifecycle, message: &str) -> Option<Effect> {
        let error = Error::internal(message);
        life.step(Event::TaskReturned("t".into(), Some(Err(error))))
    }

    fn orphaned(life: &mut Lifecycle) -> Option<Effect> {
        life.step(Event::TaskReturned("lost".into(), Some(Ok(End::Orphaned))))
    }

    #[test]
    fn a_job_is_over_when_the_last_checkpoint_is_committed_and_all_tasks_are_back() {
        let mut life = Lifecycle::new(3, 2);
        assert_eq!(done(&mut life), None, "one that finds splits");
        assert_eq!(life.step(Event::ChainEnded), None);
        assert_eq!(life.step(Event::ChainEnded), Some(Effect::Last));
        done(&mut life);
        done(&mut life);
        life.step(Event::Committing);
        assert!(!life.is_over());
        assert_eq!(life.step(Event::Committed(Ok(true))), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Finished);
    }

    #[test]
    fn the_first_real_error_wins_and_nothing_more_is_committed() {
        let mut life = Lifecycle::new(4, 4);
        assert_eq!(orphaned(&mut life), Some(Effect::CancelTasks));
        assert_eq!(failed(&mut life, "first"), None);
        assert_eq!(failed(&mut life, "second"), None);
        assert_eq!(life.step(Event::TaskReturned("t".into(), None)), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap_err().message(), "first");
    }

    #[test]
    fn an_input_that_breaks_off_behind_a_cancelled_task_is_no_error() {
        let mut life = Lifecycle::new(1, 1);
        life.step(Event::Cancel);
        orphaned(&mut life);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Cancelled);
    }

    #[test]
    fn a_broken_input_without_a_cause_is_our_defect_and_names_the_task() {
        let mut life = Lifecycle::new(1, 1);
        orphaned(&mut life);
        assert!(life.is_over());
        assert!(life.outcome().unwrap_err().message().contains("'lost'"));
    }

    #[test]
    fn a_stopped_job_ends_with_a_checkpoint_and_a_cancelled_one_does_not() {
        let mut life = Lifecycle::new(1, 1);
        assert_eq!(life.step(Event::Stop), Some(Effect::Last));
        assert_eq!(life.step(Event::Stop), None);
        done(&mut life);
        life.step(Event::Committing);
        life.step(Event::Committed(Ok(true)));
        assert_eq!(life.step(Event::Cancel), None, "too late");
        assert_eq!(life.outcome().unwrap(), Outcome::Stopped);

        let mut life = Lifecycle::new(1, 1);
        assert_eq!(life.step(Event::Cancel), Some(Effect::CancelTasks));
        assert_eq!(life.step(Event::TaskReturned("t".into(), None)), None);
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap(), Outcome::Cancelled);
    }

    #[test]
    fn a_commit_that_has_begun_is_waited_for() {
        let mut life = Lifecycle::new(1, 1);
        life.step(Event::Committing);
        assert_eq!(failed(&mut life, "late"), Some(Effect::CancelTasks));
        assert!(!life.is_over());
        life.step(Event::Committed(Ok(false)));
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap_err().message(), "late");
    }

    #[test]
    fn a_failed_commit_fails_the_job() {
        let mut life = Lifecycle::new(1, 1);
        life.step(Event::ChainEnded);
        done(&mut life);
        life.step(Event::Committing);
        let failed = life.step(Event::Committed(Err(Error::internal("disk full"))));
        assert_eq!(failed, Some(Effect::CancelTasks));
        assert!(life.is_over());
        assert_eq!(life.outcome().unwrap_err().message(), "disk full");
    }
}
