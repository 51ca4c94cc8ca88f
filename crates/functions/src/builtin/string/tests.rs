//! Each function: usual values, NULL, edges; constants and columns agree (see `testing`).

use crate::testing::{
    NO_INT, NO_STR, b, check, check_error, check_null, i, s, strings, type_of, x,
};

#[test]
fn case_changes_in_ascii_and_beyond() {
    check("upper", &[s("flink")], s("FLINK"));
    check("upper", &[s("größe")], s("GRÖSSE"));
    check("lower", &[s("ÄB")], s("äb"));
    check("lower", &[s("")], s(""));
    check_null("upper", &[NO_STR]);
    check(
        "initcap",
        &[s("hELLO wORLD-of flink2go")],
        s("Hello World-Of Flink2go"),
    );
    check("initcap", &[s("éa wÖrld")], s("éA WÖRld"));
    check_error("upper", &[i(1)], "wants STRING as argument 1, found INT");
}

#[test]
fn lengths_count_characters_and_have_type_int() {
    check("char_length", &[s("größe")], i(5));
    check("character_length", &[s("")], i(0));
    check("octet_length", &[s("größe")], i(7));
    check_null("char_length", &[NO_STR]);
    assert_eq!(type_of("char_length", &[s("a")]), "INT NOT NULL");
    assert_eq!(type_of("char_length", &[NO_STR]), "INT");
    check_error("char_length", &[], "wants 1 arguments, found 0");
}

#[test]
fn substring_counts_from_one_and_from_the_end() {
    for (start, length, wanted) in [
        (1, 3, "hël"),
        (2, 99, "ëllo"),
        (0, 2, "hë"),
        (-3, 2, "ll"),
        (-9, 2, ""),
        (6, 1, ""),
        (i32::MAX, i32::MAX, ""),
        (i32::MIN, i32::MAX, ""),
        (3, 0, ""),
    ] {
        check("substring", &[s("hëllo"), i(start), i(length)], s(wanted));
    }
    check("substr", &[s("hello"), i(-3)], s("llo"));
    check_null("substring", &[s("hello"), i(1), i(-1)]);
    check_null("substring", &[s("hello"), NO_INT]);
    check("left", &[s("hëllo"), i(2)], s("hë"));
    check("left", &[s("hello"), i(-2)], s(""));
    check("right", &[s("hëllo"), i(4)], s("ëllo"));
    check("right", &[s("hello"), i(99)], s("hello"));
}

#[test]
fn trimming_takes_spaces_or_a_set_of_characters() {
    check("btrim", &[s("  a b ")], s("a b"));
    check("ltrim", &[s("xxyax"), s("xy")], s("ax"));
    check("rtrim", &[s("ax\t"), s("\t")], s("ax"));
    check("btrim", &[s("ééaé"), s("é")], s("a"));
    check("btrim", &[s("aa"), s("a")], s(""));
    check_null("btrim", &[s("a"), NO_STR]);
}

#[test]
fn padding_fills_or_cuts() {
    check("lpad", &[s("7"), i(3), s("0")], s("007"));
    check("rpad", &[s("hi"), i(5), s("é?")], s("hié?é"));
    check("lpad", &[s("hello"), i(2), s("x")], s("he"));
    check_null("lpad", &[s("hello"), i(-1), s("x")]);
    check_null("rpad", &[s("hello"), i(9), s("")]);
    check_error("lpad", &[s("a"), i(i32::MAX), s("x")], "more than");
}

#[test]
fn repeating_is_bounded() {
    check("repeat", &[s("ab"), i(3)], s("ababab"));
    check("repeat", &[s("ab"), i(-3)], s(""));
    check("repeat", &[s(""), i(i32::MAX)], s(""));
    check("space", &[i(2)], s("  "));
    check_error("repeat", &[s("ab"), i(i32::MAX)], "more than");
    check_error("space", &[i(i32::MAX)], "more than");
}

