//! A `read_committed` reader that reads while the job crashes, and the judge of what it saw.
//!
//! The promise is not only about the topic at the end: a reader that follows along must see each
//! row once and in order, whatever crashed in between. So the reader runs from before the first
//! crash to the end in its own thread, and at the end a second reader reads the topic afresh.
//!
//! ```text
//! start ─▶ poll … poll ─▶ finish: high watermark = last stable offset?   (X5: no open transaction)
//!                                 fresh reader to the end ─▶ same offsets, same bytes
//! ```
//!
//! * Assigns every partition from its start; no group, so it cannot disturb the job's groups.
//! * Always: offsets of a partition rise strictly; a repeated or earlier offset is kept as a fault.
//! * A broker that is away is waited for: errors are counted, not fatal, until the deadline.
//! * Bounded: more than `bytes_max` of payload is an error of the test, not of memory.
//! * Source: Kafka's `transactions_test.py`: concurrent and final readers both equal the input.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use millstream_core::clock::SharedClock;
use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

mod offsets;
#[cfg(test)]
mod tests;

pub use offsets::{Offsets, offsets, wait_until_stable};

/// Longest single wait for the broker; stop and deadline are looked at in between.
const POLL: Duration = Duration::from_millis(100);

/// Which topic to read, and how far the reader may go.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Where the broker is.
    pub bootstrap: String,
    /// Name of the topic.
    pub name: String,
    /// How long a metadata or offset question, or the final catching up, may take.
    pub deadline: Duration,
    /// Most bytes of payload kept.
    pub bytes_max: usize,
}

impl Topic {
    /// A topic with a deadline of 60 s and at most 1 GiB of payload.
    pub fn new(bootstrap: &str, name: &str) -> Self {
        Topic {
            bootstrap: bootstrap.into(),
            name: name.into(),
            deadline: Duration::from_secs(60),
            bytes_max: 1 << 30,
        }
    }

    fn failed(&self, what: impl std::fmt::Display) -> Error {
        Error::new(
            Code::Read,
            format!("cannot read topic '{}': {what}", self.name),
        )
    }

    /// A consumer without a group.
    fn consumer(&self, isolation: &str) -> Result<BaseConsumer> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            // Required by the client although nothing is ever committed.
            .set("group.id", "millstream-faultkit")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("isolation.level", isolation)
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .map_err(|cause| self.failed(cause))
    }

    /// Number of partitions.
    fn partitions(&self, consumer: &BaseConsumer) -> Result<i32> {
        let metadata = consumer
            .fetch_metadata(Some(&self.name), self.deadline)
            .map_err(|cause| self.failed(cause))?;
        let topic = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.name);
        match topic.map(|topic| topic.partitions().len()) {
            None | Some(0) => Err(self.failed("it does not exist")),
            Some(count) => i32::try_from(count).map_err(|_| self.failed("too many partitions")),
        }
    }

    /// A consumer that has every partition from its start.
    fn assigned(&self) -> Result<(BaseConsumer, i32)> {
        let consumer = self.consumer("read_committed")?;
        let partitions = self.partitions(&consumer)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.name, partition, Offset::Beginning)
                .map_err(|cause| self.failed(cause))?;
        }
        consumer.assign(&list).map_err(|cause| self.failed(cause))?;
        Ok((consumer, partitions))
    }
}

/// A record as the reader saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Partition it was in.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it arrived, by the clock the reader was given.
    pub arrived: Duration,
    /// Key, if any.
    pub key: Option<Bytes>,
    /// Value; `None` for a tombstone.
    pub value: Option<Bytes>,
}

/// What a reader has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Records in order of arrival.
    pub records: Vec<Record>,
    /// Errors of the client that it got over, such as a broker that was away.
    pub errors_survived: u64,
    bytes: usize,
    last: BTreeMap<i32, i64>,
    fault: Option<String>,
}

impl Seen {
    /// Takes a record in; the first broken promise is kept and ends the reading.
    fn take(&mut self, record: Record, bytes_max: usize) {
        let before = self.last.insert(record.partition, record.offset);
        if before.is_some_and(|before| record.offset <= before) {
            self.fault = Some(format!(
                "partition {}: offset {} after offset {}",
                record.partition,
                record.offset,
                before.unwrap_or_default()
            ));
        }
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        self.bytes += length(&record.key) + length(&record.value);
        if self.bytes > bytes_max {
            self.fault = Some(format!("more than {bytes_max} bytes"));
        }
        self.records.push(record);
    }

    /// The values, in order of arrival; a tombstone is empty.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.records
            .iter()
            .map(|record| record.value.as_deref().unwrap_or_default())
    }

    /// When each record arrived, rising.
    pub fn arrivals(&self) -> Vec<Duration> {
        self.records.iter().map(|record| record.arrived).collect()
    }

    fn fingerprints(&self) -> BTreeMap<(i32, i64), u32> {
        let print = |record: &Record| {
            let key = crc32c::crc32c(record.key.as_deref().unwrap_or_default());
            let value = crc32c::crc32c_append(key, record.value.as_deref().unwrap_or_default());
            ((record.partition, record.offset), value)
        };
        self.records.iter().map(print).collect()
    }

    fn check(&self, topic: &Topic) -> Result<()> {
        match &self.fault {
            None => Ok(()),
            Some(fault) => Err(Error::internal(format!("topic '{}': {fault}", topic.name))),
        }
    }
}

