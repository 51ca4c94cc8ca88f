//! The command line as clap reads it, with its help.
//!
//! What a flag means is written once, here: `--help`, the shell completions and the reference page
//! `cli.md` come from these types.

mod kafka;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::command::journal::JournalCommand;
pub(crate) use kafka::{ClusterArgs, KafkaCommand, TransactionsCommand};

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
    /// Look at the checkpoints of jobs, or delete them
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Keep the state of a job for good: to start again from, to copy, to go back to
    #[command(subcommand)]
    Savepoint(SavepointCommand),
    /// Look after what jobs left behind on a Kafka cluster
    #[command(subcommand)]
    Kafka(KafkaCommand),
    /// Put records into an ingestion journal, from which jobs read
    #[command(subcommand)]
    Journal(JournalCommand),
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

Ctrl-C and SIGTERM stop gracefully: what was read is processed and committed with a last checkpoint, \
windows still open stay unfinished. A second one ends at once.

With --checkpoint-dir a job keeps its state there and goes on from it the next time, whether it was \
stopped or killed. It finds its state by its name: --name, else the setting 'pipeline.name', else the \
name of the file (with a number if the script has several jobs). If its SQL has changed, the job says \
what would become of its state and waits for --approve-changes. Keys of S3 come from the environment: \
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

Late rows and bad records are counted per file and reported on standard error.";

const RUN_EXAMPLES: &str = "\
Examples:
  millstream run query.sql
  millstream run query.sql --result final --format json > rows.jsonl
  millstream run query.sql --parallelism 4 --set table.local-time-zone=Europe/Berlin
  generate-sql | millstream run -
  millstream run shop.sql --checkpoint-dir s3://jobs/checkpoints --checkpoint-interval 1s
  millstream run shop.sql --checkpoint-dir ckpt --from ckpt/shop/savepoints/before-upgrade
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
    // Last: its heading would stand above whatever follows.
    #[command(flatten)]
    pub(crate) life: LifeArgs,
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

/// Where the state of a job is kept and what it starts from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "State")]
pub(crate) struct LifeArgs {
    /// Keep the state of jobs here: a directory, or s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    pub(crate) checkpoint_dir: Option<String>,
    /// Time from one checkpoint to the next, such as 1s or 200ms; 0: only at the end [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) checkpoint_interval: Option<Duration>,
    /// Name of the job, by which it finds its checkpoints
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Begin with nothing, even if there are checkpoints
    #[arg(long, conflicts_with = "from")]
    pub(crate) fresh: bool,
    /// Begin with the state of this savepoint
    #[arg(long, value_name = "SAVEPOINT")]
    pub(crate) from: Option<String>,
    /// Go on although the SQL has changed, as the job has said it would
    #[arg(long)]
    pub(crate) approve_changes: bool,
    /// The most memory this process may hold, such as 2GiB [default: 60 % of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory_limit: Option<u64>,
    /// For tests: keep state in memory, break each job off behind every checkpoint, and go on with
    /// these numbers of subtasks in turn
    #[arg(long, value_name = "N,..", value_delimiter = ',', hide = true)]
    pub(crate) rehearse_crashes: Vec<u32>,
}

const CHECKPOINT_EXAMPLES: &str = "\
Examples:
  millstream checkpoint list ckpt
  millstream checkpoint list s3://jobs/checkpoints --json
  millstream checkpoint inspect ckpt --job shop
  millstream checkpoint delete ckpt --job shop";

/// `millstream checkpoint`.
#[derive(Debug, Subcommand)]
#[command(after_help = CHECKPOINT_EXAMPLES)]
pub(crate) enum CheckpointCommand {
    /// List the checkpoints in a folder
    List {
        #[command(flatten)]
        place: PlaceArgs,
        /// Only those of this job
        #[arg(long, value_name = "NAME")]
        job: Option<String>,
    },
    /// Show what is in a checkpoint: state, positions of sources, output that was prepared
    Inspect {
        #[command(flatten)]
        place: PlaceArgs,
        /// The job; may be left out if the folder has only one
        #[arg(long, value_name = "NAME")]
        job: Option<String>,
        /// The number of the checkpoint [default: the newest committed one]
        #[arg(long, value_name = "N")]
        checkpoint: Option<u64>,
        /// Read every file and check it
        #[arg(long)]
        verify: bool,
    },
    /// Delete all checkpoints of a job that does not run; its next start begins with nothing
    Delete {
        #[command(flatten)]
        place: PlaceArgs,
        /// The job
        #[arg(long, value_name = "NAME")]
        job: String,
    },
}

const CREATE_HELP: &str = "\
Copy the newest committed checkpoint of a job into a folder that stands by itself.

The job may be running: it is not disturbed, and the savepoint is as old as its last checkpoint. Stop the \
job first (Ctrl-C or SIGTERM) if everything it has read must be in.";

const SAVEPOINT_EXAMPLES: &str = "\
Examples:
  millstream savepoint create ckpt --job shop --name before-upgrade
  millstream savepoint create s3://jobs/checkpoints --job shop --to s3://archive/shop
  millstream savepoint list ckpt
  millstream savepoint inspect ckpt/shop/savepoints/before-upgrade
  millstream savepoint delete ckpt/shop/savepoints/before-upgrade
  millstream run shop.sql --checkpoint-dir ckpt --from ckpt/shop/savepoints/before-upgrade";

