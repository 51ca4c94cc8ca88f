//! `millstream docs DIR`: the reference pages that come from the code.
//!
//! What is declared once, beside whoever reads it, is written down here for people: options of
//! connectors and formats, settings, functions, the command line.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use millstream_connectors::{COMMON_SINK_OPTIONS, COMMON_SOURCE_OPTIONS, CONNECTORS};
use millstream_core::connector::Connector;
use millstream_core::options::OptionSpec;
use millstream_core::{Code, Error, Result};
use millstream_sql::session::Session;

use super::Ended;
use crate::cli::{Cli, EXIT_CODES, SettingArgs};
use crate::engine;

/// Writes every page into `dir`, which must be there.
pub(crate) fn run(dir: &Path) -> Result<Ended> {
    let pages = [
        ("cli.md", command_line()),
        ("connectors.md", connectors()),
        ("formats.md", formats()?),
        ("functions.md", functions()?),
        ("settings.md", settings()),
    ];
    for (name, text) in pages {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| {
            let message = format!("cannot write '{}': {error}", path.display());
            Error::new(Code::Write, message).caused_by(error)
        })?;
    }
    Ok(Ended::Well)
}

fn command_line() -> String {
    let mut page = String::from("# Command line\n");
    let mut root = Cli::command()
        .term_width(100)
        .color(clap::ColorChoice::Never);
    root.build();
    let mut commands: Vec<clap::Command> = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned()
        .collect();
    commands.retain(|command| command.get_name() != "help");
    section(&mut page, "millstream", &mut root);
    for command in &mut commands {
        let name = format!("millstream {}", command.get_name());
        section(&mut page, &name, command);
        let inner = command.get_subcommands_mut();
        for inner in inner.filter(|inner| inner.get_name() != "help") {
            let name = format!("{name} {}", inner.get_name());
            section(&mut page, &name, inner);
        }
    }
    let (_, codes) = EXIT_CODES.split_once('\n').unwrap_or_default();
    let rows = codes
        .lines()
        .filter_map(|line| line.trim().split_once("  "));
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in rows {
        line(&mut page, format_args!("| {code} | {meaning} |"));
    }
    page.push_str(FILES_AND_VARIABLES);
    page
}

const FILES_AND_VARIABLES: &str = "
## Output

Rows and listings go to standard output, everything else to standard error. A table of text escapes control
characters; JSON lines and CSV hold the values as they are. When whoever reads standard output goes away
(`| head`), the query ends quietly; INSERTs that follow still run.

On a terminal a line per source shows rows, rows per second, watermark, lag, late rows and bad records while a
job runs. Late rows and bad records are reported at the end in any case, one line per split.

## Files and variables

| what | meaning |
|---|---|
| `NO_COLOR` | if set, no colours |
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | keys of the object store checkpoints are kept in; never a setting |
| `AWS_ENDPOINT_URL`, `AWS_REGION` | its server and region, unless `s3.endpoint` and `s3.region` are set |
| `$XDG_STATE_HOME/millstream/history` | what was typed into `millstream sql`; without the variable below `~/.local/state` |
| `$XDG_CACHE_HOME/millstream/demo` | where `millstream demo` works outside a checkout; without the variable below `~/.cache` |
";

fn section(page: &mut String, name: &str, command: &mut clap::Command) {
    let help = command.render_long_help().to_string();
    // The exit codes have a section of their own.
    let help = help.split("Exit codes:").next().unwrap_or_default();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    line(
        page,
        format_args!("\n## {name}\n\n```text\n{}\n```", lines.join("\n").trim()),
    );
}

fn connectors() -> String {
    let mut page =
        String::from("# Connectors\n\nA table chooses one by `WITH ('connector' = '..')`.\n");
    for connector in CONNECTORS {
        line(&mut page, format_args!("\n## {}\n", connector.name()));
        line(&mut page, format_args!("{}\n", abilities(*connector)));
        options(&mut page, connector.options());
        metadata(&mut page, *connector);
    }
    page.push_str("\n## Options of every table that is read\n\n");
    options(&mut page, COMMON_SOURCE_OPTIONS);
    page.push_str("\n## Options of every table that is written\n\n");
    options(&mut page, COMMON_SINK_OPTIONS);
    page
}

