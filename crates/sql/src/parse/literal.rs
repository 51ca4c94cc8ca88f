//! Literals: texts, numbers, and the typed ones: DATE, TIME, TIMESTAMP.

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::time::days_from_civil;
use millstream_core::{Code, Result};

use super::cursor::{Parser, shortened};
use super::lexer::{Kind, Token};
use crate::ast::Name;

/// Most digits a DECIMAL can hold.
const DECIMAL_DIGITS_MAX: usize = 38;

impl Parser<'_> {
    /// A text: `'it''s'`, `U&'\00e9' [UESCAPE '!']`, continued by further texts on later lines.
    pub(crate) fn text_literal(&mut self) -> Result<Name> {
        let first = self.advance();
        let mut value = self.text_value(first)?;
        while self.peek().kind == Kind::Text {
            if self.peek().span.line == self.previous().span.end_line {
                return Err(self
                    .wanted("an operator or a comma")
                    .hint("a quote within a text is written twice: 'it''s'"));
            }
            let more = self.advance();
            value.push_str(&self.text_value(more)?);
        }
        Ok(Name {
            value,
            span: self.span_since(first),
        })
    }

    fn text_value(&mut self, token: Token<'_>) -> Result<String> {
        let quote = token.text.find('\'').unwrap_or_default();
        let inner = token.text[quote + 1..token.text.len() - 1].replace("''", "'");
        if token.kind == Kind::UnicodeText {
            let escape = self.unicode_escape_char()?;
            return self.unescape(token, &inner, escape);
        }
        Ok(inner)
    }

    fn unicode_escape_char(&mut self) -> Result<char> {
        if !self.eat("UESCAPE") {
            return Ok('\\');
        }
        let text = self.text("the escape character of a text, such as '!'")?;
        let mut chars = text.value.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_ascii_hexdigit() && !matches!(c, '+' | '"' | ' ') => Ok(c),
            _ => Err(self.error(
                text.span,
                "wanted one character after UESCAPE, neither a digit nor a letter a to f",
            )),
        }
    }

    /// Replaces `\XXXX` and `\\`.
    fn unescape(&self, token: Token<'_>, text: &str, escape: char) -> Result<String> {
        let mut value = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(escape) {
            value.push_str(before);
            if let Some(after) = after.strip_prefix(escape) {
                value.push(escape);
                rest = after;
                continue;
            }
            let c = after
                .get(..4)
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .and_then(char::from_u32);
            let Some(c) = c else {
                return Err(self.error(
                    token.span,
                    format!("wanted four hexadecimal digits of a character after '{escape}'"),
                ));
            };
            value.push(c);
            rest = &after[4..];
        }
        value.push_str(rest);
        Ok(value)
    }

    /// A number; `negative` if a minus stands before it.
    pub(crate) fn number(&mut self, negative: bool) -> Result<sql::Expr> {
        let token = self.advance();
        self.check_number_ends(token)?;
        let text = token.text;
        if text.contains(['e', 'E']) {
            return self.double(token);
        }
        let digits = text
            .trim_start_matches('0')
            .bytes()
            .filter(u8::is_ascii_digit);
        if digits.count() > DECIMAL_DIGITS_MAX {
            return Err(self.error(
                token.span,
                format!(
                    "the number '{}' has more than {DECIMAL_DIGITS_MAX} digits",
                    shortened(text)
                ),
            ));
        }
        let is_min = negative && text.trim_start_matches('0') == "9223372036854775808";
        if text.contains('.') || is_min || text.parse::<i64>().is_ok() {
            let value = sql::Value::Number(text.to_string(), false);
            return Ok(sql::Expr::Value(value.with_span(token.span.into())));
        }
        let digits = text.trim_start_matches('0');
        Ok(typed(
            &format!("DECIMAL({}, 0)", digits.len()),
            digits,
            token,
        ))
    }

    fn double(&self, token: Token<'_>) -> Result<sql::Expr> {
        match token.text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(typed("DOUBLE", token.text, token)),
            _ => Err(self.error(
                token.span,
                format!(
                    "the number '{}' is too large for a DOUBLE",
                    shortened(token.text)
                ),
            )),
        }
    }

    /// `12abc` is neither a number nor a name.
    fn check_number_ends(&self, token: Token<'_>) -> Result<()> {
        let next = self.peek();
        if next.start != token.end() || !matches!(next.kind, Kind::Word | Kind::Number) {
            return Ok(());
        }
        let both = format!("{}{}", token.text, next.text);
        Err(self
            .error(
                token.span.to(next.span),
                format!("'{}' is neither a number nor a name", shortened(&both)),
            )
            .hint("a name that begins with a digit stands in backticks"))
    }

    /// `X'00ff'`.
    pub(crate) fn hex(&mut self) -> Result<sql::Expr> {
        let token = self.advance();
        let digits = &token.text[2..token.text.len() - 1];
        if !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(self.error(
                token.span,
                "wanted pairs of hexadecimal digits between X' and '",
            ));
        }
        let value = sql::Value::HexStringLiteral(digits.to_string());
        Ok(sql::Expr::Value(value.with_span(token.span.into())))
    }

    /// `DATE '2024-02-29'`.
    pub(crate) fn date_literal(&mut self) -> Result<sql::Expr> {
        let start = self.advance();
        let text = self.text("a date in quotes")?;
        if !is_date(&text.value) {
            return Err(self.bad_literal(&text, "DATE", "'yyyy-MM-dd'"));
        }
        Ok(typed_text("DATE", text, start))
    }

    /// `TIME '12:34:56.789'`.
    pub(crate) fn time_literal(&mut self) -> Result<sql::Expr> {
        let start = self.advance();
        let text = self.text("a time in quotes")?;
        match time_precision(&text.value) {
            Some(precision) => Ok(typed_text(&format!("TIME({precision})"), text, start)),
            None => Err(self.bad_literal(&text, "TIME", "'HH:mm:ss' with up to nine decimals")),
        }
    }

    /// `TIMESTAMP '2024-02-29 12:34:56.789'`; its decimals are its precision.
    pub(crate) fn timestamp_literal(&mut self) -> Result<sql::Expr> {
        let start = self.advance();
        let text = self.text("a timestamp in quotes")?;
        let precision = text
            .value
            .split_once(' ')
            .filter(|(date, _)| is_date(date))
            .and_then(|(_, time)| time_precision(time));
        match precision {
            Some(precision) => Ok(typed_text(&format!("TIMESTAMP({precision})"), text, start)),
            None => Err(self.bad_literal(
                &text,
                "TIMESTAMP",
                "'yyyy-MM-dd HH:mm:ss' with up to nine decimals",
            )),
        }
    }

    fn bad_literal(&self, text: &Name, ty: &str, wanted: &str) -> millstream_core::Error {
        self.error_of(
            Code::Syntax,
            text.span,
            format!("{ty} wants {wanted}, found '{}'", shortened(&text.value)),
        )
    }
}

