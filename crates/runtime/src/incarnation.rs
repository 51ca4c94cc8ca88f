//! One life of a job: from the state it begins with to its end or its first error.
//!
//! The decisions are those of [`Lifecycle`] and [`Coordinator`]; here is the loop that waits for
//! what happens, and does what they say.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::connector::Transactions;
use millstream_core::failpoint::failpoint;
use millstream_core::id::CheckpointId;
use millstream_core::message::{Barrier, Keep};
use millstream_core::metrics::JobMetrics;
use millstream_core::{Code, Error, Result};
use millstream_plan::{JobGraph, Node, NodeKind};
use millstream_state::store::Claim;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::checkpoint::commit::Committing;
use crate::checkpoint::coordinator::{Coordinator, Effect as Step, Event as Happened, Rules};
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::recover::{Recovered, recover};
use crate::environment::Environment;
use crate::job::{ResultsDoor, Wish};
use crate::lifecycle::{Effect, Event, Lifecycle, Outcome};
use crate::memory::JobMemory;
use crate::options::{JobOptions, Notice};
use crate::patience::{Patience, Watch};
use crate::spawn::Tasks;
use crate::task::report::{Report, Reports};
use crate::task::timer::Timer;
use crate::task::trigger::Triggers;
use crate::wire::{Life, wire};

/// How long what an unbounded job without checkpoints writes stays invisible.
const COMMIT_INTERVAL_MS: u64 = 1000;

/// How often a job looks at the memory of the process.
const MEMORY_EVERY: Duration = Duration::from_millis(100);

/// How often a job looks at the age of its transaction.
const TRANSACTION_EVERY: Duration = Duration::from_secs(1);

/// How long the process may be about to burst before the job that holds the most ends.
const CRITICAL_MAX: Duration = Duration::from_secs(2);

/// Everything that is the same in all lives of a job.
pub(crate) struct Plan {
    pub(crate) graph: RwLock<Arc<JobGraph>>,
    pub(crate) environment: Environment,
    pub(crate) options: JobOptions,
    pub(crate) metrics: Arc<JobMetrics>,
    /// Where the rows of a SELECT go.
    pub(crate) results: Option<ResultsDoor>,
    /// What its operators hold.
    pub(crate) memory: Arc<JobMemory>,
    /// The checkpoint folder is ours, from the first life to the end of the job.
    pub(crate) claim: tokio::sync::Mutex<Option<Claim>>,
    /// It has begun: a later life goes on where this one was, whatever the job was first started from.
    pub(crate) has_begun: AtomicBool,
}

impl Plan {
    /// The graph of the present life.
    pub(crate) fn graph(&self) -> Arc<JobGraph> {
        Arc::clone(&self.graph.read())
    }

    /// Rows its sources have put out in all lives.
    fn rows(&self) -> u64 {
        let graph = self.graph();
        let yields = |node: &&Node| matches!(node.kind, NodeKind::Source(_) | NodeKind::Values(_));
        let sources = graph.nodes.iter().filter(yields);
        let rows = sources.map(|node| {
            let metrics = self.metrics.node(node.id, "");
            metrics.rows_out.load(Ordering::Relaxed)
        });
        rows.sum()
    }
}

type Commit = Pin<Box<dyn Future<Output = (Box<Committing>, Result<()>)> + Send>>;

/// One life of a job.
pub(crate) struct Incarnation {
    plan: Arc<Plan>,
    life: Lifecycle,
    coordinator: Coordinator,
    ledger: Ledger,
    tasks: Tasks,
    reports: mpsc::UnboundedReceiver<Report>,
    triggers: Triggers,
    /// Here unless a commit is under way.
    committing: Option<Box<Committing>>,
    commit: Option<(Barrier, Duration, Commit)>,
    /// What the sources had put out when this life began.
    rows_before: u64,
    /// It was broken off on purpose.
    crashed: bool,
    /// Since when the process has been about to burst because of this job.
    critical_since: Option<Duration>,
    /// The barrier that is on its way.
    barrier: Option<Patience>,
    /// What carries the commit decision, if anything does.
    transactions: Option<Arc<dyn Transactions>>,
    watch: Watch,
    clock: SharedClock,
    timer: Timer,
}

