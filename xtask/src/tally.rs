//! Counts what test programs report, from the lines they print.
//!
//! Three kinds of line matter, everything else is passed over:
//!
//! ```text
//! running 3 tests                                       a Rust test binary starts
//! test result: ok. 3 passed; 0 failed; 1 ignored; ...   and says how it ended
//! 12 passed, 0 failed, 1 skipped                        the golden SQL runner's summary
//! ```
//!
//! Each program is read in its own [`Form`] only: a test may well print somebody's summary.
//!
//! Always: a binary that starts and never reports (it crashed, or ran out of stack) counts as one
//! failure, so nothing that died is mistaken for something that passed.

use std::fmt;

/// What kind of program prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `cargo test`.
    Libtest,
    /// The golden SQL runner.
    Summary,
}

/// Tests counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    is_running: bool,
}

impl Tally {
    /// Reads one line of a test program's output.
    pub(crate) fn line(&mut self, line: &str, form: Form) {
        let line = line.trim();
        match form {
            Form::Summary if is_summary(line) => self.add(line, ", "),
            Form::Summary => {}
            Form::Libtest => self.libtest_line(line),
        }
    }

    fn libtest_line(&mut self, line: &str) {
        if is_start(line) {
            self.finish();
            self.is_running = true;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.is_running = false;
            let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
            self.add(counts, "; ");
        }
    }

    /// One more check that is not a test binary.
    pub(crate) fn check(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// One more check that could not be made here.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// So many of those that passed found nothing to test against, and tested nothing.
    pub(crate) fn skipped_after_all(&mut self, tests: u64) {
        let moved = tests.min(self.passed);
        self.passed -= moved;
        self.skipped += moved;
    }

    /// Ends one program: a binary that has not reported has crashed.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.failed += 1;
        }
    }

    /// The program as a whole said it failed: at least one failure since `before` must show it.
    pub(crate) fn failed_since(&mut self, before: u64) {
        if self.failed == before {
            self.failed += 1;
        }
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    fn add(&mut self, counts: &str, separator: &str) {
        for count in counts.split(separator) {
            match parse_count(count) {
                Some((number, "passed")) => self.passed += number,
                Some((number, "failed")) => self.failed += number,
                Some((number, "ignored" | "skipped")) => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

fn is_start(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("running ") else {
        return false;
    };
    matches!(parse_count(rest), Some((_, "test" | "tests")))
}

/// Strict, so that no line a test happens to print is taken for a summary.
fn is_summary(line: &str) -> bool {
    let mut words = line
        .split(", ")
        .map(|count| parse_count(count).map(|(_, word)| word));
    words.next() == Some(Some("passed"))
        && words.next() == Some(Some("failed"))
        && matches!(words.next(), None | Some(Some("skipped")))
        && words.next().is_none()
}

fn parse_count(text: &str) -> Option<(u64, &str)> {
    let (number, word) = text.split_once(' ')?;
    Some((number.parse().ok()?, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str, form: Form) -> String {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.line(line, form));
        tally.finish();
        tally.to_string()
    }

    #[test]
    fn results_of_all_binaries_are_added() {
        let lines = "
            running 3 tests
            test a ... ok
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s
            running 1 test
            test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.1s";
        assert_eq!(tally(lines, Form::Libtest), "2 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_summary_is_read_from_the_golden_runner() {
        let lines = "tumble.sql ok\n12 passed, 2 failed, 3 skipped\n";
        assert_eq!(
            tally(lines, Form::Summary),
            "12 passed, 2 failed, 3 skipped"
        );
        assert_eq!(
            tally("7 passed, 0 failed", Form::Summary),
            "7 passed, 0 failed"
        );
    }

    #[test]
    fn a_binary_that_never_reports_has_failed() {
        assert_eq!(
            tally("running 5 tests\ntest deep ... ", Form::Libtest),
            "0 passed, 1 failed"
        );
        let lines = "running 5 tests\nrunning 1 test\n\
                     test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(tally(lines, Form::Libtest), "1 passed, 1 failed");
    }

    #[test]
    fn what_a_test_prints_is_not_counted() {
        let lines = "running into trouble\n1 passed, 1 failed, and more\n3 passed\nok, 1 failed";
        assert_eq!(tally(lines, Form::Summary), "0 passed, 0 failed");
        assert_eq!(
            tally("running late\n1 passed, 1 failed", Form::Libtest),
            "0 passed, 0 failed"
        );
    }

    #[test]
    fn a_test_that_did_without_its_service_has_not_passed() {
        let mut tally = Tally::default();
        tally.check(true);
        tally.check(true);
        tally.skipped_after_all(1);
        assert_eq!(tally.to_string(), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_failing_program_is_never_counted_as_passed() {
        let mut tally = Tally::default();
        tally.failed_since(0);
        tally.failed_since(0);
        assert_eq!(tally.to_string(), "0 passed, 1 failed");
    }
}
