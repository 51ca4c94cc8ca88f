use super::*;

#[test]
fn integers_may_have_a_sign_a_zero_fraction_and_an_exponent() {
    let good: [(&str, i64); 9] = [
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("1.0", 1),
        ("12.5e1", 125),
        ("1E3", 1000),
        ("1000e-3", 1),
    ];
    for (text, number) in good {
        assert_eq!(integer(text.as_bytes()), Ok(number), "{text}");
    }
    assert_eq!(integer(b"9223372036854775808"), Err(Why::Range));
    assert_eq!(integer(b"1e999999999999"), Err(Why::Range));
    for text in [
        "", "-", "+", "1.5", "1e-1", "0x1", "1 2", "--1", "e3", ".", "1e",
    ] {
        assert_eq!(integer(text.as_bytes()), Err(Why::Shape), "{text}");
    }
}

#[test]
fn decimals_are_exact_and_round_half_up() {
    assert_eq!(decimal(b"1.005", 10, 2), Ok(101));
    assert_eq!(decimal(b"-1.005", 10, 2), Ok(-101));
    assert_eq!(
        decimal(b"1.00499999999999999999999999999999999999999", 10, 2),
        Ok(100)
    );
    assert_eq!(decimal(b"1e2", 10, 2), Ok(10_000));
    assert_eq!(decimal(b"0.004", 10, 2), Ok(0));
    assert_eq!(decimal(b"0.005", 10, 2), Ok(1));
    assert_eq!(decimal(b"0.0005", 10, 2), Ok(0));
    assert_eq!(decimal(b"1e-999999999", 10, 2), Ok(0));
    assert_eq!(decimal(b"0e999999999", 10, 2), Ok(0));
    assert_eq!(
        decimal(b"99999999999999999999999999999999999999", 38, 0),
        Ok(10i128.pow(38) - 1)
    );
    assert_eq!(
        decimal(b"99999999999999999999999999999999999999.5", 38, 0),
        Err(Why::Range)
    );
    assert_eq!(decimal(b"9.995", 3, 2), Err(Why::Range));
    assert_eq!(decimal(b"100", 2, 0), Err(Why::Range));
    assert_eq!(decimal(b"1e40", 38, 0), Err(Why::Range));
    assert_eq!(decimal(b"12a", 38, 0), Err(Why::Shape));
}

#[test]
fn a_number_beyond_the_range_of_floats_is_refused() {
    assert_eq!(double(b"1.5e3"), Ok(1500.0));
    assert_eq!(double(b"-.5"), Ok(-0.5));
    assert!(double(b"NaN").unwrap().is_nan());
    assert_eq!(double(b"-Infinity"), Ok(f64::NEG_INFINITY));
    assert_eq!(double(b"1e999"), Err(Why::Range));
    assert_eq!(float(b"1e39"), Err(Why::Range));
    assert_eq!(float(b"16777217"), Ok(16_777_216.0));
    for text in ["", "inf", "nan", "infinity", "1e", "1f", "-", "1 "] {
        assert_eq!(double(text.as_bytes()), Err(Why::Shape), "{text}");
    }
}

#[test]
fn only_true_and_false_are_booleans() {
    assert_eq!(boolean(b"TRUE"), Ok(true));
    assert_eq!(boolean(b"false"), Ok(false));
    assert_eq!(boolean(b"yes"), Err(Why::Shape));
    assert_eq!(boolean(b"1"), Err(Why::Shape));
}

#[test]
fn dates_that_do_not_exist_are_refused() {
    assert_eq!(date(b"1970-01-02"), Ok(1));
    assert_eq!(date(b"1969-12-31"), Ok(-1));
    assert_eq!(date(b"2000-02-29"), Ok(11_016));
    assert_eq!(date(b"+12345-01-01"), Ok(3_789_391));
    assert_eq!(date(b"+999999999-01-01"), Err(Why::Range));
    for text in [
        "1900-02-29",
        "2001-02-29",
        "2001-04-31",
        "2001-00-01",
        "2001-13-01",
        "2001-1-1",
    ] {
        assert_eq!(date(text.as_bytes()), Err(Why::Shape), "{text}");
    }
    for text in ["", "2001", "2001-01-01 ", "01-01-2001", "+1-01-01"] {
        assert_eq!(date(text.as_bytes()), Err(Why::Shape), "{text}");
    }
}

#[test]
fn times_have_up_to_nine_digits_of_a_second() {
    assert_eq!(time(b"00:00"), Ok(0));
    assert_eq!(time(b"10:15:30.5"), Ok(36_930_500_000_000));
    assert_eq!(time(b"23:59:59.999999999"), Ok(86_399_999_999_999));
    for text in [
        "24:00:00",
        "10:60:00",
        "10:15:60",
        "10:15:30.",
        "1:2:3",
        "10:15:30.1234567890",
    ] {
        assert_eq!(time(text.as_bytes()), Err(Why::Shape), "{text}");
    }
}

#[test]
fn each_standard_has_its_own_timestamps() {
    let at = |offset_seconds| Stamp {
        days: 1,
        nanos_of_day: 3_600_000_000_000,
        offset_seconds,
    };
    assert_eq!(timestamp(b"1970-01-02 01:00:00", Stamps::Sql), Ok(at(None)));
    assert_eq!(
        timestamp(b"1970-01-02 01:00:00Z", Stamps::Sql),
        Ok(at(Some(0)))
    );
    assert_eq!(
        timestamp(b"1970-01-02T01:00:00.000", Stamps::Iso),
        Ok(at(None))
    );
    assert_eq!(timestamp(b"1970-01-02T01:00", Stamps::Iso), Ok(at(None)));
    assert_eq!(
        timestamp(b"1970-01-02T01:00:00+02:00", Stamps::Iso),
        Ok(at(Some(7200)))
    );
    assert_eq!(
        timestamp(b"1970-01-02T01:00:00-0130", Stamps::Any),
        Ok(at(Some(-5400)))
    );
    assert_eq!(
        timestamp(b"1970-01-02T01:00:00+02", Stamps::Any),
        Ok(at(Some(7200)))
    );
    let bad: [(&[u8], Stamps); 6] = [
        (b"1970-01-02T01:00:00", Stamps::Sql),
        (b"1970-01-02 01:00:00", Stamps::Iso),
        (b"1970-01-02 01:00", Stamps::Sql),
        (b"1970-01-02T01:00:00+", Stamps::Iso),
        (b"1970-01-02T01:00:00+02:", Stamps::Iso),
        (b"1970-01-02", Stamps::Any),
    ];
    for (text, stamps) in bad {
        assert_eq!(timestamp(text, stamps), Err(Why::Shape));
    }
}

#[test]
fn the_zero_timestamp_is_recognised() {
    assert!(is_zero_timestamp(b"0000-00-00 00:00:00"));
    assert!(is_zero_timestamp(b"0000-00-00T00:00:00.000Z"));
    assert!(!is_zero_timestamp(b"0000-00-00 00:00:01"));
    assert!(!is_zero_timestamp(b"0000-01-01 00:00:00"));
}
