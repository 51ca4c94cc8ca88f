//! Bids: nine in ten events, so what is slow here is slow.
//!
//! The newest auction and person do not change within a run of bids, so the ids to choose from are
//! computed once per run.

use super::channel::{Channel, URL_MAX};
use super::field::{Extra, Field, date_time, extra_max};
use super::market::{Choice, Market, Run};
use super::text::Text;

/// The fields, in Flink's order.
pub(super) const FIELDS: &[Field] = &[
    Field::long("auction", auction),
    Field::long("bidder", bidder),
    Field::long("price", price),
    Field::text("channel", channel, |_| 16),
    Field::text("url", url, |_| URL_MAX),
    Field::time("dateTime", date_time),
    Field::text("extra", extra, |market| {
        extra_max(market.settings.bid_bytes)
    }),
];

/// Bytes besides `extra`, as Flink counts them: without channel and url, which came later.
const USED: u32 = 32;

/// Positions in the draws of an event.
const AUCTION: u64 = 0;
const BIDDER: u64 = 1;
const PRICE: u64 = 2;
const CHANNEL_AND_EXTRA_LENGTH: u64 = 3;
const EXTRA: u64 = 4;

fn auction(market: &Market, run: &Run, ids: &mut [i64]) {
    let choice = Choice::auction(run.auction, market.settings.hot_auctions);
    for (id, (_, draws)) in ids.iter_mut().zip(market.events(run)) {
        *id = choice.pick(draws.halves(AUCTION));
    }
}

fn bidder(market: &Market, run: &Run, ids: &mut [i64]) {
    let choice = Choice::bidder(run.person, market.settings.hot_bidders);
    for (id, (_, draws)) in ids.iter_mut().zip(market.events(run)) {
        *id = choice.pick(draws.halves(BIDDER));
    }
}

fn price(market: &Market, run: &Run, prices: &mut [i64]) {
    for (price, (_, draws)) in prices.iter_mut().zip(market.events(run)) {
        *price = market.prices.pick(draws.word(PRICE));
    }
}

fn channel(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let channel = Channel::pick(draws.halves(CHANNEL_AND_EXTRA_LENGTH).0);
        market.channels.add_name(channel, text);
        text.end();
    }
}

fn url(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let channel = Channel::pick(draws.halves(CHANNEL_AND_EXTRA_LENGTH).0);
        market.channels.add_url(channel, text);
        text.end();
    }
}

fn extra(market: &Market, run: &Run, text: &mut Text) {
    let extra = Extra::new(market.settings.bid_bytes, USED);
    for (_, draws) in market.events(run) {
        let length = extra.length(draws.halves(CHANNEL_AND_EXTRA_LENGTH).1);
        text.add_letters(draws, EXTRA, length);
        text.end();
    }
}
