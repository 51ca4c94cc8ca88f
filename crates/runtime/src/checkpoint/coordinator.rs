//! When is a checkpoint cut, and when is it complete? A state machine without I/O.
//!
//! ```text
//!             due, asked, last            all tasks passed            committed
//!  waiting ───────────────────▶ cutting ──────────────────▶ committing ─────────▶ waiting
//!                                  │ too long                                  └─▶ over (last)
//!                                  └─▶ TimedOut: the job starts again
//! ```
//!
//! * Never two at a time: a checkpoint that takes longer than the interval delays the next one.
//! * The next one is due an interval after the last was cut, and not before the pause after its
//!   commit. Without an interval checkpoints are cut only when asked for.
//! * The last one is cut once all chains have ended or the job is to stop; nothing follows it.
//! * Numbers count up and are never used twice, also after a discarded checkpoint.
//!
//! Times are milliseconds of a clock that never goes back.

use millstream_core::id::CheckpointId;
use millstream_core::message::{Barrier, Keep};

/// What a job wants of its checkpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Time from one cut to the next.
    pub(crate) interval_ms: Option<u64>,
    /// Shortest time from a commit to the next cut.
    pub(crate) pause_ms: u64,
    /// Longest time from the cut until all tasks have passed the barrier.
    pub(crate) timeout_ms: u64,
    /// What is kept of the state.
    pub(crate) keep: Keep,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Time has passed.
    Clock,
    /// Somebody wants a checkpoint now.
    Asked,
    /// Nothing more is to come: the next checkpoint is the last.
    Last,
    /// A task has passed the barrier.
    Passed(CheckpointId),
    /// The commit is done.
    Committed,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Have the sources send this barrier.
    Cut(Barrier),
    /// Every task has passed it: store and commit.
    Commit(Barrier),
    /// It takes too long; the job has to start again.
    TimedOut(Barrier),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    Cutting { barrier: Barrier, missing: usize },
    Committing { barrier: Barrier },
    Over,
}

/// Cuts the checkpoints of one life of a job.
pub(crate) struct Coordinator {
    rules: Rules,
    tasks: usize,
    next: CheckpointId,
    state: State,
    wanted: bool,
    last: bool,
    /// When the last one was cut, and when it was committed.
    cut_at: u64,
    committed_at: u64,
}

impl Coordinator {
    /// A job of this many tasks that pass barriers; `next` is the first number to use.
    pub(crate) fn new(rules: Rules, tasks: usize, next: CheckpointId, now: u64) -> Self {
        Coordinator {
            rules,
            tasks,
            next,
            state: State::Waiting,
            wanted: false,
            last: false,
            cut_at: now,
            committed_at: 0,
        }
    }

    /// Takes an event and returns what to do.
    pub(crate) fn step(&mut self, now: u64, event: Event) -> Option<Effect> {
        match event {
            Event::Clock => {}
            Event::Asked => self.wanted = true,
            Event::Last => self.last = true,
            Event::Passed(checkpoint) => return self.passed(checkpoint),
            Event::Committed => self.committed(now),
        }
        match self.state {
            State::Waiting if self.is_due(now) => Some(self.cut(now)),
            State::Cutting { barrier, .. } if now >= self.times_out_at() => {
                self.state = State::Over;
                Some(Effect::TimedOut(barrier))
            }
            _ => None,
        }
    }

    /// When to come back with [`Event::Clock`].
    pub(crate) fn next_clock(&self) -> Option<u64> {
        match self.state {
            State::Waiting => self.due_at(),
            State::Cutting { .. } => Some(self.times_out_at()),
            State::Committing { .. } | State::Over => None,
        }
    }

    /// The checkpoint whose barrier is on its way, and how many of how many tasks it has passed.
    pub(crate) fn on_its_way(&self) -> Option<(CheckpointId, usize, usize)> {
        match self.state {
            State::Cutting { barrier, missing } => {
                Some((barrier.checkpoint, self.tasks - missing, self.tasks))
            }
            _ => None,
        }
    }

    fn is_due(&self, now: u64) -> bool {
        self.wanted || self.last || self.due_at().is_some_and(|at| at <= now)
    }

    fn due_at(&self) -> Option<u64> {
        let by_interval = self.cut_at.saturating_add(self.rules.interval_ms?);
        let by_pause = match self.committed_at {
            0 => 0,
            at => at.saturating_add(self.rules.pause_ms),
        };
        Some(by_interval.max(by_pause))
    }

    fn times_out_at(&self) -> u64 {
        self.cut_at.saturating_add(self.rules.timeout_ms)
    }

