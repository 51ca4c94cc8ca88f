//! The parser's tests, by what they are about.

mod differential;
mod errors;
mod expressions;
mod hostile;
mod nexmark;
mod patterns;
mod queries;
mod show;
mod splitting;
mod statements;
mod type_names;
mod windows;

use expect_test::Expect;

use super::parse_script;

/// Statements as [`show`] writes them, or the whole error.
fn parsed(sql: &str) -> String {
    match parse_script(sql) {
        Ok(statements) => {
            let shown: Vec<String> = statements
                .iter()
                .map(|statement| show::statement(&statement.node))
                .collect();
            shown.join("\n---\n") + "\n"
        }
        Err(error) => error.report() + "\n",
    }
}

/// Compares what `sql` parses to.
fn check(sql: &str, wanted: Expect) {
    wanted.assert_eq(&parsed(sql));
}

/// Parses each line on its own; a table of one line for each.
fn check_lines(lines: &str, wanted: Expect) {
    let shown: String = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(parsed)
        .collect();
    wanted.assert_eq(&shown);
}
