//! High watermark and last stable offset: equal, unless a transaction is open.
//!
//! The client asks for the end of a partition under its own isolation level: `read_uncommitted`
//! answers the high watermark, `read_committed` the last stable offset. A lingering open
//! transaction keeps the second behind the first and blocks every `read_committed` reader (X5).

use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::Topic;

/// The two ends of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The partition.
    pub partition: i32,
    /// Offset after the last record, committed or not.
    pub high: i64,
    /// Offset up to which every transaction is decided.
    pub stable: i64,
}

/// The ends of every partition of a topic.
pub fn offsets(topic: &Topic) -> Result<Vec<Offsets>> {
    let any = topic.consumer("read_uncommitted")?;
    let committed = topic.consumer("read_committed")?;
    let partitions = topic.partitions(&any)?;
    (0..partitions)
        .map(|partition| {
            // The stable end first: it can only rise, so a gap that is seen was really there
            // between the two questions or is new since; waiting settles which.
            let stable = end(topic, &committed, partition)?;
            let high = end(topic, &any, partition)?;
            Ok(Offsets {
                partition,
                high,
                stable,
            })
        })
        .collect()
}

fn end(topic: &Topic, consumer: &BaseConsumer, partition: i32) -> Result<i64> {
    let ends = consumer.fetch_watermarks(&topic.name, partition, topic.deadline);
    ends.map(|(_, end)| end)
        .map_err(|cause| topic.failed(cause))
}

/// Waits until no transaction is open in the topic; an error names the partitions still blocked
/// at the deadline. A broker that is away for a moment is asked again.
pub fn wait_until_stable(topic: &Topic, clock: &SharedClock) -> Result<Vec<Offsets>> {
    let until = clock.elapsed() + topic.deadline;
    loop {
        let found = offsets(topic);
        match &found {
            Ok(ends) if ends.iter().all(|end| end.high == end.stable) => return found,
            _ if clock.elapsed() <= until => std::thread::sleep(Duration::from_millis(100)),
            Err(_) => return found,
            Ok(ends) => return Err(blocked(topic, ends)),
        }
    }
}

fn blocked(topic: &Topic, ends: &[Offsets]) -> Error {
    let blocked: Vec<String> = ends
        .iter()
        .filter(|end| end.high != end.stable)
        .map(|end| format!("{} ({} of {})", end.partition, end.stable, end.high))
        .collect();
    Error::internal(format!(
        "topic '{}': an open transaction blocks readers of partition {}",
        topic.name,
        blocked.join(", ")
    ))
}
