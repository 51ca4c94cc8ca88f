//! Input that is lost, brokers that are away, and every error a broker can answer with.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::Code;
use millstream_core::clock::{Clock, SystemClock};
use millstream_core::connector::{CommitMarker, CommitOutcome};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::support::*;
use crate::testing::barrier;

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).create().unwrap()
}

fn ids(range: std::ops::Range<i32>) -> Vec<String> {
    range.map(|id| format!("{{\"id\":{id}}}")).collect()
}

async fn delete_records(bootstrap: &str, topic: &str, before: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(before))
        .unwrap();
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    admin(bootstrap)
        .delete_records(&list, &options)
        .await
        .unwrap();
}

#[tokio::test]
async fn records_deleted_before_they_were_read_are_an_error_with_both_offsets() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "deleted", 1);
    let texts = ids(0..20);
    let records: Vec<Sent<'_>> = texts.iter().map(|text| value(0, text)).collect();
    produce(&broker.bootstrap, &topic, &records);
    let table = json_table(&broker.bootstrap, &topic, &[EARLIEST]);
    let mut context = reading(&table);
    context.batch_rows = 5;
    let found = source_in(&table, &context).unwrap();
    let known = splits(found.as_ref(), &[]).await.unwrap();
    let mut first = Reading::from(found.as_ref(), known.clone(), &BTreeMap::new()).unwrap();
    first.step().await.unwrap();
    let positions = first.positions();
    assert!(
        positions[&known[0].name].0.starts_with("5 "),
        "{positions:?}"
    );
    drop(first);

    // Just up to the position: the record before it is gone, nothing unread is.
    delete_records(&broker.bootstrap, &topic, 5).await;
    let mut second = Reading::from(found.as_ref(), known.clone(), &positions).unwrap();
    second.until(15).await.unwrap();
    assert_eq!(second.rows[&known[0].name][0], "5|null");
    drop(second);

    delete_records(&broker.bootstrap, &topic, 8).await;
    let mut third = Reading::from(found.as_ref(), known.clone(), &positions).unwrap();
    let error = third.until(1).await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert_eq!(
        error.message(),
        format!(
            "table 't': partition 0 of topic '{topic}' has lost input: wanted offset 5, the earliest \
             one there is 8"
        )
    );

    // Only who asked for it goes on with a gap.
    let options = [EARLIEST, ("properties.auto.offset.reset", "earliest")];
    let table = json_table(&broker.bootstrap, &topic, &options);
    let found = source(&table).unwrap();
    let mut fourth = Reading::from(found.as_ref(), known, &positions).unwrap();
    fourth.until(12).await.unwrap();
    assert_eq!(fourth.all()[0], "10|null");
}

#[tokio::test]
async fn a_topic_created_anew_is_told_from_the_one_that_was_read() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "recreated", 1);
    let texts = ids(0..10);
    let records: Vec<Sent<'_>> = texts.iter().map(|text| value(0, text)).collect();
    produce(&broker.bootstrap, &topic, &records);
    let found = source(&json_table(&broker.bootstrap, &topic, &[EARLIEST])).unwrap();
    let known = splits(found.as_ref(), &[]).await.unwrap();
    let mut first = Reading::from(found.as_ref(), known.clone(), &BTreeMap::new()).unwrap();
    first.until(10).await.unwrap();
    let positions = first.positions();
    drop(first);

    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let admin = admin(&broker.bootstrap);
    admin.delete_topics(&[&topic], &options).await.unwrap()[0]
        .as_ref()
        .unwrap();
    let error = splits(found.as_ref(), &known).await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert_eq!(
        error.message(),
        format!("table 't': topic '{topic}', which the job was reading, is gone from the cluster")
    );

    // Shorter than before.
    recreate(&broker, &topic);
    produce(&broker.bootstrap, &topic, &records[..3]);
    let mut second = Reading::from(found.as_ref(), known.clone(), &positions).unwrap();
    let error = second.until(1).await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(
        error
            .message()
            .ends_with("wanted offset 10, there are only offsets up to 3"),
        "{error}"
    );

    // Only who asked for it goes on with what is there.
    let options = [EARLIEST, ("properties.auto.offset.reset", "earliest")];
    let careless = source(&json_table(&broker.bootstrap, &topic, &options)).unwrap();
    let mut jumped = Reading::from(careless.as_ref(), known.clone(), &positions).unwrap();
    jumped.until(3).await.unwrap();
    assert_eq!(jumped.all(), ["0|null", "1|null", "2|null"]);

    // Longer than before, so that every offset is there.
    let texts = ids(100..120);
    let records: Vec<Sent<'_>> = texts.iter().map(|text| value(0, text)).collect();
    produce(&broker.bootstrap, &topic, &records);
    let mut third = Reading::from(found.as_ref(), known, &positions).unwrap();
    let error = third.until(1).await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(
        error
            .message()
            .contains("is another one than before: its record at offset 9"),
        "{error}"
    );
}

