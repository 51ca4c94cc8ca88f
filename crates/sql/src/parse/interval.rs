//! Interval literals: `INTERVAL '10' SECOND`, `INTERVAL '1 10:30' DAY TO MINUTE`.
//!
//! Flink has two kinds, months and milliseconds, and a literal is one number of its kind. The tree
//! gets it in one unit, `14 MONTHS` or `36000.500 SECONDS`, so that equal lengths are equal whatever
//! units they were written in; only what does not fit the nanoseconds of an Arrow interval (292 years)
//! is split into days and seconds. Decimals beyond milliseconds are cut off, as in Flink.

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::{Code, Error, Result};

use super::cursor::{Parser, shortened};
use super::lexer::Kind;
use super::special::plain_call;
use crate::ast::{Millis, Name};
use crate::diagnostics::Span;

/// How long an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Months(i64),
    Millis(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

const DAY_MS: i64 = 86_400_000;

/// The longest interval whose nanoseconds fit into 64 bits.
const NANOS_FIT_MS: u64 = i64::MAX as u64 / 1_000_000;

impl Parser<'_> {
    /// `INTERVAL ..` as an expression.
    pub(crate) fn interval(&mut self) -> Result<sql::Expr> {
        let (length, span) = self.interval_length()?;
        let text = match length {
            Length::Months(months) => format!("{months} MONTHS"),
            Length::Millis(ms) => millis_text(ms),
        };
        let value = sql::Value::SingleQuotedString(text).with_span(span.into());
        Ok(sql::Expr::Interval(sql::Interval {
            value: Box::new(sql::Expr::Value(value)),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }))
    }

    /// `(a - b)`, or with a unit behind it the interval between two times: `(a - b) DAY TO SECOND`.
    ///
    /// It is the difference as an interval, or the months between them as one.
    pub(crate) fn difference(&mut self, inside: Box<sql::Expr>) -> Result<sql::Expr> {
        let minus = matches!(
            inside.as_ref(),
            sql::Expr::BinaryOp {
                op: sql::BinaryOperator::Minus,
                ..
            }
        );
        let place = self.peek();
        let is_unit = place.kind == Kind::Word && unit_of(place.text).is_some();
        if !minus || !is_unit {
            return Ok(sql::Expr::Nested(inside));
        }
        let first = self.interval_unit()?;
        self.unit_precision(first)?;
        if self.eat("TO") {
            self.last_unit(first)?;
        }
        self.taller()?;
        let sql::Expr::BinaryOp { left, right, .. } = *inside else {
            return Ok(sql::Expr::Nested(inside));
        };
        if !matches!(first, Unit::Year | Unit::Quarter | Unit::Month) {
            return Ok(plain_call("time_difference", place, vec![*left, *right]));
        }
        let month = sql::Value::SingleQuotedString("MONTH".into());
        let month = sql::Expr::Value(month.with_span(place.span.into()));
        Ok(sql::Expr::Cast {
            kind: sql::CastKind::Cast,
            expr: Box::new(plain_call(
                "timestampdiff",
                place,
                vec![month, *right, *left],
            )),
            data_type: super::types::type_mark("INTERVAL MONTH"),
            array: false,
            format: None,
        })
    }

    /// `INTERVAL ..` of days to seconds, as the lengths of windows are.
    pub(crate) fn interval_millis(&mut self, what: &str) -> Result<Millis> {
        if !self.sees("INTERVAL") {
            return Err(self.wanted(&format!("{what} such as INTERVAL '10' SECOND")));
        }
        match self.interval_length()? {
            (Length::Millis(ms), span) => Ok(Millis { ms, span }),
            (Length::Months(_), span) => Err(self.error_of(
                Code::InvalidPlan,
                span,
                format!("{what} wants an interval of days to seconds, found months or years"),
            )),
        }
    }

    fn interval_length(&mut self) -> Result<(Length, Span)> {
        let start = self.expect("INTERVAL")?;
        let minus = self.eat_symbol("-");
        if !minus {
            self.eat_symbol("+");
        }
        if self.peek().kind != Kind::Text {
            return Err(self
                .wanted("a number in quotes")
                .hint("an interval is written INTERVAL '5' MINUTE"));
        }
        let text = self.text_literal()?;
        let first = self.interval_unit()?;
        self.unit_precision(first)?;
        let last = match self.eat("TO") {
            true => self.last_unit(first)?,
            false => first,
        };
        let length = match parse_length(text.value.trim(), first, last) {
            Some(length) => length,
            None => return Err(self.bad_interval(&text, first, last)),
        };
        let length = if minus { length.negated() } else { length };
        let in_range = match length {
            Length::Months(months) => i32::try_from(months).is_ok(),
            Length::Millis(ms) => i32::try_from(ms / DAY_MS).is_ok(),
        };
        match in_range {
            true => Ok((length, self.span_since(start))),
            false => Err(self.error(text.span, "the interval is too long")),
        }
    }

    fn interval_unit(&mut self) -> Result<Unit> {
        let unit = match self.peek().kind {
            Kind::Word => unit_of(self.peek().text),
            _ => None,
        };
        match unit {
            Some(unit) => {
                self.advance();
                Ok(unit)
            }
            None => Err(self.wanted("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND")),
        }
    }

    fn last_unit(&mut self, first: Unit) -> Result<Unit> {
        let token = self.peek();
        let last = self.interval_unit()?;
        let fits = match first {
            Unit::Year => last == Unit::Month,
            Unit::Day | Unit::Hour | Unit::Minute => last > first,
            _ => false,
        };
        if !fits {
            return Err(self.error(
                token.span,
                format!("'{}' cannot be the end of this interval", token.text),
            ));
        }
        self.unit_precision(last)?;
        Ok(last)
    }

    /// `(3)`, or `(2, 3)` after SECOND: checked, then of no consequence.
    fn unit_precision(&mut self, unit: Unit) -> Result<()> {
        if !self.eat_symbol("(") {
            return Ok(());
        }
        self.digit_count()?;
        if unit == Unit::Second && self.eat_symbol(",") {
            self.digit_count()?;
        }
        self.expect_symbol(")").map(drop)
    }

    fn digit_count(&mut self) -> Result<()> {
        let token = self.peek();
        match token.text.parse::<u8>() {
            Ok(0..=10) if token.kind == Kind::Number => {
                self.advance();
                Ok(())
            }
            _ => Err(self.wanted("a precision from 0 to 10")),
        }
    }

    fn bad_interval(&self, text: &Name, first: Unit, last: Unit) -> Error {
        let wanted = match (first, last) {
            (Unit::Year, Unit::Month) => "years-months such as '1-6'",
            (Unit::Day, Unit::Hour) => "days and hours such as '1 12'",
            (Unit::Day, Unit::Minute) => "days, hours and minutes such as '1 12:30'",
            (Unit::Day, Unit::Second) => "days, hours, minutes and seconds such as '1 12:30:15'",
            (Unit::Hour, Unit::Minute) => "hours and minutes such as '12:30'",
            (Unit::Hour, Unit::Second) => "hours, minutes and seconds such as '12:30:15'",
            (Unit::Minute, Unit::Second) => "minutes and seconds such as '30:15'",
            (Unit::Second, _) => "a number such as '10' or '0.5'",
            _ => "a whole number such as '10'",
        };
        self.error(
            text.span,
            format!(
                "the interval wants {wanted}, found '{}'",
                shortened(&text.value)
            ),
        )
    }
}

