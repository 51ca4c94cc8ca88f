//! `new adr WORD...`: starts a decision record from the template, with the next number.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::{Verdict, date, shell};

const FOLDER: &str = "docs/adr";

/// Writes the file and prints its path.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let [kind, title @ ..] = arguments else {
        bail!("new wants a kind: adr")
    };
    ensure!(kind == "adr", "unknown kind '{kind}'; there is: adr");
    let folder = shell::root().join(FOLDER);
    let template = folder.join("0000-template.md");
    let template = std::fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    let number = next_number(&names(&folder)?);
    let title = title.join(" ");
    let path = folder.join(format!("{number:04}-{}.md", slug(&title)?));
    std::fs::write(&path, fill(&template, number, &title))?;
    println!("{}", path.display());
    Ok(Verdict::Passed)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

fn next_number(names: &[String]) -> u32 {
    let numbers = names
        .iter()
        .filter_map(|name| name.split_once('-')?.0.parse::<u32>().ok());
    numbers.max().unwrap_or(0) + 1
}

/// `State Backend` as `state-backend`; only letters, digits and single dashes come out.
fn slug(title: &str) -> Result<String> {
    let lower = title.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-");
    ensure!(
        !slug.is_empty(),
        "new adr wants a title, such as: new adr state backend"
    );
    Ok(slug)
}

fn fill(template: &str, number: u32, title: &str) -> String {
    template
        .replacen("# N. Title", &format!("# {number}. {title}"), 1)
        .replacen("yyyy-mm-dd", &date::today(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gets_the_next_number_also_after_a_gap() {
        let names = ["0000-template.md", "0007-x.md", "README.md"].map(String::from);
        assert_eq!(next_number(&names), 8);
        assert_eq!(next_number(&[]), 1);
    }

    #[test]
    fn a_title_becomes_a_file_name_that_stays_in_its_folder() {
        assert_eq!(
            slug("State Backend & Snapshots").unwrap(),
            "state-backend-snapshots"
        );
        assert_eq!(slug("../../etc").unwrap(), "etc");
        assert!(slug(" .. ").is_err());
    }

    #[test]
    fn the_template_is_filled_in() {
        let template = std::fs::read_to_string(shell::root().join(FOLDER).join("0000-template.md"));
        let text = fill(&template.unwrap(), 9, "one thing");
        assert!(text.starts_with("# 9. one thing\n"));
        assert!(text.contains(&date::today()));
    }
}
