//! Each function: usual values, NULL, edges; constants and columns agree (see `testing`).

use arrow::datatypes::TimeUnit;
use chrono_tz::Tz;
use datafusion_common::ScalarValue;
use millstream_core::types::SqlType;

use crate::FunctionContext;
use crate::testing::{
    NO_INT, NO_STR, call_in, check, check_error, check_null, d, date, i, l, ltz, null, s, time, ts,
    ts_unit, type_of,
};

fn in_zone(tz: Tz, name: &str, args: &[ScalarValue]) -> ScalarValue {
    call_in(name, args, &FunctionContext::new(tz)).unwrap()
}

#[test]
fn date_format_takes_times_and_texts() {
    let moment = ts("2024-02-09 15:04:05.678");
    check(
        "date_format",
        &[moment.clone(), s("yyyy-MM-dd")],
        s("2024-02-09"),
    );
    check(
        "date_format",
        &[moment.clone(), s("dd/MM/yy HH:mm:ss.SSS")],
        s("09/02/24 15:04:05.678"),
    );
    check(
        "date_format",
        &[s("2024-02-09 15:04:05"), s("yyyyMMdd")],
        s("20240209"),
    );
    check("date_format", &[date("2024-02-09"), s("EEE")], s("Fri"));
    check(
        "date_format",
        &[ts_unit(1_123_456, TimeUnit::Microsecond), s("SSSSSS")],
        s("123456"),
    );
    check_null("date_format", &[s("garbage"), s("yyyy")]);
    check_null("date_format", &[null(&SqlType::Timestamp(3)), s("yyyy")]);
    check_null("date_format", &[moment.clone(), NO_STR]);
    check_error("date_format", &[moment, s("bb")], "'bb' is not a field");
    check_error(
        "date_format",
        &[i(1), s("yyyy")],
        "wants a TIMESTAMP, DATE or STRING",
    );
}

#[test]
fn an_instant_is_shown_in_the_sessions_zone() {
    let instant = ltz("2024-02-09 23:30:00");
    let shown = |tz| {
        in_zone(
            tz,
            "date_format",
            &[instant.clone(), s("yyyy-MM-dd HH:mm XXX")],
        )
    };
    assert_eq!(shown(Tz::UTC), s("2024-02-09 23:30 Z"));
    assert_eq!(shown(Tz::Europe__Berlin), s("2024-02-10 00:30 +01:00"));
    assert_eq!(
        in_zone(
            Tz::Europe__Berlin,
            "dayofmonth",
            std::slice::from_ref(&instant)
        ),
        l(10)
    );
    let floor = in_zone(Tz::Europe__Berlin, "floor_to", &[instant, s("DAY")]);
    assert_eq!(floor, ltz("2024-02-09 23:00:00"));
    assert_eq!(
        in_zone(Tz::Asia__Shanghai, "from_unixtime", &[l(44)]),
        s("1970-01-01 08:00:44")
    );
    let seconds = in_zone(
        Tz::Asia__Shanghai,
        "unix_timestamp",
        &[s("1970-01-01 08:00:44")],
    );
    assert_eq!(seconds, l(44));
}

#[test]
fn to_timestamp_is_null_for_what_is_none() {
    check(
        "to_timestamp",
        &[s("2024-02-09 15:04:05.6789")],
        ts("2024-02-09 15:04:05.678"),
    );
    check(
        "to_timestamp",
        &[s("2024-02-09")],
        ts("2024-02-09 00:00:00"),
    );
    check(
        "to_timestamp",
        &[s("09/02/2024"), s("dd/MM/yyyy")],
        ts("2024-02-09 00:00:00"),
    );
    check(
        "to_timestamp",
        &[s("2023-02-30 01:02:03")],
        ts("2023-02-28 01:02:03"),
    );
    for text in ["garbage", "12", "2024-02-09T10:00:00", "2024-02-09 10:00"] {
        check_null("to_timestamp", &[s(text)]);
    }
    check_null("to_timestamp", &[NO_STR]);
    assert_eq!(type_of("to_timestamp", &[s("x")]), "TIMESTAMP(3)");
    check("to_date", &[s("2024-02-09")], date("2024-02-09"));
    check(
        "to_date",
        &[s("9.2.2024"), s("d.M.yyyy")],
        date("2024-02-09"),
    );
    check_null("to_date", &[s("x")]);
}

