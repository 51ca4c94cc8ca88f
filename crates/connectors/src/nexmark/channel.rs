//! The channels bids come through, and their addresses, made once and then copied.
//!
//! Half of the bids come evenly from the four hot channels, half evenly from 10,000 others.
//! Every channel has one address of 47 to 83 characters:
//!
//! ```text
//! https://www.nexmark.com/abc/d_f/ghij/item.htm?query=1&channel_id=1234567890
//! ```
//!
//! Nine in ten of the others say `channel_id`: the magnitude of the channel's number with its 32
//! bits reversed, read as a signed number, as Flink's generator does it.
//!
//! Rows of fixed size, copied whole and then cut: about 1.1 MB in all.

use super::random::{Draws, below};
use super::text::Text;

const HOT: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const OTHERS: u32 = 10_000;
/// One in so many of the others has an address without `channel_id`.
const BARE_ONE_IN: u32 = 10;

const NAME_MAX: usize = 15;
/// The longest address; more than this in a column of one batch is never needed per row.
pub(super) const URL_MAX: usize = 95;

/// Domain of the draws, so that channels and events never share one.
const DOMAIN: u64 = 0x6368_616e_6e65_6c73;

/// Names and addresses of all channels: the hot ones first.
#[derive(Debug)]
pub(super) struct Channels {
    names: Vec<Cell<16>>,
    urls: Vec<Cell<96>>,
}

/// A short text: its bytes, with its length in the last one.
#[derive(Clone, Copy, Debug)]
struct Cell<const N: usize>([u8; N]);

impl<const N: usize> Cell<N> {
    /// At most `N - 1` bytes of ASCII.
    fn new(text: &str) -> Self {
        let mut cell = [0; N];
        let length = text.len().min(N - 1);
        cell[..length].copy_from_slice(&text.as_bytes()[..length]);
        cell[N - 1] = length as u8;
        Cell(cell)
    }

    #[inline]
    fn add_to(&self, text: &mut Text) {
        text.add_cut(&self.0, usize::from(self.0[N - 1]));
    }
}

/// A channel, by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channel(u32);

impl Channel {
    /// One of them.
    #[inline]
    pub(super) fn pick(draw: u32) -> Self {
        let rest = draw << 1;
        let other = HOT.len() as u32 + below(rest, OTHERS);
        let hot = below(rest, HOT.len() as u32);
        Channel(if draw >> 31 == 1 { hot } else { other })
    }
}

impl Channels {
    pub(super) fn new(seed: u64) -> Self {
        let hot = (0..)
            .zip(HOT)
            .map(|(i, name)| (name.to_string(), url(seed, i)));
        let others = (0..OTHERS).map(|number| {
            let place = u64::from(number) + HOT.len() as u64;
            let mut url = url(seed, place);
            if below(Draws::of(seed ^ DOMAIN, place).halves(1).0, BARE_ONE_IN) > 0 {
                let id = (number.reverse_bits() as i32).unsigned_abs();
                url.push_str(&format!("&channel_id={id}"));
            }
            (format!("channel-{number}"), url)
        });
        let (names, urls) = hot
            .chain(others)
            .map(|(name, url)| {
                debug_assert!(name.len() <= NAME_MAX && url.len() <= URL_MAX);
                (Cell::new(&name), Cell::new(&url))
            })
            .unzip();
        Channels { names, urls }
    }

    /// Adds a channel's name to the current row.
    #[inline]
    pub(super) fn add_name(&self, channel: Channel, text: &mut Text) {
        self.names[channel.0 as usize].add_to(text);
    }

    /// Adds a channel's address to the current row.
    #[inline]
    pub(super) fn add_url(&self, channel: Channel, text: &mut Text) {
        self.urls[channel.0 as usize].add_to(text);
    }
}

fn url(seed: u64, place: u64) -> String {
    let draws = Draws::of(seed ^ DOMAIN, place);
    let word = draws.word(0);
    let mut url = String::from("https://www.nexmark.com/");
    for folder in 0..3_u64 {
        let length = 3 + (word >> folder & 1) as usize;
        let letters = draws.words(8 + folder * 4, b'_');
        url.extend(letters[..length].iter().map(|byte| char::from(*byte)));
        url.push('/');
    }
    url.push_str("item.htm?query=1");
    url
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    fn texts(add: impl Fn(Channel, &mut Text)) -> Vec<String> {
        let mut text = Text::with_capacity(0, 0);
        for channel in 0..HOT.len() as u32 + OTHERS {
            add(Channel(channel), &mut text);
            text.end();
        }
        let array = text.finish(None).unwrap();
        let strings = array.as_string::<i32>().iter().flatten();
        strings.map(str::to_string).collect()
    }

    #[test]
    fn every_channel_has_a_name_and_an_address() {
        let channels = Channels::new(1);
        let names = texts(|channel, text| channels.add_name(channel, text));
        let urls = texts(|channel, text| channels.add_url(channel, text));
        assert_eq!(
            names[..5],
            ["Google", "Facebook", "Baidu", "Apple", "channel-0"]
        );
        assert_eq!(names[10_003], "channel-9999");
        let base = |url: &str| -> bool {
            let path = url.strip_prefix("https://www.nexmark.com/").unwrap();
            path.split('/').count() == 4 && path.contains("/item.htm?query=1")
        };
        assert!(urls.iter().all(|url| base(url)));
        let ids = urls.iter().filter(|url| url.contains("&channel_id="));
        assert!((8_850..9_150).contains(&ids.count()));
        assert!(urls[..4].iter().all(|url| url.ends_with("query=1")));
    }

    #[test]
    fn a_channel_id_is_the_reversed_number() {
        let channels = Channels::new(1);
        let urls = texts(|channel, text| channels.add_url(channel, text));
        let ids: Vec<(usize, &str)> = urls[4..]
            .iter()
            .enumerate()
            .filter_map(|(number, url)| Some((number, url.split_once("channel_id=")?.1)))
            .collect();
        // 2 is 010… in reverse; 3 is 110…: -2^30 as a signed number.
        for (number, wanted) in [(1, "2147483648"), (2, "1073741824"), (3, "1073741824")] {
            if let Some((_, id)) = ids.iter().find(|(n, _)| *n == number) {
                assert_eq!(*id, wanted);
            }
        }
        assert!(ids.iter().filter(|(number, _)| *number < 4).count() >= 2);
    }

    #[test]
    fn half_of_the_draws_are_hot() {
        let hot = (0..10_000_u64)
            .filter(|n| Channel::pick(Draws::of(5, *n).halves(0).0).0 < 4)
            .count();
        assert!((4_800..5_200).contains(&hot), "{hot}");
        assert_eq!(Channel::pick(0), Channel(4));
        assert_eq!(Channel::pick(u32::MAX >> 1), Channel(10_003));
        assert_eq!(Channel::pick(u32::MAX), Channel(3));
    }
}
