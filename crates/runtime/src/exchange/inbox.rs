//! The queue in front of one task: one lane per sender, bounded in bytes, without threads.
//!
//! ```text
//! sender 0 ──▶ lane 0 [Rows Rows Watermark] ─┐
//! sender 1 ──▶ lane 1 []                     ├─▶ recv: lanes take turns
//! sender 2 ──▶ lane 2 [Rows End]            ─┘
//! ```
//!
//! * A lane holds at most `bytes_max` bytes of rows, but always at least one message: a batch
//!   larger than the limit passes alone.
//! * Control messages (watermark, idle, end) never wait. They cannot pile up either: a newer one
//!   replaces those at the end of its lane, so at most two stand between two batches.
//! * Order within a lane is kept; lanes with messages take turns.
//! * A receiver that is dropped closes its inbox: senders learn that nobody reads and end.
//! * Cost: one short lock per message on either side. A busy receiver is never woken, and a sender
//!   that waits is woken once its lane is half empty, not for every message.
//!
//! A lane that has delivered a barrier is *held*: nothing more comes out of it until the receiver has
//! the barrier from all lanes and calls [`Inbox::release`]. Meanwhile the other lanes go on, which
//! is why each has a queue and a bound of its own. A barrier never waits for room either, or two
//! tasks could wait for each other.
//!
//! A receiver that needs no more rows but must still take part in checkpoints calls
//! [`Inbox::refuse_rows`]: senders learn that nobody reads, and only barriers pass.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use millstream_core::message::Message;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a message costs beside its rows, so that rows without columns are bounded too.
const MESSAGE_BYTES: usize = 64;

/// The receiving end; one per task.
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

/// The sending end of one lane.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    lane: usize,
}

/// Nobody reads any more: not an error, the receiver has all it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// How a message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The receiver was busy and will come to it.
    Queued,
    /// The receiver was asleep and has been woken.
    Woke,
}

struct Shared {
    state: Mutex<State>,
    bytes_max: usize,
}

struct State {
    lanes: Vec<Lane>,
    /// Lanes with messages, in the order of their turns.
    turns: VecDeque<usize>,
    receiver: Option<Waker>,
    closed: bool,
    /// Only barriers pass.
    refuses: bool,
    senders: usize,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<(Message, usize)>,
    bytes: usize,
    /// Has delivered a barrier and waits for the others.
    held: bool,
    sender: Option<Waker>,
    readers: Option<Arc<Readers>>,
}

/// How many inboxes still read what one task sends.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    open: AtomicUsize,
    gone: Notify,
}

impl Readers {
    /// True once every inbox this was joined to has been closed.
    pub(crate) fn are_gone(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Waits until nobody reads. For one waiting task.
    pub(crate) async fn gone(&self) {
        while !self.are_gone() {
            self.gone.notified().await;
        }
    }

    fn join(&self) {
        self.open.fetch_add(1, Ordering::AcqRel);
    }

    fn leave(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.gone.notify_one();
        }
    }
}

