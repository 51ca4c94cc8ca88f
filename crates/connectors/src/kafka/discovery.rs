//! Finds the partitions of the topics, at the start and while the job runs.
//!
//! ```text
//! first start    each partition from scan.startup.mode, its offset looked up now
//! later          a partition that is new is read from its beginning: nothing in it was read before
//! ```
//!
//! * Offsets are looked up here and become part of the split, so all partitions begin at one time,
//!   and starting again means the same records.
//! * With `read_committed` the end of a partition is the end of its last finished transaction: a
//!   bounded read does not wait for a transaction that is still open.
//! * A topic or partition that was there and is gone is an error: its unread records are lost. A
//!   broker that has just started may know less than others, so that is looked at again for a while.
//! * A topic that does not exist is an error at once. A partition that the metadata names exists: a
//!   broker that does not know it is asked again, as long as a question may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::connector::{Discovery, Split, SplitEnumerator};
use millstream_core::{Code, Error, Result};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{self, Guarded, Reading, blocking};
use super::properties::Reset;
use super::source::{Names, Settings};
use super::split::Partition;
use super::startup::Place;

/// Most partitions of one table.
const PARTITIONS_MAX: usize = 100_000;

/// How long to wait before a question is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How often is looked again for what was there.
const LOOKS_FOR_LOST: u32 = 15;

/// A partition: topic and number.
type Id = (String, i32);

/// Finds partitions.
pub(super) struct Discover {
    settings: Arc<Settings>,
    known: Arc<BTreeSet<Id>>,
    /// What is found now was not there before.
    later: bool,
    client: Option<Arc<Guarded<Reading>>>,
}

impl Discover {
    pub(super) fn new(settings: Arc<Settings>, known: &[Split]) -> Result<Self> {
        let known = known.iter().map(|split| {
            let partition = Partition::parse(&split.data)?;
            Ok((partition.topic, partition.partition))
        });
        let known: BTreeSet<Id> = known.collect::<Result<_>>()?;
        Ok(Discover {
            settings,
            later: !known.is_empty(),
            known: Arc::new(known),
            client: None,
        })
    }
}

#[async_trait]
impl SplitEnumerator for Discover {
    async fn discover(&mut self) -> Result<Discovery> {
        let client = match &self.client {
            Some(client) => Arc::clone(client),
            None => {
                let settings = &self.settings;
                let made = client::reading(&settings.properties, &settings.group)?;
                Arc::clone(self.client.insert(Arc::new(made)))
            }
        };
        let look = Look {
            settings: Arc::clone(&self.settings),
            known: Arc::clone(&self.known),
            later: self.later,
            client,
        };
        let found = blocking(move || look.find()).await?;
        self.later = true;
        let known = Arc::make_mut(&mut self.known);
        known.extend(
            found
                .iter()
                .map(|found| (found.topic.clone(), found.partition)),
        );
        Ok(Discovery {
            splits: found
                .iter()
                .map(|partition| (partition.name(), partition.to_text()))
                .collect(),
            again_after: self.settings.interval,
        })
    }
}

/// One look at the cluster, on a thread that may wait.
struct Look {
    settings: Arc<Settings>,
    known: Arc<BTreeSet<Id>>,
    later: bool,
    client: Arc<Guarded<Reading>>,
}

impl Look {
    fn find(&self) -> Result<Vec<Partition>> {
        let topics = self.topics_with_known()?;
        let mut new: Vec<Id> = Vec::new();
        for (topic, partitions) in &topics {
            let all = (0..*partitions).map(|partition| (topic.clone(), partition));
            new.extend(all.filter(|id| !self.known.contains(id)));
        }
        if self.known.len() + new.len() > PARTITIONS_MAX {
            return Err(Error::new(
                Code::TooComplex,
                format!(
                    "{} has {} partitions, wanted at most {PARTITIONS_MAX}",
                    self.owner(),
                    self.known.len() + new.len()
                ),
            ));
        }
        // Without a partition that is bounded nothing of it is read, so where it begins is nobody's
        // business.
        if let Some(Place::Offsets(ends)) = &self.settings.end {
            new.retain(|(_, partition)| ends.contains_key(partition));
        }
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let starts = match self.later {
            false => self.offsets(&new, &self.settings.start)?,
            true => self.offsets(&new, &Place::Earliest)?,
        };
        let ends = match &self.settings.end {
            Some(place) => Some(self.offsets(&new, place)?),
            None => None,
        };
        let found = new.into_iter().map(|id| Partition {
            start: starts[&id],
            end: ends.as_ref().map(|ends| ends[&id]),
            topic: id.0,
            partition: id.1,
        });
        Ok(found.collect())
    }

