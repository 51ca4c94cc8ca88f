//! The time of a partition, read from the values in its directory's name.
//!
//! ```text
//! dt=2020-01-31/hr=08 ── pattern '$dt $hr:00:00' ──▶ '2020-01-31 08:00:00' ── formatter ──▶ local time
//!                                                                            ── time zone ──▶ ms since 1970
//! ```
//!
//! * Without a pattern the value of the first partition column is the text.
//! * Without a formatter the text is `yyyy-MM-dd HH:mm:ss` or `yyyy-MM-dd`, each number with one or two
//!   digits, with or without a fraction of a second.
//! * A formatter is a pattern of Java's: `y`, `u`, `M`, `d`, `H`, `m`, `s`, `S`, text in `'`, and signs.
//!   What it does not name of the time of day is zero.
//! * A day that no calendar has is an error; Java takes the last one of the month instead.
//!
//! Options and meaning: Apache Flink 2.3, "FileSystem SQL Connector", partition time extractor.

use std::iter::Peekable;
use std::str::{Chars, FromStr};

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::partition::unescape;
use super::{EXTRACTOR_KIND, FORMATTER, PATTERN, TIME_ZONE};

/// Reads the time of a table's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extractor {
    owner: String,
    keys: Vec<String>,
    pattern: Option<Vec<Piece>>,
    formatter: Option<Vec<Item>>,
    zone: Zone,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The value of the partition column at this place.
    Value(usize),
}

/// A field of a formatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// What a formatter wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// A number of so many digits, at least and at most.
    Number(Field, usize, usize),
    Sign(char),
}

/// Where the clock hangs that partitions are named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Extractor {
    /// What the options of a table say.
    pub(super) fn of(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        if let Some(kind) = options.get(EXTRACTOR_KIND)
            && !kind.trim().eq_ignore_ascii_case("default")
        {
            return Err(Error::unsupported(format!(
                "option '{EXTRACTOR_KIND}' of {} is '{}', only 'default' is supported",
                options.owner(),
                crate::options::shown(kind)
            )));
        }
        let keys = table.partition_keys.clone();
        let pattern = options.get(PATTERN).map(|text| pieces(text, &keys));
        let pattern = pattern
            .transpose()
            .map_err(|wanted| options.invalid(PATTERN, &wanted))?;
        let formatter = options.get(FORMATTER).map(items).transpose();
        Ok(Extractor {
            owner: options.owner().to_string(),
            keys,
            pattern,
            formatter: formatter.map_err(|wanted| options.invalid(FORMATTER, &wanted))?,
            zone: zone(options)?,
        })
    }

    /// The time of a partition, ms since 1970; `directory` is its name below the table's.
    pub(super) fn time_ms(&self, directory: &str) -> Result<i64> {
        let values = self.values(directory);
        let text = match (&self.pattern, values.first()) {
            (None, Some(first)) => first.clone(),
            (None, None) => String::new(),
            (Some(pieces), _) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Value(place) => values.get(*place).map_or("", String::as_str),
                })
                .collect(),
        };
        let parsed = match &self.formatter {
            Some(items) => by_items(items, &text),
            None => loose(&text),
        };
        let local = parsed.ok_or_else(|| self.no_time(directory, &text))?;
        Ok(self.zone.instant_ms(local))
    }

    /// The values in the name, in the order of the partition columns.
    fn values(&self, directory: &str) -> Vec<String> {
        let pairs = directory.split('/').filter_map(|part| part.split_once('='));
        let pairs: Vec<(String, String)> = pairs
            .map(|(key, value)| (unescape(key), unescape(value)))
            .collect();
        let value = |key: &String| {
            let found = pairs.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        self.keys.iter().map(value).collect()
    }

    fn no_time(&self, directory: &str, text: &str) -> Error {
        Error::new(
            Code::Evaluation,
            format!(
                "{}: partition '{}' has no time: '{}' is no timestamp",
                self.owner,
                crate::options::shown(directory),
                crate::options::shown(text)
            ),
        )
        .hint(format!(
            "'{PATTERN}' makes a text of the partition columns, '{FORMATTER}' says how it is read; with \
             'sink.partition-commit.trigger' = 'process-time' partitions need no time"
        ))
    }
}

