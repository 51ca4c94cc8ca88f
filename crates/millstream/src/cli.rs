//! The command line as clap reads it, with its help.
//!
//! What a flag means is written once, here: `--help`, the shell completions and the reference page
//! `cli.md` come from these types.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// What the exit codes mean, for the help and the reference page.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done; also after a graceful stop, or when whoever read the output had enough
  2  your mistake: in SQL, an option, a file or the command line
  1  anything else; also if a job was cut off by a second Ctrl-C";

const EXAMPLES: &str = "\
Examples:
  millstream demo                                      a month of real flights
  millstream run query.sql                             run a file
  millstream run -e \"SELECT 1 + 1\"                     run a statement
  millstream run query.sql --result final --format json
  millstream explain query.sql                         what would run
  millstream sql                                       a shell";

/// Flink SQL on streams, in one binary.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, styles = STYLES, arg_required_else_help = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the statements of a file, in order
    #[command(long_about = format!("Run the statements of a file, in order.\n\n{RUN_HELP}"))]
    Run(RunArgs),
    /// Show what a file's queries and INSERTs would run, without running them
    Explain(ExplainArgs),
    /// Open a shell for Flink SQL; without a terminal, run what standard input says
    Sql(SqlArgs),
    /// Run an example: delays of a month of real flights, with its late rows
    Demo,
    /// Print a script that teaches your shell to complete the commands
    Completions(CompletionsArgs),
    /// Write the reference pages that come from the code
    #[command(hide = true)]
    Docs(DocsArgs),
}

const RUN_HELP: &str = "\
A SELECT prints its changes as they come: the first column, op, says whether a row is new (+I), \
gone (-D), or the old (-U) or new (+U) version of one. With --result final the rows are printed \
once, as they are when all input is read. INSERTs run until their input ends.

Ctrl-C stops gracefully: what was read is processed and committed, windows still open stay \
unfinished. A second Ctrl-C ends at once.

Late rows and bad records are counted per file and reported on standard error.";

const RUN_EXAMPLES: &str = "\
Examples:
  millstream run query.sql
  millstream run query.sql --result final --format json > rows.jsonl
  millstream run query.sql --parallelism 4 --set table.local-time-zone=Europe/Berlin
  generate-sql | millstream run -
  millstream run -e \"
    CREATE TABLE n (id BIGINT) WITH (
      'connector' = 'datagen', 'number-of-rows' = '5',
      'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '5');
    SELECT id, id * id AS square FROM n\"";

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, after_long_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// How rows are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// What a SELECT prints
    #[arg(long, value_enum, default_value_t, value_name = "RESULT")]
    pub(crate) result: ResultKind,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  millstream explain query.sql
  millstream explain query.sql --parallelism 8";

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

const SQL_EXAMPLES: &str = "\
Examples:
  millstream sql
  millstream sql --init tables.sql       begin with the tables of a file
  echo 'SHOW FUNCTIONS;' | millstream sql

In the shell, SET 'sql-client.execution.result-mode' chooses how a SELECT is shown:
  table       the rows as they are now, redrawn as they change (default on a terminal)
  changelog   every change, with its kind
  tableau     as changelog; in batch mode the rows alone (default without a terminal)";

#[derive(Debug, Args)]
#[command(after_help = SQL_EXAMPLES)]
pub(crate) struct SqlArgs {
    /// Run the statements of this file first
    #[arg(short, long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
    /// Run the statements of this file instead of reading any, then end
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Your shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// The folder to write to
    pub(crate) dir: PathBuf,
}

/// Where the SQL comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ScriptArgs {
    /// A file of statements separated by ';', or '-' for standard input
    pub(crate) file: Option<PathBuf>,
    /// The statements themselves
    #[arg(
        short = 'e',
        long = "execute",
        value_name = "SQL",
        allow_hyphen_values = true
    )]
    pub(crate) sql: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct SettingArgs {
    /// Set a setting before the first statement, as SET does; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
    /// Subtasks of each operator [default: number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) parallelism: Option<String>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// One JSON object per line, with the column names as keys
    Json,
    /// A line of column names, then one line per row
    Csv,
}

/// What a SELECT prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultKind {
    /// Every change as it comes, with its kind first
    #[default]
    Changelog,
    /// The rows once, when all input is read
    Final,
}

/// `key=value`; the value may hold more of `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("wanted KEY=VALUE".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_setting_is_split_at_its_first_equals_sign() {
        let Command::Run(run) = parse("millstream run f.sql --set a=b=c --set d=")
            .unwrap()
            .command
        else {
            panic!("not run");
        };
        let expected = [("a".into(), "b=c".into()), ("d".into(), String::new())];
        assert_eq!(run.settings.pairs, expected);
        assert!(parse("millstream run f.sql --set nothing").is_err());
    }

    #[test]
    fn a_script_comes_from_exactly_one_place() {
        assert!(parse("millstream run").is_err());
        assert!(parse("millstream run f.sql -e x").is_err());
        assert!(parse("millstream run -").is_ok());
        assert!(parse("millstream explain -e --comment").is_ok());
    }
}