enum Wait {
    Event(Event),
    Report(Report),
    CommitEnded(Box<Committing>, Result<()>),
    Clock,
}

impl Incarnation {
    /// Recovers what an earlier life has left, and starts the tasks.
    pub(crate) async fn begin(plan: &Arc<Plan>) -> Result<Self> {
        let Recovered {
            job,
            committing,
            restored,
            finished,
            next,
        } = recover(plan).await?;
        let environment = &plan.environment;
        let triggers = Triggers::new();
        let committed = committing.committed();
        let (reports, told) = Reports::new();
        let wired = wire(
            &plan.graph(),
            environment,
            &plan.metrics,
            &Life {
                job: &job,
                sinks: &committing.sinks,
                restored: restored.as_ref(),
                results: plan.results.as_ref(),
                memory: &plan.memory,
                spills: plan
                    .options
                    .checkpoints
                    .as_ref()
                    .is_some_and(|c| c.incremental),
                committed: &committed,
                triggers: &triggers,
                reports: &reports,
                quota: plan.options.rehearsal.as_ref().map(|r| r.rows),
            },
        )?;
        let mut committing = committing;
        committing.acknowledgers = wired.acknowledgers;
        committing.held = wired.held;
        let watch = committing.watch.clone();
        let transactions = committing.sinks.transactions().map(Arc::clone);
        if let Some(transactions) = &transactions {
            let doing = committing.sinks.waits_for("begin a transaction");
            let what = move || format!("start: {}", doing());
            watch.over(what, transactions.begin()).await?;
        }
        failpoint("rs.first_row")?;
        let rows_before = plan.rows();
        let mut tasks = Tasks::new(Handle::current());
        for (name, task) in wired.tasks {
            tasks.spawn(name, task);
        }
        let clock = Arc::clone(&environment.clock);
        let now = millis(clock.elapsed());
        let incarnation = Incarnation {
            life: Lifecycle::new(tasks.len(), wired.chains),
            coordinator: Coordinator::new(rules(plan), wired.chains, next, now),
            ledger: Ledger::new(finished),
            tasks,
            reports: told,
            triggers,
            committing: Some(Box::new(committing)),
            commit: None,
            rows_before,
            crashed: false,
            critical_since: None,
            barrier: None,
            transactions,
            watch,
            timer: Timer::new(Arc::clone(&clock), environment.clock_check),
            clock,
            plan: Arc::clone(plan),
        };
        Ok(incarnation)
    }

    /// Runs to the end of this life; `None` if it was broken off on purpose. `healthy` is called at
    /// each committed checkpoint.
    pub(crate) async fn run(
        mut self,
        wishes: &mut watch::Receiver<Wish>,
        healthy: &mut (dyn FnMut() + Send),
    ) -> Result<Option<Outcome>> {
        self.wish(*wishes.borrow_and_update());
        while !self.life.is_over() {
            self.look_at_memory();
            self.look_at_waits();
            match self.wait(wishes).await {
                Wait::Event(event) => self.step(event),
                Wait::Report(report) => self.report(report),
                Wait::Clock if self.is_too_early() => {}
                Wait::Clock => self.coordinate(Happened::Clock),
                Wait::CommitEnded(committing, result) => {
                    if result.is_ok() {
                        healthy();
                    }
                    self.commit_ended(committing, result);
                }
            }
        }
        if self.crashed && self.life.was_cancelled() {
            return Ok(None);
        }
        if !self.life.ended_well() {
            self.abort().await;
        }
        self.life.outcome().map(Some)
    }

