//! Tasks: each runs a chain of operators for one subtask.
//!
//! ```text
//! inbox ─▶ input ─▶ chain ─▶ output ─▶ other inboxes, or a sink
//! splits ─▶ source ─▶ ─┘         └───▶ side outputs
//! ```
//!
//! * Pure parts: [`input`] merges lanes, [`chain`] calls operators, [`idleness`] watches splits,
//!   [`side`] makes side rows. Thin async drivers: [`source`], [`values`], and [`OperatorTask`].
//! * A task waits in few places: for input, for room in a reader's inbox, for a sink, for time.
//!   Being cancelled there loses nothing that was promised.
//! * A chain ends when its input has ended, when it needs no more input, or when nobody reads its
//!   results any more; the tasks in front of it are then told. The *task* lives on, so that barriers
//!   pass it like all others, and returns behind the last barrier of the job: a checkpoint never
//!   has to ask who is still there.

pub(crate) mod align;
pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod enumerate;
pub(crate) mod gate;
pub(crate) mod idleness;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod report;
pub(crate) mod side;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod spill;
pub(crate) mod timer;
pub(crate) mod trigger;
pub(crate) mod values;

use millstream_core::Result;
use millstream_core::failpoint::failpoint;
use millstream_core::message::Message;

use self::body::Body;
use self::input::{Input, Step};
use crate::exchange::inbox::Inbox;
use crate::spawn::End;

/// A task that reads from other tasks.
pub(crate) struct OperatorTask {
    /// Where its messages come from.
    pub(crate) inbox: Inbox,
    /// Merges them.
    pub(crate) input: Input,
    /// What it does with them.
    pub(crate) body: Body,
}

enum Wait {
    Message(usize, Message),
    Clock,
    NobodyReads,
    Orphaned,
}

impl OperatorTask {
    /// Runs to the last barrier.
    pub(crate) async fn run(mut self) -> Result<End> {
        self.body.start().await?;
        let mut steps = Vec::new();
        loop {
            if self.body.chain.has_ended() {
                self.inbox.refuse_rows();
                self.body.tell_end()?;
            } else {
                self.body.fire_due().await?;
            }
            match self.wait().await {
                Wait::Message(lane, message) => {
                    self.input.step(lane, message, &mut steps)?;
                    for step in steps.drain(..) {
                        if let Some(end) = apply(&mut self.body, &self.inbox, step).await? {
                            return Ok(end);
                        }
                    }
                    self.body.breathe().await;
                }
                Wait::Clock => {}
                Wait::NobodyReads => self.body.abandon().await?,
                Wait::Orphaned => return Ok(End::Orphaned),
            }
        }
    }

    async fn wait(&mut self) -> Wait {
        let has_ended = self.body.chain.has_ended();
        if !has_ended && self.body.outputs.nobody_reads() {
            return Wait::NobodyReads;
        }
        if let Some((lane, message)) = self.inbox.try_recv() {
            return Wait::Message(lane, message);
        }
        let due = self.body.next_due();
        tokio::select! {
            biased;
            received = self.inbox.recv() => match received {
                Some((lane, message)) => Wait::Message(lane, message),
                None => Wait::Orphaned,
            },
            () = self.body.outputs.gone(), if !has_ended => Wait::NobodyReads,
            () = self.body.timer.pause(due), if !has_ended => Wait::Clock,
        }
    }
}

async fn apply(body: &mut Body, inbox: &Inbox, step: Step) -> Result<Option<End>> {
    let chain = &mut body.chain;
    match step {
        Step::Barrier(barrier) => {
            failpoint("cp.align")?;
            body.barrier(barrier, None).await?;
            inbox.release();
            return Ok(barrier.last.then_some(End::Done));
        }
        _ if chain.has_ended() => return Ok(None),
        Step::Rows(port, rows) => chain.rows(port, rows)?,
        Step::Watermark(time) => chain.watermark(time)?,
        Step::Idle => chain.idle()?,
        Step::End => {
            body.end().await?;
            return Ok(None);
        }
    }
    body.flush().await?;
    Ok(None)
}
