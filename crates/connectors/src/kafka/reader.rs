//! Reads the partitions of one subtask through one client.
//!
//! ```text
//! librdkafka ─ records of all partitions, in runs ─▶ rows per partition ─▶ one batch each
//!     └─ "there is something" ─▶ wakes a fetch that waits
//! ```
//!
//! * A fetch takes what is there, up to a batch, and hands it over; it waits only when nothing is
//!   there. What has been decoded stays in the reader, so a fetch that is dropped loses nothing.
//! * What is not fetched waits in librdkafka, which stops asking the brokers at 8 MiB: a slow sink
//!   makes a slow source. As a member of no group the client may stay silent for as long as it
//!   likes.
//! * A position is taken up by reading the record before it once more: if it is another one than
//!   before, the topic is another one, too ([`Fingerprint`](super::split::Fingerprint)).
//! * A bounded partition ends when the reader has come to its end, whether by a record or because
//!   the broker has no more: what is left can be markers of transactions, or gaps. The client says
//!   that without the topic, so of partitions with one number only one is read at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::connector::{Fetch, Position, SourceReader, Split};
use millstream_core::id::SplitId;
use millstream_core::{Code, Error, Remedy, Result};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::client::{Guarded, Listener, Reading};
use super::decode::{Plan, Rows, fingerprint};
use super::error::{self, Kind};
use super::source::Settings;
use super::split::{self, Fingerprint, Next, Partition};
use super::startup::Place;

/// A batch ends after this much input.
const BATCH_INPUT_BYTES: usize = 1 << 20;
/// How often the client is looked at although it has not said anything.
const LOOK: Duration = Duration::from_millis(100);
/// How long all brokers may be away before the job is told.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Reads the partitions of one subtask.
pub(super) struct Reader {
    settings: Arc<Settings>,
    plan: Arc<Plan>,
    client: Option<Arc<Guarded<Reading>>>,
    wake: Arc<Notify>,
    parts: Vec<Part>,
    /// Place in `parts` by id.
    places: BTreeMap<SplitId, usize>,
    /// Where the last record belonged to.
    latest: usize,
    /// Batches ready to be returned.
    ready: VecDeque<Ready>,
    /// A question to the brokers that is being answered.
    asking: Option<JoinHandle<Result<Answer>>>,
    /// Since when all brokers have been away.
    away_since: Option<Duration>,
}

/// A batch, and where to go on after it.
struct Ready {
    part: usize,
    fetch: Fetch,
    next: Option<Next>,
}

/// What was asked.
enum Answer {
    /// The brokers are there.
    Alive,
    /// First and end offset of partitions, by place.
    Bounds(Vec<(usize, i64, i64)>),
    /// The end of the log of a partition that had no more records.
    End(usize, i64),
}

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not yet handed to the client.
    Waiting,
    /// Being read.
    Reading,
    /// Read to its end.
    Done,
}

/// A partition of this subtask.
struct Part {
    id: SplitId,
    partition: Partition,
    stage: Stage,
    rows: Rows,
    /// The offset after the last record that was decoded.
    offset: i64,
    /// The record before `offset` as it was when the position was told, not checked yet.
    unchecked: Option<Fingerprint>,
    /// True if its log is known to reach the end we read to.
    reaches_end: bool,
    /// True if the broker had no more records and it is not known whether that is the end.
    at_end_of_log: bool,
    /// Where to go on after what was returned.
    returned: Option<Next>,
}

impl Part {
    /// The first offset the client is asked for.
    fn wanted(&self) -> i64 {
        match self.unchecked {
            Some(_) if self.offset > 0 => self.offset - 1,
            _ => self.offset,
        }
    }

    fn has_ended(&self) -> bool {
        self.partition.end.is_some_and(|end| self.offset >= end)
    }
}

impl Reader {
    pub(super) fn new(settings: Arc<Settings>, plan: Arc<Plan>) -> Self {
        Reader {
            settings,
            plan,
            client: None,
            wake: Arc::new(Notify::new()),
            parts: Vec::new(),
            places: BTreeMap::new(),
            latest: 0,
            ready: VecDeque::new(),
            asking: None,
            away_since: None,
        }
    }

    fn owner(&self) -> &str {
        &self.settings.properties.owner
    }

