//! Today's date and elapsed time, for documents and measurements.

#![expect(
    clippy::disallowed_methods,
    reason = "measures real commands; no simulated time here"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Today in UTC, as `yyyy-mm-dd`.
pub(crate) fn today() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    day((since.as_secs() / 86_400) as i64)
}

/// A stopwatch that runs.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn day(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    format!(
        "{:04}-{month:02}-{day:02}",
        year_of_era + era * 400 + i64::from(month <= 2)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates_also_around_a_leap_day() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_777), "2026-11-20");
        assert_eq!(day(-1), "1969-12-31");
    }
}
