//! Prices: 10^(6u) dollars in cents for an even `u` in [0, 1), so 100 to 100,000,000.
//!
//! `pow` costs as much as the rest of a bid and may differ in the last digit between machines.
//! So: a table of 1,024 powers made by multiplication alone (exact rules of IEEE 754, the same
//! everywhere), and a straight line between neighbours. The line is at most 0.003 % too high.

/// Steps of the table; one price is made of 10 bits of step and 32 bits of position within it.
const STEPS: usize = 1024;

/// 10^(6 / 1024).
const RATIO: f64 = 1.013_583_133_334_065_8;

/// The table of prices.
#[derive(Debug)]
pub(super) struct Prices {
    cents: Vec<f64>,
}

impl Prices {
    pub(super) fn new() -> Self {
        let powers = std::iter::successors(Some(100.0), |cents| Some(cents * RATIO));
        Prices {
            cents: powers.take(STEPS + 1).collect(),
        }
    }

    /// A price in cents from 64 random bits.
    #[inline]
    pub(super) fn pick(&self, draw: u64) -> i64 {
        let step = (draw >> 54) as usize;
        let within = f64::from((draw >> 22) as u32) * (1.0 / 4_294_967_296.0);
        let (low, high) = (self.cents[step], self.cents[step + 1]);
        (low + (high - low) * within + 0.5) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_reach_from_a_dollar_to_a_million() {
        let prices = Prices::new();
        assert_eq!(prices.pick(0), 100);
        assert_eq!(prices.pick(u64::MAX), 100_000_000);
        assert_eq!(
            prices.pick(1 << 63),
            100_000,
            "half of the prices are below 10^3 dollars"
        );
    }

    #[test]
    fn every_price_is_near_the_power_it_stands_for() {
        let prices = Prices::new();
        for draw in (0..u64::MAX).step_by(1 << 50) {
            let wanted = 100.0 * 10_f64.powf(6.0 * (draw as f64 / 2_f64.powi(64)));
            let found = prices.pick(draw) as f64;
            assert!(
                (found - wanted).abs() <= 0.5 + wanted * 4e-5,
                "{wanted} {found}"
            );
        }
    }
}
