use std::sync::Arc;

use millstream_core::clock::SystemClock;
use rdkafka::mocking::MockCluster;

use super::*;
use crate::compare::{Multiset, compare};
use crate::generator::Plan;
use crate::writer::KafkaWriter;

fn clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

fn a_record(partition: i32, offset: i64, value: &'static [u8]) -> Record {
    Record {
        partition,
        offset,
        arrived: Duration::ZERO,
        key: None,
        value: Some(Bytes::from_static(value)),
    }
}

fn seen(records: &[Record]) -> Seen {
    let mut seen = Seen::default();
    records
        .iter()
        .for_each(|record| seen.take(record.clone(), 1_000));
    seen
}

#[test]
fn an_offset_that_comes_again_is_a_fault() {
    let topic = Topic::new("nowhere", "t");
    seen(&[
        a_record(0, 1, b"a"),
        a_record(1, 1, b"b"),
        a_record(0, 3, b"c"),
    ])
    .check(&topic)
    .unwrap();
    let twice = seen(&[a_record(0, 1, b"a"), a_record(0, 1, b"a")]);
    let error = twice.check(&topic).unwrap_err();
    assert_eq!(
        error.message(),
        "topic 't': partition 0: offset 1 after offset 1"
    );
}

#[test]
fn more_payload_than_allowed_is_a_fault() {
    let mut seen = Seen::default();
    seen.take(a_record(0, 1, b"0123456789"), 9);
    assert!(seen.check(&Topic::new("nowhere", "t")).is_err());
}

#[test]
fn readers_that_disagree_on_a_record_or_its_bytes_are_caught() {
    let topic = Topic::new("nowhere", "t");
    let all = seen(&[a_record(0, 1, b"a"), a_record(0, 2, b"b")]);
    let part = seen(&[a_record(0, 1, b"a")]);
    let other = seen(&[a_record(0, 1, b"a"), a_record(0, 2, b"x")]);
    same(&topic, &all, &all).unwrap();
    assert!(
        same(&topic, &all, &part)
            .unwrap_err()
            .message()
            .contains("is not in the topic now")
    );
    assert!(
        same(&topic, &part, &all)
            .unwrap_err()
            .message()
            .contains("never seen")
    );
    assert!(same(&topic, &all, &other).is_err());
}

#[test]
fn a_topic_that_is_not_there_is_an_error_within_the_deadline() {
    let topic = Topic {
        deadline: Duration::from_millis(300),
        ..Topic::new("127.0.0.1:1", "t")
    };
    assert!(Reader::start(topic, clock()).is_err());
}

#[test]
fn a_concurrent_reader_sees_every_row_of_the_writer_once() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("rows", 4, 1).unwrap();
    let plan = Plan::small(21, 500);
    let topic = Topic::new(&cluster.bootstrap_servers(), "rows");
    let reader = Reader::start(topic.clone(), clock()).unwrap();
    KafkaWriter::new(&topic.bootstrap, "rows")
        .write(&plan)
        .unwrap();
    let seen = reader.finish().unwrap();
    let found: Multiset = seen
        .values()
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect();
    let wanted: Multiset = plan.rows().map(|row| row.to_json()).collect();
    compare(&wanted, &found).into_result().unwrap();
    assert!(seen.arrivals().is_sorted());
}
