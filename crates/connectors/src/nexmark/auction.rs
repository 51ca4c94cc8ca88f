//! Auctions: something is for sale until it expires.

use super::field::{Extra, Field, date_time, extra_max};
use super::market::{CATEGORIES, Choice, FIRST_CATEGORY, FIRST_ID, Market, OPEN_AUCTIONS, Run};
use super::random::{Draws, below, below_wide};
use super::text::Text;

/// The fields, in Flink's order.
pub(super) const FIELDS: &[Field] = &[
    Field::long("id", id),
    Field::text("itemName", item_name, |_| NAME_MAX),
    Field::text("description", description, |_| DESCRIPTION_MAX),
    Field::long("initialBid", initial_bid),
    Field::long("reserve", reserve),
    Field::time("dateTime", date_time),
    Field::time("expires", expires),
    Field::long("seller", seller),
    Field::long("category", category),
    Field::text("extra", extra, |market| {
        extra_max(market.settings.auction_bytes)
    }),
];

const NAME_MAX: usize = 19;
const DESCRIPTION_MAX: usize = 99;
/// Bytes that are not text, as Flink counts them.
const USED: usize = 48;

/// Positions in the draws of an event.
const SELLER: u64 = 0;
const CATEGORY_AND_EXTRA_LENGTH: u64 = 1;
const INITIAL_BID: u64 = 2;
const RESERVE: u64 = 3;
const DURATION: u64 = 4;
const LENGTHS: u64 = 5;
const NAME: u64 = 8;
const DESCRIPTION: u64 = 12;
const EXTRA: u64 = 32;

fn id(_: &Market, run: &Run, ids: &mut [i64]) {
    for (id, auction) in ids.iter_mut().zip(run.auction..) {
        *id = FIRST_ID + auction as i64;
    }
}

fn item_name(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        text.add_words(draws, NAME, lengths(draws).0);
        text.end();
    }
}

fn description(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        text.add_words(draws, DESCRIPTION, lengths(draws).1);
        text.end();
    }
}

fn initial_bid(market: &Market, run: &Run, prices: &mut [i64]) {
    for (price, (_, draws)) in prices.iter_mut().zip(market.events(run)) {
        *price = market.prices.pick(draws.word(INITIAL_BID));
    }
}

fn reserve(market: &Market, run: &Run, prices: &mut [i64]) {
    for (price, (_, draws)) in prices.iter_mut().zip(market.events(run)) {
        let initial = market.prices.pick(draws.word(INITIAL_BID));
        *price = initial + market.prices.pick(draws.word(RESERVE));
    }
}

/// An auction lasts on average until as many more have begun as are open at a time.
fn expires(market: &Market, run: &Run, times: &mut [i64]) {
    let timeline = market.timeline();
    timeline.fill(run.base, run.first, times);
    let proportions = &market.settings.proportions;
    let ahead = OPEN_AUCTIONS * proportions.total() / proportions.auction.max(1);
    for (time, (event, draws)) in times.iter_mut().zip(market.events(run)) {
        let horizon = timeline.offset_ms(event + ahead) - timeline.offset_ms(event);
        let lasts = 1 + below_wide(draws.word(DURATION), (2 * horizon).max(1));
        *time += lasts as i64;
    }
}

fn seller(market: &Market, run: &Run, sellers: &mut [i64]) {
    let choice = Choice::seller(run.person, market.settings.hot_sellers);
    for (seller, (_, draws)) in sellers.iter_mut().zip(market.events(run)) {
        *seller = choice.pick(draws.halves(SELLER));
    }
}

fn category(market: &Market, run: &Run, categories: &mut [i64]) {
    for (category, (_, draws)) in categories.iter_mut().zip(market.events(run)) {
        let draw = draws.halves(CATEGORY_AND_EXTRA_LENGTH).0;
        *category = FIRST_CATEGORY + i64::from(below(draw, CATEGORIES));
    }
}

fn extra(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let (name, description) = lengths(draws);
        let used = USED + name + description;
        let extra = Extra::new(market.settings.auction_bytes, used as u32);
        let length = extra.length(draws.halves(CATEGORY_AND_EXTRA_LENGTH).1);
        text.add_letters(draws, EXTRA, length);
        text.end();
    }
}

/// Lengths of name and description: from 3 to the longest.
fn lengths(draws: Draws) -> (usize, usize) {
    let (name, description) = draws.halves(LENGTHS);
    let length = |draw, max: usize| 3 + below(draw, max as u32 - 2) as usize;
    (length(name, NAME_MAX), length(description, DESCRIPTION_MAX))
}
