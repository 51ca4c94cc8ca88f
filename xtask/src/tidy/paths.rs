//! Paths that documents name must exist.
//!
//! Two kinds count: the target of a link (`[text](../guide.md#part)`, relative to the document)
//! and a code span that starts with something at the root of the checkout (`crates/core/src`,
//! with or without `:line`) or with the name of a crate (`core/src/key.rs`). Fenced blocks hold
//! commands and pictures and are passed over. Decision records and the changelog tell of their own
//! day; they are not checked.

use std::path::Path;

use super::{Problem, Text};

/// Every dead path in the Markdown files among `texts`.
pub(super) fn check(root: &Path, texts: &[Text]) -> Vec<Problem> {
    let documents = texts.iter().filter(|text| is_checked(&text.path));
    documents.flat_map(|text| dead_paths(root, text)).collect()
}

fn is_checked(path: &str) -> bool {
    let is_history = path.starts_with("docs/adr/") || path.starts_with("changelog.d/");
    path.ends_with(".md") && !is_history && path != "CHANGELOG.md"
}

fn dead_paths(root: &Path, text: &Text) -> Vec<Problem> {
    let folder = root
        .join(&text.path)
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    let mut problems = Vec::new();
    for (number, line) in prose(&text.content) {
        let place = format!("{}:{number}", text.path);
        for target in links(line).filter(|target| !folder.join(target).exists()) {
            problems.push(Problem::new(
                &place,
                format!("link to '{target}', which does not exist"),
            ));
        }
        for path in code_spans(line).filter_map(|span| repo_path(root, span)) {
            if !root.join(&path).exists() {
                problems.push(Problem::new(
                    &place,
                    format!("path '{path}' does not exist"),
                ));
            }
        }
    }
    problems
}

/// The lines outside fenced blocks, numbered from 1.
fn prose(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    content
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            (!is_fenced && !is_fence).then_some((index + 1, line))
        })
}

/// Targets of inline links that point into the checkout, without their `#anchor`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ']).next()?;
        let target = target.split('#').next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The path a code span names, relative to the root; `None` if it looks like anything else.
fn repo_path(root: &Path, span: &str) -> Option<String> {
    let is_path_char = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let path = match span.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => span,
    };
    let (first, rest) = path.split_once('/')?;
    if first.is_empty() || !path.chars().all(is_path_char) {
        return None;
    }
    if root.join(first).exists() {
        return Some(path.to_string());
    }
    let is_in_crate = root.join("crates").join(first).exists() && rest.starts_with("src");
    is_in_crate.then(|| format!("crates/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(content: &str) -> Vec<String> {
        let text = Text {
            path: "docs/page.md".into(),
            content: content.into(),
        };
        check(&crate::shell::root(), &[text])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_dead_link_is_found_with_its_line() {
        assert_eq!(
            dead("see\n[this](../no-such.md#part) and [that](../Cargo.toml)"),
            ["docs/page.md:2: link to '../no-such.md', which does not exist"]
        );
    }

    #[test]
    fn a_dead_code_span_is_found_also_in_the_short_form_of_a_crate() {
        assert_eq!(
            dead(
                "`crates/core/src/lib.rs:7`, `core/src/lib.rs`, `xtask/src/gone.rs`, `core/src/gone.rs`"
            ),
            [
                "docs/page.md:1: path 'xtask/src/gone.rs' does not exist",
                "docs/page.md:1: path 'crates/core/src/gone.rs' does not exist",
            ]
        );
    }

    #[test]
    fn what_is_no_path_of_ours_is_left_alone() {
        let content = "`a/b`, `rows/s`, `docs/<page>.md`, `SELECT 1/2`, [web](https://example.org/x), \
                       [here](#part)\n```\n`crates/none.rs`\n```\n";
        assert_eq!(dead(content), Vec::<String>::new());
    }

    #[test]
    fn a_decision_record_may_name_what_is_gone() {
        let text = Text {
            path: "docs/adr/0001-x.md".into(),
            content: "`crates/gone/src`".into(),
        };
        assert_eq!(check(&crate::shell::root(), &[text]), Vec::new());
    }
}
