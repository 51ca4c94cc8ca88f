//! A job: started from its graph, watched over by one supervisor task, waited for by its owner.
//!
//! ```text
//! start ─▶ RunningJob ─ results, metrics, stopper ─▶ wait ─▶ JobSummary, or the first error
//!              └ dropped: cancelled
//! ```
//!
//! A job with checkpoints has several lives: after a failure that may pass, the supervisor starts it
//! again from its newest checkpoint, more slowly each time, until its budget is used up.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use millstream_core::id::NodeId;
use millstream_core::message::Message;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Remedy, Result};
use millstream_plan::{JobGraph, NodeKind, SinkTarget};
use millstream_protocol::recover::Verdict;
use millstream_protocol::restart::{Class, Restart, Restarts};
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::environment::Environment;
use crate::exchange::inbox::{Inbox, Readers, Sender};
use crate::incarnation::{Incarnation, Plan, millis};
use crate::lifecycle::Outcome;
use crate::memory::JobMemory;
use crate::options::{JobOptions, Notice};
use crate::patience::Watch;
use crate::rehearse::rescaled;
use crate::spawn::{DEFECT, panic_words, supervisor};
use crate::task::timer::Timer;

/// Starts a job on the tokio runtime it is called on, which must have timers. A job with
/// checkpoints first finds out what an earlier life has left behind.
///
/// Everything that can be found wrong before the first row is an error here, unless the job has
/// a committed checkpoint and its restart policy has patience with the error: it has promised to go
/// on, and is started again like one that fails later.
pub async fn start(
    graph: &JobGraph,
    environment: &Environment,
    options: JobOptions,
) -> Result<RunningJob> {
    let metrics = Arc::new(JobMetrics::default());
    let (results, door) = match collects(graph) {
        true => {
            let (results, door) = Results::new(environment.results_bytes);
            (Some(results), Some(door))
        }
        false => (None, None),
    };
    let plan = Arc::new(Plan {
        results: door,
        graph: RwLock::new(Arc::new(graph.clone())),
        environment: environment.clone(),
        options,
        metrics: Arc::clone(&metrics),
        memory: JobMemory::new(&environment.memory),
        claim: tokio::sync::Mutex::new(None),
        has_begun: AtomicBool::new(false),
    });
    let started = environment.clock.elapsed();
    let first = match guarded(Incarnation::begin(&plan)).await {
        Err(error) => Err(worth_another_life(&plan, error).await?),
        begun => begun,
    };
    let (wish, wishes) = watch::channel(Wish::Run);
    let watch_over = Supervisor {
        restarts: Restarts::new(plan.options.restart.clone()),
        timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        plan,
        wishes,
        started,
        graph: graph.clone(),
        lives: 0,
    };
    Ok(RunningJob {
        metrics,
        results,
        stopper: Stopper(Arc::new(wish)),
        cancel: CancelOnDrop(None),
        done: supervisor(&Handle::current(), watch_over.run(first)),
    }
    .armed())
}

/// The error of a first life that could not begin, if another one may; else the one to end with.
async fn worth_another_life(plan: &Plan, error: Error) -> Result<Error> {
    if plan.options.checkpoints.is_none() {
        return Err(error);
    }
    match class(plan, error).await {
        // An earlier life, or one that was overtaken, was in the middle of something of ours.
        (Class::Retryable, error) if error.code() == Code::Fenced => Ok(error),
        (Class::Retryable, error) if has_state(plan).await => Ok(error),
        (_, error) => Err(error),
    }
}

/// True if the job is known to have a committed checkpoint.
async fn has_state(plan: &Plan) -> bool {
    let Some(options) = &plan.options.checkpoints else {
        return false;
    };
    let Ok(store) = options.store.job(&plan.options.name) else {
        return false;
    };
    let what = || format!("look for checkpoints in '{}'", store.url());
    match Watch::of(plan).over(what, store.observe()).await {
        Ok(seen) => {
            let mut verdicts = seen.markers.iter().map(|marker| &marker.verdict);
            verdicts.any(|verdict| *verdict == Verdict::Committed)
        }
        // The caller has an error already, and a better one.
        Err(_) => false,
    }
}

