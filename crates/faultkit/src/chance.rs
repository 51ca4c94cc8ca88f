//! Chance from a seed: every random choice of the kit, the same on every machine and release.
//!
//! SplitMix64: a counter and a mixing function. Committed seeds of failed runs must still mean the
//! same schedule in a year, so the algorithm is fixed here and not borrowed from a library that may
//! change its generator.
//!
//! * Always: the same seed and the same calls give the same values.
//! * Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators",
//!   OOPSLA 2014, section 3.

use std::time::Duration;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random values.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

/// One well-mixed value per input; the same input gives the same value.
pub fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Chance {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Chance { state: seed }
    }

    /// An independent stream for the part of a run called `name`, so that one part drawing more
    /// values does not change what another part sees.
    pub fn branch(seed: u64, name: &str) -> Self {
        let named = name.bytes().fold(seed, |state, byte| {
            mix(state ^ u64::from(byte)).wrapping_add(GOLDEN)
        });
        Chance::new(named)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A value in `0..end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // Multiply and shift: the bias is below end / 2^64, invisible in a test.
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A value from `low` to `high`, both included; `low` when `high` is smaller.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// A duration from `low` to `high`, in whole microseconds.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_micros(self.between(low.as_micros() as u64, high.as_micros() as u64))
    }

    /// True with the given probability: never at 0, always at 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        // 53 bits make a fraction in [0, 1) without rounding up to 1.
        let fraction = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        fraction < probability
    }

    /// One of the values, or `None` of an empty slice.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_values_for_ever() {
        let mut chance = Chance::new(1_234_567);
        // The first values of the reference implementation for this seed.
        assert_eq!(chance.bits(), 6_457_827_717_110_365_317);
        assert_eq!(chance.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn values_stay_within_their_bounds_and_reach_both_ends() {
        let mut chance = Chance::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| chance.between(3, 6)).collect();
        assert!(drawn.iter().all(|value| (3..=6).contains(value)));
        assert!((3..=6).all(|value| drawn.contains(&value)));
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.between(9, 2), 9);
        assert_eq!(chance.between(0, u64::MAX).min(1) | 1, 1);
    }

    #[test]
    fn never_and_always_are_exact_and_a_tenth_is_about_a_tenth() {
        let mut chance = Chance::new(8);
        assert!((0..1000).all(|_| !chance.happens(0.0)));
        assert!((0..1000).all(|_| chance.happens(1.0)));
        let hits = (0..10_000).filter(|_| chance.happens(0.1)).count();
        assert!((850..1150).contains(&hits), "{hits} of 10000");
    }

    #[test]
    fn branches_of_one_seed_differ() {
        let mut kills = Chance::branch(1, "kills");
        let mut knobs = Chance::branch(1, "knobs");
        assert_ne!(kills.bits(), knobs.bits());
    }
}
