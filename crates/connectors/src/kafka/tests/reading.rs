//! Reading from the real broker.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::Code;
use millstream_core::connector::Position;
use millstream_core::types::SqlType;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::support::*;
use crate::testing::{metadata, projected, table};

const BOUNDED: [(&str, &str); 2] = [
    ("scan.startup.mode", "earliest-offset"),
    ("scan.bounded.mode", "latest-offset"),
];

fn with(
    base: &[(&'static str, &'static str)],
    more: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    base.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn a_bounded_read_ends_behind_the_markers_of_transactions() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "markers", 2);
    produce(
        &broker.bootstrap,
        &topic,
        &[value(0, r#"{"id":1,"name":"a"}"#)],
    );
    let id = unique("txn");
    let transactional = producer(&broker.bootstrap, &[("transactional.id", &id)]);
    transactional.init_transactions(LONG).unwrap();
    transactional.begin_transaction().unwrap();
    send(
        &transactional,
        &topic,
        &[value(0, r#"{"id":2,"name":"b"}"#), value(1, r#"{"id":3}"#)],
    );
    transactional.commit_transaction(LONG).unwrap();
    transactional.begin_transaction().unwrap();
    send(
        &transactional,
        &topic,
        &[value(0, r#"{"id":66,"name":"aborted"}"#)],
    );
    transactional.abort_transaction(LONG).unwrap();

    let source = source(&json_table(&broker.bootstrap, &topic, &BOUNDED)).unwrap();
    assert!(source.is_bounded() && source.replays());
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.rows[&format!("{topic}-0")], ["1|a", "2|b"]);
    assert_eq!(reading.rows[&format!("{topic}-1")], ["3|null"]);
    assert_eq!(
        reading.finished,
        [format!("{topic}-0"), format!("{topic}-1")]
    );
}

#[tokio::test]
async fn a_bounded_read_does_not_wait_for_an_open_transaction() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "open", 1);
    produce(&broker.bootstrap, &topic, &[value(0, r#"{"id":1}"#)]);
    let id = unique("txn");
    let transactional = producer(&broker.bootstrap, &[("transactional.id", &id)]);
    transactional.init_transactions(LONG).unwrap();
    transactional.begin_transaction().unwrap();
    send(&transactional, &topic, &[value(0, r#"{"id":2}"#)]);
    let source = source(&json_table(&broker.bootstrap, &topic, &BOUNDED)).unwrap();
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.all(), ["1|null"]);
    transactional.abort_transaction(LONG).unwrap();
}

#[tokio::test]
async fn an_empty_topic_ends_at_once() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "empty", 3);
    let source = source(&json_table(&broker.bootstrap, &topic, &BOUNDED)).unwrap();
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.finished.len(), 3);
}

#[tokio::test]
async fn several_topics_are_read_each_to_its_own_end() {
    let Some(broker) = broker() else { return };
    let stem = unique("many");
    let topics: Vec<String> = (0..3).map(|i| format!("{stem}-{i}")).collect();
    for (topic, i) in topics.iter().zip(1..) {
        broker.create_topic(topic, 2).unwrap();
        // The last one has nothing in its first partition.
        if i < 3 {
            produce(
                &broker.bootstrap,
                topic,
                &[value(0, &format!("{{\"id\":{i}0}}"))],
            );
        }
        produce(
            &broker.bootstrap,
            topic,
            &[value(1, &format!("{{\"id\":{i}1}}"))],
        );
    }
    let list = topics.join(";");
    let pattern = format!("{stem}-[0-9]");
    for (key, text) in [("topic", &list), ("topic-pattern", &pattern)] {
        let mut options = vec![
            ("connector", "kafka"),
            ("format", "json"),
            ("properties.bootstrap.servers", broker.bootstrap.as_str()),
            (key, text.as_str()),
        ];
        options.extend_from_slice(&BOUNDED);
        let columns = [("id", SqlType::BigInt), ("name", SqlType::STRING)];
        let source = source(&table("t", &columns, &options)).unwrap();
        let reading = Reading::of(source.as_ref())
            .await
            .unwrap()
            .drained()
            .await
            .unwrap();
        let wanted = ["10|null", "11|null", "20|null", "21|null", "31|null"];
        assert_eq!(reading.all(), wanted, "{key}");
        assert_eq!(reading.finished.len(), 6);
    }
}

#[tokio::test]
async fn reading_begins_where_the_mode_says() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "modes", 1);
    let at = |id: i64, value| Sent {
        timestamp: Some(id * 1000),
        ..super::support::value(0, value)
    };
    produce(
        &broker.bootstrap,
        &topic,
        &[
            at(1, r#"{"id":1}"#),
            at(2, r#"{"id":2}"#),
            at(3, r#"{"id":3}"#),
            at(4, r#"{"id":4}"#),
        ],
    );
    let group = unique("group");
    let consumer: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &broker.bootstrap)
        .set("group.id", &group)
        .create()
        .unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(&topic, 0, Offset::Offset(3))
        .unwrap();
    consumer
        .commit(&offsets, rdkafka::consumer::CommitMode::Sync)
        .unwrap();

    let end = ("scan.bounded.mode", "latest-offset");
    type Case<'a> = (Vec<(&'a str, &'a str)>, &'a [&'a str]);
    let cases: Vec<Case<'_>> = vec![
        (
            vec![("scan.startup.mode", "earliest-offset"), end],
            &["1", "2", "3", "4"],
        ),
        (vec![("scan.startup.mode", "latest-offset"), end], &[]),
        (vec![("properties.group.id", &group), end], &["4"]),
        (
            vec![
                ("scan.startup.mode", "timestamp"),
                ("scan.startup.timestamp-millis", "1970-01-01T00:00:02.500Z"),
                end,
            ],
            &["3", "4"],
        ),
        (
            vec![
                ("scan.startup.mode", "timestamp"),
                ("scan.startup.timestamp-millis", "99000"),
                end,
            ],
            &[],
        ),
        (
            vec![
                ("scan.startup.mode", "specific-offsets"),
                ("scan.startup.specific-offsets", "partition:0,offset:1"),
                end,
            ],
            &["2", "3", "4"],
        ),
        (
            vec![
                ("scan.startup.mode", "earliest-offset"),
                ("scan.bounded.mode", "specific-offsets"),
                ("scan.bounded.specific-offsets", "partition:0,offset:2"),
            ],
            &["1", "2"],
        ),
        (
            vec![
                ("scan.startup.mode", "earliest-offset"),
                ("scan.bounded.mode", "timestamp"),
                ("scan.bounded.timestamp-millis", "4000"),
            ],
            &["1", "2", "3"],
        ),
        (
            vec![
                ("scan.startup.mode", "earliest-offset"),
                ("properties.group.id", &group),
                ("scan.bounded.mode", "group-offsets"),
            ],
            &["1", "2", "3"],
        ),
        (
            vec![
                ("scan.startup.mode", "earliest-offset"),
                ("scan.bounded.mode", "specific-offsets"),
                ("scan.bounded.specific-offsets", "partition:7,offset:2"),
            ],
            &[],
        ),
    ];
    for (options, wanted) in cases {
        let source = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
        let reading = Reading::of(source.as_ref())
            .await
            .unwrap()
            .drained()
            .await
            .unwrap();
        let ids: Vec<String> = reading
            .all()
            .iter()
            .map(|row| row.replace("|null", ""))
            .collect();
        assert_eq!(ids, wanted, "{options:?}");
    }
}

#[tokio::test]
async fn an_end_that_is_not_there_yet_is_waited_for() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "later", 1);
    produce(&broker.bootstrap, &topic, &[value(0, r#"{"id":1}"#)]);
    let options = [
        ("scan.startup.mode", "earliest-offset"),
        ("scan.bounded.mode", "specific-offsets"),
        ("scan.bounded.specific-offsets", "partition:0,offset:4"),
    ];
    let source = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let mut reading = Reading::of(source.as_ref()).await.unwrap();
    reading.until(1).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(1500), reading.reader.fetch()).await;
    assert!(
        waiting.is_err(),
        "it must not end before offset 4: {waiting:?}"
    );
    // Offsets 1 and 2 are a record and the marker of its transaction, 3 is a marker of an abort.
    let id = unique("txn");
    let transactional = producer(&broker.bootstrap, &[("transactional.id", &id)]);
    transactional.init_transactions(LONG).unwrap();
    transactional.begin_transaction().unwrap();
    send(&transactional, &topic, &[value(0, r#"{"id":2}"#)]);
    transactional.commit_transaction(LONG).unwrap();
    transactional.begin_transaction().unwrap();
    send(&transactional, &topic, &[value(0, r#"{"id":3}"#)]);
    transactional.abort_transaction(LONG).unwrap();
    let reading = reading.drained().await.unwrap();
    assert_eq!(reading.all(), ["1|null", "2|null"]);
}

#[tokio::test]
async fn a_group_without_offsets_is_an_error_unless_told_where_to_begin() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "nogroup", 1);
    produce(&broker.bootstrap, &topic, &[value(0, r#"{"id":1}"#)]);
    let group = unique("group");
    let options = [("properties.group.id", group.as_str())];
    let found = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let error = Reading::of(found.as_ref()).await.err().unwrap();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(
        error.message(),
        format!("table 't': group '{group}' has no offset for partition 0 of topic '{topic}'")
    );
    let options = [
        options[0],
        ("properties.auto.offset.reset", "earliest"),
        ("scan.bounded.mode", "latest-offset"),
    ];
    let found = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let reading = Reading::of(found.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.all(), ["1|null"]);
}

#[tokio::test]
async fn a_partition_that_is_added_while_the_job_runs_is_read_from_its_beginning() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "grows", 3);
    let options = [
        ("scan.startup.mode", "latest-offset"),
        ("scan.topic-partition-discovery.interval", "1 s"),
    ];
    let source = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let mut enumerator = source.enumerator(&[]).unwrap();
    let first = enumerator.discover().await.unwrap();
    assert_eq!(first.splits.len(), 3);
    assert_eq!(first.again_after, Some(Duration::from_secs(1)));
    let known = numbered(first.splits, 0);
    let mut reading = Reading::from(source.as_ref(), known.clone(), &BTreeMap::new()).unwrap();

    grow(&broker.bootstrap, &topic, 4).await;
    produce(
        &broker.bootstrap,
        &topic,
        &[value(3, r#"{"id":4}"#), value(0, r#"{"id":1}"#)],
    );
    let second = enumerator.discover().await.unwrap();
    let new = numbered(second.splits, 3);
    assert_eq!(new.len(), 1, "only the new one");
    assert_eq!(new[0].name, format!("{topic}-3"));
    reading.reader.assign(new[0].clone(), None).unwrap();
    let mut rows = Vec::new();
    while rows.len() < 2 {
        let fetched = tokio::time::timeout(LONG, reading.reader.fetch())
            .await
            .unwrap()
            .unwrap();
        if let millstream_core::connector::Fetch::Rows {
            rows: batch, split, ..
        } = fetched
        {
            rows.extend(texts(&batch).into_iter().map(|row| (split.0, row)));
        }
    }
    rows.sort();
    assert_eq!(rows, [(0, "1|null".to_string()), (3, "4|null".to_string())]);

    // A job that starts again knows the three, and reads the fourth from its beginning, too.
    let again = splits(source.as_ref(), &known).await.unwrap();
    assert_eq!(again.len(), 1);
    assert!(again[0].data.contains("\"start\":0"), "{}", again[0].data);
}

async fn grow(bootstrap: &str, topic: &str, partitions: usize) {
    use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
    let admin: AdminClient<rdkafka::client::DefaultClientContext> = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .unwrap();
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let wanted = [NewPartitions::new(topic, partitions)];
    admin.create_partitions(&wanted, &options).await.unwrap()[0]
        .as_ref()
        .unwrap();
    // Until the broker tells it.
    while admin
        .inner()
        .fetch_metadata(Some(topic), LONG)
        .unwrap()
        .topics()[0]
        .partitions()
        .len()
        < partitions
    {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn reading_goes_on_exactly_after_a_position() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "resume", 2);
    let texts: Vec<String> = (0..200).map(|i| format!("{{\"id\":{i}}}")).collect();
    let records: Vec<Sent<'_>> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| value(i as i32 % 2, text))
        .collect();
    produce(&broker.bootstrap, &topic, &records);
    let table = json_table(&broker.bootstrap, &topic, &BOUNDED);
    let mut context = reading(&table);
    context.batch_rows = 7;
    let source = source_in(&table, &context).unwrap();
    let found = splits(source.as_ref(), &[]).await.unwrap();
    let mut positions = BTreeMap::new();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut lives = 0;
    loop {
        let mut reading = Reading::from(source.as_ref(), found.clone(), &positions).unwrap();
        let mut more = true;
        for _ in 0..5 {
            more = more && reading.step().await.unwrap();
        }
        positions.extend(reading.positions());
        for (name, read) in std::mem::take(&mut reading.rows) {
            rows.entry(name).or_default().extend(read);
        }
        lives += 1;
        if !more {
            break;
        }
    }
    assert!(lives > 5);
    for partition in 0..2 {
        let wanted: Vec<String> = (0..100)
            .map(|i| format!("{}|null", 2 * i + partition))
            .collect();
        assert_eq!(rows[&format!("{topic}-{partition}")], wanted);
    }
}

#[tokio::test]
async fn bad_records_have_their_offset_and_their_bytes() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "poison", 1);
    let tombstone = Sent {
        key: Some(b"k"),
        ..Sent::default()
    };
    produce(
        &broker.bootstrap,
        &topic,
        &[
            value(0, r#"{"id":1}"#),
            value(0, "not json"),
            tombstone,
            value(0, r#"{"id":"x"}"#),
            value(0, r#"{"id":5}"#),
        ],
    );
    let source = source(&json_table(&broker.bootstrap, &topic, &BOUNDED)).unwrap();
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.all(), ["1|null", "5|null"]);
    let bad: Vec<_> = reading
        .bad
        .iter()
        .map(|bad| {
            (
                bad.offset,
                bad.line,
                bad.ignored,
                String::from_utf8_lossy(&bad.bytes).into_owned(),
            )
        })
        .collect();
    assert_eq!(
        bad,
        [
            (1, 0, false, "not json".to_string()),
            (2, 0, true, String::new()),
            (3, 0, false, r#"{"id":"x"}"#.to_string()),
        ]
    );
    assert_eq!(reading.bad[1].reason, "the value is null");
}

#[tokio::test]
async fn keys_values_and_metadata_stand_side_by_side() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "columns", 1);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "a",
            value: Some("1"),
        })
        .insert(Header {
            key: "b",
            value: None::<&str>,
        })
        .insert(Header {
            key: "a",
            value: Some("2"),
        });
    let record = |key: &'static [u8], value: &'static [u8], timestamp, headers| Sent {
        partition: 0,
        key: Some(key),
        value: Some(value),
        timestamp: Some(timestamp),
        headers,
    };
    produce(
        &broker.bootstrap,
        &topic,
        &[
            record(br#"{"id":1}"#, br#"{"name":"a"}"#, 1_500, Some(headers)),
            record(b"no key", br#"{"name":"dropped"}"#, 1_600, None),
            record(br#"{"id":2}"#, br#"{"name":"b"}"#, 1_700, None),
            Sent {
                value: Some(br#"{"name":"keyless"}"#),
                ..Sent::default()
            },
        ],
    );
    let options = with(
        &BOUNDED,
        &[
            ("value.format", "json"),
            ("key.format", "json"),
            ("key.fields", "k_id"),
            ("key.fields-prefix", "k_"),
            ("value.fields-include", "EXCEPT_KEY"),
        ],
    );
    let mut spec = json_table(&broker.bootstrap, &topic, &options);
    spec.schema = table(
        "t",
        &[("name", SqlType::STRING), ("k_id", SqlType::BigInt)],
        &[],
    )
    .schema;
    let headers = SqlType::Map(
        Box::new(millstream_core::types::ColumnType {
            sql: SqlType::STRING,
            nullable: false,
        }),
        Box::new(millstream_core::types::ColumnType::nullable(SqlType::BYTES)),
    );
    spec.metadata = vec![
        metadata("offset", SqlType::BigInt),
        metadata("timestamp", SqlType::TimestampLtz(3)),
        metadata("headers", headers),
        metadata("topic", SqlType::STRING),
        metadata("partition", SqlType::BigInt),
        metadata("timestamp-type", SqlType::STRING),
        metadata("leader-epoch", SqlType::Int),
    ];
    let found = source(&spec).unwrap();
    let all = Reading::of(found.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    let rows = &all.rows[&format!("{topic}-0")];
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[0].starts_with("a|1|0|1970-01-01T00:00:01.500Z|{a=[50], b=null}|"),
        "{}",
        rows[0]
    );
    assert!(
        rows[0].ends_with(&format!("|{topic}|0|CreateTime|null")),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].starts_with("b|2|2|1970-01-01T00:00:01.700Z|{}|"),
        "{}",
        rows[1]
    );
    assert_eq!(all.bad.len(), 2);
    assert!(
        all.bad[0]
            .reason
            .starts_with("in the key: not a JSON record"),
        "{:?}",
        all.bad[0]
    );
    assert_eq!(
        (all.bad[1].reason.as_str(), all.bad[1].ignored),
        ("the key is null", true)
    );

    // Only some columns: the key is not looked at, so no record is bad.
    let context = projected(reading(&spec), &[2, 0]);
    let found = source_in(&spec, &context).unwrap();
    let some = Reading::of(found.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(
        some.rows[&format!("{topic}-0")],
        ["0|a", "1|dropped", "2|b", "3|keyless"]
    );
    assert!(some.bad.is_empty());
}

#[tokio::test]
async fn a_record_without_headers_has_an_empty_map() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "headers", 1);
    produce(&broker.bootstrap, &topic, &[value(0, r#"{"id":1}"#)]);
    let mut spec = json_table(&broker.bootstrap, &topic, &BOUNDED);
    let any = |sql| millstream_core::types::ColumnType {
        sql,
        nullable: false,
    };
    let headers = SqlType::Map(
        Box::new(any(SqlType::STRING)),
        Box::new(any(SqlType::BYTES)),
    );
    spec.metadata = vec![metadata("headers", headers)];
    let source = source(&spec).unwrap();
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.all(), ["1|null|{}"]);
}

#[tokio::test]
async fn raw_values_may_be_null() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "raw", 1);
    produce(
        &broker.bootstrap,
        &topic,
        &[value(0, "text"), Sent::default()],
    );
    let mut spec = json_table(
        &broker.bootstrap,
        &topic,
        &with(&BOUNDED, &[("format", "raw")]),
    );
    spec.schema = table("t", &[("line", SqlType::STRING)], &[]).schema;
    let source = source(&spec).unwrap();
    let reading = Reading::of(source.as_ref())
        .await
        .unwrap()
        .drained()
        .await
        .unwrap();
    assert_eq!(reading.all(), ["null", "text"]);
}

#[tokio::test]
async fn the_group_learns_how_far_checkpoints_have_come() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "acknowledged", 2);
    let group = unique("group");
    let options = [
        ("properties.group.id", group.as_str()),
        ("scan.startup.mode", "earliest-offset"),
    ];
    let found = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let mut acknowledger = found.acknowledger().unwrap();
    let positions = [
        (format!("{topic}-0"), Position("17 5.00000001".into())),
        (format!("{topic}-1"), Position("3".into())),
    ];
    acknowledger.acknowledge(&positions).await.unwrap();
    let consumer: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &broker.bootstrap)
        .set("group.id", &group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(&topic, 0);
    list.add_partition(&topic, 1);
    for attempt in 0.. {
        let committed = consumer.committed_offsets(list.clone(), LONG).unwrap();
        let offsets: Vec<Offset> = committed
            .elements()
            .iter()
            .map(|entry| entry.offset())
            .collect();
        if offsets == [Offset::Offset(17), Offset::Offset(3)] {
            break;
        }
        assert!(attempt < 200, "{offsets:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nobody is told who did not ask for it.
    let options = [
        options[0],
        options[1],
        ("properties.commit.offsets.on.checkpoint", "false"),
    ];
    let found = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    assert!(found.acknowledger().is_none());
}
