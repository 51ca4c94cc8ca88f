use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

type Transactional = ThreadedProducer<DefaultProducerContext>;

/// A name no other test and no other run has on a shared broker.
fn fresh(word: &str) -> String {
    let nanos = std::fs::metadata("/proc/self").and_then(|data| data.modified());
    let since = nanos
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{word}-{}-{}", std::process::id(), since.as_nanos())
}

fn transactional(kafka: &Kafka, id: &str) -> Transactional {
    let producer: Transactional = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        .set("transactional.id", id)
        .set("linger.ms", "0")
        .create()
        .unwrap();
    producer.init_transactions(DEADLINE).unwrap();
    producer
}

fn consumer(kafka: &Kafka, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap()
}

fn write(producer: &Transactional, topic: &str, rows: &[&str]) {
    for row in rows {
        let record = BaseRecord::<str, str>::to(topic).partition(0).payload(row);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
}

/// Everything committed in partition 0, up to the last stable offset.
fn read(kafka: &Kafka, topic: &str) -> Vec<String> {
    let consumer = consumer(kafka, topic);
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&assignment).unwrap();
    let mut rows = Vec::new();
    loop {
        match consumer.poll(DEADLINE).expect("an end within the deadline") {
            Ok(message) => {
                rows.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap())
            }
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => return rows,
            Err(error) => panic!("{error}"),
        }
    }
}

fn send_marker(producer: &Transactional, reader: &BaseConsumer, topic: &str, text: &str) {
    let mut offsets = TopicPartitionList::new();
    let mut element = offsets.add_partition(topic, 0);
    element.set_offset(Offset::Offset(1)).unwrap();
    element.set_metadata(text);
    let group = reader.group_metadata().unwrap();
    producer
        .send_offsets_to_transaction(&offsets, &group, DEADLINE)
        .unwrap();
}

fn marker(reader: &BaseConsumer, topic: &str) -> String {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(topic, 0);
    let found = reader.committed_offsets(wanted, DEADLINE).unwrap();
    let element = found.find_partition(topic, 0).unwrap();
    element.error().unwrap();
    element.metadata().to_string()
}

#[test]
fn a_committed_transaction_is_seen_and_an_aborted_one_is_not() {
    let Some(kafka) = needed(kafka()) else { return };
    let topic = fresh("committed");
    kafka.create_topic(&topic, 1).unwrap();
    let producer = transactional(&kafka, &topic);
    for (rows, commits) in [(["a", "b"], true), (["c", "d"], false), (["e", "f"], true)] {
        producer.begin_transaction().unwrap();
        write(&producer, &topic, &rows);
        if commits {
            producer.commit_transaction(DEADLINE).unwrap();
        } else {
            producer.flush(DEADLINE).unwrap();
            producer.abort_transaction(DEADLINE).unwrap();
        }
    }
    assert_eq!(read(&kafka, &topic), ["a", "b", "e", "f"]);
}

#[test]
fn a_marker_in_the_group_metadata_is_committed_with_the_rows() {
    let Some(kafka) = needed(kafka()) else { return };
    let topic = fresh("marker");
    kafka.create_topic(&topic, 1).unwrap();
    // Neither subscribed nor assigned: the broker takes it for a simple group.
    let reader = consumer(&kafka, &topic);
    assert_eq!(marker(&reader, &topic), "");
    let producer = transactional(&kafka, &topic);
    for (text, commits) in [("lineage:1", true), ("lineage:2", false)] {
        producer.begin_transaction().unwrap();
        write(&producer, &topic, &[text]);
        send_marker(&producer, &reader, &topic, text);
        if commits {
            producer.commit_transaction(DEADLINE).unwrap();
        } else {
            producer.abort_transaction(DEADLINE).unwrap();
        }
    }
    assert_eq!(marker(&reader, &topic), "lineage:1");
    assert_eq!(read(&kafka, &topic), ["lineage:1"]);
}

#[test]
fn a_successor_aborts_what_a_zombie_left_open_and_fences_it() {
    let Some(kafka) = needed(kafka()) else { return };
    let topic = fresh("fenced");
    kafka.create_topic(&topic, 1).unwrap();
    let reader = consumer(&kafka, &topic);
    let zombie = transactional(&kafka, &topic);
    zombie.begin_transaction().unwrap();
    write(&zombie, &topic, &["lost"]);
    send_marker(&zombie, &reader, &topic, "lineage:9");
    let successor = transactional(&kafka, &topic);
    assert_eq!(marker(&reader, &topic), "");
    assert!(zombie.commit_transaction(DEADLINE).is_err());
    successor.begin_transaction().unwrap();
    write(&successor, &topic, &["kept"]);
    successor.commit_transaction(DEADLINE).unwrap();
    assert_eq!(read(&kafka, &topic), ["kept"]);
}

