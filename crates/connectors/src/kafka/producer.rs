//! A producer of librdkafka, and the count of what it has delivered.
//!
//! ```text
//! writer ─ send ─▶ queue (32 MiB) ─▶ brokers ─▶ one report per record ─▶ the writer's counter
//! ```
//!
//! * A record counts as written when its report says so, never earlier: a writer is done when it has
//!   as many reports as it has sent records.
//! * A full queue makes the writer wait until a report makes room.
//! * `flush` of the crate is never called with records on their way: it waits in steps of a tenth of
//!   a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use tokio::sync::Notify;

use super::client::{Complaints, Guarded};
use super::encode::Record;
use super::properties::Properties;

/// Reports of one writer's records.
#[derive(Default)]
pub(super) struct Counter {
    delivered: AtomicU64,
    failed: AtomicU64,
    /// The first failure.
    failure: Mutex<Option<KafkaError>>,
    /// At how many reports somebody is to be woken.
    target: AtomicU64,
    reached: Notify,
}

impl Counter {
    fn reported(&self, failure: Option<&KafkaError>) {
        match failure {
            None => drop(self.delivered.fetch_add(1, Ordering::SeqCst)),
            Some(error) => {
                self.failure.lock().get_or_insert_with(|| error.clone());
                self.failed.fetch_add(1, Ordering::SeqCst);
            }
        }
        let target = self.target.load(Ordering::SeqCst);
        if target > 0 && self.reports() >= target {
            self.reached.notify_one();
        }
    }

    fn reports(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst) + self.failed.load(Ordering::SeqCst)
    }

    /// Number of records that were delivered.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst)
    }

    /// The first failure.
    pub(super) fn failure(&self) -> Option<KafkaError> {
        self.failure.lock().clone()
    }

    /// Waits until there are so many reports, at most so long. False if it took longer.
    async fn wait(&self, reports: u64, longest: Duration) -> bool {
        self.target.store(reports, Ordering::SeqCst);
        let waiting = async {
            while self.reports() < reports {
                self.reached.notified().await;
            }
        };
        let reached = tokio::time::timeout(longest, waiting).await.is_ok();
        self.target.store(0, Ordering::SeqCst);
        reached
    }
}

/// What the callbacks of a producer do.
#[derive(Clone, Default)]
pub(super) struct Reports {
    pub(super) complaints: Arc<Complaints>,
    room: Arc<Room>,
}

/// Whether somebody waits for room in the queue.
#[derive(Default)]
struct Room {
    wanted: AtomicBool,
    made: Notify,
}

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.hear(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = Arc<Counter>;

    fn delivery(&self, result: &DeliveryResult<'_>, counter: Arc<Counter>) {
        counter.reported(result.as_ref().err().map(|(error, _)| error));
        if self.room.wanted.swap(false, Ordering::SeqCst) {
            self.room.made.notify_waiters();
        }
    }
}

/// A producer.
pub(super) type Client = ThreadedProducer<Reports>;

/// A producer, with what messages need.
pub(super) struct Live {
    client: Guarded<Client>,
    reports: Reports,
    owner: String,
    delivery_timeout: Duration,
    answer: Duration,
    /// Something has been handed over.
    has_sent: AtomicBool,
}

impl Live {
    pub(super) fn new(properties: &Properties, config: &ClientConfig) -> Result<Self> {
        let reports = Reports::default();
        let client = Client::from_config_and_context(config, reports.clone())
            .map_err(|error| properties.config_error(&error))?;
        Ok(Live {
            client: Guarded::new(client),
            reports,
            owner: properties.owner.clone(),
            delivery_timeout: properties.delivery_timeout,
            answer: properties.answer,
            has_sent: AtomicBool::new(false),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// True once a record was handed over.
    pub(super) fn has_sent(&self) -> bool {
        self.has_sent.load(Ordering::Relaxed)
    }

    /// How long a question to the brokers may take.
    pub(super) fn answer(&self) -> Duration {
        self.answer
    }

    /// The error of something that failed.
    pub(super) fn failed(&self, doing: &str, error: &KafkaError) -> Error {
        let doing = format!("{}: {doing}", self.owner);
        let found = self.reports.complaints.failed(&doing, error);
        // What has gone wrong for good explains what fails after it.
        match self.client.client().fatal_error() {
            Some((code, why)) if found.code() != Code::Fenced => {
                self.reports
                    .complaints
                    .hear(&KafkaError::Global(code), &why);
                self.reports
                    .complaints
                    .failed(&doing, &KafkaError::Global(code))
            }
            _ => found,
        }
    }

    /// Hands a record over, waiting for room if there is none.
    pub(super) async fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        record: &Record<'_>,
        counter: &Arc<Counter>,
    ) -> Result<()> {
        /// A record that is refused so often by an empty queue does not fit. Once proves nothing: the
        /// queue may have been emptied after it refused.
        const REFUSALS: u32 = 10;
        let mut refusals = 0;
        loop {
            // Whoever is told of room must have begun to listen before it was looked for.
            let room = self.reports.room.made.notified();
            let refused = match self.try_send(topic, partition, record, counter) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if refused.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(self.refused(record, &refused));
            }
            if self.client.in_flight_count() == 0 {
                refusals += 1;
                if refusals == REFUSALS {
                    return Err(self.refused(record, &refused));
                }
                continue;
            }
            refusals = 0;
            self.reports.room.wanted.store(true, Ordering::SeqCst);
            // The report may have come before it was asked for: then look again soon.
            let pause = Duration::from_millis(20);
            if tokio::time::timeout(pause, room).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }

    fn try_send(
        &self,
        topic: &str,
        partition: Option<i32>,
        record: &Record<'_>,
        counter: &Arc<Counter>,
    ) -> Result<(), KafkaError> {
        let message = BaseRecord {
            topic,
            partition,
            payload: record.value,
            key: record.key,
            timestamp: record.timestamp,
            headers: record.headers.clone(),
            delivery_opaque: Arc::clone(counter),
        };
        self.has_sent.store(true, Ordering::Relaxed);
        self.client.send(message).map_err(|(error, _)| error)
    }

    fn refused(&self, record: &Record<'_>, error: &KafkaError) -> Error {
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::QueueFull) => {
                Error::new(
                    Code::Write,
                    format!(
                        "{}: a row of {bytes} bytes is larger than the client may send",
                        self.owner
                    ),
                )
                .hint("raise 'properties.max.request.size', and the limit of the topic and the broker")
            }
            _ => self.failed("cannot write a row", error),
        }
    }

    /// Waits for the reports of `sent` records; fails if one of them says that its record was not
    /// delivered.
    pub(super) async fn delivered(&self, sent: u64, counter: &Counter) -> Result<()> {
        let longest = self.delivery_timeout + Duration::from_secs(10);
        let reported = counter.wait(sent, longest).await;
        if let Some(error) = counter.failure() {
            return Err(self.failed("a row was not delivered", &error));
        }
        if !reported {
            let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
            let missing = sent - counter.delivered();
            return Err(self.failed(&format!("{missing} rows were not delivered"), &error));
        }
        Ok(())
    }
}
