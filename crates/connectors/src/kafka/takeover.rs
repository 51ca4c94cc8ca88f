//! Taking over the transactional ids of a job: fences its earlier lives, then reads its marker.
//!
//! ```text
//! lineages before ─▶ both ids of ours ─▶ the topics are there? ─▶ marker
//! └─ init_transactions: aborts what was open, finishes what was being committed
//! ```
//!
//! Everything here blocks its thread, each step with a deadline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::connector::CommitMarker;
use millstream_core::failpoint::failpoint;
use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client;
use super::lives::Life;
use super::producer::Live;
use super::properties::Properties;
use super::writer::no_topic;

/// How long taking over a transactional id may last: the brokers may have to end a transaction of
/// an earlier life first.
const TAKE_OVER: Duration = Duration::from_secs(60);
/// How long to wait before a question is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The topics that are written, each with a table that does.
pub(super) type Topics = BTreeMap<String, String>;

/// What a call that may last long is doing, for whoever wonders.
#[derive(Clone, Default)]
pub(super) struct Doing(Arc<Mutex<Option<String>>>);

impl Doing {
    pub(super) fn set(&self, what: impl Into<String>) {
        *self.0.lock() = Some(what.into());
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// The two transactional ids behind one name.
pub(super) fn ids(name: &str) -> [String; 2] {
    ['a', 'b'].map(|letter| format!("{name}-{letter}"))
}

/// Taking over the transactional ids of a job, on a thread that may wait.
pub(super) struct TakeOver {
    pub(super) doing: Doing,
    pub(super) properties: Properties,
    pub(super) topics: Arc<Topics>,
    pub(super) lineage: String,
    pub(super) id: String,
    pub(super) others: Vec<String>,
}

/// What was taken over.
pub(super) struct Taken {
    /// A producer for each of the two ids.
    pub(super) producers: [Live; 2],
    /// The life of the job that took them over.
    pub(super) life: Life,
    /// The group of the marker, and what it says.
    pub(super) group: ConsumerGroupMetadata,
    pub(super) marker: Option<CommitMarker>,
}

impl TakeOver {
    /// Fences every earlier life, decides what it had in flight, and reads the marker behind that.
    pub(super) fn run(&self) -> Result<Taken> {
        for other in &self.others {
            for id in ids(other) {
                self.fence(&id)?;
            }
        }
        failpoint("rs.init_txn")?;
        let [a, b] = ids(&self.id);
        let life = Life::begin(&self.id);
        let producers = life.take(|| Ok([self.fence(&a)?, self.fence(&b)?]))?;
        self.check_topics(&producers[0])?;
        failpoint("rs.read_marker")?;
        let (group, marker) = self.read_marker()?;
        Ok(Taken {
            producers,
            life,
            group,
            marker,
        })
    }

    /// Every topic is there: a marker cannot be stored for one that is not, and the client would try
    /// for a minute. Looked at behind the takeover, so that nobody waits for what was left open.
    fn check_topics(&self, live: &Live) -> Result<()> {
        for (topic, owner) in self.topics.iter() {
            self.doing.set(format!("look for topic '{topic}'"));
            let found = client::partitions(live.client().client(), topic, live.answer());
            found.map_err(|error| {
                let failed = |doing: &str| live.failed(doing, &error);
                no_topic(owner, topic, &error, failed)
            })?;
        }
        Ok(())
    }

    /// A producer with this id; whoever had it before can write no more.
    pub(super) fn fence(&self, id: &str) -> Result<Live> {
        self.doing
            .set(format!("take over the transactional id '{id}'"));
        let live = Live::new(&self.properties, &self.properties.transactional(id))?;
        match live.client().init_transactions(TAKE_OVER) {
            Ok(()) => Ok(live),
            Err(error)
                if error.rdkafka_error_code()
                    == Some(RDKafkaErrorCode::InvalidTransactionTimeout) =>
            {
                Err(self.timeout_too_long())
            }
            Err(error) => {
                let doing = format!("cannot take over the transactional id '{id}'");
                Err(live.failed(&doing, &error))
            }
        }
    }

    fn timeout_too_long(&self) -> Error {
        let limit = match self.broker_limit() {
            Some(limit) => format!("{limit} ms"),
            None => "less".to_string(),
        };
        Error::new(
            Code::InvalidOption,
            format!(
                "option 'properties.transaction.timeout.ms' of {} is {} ms, the brokers allow {limit} \
                 ('transaction.max.timeout.ms')",
                self.properties.owner,
                self.properties.transaction_timeout.as_millis()
            ),
        )
    }

    /// What a broker says its limit is, if we may ask.
    fn broker_limit(&self) -> Option<String> {
        let longest = self.properties.answer;
        let admin: AdminClient<DefaultClientContext> =
            self.properties.reader("limit").create().ok()?;
        let metadata = admin.inner().fetch_metadata(None, longest).ok()?;
        let broker = metadata.brokers().first()?.id();
        let options = AdminOptions::new().request_timeout(Some(longest));
        let asked = [ResourceSpecifier::Broker(broker)];
        let answer = answered(admin.describe_configs(&asked, &options), longest)?.ok()?;
        let config = answer.into_iter().next()?.ok()?;
        config.get("transaction.max.timeout.ms")?.value.clone()
    }

    /// The marker of our lineage, as far as it is committed.
    /// A broker that has just become the group's coordinator may not know it yet: asked again for a
    /// while.
    fn read_marker(&self) -> Result<(ConsumerGroupMetadata, Option<CommitMarker>)> {
        self.doing
            .set(format!("read the marker of group '{}'", self.id));
        let tries = self.properties.answer.as_millis() / ASK_AGAIN.as_millis();
        for _ in 0..tries {
            match self.try_read_marker() {
                Err(error) if error.code() == Code::Unavailable => std::thread::sleep(ASK_AGAIN),
                answered => return answered,
            }
        }
        self.try_read_marker()
    }

    fn try_read_marker(&self) -> Result<(ConsumerGroupMetadata, Option<CommitMarker>)> {
        let owner = &self.properties.owner;
        let doing = format!("{owner}: cannot read the marker of group '{}'", self.id);
        let reader = client::marker_reader(&self.properties, &self.id)?;
        let group = reader
            .group_metadata()
            .ok_or_else(|| Error::internal("a client with a group has none"))?;
        let mut list = TopicPartitionList::with_capacity(self.topics.len());
        for topic in self.topics.keys() {
            list.add_partition(topic, 0);
        }
        let answer = reader.committed_offsets(list, self.properties.answer);
        let answer = answer.map_err(|error| client::failed(&reader, &doing, &error))?;
        let mut newest: Option<CommitMarker> = None;
        for entry in answer.elements() {
            entry
                .error()
                .map_err(|error| client::failed(&reader, &doing, &error))?;
            if !matches!(entry.offset(), Offset::Offset(_)) {
                continue;
            }
            // The crate panics on a text that is not UTF-8, which only somebody else can have
            // written.
            let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                entry.metadata().to_string()
            }));
            let marker = text
                .ok()
                .and_then(|text| parse_marker(&text))
                .ok_or_else(|| {
                    Error::new(
                        Code::CheckpointMismatch,
                        format!(
                            "{owner}: the group '{}' belongs to Millstream, but holds an offset of \
                         topic '{}' that it has not written",
                            self.id,
                            entry.topic()
                        ),
                    )
                })?;
            if marker.lineage != self.lineage {
                return Err(Error::new(
                    Code::CheckpointMismatch,
                    format!(
                        "{owner}: the group '{}' holds the marker of lineage '{}', wanted '{}'",
                        self.id, marker.lineage, self.lineage
                    ),
                ));
            }
            // All topics of a transaction get the same one; a topic that was written by an earlier
            // form of the job holds an older one.
            if newest
                .as_ref()
                .is_none_or(|newest| newest.checkpoint < marker.checkpoint)
            {
                newest = Some(marker);
            }
        }
        Ok((group, newest))
    }
}

pub(super) fn marker_text(marker: &CommitMarker) -> String {
    format!("{}:{}", marker.lineage, marker.checkpoint)
}

fn parse_marker(text: &str) -> Option<CommitMarker> {
    let (lineage, checkpoint) = text.rsplit_once(':')?;
    Some(CommitMarker {
        lineage: lineage.to_string(),
        checkpoint: checkpoint.parse().ok()?,
    })
}

/// Waits for an answer of the administration client, which comes from a thread of its own.
fn answered<T>(answer: impl Future<Output = T>, longest: Duration) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .ok()?;
    runtime.block_on(async { tokio::time::timeout(longest, answer).await.ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_has_two_ids() {
        assert_eq!(ids("shop-l1"), ["shop-l1-a", "shop-l1-b"]);
    }

    #[test]
    fn the_text_of_a_marker_stays_as_it_is() {
        let marker = CommitMarker {
            lineage: "l:1".into(),
            checkpoint: 42,
        };
        assert_eq!(marker_text(&marker), "l:1:42");
        assert_eq!(parse_marker("l:1:42").unwrap(), marker);
        for wrong in ["", "42", "a:", "a:-1", "a:x"] {
            assert!(parse_marker(wrong).is_none(), "{wrong}");
        }
    }
}
