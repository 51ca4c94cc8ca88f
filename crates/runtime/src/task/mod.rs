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
//! * A task ends when its input has ended, when its chain needs no more input, or when nobody reads
//!   its results any more; dropping its inbox then tells the tasks in front of it.

pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod enumerate;
pub(crate) mod gate;
pub(crate) mod idleness;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod side;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod timer;
pub(crate) mod values;

use millstream_core::Result;
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
    /// Runs to the end.
    pub(crate) async fn run(mut self) -> Result<End> {
        self.body.start().await?;
        let mut steps = Vec::new();
        while !self.body.chain.has_ended() {
            self.body.fire_due().await?;
            match self.wait().await {
                Wait::Message(lane, message) => {
                    self.input.step(lane, message, &mut steps);
                    for step in steps.drain(..) {
                        self.apply(step).await?;
                    }
                    self.body.breathe().await;
                }
                Wait::Clock => {}
                Wait::NobodyReads => {
                    self.body.outputs.abandon().await?;
                    return Ok(End::Done);
                }
                Wait::Orphaned => return Ok(End::Orphaned),
            }
        }
        Ok(End::Done)
    }

    async fn wait(&mut self) -> Wait {
        if self.body.chain.has_ended() {
            return Wait::Clock;
        }
        if self.body.outputs.nobody_reads() {
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
            () = self.body.outputs.gone() => Wait::NobodyReads,
            () = self.body.timer.pause(due) => Wait::Clock,
        }
    }

    async fn apply(&mut self, step: Step) -> Result<()> {
        let chain = &mut self.body.chain;
        match step {
            Step::Rows(port, rows) => chain.rows(port, rows)?,
            Step::Watermark(time) => chain.watermark(time)?,
            Step::Idle => chain.idle()?,
            Step::End => return self.body.end().await,
            Step::Stop => return self.body.stop().await,
        }
        self.body.flush().await
    }
}
