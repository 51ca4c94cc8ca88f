//! Casts by pair of types: usual values, what does not fit, NULL; constants and columns agree.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, TimeUnit};
use chrono_tz::Tz;
use datafusion_common::{Result, ScalarValue};
use millstream_core::types::{ColumnType, RowField, SqlType};

use super::cast_udf;
use crate::FunctionContext;
use crate::testing::{
    NO_STR, b, call_typed, d, date, dec, i, ints, l, ltz, null, s, strings, time, ts, ts_unit, x,
};

fn cast_from(
    value: ScalarValue,
    from: Option<SqlType>,
    to: SqlType,
    try_: bool,
    tz: Tz,
) -> Result<(ScalarValue, FieldRef)> {
    let function = cast_udf(ColumnType::nullable(to), try_, &FunctionContext::new(tz));
    let field = match from {
        Some(sql) => ColumnType {
            sql,
            nullable: value.is_null(),
        }
        .field("arg"),
        None => Field::new("arg", value.data_type(), value.is_null()),
    };
    call_typed(&function, &[value], &[Arc::new(field)])
}

fn cast(value: ScalarValue, to: SqlType) -> Result<ScalarValue> {
    cast_from(value, None, to, false, Tz::UTC).map(|(value, _)| value)
}

/// CAST gives a value.
#[track_caller]
fn check(value: ScalarValue, to: SqlType, wanted: ScalarValue) {
    let found = cast(value.clone(), to.clone()).unwrap_or_else(|e| panic!("{value:?} {to}: {e}"));
    assert_eq!(found, wanted, "{value:?} AS {to}");
}

/// CAST fails and TRY_CAST gives NULL.
#[track_caller]
fn check_fails(value: ScalarValue, to: SqlType) {
    let error = cast(value.clone(), to.clone())
        .expect_err("should fail")
        .to_string();
    assert!(error.contains("cannot make"), "{error}");
    let (tried, field) = cast_from(value, None, to, true, Tz::UTC).unwrap();
    assert!(tried.is_null() && field.is_nullable());
}

/// CAST gives NULL.
#[track_caller]
fn check_null(value: ScalarValue, to: SqlType) {
    let found = cast(value, to).unwrap();
    assert!(found.is_null(), "{found:?}");
}

/// CAST is refused while planning.
#[track_caller]
fn check_refused(value: ScalarValue, to: SqlType, words: &str) {
    let error = cast(value, to).expect_err("should be refused");
    assert!(format!("{error:?}").contains(words), "{error:?}");
}

fn decimal(precision: u8, scale: i8) -> SqlType {
    SqlType::Decimal { precision, scale }
}

#[test]
fn strings_become_numbers() {
    check(s(" 42 "), SqlType::Int, i(42));
    check(s("-1.9"), SqlType::Int, i(-1));
    check(s("127"), SqlType::TinyInt, ScalarValue::Int8(Some(127)));
    check(s("1e3"), SqlType::Double, d(1000.0));
    check(s("1.5"), SqlType::Float, ScalarValue::Float32(Some(1.5)));
    check(s("1.255"), decimal(5, 2), dec(126, 5, 2));
    check_null(s("12345"), decimal(3, 1));
    check_null(NO_STR, SqlType::Int);
    for (text, to) in [
        ("128", SqlType::TinyInt),
        ("", SqlType::Int),
        ("1e3", SqlType::BigInt),
        ("x", SqlType::Double),
        ("9223372036854775808", SqlType::BigInt),
        ("x", decimal(5, 2)),
    ] {
        check_fails(s(text), to);
    }
}

#[test]
fn strings_become_truth_values_and_bytes() {
    for text in ["t", "TRUE", " yes ", "1", "y"] {
        check(s(text), SqlType::Boolean, b(true));
    }
    for text in ["f", "False", "no", "0", "n"] {
        check(s(text), SqlType::Boolean, b(false));
    }
    check_fails(s("maybe"), SqlType::Boolean);
    check(s("hi"), SqlType::BYTES, x(b"hi"));
    check(s("hi"), SqlType::Binary(3), x(b"hi\0"));
    check(s("hi"), SqlType::Varbinary(1), x(b"h"));
}

