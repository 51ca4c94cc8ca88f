//! Checkpoints and savepoints as a user meets them: kill, run again, look, keep, change the SQL.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::kit::{Place, Ran};

/// How long anything may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of `ticks`, which come at 1,000 a second.
const ROWS: u64 = 2_500;

/// Numbered rows with the times of a clock that runs the same in every life of the job.
const TICKS: &str = "CREATE TABLE ticks (
  n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.1' SECOND
) WITH ('connector' = 'datagen', 'seed' = '1', 'rows-per-second' = '1000',
  'number-of-rows' = '2500',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '2500');
CREATE TABLE copy (n BIGINT) WITH (
  'connector' = 'filesystem', 'path' = 'copy', 'format' = 'csv');
CREATE TABLE per_second (start_at TIMESTAMP(3), n BIGINT, total BIGINT) WITH (
  'connector' = 'filesystem', 'path' = 'per_second', 'format' = 'csv');
";

/// Every row as it is, and all of them counted per second of event time.
const BOTH: &str = "EXECUTE STATEMENT SET BEGIN
  INSERT INTO copy SELECT n FROM ticks;
  INSERT INTO per_second SELECT window_start, COUNT(*), SUM(n)
    FROM TABLE(TUMBLE(TABLE ticks, DESCRIPTOR(ts), INTERVAL '0.25' SECOND))
    GROUP BY window_start, window_end;
END;";

const COPY: &str = "INSERT INTO copy SELECT n FROM ticks;";

const STATE: &[&str] = &["--checkpoint-dir", "ckpt", "--checkpoint-interval", "100ms"];

fn script(place: &Place, name: &str, sql: &str) -> String {
    place.write(name, format!("{TICKS}{sql}"));
    name.to_string()
}

fn start(place: &Place, file: &str, more: &[&str]) -> Child {
    let parallelism = match more.contains(&"--parallelism") {
        true => &[][..],
        false => &["--parallelism", "2"],
    };
    let args = [&["run", file], parallelism, STATE, more].concat();
    place.command(&args).spawn().unwrap()
}

fn run(place: &Place, file: &str, more: &[&str]) -> Ran {
    Ran::of(start(place, file, more).wait_with_output().unwrap())
}

