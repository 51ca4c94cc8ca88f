use arrow::datatypes::Field;
use expect_test::expect;
use millstream_core::types::SqlType;

use super::*;
use crate::testing::*;

fn decoder(field: Field, pairs: &[(&str, &str)]) -> Box<dyn Decoder> {
    Raw.decoder(schema(vec![field]), &options(pairs)).unwrap()
}

#[test]
fn numbers_are_read_in_either_order_and_only_from_all_their_bytes() {
    let messages: &[&[u8]] = &[&[0, 0, 1, 0], &[1], &[]];
    expect![[r#"
        {"v":256}
        bad 1@0: column 'v' wants the bytes of INT, found 1 of them
        bad 1@0: column 'v' wants the bytes of INT, found 0 of them
    "#]]
    .assert_eq(&read_messages(decoder(column("v", SqlType::Int), &[]), messages).text());
    let little = [("endianness", "little-endian")];
    expect![[r#"
        {"v":65536}
        bad 1@0: column 'v' wants the bytes of INT, found 1 of them
        bad 1@0: column 'v' wants the bytes of INT, found 0 of them
    "#]]
    .assert_eq(&read_messages(decoder(column("v", SqlType::Int), &little), messages).text());
}

#[test]
fn text_keeps_its_line_breaks_in_a_message_and_must_be_utf8() {
    let messages: &[&[u8]] = &[b"a\nb", b"", b"\xff"];
    expect![[r#"
        {"v":"a\nb"}
        {"v":""}
        bad 1@0: not valid UTF-8: byte 0xff at offset 0
    "#]]
    .assert_eq(&read_messages(decoder(column("v", SqlType::STRING), &[]), messages).text());
}

#[test]
fn in_a_file_each_line_is_a_record() {
    let outcome = read_all(decoder(column("v", SqlType::STRING), &[]), b"a\n\nb");
    assert_eq!(
        outcome.rows,
        [r#"{"v":"a"}"#, r#"{"v":""}"#, r#"{"v":"b"}"#]
    );
}

#[test]
fn a_message_without_bytes_is_null_where_null_is_a_value() {
    let mut nullable = decoder(column("v", SqlType::STRING), &[]);
    assert!(nullable.decode_null());
    assert_eq!(json_rows(&nullable.flush().unwrap()), [r#"{"v":null}"#]);
    assert!(!decoder(required("v", SqlType::STRING), &[]).decode_null());
}

#[test]
fn what_is_written_is_read_again() {
    let types = [
        (SqlType::Boolean, vec![1u8]),
        (SqlType::TinyInt, vec![0x80]),
        (SqlType::SmallInt, vec![1, 2]),
        (SqlType::BigInt, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (SqlType::Float, vec![0x3f, 0x80, 0, 0]),
        (SqlType::Double, vec![0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
        (SqlType::BYTES, vec![0, 255, 10]),
        (SqlType::STRING, b"text".to_vec()),
    ];
    for (ty, bytes) in types {
        for order in ["big-endian", "little-endian"] {
            let pairs = [("endianness", order)];
            let mut decoder = decoder(column("v", ty.clone()), &pairs);
            decoder.decode_message(&bytes).unwrap();
            let rows = decoder.flush().unwrap();
            assert_eq!(rows.num_rows(), 1, "{ty}");
            let schema = schema(vec![column("v", ty.clone())]);
            let mut encoder = Raw.encoder(schema, &options(&pairs)).unwrap();
            let (mut out, mut ends) = (Vec::new(), Vec::new());
            encoder.encode(&rows, &mut out, &mut ends).unwrap();
            assert_eq!((out, ends), (bytes.clone(), vec![bytes.len()]), "{ty}");
        }
    }
}

#[test]
fn tables_it_cannot_carry_are_refused() {
    let two = schema(vec![column("a", SqlType::Int), column("b", SqlType::Int)]);
    let error = Raw.decoder(two, &options(&[])).err().unwrap();
    assert_eq!(
        error.message(),
        "table 't' wants exactly one column, found 2"
    );
    let nested = schema(vec![column("a", array(SqlType::Int))]);
    let error = Raw.encoder(nested, &options(&[])).err().unwrap();
    assert_eq!(error.code(), Code::Unsupported);
    let text = schema(vec![column("a", SqlType::STRING)]);
    let error = Raw
        .decoder(text, &options(&[("charset", "latin1")]))
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::InvalidOption);
}