#[test]
fn a_broker_comes_back_after_sigkill_with_what_was_committed() {
    if is_without() {
        assert!(needed(kafka()).is_none());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(&folder.path().join("broker"), Ports::default()).unwrap();
    let kafka = broker.kafka();
    kafka.create_topic("rows", 1).unwrap();
    let producer = transactional(&kafka, "writer");
    producer.begin_transaction().unwrap();
    write(&producer, "rows", &["before"]);
    producer.commit_transaction(DEADLINE).unwrap();
    let pid = broker.pid();
    broker.kill().unwrap();
    assert!(!answers(&kafka.bootstrap));
    broker.restart().unwrap();
    assert_ne!(broker.pid(), pid);
    assert_eq!(broker.kafka(), kafka);
    let producer = transactional(&kafka, "writer");
    producer.begin_transaction().unwrap();
    write(&producer, "rows", &["after"]);
    producer.commit_transaction(DEADLINE).unwrap();
    assert_eq!(read(&kafka, "rows"), ["before", "after"]);
    broker.stop().unwrap();
    assert!(!answers(&kafka.bootstrap));
}

fn bucket(s3: &S3, access_key: &str, secret_key: &str) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(&s3.endpoint)
        .with_allow_http(true)
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_access_key_id(access_key)
        .with_secret_access_key(secret_key)
        .build()
        .unwrap()
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

#[test]
fn of_two_concurrent_creates_exactly_one_wins() {
    let Some(s3) = needed(s3()) else { return };
    let store = Arc::new(bucket(&s3, &s3.access_key, &s3.secret_key));
    let folder = fresh("race");
    on_runtime(async {
        for round in 0..50 {
            let path = ObjectPath::from(format!("{folder}/{round}"));
            let create = |writer: &'static str| {
                let (store, path) = (Arc::clone(&store), path.clone());
                async move {
                    let options = PutOptions::from(PutMode::Create);
                    store
                        .put_opts(&path, PutPayload::from_static(writer.as_bytes()), options)
                        .await
                }
            };
            let results = futures::future::join(create("one"), create("two")).await;
            let winner = match results {
                (Ok(_), Err(object_store::Error::AlreadyExists { .. })) => "one",
                (Err(object_store::Error::AlreadyExists { .. }), Ok(_)) => "two",
                other => panic!("round {round}: {other:?}"),
            };
            let bytes = store.get(&path).await.unwrap().bytes().await.unwrap();
            assert_eq!(bytes, winner.as_bytes());
        }
    });
}

#[test]
fn wrong_credentials_are_refused() {
    let Some(s3) = needed(s3()) else { return };
    let path = ObjectPath::from("anything");
    for (key, secret) in [
        (s3.access_key.as_str(), "wrong"),
        ("nobody", s3.secret_key.as_str()),
    ] {
        let store = bucket(&s3, key, secret);
        let error = on_runtime(async { store.get(&path).await.map(drop) }).unwrap_err();
        assert!(
            matches!(error, object_store::Error::PermissionDenied { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn a_long_listing_comes_whole_in_pages() {
    use futures::TryStreamExt;
    let Some(s3) = needed(s3()) else { return };
    let store = bucket(&s3, &s3.access_key, &s3.secret_key);
    let folder = ObjectPath::from(fresh("pages"));
    // One page of S3 holds 1,000 names.
    let names: Vec<ObjectPath> = (0..1_050)
        .map(|i| folder.clone().join(format!("{i:04}")))
        .collect();
    let found = on_runtime(async {
        for chunk in names.chunks(50) {
            let puts = chunk
                .iter()
                .map(|name| store.put(name, PutPayload::from_static(b"x")));
            futures::future::try_join_all(puts).await.unwrap();
        }
        store
            .list(Some(&folder))
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
    });
    let mut found: Vec<ObjectPath> = found.into_iter().map(|object| object.location).collect();
    found.sort();
    assert_eq!(found, names);
}

#[test]
fn a_multipart_upload_is_invisible_until_it_is_complete() {
    let Some(s3) = needed(s3()) else { return };
    let store = bucket(&s3, &s3.access_key, &s3.secret_key);
    let path = ObjectPath::from(fresh("parts"));
    on_runtime(async {
        let mut upload = store.put_multipart(&path).await.unwrap();
        for byte in [1_u8, 2] {
            upload
                .put_part(PutPayload::from(vec![byte; 5 << 20]))
                .await
                .unwrap();
        }
        let early = store.head(&path).await.unwrap_err();
        assert!(
            matches!(early, object_store::Error::NotFound { .. }),
            "{early:?}"
        );
        upload.complete().await.unwrap();
        assert_eq!(store.head(&path).await.unwrap().size, 10 << 20);
        let seam = (5 << 20) - 1..(5 << 20) + 1;
        assert_eq!(store.get_range(&path, seam).await.unwrap().as_ref(), [1, 2]);
    });
}

#[test]
fn an_entry_is_found_by_kind_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services.json");
    assert_eq!(find::<Kafka>(&path, "kafka", "main").unwrap(), None);
    let text = r#"{"services": [{"kind": "kafka", "name": "other", "bootstrap": "a:1"},
                                {"kind": "kafka", "name": "main", "bootstrap": "b:2", "pid": 7}]}"#;
    std::fs::write(&path, text).unwrap();
    let found = find::<Kafka>(&path, "kafka", "main").unwrap().unwrap();
    assert_eq!(found.bootstrap, "b:2");
    assert_eq!(find::<S3>(&path, "s3", "main").unwrap(), None);
    for damaged in [
        "",
        "{}",
        r#"{"services": [{"kind": "kafka", "name": "main"}]}"#,
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = find::<Kafka>(&path, "kafka", "main").unwrap_err();
        assert!(error.message().contains("services.json"), "{error}");
    }
}
