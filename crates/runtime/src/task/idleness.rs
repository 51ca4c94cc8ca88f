//! When is a split idle? Pure.
//!
//! Only time spent waiting for input counts: while the task works or is held back downstream, no
//! clock runs, so a busy source never becomes idle. Where splits are read in turn (files), one that
//! has never had a row may only be waiting for its turn; its silence means nothing while other splits
//! of the same reader yield rows, so it becomes idle only when the whole reader has been silent for
//! the timeout. Elsewhere (partitions of a topic) silence counts from the assignment on: an empty
//! partition must not hold back its neighbours for ever.
//!
//! Cost: nothing per batch but one lookup; O(splits) per wait.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::id::SplitId;

/// Finds the splits of one reader that have been silent for too long.
pub(crate) struct Idleness {
    timeout: Duration,
    /// Splits have rows one after another.
    in_turn: bool,
    /// Total time spent waiting for input.
    waited: Duration,
    /// Value of `waited` at the last row of any split, or at the first split.
    last_row: Duration,
    splits: BTreeMap<SplitId, Silence>,
}

struct Silence {
    /// Value of `waited` at its last row, or when it was assigned; `None` before its turn.
    since: Option<Duration>,
    idle: bool,
}

impl Idleness {
    /// Splits become idle after waiting `timeout` for their rows; `in_turn` if the reader comes to one
    /// after the other.
    pub(crate) fn new(timeout: Duration, in_turn: bool) -> Self {
        Idleness {
            timeout,
            in_turn,
            waited: Duration::ZERO,
            last_row: Duration::ZERO,
            splits: BTreeMap::new(),
        }
    }

    /// A split was added: silent from now on.
    pub(crate) fn assigned(&mut self, split: SplitId) {
        self.last_row = self.waited;
        let silence = Silence {
            since: (!self.in_turn).then_some(self.waited),
            idle: false,
        };
        self.splits.insert(split, silence);
    }

    /// A split will have no more rows.
    pub(crate) fn finished(&mut self, split: SplitId) {
        self.splits.remove(&split);
    }

    /// A split had rows.
    pub(crate) fn row(&mut self, split: SplitId) {
        self.last_row = self.waited;
        if let Some(silence) = self.splits.get_mut(&split) {
            silence.since = Some(self.waited);
            silence.idle = false;
        }
    }

    /// The task has been waiting for input for this long.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How much longer to wait until the next split becomes idle.
    pub(crate) fn next(&self) -> Option<Duration> {
        let open = self.splits.values().filter(|silence| !silence.idle);
        open.map(|silence| self.left(silence)).min()
    }

    /// The splits that have become idle.
    pub(crate) fn take(&mut self) -> Vec<SplitId> {
        let due: Vec<SplitId> = self
            .splits
            .iter()
            .filter(|(_, silence)| !silence.idle && self.left(silence).is_zero())
            .map(|(split, _)| *split)
            .collect();
        for split in &due {
            if let Some(silence) = self.splits.get_mut(split) {
                silence.idle = true;
            }
        }
        due
    }

    fn left(&self, silence: &Silence) -> Duration {
        let since = silence.since.unwrap_or(self.last_row);
        (since + self.timeout).saturating_sub(self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SplitId = SplitId(0);
    const B: SplitId = SplitId(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn two_splits() -> Idleness {
        let mut idleness = Idleness::new(seconds(10), true);
        idleness.assigned(A);
        idleness.assigned(B);
        idleness
    }

    #[test]
    fn a_split_is_idle_after_waiting_for_it_for_the_timeout_and_says_so_once() {
        let mut idleness = two_splits();
        idleness.row(A);
        idleness.row(B);
        idleness.waited(seconds(6));
        idleness.row(A);
        assert_eq!(idleness.next(), Some(seconds(4)));
        idleness.waited(seconds(4));
        assert_eq!(idleness.take(), [B]);
        assert!(idleness.take().is_empty());
        idleness.row(B);
        idleness.waited(seconds(10));
        assert_eq!(idleness.take(), [A, B]);
    }

    #[test]
    fn a_split_whose_turn_has_not_come_is_not_idle_while_others_yield_rows() {
        let mut idleness = two_splits();
        for _ in 0..5 {
            idleness.waited(seconds(9));
            idleness.row(A);
        }
        assert!(idleness.take().is_empty());
        idleness.waited(seconds(10));
        assert_eq!(idleness.take(), [A, B]);
    }

    #[test]
    fn an_empty_split_beside_others_is_idle_whatever_they_yield() {
        let mut idleness = Idleness::new(seconds(10), false);
        idleness.assigned(A);
        idleness.assigned(B);
        idleness.waited(seconds(9));
        idleness.row(A);
        assert_eq!(idleness.next(), Some(seconds(1)));
        idleness.waited(seconds(1));
        assert_eq!(idleness.take(), [B]);
    }

    #[test]
    fn time_spent_working_does_not_count() {
        let mut idleness = two_splits();
        idleness.row(A);
        assert_eq!(idleness.next(), Some(seconds(10)));
        idleness.finished(A);
        idleness.finished(B);
        assert_eq!(idleness.next(), None);
    }
}