impl Zone {
    /// The instant of a local time: the earlier one if there are two; if there is none, as far behind
    /// the jump of the clock as the time would have been.
    fn instant_ms(self, local: NaiveDateTime) -> i64 {
        let offset = match self {
            Zone::Fixed(offset) => offset,
            Zone::Named(zone) => match zone.from_local_datetime(&local).earliest() {
                Some(found) => found.offset().fix(),
                None => {
                    let before = local - Duration::days(1);
                    zone.offset_from_utc_datetime(&before).fix()
                }
            },
        };
        let utc = local.and_utc().timestamp_millis();
        utc - i64::from(offset.local_minus_utc()) * 1000
    }
}

/// `UTC`, a name such as `Europe/Berlin`, or `GMT-08:00`.
fn zone(options: &Options) -> Result<Zone> {
    let text = options.get(TIME_ZONE).map_or("UTC", str::trim);
    if let Ok(zone) = Tz::from_str(text) {
        return Ok(Zone::Named(zone));
    }
    let digits = text
        .strip_prefix("GMT")
        .or_else(|| text.strip_prefix("UTC"))
        .unwrap_or(text);
    // The form of a date is the shortest way to have an offset read.
    let read = DateTime::parse_from_str(&format!("1970-01-01 {digits}"), "%Y-%m-%d %:z")
        .map(|time| *time.offset())
        .or_else(|_| FixedOffset::from_str(digits));
    let fixed = read.map(Zone::Fixed);
    fixed.map_err(|_| {
        options.invalid(
            TIME_ZONE,
            "a time zone such as 'Europe/Berlin' or 'GMT-08:00'",
        )
    })
}

/// The pieces of a pattern such as `$dt $hr:00:00`; of two columns that could be meant, the longer.
fn pieces(pattern: &str, keys: &[String]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('$') {
        if at > 0 {
            pieces.push(Piece::Text(rest[..at].to_string()));
        }
        let name = &rest[at + 1..];
        let fits = keys
            .iter()
            .enumerate()
            .filter(|(_, key)| name.starts_with(key.as_str()));
        let Some((place, key)) = fits.max_by_key(|(_, key)| key.len()) else {
            let names: Vec<String> = keys.iter().map(|key| format!("'${key}'")).collect();
            return Err(format!("only {} behind a '$'", names.join(", ")));
        };
        pieces.push(Piece::Value(place));
        rest = &name[key.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_string()));
    }
    Ok(pieces)
}

/// The items of a formatter such as `yyyyMMdd HH`.
fn items(formatter: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut chars = formatter.chars().peekable();
    while let Some(first) = chars.next() {
        if first == '\'' {
            quoted(&mut chars, &mut items)?;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            match first {
                '[' | ']' | '{' | '}' | '#' => {
                    return Err(format!("a formatter without '{first}'"));
                }
                sign => items.push(Item::Sign(sign)),
            }
            continue;
        }
        let mut width = 1;
        while chars.next_if_eq(&first).is_some() {
            width += 1;
        }
        items.push(number(first, width)?);
    }
    let has = |field| {
        items
            .iter()
            .any(|item| matches!(item, Item::Number(found, ..) if *found == field))
    };
    match [Field::Year, Field::Month, Field::Day].into_iter().all(has) {
        true => Ok(items),
        false => Err("a formatter with year, month and day, such as 'yyyyMMdd'".into()),
    }
}

fn number(letter: char, width: usize) -> Result<Item, String> {
    const YEAR_DIGITS_MAX: usize = 9;
    let item = match (letter, width) {
        ('y' | 'u', 1) => Item::Number(Field::Year, 1, YEAR_DIGITS_MAX),
        ('y' | 'u', 4) => Item::Number(Field::Year, 4, 4),
        ('S', 1..=9) => Item::Number(Field::Fraction, width, width),
        ('M' | 'd' | 'H' | 'm' | 's', 1 | 2) => {
            let field = match letter {
                'M' => Field::Month,
                'd' => Field::Day,
                'H' => Field::Hour,
                'm' => Field::Minute,
                _ => Field::Second,
            };
            Item::Number(field, width, 2)
        }
        _ => {
            let found = letter.to_string().repeat(width.min(20));
            return Err(format!(
                "a formatter of 'yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS' and signs, found '{found}'"
            ));
        }
    };
    Ok(item)
}

