use millstream_core::types::SqlType;

use super::*;
use arrow::datatypes::SchemaRef;

use crate::testing::*;

/// Every cell of the only row that `json` makes in a table with `fields`.
fn cells(fields: Vec<Field>, json: &str) -> Vec<String> {
    let schema = schema(fields);
    let format = crate::format("json").unwrap();
    let mut decoder = format
        .decoder(SchemaRef::clone(&schema), &options(&[]))
        .unwrap();
    decoder.decode(json.as_bytes(), true).unwrap();
    assert_eq!(decoder.take_bad(), []);
    let batch = decoder.flush().unwrap();
    let columns = schema.fields().iter().zip(batch.columns());
    let cell = |(field, array): (&FieldRef, &arrow::array::ArrayRef)| {
        let mut out = String::new();
        cell_of(field, array.as_ref(), 0, &mut out);
        out
    };
    columns.map(cell).collect()
}

#[test]
fn cells_are_spelt_for_people() {
    let fields = vec![
        column("a", SqlType::Boolean),
        column("b", DECIMAL),
        column("c", SqlType::Timestamp(0)),
        column("d", SqlType::Timestamp(3)),
        column("e", SqlType::TimestampLtz(6)),
        column("f", SqlType::Time(0)),
        column("g", SqlType::BYTES),
        column("h", array(SqlType::STRING)),
        column("i", map(SqlType::Int)),
        column("j", row(&[("x", SqlType::Int), ("y", SqlType::Date)])),
        column("k", SqlType::IntervalYearMonth),
        column("l", SqlType::IntervalDaySecond),
        column("m", SqlType::Double),
        column("n", SqlType::Int),
    ];
    let json = r#"{"a":false,"b":1.5,"c":"2020-01-01 00:00:00","d":"2020-01-01 00:00:00.1","e":"2020-01-01 00:00:00Z","f":"01:02:03","g":"Cv8=","h":["x",null],"i":{"k":1},"j":{"x":7},"k":-14,"l":-93784005,"m":3}"#;
    let wanted = [
        "FALSE",
        "1.50",
        "2020-01-01 00:00:00",
        "2020-01-01 00:00:00.100",
        "2020-01-01 00:00:00.000000",
        "01:02:03",
        "x'0aff'",
        "[x, NULL]",
        "{k=1}",
        "(7, NULL)",
        "-1-02",
        "-1 02:03:04.005",
        "3.0",
        "",
    ];
    assert_eq!(cells(fields, json), wanted);
}

#[test]
fn types_that_no_table_has_are_shown_as_arrow_shows_them() {
    let array: arrow::array::DictionaryArray<arrow::datatypes::Int8Type> =
        vec![Some("a"), None].into_iter().collect();
    let mut out = String::new();
    cell(&array, 0, &mut out);
    cell(&array, 1, &mut out);
    assert_eq!(out, "a");
}

#[test]
fn without_a_field_the_unit_gives_the_digits() {
    let array = arrow::array::TimestampMillisecondArray::from(vec![Some(1_577_836_800_120), None]);
    let mut out = String::new();
    cell(&array, 0, &mut out);
    cell(&array, 1, &mut out);
    assert_eq!(out, "2020-01-01 00:00:00.120");
}
