use millstream_core::types::SqlType;
use proptest::prelude::*;

use super::*;
use crate::testing::{NULL, batch, lines, table};

fn partitioned(columns: &[(&str, SqlType)], keys: &[&str]) -> TableSpec {
    let mut table = table("t", columns, &[]);
    table.partition_keys = keys.iter().map(|key| key.to_string()).collect();
    table
}

#[test]
fn rows_go_to_the_directories_of_their_values_and_come_back() {
    let columns = [
        ("n", SqlType::Int),
        ("dt", SqlType::Date),
        ("s", SqlType::STRING),
        ("t", SqlType::Timestamp(3)),
    ];
    let table = partitioned(&columns, &["dt", "s", "t"]);
    let partitions = Partitions::of(&table).unwrap();
    assert_eq!(partitions.record_columns(&table).unwrap(), [0]);
    let rows = batch(
        &table.schema,
        &[
            &["1", "2020-01-01", "a/b=ü", "2020-01-01T10:00:00"],
            &["2", NULL, NULL, NULL],
            &["3", "2020-01-01", "a/b=ü", "2020-01-01T10:00:00"],
        ],
    );
    let found = partitions.directories(&rows);
    assert_eq!(
        found,
        [
            (
                "dt=2020-01-01/s=a%2Fb%3Dü/t=2020-01-01T10%3A00%3A00".to_string(),
                vec![0, 2]
            ),
            (
                format!("dt={DEFAULT_NAME}/s={DEFAULT_NAME}/t={DEFAULT_NAME}"),
                vec![1]
            ),
        ]
    );
    for (directory, rows_of_it) in found {
        let values = partitions.values(&format!("{directory}/part-0")).unwrap();
        let read =
            RecordBatch::try_new(Arc::new(table.schema.project(&[1, 2, 3]).unwrap()), values);
        let written = rows
            .project(&[1, 2, 3])
            .unwrap()
            .slice(rows_of_it[0] as usize, 1);
        assert_eq!(lines(&read.unwrap()), lines(&written));
    }
}

#[test]
fn an_instant_is_read_back() {
    let table = partitioned(
        &[("n", SqlType::Int), ("t", SqlType::TimestampLtz(3))],
        &["t"],
    );
    let values = Partitions::of(&table)
        .unwrap()
        .values("t=2020-01-01T10%3A00%3A00Z/f")
        .unwrap();
    assert_eq!(values[0].data_type(), table.schema.field(1).data_type());
    let mut text = String::new();
    text::value(&mut text, &values[0], 0);
    assert_eq!(text, "2020-01-01T10:00:00Z");
}

#[test]
fn a_file_outside_of_the_partitions_is_an_error() {
    let table = partitioned(&[("n", SqlType::Int), ("hr", SqlType::Int)], &["hr"]);
    let partitions = Partitions::of(&table).unwrap();
    let error = partitions.values("stray.csv").unwrap_err();
    assert!(
        error.message().contains("lies in no directory 'hr=…'"),
        "{error}"
    );
    let error = partitions.values("hr=ten/a.csv").unwrap_err();
    assert_eq!(error.code(), Code::Read);
    assert!(
        error.message().contains("'ten'") && error.message().contains("INT"),
        "{error}"
    );
}

#[test]
fn a_null_where_none_may_be_is_an_error() {
    let mut table = partitioned(&[("n", SqlType::Int), ("hr", SqlType::Int)], &["hr"]);
    let fields: Vec<Field> = table
        .schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(false))
        .collect();
    table.schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let error = Partitions::of(&table)
        .unwrap()
        .values("hr=__DEFAULT_PARTITION__/f")
        .unwrap_err();
    assert!(error.message().ends_with("which is NOT NULL"), "{error}");
}

#[test]
fn columns_that_cannot_be_partitions_are_refused() {
    let columns = [("n", SqlType::Int), ("b", SqlType::BYTES)];
    for keys in [&["b"][..], &["m"], &["n", "n"]] {
        let error = Partitions::of(&partitioned(&columns, keys)).err().unwrap();
        assert_eq!(error.code(), Code::InvalidSchema);
    }
    let table = partitioned(&columns[..1], &["n"]);
    let error = Partitions::of(&table)
        .unwrap()
        .record_columns(&table)
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidSchema);
}

proptest! {
    #[test]
    fn any_text_survives_escaping(text in any::<String>()) {
        let mut escaped = String::new();
        escape(&mut escaped, &text);
        prop_assert!(!escaped.contains(['/', '=', '\0', '\n']));
        prop_assert_eq!(unescape(&escaped), text);
    }

    #[test]
    fn unescaping_never_panics(text in "[%a-f0-9=ü]{0,12}") {
        unescape(&text);
    }
}
