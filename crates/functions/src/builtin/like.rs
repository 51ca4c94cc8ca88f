//! The patterns of LIKE and SIMILAR TO.
//!
//! ```text
//! s LIKE 'a^_b' ESCAPE '^'        s LIKE 'a\_b' for DataFusion, whose escape character is always '\'
//! s LIKE p                        s LIKE like_pattern(p): a '\' in it stands for itself
//! s SIMILAR TO '(A|H)%'           similar_to(s, '(A|H)%'): the whole text, `%` and `_` as in LIKE
//! ```
//!
//! Source: what Flink 2.3 answered, and the behaviour of Calcite's `Like`: without ESCAPE nothing is
//! escaped, and what follows an escape character must be `%`, `_` or the character itself (in SIMILAR
//! TO any character with a meaning).

use std::rc::Rc;

use arrow::array::ArrayRef;
use millstream_core::{Code, Error, Result};
use regex::Regex;

use crate::args::Kind::Str;
use crate::args::{Call, Texts};
use crate::function::{Spec, function};
use crate::output::{bool_rows, boolean, string, text_rows};
use crate::regular::compiled;

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("like_pattern", &[Str, Str], string, like_pattern).optional(1),
    function("similar_to", &[Str, Str, Str], boolean, similar_to).optional(1),
];

/// Characters with a meaning in SIMILAR TO.
const SIMILAR_SPECIALS: &str = "[]()|^-+*_%?{}";

/// Characters with a meaning in Java's patterns.
const JAVA_SPECIALS: &str = "[]()|^-+*?{}$\\.";

/// A pattern of LIKE as DataFusion reads it, with `\` as its escape character.
pub fn like_text(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let literal = if Some(c) == escape {
            match chars.next() {
                Some(next @ ('%' | '_')) => next,
                Some(next) if Some(next) == escape => next,
                _ => return Err(wrong_escape(pattern)),
            }
        } else if c == '\\' {
            c
        } else {
            out.push(c);
            continue;
        };
        if matches!(literal, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(literal);
    }
    Ok(out)
}

fn wrong_escape(pattern: &str) -> Error {
    let shown: String = pattern.chars().take(80).collect();
    Error::new(
        Code::Evaluation,
        format!("pattern '{shown}': the escape character stands before nothing to escape"),
    )
}

fn wrong(pattern: &str, why: &str) -> Error {
    let shown: String = pattern.chars().take(80).collect();
    Error::new(Code::Evaluation, format!("pattern '{shown}': {why}"))
}

/// The one character of ESCAPE; none if the text is empty.
fn escape_char(text: &str) -> Result<Option<char>> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (c, None) => Ok(c),
        _ => Err(Error::new(
            Code::Evaluation,
            "ESCAPE wants one character".to_string(),
        )),
    }
}

/// The escape character of a row; outside `None` if it is NULL.
fn escape_of(escapes: Option<&Texts>, row: usize) -> Result<Option<Option<char>>> {
    match escapes {
        None => Ok(Some(None)),
        Some(escapes) => escapes.get(row).map(escape_char).transpose(),
    }
}

fn like_pattern(call: &Call) -> Result<ArrayRef> {
    let (patterns, escapes) = (call.texts(0)?, call.optional_texts(1)?);
    text_rows(call, |row, out| {
        let escape = escape_of(escapes.as_ref(), row)?;
        match patterns.get(row).zip(escape) {
            Some((pattern, escape)) => out.push(&like_text(pattern, escape)?).map(Some),
            None => Ok(None),
        }
    })
}

fn similar_to(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let escapes = call.optional_texts(2)?;
    let mut last: Option<(String, Option<char>, Rc<Regex>)> = None;
    bool_rows(call, |row| {
        let escape = escape_of(escapes.as_ref(), row)?;
        let (Some(text), Some((pattern, escape))) = (texts.get(row), patterns.get(row).zip(escape))
        else {
            return Ok(None);
        };
        let regex = match &last {
            Some((known, of, regex)) if known == pattern && *of == escape => Rc::clone(regex),
            _ => {
                let regex = similar(pattern, escape)?;
                last = Some((pattern.to_string(), escape, Rc::clone(&regex)));
                regex
            }
        };
        Ok(Some(regex.is_match(text)))
    })
}

/// The regular expression of a pattern of SIMILAR TO.
fn similar(pattern: &str, escape: Option<char>) -> Result<Rc<Regex>> {
    let regex = compiled(&format!("\\A(?:{})\\z", similar_text(pattern, escape)?))?;
    regex.ok_or_else(|| wrong(pattern, "it is not a regular expression"))
}

