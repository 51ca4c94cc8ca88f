//! Random numbers that are functions of where they are used, so that nothing depends on order.
//!
//! Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA
//! 2014 (SplitMix64).

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that looks as if it had nothing to do with `x`; a bijection.
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `place`-th of the numbers that belong to `key`.
pub(super) fn pick(key: u64, place: u64) -> u64 {
    mix(key.wrapping_add(place.wrapping_add(1).wrapping_mul(STEP)))
}

/// The numbers that belong to a key, one after the other.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(key: u64) -> Self {
        Random(key)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to `last`, both included.
    pub(super) fn up_to(&mut self, last: u64) -> u64 {
        ((u128::from(self.next()) * (u128::from(last) + 1)) >> 64) as u64
    }

    /// From `min` to `max`, both included.
    pub(super) fn integer(&mut self, min: i64, max: i64) -> i64 {
        min.wrapping_add_unsigned(self.up_to(max.abs_diff(min)))
    }

    /// From `min` to `max`, both included, for the wide range of decimals.
    pub(super) fn decimal(&mut self, min: i128, max: i128) -> i128 {
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        match max.abs_diff(min).checked_add(1) {
            Some(count) => min.wrapping_add_unsigned(wide % count),
            None => wide as i128,
        }
    }

    /// From 0 to 1, 1 excluded.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_and_their_ends_reached() {
        let mut random = Random::new(7);
        let drawn: Vec<i64> = (0..200).map(|_| random.integer(-2, 2)).collect();
        for wanted in -2..=2 {
            assert!(drawn.contains(&wanted));
        }
        assert!(drawn.iter().all(|n| (-2..=2).contains(n)));
        random.integer(i64::MIN, i64::MAX);
        random.decimal(i128::MIN, i128::MAX);
        assert_eq!(random.integer(5, 5), 5);
        assert!((0..100).all(|_| (0.0..1.0).contains(&random.unit())));
    }

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut random = Random::new(42);
        assert_eq!(random.next(), 13_679_457_532_755_275_413);
        assert_eq!(pick(42, 0), 13_679_457_532_755_275_413);
    }
}
