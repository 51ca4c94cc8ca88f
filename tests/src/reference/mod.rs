//! What the examples must print, computed from their data in the plainest way: one row after the
//! other, whole numbers, no code of the engine.
//!
//! An example's expected output is committed beside it (`examples/*/expected/`); the tests here
//! prove that it is what these computations say, and the tests of the engine that it is what the
//! engine prints. `UPDATE_EXPECT=1 cargo xtask test expected` writes the files again.

pub mod flights;
pub mod sales;
mod time;

use std::path::PathBuf;

/// The root of the checkout.
pub fn root() -> PathBuf {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests are a folder of the checkout")
        .to_path_buf()
}

/// Start of the tumbling window of `size_ms` that holds `time_ms`.
fn window_start(time_ms: i64, size_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(size_ms)
}

/// Flink's rule: a row is late if the window it belongs to has fired, and a window has fired once
/// the watermark has reached its last millisecond.
fn is_late(window_end_ms: i64, watermark_ms: Option<i64>) -> bool {
    watermark_ms.is_some_and(|watermark| window_end_ms - 1 <= watermark)
}

/// `numerator / denominator` in units of `1 / scale`, rounded half away from zero.
fn rounded(numerator: i64, denominator: i64, scale: i64) -> i64 {
    let scaled = numerator * scale;
    let quotient = (2 * scaled.abs() + denominator) / (2 * denominator);
    quotient * scaled.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_late_from_the_last_millisecond_of_its_window_on() {
        assert!(!is_late(30_000, None));
        assert!(!is_late(30_000, Some(29_998)));
        assert!(is_late(30_000, Some(29_999)));
    }

    #[test]
    fn windows_before_1970_start_in_the_past() {
        assert_eq!(window_start(-1, 10), -10);
        assert_eq!(window_start(29_999, 30_000), 0);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!(rounded(3, 20, 10), 2);
        assert_eq!(rounded(-3, 20, 10), -2);
        assert_eq!(rounded(1, 3, 10), 3);
        assert_eq!(rounded(0, 7, 10), 0);
    }
}
