//! Open transactions of a cluster: listed, and ended if nobody is left who would.
//!
//! A transaction that stays open holds back everybody who reads with `read_committed`, until it
//! times out. A job ends those of its earlier lives by itself; these are for jobs that are gone.
//!
//! * The list is asked of every broker over plain TCP, because librdkafka has no such call.
//! * A transaction is ended the way a restarted producer would: by taking over its id. Whoever still
//!   writes with it is cut off.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result};
use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;

use super::client;
use super::producer::Live;
use super::properties::Properties;
use super::wire::Connection;

/// A transaction that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The transactional id of its producer.
    pub transactional_id: String,
    /// What its coordinator says: `Ongoing`, `PrepareCommit`, `PrepareAbort`.
    pub state: String,
    /// When it began, milliseconds since 1970; none if the coordinator does not say.
    pub started_ms: Option<i64>,
    /// After how many milliseconds the coordinator ends it.
    pub timeout_ms: i32,
    /// The producer's id.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The partitions it has written, such as `bid-3`.
    pub partitions: Vec<String>,
}

/// A cluster and how to talk to it.
pub struct Cluster {
    properties: Properties,
}

impl Cluster {
    /// A cluster at `bootstrap`, with settings of the Kafka client as in a table but without
    /// `properties.` in front.
    pub fn new(bootstrap: &str, settings: &[(String, String)]) -> Result<Self> {
        let mut values: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| (format!("properties.{key}"), value.clone()))
            .collect();
        values.insert("properties.bootstrap.servers".into(), bootstrap.into());
        let options = Options::new(format!("cluster '{bootstrap}'"), values);
        Ok(Cluster {
            properties: Properties::of(&options)?,
        })
    }

    /// The transactions that are not finished and whose transactional id begins with `prefix`, by
    /// id. Blocks the thread.
    pub fn transactions(&self, prefix: &str) -> Result<Vec<OpenTransaction>> {
        let owner = &self.properties.owner;
        let client = client::reading(&self.properties, "millstream-admin")?;
        let metadata = client
            .fetch_metadata(None, self.properties.answer)
            .map_err(|error| {
                client::failed(
                    &client,
                    &format!("{owner}: cannot find the brokers"),
                    &error,
                )
            })?;
        let mut found = Vec::new();
        for broker in metadata.brokers() {
            let (host, port) = (broker.host(), broker.port());
            let open = self.of_broker(host, port, prefix).map_err(|why| {
                Error::new(
                    Code::Unavailable,
                    format!(
                        "{owner}: broker '{host}:{port}' does not list its transactions: {why}"
                    ),
                )
            })?;
            found.extend(open);
        }
        found.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        Ok(found)
    }

    fn of_broker(
        &self,
        host: &str,
        port: i32,
        prefix: &str,
    ) -> Result<Vec<OpenTransaction>, String> {
        const LONGEST: Duration = Duration::from_secs(10);
        let port = u16::try_from(port).map_err(|_| "it has no port".to_string())?;
        let mut connection = Connection::open(host, port, LONGEST)?;
        let finished = ["Empty", "CompleteCommit", "CompleteAbort", "Dead"];
        let listed = connection.list()?.into_iter();
        let ids: Vec<String> = listed
            .filter(|one| one.id.starts_with(prefix) && !finished.contains(&one.state.as_str()))
            .map(|one| one.id)
            .collect();
        let mut open = Vec::new();
        for ids in ids.chunks(500) {
            for one in connection.describe(ids)? {
                if one.error != 0 || finished.contains(&one.state.as_str()) {
                    // It has ended, or moved to another broker, in between.
                    continue;
                }
                let partitions = one.topics.iter().flat_map(|(topic, partitions)| {
                    partitions
                        .iter()
                        .map(move |number| format!("{topic}-{number}"))
                });
                open.push(OpenTransaction {
                    partitions: partitions.collect(),
                    transactional_id: one.id,
                    state: one.state,
                    started_ms: (one.started_ms >= 0).then_some(one.started_ms),
                    timeout_ms: one.timeout_ms,
                    producer_id: one.producer_id,
                    producer_epoch: one.producer_epoch,
                });
            }
        }
        Ok(open)
    }

    /// Ends the transaction of a transactional id and cuts off whoever writes with it. Blocks the
    /// thread.
    pub fn abort(&self, transactional_id: &str) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(60);
        let config = self.properties.transactional(transactional_id);
        let live = Live::new(&self.properties, &config)?;
        live.client().init_transactions(LONGEST).map_err(|error| {
            let doing = format!("cannot end the transaction of '{transactional_id}'");
            live.failed(&doing, &error)
        })
    }
}