#[test]
fn strings_become_times() {
    check(s("2024-02-09"), SqlType::Date, date("2024-02-09"));
    check(s("2024-2-9 10:00:00"), SqlType::Date, date("2024-02-09"));
    check(s("10:11:12.345"), SqlType::Time(3), time(36_672_345));
    check(s("10:11:12.345"), SqlType::Time(0), time(36_672_000));
    check(
        s("2024-02-09 10:11:12.3456"),
        SqlType::Timestamp(3),
        ts("2024-02-09 10:11:12.345"),
    );
    check(
        s("2024-02-09 10:11:12.345"),
        SqlType::Timestamp(0),
        ts("2024-02-09 10:11:12"),
    );
    check(
        s("2023-02-30"),
        SqlType::Timestamp(0),
        ts("2023-02-28 00:00:00"),
    );
    check_fails(s("2024-02-09T10:11:12"), SqlType::Timestamp(3));
    check_fails(s("2024-02-09 10:11:12Z"), SqlType::TimestampLtz(3));
    check_fails(s("2024-02-09 10:11:12"), SqlType::Time(0));
    check_fails(s("2024-02-30"), SqlType::Date);
    check_fails(s("25:00:00"), SqlType::Time(0));
    check_fails(s("noon"), SqlType::Timestamp(3));
    let (instant, _) = cast_from(
        s("2024-02-09 10:00:00"),
        None,
        SqlType::TimestampLtz(3),
        false,
        Tz::Asia__Shanghai,
    )
    .unwrap();
    assert_eq!(instant, ltz("2024-02-09 02:00:00"));
    let far = cast(s("9999-01-01 00:00:00"), SqlType::Timestamp(9))
        .unwrap_err()
        .to_string();
    assert!(far.contains("beyond the range of TIMESTAMP(9)"), "{far}");
}

#[test]
fn numbers_become_numbers_as_in_java() {
    check(i(300), SqlType::TinyInt, ScalarValue::Int8(Some(44)));
    check(l(i64::MAX), SqlType::Int, i(-1));
    check(i(7), SqlType::BigInt, l(7));
    check(i(7), SqlType::Double, d(7.0));
    check(d(-1.9), SqlType::Int, i(-1));
    check(d(1e300), SqlType::Int, i(i32::MAX));
    check(d(f64::NAN), SqlType::BigInt, l(0));
    check(d(300.0), SqlType::TinyInt, ScalarValue::Int8(Some(44)));
    check(dec(-199, 5, 2), SqlType::Int, i(-1));
    check(dec(12_345, 5, 2), SqlType::Double, d(123.45));
    check(dec(12_345, 5, 2), decimal(4, 1), dec(1235, 4, 1));
    check(i(12), decimal(4, 2), dec(1200, 4, 2));
    check(d(0.1), decimal(4, 2), dec(10, 4, 2));
    check_null(i(123), decimal(4, 2));
    check_null(dec(12_345, 5, 2), decimal(3, 1));
    check_null(d(f64::INFINITY), decimal(4, 2));
    check(i(0), SqlType::Boolean, b(false));
    check(b(true), SqlType::Int, i(1));
    check(b(true), decimal(3, 1), dec(10, 3, 1));
}

#[test]
fn everything_becomes_a_string() {
    for (value, wanted) in [
        (i(-42), "-42"),
        (b(true), "TRUE"),
        (d(1.0), "1.0"),
        (d(1e10), "1.0E10"),
        (ScalarValue::Float32(Some(0.1)), "0.1"),
        (dec(12_300, 5, 2), "123.00"),
        (date("2024-02-09"), "2024-02-09"),
        (time(36_672_345), "10:11:12.345"),
        (ts("2024-02-09 10:11:12"), "2024-02-09 10:11:12.000"),
        (
            ts_unit(1, TimeUnit::Microsecond),
            "1970-01-01 00:00:00.000001",
        ),
        (x(b"hi"), "hi"),
        (ints(&[Some(1), None]), "[1, NULL]"),
        (strings(&[Some("a"), None]), "[a, NULL]"),
        (ScalarValue::IntervalYearMonth(Some(-18)), "-1-06"),
        (
            ScalarValue::new_interval_mdn(0, 1, 3_661_001_000_000),
            "+1 01:01:01.001",
        ),
    ] {
        check(value, SqlType::STRING, s(wanted));
    }
    check_null(ScalarValue::Null, SqlType::STRING);
    let row = crate::testing::call("row", &[i(1), NO_STR, b(false)]).unwrap();
    check(row, SqlType::STRING, s("(1, NULL, FALSE)"));
    let map = crate::testing::call("map", &[s("k"), i(1), s("l"), i(2)]).unwrap();
    check(map, SqlType::STRING, s("{k=1, l=2}"));
}

