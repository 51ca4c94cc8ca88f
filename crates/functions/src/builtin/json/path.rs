//! The subset of SQL/JSON paths we read: members, elements, and all of either.

use millstream_core::{Code, Error, Result};
use serde_json::Value;

/// The most steps of a path; JSON itself is read no deeper.
const STEPS_MAX: usize = 128;

/// The most matches that are collected.
const MATCHES_MAX: usize = 1 << 20;

/// A compiled path.
#[derive(Debug, PartialEq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
    AllMembers,
    AllElements,
}

impl Path {
    /// Reads a path such as `lax $.a['b'][0]`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let body = ["lax ", "strict "]
            .iter()
            .find_map(|mode| trimmed.strip_prefix(mode))
            .unwrap_or(trimmed)
            .trim_start();
        let mut rest = body
            .strip_prefix('$')
            .ok_or_else(|| bad(text, "it must begin with '$'"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(|| {
                bad(
                    text,
                    &format!(
                        "cannot read '{}'",
                        rest.chars().take(20).collect::<String>()
                    ),
                )
            })?;
            steps.push(step);
            if steps.len() > STEPS_MAX {
                return Err(bad(text, &format!("more than {STEPS_MAX} steps")));
            }
            rest = after;
        }
        Ok(Path { steps })
    }

    /// Whether it can find more than one value.
    pub(super) fn is_plural(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::AllMembers | Step::AllElements))
    }

    /// The values it finds.
    pub(super) fn find<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                step.apply(value, &mut next);
                if next.len() > MATCHES_MAX {
                    return Vec::new();
                }
            }
            found = next;
        }
        found
    }
}

impl Step {
    fn apply<'v>(&self, value: &'v Value, found: &mut Vec<&'v Value>) {
        match (self, value) {
            (Step::Member(name), Value::Object(members)) => found.extend(members.get(name)),
            (Step::Element(index), Value::Array(elements)) => found.extend(elements.get(*index)),
            (Step::AllMembers, Value::Object(members)) => found.extend(members.values()),
            (Step::AllMembers | Step::AllElements, Value::Array(elements)) => {
                found.extend(elements);
            }
            _ => {}
        }
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix(".*") {
        return Some((Step::AllMembers, rest));
    }
    // A point before a bracket says nothing: $.['a'] is $['a'].
    let text = match text.strip_prefix('.') {
        Some(rest) if rest.starts_with('[') => rest,
        _ => text,
    };
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[', ' ']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Member(name.to_string()), after));
    }
    let inside = text.strip_prefix('[')?.trim_start();
    if let Some(quote) = inside.chars().next().filter(|c| *c == '\'' || *c == '"') {
        let (name, after) = quoted(&inside[1..], quote)?;
        let after = after.trim_start().strip_prefix(']')?;
        return Some((Step::Member(name), after));
    }
    let (content, after) = inside.split_once(']')?;
    match content.trim() {
        "*" => Some((Step::AllElements, after)),
        digits => {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            let index = plain.then(|| digits.parse().ok()).flatten()?;
            Some((Step::Element(index), after))
        }
    }
}

/// The text up to the closing quote; `\` takes the next character as it is.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            c if c == quote => return Some((name, &text[at + 1..])),
            c => name.push(c),
        }
    }
    None
}

fn bad(path: &str, why: &str) -> Error {
    let shown: String = path.chars().take(80).collect();
    Error::new(Code::Evaluation, format!("JSON path '{shown}': {why}"))
        .hint("a path looks like $.name[0]['other name'] or $[*].name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_walks_members_and_elements() {
        let json: Value =
            serde_json::from_str(r#"{"a": {"b c": [10, {"d": 1}, {"d": 2}]}, "é": 3}"#).unwrap();
        for (path, wanted) in [
            ("$.a['b c'][0]", "10"),
            ("lax $.a[\"b c\"][1].d", "1"),
            ("strict $.é", "3"),
            ("$['a']['b c'][ 2 ]['d']", "2"),
            ("$.a['b c'][*].d", "1 2"),
            ("$.[\"a\"].['b c'].[0]", "10"),
            ("$.a.*[0]", "10"),
            ("$.missing.x", ""),
            ("$.a[0]", ""),
        ] {
            let found = Path::parse(path).unwrap();
            let found: Vec<String> = found.find(&json).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), wanted, "{path}");
        }
    }

    #[test]
    fn a_wrong_path_is_named() {
        for path in [
            "", "a", "$.", "$..a", "$[", "$[-1]", "$['a", "$['a'", "$[é]", "$x", "$['\\",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Path::parse(&format!("${}", "[0]".repeat(1000))).is_err());
    }
}
