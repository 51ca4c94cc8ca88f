//! Each function: usual values, NULL, edges; constants and columns agree (see `testing`).

use datafusion_common::ScalarValue;
use millstream_core::types::{ColumnType, SqlType};

use crate::testing::{
    NO_INT, NO_STR, b, call, check, check_error, check_null, i, ints, l, null, s, strings, type_of,
};

fn no_ints() -> ScalarValue {
    null(&SqlType::Array(Box::new(ColumnType::nullable(
        SqlType::Int,
    ))))
}

fn map(pairs: &[(&str, Option<i32>)]) -> ScalarValue {
    let args = pairs
        .iter()
        .flat_map(|(key, value)| [s(key), ScalarValue::Int32(*value)]);
    call("map", &args.collect::<Vec<_>>()).unwrap()
}

fn shown(name: &str, args: &[ScalarValue]) -> String {
    call(name, args).unwrap().to_string()
}

#[test]
fn arrays_are_built_and_read_from_position_one() {
    let array = call("array", &[i(1), l(2), NO_INT]).unwrap();
    assert_eq!(array.to_string(), "[1, 2, ]");
    assert_eq!(
        type_of("array", &[i(1), l(2)]),
        "ARRAY<BIGINT NOT NULL> NOT NULL"
    );
    check("item", &[array.clone(), i(2)], l(2));
    check_null("item", &[array.clone(), i(3)]);
    check_null("item", &[array.clone(), i(4)]);
    check_null("item", &[array.clone(), l(i64::MAX)]);
    check_null("item", &[no_ints(), i(1)]);
    check_error("array", &[i(1), s("a")], "arguments of one type");
    check_error("item", &[array, s("a")], "wants a position");
    let zero = call("item", &[ints(&[Some(1)]), i(0)])
        .unwrap_err()
        .to_string();
    assert!(zero.contains("count from 1, found 0"), "{zero}");
}

#[test]
fn cardinality_and_element() {
    check("cardinality", &[ints(&[Some(1), None])], i(2));
    check("cardinality", &[map(&[("a", Some(1))])], i(1));
    check_null("cardinality", &[no_ints()]);
    check("element", &[ints(&[Some(7)])], i(7));
    check_null("element", &[ints(&[])]);
    check_error(
        "element",
        &[ints(&[Some(1), Some(2)])],
        "wants one element, found 2",
    );
    check_error("cardinality", &[i(1)], "wants an ARRAY, MAP or MULTISET");
}

#[test]
fn searching_treats_null_as_a_value() {
    let array = ints(&[Some(1), None, Some(3)]);
    check("array_contains", &[array.clone(), i(3)], b(true));
    check("array_contains", &[array.clone(), l(4)], b(false));
    check("array_contains", &[array.clone(), NO_INT], b(true));
    check("array_position", &[array.clone(), i(3)], i(3));
    check("array_position", &[array.clone(), i(9)], i(0));
    check_null("array_position", &[no_ints(), i(1)]);
    check("array_max", std::slice::from_ref(&array), i(3));
    check("array_min", &[array], i(1));
    check_null("array_max", &[ints(&[None])]);
    check("array_max", &[strings(&[Some("a"), Some("b")])], s("b"));
}

#[test]
fn arrays_as_sets() {
    let array = ints(&[Some(1), None, Some(1), None, Some(2)]);
    check(
        "array_distinct",
        std::slice::from_ref(&array),
        ints(&[Some(1), None, Some(2)]),
    );
    check(
        "array_remove",
        &[array.clone(), i(1)],
        ints(&[None, None, Some(2)]),
    );
    check(
        "array_remove",
        &[array.clone(), NO_INT],
        ints(&[Some(1), Some(1), Some(2)]),
    );
    check(
        "array_union",
        &[array.clone(), ints(&[Some(3)])],
        ints(&[Some(1), None, Some(2), Some(3)]),
    );
    check(
        "array_except",
        &[array.clone(), ints(&[None])],
        ints(&[Some(1), Some(2)]),
    );
    check(
        "array_intersect",
        &[array.clone(), ints(&[Some(2), None])],
        ints(&[None, Some(2)]),
    );
    check_null("array_union", &[array.clone(), no_ints()]);
    check(
        "array_append",
        &[ints(&[Some(1)]), NO_INT],
        ints(&[Some(1), None]),
    );
    check(
        "array_prepend",
        &[ints(&[Some(1)]), i(0)],
        ints(&[Some(0), Some(1)]),
    );
    check_error(
        "array_union",
        &[array, ints_of_maps()],
        "wants arguments of one type",
    );
}

