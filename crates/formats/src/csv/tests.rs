use arrow::datatypes::Field;
use expect_test::{Expect, expect};
use millstream_core::Code;
use millstream_core::types::SqlType;
use proptest::prelude::*;

use super::*;
use crate::testing::*;

fn decode(fields: &[Field], pairs: &[(&str, &str)], input: &[u8]) -> String {
    let decoder = Csv
        .decoder(schema(fields.to_vec()), &options(pairs))
        .unwrap();
    read_all(decoder, input).text()
}

fn check(fields: &[Field], pairs: &[(&str, &str)], input: impl AsRef<[u8]>, wanted: Expect) {
    wanted.assert_eq(&decode(fields, pairs, input.as_ref()));
}

fn two() -> [Field; 2] {
    [column("a", SqlType::Int), column("b", SqlType::STRING)]
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
        column("str", SqlType::STRING),
        column("bytes", SqlType::BYTES),
        column("date", SqlType::Date),
        column("time", SqlType::Time(0)),
        column("ts", SqlType::Timestamp(3)),
        column("ltz", SqlType::TimestampLtz(3)),
        column("months", SqlType::IntervalYearMonth),
        column("days", SqlType::IntervalDaySecond),
        column("list", array(SqlType::Int)),
        column("row", row(&[("a", SqlType::Int), ("b", SqlType::STRING)])),
    ];
    check(
        &fields,
        &[],
        "true,-128,32767, 7 ,-1,1.5,1e3,1.005,a b,Zm9v,2020-01-01,10:15:30.9,2020-01-01 10:15:30.123,2020-01-01T10:15:30Z,14,-1,1;;3,4;x\n\
         ,,,,,,,,,,,,,,,,,\n",
        expect![[r#"
            {"bool":true,"tiny":-128,"small":32767,"int":7,"big":-1,"float":1.5,"double":1000.0,"dec":1.01,"str":"a b","bytes":"Zm9v","date":"2020-01-01","time":"10:15:30","ts":"2020-01-01 10:15:30.123","ltz":"2020-01-01 10:15:30.000","months":"+1-02","days":"-0 00:00:00.001","list":[1,null,3],"row":{"a":4,"b":"x"}}
            {"bool":null,"tiny":null,"small":null,"int":null,"big":null,"float":null,"double":null,"dec":null,"str":"","bytes":"","date":null,"time":null,"ts":null,"ltz":null,"months":null,"days":null,"list":[],"row":null}
        "#]],
    );
}

#[test]
fn quotes_hold_delimiters_line_breaks_and_quotes() {
    check(
        &two(),
        &[],
        "1,\"x,y\"\r\n2,\"a\nb\"\n3,\"say \"\"hi\"\"\"\r4,in \"the\" middle\n\"5\",\"\" \n6,last",
        expect![[r#"
            {"a":1,"b":"x,y"}
            {"a":2,"b":"a\nb"}
            {"a":3,"b":"say \"hi\""}
            {"a":4,"b":"in \"the\" middle"}
            {"a":5,"b":""}
            {"a":6,"b":"last"}
        "#]],
    );
}

#[test]
fn a_bad_record_leaves_no_row_and_says_where_it_was() {
    let fields = [
        required("a", SqlType::Int),
        column("l", array(SqlType::Int)),
        column("r", row(&[("x", SqlType::Int)])),
    ];
    let input: Vec<u8> = [
        &b"1,1;2,3\n"[..],
        b"x,,\n",
        b",,\n",
        b"99999999999,,\n",
        b"2,1;x,\n",
        b"2,1,1;2\n",
        b"2,1,x\n",
        b"2,1\n",
        b"2,1,1,4\n",
        b"\"2\n\",\"1\",1,4\n",
        b"2,\xff,\n",
        b"3,,\n",
    ]
    .concat();
    check(
        &fields,
        &[],
        input,
        expect![[r#"
            {"a":1,"l":[1,2],"r":{"x":3}}
            {"a":3,"l":[],"r":null}
            bad 2@8: column 'a' wants INT NOT NULL, found 'x'
            bad 3@12: column 'a' wants INT NOT NULL, found NULL
            bad 4@15: column 'a' wants INT NOT NULL, found '99999999999', which is out of range
            bad 5@29: column 'l[1]' wants INT, found 'x'
            bad 6@36: column 'r' wants ROW<`x` INT>, found '1;2'
            bad 7@44: column 'r.x' wants INT, found 'x'
            bad 8@50: the record has 2 columns, wanted 3
            bad 9@54: the record has 4 columns, wanted 3
            bad 10@62: the record has 4 columns, wanted 3
            bad 12@75: not valid UTF-8: byte 0xff at offset 77
        "#]],
    );
}

#[test]
fn one_stray_quote_costs_one_line() {
    check(
        &two(),
        &[],
        "1,\"x\n2,\"y\"\n3,\"z\"w\n4,q\n5,\"open\n",
        expect![[r#"
            {"a":2,"b":"y"}
            {"a":4,"b":"q"}
            bad 1@0: not a CSV record: wanted a delimiter or a line break after the closing quote at byte 8, found 'y'
            bad 3@11: not a CSV record: wanted a delimiter or a line break after the closing quote at byte 5, found 'w'
            bad 5@22: not a CSV record: wanted the closing quote of a field at byte 8, found the end of the input
        "#]],
    );
}

#[test]
fn blank_lines_pass_except_in_a_table_of_one_column() {
    check(
        &two(),
        &[],
        "\n1,x\n\r\n\n",
        expect![[r#"
            {"a":1,"b":"x"}
        "#]],
    );
    check(
        &[column("a", SqlType::Int)],
        &[],
        "1\n\n2\n",
        expect![[r#"
            {"a":1}
            {"a":null}
            {"a":2}
        "#]],
    );
}

#[test]
fn a_header_is_named_as_what_it_is_or_left_out() {
    check(
        &two(),
        &[],
        "A, b\n1,x\na,b\n",
        expect![[r#"
            {"a":1,"b":"x"}
            bad 1@0: column 'a' wants INT, found 'A'; the line holds the names of the columns: 'csv.ignore-first-line' = 'true' leaves it out
            bad 3@9: column 'a' wants INT, found 'a'
        "#]],
    );
    check(
        &two(),
        &[("ignore-first-line", "true"), ("allow-comments", "true")],
        "\u{feff}# a comment, \"with\n\na,b\n1,x\n#2,y\n3,#z\n",
        expect![[r##"
            {"a":1,"b":"x"}
            {"a":3,"b":"#z"}
        "##]],
    );
}

#[test]
fn dialects() {
    check(
        &two(),
        &[
            ("field-delimiter", "\\t"),
            ("quote-character", "'"),
            ("escape-character", "\\"),
        ],
        "1\t'a\\'b''c\td'\n2\tx\\\ty\\n\\0\n3\t\"q\"\n",
        expect![[r#"
            {"a":1,"b":"a'b'c\td"}
            {"a":2,"b":"x\ty\n\u0000"}
            {"a":3,"b":"\"q\""}
        "#]],
    );
    check(
        &two(),
        &[
            ("field-delimiter", "\\u007C"),
            ("disable-quote-character", "true"),
        ],
        "1|\"x\n2|y\"\n",
        expect![[r#"
            {"a":1,"b":"\"x"}
            {"a":2,"b":"y\""}
        "#]],
    );
    check(
        &[
            column("l", array(SqlType::STRING)),
            column("b", SqlType::STRING),
        ],
        &[("array-element-delimiter", "/"), ("trim-spaces", "true")],
        " a/b c ,  x y \n d , \" q \" \n",
        expect![[r#"
            {"l":["a","b c"],"b":"x y"}
            {"l":["d"],"b":" q "}
        "#]],
    );
}

#[test]
fn null_literals() {
    check(
        &two(),
        &[("null-literal", "N/A")],
        "N/A,N/A\n,\n\"N/A\",n/a\n",
        expect![[r#"
            {"a":null,"b":null}
            {"a":null,"b":""}
            {"a":null,"b":"n/a"}
        "#]],
    );
    for pair in [("null-literal", ""), ("empty-string-as-null", "true")] {
        check(
            &two(),
            &[pair],
            "1,\n",
            expect![[r#"
                {"a":1,"b":null}
            "#]],
        );
    }
}

#[test]
fn the_number_of_columns_is_as_strict_as_the_options_say() {
    let input = "1,x,\n2,y,z\n3\n4,w\n";
    check(
        &two(),
        &[("allow-trailing-comma", "false")],
        input,
        expect![[r#"
            {"a":4,"b":"w"}
            bad 1@0: the record has 3 columns, wanted 2
            bad 2@5: the record has 3 columns, wanted 2
            bad 3@11: the record has 1 columns, wanted 2
        "#]],
    );
    check(
        &two(),
        &[
            ("ignore-trailing-unmappable", "true"),
            ("ignore-parse-errors", "true"),
        ],
        input,
        expect![[r#"
            {"a":1,"b":"x"}
            {"a":2,"b":"y"}
            {"a":3,"b":null}
            {"a":4,"b":"w"}
            ignored 3@11: the record has 1 columns, wanted 2; the missing ones became NULL
        "#]],
    );
    check(
        &two(),
        &[
            ("fail-on-missing-columns", "true"),
            ("ignore-parse-errors", "true"),
        ],
        input,
        expect![[r#"
            {"a":1,"b":"x"}
            {"a":4,"b":"w"}
            ignored 2@5: the record has 3 columns, wanted 2
            ignored 3@11: the record has 1 columns, wanted 2
        "#]],
    );
}

#[test]
fn ignored_errors_become_null_or_pass_and_are_counted() {
    let fields = [
        column("a", SqlType::Int),
        column("l", array(SqlType::Int)),
        column("x", SqlType::BYTES),
        required("d", SqlType::Date),
    ];
    check(
        &fields,
        &[("ignore-parse-errors", "true")],
        "x,1;y,Zg=,2020-01-01\n1,2,Zg==,never\n1,2,\"Zg\n",
        expect![[r#"
            {"a":null,"l":null,"x":null,"d":"2020-01-01"}
            ignored 1@0: column 'a' wants INT, found 'x'; it became NULL
            ignored 2@21: column 'd' wants DATE NOT NULL, found 'never'
            ignored 3@36: not a CSV record: wanted the closing quote of a field at byte 8, found the end of the input
        "#]],
    );
}

#[test]
fn columns_nobody_wants_are_not_decoded() {
    let full = schema(vec![
        column("a", SqlType::Int),
        column("b", SqlType::Int),
        column("c", SqlType::STRING),
    ]);
    let decoder = Csv
        .projected_decoder(SchemaRef::clone(&full), &[2, 0], &options(&[]))
        .unwrap();
    expect![[r#"
        {"c":"x","a":1}
        bad 2@9: the record has 2 columns, wanted 3
    "#]]
    .assert_eq(&read_all(decoder, b"1,what,x\n2,y\n").text());
    let mut decoder = Csv.projected_decoder(full, &[], &options(&[])).unwrap();
    decoder.decode(b"1,2,x\n3,4,y\n", true).unwrap();
    assert_eq!(decoder.flush().unwrap().num_rows(), 2);
}

#[test]
fn a_record_beyond_the_limit_is_one_bad_line_however_it_arrives() {
    let fields = schema(two().to_vec());
    let long = "x".repeat(300);
    let input = format!("1,a\n2,{long}\r\n3,b\n4,\"{long}\"\n5,\"y\n6,{long}\n#{long}\n7,c\n");
    let limited = || {
        let rules = rules(&options(&[("allow-comments", "true")])).unwrap();
        let decoder = decode::Decoder::new(&fields, &[0, 1], rules).unwrap();
        decoder.with_record_bytes_max(100)
    };
    let whole = read(&mut limited(), input.as_bytes(), &[]);
    expect![[r#"
        {"a":1,"b":"a"}
        {"a":3,"b":"b"}
        {"a":7,"b":"c"}
        bad 2@4: a record longer than 100 bytes
        bad 4@312: a record longer than 100 bytes
        bad 5@617: a record longer than 100 bytes
        bad 6@622: a record longer than 100 bytes
    "#]]
    .assert_eq(&whole.text());
    for step in [1, 7, 50, 101, 300] {
        let cuts: Vec<usize> = (0..input.len()).step_by(step).collect();
        assert_eq!(
            read(&mut limited(), input.as_bytes(), &cuts),
            whole,
            "{step}"
        );
    }
}

#[test]
fn a_record_of_megabytes_is_not_searched_again_and_again() {
    let mut decoder = Csv.decoder(schema(two().to_vec()), &options(&[])).unwrap();
    let input = format!("1,\"{}\"\n2,x\n", "y,\n".repeat(5 << 20));
    let cuts: Vec<usize> = (0..input.len()).step_by(4096).collect();
    // 15 MB in 4,096-byte steps: searched anew each time this would be 30 GB.
    let outcome = read(decoder.as_mut(), input.as_bytes(), &cuts);
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(outcome.bad, []);
}

#[test]
fn options_are_checked_at_once() {
    let csv = |pairs: &[(&str, &str)]| {
        let result = Csv.decoder(schema(two().to_vec()), &options(pairs));
        result.err().expect("it is refused").code()
    };
    assert_eq!(csv(&[("delimiter", ";")]), Code::UnknownOption);
    for key in [
        "field-delimiter",
        "quote-character",
        "escape-character",
        "array-element-delimiter",
    ] {
        for value in ["", "ab", "é", "\n"] {
            assert_eq!(csv(&[(key, value)]), Code::InvalidOption, "{key} {value}");
        }
    }
    for spec in OPTIONS.iter().filter(|spec| spec.wanted == FLAG) {
        assert_eq!(
            csv(&[(spec.key, "perhaps")]),
            Code::InvalidOption,
            "{}",
            spec.key
        );
    }
    let quote = ("quote-character", "'");
    assert_eq!(
        csv(&[quote, ("disable-quote-character", "true")]),
        Code::InvalidOption
    );
    assert_eq!(csv(&[quote, ("field-delimiter", "'")]), Code::InvalidOption);
}

#[test]
fn types_without_a_csv_form_are_refused() {
    let nested = array(array(SqlType::Int));
    for sql in [map(SqlType::Int), nested, row(&[("a", map(SqlType::Int))])] {
        let schema = schema(vec![column("c", sql)]);
        let error = Csv
            .decoder(SchemaRef::clone(&schema), &options(&[]))
            .err()
            .unwrap();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(Csv.encoder(schema, &options(&[])).is_err());
    }
}

fn rewrite(fields: &[Field], pairs: &[(&str, &str)], input: &str) -> String {
    let (schema, options) = (schema(fields.to_vec()), options(pairs));
    let mut decoder = Csv.decoder(SchemaRef::clone(&schema), &options).unwrap();
    decoder.decode(input.as_bytes(), true).unwrap();
    assert_eq!(decoder.take_bad(), []);
    let batch = decoder.flush().unwrap();
    let mut encoder = Csv.encoder(schema, &options).unwrap();
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    encoder.encode(&batch, &mut out, &mut ends).unwrap();
    assert_eq!(ends.len(), batch.num_rows());
    assert_eq!(ends.last().copied().unwrap_or(0), out.len());
    String::from_utf8(out).unwrap()
}

#[test]
fn values_are_written_and_quoted_as_flink_writes_them() {
    let fields = [
        column("b", SqlType::Boolean),
        column("d", SqlType::Double),
        column("n", DECIMAL),
        column("s", SqlType::STRING),
        column("x", SqlType::BYTES),
        column("t", SqlType::Timestamp(3)),
        column("l", SqlType::TimestampLtz(3)),
        column("c", SqlType::Time(3)),
        column("a", array(SqlType::Int)),
        column("r", row(&[("i", SqlType::Int), ("s", SqlType::STRING)])),
    ];
    let input = "true,1e10,100000,plain,Zm9v,2020-01-01 00:00:00,2020-01-01 00:00:00.5Z,01:02:03,1;2,3;x y\n\
                 ,,,two words,,,,,,\n,,,\"a \"\"b\"\"\",,,,,,\n,,,1234567890123456789012345,,,,,,\n,,,éééééééééééééééééééééééé,,,,,,\n";
    expect![[r#"
        true,1.0E10,1E+5,plain,Zm9v,"2020-01-01 00:00:00","2020-01-01 00:00:00.5Z",01:02:03,1;2,"3;x y"
        ,,,"two words",,,,,,
        ,,,"a ""b""",,,,,,
        ,,,"1234567890123456789012345",,,,,,
        ,,,éééééééééééééééééééééééé,,,,,,
    "#]]
    .assert_eq(&rewrite(&fields, &[], input));
}

#[test]
fn the_encoder_follows_its_options() {
    let fields = [
        column("n", DECIMAL),
        column("s", SqlType::STRING),
        column("a", array(SqlType::Int)),
    ];
    let pairs = [
        ("write-bigdecimal-in-scientific-notation", "false"),
        ("null-literal", "null"),
        ("field-delimiter", "|"),
        ("quote-character", "'"),
        ("escape-character", "\\"),
        ("array-element-delimiter", "/"),
    ];
    expect![[r#"
        100000|'it''s \\'|'1/null'
        null|~|null
    "#]]
    .assert_eq(&rewrite(
        &fields,
        &pairs,
        "100000|it's \\\\|1/null\nnull|~|null\n",
    ));
    let plain = [("disable-quote-character", "true")];
    expect![[r#"
        1,a "b" c,2
    "#]]
    .assert_eq(&rewrite(&fields, &plain, "1,a \"b\" c,2\n"));
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,11},[a-z ]{0,4}",
        "[0-9],\"[a-z\\n\",]{0,4}\"",
        "[0-9\",a\\r\\n\\\\# ]{0,8}",
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(
        lines in prop::collection::vec(any_line(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        batch_rows in 1usize..5,
        limit in prop_oneof![Just(1usize << 20), 4usize..20],
        pairs in prop::sample::subsequence(
            vec![
                ("ignore-parse-errors", "true"),
                ("escape-character", "\\"),
                ("allow-comments", "true"),
                ("ignore-first-line", "true"),
                ("trim-spaces", "true"),
            ],
            0..=5,
        ),
    ) {
        let input = lines.join("\n").into_bytes();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        let fields = schema(vec![required("a", SqlType::Int), column("b", SqlType::STRING)]);
        let make = || {
            let rules = rules(&options(&pairs)).unwrap();
            decode::Decoder::new(&fields, &[0, 1], rules).unwrap().with_record_bytes_max(limit)
        };
        let whole = read(&mut make(), &input, &[]);
        let mut decoder = make();
        millstream_core::format::Decoder::set_batch_rows(&mut decoder, batch_rows);
        prop_assert_eq!(read(&mut decoder, &input, &cuts), whole);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(input: Vec<u8>, escape: bool) {
        let fields = schema(vec![column("a", array(DECIMAL)), column("b", SqlType::BYTES)]);
        let pairs = if escape { vec![("escape-character", "\\")] } else { vec![] };
        read_all(Csv.decoder(fields, &options(&pairs)).unwrap(), &input);
    }

    #[test]
    fn rows_survive_writing_and_reading(
        rows in prop::collection::vec((any::<Option<i64>>(), any::<String>()), 1..20),
        escape: bool,
        delimiter in "[,;|\\t]",
    ) {
        use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
        use std::sync::Arc;
        let schema = schema(vec![column("i", SqlType::BigInt), column("s", SqlType::STRING)]);
        let numbers: Int64Array = rows.iter().map(|row| row.0).collect();
        let texts: StringArray = rows.iter().map(|row| Some(row.1.as_str())).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(numbers), Arc::new(texts)];
        let batch = RecordBatch::try_new(SchemaRef::clone(&schema), columns).unwrap();
        let mut pairs = vec![("field-delimiter", delimiter.as_str())];
        if escape {
            pairs.push(("escape-character", "\\"));
        }
        let mut out = Vec::new();
        let mut encoder = Csv.encoder(SchemaRef::clone(&schema), &options(&pairs)).unwrap();
        encoder.encode(&batch, &mut out, &mut Vec::new()).unwrap();
        let mut decoder = Csv.decoder(schema, &options(&pairs)).unwrap();
        prop_assert_eq!(decoder.decode(&out, true).unwrap(), out.len());
        prop_assert_eq!(decoder.take_bad(), vec![]);
        prop_assert_eq!(decoder.flush().unwrap(), batch);
    }
}

#[test]
fn a_message_is_one_record_without_a_header() {
    let fields = [column("a", SqlType::Int), column("b", SqlType::STRING)];
    let options = options(&[("ignore-first-line", "true")]);
    let decoder = Csv.decoder(schema(fields.to_vec()), &options).unwrap();
    let messages: &[&[u8]] = &[
        b"1,x",
        b"2,\"y\nz\"\n",
        b"3,a\n4,b",
        b"",
        b"5",
        b"6,\"open",
        b"7,seven",
    ];
    expect![[r#"
        {"a":1,"b":"x"}
        {"a":2,"b":"y\nz"}
        {"a":7,"b":"seven"}
        bad 1@0: not a CSV record: wanted one record, found more at byte 4
        bad 1@0: not a CSV record: wanted a record, found nothing
        bad 1@0: the record has 1 columns, wanted 2
        bad 1@0: not a CSV record: wanted the closing quote of a field at byte 7
    "#]]
    .assert_eq(&read_messages(decoder, messages).text());
}