#[track_caller]
fn until(what: &str, child: &mut Child, mut done: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !done() {
        assert!(clock.elapsed() < PATIENCE, "{what} did not happen");
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(done(), "ended with {ended} before {what}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets a job run until more rows are visible, and kills it at once.
fn crash(place: &Place, file: &str, more: &[&str]) -> Ran {
    let before = place.lines("copy").len();
    let mut child = start(place, file, more);
    until("a commit", &mut child, || {
        place.lines("copy").len() > before
    });
    child.kill().unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

fn end(child: Child, signal: Signal) -> (Ran, Duration) {
    let clock = SystemClock::new();
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    (ran, clock.elapsed())
}

/// The numbers in `copy`; each at most once.
#[track_caller]
fn copied(place: &Place) -> Vec<u64> {
    let mut numbers: Vec<u64> = place
        .lines("copy")
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    let mut distinct = numbers.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), numbers.len(), "a row is there twice");
    numbers
}

#[track_caller]
fn json(ran: &Ran) -> Vec<Value> {
    match serde_json::from_str(ran.well()).unwrap() {
        Value::Array(all) => all,
        one => vec![one],
    }
}

#[test]
fn a_job_that_is_killed_goes_on_and_every_row_is_there_once() {
    let calm = Place::new();
    let file = script(&calm, "calm.sql", BOTH);
    calm.run(&["run", &file, "--parallelism", "2"]).well();

    let place = Place::new();
    let file = script(&place, "shop.sql", BOTH);
    crash(&place, &file, &[]);
    for _ in 0..2 {
        let ran = crash(&place, &file, &[]);
        assert!(ran.err.contains("restored checkpoint"), "{ran:?}");
    }
    let last = run(&place, &file, &[]);
    last.well();
    assert!(last.err.contains("restored checkpoint"), "{last:?}");
    assert_eq!(copied(&place), (1..=ROWS).collect::<Vec<_>>());
    assert_eq!(place.lines("per_second"), calm.lines("per_second"));
    // It is done: once more there is nothing to do.
    run(&place, &file, &[]).well();
    assert_eq!(copied(&place).len() as u64, ROWS);
}

#[test]
fn a_polite_kill_drains_the_job_and_the_next_run_goes_on_where_it_stopped() {
    let place = Place::new();
    let file = script(&place, "shop.sql", COPY);
    let mut seen = 0;
    for _ in 0..2 {
        let mut child = start(&place, &file, &["--parallelism", "1"]);
        until("a commit", &mut child, || place.lines("copy").len() > seen);
        let (ran, took) = end(child, Signal::SIGTERM);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        let numbers = copied(&place);
        assert!(numbers.len() > seen);
        assert_eq!(
            numbers,
            (1..=numbers.len() as u64).collect::<Vec<_>>(),
            "a gap"
        );
        seen = numbers.len();
    }
}

#[test]
fn changed_sql_says_what_becomes_of_its_state_and_waits_for_approval() {
    let place = Place::new();
    let file = script(&place, "shop.sql", COPY);
    crash(&place, &file, &[]);
    let more = COPY.replace("ticks", "ticks WHERE n > 0");
    script(&place, "shop.sql", &more);
    let before = place.lines("copy").len();
    let refused = run(&place, &file, &[]);
    refused.is_mistake("MS4002", &["Source(ticks)", "rebuilt", "--approve-changes"]);
    assert_eq!(
        place.lines("copy").len(),
        before,
        "a refused job writes nothing"
    );
    run(&place, &file, &["--approve-changes"]).well();
    assert_eq!(copied(&place), (1..=ROWS).collect::<Vec<_>>());

    // What cannot be kept is refused with the name of the operator.
    let place = Place::new();
    let file = script(&place, "shop.sql", BOTH);
    crash(&place, &file, &[]);
    script(&place, "shop.sql", &BOTH.replace("'0.25'", "'0.5'"));
    let refused = run(&place, &file, &[]);
    refused.is_mistake("MS4002", &["TumbleAggregate", "size 250 ms", "size 500 ms"]);
}

#[test]
fn a_savepoint_is_made_listed_looked_at_restored_and_deleted() {
    let place = Place::new();
    let file = script(&place, "shop.sql", COPY);
    // In one subtask rows are in order, so what came after the savepoint can be told.
    let one = &["--parallelism", "1"];
    crash(&place, &file, one);
    let made = place.run(&["savepoint", "create", "ckpt", "--name", "before"]);
    let url = made.well().trim().to_string();
    assert!(url.ends_with("/shop/savepoints/before"), "{made:?}");
    assert!(made.err.contains("of 'shop'"), "{made:?}");
    // The same checkpoint under the same name is the same savepoint.
    place
        .run(&["savepoint", "create", "ckpt", "--name", "before"])
        .well();
    let listed = json(&place.run(&["savepoint", "list", "ckpt", "--json"]));
    assert_eq!(
        (&listed[0]["job"], &listed[0]["url"]),
        (&"shop".into(), &url.as_str().into())
    );
    let shown = place.run(&["savepoint", "inspect", &url, "--verify"]);
    for word in [
        "job         shop",
        "savepoint, every file checked",
        "ticks",
        "goes on at",
    ] {
        assert!(shown.well().contains(word), "no {word} in {shown:?}");
    }
    run(&place, &file, &[]).well();
    let other = place.run(&["savepoint", "create", "ckpt", "--name", "before"]);
    other.is_mistake("MS1011", &["already"]);
    assert_eq!(copied(&place).len() as u64, ROWS);
    // What came after the savepoint is done once more, and nothing else is.
    let kept = listed[0]["checkpoint"].as_u64().unwrap();
    let from = "ckpt/shop/savepoints/before";
    let restored = run(&place, &file, &["--from", from]);
    restored.well();
    assert!(
        restored
            .err
            .contains(&format!("restored checkpoint {kept}")),
        "{restored:?}"
    );
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    for line in place.lines("copy") {
        *times.entry(line.parse().unwrap()).or_default() += 1;
    }
    let once = times.values().take_while(|times| **times == 1).count();
    assert!(once > 0 && once < times.len(), "{once} of {}", times.len());
    assert!(times.values().skip(once).all(|times| *times == 2));
    assert_eq!(times.len() as u64, ROWS);

    place.run(&["savepoint", "delete", &url]).well();
    place
        .run(&["savepoint", "inspect", &url])
        .is_mistake("MS3003", &["there is no"]);
    let none = place.run(&["savepoint", "list", "ckpt", "--json"]);
    assert_eq!(none.well().trim(), "[]");
}

#[test]
fn checkpoints_are_listed_looked_at_and_deleted_but_not_under_a_job_that_runs() {
    let place = Place::new();
    let file = script(&place, "shop.sql", COPY);
    let mut child = start(&place, &file, &[]);
    until("a commit", &mut child, || place.lines("copy").len() > 3);
    let refused = place.run(&["checkpoint", "delete", "ckpt", "--job", "shop"]);
    refused.is_mistake("MS4003", &["shop"]);
    child.kill().unwrap();
    child.wait().unwrap();

    let listed = json(&place.run(&["checkpoint", "list", "ckpt", "--json"]));
    assert!(
        listed.iter().any(|one| one["state"] == "committed"),
        "{listed:?}"
    );
    assert!(
        listed
            .iter()
            .all(|one| one["job"] == "shop" && one["current"] == true)
    );
    let table = place.run(&["checkpoint", "list", "ckpt", "--job", "shop"]);
    assert!(table.well().contains("committed"), "{table:?}");
    let shown = place.run(&["checkpoint", "inspect", "ckpt", "--verify"]);
    for word in ["committed, every file checked", "ticks", "copy: "] {
        assert!(shown.well().contains(word), "no {word} in {shown:?}");
    }
    let manifest = &json(&place.run(&["checkpoint", "inspect", "ckpt", "--json"]))[0];
    assert_eq!(manifest["sinks"][0]["table"], "copy");
    let other = place.run(&["checkpoint", "inspect", "ckpt", "--job", "shpo"]);
    other.is_mistake("MS3003", &["did you mean 'shop'?"]);

    let deleted = place.run(&["checkpoint", "delete", "ckpt", "--job", "shop"]);
    deleted.well();
    assert_eq!(
        place
            .run(&["checkpoint", "list", "ckpt", "--json"])
            .well()
            .trim(),
        "[]"
    );
    let again = crash(&place, &file, &[]);
    assert!(!again.err.contains("restored"), "{again:?}");
}

#[test]
fn looking_at_a_folder_that_is_not_there_does_not_make_it() {
    let place = Place::new();
    for args in [
        &["checkpoint", "list", "no/where"][..],
        &["savepoint", "list", "no/where"],
        &["savepoint", "inspect", "no/where"],
        &["savepoint", "delete", "no/where"],
        &["checkpoint", "delete", "no/where", "--job", "a"],
    ] {
        place.run(args).is_mistake("MS3003", &["no/where"]);
    }
    assert!(!place.path().join("no").exists());
}

#[test]
fn two_jobs_of_a_file_keep_their_state_apart() {
    let place = Place::new();
    let sql = "INSERT INTO copy SELECT n FROM ticks WHERE n < 3;
               INSERT INTO per_second SELECT ts, n, n FROM ticks WHERE n < 2;";
    let file = script(&place, "shop.sql", &sql.replace("ticks", "few"));
    let few = "CREATE TABLE few (n BIGINT, ts TIMESTAMP(3)) WITH (
      'connector' = 'datagen', 'number-of-rows' = '5', 'rows-per-second' = '100000',
      'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '5');\n";
    let text = std::fs::read_to_string(place.path().join(&file)).unwrap();
    place.write(&file, format!("{few}{text}"));
    run(&place, &file, &[]).well();
    let listed = json(&place.run(&["checkpoint", "list", "ckpt", "--json"]));
    let mut jobs: BTreeMap<String, u64> = BTreeMap::new();
    for one in &listed {
        *jobs
            .entry(one["job"].as_str().unwrap().to_string())
            .or_default() += 1;
    }
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["shop-1", "shop-2"]);
    place
        .run(&["savepoint", "create", "ckpt"])
        .is_mistake("MS1008", &["'shop-1', 'shop-2'"]);
}

#[test]
fn a_job_without_a_name_and_a_flag_without_a_folder_are_refused() {
    let place = Place::new();
    let sql = format!("{TICKS}{COPY}");
    place
        .sql(&sql, STATE)
        .is_mistake("MS1008", &["needs a name", "--name"]);
    place
        .sql(&sql, &["--fresh"])
        .is_mistake("MS1008", &["--checkpoint-dir"]);
}

/// Files of a folder, each with the hours in it as partitions, that are watched for more.
const HOURS: &str = "CREATE TABLE visits (
  id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'visits', 'format' = 'csv',
  'source.monitor-interval' = '20 ms');
