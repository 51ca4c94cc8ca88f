//! Tells the consumer group how far committed checkpoints have come.
//!
//! Only for those who watch the group's lag, and for a later job that begins with
//! `group-offsets`: this job goes on from its own checkpoints. The commit is sent and not waited
//! for; whether the last one failed is said with the next.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::connector::{Acknowledger, Position};
use millstream_core::{Error, Result};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{self, Guarded, Reading};
use super::source::Settings;
use super::split::Next;

/// Commits the offsets of a group.
pub(super) struct Acknowledge {
    settings: Arc<Settings>,
    client: Option<Guarded<Reading>>,
}

impl Acknowledge {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Acknowledge {
            settings,
            client: None,
        }
    }

    fn client(&mut self) -> Result<&Reading> {
        if self.client.is_none() {
            let settings = &self.settings;
            self.client = Some(client::reading(&settings.properties, &settings.group)?);
        }
        let client = self.client.as_deref();
        client.ok_or_else(|| Error::internal("the client of a group was not made"))
    }
}

#[async_trait]
impl Acknowledger for Acknowledge {
    async fn acknowledge(&mut self, positions: &[(String, Position)]) -> Result<()> {
        let doing = format!(
            "cannot commit the offsets of group '{}'",
            self.settings.group
        );
        let mut offsets = TopicPartitionList::with_capacity(positions.len());
        for (split, position) in positions {
            let Some((topic, partition)) = split.rsplit_once('-') else {
                return Err(Error::internal(format!("'{split}' is no partition")));
            };
            let partition = partition
                .parse()
                .map_err(|_| Error::internal(format!("'{split}' is no partition")))?;
            let offset = Offset::Offset(Next::parse(position)?.offset);
            offsets
                .add_partition_offset(topic, partition, offset)
                .map_err(|error| Error::internal(doing.clone()).caused_by(error))?;
        }
        if offsets.count() == 0 {
            return Ok(());
        }
        let client = self.client()?;
        // Answers to earlier commits.
        for _ in 0..64 {
            drop(client.poll(Duration::ZERO));
        }
        let earlier = client.context().commit.lock().take();
        client
            .commit(&offsets, CommitMode::Async)
            .map_err(|error| client::failed(client, &doing, &error))?;
        match earlier {
            None => Ok(()),
            Some(error) => Err(client::failed(client, &doing, &error)),
        }
    }
}
