//! Exactly-once: two transactional producers per job and cluster, in turn; the commit of one is the
//! commit of the checkpoint.
//!
//! ```text
//! recover   init_transactions with the id of each lineage: older lives are fenced, what they left
//!           open is aborted, what they were committing is finished ─▶ then the marker is read
//! begin     ─▶ gate opens ─▶ writers send ─▶ writers have every delivery report
//! commit    gate shuts ─▶ marker into the transaction ─▶ commit_transaction ─▶ done, or unknown
//! ```
//!
//! * The marker is an offset of a consumer group of our own, committed in the transaction, for
//!   partition 0 of each topic written: its text is `lineage:checkpoint`. Group and transactional id
//!   are one name, `<prefix>-<job>-<lineage>`, so another lineage has another marker.
//! * The marker is read only after `init_transactions`, and only what is committed: while a
//!   transaction with a marker is open the broker gives no answer at all.
//! * A commit request may reach the brokers twice: the client tries again by itself when a connection
//!   breaks, and the first one may come late. In a protocol without an epoch per transaction (EndTxn
//!   up to version 1, all this client speaks) it would commit whatever is open under that id by then.
//!   So an id is used for one transaction at a time, `-a` and `-b` in turn, and behind each commit its
//!   producer is replaced by one with a higher epoch, in the background: what comes late finds nothing
//!   open, or is fenced.
//! * A commit that was not answered cleanly is unknown. The producers are dropped then, and the next
//!   `recover` makes others.
//! * The brokers end a transaction that stays open for too long, and tell the producer the same as
//!   when another one took its id. Time tells them apart: a transaction that is older than its
//!   timeout is replayed, a younger one means that somebody else runs the job.
//!
//! Cost on two cores with the broker beside: 1.5 ms per checkpoint, and 55 ms for another producer,
//! which nobody waits for unless checkpoints are closer than that.
//! Not taken: opening the second transaction before the first is committed, so that rows behind a
//! barrier need not wait. The wait is those 1.5 ms plus the time until the checkpoint's files are
//! stored; the two would have to be committed strictly one after the other, with a marker each.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{CommitMarker, CommitOutcome, SinkContext, Transactions};
use millstream_core::failpoint::failpoint;
use millstream_core::{Code, Error, Remedy, Result};
use parking_lot::Mutex;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::blocking;
use super::lives::Life;
use super::producer::Live;
use super::properties::Properties;
use super::sink::Settings;
use super::takeover::{Doing, TakeOver, Taken, Topics, ids, marker_text};

/// How long a commit may last.
const COMMIT: Duration = Duration::from_secs(60);

/// Whether writers may send.
#[derive(Clone)]
enum Gate {
    /// Between transactions.
    Shut,
    /// A transaction is open.
    Open(Arc<Live>),
    /// A commit is unknown, or the producer was lost: nothing is written before `recover`.
    Broken(Code, String),
}

/// The gate, and the number of the latest transaction.
type State = (u64, Gate);

/// The transactions of a job with a cluster.
pub(super) struct Shared {
    properties: Properties,
    topics: Arc<Topics>,
    clock: SharedClock,
    doing: Doing,
    /// What the ids of all lineages of the job begin with.
    stem: String,
    lineage: String,
    gate: watch::Sender<State>,
    session: Mutex<Option<Arc<Session>>>,
}

/// The producers, which have taken over the transactional ids.
struct Session {
    /// The one whose turn it is.
    live: Arc<Live>,
    turn: Turn,
    /// The other one.
    spare: tokio::sync::Mutex<Spare>,
    group: Arc<ConsumerGroupMetadata>,
    /// The life of the job that took the ids over.
    life: Arc<Life>,
    /// When the open transaction was begun.
    began: Mutex<Option<Duration>>,
    /// Its owner was told that it is old.
    alarmed: AtomicBool,
    /// The producer has had its turn.
    committed: AtomicBool,
}

impl Session {
    fn has_committed(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }
}

/// Which of the two ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    A,
    B,
}

/// The producer of the next transaction.
enum Spare {
    /// It has taken over its id.
    Ready(Arc<Live>),
    /// It is about to.
    Coming(JoinHandle<Result<Live>>),
    /// It is in use, or could not be made.
    Gone,
}

