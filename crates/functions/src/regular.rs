//! Java's regular expressions on Rust's engine.
//!
//! Rust's engine takes time linear in the text, whatever the pattern; in exchange it has no
//! look-around and no back-references, and says so. What Java writes differently is rewritten:
//! `\Z`, `\h`, `\R`, `\uXXXX`, `\Q..\E`, POSIX classes `\p{Alpha}`, named groups, ASCII `\d \w \s \b`.
//!
//! * [`Regexes`] keeps what it compiled for the batch and the thread keeps it for the next one.
//! * What is no pattern in Java either makes the result NULL, as in Flink. A pattern that Java has
//!   and this engine has not is an error, wherever it comes from: nothing is silently not matched.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;

use millstream_core::{Code, Error, Result};
use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// The most memory a compiled pattern, and its cache of states, may take.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// How many compiled patterns a thread keeps.
const KEPT_MAX: usize = 64;

thread_local! {
    /// Per thread, since threads that share a `Regex` wait for each other's scratch space.
    static KEPT: RefCell<HashMap<String, Compiled>> = RefCell::new(HashMap::new());
}

/// A compiled pattern; none if it is no pattern in Java either.
type Compiled = Option<Rc<Regex>>;

/// The compiled form of a pattern in Java's syntax; none if it is wrong there, too.
pub(crate) fn compiled(pattern: &str) -> Result<Compiled> {
    if let Some(regex) = KEPT.with(|kept| kept.borrow().get(pattern).cloned()) {
        return Ok(regex);
    }
    let regex = compile(pattern)?.map(Rc::new);
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(pattern.to_string(), regex.clone());
    });
    Ok(regex)
}

fn compile(pattern: &str) -> Result<Option<Regex>> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let found = pattern.len();
        return Err(Error::new(
            Code::Evaluation,
            format!("a regular expression of {found} bytes; at most {PATTERN_BYTES_MAX}"),
        ));
    }
    let regex = RegexBuilder::new(&translate(pattern))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(100)
        .build();
    match regex {
        Ok(regex) => Ok(Some(regex)),
        Err(error) if is_wrong_in_java(&error) => Ok(None),
        Err(error) => Err(refused(pattern, &error)),
    }
}

/// Mistakes that are mistakes in Java, too, by the words of the engine.
fn is_wrong_in_java(error: &regex::Error) -> bool {
    const MISTAKES: [&str; 8] = [
        "unclosed character class",
        "unclosed group",
        "unopened group",
        "repetition operator missing expression",
        "unclosed counted repetition",
        "invalid repetition count range",
        "invalid character class range",
        "incomplete escape sequence",
    ];
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    MISTAKES.iter().any(|mistake| last.contains(mistake))
}

fn refused(pattern: &str, error: &regex::Error) -> Error {
    let shown: String = pattern.chars().take(80).collect();
    let reason = match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_string(),
        // The last line says what is wrong, the ones before draw it.
        error => {
            let text = error.to_string();
            text.lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_string()
        }
    };
    let error = Error::new(
        Code::Evaluation,
        format!("regular expression '{shown}': {reason}"),
    );
    if reason.contains("look-around") || reason.contains("backreferences") {
        return error.hint("a capturing group and its number often say the same");
    }
    error
}

/// The patterns of one batch: the last one is at hand.
#[derive(Default)]
pub(crate) struct Regexes {
    last: Option<(String, Compiled)>,
}

impl Regexes {
    /// The compiled pattern; `None` if it is none in Java either.
    #[inline]
    pub(crate) fn get(&mut self, pattern: &str) -> Result<Option<&Regex>> {
        if self.last.as_ref().is_none_or(|(text, _)| text != pattern) {
            self.last = Some((pattern.to_string(), compiled(pattern)?));
        }
        Ok(self.last.as_ref().and_then(|(_, regex)| regex.as_deref()))
    }
}

/// Java's syntax in Rust's, where they differ.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut class_depth = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => push_quoted(&mut chars, &mut out),
                Some(escape) => push_escape(escape, &mut chars, class_depth > 0, &mut out),
                None => out.push('\\'),
            },
            '[' => {
                class_depth += 1;
                out.push('[');
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                out.push(']');
            }
            // Rust reads these pairs inside a class as set operations, Java as plain characters.
            '~' | '-' if class_depth > 0 && chars.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn push_quoted(chars: &mut std::iter::Peekable<std::str::Chars>, out: &mut String) {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            break;
        }
        text.push(c);
    }
    out.push_str(&regex::escape(&text));
}

