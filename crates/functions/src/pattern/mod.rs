//! Java's date and time patterns: `yyyy-MM-dd HH:mm:ss.SSS`, `dd/MMM/yyyy`, `yyyyMMdd'T'HHmm`.
//!
//! A [`Pattern`] is compiled once and then formats moments and parses texts.
//!
//! * Letters: `G y u Y Q q M L w W d D F E e c a H k K h m s S A n N X x Z z V`, text between `'`, any other
//!   character as it is; `[` and `]` mark a part that may be missing when parsing.
//! * One letter is a number of any width; more letters pad with zeros and, when parsing, fix the
//!   width (`yyyy` takes more than four digits if no digit field follows).
//! * Day 31 of a shorter month is its last day, hour 24 is midnight, as Java's "smart" resolver has it.
//! * [`Formatter`] remembers the last text: rows of one day share their `yyyy-MM-dd`.
//! * Weeks begin on Sunday, and week 1 has January 1, as in the English of the United States.
//! * Source: the documentation of `java.time.format.DateTimeFormatter`.

mod parse;

#[cfg(test)]
mod tests;

use chrono_tz::Tz;
use millstream_core::{Code, Error, Result};

use crate::temporal::{DAY_MS, Moment, Zone, push_padded};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The longest pattern.
const PATTERN_CHARS_MAX: usize = 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    items: Vec<Item>,
    /// Moments of the same multiple of this many milliseconds have the same text; 0: none do.
    granularity: i64,
}

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Literal(String),
    Number {
        field: Field,
        min: usize,
        max: usize,
    },
    YearOfTwoDigits,
    WeekYearOfTwoDigits,
    Fraction(usize),
    Month {
        long: bool,
    },
    Weekday {
        long: bool,
    },
    AmPm,
    Era,
    Offset {
        zulu: bool,
        colon: bool,
        short: bool,
    },
    ZoneName,
    OptionalStart(usize),
    OptionalEnd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Year,
    YearOfEra,
    WeekYear,
    Quarter,
    Month,
    Week,
    WeekOfMonth,
    DayOfAlignedWeek,
    Day,
    DayOfYear,
    DayOfWeek,
    Hour,
    HourFromOne,
    HourOfHalf,
    HourOfHalfFromOne,
    Minute,
    Second,
    Nano,
    MilliOfDay,
    NanoOfDay,
}

impl Pattern {
    /// Compiles a pattern; an unknown letter is an error that names it.
    pub(crate) fn compile(text: &str) -> Result<Self> {
        if text.len() > PATTERN_CHARS_MAX {
            return Err(bad(text, &format!("longer than {PATTERN_CHARS_MAX} bytes")));
        }
        let mut items = Vec::new();
        let mut open = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => push_literal(&mut items, &quoted(&mut chars, text)?),
                '[' => {
                    open.push(items.len());
                    items.push(Item::OptionalStart(0));
                }
                ']' => {
                    let start = open.pop().ok_or_else(|| bad(text, "']' without '['"))?;
                    items.push(Item::OptionalEnd);
                    items[start] = Item::OptionalStart(items.len());
                }
                '{' | '}' | '#' => return Err(bad(text, &format!("'{c}' is reserved"))),
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    items.push(item(c, count).ok_or_else(|| unknown(text, c, count))?);
                }
                c => push_literal(&mut items, c.encode_utf8(&mut [0; 4])),
            }
        }
        if !open.is_empty() {
            return Err(bad(text, "'[' without ']'"));
        }
        fix_adjacent_widths(&mut items);
        let granularity = items.iter().map(granularity).min().unwrap_or(i64::MAX);
        Ok(Pattern { items, granularity })
    }

    /// Appends the text of a local moment, whose clock is `offset` milliseconds ahead of UTC.
    fn format(&self, moment: Moment, offset: i64, tz: Tz, out: &mut String) {
        for item in &self.items {
            match item {
                Item::Literal(text) => out.push_str(text),
                Item::Number { field, min, .. } => push_padded(out, value(*field, moment), *min),
                Item::YearOfTwoDigits => push_padded(out, moment.date().0.rem_euclid(100), 2),
                Item::WeekYearOfTwoDigits => {
                    push_padded(out, value(Field::WeekYear, moment).rem_euclid(100), 2);
                }
                Item::Fraction(digits) => push_fraction(out, moment, *digits),
                Item::Month { long } => {
                    out.push_str(shortened(MONTHS[moment.date().1 as usize - 1], *long));
                }
                Item::Weekday { long } => out.push_str(shortened(weekday(moment), *long)),
                Item::AmPm => out.push_str(if value(Field::Hour, moment) < 12 {
                    "AM"
                } else {
                    "PM"
                }),
                Item::Era => out.push_str(if moment.date().0 > 0 { "AD" } else { "BC" }),
                Item::Offset { zulu, colon, short } => {
                    push_offset(out, offset, *zulu, *colon, *short)
                }
                Item::ZoneName => out.push_str(tz.name()),
                Item::OptionalStart(_) | Item::OptionalEnd => {}
            }
        }
    }
}

