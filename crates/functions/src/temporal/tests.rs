//! Moments, zones and text forms.

use arrow::datatypes::TimeUnit;
use chrono_tz::Tz;

use super::*;

fn text(moment: Moment, precision: u8) -> String {
    let mut out = String::new();
    push_timestamp(&mut out, moment, precision);
    out
}

#[test]
fn timestamps_are_read_and_written_with_their_fraction() {
    for (input, precision, wanted) in [
        ("2024-02-29 12:34:56.789", 3, "2024-02-29 12:34:56.789"),
        ("2024-2-9 01:02:03", 3, "2024-02-09 01:02:03.000"),
        ("2024-2-9 1:2:3", 0, "2024-02-09 01:02:03"),
        ("1969-12-31 23:59:59.9999", 0, "1969-12-31 23:59:59.9999"),
        ("2024-02-09", 0, "2024-02-09 00:00:00"),
        ("2023-02-30", 0, "2023-02-28 00:00:00"),
        ("2024-02-29 24:00:00", 0, "2024-03-01 00:00:00"),
        ("0001-01-01 00:00:00", 0, "0001-01-01 00:00:00"),
    ] {
        let moment = parse_timestamp(input).expect(input);
        assert_eq!(text(moment, precision), wanted);
    }
}

#[test]
fn dates_are_read_as_a_cast_reads_them() {
    for (input, wanted) in [
        ("2024-02-29", Some("2024-02-29")),
        ("2024-2-9", Some("2024-02-09")),
        ("2024-02", Some("2024-02-01")),
        ("12", Some("0012-01-01")),
        ("2024-02-29 12:13:14 x", Some("2024-02-29")),
        (" 2024-02-29", Some("2024-02-29")),
        (" 2024-02-29 12:13:14 ", None),
        ("2024-02-30", None),
        ("2024-02-29T12:13:14", None),
        ("12024-01-01", None),
        ("-2024-02-29", None),
        ("", None),
    ] {
        let found = parse_date(input).map(|days| {
            let mut out = String::new();
            push_date(&mut out, days);
            out
        });
        assert_eq!(found.as_deref(), wanted, "{input}");
    }
}

#[test]
fn loose_texts_count_on() {
    for (input, wanted) in [
        ("2024-02-29 12:13:14", Some("2024-02-29 12:13:14")),
        ("2024-2-9 1:2:3.5", Some("2024-02-09 01:02:03")),
        (" 2024-02-29 12:13:14 x", Some("2024-02-29 12:13:14")),
        ("2024-02-29 12:13:14+02:00", Some("2024-02-29 12:13:14")),
        ("2024-02-30 01:02:03", Some("2024-03-01 01:02:03")),
        ("2024-13-01 00:00:00", Some("2025-01-01 00:00:00")),
        ("2024-02-29 25:00:00", Some("2024-03-01 01:00:00")),
        ("2024-02-29", None),
        ("2024-02-29 12:13", None),
        ("2024-02-29T12:13:14", None),
        ("12", None),
        ("", None),
        ("99999999999-01-01 00:00:00", None),
        ("999999999-01-01 00:00:00", None),
    ] {
        let found = parse_loosely(input).map(|moment| text(moment, 0));
        assert_eq!(found.as_deref(), wanted, "{input}");
    }
}

#[test]
fn what_is_not_a_timestamp_is_refused() {
    for input in [
        "",
        " ",
        "x",
        "2024-02-32",
        "2024-13-01",
        "2024-02-09 24:00:01",
        "2024-02-09 1",
        "2024-02-09 01:02",
        "2024-02-09T01:02:03",
        "2024-02-09 01:02:03+02:00",
        " 2024-02-09",
        "2024-02-09 01:02:03 ",
        "2024-02-09  01:02:03",
        "2024-02",
        "12",
        "12024-01-01",
        "-2024-01-01",
        "0000-01-01",
        "2024-02-09 01:02:03.1234567891",
        "99999999999-01-01",
        "2024-02-09 01:02:03+99:00",
        "é2024",
        "2024-02-09 01:02:03+é",
    ] {
        assert_eq!(parse_timestamp(input), None, "{input}");
    }
}

#[test]
fn a_zone_takes_the_earlier_of_two_and_moves_a_skipped_time_forward() {
    let mut berlin = Zone::new(Tz::Europe__Berlin);
    let local = |text| parse_timestamp(text).unwrap();
    let shown = |berlin: &mut Zone, input| {
        let utc = berlin.to_utc(local(input));
        (text(utc, 0), text(berlin.local_of(utc), 0))
    };
    assert_eq!(
        shown(&mut berlin, "2024-10-27 02:30:00").0,
        "2024-10-27 00:30:00"
    );
    assert_eq!(
        shown(&mut berlin, "2024-03-31 02:30:00").1,
        "2024-03-31 03:30:00"
    );
}

#[test]
fn the_extremes_neither_panic_nor_wrap() {
    let mut zone = Zone::new(Tz::America__New_York);
    for millis in [i64::MIN, i64::MAX, 0] {
        let moment = Moment::of_millis(millis);
        assert!(!text(zone.local_of(moment), 9).is_empty());
        zone.to_utc(moment);
        Moment::of_unit(millis, TimeUnit::Nanosecond);
    }
    assert_eq!(
        Moment::of_millis(i64::MAX).to_unit(TimeUnit::Nanosecond),
        None
    );
    assert_eq!(add_months(0, i64::MAX), None);
}

#[test]
fn zones_have_names_and_offsets() {
    assert_eq!(zone_named("Europe/Berlin"), Some(Tz::Europe__Berlin));
    assert_eq!(zone_named("GMT+02:00"), Some(Tz::Etc__GMTMinus2));
    assert_eq!(zone_named("+5"), Some(Tz::Etc__GMTMinus5));
    assert_eq!(zone_named("Mars/Base"), None);
}
