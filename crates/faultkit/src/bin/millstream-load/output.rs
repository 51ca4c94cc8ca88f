//! A `read_committed` reader that looks at each record as it becomes visible.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Code, Error, Result};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::topics::PARTITIONS;

const POLL: Duration = Duration::from_millis(50);

/// A record that has become visible.
pub(crate) struct Seen<'a> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Wall-clock time at which it was here.
    pub(crate) at_ms: i64,
    /// `None` for a deleted row.
    pub(crate) value: Option<&'a [u8]>,
}

/// A thread that reads a topic from its start.
pub(crate) struct Output<T> {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Output<T> {
    /// Reads into `taker` with `take`.
    pub(crate) fn follow(
        bootstrap: &str,
        topic: &str,
        mut taker: T,
        take: fn(&mut T, Seen<'_>),
    ) -> Result<Output<T>> {
        let consumer = assigned(bootstrap, topic)?;
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let thread = std::thread::Builder::new()
            .name("load-reader".into())
            .spawn(move || {
                let clock = SystemClock::new();
                while !stopped.load(Ordering::Relaxed) {
                    // The client gets over a broker that is busy by itself.
                    let Some(Ok(message)) = consumer.poll(POLL) else {
                        continue;
                    };
                    take(
                        &mut taker,
                        Seen {
                            partition: message.partition(),
                            offset: message.offset(),
                            at_ms: clock.now_ms(),
                            value: message.payload(),
                        },
                    );
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                taker
            })
            .map_err(|cause| Error::internal("cannot start the reader").caused_by(cause))?;
        Ok(Output {
            stop,
            count,
            thread: Some(thread),
        })
    }

    /// Records so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Ends once nothing has come for two seconds.
    pub(crate) fn finish(mut self) -> Result<T> {
        let mut before = u64::MAX;
        while before != self.count() {
            before = self.count();
            std::thread::sleep(Duration::from_secs(2));
        }
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(taker)) => Ok(taker),
            _ => Err(Error::internal("the reader panicked")),
        }
    }
}

impl<T> Drop for Output<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn assigned(bootstrap: &str, topic: &str) -> Result<BaseConsumer> {
    let failed =
        |cause: String| Error::new(Code::Read, format!("cannot read topic '{topic}': {cause}"));
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // Required by the client although nothing is ever committed.
        .set("group.id", "millstream-load")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "100")
        .create()
        .map_err(|cause| failed(cause.to_string()))?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .map_err(|cause| failed(cause.to_string()))?;
    }
    consumer
        .assign(&list)
        .map_err(|cause| failed(cause.to_string()))?;
    Ok(consumer)
}

/// Where the topic ends for `read_committed` readers now, by partition.
pub(crate) fn ends(bootstrap: &str, topic: &str) -> Result<Vec<i64>> {
    let consumer = assigned(bootstrap, topic)?;
    (0..PARTITIONS)
        .map(|partition| {
            let ends = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20));
            ends.map(|(_, end)| end).map_err(|cause| {
                Error::new(
                    Code::Read,
                    format!("cannot find the end of '{topic}': {cause}"),
                )
            })
        })
        .collect()
}
