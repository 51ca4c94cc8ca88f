//! The head of a source's chain: reads the splits of one subtask.
//!
//! * Waits for rows, new splits, timers and a stop at the same time; a fetch that is not finished
//!   is dropped and asked for again, which loses nothing by the reader's contract.
//! * Reading begins once all subtasks have their first splits ([`gate`](super::gate)), and pauses
//!   while a round of discovery goes on, so the result does not depend on which split was assigned
//!   a moment earlier.
//! * Operators learn of a split before its first row, when it has been idle, and when it is
//!   finished. A subtask that has no open split is idle; once no more splits can come, it ends.
//! * A checkpoint is cut between two fetches, once all splits of a round are known: the positions of
//!   all of this subtask's splits are what it keeps. After the end it waits for barriers only.
//! * Bad records are counted and treated as the table's `on-error` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::RecordBatch;
use millstream_core::connector::{Fetch, Position, SourceReader, Split};
use millstream_core::failpoint::failpoint;
use millstream_core::format::BadRecord;
use millstream_core::id::{NodeId, Port, SplitId};
use millstream_core::message::Barrier;
use millstream_core::metrics::{NodeMetrics, SplitMetrics};
use millstream_core::operator::SplitEvent;
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};
use millstream_state::manifest::SplitState;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::body::{Body, count_busy};
use super::enumerate::Assignment;
use super::gate::Pass;
use super::idleness::Idleness;
use super::report::SourceSnapshot;
use super::side::BadRule;
use super::sink::in_table;
use super::trigger::TriggerWatch;
use crate::memory::JobMemory;
use crate::spawn::End;

/// Reads the splits of one subtask.
pub(crate) struct SourceTask {
    /// Reads them.
    pub(crate) reader: Box<dyn SourceReader>,
    /// Where splits come from.
    pub(crate) assignments: mpsc::Receiver<Assignment>,
    /// Number of columns the reader must deliver.
    pub(crate) columns: usize,
    /// What becomes of bad records.
    pub(crate) bad: BadRule,
    /// Which side output takes them.
    pub(crate) bad_to: Option<usize>,
    /// Finds idle splits, if the table's watermark has an idle timeout.
    pub(crate) idleness: Option<Idleness>,
    /// Counters of the source's node.
    pub(crate) metrics: Arc<NodeMetrics>,
    /// What is done with the rows.
    pub(crate) body: Body,
    /// Its node.
    pub(crate) node: NodeId,
    /// When to cut a checkpoint.
    pub(crate) triggers: TriggerWatch,
    /// Reading begins when all subtasks of the source are ready.
    pub(crate) pass: Pass,
    /// What the job holds.
    pub(crate) memory: Arc<JobMemory>,
    /// Rows after which it reads no more: rehearsals break every life off there.
    pub(crate) quota: Option<u64>,
    /// Where it stands.
    pub(crate) state: State,
}

/// Where a source task stands.
#[derive(Default)]
pub(crate) struct State {
    /// Splits that are not finished.
    open: BTreeMap<SplitId, Open>,
    /// Since when nothing is read for want of memory.
    held_back: Option<Duration>,
    /// Rows yielded in this life.
    yielded: u64,
    /// Splits that are, as a checkpoint keeps them.
    finished: Vec<SplitState>,
    /// False while the reader has nothing to read.
    reading: bool,
    /// True once no more splits can come.
    complete: bool,
    /// True between two rounds of discovery: all splits found so far are here. Within a round
    /// nothing is read, so that no split is overtaken by the watermark before it is known.
    settled: bool,
    /// True if the chain was told that nothing is to be expected.
    idle: bool,
    /// The sender of splits has gone without saying that it has finished.
    orphaned: bool,
    /// The last watermark written into the counters of the splits.
    watermark: Option<EventTime>,
}

struct Open {
    split: Split,
    metrics: Arc<SplitMetrics>,
}

/// How long a source waits before it looks again, while memory is short.
const SHORT_OF_MEMORY: Duration = Duration::from_millis(20);

enum Wait {
    Fetched(Result<Fetch>),
    Assigned(Option<Assignment>),
    Clock,
    NobodyReads,
}

impl SourceTask {
    /// Runs to the last barrier.
    pub(crate) async fn run(mut self) -> Result<End> {
        self.body.start().await?;
        loop {
            self.take_assignments()?;
            if let Some(barrier) = self.barrier_if_due() {
                self.barrier(barrier).await?;
                if barrier.last {
                    return Ok(End::Done);
                }
            }
            if self.body.chain.has_ended() {
                self.body.tell_end()?;
                self.pass.ready();
                // Whoever finds splits must not wait for us.
                self.assignments.close();
                self.triggers.asked().await;
                continue;
            }
            self.find_idle_splits()?;
            self.body.flush().await?;
            self.body.fire_due().await?;
            if self.state.orphaned {
                return Ok(End::Orphaned);
            }
            self.end_if_due().await?;
            if self.body.chain.has_ended() {
                continue;
            }
            if self.state.settled {
                self.pass.ready();
            }
            match self.wait().await {
                Wait::Fetched(fetched) => {
                    let fetched = fetched.map_err(|e| self.in_table(e))?;
                    self.fetched(fetched)?;
                    self.body.flush().await?;
                    self.body.breathe().await;
                }
                Wait::Assigned(assignment) => self.assigned(assignment)?,
                Wait::NobodyReads => self.body.abandon().await?,
                Wait::Clock => {}
            }
        }
    }

