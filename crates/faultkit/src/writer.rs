//! Brings a plan's rows to where a job reads them: files, or a Kafka topic.
//!
//! * Files: one per partition, one JSON object per line.
//! * Kafka: partition = partition, record timestamp = event time, idempotent producer, so that the
//!   topic holds each row exactly once whatever the broker went through. Partitions are written
//!   side by side, as live input would arrive; `rows_per_second` paces them.
//! * Always: bounded by a deadline; a row not acknowledged by then is an error, never a silent hole
//!   (the totals of the plan would be wrong, and the engine would be blamed).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Code, Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message};

use crate::generator::{Plan, Row};

/// Writes one file per partition into `folder`: `part-00000.jsonl` and so on; returns their paths.
pub fn write_files(plan: &Plan, folder: &Path) -> Result<Vec<PathBuf>> {
    plan.check()?;
    (0..plan.partitions)
        .map(|partition| {
            let path = folder.join(format!("part-{partition:05}.jsonl"));
            write_file(&path, plan.partition(partition)).map_err(|cause| {
                let name = path.display();
                Error::new(Code::Write, format!("cannot write '{name}'")).caused_by(cause)
            })?;
            Ok(path)
        })
        .collect()
}

fn write_file(path: &Path, rows: impl Iterator<Item = Row>) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for row in rows {
        file.write_all(row.to_json().as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.sync_all()
}

/// Creates a topic; an error when it is there already.
///
/// Its records are kept for good: their timestamps are event times of the plan, and a broker deletes
/// records whose timestamp is older than its retention, in the middle of a run.
pub fn create_topic(
    bootstrap: &str,
    topic: &str,
    partitions: u32,
    deadline: Duration,
) -> Result<()> {
    let failed = |what: String| Error::new(Code::Write, format!("cannot create '{topic}': {what}"));
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .map_err(|cause| failed(cause.to_string()))?;
    let partitions = i32::try_from(partitions).map_err(|_| failed("too many partitions".into()))?;
    let kept =
        NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
    let topics = [kept];
    let options = AdminOptions::new()
        .request_timeout(Some(deadline))
        .operation_timeout(Some(deadline));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| failed(cause.to_string()))?;
    let clock = SystemClock::new();
    loop {
        let results = runtime
            .block_on(admin.create_topics(&topics, &options))
            .map_err(|cause| failed(cause.to_string()))?;
        match results.into_iter().next() {
            Some(Ok(_)) => break,
            // A busy broker that was late with its heartbeat does not count for a moment.
            Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor)))
                if clock.elapsed() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(200));
            }
            Some(Err((_, code))) => return Err(failed(code.to_string())),
            None => return Err(failed("the broker said nothing about it".into())),
        }
    }
    while !has_leaders(&admin, topic, partitions, deadline) {
        if clock.elapsed() > deadline {
            return Err(failed("its partitions have no leaders".into()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether whoever asks now is told about all partitions: a new topic is not known at once.
fn has_leaders(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
    partitions: i32,
    deadline: Duration,
) -> bool {
    let metadata = admin.inner().fetch_metadata(Some(topic), deadline);
    metadata.is_ok_and(|metadata| {
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        found.is_some_and(|found| {
            let led = found.partitions().iter().filter(|one| one.leader() >= 0);
            led.count() == partitions as usize
        })
    })
}

/// Writes a plan to a Kafka topic.
#[derive(Clone, Debug)]
pub struct KafkaWriter {
    /// Where the broker is.
    pub bootstrap: String,
    /// The topic; it exists and has as many partitions as the plan.
    pub topic: String,
    /// How fast over all partitions; `None` for as fast as possible.
    pub rows_per_second: Option<u64>,
    /// How long all of it may take.
    pub deadline: Duration,
    /// The last rows come slowly until something has happened.
    pub hold: Option<Hold>,
}

/// Rows that are held back, so that a reader of them is still there when something happens to it: on
/// a busy machine it may begin when all rows are written, and be done before anything can happen.
#[derive(Clone, Debug)]
pub struct Hold {
    /// From this row on, counted over all partitions, ...
    pub from_row: u64,
    /// ... rows come at this rate ...
    pub rows_per_second: u64,
    /// ... until this is true.
    pub released: Arc<AtomicBool>,
}

#[derive(Default)]
struct Deliveries {
    done: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(message) if message.offset() >= 0 => &self.done,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

impl KafkaWriter {
    /// A writer without pacing and with a deadline of two minutes.
    pub fn new(bootstrap: &str, topic: &str) -> Self {
        KafkaWriter {
            bootstrap: bootstrap.into(),
            topic: topic.into(),
            rows_per_second: None,
            deadline: Duration::from_secs(120),
            hold: None,
        }
    }

    /// Writes all rows and waits until the broker has acknowledged each of them.
    pub fn write(&self, plan: &Plan) -> Result<()> {
        plan.check()?;
        let clock = SystemClock::new();
        let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("compression.type", "lz4")
            .set("message.timeout.ms", self.deadline.as_millis().to_string())
            .create_with_context(Deliveries::default())
            .map_err(|cause| self.failed(&cause.to_string()))?;
        let (mut sent, mut due) = (0, Duration::ZERO);
        for seq in 0..plan.rows_per_partition {
            for partition in 0..plan.partitions {
                due = self.wait_for_turn(sent, due, &clock)?;
                self.send(&producer, &plan.row(partition, seq), &clock)?;
                sent += 1;
            }
        }
        producer
            .flush(self.deadline.saturating_sub(clock.elapsed()))
            .map_err(|cause| self.failed(&cause.to_string()))?;
        let deliveries = producer.context();
        let done = deliveries.done.load(Ordering::SeqCst);
        let failed = deliveries.failed.load(Ordering::SeqCst);
        if done != sent || failed != 0 {
            return Err(self.failed(&format!("{sent} rows sent, {done} stored, {failed} failed")));
        }
        Ok(())
    }

    /// Waits until `due`, when row `row` may go; returns when the next one may.
    fn wait_for_turn(&self, row: u64, due: Duration, clock: &SystemClock) -> Result<Duration> {
        if clock.elapsed() > self.deadline {
            return Err(self.failed(&format!("deadline passed after {row} rows")));
        }
        let held = self.hold.as_ref().filter(|hold| row >= hold.from_row);
        let is_held = || held.is_some_and(|hold| !hold.released.load(Ordering::SeqCst));
        let rate = match held {
            Some(hold) if is_held() => Some(hold.rows_per_second),
            _ => self.rows_per_second,
        };
        let Some(rate) = rate.filter(|rate| *rate > 0) else {
            return Ok(clock.elapsed());
        };
        let was_held = is_held();
        loop {
            let wait = due.saturating_sub(clock.elapsed());
            // Shorter waits cost more in switches than they give in smoothness.
            if wait < Duration::from_millis(1) || was_held != is_held() {
                break;
            }
            std::thread::sleep(wait.min(Duration::from_millis(20)));
        }
        // Who is behind catches up, but not with what was held back before.
        let from = match was_held != is_held() {
            true => clock.elapsed(),
            false => due,
        };
        Ok(from + Duration::from_secs_f64(1.0 / rate as f64))
    }

    fn send(
        &self,
        producer: &ThreadedProducer<Deliveries>,
        row: &Row,
        clock: &SystemClock,
    ) -> Result<()> {
        let json = row.to_json();
        let partition =
            i32::try_from(row.partition).map_err(|_| self.failed("too many partitions"))?;
        let mut record = BaseRecord::to(&self.topic)
            .partition(partition)
            .timestamp(row.event_time)
            .key(&row.key)
            .payload(&json);
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if clock.elapsed() > self.deadline {
                        return Err(self.failed("deadline passed with a full queue"));
                    }
                    record = back;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err((cause, _)) => return Err(self.failed(&cause.to_string())),
            }
        }
    }

    fn failed(&self, what: &str) -> Error {
        Error::new(
            Code::Write,
            format!("cannot write to topic '{}': {what}", self.topic),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_every_row_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::small(2, 300);
        let paths = write_files(&plan, folder.path()).unwrap();
        assert_eq!(paths.len(), 4);
        for (partition, path) in paths.iter().enumerate() {
            let text = std::fs::read_to_string(path).unwrap();
            let rows: Vec<Row> = text
                .lines()
                .map(|line| Row::from_json(line.as_bytes()).unwrap())
                .collect();
            assert_eq!(rows, plan.partition(partition as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_files(&Plan::small(1, 1), Path::new("/nowhere/at/all")).unwrap_err();
        assert!(
            error
                .message()
                .contains("'/nowhere/at/all/part-00000.jsonl'"),
            "{error}"
        );
    }

    #[test]
    fn held_rows_come_slowly_until_they_are_released() {
        let released = Arc::new(AtomicBool::new(false));
        let mut writer = KafkaWriter::new("127.0.0.1:1", "nowhere");
        writer.hold = Some(Hold {
            from_row: 2,
            rows_per_second: 50,
            released: Arc::clone(&released),
        });
        let clock = SystemClock::new();
        let mut due = Duration::ZERO;
        for row in 0..2 {
            due = writer.wait_for_turn(row, due, &clock).unwrap();
        }
        assert!(clock.elapsed() < Duration::from_millis(20));
        for row in 2..7 {
            due = writer.wait_for_turn(row, due, &clock).unwrap();
        }
        assert!(clock.elapsed() >= Duration::from_millis(80));
        released.store(true, Ordering::SeqCst);
        let before = clock.elapsed();
        for row in 7..1_000 {
            due = writer.wait_for_turn(row, due, &clock).unwrap();
        }
        assert!(clock.elapsed() - before < Duration::from_millis(500));
    }

    #[test]
    fn a_broker_that_is_not_there_is_an_error_within_the_deadline() {
        let writer = KafkaWriter {
            deadline: Duration::from_millis(300),
            ..KafkaWriter::new("127.0.0.1:1", "nowhere")
        };
        let clock = SystemClock::new();
        assert!(writer.write(&Plan::small(1, 2)).is_err());
        assert!(clock.elapsed() < Duration::from_secs(5));
    }
}