/// Formats moments with one pattern, reusing the last text while it stays the same.
pub(crate) struct Formatter<'p> {
    pattern: &'p Pattern,
    last: Option<i64>,
    text: String,
}

impl<'p> Formatter<'p> {
    pub(crate) fn new(pattern: &'p Pattern) -> Self {
        Formatter {
            pattern,
            last: None,
            text: String::new(),
        }
    }

    /// The text of a moment without a zone.
    pub(crate) fn local(&mut self, moment: Moment) -> &str {
        self.text(moment, 0, Tz::UTC)
    }

    /// The text of an instant in a zone.
    pub(crate) fn zoned(&mut self, instant: Moment, zone: &mut Zone) -> &str {
        let offset = zone.offset_at(instant.millis);
        let tz = zone.tz();
        self.text(zone.local_of(instant), offset, tz)
    }

    #[inline]
    fn text(&mut self, moment: Moment, offset: i64, tz: Tz) -> &str {
        let granularity = self.pattern.granularity;
        let key = (granularity > 0).then(|| moment.millis.div_euclid(granularity));
        if key.is_none() || key != self.last {
            self.text.clear();
            self.pattern.format(moment, offset, tz, &mut self.text);
            self.last = key;
        }
        &self.text
    }
}

fn bad(pattern: &str, why: &str) -> Error {
    let shown: String = pattern.chars().take(80).collect();
    Error::new(Code::Evaluation, format!("date pattern '{shown}': {why}"))
}

fn unknown(pattern: &str, c: char, count: usize) -> Error {
    let letters = c.to_string().repeat(count.min(20));
    bad(pattern, &format!("'{letters}' is not a field"))
        .hint("put text between single quotes, as in yyyy-MM-dd'T'HH:mm:ss")
}

fn push_literal(items: &mut Vec<Item>, text: &str) {
    match items.last_mut() {
        Some(Item::Literal(last)) => last.push_str(text),
        _ => items.push(Item::Literal(text.to_string())),
    }
}

/// The text up to the closing quote; two quotes are one quote.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars>, pattern: &str) -> Result<String> {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            return Ok(if text.is_empty() { "'".into() } else { text });
        }
    }
    Err(bad(pattern, "a quote is not closed"))
}

fn item(letter: char, count: usize) -> Option<Item> {
    let number = |field| {
        let max = if count == 1 { 19 } else { count };
        Some(Item::Number {
            field,
            min: count,
            max,
        })
    };
    let pair = |field| if count <= 2 { number(field) } else { None };
    match (letter, count) {
        ('y' | 'u', 2) => Some(Item::YearOfTwoDigits),
        ('y' | 'u', 1..=19) => Some(Item::Number {
            field: if letter == 'y' {
                Field::YearOfEra
            } else {
                Field::Year
            },
            min: count,
            max: 19,
        }),
        ('Y', 2) => Some(Item::WeekYearOfTwoDigits),
        ('Y', 1..=19) => Some(Item::Number {
            field: Field::WeekYear,
            min: count,
            max: 19,
        }),
        ('Q' | 'q', 1..=2) => number(Field::Quarter),
        ('w', _) => pair(Field::Week),
        ('W', 1) => number(Field::WeekOfMonth),
        ('F', 1) => number(Field::DayOfAlignedWeek),
        ('e', 1..=2) | ('c', 1) => number(Field::DayOfWeek),
        ('e', 3..=4) => Some(Item::Weekday { long: count == 4 }),
        ('A', 1..=19) => number(Field::MilliOfDay),
        ('N', 1..=19) => number(Field::NanoOfDay),
        ('M' | 'L', 1..=2) => number(Field::Month),
        ('M' | 'L', 3..=4) => Some(Item::Month { long: count == 4 }),
        ('d', _) => pair(Field::Day),
        ('D', 1..=3) => number(Field::DayOfYear),
        ('E', 1..=4) => Some(Item::Weekday { long: count == 4 }),
        ('a', 1) => Some(Item::AmPm),
        ('G', 1..=3) => Some(Item::Era),
        ('H', _) => pair(Field::Hour),
        ('k', _) => pair(Field::HourFromOne),
        ('K', _) => pair(Field::HourOfHalf),
        ('h', _) => pair(Field::HourOfHalfFromOne),
        ('m', _) => pair(Field::Minute),
        ('s', _) => pair(Field::Second),
        ('S', 1..=9) => Some(Item::Fraction(count)),
        ('n', 1..=9) => number(Field::Nano),
        ('X' | 'x', 1..=3) => Some(Item::Offset {
            zulu: letter == 'X',
            colon: count == 3,
            short: count == 1,
        }),
        ('Z', 1..=3) => Some(Item::Offset {
            zulu: false,
            colon: false,
            short: false,
        }),
        ('Z', 5) => Some(Item::Offset {
            zulu: true,
            colon: true,
            short: false,
        }),
        ('z', 1..=4) | ('V', 2) => Some(Item::ZoneName),
        _ => None,
    }
}

