//! Time zones: the offset of an instant, the instant of a local time, zones by name.

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::Moment;

/// A time zone that remembers the offset of the minute it was last asked about.
///
/// Rows come in order of time, so nearly all of them hit. A minute, not an hour, because some
/// zones have changed their clocks one minute after midnight.
pub(crate) struct Zone {
    tz: Tz,
    fixed: bool,
    minute: i64,
    offset: i64,
}

impl Zone {
    pub(crate) fn new(tz: Tz) -> Self {
        Zone {
            tz,
            fixed: matches!(tz, Tz::UTC | Tz::Etc__UTC | Tz::GMT | Tz::Etc__GMT),
            minute: i64::MIN,
            offset: 0,
        }
    }

    /// The zone itself.
    pub(crate) fn tz(&self) -> Tz {
        self.tz
    }

    /// Milliseconds the local clock is ahead of UTC at this instant.
    pub(crate) fn offset_at(&mut self, utc_ms: i64) -> i64 {
        if self.fixed {
            return 0;
        }
        let minute = utc_ms.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.offset = naive(utc_ms).map_or(0, |utc| {
                i64::from(
                    self.tz
                        .offset_from_utc_datetime(&utc)
                        .fix()
                        .local_minus_utc(),
                ) * 1000
            });
        }
        self.offset
    }

    /// The local moment of an instant.
    pub(crate) fn local_of(&mut self, utc: Moment) -> Moment {
        Moment {
            millis: utc.millis.saturating_add(self.offset_at(utc.millis)),
            ..utc
        }
    }

    /// The instant of a local moment. Of two, the earlier; one that the clock skips moves forward.
    pub(crate) fn to_utc(&self, local: Moment) -> Moment {
        if self.fixed {
            return local;
        }
        Moment {
            millis: local.millis.saturating_sub(self.local_offset(local.millis)),
            ..local
        }
    }

    fn local_offset(&self, local_ms: i64) -> i64 {
        // No clock has ever been moved by more than a day.
        for hours in 0..=25 {
            let Some(local) = naive(local_ms.saturating_sub(hours * 3_600_000)) else {
                return 0;
            };
            if let Some(offset) = self.tz.offset_from_local_datetime(&local).earliest() {
                return i64::from(offset.fix().local_minus_utc()) * 1000;
            }
        }
        0
    }
}

fn naive(millis: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(millis).map(|time| time.naive_utc())
}

/// A zone by its name (`Europe/Berlin`), or by its offset (`+02:00`, `GMT+2`) if it is whole hours.
pub(crate) fn zone_named(name: &str) -> Option<Tz> {
    let name = name.trim();
    if let Ok(tz) = name.parse::<Tz>() {
        return Some(tz);
    }
    let offset = ["UTC", "GMT"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    if offset.is_empty() || offset == "Z" {
        return Some(Tz::UTC);
    }
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => ('-', digits),
        ("-", digits) => ('+', digits),
        _ => return None,
    };
    let hours: u32 = digits.strip_suffix(":00").unwrap_or(digits).parse().ok()?;
    // The names of the Etc zones have the opposite sign.
    format!("Etc/GMT{sign}{hours}").parse().ok()
}
