//! Edges between tasks: how rows find their subtask, and the bounded queue they wait in.
//!
//! * [`inbox`]: the queue of a task. [`partition`]: cutting a batch by key.
//! * [`Edge`]: everything one subtask sends to one reader. Rows go to the subtask the exchange
//!   chooses, watermarks, idleness and ends to all of them.
//!
//! Always: whatever is sent on an edge arrives in order; an edge whose reader has closed swallows
//! what is sent, and [`inbox::Readers`] tells the task once all its readers have.

pub(crate) mod inbox;
pub(crate) mod partition;

use millstream_core::Result;
use millstream_core::message::Message;
use millstream_core::rows::ChangeBatch;

use self::inbox::{Closed, Sender, Sent};
use self::partition::Partitioner;

/// Everything one subtask sends to one reading node.
pub(crate) struct Edge {
    route: Route,
    senders: Vec<Sender>,
}

/// How rows find their subtask.
pub(crate) enum Route {
    /// All of them to the first sender.
    Direct,
    /// By key.
    Hash(Partitioner),
    /// In turn.
    Rebalance {
        /// The subtask whose turn it is.
        next: usize,
    },
}

impl Edge {
    /// An edge; `senders[i]` leads to subtask `i` of the reader, and there is at least one.
    pub(crate) fn new(route: Route, senders: Vec<Sender>) -> Self {
        Edge { route, senders }
    }

    /// Sends a message to where it belongs; waits while there is no room. True if a sleeping
    /// reader was woken.
    pub(crate) async fn send(&mut self, message: Message) -> Result<bool> {
        let Message::Rows(batch) = message else {
            let mut woke = false;
            for sender in &self.senders {
                woke |= has_woken(sender.send(message.clone()).await);
            }
            return Ok(woke);
        };
        self.send_rows(batch).await
    }

    async fn send_rows(&mut self, batch: ChangeBatch) -> Result<bool> {
        let target = match &mut self.route {
            _ if self.senders.len() == 1 => 0,
            Route::Direct => 0,
            Route::Rebalance { next } => {
                let turn = *next;
                *next = (turn + 1) % self.senders.len();
                turn
            }
            Route::Hash(partitioner) => {
                let mut woke = false;
                for (target, part) in partitioner.split(batch)? {
                    woke |= has_woken(self.senders[target].send(Message::Rows(part)).await);
                }
                return Ok(woke);
            }
        };
        Ok(has_woken(
            self.senders[target].send(Message::Rows(batch)).await,
        ))
    }
}

/// A closed reader is not an error: it has all it wants.
fn has_woken(sent: Result<Sent, Closed>) -> bool {
    sent == Ok(Sent::Woke)
}
