//! Topics of a measurement: made for it, and gone with it.

use std::time::Duration;

use millstream_core::{Code, Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 4;

const DEADLINE: Duration = Duration::from_secs(30);
const TRIES: u32 = 100;

/// How much of a topic is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All of it.
    All,
    /// The newest half GiB or more: what is read once need not fill the disk.
    Newest,
}

/// A topic that is deleted when dropped.
pub(crate) struct Topic {
    pub(crate) name: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Topic {
    /// Creates it and waits until it can be used.
    pub(crate) fn create(bootstrap: &str, name: &str, kept: Kept) -> Result<Topic> {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create()
            .map_err(|cause| failed(name, &cause.to_string()))?;
        let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
        let topic = match kept {
            Kept::All => topic.set("retention.ms", "-1"),
            Kept::Newest => topic
                .set("retention.bytes", "134217728")
                .set("segment.bytes", "67108864"),
        };
        let created = futures::executor::block_on(admin.create_topics([&topic], &within()))
            .map_err(|cause| failed(name, &cause.to_string()))?;
        if let Some(Err((_, code))) = created.into_iter().next() {
            return Err(failed(name, &code.to_string()));
        }
        let topic = Topic {
            name: name.to_string(),
            admin,
        };
        for _ in 0..TRIES {
            if topic.is_known()? {
                return Ok(topic);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(failed(name, "its partitions have no leaders"))
    }

    fn is_known(&self) -> Result<bool> {
        let metadata = self
            .admin
            .inner()
            .fetch_metadata(Some(&self.name), DEADLINE);
        let metadata = metadata.map_err(|cause| failed(&self.name, &cause.to_string()))?;
        let found = metadata.topics().iter().find(|t| t.name() == self.name);
        Ok(found.is_some_and(|topic| {
            let led = topic.partitions().iter().filter(|one| one.leader() >= 0);
            led.count() == PARTITIONS as usize
        }))
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let names = [self.name.as_str()];
        let deleted = futures::executor::block_on(self.admin.delete_topics(&names, &within()));
        let complaint = match deleted.map(|all| all.into_iter().next()) {
            Ok(Some(Err((_, RDKafkaErrorCode::UnknownTopicOrPartition))) | None | Some(Ok(_))) => {
                return;
            }
            Ok(Some(Err((_, code)))) => code.to_string(),
            Err(cause) => cause.to_string(),
        };
        eprintln!("topic '{}' was not deleted: {complaint}", self.name);
    }
}

fn within() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(DEADLINE))
        .operation_timeout(Some(DEADLINE))
}

fn failed(name: &str, what: &str) -> Error {
    Error::new(Code::Write, format!("cannot create topic '{name}': {what}"))
}
