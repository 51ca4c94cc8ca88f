//! Input that is not what its table says: a message, or what `on-error` says; never a panic, and
//! never a file that looks complete and is not.

use std::fs;
use std::process::Command;

use crate::kit::{PER_PAGE, Place, Ran, clicks};

/// Copies the clicks to `copy`, so that a failure would leave a file.
const COPY: &str = "CREATE TABLE copy (visitor STRING, page STRING, ts TIMESTAMP(3)) WITH (
                      'connector' = 'filesystem', 'path' = 'copy', 'format' = 'json');
                    INSERT INTO copy SELECT visitor, page, ts FROM clicks;";

fn copy(place: &Place, options: &str) -> Ran {
    place.sql(&(clicks(options) + COPY), &[])
}

fn good(second: u32) -> String {
    format!(
        "{{\"visitor\": \"ann\", \"page\": \"home\", \"ts\": \"2026-01-01 10:00:{second:02}\"}}\n"
    )
}

#[test]
fn half_a_json_line_is_named_with_its_place() {
    let place = Place::new();
    place.write("clicks.jsonl", good(1) + "{\"visitor\": \"bo");
    copy(&place, "").is_mistake(
        "MS2001",
        &["clicks.jsonl", "line 2", "byte offset 64", "on-error"],
    );
    assert!(place.files("copy").is_empty());
    let ran = copy(&place, ", 'on-error' = 'skip'");
    ran.well();
    assert!(
        ran.err.contains("1 bad record in '") && ran.err.contains("skipped"),
        "{ran:?}"
    );
    assert_eq!(place.lines("copy").len(), 1);
}

#[test]
fn a_dead_letter_keeps_the_bytes_and_the_reason() {
    let place = Place::new();
    place.write("clicks.jsonl", good(1) + "no json\n" + &good(2));
    let dead = "CREATE TABLE dead (line BIGINT, reason STRING, record STRING) WITH (
                  'connector' = 'filesystem', 'path' = 'dead', 'format' = 'json');";
    let options = ", 'on-error' = 'dead-letter', 'dead-letter.table' = 'dead'";
    let ran = place.sql(&(clicks(options) + dead + COPY), &[]);
    ran.well();
    assert!(
        ran.err.contains("1 bad record") && ran.err.contains("they are in 'dead'"),
        "{ran:?}"
    );
    let letters = place.lines("dead");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].contains("\"line\":2") && letters[0].contains("no json"),
        "{letters:?}"
    );
    assert_eq!(place.lines("copy").len(), 2);
}

#[test]
fn a_csv_line_with_the_wrong_number_of_cells_is_refused() {
    let place = Place::new();
    place.write("n.csv", "1,a\n2\n");
    let sql = "CREATE TABLE n (n INT, name STRING) WITH (
                 'connector' = 'filesystem', 'path' = 'n.csv', 'format' = 'csv');
               SELECT * FROM n;";
    place
        .sql(sql, &[])
        .is_mistake("MS2001", &["n.csv", "line 2"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let place = Place::new();
    let bytes = [good(1).as_bytes(), b"{\"visitor\": \"\xff\xfe\"}\n"].concat();
    place.write("clicks.jsonl", bytes);
    copy(&place, "").is_mistake("MS2001", &["line 2", "UTF-8"]);
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    let place = Place::new();
    place.write("n.csv", "1\n99999999999\n");
    let sql = "CREATE TABLE n (n INT) WITH (
                 'connector' = 'filesystem', 'path' = 'n.csv', 'format' = 'csv');\n";
    place
        .sql(&format!("{sql}SELECT n FROM n;"), &[])
        .is_mistake("MS2001", &["'n'", "99999999999"]);
    place
        .sql("SELECT 1 / 0;", &[])
        .is_mistake("MS2004", &["zero"]);
}

#[test]
fn a_gzip_cut_short_is_an_error_and_not_an_end() {
    let place = Place::new();
    let whole = gzip(&good(1).repeat(2_000));
    place.write("clicks.gz", &whole[..whole.len() / 2]);
    let sql = clicks("").replace("clicks.jsonl", "clicks.gz") + COPY;
    let ran = place.sql(&sql, &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("clicks.gz"), "{ran:?}");
    assert!(place.files("copy").is_empty());
}

/// A gzip file whose one block is stored as it is (RFC 1951, 3.2.4), with a wrong sum at the end
/// that a reader of the front half never sees.
fn gzip(text: &str) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut pieces = text.as_bytes().chunks(60_000).peekable();
    while let Some(piece) = pieces.next() {
        file.push(u8::from(pieces.peek().is_none()));
        let length = piece.len() as u16;
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(piece);
    }
    file.extend_from_slice(&[0; 8]);
    file
}

