//! The user's mistakes: one message with the place, exit code 2.

use crate::kit::{CLICKS, PER_PAGE, Place, clicks};

#[test]
fn a_slip_in_the_last_statement_is_found_before_the_first_one_runs() {
    let place = Place::new();
    let ran = place.sql("SELECT 1 AS a;\nSELEC 2;", &["--format", "csv"]);
    ran.is_mistake(
        "MS1001",
        &["line 2, column 1", " 2 | SELEC 2;", "   | ^^^^^", "SELECT"],
    );
    assert_eq!(ran.out, "");
}

#[test]
fn what_was_printed_before_a_failing_statement_stays() {
    let place = Place::new();
    let ran = place.sql(
        "SELECT 1 AS a;\nSELECT * FROM nowhere;",
        &["--format", "csv"],
    );
    ran.is_mistake("MS1003", &["'nowhere'", "line 2"]);
    assert_eq!(ran.out, "op,a\n+I,1\n");
}

#[test]
fn an_unknown_name_is_shown_with_its_place_and_its_neighbour() {
    let place = Place::with_clicks();
    let sql = |query: &str| clicks("") + query;
    place
        .sql(&sql("SELECT pgae FROM clicks;"), &[])
        .is_mistake("MS1004", &["'pgae'", "did you mean 'page'?", "^^^^"]);
    place
        .sql(&sql("SELECT page FROM clickz;"), &[])
        .is_mistake("MS1003", &["'clickz'", "did you mean 'clicks'?", "^"]);
    place
        .sql(&sql("SELECT UPER(page) FROM clicks;"), &[])
        .is_mistake("MS1005", &["did you mean", "^"]);
    place
        .sql(&(clicks(", 'pth' = 'x'") + "SELECT * FROM clicks;"), &[])
        .is_mistake("MS1007", &["'pth'", "did you mean 'path'?"]);
}

#[test]
fn a_wrong_type_or_time_is_refused() {
    let place = Place::with_clicks();
    place
        .sql(&(clicks("") + "SELECT page + ts FROM clicks;"), &[])
        .is_mistake("MS1006", &["^"]);
    place
        .sql(
            "CREATE TABLE t (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'datagen');
             SELECT * FROM t;",
            &[],
        )
        .is_mistake("MS1012", &["a"]);
}

#[test]
fn what_flink_runs_and_this_release_does_not_is_said() {
    let place = Place::new();
    place
        .sql("CREATE FUNCTION f AS 'x.Y';", &[])
        .is_mistake("MS1002", &["not supported"]);
}

#[test]
fn a_final_result_of_endless_input_is_refused_before_it_runs() {
    let place = Place::new();
    let sql = "CREATE TABLE endless (n BIGINT) WITH ('connector' = 'datagen');
               SELECT COUNT(*) FROM endless;";
    place
        .sql(sql, &["--result", "final"])
        .is_mistake("MS1009", &["'endless' never ends", "--result final"]);
}

#[test]
fn a_script_that_cannot_be_read_is_named() {
    let place = Place::new();
    place
        .run(&["run", "no.sql"])
        .is_mistake("MS3003", &["'no.sql'", "no such file"]);
    place
        .run(&["run", "."])
        .is_mistake("MS3001", &["'.' is a directory"]);
    place.write("bytes.sql", b"SELECT '\xff'");
    place
        .run(&["run", "bytes.sql"])
        .is_mistake("MS1001", &["'bytes.sql'", "byte 8"]);
    place.write("long.sql", " ".repeat(2 << 20));
    place
        .run(&["run", "long.sql"])
        .is_mistake("MS1010", &["'long.sql'"]);
}

#[test]
fn a_wrong_setting_or_flag_is_refused() {
    let place = Place::new();
    place
        .sql("SELECT 1", &["--set", "millstream.batch-row=1"])
        .is_mistake("MS1007", &["did you mean 'millstream.batch-rows'?"]);
    place
        .sql("SELECT 1", &["--parallelism", "many"])
        .is_mistake("MS1008", &["'many'"]);
    for args in [
        &["run"][..],
        &["run", "a.sql", "--fromat", "json"],
        &["walk"],
        &["run", "-e", "x", "--format", "xml"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!ran.err.is_empty(), "{ran:?}");
    }
}

#[test]
fn hostile_sql_ends_in_a_message() {
    let place = Place::with_clicks();
    let table = clicks("");
    let run = |query: &str| {
        place.write("q.sql", format!("{table}{query}"));
        place.run(&["run", "q.sql", "--format", "csv"])
    };
    run("SELECT page FROM").is_mistake("MS1001", &["line 5"]);
    run("SELECT 'open").is_mistake("MS1001", &["^"]);
    run("SELECT \0 FROM clicks").is_mistake("MS1001", &["line 5"]);
    run(&format!("SELECT {} FROM clicks", "x".repeat(900_000))).is_mistake("MS1010", &[]);
    let deep = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    run(&deep).is_mistake("MS1010", &[]);
    let chain = vec!["1"; 100_000].join("+");
    run(&format!("SELECT {chain}")).is_mistake("MS1010", &[]);
}

#[test]
fn ten_thousand_terms_of_or_are_a_query_like_any_other() {
    let place = Place::with_clicks();
    let terms: Vec<String> = (0..10_000).map(|n| format!("visitor = 'v{n}'")).collect();
    let query = format!(
        "SELECT page FROM clicks WHERE visitor = 'eve' OR {};",
        terms.join(" OR ")
    );
    place.write("q.sql", clicks("") + &query);
    let ran = place.run(&["run", "q.sql", "--format", "csv"]);
    assert_eq!(ran.well(), "op,page\n+I,home\n");
}

#[test]
fn a_query_whose_updates_a_table_cannot_take_is_refused() {
    let place = Place::with_clicks();
    let sql = clicks("")
        + "CREATE TABLE counts (page STRING, n BIGINT) WITH (
                'connector' = 'filesystem', 'path' = 'counts', 'format' = 'csv');
              INSERT INTO counts SELECT page, COUNT(*) FROM clicks GROUP BY page;";
    place.sql(&sql, &[]).is_mistake("MS1009", &["'counts'"]);
    assert!(place.files("counts").is_empty());
}

#[test]
fn a_table_that_keeps_late_rows_is_named_in_the_warning() {
    let place = Place::with_clicks();
    let sql = clicks(", 'late-rows.table' = 'late'")
        + "CREATE TABLE late (`row` STRING) WITH (
             'connector' = 'filesystem', 'path' = 'late', 'format' = 'json');"
        + PER_PAGE;
    let ran = place.sql(&sql, &["--format", "csv"]);
    ran.well();
    assert!(
        ran.err.contains("1 late row") && ran.err.contains("they are in 'late'"),
        "{ran:?}"
    );
    let late = place.lines("late");
    assert!(late.len() == 1 && late[0].contains("bob"), "{late:?}");
    assert_eq!(CLICKS.lines().count(), 5);
}
