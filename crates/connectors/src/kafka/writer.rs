//! Writes the rows of one subtask.
//!
//! ```text
//! exactly-once     rows wait while no transaction is open that is newer than the last receipt
//! at-least-once    rows go out at once; the receipt comes when each of them has been delivered
//! none             the same, and only the last receipt waits
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Committable, Committer, Prepared, SinkWriter};
use millstream_core::failpoint::failpoint;
use millstream_core::message::Barrier;
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Result};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer;

use super::client::{self, blocking};
use super::encode::{Encoding, Record};
use super::error;
use super::partitioner::Partitioner;
use super::producer::{Counter, Live};
use super::properties::Properties;
use super::transactions::Shared;
use super::upsert::Buffer;

/// Which producer rows go through.
pub(super) enum Route {
    /// One of this writer, made with its first row.
    Own {
        properties: Properties,
        live: Option<Arc<Live>>,
        /// Whether a receipt says that everything has been delivered.
        waits: bool,
    },
    /// The one of the job's transactions.
    Shared {
        transactions: Arc<Shared>,
        /// The transaction of the last receipt.
        prepared: u64,
    },
}

/// Writes the rows of one subtask.
pub(super) struct Writer {
    pub(super) owner: String,
    pub(super) topic: String,
    pub(super) encoding: Encoding,
    pub(super) buffer: Option<Buffer>,
    pub(super) partitioner: Partitioner,
    pub(super) subtask: u32,
    pub(super) clock: SharedClock,
    pub(super) route: Route,
    pub(super) progress: Progress,
}

/// How far a writer has come.
#[derive(Default)]
pub(super) struct Progress {
    counter: Arc<Counter>,
    /// Records handed to the producer.
    sent: u64,
    /// Rows taken since the last receipt.
    rows: u64,
    /// Number of partitions of the topic, once it is known.
    partitions: Option<i32>,
    /// Batches written.
    turn: u64,
    /// True once something failed: nothing may look complete after that.
    failed: bool,
}

impl Writer {
    /// The producer for the next rows.
    async fn live(&mut self) -> Result<Arc<Live>> {
        let live = match &mut self.route {
            Route::Shared {
                transactions,
                prepared,
            } => transactions.after(*prepared).await?.0,
            Route::Own {
                live: Some(live), ..
            } => Arc::clone(live),
            Route::Own {
                live, properties, ..
            } => {
                let given = properties.clone();
                let made = blocking(move || Live::new(&given, &given.writer())).await?;
                Arc::clone(live.insert(Arc::new(made)))
            }
        };
        if self.progress.partitions.is_none() {
            self.progress.partitions = Some(look(&live, &self.topic, &self.owner).await?);
        }
        Ok(live)
    }

    async fn write_rows(&mut self, batch: ChangeBatch) -> Result<()> {
        let live = self.live().await?;
        let rows = batch.num_rows();
        let encoded = self.encoding.encode(batch)?;
        let partition = self.partition();
        let now = self.clock.elapsed();
        for row in 0..rows {
            let Some(record) = encoded.record(row)? else {
                continue;
            };
            match &mut self.buffer {
                Some(buffer) => buffer.put(&record, now),
                None => {
                    let progress = &mut self.progress;
                    send(&live, &self.topic, partition, &record, progress).await?;
                }
            }
        }
        self.encoding.give_back(encoded);
        self.progress.rows += rows as u64;
        self.progress.turn += 1;
        let due = self
            .buffer
            .as_ref()
            .is_some_and(|buffer| buffer.is_due(now));
        if due {
            self.write_held(&live).await?;
        }
        // A row that could not be delivered is known before the next checkpoint.
        match self.progress.counter.failure() {
            Some(error) => Err(live.failed("a row was not delivered", &error)),
            None => Ok(()),
        }
    }

    fn partition(&self) -> Option<i32> {
        let partitions = self.progress.partitions.unwrap_or_default();
        self.partitioner
            .choose(self.subtask, self.progress.turn, partitions)
            .filter(|_| self.partitioner.counts())
    }

