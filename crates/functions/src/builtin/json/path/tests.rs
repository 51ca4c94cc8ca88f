use serde_json::Value;

use super::*;

fn found(path: &str, json: &str) -> String {
    let json: Value = serde_json::from_str(json).unwrap();
    match Path::parse(path).unwrap().find(&json) {
        Found::Value(value) => value.to_string(),
        Found::Missing => "missing".into(),
    }
}

#[test]
fn a_path_walks_members_and_elements() {
    let json = r#"{"a": {"b c": [10, {"d": 1}, {"d": 2}]}, "é": 3, "n": null}"#;
    for (path, wanted) in [
        ("$.a['b c'][0]", "10"),
        ("lax $.a[\"b c\"][1].d", "1"),
        ("strict $.é", "3"),
        ("LAX $.é", "3"),
        ("é", "3"),
        ("$['a']['b c'][ 2 ]['d']", "2"),
        ("$.a['b c'][-1].d", "2"),
        ("$.a['b c'][*].d", "[1,2]"),
        ("$.[\"a\"].['b c'].[0]", "10"),
        ("$.a.*[0]", "[10]"),
        ("$..d", "[1,2]"),
        ("$.a..d", "[1,2]"),
        ("$.a['b c'][0,1]", "[10,{\"d\":1}]"),
        ("$.a['b c'][0:1]", "[10]"),
        ("$.a['b c'][-1:]", "[{\"d\":2}]"),
        ("$['é','n','x']", "{\"é\":3,\"n\":null}"),
        ("$.n", "null"),
        ("$.missing.x", "missing"),
        ("$.a[0]", "missing"),
        ("$.a.x[*]", "missing"),
        ("lax $.a.x[*]", "[]"),
        ("$.a['b c'][*].x", "[]"),
    ] {
        assert_eq!(found(path, json), wanted, "{path}");
    }
}

#[test]
fn everything_below_comes_with_the_upper_values_first() {
    let json = r#"{"a": 1, "b": ["x", "y"]}"#;
    assert_eq!(found("$..*", json), r#"[1,["x","y"],"x","y"]"#);
    assert_eq!(found("$.*", json), r#"[1,["x","y"]]"#);
    assert_eq!(found("$..[0]", json), r#"["x"]"#);
}

#[test]
fn functions_count_and_sum() {
    for (path, wanted) in [
        ("$.size()", "3"),
        ("$.length()", "3"),
        ("$.min()", "1.0"),
        ("$.max()", "3.0"),
        ("$.avg()", "2.0"),
        ("$.sum()", "6.0"),
        ("$.stddev()", "0.8164965809277263"),
        ("$.first()", "3"),
        ("$.last()", "2"),
        ("$.keys()", "missing"),
    ] {
        assert_eq!(found(path, "[3, 1, 2]"), wanted, "{path}");
    }
    assert_eq!(found("$.keys()", r#"{"a": 1, "b": 2}"#), r#"["a","b"]"#);
    assert_eq!(found("$.length()", "\"abc\""), "missing");
}

#[test]
fn a_filter_picks_elements() {
    let json = r#"[{"x": 1, "y": "pa"}, {"x": 2, "y": "q"}, {"y": "r"}]"#;
    for (path, wanted) in [
        ("$[?(@.x > 1)].y", r#"["q"]"#),
        ("$[?(@.x >= 1 && @.y == 'q')].x", "[2]"),
        ("$[?(@.x == 1.0)].x", "[1]"),
        ("$[?(@.x)].x", "[1,2]"),
        ("$[?(!@.x)].y", r#"["r"]"#),
        ("$[?(@.y != \"q\" || @.x < 2)].y", r#"["pa","r"]"#),
        ("$[?(@.x in [1, 3])].x", "[1]"),
        ("$[?(@.y =~ /P.*/i)].x", "[1]"),
        ("$[?((@.x == 1))].x", "[1]"),
        ("$[?(@.x == $[1].x)].y", r#"["q"]"#),
    ] {
        assert_eq!(found(path, json), wanted, "{path}");
    }
    assert_eq!(found("$[?(@ == \"x\")]", r#"["x", "y"]"#), r#"["x"]"#);
}

#[test]
fn a_wrong_path_is_none_and_a_strange_filter_is_refused() {
    for path in [
        "", "$.", "$[", "$[last]", "$['a", "$['a'", "$[é]", "$x", "$['\\", "$.a b", "$..", "$[:]",
        "$.nope()", "$.a(",
    ] {
        assert!(matches!(Path::parse(path), Err(Wrong::Path)), "{path}");
    }
    for path in ["$[?(@.x ~ 1)]", "$[?(1)]", "$[?x]", "$[?(@.a == )]"] {
        let wrong = Path::parse(path);
        assert!(matches!(wrong, Err(Wrong::Unsupported(_))), "{path}");
    }
    assert!(Path::parse(&format!("${}", "[0]".repeat(1000))).is_err());
    assert!(Path::parse(&format!("$[?({}", "!".repeat(100_000))).is_err());
}