#[test]
fn to_timestamp_ltz_takes_seconds_milliseconds_and_texts() {
    check(
        "to_timestamp_ltz",
        &[l(100), i(0)],
        ltz("1970-01-01 00:01:40"),
    );
    check(
        "to_timestamp_ltz",
        &[l(1500), i(3)],
        ltz("1970-01-01 00:00:01.5"),
    );
    check("to_timestamp_ltz", &[i(1500)], ltz("1970-01-01 00:00:01.5"));
    check(
        "to_timestamp_ltz",
        &[d(1.5), i(0)],
        ltz("1970-01-01 00:00:01.5"),
    );
    check(
        "to_timestamp_ltz",
        &[s("2024-02-09 10:00:00")],
        ltz("2024-02-09 10:00:00"),
    );
    check_null("to_timestamp_ltz", &[s("2024-02-09T10:00:00+02:00")]);
    let text = [s("09/02/2024 10"), s("dd/MM/yyyy HH"), s("Asia/Shanghai")];
    check("to_timestamp_ltz", &text, ltz("2024-02-09 02:00:00"));
    check_null(
        "to_timestamp_ltz",
        &[s("2024-02-09"), s("yyyy-MM-dd"), s("Mars/Base")],
    );
    check_null("to_timestamp_ltz", &[l(i64::MAX), i(0)]);
    check_null("to_timestamp_ltz", &[d(f64::NAN), i(0)]);
    check_null("to_timestamp_ltz", &[l(1), NO_INT]);
    check_error(
        "to_timestamp_ltz",
        &[l(1), i(6)],
        "wants the precision 0 or 3, found 6",
    );
    assert_eq!(
        type_of("to_timestamp_ltz", &[l(1), i(0)]),
        "TIMESTAMP_LTZ(3)"
    );
}

#[test]
fn unix_timestamps() {
    check("from_unixtime", &[l(44), s("HH:mm:ss")], s("00:00:44"));
    check("from_unixtime", &[l(-1)], s("1969-12-31 23:59:59"));
    for seconds in [i64::MAX, i64::MIN] {
        assert!(
            !crate::testing::call("from_unixtime", &[l(seconds)])
                .unwrap()
                .is_null()
        );
    }
    assert_eq!(
        in_zone(Tz::UTC, "unix_timestamp", &[s("9/2/70"), s("d/M/yy")]),
        l(3_159_129_600)
    );
    assert_eq!(
        in_zone(Tz::UTC, "unix_timestamp", &[s("garbage")]),
        l(i64::MIN)
    );
    let args = [s("1970-01-01 00:00:00"), s("UTC"), s("America/Los_Angeles")];
    check("convert_tz", &args, s("1969-12-31 16:00:00"));
    check_null("convert_tz", &[s("x"), s("UTC"), s("UTC")]);
    check_null("convert_tz", &[s("1970-01-01"), s("UTC"), s("Nowhere")]);
}

#[test]
fn fields_are_bigint() {
    let moment = ts("2024-12-30 15:04:05.678");
    for (name, wanted) in [
        ("year", 2024),
        ("quarter", 4),
        ("month", 12),
        ("week", 1),
        ("dayofmonth", 30),
        ("dayofyear", 365),
        ("dayofweek", 2),
        ("hour", 15),
        ("minute", 4),
        ("second", 5),
    ] {
        check(name, std::slice::from_ref(&moment), l(wanted));
        check_null(name, &[ScalarValue::Null]);
        assert_eq!(
            type_of(name, std::slice::from_ref(&moment)),
            "BIGINT NOT NULL"
        );
    }
    for (unit, wanted) in [
        ("MILLENNIUM", 3),
        ("CENTURY", 21),
        ("DECADE", 202),
        ("ISOYEAR", 2025),
        ("DOW", 2),
        ("ISODOW", 1),
        ("DOY", 365),
        ("MILLISECOND", 678),
        ("MICROSECOND", 678_000),
        ("NANOSECOND", 678_000_000),
        ("EPOCH", 1_735_571_045),
        ("day", 30),
    ] {
        check("extract", &[s(unit), moment.clone()], l(wanted));
    }
    check("year", &[date("1969-12-31")], l(1969));
    check("hour", &[time(7_200_000)], l(2));
    check("extract", &[s("DOW"), date("2024-02-11")], l(1));
    check("extract", &[s("WEEK"), date("2021-01-03")], l(53));
    check_error("extract", &[s("FORTNIGHT"), moment], "found 'FORTNIGHT'");
}

