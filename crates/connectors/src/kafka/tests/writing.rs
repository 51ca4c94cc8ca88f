//! Writing to the real broker without transactions.

use std::sync::Arc;

use arrow::array::UInt8Array;
use millstream_core::Code;
use millstream_core::clock::{Clock, SystemClock};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::types::{ColumnType, SqlType};

use super::support::*;
use crate::testing::{NULL, barrier, batch, metadata, table};

#[tokio::test]
async fn rows_are_with_the_brokers_when_the_receipt_says_so() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "plain", 1);
    let spec = json_table(&broker.bootstrap, &topic, &[]);
    let context = writing("job", "1", None);
    let mut writer = writer(&spec, &context);
    writer
        .write(rows(&spec, &[&["1", "a"], &["2", NULL]]))
        .await
        .unwrap();
    let receipt = writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!((receipt.rows, receipt.committables.len()), (2, 0));
    let seen = committed(&broker.bootstrap, &topic);
    assert_eq!(seen, [r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":null}"#]);
    let receipt = writer.prepare(barrier(2, true)).await.unwrap();
    assert_eq!(receipt.rows, 0);
}

#[tokio::test]
async fn a_receipt_counts_every_row_of_a_large_batch() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "many", 3);
    // A queue that is full all the time makes the writer wait, not fail.
    let small = [("properties.queue.buffering.max.messages", "100")];
    let spec = json_table(&broker.bootstrap, &topic, &small);
    let mut writer = writer(&spec, &writing("job", "1", None));
    let ids: Vec<String> = (0..5000).map(|id| id.to_string()).collect();
    let cells: Vec<[&str; 2]> = ids.iter().map(|id| [id.as_str(), "x"]).collect();
    let cells: Vec<&[&str]> = cells.iter().map(|row| row.as_slice()).collect();
    writer.write(rows(&spec, &cells)).await.unwrap();
    assert_eq!(writer.prepare(barrier(1, true)).await.unwrap().rows, 5000);
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 5000);
}