fn similar_text(pattern: &str, escape: Option<char>) -> Result<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        match c {
            c if Some(c) == escape => {
                push_escaped(chars.get(at), escape, pattern, &mut out)?;
                at += 1;
            }
            '_' => out.push('.'),
            '%' => out.push_str("(?s:.*)"),
            '[' => at = push_class(&chars, at, escape, pattern, &mut out)?,
            ']' => return Err(wrong(pattern, "']' without '['")),
            '\\' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// The character behind an escape character.
fn push_escaped(
    next: Option<&char>,
    escape: Option<char>,
    pattern: &str,
    out: &mut String,
) -> Result<()> {
    let Some(next) = next else {
        return Err(wrong_escape(pattern));
    };
    if !SIMILAR_SPECIALS.contains(*next) && Some(*next) != escape {
        return Err(wrong_escape(pattern));
    }
    if JAVA_SPECIALS.contains(*next) {
        out.push('\\');
    }
    out.push(*next);
    Ok(())
}

/// `[a-z]`, `[^x]`, `[[:ALPHA:]]`, with `[` read; says where the text goes on.
fn push_class(
    chars: &[char],
    start: usize,
    escape: Option<char>,
    pattern: &str,
    out: &mut String,
) -> Result<usize> {
    const CLASSES: [(&str, &str); 7] = [
        ("[:alpha:]", "\\p{Alpha}"),
        ("[:upper:]", "\\p{Upper}"),
        ("[:lower:]", "\\p{Lower}"),
        ("[:digit:]", "\\d"),
        ("[:alnum:]", "\\p{Alnum}"),
        ("[:space:]", " "),
        ("[:whitespace:]", "\\s"),
    ];
    out.push('[');
    let mut at = start;
    while let Some(&c) = chars.get(at) {
        at += 1;
        match c {
            ']' => {
                out.push(']');
                return Ok(at);
            }
            c if Some(c) == escape => {
                push_escaped(chars.get(at), escape, pattern, out)?;
                at += 1;
            }
            '-' | '^' => out.push(c),
            '[' if chars.get(at) == Some(&':') => {
                let rest: String = chars[at - 1..].iter().take(16).collect();
                let rest = rest.to_ascii_lowercase();
                let class = CLASSES.iter().find(|(name, _)| rest.starts_with(name));
                let (name, meaning) =
                    class.ok_or_else(|| wrong(pattern, "an unknown class of characters"))?;
                out.push_str(meaning);
                at += name.len() - 1;
            }
            c if SIMILAR_SPECIALS.contains(c) => {
                return Err(wrong(pattern, &format!("'{c}' between '[' and ']'")));
            }
            '\\' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    Err(wrong(pattern, "'[' without ']'"))
}

#[cfg(test)]
mod tests {
    use datafusion_common::ScalarValue as V;

    use super::*;
    use crate::testing::{NO_STR, call, check, check_null, s};

    #[test]
    fn only_the_named_character_escapes() {
        for (pattern, escape, wanted) in [
            ("a%_b", None, "a%_b"),
            (r"a\%b", None, r"a\\%b"),
            ("a^_b", Some('^'), r"a\_b"),
            ("a^^b", Some('^'), "a^b"),
            (r"a\_\\", Some('\\'), r"a\_\\"),
            ("é%éé", Some('é'), "é%é"),
        ] {
            if wanted == "é%é" {
                // The first é escapes the percent sign.
                assert_eq!(like_text(pattern, escape).unwrap(), r"\%é");
                continue;
            }
            assert_eq!(like_text(pattern, escape).unwrap(), wanted, "{pattern}");
        }
        for pattern in ["a^b", "a^"] {
            assert!(like_text(pattern, Some('^')).is_err(), "{pattern}");
        }
        check("like_pattern", &[s(r"a\")], s(r"a\\"));
        check("like_pattern", &[s("a!%"), s("!")], s(r"a\%"));
        check("like_pattern", &[s("a!%"), s("")], s("a!%"));
        check_null("like_pattern", &[s("a"), NO_STR]);
    }

    #[test]
    fn similar_to_matches_the_whole_text() {
        for (text, pattern, wanted) in [
            ("Hello", "(A|H)%", true),
            ("abc", "%(b|d)%", true),
            ("abc", "a_c", true),
            ("abc", "[a-c]+", true),
            ("abc", "a|b", false),
            ("abc", "[[:ALPHA:]]+", true),
            ("ab1", "[[:ALNUM:]]{3}", true),
            ("abc", "[:ALPHA:]+", false),
            ("abc", "a.c", true),
            ("a.c", r"a\.c", false),
            ("abc", "^abc$", false),
            ("aaa", "a{2,}", true),
            ("ab", "a", false),
            ("a-c", "[a-]-c", true),
            (r"a\c", r"a\c", true),
            ("a\nb", "a%b", true),
        ] {
            let wanted = V::Boolean(Some(wanted));
            check("similar_to", &[s(text), s(pattern)], wanted);
        }
        let yes = V::Boolean(Some(true));
        check("similar_to", &[s("a%"), s("a!%"), s("!")], yes);
        check_null("similar_to", &[s("a"), NO_STR]);
        for pattern in ["(", "[", "a[_]c", "]"] {
            assert!(
                call("similar_to", &[s("a"), s(pattern)]).is_err(),
                "{pattern}"
            );
        }
    }
}
