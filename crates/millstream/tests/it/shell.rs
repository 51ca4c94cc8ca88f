//! `millstream sql` without a terminal, as scripts and other programs use it.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::kit::{Place, clicks, numbers};

#[test]
fn statements_on_standard_input_run_until_its_end() {
    let place = Place::with_clicks();
    let input =
        clicks("") + "SHOW TABLES;\nSELECT page\nFROM clicks\nLIMIT 1;\nSELECT 1 AS last_word";
    let ran = place.run_with(&["sql"], &input);
    let out = ran.well();
    assert!(out.contains(" clicks\n(1 row)\n"), "{out}");
    assert!(out.contains(" +I | home\n(1 change)\n"), "{out}");
    assert!(
        out.ends_with("(1 change)\n") && out.contains("last_word"),
        "{out}"
    );
}

#[test]
fn each_statement_is_answered_before_the_next_is_read() {
    let place = Place::new();
    let mut child = place
        .command(&["sql"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for word in ["first", "second"] {
        writeln!(stdin, "SELECT '{word}' AS word;").unwrap();
        let mut found = false;
        for line in lines.by_ref() {
            let line = line.unwrap();
            found |= line.contains(word);
            if line == "(1 change)" {
                break;
            }
        }
        assert!(found, "{word}");
    }
    writeln!(stdin, "QUIT;").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_mistake_ends_a_script() {
    let place = Place::new();
    let ran = place.run_with(
        &["sql"],
        "SELECT 1 AS a;\nSELECT * FROM nowhere;\nSELECT 2 AS b;\n",
    );
    ran.is_mistake("MS1003", &["'nowhere'"]);
    assert!(ran.out.contains("a") && !ran.out.contains("b"), "{ran:?}");
}

#[test]
fn the_result_mode_decides_how_rows_are_shown() {
    let place = Place::new();
    let count = |mode: &str| {
        let set = format!("SET 'sql-client.execution.result-mode' = '{mode}';");
        let input = format!("{}{set}SELECT COUNT(*) AS n FROM numbers;", numbers(2));
        place.run_with(&["sql"], &input)
    };
    assert!(count("table").well().contains(" 2\n(1 row)\n"));
    assert!(count("changelog").well().contains("+I |"));
    assert!(count("tableau").well().contains("+I |"));
    count("tabel").is_mistake("MS1008", &["did you mean 'table'?"]);
}

#[test]
fn files_are_run_before_or_instead() {
    let place = Place::new();
    place.write("init.sql", numbers(3));
    place.write("then.sql", "SELECT n FROM numbers;");
    let ran = place.run(&["sql", "--init", "init.sql", "--file", "then.sql"]);
    assert!(ran.well().contains("(3 changes)"), "{ran:?}");
    let ran = place.run_with(&["sql", "-i", "init.sql"], "SHOW TABLES;");
    assert!(ran.well().contains("numbers"), "{ran:?}");
}
