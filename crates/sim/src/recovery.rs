//! Does an operator survive? Random crashes and changes of parallelism, same results.
//!
//! ```text
//! rows  mark  rows │ rows  mark ✕            crash: what came out since the checkpoint is void
//!               checkpoint                          │
//!                  └─────▶ restored by 3 subtasks ──┴─▶ rows  mark  rows  end
//! ```
//!
//! An operator and a script of events are all [`Recovery::check`] needs: it runs the script
//! undisturbed, then with checkpoints (whole and incremental), crashes a few events behind them and
//! restarts by other numbers of subtasks, and wants the same lines. Rows find their subtask by key
//! group, as in a job. Every operator with state has such a test.
//!
//! * A failure names the seed; the same seed gives the same run.
//! * Always checked: a watermark never falls behind what the checkpoint had reached, and no
//!   subtask writes entries of key groups of another ([`crate::state`]).

use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::key::{hash_rows, key_group, owner};
use millstream_core::operator::Operator;
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;

use crate::driver::Driver;
use crate::script::{Event, KEY_GROUPS, Script};
use crate::state::MemoryState;

/// Which subtask of an operator is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Its number.
    pub subtask: u32,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Key groups of the job.
    pub key_groups: u32,
}

/// What happens besides the events, each after so many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A checkpoint; `full`: of everything.
    Checkpoint {
        /// After so many events.
        after: usize,
        /// Of everything, not only of what has changed.
        full: bool,
    },
    /// All subtasks are lost; so many others go on from the last checkpoint.
    Crash {
        /// After so many events.
        after: usize,
        /// Number of subtasks from now on.
        parallelism: u32,
    },
    /// The watermark has reached this time, but only this subtask has seen it yet.
    Ahead {
        /// After so many events.
        after: usize,
        /// Who has seen it.
        subtask: u32,
        /// The watermark.
        time: EventTime,
    },
}

/// Runs an operator with crashes.
pub struct Recovery<'a> {
    make: &'a dyn Fn(Site) -> Box<dyn Operator>,
    script: Script,
    /// Columns whose key group decides the subtask; `None`: there is only one.
    keys: Option<Vec<usize>>,
    /// Rows come out in a certain order.
    is_ordered: bool,
    /// Events between a checkpoint and a crash, at most.
    lost_max: usize,
}

/// The subtasks of a life of an operator.
struct Life {
    subtasks: Vec<(Box<dyn Operator>, Driver)>,
}

/// What a run has come to.
struct Run<'a> {
    recovery: &'a Recovery<'a>,
    life: Life,
    state: MemoryState,
    /// Lines up to the last checkpoint.
    committed: Vec<String>,
    /// Lines since.
    pending: Vec<String>,
    /// Events before the last checkpoint, processing time, and the watermark all had put out.
    checkpoint: (usize, i64, EventTime),
}

impl<'a> Recovery<'a> {
    /// For an operator whose inputs have these columns.
    pub fn new(schema: SchemaRef, make: &'a dyn Fn(Site) -> Box<dyn Operator>) -> Self {
        Recovery {
            make,
            script: Script::new(schema),
            keys: None,
            is_ordered: false,
            lost_max: 3,
        }
    }

    /// Rows go to subtasks by the key group of these columns.
    #[must_use]
    pub fn keyed(mut self, columns: &[usize]) -> Self {
        self.keys = Some(columns.to_vec());
        self
    }

    /// Cuts batches to at most so many rows.
    #[must_use]
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.script = self.script.batch_rows(batch_rows);
        self
    }

    /// The order of the lines matters too.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Crashes come right behind checkpoints: for processing time, which does not come again.
    #[must_use]
    pub fn without_replay(mut self) -> Self {
        self.lost_max = 0;
        self
    }

    /// Runs the events of `script` undisturbed and then a few times with random checkpoints,
    /// crashes and parallelism.
    ///
    /// # Panics
    /// If what comes out differs, or if the operator fails.
    pub fn check(&self, script: &str, seed: u64) {
        let events = self.script.events(script);
        let wanted = self.lines(&events, 1, &[]);
        let mut chance = Chance(seed | 1);
        for round in 0..4 {
            let steps = self.steps(events.len(), &mut chance);
            let parallelism = self.parallelism(&mut chance);
            let found = self.lines(&events, parallelism, &steps);
            assert_eq!(
                wanted, found,
                "seed {seed}, round {round}, from {parallelism} subtasks, {steps:?}\n{script}"
            );
        }
    }

    /// What comes out of the events of `script` with these steps, without watermarks; sorted unless
    /// the order matters.
    ///
    /// # Panics
    /// If the operator fails, or falls behind its watermark.
    pub fn run(&self, script: &str, parallelism: u32, steps: &[Step]) -> Vec<String> {
        self.lines(&self.script.events(script), parallelism, steps)
    }

    fn lines(&self, events: &[Event], parallelism: u32, steps: &[Step]) -> Vec<String> {
        let mut run = Run {
            recovery: self,
            life: self.life(parallelism, 0),
            state: MemoryState::new(KEY_GROUPS),
            committed: Vec::new(),
            pending: Vec::new(),
            checkpoint: (0, 0, EventTime::MIN),
        };
        let done = run.all(events, steps);
        done.unwrap_or_else(|error| panic!("{error:?} in {steps:?}"));
        run.committed.append(&mut run.pending);
        let is_row = |line: &String| !line.starts_with("mark") && line != "idle";
        run.committed.retain(is_row);
        if !self.is_ordered {
            run.committed.sort_unstable();
        }
        run.committed
    }

    fn life(&self, parallelism: u32, now_ms: i64) -> Life {
        let subtask = |subtask| {
            let site = Site {
                subtask,
                parallelism,
                key_groups: KEY_GROUPS,
            };
            ((self.make)(site), Driver::at(now_ms))
        };
        Life {
            subtasks: (0..parallelism).map(subtask).collect(),
        }
    }

    fn steps(&self, events: usize, chance: &mut Chance) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut after = 0;
        while after < events {
            after += chance.below(6) + 1;
            let full = chance.below(4) == 0;
            steps.push(Step::Checkpoint { after, full });
            if chance.below(2) == 0 {
                let parallelism = self.parallelism(chance);
                after += chance.below(self.lost_max + 1);
                steps.push(Step::Crash { after, parallelism });
            }
        }
        let is_inside = |step: &Step| step.after() <= events;
        steps.retain(is_inside);
        steps
    }

    fn parallelism(&self, chance: &mut Chance) -> u32 {
        match self.keys {
            Some(_) => [1, 2, 3, 7][chance.below(4)],
            None => 1,
        }
    }
}