#[test]
fn the_precision_of_a_column_decides_the_digits_of_its_text() {
    let text = |value, from| {
        cast_from(value, Some(from), SqlType::STRING, false, Tz::UTC)
            .unwrap()
            .0
    };
    let moment = ts("2024-02-09 10:11:12");
    assert_eq!(
        text(moment.clone(), SqlType::Timestamp(0)),
        s("2024-02-09 10:11:12")
    );
    assert_eq!(
        text(moment, SqlType::Timestamp(2)),
        s("2024-02-09 10:11:12.00")
    );
    assert_eq!(text(time(0), SqlType::Time(0)), s("00:00:00"));
    let shanghai = cast_from(
        ltz("2024-02-09 20:00:00"),
        None,
        SqlType::STRING,
        false,
        Tz::Asia__Shanghai,
    );
    assert_eq!(shanghai.unwrap().0, s("2024-02-10 04:00:00.000"));
}

#[test]
fn strings_are_cut_and_filled_to_their_length() {
    check(s("flink"), SqlType::Varchar(3), s("fli"));
    check(s("é"), SqlType::Char(3), s("é  "));
    check(i(12345), SqlType::Char(2), s("12"));
    let huge = cast(s("a"), SqlType::Char(i32::MAX as u32 - 1))
        .unwrap_err()
        .to_string();
    assert!(
        huge.contains("CHAR(2147483646) makes too long a text"),
        "{huge}"
    );
}

#[test]
fn times_become_times_in_the_sessions_zone() {
    check(
        ts("2024-02-09 10:11:12.345"),
        SqlType::Date,
        date("2024-02-09"),
    );
    check(ts("1969-12-31 23:59:59"), SqlType::Date, date("1969-12-31"));
    check(
        ts("2024-02-09 10:11:12.345"),
        SqlType::Time(0),
        time(36_672_000),
    );
    check(
        date("2024-02-09"),
        SqlType::Timestamp(3),
        ts("2024-02-09 00:00:00"),
    );
    check(time(1000), SqlType::Timestamp(3), ts("1970-01-01 00:00:01"));
    check(
        ts("2024-02-09 10:11:12.345"),
        SqlType::Timestamp(6),
        ts_unit(1_707_473_472_345_000, TimeUnit::Microsecond),
    );
    let in_berlin = |value, to| {
        cast_from(value, None, to, false, Tz::Europe__Berlin)
            .unwrap()
            .0
    };
    assert_eq!(
        in_berlin(ltz("2024-02-09 23:30:00"), SqlType::Date),
        date("2024-02-10")
    );
    let local = in_berlin(ltz("2024-07-01 10:00:00"), SqlType::Timestamp(3));
    assert_eq!(local, ts("2024-07-01 12:00:00"));
    assert_eq!(
        in_berlin(local, SqlType::TimestampLtz(3)),
        ltz("2024-07-01 10:00:00")
    );
    let instant = in_berlin(ltz("2024-07-01 10:00:00.123"), SqlType::TimestampLtz(0));
    assert_eq!(instant, ltz("2024-07-01 10:00:00"));
}

