//! Where reading begins and ends: `scan.startup.*` and `scan.bounded.*`.

use std::collections::BTreeMap;

use millstream_core::options::Options;
use millstream_core::time::days_from_civil;
use millstream_core::{Code, Error, Result};

use super::options::{
    BOUNDED_MODE, BOUNDED_OFFSETS, BOUNDED_TIMESTAMP, STARTUP_MODE, STARTUP_OFFSETS,
    STARTUP_TIMESTAMP,
};
use super::properties::Properties;

/// Offsets by number of the partition.
pub(super) type Offsets = BTreeMap<i32, i64>;

/// A place in every partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its first record.
    Earliest,
    /// Behind its last record.
    Latest,
    /// What the consumer group has committed.
    Group,
    /// Its first record at or after a time, in ms since 1970.
    Timestamp(i64),
    /// These offsets.
    Offsets(Offsets),
}

/// Where reading begins.
pub(super) fn start(options: &Options, properties: &Properties) -> Result<Place> {
    let modes = [
        "group-offsets",
        "earliest-offset",
        "latest-offset",
        "timestamp",
        "specific-offsets",
    ];
    let mode = options.one_of(STARTUP_MODE, &modes, modes[0])?;
    only_with(
        options,
        STARTUP_OFFSETS,
        STARTUP_MODE,
        mode,
        "specific-offsets",
    )?;
    only_with(options, STARTUP_TIMESTAMP, STARTUP_MODE, mode, "timestamp")?;
    Ok(match mode {
        "earliest-offset" => Place::Earliest,
        "latest-offset" => Place::Latest,
        "timestamp" => Place::Timestamp(timestamp(options, STARTUP_TIMESTAMP)?),
        "specific-offsets" => Place::Offsets(offsets(options, STARTUP_OFFSETS)?),
        _ => group(options, properties, STARTUP_MODE)?,
    })
}

/// Where reading ends, if it does.
pub(super) fn end(options: &Options, properties: &Properties) -> Result<Option<Place>> {
    let modes = [
        "unbounded",
        "latest-offset",
        "group-offsets",
        "timestamp",
        "specific-offsets",
    ];
    let mode = options.one_of(BOUNDED_MODE, &modes, modes[0])?;
    only_with(
        options,
        BOUNDED_OFFSETS,
        BOUNDED_MODE,
        mode,
        "specific-offsets",
    )?;
    only_with(options, BOUNDED_TIMESTAMP, BOUNDED_MODE, mode, "timestamp")?;
    Ok(match mode {
        "latest-offset" => Some(Place::Latest),
        "timestamp" => Some(Place::Timestamp(timestamp(options, BOUNDED_TIMESTAMP)?)),
        "specific-offsets" => Some(Place::Offsets(offsets(options, BOUNDED_OFFSETS)?)),
        "group-offsets" => Some(group(options, properties, BOUNDED_MODE)?),
        _ => None,
    })
}

/// An option that says something only together with one mode would be ignored with any other.
fn only_with(options: &Options, key: &str, mode_key: &str, mode: &str, wanted: &str) -> Result<()> {
    if options.get(key).is_none() || mode == wanted {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidOption,
        format!(
            "{} has the option '{key}', which needs '{mode_key}' = '{wanted}'",
            options.owner()
        ),
    ))
}

fn group(options: &Options, properties: &Properties, key: &str) -> Result<Place> {
    if properties.group.is_some() {
        return Ok(Place::Group);
    }
    Err(Error::new(
        Code::InvalidOption,
        format!(
            "{} needs the option 'properties.group.id', because '{key}' is 'group-offsets'",
            options.owner()
        ),
    )
    .hint(format!(
        "or choose another '{key}', such as 'earliest-offset'"
    )))
}

/// `partition:0,offset:42;partition:1,offset:300`.
fn offsets(options: &Options, key: &str) -> Result<Offsets> {
    let text = options.require(key)?;
    let wanted = "offsets such as 'partition:0,offset:42;partition:1,offset:300'";
    let mut offsets = Offsets::new();
    for pair in text
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let number = |text: &str, name: &str| -> Option<i64> {
            let number = text
                .trim()
                .strip_prefix(name)?
                .trim_start()
                .strip_prefix(':')?;
            number.trim().parse().ok().filter(|number| *number >= 0)
        };
        let found = pair.split_once(',').and_then(|(partition, offset)| {
            let partition = i32::try_from(number(partition, "partition")?).ok()?;
            Some((partition, number(offset, "offset")?))
        });
        let Some((partition, offset)) = found else {
            return Err(options.invalid(key, wanted));
        };
        if offsets.insert(partition, offset).is_some() {
            return Err(options.invalid(key, "each partition once"));
        }
    }
    match offsets.is_empty() {
        true => Err(options.invalid(key, wanted)),
        false => Ok(offsets),
    }
}

fn timestamp(options: &Options, key: &str) -> Result<i64> {
    let text = options.require(key)?.trim();
    let found = match text.parse::<i64>() {
        Ok(millis) => Some(millis).filter(|millis| *millis >= 0),
        Err(_) => iso_8601(text).filter(|millis| *millis >= 0),
    };
    found.ok_or_else(|| {
        options.invalid(
            key,
            "milliseconds since 1970, or a time with its offset such as '2026-01-31T12:00:00+01:00'",
        )
    })
}

/// `yyyy-MM-ddTHH:mm:ss[.fff]` followed by `Z` or `±HH:mm`, in ms since 1970.
fn iso_8601(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-');
    let mut part = |digits: usize| number(parts.next()?, digits);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(at);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = clock.splitn(3, ':');
    let hour = number(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = number(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let second = match parts.next() {
        Some(text) => number(text, 2).filter(|second| *second < 60)?,
        None => 0,
    };
    let millis = match fraction {
        "" => 0,
        digits if digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<3}")[..3].parse::<i64>().ok()?
        }
        _ => return None,
    };
    let shift_minutes = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let hours = number(hours, 2).filter(|hours| *hours <= 18)?;
            let minutes = number(minutes, 2).filter(|minutes| *minutes < 60)?;
            let shift = hours * 60 + minutes;
            if zone.starts_with('-') { -shift } else { shift }
        }
    };
    let days = days_from_civil(year, month as u32, day as u32);
    let seconds = days * 86_400 + hour * 3600 + (minute - shift_minutes) * 60 + second;
    Some(seconds * 1000 + millis)
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_its_offset_from_utc() {
        assert_eq!(iso_8601("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            iso_8601("2026-01-31T12:00:00.5+01:00"),
            Some(1_769_857_200_500)
        );
        assert_eq!(iso_8601("2026-01-31 12:00-05:30"), Some(1_769_880_600_000));
        assert_eq!(
            iso_8601("2024-02-29T23:59:59.123456Z"),
            Some(1_709_251_199_123)
        );
        for wrong in [
            "2026-01-31T12:00:00",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "2026-1-31T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00:00+1",
            "2026-01-31T12:00:00.Z1",
            "+2026-01-31T12:00:00Z",
            "é2026-01-31T12:00:00Z",
            "",
        ] {
            assert_eq!(iso_8601(wrong), None, "{wrong}");
        }
    }
}