fn ints_of_maps() -> ScalarValue {
    call("array", &[map(&[("a", None)])]).unwrap()
}

#[test]
fn arrays_are_ordered_cut_and_joined() {
    let array = ints(&[Some(2), None, Some(1)]);
    check(
        "array_sort",
        std::slice::from_ref(&array),
        ints(&[None, Some(1), Some(2)]),
    );
    check(
        "array_sort",
        &[array.clone(), b(false)],
        ints(&[Some(2), Some(1), None]),
    );
    check(
        "array_sort",
        &[array.clone(), b(true), b(false)],
        ints(&[Some(1), Some(2), None]),
    );
    check(
        "array_reverse",
        std::slice::from_ref(&array),
        ints(&[Some(1), None, Some(2)]),
    );
    check(
        "array_slice",
        &[array.clone(), i(2)],
        ints(&[None, Some(1)]),
    );
    check("array_slice", &[array.clone(), i(-2), i(-2)], ints(&[None]));
    check(
        "array_slice",
        &[array.clone(), i(0), i(1)],
        ints(&[Some(2)]),
    );
    check("array_slice", &[array.clone(), i(3), i(1)], ints(&[]));
    check(
        "array_slice",
        &[array.clone(), l(i64::MIN), l(i64::MAX)],
        array.clone(),
    );
    check(
        "array_concat",
        &[array.clone(), ints(&[Some(9)])],
        ints(&[Some(2), None, Some(1), Some(9)]),
    );
    check_null("array_concat", &[array.clone(), no_ints()]);
    check_error(
        "array_concat",
        &[array, strings(&[])],
        "wants arguments of one type, found ARRAY<INT>, ARRAY<STRING>",
    );
    let texts = strings(&[Some("a"), None, Some("b")]);
    check("array_join", &[texts.clone(), s("-")], s("a-b"));
    check("array_join", &[texts.clone(), s("-"), s("?")], s("a-?-b"));
    check_null("array_join", &[texts, NO_STR]);
    check("array_join", &[strings(&[]), s("-")], s(""));
}

#[test]
fn maps_are_built_and_read() {
    let ab = map(&[("a", Some(1)), ("b", None), ("a", Some(3))]);
    assert_eq!(ab.to_string(), "[{a:3,b:}]");
    check("item", &[ab.clone(), s("a")], i(3));
    check_null("item", &[ab.clone(), s("b")]);
    check_null("item", &[ab.clone(), s("c")]);
    assert_eq!(shown("map_keys", std::slice::from_ref(&ab)), "[a, b]");
    assert_eq!(shown("map_values", std::slice::from_ref(&ab)), "[3, ]");
    assert_eq!(
        shown("map_entries", std::slice::from_ref(&ab)),
        "[{key: a, value: 3}, {key: b, value: }]"
    );
    let other = map(&[("b", Some(7)), ("c", Some(8))]);
    assert_eq!(shown("map_union", &[ab.clone(), other]), "[{a:3,b:7,c:8}]");
    let zipped = [strings(&[Some("x"), Some("y")]), ints(&[Some(1), Some(2)])];
    assert_eq!(shown("map_from_arrays", &zipped), "[{x:1,y:2}]");
    check_error(
        "map_from_arrays",
        &[strings(&[Some("x")]), ints(&[])],
        "1 keys for 0 values",
    );
    check_error("map", &[s("a")], "wants");
    check_error("map", &[NO_STR, i(1)], "a key of a MAP is NULL");
    assert_eq!(
        type_of("map", &[s("a"), i(1)]),
        "MAP<STRING NOT NULL, INT NOT NULL> NOT NULL"
    );
}

#[test]
fn rows_have_numbered_fields() {
    assert_eq!(shown("row", &[i(1), s("a")]), "{EXPR$0:1,EXPR$1:a}");
    assert_eq!(
        type_of("row", &[i(1), NO_STR]),
        "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` STRING> NOT NULL"
    );
}