    /// While splits are being found and handed out nothing is cut: a split that is on its way would
    /// be in no snapshot.
    fn barrier_if_due(&self) -> Option<Barrier> {
        self.triggers.due().filter(|_| self.may_cut())
    }

    fn may_cut(&self) -> bool {
        let complete = self.state.settled && self.pass.is_open();
        complete || self.body.chain.has_ended()
    }

    async fn barrier(&mut self, barrier: Barrier) -> Result<()> {
        failpoint("cp.barrier.source")?;
        let mut splits = self.state.finished.clone();
        for open in self.state.open.values() {
            let position = self.reader.position(open.split.id);
            splits.push(split_state(open, position, false));
        }
        let snapshot = SourceSnapshot {
            node: self.node,
            splits,
        };
        self.body.barrier(barrier, Some(snapshot)).await?;
        self.triggers.taken(barrier);
        Ok(())
    }

    async fn end_if_due(&mut self) -> Result<()> {
        if self.body.chain.has_ended() {
            return Ok(());
        }
        if self.body.outputs.nobody_reads() {
            return self.body.abandon().await;
        }
        if self.state.reading {
            return Ok(());
        }
        if self.state.complete {
            return self.body.end().await;
        }
        if self.state.settled && !self.state.idle {
            self.state.idle = true;
            self.body.chain.idle()?;
            self.body.flush().await?;
        }
        Ok(())
    }

    async fn wait(&mut self) -> Wait {
        if let Err(error) = failpoint("task.source.wait") {
            return Wait::Fetched(Err(error));
        }
        // Looked at once: what is published behind this look wakes us, and what was there and may be
        // cut is not waited for. Two looks would lose a barrier that comes in between, and a source
        // without rows would never see it.
        let due_barrier = self.triggers.due();
        if due_barrier.is_some() && self.may_cut() {
            return Wait::Clock;
        }
        let clock = Arc::clone(self.body.timer.clock());
        let due = [
            self.body.next_due(),
            self.idleness.as_ref().and_then(Idleness::next),
        ];
        let due = due.into_iter().flatten().min();
        let started = clock.elapsed();
        let is_open = self.pass.is_open();
        let due = match self.is_held_back(clock.elapsed()) {
            true => Some(due.map_or(SHORT_OF_MEMORY, |due| due.min(SHORT_OF_MEMORY))),
            false => due,
        };
        let is_full = self.state.held_back.is_some()
            || self.quota.is_some_and(|quota| self.state.yielded >= quota);
        let fetch = count_busy(&clock, &self.metrics.busy_nanos, self.reader.fetch());
        let waited = tokio::select! {
            biased;
            () = self.triggers.asked(), if due_barrier.is_none() => Wait::Clock,
            assigned = self.assignments.recv(), if !self.state.complete => Wait::Assigned(assigned),
            () = self.pass.opened(), if !is_open => Wait::Clock,
            fetched = fetch, if is_open && self.state.reading && self.state.settled && !is_full => {
                Wait::Fetched(fetched)
            }
            () = self.body.outputs.gone() => Wait::NobodyReads,
            () = self.body.timer.pause(due) => Wait::Clock,
        };
        if let Some(idleness) = &mut self.idleness {
            idleness.waited(clock.elapsed().saturating_sub(started));
        }
        waited
    }

    /// While memory is short nothing is read: state is written out and given up meanwhile.
    fn is_held_back(&mut self, now: Duration) -> bool {
        let since = *self.state.held_back.get_or_insert(now);
        if now.saturating_sub(since) >= self.memory.hold_back(now) {
            self.state.held_back = None;
        }
        self.state.held_back.is_some()
    }

    fn take_assignments(&mut self) -> Result<()> {
        while !self.state.complete && !self.state.orphaned {
            match self.assignments.try_recv() {
                Ok(assignment) => self.assigned(Some(assignment))?,
                Err(TryRecvError::Disconnected) => self.assigned(None)?,
                Err(TryRecvError::Empty) => break,
            }
        }
        Ok(())
    }

