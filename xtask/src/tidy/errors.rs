//! Every error code has a page, and every page an error code.
//!
//! The codes are read from the text of `core/src/error.rs` (`Name = "MS1001", Remedy;`), so this
//! program needs none of the crates it judges.

use super::{Problem, Text};

const SOURCE: &str = "crates/core/src/error.rs";
const PAGES: &str = "docs/errors/";

/// Codes without a page, pages without a code, pages with the wrong title, and codes used twice.
pub(super) fn check(texts: &[Text]) -> Vec<Problem> {
    let Some(source) = texts.iter().find(|text| text.path == SOURCE) else {
        return vec![Problem::new(
            SOURCE,
            "is not there, so no error code can be checked",
        )];
    };
    let codes: Vec<&str> = source.content.lines().filter_map(declared_code).collect();
    let pages: Vec<(&str, &Text)> = texts.iter().filter_map(page).collect();
    let mut problems = Vec::new();
    for (index, code) in codes.iter().enumerate() {
        if codes[..index].contains(code) {
            problems.push(Problem::new(
                SOURCE,
                format!("code '{code}' is declared twice"),
            ));
        }
        if !pages.iter().any(|(page, _)| page == code) {
            problems.push(Problem::new(
                SOURCE,
                format!("code '{code}' has no page in {PAGES}"),
            ));
        }
    }
    for (code, page) in pages {
        if !codes.contains(&code) {
            problems.push(Problem::new(
                &page.path,
                "explains a code that does not exist",
            ));
        }
        if !page.content.starts_with(&format!("# {code}: ")) {
            problems.push(Problem::new(
                &page.path,
                format!("does not start with '# {code}: '"),
            ));
        }
    }
    problems
}

fn declared_code(line: &str) -> Option<&str> {
    let (_, rest) = line.trim().split_once(" = \"MS")?;
    let (digits, _) = rest.split_once("\", ")?;
    let is_code = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let start = line.find("MS")?;
    is_code.then(|| &line[start..start + "MS".len() + digits.len()])
}

/// A page about a code; `index.md` and the like are no such page.
fn page(text: &Text) -> Option<(&str, &Text)> {
    let name = text.path.strip_prefix(PAGES)?.strip_suffix(".md")?;
    name.starts_with("MS").then_some((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str, pages: &[(&str, &str)]) -> Vec<String> {
        let mut texts = vec![Text {
            path: SOURCE.into(),
            content: source.into(),
        }];
        for (name, content) in pages {
            let path = format!("{PAGES}{name}.md");
            texts.push(Text {
                path,
                content: content.to_string(),
            });
        }
        check(&texts).iter().map(ToString::to_string).collect()
    }

    const CODE: &str = "    Syntax = \"MS1001\", Correct;\n";

    #[test]
    fn a_code_with_its_page_is_fine() {
        assert_eq!(
            problems(CODE, &[("MS1001", "# MS1001: syntax\n")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        assert_eq!(
            problems(CODE, &[("MS1002", "# MS1002: gone\n")]),
            [
                "crates/core/src/error.rs: code 'MS1001' has no page in docs/errors/",
                "docs/errors/MS1002.md: explains a code that does not exist",
            ]
        );
    }

    #[test]
    fn a_code_declared_twice_and_a_wrong_title_are_found() {
        assert_eq!(
            problems(&CODE.repeat(2), &[("MS1001", "# Syntax\n")]).len(),
            2
        );
    }
}
