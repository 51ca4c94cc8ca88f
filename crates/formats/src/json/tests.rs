use expect_test::{Expect, expect};
use millstream_core::Code;
use millstream_core::types::{ColumnType, SqlType};
use proptest::prelude::*;

use super::*;
use crate::testing::*;

/// What becomes of `input` in a table with `fields` and options `pairs`.
fn decode(fields: &[arrow::datatypes::Field], pairs: &[(&str, &str)], input: &[u8]) -> String {
    let decoder = Json
        .decoder(schema(fields.to_vec()), &options(pairs))
        .unwrap();
    read_all(decoder, input).text()
}

fn check(
    fields: &[arrow::datatypes::Field],
    pairs: &[(&str, &str)],
    input: impl AsRef<[u8]>,
    wanted: Expect,
) {
    wanted.assert_eq(&decode(fields, pairs, input.as_ref()));
}

#[test]
fn every_type_is_read() {
    let fields = [
        column("bool", SqlType::Boolean),
        column("tiny", SqlType::TinyInt),
        column("small", SqlType::SmallInt),
        column("int", SqlType::Int),
        column("big", SqlType::BigInt),
        column("float", SqlType::Float),
        column("double", SqlType::Double),
        column("dec", DECIMAL),
        column("char", SqlType::Char(3)),
        column("str", SqlType::STRING),
        column("bytes", SqlType::BYTES),
        column("date", SqlType::Date),
        column("time", SqlType::Time(3)),
        column("ts0", SqlType::Timestamp(0)),
        column("ts3", SqlType::Timestamp(3)),
        column("ts9", SqlType::Timestamp(9)),
        column("ltz", SqlType::TimestampLtz(6)),
        column("months", SqlType::IntervalYearMonth),
        column("days", SqlType::IntervalDaySecond),
        column("list", array(SqlType::Int)),
        column("map", map(SqlType::Double)),
        column(
            "bag",
            SqlType::Multiset(Box::new(ColumnType::nullable(SqlType::STRING))),
        ),
        column(
            "row",
            row(&[
                ("a", SqlType::Int),
                ("b", array(row(&[("c", SqlType::STRING)]))),
            ]),
        ),
    ];
    let full =
        r#"{"bool":true,"tiny":-128,"small":32767,"int":-2147483648,"big":9223372036854775807,
        "float":1.5,"double":-2.5e-3,"dec":12345678.905,"char":"abc","str":"é\n","bytes":"Zm9v",
        "date":"2020-02-29","time":"10:15:30.25","ts0":"2020-12-30 12:13:14.999",
        "ts3":"2020-12-30 12:13:14.123456","ts9":"2020-12-30 12:13:14.123456789",
        "ltz":"2020-12-30 12:13:14.5Z","months":14,"days":93784005,"list":[1,null,3],
        "map":{"x":1,"y":null},"bag":{"x":2},"row":{"b":[{"c":"d"},null,{}],"a":7}}"#
            .replace('\n', " ");
    let nulls = "{}";
    let texts = r#"{"bool":"TRUE","tiny":"1","small":" 2 ","int":"3","big":"4","float":"NaN","double":"-Infinity","dec":"1e2","str":17}"#;
    check(
        &fields,
        &[],
        format!("{full}\n{nulls}\n{texts}"),
        expect![[r#"
            {"bool":true,"tiny":-128,"small":32767,"int":-2147483648,"big":9223372036854775807,"float":1.5,"double":-0.0025,"dec":12345678.91,"char":"abc","str":"é\n","bytes":"Zm9v","date":"2020-02-29","time":"10:15:30.250","ts0":"2020-12-30 12:13:14","ts3":"2020-12-30 12:13:14.123","ts9":"2020-12-30 12:13:14.123456789","ltz":"2020-12-30 12:13:14.500000","months":"+1-02","days":"+1 02:03:04.005","list":[1,null,3],"map":{"x":1.0,"y":null},"bag":{"x":2},"row":{"a":7,"b":[{"c":"d"},null,{"c":null}]}}
            {"bool":null,"tiny":null,"small":null,"int":null,"big":null,"float":null,"double":null,"dec":null,"char":null,"str":null,"bytes":null,"date":null,"time":null,"ts0":null,"ts3":null,"ts9":null,"ltz":null,"months":null,"days":null,"list":null,"map":null,"bag":null,"row":null}
            {"bool":true,"tiny":1,"small":2,"int":3,"big":4,"float":"NaN","double":"-Infinity","dec":100.00,"char":null,"str":"17","bytes":null,"date":null,"time":null,"ts0":null,"ts3":null,"ts9":null,"ltz":null,"months":null,"days":null,"list":null,"map":null,"bag":null,"row":null}
        "#]],
    );
}

#[test]
fn a_text_column_takes_any_value() {
    check(
        &[column("s", SqlType::STRING)],
        &[],
        "{\"s\": 1.50 }\n{\"s\":true}\n{\"s\": { \"a b\" : [ 1, \"x y\" ] } }\n{\"s\":[]}\n{\"s\":null}\n",
        expect![[r#"
            {"s":"1.50"}
            {"s":"true"}
            {"s":"{\"a b\":[1,\"x y\"]}"}
            {"s":"[]"}
            {"s":null}
        "#]],
    );
}

#[test]
fn a_bad_record_leaves_no_row_and_says_why() {
    let fields = [
        required("id", SqlType::Int),
        column("r", row(&[("d", SqlType::Date), ("l", array(DECIMAL))])),
        column("b", SqlType::Boolean),
        column("x", SqlType::BYTES),
        column("t", SqlType::TimestampLtz(3)),
    ];
    let input = [
        r#"{"id":1,"r":{"d":"2020-01-01","l":[1]},"b":false,"x":"","t":"2020-01-01 00:00:00Z"}"#,
        r#"{"id":2147483648}"#,
        r#"{"r":null}"#,
        r#"{"id":null}"#,
        r#"{"id":1.5}"#,
        r#"{"id":true}"#,
        r#"{"id":[1]}"#,
        r#"{"id":2,"r":{"l":[1,2,"x"]}}"#,
        r#"{"id":2,"r":{"l":[1e9]}}"#,
        r#"{"id":2,"r":{"d":"2020-02-30"}}"#,
        r#"{"id":2,"b":"yes"}"#,
        r#"{"id":2,"b":1}"#,
        r#"{"id":2,"x":"???"}"#,
        r#"{"id":2,"x":1234}"#,
        r#"{"id":2,"t":"2020-01-01 00:00:00"}"#,
        r#"{"id":2,"t":"2020-01-01T00:00:00Z"}"#,
        r#"{"id":3}"#,
    ];
    check(
        &fields,
        &[],
        input.join("\n"),
        expect![[r#"
            {"id":1,"r":{"d":"2020-01-01","l":[1.00]},"b":false,"x":"","t":"2020-01-01 00:00:00.000"}
            {"id":3,"r":null,"b":null,"x":null,"t":null}
            bad 2@84: column 'id' wants INT NOT NULL, found '2147483648', which is out of range
            bad 3@102: column 'id' wants INT NOT NULL, found no such field
            bad 4@113: column 'id' wants INT NOT NULL, found NULL
            bad 5@125: column 'id' wants INT NOT NULL, found '1.5'
            bad 6@136: column 'id' wants INT NOT NULL, found 'true'
            bad 7@148: column 'id' wants INT NOT NULL, found the array '[1]'
            bad 8@159: column 'r.l[2]' wants DECIMAL(10, 2), found 'x'
            bad 9@188: column 'r.l[0]' wants DECIMAL(10, 2), found '1e9', which is out of range
            bad 10@213: column 'r.d' wants DATE, found '2020-02-30'
            bad 11@245: column 'b' wants BOOLEAN, found 'yes'
            bad 12@264: column 'b' wants BOOLEAN, found '1'
            bad 13@279: column 'x' wants BYTES, found '???'
            bad 14@298: column 'x' wants BYTES, found '1234'
            bad 15@316: column 't' wants TIMESTAMP_LTZ(3), found '2020-01-01 00:00:00' without 'Z' or an offset from UTC
            bad 16@351: column 't' wants TIMESTAMP_LTZ(3), found '2020-01-01T00:00:00Z'
        "#]],
    );
}

#[test]
fn what_is_not_json_is_bad_and_the_next_line_is_read() {
    let mut input: Vec<u8> = Vec::new();
    for line in [
        "",
        "  \r",
        "{\"a\":1",
        "{\"a\":1}}",
        "[{\"a\":1}]",
        "null",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":\"x",
        "{\"b\":\"\\x\",\"a\":1}",
        "{\"a\":01}",
        "{\"b\":nul}",
        "\u{1}",
    ] {
        input.extend_from_slice(line.as_bytes());
        input.push(b'\n');
    }
    input.extend_from_slice(b"{\"a\":1,\"b\":\"\xff\"}\n{\"a\":2}\r\n{\"a\":");
    check(
        &[column("a", SqlType::Int)],
        &[],
        input,
        expect![[r#"
            {"a":2}
            bad 3@5: not a JSON record: wanted ',' or '}' at byte 6, found the end of the line
            bad 4@12: not a JSON record: wanted the end of the record at byte 7, found '}'
            bad 5@21: not a JSON record: wanted an object '{...}' at byte 0, found '[{"a":1}]'
            bad 6@31: not a JSON record: wanted an object '{...}' at byte 0, found 'null'
            bad 7@36: not a JSON record: wanted a key in double quotes at byte 7, found '}'
            bad 8@45: not a JSON record: wanted a key in double quotes at byte 1, found ''a':1}'
            bad 9@53: not a JSON record: wanted the closing '"' of a string at byte 7, found the end of the line
            bad 10@61: not a JSON record: wanted an escape such as '\n' or '\u00e9' at byte 6, found '\x","a":1}'
            bad 11@78: not a JSON record: wanted a number without leading zeros at byte 6, found '1}'
            bad 12@87: not a JSON record: wanted a value at byte 5, found 'nul}'
            bad 13@97: not a JSON record: wanted an object '{...}' at byte 0, found '\u{1}'
            bad 14@99: not valid UTF-8: byte 0xff at offset 111
            bad 16@124: not a JSON record: wanted a value at byte 5, found the end of the line
        "#]],
    );
}

#[test]
fn the_last_of_repeated_keys_counts() {
    check(
        &[
            column("a", SqlType::Int),
            column("m", map(SqlType::Int)),
            column("l", array(SqlType::Int)),
        ],
        &[],
        r#"{"a":1,"a":2}
{"l":[1,2],"m":{"k":1,"j":2,"\u006b":3},"l":[4]}
{"a":1,"a":null,"m":{"k":1,"k":"x","k":2}}"#,
        expect![[r#"
            {"a":2,"m":null,"l":null}
            {"a":null,"m":{"k":3,"j":2},"l":[4]}
            bad 3@63: column 'm['k']' wants INT, found 'x'
        "#]],
    );
    let many: String = (0..40).map(|i| format!("\"k{}\":{i},", i % 20)).collect();
    let text = decode(
        &[column("m", map(SqlType::Int))],
        &[],
        format!("{{\"m\":{{{many}\"z\":0}}}}").as_bytes(),
    );
    assert!(text.starts_with("{\"m\":{\"k0\":20,\"k1\":21,"), "{text}");
    assert!(text.ends_with("\"k19\":39,\"z\":0}}\n"), "{text}");
}

#[test]
fn keys_are_found_in_any_order_and_spelling() {
    let fields = [
        column("a", SqlType::Int),
        column("é", SqlType::Int),
        column("c\"", SqlType::Int),
    ];
    check(
        &fields,
        &[],
        r#"{"a":1,"é":2,"c\"":3}
{"c\"":3,"a":1,"\u00e9":2}
{ "é" : 2 , "a" : 1 , "x" : {"a":9} , "c\u0022" : 3 }
{"x":0,"a":1,"é":2,"y":0,"c\"":3}
{"aa":1}"#,
        expect![[r#"
            {"a":1,"é":2,"c\"":3}
            {"a":1,"é":2,"c\"":3}
            {"a":1,"é":2,"c\"":3}
            {"a":1,"é":2,"c\"":3}
            {"a":null,"é":null,"c\"":null}
        "#]],
    );
}

#[test]
fn ignored_errors_become_null_or_pass_and_are_counted() {
    let fields = [
        column("a", SqlType::Int),
        column("r", row(&[("b", SqlType::Int), ("c", array(SqlType::Int))])),
        required("d", SqlType::Int),
    ];
    check(
        &fields,
        &[("ignore-parse-errors", "true")],
        r#"{"a":"x","d":1}
{"a":1,"r":{"b":{"z":[]},"c":[1,"y",3]},"d":2}
{"a":1,"d":"x"}
{"a":1,"d":
{"a":1,"r":7,"d":3}"#,
        expect![[r#"
            {"a":null,"r":null,"d":1}
            {"a":1,"r":{"b":null,"c":[1,null,3]},"d":2}
            {"a":1,"r":null,"d":3}
            ignored 1@0: column 'a' wants INT, found 'x'; it became NULL
            ignored 2@16: column 'r.b' wants INT, found the object '{"z":[]}'; it became NULL
            ignored 3@63: column 'd' wants INT NOT NULL, found 'x'
            ignored 4@79: not a JSON record: wanted a value at byte 11, found the end of the line
            ignored 5@91: column 'r' wants ROW<`b` INT, `c` ARRAY<INT>>, found '7'; it became NULL
        "#]],
    );
}

#[test]
fn a_missing_field_fails_if_asked_for() {
    check(
        &[column("a", SqlType::Int), column("b", SqlType::Int)],
        &[("fail-on-missing-field", "true")],
        "{\"a\":1}\n{\"b\":null,\"a\":1}",
        expect![[r#"
            {"a":1,"b":null}
            bad 1@0: column 'b' wants INT, found no such field
        "#]],
    );
}

#[test]
fn iso_timestamps_may_have_offsets() {
    check(
        &[
            column("t", SqlType::Timestamp(3)),
            column("l", SqlType::TimestampLtz(3)),
        ],
        &[("timestamp-format.standard", "iso-8601")],
        r#"{"t":"2020-12-30T12:13:14.123","l":"2020-12-30T12:13:14.123Z"}
{"t":"2020-12-30T12:13","l":"2020-12-30T12:13:14+02:00"}
{"t":"2020-12-30T12:13:14+02:00"}
{"t":"2020-12-30 12:13:14"}"#,
        expect![[r#"
            {"t":"2020-12-30 12:13:14.123","l":"2020-12-30 12:13:14.123"}
            {"t":"2020-12-30 12:13:00.000","l":"2020-12-30 10:13:14.000"}
            {"t":"2020-12-30 10:13:14.000","l":null}
            bad 4@154: column 't' wants TIMESTAMP(3), found '2020-12-30 12:13:14'
        "#]],
    );
}

#[test]
fn zero_timestamps_become_null_if_asked_for() {
    let fields = [
        column("t", SqlType::Timestamp(3)),
        required("s", SqlType::Timestamp(3)),
    ];
    check(
        &fields,
        &[("zero-timestamp.behavior", "convert_to_null")],
        r#"{"t":"0000-00-00 00:00:00","s":"2020-01-01 00:00:00"}
{"s":"0000-00-00 00:00:00"}"#,
        expect![[r#"
            {"t":null,"s":"2020-01-01 00:00:00.000"}
            bad 2@54: column 's' wants TIMESTAMP(3) NOT NULL, found '0000-00-00 00:00:00'
        "#]],
    );
}

#[test]
fn nesting_beyond_the_limit_is_bad_wherever_it_is() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    let fields = [column("a", SqlType::Int), column("s", SqlType::STRING)];
    for key in ["a", "s", "other"] {
        let text = decode(&fields, &[], format!("{{\"{key}\":{deep}}}").as_bytes());
        assert!(
            text.contains("wanted at most 128 nested levels"),
            "{key}: {text}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_passed_over_at_the_start_only() {
    check(
        &[column("a", SqlType::Int)],
        &[],
        "\u{feff}{\"a\":1}\n\u{feff}{\"a\":2}\n",
        expect![[r#"
            {"a":1}
            bad 2@11: not a JSON record: wanted an object '{...}' at byte 0, found '﻿{"a":2}'
        "#]],
    );
}

#[test]
fn a_line_beyond_the_limit_is_one_bad_record_however_it_arrives() {
    let fields = schema(vec![column("a", SqlType::STRING)]);
    let input = format!(
        "{{\"a\":\"1\"}}\n{{\"a\":\"{}\"}}\n{{\"a\":\"2\"}}\n",
        "x".repeat(500)
    );
    let limited = || {
        let rules = rules(&options(&[])).unwrap();
        decode::Decoder::new(SchemaRef::clone(&fields), rules)
            .unwrap()
            .with_record_bytes_max(100)
    };
    let whole = read(&mut limited(), input.as_bytes(), &[]);
    assert_eq!(
        whole.text(),
        "{\"a\":\"1\"}\n{\"a\":\"2\"}\nbad 2@10: a record longer than 100 bytes\n"
    );
    for step in [1, 7, 50, 101, 300] {
        let cuts: Vec<usize> = (0..input.len()).step_by(step).collect();
        assert_eq!(read(&mut limited(), input.as_bytes(), &cuts), whole);
    }
}

#[test]
fn batches_end_at_the_wanted_number_of_rows_and_bad_records() {
    let mut decoder = Json
        .decoder(schema(vec![column("a", SqlType::Int)]), &options(&[]))
        .unwrap();
    decoder.set_batch_rows(3);
    let input = "{\"a\":1}\n".repeat(4);
    assert_eq!(decoder.decode(input.as_bytes(), true).unwrap(), 24);
    assert!(decoder.is_full());
    assert_eq!(decoder.flush().unwrap().num_rows(), 3);
    assert_eq!(decoder.decode(&input.as_bytes()[24..], true).unwrap(), 8);
    assert_eq!(decoder.flush().unwrap().num_rows(), 1);

    let wrong = "x\n".repeat(5000);
    let used = decoder.decode(wrong.as_bytes(), true).unwrap();
    assert!(decoder.is_full() && used < wrong.len());
    assert_eq!(decoder.flush().unwrap().num_rows(), 0);
    assert!(
        !decoder.is_full(),
        "a reader that never takes bad records still gets on"
    );
    assert_eq!(decoder.take_bad().len() * 2, used);
}

#[test]
fn messages_are_decoded_one_after_the_other() {
    let mut decoder = Json
        .decoder(schema(vec![column("a", SqlType::Int)]), &options(&[]))
        .unwrap();
    for message in ["{\"a\":1}", "\u{feff}{\"a\":2}", "x", "{\"a\":3}\n", ""] {
        assert_eq!(
            decoder.decode(message.as_bytes(), true).unwrap(),
            message.len()
        );
    }
    assert_eq!(
        json_rows(&decoder.flush().unwrap()),
        ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]
    );
    let bad = decoder.take_bad();
    assert_eq!((bad[0].offset, bad[0].line), (17, 3));
}

#[test]
fn a_table_without_wanted_columns_still_counts_its_rows() {
    let full = schema(vec![column("a", SqlType::Int)]);
    let mut decoder = Json.projected_decoder(full, &[], &options(&[])).unwrap();
    decoder.decode(b"{\"a\":1}\n{\"a\":2}\n", true).unwrap();
    assert_eq!(decoder.flush().unwrap().num_rows(), 2);
}

#[test]
fn options_are_checked_at_once() {
    let json = |pairs: &[(&str, &str)]| {
        let schema = schema(vec![column("a", SqlType::Int)]);
        Json.decoder(schema, &options(pairs))
            .err()
            .expect("it is refused")
    };
    assert_eq!(
        json(&[("ignore-parse-error", "true")]).hint_text(),
        Some("did you mean 'ignore-parse-errors'?")
    );
    assert_eq!(
        json(&[("ignore-parse-errors", "maybe")]).code(),
        Code::InvalidOption
    );
    assert_eq!(
        json(&[("timestamp-format.standard", "RFC")]).code(),
        Code::InvalidOption
    );
    assert_eq!(
        json(&[("map-null-key.mode", "KEEP")]).code(),
        Code::InvalidOption
    );
    assert_eq!(
        json(&[("decode.json-parser.enabled", "1")]).code(),
        Code::InvalidOption
    );
    assert_eq!(
        json(&[("zero-timestamp.behavior", "")]).code(),
        Code::InvalidOption
    );
    assert_eq!(
        json(&[("encode.ignore-null-fields", "")]).code(),
        Code::InvalidOption
    );
    let both = [
        ("ignore-parse-errors", "true"),
        ("fail-on-missing-field", "true"),
    ];
    assert_eq!(json(&both).code(), Code::InvalidOption);
}

#[test]
fn a_map_without_text_keys_is_refused() {
    let key = Box::new(ColumnType::nullable(SqlType::Int));
    let bag = schema(vec![column("m", array(SqlType::Multiset(key)))]);
    let error = Json
        .decoder(SchemaRef::clone(&bag), &options(&[]))
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(Json.encoder(bag, &options(&[])).is_err());
}

/// What `input` looks like after it has been read and written again.
fn rewrite(fields: &[arrow::datatypes::Field], pairs: &[(&str, &str)], input: &str) -> String {
    let (schema, options) = (schema(fields.to_vec()), options(pairs));
    let mut decoder = Json.decoder(SchemaRef::clone(&schema), &options).unwrap();
    decoder.decode(input.as_bytes(), true).unwrap();
    assert_eq!(decoder.take_bad(), []);
    let mut encoder = Json.encoder(schema, &options).unwrap();
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    encoder
        .encode(&decoder.flush().unwrap(), &mut out, &mut ends)
        .unwrap();
    assert_eq!(ends.last(), Some(&out.len()));
    assert_eq!(ends.len(), input.lines().count());
    String::from_utf8(out).unwrap()
}

#[test]
fn values_are_written_as_flink_writes_them() {
    let fields = [
        column("b", SqlType::Boolean),
        column("d", SqlType::Double),
        column("f", SqlType::Float),
        column("n", DECIMAL),
        column("s", SqlType::STRING),
        column("x", SqlType::BYTES),
        column("t", SqlType::Timestamp(6)),
        column("l", SqlType::TimestampLtz(3)),
        column("c", SqlType::Time(3)),
        column("i", SqlType::IntervalDaySecond),
        column(
            "r",
            row(&[("a", array(SqlType::Int)), ("m", map(SqlType::Date))]),
        ),
    ];
    let input = r#"{"b":true,"d":1e10,"f":"NaN","n":100000,"s":"\"\\\n\u0001é/","x":"Zm9v","t":"2020-01-01 00:00:00.1200","l":"2020-01-01 00:00:00Z","c":"01:02:03","i":-1,"r":{"a":[1,null],"m":{"k":"2020-01-01"}}}"#;
    expect![[r#"
        {"b":true,"d":1.0E10,"f":"NaN","n":1E+5,"s":"\"\\\n\u0001é/","x":"Zm9v","t":"2020-01-01 00:00:00.12","l":"2020-01-01 00:00:00Z","c":"01:02:03","i":-1,"r":{"a":[1,null],"m":{"k":"2020-01-01"}}}
        {"b":null,"d":null,"f":null,"n":null,"s":null,"x":null,"t":null,"l":null,"c":null,"i":null,"r":null}
    "#]]
    .assert_eq(&rewrite(&fields, &[], &format!("{input}\n{{}}")));
}

#[test]
fn the_encoder_follows_its_options() {
    let fields = [
        column("n", DECIMAL),
        column("t", SqlType::TimestampLtz(3)),
        column("r", row(&[("a", SqlType::Int), ("b", SqlType::Int)])),
    ];
    let pairs = [
        ("encode.decimal-as-plain-number", "true"),
        ("encode.ignore-null-fields", "true"),
        ("timestamp-format.standard", "ISO-8601"),
    ];
    let input = "{\"n\":100000,\"t\":\"2020-01-01T00:00:00Z\",\"r\":{\"b\":1}}\n{\"r\":{}}\n{}";
    expect![[r#"
        {"n":100000,"t":"2020-01-01T00:00:00Z","r":{"b":1}}
        {"r":{}}
        {}
    "#]]
    .assert_eq(&rewrite(&fields, &pairs, input));
}

/// Lines that mean something, nearly mean something, or mean nothing.
fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        (any::<i32>(), "[a-zé\"\\\\ ]{0,9}", any::<Option<bool>>()).prop_map(|(a, s, b)| {
            serde_json::json!({"a": a, "s": s, "l": [a, 1], "b": b}).to_string()
        }),
        "\\{\"a\":[0-9]{1,12}[,}][ \"s:{}]{0,4}",
        "[ \\r]{0,3}",
        ".{0,12}",
    ]
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(
        lines in prop::collection::vec(any_line(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        batch_rows in 1usize..5,
        ignore: bool,
    ) {
        let input = lines.join("\n").into_bytes();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        let fields = schema(vec![
            required("a", SqlType::Int),
            column("s", SqlType::STRING),
            column("l", array(SqlType::TinyInt)),
        ]);
        let options = options(&[("ignore-parse-errors", if ignore { "true" } else { "false" })]);
        let mut decoder = Json.decoder(SchemaRef::clone(&fields), &options).unwrap();
        let whole = read(decoder.as_mut(), &input, &[]);
        let mut decoder = Json.decoder(fields, &options).unwrap();
        decoder.set_batch_rows(batch_rows);
        prop_assert_eq!(read(decoder.as_mut(), &input, &cuts), whole);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(input: Vec<u8>, ignore: bool) {
        let fields = schema(vec![column("a", map(array(DECIMAL))), column("", SqlType::Time(0))]);
        let options = options(&[("ignore-parse-errors", if ignore { "true" } else { "false" })]);
        read_all(Json.decoder(fields, &options).unwrap(), &input);
    }

    #[test]
    fn rows_survive_writing_and_reading(
        rows in prop::collection::vec(
            (any::<Option<i64>>(), any::<Option<String>>(), any::<Option<f64>>(), any::<Vec<Option<i32>>>(), any::<i64>()),
            1..20,
        )
    ) {
        let fields = [
            column("i", SqlType::BigInt),
            column("s", SqlType::STRING),
            column("d", SqlType::Double),
            column("l", array(SqlType::Int)),
            column("n", SqlType::Decimal { precision: 38, scale: 19 }),
        ];
        let lines = rows.iter().map(|(i, s, d, l, n)| {
            let d = d.filter(|d| d.is_finite());
            serde_json::json!({"i": i, "s": s, "d": d, "l": l, "n": n}).to_string()
        });
        let first = rewrite(&fields, &[], &lines.collect::<Vec<_>>().join("\n"));
        prop_assert_eq!(rewrite(&fields, &[], &first), first.clone());
        for (line, (i, s, d, l, n)) in first.lines().zip(&rows) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(value["i"].as_i64(), *i);
            prop_assert_eq!(value["s"].as_str(), s.as_deref());
            // Not by serde_json, which reads the last digit of a double only nearly right.
            let number = |key: &str| {
                let (_, rest) = line.rsplit_once(key).unwrap();
                rest.split([',', '}']).next().unwrap().parse::<f64>().ok()
            };
            prop_assert_eq!(number("\"d\":"), d.filter(|d| d.is_finite()));
            prop_assert_eq!(number("\"n\":"), Some(*n as f64));
            prop_assert_eq!(&value["l"], &serde_json::json!(l));
        }
    }
}

#[test]
fn a_message_is_one_record_on_any_number_of_lines() {
    let fields = [column("a", SqlType::Int), column("b", SqlType::STRING)];
    let decoder = Json
        .decoder(schema(fields.to_vec()), &options(&[]))
        .unwrap();
    let messages: &[&[u8]] = &[
        b"{\"a\": 1,\n \"b\": \"x\"\n}\n",
        b"\xef\xbb\xbf{\"a\": 2}",
        b"{\"a\": 3}\n{\"a\": 4}",
        b"",
        b" \n",
        b"{\"a\": 5} xyz",
        b"{\"a\":",
        b"\xff",
        b"{\"a\": 6}",
    ];
    expect![[r#"
        {"a":1,"b":"x"}
        {"a":2,"b":null}
        {"a":6,"b":null}
        bad 1@0: not a JSON record: wanted the end of the record at byte 9, found '{"a": 4}'
        bad 1@0: not a JSON record: wanted an object '{...}', found nothing
        bad 1@0: not a JSON record: wanted an object '{...}', found nothing
        bad 1@0: not a JSON record: wanted the end of the record at byte 9, found 'xyz'
        bad 1@0: not a JSON record: wanted a value at byte 5, found the end of the line
        bad 1@0: not valid UTF-8: byte 0xff at offset 0
    "#]]
    .assert_eq(&read_messages(decoder, messages).text());
}