    /// Writes what was held back.
    async fn write_held(&mut self, live: &Live) -> Result<()> {
        let partition = self.partition();
        let Some(buffer) = &mut self.buffer else {
            return Ok(());
        };
        for row in buffer.take() {
            let progress = &mut self.progress;
            send(live, &self.topic, partition, &row.record(), progress).await?;
        }
        Ok(())
    }

    /// Everything written so far is with the brokers.
    async fn settle(&mut self, last: bool) -> Result<Prepared> {
        let wrote = self.progress.rows > 0;
        if wrote {
            let live = self.live().await?;
            self.write_held(&live).await?;
            failpoint("cp.sink.flush")?;
            let waits = match &self.route {
                Route::Own { waits, .. } => *waits || last,
                Route::Shared { .. } => true,
            };
            if waits {
                live.delivered(self.progress.sent, &self.progress.counter)
                    .await?;
            }
        }
        if let Route::Shared {
            transactions,
            prepared,
        } = &mut self.route
        {
            *prepared = transactions.number();
        }
        Ok(Prepared {
            committables: Vec::new(),
            rows: std::mem::take(&mut self.progress.rows),
        })
    }
}

/// The number of partitions of the topic, which must be there.
async fn look(live: &Arc<Live>, topic: &str, owner: &str) -> Result<i32> {
    let (live, topic, owner) = (Arc::clone(live), topic.to_string(), owner.to_string());
    blocking(move || {
        let found = client::partitions(live.client().client(), &topic, live.answer());
        found.map_err(|error| {
            let failed = |doing: &str| live.failed(doing, &error);
            no_topic(&owner, &topic, &error, failed)
        })
    })
    .await
}

/// The error for a topic that cannot be written: it is not there, or `failed` to be looked at.
pub(super) fn no_topic(
    owner: &str,
    topic: &str,
    error: &KafkaError,
    failed: impl Fn(&str) -> Error,
) -> Error {
    match error.rdkafka_error_code().map(error::kind) {
        Some(error::Kind::Gone) => Error::new(
            Code::NotFound,
            format!("{owner}: the cluster has no topic '{topic}'"),
        )
        .hint(
            "create the topic, or check its name and the brokers; it is not created by writing it",
        ),
        _ => failed(&format!("cannot look at topic '{topic}'")),
    }
}

async fn send(
    live: &Live,
    topic: &str,
    partition: Option<i32>,
    record: &Record<'_>,
    progress: &mut Progress,
) -> Result<()> {
    live.send(topic, partition, record, &progress.counter)
        .await?;
    progress.sent += 1;
    Ok(())
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        // A call that is dropped halfway has written a part of its rows.
        self.progress.failed = true;
        self.write_rows(rows).await?;
        self.progress.failed = false;
        Ok(())
    }

    async fn prepare(&mut self, barrier: Barrier) -> Result<Prepared> {
        if self.progress.failed {
            return Err(Error::new(
                Code::Write,
                format!("{}: writing failed before", self.owner),
            ));
        }
        self.progress.failed = true;
        let prepared = self.settle(barrier.last).await?;
        self.progress.failed = false;
        Ok(prepared)
    }
}

/// Rows are visible with the transaction, or at once: there is nothing to commit. A table without
/// transactions is looked for before the first row; with them, [`Shared`] does that.
pub(super) struct Commits {
    properties: Properties,
    topic: String,
    looks: bool,
}

impl Commits {
    /// Commits nothing; `looks` for the topic.
    pub(super) fn new(properties: Properties, topic: String, looks: bool) -> Self {
        Commits {
            properties,
            topic,
            looks,
        }
    }
}

#[async_trait]
impl Committer for Commits {
    async fn recover(&mut self, _pending: Vec<Committable>) -> Result<()> {
        if !self.looks {
            return Ok(());
        }
        let (properties, topic) = (self.properties.clone(), self.topic.clone());
        blocking(move || {
            let reader = client::reading(&properties, "millstream")?;
            let found = client::partitions(reader.client(), &topic, properties.answer);
            found.map(drop).map_err(|error| {
                let owner = &properties.owner;
                let failed =
                    |doing: &str| client::failed(&reader, &format!("{owner}: {doing}"), &error);
                no_topic(owner, &topic, &error, failed)
            })
        })
        .await
    }

    async fn commit(&mut self, _prepared: Vec<Committable>) -> Result<()> {
        Ok(())
    }
}
