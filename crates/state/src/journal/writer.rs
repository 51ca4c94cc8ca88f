//! The one thread that writes: groups of appends, each with one fsync.
//!
//! ```text
//! group ─▶ known keys out ─▶ frames ─▶ write ─▶ fsync ─▶ readers see it ─▶ acknowledge ─▶ mark
//!                                        │        └ failed: this segment is given up where the
//!                                        └ failed: cut off     last group ended; a new one follows
//! ```
//!
//! * Always: acknowledged = the fsync that covers it, and that of its segment's name, has succeeded.
//! * A failed fsync is never repeated on its descriptor: the kernel may have thrown the pages away
//!   and call them clean. What was durable before is read again with another descriptor, and the
//!   next group goes into a new segment. If there is none to be had (a full disk), its appenders
//!   get the error, and the next group tries again: the journal goes on when space is there.
//! * The mark is not synced. It says of bytes that are readable after a crash that they were
//!   durable, so that a damaged record is told from a torn one ([`recover`](super::recover)).

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_core::failpoint::failpoint;

use super::Appended;
use super::disk::File;
use super::error::Failure;
use super::lock::Lock;
use super::record::Record;
use super::recover;
use super::segment::Segment;
use super::shared::{Live, Request, Shared};
use super::window::Window;

/// Memory for frames that is kept between groups.
const BUFFER_KEPT: usize = 4 << 20;

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    window: Window,
    /// The sequence of the next record.
    next: u64,
    /// Where the next group goes; `None` if it needs a new segment.
    tail: Option<Tail>,
    /// The last segment has failed: look at it again before going on.
    suspect: bool,
    buffer: Vec<u8>,
    /// Released when the last byte is written.
    _lock: Option<Lock>,
}

struct Tail {
    segment: Segment,
    file: Box<dyn File>,
    /// Everything before it is durable, but for the mark.
    length: u64,
    /// What it had at the beginning: keys, which do not count as content.
    whole: u64,
    /// The sequence of its last mark.
    marked: u64,
}

impl Tail {
    fn new(live: Live, file: Box<dyn File>, next: u64) -> Self {
        Tail {
            segment: live.segment,
            file,
            length: live.whole,
            whole: live.whole,
            marked: next,
        }
    }
}

impl Writer {
    /// Writes on in the last segment if its `file` was made in this life, else in a new one.
    pub(super) fn new(
        shared: Arc<Shared>,
        window: Window,
        file: Option<Box<dyn File>>,
        lock: Option<Lock>,
    ) -> Self {
        let next = shared.end();
        let tail = shared.last().zip(file);
        Writer {
            next,
            shared,
            window,
            tail: tail.map(|(live, file)| Tail::new(live, file, next)),
            suspect: false,
            buffer: Vec::new(),
            _lock: lock,
        }
    }

    /// Writes until the journal is closed.
    pub(super) fn run(mut self) {
        let mut ended = Ended {
            shared: Arc::clone(&self.shared),
            failure: None,
        };
        let mut synced: Option<Duration> = None;
        while let Some(group) = self.shared.next_group(synced) {
            synced = Some(self.shared.clock.elapsed());
            self.append(group);
        }
        ended.failure = self.finish();
        // The lock is free before anybody learns that the journal is closed.
        drop(self);
        drop(ended);
    }

    fn append(&mut self, group: Vec<Request>) {
        let answers = self.write(&group);
        if answers.is_err() {
            self.window.forget();
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        match answers {
            Ok(answers) => {
                for (request, answer) in group.into_iter().zip(answers) {
                    // Whoever does not wait any more does not want to know.
                    drop(request.done.send(Ok(answer)));
                }
            }
            Err(failure) => {
                for request in group {
                    drop(request.done.send(Err(failure.clone())));
                }
            }
        }
        self.mark();
    }

    /// Makes a group durable.
    fn write(&mut self, group: &[Request]) -> Result<Vec<Appended>, Failure> {
        let (answers, fresh) = self.number(group);
        if fresh.is_empty() {
            return Ok(answers);
        }
        let first = self.next;
        let name = self.shared.name.clone();
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => self.open_segment().map_err(|e| Failure::of(&name, &e))?,
        };
        let codec = tail.segment.codec();
        for (sequence, record) in (first..).zip(&fresh) {
            codec.record(&mut self.buffer, sequence, first, |out| record.encode(out));
        }
        failpoint("journal.write").map_err(|e| Failure::of(&name, &e))?;
        if let Err(cause) = tail.file.write_at(&self.buffer, tail.length) {
            // What was written of it is cut off; if even that fails, a new segment replaces it.
            match tail.file.cut(tail.length) {
                Ok(()) => self.tail = Some(tail),
                Err(_) => self.suspect = true,
            }
            return Err(Failure::disk(&name, "write", &cause));
        }
        self.suspect = true;
        failpoint("journal.sync").map_err(|e| Failure::of(&name, &e))?;
        tail.file
            .sync()
            .map_err(|cause| Failure::disk(&name, "sync", &cause))?;
        failpoint("journal.synced").map_err(|e| Failure::of(&name, &e))?;
        self.suspect = false;
        tail.length += self.buffer.len() as u64;
        self.next = first + fresh.len() as u64;
        self.window.commit();
        self.shared.publish(tail.length, self.next);
        self.tail = Some(tail);
        Ok(answers)
    }

    /// Numbers the records of a group; those with a known key keep the number they have.
    fn number<'a>(&mut self, group: &'a [Request]) -> (Vec<Appended>, Vec<&'a Record>) {
        let mut fresh = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        for request in group {
            let mut answer = Appended::default();
            for record in &request.records {
                let sequence = self.next + fresh.len() as u64;
                let known = self.window.stage(record, sequence);
                answer.sequences.push(known.unwrap_or(sequence));
                match known {
                    Some(_) => answer.duplicates += 1,
                    None => fresh.push(record),
                }
            }
            answers.push(answer);
        }
        (answers, fresh)
    }

    fn open_segment(&mut self) -> Result<Tail> {
        let shared = &self.shared;
        let disk = shared.disk.as_ref();
        if let Some(last) = shared.last().filter(|_| self.suspect) {
            recover::verify(disk, last, self.next)?;
        }
        self.suspect = false;
        let segment = Segment {
            id: shared.id,
            number: recover::next_number(disk, &shared.name)?,
            base: self.next,
        };
        let (live, file) = recover::create(disk, segment, &self.window, &[])?;
        shared.add_segment(live);
        Ok(Tail::new(live, file, self.next))
    }

    /// Says behind a durable group that it is durable, and gives up a segment that is full.
    fn mark(&mut self) {
        let Some(mut tail) = self.tail.take_if(|tail| tail.marked != self.next) else {
            return;
        };
        let mut mark = Vec::new();
        tail.segment.codec().mark(&mut mark, self.next);
        // A segment without its mark is not written on: the next one proves as much.
        if tail.file.write_at(&mark, tail.length).is_err() {
            return;
        }
        tail.length += mark.len() as u64;
        tail.marked = self.next;
        let content = tail.length - tail.whole;
        self.tail = (content < self.shared.options.segment_bytes).then_some(tail);
    }

    /// The end: the last mark is made durable too.
    fn finish(&mut self) -> Option<Failure> {
        let tail = self.tail.take()?;
        let failed = tail.file.sync().err()?;
        Some(Failure::disk(&self.shared.name, "sync", &failed))
    }
}

/// Tells everybody when the thread ends, also by a panic.
struct Ended {
    shared: Arc<Shared>,
    failure: Option<Failure>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.shared.ended(self.failure.take());
    }
}