    /// Gives up what is not committed, so that no reader waits for it.
    async fn abort(&mut self) {
        let Some(committing) = &self.committing else {
            return;
        };
        let Some(transactions) = committing.sinks.transactions() else {
            return;
        };
        let doing = committing.sinks.waits_for("abort the transaction");
        let what = move || format!("end: {}", doing());
        if let Err(error) = self.watch.over(what, transactions.abort()).await {
            // Its timeout, or the next life, aborts it instead.
            let text = format!("a transaction could not be aborted: {error}");
            self.plan.options.tell(Notice::Warning(&text));
        }
    }

    async fn wait(&mut self, wishes: &mut watch::Receiver<Wish>) -> Wait {
        let now = millis(self.clock.elapsed());
        let due = self.coordinator.next_clock();
        let due = due.map(|at| Duration::from_millis(at.saturating_sub(now)));
        let is_limited = self.plan.environment.memory.limit() != u64::MAX;
        let barrier = self.barrier.map(|one| one.left(self.clock.elapsed()));
        let looks = [
            due,
            is_limited.then_some(MEMORY_EVERY),
            self.transactions.as_ref().map(|_| TRANSACTION_EVERY),
            barrier,
        ];
        let due = looks.into_iter().flatten().min();
        let has_tasks = self.tasks.len() > 0;
        let commit = async {
            match &mut self.commit {
                Some((_, _, commit)) => commit.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(report) = self.reports.recv() => Wait::Report(report),
            ended = self.tasks.join(), if has_tasks => match ended {
                Some(ended) => Wait::Event(Event::TaskReturned(ended.name, ended.result)),
                None => Wait::Clock,
            },
            (committing, result) = commit => Wait::CommitEnded(committing, result),
            changed = wishes.changed() => match (changed, *wishes.borrow()) {
                (Ok(()), Wish::Stop) => Wait::Event(Event::Stop),
                (Ok(()), Wish::Run) => Wait::Clock,
                (Ok(()), Wish::Cancel) | (Err(_), _) => Wait::Event(Event::Cancel),
            },
            () = self.timer.pause(due) => Wait::Clock,
        }
    }

    /// Ends this life if the process is about to burst and stays so although nothing is read.
    fn look_at_memory(&mut self) {
        let now = self.clock.elapsed();
        let exhausted = self.plan.memory.must_go(now);
        let (true, Some(error)) = (self.life.is_going(), exhausted) else {
            self.critical_since = None;
            return;
        };
        let since = *self.critical_since.get_or_insert(now);
        if now.saturating_sub(since) >= CRITICAL_MAX {
            self.step(Event::Failed(error));
        }
    }

    /// Says what is waited for, or open, for long.
    fn look_at_waits(&mut self) {
        if let Some(alarm) = self.transactions.as_ref().and_then(|open| open.alarm()) {
            self.plan.options.tell(Notice::Warning(&alarm));
        }
        let what = self.coordinator.on_its_way();
        let what = || match what {
            Some((checkpoint, passed, tasks)) => format!(
                "checkpoint {}: its barrier has passed {passed} of {tasks} tasks",
                checkpoint.0
            ),
            None => "the barrier of a checkpoint".to_string(),
        };
        if let Some(barrier) = &mut self.barrier {
            self.watch.look(barrier, what);
        }
    }

    fn barrier_arrived(&mut self, barrier: Barrier) {
        if let Some(patience) = self.barrier.take() {
            let what = || format!("checkpoint {}: its barrier", barrier.checkpoint.0);
            self.watch.tell_over(&patience, what);
        }
    }

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Run => {}
            Wish::Stop => self.step(Event::Stop),
            Wish::Cancel => self.step(Event::Cancel),
        }
    }

    fn step(&mut self, event: Event) {
        match self.life.step(event) {
            Some(Effect::Last) => self.coordinate(Happened::Last),
            Some(Effect::CancelTasks) => self.tasks.cancel(),
            None => {}
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Ended => self.step(Event::ChainEnded),
            Report::Pressed if self.plan.options.checkpoints.is_some() => {
                self.coordinate(Happened::Asked);
            }
            Report::Pressed => {}
            Report::Passed(passed) => {
                let checkpoint = passed.checkpoint;
                if self.ledger.enter(*passed) {
                    self.coordinate(Happened::Passed(checkpoint));
                }
            }
        }
    }

    fn coordinate(&mut self, happened: Happened) {
        if !self.life.is_going() {
            return;
        }
        let now = millis(self.clock.elapsed());
        match self.coordinator.step(now, happened) {
            Some(Step::Cut(barrier)) => match failpoint("cp.trigger") {
                Ok(()) => {
                    self.ledger.open(barrier);
                    self.triggers.publish(barrier);
                    self.barrier = Some(Patience::new(self.clock.elapsed()));
                }
                Err(error) => self.step(Event::Failed(error)),
            },
            Some(Step::Commit(barrier)) => {
                self.barrier_arrived(barrier);
                self.begin_commit(barrier);
            }
            Some(Step::TimedOut(barrier)) => {
                self.barrier = None;
                let message = format!(
                    "{} was not complete after {} s: the barrier is held up somewhere",
                    barrier.checkpoint,
                    rules(&self.plan).timeout_ms / 1000
                );
                self.step(Event::Failed(Error::new(Code::Unavailable, message)));
            }
            None => {}
        }
    }

    fn begin_commit(&mut self, barrier: Barrier) {
        let (Some(cut), Some(mut committing)) = (self.ledger.close(), self.committing.take())
        else {
            let error = Error::internal("two checkpoints were to be committed at once");
            return self.step(Event::Failed(error));
        };
        let started = self.clock.elapsed();
        let commit = Box::pin(async move {
            let result = committing.commit(cut).await;
            (committing, result)
        });
        self.commit = Some((barrier, started, commit));
        self.step(Event::Committing);
    }

    fn commit_ended(&mut self, committing: Box<Committing>, result: Result<()>) {
        self.committing = Some(committing);
        let Some((barrier, started, _)) = self.commit.take() else {
            return;
        };
        if result.is_ok() && barrier.keep != Keep::Nothing {
            let took = self.clock.elapsed().saturating_sub(started);
            let checkpoint = barrier.checkpoint.0;
            self.plan
                .options
                .tell(Notice::Committed { checkpoint, took });
        }
        let committed = result.is_ok();
        self.step(Event::Committed(result.map(|()| barrier.last)));
        if committed && !barrier.last && self.plan.options.rehearsal.is_some() {
            self.crashed = true;
            return self.step(Event::Cancel);
        }
        if committed {
            self.coordinate(Happened::Committed);
        }
    }

    /// A rehearsal must come forward in each life.
    fn is_too_early(&self) -> bool {
        let rehearsal = self.plan.options.rehearsal.as_ref();
        rehearsal.is_some_and(|r| self.plan.rows() < self.rows_before.saturating_add(r.rows))
    }
}

/// What a job wants of its checkpoints.
fn rules(plan: &Plan) -> Rules {
    match &plan.options.checkpoints {
        Some(options) => Rules {
            interval_ms: options.interval.map(millis),
            pause_ms: millis(options.pause),
            timeout_ms: millis(options.timeout),
            keep: match options.incremental {
                true => Keep::Changes,
                false => Keep::All,
            },
        },
        None => Rules {
            interval_ms: is_unbounded(&plan.graph()).then_some(COMMIT_INTERVAL_MS),
            pause_ms: 0,
            timeout_ms: u64::MAX,
            keep: Keep::Nothing,
        },
    }
}

fn is_unbounded(graph: &JobGraph) -> bool {
    let sources = graph.nodes.iter();
    sources
        .into_iter()
        .any(|node| matches!(&node.kind, NodeKind::Source(s) if !s.bounded))
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The first checkpoint of a job that starts from nothing.
pub(crate) const FIRST: CheckpointId = CheckpointId(1);
