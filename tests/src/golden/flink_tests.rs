use std::path::Path;

use super::*;

const DAY: &str = "2026-11-21";

fn golden(text: &str) -> Golden {
    Golden::parse(Path::new("x.sql"), text.into()).unwrap()
}

fn planned(line: &str) -> Planned {
    Planned::parse(line).unwrap()
}

/// The file with the record of these lines.
fn judged(text: &str, statements: &[&str], found: &[&str]) -> Golden {
    let before = golden(text);
    let statements = statements.iter().map(|line| planned(line)).collect();
    let found: Vec<String> = found.iter().map(|line| line.to_string()).collect();
    let record = Record::new(&before, "2.3.0", DAY, statements, &found);
    golden(&before.with_record(Some(&record)))
}

fn check(golden: &Golden) -> Result<()> {
    golden.record.as_ref().unwrap().check(golden)
}

const QUERY: &str = "SELECT 1;\n-- @expect\n-- {\"a\":1}\n-- {\"m\":{\"x\":1,\"y\":2}}\n";

#[test]
fn a_record_is_read_as_it_was_written() {
    let lines = [
        "select [I,UA] k STRING, n DECIMAL(3, 1) NOT NULL",
        "insert [I] [I,UB,UA]",
        "insert refused: no",
    ];
    let golden = judged(QUERY, &lines, &["{\"a\":2}"]);
    let record = golden.record.clone().unwrap();
    assert_eq!(record.statements, lines.map(planned));
    assert_eq!(record.statements[1].modes, ["I", "I,UB,UA"]);
    assert_eq!(record.extra, ["{\"a\":2}"]);
    assert_eq!(record.missing.len(), 2);
    assert_eq!(golden.with_record(Some(&record)), golden.text);
    assert_eq!(golden.with_record(None), QUERY);
}

#[test]
fn flink_agrees_whatever_the_order_of_lines_and_of_maps() {
    let golden = judged(QUERY, &[], &["{\"m\":{\"y\":2,\"x\":1}}", "{\"a\":1}"]);
    assert!(!golden.record.as_ref().unwrap().differs());
    check(&golden).unwrap();
}

#[test]
fn a_difference_wants_a_reason_and_a_reason_a_difference() {
    let found = ["{\"a\":1.0}", "{\"m\":{\"x\":1,\"y\":2}}"];
    let error = check(&judged(QUERY, &[], &found)).unwrap_err().to_string();
    assert!(error.contains("+ {\"a\":1.0}"), "{error}");
    let reason = format!("-- @flink-differs a reason\n{QUERY}");
    check(&judged(&reason, &[], &found)).unwrap();
    let same = ["{\"a\":1}", "{\"m\":{\"x\":1,\"y\":2}}"];
    assert!(check(&judged(&reason, &[], &same)).is_err());
    assert!(Golden::parse(Path::new("x"), format!("-- @flink-differs\n{QUERY}")).is_err());
}

#[test]
fn lines_that_changed_since_flink_was_asked_are_noticed() {
    let same = ["{\"a\":1}", "{\"m\":{\"x\":1,\"y\":2}}"];
    let before = judged(QUERY, &[], &same);
    let after = golden(&before.text.replace("-- {\"a\":1}", "-- {\"a\":7}"));
    let error = check(&after).unwrap_err().to_string();
    assert!(error.contains("ask it again"), "{error}");
}

#[test]
fn a_statement_that_fails_is_a_difference_unless_an_error_is_wanted() {
    let refused = ["select refused: no such column"];
    let same = ["{\"a\":1}", "{\"m\":{\"x\":1,\"y\":2}}"];
    assert!(judged(QUERY, &refused, &same).record.unwrap().differs());
    let error = "SELECT x;\n-- @error MS1004\n";
    check(&judged(error, &refused, &[])).unwrap();
    let accepted = judged(error, &["select [I] x INT"], &["{\"x\":1}"]);
    assert!(check(&accepted).is_err());
}
