//! Chance that needs no memory: every draw is a function of (seed, event number, index).
//!
//! An event's key is the SplitMix64 output for its number, and its draws are the WyRand outputs
//! for that key at positions 0, 1, 2, …; so any reader can make any event, in any order, and gets
//! the same one. Each field of an event has positions of its own: leaving a field out does not
//! change the others.
//!
//! * Cost: two multiplications for a key, one (64 × 64 → 128 bits) for a draw of 64 bits.
//! * Bounded numbers by multiply-and-shift and letters by `byte * 26 / 256` are not perfectly even
//!   (letters differ by a tenth, numbers below 2^20 by less than a thousandth); nothing here needs
//!   more.
//! * Sources: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
//!   Wang Yi, wyhash, `wyrand`; Lemire, "Fast random integer generation in an interval", 2019.

/// The golden ratio's fraction: SplitMix64's distance between neighbouring seeds.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const WY_STEP: u64 = 0xa076_1d64_78bd_642f;
const WY_XOR: u64 = 0xe703_7ed1_a0b4_28db;

/// Letters made by one call of [`Draws::letters`].
pub(super) const BLOCK: usize = 32;

/// Draws of 64 bits that one block of letters uses.
pub(super) const BLOCK_DRAWS: u64 = 4;

/// The draws of one event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws(u64);

impl Draws {
    /// The draws of event number `event`.
    #[inline]
    pub(super) fn of(seed: u64, event: u64) -> Self {
        let state = seed.wrapping_add(event.wrapping_add(1).wrapping_mul(GOLDEN));
        Draws(scramble(state))
    }

    /// 64 random bits.
    #[inline]
    pub(super) fn word(self, index: u64) -> u64 {
        let state = self.0.wrapping_add((index + 1).wrapping_mul(WY_STEP));
        let product = u128::from(state) * u128::from(state ^ WY_XOR);
        (product as u64) ^ ((product >> 64) as u64)
    }

    /// Two independent draws of 32 bits.
    #[inline]
    pub(super) fn halves(self, index: u64) -> (u32, u32) {
        let word = self.word(index);
        ((word >> 32) as u32, word as u32)
    }

    /// Random letters `a` to `z`, from [`BLOCK_DRAWS`] draws beginning at `index`.
    #[inline]
    pub(super) fn letters(self, index: u64) -> [u8; BLOCK] {
        self.block(index, |word| scale_bytes(word, 26) + repeat(b'a'))
    }

    /// Random letters with a `gap` in place of one in fourteen.
    #[inline]
    pub(super) fn words(self, index: u64, gap: u8) -> [u8; BLOCK] {
        self.block(index, |word| {
            let text = scale_bytes(word, 28) + repeat(b'a');
            // The two characters behind 'z' reach the highest bit with 5 more.
            let beyond = ((text + repeat(0x80 - b'z' - 1)) & repeat(0x80)) >> 7;
            let mask = beyond * 0xff;
            (text & !mask) | (repeat(gap) & mask)
        })
    }

    #[inline]
    fn block(self, index: u64, eight: impl Fn(u64) -> u64) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        for (at, slot) in (index..).zip(block.chunks_exact_mut(8)) {
            slot.copy_from_slice(&eight(self.word(at)).to_le_bytes());
        }
        block
    }
}

/// Eight times the same byte.
const fn repeat(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// Each of the eight bytes `b` becomes `b * bound / 256`: a number below `bound`.
///
/// Four bytes at a time have 16 bits each to be multiplied in. Measured: a loop over bytes, which
/// the compiler made into shuffles, made the column `bid.extra` take 2.5 times as long.
#[inline]
fn scale_bytes(word: u64, bound: u64) -> u64 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let even = (((word & EVEN) * bound) >> 8) & EVEN;
    let odd = (((word >> 8) & EVEN) * bound) & !EVEN;
    even | odd
}

/// A number below `bound` (0 if `bound` is 0) from 32 random bits.
#[inline]
pub(super) fn below(draw: u32, bound: u32) -> u32 {
    ((u64::from(draw) * u64::from(bound)) >> 32) as u32
}

/// A number below `bound` (0 if `bound` is 0) from 64 random bits.
#[inline]
pub(super) fn below_wide(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

/// SplitMix64's finaliser; also spreads a user's seed over all bits.
#[inline]
pub(super) fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_comes_about_equally_often() {
        let mut counts = [0_u32; 26];
        for event in 0..10_000 {
            for letter in Draws::of(7, event).letters(4) {
                counts[usize::from(letter - b'a')] += 1;
            }
        }
        let expected = 10_000 * BLOCK as u32 / 26;
        assert!(counts.iter().all(|n| n.abs_diff(expected) < expected / 8));
    }

    #[test]
    fn eight_bytes_are_scaled_like_one() {
        for n in 0..1_000 {
            let word = Draws::of(0, n).word(0);
            for bound in [26, 28] {
                let single = word
                    .to_le_bytes()
                    .map(|b| (u64::from(b) * bound / 256) as u8);
                assert_eq!(scale_bytes(word, bound).to_le_bytes(), single);
            }
        }
    }

    #[test]
    fn words_are_letters_and_gaps() {
        let blocks = (0..10_000).flat_map(|n| Draws::of(0, n).words(0, b'_'));
        let (gaps, letters): (Vec<u8>, Vec<u8>) = blocks.partition(|byte| *byte == b'_');
        assert!(letters.iter().all(u8::is_ascii_lowercase));
        assert!(letters.contains(&b'a') && letters.contains(&b'z'));
        let expected = 10_000 * BLOCK / 14;
        assert!(gaps.len().abs_diff(expected) < expected / 20);
    }

    #[test]
    fn bounded_numbers_reach_both_ends_and_no_further() {
        assert_eq!(below(0, 6), 0);
        assert_eq!(below(u32::MAX, 6), 5);
        assert_eq!(below(u32::MAX, 0), 0);
        assert_eq!(below_wide(u64::MAX, 1 << 40), (1 << 40) - 1);
    }

    #[test]
    fn neighbouring_events_and_draws_share_nothing() {
        let mut bits = 0;
        for event in 0..1_000 {
            let here = Draws::of(1, event);
            bits += (here.word(0) ^ Draws::of(1, event + 1).word(0)).count_ones();
            bits += (here.word(0) ^ here.word(1)).count_ones();
        }
        // 2,000 comparisons of 64 bits: half of them differ, give or take five deviations.
        assert!((64_000 - 900..64_000 + 900).contains(&bits), "{bits}");
    }
}
