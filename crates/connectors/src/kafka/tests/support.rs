//! What these tests share: topics of their own, records by hand, tables, and readers that go on until
//! they have seen enough.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::clock::SystemClock;
use millstream_core::connector::{
    Connector, Fetch, JobIdentity, Position, SinkContext, SinkWriter, Source, SourceContext,
    SourceReader, Split, Transactions,
};
use millstream_core::format::{BadRecord, Formats};
use millstream_core::id::SplitId;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::types::SqlType;
use millstream_faultkit::services::{self, Kafka as Broker};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::testing::{batch, lines, source_context, table};

pub(super) const LONG: Duration = Duration::from_secs(30);

/// The broker; none if this run has no services.
pub(super) fn broker() -> Option<Broker> {
    services::needed(services::kafka())
}

/// A name nobody has used.
pub(super) fn unique(name: &str) -> String {
    format!("{name}-{:016x}", RandomState::new().hash_one(name))
}

/// A topic of one's own.
pub(super) fn topic(broker: &Broker, name: &str, partitions: i32) -> String {
    let topic = unique(name);
    broker.create_topic(&topic, partitions).unwrap();
    topic
}

pub(super) fn formats() -> Formats {
    Arc::new(millstream_formats::format)
}

/// A table of `id BIGINT, name STRING` in JSON, with more options.
pub(super) fn json_table(bootstrap: &str, topic: &str, more: &[(&str, &str)]) -> TableSpec {
    kafka_table("kafka", bootstrap, topic, more)
}

pub(super) fn kafka_table(
    connector: &str,
    bootstrap: &str,
    topic: &str,
    more: &[(&str, &str)],
) -> TableSpec {
    let mut options = vec![
        ("connector", connector),
        ("topic", topic),
        ("properties.bootstrap.servers", bootstrap),
    ];
    if connector == "kafka" && !more.iter().any(|(key, _)| *key == "value.format") {
        options.push(("format", "json"));
    }
    options.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    options.extend_from_slice(more);
    let columns = [("id", SqlType::BigInt), ("name", SqlType::STRING)];
    table("t", &columns, &options)
}

/// A context in which every column is wanted.
pub(super) fn reading(table: &TableSpec) -> SourceContext {
    SourceContext {
        formats: formats(),
        ..source_context(table, 1, 1024)
    }
}

pub(super) fn source(table: &TableSpec) -> Result<Box<dyn Source>> {
    source_in(table, &reading(table))
}

pub(super) fn source_in(table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
    let connector: &dyn Connector = crate::connector(table.options.get("connector").unwrap())?;
    crate::check_options(connector, table, &context.formats)?;
    connector.source().unwrap().create(table, context)
}

/// A writing job; `lineage` is its life.
pub(super) fn writing(
    job: &str,
    lineage: &str,
    transactions: Option<Arc<dyn Transactions>>,
) -> SinkContext {
    SinkContext {
        subtask: 0,
        parallelism: 1,
        run_id: "run1".into(),
        job: JobIdentity {
            name: job.into(),
            lineage: lineage.into(),
            generation: 1,
            checkpoints: true,
        },
        transactions,
        formats: formats(),
        clock: Arc::new(SystemClock::new()),
    }
}

pub(super) fn writer(table: &TableSpec, context: &SinkContext) -> Box<dyn SinkWriter> {
    let connector = crate::connector(table.options.get("connector").unwrap()).unwrap();
    crate::check_options(connector, table, &context.formats).unwrap();
    connector.sink().unwrap().writer(table, context).unwrap()
}

/// Insertions into a table of [`json_table`].
pub(super) fn rows(table: &TableSpec, cells: &[&[&str]]) -> ChangeBatch {
    ChangeBatch::inserts(batch(&table.schema, cells))
}

/// A record by hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent<'a> {
    pub(super) partition: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Option<rdkafka::message::OwnedHeaders>,
}

pub(super) fn value(partition: i32, value: &str) -> Sent<'_> {
    Sent {
        partition,
        value: Some(value.as_bytes()),
        ..Sent::default()
    }
}

pub(super) fn producer(bootstrap: &str, more: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("linger.ms", "0");
    for (key, value) in more {
        config.set(*key, *value);
    }
    config.create().unwrap()
}

pub(super) fn send(producer: &BaseProducer, topic: &str, records: &[Sent<'_>]) {
    for sent in records {
        let record: BaseRecord<'_, [u8], [u8]> = BaseRecord {
            topic,
            partition: Some(sent.partition),
            payload: sent.value,
            key: sent.key,
            timestamp: sent.timestamp,
            headers: sent.headers.clone(),
            delivery_opaque: (),
        };
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LONG).unwrap();
}

