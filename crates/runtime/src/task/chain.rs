//! The operators of one task, called one after the other. Synchronous and without I/O.
//!
//! ```text
//! rows ─▶ stage 0 ─▶ stage 1 ─▶ … ─▶ outgoing: main messages and side rows, in order
//!            └─ late, bad ─▶ counted, and side rows if somebody reads them
//! ```
//!
//! * Each emission of a stage passes through all stages behind it before the next one does, so the
//!   order of rows and watermarks is kept. An explicit stack does it: no recursion, however long
//!   the chain.
//! * At the end of bounded input, stage by stage: watermark MAX, `on_end`, and only when all of
//!   its rows have passed is the next stage told. So rows put out at the very end are not late.
//! * At a barrier every stage hands over what has changed; before the first row it takes back what
//!   a checkpoint has kept. A chain that has ended remembers nothing.
//! * A stage that says it is done (LIMIT) ends the chain from there on.
//! * Cost: per call one reading of the clock and the operator's own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::vec::IntoIter;

use millstream_core::Result;
use millstream_core::clock::SharedClock;
use millstream_core::failpoint::failpoint;
use millstream_core::id::{Port, SplitId};
use millstream_core::message::{Barrier, Keep, Message};
use millstream_core::metrics::NodeMetrics;
use millstream_core::operator::{BadRows, Emission, LateRows, Operator, Output, SplitEvent};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;
use millstream_state::manifest::NodeState;
use millstream_state::run::{RunOptions, RunWriter};
use millstream_state::store::JobStore;
use tokio::runtime::Handle;

use super::report::{Place, StageSnapshot};
use super::side::{BadRule, SideRows};
use super::spill::{Bounded, Spilling};
use crate::spawn;

/// The operators of one task.
pub(crate) struct Chain {
    stages: Vec<Stage>,
    clock: SharedClock,
    side_rows: SideRows,
    outgoing: Vec<Outgoing>,
    /// Emissions on their way through the stages, by the stage that made them.
    passing: Vec<(usize, IntoIter<Emission>)>,
    watermark: EventTime,
    done_at: Option<usize>,
    ended: bool,
    /// A checkpoint would let stages give up state.
    wants_checkpoint: bool,
}

/// One operator of a chain.
pub(crate) struct Stage {
    /// Which node and subtask it is.
    pub(crate) place: Place,
    /// What it starts from.
    pub(crate) from: StageStart,
    /// How its state files are made.
    pub(crate) run_options: RunOptions,
    /// Its name for people.
    pub(crate) name: String,
    /// The operator.
    pub(crate) operator: Box<dyn Operator>,
    /// Its counters.
    pub(crate) metrics: Arc<NodeMetrics>,
    /// True for the node that makes watermarks from rows.
    pub(crate) makes_watermarks: bool,
    /// Which side output takes its late rows.
    pub(crate) late_to: Option<usize>,
    /// What becomes of its bad rows.
    pub(crate) bad: BadRule,
    /// Which side output takes its bad rows.
    pub(crate) bad_to: Option<usize>,
    /// What it has given up for want of memory.
    pub(crate) spilling: Spilling,
    /// What the operator writes into.
    pub(crate) out: Output,
    /// When it wants to be woken.
    pub(crate) wake_at: Option<i64>,
}

/// What a stage starts from.
pub(crate) enum StageStart {
    /// Nothing.
    Empty,
    /// The state of a checkpoint.
    State(Box<StageState>),
    /// It had put out everything by then.
    Finished,
}

/// The state of a node in a checkpoint, and where it lies.
pub(crate) struct StageState {
    /// Reads it.
    pub(crate) store: JobStore,
    /// Which files.
    pub(crate) node: NodeState,
}

/// What leaves a chain.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A message of the main output.
    Main(Message),
    /// Rows of a side output.
    Side(usize, ChangeBatch),
}

enum Call {
    Rows(Port, ChangeBatch),
    Watermark(EventTime),
    Idle,
    Timer,
    Split(SplitId, SplitEvent),
    End,
}