    fn assigned(&mut self, assignment: Option<Assignment>) -> Result<()> {
        match assignment {
            Some(Assignment::Split(split, from, metrics)) => {
                let id = split.id;
                self.state.reading = true;
                self.state.settled = false;
                self.state.idle = false;
                if let Some(idleness) = &mut self.idleness {
                    idleness.assigned(id);
                }
                if from.is_some() {
                    failpoint("rs.source.seek")?;
                }
                let assigned = self.reader.assign(split.clone(), from);
                assigned.map_err(|e| self.in_table(e))?;
                self.state.open.insert(id, Open { split, metrics });
                self.body.chain.split(id, SplitEvent::Assigned)?;
            }
            Some(Assignment::Later) => self.state.settled = true,
            Some(Assignment::Complete) => {
                self.state.settled = true;
                self.state.complete = true;
            }
            // It also goes without a word when the job stops; that is looked at first.
            None => self.state.orphaned = true,
        }
        Ok(())
    }

    fn fetched(&mut self, fetched: Fetch) -> Result<()> {
        match fetched {
            Fetch::Rows { split, rows, bad } => self.take_rows(split, rows, &bad),
            Fetch::Finished(split) => self.finished(split),
            Fetch::Waiting => {
                self.state.reading = false;
                Ok(())
            }
        }
    }

    fn take_rows(&mut self, split: SplitId, rows: RecordBatch, bad: &[BadRecord]) -> Result<()> {
        let metrics = self.open(split)?;
        if rows.num_columns() != self.columns {
            let table = &self.bad.table;
            return Err(Error::internal(format!(
                "the reader of table '{table}' delivered {} columns instead of {}",
                rows.num_columns(),
                self.columns
            )));
        }
        let count = rows.num_rows() as u64;
        self.state.yielded += count;
        metrics.rows.fetch_add(count, Ordering::Relaxed);
        self.metrics.rows_out.fetch_add(count, Ordering::Relaxed);
        let letters = self
            .body
            .chain
            .side_rows()
            .bad_records(bad, &metrics, &self.bad)?;
        if let (Some(output), Some(letters)) = (self.bad_to, letters) {
            self.body.chain.put_side(output, letters);
        }
        if let Some(idleness) = &mut self.idleness {
            idleness.row(split);
        }
        if count > 0 {
            let batch = ChangeBatch::inserts(rows).from_split(split);
            self.body.chain.rows(Port::ONLY, batch)?;
            self.note_watermark();
        }
        Ok(())
    }

    fn finished(&mut self, split: SplitId) -> Result<()> {
        let metrics = self.open(split)?;
        if let Some(open) = self.state.open.remove(&split) {
            let position = self.reader.position(split);
            self.state.finished.push(split_state(&open, position, true));
        }
        metrics.finished.store(true, Ordering::Relaxed);
        if let Some(idleness) = &mut self.idleness {
            idleness.finished(split);
        }
        self.body.chain.split(split, SplitEvent::Finished)?;
        self.note_watermark();
        Ok(())
    }

    fn open(&self, split: SplitId) -> Result<Arc<SplitMetrics>> {
        let found = self
            .state
            .open
            .get(&split)
            .map(|open| Arc::clone(&open.metrics));
        found.ok_or_else(|| {
            let table = &self.bad.table;
            Error::internal(format!(
                "the reader of table '{table}' spoke of {split}, which it does not have"
            ))
        })
    }

    fn find_idle_splits(&mut self) -> Result<()> {
        let Some(idleness) = &mut self.idleness else {
            return Ok(());
        };
        for split in idleness.take() {
            self.body.chain.split(split, SplitEvent::Idle)?;
            self.note_watermark();
        }
        Ok(())
    }

    /// Shows the watermark of this subtask at its open splits.
    fn note_watermark(&mut self) {
        let made = self.body.chain.made_watermark();
        if made == EventTime::MIN || self.state.watermark == Some(made) {
            return;
        }
        self.state.watermark = Some(made);
        for open in self.state.open.values() {
            open.metrics.watermark.fetch_max(made.0, Ordering::Relaxed);
        }
    }

    fn in_table(&self, error: Error) -> Error {
        in_table(error, &format!("table '{}'", self.bad.table))
    }
}

fn split_state(open: &Open, position: Option<Position>, finished: bool) -> SplitState {
    let watermark = open.metrics.watermark();
    SplitState {
        id: open.split.id.0,
        name: open.split.name.clone(),
        data: open.split.data.clone(),
        position: position.map(|position| position.0),
        finished,
        watermark: (watermark > EventTime::MIN).then_some(watermark.0),
    }
}

/// An idle timeout in the words of the plan.
pub(crate) fn idle_timeout(timeout_ms: Option<i64>, in_turn: bool) -> Option<Idleness> {
    let timeout = u64::try_from(timeout_ms?).ok().filter(|ms| *ms > 0)?;
    Some(Idleness::new(Duration::from_millis(timeout), in_turn))
}