#[tokio::test]
async fn key_time_and_headers_are_written() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "around", 1);
    let options = [
        ("value.format", "json"),
        ("key.format", "raw"),
        ("key.fields", "k_name"),
        ("key.fields-prefix", "k_"),
        ("value.fields-include", "EXCEPT_KEY"),
    ];
    let mut spec = json_table(&broker.bootstrap, &topic, &options);
    let columns = [("id", SqlType::BigInt), ("k_name", SqlType::STRING)];
    spec.schema = table("t", &columns, &[]).schema;
    let mut time = metadata("timestamp", SqlType::Timestamp(6));
    time.is_virtual = false;
    let text = |nullable, sql| Box::new(ColumnType { sql, nullable });
    let map = SqlType::Map(text(false, SqlType::STRING), text(true, SqlType::BYTES));
    let mut headers = metadata("headers", map);
    headers.is_virtual = false;
    spec.metadata = vec![metadata("offset", SqlType::BigInt), time, headers.clone()];

    let plain = table(
        "t",
        &[
            ("id", SqlType::BigInt),
            ("k_name", SqlType::STRING),
            ("timestamp", SqlType::Timestamp(6)),
        ],
        &[],
    );
    let first = batch(
        &plain.schema,
        &[
            &["1", "ann", "1970-01-01T00:00:02.500999"],
            &["2", "bob", "1970-01-01T00:00:03"],
        ],
    );
    let mut fields = first.schema().fields().to_vec();
    fields.push(Arc::clone(&headers.field));
    let mut builder = arrow::array::MapBuilder::new(
        None,
        arrow::array::StringBuilder::new(),
        arrow::array::BinaryBuilder::new(),
    );
    builder.keys().append_value("h");
    builder.values().append_value(b"v");
    builder.keys().append_value("n");
    builder.values().append_null();
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    let map = builder.finish();
    let map = arrow::compute::cast(&map, headers.field.data_type()).unwrap();
    let mut columns = first.columns().to_vec();
    columns.push(map);
    let rows = arrow::array::RecordBatch::try_new(
        Arc::new(arrow::datatypes::Schema::new(fields)),
        columns,
    )
    .unwrap();

    let mut writer = writer(&spec, &writing("job", "1", None));
    writer.write(ChangeBatch::inserts(rows)).await.unwrap();
    writer.prepare(barrier(1, true)).await.unwrap();
    let seen = seen(&broker.bootstrap, &topic, "read_committed");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].key.as_deref(), Some("ann"));
    assert_eq!(seen[0].value.as_deref(), Some(r#"{"id":1}"#));
    assert_eq!(seen[0].timestamp, Some(2500));
    assert_eq!(
        seen[0].headers,
        [
            ("h".to_string(), Some("v".to_string())),
            ("n".to_string(), None)
        ]
    );
    assert_eq!((seen[1].timestamp, seen[1].headers.len()), (Some(3000), 0));
}

fn upsert(
    bootstrap: &str,
    topic: &str,
    more: &[(&str, &str)],
) -> millstream_core::table::TableSpec {
    let mut options = vec![("key.format", "raw"), ("value.format", "csv")];
    options.extend_from_slice(more);
    let mut spec = kafka_table("upsert-kafka", bootstrap, topic, &options);
    spec.primary_key = vec!["id".into()];
    let columns = [("id", SqlType::STRING), ("name", SqlType::STRING)];
    spec.schema = table("t", &columns, &[]).schema;
    spec
}

fn changes(
    spec: &millstream_core::table::TableSpec,
    changes: &[(RowKind, &str, &str)],
) -> ChangeBatch {
    let cells: Vec<[&str; 2]> = changes.iter().map(|(_, id, name)| [*id, *name]).collect();
    let cells: Vec<&[&str]> = cells.iter().map(|row| row.as_slice()).collect();
    let kinds: Vec<u8> = changes.iter().map(|(kind, ..)| *kind as u8).collect();
    ChangeBatch::with_kinds(batch(&spec.schema, &cells), UInt8Array::from(kinds))
}

#[tokio::test]
async fn an_upsert_table_writes_the_newest_row_of_a_key_and_its_end() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "upsert", 3);
    let spec = upsert(&broker.bootstrap, &topic, &[]);
    let mut writer = writer(&spec, &writing("job", "1", None));
    let batch = changes(
        &spec,
        &[
            (RowKind::Insert, "a", "1"),
            (RowKind::UpdateBefore, "a", "1"),
            (RowKind::UpdateAfter, "a", "2"),
            (RowKind::Insert, "b", "1"),
            (RowKind::Delete, "b", "1"),
        ],
    );
    writer.write(batch).await.unwrap();
    assert_eq!(writer.prepare(barrier(1, true)).await.unwrap().rows, 5);
    let seen = seen(&broker.bootstrap, &topic, "read_committed");
    let of = |key: &str| -> Vec<Option<String>> {
        let of_key = seen.iter().filter(|seen| seen.key.as_deref() == Some(key));
        of_key.map(|seen| seen.value.clone()).collect()
    };
    assert_eq!(of("a"), [Some("a,1".to_string()), Some("a,2".to_string())]);
    assert_eq!(of("b"), [Some("b,1".to_string()), None]);
    // All of a key is in one partition.
    for key in ["a", "b"] {
        let mut partitions: Vec<i32> = seen
            .iter()
            .filter(|seen| seen.key.as_deref() == Some(key))
            .map(|seen| seen.partition)
            .collect();
        partitions.dedup();
        assert_eq!(partitions.len(), 1);
    }
}

