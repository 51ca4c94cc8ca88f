use std::sync::Arc;

use arrow::array::{
    BinaryArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int32Builder, IntervalMonthDayNanoArray, IntervalYearMonthArray, ListArray, MapBuilder,
    StringArray, StringBuilder, Time32MillisecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{Field, Fields, IntervalMonthDayNano};

use super::*;

fn text(array: &dyn Array) -> Vec<String> {
    let one = |row| {
        let mut out = String::new();
        value(&mut out, array, row);
        out
    };
    (0..array.len()).map(one).collect()
}

#[test]
fn floating_point_numbers_look_as_in_java() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.5, "1.5"),
        (100.0, "100.0"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (1.25e10, "1.25E10"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (-12.034, "-12.034"),
        (f64::MAX, "1.7976931348623157E308"),
        (5e-324, "5.0E-324"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ];
    for (number, wanted) in cases {
        assert_eq!(text(&Float64Array::from(vec![number])), [wanted]);
    }
    assert_eq!(
        text(&Float32Array::from(vec![0.1, 3.4e38])),
        ["0.1", "3.4E38"]
    );
}

#[test]
fn decimals_look_as_in_java() {
    let cases = [
        (1250, 2, "12.50"),
        (-5, 2, "-0.05"),
        (0, 2, "0.00"),
        (42, 0, "42"),
        (1, 6, "0.000001"),
        (1, 7, "1E-7"),
        (-125, 10, "-1.25E-8"),
        (0, 10, "0E-10"),
    ];
    for (unscaled, scale, wanted) in cases {
        let array = Decimal128Array::from(vec![unscaled])
            .with_precision_and_scale(20, scale)
            .unwrap();
        assert_eq!(text(&array), [wanted]);
    }
}

#[test]
fn times_leave_out_zero_seconds_and_write_3_6_or_9_digits() {
    let ms = TimestampMillisecondArray::from(vec![
        Some(1_577_836_800_000),
        Some(1_577_836_801_000),
        Some(1_577_836_800_123),
        Some(-1),
        None,
    ]);
    assert_eq!(
        text(&ms),
        [
            "2020-01-01T00:00",
            "2020-01-01T00:00:01",
            "2020-01-01T00:00:00.123",
            "1969-12-31T23:59:59.999",
            "null"
        ]
    );
    let instants = ms.with_timezone("UTC");
    assert_eq!(text(&instants)[0], "2020-01-01T00:00:00Z");
    let nanos = TimestampNanosecondArray::from(vec![1_000, 1, i64::MIN]);
    assert_eq!(
        text(&nanos),
        [
            "1970-01-01T00:00:00.000001",
            "1970-01-01T00:00:00.000000001",
            "1677-09-21T00:12:43.145224192"
        ]
    );
    let times = Time32MillisecondArray::from(vec![36_900_000, 36_930_500]);
    assert_eq!(text(&times), ["10:15", "10:15:30.500"]);
    let dates = Date32Array::from(vec![0, 2_932_897, -719_529]);
    assert_eq!(text(&dates), ["1970-01-01", "+10000-01-01", "-0001-12-31"]);
}

#[test]
fn the_extremes_of_time_have_a_text() {
    assert!(!text(&TimestampMillisecondArray::from(vec![i64::MIN, i64::MAX]))[0].is_empty());
    assert!(!text(&Date32Array::from(vec![i32::MIN, i32::MAX]))[1].is_empty());
}

#[test]
fn intervals_look_as_in_java() {
    assert_eq!(
        text(&IntervalYearMonthArray::from(vec![14, -14, 12, 0])),
        ["P1Y2M", "P-1Y-2M", "P1Y", "P0D"]
    );
    let spans = [
        (1, 5_400_000_000_000),
        (0, -1_500_000_000),
        (0, -500_000_000),
        (0, 0),
    ];
    let spans = spans.map(|(days, nanos)| IntervalMonthDayNano::new(0, days, nanos));
    assert_eq!(
        text(&IntervalMonthDayNanoArray::from(spans.to_vec())),
        ["PT25H30M", "PT-1.5S", "PT-0.5S", "PT0S"]
    );
}

#[test]
fn nested_values_look_as_in_java() {
    let arrays = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]);
    assert_eq!(text(&arrays), ["[1, null]", "[]", "null"]);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("a");
    maps.values().append_value(1);
    maps.keys().append_value("b");
    maps.values().append_null();
    maps.append(true).unwrap();
    assert_eq!(text(&maps.finish()), ["{a=1, b=null}"]);
    let fields = Fields::from(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("s", DataType::Utf8, true),
    ]);
    let rows = StructArray::new(
        fields,
        vec![
            Arc::new(Int32Array::from(vec![7])),
            Arc::new(StringArray::from(vec!["x"])),
        ],
        None,
    );
    assert_eq!(text(&rows), ["+I[7, x]"]);
    assert_eq!(text(&BinaryArray::from(vec![&[1u8, 254][..]])), ["[1, -2]"]);
}

#[test]
fn a_partition_value_always_has_its_seconds() {
    let mut out = String::new();
    partition_value(&mut out, &TimestampMillisecondArray::from(vec![0]), 0);
    assert_eq!(out, "1970-01-01T00:00:00");
}