impl Turn {
    fn other(self) -> Turn {
        match self {
            Turn::A => Turn::B,
            Turn::B => Turn::A,
        }
    }

    /// Its place among the ids of a name.
    fn place(self) -> usize {
        match self {
            Turn::A => 0,
            Turn::B => 1,
        }
    }
}

impl Spare {
    /// The producer; waits until it is there.
    async fn take(&mut self) -> Result<Arc<Live>> {
        match std::mem::replace(self, Spare::Gone) {
            Spare::Ready(live) => Ok(live),
            Spare::Coming(made) => match made.await {
                Ok(live) => live.map(Arc::new),
                Err(error) => {
                    Err(Error::internal("a call to the Kafka client was lost").caused_by(error))
                }
            },
            Spare::Gone => Err(Error::internal(
                "the producer of the next transaction is gone",
            )),
        }
    }
}

impl Shared {
    pub(super) fn new(settings: &Settings, topics: Topics, context: &SinkContext) -> Self {
        Shared {
            properties: settings.properties.clone(),
            topics: Arc::new(topics),
            clock: Arc::clone(&context.clock),
            doing: Doing::default(),
            stem: format!("{}-{}", settings.prefix, context.job.name),
            lineage: context.job.lineage.to_string(),
            gate: watch::Sender::new((0, Gate::Shut)),
            session: Mutex::new(None),
        }
    }

    /// The name of a lineage's marker group, and what its transactional ids begin with.
    fn id(&self, lineage: &str) -> String {
        format!("{}-{lineage}", self.stem)
    }

    /// The producer once a transaction is open that is newer than `number`, and its number.
    pub(super) async fn after(&self, number: u64) -> Result<(Arc<Live>, u64)> {
        let mut gate = self.gate.subscribe();
        let ready = |state: &State| match &state.1 {
            Gate::Shut => false,
            Gate::Open(_) => state.0 > number,
            Gate::Broken(..) => true,
        };
        let state = gate.wait_for(ready).await;
        let state = state.map_err(|_| Error::internal("the transactions of a job are gone"))?;
        match &state.1 {
            Gate::Open(live) => Ok((Arc::clone(live), state.0)),
            Gate::Broken(code, why) => Err(Error::new(*code, why.clone())),
            Gate::Shut => Err(Error::internal("the gate opened and is shut")),
        }
    }

    /// The number of the latest transaction.
    pub(super) fn number(&self) -> u64 {
        self.gate.borrow().0
    }

    fn set(&self, gate: Gate) {
        self.gate.send_modify(|state| state.1 = gate);
    }

    fn session(&self) -> Result<Arc<Session>> {
        let session = self.session.lock().clone();
        session.ok_or_else(|| {
            let owner = &self.properties.owner;
            let what = "there is no producer: the transactions must recover first";
            Error::new(Code::CommitUnknown, format!("{owner}: {what}"))
        })
    }

    fn take_over(&self, others: &[String], doing: Doing) -> TakeOver {
        let others = others.iter().filter(|other| **other != self.lineage);
        TakeOver {
            doing,
            properties: self.properties.clone(),
            topics: Arc::clone(&self.topics),
            lineage: self.lineage.clone(),
            id: self.id(&self.lineage),
            others: others.map(|other| self.id(other)).collect(),
        }
    }

