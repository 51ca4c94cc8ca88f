//! Patterns: what is written, what is read, what is refused.

use super::*;
use crate::temporal::{parse_timestamp, push_timestamp};

fn moment(text: &str) -> Moment {
    parse_timestamp(text).expect(text)
}

#[test]
fn moments_are_written_as_the_pattern_says() {
    for (pattern, wanted) in [
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-09 15:04:05.678"),
        ("dd/MMM/yy h:mm a", "09/Feb/24 3:04 PM"),
        ("EEEE, d MMMM uuuu", "Friday, 9 February 2024"),
        ("yyyyMMdd'T'HHmm''ss", "20240209T1504'05"),
        ("D Q kk KK n S XXX", "40 1 15 03 678000000 6 Z"),
        ("G xx", "AD +0000"),
    ] {
        let pattern = Pattern::compile(pattern).unwrap();
        let mut formatter = Formatter::new(&pattern);
        assert_eq!(formatter.local(moment("2024-02-09 15:04:05.678")), wanted);
    }
}

#[test]
fn texts_are_read_as_the_pattern_says() {
    for (pattern, text, wanted) in [
        (
            "yyyy-MM-dd HH:mm:ss",
            "2024-02-09 15:04:05",
            "2024-02-09 15:04:05",
        ),
        (
            "yyyyMMddHHmmssSSS",
            "20240209150405678",
            "2024-02-09 15:04:05.678",
        ),
        ("d/M/yyyy", "9/2/2024", "2024-02-09 00:00:00"),
        (
            "dd-MMM-yy hh:mm a",
            "09-feb-24 03:04 pm",
            "2024-02-09 15:04:00",
        ),
        (
            "yyyy-MM-dd[ HH:mm[:ss]]",
            "2024-02-09 15:04",
            "2024-02-09 15:04:00",
        ),
        (
            "yyyy-MM-dd[ HH:mm[:ss]]",
            "2024-02-09",
            "2024-02-09 00:00:00",
        ),
        ("yyyy-MM-dd HH", "2024-02-31 24", "2024-03-01 00:00:00"),
        ("yyyy-DDD", "2024-366", "2024-12-31 00:00:00"),
    ] {
        let (read, _) = Pattern::compile(pattern).unwrap().parse(text).expect(text);
        let mut shown = String::new();
        push_timestamp(&mut shown, read, 0);
        assert_eq!(shown, wanted, "{pattern} of {text}");
    }
    let offset = Pattern::compile("HH:mmXXX").unwrap().parse("10:00+02:00");
    assert_eq!(offset.and_then(|(_, offset)| offset), Some(7_200_000));
}

#[test]
fn a_text_that_does_not_fit_is_refused() {
    for (pattern, text) in [
        ("yyyy-MM-dd", "2024-2-9"),
        ("yyyy-MM-dd", "2024-02-09x"),
        ("yyyy-MM-dd", "2024-13-09"),
        ("HH", "25"),
        ("hh", "10"),
        ("S", "é"),
        ("yyyy", "99999999999999999999"),
        ("MMM", "é"),
        ("X", "+é"),
    ] {
        assert_eq!(
            Pattern::compile(pattern).unwrap().parse(text),
            None,
            "{pattern} {text}"
        );
    }
}

#[test]
fn a_wrong_pattern_is_named() {
    for pattern in [
        "yyyy-bb",
        "'open",
        "[yyyy",
        "yyyy]",
        "ddd",
        "{",
        &"y".repeat(2000),
    ] {
        assert!(Pattern::compile(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_formatter_that_reuses_texts_never_shows_an_old_one() {
    let pattern = Pattern::compile("yyyy-MM-dd HH").unwrap();
    let mut formatter = Formatter::new(&pattern);
    for (time, wanted) in [
        ("2024-02-09 15:59:59.999", "2024-02-09 15"),
        ("2024-02-09 16:00:00", "2024-02-09 16"),
        ("1969-12-31 23:59:59", "1969-12-31 23"),
        ("1970-01-01 00:00:00", "1970-01-01 00"),
    ] {
        assert_eq!(formatter.local(moment(time)), wanted);
    }
}