fn abilities(connector: &dyn Connector) -> String {
    let does = match (connector.source().is_some(), connector.sink().is_some()) {
        (true, true) => "Reads and writes",
        (true, false) => "Reads",
        (false, true) => "Writes",
        (false, false) => "Does nothing",
    };
    match connector.has_format() {
        true => format!("{does}. Needs a [format](formats.md)."),
        false => format!("{does}."),
    }
}

fn metadata(page: &mut String, connector: &dyn Connector) {
    let source = connector
        .source()
        .map(|source| source.metadata())
        .unwrap_or_default();
    let sink = connector
        .sink()
        .map(|sink| sink.metadata())
        .unwrap_or_default();
    if source.is_empty() && sink.is_empty() {
        return;
    }
    page.push_str("\n| metadata column | type | access |\n|---|---|---|\n");
    for (key, ty) in source {
        let access = if sink.iter().any(|(k, _)| k == key) {
            "read, write"
        } else {
            "read"
        };
        line(page, format_args!("| `{key}` | `{ty}` | {access} |"));
    }
    for (key, ty) in sink
        .iter()
        .filter(|(key, _)| source.iter().all(|(k, _)| k != key))
    {
        line(page, format_args!("| `{key}` | `{ty}` | write |"));
    }
}

fn formats() -> Result<String> {
    let mut page = String::from(
        "# Formats\n\nA table of a connector that moves bytes chooses one by `WITH ('format' = '..')`. \
         Options have the\nformat's name in front: `'csv.null-literal' = ''`.\n",
    );
    for name in millstream_formats::names() {
        let format = millstream_formats::format(name)?;
        line(&mut page, format_args!("\n## {name}\n"));
        options(&mut page, format.options());
    }
    Ok(page)
}

fn settings() -> String {
    let mut page = String::from(
        "# Settings\n\n`SET 'key' = 'value'` in a script, or `--set key=value` on the command line. \
         Settings that only a Flink\ncluster reads are kept and change nothing.\n\n",
    );
    options(&mut page, Session::known_settings());
    page
}

fn functions() -> Result<String> {
    let mut page = String::from(
        "# Functions\n\nTheir meaning is that of the same function of Apache Flink 2.3.\n\n",
    );
    let names = engine::planning_session(&SettingArgs::default())?.function_names();
    // Names with a '$' are what syntax becomes, such as `a[1]`.
    let names = names.iter().filter(|name| !name.contains('$'));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let mut width = 0;
    for (i, name) in names.iter().enumerate() {
        let comma = if i + 1 == names.len() { "" } else { "," };
        if width > 0 && width + name.len() + 2 > 110 {
            page.push('\n');
            width = 0;
        } else if width > 0 {
            page.push(' ');
        }
        width += name.len() + 2;
        write!(page, "{name}{comma}").expect("a string takes every write");
    }
    page.push('\n');
    Ok(page)
}

fn options(page: &mut String, specs: &[OptionSpec]) {
    if specs.is_empty() {
        return page.push_str("No options of its own.\n");
    }
    page.push_str("| option | value | default | meaning |\n|---|---|---|---|\n");
    for spec in specs {
        let help = if spec.secret { " (secret)" } else { "" };
        let cell = |text: &str| text.replace('|', "\\|");
        line(
            page,
            format_args!(
                "| `{}` | {} | {} | {}{help} |",
                spec.key,
                cell(spec.wanted),
                cell(spec.default),
                cell(spec.help)
            ),
        );
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_exit_code_has_its_place() {
        let page = command_line();
        for part in [
            "## millstream run",
            "## millstream demo",
            "## millstream savepoint create",
            "--approve-changes",
            "--parallelism",
            "| 2 | your mistake",
        ] {
            assert!(page.contains(part), "'{part}' is missing in\n{page}");
        }
        assert!(!page.contains("## millstream docs"), "{page}");
    }

    #[test]
    fn every_option_of_every_connector_and_format_is_listed() {
        let page = connectors() + &formats().unwrap() + &settings();
        let specs = CONNECTORS.iter().flat_map(|connector| connector.options());
        for spec in specs.chain(Session::known_settings()) {
            assert!(
                page.contains(&format!("| `{}` |", spec.key)),
                "{}",
                spec.key
            );
        }
    }

    #[test]
    fn functions_are_listed_by_the_names_people_write() {
        let page = functions().unwrap();
        assert!(
            page.contains("`UPPER`") && page.contains("`COUNT`"),
            "{page}"
        );
    }
}