    /// The other producer's turn; the one that has just committed is replaced behind it.
    async fn rotate(&self, session: &Arc<Session>) -> Result<Arc<Session>> {
        self.doing
            .set("take over the transactional id of the next transaction");
        let live = session.spare.lock().await.take().await?;
        // Nobody waits for what goes on behind.
        let take_over = self.take_over(&[], Doing::default());
        let used = Arc::clone(&session.live);
        let (turn, life) = (session.turn, Arc::clone(&session.life));
        let coming = tokio::task::spawn_blocking(move || {
            let id = &ids(&take_over.id)[turn.place()];
            let made = life.take(|| take_over.fence(id));
            // Here, since taking a producer down takes its time.
            drop(used);
            made
        });
        let session = Arc::new(Session {
            live,
            turn: turn.other(),
            spare: tokio::sync::Mutex::new(Spare::Coming(coming)),
            group: Arc::clone(&session.group),
            life: Arc::clone(&session.life),
            began: Mutex::new(None),
            alarmed: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        });
        *self.session.lock() = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Begins a transaction of the producer whose turn it is.
    async fn open(&self, session: &Arc<Session>) -> Result<()> {
        self.doing.set("begin a transaction");
        let held = Arc::clone(session);
        let begun = blocking(move || Ok(held.live.client().begin_transaction())).await?;
        begun.map_err(|error| self.judge(session, "cannot begin a transaction", &error))
    }

    /// Gives the producer up; writers fail until `recover`.
    fn give_up(&self, error: &Error) {
        *self.session.lock() = None;
        self.set(Gate::Broken(error.code(), error.message().to_string()));
    }

    /// What an error of a transaction means, by the age of the transaction.
    fn judge(&self, session: &Session, doing: &str, error: &KafkaError) -> Error {
        let found = session.live.failed(doing, error);
        match found.code() {
            Code::Fenced => {}
            // Nothing the owner can do something about: the job replays.
            Code::Unavailable => return with_code(Code::CommitUnknown, &found),
            _ => return found,
        }
        let now = self.clock.elapsed();
        let age = session.began.lock().map(|began| now.saturating_sub(began));
        let limit = self.properties.transaction_timeout;
        match age {
            Some(age) if age >= limit.mul_f64(0.9) => Error::new(
                Code::CommitUnknown,
                format!(
                    "{}: the brokers ended a transaction that was open for {} s, \
                     'properties.transaction.timeout.ms' allows {} s",
                    self.properties.owner,
                    age.as_secs(),
                    limit.as_secs()
                ),
            ),
            _ => found.hint(
                "another process writes with the same transactional id: stop it, or give one of the \
                 jobs another name or 'sink.transactional-id-prefix'",
            ),
        }
    }

    /// The marker as an offset of the group.
    fn marker_offsets(&self, marker: &CommitMarker) -> Result<TopicPartitionList> {
        let offset = i64::try_from(marker.checkpoint)
            .map_err(|_| Error::internal("the number of a checkpoint is too large"))?;
        let mut list = TopicPartitionList::with_capacity(self.topics.len());
        for topic in self.topics.keys() {
            let mut entry = list.add_partition(topic, 0);
            entry
                .set_offset(Offset::Offset(offset))
                .map_err(|error| Error::internal("a marker has no offset").caused_by(error))?;
            entry.set_metadata(marker_text(marker));
        }
        Ok(list)
    }

    /// Commits the open transaction with the marker; what failed is not repeated.
    async fn finish(&self, session: &Arc<Session>, marker: &CommitMarker) -> Result<()> {
        let offsets = self.marker_offsets(marker)?;
        let (held, doing) = (Arc::clone(session), self.doing.clone());
        let done = blocking(move || Ok(commit(&held, &offsets, &doing))).await?;
        done.map_err(|failure| match failure {
            Failure::Kafka(doing, error) => self.judge(session, doing, &error),
            Failure::Told(error) => error,
        })
    }
}

/// Why a commit did not come to its end.
enum Failure {
    Kafka(&'static str, KafkaError),
    Told(Error),
}

fn commit(session: &Session, offsets: &TopicPartitionList, doing: &Doing) -> Result<(), Failure> {
    let client = session.live.client();
    doing.set("put the marker into the transaction");
    failpoint("cp.txn.offsets").map_err(Failure::Told)?;
    client
        .send_offsets_to_transaction(offsets, &session.group, COMMIT)
        .map_err(|error| Failure::Kafka("cannot put the marker into the transaction", error))?;
    failpoint("cp.txn.commit.before").map_err(Failure::Told)?;
    doing.set("commit the transaction");
    client
        .commit_transaction(COMMIT)
        .map_err(|error| Failure::Kafka("cannot commit the transaction", error))?;
    failpoint("cp.txn.commit.unknown").map_err(Failure::Told)?;
    Ok(())
}

#[async_trait]
impl Transactions for Shared {
    async fn recover(&self, others: &[String]) -> Result<Option<CommitMarker>> {
        self.set(Gate::Shut);
        *self.session.lock() = None;
        let take_over = self.take_over(others, self.doing.clone());
        let taken = blocking(move || take_over.run()).await?;
        let Taken {
            producers: [live, spare],
            life,
            group,
            marker,
        } = taken;
        *self.session.lock() = Some(Arc::new(Session {
            live: Arc::new(live),
            turn: Turn::A,
            spare: tokio::sync::Mutex::new(Spare::Ready(Arc::new(spare))),
            group: Arc::new(group),
            life: Arc::new(life),
            began: Mutex::new(None),
            alarmed: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        }));
        Ok(marker)
    }

