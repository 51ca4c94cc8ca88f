//! `run` and `explain`: formats, results, settings, scripts.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::kit::{PER_PAGE, Place, Ran, clicks, numbers};

#[test]
fn changes_are_printed_with_their_kind_first_in_each_format() {
    let place = Place::with_clicks();
    let sql = format!(
        "{}SELECT page, visitor FROM clicks WHERE page = 'cart';",
        clicks("")
    );
    let ran = place.sql(&sql, &[]);
    assert_eq!(
        ran.well(),
        " op | page         | visitor\n\
         ----+--------------+--------------\n \
         +I | cart         | ann\n \
         +I | cart         | bob\n\
         (2 changes)\n"
    );
    let ran = place.sql(&sql, &["--format", "json"]);
    assert_eq!(
        ran.well(),
        "{\"op\":\"+I\",\"page\":\"cart\",\"visitor\":\"ann\"}\n\
         {\"op\":\"+I\",\"page\":\"cart\",\"visitor\":\"bob\"}\n"
    );
    let ran = place.sql(&sql, &["--format", "csv"]);
    assert_eq!(ran.well(), "op,page,visitor\n+I,cart,ann\n+I,cart,bob\n");
}

#[test]
fn a_final_result_has_the_rows_that_changes_lead_to() {
    let place = Place::with_clicks();
    let sql = format!(
        "{}SELECT page, COUNT(*) AS n FROM clicks GROUP BY page;",
        clicks("")
    );
    let changes = place.sql(&sql, &["--format", "csv", "--parallelism", "1"]);
    assert_eq!(
        changes.sorted(),
        [
            "+I,cart,1",
            "+I,home,1",
            "+U,cart,2",
            "+U,home,2",
            "+U,home,3",
            "-U,cart,1",
            "-U,home,1",
            "-U,home,2",
            "op,page,n",
        ]
    );
    let rows = place.sql(&sql, &["--format", "csv", "--result", "final"]);
    assert_eq!(rows.sorted(), ["cart,2", "home,3", "page,n"]);
}

#[test]
fn timestamps_are_written_to_the_millisecond_and_late_rows_are_reported() {
    let place = Place::with_clicks();
    let sql = clicks("") + PER_PAGE;
    let ran = place.sql(
        &sql,
        &[
            "--format",
            "json",
            "--result",
            "final",
            "--parallelism",
            "2",
        ],
    );
    assert_eq!(
        ran.sorted(),
        [
            r#"{"page":"cart","window_start":"2026-01-01 10:00:00.000","clicks":1}"#,
            r#"{"page":"home","window_start":"2026-01-01 10:00:00.000","clicks":2}"#,
            r#"{"page":"home","window_start":"2026-01-01 10:00:10.000","clicks":1}"#,
        ]
    );
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    for word in [
        "warning: 1 late row in '",
        "clicks.jsonl' of table 'clicks'",
        "late-rows.table",
    ] {
        assert!(ran.err.contains(word), "no {word:?} in {}", ran.err);
    }
}

#[test]
fn a_sorted_result_keeps_its_order() {
    let place = Place::new();
    let sql = numbers(100)
        + "SET 'execution.runtime-mode' = 'batch'; \
               SELECT n FROM numbers ORDER BY n DESC LIMIT 3;";
    let ran = place.sql(&sql, &["--format", "csv", "--result", "final"]);
    assert_eq!(ran.well(), "n\n100\n99\n98\n");
}

#[test]
fn inserts_run_to_the_end_one_after_the_other() {
    let place = Place::with_clicks();
    let sql = format!(
        "{}CREATE TABLE pages (page STRING, visitor STRING) WITH (
           'connector' = 'filesystem', 'path' = 'pages', 'format' = 'csv');
         INSERT INTO pages SELECT page, visitor FROM clicks WHERE visitor = 'ann';
         INSERT INTO pages SELECT page, visitor FROM clicks WHERE visitor = 'eve';
         SELECT COUNT(*) AS n FROM pages;",
        clicks("")
    );
    let ran = place.sql(&sql, &["--format", "json", "--result", "final"]);
    assert_eq!(ran.well(), "{\"n\":3}\n");
    assert_eq!(place.lines("pages"), ["cart,ann", "home,ann", "home,eve"]);
}

#[test]
fn a_script_comes_from_a_file_or_from_standard_input() {
    let place = Place::new();
    place.write("q.sql", "SELECT 1 + 1 AS two;");
    assert_eq!(
        place.run(&["run", "q.sql", "--format", "csv"]).well(),
        "op,two\n+I,2\n"
    );
    let ran = place.run_with(&["run", "-", "--format", "csv"], "SELECT 3 AS three");
    assert_eq!(ran.well(), "op,three\n+I,3\n");
    assert_eq!(place.sql("", &[]).well(), "");
}

