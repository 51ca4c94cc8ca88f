//! Commits a checkpoint: does what `millstream_protocol::commit` says, and tells it what came of it.
//!
//! With a checkpoint folder: state files, then manifest, then the commit point (the transaction of the
//! last agent, or the object `committed-N`), then sinks, sources and garbage. Without one: the
//! transaction, sinks and sources.
//!
//! Always: an answer that is not clean never counts as done. It is read back, or the job recovers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{StreamExt, TryStreamExt, iter};
use millstream_core::connector::{
    Acknowledger, CommitMarker, CommitOutcome, Committable, Position, Transactions,
};
use millstream_core::failpoint::failpoint;
use millstream_core::id::NodeId;
use millstream_core::message::Message;
use millstream_core::{Code, Error, Remedy, Result};
use millstream_protocol::commit::{Commit, Effect, Event, Plan};
use millstream_protocol::restart::{Backoff, Class};

use tokio::sync::watch;

use super::ledger::Cut;
use super::sinks::Sinks;
use super::store::StoreSide;
use crate::exchange::inbox::Sender;
use crate::patience::Watch;
use crate::task::sink::Held;
use crate::task::spill::Committed;
use crate::task::timer::Timer;

/// How a step of the commit is tried again; the store has tried on its own before.
const BACKOFF: Backoff = Backoff {
    first_ms: 100,
    cap_ms: 2000,
    attempts: 5,
};

/// State files of one checkpoint that are written at the same time.
pub(crate) const UPLOADS: usize = 8;

/// Commits the checkpoints of one life of a job.
pub(crate) struct Committing {
    pub(crate) sinks: Sinks,
    pub(crate) acknowledgers: Vec<(NodeId, Box<dyn Acknowledger>)>,
    /// Rows of a SELECT that wait for their checkpoint, and where they go then.
    pub(crate) held: Vec<(Held, Sender)>,
    pub(crate) lineage: String,
    /// Where state is kept; `None`: nowhere.
    pub(crate) store: Option<StoreSide>,
    pub(crate) timer: Timer,
    pub(crate) watch: Watch,
}

/// One checkpoint on its way.
struct Way<'a> {
    committing: &'a mut Committing,
    checkpoint: u64,
    prepared: BTreeMap<NodeId, Vec<Committable>>,
    positions: BTreeMap<NodeId, Vec<(String, Position)>>,
    last: bool,
    /// The error behind the newest answer that was not clean.
    error: Option<Error>,
    /// The next transaction could not be opened.
    begin: Option<Error>,
    /// Something that does no harm.
    warning: Option<String>,
}

impl Committing {
    /// The newest committed checkpoint, for the tasks.
    pub(crate) fn committed(&self) -> watch::Receiver<Option<Committed>> {
        match &self.store {
            Some(store) => store.committed_so_far(),
            None => watch::channel(None).1,
        }
    }

    /// Makes a checkpoint safe and visible. After an error this life of the job is over.
    pub(crate) async fn commit(&mut self, mut cut: Cut) -> Result<()> {
        let checkpoint = cut.barrier.checkpoint.0;
        let last = cut.barrier.last;
        self.sinks.remember(&mut cut.receipts);
        let positions = positions(&cut);
        let receipts = cut.receipts.iter();
        let prepared = receipts.map(|(node, receipt)| (*node, receipt.committables.clone()));
        let prepared = prepared.collect();
        if let Some(store) = &mut self.store {
            let what = step(checkpoint, format!("write its state to '{}'", store.url()));
            self.watch.over(what, store.upload(cut)).await?;
        }
        let way = Way {
            committing: &mut *self,
            checkpoint,
            prepared,
            positions,
            last,
            error: None,
            begin: None,
            warning: None,
        };
        way.go().await?;
        let what = step(
            checkpoint,
            "whoever reads the results takes its rows".into(),
        );
        self.watch.clone().over(what, self.release()).await;
        Ok(())
    }

    /// Brings the rows of a SELECT that are committed now; waits while their reader is behind.
    async fn release(&mut self) {
        for (held, sender) in &self.held {
            for rows in held.take() {
                if sender.send(Message::Rows(rows)).await.is_err() {
                    // A reader who has gone has all it wants.
                    return;
                }
            }
        }
    }
}