    fn cut(&mut self, now: u64) -> Effect {
        let barrier = Barrier {
            checkpoint: self.next,
            keep: self.rules.keep,
            last: self.last,
        };
        self.next = CheckpointId(self.next.0 + 1);
        self.cut_at = now;
        self.wanted = false;
        self.state = State::Cutting {
            barrier,
            missing: self.tasks,
        };
        Effect::Cut(barrier)
    }

    fn passed(&mut self, checkpoint: CheckpointId) -> Option<Effect> {
        let State::Cutting { barrier, missing } = &mut self.state else {
            return None;
        };
        if barrier.checkpoint != checkpoint {
            return None;
        }
        *missing = missing.saturating_sub(1);
        if *missing > 0 {
            return None;
        }
        let barrier = *barrier;
        self.state = State::Committing { barrier };
        Some(Effect::Commit(barrier))
    }

    fn committed(&mut self, now: u64) {
        if let State::Committing { barrier } = self.state {
            self.committed_at = now.max(1);
            self.state = match barrier.last {
                true => State::Over,
                false => State::Waiting,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinator(tasks: usize) -> Coordinator {
        let rules = Rules {
            interval_ms: Some(1000),
            pause_ms: 300,
            timeout_ms: 5000,
            keep: Keep::Changes,
        };
        Coordinator::new(rules, tasks, CheckpointId(7), 0)
    }

    fn barrier(number: u64, last: bool) -> Barrier {
        Barrier {
            checkpoint: CheckpointId(number),
            keep: Keep::Changes,
            last,
        }
    }

    #[test]
    fn a_checkpoint_is_complete_when_every_task_has_passed() {
        let mut one = coordinator(2);
        assert_eq!(one.step(999, Event::Clock), None);
        assert_eq!(one.next_clock(), Some(1000));
        let cut = one.step(1000, Event::Clock);
        assert_eq!(cut, Some(Effect::Cut(barrier(7, false))));
        assert_eq!(one.on_its_way(), Some((CheckpointId(7), 0, 2)));
        assert_eq!(one.step(1001, Event::Passed(CheckpointId(7))), None);
        assert_eq!(one.step(1001, Event::Passed(CheckpointId(6))), None);
        assert_eq!(one.on_its_way(), Some((CheckpointId(7), 1, 2)));
        let complete = one.step(1002, Event::Passed(CheckpointId(7)));
        assert_eq!(complete, Some(Effect::Commit(barrier(7, false))));
        assert_eq!(one.on_its_way(), None);
        assert_eq!(one.step(1100, Event::Committed), None);
        assert_eq!(one.next_clock(), Some(2000), "an interval after the cut");
    }

    #[test]
    fn a_slow_checkpoint_delays_the_next_and_never_meets_it() {
        let mut one = coordinator(1);
        one.step(1000, Event::Clock);
        one.step(3500, Event::Passed(CheckpointId(7)));
        assert_eq!(one.step(3500, Event::Asked), None, "one at a time");
        assert_eq!(one.next_clock(), None);
        let next = one.step(3600, Event::Committed);
        assert_eq!(
            next,
            Some(Effect::Cut(barrier(8, false))),
            "it was asked for"
        );

        let mut one = coordinator(1);
        one.step(1000, Event::Clock);
        one.step(3500, Event::Passed(CheckpointId(7)));
        one.step(3600, Event::Committed);
        assert_eq!(one.next_clock(), Some(3900), "after the pause");
    }

    #[test]
    fn the_last_one_waits_for_the_one_before_and_nothing_follows() {
        let mut one = coordinator(1);
        one.step(1000, Event::Clock);
        assert_eq!(one.step(1001, Event::Last), None);
        one.step(1002, Event::Passed(CheckpointId(7)));
        let last = one.step(1003, Event::Committed);
        assert_eq!(last, Some(Effect::Cut(barrier(8, true))));
        one.step(1004, Event::Passed(CheckpointId(8)));
        assert_eq!(one.step(1005, Event::Committed), None);
        assert_eq!(one.next_clock(), None);
        assert_eq!(one.step(9999, Event::Asked), None);
    }

    #[test]
    fn a_barrier_that_does_not_arrive_ends_this_life_of_the_job() {
        let mut one = coordinator(1);
        one.step(1000, Event::Clock);
        assert_eq!(one.next_clock(), Some(6000));
        let out = one.step(6000, Event::Clock);
        assert_eq!(out, Some(Effect::TimedOut(barrier(7, false))));
        assert_eq!(one.step(6001, Event::Passed(CheckpointId(7))), None);
    }
}
