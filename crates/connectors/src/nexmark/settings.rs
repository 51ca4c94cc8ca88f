//! The options of a Nexmark table, checked and typed.
//!
//! Names and defaults are Flink's unless the help says otherwise.

use std::ops::RangeInclusive;

use millstream_core::options::{OptionSpec, Options};
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};

use super::market::Proportions;
use super::timeline::{EVENTS_MAX, Shape, Timeline};

const RATE_MAX: u64 = 1_000_000_000;
const RATIO_MAX: u64 = 1_000_000_000;
const PROPORTION_MAX: u64 = 1_000_000;
const BYTES_MAX: u64 = 1 << 20;
const PERIOD_MAX_MS: u128 = 366 * 86_400_000;
/// 9999-12-31 23:59:59.999
const BASE_MAX_MS: i64 = 253_402_300_799_999;
/// 2015-07-15 00:00:00: where Apache Beam's Nexmark begins.
const BASE_DEFAULT_MS: i64 = 1_436_918_400_000;

const RATE: &str = "a whole number of events per second from 1 to 1000000000";
const PROPORTION: &str = "a whole number from 0 to 1000000";
const SIZE: &str = "a size from 0 to 1MB such as '100b'";
const RATIO: &str = "a whole number from 1 to 1000000000";
const EVENTS: &str = "a whole number from 0 to 1000000000000000";
const STOP: &str = "-1 or a whole number up to 1000000000000000";
const PERIOD: &str = "a duration from 1 ms to 366 days in which at least one event falls";
const BASE: &str = "'now' or milliseconds since 1970 from 0 to 253402300799999";
const SEED: &str = "a whole number from 0 to 18446744073709551615";
const BOOLEAN: &str = "'true' or 'false'";
const SHAPE: &str = "'SQUARE' or 'SINE'";

/// What a Nexmark table may say in WITH.
pub(super) static OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "first-event.rate",
        RATE,
        "10000",
        "Events per second of event time, of all subtasks together; decides how far apart event \
         times are. Wall-clock speed follows it only with 'rate.limited'.",
    ),
    OptionSpec::new(
        "next-event.rate",
        RATE,
        "the first-event.rate",
        "The rate that 'first-event.rate' turns into and back, as 'rate.shape' says.",
    ),
    OptionSpec::new(
        "rate.shape",
        SHAPE,
        "SQUARE",
        "How the rate changes: half of the period each, or along a sine.",
    ),
    OptionSpec::new(
        "rate.period",
        PERIOD,
        "600 s",
        "How long one change of rates and back takes, in event time.",
    ),
    OptionSpec::new(
        "rate.limited",
        BOOLEAN,
        "false",
        "True: an event comes no earlier than its event time is after the first event's. False: \
         as fast as possible.",
    ),
    OptionSpec::new(
        "max-emit-speed",
        BOOLEAN,
        "true",
        "Flink's newer word for the opposite of 'rate.limited'.",
    ),
    OptionSpec::new(
        "events.num",
        EVENTS,
        "0",
        "How many events there are; 0: the table never ends.",
    ),
    OptionSpec::new(
        "stop-at",
        STOP,
        "-1",
        "Ends after so many events even if 'events.num' is more or 0; -1: does not.",
    ),
    OptionSpec::new(
        "keep-alive",
        BOOLEAN,
        "false",
        "True: waits after the last event instead of ending.",
    ),
    OptionSpec::new(
        "person.proportion",
        PROPORTION,
        "1",
        "Share of persons among all events.",
    ),
    OptionSpec::new(
        "auction.proportion",
        PROPORTION,
        "3",
        "Share of auctions among all events.",
    ),
    OptionSpec::new(
        "bid.proportion",
        PROPORTION,
        "46",
        "Share of bids among all events.",
    ),
    OptionSpec::new(
        "person.avg-size",
        SIZE,
        "200b",
        "Average size of a person; 'extra' fills it up.",
    ),
    OptionSpec::new(
        "auction.avg-size",
        SIZE,
        "500b",
        "Average size of an auction; 'extra' fills it up.",
    ),
    OptionSpec::new(
        "bid.avg-size",
        SIZE,
        "100b",
        "Average size of a bid without 'channel' and 'url'; 'extra' fills it up.",
    ),
    OptionSpec::new(
        "bid.hot-ratio.auctions",
        RATIO,
        "2",
        "One in so many bids is not for the hot auction.",
    ),
    OptionSpec::new(
        "bid.hot-ratio.bidders",
        RATIO,
        "4",
        "One in so many bids is not by the hot bidder.",
    ),
    OptionSpec::new(
        "auction.hot-ratio.sellers",
        RATIO,
        "4",
        "One in so many auctions is not by the hot seller.",
    ),
    OptionSpec::new(
        "base-time",
        BASE,
        "1436918400000 (2015-07-15 00:00:00)",
        "Event time of the first event; 'now' is when the job starts. Flink: always now.",
    ),
    OptionSpec::new(
        "seed",
        SEED,
        "0",
        "Another seed, other events; the same seed, the same events. Not in Flink.",
    ),
    OptionSpec::new(
        PROJECTION_KEY,
        BOOLEAN,
        "false",
        "True: columns that no query reads are not made; a benchmark then measures less work than \
         Flink's. Not in Flink.",
    ),
];

const PROJECTION_KEY: &str = "projection-pushdown";

/// When event 0 happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    At(EventTime),
    Now,
}