/// `millstream savepoint`.
#[derive(Debug, Subcommand)]
#[command(after_help = SAVEPOINT_EXAMPLES)]
pub(crate) enum SavepointCommand {
    /// Copy the newest committed checkpoint of a job into a folder that stands by itself
    #[command(long_about = CREATE_HELP)]
    Create {
        #[command(flatten)]
        place: PlaceArgs,
        /// The job; may be left out if the folder has only one
        #[arg(long, value_name = "NAME")]
        job: Option<String>,
        /// Name of the savepoint [default: checkpoint-N]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Put it into this folder instead of beside the checkpoints
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
    /// List the savepoints in a folder, and those beside the checkpoints in it
    List {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Show what is in a savepoint
    Inspect {
        #[command(flatten)]
        place: PlaceArgs,
        /// Read every file and check it
        #[arg(long)]
        verify: bool,
    },
    /// Delete a savepoint
    Delete {
        #[command(flatten)]
        place: PlaceArgs,
    },
}

/// A folder of checkpoints or savepoints, and how to show what is in it.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The folder: a directory, or s3://bucket/prefix
    pub(crate) url: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How an object store is reached: s3.endpoint, s3.region, s3.path.style.access
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
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

/// A limit on memory that leaves room for the program itself.
fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 64 << 20;
    match millstream_core::options::parse_bytes(text) {
        Some(bytes) if bytes >= LEAST => Ok(bytes),
        _ => Err("wanted a size of at least 64 MiB, such as 512MiB or 2GiB".to_string()),
    }
}

/// A time between two checkpoints.
fn interval(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(10);
    const MOST: Duration = Duration::from_secs(366 * 86_400);
    match millstream_core::options::parse_duration(text) {
        Some(time) if time.is_zero() || (LEAST..=MOST).contains(&time) => Ok(time),
        _ => Err("wanted a time of 10ms to 366d such as 1s, or 0".to_string()),
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

    #[test]
    fn an_interval_is_a_time_that_a_checkpoint_can_keep() {
        let of = |text: &str| {
            let line = format!("millstream run f.sql --checkpoint-interval {text}");
            match parse(&line).ok()?.command {
                Command::Run(run) => run.life.checkpoint_interval,
                _ => None,
            }
        };
        assert_eq!(of("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(of("0"), Some(Duration::ZERO));
        for wrong in ["soon", "1ms", "-1s", "999999d"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_job_begins_with_nothing_or_with_a_savepoint_but_not_with_both() {
        assert!(parse("millstream run f.sql --fresh --from s").is_err());
        assert!(parse("millstream run f.sql --from s --approve-changes").is_ok());
    }

    #[test]
    fn the_help_of_savepoints_says_how_old_one_is() {
        let mut root = Cli::command().term_width(100);
        root.build();
        let savepoint = root.find_subcommand_mut("savepoint").unwrap();
        let create = savepoint.find_subcommand_mut("create").unwrap();
        let help = create.render_long_help().to_string();
        expect_test::expect![[r#"
            Copy the newest committed checkpoint of a job into a folder that stands by itself.

            The job may be running: it is not disturbed, and the savepoint is as old as its last checkpoint.
            Stop the job first (Ctrl-C or SIGTERM) if everything it has read must be in.

            Usage: millstream savepoint create [OPTIONS] <URL>

            Arguments:
              <URL>
                      The folder: a directory, or s3://bucket/prefix

            Options:
                  --json
                      Print JSON

                  --set <KEY=VALUE>
                      How an object store is reached: s3.endpoint, s3.region, s3.path.style.access

                  --job <NAME>
                      The job; may be left out if the folder has only one

                  --name <NAME>
                      Name of the savepoint [default: checkpoint-N]

                  --to <URL>
                      Put it into this folder instead of beside the checkpoints

              -h, --help
                      Print help (see a summary with '-h')
        "#]].assert_eq(&help);
    }

    #[test]
    fn the_help_of_run_lists_what_concerns_state() {
        let mut root = Cli::command().term_width(100);
        root.build();
        let run = root.find_subcommand_mut("run").unwrap();
        let help = run.render_help().to_string();
        let (_, state) = help.split_once("State:\n").unwrap();
        let lines: Vec<&str> = state.lines().map(str::trim).collect();
        let own = lines
            .iter()
            .position(|line| line.starts_with("--approve-changes"));
        expect_test::expect![[r#"
            --checkpoint-dir <URL>        Keep the state of jobs here: a directory, or s3://bucket/prefix
            --checkpoint-interval <TIME>  Time from one checkpoint to the next, such as 1s or 200ms; 0:
            only at the end [default: 10s]
            --name <NAME>                 Name of the job, by which it finds its checkpoints
            --fresh                       Begin with nothing, even if there are checkpoints
            --from <SAVEPOINT>            Begin with the state of this savepoint
            --approve-changes             Go on although the SQL has changed, as the job has said it would"#]]
        .assert_eq(&lines[..=own.unwrap()].join("\n"));
    }
}