impl Step {
    fn after(&self) -> usize {
        let (Step::Checkpoint { after, .. }
        | Step::Crash { after, .. }
        | Step::Ahead { after, .. }) = self;
        *after
    }
}

impl Run<'_> {
    fn all(&mut self, events: &[Event], steps: &[Step]) -> Result<()> {
        let mut at = 0;
        // A first checkpoint before anything has happened: there is always one to go back to.
        self.checkpoint(0, true)?;
        for step in steps {
            self.feed(&events[at..step.after().max(at)])?;
            at = step.after().max(at);
            match *step {
                Step::Checkpoint { full, .. } => self.checkpoint(at, full)?,
                Step::Crash { parallelism, .. } => at = self.crash(parallelism)?,
                Step::Ahead { subtask, time, .. } => {
                    let (operator, driver) = &mut self.life.subtasks[subtask as usize];
                    driver.feed(operator.as_mut(), &Event::Mark(time))?;
                    self.pending.append(&mut driver.take());
                }
            }
        }
        self.feed(&events[at..])
    }

    fn feed(&mut self, events: &[Event]) -> Result<()> {
        for event in events {
            match event {
                Event::Rows(_, rows) => self.feed_rows(event, rows)?,
                event => {
                    for (operator, driver) in &mut self.life.subtasks {
                        driver.feed(operator.as_mut(), event)?;
                    }
                }
            }
            for (_, driver) in &mut self.life.subtasks {
                self.pending.append(&mut driver.take());
            }
        }
        Ok(())
    }

    fn feed_rows(&mut self, event: &Event, rows: &ChangeBatch) -> Result<()> {
        let parallelism = self.life.subtasks.len();
        let (Event::Rows(port, _), Some(keys)) = (event, &self.recovery.keys) else {
            let (operator, driver) = &mut self.life.subtasks[0];
            return driver.feed(operator.as_mut(), event);
        };
        let columns: Vec<ArrayRef> = keys
            .iter()
            .map(|&column| ArrayRef::clone(rows.rows().column(column)))
            .collect();
        let mut hashes = Vec::new();
        hash_rows(&columns, rows.num_rows(), &mut hashes)?;
        let mut parts = vec![Vec::new(); parallelism];
        for (row, &hash) in hashes.iter().enumerate() {
            let group = key_group(hash, KEY_GROUPS);
            parts[owner(group, KEY_GROUPS, parallelism as u32) as usize].push(row as u32);
        }
        for (part, (operator, driver)) in parts.into_iter().zip(&mut self.life.subtasks) {
            if !part.is_empty() {
                let rows = rows.take(&UInt32Array::from(part))?;
                driver.feed(operator.as_mut(), &Event::Rows(*port, rows))?;
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self, at: usize, full: bool) -> Result<()> {
        let operators = self.life.subtasks.iter_mut();
        let operators = operators.map(|(operator, _)| operator.as_mut() as &mut dyn Operator);
        self.state
            .checkpoint(&mut operators.collect::<Vec<_>>(), full)?;
        let now_ms = self.life.subtasks[0].1.now_ms();
        self.committed.append(&mut self.pending);
        self.checkpoint = (at, now_ms, self.life.mark());
        Ok(())
    }

    /// Returns how many events had happened.
    fn crash(&mut self, parallelism: u32) -> Result<usize> {
        let (at, now_ms, mark) = self.checkpoint;
        self.life.check_mark(mark);
        self.pending.clear();
        self.life = self.recovery.life(parallelism, now_ms);
        for (subtask, (operator, driver)) in (0..).zip(&mut self.life.subtasks) {
            self.state
                .restore(operator.as_mut(), subtask, parallelism)?;
            driver.restarted(operator.as_mut())?;
            self.pending.append(&mut driver.take());
        }
        Ok(at)
    }
}

impl Life {
    /// The watermark all subtasks have put out.
    fn mark(&self) -> EventTime {
        let marks = self.subtasks.iter().map(|(_, driver)| driver.mark);
        marks.min().unwrap_or(EventTime::MIN)
    }

    /// None that has said anything may be behind `mark`.
    fn check_mark(&self, mark: EventTime) {
        let said = self.subtasks.iter().map(|(_, driver)| driver.mark);
        let mut said = said.filter(|&said| said > EventTime::MIN);
        assert!(
            said.all(|said| said >= mark),
            "a watermark went back behind {mark:?}"
        );
    }
}

/// Numbers that look random: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
