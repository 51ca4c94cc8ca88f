//! What the commit marker costs on a real broker: `MARKER_BOOTSTRAP=host:port cargo run -p
//! millstream-faultkit --example marker_cost`.
//!
//! Each round is one checkpoint of the commit protocol: begin, write, `send_offsets_to_transaction`
//! with `lineage:N` as metadata, commit. Then the marker is read back by a consumer that never
//! subscribed, and the cost of a new producer with `init_transactions` is measured.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement of real time, for a person"
)]

use std::error::Error;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

const ROUNDS: u32 = 200;
const DEADLINE: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Transactional = ThreadedProducer<DefaultProducerContext>;

fn main() -> Result<()> {
    let bootstrap = match std::env::var("MARKER_BOOTSTRAP") {
        Ok(address) => address,
        Err(_) => return Err("MARKER_BOOTSTRAP wants the broker's host:port".into()),
    };
    let pause = pause()?;
    let name = format!("marker-cost-{}", std::process::id());
    create_topic(&bootstrap, &name)?;
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &bootstrap)
        .set("group.id", &name)
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    println!(
        "marker before the first commit: {:?}",
        marker(&reader, &name)?
    );
    let mut producer = transactional(&bootstrap, &name)?;
    producer.init_transactions(DEADLINE)?;

    let mut begins = Vec::new();
    let mut flushes = Vec::new();
    let mut markers = Vec::new();
    let mut commits = Vec::new();
    for round in 0..ROUNDS {
        begins.push(timed(|| Ok(producer.begin_transaction()?))?);
        write_rows(&producer, &name)?;
        flushes.push(timed(|| settle(&producer))?);
        markers.push(timed(|| send_marker(&producer, &reader, &name, round))?);
        commits.push(timed(|| Ok(producer.commit_transaction(DEADLINE)?))?);
        std::thread::sleep(pause);
    }
    println!(
        "marker after {ROUNDS} rounds: {:?}",
        marker(&reader, &name)?
    );
    producer.begin_transaction()?;
    send_marker(&producer, &reader, &name, 9_999)?;
    println!(
        "marker while a transaction is open: {:?}",
        marker(&reader, &name)
    );
    producer.abort_transaction(DEADLINE)?;
    println!("marker after an abort: {:?}", marker(&reader, &name)?);

    producer.begin_transaction()?;
    send_marker(&producer, &reader, &name, 10_000)?;
    drop(producer);
    producer = transactional(&bootstrap, &name)?;
    let fenced = timed(|| Ok(producer.init_transactions(DEADLINE)?))?;
    println!("init_transactions over an open transaction took {fenced:?}");
    println!("marker after it: {:?}", marker(&reader, &name)?);

    let mut reads = Vec::new();
    let mut renewals = Vec::new();
    for _ in 0..ROUNDS / 10 {
        reads.push(timed(|| marker(&reader, &name).map(drop))?);
        renewals.push(timed(|| {
            producer = transactional(&bootstrap, &name)?;
            Ok(producer.init_transactions(DEADLINE)?)
        })?);
    }
    for (what, times) in [
        ("begin", begins),
        ("delivery of 3 rows", flushes),
        ("send marker", markers),
        ("commit", commits),
        ("read marker", reads),
        ("new producer + init_transactions", renewals),
    ] {
        report(what, times);
    }
    Ok(())
}

/// Time between two rounds: without it the broker is still ending the last transaction.
fn pause() -> Result<Duration> {
    match std::env::var("MARKER_PAUSE_MS") {
        Ok(text) => Ok(Duration::from_millis(text.parse()?)),
        Err(_) => Ok(Duration::ZERO),
    }
}

fn create_topic(bootstrap: &str, name: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()?;
    let topic = NewTopic::new(name, 3, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let created = futures::executor::block_on(admin.create_topics([&topic], &options))?;
    for result in created {
        result.map_err(|(topic, code)| format!("cannot create topic '{topic}': {code}"))?;
    }
    Ok(())
}

fn transactional(bootstrap: &str, id: &str) -> Result<Transactional> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", id)
        .set("linger.ms", "0")
        .create()?)
}

fn write_rows(producer: &Transactional, topic: &str) -> Result<()> {
    for partition in 0..3 {
        producer
            .send(
                BaseRecord::<str, str>::to(topic)
                    .partition(partition)
                    .payload("row"),
            )
            .map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Waits for every delivery report. `Producer::flush` polls in steps of 100 ms, which it always
/// uses up; a checkpoint cannot afford them.
fn settle(producer: &Transactional) -> Result<()> {
    let start = Instant::now();
    while producer.in_flight_count() > 0 {
        if start.elapsed() > DEADLINE {
            return Err(format!("rows not delivered within {DEADLINE:?}").into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

fn send_marker(
    producer: &Transactional,
    reader: &BaseConsumer,
    topic: &str,
    round: u32,
) -> Result<()> {
    let group = reader.group_metadata().ok_or("no group metadata")?;
    let mut offsets = TopicPartitionList::new();
    let mut element = offsets.add_partition(topic, 0);
    element.set_offset(Offset::Offset(i64::from(round)))?;
    element.set_metadata(format!("lineage-7:{round}"));
    Ok(producer.send_offsets_to_transaction(&offsets, &group, DEADLINE)?)
}

fn marker(reader: &BaseConsumer, topic: &str) -> Result<(Offset, String)> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(topic, 0);
    let found = reader.committed_offsets(wanted, DEADLINE)?;
    let element = found.find_partition(topic, 0).ok_or("no answer")?;
    element.error()?;
    Ok((element.offset(), element.metadata().to_string()))
}

fn timed(run: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what:34} p50 {:7.2} ms  p95 {:7.2} ms  max {:7.2} ms  n {}",
        at(0.5),
        at(0.95),
        at(1.0),
        times.len()
    );
}
