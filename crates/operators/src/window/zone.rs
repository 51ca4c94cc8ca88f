//! The zone in which windows are aligned: windows over TIMESTAMP_LTZ follow local clocks.
//!
//! A window is computed in local time (`window_start` and `window_end` are local TIMESTAMPs), and
//! fires when the watermark, an instant, reaches its local end:
//!
//! ```text
//! Europe/Berlin, 2026-10-25: 02:00–03:00 happens twice. The window that ends at 02:30 fires
//! at the second 02:30; the one-hour window [02:00, 03:00) holds two hours of rows.
//! ```
//!
//! * A local time that occurs twice stands for the later instant; one that is skipped for the
//!   instant of the skip (to the hour).
//! * Always: `to_epoch` never decreases, so windows fire in the order of their local ends.
//!
//! Source: Apache Flink, `TimeWindowUtil.toUtcTimestampMills` and `toEpochMillsForTimer`.

use std::borrow::Cow;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use millstream_core::{Code, Error, Result};

use crate::watermark::EVENT_TIME_MAX_MS;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Clocks are changed at multiples of this, in every zone and year.
const QUARTER_MS: i64 = HOUR_MS / 4;

/// A zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Local time is UTC plus so many ms.
    Fixed(i64),
    /// By the rules of the IANA database.
    Rules(Tz),
}

impl Zone {
    pub(crate) const UTC: Zone = Zone::Fixed(0);

    /// The zone with this name, such as `Europe/Berlin`, `UTC`, `GMT+08:00` or `+08:00`.
    pub(crate) fn named(name: &str) -> Result<Zone> {
        if let Some(offset) = fixed_offset(name) {
            return Ok(Zone::Fixed(offset));
        }
        let zone = name.parse::<Tz>().map_err(|_| {
            Error::new(
                Code::InvalidOption,
                format!("'{name}' is not a time zone; wanted a name such as 'Europe/Berlin'"),
            )
        })?;
        Ok(if zone == Tz::UTC {
            Zone::UTC
        } else {
            Zone::Rules(zone)
        })
    }

    /// The local time of an instant.
    pub(crate) fn to_local(self, epoch_ms: i64) -> i64 {
        epoch_ms.saturating_add(self.offset_at(epoch_ms))
    }

    fn offset_at(self, epoch_ms: i64) -> i64 {
        match self {
            Zone::Fixed(offset) => offset,
            Zone::Rules(zone) => {
                let offset = zone.offset_from_utc_datetime(&naive(epoch_ms));
                i64::from(offset.fix().local_minus_utc()) * 1000
            }
        }
    }

    /// The instant of a local time; see the module for times that occur twice or never.
    pub(crate) fn to_epoch(self, local_ms: i64) -> i64 {
        let zone = match self {
            Zone::Fixed(offset) => return local_ms.saturating_sub(offset),
            Zone::Rules(zone) => zone,
        };
        let offset_ms =
            |offset: <Tz as TimeZone>::Offset| i64::from(offset.fix().local_minus_utc()) * 1000;
        match zone.offset_from_local_datetime(&naive(local_ms)) {
            MappedLocalTime::Single(offset) => local_ms.saturating_sub(offset_ms(offset)),
            MappedLocalTime::Ambiguous(one, other) => {
                local_ms.saturating_sub(offset_ms(one).min(offset_ms(other)))
            }
            MappedLocalTime::None => {
                let before = self.offset_at(local_ms - DAY_MS);
                local_ms - local_ms.rem_euclid(HOUR_MS) - before
            }
        }
    }

    /// The largest local time whose instant is not after `epoch_ms`: how far local clocks have
    /// come for good.
    pub(crate) fn local_progress(self, epoch_ms: i64) -> i64 {
        // Beyond any event time: also keeps the arithmetic below away from overflow.
        if epoch_ms > 2 * EVENT_TIME_MAX_MS {
            return i64::MAX;
        }
        if epoch_ms < -2 * EVENT_TIME_MAX_MS {
            return i64::MIN;
        }
        let mut local = self.to_local(epoch_ms);
        // While a time is heard for the first of two times, progress waits before it.
        while self.to_epoch(local) > epoch_ms {
            local = local - local.rem_euclid(QUARTER_MS) - 1;
        }
        local
    }

