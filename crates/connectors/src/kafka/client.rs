//! Clients of librdkafka, and how they are called without making a thread of the runtime wait.
//!
//! * What a client complains of is kept, because a call that fails only says `timed out`.
//! * A call that may wait runs on a thread for such calls, with a deadline of its own.
//! * A client is taken down on a thread of its own: that can take as long as a broker lets it.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::error::{self, Kind};
use super::properties::Properties;

/// What a client complained of last.
#[derive(Default)]
pub(super) struct Complaints {
    last: Mutex<Option<(Kind, String)>>,
}

impl Complaints {
    fn note(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        // That a partition has no more records, or that all brokers are down, explains nothing.
        if matches!(
            code,
            RDKafkaErrorCode::PartitionEOF | RDKafkaErrorCode::AllBrokersDown
        ) {
            return;
        }
        let kind = error::kind(code);
        let mut last = self.last.lock();
        // A refusal explains the broken connections that follow it.
        let keeps = matches!(&*last, Some((Kind::Denied, _))) && kind != Kind::Denied;
        if !keeps {
            *last = Some((kind, reason.to_string()));
        }
    }

    /// What it said last.
    pub(super) fn last(&self) -> Option<String> {
        self.last.lock().as_ref().map(|(_, text)| text.clone())
    }

    /// True if the brokers refuse who we are.
    fn denied(&self) -> bool {
        matches!(&*self.last.lock(), Some((Kind::Denied, _)))
    }

    /// The error for a call that failed: a refusal that shows itself as a timeout is a refusal.
    pub(super) fn failed(&self, doing: &str, error: &KafkaError) -> Error {
        let found = error::failed(doing, error, self.last());
        match found.code() == Code::Unavailable && self.denied() {
            true => error::report(Code::Denied, doing, error, self.last()),
            false => found,
        }
    }
}

/// What the callbacks of a reading client do.
#[derive(Clone, Default)]
pub(super) struct Listener {
    pub(super) complaints: Arc<Complaints>,
    /// The last commit of offsets that failed.
    pub(super) commit: Arc<Mutex<Option<KafkaError>>>,
}

impl ClientContext for Listener {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.note(&error, reason);
    }
}

impl ConsumerContext for Listener {
    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        *self.commit.lock() = result.err();
    }
}

impl Complaints {
    /// For the callbacks of other clients.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        self.note(error, reason);
    }
}

/// A client that asks, and may read.
pub(super) type Reading = BaseConsumer<Listener>;

/// A client that asks, and may read, with the offsets of a group.
pub(super) fn reading(properties: &Properties, group: &str) -> Result<Guarded<Reading>> {
    let client = Reading::from_config_and_context(&properties.reader(group), Listener::default())
        .map_err(|error| properties.config_error(&error))?;
    Ok(Guarded::new(client))
}

/// A client that only looks at offsets a group has committed in finished transactions.
pub(super) fn marker_reader(properties: &Properties, group: &str) -> Result<Guarded<Reading>> {
    let mut config = properties.reader(group);
    config.set("isolation.level", "read_committed");
    let client = Reading::from_config_and_context(&config, Listener::default())
        .map_err(|error| properties.config_error(&error))?;
    Ok(Guarded::new(client))
}

/// The error of a call to a client that reads nothing.
pub(super) fn failed(client: &Reading, doing: &str, error: &KafkaError) -> Error {
    // What it complained of waits in its queue until somebody looks.
    for _ in 0..16 {
        drop(client.poll(Duration::ZERO));
    }
    client.context().complaints.failed(doing, error)
}

/// The number of partitions of a topic; waits at most `longest` for each answer, on a thread that may
/// wait. Right after a topic was created a broker may not know it yet, or not who leads it: an unknown
/// topic is asked for again for half a second, one without a leader for five.
pub(super) fn partitions<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    longest: Duration,
) -> KafkaResult<i32> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut pauses = 0;
    loop {
        let metadata = client.fetch_metadata(Some(topic), longest)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let code = match found.map(|found| (found.error(), found)) {
            Some((None, found)) => return Ok(count(found)),
            Some((Some(error), _)) => error.into(),
            None => RDKafkaErrorCode::UnknownTopicOrPartition,
        };
        let patience = match code {
            RDKafkaErrorCode::LeaderNotAvailable => 50,
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => 5,
            _ => 0,
        };
        if pauses >= patience {
            return Err(KafkaError::MetadataFetch(code));
        }
        pauses += 1;
        std::thread::sleep(PAUSE);
    }
}

/// The number of partitions of a topic that has been found.
pub(super) fn count(topic: &MetadataTopic) -> i32 {
    i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)
}

/// Runs a call that may wait on a thread for such calls.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a call to the Kafka client was lost").caused_by(error)),
    }
}

/// A client that is taken down on a thread of its own.
pub(super) struct Guarded<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Guarded<T> {
    pub(super) fn new(client: T) -> Self {
        Guarded(Some(client))
    }
}

impl<T: Send + 'static> std::ops::Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is taken out only when dropped")
    }
}

impl<T: Send + 'static> std::ops::DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is taken out only when dropped")
    }
}

impl<T: Send + 'static> Drop for Guarded<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        let spawned = std::thread::Builder::new()
            .name("kafka-close".into())
            .spawn(move || drop(client));
        // Without a thread the closure, and the client in it, is dropped here.
        drop(spawned);
    }
}
