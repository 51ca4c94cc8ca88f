//! Chance that can be repeated: Java's linear congruential generator, and a 128 bit counter for UUIDs.
//!
//! A generator belongs to one registered function; all rows and subtasks that use it draw from the
//! same sequence, so no two rows share a number. A seed given in SQL has a sequence of its own.
//! Source: the published recurrence of `java.util.Random`, so that RAND(seed) gives Flink's
//! numbers; SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many seeds a function remembers; a query with more starts some of them anew.
const SEEDS_MAX: usize = 1024;

/// The chance of one function.
pub(crate) struct Chance {
    seed: u128,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    drawn: u64,
    seeded: HashMap<Option<i32>, JavaRandom>,
}

impl Chance {
    pub(crate) fn new(seed: u128) -> Self {
        Chance {
            seed,
            state: Mutex::default(),
        }
    }

    /// Draws from the sequence of `seed`, or from the session's.
    pub(crate) fn draw<T>(&self, seed: Option<i32>, draw: impl FnOnce(&mut JavaRandom) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.seeded.len() >= SEEDS_MAX && !state.seeded.contains_key(&seed) {
            state.seeded.clear();
        }
        let start = seed.map_or((self.seed ^ (self.seed >> 64)) as i64, i64::from);
        draw(
            state
                .seeded
                .entry(seed)
                .or_insert_with(|| JavaRandom::new(start)),
        )
    }

    /// 128 bits that this function has not returned before.
    pub(crate) fn bits(&self) -> u128 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drawn += 1;
        let low = split_mix(self.seed as u64, state.drawn);
        let high = split_mix(
            (self.seed >> 64) as u64 ^ 0xA5A5_A5A5_A5A5_A5A5,
            state.drawn,
        );
        u128::from(high) << 64 | u128::from(low)
    }
}

fn split_mix(seed: u64, step: u64) -> u64 {
    let mut z = seed.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `java.util.Random`.
pub(crate) struct JavaRandom(i64);

impl JavaRandom {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    pub(crate) fn new(seed: i64) -> Self {
        JavaRandom((seed ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    /// A number in [0, 1).
    pub(crate) fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1_i64 << 53) as f64
    }

    /// A number in [0, bound); `bound` must be positive.
    pub(crate) fn next_int(&mut self, bound: i32) -> i32 {
        if bound & bound.wrapping_neg() == bound {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_is_javas() {
        let mut random = JavaRandom::new(42);
        assert_eq!([10; 3].map(|bound| random.next_int(bound)), [0, 3, 8]);
        assert_eq!(JavaRandom::new(1).next_double(), 0.730_878_190_703_290_9);
    }

    #[test]
    fn bits_do_not_repeat() {
        let chance = Chance::new(7);
        assert_ne!(chance.bits(), chance.bits());
    }
}