/// What can be done about an error that ended a life, or kept it from beginning.
async fn class(plan: &Plan, error: Error) -> (Class, Error) {
    match (error.code(), error.remedy()) {
        (Code::Fenced, _) => match overtaken(plan).await {
            Ok(None) => (Class::Retryable, error),
            Ok(Some(by)) => (Class::Fatal, by.caused_by(error)),
            Err(NotOurs) => (Class::Fatal, error),
        },
        (_, Remedy::Correct) => (Class::Fatal, error),
        (_, Remedy::Retry) => (Class::Retryable, error),
        (_, Remedy::Report | Remedy::SetAside) => (Class::Replayable, error),
    }
}

/// The job was never ours.
struct NotOurs;

/// Somebody took what is ours in an outside system. Whether the job is ours decides the checkpoint
/// folder alone: the error is there if another process has claimed it since. If it has not, or nobody
/// knows, the next life takes everything back; it claims the folder first, and so cannot take anything
/// from a successor.
async fn overtaken(plan: &Plan) -> Result<Option<Error>, NotOurs> {
    let options = plan.options.checkpoints.as_ref().ok_or(NotOurs)?;
    let held = plan.claim.lock().await;
    let claim = held.as_ref().ok_or(NotOurs)?;
    let store = options.store.job(&plan.options.name);
    let store = store.map_err(|_| NotOurs)?;
    let what = || {
        let url = store.url();
        format!("look whether another process has taken the job over, in '{url}'")
    };
    let watch = Watch::of(plan);
    let checked = watch.over(what, store.check_fence(claim.generation()));
    let error = checked.await.err();
    Ok(error.filter(|error| error.code() == Code::Fenced))
}

fn collects(graph: &JobGraph) -> bool {
    let sinks = graph.nodes.iter();
    sinks.into_iter().any(|node| {
        matches!(&node.kind, NodeKind::Sink(sink) if matches!(sink.target, SinkTarget::Collect))
    })
}

/// A job that runs. Dropping it cancels the job.
pub struct RunningJob {
    metrics: Arc<JobMetrics>,
    results: Option<Results>,
    stopper: Stopper,
    cancel: CancelOnDrop,
    done: JoinHandle<Result<JobSummary>>,
}

struct CancelOnDrop(Option<Stopper>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(stopper) = &self.0 {
            stopper.cancel();
        }
    }
}

impl RunningJob {
    /// The job's counters.
    pub fn metrics(&self) -> &Arc<JobMetrics> {
        &self.metrics
    }

    /// The rows of a SELECT; `None` for other jobs and the second time. They must be read, or the
    /// job waits; dropping them tells the job that no more are wanted, and it ends.
    pub fn results(&mut self) -> Option<Results> {
        self.results.take()
    }

    /// Asks for a graceful stop: sources stop reading, rows in flight are processed and committed.
    /// Windows still open stay unfinished: no final watermark is sent.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// A handle with which others can stop or cancel the job.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the end: a summary, or the first error. Results not taken before are not wanted.
    /// Dropping the future cancels the job.
    pub async fn wait(self) -> Result<JobSummary> {
        let RunningJob {
            results,
            cancel,
            done,
            ..
        } = self;
        drop(results);
        let ended = done.await;
        drop(cancel);
        ended.unwrap_or_else(|error| {
            Err(Error::internal("the supervisor of the job broke off").caused_by(error))
        })
    }

    fn armed(mut self) -> Self {
        self.cancel = CancelOnDrop(Some(self.stopper.clone()));
        self
    }
}

/// Stops a job from elsewhere. Cheap to clone; does nothing once the job is over.
#[derive(Clone)]
pub struct Stopper(Arc<watch::Sender<Wish>>);

/// What the owner of a job wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Run,
    Stop,
    Cancel,
}

