//! Reading a text by a pattern.

use super::{Field, Item, MONTHS, Pattern, WEEKDAYS, shortened};
use crate::temporal::{Moment, day_number, days_in_month, parse_offset};

impl Pattern {
    /// The local moment a text says, with its offset from UTC in milliseconds if it says one.
    pub(crate) fn parse(&self, text: &str) -> Option<(Moment, Option<i64>)> {
        let mut parsed = Parsed::default();
        let rest = self.parse_items(0, self.items.len(), text, &mut parsed)?;
        if !rest.is_empty() {
            return None;
        }
        Some((parsed.moment()?, parsed.offset))
    }

    /// Parses items `from..to`; the depth of recursion is the depth of `[`, below the pattern length.
    fn parse_items<'t>(
        &self,
        from: usize,
        to: usize,
        text: &'t str,
        parsed: &mut Parsed,
    ) -> Option<&'t str> {
        let mut rest = text;
        let mut at = from;
        while at < to {
            match &self.items[at] {
                Item::OptionalStart(end) => {
                    let mut attempt = parsed.clone();
                    if let Some(after) = self.parse_items(at + 1, end - 1, rest, &mut attempt) {
                        *parsed = attempt;
                        rest = after;
                    }
                    at = *end;
                }
                item => {
                    rest = parse_item(item, rest, parsed)?;
                    at += 1;
                }
            }
        }
        Some(rest)
    }
}

/// What a text has said so far.
#[derive(Clone, Default)]
struct Parsed {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    hour_of_half: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanos: i64,
    before_christ: bool,
    offset: Option<i64>,
}

impl Parsed {
    fn moment(&self) -> Option<Moment> {
        let (hour, next_day) = match (self.hour, self.hour_of_half) {
            (Some(24), _) if self.minute == 0 && self.second == 0 && self.nanos == 0 => (0, 1),
            (Some(hour), _) => (hour, 0),
            (None, Some(half)) => (half + if self.afternoon? { 12 } else { 0 }, 0),
            (None, None) => (0, 0),
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let millis = ((hour * 60 + self.minute) * 60 + self.second) * 1000 + self.nanos / 1_000_000;
        Moment::at(
            self.days()? + next_day,
            millis,
            (self.nanos % 1_000_000) as u32,
        )
    }

    fn days(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        if let Some(day) = self.day_of_year {
            let first = day_number(year, 1, 1)?;
            let last = 365 + i64::from(days_in_month(year, 2) == 29);
            return (1..=last).contains(&day).then_some(first + day - 1);
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let day = (day as u32).min(days_in_month(year, month as u32));
        day_number(year, month as u32, day)
    }

    fn set(&mut self, field: Field, value: i64) -> Option<()> {
        match field {
            Field::Year | Field::YearOfEra => self.year = Some(value),
            Field::Quarter => (1..=4).contains(&value).then_some(())?,
            Field::Month => self.month = Some(value),
            Field::Day => self.day = Some(value),
            Field::DayOfYear => self.day_of_year = Some(value),
            Field::Hour => self.hour = Some(value),
            Field::HourFromOne => {
                (1..=24).contains(&value).then_some(())?;
                self.hour = Some(value % 24);
            }
            Field::HourOfHalf => {
                (0..=11).contains(&value).then_some(())?;
                self.hour_of_half = Some(value);
            }
            Field::HourOfHalfFromOne => {
                (1..=12).contains(&value).then_some(())?;
                self.hour_of_half = Some(value % 12);
            }
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
            // Java does not make a date of these alone; we do not try.
            Field::WeekYear
            | Field::Week
            | Field::WeekOfMonth
            | Field::DayOfAlignedWeek
            | Field::DayOfWeek
            | Field::MilliOfDay
            | Field::NanoOfDay => return None,
            Field::Nano => {
                (value < 1_000_000_000).then_some(())?;
                self.nanos = value;
            }
        }
        Some(())
    }
}

fn parse_item<'t>(item: &Item, text: &'t str, parsed: &mut Parsed) -> Option<&'t str> {
    match item {
        Item::Literal(literal) => text.strip_prefix(literal.as_str()),
        Item::Number { field, min, max } => {
            let negative = matches!(field, Field::Year | Field::YearOfEra) && text.starts_with('-');
            let (value, rest) = number(&text[usize::from(negative)..], *min, *max)?;
            parsed.set(*field, if negative { -value } else { value })?;
            Some(rest)
        }
        Item::YearOfTwoDigits => {
            let (value, rest) = number(text, 2, 2)?;
            parsed.year = Some(2000 + value);
            Some(rest)
        }
        Item::Fraction(digits) => {
            let (value, rest) = number(text, *digits, *digits)?;
            parsed.nanos = value * 10_i64.pow(9 - *digits as u32);
            Some(rest)
        }
        Item::Month { long } => {
            let (index, rest) = one_of(&MONTHS, text, *long)?;
            parsed.month = Some(index as i64 + 1);
            Some(rest)
        }
        Item::Weekday { long } => one_of(&WEEKDAYS, text, *long).map(|(_, rest)| rest),
        Item::AmPm => {
            let (index, rest) = one_of(&["AM", "PM"], text, true)?;
            parsed.afternoon = Some(index == 1);
            Some(rest)
        }
        Item::Era => {
            let (index, rest) = one_of(&["AD", "BC"], text, true)?;
            parsed.before_christ = index == 1;
            Some(rest)
        }
        Item::Offset { zulu, .. } => parse_zone_offset(text, *zulu, parsed),
        // A zone's name would need the rules of all zones to be undone: not in Flink's TIMESTAMP.
        Item::WeekYearOfTwoDigits | Item::ZoneName | Item::OptionalStart(_) | Item::OptionalEnd => {
            None
        }
    }
}

fn parse_zone_offset<'t>(text: &'t str, zulu: bool, parsed: &mut Parsed) -> Option<&'t str> {
    if let (true, Some(rest)) = (zulu, text.strip_prefix('Z')) {
        parsed.offset = Some(0);
        return Some(rest);
    }
    let sign = text.starts_with(['+', '-']).then_some(1)?;
    let end = text[sign..]
        .find(|c: char| !c.is_ascii_digit() && c != ':')
        .map_or(text.len(), |end| end + sign);
    parsed.offset = Some(parse_offset(&text[..end])?);
    Some(&text[end..])
}

/// A number of `min` to `max` digits at the start of `text`.
fn number(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let digits = text
        .bytes()
        .take(max.min(18))
        .take_while(u8::is_ascii_digit)
        .count();
    if digits < min {
        return None;
    }
    let value = text
        .bytes()
        .take(digits)
        .fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    Some((value, &text[digits..]))
}

fn one_of<'t>(names: &[&'static str], text: &'t str, long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = shortened(name, long);
        let start = text.get(..name.len())?;
        start
            .eq_ignore_ascii_case(name)
            .then(|| (index, &text[name.len()..]))
    })
}