#[test]
fn nested_types_are_cast_element_by_element() {
    let bigints = SqlType::Array(Box::new(ColumnType::nullable(SqlType::BigInt)));
    let found = cast(strings(&[Some("1"), None]), bigints.clone()).unwrap();
    assert_eq!(found.to_string(), "[1, ]");
    check_fails(strings(&[Some("1"), Some("x")]), bigints);
    let field = |name: &str, sql| RowField {
        name: name.into(),
        ty: ColumnType::nullable(sql),
        comment: None,
    };
    let row = crate::testing::call("row", &[i(1), s("2")]).unwrap();
    let to = SqlType::Row(vec![field("a", SqlType::STRING), field("b", SqlType::Int)]);
    assert_eq!(cast(row, to).unwrap().to_string(), "{a:1,b:2}");
    let map = crate::testing::call("map", &[i(1), s("2")]).unwrap();
    let to = SqlType::Map(
        Box::new(ColumnType::nullable(SqlType::STRING)),
        Box::new(ColumnType::nullable(SqlType::Int)),
    );
    assert_eq!(cast(map, to).unwrap().to_string(), "[{1:2}]");
}

#[test]
fn impossible_pairs_are_refused_with_a_way_out() {
    check_refused(l(1), SqlType::Timestamp(3), "TO_TIMESTAMP_LTZ");
    check_refused(ts("2024-02-09"), SqlType::BigInt, "UNIX_TIMESTAMP");
    check_refused(
        date("2024-02-09"),
        SqlType::Int,
        "cannot make INT from DATE",
    );
    check_refused(i(1), SqlType::BYTES, "cannot make BYTES from INT");
    check_refused(ints(&[]), SqlType::Int, "cannot make INT from ARRAY");
}

#[test]
fn the_result_may_be_null_only_where_it_can() {
    let nullable = |value: ScalarValue, to, try_| {
        cast_from(value, None, to, try_, Tz::UTC)
            .unwrap()
            .1
            .is_nullable()
    };
    assert!(!nullable(i(1), SqlType::BigInt, false));
    assert!(nullable(i(1), SqlType::BigInt, true));
    assert!(!nullable(i(1), decimal(5, 2), false));
    assert!(nullable(i(1000), decimal(5, 2), false));
    assert!(nullable(i(1), decimal(5, 2), true));
    assert!(nullable(null(&SqlType::Int), SqlType::BigInt, false));
}

#[test]
fn intervals_are_read_and_counted() {
    check(
        s("+1-06"),
        SqlType::IntervalYearMonth,
        ScalarValue::IntervalYearMonth(Some(18)),
    );
    let day = ScalarValue::new_interval_mdn(0, 1, 3_661_001_000_000);
    check(s("1 01:01:01.001"), SqlType::IntervalDaySecond, day.clone());
    check(day, SqlType::BigInt, l(90_061_001));
    check_fails(s("soon"), SqlType::IntervalDaySecond);
}

#[test]
fn a_slice_and_a_null_row_hide_what_they_do_not_show() {
    use arrow::array::{Array, ArrayRef, ListArray, StringArray, StructArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use datafusion_expr::{ColumnarValue, ScalarFunctionArgs};

    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "1", "2"]));
    let element = Arc::new(Field::new("element", texts.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([1, 2]);
    let list = ListArray::new(element, offsets, Arc::clone(&texts), None).slice(1, 1);
    let pair = vec![Field::new("a", texts.data_type().clone(), true)];
    let nulls = NullBuffer::from(vec![false, true, true]);
    let row = StructArray::new(pair.into(), vec![texts], Some(nulls));
    let int = ColumnType::nullable(SqlType::Int);
    let field = RowField {
        name: "a".into(),
        ty: int.clone(),
        comment: None,
    };
    let columns: [(ArrayRef, SqlType); 2] = [
        (Arc::new(list), SqlType::Array(Box::new(int))),
        (Arc::new(row), SqlType::Row(vec![field])),
    ];
    for (column, to) in columns {
        let target = ColumnType::nullable(to);
        let function = cast_udf(target.clone(), false, &FunctionContext::default());
        let result = function
            .invoke_with_args(ScalarFunctionArgs {
                arg_fields: vec![Arc::new(Field::new("c", column.data_type().clone(), true))],
                number_rows: column.len(),
                args: vec![ColumnarValue::Array(Arc::clone(&column))],
                return_field: Arc::new(target.field("c")),
                config_options: Arc::default(),
            })
            .unwrap();
        assert_eq!(
            result.into_array(0).unwrap().null_count(),
            column.null_count()
        );
    }
}
