//! The contract of an operator: one step of a job, rows in, rows out.
//!
//! Operators are pure: no I/O, no clock, no threads, no chance. Processing time reaches them
//! through [`Output::now_ms`] and timers. So a text script can test any of them
//! (`crates/sim`), and the runtime may run them on any thread.

use crate::Result;
use crate::id::{Port, SplitId};
use crate::rows::ChangeBatch;
use crate::state::{StateLookup, StateReader, StateWriter};
use crate::time::EventTime;

/// One step of a job.
///
/// Its task calls it from a single thread, in this order:
///
/// ```text
/// create ─▶ restore? ─▶ { on_rows | on_watermark | on_idle | on_timer | on_split | snapshot }*
///                                                                     ─▶ on_end ─▶ snapshot*
/// ```
///
/// The runtime merges the watermarks of several inputs (the minimum over those that are not idle)
/// and calls `on_watermark` only when the merged one has advanced. At the end of bounded input it
/// calls `on_watermark(EventTime::MAX)` and then `on_end`, once.
pub trait Operator: Send {
    /// Takes changed rows of one input; never an empty batch.
    fn on_rows(&mut self, port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()>;

    /// The event time of all inputs has reached `time`. Most operators act and then forward it.
    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        out.watermark(time);
        Ok(())
    }

    /// Every input is idle.
    fn on_idle(&mut self, out: &mut Output) -> Result<()> {
        out.idle();
        Ok(())
    }

    /// The processing time asked for by [`Output::wake_at`] has come; see [`Output::now_ms`]. Called
    /// once after a [`restore`](Self::restore) too, so that timers can be set again.
    fn on_timer(&mut self, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// A split of the source in front of this operator changed. Called in the source's task only.
    fn on_split(&mut self, _split: SplitId, _event: SplitEvent, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// All inputs have ended: emit what is left.
    fn on_end(&mut self, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// Hands over what has changed since the last snapshot, or everything if
    /// [`StateWriter::is_full`]. What is handed over counts as saved: if saving fails, the task
    /// fails and the job starts again from an older checkpoint.
    ///
    /// An operator that remembers nothing says `Ok(())`.
    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()>;

    /// Takes back what snapshots of the same kind of operator have stored, possibly by another
    /// number of subtasks. What is restored counts as saved. Later, a watermark at or before one
    /// seen in an earlier life may come again.
    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()>;

    /// Bytes of memory held for state, about.
    fn state_bytes(&self) -> usize {
        0
    }

    /// The ability to work with only a part of the state in memory, if it has it.
    fn spill(&mut self) -> Option<&mut dyn Spill> {
        None
    }

    /// True once no further input can change what this operator puts out, such as a LIMIT that is
    /// reached. Its task then ends as if the input had ended, and what is upstream of it stops.
    fn is_done(&self) -> bool {
        false
    }
}

/// An operator that can give up entries of its keyed state and have them back.
///
/// An entry may be given up while it is *clean*: unchanged since a snapshot that is committed. The
/// runtime calls [`evict`](Spill::evict) only when the newest snapshot is, so every entry not
/// changed since then may go.
pub trait Spill {
    /// True once entries have been given up, or were left in the checkpoint by `restore`.
    fn is_partial(&self) -> bool;

    /// Gives up clean entries, those unused for longest first, until about `bytes` are free.
    /// Returns how many bytes are free now that were not before; 0 if everything has changed.
    fn evict(&mut self, bytes: usize) -> Result<usize>;

    /// Brings back what the rows of the next `on_rows` of this port need. Called before each
    /// `on_rows` once something has been given up.
    fn fetch(&mut self, port: Port, rows: &ChangeBatch, state: &mut dyn StateLookup) -> Result<()>;
}

/// What happened to a split in its source reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitEvent {
    /// It was assigned to this subtask and may yield rows.
    Assigned,
    /// It has had no row for longer than the idle timeout.
    Idle,
    /// It will yield no more rows.
    Finished,
}

/// One thing an operator sends downstream.
#[derive(Clone, Debug)]
pub enum Emission {
    /// Rows on the main output.
    Rows(ChangeBatch),
    /// A watermark on the main output.
    Watermark(EventTime),
    /// The main output is idle.
    Idle,
    /// Rows that came too late, with the columns of the operator's input.
    Late(LateRows),
    /// Rows that cannot be used; the source's `on-error` decides what becomes of them.
    Bad(BadRows),
}

/// Rows that cannot be used, such as those without an event time.
#[derive(Clone, Debug)]
pub struct BadRows {
    /// The rows as they reached the operator; `rows.origin()` names their split.
    pub rows: ChangeBatch,
    /// What is wrong with all of them.
    pub code: crate::Code,
    /// The same in words: names the column, what was wanted and what was found.
    pub reason: String,
}

/// Rows dropped because the last window that could hold them had fired.
#[derive(Clone, Debug)]
pub struct LateRows {
    /// The rows as they reached the operator; `rows.origin()` names their split.
    pub rows: ChangeBatch,
    /// Position of the event-time column in `rows`.
    pub time_column: usize,
    /// The watermark they were behind.
    pub watermark: EventTime,
}

/// Where an operator puts its results; the task hands them on after each call.
#[derive(Debug)]
pub struct Output {
    emissions: Vec<Emission>,
    now_ms: i64,
    wake_at: Option<i64>,
    unseen: u64,
}

impl Output {
    /// An empty output for a call at processing time `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Output {
            emissions: Vec::new(),
            now_ms,
            wake_at: None,
            unseen: 0,
        }
    }

