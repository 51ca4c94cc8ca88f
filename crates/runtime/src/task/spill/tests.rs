use std::time::Duration;

use super::*;
use crate::memory::{JobMemory, Memory};

#[test]
fn a_checkpoint_is_asked_for_once_and_awaited_before_anything_is_given_up() {
    let mut pace = Pace::default();
    assert_eq!(pace.step(None), Step::Ask, "nothing is committed yet");
    assert_eq!(pace.step(None), Step::Wait);
    pace.snapshot(CheckpointId(1));
    assert_eq!(pace.step(None), Step::Wait, "it is on its way");
    assert_eq!(pace.step(Some(1)), Step::GiveUp);
    assert_eq!(pace.gave_up(Some(1), true), Step::Wait);
    assert_eq!(pace.step(Some(1)), Step::GiveUp);
    assert_eq!(
        pace.gave_up(Some(1), false),
        Step::Ask,
        "all else has changed"
    );
    assert_eq!(pace.step(Some(1)), Step::Wait, "trying again frees nothing");
    pace.snapshot(CheckpointId(2));
    assert_eq!(pace.step(Some(1)), Step::Wait);
    assert_eq!(pace.step(Some(2)), Step::GiveUp);
}

/// A stage whose every row is a new entry of one byte.
struct Stage {
    pace: Pace,
    account: Account,
    clean: usize,
    /// Part of the snapshot that is on its way.
    pending: usize,
    dirty: usize,
}

impl Stage {
    fn held(&self) -> usize {
        self.clean + self.pending + self.dirty
    }

    /// As `Spilling::relieve`.
    fn relieve(&mut self, newest: Option<u64>) -> bool {
        let excess = self.account.set(self.held(), true);
        if excess == 0 {
            return false;
        }
        match self.pace.step(newest) {
            Step::Wait => return false,
            Step::Ask => return true,
            Step::GiveUp => {}
        }
        let freed = self.clean.min(excess);
        self.clean -= freed;
        self.account.set(self.held(), true);
        self.pace.gave_up(newest, freed >= excess / 2) == Step::Ask
    }
}

/// Runs a job that reads `rows` rows into two stages, without any interval: checkpoints come when
/// they are asked for only, and take some ticks of 10 ms. Returns the ticks and the most held.
fn run(rows: usize, limit: u64, late: usize) -> (u64, usize) {
    let memory = Memory::new(limit, || None);
    let job = JobMemory::new(&memory);
    let stage = |_| Stage {
        pace: Pace::default(),
        account: job.account("stage"),
        clean: 0,
        pending: 0,
        dirty: 0,
    };
    let mut stages: Vec<Stage> = (0..2).map(stage).collect();
    let (mut read, mut most, mut ticks) = (0, 0, 0u64);
    let (mut newest, mut cut, mut asked) = (None, None::<(u64, u64)>, false);
    while read < rows {
        ticks += 1;
        assert!(ticks < 1_000_000, "nothing comes forward any more");
        let now = Duration::from_millis(ticks * 10);
        if job.hold_back(now) == Duration::ZERO {
            read += 20;
            stages.iter_mut().for_each(|stage| stage.dirty += 10);
        }
        match cut {
            None if asked => {
                let number = newest.unwrap_or(0) + 1;
                asked = false;
                cut = Some((number, ticks + 30));
                for stage in &mut stages {
                    stage.pace.snapshot(CheckpointId(number));
                    stage.pending = std::mem::take(&mut stage.dirty);
                    // Rows that were on their way behind the barrier.
                    stage.dirty = late;
                    read += late;
                }
            }
            Some((number, at)) if at <= ticks => {
                (newest, cut) = (Some(number), None);
                for stage in &mut stages {
                    stage.clean += std::mem::take(&mut stage.pending);
                }
            }
            _ => {}
        }
        for stage in &mut stages {
            asked |= stage.relieve(newest);
        }
        most = most.max(stages.iter().map(Stage::held).sum());
    }
    (ticks, most)
}

#[test]
fn a_job_with_many_times_the_state_comes_forward_and_holds_its_budget() {
    for late in [0, 100, 400] {
        let (ticks, most) = run(200_000, 4_000, late);
        assert!(most <= 2_000 + 2 * late + 20, "{most} held, {late} late");
        // Half of the budget of 2,000 is read for each checkpoint, which takes 30 ticks and some
        // for asking: no wait of seconds.
        assert!(ticks < 10_000 + 200 * 40 * 2, "{ticks} ticks, {late} late");
    }
}

#[test]
fn more_dirty_state_than_the_budget_is_no_dead_end() {
    let (ticks, most) = run(50_000, 4_000, 1_500);
    assert!(most <= 6_000, "two snapshots of 3,000 each: {most}");
    assert!(ticks < 200_000, "{ticks}");
}