CREATE TABLE hours (id BIGINT, dt STRING, hr STRING) PARTITIONED BY (dt, hr) WITH (
  'connector' = 'filesystem', 'path' = 'hours', 'format' = 'csv',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '1 h',
  'sink.partition-commit.policy.kind' = 'success-file',
  'partition.time-extractor.timestamp-pattern' = '$dt $hr:00:00');
INSERT INTO hours SELECT id, DATE_FORMAT(ts, 'yyyy-MM-dd'), DATE_FORMAT(ts, 'HH') FROM visits;
";

#[test]
fn a_partition_is_marked_once_its_hour_is_over_also_if_the_job_was_killed_in_between() {
    let place = Place::new();
    place.write("hours.sql", HOURS);
    place.write(
        "visits/1.csv",
        "1,2020-01-01 08:10:00\n2,2020-01-01 09:10:00\n3,2020-01-01 10:30:00\n",
    );
    let has = |file: &str| place.path().join("hours/dt=2020-01-01").join(file).exists();
    let mut child = start(&place, "hours.sql", &[]);
    until("the mark of an hour", &mut child, || has("hr=09/_SUCCESS"));
    assert!(has("hr=08/_SUCCESS") && !has("hr=10/_SUCCESS"));
    assert!(place.path().join("hours/dt=2020-01-01/hr=10").is_dir());
    child.kill().unwrap();
    child.wait().unwrap();

    place.write("visits/2.csv", "4,2020-01-01 11:00:02\n");
    let mut child = start(&place, "hours.sql", &[]);
    until("the mark of the next hour", &mut child, || {
        has("hr=10/_SUCCESS")
    });
    let (stopped, _) = end(child, Signal::SIGTERM);
    stopped.well();
    // A stop is no end of the input.
    assert!(!has("hr=11/_SUCCESS"));
    let visible = |hour: &str| place.lines(&format!("hours/dt=2020-01-01/hr={hour}"));
    assert_eq!(
        ["08", "09", "10", "11"].map(|hour| visible(hour).len()),
        [1; 4]
    );
}

/// The source has nothing to read when the checkpoint is asked for, and looks away for a moment just
/// then. It once slept through the barrier for as long as no row came.
#[test]
fn a_barrier_that_comes_while_a_source_goes_to_sleep_is_taken() {
    let place = Place::new();
    place.write("rows.csv", "1\n2\n3\n4\n5\n6\n");
    let sql = "CREATE TABLE r (v INT) WITH ('connector' = 'filesystem', 'path' = 'rows.csv',
        'format' = 'csv');
      SELECT SUM(v) AS s FROM r;";
    let args = [
        "run",
        "-e",
        sql,
        "--result",
        "final",
        "--format",
        "csv",
        "--parallelism",
        "1",
    ];
    let rehearsal = [
        "--set",
        "millstream.batch-rows=1",
        "--rehearse-crashes",
        "1",
    ];
    let mut child = place
        .command(&[&args[..], &rehearsal[..]].concat())
        .env("FAILPOINTS", "task.source.wait=sleep(5)")
        .spawn()
        .unwrap();
    let clock = SystemClock::new();
    while child.try_wait().unwrap().is_none() {
        if clock.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("no end after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.well(), "s\n21\n");
}