impl Way<'_> {
    async fn go(mut self) -> Result<()> {
        let (Some(store), agent) = (&self.committing.store, self.agent()) else {
            return self.without_store().await;
        };
        let mut commit = Commit::new(Plan {
            checkpoint: self.checkpoint,
            generation: store.generation(),
            token: store.token()?,
            has_agent: agent.is_some(),
            backoff: BACKOFF,
        });
        let mut effect = commit.begin();
        loop {
            let event = match effect {
                Effect::Done { warning } => return self.done(warning),
                Effect::Recover { cause } => {
                    return Err(self.ended(Code::CommitUnknown, &cause));
                }
                Effect::Fenced { current, .. } => {
                    let message = format!(
                        "generation {current} of this job has taken over while {} was being \
                         committed",
                        self.name()
                    );
                    return Err(Error::new(Code::Fenced, message));
                }
                Effect::Stop { cause } => return Err(self.ended(Code::Write, &cause)),
                Effect::Wait { ms } => {
                    let timer = &self.committing.timer;
                    timer.pause(Some(Duration::from_millis(ms))).await;
                    Event::Due
                }
                effect => {
                    let watch = self.committing.watch.clone();
                    let what = self.waits_for(&effect);
                    watch.over(what, self.act(effect)).await
                }
            };
            effect = commit.step(event);
        }
    }

    async fn act(&mut self, effect: Effect) -> Event {
        match self.try_act(effect).await {
            Ok(event) => event,
            Err(error) => {
                let event = failed(&error);
                self.error = Some(error);
                event
            }
        }
    }

    async fn try_act(&mut self, effect: Effect) -> Result<Event> {
        let checkpoint = self.checkpoint;
        if effect == Effect::CommitAgent {
            return self.commit_agent().await;
        }
        let prepared = &self.prepared;
        let committing = &mut *self.committing;
        let Some(store) = &mut committing.store else {
            return Err(Error::internal("a commit without a store asked for one"));
        };
        match effect {
            Effect::CheckFence => return store.fence().await,
            Effect::CreateManifest => return store.create_manifest().await,
            Effect::ReadManifest => return store.read_manifest().await,
            Effect::CreateCommitted => return store.create_committed(checkpoint).await,
            Effect::ReadCommitted => return store.read_committed(checkpoint).await,
            Effect::FinishSinks => committing.sinks.finish(prepared).await?,
            Effect::AckSources => {
                failpoint("cp.source_ack.before")?;
                // What is lost here does no harm: the next one says more.
                let told = acknowledge(&mut committing.acknowledgers, &self.positions).await;
                self.warning = told
                    .err()
                    .map(|error| format!("a source could not be told what is committed: {error}"));
                failpoint("cp.source_ack.after")?;
            }
            Effect::CollectGarbage => store.collect_garbage().await?,
            effect => {
                return Err(Error::internal(format!("{effect:?} is not for the driver")));
            }
        }
        Ok(Event::Ok)
    }

    async fn commit_agent(&mut self) -> Result<Event> {
        let Some(agent) = self.agent() else {
            return Err(Error::internal("no transaction to commit"));
        };
        failpoint("cp.txn.commit.before")?;
        let outcome = agent.commit(&self.marker()).await;
        failpoint("cp.txn.commit.unknown")?;
        match outcome {
            CommitOutcome::Committed => {
                failpoint("cp.txn.commit.after")?;
                // At once: writers wait for it.
                if !self.last {
                    self.begin = agent.begin().await.err();
                }
                Ok(Event::Ok)
            }
            CommitOutcome::Unknown(error) => {
                let message = error.to_string();
                self.error = Some(error);
                Ok(Event::Unknown { message })
            }
        }
    }

    /// What an effect waits for, for people.
    fn waits_for(&self, effect: &Effect) -> Box<dyn Fn() -> String + Send + Sync> {
        let checkpoint = self.checkpoint;
        let url = || {
            let store = self.committing.store.as_ref();
            store.map(StoreSide::url).unwrap_or_default()
        };
        let at = |what: &str| -> Box<dyn Fn() -> String + Send + Sync> {
            Box::new(step(checkpoint, format!("{what} '{}'", url())))
        };
        match effect {
            Effect::CheckFence => at("look whether another process has taken the job over, in"),
            Effect::CreateManifest => at("create its manifest in"),
            Effect::ReadManifest => at("read its manifest back from"),
            Effect::CreateCommitted => at("create its verdict in"),
            Effect::ReadCommitted => at("read its verdict back from"),
            Effect::CollectGarbage => at("remove what nobody needs from"),
            Effect::CommitAgent => {
                let doing = self.committing.sinks.waits_for("commit the transaction");
                Box::new(move || format!("checkpoint {checkpoint}: {}", doing()))
            }
            Effect::AckSources => Box::new(step(
                checkpoint,
                "tell the sources what is committed".into(),
            )),
            _ => Box::new(step(checkpoint, "make its output visible".into())),
        }
    }

    /// No state is kept: what is prepared becomes visible, and that is all.
    async fn without_store(&mut self) -> Result<()> {
        let watch = self.committing.watch.clone();
        if let Some(agent) = self.agent() {
            let what = self.waits_for(&Effect::CommitAgent);
            let (marker, last) = (self.marker(), self.last);
            let commit = async {
                match agent.commit(&marker).await {
                    CommitOutcome::Committed if last => Ok(()),
                    CommitOutcome::Committed => agent.begin().await,
                    CommitOutcome::Unknown(error) => Err(error),
                }
            };
            watch.over(what, commit).await?;
        }
        let what = self.waits_for(&Effect::FinishSinks);
        let finish = self.committing.sinks.finish(&self.prepared);
        watch.over(what, finish).await?;
        let what = self.waits_for(&Effect::AckSources);
        let told = acknowledge(&mut self.committing.acknowledgers, &self.positions);
        watch.over(what, told).await
    }

    fn agent(&self) -> Option<Arc<dyn Transactions>> {
        self.committing.sinks.transactions().map(Arc::clone)
    }

    fn marker(&self) -> CommitMarker {
        CommitMarker {
            lineage: self.committing.lineage.clone(),
            checkpoint: self.checkpoint,
        }
    }

    fn done(mut self, warning: Option<String>) -> Result<()> {
        if let Some(store) = &mut self.committing.store {
            store.committed(warning.or(self.warning.take()), self.last);
        }
        match self.begin.take() {
            None => Ok(()),
            Some(error) => Err(error.context("the next transaction could not be opened")),
        }
    }

    /// The error with which this life ends: the one behind it if there is one.
    fn ended(&mut self, code: Code, cause: &str) -> Error {
        match self.error.take() {
            Some(error) if error.code() == Code::Fenced => error,
            Some(error) if code != Code::CommitUnknown => error.context(self.name()),
            Some(error) => Error::new(code, cause).caused_by(error),
            None => Error::new(code, cause),
        }
    }

    fn name(&self) -> String {
        format!("checkpoint {}", self.checkpoint)
    }
}

