//! What a field of an event is: a name and how to fill its column for a run of events.
//!
//! A new field is a line in the list of its kind (`person.rs`, `auction.rs`, `bid.rs`).

use super::market::{Market, Run};
use super::random::below;
use super::text::Text;

/// A field of a person, an auction or a bid.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in the ROW type; case matters.
    pub(super) name: &'static str,
    /// How to make its values.
    pub(super) fill: Fill,
}

/// How to make the values of a field for the events of a run.
#[derive(Debug)]
pub(super) enum Fill {
    /// BIGINT; one value per slot.
    Long(fn(&Market, &Run, &mut [i64])),
    /// TIMESTAMP(3), ms; one value per slot.
    Time(fn(&Market, &Run, &mut [i64])),
    /// STRING; adds one row per event. The second function bounds the bytes of a value.
    Text(fn(&Market, &Run, &mut Text), fn(&Market) -> usize),
}

impl Field {
    pub(super) const fn long(name: &'static str, fill: fn(&Market, &Run, &mut [i64])) -> Self {
        Field {
            name,
            fill: Fill::Long(fill),
        }
    }

    pub(super) const fn time(name: &'static str, fill: fn(&Market, &Run, &mut [i64])) -> Self {
        Field {
            name,
            fill: Fill::Time(fill),
        }
    }

    pub(super) const fn text(
        name: &'static str,
        fill: fn(&Market, &Run, &mut Text),
        bytes_max: fn(&Market) -> usize,
    ) -> Self {
        Field {
            name,
            fill: Fill::Text(fill, bytes_max),
        }
    }
}

/// `dateTime` of every kind.
pub(super) fn date_time(market: &Market, run: &Run, times: &mut [i64]) {
    market.timeline().fill(run.base, run.first, times);
}

/// Length of `extra`, which fills an event up to its average size, give or take a fifth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extra {
    min: u32,
    spread: u32,
}

impl Extra {
    /// For an event that has `used` bytes without it; nothing if that is more than the average.
    #[inline]
    pub(super) fn new(average: u32, used: u32) -> Self {
        let free = average.saturating_sub(used);
        let fifth = (free * 2 + 5) / 10;
        Extra {
            min: free - fifth,
            spread: 2 * fifth,
        }
    }

    #[inline]
    pub(super) fn length(self, draw: u32) -> usize {
        (self.min + below(draw, self.spread)) as usize
    }
}

/// The longest `extra` of events of this average size.
pub(super) fn extra_max(average: u32) -> usize {
    average as usize + average as usize / 4 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_fills_up_to_the_average_size() {
        let extra = Extra::new(100, 32);
        assert_eq!((extra.length(0), extra.length(u32::MAX)), (54, 81));
        assert_eq!(Extra::new(100, 101).length(u32::MAX), 0);
        assert_eq!(Extra::new(34, 32).length(u32::MAX), 2);
        assert!(Extra::new(1 << 20, 0).length(u32::MAX) <= extra_max(1 << 20));
    }
}