    async fn mark(&self, marker: &CommitMarker) -> Result<()> {
        let session = self.session()?;
        let marked = match self.open(&session).await {
            Ok(()) => self.finish(&session, marker).await,
            Err(error) => Err(error),
        };
        match marked {
            Ok(()) => self.rotate(&session).await.map(|_| ()),
            Err(error) => Err(error),
        }
        .inspect_err(|error| self.give_up(error))
    }

    async fn begin(&self) -> Result<()> {
        let mut session = self.session()?;
        if session.has_committed() {
            let rotated = self.rotate(&session).await;
            session = rotated.inspect_err(|error| self.give_up(error))?;
        }
        *session.began.lock() = Some(self.clock.elapsed());
        let opened = self.open(&session).await;
        opened.inspect_err(|error| self.give_up(error))?;
        let live = Arc::clone(&session.live);
        self.gate
            .send_modify(|state| *state = (state.0 + 1, Gate::Open(live)));
        Ok(())
    }

    async fn commit(&self, marker: &CommitMarker) -> CommitOutcome {
        let session = match self.session() {
            Ok(session) => session,
            Err(error) => return CommitOutcome::Unknown(error),
        };
        self.set(Gate::Shut);
        // Whoever drops this call halfway must recover: the session comes back only at the end.
        *self.session.lock() = None;
        let done = self.finish(&session, marker).await;
        match done.and_then(|()| failpoint("cp.txn.commit.after")) {
            Ok(()) => {
                session.committed.store(true, Ordering::Relaxed);
                *session.began.lock() = None;
                *self.session.lock() = Some(session);
                CommitOutcome::Committed
            }
            Err(error) => {
                self.give_up(&error);
                CommitOutcome::Unknown(error)
            }
        }
    }

    async fn abort(&self) -> Result<()> {
        let Some(session) = self.session.lock().take() else {
            return Ok(());
        };
        self.set(Gate::Shut);
        if session.began.lock().is_none() {
            *self.session.lock() = Some(session);
            return Ok(());
        }
        let (held, longest) = (Arc::clone(&session), self.properties.answer);
        self.doing.set("abort the transaction");
        let abort = move || Ok(held.live.client().abort_transaction(longest));
        let aborted = blocking(abort).await?;
        match aborted {
            Ok(()) => {
                *session.began.lock() = None;
                *self.session.lock() = Some(session);
                Ok(())
            }
            Err(error) => {
                let error = self.judge(&session, "cannot abort the transaction", &error);
                self.give_up(&error);
                match error.code() {
                    // Whoever took the id, or the broker, has aborted it.
                    Code::Fenced => Ok(()),
                    _ => Err(error),
                }
            }
        }
    }

    fn doing(&self) -> Option<String> {
        self.doing.get()
    }

    fn alarm(&self) -> Option<String> {
        let session = self.session.lock().clone()?;
        let age = self
            .clock
            .elapsed()
            .saturating_sub((*session.began.lock())?);
        let limit = self.properties.transaction_timeout;
        // One that holds nothing begins for the brokers with its first row.
        if age < limit / 2
            || !session.live.has_sent()
            || session.alarmed.swap(true, Ordering::Relaxed)
        {
            return None;
        }
        Some(format!(
            "{}: a transaction has been open for {} s; after {} s \
             ('properties.transaction.timeout.ms') the brokers end it, and its rows are read and \
             written again",
            self.properties.owner,
            age.as_secs(),
            limit.as_secs()
        ))
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// The same error under another code.
fn with_code(code: Code, error: &Error) -> Error {
    Error::new(code, error.message()).with_remedy(Remedy::Retry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ids_take_turns() {
        assert_eq!(Turn::A.other().other(), Turn::A);
        assert_ne!(Turn::A.place(), Turn::A.other().place());
    }
}