impl Inbox {
    /// An inbox without senders whose lanes hold `bytes_max` bytes each.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let state = State {
            lanes: Vec::new(),
            turns: VecDeque::new(),
            receiver: None,
            closed: false,
            refuses: false,
            senders: 0,
        };
        Inbox {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                bytes_max,
            }),
        }
    }

    /// Adds a lane and returns its sender; `readers` is told when this inbox closes.
    pub(crate) fn sender(&self, readers: Option<&Arc<Readers>>) -> Sender {
        add_lane(&self.shared, readers)
    }

    /// The next message and its lane, if one is there.
    pub(crate) fn try_recv(&self) -> Option<(usize, Message)> {
        self.shared.state.lock().pop(self.shared.bytes_max)
    }

    /// The next message and its lane; `None` once every sender is dropped and all is taken.
    /// Dropping the future loses nothing.
    pub(crate) async fn recv(&self) -> Option<(usize, Message)> {
        poll_fn(|context| {
            let mut state = self.shared.state.lock();
            if let Some(message) = state.pop(self.shared.bytes_max) {
                return Poll::Ready(Some(message));
            }
            if state.senders == 0 {
                return Poll::Ready(None);
            }
            match &mut state.receiver {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    /// Lets the held lanes go on.
    pub(crate) fn release(&self) {
        let mut state = self.shared.state.lock();
        for index in 0..state.lanes.len() {
            let lane = &mut state.lanes[index];
            if std::mem::take(&mut lane.held) && !lane.queue.is_empty() {
                state.turns.push_back(index);
            }
        }
    }

    /// From now on only barriers pass; what waits is forgotten, and senders are told.
    pub(crate) fn refuse_rows(&self) {
        let mut state = self.shared.state.lock();
        if std::mem::replace(&mut state.refuses, true) {
            return;
        }
        state.turns.clear();
        let mut told = Vec::with_capacity(state.lanes.len());
        for index in 0..state.lanes.len() {
            let lane = &mut state.lanes[index];
            lane.queue
                .retain(|(message, _)| matches!(message, Message::Barrier(_)));
            lane.bytes = 0;
            let turn = !lane.held && !lane.queue.is_empty();
            told.push((lane.readers.take(), lane.sender.take()));
            if turn {
                state.turns.push_back(index);
            }
        }
        drop(state);
        tell(told);
    }

    /// Bytes waiting in all lanes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let state = self.shared.state.lock();
        state.lanes.iter().map(|lane| lane.bytes).sum()
    }
}

fn add_lane(shared: &Arc<Shared>, readers: Option<&Arc<Readers>>) -> Sender {
    let mut state = shared.state.lock();
    state.senders += 1;
    let mut lane = Lane::default();
    if let Some(readers) = readers {
        readers.join();
        if state.closed {
            readers.leave();
        } else {
            lane.readers = Some(Arc::clone(readers));
        }
    }
    state.lanes.push(lane);
    Sender {
        shared: Arc::clone(shared),
        lane: state.lanes.len() - 1,
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        state.turns.clear();
        let mut told = Vec::with_capacity(state.lanes.len());
        let mut dropped = Vec::with_capacity(state.lanes.len());
        for lane in &mut state.lanes {
            told.push((lane.readers.take(), lane.sender.take()));
            dropped.push(std::mem::take(lane));
        }
        drop(state);
        tell(told);
    }
}

/// Tells tasks that this inbox reads no more of their rows.
fn tell(lanes: Vec<(Option<Arc<Readers>>, Option<Waker>)>) {
    for (readers, sender) in lanes {
        if let Some(readers) = readers {
            readers.leave();
        }
        if let Some(sender) = sender {
            sender.wake();
        }
    }
}

impl State {
    fn pop(&mut self, bytes_max: usize) -> Option<(usize, Message)> {
        let index = self.turns.pop_front()?;
        let lane = &mut self.lanes[index];
        let (message, bytes) = lane.queue.pop_front()?;
        lane.bytes -= bytes;
        if lane.bytes <= bytes_max / 2
            && let Some(sender) = lane.sender.take()
        {
            sender.wake();
        }
        lane.held = matches!(message, Message::Barrier(_));
        if !lane.held && !lane.queue.is_empty() {
            self.turns.push_back(index);
        }
        Some((index, message))
    }

    fn push(&mut self, index: usize, message: Message, bytes: usize) {
        let lane = &mut self.lanes[index];
        let was_empty = lane.queue.is_empty();
        lane.push(message, bytes);
        if was_empty && !lane.held {
            self.turns.push_back(index);
        }
    }
}

impl Lane {
    fn push(&mut self, message: Message, bytes: usize) {
        match message {
            // Whatever the receiver has not seen yet of the older state, it need not see.
            Message::Watermark(_) => {
                while matches!(
                    self.queue.back(),
                    Some((Message::Watermark(_) | Message::Idle, _))
                ) {
                    self.queue.pop_back();
                }
            }
            Message::Idle if matches!(self.queue.back(), Some((Message::Idle, _))) => return,
            _ => {}
        }
        self.bytes += bytes;
        self.queue.push_back((message, bytes));
    }

    fn fits(&self, bytes: usize, bytes_max: usize) -> bool {
        bytes == 0 || self.bytes == 0 || self.bytes.saturating_add(bytes) <= bytes_max
    }
}

impl Sender {
    /// A further lane of the same inbox.
    pub(crate) fn another(&self, readers: &Arc<Readers>) -> Sender {
        add_lane(&self.shared, Some(readers))
    }

    /// Puts a message into the lane; rows wait until there is room.
    pub(crate) async fn send(&self, message: Message) -> Result<Sent, Closed> {
        let bytes = match &message {
            Message::Rows(batch) => batch.bytes().saturating_add(MESSAGE_BYTES),
            _ => 0,
        };
        let mut message = Some(message);
        poll_fn(|context| {
            let mut state = self.shared.state.lock();
            let passes = matches!(message, Some(Message::Barrier(_)));
            if state.closed || (state.refuses && !passes) {
                return Poll::Ready(Err(Closed));
            }
            let lane = &mut state.lanes[self.lane];
            if !lane.fits(bytes, self.shared.bytes_max) {
                lane.sender = Some(context.waker().clone());
                return Poll::Pending;
            }
            if let Some(message) = message.take() {
                state.push(self.lane, message, bytes);
            }
            let receiver = state.receiver.take();
            drop(state);
            Poll::Ready(Ok(match receiver {
                Some(receiver) => {
                    receiver.wake();
                    Sent::Woke
                }
                None => Sent::Queued,
            }))
        })
        .await
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        let receiver = match state.senders {
            0 => state.receiver.take(),
            _ => None,
        };
        drop(state);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
