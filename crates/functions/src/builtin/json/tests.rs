//! JSON functions.

use datafusion_common::ScalarValue;

use crate::testing::{
    NO_STR, b, call, check, check_error, check_null, dec, i, ints, ltz, s, ts, type_of, x,
};

const DOCUMENT: &str = r#"{"a": {"b": [1, 2.5, "x"]}, "t": true, "n": null}"#;

#[test]
fn json_value_gives_scalars_only() {
    check("json_value", &[s(DOCUMENT), s("$.a.b[0]")], s("1"));
    check("json_value", &[s(DOCUMENT), s("lax $.a.b[2]")], s("x"));
    check("json_value", &[s(DOCUMENT), s("$.t")], s("true"));
    for path in ["$.a", "$.n", "$.missing", "$.a.b[*]"] {
        check_null("json_value", &[s(DOCUMENT), s(path)]);
    }
    check_null("json_value", &[s("{"), s("$.a")]);
    check_null("json_value", &[NO_STR, s("$.a")]);
    check("json_value", &[s(DOCUMENT), s("a.b[0]")], s("1"));
    check_error(
        "json_value",
        &[s(DOCUMENT), s("$.a.b[?(@ ~ 1)]")],
        "cannot read the filter",
    );
    check_null("json_value", &[s(&"[".repeat(10_000)), s("$")]);
    assert_eq!(type_of("json_value", &[s("1"), s("$")]), "STRING");
}

