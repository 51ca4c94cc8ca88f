//! The auction house all events come from: who exists when, and which ids are popular.
//!
//! Events come in epochs of `person + auction + bid` events, in that order:
//!
//! ```text
//! event   0       1       2       3       4 … 49  50      51 …
//!         person  auction auction auction bids    person  auction …
//! id      1000    1000    1001    1002            1001    1003
//! ```
//!
//! So the ids that exist at an event follow from its number alone, and a bid can name an auction
//! without anybody remembering auctions.
//!
//! * A share of `1 - 1/ratio` of the references goes to the hot id: the first auction, the first
//!   person (as seller) or the second person (as bidder) of the current hundred.
//! * The others go evenly to the last 100 auctions or 1,000 persons and to 10 ids that do not
//!   exist yet, so that a join sees rows of both sides come first.
//! * Source: Apache Beam's Nexmark suite (after Tucker et al., "NEXMark", 2002) as run by Flink.
//!   Flink adds the first person id twice to a bidder, so that no bidder is ever a person; here
//!   bidders are persons.

use std::ops::Range;

use millstream_core::time::EventTime;

use super::channel::Channels;
use super::price::Prices;
use super::random::{Draws, below, scramble};
use super::settings::Settings;
use super::timeline::Timeline;

/// The first id of a person and of an auction.
pub(super) const FIRST_ID: i64 = 1000;
/// The first category and how many there are.
pub(super) const FIRST_CATEGORY: i64 = 10;
pub(super) const CATEGORIES: u32 = 5;
/// How many auctions take bids at a time.
pub(super) const OPEN_AUCTIONS: u64 = 100;
/// How many persons sell and bid at a time.
const ACTIVE_PERSONS: u64 = 1000;
/// How many ids that do not exist yet may be named.
const LEAD: u64 = 10;
/// Every how many ids a new one is hot.
const HOT_EVERY: u64 = 100;

/// What an event is about; the value of `event_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Person = 0,
    Auction = 1,
    Bid = 2,
}

/// How many of the events of an epoch are of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proportions {
    pub(super) person: u64,
    pub(super) auction: u64,
    pub(super) bid: u64,
}

impl Proportions {
    /// Events of an epoch; never 0 once settings are checked.
    pub(super) fn total(&self) -> u64 {
        self.person + self.auction + self.bid
    }
}

/// Consecutive events of one kind in one epoch, and where they go in the batch.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Row of the first.
    pub(super) row: usize,
    /// How many.
    pub(super) rows: usize,
    /// Number of the first event.
    pub(super) first: u64,
    /// Newest person at the first event, counted from 0; the event itself if it is a person.
    pub(super) person: u64,
    /// Newest auction at the first event, counted from 0; the event itself if it is an auction.
    pub(super) auction: u64,
    /// Event time of event 0.
    pub(super) base: EventTime,
}

/// The events of a batch, by kind.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Rows of the batch.
    pub(super) rows: usize,
    of: [Vec<Run>; 3],
}

impl Runs {
    /// The runs of one kind, in the order of their rows.
    pub(super) fn of(&self, kind: Kind) -> &[Run] {
        &self.of[kind as usize]
    }

    /// Adds the events `range` behind those already there.
    pub(super) fn add(&mut self, proportions: &Proportions, base: EventTime, range: Range<u64>) {
        let total = proportions.total();
        let mut first = range.start;
        while first < range.end {
            let (epoch, within) = (first / total, first % total);
            let (kind, end) = proportions.kind_at(within);
            let rows = (end - within).min(range.end - first) as usize;
            self.of[kind as usize].push(Run {
                row: self.rows,
                rows,
                first,
                person: proportions.newest_person(epoch, within),
                auction: proportions.newest_auction(epoch, within),
                base,
            });
            self.rows += rows;
            first += rows as u64;
        }
    }
}

impl Proportions {
    /// The kind of an event by its place in its epoch, and the place where its kind ends.
    fn kind_at(&self, within: u64) -> (Kind, u64) {
        if within < self.person {
            (Kind::Person, self.person)
        } else if within < self.person + self.auction {
            (Kind::Auction, self.person + self.auction)
        } else {
            (Kind::Bid, self.total())
        }
    }

    fn newest_person(&self, epoch: u64, within: u64) -> u64 {
        (epoch * self.person + (within + 1).min(self.person)).saturating_sub(1)
    }

    fn newest_auction(&self, epoch: u64, within: u64) -> u64 {
        let begun = (within + 1).saturating_sub(self.person).min(self.auction);
        (epoch * self.auction + begun).saturating_sub(1)
    }
}

/// Everything an event is made from besides its number. Never changes; shared by all readers.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) settings: Settings,
    pub(super) prices: Prices,
    pub(super) channels: Channels,
    seed: u64,
}

impl Market {
    pub(super) fn new(settings: Settings) -> Self {
        let seed = scramble(settings.seed);
        Market {
            prices: Prices::new(),
            channels: Channels::new(seed),
            seed,
            settings,
        }
    }

