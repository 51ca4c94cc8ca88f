//! How far a job is behind: events that were due, less those its committed checkpoints have read.
//!
//! * The job tells its consumer group after each checkpoint how far it has come, so the lag of a job
//!   that keeps up swings between one and two checkpoint intervals.
//! * [`is_held`]: whether the lag did not grow, from samples taken evenly over a time.

use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Code, Error, Result};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::topics::PARTITIONS;

const DEADLINE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(100);

/// Lag in seconds beyond which a rate is not held, however steady it is.
const LAG_MAX_S: f64 = 5.0;
/// What the lag may be longer at the end than at the beginning.
const GROWTH_MAX_S: f64 = 0.5;

/// The positions a consumer group has committed.
pub(crate) struct Positions {
    consumer: BaseConsumer,
    asked: TopicPartitionList,
    group: String,
}

impl Positions {
    /// Positions of a group in a topic.
    pub(crate) fn of(bootstrap: &str, topic: &str, group: &str) -> Result<Positions> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .map_err(|cause| failed(group, &cause.to_string()))?;
        let mut asked = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            asked.add_partition(topic, partition);
        }
        Ok(Positions {
            consumer,
            asked,
            group: group.to_string(),
        })
    }

    /// Events read by committed checkpoints, of all partitions.
    pub(crate) fn committed(&self) -> Result<u64> {
        let found = self.ask()?;
        let offsets = found.elements().into_iter().map(|one| match one.offset() {
            Offset::Offset(offset) => offset.max(0) as u64,
            _ => 0,
        });
        Ok(offsets.sum())
    }

    /// A broker that has just started, or is busy, may not be the coordinator for a moment.
    fn ask(&self) -> Result<TopicPartitionList> {
        let clock = SystemClock::new();
        loop {
            match self
                .consumer
                .committed_offsets(self.asked.clone(), DEADLINE)
            {
                Ok(found) => return Ok(found),
                Err(_) if clock.elapsed() < DEADLINE => std::thread::sleep(AGAIN),
                Err(cause) => return Err(failed(&self.group, &cause.to_string())),
            }
        }
    }
}

fn failed(group: &str, what: &str) -> Error {
    Error::new(
        Code::Read,
        format!("cannot read the positions of group '{group}': {what}"),
    )
}

/// Whether a rate was held: the last third of the samples (lag in seconds) is about as low as the
/// first third.
pub(crate) fn is_held(samples: &[f64]) -> bool {
    let third = (samples.len() / 3).max(1);
    if samples.len() < 3 {
        return false;
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (
        mean(&samples[..third]),
        mean(&samples[samples.len() - third..]),
    );
    last <= LAG_MAX_S && last <= first + GROWTH_MAX_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_that_swings_is_held_and_one_that_grows_is_not() {
        assert!(is_held(&[1.1, 1.9, 1.2, 1.8, 1.1, 2.0]));
        assert!(!is_held(&[1.1, 1.3, 1.5, 1.7, 1.9, 2.1]));
        assert!(
            !is_held(&[9.0, 9.0, 9.0, 9.0]),
            "steady, but too far behind"
        );
        assert!(!is_held(&[1.0]), "one sample says nothing");
    }
}