/// A number directly before another number takes exactly its own digits: `yyyyMMdd`.
fn fix_adjacent_widths(items: &mut [Item]) {
    for at in 1..items.len() {
        let digits_follow = matches!(
            items[at],
            Item::Number { .. }
                | Item::YearOfTwoDigits
                | Item::WeekYearOfTwoDigits
                | Item::Fraction(_)
        );
        if let (true, Item::Number { min, max, .. }) = (digits_follow, &mut items[at - 1])
            && *min > 1
        {
            *max = *min;
        }
    }
}

fn granularity(item: &Item) -> i64 {
    match item {
        Item::Literal(_) | Item::OptionalStart(_) | Item::OptionalEnd | Item::ZoneName => i64::MAX,
        Item::Fraction(_)
        | Item::Number {
            field: Field::Nano | Field::MilliOfDay | Field::NanoOfDay,
            ..
        }
        | Item::Offset { .. } => 0,
        Item::Number {
            field: Field::Second,
            ..
        } => 1000,
        Item::Number {
            field: Field::Minute,
            ..
        } => 60_000,
        Item::AmPm
        | Item::Number {
            field: Field::Hour | Field::HourFromOne | Field::HourOfHalf | Field::HourOfHalfFromOne,
            ..
        } => 3_600_000,
        _ => DAY_MS,
    }
}

fn value(field: Field, moment: Moment) -> i64 {
    let of_day = moment.milli_of_day();
    let hour = of_day / 3_600_000;
    let from_one = |value: i64, cycle: i64| if value == 0 { cycle } else { value };
    match field {
        Field::Year => moment.date().0,
        Field::YearOfEra => match moment.date().0 {
            year if year > 0 => year,
            year => 1 - year,
        },
        Field::WeekYear => week(moment).0,
        Field::Week => week(moment).1,
        Field::WeekOfMonth => {
            let (_, _, day) = moment.date();
            let first = (moment.days() - i64::from(day) + 1 + 4).rem_euclid(7);
            (i64::from(day) - 1 + first) / 7 + 1
        }
        Field::DayOfAlignedWeek => (i64::from(moment.date().2) - 1) % 7 + 1,
        Field::DayOfWeek => (weekday_index(moment.days()) + 1) % 7 + 1,
        Field::MilliOfDay => of_day,
        Field::NanoOfDay => of_day * 1_000_000 + i64::from(moment.nanos),
        Field::Quarter => i64::from((moment.date().1 - 1) / 3 + 1),
        Field::Month => i64::from(moment.date().1),
        Field::Day => i64::from(moment.date().2),
        Field::DayOfYear => day_of_year(moment),
        Field::Hour => hour,
        Field::HourFromOne => from_one(hour, 24),
        Field::HourOfHalf => hour % 12,
        Field::HourOfHalfFromOne => from_one(hour % 12, 12),
        Field::Minute => of_day / 60_000 % 60,
        Field::Second => of_day / 1000 % 60,
        Field::Nano => i64::from(moment.nano_of_second()),
    }
}

/// Year and week: weeks begin on Sunday, and the one with January 1 is the year's first.
fn week(moment: Moment) -> (i64, i64) {
    // The Saturday at its end says which year a week belongs to.
    let days = moment.days();
    let saturday = days + 6 - (days + 4).rem_euclid(7);
    let (year, ..) = millstream_core::time::civil_from_days(saturday);
    let first = millstream_core::time::days_from_civil(year, 1, 1);
    (year, (saturday - first) / 7 + 1)
}

/// The day of the year, from 1.
pub(crate) fn day_of_year(moment: Moment) -> i64 {
    let (year, ..) = moment.date();
    moment.days() - millstream_core::time::days_from_civil(year, 1, 1) + 1
}

/// The day of the week, 0 for Monday.
pub(crate) fn weekday_index(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

fn weekday(moment: Moment) -> &'static str {
    WEEKDAYS[weekday_index(moment.days()) as usize]
}

fn shortened(name: &'static str, long: bool) -> &'static str {
    if long { name } else { &name[..3] }
}

fn push_fraction(out: &mut String, moment: Moment, digits: usize) {
    let kept = moment.nano_of_second() / 10_u32.pow(9 - digits as u32);
    push_padded(out, i64::from(kept), digits);
}

fn push_offset(out: &mut String, offset: i64, zulu: bool, colon: bool, short: bool) {
    if zulu && offset == 0 {
        out.push('Z');
        return;
    }
    out.push(if offset < 0 { '-' } else { '+' });
    let minutes = offset.abs() / 60_000;
    push_padded(out, minutes / 60, 2);
    if short && minutes % 60 == 0 {
        return;
    }
    if colon {
        out.push(':');
    }
    push_padded(out, minutes % 60, 2);
}
