//! How long files and functions are.
//!
//! A file beyond 800 lines says why on its first line (`//! long: a table of ...`, `# long: ...`,
//! `-- long: ...`). The longest files and functions are shown so that somebody looks at them; a
//! function's length is found from the indentation that the formatter guarantees.

use std::fmt::Write;

use super::{Problem, Text};

const LINES_MAX: usize = 800;
const SHOWN: usize = 10;

/// Files that are too long and do not say why.
pub(super) fn check(texts: &[Text]) -> Vec<Problem> {
    let too_long = texts
        .iter()
        .filter(|text| lines(text) > LINES_MAX && !has_reason(text));
    too_long
        .map(|text| {
            let what = format!(
                "{} lines; cut it, or say why on line 1 (`long: ...`)",
                lines(text)
            );
            Problem::new(&text.path, what)
        })
        .collect()
}

/// The ten longest Rust files and functions, as a table for people.
pub(super) fn longest(texts: &[Text]) -> String {
    let code = || texts.iter().filter(|text| text.path.ends_with(".rs"));
    let files = code()
        .map(|text| (lines(text), text.path.clone()))
        .collect();
    let functions = code().flat_map(functions).collect();
    format!(
        "\nlongest files\n{}\nlongest functions\n{}",
        table(files),
        table(functions)
    )
}

fn lines(text: &Text) -> usize {
    text.content.lines().count()
}

fn has_reason(text: &Text) -> bool {
    let first = text.content.lines().next().unwrap_or_default();
    let (_, reason) = first.split_once("long: ").unwrap_or_default();
    !reason.trim().is_empty()
}

fn table(mut rows: Vec<(usize, String)>) -> String {
    rows.sort_by(|a, b| b.cmp(a));
    rows.iter()
        .take(SHOWN)
        .fold(String::new(), |mut text, (lines, name)| {
            writeln!(text, "{lines:>6}  {name}").expect("a string takes any text");
            text
        })
}

/// Length and place of each function in formatted Rust code.
fn functions(text: &Text) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.content.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let closing = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let rest = &lines[index..];
        let Some(length) = rest.iter().position(|line| *line == closing) else {
            continue;
        };
        found.push((length + 1, format!("{}:{} {name}", text.path, index + 1)));
    }
    found
}

/// The name if the line opens a function with a body: `pub(crate) async fn name<..>(`.
fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_modifier = |word: &str| {
        word.starts_with("pub") || matches!(word, "async" | "const" | "extern" | "in" | "default")
    };
    if line.ends_with(';') || line.ends_with('}') || !before.split_whitespace().all(is_modifier) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Text {
        Text {
            path: "a.rs".into(),
            content: content.into(),
        }
    }

    #[test]
    fn a_long_file_needs_a_reason_on_its_first_line() {
        let long = "x\n".repeat(LINES_MAX);
        assert_eq!(check(&[text(&long)]), Vec::new());
        assert_eq!(check(&[text(&format!("x\n{long}"))]).len(), 1);
        assert_eq!(check(&[text(&format!("//! long: \n{long}"))]).len(), 1);
        assert_eq!(
            check(&[text(&format!("//! long: a table of words\n{long}"))]),
            Vec::new()
        );
    }

    #[test]
    fn functions_are_measured_by_their_indentation() {
        let code = "impl A {\n    pub(crate) async fn go(&self) {\n        if x {\n        }\n    }\n}\n\
                    fn short() {}\nfn two(\n) {\n}\n";
        let expected = [(4, "a.rs:2 go".to_string()), (3, "a.rs:8 two".to_string())];
        assert_eq!(functions(&text(code)), expected);
    }

    #[test]
    fn the_longest_come_first() {
        let shown = table(vec![(1, "a".into()), (30, "b".into())]);
        assert_eq!(shown, "    30  b\n     1  a\n");
    }
}