#[tokio::test]
async fn rows_that_are_held_back_are_written_at_the_checkpoint_at_the_latest() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "held", 1);
    let more = [
        ("sink.buffer-flush.max-rows", "100"),
        ("sink.buffer-flush.interval", "1 h"),
    ];
    let spec = upsert(&broker.bootstrap, &topic, &more);
    let mut writer = writer(&spec, &writing("job", "1", None));
    for name in ["1", "2", "3"] {
        writer
            .write(changes(&spec, &[(RowKind::UpdateAfter, "a", name)]))
            .await
            .unwrap();
    }
    writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!(committed(&broker.bootstrap, &topic), ["a,3"]);
}

#[tokio::test]
async fn each_partitioner_fills_its_partitions() {
    let Some(broker) = broker() else { return };
    for (partitioner, subtask, wanted) in [("fixed", 4, vec![1]), ("round-robin", 0, vec![0, 1, 2])]
    {
        let topic = topic(&broker, "parted", 3);
        let spec = json_table(
            &broker.bootstrap,
            &topic,
            &[("sink.partitioner", partitioner)],
        );
        let mut context = writing("job", "1", None);
        context.subtask = subtask;
        let mut writer = writer(&spec, &context);
        for _ in 0..6 {
            writer.write(rows(&spec, &[&["1", "a"]])).await.unwrap();
        }
        writer.prepare(barrier(1, true)).await.unwrap();
        let mut partitions: Vec<i32> = seen(&broker.bootstrap, &topic, "read_committed")
            .iter()
            .map(|seen| seen.partition)
            .collect();
        partitions.dedup();
        assert_eq!(partitions, wanted, "{partitioner}");
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_named() {
    let Some(broker) = broker() else { return };
    let topic = unique("missing");
    let spec = json_table(
        &broker.bootstrap,
        &topic,
        &[("scan.startup.mode", "earliest-offset")],
    );
    let mut writer = writer(&spec, &writing("job", "1", None));
    let error = writer.write(rows(&spec, &[&["1", "a"]])).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(
        error.message(),
        format!("table 't': the cluster has no topic '{topic}'")
    );
    let error = writer.prepare(barrier(1, false)).await.unwrap_err();
    assert_eq!(error.message(), "table 't': writing failed before");

    // Before the first row, and at once.
    let clock = SystemClock::new();
    let sink = crate::connector("kafka").unwrap().sink().unwrap();
    let mut committer = sink.committer(&spec, &writing("job", "1", None)).unwrap();
    let error = committer.recover(Vec::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{error:?}");
    let exactly = [("sink.delivery-guarantee", "exactly-once")];
    let exact = json_table(&broker.bootstrap, &topic, &exactly);
    let job = writing(&unique("job"), "1", None);
    let transactions = sink.transactions(&[&exact], &job).unwrap();
    let error = transactions.recover(&[]).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{error:?}");
    assert!(error.message().contains(&topic), "{error}");
    assert!(clock.elapsed() < std::time::Duration::from_secs(20));

    let found = source(&spec).unwrap();
    let error = Reading::of(found.as_ref()).await.err().unwrap();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(
        error.message(),
        format!("table 't': the cluster has no topic '{topic}'")
    );
}

#[tokio::test]
async fn a_row_that_is_too_large_is_an_error_with_its_size() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "large", 1);
    let large = "x".repeat(2_000_000);
    let spec = json_table(&broker.bootstrap, &topic, &[]);
    let mut client_limit = writer(&spec, &writing("job", "1", None));
    let error = client_limit
        .write(rows(&spec, &[&["1", &large]]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Write);
    assert!(
        error.message().contains("a row of 2000018 bytes is larger"),
        "{error}"
    );

    let spec = json_table(
        &broker.bootstrap,
        &topic,
        &[("properties.max.request.size", "10000000")],
    );
    let mut broker_limit = writer(&spec, &writing("job", "1", None));
    // The broker's refusal may come while the row is being written, or later.
    let written = broker_limit.write(rows(&spec, &[&["1", &large]])).await;
    let error = match written {
        Ok(()) => broker_limit.prepare(barrier(1, false)).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), Code::Write);
    assert!(
        error.message().contains("message size too large"),
        "{error}"
    );
}