    /// When events happen.
    pub(super) fn timeline(&self) -> &Timeline {
        &self.settings.timeline
    }

    /// The number and the draws of every event of a run.
    #[inline]
    pub(super) fn events(&self, run: &Run) -> impl Iterator<Item = (u64, Draws)> + use<> {
        let seed = self.seed;
        (run.first..run.first + run.rows as u64).map(move |n| (n, Draws::of(seed, n)))
    }
}

/// The ids one kind of reference can name while the newest id stays the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    hot: i64,
    hot_ratio: u32,
    oldest: i64,
    count: u32,
}

impl Choice {
    /// Auctions to bid on.
    pub(super) fn auction(newest: u64, hot_ratio: u32) -> Self {
        let oldest = newest.saturating_sub(OPEN_AUCTIONS);
        Choice {
            hot: hot(newest, 0),
            hot_ratio,
            oldest: FIRST_ID + oldest as i64,
            count: (newest - oldest + 1 + LEAD) as u32,
        }
    }

    /// Persons who sell.
    pub(super) fn seller(newest: u64, hot_ratio: u32) -> Self {
        let active = (newest + 1).min(ACTIVE_PERSONS);
        Choice {
            hot: hot(newest, 0),
            hot_ratio,
            oldest: FIRST_ID + (newest + 1 - active) as i64,
            count: (active + LEAD) as u32,
        }
    }

    /// Persons who bid: as sellers, but the hot one is another.
    pub(super) fn bidder(newest: u64, hot_ratio: u32) -> Self {
        Choice {
            hot: hot(newest, 1),
            ..Self::seller(newest, hot_ratio)
        }
    }

    /// One of them.
    #[inline]
    pub(super) fn pick(&self, (luck, place): (u32, u32)) -> i64 {
        // Half of the references are hot: a branch here would be guessed wrong half of the time.
        let other = self.oldest + i64::from(below(place, self.count));
        if below(luck, self.hot_ratio) > 0 {
            self.hot
        } else {
            other
        }
    }
}

fn hot(newest: u64, behind: u64) -> i64 {
    FIRST_ID + (newest / HOT_EVERY * HOT_EVERY + behind) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Proportions = Proportions {
        person: 1,
        auction: 3,
        bid: 46,
    };

    fn runs(proportions: &Proportions, range: Range<u64>) -> Runs {
        let mut runs = Runs::default();
        runs.add(proportions, EventTime(0), range);
        runs
    }

    #[test]
    fn the_newest_ids_follow_from_the_event_number() {
        let ids = |n: u64| {
            let (epoch, within) = (n / 50, n % 50);
            let newest = USUAL.newest_person(epoch, within);
            (newest, USUAL.newest_auction(epoch, within))
        };
        assert_eq!(
            ids(0),
            (0, 0),
            "nobody sells yet: the first auction stands in"
        );
        assert_eq!(ids(1), (0, 0));
        assert_eq!(ids(3), (0, 2));
        assert_eq!(ids(49), (0, 2));
        assert_eq!(ids(50), (1, 2));
        assert_eq!(ids(51), (1, 3));
        assert_eq!(ids(99), (1, 5));
    }

    #[test]
    fn a_range_is_cut_into_runs_of_one_kind() {
        let runs = runs(&USUAL, 48..103);
        assert_eq!(runs.rows, 55);
        let shape = |kind: Kind| -> Vec<(usize, usize, u64)> {
            let of = runs.of(kind).iter();
            of.map(|run| (run.row, run.rows, run.first)).collect()
        };
        assert_eq!(shape(Kind::Bid), [(0, 2, 48), (6, 46, 54)]);
        assert_eq!(shape(Kind::Person), [(2, 1, 50), (52, 1, 100)]);
        assert_eq!(shape(Kind::Auction), [(3, 3, 51), (53, 2, 101)]);
    }

    #[test]
    fn a_kind_may_be_missing() {
        let bids = Proportions {
            person: 0,
            auction: 0,
            bid: 2,
        };
        let runs = runs(&bids, 0..5);
        assert!(runs.of(Kind::Person).is_empty() && runs.of(Kind::Auction).is_empty());
        assert_eq!(runs.of(Kind::Bid).len(), 3);
        assert!(
            runs.of(Kind::Bid)
                .iter()
                .all(|run| run.person == 0 && run.auction == 0)
        );
    }

    #[test]
    fn references_stay_among_the_open_auctions_and_a_few_that_come() {
        let choice = Choice::auction(250, 1);
        assert_eq!(choice.pick((0, 0)), 1150);
        assert_eq!(choice.pick((0, u32::MAX)), 1260);
        let choice = Choice::auction(250, 2);
        assert_eq!(choice.pick((u32::MAX, 0)), 1200);
        assert_eq!(Choice::bidder(250, 4).pick((u32::MAX, 0)), 1201);
        assert_eq!(Choice::seller(5, 1).pick((0, u32::MAX)), 1015);
    }
}