/// Text between two `'`; two of them side by side are one.
fn quoted(chars: &mut Peekable<Chars<'_>>, items: &mut Vec<Item>) -> Result<(), String> {
    if chars.next_if_eq(&'\'').is_some() {
        items.push(Item::Sign('\''));
        return Ok(());
    }
    loop {
        match chars.next() {
            None => return Err("a formatter in which each ' has an end".into()),
            Some('\'') if chars.next_if_eq(&'\'').is_some() => items.push(Item::Sign('\'')),
            Some('\'') => return Ok(()),
            Some(sign) => items.push(Item::Sign(sign)),
        }
    }
}

/// Numbers on their way to a time.
#[derive(Default)]
struct Numbers {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
}

impl Numbers {
    fn set(&mut self, field: Field, digits: &str) -> Option<()> {
        let small = || digits.parse::<u32>().ok();
        match field {
            Field::Year => self.year = digits.parse().ok()?,
            Field::Month => self.month = small()?,
            Field::Day => self.day = small()?,
            Field::Hour => self.hour = small()?,
            Field::Minute => self.minute = small()?,
            Field::Second => self.second = small()?,
            Field::Fraction => self.nanos = format!("{digits:0<9}").parse().ok()?,
        }
        Some(())
    }

    fn time(&self) -> Option<NaiveDateTime> {
        let date = NaiveDate::from_ymd_opt(self.year, self.month, self.day)?;
        date.and_hms_nano_opt(self.hour, self.minute, self.second, self.nanos)
    }
}

fn by_items(items: &[Item], text: &str) -> Option<NaiveDateTime> {
    let mut numbers = Numbers::default();
    let mut rest = text;
    for item in items {
        match item {
            Item::Sign(sign) => rest = rest.strip_prefix(*sign)?,
            Item::Number(field, least, most) => {
                rest = digits(rest, *least, *most, |found| numbers.set(*field, found))?;
            }
        }
    }
    rest.is_empty().then(|| numbers.time())?
}

/// What is left behind the digits that `text` begins with.
fn digits(
    text: &str,
    least: usize,
    most: usize,
    set: impl FnOnce(&str) -> Option<()>,
) -> Option<&str> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        return None;
    }
    set(&text[..count])?;
    Some(&text[count..])
}

/// `yyyy-MM-dd`, `yyyy-MM-dd HH:mm:ss` with one or two digits each, and a fraction.
fn loose(text: &str) -> Option<NaiveDateTime> {
    let day = "y-M-d";
    let forms = [
        day.to_string(),
        format!("{day} H:m:s"),
        format!("{day}'T'H:m:s"),
    ];
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let time = forms
        .iter()
        .find_map(|form| by_items(&items(form).ok()?, whole))?;
    let Some(fraction) = fraction else {
        return Some(time);
    };
    let mut numbers = Numbers::default();
    let has_time = whole.contains(':');
    let rest = digits(fraction, 1, 9, |found| numbers.set(Field::Fraction, found))?;
    let is_whole = rest.is_empty() && has_time;
    is_whole.then(|| time + Duration::nanoseconds(i64::from(numbers.nanos)))
}

#[cfg(test)]
mod tests {
    use millstream_core::types::SqlType;

    use super::*;
    use crate::testing::table;

    fn extractor(keys: &[&str], more: &[(&str, &str)]) -> Result<Extractor> {
        let columns: Vec<(&str, SqlType)> =
            keys.iter().map(|key| (*key, SqlType::STRING)).collect();
        let mut table = table("t", &columns, more);
        table.partition_keys = keys.iter().map(|key| key.to_string()).collect();
        Extractor::of(&table)
    }

    fn text(keys: &[&str], more: &[(&str, &str)], directory: &str) -> String {
        match extractor(keys, more).unwrap().time_ms(directory) {
            Ok(ms) => millstream_core::time::format_millis(ms),
            Err(error) => error.message().to_string(),
        }
    }