pub(super) fn produce(bootstrap: &str, topic: &str, records: &[Sent<'_>]) {
    send(&producer(bootstrap, &[]), topic, records);
}

/// A reader and what it has brought.
pub(super) struct Reading {
    pub(super) reader: Box<dyn SourceReader>,
    names: BTreeMap<SplitId, String>,
    /// Rows of each split, by its name.
    pub(super) rows: BTreeMap<String, Vec<String>>,
    pub(super) bad: Vec<BadRecord>,
    pub(super) finished: Vec<String>,
}

impl Reading {
    /// A reader of everything a source finds.
    pub(super) async fn of(source: &dyn Source) -> Result<Self> {
        let splits = splits(source, &[]).await?;
        Self::from(source, splits, &BTreeMap::new())
    }

    /// A reader of these splits, each from its position.
    pub(super) fn from(
        source: &dyn Source,
        splits: Vec<Split>,
        positions: &BTreeMap<String, Position>,
    ) -> Result<Self> {
        let mut reader = source.reader()?;
        let mut names = BTreeMap::new();
        for split in splits {
            names.insert(split.id, split.name.clone());
            let from = positions.get(&split.name).cloned();
            reader.assign(split, from)?;
        }
        Ok(Reading {
            reader,
            names,
            rows: BTreeMap::new(),
            bad: Vec::new(),
            finished: Vec::new(),
        })
    }

    /// Takes one fetch; false once everything is read.
    pub(super) async fn step(&mut self) -> Result<bool> {
        let fetched = tokio::time::timeout(LONG, self.reader.fetch()).await;
        match fetched.expect("something is to be read")? {
            Fetch::Rows { split, rows, bad } => {
                let name = self.names[&split].clone();
                self.rows.entry(name).or_default().extend(lines(&rows));
                self.bad.extend(bad);
            }
            Fetch::Finished(split) => self.finished.push(self.names[&split].clone()),
            Fetch::Waiting => return Ok(false),
        }
        Ok(true)
    }

    /// Reads until there are so many rows and bad records.
    pub(super) async fn until(&mut self, count: usize) -> Result<()> {
        while self.all().len() + self.bad.len() < count {
            assert!(self.step().await?, "it ended too early: {:?}", self.rows);
        }
        Ok(())
    }

    /// Reads to the end.
    pub(super) async fn drained(mut self) -> Result<Self> {
        while self.step().await? {}
        self.finished.sort();
        Ok(self)
    }

    /// All rows, sorted.
    pub(super) fn all(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.rows.values().flatten().cloned().collect();
        rows.sort();
        rows
    }

    pub(super) fn positions(&self) -> BTreeMap<String, Position> {
        let told = self
            .names
            .iter()
            .filter_map(|(id, name)| Some((name.clone(), self.reader.position(*id)?)));
        told.collect()
    }
}

/// What a source finds beyond `known`.
pub(super) async fn splits(source: &dyn Source, known: &[Split]) -> Result<Vec<Split>> {
    let found = source.enumerator(known)?.discover().await?;
    Ok(numbered(found.splits, known.len()))
}

pub(super) fn numbered(found: Vec<(String, String)>, from: usize) -> Vec<Split> {
    let split = |(i, (name, data)): (usize, (String, String))| Split {
        id: SplitId((from + i) as u32),
        name,
        data,
    };
    found.into_iter().enumerate().map(split).collect()
}

/// A record as another client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Vec<(String, Option<String>)>,
}

/// Every record of a topic that a reader with this isolation sees now, partition by partition.
pub(super) fn seen(bootstrap: &str, topic: &str, isolation: &str) -> Vec<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "seen")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), LONG).unwrap();
    let partitions = metadata.topics()[0].partitions().len();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition as i32, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut seen, mut ended) = (Vec::new(), 0);
    while ended < partitions {
        match consumer.poll(LONG) {
            Some(Ok(message)) => seen.push(Seen::of(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{error}"),
            None => panic!("the topic has no end"),
        }
    }
    seen.sort_by_key(|seen| (seen.partition, seen.offset));
    seen
}

/// The values of [`seen`].
pub(super) fn committed(bootstrap: &str, topic: &str) -> Vec<String> {
    let seen = seen(bootstrap, topic, "read_committed").into_iter();
    seen.map(|seen| seen.value.unwrap_or_default()).collect()
}

impl Seen {
    fn of(message: &impl Message) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = message.headers().map_or(Vec::new(), |headers| {
            let pairs = (0..headers.count()).map(|index| headers.get(index));
            pairs
                .map(|header| (header.key.to_string(), header.value.map(text)))
                .collect()
        });
        Seen {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(text),
            value: message.payload().map(text),
            timestamp: message.timestamp().to_millis(),
            headers,
        }
    }
}

/// One row as text.
pub(super) fn texts(batch: &RecordBatch) -> Vec<String> {
    lines(batch)
}