#[test]
fn json_query_gives_objects_and_arrays_only() {
    check(
        "json_query",
        &[s(DOCUMENT), s("$.a")],
        s(r#"{"b":[1,2.5,"x"]}"#),
    );
    check(
        "json_query",
        &[s(DOCUMENT), s("$.a.b[*]")],
        s(r#"[1,2.5,"x"]"#),
    );
    check_null("json_query", &[s(DOCUMENT), s("$.t")]);
    check_null("json_query", &[s("nothing"), s("$")]);
}

#[test]
fn json_exists_finds_what_is_not_null() {
    check("json_exists", &[s(DOCUMENT), s("$.t")], b(true));
    check("json_exists", &[s(DOCUMENT), s("$.n")], b(false));
    check("json_exists", &[s(DOCUMENT), s("$.m")], b(false));
    check("json_exists", &[s("{"), s("$.m")], b(false));
    check("json_exists", &[s("{"), s("$.m"), s("TRUE")], b(true));
    check("json_exists", &[s("{}"), s("$.m"), s("TRUE")], b(true));
    check("json_exists", &[s("{}"), s("lax $.m"), s("TRUE")], b(false));
    check("json_exists", &[s("{"), s("lax $.m"), s("TRUE")], b(false));
    check_null("json_exists", &[s("{"), s("$.m"), s("UNKNOWN")]);
    check_error("json_exists", &[s("{"), s("$.m"), s("ERROR")], "not JSON");
    check_null("json_exists", &[NO_STR, s("$.m")]);
}

#[test]
fn strict_paths_fail_where_lax_ones_are_empty() {
    let value = |json: &str, path: &str| {
        let clauses = [s("DEFAULT"), s("empty"), s("DEFAULT"), s("error")];
        let args = [vec![s(json), s(path)], clauses.to_vec()].concat();
        call("json_value", &args).unwrap().to_string()
    };
    for (json, path, wanted) in [
        ("{}", "$.a", "error"),
        ("{}", "lax $.a", "empty"),
        ("bad", "lax $.a", "error"),
        (r#"{"a": null}"#, "$.a", "error"),
        (r#"{"a": [1]}"#, "$.a", "error"),
        (r#"{"a": [1]}"#, "lax $.a", "empty"),
        (r#"{"a": 1}"#, "$.", "error"),
        (r#"{"a": 1}"#, "$.a", "1"),
    ] {
        assert_eq!(value(json, path), wanted, "{json} {path}");
    }
    let failing = [s("{}"), s("$.a"), s("NULL"), NO_STR, s("ERROR"), NO_STR];
    check_error("json_value", &failing, "the path finds nothing");
}

#[test]
fn json_query_wraps_as_told() {
    let query = |path: &str, wrapper: &str| {
        let json = r#"{"n": null, "b": [1, 2], "a": 1}"#;
        let args = [s(json), s(path), s(wrapper), s("NULL"), s("EMPTY OBJECT")];
        call("json_query", &args).unwrap().to_string()
    };
    for (path, wrapper, wanted) in [
        ("$.a", "WITHOUT", "{}"),
        ("$.a", "CONDITIONAL", "[1]"),
        ("$.a", "UNCONDITIONAL", "[1]"),
        ("$.b", "CONDITIONAL", "[1,2]"),
        ("$.b", "UNCONDITIONAL", "[[1,2]]"),
        ("$.b[*]", "UNCONDITIONAL", "[[1,2]]"),
        ("$", "WITHOUT", r#"{"a":1,"b":[1,2],"n":null}"#),
        ("$.n", "UNCONDITIONAL", "{}"),
        ("lax $.n", "UNCONDITIONAL", "NULL"),
    ] {
        assert_eq!(query(path, wrapper), wanted, "{path} {wrapper}");
    }
    let texts = |json: &str| {
        let args = [s(json), s("$.a")];
        call("json_query_array", &args).unwrap().to_string()
    };
    assert_eq!(
        texts(r#"{"a": [1, "x", null, {"b": 2}]}"#),
        r#"[1, x, , {"b":2}]"#
    );
    assert_eq!(texts(r#"{"a": {"b": 2}}"#), "");
}

#[test]
fn constructors_write_every_type_and_treat_null_as_told() {
    check(
        "json_object",
        &[s("NULL"), s("k"), i(1), s("n"), NO_STR],
        s(r#"{"k":1,"n":null}"#),
    );
    check(
        "json_object",
        &[s("ABSENT"), s("n"), NO_STR, s("k"), b(true)],
        s(r#"{"k":true}"#),
    );
    check("json_object", &[s("NULL")], s("{}"));
    check(
        "json_array",
        &[s("ABSENT"), i(1), NO_STR, s("a\"\n\u{1}")],
        s(r#"[1,"a\"\n\u0001"]"#),
    );
    check(
        "json_array",
        &[s("NULL"), NO_STR, dec(125, 4, 2)],
        s("[null,1.25]"),
    );
    check(
        "json_array",
        &[s("NULL"), ts("2024-02-09 15:04:05"), x(b"hi")],
        s(r#"["2024-02-09T15:04:05.000","aGk="]"#),
    );
    check(
        "json_string",
        &[ltz("2024-02-09 15:04:05.5")],
        s(r#""2024-02-09T15:04:05.500Z""#),
    );
    check("json_string", &[ints(&[Some(1), None])], s("[1,null]"));
    check(
        "json_string",
        &[ScalarValue::Float64(Some(f64::NAN))],
        s("\"NaN\""),
    );
    check_null("json_string", &[NO_STR]);
    check_error("json_object", &[s("NULL"), s("k")], "keys with values");
    check_error("json_object", &[s("NULL"), NO_STR, i(1)], "a key is NULL");
}

#[test]
fn quoting_and_testing() {
    check("json_quote", &[s("a\"b")], s(r#""a\"b""#));
    check("json_unquote", &[s(r#""a\"b""#)], s("a\"b"));
    check("json_unquote", &[s("plain")], s("plain"));
    check("is_json", &[s("[1]"), s("ARRAY")], b(true));
    check("is_json", &[s("[1]"), s("OBJECT")], b(false));
    check("is_json", &[s("[1")], b(false));
    check("is_json", &[NO_STR], b(false));
    check_error("is_json", &[s("1"), s("LIST")], "found 'LIST'");
}
