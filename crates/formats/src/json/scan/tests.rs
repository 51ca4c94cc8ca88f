use proptest::prelude::*;

use super::*;

fn skip(text: &str) -> Result<usize, &'static str> {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor
        .skip(0)
        .map(|()| cursor.at)
        .map_err(|error| error.wanted)
}

#[test]
fn a_skipped_value_is_checked() {
    let good = [
        "null",
        "true",
        "-0.5e+10",
        "0",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "[]",
        "{}",
        "[1,[2,{}],\"]\"]",
        "{\"a\":{\"b\":[{}]},\"c\":\"}\"}",
        " [ 1 , 2 ] ",
    ];
    for text in good {
        assert_eq!(skip(text), Ok(text.trim_end().len()), "{text}");
    }
    let bad = [
        "",
        "nul",
        "nullx",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "+1",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "NaN",
        "tru e",
    ];
    for text in bad {
        assert!(skip(text).is_err(), "{text}");
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused_without_recursion() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert_eq!(skip(&nested(DEPTH_MAX)), Ok(2 * DEPTH_MAX));
    assert_eq!(
        skip(&nested(DEPTH_MAX + 1)),
        Err("at most 128 nested levels")
    );
    assert!(skip(&"[".repeat(1 << 20)).is_err());
    assert!(skip(&"{\"a\":".repeat(1 << 20)).is_err());
}

#[test]
fn escapes_mean_what_rfc_8259_says() {
    let mut out = Vec::new();
    unescape(
        br#"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00 \ud83dx \ude00"#,
        &mut out,
    );
    let text = "\"\\/\u{8}\u{c}\n\r\té😀 \u{fffd}x \u{fffd}";
    assert_eq!(String::from_utf8(out).unwrap(), text);
}

#[test]
fn compacting_keeps_space_in_strings() {
    let mut out = Vec::new();
    compact(b"{ \"a b\" : [ 1 , \"\\\" \" ] }", &mut out);
    assert_eq!(out, b"{\"a b\":[1,\"\\\" \"]}");
}

proptest! {
    #[test]
    fn the_word_scan_finds_what_the_plain_scan_finds(bytes: Vec<u8>, at in 0usize..40) {
        let plain = (at.min(bytes.len())..bytes.len())
            .find(|i| matches!(bytes[*i], b'"' | b'\\' | 0..0x20))
            .unwrap_or(bytes.len().max(at));
        prop_assert_eq!(plain_end(&bytes, at), plain);
    }

    #[test]
    fn skipping_agrees_with_serde_json(text in "[\\[\\]{}:,\"a1\\\\e.\\- ]{0,24}") {
        let mut cursor = Cursor::new(text.as_bytes());
        let ours = cursor.skip(0).and_then(|()| cursor.end()).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // Beyond its range serde_json refuses a number that is spelt right.
        let range = matches!(&theirs, Err(error) if error.to_string().contains("out of range"));
        prop_assert_eq!(ours, theirs.is_ok() || range, "{:?}", text);
    }

    #[test]
    fn any_string_comes_back_from_its_escapes(text: String) {
        let quoted = serde_json::to_string(&text).unwrap();
        let mut cursor = Cursor::new(quoted.as_bytes());
        let found = cursor.string().unwrap();
        let mut out = Vec::new();
        unescape(found.raw, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
