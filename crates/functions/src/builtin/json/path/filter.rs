//! Filters of paths: `[?(@.price < 10 && @.kind == 'book')]`.

use std::cmp::Ordering;
use std::rc::Rc;

use millstream_core::{Code, Error};
use regex::Regex;
use serde_json::Value;

use super::find::values;
use super::parse::{quoted, read};
use super::{Step, Wrong};
use crate::regular::compiled;

/// The deepest nesting of parentheses.
const DEPTH_MAX: usize = 64;

/// A condition on a value.
#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
    Matches(Operand, Rc<Regex>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug)]
pub(super) enum Operand {
    Value(Value),
    /// Steps from the value, or with `true` from the document.
    Path(Vec<Step>, bool),
}

impl Filter {
    /// Reads `( .. )`, and says where the text goes on.
    pub(super) fn parse(text: &str) -> Result<(Filter, &str), Wrong> {
        let inside = text.strip_prefix('(').ok_or_else(|| unknown(text))?;
        let mut reader = Reader { rest: inside };
        let filter = reader.any(0)?;
        reader.expect(")")?;
        Ok((filter, reader.rest))
    }

    /// Whether a value fulfils the condition.
    pub(super) fn accepts(&self, value: &Value, root: &Value) -> bool {
        match self {
            Filter::Any(filters) => filters.iter().any(|f| f.accepts(value, root)),
            Filter::All(filters) => filters.iter().all(|f| f.accepts(value, root)),
            Filter::Not(filter) => !filter.accepts(value, root),
            Filter::Exists(operand) => operand.of(value, root).is_some(),
            Filter::Compare(left, comparison, right) => {
                comparison.holds(left.of(value, root), right.of(value, root))
            }
            Filter::Matches(operand, regex) => match operand.of(value, root) {
                Some(Value::String(text)) => regex
                    .find(&text)
                    .is_some_and(|found| found.len() == text.len()),
                _ => false,
            },
        }
    }
}

impl Operand {
    fn of(&self, value: &Value, root: &Value) -> Option<Value> {
        match self {
            Operand::Value(constant) => Some(constant.clone()),
            Operand::Path(steps, from_root) => {
                let start = if *from_root { root } else { value };
                let mut found = values(steps, start, root);
                match steps.iter().all(Step::is_definite) {
                    true => found.pop(),
                    false => Some(Value::Array(found)),
                }
            }
        }
    }
}

impl Comparison {
    fn holds(self, left: Option<Value>, right: Option<Value>) -> bool {
        let (Some(left), Some(right)) = (left, right) else {
            return matches!(self, Comparison::NotEqual | Comparison::NotIn);
        };
        let order = || match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ => None,
        };
        let within = || match &right {
            Value::Array(elements) => elements.iter().any(|element| same(&left, element)),
            _ => false,
        };
        match self {
            Comparison::Equal => same(&left, &right),
            Comparison::NotEqual => !same(&left, &right),
            Comparison::Less => order() == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order() == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => {
                matches!(order(), Some(Ordering::Greater | Ordering::Equal))
            }
            Comparison::In => within(),
            Comparison::NotIn => !within(),
        }
    }
}

/// 1 and 1.0 are the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn unknown(text: &str) -> Wrong {
    let shown: String = text.chars().take(40).collect();
    Wrong::Unsupported(
        Error::new(
            Code::Evaluation,
            format!("JSON path: cannot read the filter at '{shown}'"),
        )
        .hint("a filter looks like [?(@.price < 10 && @.kind == 'book')]"),
    )
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, symbol: &str) -> bool {
        match self.rest.trim_start().strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Wrong> {
        match self.eat(symbol) {
            true => Ok(()),
            false => Err(unknown(self.rest)),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Filter, Wrong> {
        let mut terms = vec![self.all(depth)?];
        while self.eat("||") {
            terms.push(self.all(depth)?);
        }
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ => Filter::Any(terms),
        })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Wrong> {
        let mut terms = vec![self.term(depth)?];
        while self.eat("&&") {
            terms.push(self.term(depth)?);
        }
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ => Filter::All(terms),
        })
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Wrong> {
        if depth > DEPTH_MAX {
            return Err(unknown(self.rest));
        }
        if self.eat("!") {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.eat("(") {
            let filter = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(filter);
        }
        let left = self.operand()?;
        if self.eat("=~") {
            return Ok(Filter::Matches(left, self.pattern()?));
        }
        const SYMBOLS: [(&str, Comparison); 8] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("in ", Comparison::In),
            ("nin ", Comparison::NotIn),
        ];
        for (symbol, comparison) in SYMBOLS {
            if self.eat(symbol) {
                return Ok(Filter::Compare(left, comparison, self.operand()?));
            }
        }
        match left {
            Operand::Path(..) => Ok(Filter::Exists(left)),
            Operand::Value(_) => Err(unknown(self.rest)),
        }
    }

    fn operand(&mut self) -> Result<Operand, Wrong> {
        let text = self.rest.trim_start();
        let first = text.chars().next().ok_or_else(|| unknown(text))?;
        match first {
            '@' | '$' => {
                let mut steps = Vec::new();
                let ends = |c: char| !matches!(c, '.' | '[') && "=!<>&|)( ,]~".contains(c);
                self.rest = read(&text[1..], &mut steps, ends)?;
                Ok(Operand::Path(steps, first == '$'))
            }
            '\'' | '"' => {
                let (value, rest) = quoted(&text[1..], first).ok_or_else(|| unknown(text))?;
                self.rest = rest;
                Ok(Operand::Value(Value::String(value)))
            }
            '[' | '{' => {
                let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
                match stream.next() {
                    Some(Ok(value)) => {
                        self.rest = &text[stream.byte_offset()..];
                        Ok(Operand::Value(value))
                    }
                    _ => Err(unknown(text)),
                }
            }
            // A number, or a word: true, false, null.
            _ => {
                let ends = |c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c);
                let (word, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
                let value = serde_json::from_str(word).map_err(|_| unknown(text))?;
                self.rest = rest;
                Ok(Operand::Value(value))
            }
        }
    }

    /// `/pattern/i`.
    fn pattern(&mut self) -> Result<Rc<Regex>, Wrong> {
        let text = self.rest.trim_start();
        let inside = text.strip_prefix('/').ok_or_else(|| unknown(text))?;
        let (pattern, rest) = inside.split_once('/').ok_or_else(|| unknown(text))?;
        let (flags, rest) = match rest.strip_prefix('i') {
            Some(rest) => ("(?i)", rest),
            None => ("", rest),
        };
        self.rest = rest;
        let regex = compiled(&format!("{flags}{pattern}")).map_err(Wrong::Unsupported)?;
        regex.ok_or_else(|| unknown(text))
    }
}
