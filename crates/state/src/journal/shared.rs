//! What appenders, readers and the writer share: the queue of appends, the segments, the end.
//!
//! ```text
//! appenders ─▶ queue (bounded by bytes) ─▶ writer ─▶ segments, end ─▶ readers
//! ```
//!
//! Locks are held for a few instructions, never over a call to the disk, and `segments` at most
//! inside `queue`.

use std::collections::VecDeque;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::{Error, Result};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::disk::Disk;
use super::error::{self, Failure};
use super::record::Record;
use super::segment::Segment;
use super::{Appended, Options};

/// How often an appender that went away is looked for while the journal is full.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// One call of `append`.
pub(super) struct Request {
    pub(super) records: Vec<Record>,
    /// At least as many as they take in a segment.
    pub(super) bytes: usize,
    pub(super) done: oneshot::Sender<Result<Appended, Failure>>,
    /// Room in the queue; given back when the request is answered or dropped.
    pub(super) _room: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    /// No more appends; the writer ends when the queue is empty.
    closing: bool,
    /// The writer has ended.
    ended: bool,
}

impl Queue {
    fn bytes(&self) -> usize {
        self.requests.iter().map(|request| request.bytes).sum()
    }
}

/// A segment that readers may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) segment: Segment,
    /// How many bytes of it are durable.
    pub(super) bytes: u64,
    /// How many were from the beginning.
    pub(super) whole: u64,
}

/// How far the journal goes.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// Every record before this sequence is durable.
    pub(super) end: u64,
    /// The writer has ended: nothing will follow. With the reason, if it was a bad one.
    pub(super) closed: Option<Option<Failure>>,
}

/// See the module.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) id: u64,
    pub(super) disk: Box<dyn Disk>,
    pub(super) options: Options,
    pub(super) clock: SharedClock,
    queue: Mutex<Queue>,
    wake: Condvar,
    segments: Mutex<VecDeque<Live>>,
    pub(super) ends: watch::Sender<Ends>,
}

impl Shared {
    pub(super) fn new(
        name: String,
        id: u64,
        disk: Box<dyn Disk>,
        options: Options,
        clock: SharedClock,
        segments: VecDeque<Live>,
        end: u64,
    ) -> Self {
        Shared {
            name,
            id,
            disk,
            options,
            clock,
            queue: Mutex::default(),
            wake: Condvar::new(),
            segments: Mutex::new(segments),
            ends: watch::Sender::new(Ends { end, closed: None }),
        }
    }

    /// Hands a request to the writer.
    pub(super) fn push(&self, request: Request) -> Result<()> {
        let mut queue = self.queue.lock();
        if queue.closing || queue.ended {
            return Err(self.is_closed());
        }
        queue.requests.push_back(request);
        self.wake.notify_one();
        Ok(())
    }

    /// The error of everybody who comes too late.
    pub(super) fn is_closed(&self) -> Error {
        error::unavailable(format!("journal '{}' is closed", self.name))
    }

    /// Asks the writer to end when everything queued is durable.
    pub(super) fn close(&self) {
        self.queue.lock().closing = true;
        self.wake.notify_one();
    }

    /// Whether the journal takes no more appends.
    pub(super) fn is_closing(&self) -> bool {
        let queue = self.queue.lock();
        queue.closing || queue.ended
    }

    /// The writer has ended, well or not: nobody waits for it any more.
    pub(super) fn ended(&self, failure: Option<Failure>) {
        let left = {
            let mut queue = self.queue.lock();
            queue.ended = true;
            std::mem::take(&mut queue.requests)
        };
        drop(left);
        self.ends.send_modify(|ends| ends.closed = Some(failure));
    }

    /// Waits for the next group: once `flush_interval` has passed since `synced`, when the last one
    /// began to be made durable, or enough bytes wait. `None` when the journal is to be closed.
    pub(super) fn next_group(&self, synced: Option<Duration>) -> Option<Vec<Request>> {
        let mut queue = self.queue.lock();
        loop {
            queue.requests.retain(|request| !request.done.is_closed());
            if queue.requests.is_empty() {
                if queue.closing {
                    return None;
                }
                self.wake.wait(&mut queue);
                continue;
            }
            let due = synced.map_or(Duration::ZERO, |at| at + self.options.flush_interval);
            let early = due.saturating_sub(self.clock.elapsed());
            let enough = queue.closing || queue.bytes() >= self.options.flush_bytes;
            if !early.is_zero() && !enough {
                self.wake.wait_for(&mut queue, early);
                continue;
            }
            let group = self.fitting(&mut queue);
            if !group.is_empty() {
                return Some(group);
            }
            if queue.closing {
                return None;
            }
            self.wake.wait_for(&mut queue, FULL_PAUSE);
        }
    }

    /// As many requests, oldest first, as the journal has room for.
    fn fitting(&self, queue: &mut Queue) -> Vec<Request> {
        let mut room = self.options.bytes_max.saturating_sub(self.bytes());
        let mut group = Vec::new();
        while let Some(request) = queue.requests.pop_front() {
            let bytes = request.bytes as u64;
            if bytes > room {
                queue.requests.push_front(request);
                break;
            }
            room -= bytes;
            group.push(request);
        }
        group
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.lock().iter().map(|live| live.bytes).sum()
    }

    /// Every record before this sequence is durable.
    pub(super) fn end(&self) -> u64 {
        self.ends.borrow().end
    }

    /// The first record that is still there.
    pub(super) fn start(&self) -> u64 {
        let segments = self.segments.lock();
        segments.front().map_or(0, |live| live.segment.base)
    }

    /// The segment that holds a record, and the sequence at which the next segment begins.
    pub(super) fn segment_of(&self, sequence: u64) -> Result<(Live, Option<u64>)> {
        let segments = self.segments.lock();
        let after = segments.partition_point(|live| live.segment.base <= sequence);
        let found = after.checked_sub(1).and_then(|at| segments.get(at));
        let Some(live) = found else {
            drop(segments);
            return Err(self.too_early(sequence));
        };
        let next = segments.get(after).map(|live| live.segment.base);
        Ok((*live, next))
    }

    /// The error for records that were removed.
    pub(super) fn too_early(&self, sequence: u64) -> Error {
        error::lost(format!(
            "journal '{}' begins with record {}, wanted record {sequence}",
            self.name,
            self.start()
        ))
        .hint("the records before were removed after a checkpoint had confirmed them")
    }

    /// The last segment, if there is one.
    pub(super) fn last(&self) -> Option<Live> {
        self.segments.lock().back().copied()
    }

    /// A new segment is there.
    pub(super) fn add_segment(&self, live: Live) {
        self.segments.lock().push_back(live);
    }

    /// More of the last segment is durable: its bytes first, then the end, because readers ask in
    /// the other order.
    pub(super) fn publish(&self, bytes: u64, end: u64) {
        if let Some(last) = self.segments.lock().back_mut() {
            last.bytes = bytes;
        }
        self.ends.send_modify(|ends| ends.end = end);
    }

    /// The oldest segment, if all of its records lie before `sequence` and another one follows.
    pub(super) fn oldest_before(&self, sequence: u64) -> Option<Segment> {
        let segments = self.segments.lock();
        let next = segments.get(1)?;
        (next.segment.base <= sequence).then(|| segments[0].segment)
    }

    /// The oldest segment is gone.
    pub(super) fn remove_oldest(&self, segment: Segment) {
        let mut segments = self.segments.lock();
        if segments.front().is_some_and(|live| live.segment == segment) {
            segments.pop_front();
        }
        drop(segments);
        self.wake.notify_one();
    }
}