    /// Processing time of this call, milliseconds since 1970 UTC.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Sets the processing time of the next call.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Sends rows downstream; an empty batch is not sent.
    pub fn rows(&mut self, batch: ChangeBatch) {
        if batch.num_rows() > 0 {
            self.emissions.push(Emission::Rows(batch));
        }
    }

    /// Sends a watermark downstream.
    pub fn watermark(&mut self, time: EventTime) {
        self.emissions.push(Emission::Watermark(time));
    }

    /// Says that nothing is to be expected from here for now.
    pub fn idle(&mut self) {
        self.emissions.push(Emission::Idle);
    }

    /// Reports rows that came too late; counted per split, and kept if the table asks for it.
    pub fn late(&mut self, late: LateRows) {
        if late.rows.num_rows() > 0 {
            self.emissions.push(Emission::Late(late));
        }
    }

    /// Reports rows that cannot be used.
    pub fn bad(&mut self, bad: BadRows) {
        if bad.rows.num_rows() > 0 {
            self.emissions.push(Emission::Bad(bad));
        }
    }

    /// Reports rows that were taken back and had never come: counted. They change nothing.
    pub fn unseen(&mut self, rows: u64) {
        self.unseen += rows;
    }

    /// Takes the number of rows reported as unseen since the last call.
    pub fn take_unseen(&mut self) -> u64 {
        std::mem::take(&mut self.unseen)
    }

    /// Asks for a call of `on_timer` once processing time has reached `at_ms`; the earliest wins.
    /// Timers are one-shot: ask again after each `on_timer`.
    pub fn wake_at(&mut self, at_ms: i64) {
        self.wake_at = Some(self.wake_at.map_or(at_ms, |earlier| earlier.min(at_ms)));
    }

    /// Takes the timer asked for since the last call.
    pub fn take_wake_at(&mut self) -> Option<i64> {
        self.wake_at.take()
    }

    /// Takes what was sent since the last call, in order.
    pub fn take(&mut self) -> Vec<Emission> {
        std::mem::take(&mut self.emissions)
    }

    /// True if nothing was sent since the last `take`.
    pub fn is_empty(&self) -> bool {
        self.emissions.is_empty()
    }
}
