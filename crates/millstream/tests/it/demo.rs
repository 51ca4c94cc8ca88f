//! The demo, outside a checkout and within.

use std::path::Path;

use crate::kit::Place;

#[test]
fn the_demo_runs_anywhere_twice_and_says_where_the_late_rows_are() {
    let place = Place::new();
    let mut outputs = Vec::new();
    for _ in 0..2 {
        let ran = place.run(&["demo"]);
        let out = ran.well().to_string();
        for word in [
            "27,004 departures became",
            "windows",
            "rows per second",
            "out/late-departures",
        ] {
            assert!(out.contains(word), "no {word:?} in {out}");
        }
        assert!(ran.err.contains("millstream/demo"), "{ran:?}");
        outputs.push(out);
    }
    let name = |out: &str| {
        let line = out
            .lines()
            .find(|line| line.contains("out/late-departures"))
            .unwrap();
        line.trim().to_string()
    };
    assert_ne!(
        name(&outputs[0]),
        name(&outputs[1]),
        "each run has files of its own"
    );
    let folder = place.path().join(".cache/millstream/demo");
    let late = std::fs::read_to_string(folder.join(name(&outputs[0]))).unwrap();
    let said = outputs[0]
        .lines()
        .find(|line| line.contains("came too late"))
        .unwrap();
    let count: usize = said
        .split(' ')
        .next()
        .unwrap()
        .replace(',', "")
        .parse()
        .unwrap();
    assert_eq!(late.lines().count(), count);
    assert!(count > 0);
}

#[test]
fn the_flights_example_gives_what_was_computed_independently() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sql = std::fs::read_to_string(root.join("examples/flights/delays.sql")).unwrap();
    let data = root.join("examples/flights/data/flights-2013-01.csv");
    let place = Place::new();
    place.write(
        "examples/flights/data/flights-2013-01.csv",
        std::fs::read(data).unwrap(),
    );
    place.write("q.sql", sql);
    let ran = place.run(&["run", "q.sql", "--result", "final", "--format", "json"]);
    let expected =
        std::fs::read_to_string(root.join("examples/flights/expected/delays.jsonl")).unwrap();
    let mut expected: Vec<&str> = expected.lines().collect();
    expected.sort_unstable();
    assert_eq!(ran.sorted(), expected);
}
