//! Persons: new customers of the auction house.

use super::field::{Extra, Field, date_time, extra_max};
use super::market::{FIRST_ID, Market, Run};
use super::random::{BLOCK, Draws, below};
use super::text::Text;

/// The fields, in Flink's order.
pub(super) const FIELDS: &[Field] = &[
    Field::long("id", id),
    Field::text("name", name, |_| BLOCK),
    Field::text("emailAddress", email_address, |_| BLOCK),
    Field::text("creditCard", credit_card, |_| CARD),
    Field::text("city", city, |_| BLOCK),
    Field::text("state", state, |_| BLOCK),
    Field::time("dateTime", date_time),
    Field::text("extra", extra, |market| {
        extra_max(market.settings.person_bytes)
    }),
];

const FIRST_NAMES: &[&str] = &[
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
];
const LAST_NAMES: &[&str] = &[
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris",
];
const CITIES: &[&str] = &[
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];
const STATES: &[&str] = &["AZ", "CA", "ID", "OR", "WA", "WY"];
/// Bytes of `dddd dddd dddd dddd`.
const CARD: usize = 19;

/// Positions in the draws of an event.
const NAME: u64 = 0;
const EMAIL_LENGTHS: u64 = 1;
const PLACE: u64 = 2;
const CARD_DIGITS: u64 = 3;
const EXTRA_LENGTH: u64 = 4;
const EMAIL_USER: u64 = 8;
const EMAIL_HOST: u64 = 12;
const EXTRA: u64 = 16;

fn id(_: &Market, run: &Run, ids: &mut [i64]) {
    for (id, person) in ids.iter_mut().zip(run.person..) {
        *id = FIRST_ID + person as i64;
    }
}

fn name(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let (first, last) = names(draws);
        text.add(first);
        text.add(" ");
        text.add(last);
        text.end();
    }
}

fn email_address(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let (user, host) = email_lengths(draws);
        text.add_letters(draws, EMAIL_USER, user);
        text.add("@");
        text.add_letters(draws, EMAIL_HOST, host);
        text.add(".com");
        text.end();
    }
}

fn credit_card(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let word = draws.word(CARD_DIGITS);
        let mut card = [b' '; CARD];
        for (group, digits) in card.chunks_mut(5).enumerate() {
            let mut number = (u64::from((word >> (16 * group)) as u16) * 10_000) >> 16;
            for digit in digits[..4].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        text.add_cut(&card, CARD);
        text.end();
    }
}

fn city(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        text.add(place(draws).0);
        text.end();
    }
}

fn state(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        text.add(place(draws).1);
        text.end();
    }
}

fn extra(market: &Market, run: &Run, text: &mut Text) {
    for (_, draws) in market.events(run) {
        let ((first, last), (user, host)) = (names(draws), email_lengths(draws));
        let (city, state) = place(draws);
        let texts = first.len() + 1 + last.len() + user + 1 + host + 4 + city.len() + state.len();
        let used = 8 + CARD + texts;
        let length = Extra::new(market.settings.person_bytes, used as u32);
        text.add_letters(draws, EXTRA, length.length(draws.halves(EXTRA_LENGTH).0));
        text.end();
    }
}

fn names(draws: Draws) -> (&'static str, &'static str) {
    let (first, last) = draws.halves(NAME);
    (pick(FIRST_NAMES, first), pick(LAST_NAMES, last))
}

/// Lengths of the two parts of an address: 3 to 6, 3 or 4.
fn email_lengths(draws: Draws) -> (usize, usize) {
    let (user, host) = draws.halves(EMAIL_LENGTHS);
    (3 + below(user, 4) as usize, 3 + below(host, 2) as usize)
}

/// City and state; as in Flink they are drawn apart, so Seattle may lie in Wyoming.
fn place(draws: Draws) -> (&'static str, &'static str) {
    let (city, state) = draws.halves(PLACE);
    (pick(CITIES, city), pick(STATES, state))
}

fn pick(list: &[&'static str], draw: u32) -> &'static str {
    list[below(draw, list.len() as u32) as usize]
}