#[test]
fn concatenation_and_null() {
    check("concat", &[s("a"), s("b"), s("c")], s("abc"));
    check_null("concat", &[s("a"), NO_STR]);
    check("concat_ws", &[s("-"), s("a"), NO_STR, s("b")], s("a-b"));
    check("concat_ws", &[s("-"), NO_STR], s(""));
    check_null("concat_ws", &[NO_STR, s("a")]);
    assert_eq!(type_of("concat_ws", &[s("-"), NO_STR]), "STRING NOT NULL");
    check("elt", &[i(2), s("a"), s("b")], s("b"));
    check_null("elt", &[i(3), s("a"), s("b")]);
    check_null("elt", &[i(0), s("a")]);
}

#[test]
fn replacing() {
    check(
        "replace",
        &[s("hello world"), s("world"), s("flink")],
        s("hello flink"),
    );
    check("replace", &[s("ababab"), s("abab"), s("z")], s("zab"));
    check("replace", &[s("ab"), s("b"), s("")], s("a"));
    check("translate", &[s("hello"), s("el"), s("ip")], s("hippo"));
    check("translate", &[s("abc"), s("abc"), s("x")], s("x"));
    check(
        "overlay",
        &[s("xxxxxtest"), s("xxxx"), i(6)],
        s("xxxxxxxxx"),
    );
    check(
        "overlay",
        &[s("xxxxxtest"), s("xxxx"), i(6), i(2)],
        s("xxxxxxxxxst"),
    );
    check("overlay", &[s("ab"), s("x"), i(9)], s("ab"));
    check("reverse", &[s("añb")], s("bña"));
}

#[test]
fn searching_gives_positions_from_one() {
    check("instr", &[s("myteststring"), s("st")], i(5));
    check("instr", &[s("größe"), s("ße")], i(4));
    check("instr", &[s("a"), s("b")], i(0));
    check("instr", &[s("corporate floor"), s("or"), i(3), i(2)], i(14));
    check("instr", &[s("corporate floor"), s("or"), i(-3), i(2)], i(2));
    check("instr", &[s("é"), s(""), i(9), i(1)], i(0));
    check("instr", &[s("é"), s(""), i(1), i(9)], i(0));
    check("locate", &[s("lin"), s("flink")], i(2));
    check("locate", &[s("a"), s("banana"), i(3)], i(4));
    check("locate", &[s("a"), s("banana"), i(0)], i(0));
    check_null("locate", &[NO_STR, s("a")]);
    check("startswith", &[s("flink"), s("fl")], b(true));
    check("endswith", &[x(b"flink"), x(b"nk")], b(true));
    check("startswith", &[s("flink"), s("")], b(true));
    check_error("endswith", &[x(b"a"), s("a")], "found one of each");
    check("levenshtein", &[s("kitten"), s("sitting")], i(3));
}

#[test]
fn split_index_counts_from_zero() {
    for (text, separator, index, wanted) in [
        ("a/b/c", "/", 0, Some("a")),
        ("a/b/c", "/", 2, Some("c")),
        ("a/b/c", "/", 3, None),
        ("a/b/c", "/", -1, None),
        ("a//c", "/", 1, Some("")),
        ("aXYb", "XY", 1, Some("b")),
        ("é-ö", "-", 1, Some("ö")),
        ("a b", "", 1, Some("b")),
        ("", "/", 0, None),
    ] {
        match wanted {
            Some(wanted) => check("split_index", &[s(text), s(separator), i(index)], s(wanted)),
            None => check_null("split_index", &[s(text), s(separator), i(index)]),
        }
    }
    check("split_index", &[s("a,b"), i(44), i(1)], s("b"));
    check_null("split_index", &[s("a,b"), i(300), i(1)]);
    check_null("split_index", &[s("a,b"), NO_STR, i(1)]);
    assert_eq!(type_of("split_index", &[s("a"), s("b"), i(0)]), "STRING");
}