fn push_escape(
    escape: char,
    chars: &mut std::iter::Peekable<std::str::Chars>,
    in_class: bool,
    out: &mut String,
) {
    let plain = |inside: &str| {
        if in_class {
            inside.to_string()
        } else {
            format!("[{inside}]")
        }
    };
    match escape {
        'd' => out.push_str(&plain("0-9")),
        'w' => out.push_str(&plain("a-zA-Z0-9_")),
        's' => out.push_str(&plain(" \\t\\n\\x0B\\f\\r")),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^a-zA-Z0-9_]"),
        'S' => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
        'h' => out.push_str(&plain(
            " \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}",
        )),
        'R' if !in_class => out.push_str("(?:\\r\\n|[\\n\\x0B\\f\\r\\u{85}\\u{2028}\\u{2029}])"),
        'Z' if !in_class => out.push_str("(?:\\n?\\z)"),
        'e' => out.push_str("\\x1B"),
        'E' => {}
        'u' => {
            let mut code = String::new();
            while code.len() < 4
                && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
            {
                code.push(digit);
            }
            // Writing into memory cannot fail; a code of another length is left for the engine.
            write!(out, "\\u{{{code}}}").unwrap_or_default();
        }
        'p' | 'P' => push_property(escape == 'P', chars, out),
        c if c.is_alphanumeric() || !c.is_ascii() || c == '_' || c == '<' || c == '>' => {
            if !c.is_ascii() || c == '_' || c == '<' || c == '>' {
                out.push(c);
            } else {
                out.push('\\');
                out.push(c);
            }
        }
        c => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// `\p{Alpha}` and its like mean ASCII in Java; other properties are Unicode's in both.
fn push_property(
    negated: bool,
    chars: &mut std::iter::Peekable<std::str::Chars>,
    out: &mut String,
) {
    let mark = if negated { 'P' } else { 'p' };
    if chars.next_if_eq(&'{').is_none() {
        out.push('\\');
        out.push(mark);
        return;
    }
    let mut name = String::new();
    while let Some(c) = chars.next_if(|c| *c != '}') {
        name.push(c);
    }
    chars.next();
    const POSIX: [(&str, &str); 13] = [
        ("Lower", "lower"),
        ("Upper", "upper"),
        ("ASCII", "ascii"),
        ("Alpha", "alpha"),
        ("Digit", "digit"),
        ("Alnum", "alnum"),
        ("Punct", "punct"),
        ("Graph", "graph"),
        ("Print", "print"),
        ("Blank", "blank"),
        ("Cntrl", "cntrl"),
        ("XDigit", "xdigit"),
        ("Space", "space"),
    ];
    match POSIX.iter().find(|(java, _)| *java == name) {
        Some((_, posix)) => {
            let not = if negated { "^" } else { "" };
            out.push_str(&format!("[[:{not}{posix}:]]"));
        }
        None => {
            let name = name.strip_prefix("Is").unwrap_or(&name);
            out.push_str(&format!("\\{mark}{{{name}}}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_syntax_means_in_rust_what_it_means_in_java() {
        for (pattern, text, matches) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^[\w.]+$", "a.b_1", true),
            (r"a\Z", "ba\n", true),
            (r"\Qa.b\E+", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"\u0041", "A", true),
            (r"^\p{Alpha}+$", "abc", true),
            (r"^\p{Alpha}+$", "äöü", false),
            (r"^\p{IsAlphabetic}+$", "äöü", true),
            (r"^\p{L}+$", "äöü", true),
            (r"(?<name>x)", "x", true),
            (r"(&|^)channel_id=([^&]*)", "a&channel_id=7", true),
            (r"[a\-z]", "-", true),
            (r"\h", "\t", true),
            (r"\<b\>", "<b>", true),
        ] {
            assert_eq!(
                compiled(pattern).unwrap().unwrap().is_match(text),
                matches,
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_the_engine_cannot_do_is_an_error_that_says_so() {
        for (pattern, wanted) in [
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences"),
            ("(?>a)", "unrecognized"),
            ("a{1000}{1000}{1000}", "too large"),
            (&"a".repeat(100_000), "100000 bytes"),
        ] {
            let error = compiled(pattern).unwrap_err();
            assert!(error.message().contains(wanted), "{error}");
        }
        for pattern in ["(", "a)", "[", "*a", "a{2,1}", "[b-a]"] {
            assert!(compiled(pattern).unwrap().is_none(), "{pattern}");
        }
        for pattern in ["\\", "\\u", "\\p{", "\\p", "[", "\\Q", "é\\é"] {
            // Must not panic; some of them are patterns.
            drop(compiled(pattern));
        }
    }
}