/// The options of one table.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) base: Base,
    pub(super) timeline: Timeline,
    pub(super) proportions: Proportions,
    /// How many events there are; [`EVENTS_MAX`] for a table without end.
    pub(super) events: u64,
    /// True if the table ends by itself.
    pub(super) is_bounded: bool,
    pub(super) keep_alive: bool,
    pub(super) limited: bool,
    pub(super) person_bytes: u32,
    pub(super) auction_bytes: u32,
    pub(super) bid_bytes: u32,
    pub(super) hot_auctions: u32,
    pub(super) hot_bidders: u32,
    pub(super) hot_sellers: u32,
}

impl Settings {
    /// Reads and checks the options of a table.
    pub(super) fn new(options: &Options) -> Result<Self> {
        let ratio = |key, default| -> Result<u32> {
            Ok(number(options, key, RATIO, 1..=RATIO_MAX, default)? as u32)
        };
        let (events, is_finite) = events(options)?;
        let keep_alive = options.boolean("keep-alive", false)?;
        let max_speed = options.boolean("max-emit-speed", true)?;
        options.boolean(PROJECTION_KEY, false)?;
        Ok(Settings {
            seed: number(options, "seed", SEED, 0..=u64::MAX, 0)?,
            base: base(options)?,
            timeline: timeline(options)?,
            proportions: proportions(options)?,
            events,
            is_bounded: is_finite && !keep_alive,
            keep_alive,
            limited: options.boolean("rate.limited", false)? || !max_speed,
            person_bytes: size(options, "person.avg-size", 200)?,
            auction_bytes: size(options, "auction.avg-size", 500)?,
            bid_bytes: size(options, "bid.avg-size", 100)?,
            hot_auctions: ratio("bid.hot-ratio.auctions", 2)?,
            hot_bidders: ratio("bid.hot-ratio.bidders", 4)?,
            hot_sellers: ratio("auction.hot-ratio.sellers", 4)?,
        })
    }

    /// True if columns that are not read are not made. An unreadable value is [`Self::new`]'s to
    /// report.
    pub(super) fn projects(options: &Options) -> bool {
        options.boolean(PROJECTION_KEY, false).unwrap_or(false)
    }

    /// Events in a row that go to the same split.
    ///
    /// As fast as possible: an epoch, which keeps the runs of bids whole. By the clock: one, since
    /// at low rates an epoch is minutes, and a split without news holds the watermark back.
    pub(super) fn block(&self) -> u64 {
        const LARGEST: u64 = 1024;
        if self.limited {
            1
        } else {
            self.proportions.total().min(LARGEST)
        }
    }
}

fn number(
    options: &Options,
    key: &str,
    wanted: &str,
    range: RangeInclusive<u64>,
    default: u64,
) -> Result<u64> {
    match options.parse::<u64>(key, wanted)? {
        None => Ok(default),
        Some(value) if range.contains(&value) => Ok(value),
        Some(_) => Err(options.invalid(key, wanted)),
    }
}

fn size(options: &Options, key: &str, default: u32) -> Result<u32> {
    match options.bytes(key)? {
        None => Ok(default),
        Some(bytes) if bytes <= BYTES_MAX => Ok(bytes as u32),
        Some(_) => Err(options.invalid(key, SIZE)),
    }
}

fn timeline(options: &Options) -> Result<Timeline> {
    let first = number(options, "first-event.rate", RATE, 1..=RATE_MAX, 10_000)?;
    let next = number(options, "next-event.rate", RATE, 1..=RATE_MAX, first)?;
    let shape = match options.one_of("rate.shape", &["SQUARE", "SINE"], "SQUARE")? {
        "SINE" => Shape::Sine,
        _ => Shape::Square,
    };
    let period = options.duration("rate.period")?;
    let period_ms = period.map_or(600_000, |period| period.as_millis());
    if !(1..=PERIOD_MAX_MS).contains(&period_ms) {
        return Err(options.invalid("rate.period", PERIOD));
    }
    Timeline::shaped(first, next, shape, period_ms as u64)
        .ok_or_else(|| options.invalid("rate.period", PERIOD))
}

fn proportions(options: &Options) -> Result<Proportions> {
    let share = |key, default| number(options, key, PROPORTION, 0..=PROPORTION_MAX, default);
    let proportions = Proportions {
        person: share("person.proportion", 1)?,
        auction: share("auction.proportion", 3)?,
        bid: share("bid.proportion", 46)?,
    };
    if proportions.total() == 0 {
        return Err(Error::new(
            Code::InvalidOption,
            format!(
                "{} has no events: one of the options 'person.proportion', 'auction.proportion' \
                 and 'bid.proportion' must be more than 0",
                options.owner()
            ),
        ));
    }
    Ok(proportions)
}

/// How many events, and whether that is an end.
fn events(options: &Options) -> Result<(u64, bool)> {
    let wanted = number(options, "events.num", EVENTS, 0..=EVENTS_MAX, 0)?;
    let stop = match options.get("stop-at").map(str::trim) {
        None | Some("-1") => None,
        Some(_) => Some(number(options, "stop-at", STOP, 0..=EVENTS_MAX, 0)?),
    };
    Ok(match (wanted, stop) {
        (0, None) => (EVENTS_MAX, false),
        (0, Some(stop)) => (stop, true),
        (wanted, None) => (wanted, true),
        (wanted, Some(stop)) => (wanted.min(stop), true),
    })
}

fn base(options: &Options) -> Result<Base> {
    let Some(text) = options.get("base-time") else {
        return Ok(Base::At(EventTime(BASE_DEFAULT_MS)));
    };
    if text.trim().eq_ignore_ascii_case("now") {
        return Ok(Base::Now);
    }
    match text.trim().parse() {
        Ok(ms) if (0..=BASE_MAX_MS).contains(&ms) => Ok(Base::At(EventTime(ms))),
        _ => Err(options.invalid("base-time", BASE)),
    }
}