    fn owner(&self) -> &str {
        &self.settings.properties.owner
    }

    fn failed(&self, doing: &str, error: &KafkaError) -> Error {
        client::failed(&self.client, &format!("{}: {doing}", self.owner()), error)
    }

    /// The topics, with everything in them that was there before.
    fn topics_with_known(&self) -> Result<BTreeMap<String, i32>> {
        let mut looks = 0;
        loop {
            let found = self.topics().and_then(|topics| {
                self.check_known(&topics)?;
                Ok(topics)
            });
            match found {
                Err(error) if error.code() == Code::InputLost && looks < LOOKS_FOR_LOST => {
                    looks += 1;
                    std::thread::sleep(ASK_AGAIN);
                }
                found => return found,
            }
        }
    }

    /// Each topic with its number of partitions.
    fn topics(&self) -> Result<BTreeMap<String, i32>> {
        match &self.settings.names {
            Names::List(topics) => topics
                .iter()
                .map(|topic| Ok((topic.clone(), self.partitions_of(topic)?)))
                .collect(),
            Names::Pattern(pattern) => {
                let metadata = self
                    .client
                    .fetch_metadata(None, self.settings.properties.answer);
                let metadata =
                    metadata.map_err(|error| self.failed("cannot list the topics", &error))?;
                let matching = metadata.topics().iter().filter(|topic| {
                    let name = topic.name();
                    !name.starts_with("__") && pattern.is_match(name) && topic.error().is_none()
                });
                Ok(matching
                    .map(|topic| (topic.name().to_string(), client::count(topic)))
                    .collect())
            }
        }
    }

    /// The number of partitions of a topic.
    fn partitions_of(&self, topic: &str) -> Result<i32> {
        let longest = self.settings.properties.answer;
        let found = client::partitions(self.client.client(), topic, longest);
        found.map_err(|error| self.missing(topic, &error))
    }

