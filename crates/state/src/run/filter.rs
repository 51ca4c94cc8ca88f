//! The filter of a run: says of a key "certainly not here" without reading a block of entries.
//!
//! ```text
//! hash ─▶ line = hash · lines / 2^64        512 bits, one cache line
//!     └─▶ 6 × 9 bits of another mix         the bits of the key in that line
//! ```
//!
//! * About 10 bits per key; about 1 % of absent keys pass.
//! * Lines are stored in blocks of 64 KiB with their own checksums, so one look-up reads one block.
//! * Always: a key that was added passes. The hash is part of the format: a fixture pins it.
//! * Sources: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007.

use millstream_core::state::StateKey;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a line.
pub(crate) const LINE_BYTES: usize = 64;
/// Lines in one stored block.
pub(crate) const BLOCK_LINES: usize = 1024;
/// The only kind of filter so far; stored, so that another one can follow.
pub(crate) const KIND: u8 = 1;

const BITS_PER_KEY: usize = 10;
const PROBES: u32 = 6;

/// The hash of a key as the filter uses it.
#[inline]
pub(crate) fn hash(key: &StateKey<'_>) -> u64 {
    let place = (key.namespace as u64)
        .rotate_left(24)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (u64::from(key.group) << 8 | u64::from(key.table));
    xxh3_64_with_seed(key.key, place)
}

/// How many lines a filter of `keys` keys has.
pub(crate) fn lines_for(keys: usize) -> usize {
    (keys * BITS_PER_KEY).div_ceil(LINE_BYTES * 8)
}

/// The line of a hash.
#[inline]
pub(crate) fn line_of(hash: u64, lines: u64) -> u64 {
    ((u128::from(hash) * u128::from(lines)) >> 64) as u64
}

/// All lines of a filter over `hashes`.
pub(crate) fn build(hashes: &[u64]) -> Vec<u8> {
    let lines = lines_for(hashes.len());
    let mut bits = vec![0u8; lines * LINE_BYTES];
    for hash in hashes {
        let line = line_of(*hash, lines as u64) as usize * LINE_BYTES;
        for bit in bits_of(*hash) {
            bits[line + bit / 8] |= 1 << (bit % 8);
        }
    }
    bits
}

/// True if the key may be there, by its line.
#[inline]
pub(crate) fn may_hold(line: &[u8], hash: u64) -> bool {
    bits_of(hash).all(|bit| {
        line.get(bit / 8)
            .is_none_or(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

#[inline]
fn bits_of(hash: u64) -> impl Iterator<Item = usize> {
    // The line took the high bits of the hash; the bits come from another mix of all of them.
    let mut mixed = (hash ^ hash >> 32).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^= mixed >> 29;
    (0..PROBES).map(move |probe| (mixed >> (9 * probe)) as usize & 511)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(number: u64) -> u64 {
        hash(&StateKey {
            group: (number % 128) as u16,
            table: 1,
            namespace: 0,
            key: &number.to_be_bytes(),
        })
    }

    #[test]
    fn keys_that_were_added_pass_and_few_others() {
        let hashes: Vec<u64> = (0..20_000).map(hash_of).collect();
        let bits = build(&hashes);
        let lines = (bits.len() / LINE_BYTES) as u64;
        let passes = |hash: u64| {
            let line = line_of(hash, lines) as usize * LINE_BYTES;
            may_hold(&bits[line..line + LINE_BYTES], hash)
        };
        assert!(hashes.iter().all(|hash| passes(*hash)));
        let wrong = (20_000..120_000).filter(|n| passes(hash_of(*n))).count();
        assert!(wrong < 2_000, "{wrong} of 100,000 absent keys pass");
    }
}