fn typed(ty: &str, value: &str, token: Token<'_>) -> sql::Expr {
    typed_string(ty, value.to_string(), token)
}

fn typed_text(ty: &str, text: Name, start: Token<'_>) -> sql::Expr {
    typed_string(ty, text.value, start)
}

fn typed_string(ty: &str, value: String, start: Token<'_>) -> sql::Expr {
    sql::Expr::TypedString(sql::TypedString {
        data_type: super::types::type_mark(ty),
        value: sql::Value::SingleQuotedString(value).with_span(start.span.into()),
        uses_odbc_syntax: false,
    })
}

/// True for `yyyy-MM-dd` that is a day.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2))
    else {
        return false;
    };
    (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day)
}

fn days_in(year: u32, month: u32) -> u32 {
    let first = days_from_civil(year.into(), month, 1);
    let next = match month {
        12 => days_from_civil(i64::from(year) + 1, 1, 1),
        _ => days_from_civil(year.into(), month + 1, 1),
    };
    (next - first) as u32
}

/// The number of decimals of `HH:mm:ss[.fffffffff]`.
fn time_precision(text: &str) -> Option<usize> {
    let (time, decimals) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let in_range = digits(hour, 2)? < 24 && digits(minute, 2)? < 60 && digits(second, 2)? < 60;
    let decimals_fit = decimals.len() <= 9 && decimals.bytes().all(|b| b.is_ascii_digit());
    let complete = parts.next().is_none() && !text.ends_with('.');
    (in_range && decimals_fit && complete).then_some(decimals.len())
}

/// A number of exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let fits = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}