    #[test]
    fn without_options_the_first_value_is_a_date_or_a_time() {
        let time = |value: &str| text(&["dt", "x"], &[], &format!("dt={value}/x=1"));
        assert_eq!(time("2020-02-29"), "2020-02-29 00:00:00.000");
        assert_eq!(time("2020-2-9 7%3A5%3A3"), "2020-02-09 07:05:03.000");
        assert_eq!(
            time("2020-02-09 07%3A05%3A03.25"),
            "2020-02-09 07:05:03.250"
        );
        for wrong in [
            "2020-02-30",
            "2020-13-01",
            "20200101",
            "x",
            "",
            "2020-01-01.5",
            "2020-01-01 25%3A00%3A00",
        ] {
            let told = time(wrong);
            assert!(
                told.starts_with(&format!(
                    "table 't': partition 'dt={wrong}/x=1' has no time"
                )),
                "{told}"
            );
        }
        assert!(time("__DEFAULT_PARTITION__").contains("is no timestamp"));
    }

    #[test]
    fn a_pattern_puts_columns_together_and_a_formatter_reads_them() {
        let pattern = (PATTERN, "$dt $hour:00:00");
        let time = text(&["dt", "hour"], &[pattern], "dt=2020-01-31/hour=08");
        assert_eq!(time, "2020-01-31 08:00:00.000");
        let pattern = (PATTERN, "$year$month$day");
        let formatter = (FORMATTER, "yyyyMMdd");
        let keys = ["year", "month", "day"];
        let time = text(&keys, &[pattern, formatter], "year=2020/month=01/day=31");
        assert_eq!(time, "2020-01-31 00:00:00.000");
        let formatter = (FORMATTER, "dd.M.yyyy 'at o''clock' HH''mm:ss,SSS");
        let time = text(&["d"], &[formatter], "d=03.7.2021 at o'clock 04'05:06,007");
        assert_eq!(time, "2021-07-03 04:05:06.007");
        // The longer of two names.
        let pattern = (PATTERN, "$dt");
        assert_eq!(
            text(&["d", "dt"], &[pattern], "d=x/dt=2020-01-01"),
            "2020-01-01 00:00:00.000"
        );
    }

    #[test]
    fn the_time_zone_is_that_of_the_clock_the_partitions_are_named_by() {
        let at =
            |zone: &str, value: &str| text(&["dt"], &[(TIME_ZONE, zone)], &format!("dt={value}"));
        assert_eq!(at("Asia/Shanghai", "2020-01-01"), "2019-12-31 16:00:00.000");
        assert_eq!(at("GMT-08:00", "2020-01-01"), "2020-01-01 08:00:00.000");
        assert_eq!(at("+05:30", "2020-01-01"), "2019-12-31 18:30:00.000");
        // A time that the clock jumps over, and one that it shows twice.
        assert_eq!(
            at("Europe/Berlin", "2021-03-28 02:30:00"),
            "2021-03-28 01:30:00.000"
        );
        assert_eq!(
            at("Europe/Berlin", "2021-10-31 02:30:00"),
            "2021-10-31 00:30:00.000"
        );
    }

    #[test]
    fn what_cannot_be_right_is_refused_before_the_job_runs() {
        let cases = [
            (PATTERN, "$day 00:00:00", Code::InvalidOption),
            (PATTERN, "$", Code::InvalidOption),
            (FORMATTER, "yyyy-MM", Code::InvalidOption),
            (FORMATTER, "yyyy-MMM-dd", Code::InvalidOption),
            (FORMATTER, "yyyy-MM-dd hh a", Code::InvalidOption),
            (FORMATTER, "yyyy-MM-dd['T'HH]", Code::InvalidOption),
            (FORMATTER, "yyyy-MM-dd'T", Code::InvalidOption),
            (TIME_ZONE, "Mars/Olympus", Code::InvalidOption),
            (EXTRACTOR_KIND, "custom", Code::Unsupported),
        ];
        for (key, value, code) in cases {
            let error = extractor(&["dt"], &[(key, value)]).unwrap_err();
            assert_eq!(error.code(), code, "{value}");
            assert!(error.message().contains(key), "{error}");
        }
    }
}