    /// Local times of many instants.
    pub(crate) fn to_locals(self, epoch_ms: &[i64]) -> Cow<'_, [i64]> {
        if self == Zone::UTC {
            return Cow::Borrowed(epoch_ms);
        }
        let mut quarter = i64::MIN;
        let mut offset = 0;
        let local = |&time: &i64| {
            if time.div_euclid(QUARTER_MS) != quarter {
                quarter = time.div_euclid(QUARTER_MS);
                offset = self.offset_at(time);
            }
            time.saturating_add(offset)
        };
        Cow::Owned(epoch_ms.iter().map(local).collect())
    }
}

fn naive(ms: i64) -> NaiveDateTime {
    let edge = if ms < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp_millis(ms)
        .unwrap_or(edge)
        .naive_utc()
}

/// The offset of `UTC`, `GMT+8`, `UTC-03:30`, `+08:00`; `None` for other names.
fn fixed_offset(name: &str) -> Option<i64> {
    let rest = name
        .strip_prefix("GMT")
        .or_else(|| name.strip_prefix("UTC"))
        .unwrap_or(name);
    if rest.is_empty() {
        return (!name.is_empty()).then_some(0);
    }
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |text: &str, most: i64| {
        let is_short = !text.is_empty() && text.len() <= 2;
        let digits = is_short && text.bytes().all(|b| b.is_ascii_digit());
        digits
            .then(|| text.parse::<i64>().ok())
            .flatten()
            .filter(|&n| n <= most)
    };
    Some(sign * (number(hours, 18)? * HOUR_MS + number(minutes, 59)? * 60_000))
}

#[cfg(test)]
mod tests {
    use millstream_core::time::days_from_civil;

    use super::*;

    fn at(month: u32, day: u32, hour: i64, minute: i64) -> i64 {
        days_from_civil(2026, month, day) * DAY_MS + hour * HOUR_MS + minute * 60_000
    }

    #[test]
    fn a_time_that_occurs_twice_is_the_later_instant() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.to_local(at(10, 25, 0, 30)), at(10, 25, 2, 30));
        assert_eq!(berlin.to_local(at(10, 25, 1, 30)), at(10, 25, 2, 30));
        assert_eq!(berlin.to_epoch(at(10, 25, 2, 30)), at(10, 25, 1, 30));
    }

    #[test]
    fn a_time_that_is_skipped_is_the_instant_of_the_skip() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.to_epoch(at(3, 29, 2, 30)), at(3, 29, 1, 0));
        assert_eq!(berlin.to_epoch(at(3, 29, 3, 0)), at(3, 29, 1, 0));
    }

    #[test]
    fn progress_is_the_inverse_of_the_instant() {
        for name in [
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "America/St_Johns",
            "UTC",
        ] {
            let zone = Zone::named(name).unwrap();
            for hour in 0..24 * 365 {
                for minute in [0, 29, 30, 59] {
                    let epoch = at(1, 1, hour, minute);
                    let local = zone.local_progress(epoch);
                    assert!(zone.to_epoch(local) <= epoch, "{name} {epoch}");
                    assert!(zone.to_epoch(local + 1) > epoch, "{name} {epoch}");
                }
            }
        }
    }

    #[test]
    fn many_times_are_shifted_like_each_alone() {
        let zone = Zone::named("America/New_York").unwrap();
        let times: Vec<i64> = (0..2000).map(|i| at(1, 1, 0, 0) + i * 7_777_777).collect();
        let each: Vec<i64> = times.iter().map(|&t| zone.to_local(t)).collect();
        assert_eq!(zone.to_locals(&times).as_ref(), each.as_slice());
    }

    #[test]
    fn offsets_are_zones_and_nonsense_is_not() {
        assert_eq!(Zone::named("GMT+08:00").unwrap(), Zone::Fixed(8 * HOUR_MS));
        assert_eq!(Zone::named("UTC").unwrap(), Zone::UTC);
        assert_eq!(
            Zone::named("-03:30").unwrap(),
            Zone::Fixed(-7 * HOUR_MS / 2)
        );
        for name in ["", "Mars/Base", "GMT+", "GMT+99", "+1:2:3", "é"] {
            assert!(Zone::named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn extreme_instants_do_not_overflow() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        for time in [i64::MIN, i64::MAX, EVENT_TIME_MAX_MS, -EVENT_TIME_MAX_MS] {
            zone.to_local(time);
            zone.local_progress(time);
        }
        assert_eq!(zone.local_progress(i64::MAX), i64::MAX);
    }
}
