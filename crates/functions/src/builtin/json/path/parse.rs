//! Reading a path.

use super::filter::Filter;
use super::{Function, Path, STEPS_MAX, Step, Wrong};

pub(super) fn path(text: &str) -> Result<Path, Wrong> {
    let (lax, body) = mode(text.trim());
    let body = body.trim();
    let rest = match body.strip_prefix('$') {
        Some(rest) => std::borrow::Cow::Borrowed(rest),
        // Jayway puts `$.` before a path without a root.
        None if body.is_empty() => return Err(Wrong::Path),
        None if body.starts_with('[') => body.into(),
        None => format!(".{body}").into(),
    };
    let mut steps = Vec::new();
    let rest = read(&rest, &mut steps, |_| false)?;
    match rest.is_empty() {
        true => Ok(Path { lax, steps }),
        false => Err(Wrong::Path),
    }
}

/// The mode before a path, and the path.
fn mode(text: &str) -> (bool, &str) {
    for (word, lax) in [("lax", true), ("strict", false)] {
        if let (Some(start), Some(rest)) = (text.get(..word.len()), text.get(word.len()..))
            && start.eq_ignore_ascii_case(word)
            && rest.starts_with(char::is_whitespace)
        {
            return (lax, rest);
        }
    }
    (false, text)
}

/// Reads steps until the text ends, or a character at which `ends` says so.
pub(super) fn read<'t>(
    text: &'t str,
    steps: &mut Vec<Step>,
    ends: impl Fn(char) -> bool,
) -> Result<&'t str, Wrong> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if ends(c) {
            break;
        }
        if steps.len() >= STEPS_MAX {
            return Err(Wrong::Path);
        }
        rest = match c {
            '[' => bracket(rest, steps)?,
            '.' if rest.starts_with("..") => {
                steps.push(Step::Scan);
                let after = &rest[2..];
                match after.starts_with('[') {
                    true => bracket(after, steps)?,
                    false => name(after, steps, &ends)?,
                }
            }
            '.' if rest[1..].starts_with('[') => bracket(&rest[1..], steps)?,
            '.' => name(&rest[1..], steps, &ends)?,
            _ => return Err(Wrong::Path),
        };
    }
    Ok(rest)
}

/// `*`, `name` or `function()` behind a point.
fn name<'t>(
    text: &'t str,
    steps: &mut Vec<Step>,
    ends: &impl Fn(char) -> bool,
) -> Result<&'t str, Wrong> {
    if let Some(rest) = text.strip_prefix('*') {
        steps.push(Step::All);
        return Ok(rest);
    }
    let stops = |c: char| matches!(c, '.' | '[' | '(' | ' ') || ends(c);
    let end = text.find(stops).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || rest.starts_with(' ') && !ends(' ') {
        return Err(Wrong::Path);
    }
    let Some(arguments) = rest.strip_prefix('(') else {
        steps.push(Step::Member(name.to_string()));
        return Ok(rest);
    };
    let after = arguments
        .trim_start()
        .strip_prefix(')')
        .ok_or(Wrong::Path)?;
    steps.push(Step::Function(match name {
        "length" | "size" => Function::Length,
        "min" => Function::Min,
        "max" => Function::Max,
        "avg" => Function::Avg,
        "sum" => Function::Sum,
        "stddev" => Function::StdDev,
        "first" => Function::First,
        "last" => Function::Last,
        "keys" => Function::Keys,
        _ => return Err(Wrong::Path),
    }));
    Ok(after)
}

/// `[..]`.
fn bracket<'t>(text: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, Wrong> {
    let inside = text.strip_prefix('[').ok_or(Wrong::Path)?.trim_start();
    if let Some(filter) = inside.strip_prefix('?') {
        let (filter, rest) = Filter::parse(filter.trim_start())?;
        steps.push(Step::Filter(filter));
        return rest.trim_start().strip_prefix(']').ok_or(Wrong::Path);
    }
    if inside.starts_with(['\'', '"']) {
        return members(inside, steps);
    }
    let (content, rest) = inside.split_once(']').ok_or(Wrong::Path)?;
    steps.push(indexes(content.trim()).ok_or(Wrong::Path)?);
    Ok(rest)
}

fn members<'t>(text: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, Wrong> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or(Wrong::Path)?;
        let (name, after) = quoted(&rest[1..], quote).ok_or(Wrong::Path)?;
        names.push(name);
        let after = after.trim_start();
        if let Some(after) = after.strip_prefix(']') {
            steps.push(match names.len() {
                1 => Step::Member(names.remove(0)),
                _ => Step::Members(names),
            });
            return Ok(after);
        }
        rest = after.strip_prefix(',').ok_or(Wrong::Path)?.trim_start();
    }
}

fn indexes(content: &str) -> Option<Step> {
    if content == "*" {
        return Some(Step::All);
    }
    let number = |text: &str| text.trim().parse::<i64>().ok();
    if let Some((from, to)) = content.split_once(':') {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            text => number(text).map(Some),
        };
        let (from, to) = (bound(from)?, bound(to)?);
        (from.is_some() || to.is_some()).then_some(())?;
        return Some(Step::Slice(from, to));
    }
    let indexes = content.split(',').map(number).collect::<Option<_>>()?;
    Some(Step::Elements(indexes))
}

/// The text up to the closing quote; `\` takes the next character as it is.
pub(super) fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            c if c == quote => return Some((name, &text[at + c.len_utf8()..])),
            c => name.push(c),
        }
    }
    None
}
