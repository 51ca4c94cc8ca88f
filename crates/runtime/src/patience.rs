//! Says what a job waits for when that takes long: the answer to "why no output?".
//!
//! ```text
//! a step begins ── 10 s ──▶ told ── 30 s ──▶ told again ─▶ … ──▶ it goes on: told, if it was told before
//! ```
//!
//! * A step is something the job cannot go on without: a file of a checkpoint, a commit, the takeover
//!   of an id, a barrier that has not passed all tasks.
//! * What it waits for is asked when it is told, so it is what holds it up by then.
//! * [`Patience`] is the rule, without a clock; [`Watch`] looks at the job's clock and tells.
//! * It tells as long as one worker thread is free. A step that blocks a thread must not be awaited
//!   but run by [`blocking`](crate::spawn::blocking).

use std::sync::Arc;
use std::time::Duration;

use crate::incarnation::Plan;
use crate::options::{Notice, Notify};
use crate::task::timer::Timer;

/// How long a step may take without a word.
const FIRST: Duration = Duration::from_secs(10);
/// How often it is told after that.
const AGAIN: Duration = Duration::from_secs(30);

/// How long one step has lasted, and when to say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    began: Duration,
    next: Duration,
    is_told: bool,
}

impl Patience {
    /// A step that begins now.
    pub(crate) fn new(now: Duration) -> Self {
        Patience {
            began: now,
            next: now.saturating_add(FIRST),
            is_told: false,
        }
    }

    /// How long it has lasted, if that is to be told now.
    pub(crate) fn look(&mut self, now: Duration) -> Option<Duration> {
        if now < self.next {
            return None;
        }
        self.is_told = true;
        self.next = now.saturating_add(AGAIN);
        Some(now.saturating_sub(self.began))
    }

    /// Time left until it is to be looked at.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// It is over: how long it lasted, if it was told before.
    pub(crate) fn over(&self, now: Duration) -> Option<Duration> {
        self.is_told.then(|| now.saturating_sub(self.began))
    }
}

/// Watches the steps of one job.
#[derive(Clone)]
pub(crate) struct Watch {
    notify: Option<Notify>,
    timer: Timer,
}

impl Watch {
    /// Tells the owner of this job.
    pub(crate) fn of(plan: &Plan) -> Self {
        let environment = &plan.environment;
        Watch {
            notify: plan.options.notify.clone(),
            timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        }
    }

    /// Does a step; `what` names it, and what it waits for.
    pub(crate) fn over<T, S: Future<Output = T>, W: Fn() -> String>(
        &self,
        what: W,
        step: S,
    ) -> impl Future<Output = T> + use<'_, T, S, W> {
        // Whoever takes many steps would hold the largest of them on its own.
        let mut step = Box::pin(step);
        async move {
            let mut patience = Patience::new(self.now());
            loop {
                let left = patience.left(self.now());
                tokio::select! {
                    biased;
                    done = &mut step => {
                        self.tell_over(&patience, &what);
                        return done;
                    }
                    () = self.timer.pause(Some(left)) => self.look(&mut patience, &what),
                }
            }
        }
    }

    /// Tells how long a step has lasted if it is time to.
    pub(crate) fn look(&self, patience: &mut Patience, what: impl Fn() -> String) {
        if let Some(lasted) = patience.look(self.now())
            && let Some(notify) = &self.notify
        {
            let step = &what();
            notify(Notice::Waiting { step, lasted });
        }
    }

    /// Tells that a step is over if it was told that it lasts.
    pub(crate) fn tell_over(&self, patience: &Patience, what: impl Fn() -> String) {
        if let Some(lasted) = patience.over(self.now())
            && let Some(notify) = &self.notify
        {
            let step = &what();
            notify(Notice::WentOn { step, lasted });
        }
    }

    /// The time of the job's clock.
    pub(crate) fn now(&self) -> Duration {
        self.timer.clock().elapsed()
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::clock::{ManualClock, SharedClock};
    use parking_lot::Mutex;

    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_step_is_told_after_ten_seconds_then_every_thirty() {
        let mut patience = Patience::new(s(5));
        assert_eq!(patience.left(s(5)), s(10));
        assert_eq!(patience.look(s(14)), None);
        assert_eq!(patience.over(s(14)), None, "nobody asked");
        assert_eq!(patience.look(s(15)), Some(s(10)));
        assert_eq!(patience.look(s(15)), None, "once");
        assert_eq!(patience.left(s(20)), s(25));
        assert_eq!(patience.look(s(44)), None);
        assert_eq!(patience.look(s(46)), Some(s(41)));
        assert_eq!(patience.left(s(46)), s(30));
        assert_eq!(patience.over(s(50)), Some(s(45)));
    }

    #[test]
    fn a_clock_that_goes_back_tells_nothing_twice() {
        let mut patience = Patience::new(s(100));
        assert_eq!(patience.look(s(1)), None);
        assert_eq!(patience.look(s(110)), Some(s(10)));
        assert_eq!(patience.look(s(1)), None);
    }

    /// Told steps of a watch over a future that takes so many seconds of the job's clock.
    async fn told(seconds: i64) -> Vec<String> {
        let clock = Arc::new(ManualClock::at(0));
        let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
        let timer = Timer::new(shared, s(1));
        let said = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&said);
        let watch = Watch {
            notify: Some(Arc::new(move |notice| {
                hears.lock().push(match notice {
                    Notice::Waiting { step, lasted } => format!("{} s: {step}", lasted.as_secs()),
                    Notice::WentOn { step, lasted } => {
                        format!("{} s, over: {step}", lasted.as_secs())
                    }
                    other => format!("{other:?}"),
                });
            })),
            timer: timer.clone(),
        };
        let waits_for = Mutex::new("the store");
        let step = async {
            for second in 1..=seconds {
                timer.pause(Some(s(1))).await;
                clock.set(second * 1000);
                if second == 20 {
                    *waits_for.lock() = "the broker";
                }
            }
            7
        };
        let done = watch
            .over(|| format!("ask {}", waits_for.lock()), step)
            .await;
        assert_eq!(done, 7);
        drop(watch);
        Arc::into_inner(said).unwrap().into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_says_what_is_waited_for_by_then_and_that_it_goes_on() {
        assert_eq!(told(9).await, Vec::<String>::new());
        let said = told(45).await;
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].ends_with("s: ask the store"), "{said:?}");
        assert!(said[1].ends_with("s: ask the broker"), "{said:?}");
        assert_eq!(said[2], "45 s, over: ask the broker");
    }
}