    fn client(&mut self) -> Result<Arc<Guarded<Reading>>> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let properties = &self.settings.properties;
        let mut config = properties.reader(&self.settings.group);
        let bounded = self.settings.end.is_some();
        config.set(
            "enable.partition.eof",
            if bounded { "true" } else { "false" },
        );
        let client = Reading::from_config_and_context(&config, Listener::default());
        let mut client = client.map_err(|error| properties.config_error(&error))?;
        let wake = Arc::clone(&self.wake);
        client.set_nonempty_callback(move || wake.notify_one());
        let client = Arc::new(Guarded::new(client));
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Hands partitions to the client that it does not read yet.
    fn begin(&mut self) -> Result<()> {
        let bounded = self.settings.end.is_some();
        let mut busy: Vec<i32> = Vec::new();
        if bounded {
            let reading = self
                .parts
                .iter()
                .filter(|part| part.stage == Stage::Reading);
            busy.extend(reading.map(|part| part.partition.partition));
        }
        let mut list = TopicPartitionList::new();
        for place in 0..self.parts.len() {
            if self.parts[place].stage != Stage::Waiting {
                continue;
            }
            if self.parts[place].has_ended() {
                self.finish(place);
                continue;
            }
            let part = &mut self.parts[place];
            if bounded && busy.contains(&part.partition.partition) {
                continue;
            }
            busy.push(part.partition.partition);
            part.stage = Stage::Reading;
            add(&mut list, &part.partition, part.wanted())?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        let client = self.client()?;
        let assigned = client.incremental_assign(&list);
        assigned.map_err(|error| self.broken("cannot begin to read", &error))
    }

    fn broken(&self, doing: &str, error: &KafkaError) -> Error {
        let doing = format!("{}: {doing}", self.owner());
        match &self.client {
            Some(client) => client.context().complaints.failed(&doing, error),
            None => error::failed(&doing, error, None),
        }
    }

    /// Ends a partition; its rows must have been handed over.
    fn finish(&mut self, place: usize) {
        let part = &mut self.parts[place];
        part.stage = Stage::Done;
        self.ready.push_back(Ready {
            part: place,
            fetch: Fetch::Finished(part.id),
            next: None,
        });
    }

    /// Takes what the client has, up to a batch. True if there is something to return.
    fn gather(&mut self) -> Result<bool> {
        /// One look can find an event that is no record, and others behind it.
        const EMPTY_LOOKS: u32 = 4;
        let Some(client) = self.client.clone() else {
            return Ok(!self.ready.is_empty());
        };
        let (mut seen, mut bytes, mut empty) = (0, 0, 0);
        let mut last: Option<(usize, BorrowedMessage<'_>)> = None;
        while seen < self.plan.batch_rows && bytes < BATCH_INPUT_BYTES && empty < EMPTY_LOOKS {
            match client.poll(Duration::ZERO) {
                None => empty += 1,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.end_of(partition);
                    break;
                }
                Some(Err(error)) => self.complaint(&error)?,
                Some(Ok(message)) => {
                    (seen, empty) = (seen + 1, 0);
                    let Some(place) = self.take(&message)? else {
                        continue;
                    };
                    let part = &self.parts[place];
                    bytes += message.payload_len() + message.key_len();
                    let full = part.rows.is_full();
                    let ended = part.has_ended();
                    if let Some((before, message)) = last.replace((place, message))
                        && before != place
                    {
                        self.parts[before].rows.note_last(&message);
                    }
                    if full || ended {
                        break;
                    }
                }
            }
        }
        if let Some((place, message)) = last {
            self.parts[place].rows.note_last(&message);
        }
        self.away_since = self.away_since.filter(|_| seen == 0);
        self.hand_over()
    }

    /// Turns what was decoded into batches.
    fn hand_over(&mut self) -> Result<bool> {
        for place in 0..self.parts.len() {
            let part = &mut self.parts[place];
            if part.rows.records() > 0 {
                let (rows, bad, next) = part.rows.take()?;
                self.ready.push_back(Ready {
                    part: place,
                    fetch: Fetch::Rows {
                        split: part.id,
                        rows,
                        bad,
                    },
                    next,
                });
            }
            if part.stage == Stage::Reading && part.has_ended() {
                let mut list = TopicPartitionList::new();
                add(&mut list, &part.partition, 0)?;
                if let Some(client) = self.client.clone() {
                    let stopped = client.incremental_unassign(&list);
                    stopped.map_err(|error| self.broken("cannot stop reading", &error))?;
                }
                self.finish(place);
            }
        }
        Ok(!self.ready.is_empty())
    }

    /// Decodes a record; the place of its partition, unless it was not wanted.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<Option<usize>> {
        let Some(place) = self.place_of(message) else {
            return Ok(None);
        };
        self.latest = place;
        let may_jump = self.settings.properties.reset.is_some();
        let part = &mut self.parts[place];
        let offset = message.offset();
        if part.stage != Stage::Reading || (offset < part.wanted() && !may_jump) {
            return Ok(None);
        }
        if let Some(before) = part.unchecked.take()
            && offset + 1 == part.offset
        {
            if fingerprint(message) != before {
                return Err(replaced(&self.settings.properties.owner, part));
            }
            return Ok(None);
        }
        if let Some(end) = part.partition.end
            && offset >= end
        {
            part.offset = end;
            return Ok(None);
        }
        part.rows.push(message)?;
        part.offset = offset + 1;
        Ok(Some(place))
    }