impl Length {
    fn negated(self) -> Self {
        match self {
            Length::Months(months) => Length::Months(-months),
            Length::Millis(ms) => Length::Millis(-ms),
        }
    }
}

fn unit_of(word: &str) -> Option<Unit> {
    Some(match word.to_ascii_uppercase().as_str() {
        "YEAR" | "YEARS" => Unit::Year,
        "QUARTER" | "QUARTERS" => Unit::Quarter,
        "MONTH" | "MONTHS" => Unit::Month,
        "WEEK" | "WEEKS" => Unit::Week,
        "DAY" | "DAYS" => Unit::Day,
        "HOUR" | "HOURS" => Unit::Hour,
        "MINUTE" | "MINUTES" => Unit::Minute,
        "SECOND" | "SECONDS" => Unit::Second,
        _ => return None,
    })
}

/// The length of `text` from unit `first` to unit `last`; nothing if it has another form.
fn parse_length(text: &str, first: Unit, last: Unit) -> Option<Length> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let length = match first {
        Unit::Year if last == Unit::Month => {
            let (years, months) = text.split_once('-')?;
            let months = whole(months)?;
            (months < 12).then_some(())?;
            Length::Months(whole(years)?.checked_mul(12)?.checked_add(months)?)
        }
        Unit::Year => Length::Months(whole(text)?.checked_mul(12)?),
        Unit::Quarter => Length::Months(whole(text)?.checked_mul(3)?),
        Unit::Month => Length::Months(whole(text)?),
        Unit::Week => Length::Millis(whole(text)?.checked_mul(7 * DAY_MS)?),
        _ => Length::Millis(day_time(text, first, last)?),
    };
    Some(if negative { length.negated() } else { length })
}

/// Milliseconds of `d h:m:s.fff`, from unit `first` to unit `last`.
fn day_time(text: &str, first: Unit, last: Unit) -> Option<i64> {
    const UNITS: [(Unit, i64, i64); 4] = [
        (Unit::Day, DAY_MS, i64::MAX),
        (Unit::Hour, 3_600_000, 24),
        (Unit::Minute, 60_000, 60),
        (Unit::Second, 1_000, 60),
    ];
    let mut rest = text;
    let mut ms = 0i64;
    for (unit, unit_ms, limit) in UNITS {
        if unit < first || unit > last {
            continue;
        }
        let field = if unit == last {
            std::mem::take(&mut rest)
        } else {
            let separator = if unit == Unit::Day { ' ' } else { ':' };
            let (field, after) = rest.split_once(separator)?;
            rest = after.trim_start();
            field
        };
        let value = match unit {
            Unit::Second => seconds(field)?,
            _ => whole(field)?.checked_mul(unit_ms)?,
        };
        let in_range = unit == first || value / unit_ms < limit;
        in_range.then_some(())?;
        ms = ms.checked_add(value)?;
    }
    Some(ms)
}

/// Milliseconds of `s[.f..]`; further decimals are cut off.
fn seconds(text: &str) -> Option<i64> {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = !decimals.is_empty() && decimals.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(())?;
    let millis: String = decimals.chars().chain("000".chars()).take(3).collect();
    whole(seconds)?
        .checked_mul(1_000)?
        .checked_add(whole(&millis)?)
}

/// Digits only: no sign, no space.
fn whole(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// An Arrow interval of so many milliseconds.
fn millis_text(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let length = ms.unsigned_abs();
    let (days, rest) = match length {
        0..=NANOS_FIT_MS => (0, length),
        _ => (length / DAY_MS as u64, length % DAY_MS as u64),
    };
    let seconds = match rest % 1_000 {
        0 => format!("{sign}{} SECONDS", rest / 1_000),
        ms => format!("{sign}{}.{ms:03} SECONDS", rest / 1_000),
    };
    match days {
        0 => seconds,
        days => format!("{sign}{days} DAYS {seconds}"),
    }
}
