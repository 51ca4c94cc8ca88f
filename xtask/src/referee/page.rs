//! The table of differences in `docs/reference/flink-differences.md`: people write the page, the
//! golden files the part below [`MARK`].

use anyhow::{Context, Result};
use millstream_tests::golden::Golden;

use crate::services::flink::VERSION;
use crate::shell;

const PAGE: &str = "docs/reference/flink-differences.md";
const MARK: &str =
    "<!-- below: written by `cargo xtask referee --page` from the golden files -->\n";

/// Writes the part that comes from the files.
pub(super) fn write(goldens: &[Golden]) -> Result<()> {
    let path = shell::root().join(PAGE);
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let (by_hand, _) = old
        .split_once(MARK)
        .with_context(|| format!("{PAGE} has lost the line {}", MARK.trim_end()))?;
    let new = format!("{by_hand}{MARK}{}", text(goldens));
    if new != old {
        std::fs::write(&path, new).with_context(|| format!("cannot write {PAGE}"))?;
        eprintln!("{PAGE}: changed");
    }
    Ok(())
}

fn text(goldens: &[Golden]) -> String {
    let count =
        |chosen: fn(&Golden) -> bool| goldens.iter().filter(|golden| chosen(golden)).count();
    let agreed = |golden: &Golden| {
        golden
            .record
            .as_ref()
            .is_some_and(|record| !record.differs())
    };
    let mut text = format!(
        "\n| golden files in `tests/sql/` | {} |\n|---|---|\n\
         | judged by Flink {VERSION} | {} |\n| of these with Flink's very rows | {} |\n\
         | of these with other rows, for the reasons below | {} |\n| not judged, for the reasons below | {} |\n",
        goldens.len(),
        count(|golden| golden.record.is_some()),
        count(agreed),
        count(|golden| golden
            .record
            .as_ref()
            .is_some_and(|record| record.differs())),
        count(|golden| golden.notes.skip.is_some()),
    );
    let tables: [(&str, Reason); 4] = [
        ("Other rows, or refused by Flink", |golden| {
            golden.notes.differs.as_ref()
        }),
        ("Other column types", |golden| golden.notes.types.as_ref()),
        (
            "Insertions only here, updates in Flink, or the other way round",
            |golden| golden.notes.modes.as_ref(),
        ),
        ("Not judged", |golden| golden.notes.skip.as_ref()),
    ];
    for (title, reason) in tables {
        let rows = goldens
            .iter()
            .filter_map(|golden| Some(row(golden, reason(golden)?)));
        let rows: String = rows.collect();
        if !rows.is_empty() {
            text.push_str(&format!(
                "\n### {title}\n\n| file | about | why |\n|---|---|---|\n{rows}"
            ));
        }
    }
    text
}

/// Where a file says why.
type Reason = fn(&Golden) -> Option<&String>;

/// File, its first line, and the reason.
fn row(golden: &Golden, reason: &str) -> String {
    let name = golden
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let about = golden.text.lines().next().unwrap_or_default();
    let cell = |text: &str| text.trim_start_matches('-').trim().replace('|', "\\|");
    format!("| `{name}` | {} | {} |\n", cell(about), cell(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_the_files_say() {
        let golden = |name: &str, text: &str| {
            Golden::parse(std::path::Path::new(name), format!("{text}\n-- @expect\n")).unwrap()
        };
        let goldens = [
            golden("a.sql", "-- About a|b.\n-- @flink-differs ours: is better"),
            golden("b.sql", "-- About b.\n-- @flink-skip our option"),
            golden("c.sql", "-- About c."),
        ];
        let text = text(&goldens);
        assert!(
            text.contains("| `a.sql` | About a\\|b. | ours: is better |"),
            "{text}"
        );
        assert!(
            text.contains("### Not judged\n\n| file | about | why |\n|---|---|---|\n| `b.sql`")
        );
        assert!(!text.contains("`c.sql`") && !text.contains("types"));
    }
}