    fn place_of(&self, message: &BorrowedMessage<'_>) -> Option<usize> {
        let is = |part: &Part| {
            part.partition.partition == message.partition()
                && part.partition.topic == message.topic()
        };
        match self.parts.get(self.latest) {
            Some(part) if is(part) => Some(self.latest),
            _ => self.parts.iter().position(is),
        }
    }

    /// The broker has no more records of a partition of this number.
    fn end_of(&mut self, partition: i32) {
        let reading = self
            .parts
            .iter_mut()
            .find(|part| part.stage == Stage::Reading && part.partition.partition == partition);
        let Some(part) = reading else {
            return;
        };
        match part.partition.end {
            // What is left before the end is no record: logs only grow.
            Some(end) if part.reaches_end => {
                part.offset = part.offset.max(end);
                part.unchecked = None;
            }
            _ => part.at_end_of_log = true,
        }
    }

    /// Something the client says that is no record.
    fn complaint(&mut self, error: &KafkaError) -> Result<()> {
        use RDKafkaErrorCode as E;
        let Some(code) = error.rdkafka_error_code() else {
            return Err(self.broken("cannot read", error));
        };
        match code {
            E::AutoOffsetReset | E::OffsetOutOfRange | E::LogTruncation => self.ask_bounds(),
            E::AllBrokersDown => {
                let now = self.settings.clock.elapsed();
                self.away_since.get_or_insert(now);
                Ok(())
            }
            // The client asks for the same batch for ever: without a word the job would stand still.
            E::BadCompression | E::BadMessage => Err(unreadable(self.owner(), &self.names(), code)),
            // Nobody here is a member of the group; its coordinator may refuse us.
            E::GroupAuthorizationFailed if self.settings.properties.group.is_none() => Ok(()),
            _ => match error::kind(code) {
                Kind::Gone => Err(Error::new(
                    Code::InputLost,
                    format!(
                        "{}: a topic the job was reading is gone from the cluster: {}",
                        self.owner(),
                        self.names()
                    ),
                )
                .hint(
                    "what was not read of it is lost; start the job anew to read what is there now",
                )),
                Kind::Lost if !matches!(error, KafkaError::MessageConsumptionFatal(_)) => Ok(()),
                _ => Err(self.broken("cannot read", error)),
            },
        }
    }