/// A reader in its own thread.
pub struct Reader {
    topic: Topic,
    clock: SharedClock,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts to read `topic` from its start; the topic must exist.
    pub fn start(topic: Topic, clock: SharedClock) -> Result<Self> {
        let (consumer, _) = topic.assigned()?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let follow = Follow {
            consumer,
            bytes_max: topic.bytes_max,
            clock: Arc::clone(&clock),
            seen: Arc::clone(&seen),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new()
            .name("faultkit-reader".into())
            .spawn(move || follow.run())
            .map_err(|cause| topic.failed(cause))?;
        Ok(Reader {
            topic,
            clock,
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// How many records it has seen so far.
    pub fn count(&self) -> usize {
        self.seen.lock().records.len()
    }

    /// Waits until it has seen at least `count` records.
    pub fn wait_for(&self, count: usize, deadline: Duration) -> Result<()> {
        let until = self.clock.elapsed() + deadline;
        while self.count() < count {
            self.seen.lock().check(&self.topic)?;
            if self.clock.elapsed() > until {
                let found = self.count();
                return Err(self
                    .topic
                    .failed(format!("wanted {count} records, found {found}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends the reading and judges it: no open transaction is left, a fresh reader sees the same
    /// records as this one did, and every offset came once and in order.
    pub fn finish(mut self) -> Result<Seen> {
        wait_until_stable(&self.topic, &self.clock)?;
        let fresh = read_all(&self.topic, &self.clock)?;
        let result = self.wait_for(fresh.records.len(), self.topic.deadline);
        self.halt()?;
        let seen = std::mem::take(&mut *self.seen.lock());
        seen.check(&self.topic)?;
        result?;
        same(&self.topic, &seen, &fresh)?;
        Ok(seen)
    }

    fn halt(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Error::internal("the reader thread panicked")),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Dropped without `finish`: the test has failed already, its own message counts.
            thread.join().unwrap_or_default();
        }
    }
}

/// Two readers of one topic agree, or the first disagreement is named.
fn same(topic: &Topic, concurrent: &Seen, fresh: &Seen) -> Result<()> {
    let (concurrent, fresh) = (concurrent.fingerprints(), fresh.fingerprints());
    let one_sided = |left: &BTreeMap<(i32, i64), u32>, right: &BTreeMap<(i32, i64), u32>| {
        let mut entries = left.iter();
        entries.find_map(|(at, print)| (right.get(at) != Some(print)).then_some(*at))
    };
    let complaint = match (
        one_sided(&concurrent, &fresh),
        one_sided(&fresh, &concurrent),
    ) {
        (None, None) => return Ok(()),
        (Some(at), _) => (
            at,
            "was seen by the concurrent reader and is not in the topic now",
        ),
        (None, Some(at)) => (
            at,
            "is in the topic and was never seen by the concurrent reader",
        ),
    };
    let ((partition, offset), what) = complaint;
    Err(Error::internal(format!(
        "topic '{}': partition {partition} offset {offset} {what}",
        topic.name
    )))
}

struct Follow {
    consumer: BaseConsumer,
    bytes_max: usize,
    clock: SharedClock,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Follow {
    fn run(self) {
        while !self.stop.load(Ordering::SeqCst) && self.seen.lock().fault.is_none() {
            match self.consumer.poll(POLL) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Ok(message)) => {
                    let record = record(&message, self.clock.elapsed());
                    self.seen.lock().take(record, self.bytes_max);
                }
                Some(Err(_)) => {
                    self.seen.lock().errors_survived += 1;
                    // A dead broker answers at once: do not spin on it.
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
}

fn record(message: &impl Message, arrived: Duration) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        arrived,
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
    }
}

/// Reads all that is committed in a topic now, from its start to its last stable offset.
pub fn read_all(topic: &Topic, clock: &SharedClock) -> Result<Seen> {
    let until = clock.elapsed() + topic.deadline;
    let (consumer, partitions) = topic.assigned()?;
    let mut seen = Seen::default();
    let mut open: Vec<i32> = (0..partitions).collect();
    while !open.is_empty() {
        if clock.elapsed() > until {
            let found = seen.records.len();
            return Err(topic.failed(format!(
                "partitions {open:?} did not reach their end in time, after {found} records"
            )));
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|p| *p != partition),
            Some(Ok(message)) => seen.take(record(&message, clock.elapsed()), topic.bytes_max),
            Some(Err(_)) => {
                seen.errors_survived += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        seen.check(topic)?;
    }
    Ok(seen)
}