impl Chain {
    /// A chain of `stages`, possibly none: then everything passes unchanged.
    pub(crate) fn new(stages: Vec<Stage>, clock: SharedClock, side_rows: SideRows) -> Self {
        Chain {
            stages,
            clock,
            side_rows,
            outgoing: Vec::new(),
            passing: Vec::new(),
            watermark: EventTime::MIN,
            done_at: None,
            ended: false,
            wants_checkpoint: false,
        }
    }

    /// Takes back the state of every stage. Reading and decoding happen on a thread that may block.
    pub(crate) async fn restore(&mut self) -> Result<()> {
        let mut readers = Vec::new();
        for index in 0..self.stages.len() {
            // Only the parts that may cross threads while this waits; operators may not.
            let stage = &mut self.stages[index];
            let state = match std::mem::replace(&mut stage.from, StageStart::Empty) {
                StageStart::State(state) => state,
                other => {
                    stage.from = other;
                    continue;
                }
            };
            let (name, groups) = (stage.name.clone(), stage.place.key_groups.clone());
            let opened = state.store.open_node(&state.node).await;
            let opened = opened.map_err(|error| error.context(name))?;
            readers.push((index, opened.restore(groups, Handle::current())));
        }
        if readers.is_empty() {
            return Ok(());
        }
        let mut stages = std::mem::take(&mut self.stages);
        let restored = spawn::blocking("restore state", move || {
            for (index, reader) in readers {
                let stage: &mut Stage = &mut stages[index];
                let mut reader = Bounded {
                    reader,
                    bytes_max: stage.spilling.restore_bytes(),
                };
                let result = stage.operator.restore(&mut reader);
                result.map_err(|error| error.context(&stage.name))?;
                stage.spilling.restored(stage.operator.as_mut());
                // Its first call: timers are set again, the watermark is repeated.
                stage.wake_at = Some(i64::MIN);
            }
            Ok(stages)
        });
        self.stages = restored.await?;
        Ok(())
    }

    /// Before anything else: a stage may need no input at all (LIMIT 0), or had ended already when
    /// the checkpoint was made.
    pub(crate) fn start(&mut self) -> Result<()> {
        let finished = |stage: &Stage| matches!(stage.from, StageStart::Finished);
        if let Some(last) = self.stages.iter().rposition(finished) {
            // Whatever ended it ended all stages behind it too.
            self.done_at = Some(last + 1);
            return self.end_if_done();
        }
        self.done_at = self.stages.iter().position(|s| s.operator.is_done());
        self.end_if_done()
    }

    /// What every stage keeps at a barrier.
    pub(crate) fn snapshot(&mut self, barrier: Barrier) -> Result<Vec<StageSnapshot>> {
        if barrier.keep == Keep::Nothing {
            return Ok(Vec::new());
        }
        failpoint("cp.snapshot")?;
        let ended = self.ended;
        let stages = self.stages.iter_mut();
        let kept = stages.map(|stage| stage.snapshot(barrier, ended));
        kept.collect()
    }

    /// Nobody wants more: as after an end, but nothing is put out.
    pub(crate) fn abandon(&mut self) {
        self.ended = true;
    }

    /// Rows have come in.
    pub(crate) fn rows(&mut self, port: Port, rows: ChangeBatch) -> Result<()> {
        if self.stages.is_empty() {
            self.outgoing.push(Outgoing::Main(Message::Rows(rows)));
            return Ok(());
        }
        self.enter(Call::Rows(port, rows))
    }

    /// The merged watermark has advanced.
    pub(crate) fn watermark(&mut self, time: EventTime) -> Result<()> {
        if self.stages.is_empty() {
            self.outgoing.push(Outgoing::Main(Message::Watermark(time)));
            return Ok(());
        }
        self.enter(Call::Watermark(time))
    }

    /// Every input is idle.
    pub(crate) fn idle(&mut self) -> Result<()> {
        if self.stages.is_empty() {
            self.outgoing.push(Outgoing::Main(Message::Idle));
            return Ok(());
        }
        self.enter(Call::Idle)
    }

    /// Something happened to a split: every stage is told, in order.
    pub(crate) fn split(&mut self, split: SplitId, event: SplitEvent) -> Result<()> {
        for stage in 0..self.stages.len() {
            let emitted = self.call(stage, Call::Split(split, event))?;
            self.pass(stage, emitted)?;
        }
        self.end_if_done()
    }

