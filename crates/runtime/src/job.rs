//! A job: started from its graph, watched over by one supervisor task, waited for by its owner.
//!
//! ```text
//! start ─▶ RunningJob ─ results, metrics, stopper ─▶ wait ─▶ JobSummary, or the first error
//!              └ dropped: cancelled
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::id::NodeId;
use millstream_core::message::Message;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use millstream_core::rows::ChangeBatch;
use millstream_core::{Error, Result};
use millstream_plan::JobGraph;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::environment::Environment;
use crate::exchange::inbox::{Inbox, Readers, Sender};
use crate::lifecycle::{Effect, Event, Lifecycle, Outcome};
use crate::spawn::{Tasks, supervisor};
use crate::task::body::StopSignal;
use crate::task::sink::Commits;
use crate::wire::wire;

/// Starts a job's tasks on a tokio runtime that has timers.
///
/// Everything that can be found wrong before the first row is an error here.
pub fn start(graph: &JobGraph, environment: &Environment, handle: &Handle) -> Result<RunningJob> {
    let metrics = Arc::new(JobMetrics::default());
    let stop = StopSignal::new();
    // Sources may look at the runtime they will run on.
    let guard = handle.enter();
    let wired = wire(graph, environment, &metrics, &stop)?;
    drop(guard);
    let mut tasks = Tasks::new(handle.clone());
    for (name, task) in wired.tasks {
        tasks.spawn(name, task);
    }
    let (wish, wishes) = watch::channel(Wish::Run);
    let watch_over = Supervisor {
        life: Lifecycle::new(tasks.len()),
        tasks,
        commits: wired.commits,
        wishes,
        stop,
        metrics: Arc::clone(&metrics),
        clock: Arc::clone(&environment.clock),
        started: environment.clock.elapsed(),
    };
    Ok(RunningJob {
        metrics,
        results: wired.results,
        stopper: Stopper(Arc::new(wish)),
        cancel: CancelOnDrop(None),
        done: supervisor(handle, watch_over.run()),
    }
    .armed())
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
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

/// The rows of a SELECT, in the order in which they come out.
pub struct Results {
    inbox: Inbox,
    open: usize,
}

impl Results {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Results {
            inbox: Inbox::new(bytes_max),
            open: 0,
        }
    }

    pub(crate) fn sender(&mut self, readers: &Arc<Readers>) -> Sender {
        self.open += 1;
        self.inbox.sender(Some(readers))
    }

    /// The next changes; `None` when there are no more: then `wait` says why. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<ChangeBatch> {
        while self.open > 0 {
            match self.inbox.recv().await {
                Some((_, Message::Rows(rows))) => return Some(rows),
                Some((_, Message::End | Message::Stop)) => self.open -= 1,
                Some((_, Message::Watermark(_) | Message::Idle)) => {}
                None => self.open = 0,
            }
        }
        None
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

/// Drives the life cycle of one job.
struct Supervisor {
    life: Lifecycle,
    tasks: Tasks,
    commits: Vec<Arc<Commits>>,
    wishes: watch::Receiver<Wish>,
    stop: StopSignal,
    metrics: Arc<JobMetrics>,
    clock: SharedClock,
    started: Duration,
}

impl Supervisor {
    async fn run(mut self) -> Result<JobSummary> {
        while !self.life.is_over() {
            let mut event = Some(self.next_event().await);
            while let Some(happened) = event.take() {
                event = match self.life.step(happened) {
                    Some(Effect::StopSources) => {
                        self.stop.ask();
                        None
                    }
                    Some(Effect::CancelTasks) => {
                        self.tasks.cancel();
                        None
                    }
                    Some(Effect::Commit) => Some(Event::Committed(self.commit().await)),
                    None => None,
                };
            }
        }
        let duration = self.clock.elapsed().saturating_sub(self.started);
        let outcome = self.life.outcome()?;
        Ok(JobSummary::new(outcome, duration, &self.metrics))
    }

    async fn next_event(&mut self) -> Event {
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.join() => {
                    if let Some(ended) = ended {
                        return Event::TaskEnded(ended.name, ended.result);
                    }
                    // Cannot be: the job is over with its last task.
                    return Event::Cancel;
                }
                changed = self.wishes.changed() => match (changed, *self.wishes.borrow()) {
                    (Ok(()), Wish::Stop) => return Event::Stop,
                    (Ok(()), Wish::Run) => {}
                    (Ok(()), Wish::Cancel) | (Err(_), _) => return Event::Cancel,
                }
            }
        }
    }

    /// Sink by sink, in the order of the graph. A failure leaves the earlier ones committed: what
    /// several sinks show is not atomic.
    async fn commit(&self) -> Result<()> {
        for commits in &self.commits {
            commits.commit_kept().await?;
        }
        Ok(())
    }
}
