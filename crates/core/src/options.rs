//! Options of tables, formats and jobs: declared once, typed, and never misspelt in silence.
//!
//! A connector or format declares its options as a list of [`OptionSpec`]; the reference page,
//! completion and validation come from that list; an unknown key is an error that names the nearest
//! known one.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::suggest;
use crate::{Code, Error, Result};

/// One option as declared by whoever reads it.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The key, Flink's where Flink has one; a `#` stands for a column name (`fields.#.min`).
    pub key: &'static str,
    /// What a value looks like, in words: `a duration such as '10 s'`.
    pub wanted: &'static str,
    /// The default in words; empty for an option without one.
    pub default: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// True if a value must never be shown.
    pub secret: bool,
}

impl OptionSpec {
    /// An option that is not secret.
    pub const fn new(
        key: &'static str,
        wanted: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        OptionSpec {
            key,
            wanted,
            default,
            help,
            secret: false,
        }
    }

    /// True if `key` is this option, a `#` matching any name (which may hold dots).
    pub fn matches(&self, key: &str) -> bool {
        match self.key.split_once('#') {
            None => self.key == key,
            Some((before, after)) => {
                key.len() > before.len() + after.len()
                    && key.starts_with(before)
                    && key.ends_with(after)
            }
        }
    }
}

/// The options of one table, `'key' = 'value'`, with the name of their owner for messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    owner: String,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Options of `owner`, which is how messages call it: `table 'bid'`.
    pub fn new(owner: impl Into<String>, values: BTreeMap<String, String>) -> Self {
        Options {
            owner: owner.into(),
            values,
        }
    }

    /// The owner's name in messages.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// All keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The text of an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The text of an option that must be there.
    pub fn require(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::new(
                Code::InvalidOption,
                format!("{} needs the option '{key}'", self.owner),
            )
        })
    }

    /// A number or anything else with `FromStr`.
    pub fn parse<T: FromStr>(&self, key: &str, wanted: &str) -> Result<Option<T>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| self.invalid(key, wanted))
    }

    /// `true` or `false`, ignoring case.
    pub fn boolean(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key).map(|text| text.trim().to_ascii_lowercase()) {
            None => Ok(default),
            Some(text) if text == "true" => Ok(true),
            Some(text) if text == "false" => Ok(false),
            Some(_) => Err(self.invalid(key, "'true' or 'false'")),
        }
    }

    /// A duration as Flink writes them: `200 ms`, `10s`, `1 min`, `2 h`, `1 d`; a bare number is ms.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        parse_duration(text)
            .map(Some)
            .ok_or_else(|| self.invalid(key, "a duration such as '10 s' or '200 ms'"))
    }

    /// A size as Flink writes them: `128MB`, `64 kb`, `1g`; a bare number is bytes. Units are 1024.
    pub fn bytes(&self, key: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        parse_bytes(text)
            .map(Some)
            .ok_or_else(|| self.invalid(key, "a size such as '128MB'"))
    }

    /// One of a few words, ignoring case.
    pub fn one_of<'a>(&self, key: &str, words: &[&'a str], default: &'a str) -> Result<&'a str> {
        let Some(text) = self.get(key) else {
            return Ok(default);
        };
        let found = words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text.trim()));
        found.copied().ok_or_else(|| {
            let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            let error = self.invalid(key, &format!("one of {}", list.join(", ")));
            match suggest::hint(text, words.iter().copied()) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// The error for a value that cannot be used.
    pub fn invalid(&self, key: &str, wanted: &str) -> Error {
        let found = self.values.get(key).map_or("nothing", String::as_str);
        Error::new(
            Code::InvalidOption,
            format!(
                "option '{key}' of {} wants {wanted}, found '{}'",
                self.owner,
                shorten(found)
            ),
        )
    }

    /// Refuses every key that was not declared in `known`.
    pub fn refuse_unknown(&self, known: &[OptionSpec]) -> Result<()> {
        for key in self.values.keys() {
            if known.iter().any(|spec| spec.matches(key)) {
                continue;
            }
            let error = Error::new(
                Code::UnknownOption,
                format!("{} has no option '{}'", self.owner, shorten(key)),
            );
            return Err(
                match suggest::hint(key, known.iter().map(|spec| spec.key)) {
                    Some(hint) => error.hint(hint),
                    None => error.hint(format!(
                        "known options: {}",
                        known
                            .iter()
                            .map(|spec| spec.key)
                            .collect::<Vec<_>>()
                            .join(", ")
                    )),
                },
            );
        }
        Ok(())
    }
}

/// A duration in Flink's notation; `None` if it is not one.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let nanos: u128 = match unit.as_str() {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return None,
    };
    let nanos = u128::from(number) * nanos;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// A size in Flink's notation, in bytes; `None` if it is not one.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let shift = match unit.as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kib" | "kibibytes" => 10,
        "m" | "mb" | "mib" | "mebibytes" => 20,
        "g" | "gb" | "gib" | "gibibytes" => 30,
        "t" | "tb" | "tib" | "tebibytes" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn split_number(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_lowercase()))
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 80;
    if text.chars().count() <= LONGEST {
        return text.to_string();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        let values = pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        Options::new("table 'bid'", values)
    }

    #[test]
    fn an_unknown_option_names_its_nearest_neighbour() {
        let known = [OptionSpec::new("scan.startup.mode", "", "", "")];
        let error = options(&[("scan.startup.mod", "x")])
            .refuse_unknown(&known)
            .unwrap_err();
        assert_eq!(
            error.message(),
            "table 'bid' has no option 'scan.startup.mod'"
        );
        assert_eq!(error.hint_text(), Some("did you mean 'scan.startup.mode'?"));
    }

    #[test]
    fn a_pattern_option_matches_any_column() {
        let spec = OptionSpec::new("fields.#.min", "", "", "");
        assert!(spec.matches("fields.price.min"));
        assert!(spec.matches("fields.a.b.min"));
        assert!(!spec.matches("fields..mix"));
        assert!(!spec.matches("fields.min"));
    }

    #[test]
    fn durations_and_sizes_read_as_in_flink() {
        assert_eq!(parse_duration("10 s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("1min"), Some(Duration::from_secs(60)));
        assert_eq!(parse_duration("250"), Some(Duration::from_millis(250)));
        assert_eq!(
            parse_duration("365000 d"),
            Some(Duration::from_secs(365_000 * 86_400))
        );
        assert_eq!(parse_duration("18446744073709551615 d"), None);
        assert_eq!(parse_duration("ten"), None);
        assert_eq!(parse_bytes("128 mb"), Some(128 << 20));
        assert_eq!(parse_bytes("99999999999999t"), None);
    }
}