    /// Calls every stage whose timer is due.
    pub(crate) fn fire_timers(&mut self) -> Result<()> {
        let now = self.clock.now_ms();
        for stage in 0..self.stages.len() {
            if self.stages[stage].wake_at.is_some_and(|at| at <= now) {
                self.stages[stage].wake_at = None;
                let emitted = self.call(stage, Call::Timer)?;
                self.pass(stage, emitted)?;
            }
        }
        self.end_if_done()
    }

    /// When the next timer is due.
    pub(crate) fn next_wake(&self) -> Option<i64> {
        self.stages.iter().filter_map(|stage| stage.wake_at).min()
    }

    /// The input is complete: everything is put out, and the end last.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.end_from(0)
    }

    /// True after an end, or once a stage needs no more input.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Gives state up if too much is held.
    pub(crate) fn relieve(&mut self) -> Result<()> {
        for stage in &mut self.stages {
            let asks = stage.spilling.relieve(stage.operator.as_mut());
            self.wants_checkpoint |= asks.map_err(|error| error.context(&stage.name))?;
        }
        Ok(())
    }

    /// True once if a checkpoint would let stages give up state.
    pub(crate) fn takes_wish_for_checkpoint(&mut self) -> bool {
        std::mem::take(&mut self.wants_checkpoint)
    }

    /// The last watermark made from rows here.
    pub(crate) fn made_watermark(&self) -> EventTime {
        self.watermark
    }

    /// Takes what is to be sent, in order, leaving `empty` in its place.
    pub(crate) fn swap_outgoing(&mut self, empty: &mut Vec<Outgoing>) {
        std::mem::swap(&mut self.outgoing, empty);
    }

    /// Turns bad records of the source in front of this chain into what its table wants.
    pub(crate) fn side_rows(&self) -> &SideRows {
        &self.side_rows
    }

    /// Puts out side rows made in front of the first stage.
    pub(crate) fn put_side(&mut self, output: usize, rows: ChangeBatch) {
        self.outgoing.push(Outgoing::Side(output, rows));
    }

    fn enter(&mut self, call: Call) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let emitted = self.call(0, call)?;
        self.pass(0, emitted)?;
        self.end_if_done()
    }

    fn end_if_done(&mut self) -> Result<()> {
        match self.done_at {
            Some(stage) if !self.ended => self.end_from(stage),
            _ => Ok(()),
        }
    }

    fn end_from(&mut self, first: usize) -> Result<()> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        for stage in first..self.stages.len() {
            for call in [Call::Watermark(EventTime::MAX), Call::End] {
                let mut emitted = self.call(stage, call)?;
                emitted.retain(|e| !matches!(e, Emission::Watermark(EventTime::MAX)));
                self.pass(stage, emitted)?;
            }
        }
        let last = Message::Watermark(EventTime::MAX);
        self.outgoing.push(Outgoing::Main(last));
        self.outgoing.push(Outgoing::Main(Message::End));
        Ok(())
    }

    fn call(&mut self, index: usize, call: Call) -> Result<Vec<Emission>> {
        let stage = &mut self.stages[index];
        let started = self.clock.elapsed();
        stage.out.set_now_ms(self.clock.now_ms());
        let is_rows = matches!(call, Call::Rows(..));
        let result = stage.call(call);
        stage.count_busy(self.clock.elapsed().saturating_sub(started));
        result.map_err(|error| error.context(&stage.name))?;
        if let Some(at) = stage.out.take_wake_at() {
            stage.wake_at = Some(stage.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
        let unseen = stage.out.take_unseen();
        if unseen > 0 {
            let counter = &stage.metrics.unseen_rows;
            counter.fetch_add(unseen, Ordering::Relaxed);
        }
        if is_rows {
            let asks = stage.spilling.account(stage.operator.as_mut());
            self.wants_checkpoint |= asks.map_err(|error| error.context(&stage.name))?;
        }
        if stage.operator.is_done() && self.done_at.is_none() {
            self.done_at = Some(index);
        }
        Ok(stage.out.take())
    }

    /// Passes what stage `from` has emitted through the stages behind it.
    fn pass(&mut self, from: usize, emitted: Vec<Emission>) -> Result<()> {
        let mut passing = std::mem::take(&mut self.passing);
        passing.clear();
        passing.push((from, emitted.into_iter()));
        let result = self.pass_all(&mut passing);
        self.passing = passing;
        result
    }

    fn pass_all(&mut self, passing: &mut Vec<(usize, IntoIter<Emission>)>) -> Result<()> {
        while let Some((stage, rest)) = passing.last_mut() {
            let stage = *stage;
            let Some(emission) = rest.next() else {
                passing.pop();
                continue;
            };
            let emitted = self.emission(stage, emission)?;
            if !emitted.is_empty() {
                passing.push((stage + 1, emitted.into_iter()));
            }
        }
        Ok(())
    }

    /// Hands one emission of a stage on and returns what the next stage makes of it.
    fn emission(&mut self, stage: usize, emission: Emission) -> Result<Vec<Emission>> {
        let call = match emission {
            Emission::Late(late) => return self.late(stage, &late).map(|()| Vec::new()),
            Emission::Bad(bad) => return self.bad(stage, &bad).map(|()| Vec::new()),
            Emission::Rows(rows) => {
                let count = rows.num_rows() as u64;
                let metrics = &self.stages[stage].metrics;
                metrics.rows_out.fetch_add(count, Ordering::Relaxed);
                Call::Rows(Port::ONLY, rows)
            }
            Emission::Watermark(time) => {
                if self.stages[stage].makes_watermarks {
                    self.watermark = self.watermark.max(time);
                }
                Call::Watermark(time)
            }
            Emission::Idle => Call::Idle,
        };
        if stage + 1 < self.stages.len() {
            return self.call(stage + 1, call);
        }
        self.outgoing.push(Outgoing::Main(match call {
            Call::Rows(_, rows) => Message::Rows(rows),
            Call::Watermark(time) => Message::Watermark(time),
            _ => Message::Idle,
        }));
        Ok(Vec::new())
    }

    fn late(&mut self, stage: usize, late: &LateRows) -> Result<()> {
        let stage = &self.stages[stage];
        let count = late.rows.num_rows() as u64;
        stage.metrics.late_rows.fetch_add(count, Ordering::Relaxed);
        self.side_rows.count_late(late);
        if let Some(output) = stage.late_to {
            let rows = self.side_rows.late(late, &stage.name)?;
            self.outgoing.push(Outgoing::Side(output, rows));
        }
        Ok(())
    }

    fn bad(&mut self, stage: usize, bad: &BadRows) -> Result<()> {
        let stage = &self.stages[stage];
        let rows = self.side_rows.bad_rows(bad, &stage.bad)?;
        if let (Some(output), Some(rows)) = (stage.bad_to, rows) {
            self.outgoing.push(Outgoing::Side(output, rows));
        }
        Ok(())
    }
}

impl Stage {
    fn snapshot(&mut self, barrier: Barrier, ended: bool) -> Result<StageSnapshot> {
        let mut kept = StageSnapshot {
            place: self.place.clone(),
            state: None,
            finished: ended,
        };
        if !ended {
            let mut writer = RunWriter::new(
                barrier.checkpoint.0,
                self.place.key_groups.clone(),
                barrier.keep == Keep::All,
                self.run_options.clone(),
            );
            let written = self.operator.snapshot(&mut writer);
            written.map_err(|error| error.context(&self.name))?;
            kept.state = Some(writer.finish()?);
            self.spilling.snapshot(barrier.checkpoint);
        }
        Ok(kept)
    }

    fn call(&mut self, call: Call) -> Result<()> {
        let out = &mut self.out;
        match call {
            Call::Rows(port, rows) => {
                let count = rows.num_rows() as u64;
                self.metrics.rows_in.fetch_add(count, Ordering::Relaxed);
                self.spilling.fetch(self.operator.as_mut(), port, &rows)?;
                self.operator.on_rows(port, rows, out)
            }
            Call::Watermark(time) => self.operator.on_watermark(time, out),
            Call::Idle => self.operator.on_idle(out),
            Call::Timer => self.operator.on_timer(out),
            Call::Split(split, event) => self.operator.on_split(split, event, out),
            Call::End => self.operator.on_end(out),
        }
    }

    fn count_busy(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.metrics.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}