fn recreate(broker: &millstream_faultkit::services::Kafka, topic: &str) {
    for attempt in 0.. {
        match broker.create_topic(topic, 1) {
            Ok(()) => return,
            Err(error) if attempt > 100 => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[tokio::test]
async fn brokers_that_are_not_there_are_told_in_time() {
    let soon = ("properties.request.timeout.ms", "2000");
    let table = json_table("127.0.0.1:9", "x", &[EARLIEST, soon]);
    let found = source(&table).unwrap();
    let clock = SystemClock::new();
    let error = splits(found.as_ref(), &[]).await.unwrap_err();
    assert!(clock.elapsed() < Duration::from_secs(10));
    assert_eq!(error.code(), Code::Unavailable);
    let message = error.message();
    assert!(
        message.starts_with("table 't': cannot look at topic 'x'"),
        "{message}"
    );
    assert!(message.contains("127.0.0.1:9"), "{message}");
}

#[tokio::test]
async fn a_broker_that_wants_no_password_refuses_one_clearly() {
    let Some(broker) = broker() else { return };
    let options = [
        EARLIEST,
        ("properties.request.timeout.ms", "3000"),
        ("properties.security.protocol", "SASL_PLAINTEXT"),
        ("properties.sasl.mechanism", "PLAIN"),
        ("properties.sasl.username", "ann"),
        ("properties.sasl.password", "s3cr3t"),
    ];
    let table = json_table(&broker.bootstrap, "x", &options);
    let found = source(&table).unwrap();
    let error = splits(found.as_ref(), &[]).await.unwrap_err();
    assert_eq!(error.code(), Code::Denied, "{error:?}");
    assert!(!error.report().contains("s3cr3t"), "{error:?}");
    assert!(
        error.hint_text().unwrap().contains("properties.sasl"),
        "{error:?}"
    );
}

/// What a commit makes of an error a broker answers with.
async fn outcome(api: RDKafkaApiKey, answers: &[RDKafkaRespErr]) -> Result<(), Code> {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("x", 1, 1).unwrap();
    let options = [
        ("sink.delivery-guarantee", "exactly-once"),
        ("properties.delivery.timeout.ms", "4000"),
    ];
    let table = json_table(&mock.bootstrap_servers(), "x", &options);
    let sink = crate::connector("kafka").unwrap().sink().unwrap();
    let transactions = sink
        .transactions(&[&table], &writing("job", "1", None))
        .unwrap();
    let started = matches!(
        api,
        RDKafkaApiKey::InitProducerId | RDKafkaApiKey::FindCoordinator
    );
    if started {
        mock.request_errors(api, answers);
    }
    transactions
        .recover(&[])
        .await
        .map_err(|error| error.code())?;
    transactions.begin().await.map_err(|error| error.code())?;
    if !started {
        mock.request_errors(api, answers);
    }
    let mut writer = writer(
        &table,
        &writing("job", "1", Some(std::sync::Arc::clone(&transactions))),
    );
    writer
        .write(rows(&table, &[&["1", "a"]]))
        .await
        .map_err(|error| error.code())?;
    writer
        .prepare(barrier(1, false))
        .await
        .map_err(|error| error.code())?;
    let marker = CommitMarker {
        lineage: "1".into(),
        checkpoint: 1,
    };
    match transactions.commit(&marker).await {
        CommitOutcome::Committed => Ok(()),
        CommitOutcome::Unknown(error) => Err(error.code()),
    }
}

#[tokio::test]
async fn every_answer_of_a_broker_has_its_outcome() {
    use RDKafkaApiKey as A;
    use RDKafkaRespErr as E;
    let done = Ok(());
    let table = [
        // Those that pass are tried again by the client.
        (
            A::Produce,
            E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            done,
        ),
        (A::Produce, E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, done),
        (A::Produce, E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, done),
        (
            A::AddPartitionsToTxn,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            done,
        ),
        (
            A::AddPartitionsToTxn,
            E::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
            done,
        ),
        (
            A::AddOffsetsToTxn,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            done,
        ),
        (
            A::TxnOffsetCommit,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            done,
        ),
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            done,
        ),
        (A::EndTxn, E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, done),
        (
            A::InitProducerId,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            done,
        ),
        (
            A::FindCoordinator,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            done,
        ),
        // Somebody else has the id.
        (
            A::AddPartitionsToTxn,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            Err(Code::Fenced),
        ),
        (
            A::AddOffsetsToTxn,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            Err(Code::Fenced),
        ),
        (
            A::TxnOffsetCommit,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            Err(Code::Fenced),
        ),
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            Err(Code::Fenced),
        ),
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
            Err(Code::Fenced),
        ),
        // The owner must act.
        (
            A::Produce,
            E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            Err(Code::Denied),
        ),
        (
            A::AddOffsetsToTxn,
            E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            Err(Code::Denied),
        ),
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            Err(Code::Denied),
        ),
        (
            A::InitProducerId,
            E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            Err(Code::Denied),
        ),
        (
            A::Produce,
            E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            Err(Code::Write),
        ),
        (
            A::InitProducerId,
            E::RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
            Err(Code::InvalidOption),
        ),
        // The transaction is broken; the job replays.
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
            Err(Code::CommitUnknown),
        ),
        (
            A::EndTxn,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
            Err(Code::CommitUnknown),
        ),
        (
            A::AddOffsetsToTxn,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
            Err(Code::CommitUnknown),
        ),
    ];
    let mut wrong = Vec::new();
    for (api, answer, wanted) in table {
        let found = outcome(api, &[answer]).await;
        if found != wanted {
            wrong.push(format!("{api:?} {answer:?}: {found:?}, wanted {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_reader_lives_through_a_broker_that_goes_and_comes_back() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("x", 1, 1).unwrap();
    let bootstrap = mock.bootstrap_servers();
    produce(&bootstrap, "x", &[value(0, r#"{"id":1}"#)]);
    let options = [EARLIEST, ("properties.reconnect.backoff.max.ms", "200")];
    let found = source(&json_table(&bootstrap, "x", &options)).unwrap();
    let mut reading = Reading::of(found.as_ref()).await.unwrap();
    reading.until(1).await.unwrap();
    mock.broker_down(1).unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(700), reading.reader.fetch()).await;
    assert!(silent.is_err(), "{silent:?}");
    mock.broker_up(1).unwrap();
    produce(&bootstrap, "x", &[value(0, r#"{"id":2}"#)]);
    reading.until(2).await.unwrap();
    assert_eq!(reading.all(), ["1|null", "2|null"]);
    assert!(!found.is_bounded());
}

#[tokio::test]
async fn a_partition_that_its_broker_does_not_know_yet_is_asked_for_again() {
    use RDKafkaRespErr::*;
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("x", 1, 1).unwrap();
    let bootstrap = mock.bootstrap_servers();
    let unknown = [
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    ];
    mock.request_errors(RDKafkaApiKey::ListOffsets, &unknown);
    let found = source(&json_table(&bootstrap, "x", &[EARLIEST])).unwrap();
    let found = splits(found.as_ref(), &[]).await.unwrap();
    assert_eq!(found.len(), 1);

    // Not for ever, and it is not the owner's mistake.
    let never = [RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART; 64];
    mock.request_errors(RDKafkaApiKey::ListOffsets, &never);
    let options = [EARLIEST, ("properties.request.timeout.ms", "1000")];
    let found = source(&json_table(&bootstrap, "x", &options)).unwrap();
    let error = splits(found.as_ref(), &[]).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error:?}");
    assert!(error.message().contains("where to read"), "{error}");
}