#[test]
fn settings_come_from_the_command_line_and_a_script_may_change_them() {
    let place = Place::new();
    let sql = "SET; SET 'pipeline.name' = 'b'; SET;";
    let args = [
        "--set",
        "pipeline.name=a",
        "--parallelism",
        "3",
        "--format",
        "csv",
    ];
    assert_eq!(
        place.sql(sql, &args).well(),
        "key,value\nparallelism.default,3\npipeline.name,a\n\
         key,value\nparallelism.default,3\npipeline.name,b\n"
    );
}

#[test]
fn listings_are_tables_and_definitions_are_text() {
    let place = Place::with_clicks();
    let ran = place.sql(
        &(clicks("") + "SHOW TABLES; DESCRIBE clicks; SHOW CREATE TABLE clicks;"),
        &[],
    );
    let out = ran.well();
    assert!(
        out.starts_with(" table name\n------------\n clicks\n(1 row)\n"),
        "{out}"
    );
    assert!(out.contains(" ts      | TIMESTAMP(3)"), "{out}");
    assert!(
        out.contains("\nCREATE TABLE") || out.contains("\nCREATE TEMPORARY TABLE"),
        "{out}"
    );
}

#[test]
fn explain_shows_every_plan_and_runs_nothing() {
    let place = Place::with_clicks();
    let sql = format!(
        "{}{PER_PAGE}CREATE TABLE copy (page STRING) WITH (
           'connector' = 'filesystem', 'path' = 'copy', 'format' = 'csv');
         INSERT INTO copy SELECT page FROM clicks;",
        clicks("")
    );
    let ran = place.run(&["explain", "-e", &sql]);
    let out = ran.well();
    for word in ["TumbleAggregate", "Sink(copy)", "Source(clicks)"] {
        assert!(out.contains(word), "no {word} in {out}");
    }
    assert_eq!(place.files("copy"), [""; 0].map(std::path::PathBuf::from));
    let ran = place.run(&["explain", "-e", "SHOW TABLES"]);
    assert!(
        ran.well().is_empty() && ran.err.contains("no query"),
        "{ran:?}"
    );
}

#[test]
fn rows_come_while_the_source_goes_on() {
    let place = Place::new();
    let sql =
        "CREATE TABLE slow (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2');
               SELECT n FROM slow;";
    let mut child = place
        .command(&["run", "-e", sql, "--format", "csv"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "op,n");
    assert!(lines.next().unwrap().unwrap().starts_with("+I,"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_that_leaves_ends_the_query_quietly() {
    let place = Place::new();
    let sql = "CREATE TABLE endless (n BIGINT) WITH (
                 'connector' = 'datagen', 'rows-per-second' = '100000000');
               SELECT n FROM endless;
               CREATE TABLE done (n INT) WITH (
                 'connector' = 'filesystem', 'path' = 'done', 'format' = 'csv');
               INSERT INTO done VALUES (1);";
    let mut child = place.command(&["run", "-e", sql]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 100];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(place.lines("done"), ["1"], "INSERTs still run");
}

#[test]
fn a_limit_ends_a_query_over_a_source_that_never_ends() {
    let place = Place::new();
    let sql = "CREATE TABLE endless (n BIGINT) WITH (
                 'connector' = 'datagen', 'rows-per-second' = '1000',
                 'fields.n.kind' = 'random', 'fields.n.min' = '7', 'fields.n.max' = '7');
               SELECT n FROM endless LIMIT 2;";
    let ran = place.sql(sql, &["--format", "csv", "--result", "final"]);
    assert_eq!(ran.well(), "n\n7\n7\n");
}

#[test]
fn completions_and_version_are_printed() {
    let place = Place::new();
    assert!(
        place
            .run(&["completions", "bash"])
            .well()
            .contains("--parallelism")
    );
    let version = format!("millstream {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(place.run(&["--version"]).well(), version);
    let help = place.run(&["run", "--help"]);
    assert!(
        help.well().contains("Exit codes:") && help.out.contains("Examples:"),
        "{help:?}"
    );
}

#[test]
fn nothing_is_printed_for_people_when_nobody_is_at_the_terminal() {
    let place = Place::new();
    let sql = numbers(10)
        + "CREATE TABLE hole (n BIGINT) WITH ('connector' = 'blackhole');
                             INSERT INTO hole SELECT n FROM numbers;";
    let output = place
        .command(&["run", "-e", &sql])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran::of(output);
    assert_eq!((ran.well(), ran.err.as_str()), ("", ""));
}