impl Stopper {
    /// Asks for a graceful stop; see [`RunningJob::stop`].
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    /// Ends the job at once: what is not committed is dropped and stays invisible.
    pub fn cancel(&self) {
        self.wish(Wish::Cancel);
    }

    fn wish(&self, wish: Wish) {
        self.0.send_if_modified(|known| {
            let stronger = wish > *known;
            *known = wish.max(*known);
            stronger
        });
    }
}

/// The rows of a SELECT, in the order in which they come out. With checkpoints they come once a
/// checkpoint has committed them, each exactly once.
pub struct Results {
    inbox: Inbox,
}

impl Results {
    /// Results, and the door through which every life of the job brings them.
    pub(crate) fn new(bytes_max: usize) -> (Self, ResultsDoor) {
        let inbox = Inbox::new(bytes_max);
        let door = ResultsDoor(inbox.sender(None));
        (Results { inbox }, door)
    }

    /// The next changes; `None` when there are no more: then `wait` says why. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<ChangeBatch> {
        loop {
            match self.inbox.recv().await? {
                (_, Message::Rows(rows)) => return Some(rows),
                (_, Message::Barrier(_)) => self.inbox.release(),
                (_, Message::Watermark(_) | Message::Idle | Message::End) => {}
            }
        }
    }
}

/// Brings results; they have ended once it and all its lanes are dropped.
pub(crate) struct ResultsDoor(Sender);

impl ResultsDoor {
    /// A lane of its own for one subtask.
    pub(crate) fn sender(&self, readers: &Arc<Readers>) -> Sender {
        self.0.another(readers)
    }
}

/// What a job has done.
#[derive(Clone, Debug)]
pub struct JobSummary {
    /// How it ended.
    pub outcome: Outcome,
    /// From start to end.
    pub duration: Duration,
    /// Every node, in the order of the graph.
    pub nodes: Vec<NodeSummary>,
    /// Every split, in the order of discovery.
    pub splits: Vec<SplitSummary>,
}

/// What a node has done.
#[derive(Clone, Debug)]
pub struct NodeSummary {
    /// Which.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows that went out.
    pub rows_out: u64,
    /// Rows it dropped as late.
    pub late_rows: u64,
    /// Rows taken back that had never come: they changed nothing.
    pub unseen_rows: u64,
    /// Time spent working, over all subtasks.
    pub busy: Duration,
}

/// What was read of a split.
#[derive(Clone, Debug)]
pub struct SplitSummary {
    /// The table.
    pub table: String,
    /// The split's name.
    pub name: String,
    /// Rows read and decoded.
    pub rows: u64,
    /// Records that could not be used.
    pub bad_records: u64,
    /// Rows dropped as late.
    pub late_rows: u64,
    /// True if it was read to its end.
    pub finished: bool,
}

impl JobSummary {
    fn new(outcome: Outcome, duration: Duration, metrics: &JobMetrics) -> Self {
        let nodes = metrics.nodes().into_iter().map(|(id, name, node)| {
            let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            NodeSummary {
                id,
                name,
                rows_in: read(&node.rows_in),
                rows_out: read(&node.rows_out),
                late_rows: read(&node.late_rows),
                unseen_rows: read(&node.unseen_rows),
                busy: Duration::from_nanos(read(&node.busy_nanos)),
            }
        });
        JobSummary {
            outcome,
            duration,
            nodes: nodes.collect(),
            splits: metrics.splits().iter().map(|s| split_summary(s)).collect(),
        }
    }

    /// Rows read by all sources.
    pub fn rows_read(&self) -> u64 {
        self.splits.iter().map(|split| split.rows).sum()
    }
}

fn split_summary(split: &SplitMetrics) -> SplitSummary {
    SplitSummary {
        table: split.table.clone(),
        name: split.name.clone(),
        rows: split.rows.load(Ordering::Relaxed),
        bad_records: split.bad_records.load(Ordering::Relaxed),
        late_rows: split.late_rows.load(Ordering::Relaxed),
        finished: split.finished.load(Ordering::Relaxed),
    }
}