/// A step of a checkpoint, for people.
fn step(checkpoint: u64, what: String) -> impl Fn() -> String + Send + Sync {
    move || format!("checkpoint {checkpoint}: {what}")
}

/// What is done about an error on the way of a commit.
pub(crate) fn class(error: &Error) -> Class {
    match (error.code(), error.remedy()) {
        (Code::CommitUnknown, _) => Class::Replayable,
        (_, Remedy::Retry) => Class::Retryable,
        _ => Class::Fatal,
    }
}

fn failed(error: &Error) -> Event {
    Event::Failed {
        class: class(error),
        message: error.to_string(),
    }
}

fn positions(cut: &Cut) -> BTreeMap<NodeId, Vec<(String, Position)>> {
    let mut positions = BTreeMap::new();
    for (node, splits) in &cut.sources {
        let read = splits.values().filter_map(|split| {
            let position = split.position.clone()?;
            Some((split.name.clone(), Position(position)))
        });
        positions.insert(*node, read.collect());
    }
    positions
}

async fn acknowledge(
    acknowledgers: &mut [(NodeId, Box<dyn Acknowledger>)],
    positions: &BTreeMap<NodeId, Vec<(String, Position)>>,
) -> Result<()> {
    for (node, acknowledger) in acknowledgers {
        if let Some(positions) = positions.get(node) {
            acknowledger.acknowledge(positions).await?;
        }
    }
    Ok(())
}

/// Runs some futures at the same time, a few of them. Boxed, and made before the first is polled:
/// the compiler cannot tell that closures with borrowed arguments may cross threads.
pub(crate) fn together<'a, T, F>(work: impl Iterator<Item = F>) -> BoxFuture<'a, Result<Vec<T>>>
where
    T: Send + 'a,
    F: Future<Output = Result<T>> + Send + 'a,
{
    let work: Vec<F> = work.collect();
    iter(work).buffer_unordered(UPLOADS).try_collect().boxed()
}