    /// The topics being read, for a message.
    fn names(&self) -> String {
        let reading = self
            .parts
            .iter()
            .filter(|part| part.stage == Stage::Reading);
        let mut names: Vec<&str> = reading.map(|part| part.partition.topic.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(10);
        crate::quoted(&names)
    }

    /// Asks where the partitions begin and end, because one of them does not have what we want.
    fn ask_bounds(&mut self) -> Result<()> {
        if self.asking.is_some() {
            return Ok(());
        }
        let client = self.client()?;
        let longest = self.settings.properties.answer;
        let owner = self.owner().to_string();
        let reading = self.parts.iter().enumerate();
        let parts: Vec<(usize, String, i32)> = reading
            .filter(|(_, part)| part.stage == Stage::Reading)
            .map(|(place, part)| {
                (
                    place,
                    part.partition.topic.clone(),
                    part.partition.partition,
                )
            })
            .collect();
        self.asking = Some(tokio::task::spawn_blocking(move || {
            let mut bounds = Vec::new();
            for (place, topic, partition) in parts {
                let found = client.fetch_watermarks(&topic, partition, longest);
                let (low, high) = found.map_err(|error| {
                    let name = split::name(&topic, partition);
                    let doing = format!("{owner}: cannot look at partition '{name}'");
                    client.context().complaints.failed(&doing, &error)
                })?;
                bounds.push((place, low, high));
            }
            Ok(Answer::Bounds(bounds))
        }));
        Ok(())
    }

    /// Asks how far the log of a partition reaches that had no more records.
    fn ask_end(&mut self, place: usize) -> Result<()> {
        let client = self.client()?;
        let longest = self.settings.properties.answer;
        let part = &mut self.parts[place];
        part.at_end_of_log = false;
        let (topic, partition) = (part.partition.topic.clone(), part.partition.partition);
        let doing = format!(
            "{}: cannot look at partition '{}'",
            self.settings.properties.owner,
            split::name(&topic, partition)
        );
        self.asking = Some(tokio::task::spawn_blocking(move || {
            match client.fetch_watermarks(&topic, partition, longest) {
                Ok((_, high)) => Ok(Answer::End(place, high)),
                Err(error) => Err(client.context().complaints.failed(&doing, &error)),
            }
        }));
        Ok(())
    }

    /// A log that has come to reach our end meanwhile is read on from where we are: when the broker
    /// says once more that there are no more records, that is the end.
    fn check_end(&mut self, place: usize, high: i64) -> Result<()> {
        let part = &mut self.parts[place];
        if part.stage != Stage::Reading || part.partition.end.is_none_or(|end| high < end) {
            return Ok(());
        }
        part.reaches_end = true;
        self.begin_anew(&[place])
    }

    /// Asks whether any broker is there.
    fn ask_alive(&mut self) -> Result<()> {
        let client = self.client()?;
        let longest = self.settings.properties.answer;
        let doing = format!("{}: no broker has answered for a while", self.owner());
        self.asking = Some(tokio::task::spawn_blocking(move || {
            match client.fetch_metadata(Some("__consumer_offsets"), longest) {
                Ok(_) => Ok(Answer::Alive),
                Err(error) => Err(client.context().complaints.failed(&doing, &error)),
            }
        }));
        Ok(())
    }

    /// An offset that is not there is lost input, unless only the record before it is gone.
    fn check_bounds(&mut self, bounds: &[(usize, i64, i64)]) -> Result<()> {
        for (place, low, high) in bounds {
            let part = &mut self.parts[*place];
            if !(*low..=*high).contains(&part.offset) {
                return Err(gone(&self.settings.properties.owner, part, *low, *high));
            }
            if part.wanted() < *low {
                part.unchecked = None;
            }
        }
        // Which of them was refused is not known, so all are begun anew.
        let places: Vec<usize> = bounds.iter().map(|(place, ..)| *place).collect();
        self.begin_anew(&places)
    }

    /// Reads partitions on from where they are. Nothing comes twice: what lies before the wanted
    /// offset is passed over.
    fn begin_anew(&mut self, places: &[usize]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for place in places {
            let part = &self.parts[*place];
            add(&mut list, &part.partition, part.wanted())?;
        }
        let client = self.client()?;
        let begun = client
            .incremental_unassign(&list)
            .and_then(|()| client.incremental_assign(&list));
        begun.map_err(|error| self.broken("cannot begin to read", &error))
    }

    /// Waits for the client, for an answer, or for a while.
    async fn wait(&mut self) -> Result<()> {
        let now = self.settings.clock.elapsed();
        if let Some(since) = self.away_since
            && self.asking.is_none()
            && now.saturating_sub(since) >= AWAY_MAX
        {
            self.ask_alive()?;
        }
        let at_end = self.parts.iter().position(|part| part.at_end_of_log);
        if let (None, Some(place)) = (&self.asking, at_end) {
            self.ask_end(place)?;
        }
        let Some(asking) = &mut self.asking else {
            // Nothing said is as good as something said: the client is looked at again.
            if tokio::time::timeout(LOOK, self.wake.notified())
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
            return Ok(());
        };
        let answer = asking.await;
        self.asking = None;
        let answer = answer.map_err(|error| {
            Error::internal("a call to the Kafka client was lost").caused_by(error)
        })??;
        match answer {
            Answer::Alive => {
                self.away_since = None;
                Ok(())
            }
            Answer::Bounds(bounds) => self.check_bounds(&bounds),
            Answer::End(place, high) => self.check_end(place, high),
        }
    }

    /// Notes how far what is returned now has come.
    fn returned(&mut self, ready: Ready) -> Fetch {
        if let Some(next) = ready.next {
            self.parts[ready.part].returned = Some(next);
        }
        ready.fetch
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        let partition = Partition::parse(&split.data)?;
        let returned = from.as_ref().map(Next::parse).transpose()?;
        let next = returned.unwrap_or(Next {
            offset: partition.start,
            last: None,
        });
        let rows = Rows::new(&self.plan, &partition.topic, partition.partition)?;
        self.places.insert(split.id, self.parts.len());
        self.parts.push(Part {
            id: split.id,
            stage: Stage::Waiting,
            rows,
            offset: next.offset,
            unchecked: next.last,
            // Ends by time, and of the log, lie within it; others may lie beyond.
            reaches_end: matches!(
                self.settings.end,
                Some(Place::Latest | Place::Timestamp(_) | Place::Earliest)
            ),
            at_end_of_log: false,
            returned,
            partition,
        });
        Ok(())
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(self.returned(ready));
            }
            if self.parts.iter().all(|part| part.stage == Stage::Done) {
                return Ok(Fetch::Waiting);
            }
            self.begin()?;
            if !self.gather()? {
                self.wait().await?;
            }
        }
    }

    fn position(&self, split: SplitId) -> Option<Position> {
        let place = self.places.get(&split)?;
        self.parts[*place].returned.map(Next::to_position)
    }
}