/// Watches over all lives of one job.
struct Supervisor {
    plan: Arc<Plan>,
    restarts: Restarts,
    wishes: watch::Receiver<Wish>,
    timer: Timer,
    started: Duration,
    /// The graph as it was given, and how often it was rescaled.
    graph: JobGraph,
    lives: usize,
}

impl Supervisor {
    async fn run(mut self, first: Result<Incarnation>) -> Result<JobSummary> {
        let mut first = Some(first);
        let outcome = loop {
            let begun = match first.take() {
                Some(begun) => begun,
                None => guarded(Incarnation::begin(&self.plan)).await,
            };
            let ended = match begun {
                Ok(life) => self.live(life).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(Some(outcome)) => break outcome,
                Ok(None) => self.rescale(),
                Err(error) => {
                    let after = self.restart_after(error).await?;
                    if let Some(outcome) = self.sleep(after).await {
                        break outcome;
                    }
                }
            }
        };
        let clock = &self.plan.environment.clock;
        let duration = clock.elapsed().saturating_sub(self.started);
        Ok(JobSummary::new(outcome, duration, &self.plan.metrics))
    }

    /// A rehearsal goes on with another number of subtasks.
    fn rescale(&mut self) {
        if let Some(rehearsal) = &self.plan.options.rehearsal
            && let Some(parallelism) = rehearsal
                .parallelism
                .get(self.lives % rehearsal.parallelism.len().max(1))
        {
            let graph = rescaled(&self.graph, *parallelism);
            self.lives += 1;
            *self.plan.graph.write() = Arc::new(graph);
        }
    }

    async fn live(&mut self, life: Incarnation) -> Result<Option<Outcome>> {
        let restarts = &mut self.restarts;
        let clock = Arc::clone(&self.plan.environment.clock);
        let mut healthy = || restarts.running(millis(clock.elapsed()));
        guarded(life.run(&mut self.wishes, &mut healthy)).await
    }

    /// How long to wait before the next life; the error if there is to be none.
    async fn restart_after(&mut self, error: Error) -> Result<Duration> {
        if self.plan.options.checkpoints.is_none() {
            return Err(error);
        }
        let (class, error) = class(&self.plan, error).await;
        let now = millis(self.plan.environment.clock.elapsed());
        match self.restarts.next(now, class, &error.to_string()) {
            Restart::After(ms) => {
                let after = Duration::from_millis(ms);
                let cause = &error;
                self.plan.options.tell(Notice::Restarting { cause, after });
                Ok(after)
            }
            Restart::GiveUp { restarts: 0, .. } => Err(error),
            Restart::GiveUp {
                first, restarts, ..
            } => Err(error.hint(format!(
                "the job was restarted {restarts} times; the first cause was: {first}"
            ))),
        }
    }

    /// Waits; an outcome if the owner does not want to wait any longer.
    async fn sleep(&mut self, after: Duration) -> Option<Outcome> {
        let clock = Arc::clone(&self.plan.environment.clock);
        let until = clock.elapsed().saturating_add(after);
        loop {
            match *self.wishes.borrow_and_update() {
                Wish::Run => {}
                // Nothing runs that could be stopped gracefully; the newest checkpoint stands.
                Wish::Stop => return Some(Outcome::Stopped),
                Wish::Cancel => return Some(Outcome::Cancelled),
            }
            let left = until.saturating_sub(clock.elapsed());
            if left.is_zero() {
                return None;
            }
            tokio::select! {
                changed = self.wishes.changed() => if changed.is_err() {
                    return Some(Outcome::Cancelled);
                },
                () = self.timer.pause(Some(left)) => {}
            }
        }
    }
}

/// A panic while state is stored or a checkpoint is committed ends this life as any failure does, and
/// not the job: what it has left is settled by the recovery of the next one.
async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let words = panic_words(panic.as_ref());
            Err(Error::internal(format!("the job panicked: {words}")).hint(DEFECT))
        }
    }
}