    fn missing(&self, topic: &str, error: &KafkaError) -> Error {
        let known = self.known.iter().any(|(known, _)| known == topic);
        let unknown = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
        );
        match (unknown, known) {
            (true, true) => self.lost(&format!("topic '{topic}'")),
            (true, false) => Error::new(
                Code::NotFound,
                format!("{}: the cluster has no topic '{topic}'", self.owner()),
            )
            .hint("create the topic, or check its name and the brokers; it is not created by reading it"),
            (false, _) => self.failed(&format!("cannot look at topic '{topic}'"), error),
        }
    }

    /// What was there once must still be there.
    fn check_known(&self, topics: &BTreeMap<String, i32>) -> Result<()> {
        for (topic, partition) in self.known.iter() {
            match topics.get(topic) {
                Some(partitions) if partition < partitions => {}
                Some(_) => {
                    return Err(self.lost(&format!("partition {partition} of topic '{topic}'")));
                }
                None => return Err(self.lost(&format!("topic '{topic}'"))),
            }
        }
        Ok(())
    }

    fn lost(&self, what: &str) -> Error {
        Error::new(
            Code::InputLost,
            format!(
                "{}: {what}, which the job was reading, is gone from the cluster",
                self.owner()
            ),
        )
        .hint("what was not read of it is lost; start the job anew to read what is there now")
    }

    /// The offset of a place in each partition.
    fn offsets(&self, partitions: &[Id], place: &Place) -> Result<BTreeMap<Id, i64>> {
        match place {
            Place::Earliest => self.listed(partitions, Offset::Beginning),
            Place::Latest => self.listed(partitions, Offset::End),
            Place::Timestamp(ms) => self.at_time(partitions, *ms),
            Place::Group => self.committed(partitions, self.settings.properties.reset),
            Place::Offsets(offsets) => {
                let given = |id: &&Id| offsets.contains_key(&id.1);
                let rest: Vec<Id> = partitions.iter().filter(|id| !given(id)).cloned().collect();
                let mut found = match (rest.is_empty(), &self.settings.properties.group) {
                    (true, _) => BTreeMap::new(),
                    (false, Some(_)) => self.committed(&rest, Some(Reset::Earliest))?,
                    (false, None) => self.listed(&rest, Offset::Beginning)?,
                };
                for id in partitions.iter().filter(given) {
                    found.insert(id.clone(), offsets[&id.1]);
                }
                Ok(found)
            }
        }
    }

    /// Beginning or end of each partition.
    fn listed(&self, partitions: &[Id], place: Offset) -> Result<BTreeMap<Id, i64>> {
        self.lookup(partitions, place)?
            .into_iter()
            .map(|(id, offset)| match offset {
                Offset::Offset(offset) => Ok((id, offset)),
                other => Err(Error::internal(format!(
                    "the broker told {other:?} as an offset of '{}-{}'",
                    id.0, id.1
                ))),
            })
            .collect()
    }

    /// The first record at or after a time; the end where there is none.
    fn at_time(&self, partitions: &[Id], ms: i64) -> Result<BTreeMap<Id, i64>> {
        let mut found = BTreeMap::new();
        let mut later = Vec::new();
        for (id, offset) in self.lookup(partitions, Offset::Offset(ms))? {
            match offset {
                Offset::Offset(offset) => drop(found.insert(id, offset)),
                _ => later.push(id),
            }
        }
        if !later.is_empty() {
            found.extend(self.listed(&later, Offset::End)?);
        }
        Ok(found)
    }

    /// Asks the leaders of all partitions at once; the times -1 and -2, which the client has as
    /// offsets for end and beginning, mean the same to a broker.
    fn lookup(&self, partitions: &[Id], time: Offset) -> Result<Vec<(Id, Offset)>> {
        let list = self.list(partitions, time)?;
        self.asked("cannot look up where to read", |longest| {
            self.client.offsets_for_times(list.clone(), longest)
        })
    }

    /// Asks for offsets until every broker knows the partitions that the metadata has named, for as
    /// long as a question may take.
    fn asked(
        &self,
        doing: &str,
        ask: impl Fn(Duration) -> KafkaResult<TopicPartitionList>,
    ) -> Result<Vec<(Id, Offset)>> {
        let longest = self.settings.properties.answer;
        let mut tries = longest.as_millis() / ASK_AGAIN.as_millis();
        loop {
            let entries = ask(longest).and_then(|answer| entries(&answer));
            let error = match entries {
                Ok(entries) => return Ok(entries),
                Err(error) => error,
            };
            let found = self.failed(doing, &error);
            if found.code() != Code::NotFound {
                return Err(found);
            }
            if tries == 0 {
                return Err(Error::new(Code::Unavailable, found.message())
                    .hint("the brokers name partitions in their metadata that they do not know"));
            }
            tries -= 1;
            std::thread::sleep(ASK_AGAIN);
        }
    }

    fn committed(&self, partitions: &[Id], reset: Option<Reset>) -> Result<BTreeMap<Id, i64>> {
        let group = &self.settings.group;
        let doing = format!("cannot read the offsets of group '{group}'");
        let list = self.list(partitions, Offset::Invalid)?;
        let answer = self.asked(&doing, |longest| {
            self.client.committed_offsets(list.clone(), longest)
        })?;
        let mut found = BTreeMap::new();
        let mut without = Vec::new();
        for (id, offset) in answer {
            match offset {
                Offset::Offset(offset) => drop(found.insert(id, offset)),
                _ => without.push(id),
            }
        }
        match (without.first(), reset) {
            (None, _) => {}
            (Some(_), Some(Reset::Earliest)) => {
                found.extend(self.listed(&without, Offset::Beginning)?);
            }
            (Some(_), Some(Reset::Latest)) => found.extend(self.listed(&without, Offset::End)?),
            (Some((topic, partition)), None) => {
                return Err(Error::new(
                    Code::NotFound,
                    format!(
                        "{}: group '{group}' has no offset for partition {partition} of topic '{topic}'",
                        self.owner()
                    ),
                )
                .hint("say where to begin then: 'properties.auto.offset.reset' = 'earliest', or another 'scan.startup.mode'"));
            }
        }
        Ok(found)
    }

    fn list(&self, partitions: &[Id], offset: Offset) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition_offset(topic, *partition, offset)
                .map_err(|error| {
                    Error::internal("an offset cannot be asked for").caused_by(error)
                })?;
        }
        Ok(list)
    }
}

/// The offset of each partition, or the first error.
fn entries(answer: &TopicPartitionList) -> KafkaResult<Vec<(Id, Offset)>> {
    let entries = answer.elements().into_iter().map(|entry| {
        entry.error()?;
        let id = (entry.topic().to_string(), entry.partition());
        Ok((id, entry.offset()))
    });
    entries.collect()
}