fn add(list: &mut TopicPartitionList, partition: &Partition, offset: i64) -> Result<()> {
    list.add_partition_offset(
        &partition.topic,
        partition.partition,
        Offset::Offset(offset),
    )
    .map_err(|error| {
        Error::internal(format!("offset {offset} cannot be read from")).caused_by(error)
    })
}

/// The topic has other records than it had.
fn replaced(owner: &str, part: &Part) -> Error {
    Error::new(
        Code::InputLost,
        format!(
            "{owner}: partition {} of topic '{}' is another one than before: its record at offset {} \
             is not the one that was read there",
            part.partition.partition,
            part.partition.topic,
            part.offset - 1
        ),
    )
    .hint("the topic has been created anew; start the job anew to read it from its beginning")
}

/// A batch of records that cannot be taken apart, and so neither skipped nor set aside record by record.
fn unreadable(owner: &str, topics: &str, code: RDKafkaErrorCode) -> Error {
    Error::new(
        Code::BadRecord,
        format!("{owner}: a batch of records in {topics} cannot be read: {code}"),
    )
    .with_remedy(Remedy::Correct)
    .hint(
        "it is damaged, or compressed with zstd and longer than twice 'properties.fetch.max.bytes' once it is \
         unpacked: raise that, or have the records deleted",
    )
}

/// The partition does not reach from or to where we are.
fn gone(owner: &str, part: &Part, low: i64, high: i64) -> Error {
    let partition = &part.partition;
    let (what, hint) = match part.offset < low {
        true => (
            format!(
                "wanted offset {}, the earliest one there is {low}",
                part.offset
            ),
            "records were deleted before they were read: keep them longer in the topic; start the job anew to read what is there, or set 'properties.auto.offset.reset' to go on with a gap",
        ),
        false => (
            format!(
                "wanted offset {}, there are only offsets up to {high}",
                part.offset
            ),
            "the topic was truncated or created anew; start the job anew to read what is there",
        ),
    };
    Error::new(
        Code::InputLost,
        format!(
            "{owner}: partition {} of topic '{}' has lost input: {what}",
            partition.partition, partition.topic
        ),
    )
    .hint(hint)
}