#[test]
fn a_row_without_event_time_is_a_bad_record() {
    let place = Place::new();
    place.write(
        "clicks.jsonl",
        good(1) + "{\"visitor\": \"bob\", \"page\": \"home\", \"ts\": null}\n",
    );
    place
        .sql(&(clicks("") + PER_PAGE), &[])
        .is_mistake("MS2002", &["clicks.jsonl"]);
    let ran = place.sql(
        &(clicks(", 'on-error' = 'skip'") + PER_PAGE),
        &["--format", "csv"],
    );
    assert_eq!(ran.well().lines().count(), 2, "{ran:?}");
    assert!(ran.err.contains("1 bad record"), "{ran:?}");
}

#[test]
fn a_time_far_in_the_future_is_a_bad_record_if_the_table_says_so() {
    let place = Place::new();
    let far = good(1).replace("2026-01-01", "9999-01-01");
    place.write("clicks.jsonl", good(1) + &far + &good(3));
    let limit = ", 'scan.watermark.max-future' = '200000 d'";
    place
        .sql(&(clicks(limit) + PER_PAGE), &[])
        .is_mistake("MS2003", &["clicks.jsonl"]);
    let options = format!("{limit}, 'on-error' = 'skip'");
    let ran = place.sql(
        &(clicks(&options) + PER_PAGE),
        &["--format", "csv", "--result", "final"],
    );
    assert_eq!(ran.sorted()[0], "home,2026-01-01 10:00:00.000,2");
}

#[test]
fn an_empty_file_is_a_table_without_rows() {
    let place = Place::new();
    place.write("clicks.jsonl", "");
    let ran = place.sql(
        &(clicks("") + PER_PAGE),
        &["--format", "csv", "--result", "final"],
    );
    assert_eq!(
        (ran.well(), ran.err.as_str()),
        ("page,window_start,clicks\n", "")
    );
    copy(&place, "").well();
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    let place = Place::new();
    copy(&place, "").is_mistake("MS3003", &["clicks.jsonl"]);
    // A link to itself: nobody can read it, not even root.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("clicks.jsonl", place.path().join("clicks.jsonl")).unwrap();
        let ran = copy(&place, "");
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("clicks.jsonl"), "{ran:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_folder_that_goes_away_while_it_is_watched_is_reported_or_waited_for() {
    use std::io::{BufRead, BufReader};

    let place = Place::new();
    place.write("inbox/1.jsonl", good(1));
    let sql = clicks(", 'source.monitor-interval' = '50 ms'").replace("clicks.jsonl", "inbox")
        + "SELECT visitor FROM clicks;";
    let mut child = place
        .command(&["run", "-e", &sql, "--format", "csv"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "op,visitor");
    assert_eq!(lines.next().unwrap().unwrap(), "+I,ann");
    fs::remove_dir_all(place.path().join("inbox")).unwrap();
    // It ends with a message, or goes on until it is stopped; either way without a panic.
    std::thread::sleep(std::time::Duration::from_millis(300));
    if child.try_wait().unwrap().is_none() {
        crate::interrupt::interrupt(&child);
    }
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(matches!(ran.code, Some(0 | 2)), "{ran:?}");
    assert!(ran.code == Some(0) || ran.err.contains("inbox"), "{ran:?}");
    assert!(!ran.err.contains("panicked"), "{ran:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_sink_that_cannot_be_written_is_named_and_leaves_nothing_that_looks_complete() {
    let place = Place::with_clicks();
    place.write("copy", "a file where the folder should be");
    let ran = copy(&place, "");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("copy"), "{ran:?}");
    assert!(ran.err.contains("error[MS3002]"), "{ran:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_is_reported_and_leaves_no_file_that_looks_complete() {
    let place = Place::new();
    let sql = crate::kit::numbers(2_000_000)
        + "CREATE TABLE copy (n BIGINT) WITH (
             'connector' = 'filesystem', 'path' = 'copy', 'format' = 'csv');
           INSERT INTO copy SELECT n FROM numbers;";
    place.write("q.sql", sql);
    // A limit on the size of files, with its signal ignored, fails writes as a full disk does.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" run q.sql";
    let output = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_millstream")])
        .current_dir(place.path())
        .output()
        .unwrap();
    Ran::of(output).is_mistake("MS3002", &["copy"]);
    assert!(place.files("copy").is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_under_standard_output_is_an_error() {
    let place = Place::with_clicks();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let sql = clicks("") + "SELECT * FROM clicks;";
    let output = place
        .command(&["run", "-e", &sql])
        .stdout(full)
        .output()
        .unwrap();
    Ran::of(output).is_mistake("MS3002", &["standard output"]);
}