#[test]
fn differences_are_whole_units_towards_zero() {
    for (unit, from, to, wanted) in [
        (
            "SECOND",
            "2024-02-09 00:00:00",
            "2024-02-09 00:00:59.999",
            59,
        ),
        ("MINUTE", "2024-02-09 00:01:00", "2024-02-09 00:00:01", 0),
        ("DAY", "2024-02-09", "2024-03-01", 21),
        ("WEEK", "2024-02-09", "2024-02-23", 2),
        ("MONTH", "2024-01-31", "2024-02-29", 1),
        ("MONTH", "2024-02-29", "2024-01-31", -1),
        ("MONTH", "2024-01-31 12:00:00", "2024-02-29 11:00:00", 0),
        ("MONTH", "2024-01-15 12:00:00", "2024-03-15 11:00:00", 1),
        ("MONTH", "2024-03-15 11:00:00", "2024-01-15 12:00:00", -2),
        ("MONTH", "2024-03-31", "2024-01-31", -2),
        ("QUARTER", "2024-01-01", "2024-07-01", 2),
        ("YEAR", "2000-02-29", "2024-02-28", 23),
    ] {
        check("timestampdiff", &[s(unit), ts(from), ts(to)], i(wanted));
    }
    check(
        "timestampdiff",
        &[s("HOUR"), date("2024-02-09"), ts("2024-02-09 05:00:00")],
        i(5),
    );
    check_null(
        "timestampdiff",
        &[s("DAY"), null(&SqlType::Date), date("2024-02-09")],
    );
    check_error(
        "timestampdiff",
        &[s("SECOND"), ts("0001-01-01"), ts("9999-01-01")],
        "does not fit INT",
    );
    check_error(
        "timestampdiff",
        &[s("EON"), ts("2024-01-01"), ts("2024-01-01")],
        "found 'EON'",
    );
    check(
        "datediff",
        &[date("2024-03-01"), s("2024-02-09 23:00:00")],
        i(21),
    );
}

#[test]
fn sums_keep_the_type_unless_it_is_too_coarse() {
    let add = |unit: &str, count, to: &ScalarValue| vec![s(unit), l(count), to.clone()];
    let day = date("2024-01-31");
    check("timestampadd", &add("MONTH", 1, &day), date("2024-02-29"));
    check("timestampadd", &add("WEEK", -1, &day), date("2024-01-24"));
    check(
        "timestampadd",
        &add("HOUR", 1, &day),
        ScalarValue::TimestampMicrosecond(Some(1_706_662_800_000_000), None),
    );
    check(
        "timestampadd",
        &add("YEAR", 1, &ts("2024-02-29 01:00:00")),
        ts("2025-02-28 01:00:00"),
    );
    check(
        "timestampadd",
        &add("SECOND", 1, &s("2024-01-31 00:00:00")),
        ts("2024-01-31 00:00:01"),
    );
    check_null(
        "timestampadd",
        &[s("DAY"), ScalarValue::Int64(None), day.clone()],
    );
    check_error(
        "timestampadd",
        &add("YEAR", i64::MAX, &day),
        "leaves the range",
    );
    check_error(
        "timestampadd",
        &add("DAY", i64::MAX, &ts("2024-01-01")),
        "leaves the range",
    );
}

#[test]
fn floor_and_ceil_find_the_edges_of_a_unit() {
    let moment = ts("2024-02-09 15:04:05.678");
    for (unit, floor, ceil) in [
        ("SECOND", "2024-02-09 15:04:05", "2024-02-09 15:04:06"),
        ("HOUR", "2024-02-09 15:00:00", "2024-02-09 16:00:00"),
        ("DAY", "2024-02-09 00:00:00", "2024-02-10 00:00:00"),
        ("WEEK", "2024-02-04 00:00:00", "2024-02-11 00:00:00"),
        ("MONTH", "2024-02-01 00:00:00", "2024-03-01 00:00:00"),
        ("QUARTER", "2024-01-01 00:00:00", "2024-04-01 00:00:00"),
        ("YEAR", "2024-01-01 00:00:00", "2025-01-01 00:00:00"),
        ("DECADE", "2020-01-01 00:00:00", "2030-01-01 00:00:00"),
        ("CENTURY", "2001-01-01 00:00:00", "2101-01-01 00:00:00"),
    ] {
        check("floor_to", &[moment.clone(), s(unit)], ts(floor));
        check("ceil_to", &[moment.clone(), s(unit)], ts(ceil));
        check("ceil_to", &[ts(floor), s(unit)], ts(floor));
    }
    check(
        "floor_to",
        &[date("2024-02-09"), s("MONTH")],
        date("2024-02-01"),
    );
    check(
        "floor_to",
        &[ts("1969-12-31 23:59:59.5"), s("DAY")],
        ts("1969-12-31 00:00:00"),
    );
    check_null("floor_to", &[null(&SqlType::Timestamp(3)), s("DAY")]);
    let last = ts_unit(i64::MAX, TimeUnit::Millisecond);
    check_error("ceil_to", &[last, s("DAY")], "leaves the range");
}