#[test]
fn splitting_into_arrays_and_maps() {
    check(
        "split",
        &[s("a,b,,c"), s(",")],
        strings(&[Some("a"), Some("b"), Some(""), Some("c")]),
    );
    check("split", &[s("añ"), s("")], strings(&[Some("a"), Some("ñ")]));
    check("split", &[s(""), s(",")], strings(&[]));
    check("split", &[s("a,"), s(",")], strings(&[Some("a"), Some("")]));
    check_null("split", &[NO_STR, s(",")]);
    check(
        "substring_index",
        &[s("www.apache.org"), s("."), i(2)],
        s("www.apache"),
    );
    check(
        "substring_index",
        &[s("www.apache.org"), s("."), i(-2)],
        s("apache.org"),
    );
    check("substring_index", &[s("a"), s(""), i(1)], s(""));
    let map = crate::testing::call("str_to_map", &[s("k1=v1,k2,k1=v3")]).unwrap();
    assert_eq!(map.to_string(), "[{k1:v3,k2:}]");
    check_error("str_to_map", &[s("a"), s("("), s("=")], "'(' is not a");
}

#[test]
fn urls_are_taken_apart() {
    let url = "http://user:pw@facebook.com:80/path/p1.php?query=1&k=v#Ref1";
    for (part, wanted) in [
        ("HOST", "facebook.com"),
        ("PATH", "/path/p1.php"),
        ("QUERY", "query=1&k=v"),
        ("REF", "Ref1"),
        ("PROTOCOL", "http"),
        ("FILE", "/path/p1.php?query=1&k=v"),
        ("AUTHORITY", "user:pw@facebook.com:80"),
        ("USERINFO", "user:pw"),
    ] {
        check("parse_url", &[s(url), s(part)], s(wanted));
    }
    check("parse_url", &[s(url), s("QUERY"), s("k")], s("v"));
    check_null("parse_url", &[s(url), s("QUERY"), s("x")]);
    check_null("parse_url", &[s("no url"), s("HOST")]);
    check("parse_url", &[s("http://a?k=1"), s("HOST")], s("a"));
    check(
        "url_encode",
        &[s("https://flink.org/ö a")],
        s("https%3A%2F%2Fflink.org%2F%C3%B6+a"),
    );
    check("url_decode", &[s("a%20b+c%C3%B6")], s("a b cö"));
    check_null("url_decode", &[s("a%2")]);
    check_null("url_decode", &[s("%ff")]);
}

#[test]
fn codes_and_bytes() {
    check("ascii", &[s("abc")], i(97));
    check("ascii", &[s("")], i(0));
    check("ascii", &[s("é")], i(-61));
    check("chr", &[i(97)], s("a"));
    check("chr", &[i(353)], s("a"));
    check("chr", &[i(-1)], s(""));
    check("to_base64", &[s("hello world")], s("aGVsbG8gd29ybGQ="));
    check("to_base64", &[x(&[0xFF])], s("/w=="));
    check("to_base64", &[s("")], s(""));
    check("from_base64", &[s("aGVsbG8gd29ybGQ=")], s("hello world"));
    check_null("from_base64", &[s("a")]);
    check_null("from_base64", &[s("é===")]);
    check("unhex", &[s("537")], x(&[5, 0x37]));
    check_null("unhex", &[s("xy")]);
    check("encode", &[s("aé"), s("ISO-8859-1")], x(&[97, 0xE9]));
    check(
        "encode",
        &[s("aé"), s("utf-16")],
        x(&[0xFE, 0xFF, 0, 97, 0, 0xE9]),
    );
    check("decode", &[x(&[0xFE, 0xFF, 0, 97]), s("UTF-16")], s("a"));
    check("decode", &[x(&[97, 0xE9]), s("US-ASCII")], s("a\u{FFFD}"));
    check_error("encode", &[s("a"), s("EBCDIC")], "found 'EBCDIC'");
    check("is_valid_utf8", &[x(&[0xFF])], b(false));
    check("make_valid_utf8", &[x(&[97, 0xFF])], s("a\u{FFFD}"));
}

#[test]
fn every_function_gives_null_for_null() {
    for spec in super::FUNCTIONS {
        if ["concat_ws", "elt"].contains(&spec.name) {
            continue;
        }
        let args = vec![datafusion_common::ScalarValue::Null; spec.args.len()];
        check_null(spec.name, &args);
    }
}
