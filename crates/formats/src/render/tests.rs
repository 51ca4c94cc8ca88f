use super::*;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn doubles_are_spelt_as_in_java() {
    let pairs = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-12.5, "-12.5"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (1.234e10, "1.234E10"),
        (123_456.789, "123456.789"),
        (1e300, "1.0E300"),
        (f64::MAX, "1.7976931348623157E308"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ];
    for (value, wanted) in pairs {
        assert_eq!(text(|out| double(value, out)), wanted);
    }
    assert_eq!(text(|out| float(1.1, out)), "1.1");
    assert_eq!(text(|out| float(16_777_216.0, out)), "1.6777216E7");
}

#[test]
fn decimals_are_spelt_as_java_spells_them_without_trailing_zeros() {
    let pairs: [(i128, i8, &str, &str); 8] = [
        (0, 2, "0", "0"),
        (150, 2, "1.5", "1.5"),
        (-5, 2, "-0.05", "-0.05"),
        (10_000_000, 2, "1E+5", "100000"),
        (
            45_462_186_404_924_617,
            -1,
            "4.5462186404924617E+17",
            "454621864049246170",
        ),
        (27, 9, "2.7E-8", "0.000000027"),
        (1, 6, "0.000001", "0.000001"),
        (123_456_789, 6, "123.456789", "123.456789"),
    ];
    for (value, scale, scientific, plain) in pairs {
        assert_eq!(text(|out| decimal(value, scale, false, out)), scientific);
        assert_eq!(text(|out| decimal(value, scale, true, out)), plain);
    }
    assert_eq!(text(|out| decimal_plain(150, 2, out)), "1.50");
    assert_eq!(text(|out| decimal_plain(-5, 2, out)), "-0.05");
    assert_eq!(text(|out| decimal_plain(7, 0, out)), "7");
}

#[test]
fn times_keep_the_digits_they_need_or_those_that_are_asked_for() {
    let at = |fraction| text(|out| timestamp((86_399, 120_000_000), b' ', fraction, out));
    assert_eq!(at(Fraction::Needed), "1970-01-01 23:59:59.12");
    assert_eq!(at(Fraction::Digits(3)), "1970-01-01 23:59:59.120");
    assert_eq!(at(Fraction::Digits(0)), "1970-01-01 23:59:59");
    assert_eq!(
        text(|out| timestamp((-1, 0), b'T', Fraction::Needed, out)),
        "1969-12-31T23:59:59"
    );
    assert_eq!(
        text(|out| time_ms(36_930_005, Fraction::Needed, out)),
        "10:15:30.005"
    );
}

#[test]
fn years_beyond_four_digits_have_a_sign() {
    assert_eq!(text(|out| date(3_789_391, out)), "+12345-01-01");
    assert_eq!(text(|out| date(-719_529, out)), "-0001-12-31");
}
