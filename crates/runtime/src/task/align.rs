//! Barrier alignment: when has the barrier come from every lane? Pure.
//!
//! A lane that has delivered the barrier is held back by the inbox, so none delivers a second one;
//! lanes that have ended deliver barriers too. So alignment is counting to the number of lanes, and
//! everything else is a broken promise of our own.

use millstream_core::message::Barrier;
use millstream_core::{Error, Result};

/// Counts barriers.
pub(crate) struct Align {
    lanes: usize,
    arrived: usize,
    barrier: Option<Barrier>,
}

impl Align {
    /// Waits for the barrier of `lanes` lanes.
    pub(crate) fn new(lanes: usize) -> Self {
        Align {
            lanes,
            arrived: 0,
            barrier: None,
        }
    }

    /// A lane has delivered the barrier; returned once all have.
    pub(crate) fn step(&mut self, barrier: Barrier) -> Result<Option<Barrier>> {
        if let Some(first) = self.barrier
            && first != barrier
        {
            return Err(Error::internal(format!(
                "the barrier of {} came while that of {} was awaited",
                barrier.checkpoint, first.checkpoint
            )));
        }
        self.barrier = Some(barrier);
        self.arrived += 1;
        if self.arrived < self.lanes {
            return Ok(None);
        }
        self.arrived = 0;
        Ok(self.barrier.take())
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::id::CheckpointId;
    use millstream_core::message::Keep;

    use super::*;

    fn barrier(number: u64) -> Barrier {
        Barrier {
            checkpoint: CheckpointId(number),
            keep: Keep::Nothing,
            last: false,
        }
    }

    #[test]
    fn a_barrier_is_complete_with_the_last_lane_and_the_next_may_follow() {
        let mut align = Align::new(2);
        for number in [1, 2] {
            assert_eq!(align.step(barrier(number)).unwrap(), None);
            let complete = align.step(barrier(number)).unwrap();
            assert_eq!(complete, Some(barrier(number)));
        }
    }

    #[test]
    fn two_barriers_never_mix() {
        let mut align = Align::new(2);
        align.step(barrier(1)).unwrap();
        assert!(align.step(barrier(2)).is_err());
    }
}
