//! Ctrl-C and the polite kill.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::{Place, Ran};

const ENDLESS: &str = "CREATE TABLE endless (n BIGINT) WITH (
    'connector' = 'datagen', 'rows-per-second' = '1000');\n";

/// Sends SIGINT.
pub(crate) fn interrupt(child: &Child) {
    send(child, Signal::SIGINT);
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

/// Starts a script and waits for its first row.
fn started(place: &Place, sql: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = place
        .command(&["run", "-e", sql, "--format", "csv"])
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("+I") {
        line.clear();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "it ended before its first row"
        );
    }
    (child, out)
}

#[test]
fn an_interrupt_or_a_polite_kill_ends_a_query_well_and_skips_the_rest() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = Place::new();
        let sql = format!("{ENDLESS}SELECT n FROM endless; SELECT 'after' AS word;");
        let (child, out) = started(&place, &sql);
        send(&child, signal);
        let rest: Vec<String> = out.lines().map(Result::unwrap).collect();
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.err.contains("stopping"), "{ran:?}");
        assert!(rest.iter().all(|line| !line.contains("after")), "{rest:?}");
    }
}

#[test]
fn an_interrupted_insert_commits_what_it_has_read() {
    let place = Place::new();
    // The query first, so that there is a sign of life; both read the same kind of source.
    let sql = format!(
        "SELECT 1 AS sign;
         {ENDLESS}CREATE TABLE copy (n BIGINT) WITH (
           'connector' = 'filesystem', 'path' = 'copy', 'format' = 'csv');
         INSERT INTO copy SELECT n FROM endless;"
    );
    let (child, out) = started(&place, &sql);
    drop(out);
    std::thread::sleep(std::time::Duration::from_millis(700));
    interrupt(&child);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!place.lines("copy").is_empty());
}
