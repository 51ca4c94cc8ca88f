//! The ingestion journal: what was pushed to us is on disk before we say "thank you".
//!
//! A source that can be asked again (Kafka, files) needs no copy. One that pushes (HTTP, MQTT) gets
//! its answer after its records are durable here, and the job reads them from here, from any
//! sequence, as often as it must.
//!
//! ```text
//! pushers ─ append ─▶ queue ─▶ writer ─ one fsync per group ─▶ segments ─▶ readers ─▶ jobs
//!         ◀─ acknowledged ──────┘                                 ▲
//!                                    truncate_before(sequence) ───┘ after a committed checkpoint
//! ```
//!
//! * Always: an acknowledged record is on disk, once, under a sequence that counts up without a gap.
//!   A record that was *not* acknowledged may be there too: append it again with the same
//!   idempotency key, and it stays one.
//! * Always: readers see durable records only. A record that was acknowledged and cannot be read is
//!   an error with file and offset, never the end of the journal ([`recover`]).
//! * A group is fsynced at once when the last fsync is `flush_interval` ago, otherwise then, or when
//!   `flush_bytes` wait: one pusher pays one fsync, a thousand pushers share it.
//! * A full disk, or `bytes_max` of records nobody has confirmed, holds appenders back until
//!   `append_timeout`; it heals by itself when there is room again.
//! * Cost: one thread; memory for `buffer_bytes` of waiting records and the idempotency keys; opening
//!   reads the last segment.
//! * Sources: group commit, DeWitt et al., SIGMOD 1984; segments and sequences as in Kafka's log.

mod disk;
mod error;
mod frame;
mod lock;
mod reader;
mod record;
mod recover;
mod scan;
mod segment;
mod shared;
#[cfg(test)]
mod tests;
mod window;
mod writer;

pub use disk::{Disk, File, Local};
pub use reader::Reader;
pub use record::{Entry, HEADERS_MAX, IDEMPOTENCY_KEY_MAX, RECORD_MAX, Record, STREAM_MAX};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::{Code, Error, Result};
use tokio::sync::{Semaphore, oneshot};

use lock::{Attempt, Lock};
use shared::{Request, Shared};
use writer::Writer;

/// How long opening waits for the same process to finish closing.
const CLOSING_MAX: Duration = Duration::from_secs(5);
/// The queue counts its room in pieces of this many bytes.
const ROOM_UNIT: usize = 1024;

/// How a journal works. The first who opens a journal in a process decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Least time between the beginnings of two fsyncs; at most 20 ms.
    pub flush_interval: Duration,
    /// This many waiting bytes are fsynced at once.
    pub flush_bytes: usize,
    /// A segment with this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// Most bytes on disk; at it, appenders wait until records are removed.
    pub bytes_max: u64,
    /// Most bytes that wait to be written; also of one `append`.
    pub buffer_bytes: usize,
    /// Longest time an append waits.
    pub append_timeout: Duration,
    /// How many idempotency keys are remembered; the oldest are forgotten first.
    pub dedupe_keys: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            flush_interval: Duration::from_millis(10),
            flush_bytes: 1 << 20,
            segment_bytes: 64 << 20,
            bytes_max: 8 << 30,
            buffer_bytes: 32 << 20,
            append_timeout: Duration::from_secs(30),
            dedupe_keys: 100_000,
        }
    }
}

impl Options {
    /// Refuses values with which the journal could not keep its promises.
    fn check(&self) -> Result<()> {
        let refuse = |what: &str, wanted: String, found: String| {
            Err(Error::new(
                Code::InvalidOption,
                format!("the {what} of a journal wants {wanted}, found {found}"),
            ))
        };
        if self.flush_interval > Duration::from_millis(20) {
            let found = format!("{:?}", self.flush_interval);
            return refuse("flush interval", "at most 20 ms".into(), found);
        }
        if self.buffer_bytes > 1 << 30 {
            let found = format!("{} bytes", self.buffer_bytes);
            return refuse("buffer", "at most 1 GiB".into(), found);
        }
        if self.segment_bytes > 4 << 30 {
            let found = format!("{} bytes", self.segment_bytes);
            return refuse("segment size", "at most 4 GiB".into(), found);
        }
        if self.dedupe_keys > 1_000_000 {
            let found = self.dedupe_keys.to_string();
            return refuse(
                "number of idempotency keys",
                "at most 1000000".into(),
                found,
            );
        }
        // Otherwise the last segment, which cannot be removed, could fill it for ever.
        let keys = self.dedupe_keys as u64 * 40;
        let least = 2 * (self.segment_bytes + self.buffer_bytes as u64 + keys);
        if self.bytes_max < least {
            let wanted = format!("at least twice a segment and the buffer, {least} bytes");
            return refuse("size limit", wanted, format!("{} bytes", self.bytes_max));
        }
        Ok(())
    }
}

/// What became of an append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of each record, in the order of the append; for a record whose idempotency key
    /// was known that of the first one.
    pub sequences: Vec<u64>,
    /// How many of them were known.
    pub duplicates: usize,
}

/// An open journal; clones are the same one. It is closed when the last of them and the last reader
/// are gone, or by [`close`](Self::close).
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Journal {
    /// Opens the journal in a folder, or makes one; the same one if this process has it open. Reads
    /// the last segment, so it blocks.
    ///
    /// # Errors
    /// [`Code::Fenced`] if another process has it open; [`Code::InputLost`] if it is damaged.
    pub fn open(folder: &Path, options: Options, clock: SharedClock) -> Result<Journal> {
        options.check()?;
        let name = folder.display().to_string();
        let disk = Local::at(folder).map_err(|cause| error::write(&name, "create", cause))?;
        let path = folder
            .canonicalize()
            .map_err(|cause| error::read(&name, cause))?;
        let start = clock.elapsed();
        loop {
            let attempt = {
                // Held over the attempt, so that nobody here reads the id of this process before
                // it is in the file.
                let open = lock::OPEN.lock();
                let found = open.get(&path).and_then(std::sync::Weak::upgrade);
                if let Some(inner) = found.filter(|inner| !inner.shared.is_closing()) {
                    return Ok(Journal { inner });
                }
                Lock::attempt(folder)?
            };
            match attempt {
                Attempt::Held(held) => {
                    let journal = Self::start(Box::new(disk), name, options, clock, Some(held))?;
                    let mut open = lock::OPEN.lock();
                    open.retain(|_, inner| inner.strong_count() > 0);
                    open.insert(path, Arc::downgrade(&journal.inner));
                    return Ok(journal);
                }
                Attempt::Other(pid) => return Err(lock::fenced(folder, &pid)),
                Attempt::Own if clock.elapsed().saturating_sub(start) > CLOSING_MAX => {
                    return Err(lock::fenced(folder, &std::process::id().to_string()));
                }
                Attempt::Own => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Opens the journal on a disk that is not a folder of this machine; nobody else may use it.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the lock.
    pub fn open_on(disk: Box<dyn Disk>, options: Options, clock: SharedClock) -> Result<Journal> {
        options.check()?;
        Self::start(disk, "disk".into(), options, clock, None)
    }

    fn start(
        disk: Box<dyn Disk>,
        name: String,
        options: Options,
        clock: SharedClock,
        lock: Option<Lock>,
    ) -> Result<Journal> {
        let found = recover::recover(disk.as_ref(), &name, options.dedupe_keys)?;
        let room = Arc::new(Semaphore::new(options.buffer_bytes / ROOM_UNIT + 1));
        let (id, end) = (found.id, found.end);
        let shared = Shared::new(name, id, disk, options, clock, found.segments, end);
        let shared = Arc::new(shared);
        let writer = Writer::new(Arc::clone(&shared), found.window, found.file, lock);
        std::thread::Builder::new()
            .name("journal-writer".into())
            .spawn(move || writer.run())
            .map_err(|e| Error::internal("cannot start the writer of a journal").caused_by(e))?;
        let inner = Arc::new(Inner { shared, room });
        Ok(Journal { inner })
    }

    /// Appends records, in their order, and returns once they are durable. They become durable
    /// together or one after the other; after an error, or when the future is dropped, some or all
    /// may be there. Must be called within a tokio runtime with timers.
    ///
    /// # Errors
    /// [`Code::BadRecord`] for a record beyond the limits; nothing is appended then.
    /// [`Code::Write`] or [`Code::Unavailable`], with the remedy to retry, if the disk refuses, or
    /// if it took longer than `append_timeout`.
    pub async fn append(&self, records: Vec<Record>) -> Result<Appended> {
        if records.is_empty() {
            return Ok(Appended::default());
        }
        let shared = &self.inner.shared;
        let mut bytes = 0;
        for record in &records {
            record.check()?;
            bytes += record.bytes() + frame::HEAD + 16;
        }
        if bytes > shared.options.buffer_bytes {
            return Err(Error::new(
                Code::BadRecord,
                format!(
                    "an append to journal '{}' has {bytes} bytes, wanted at most {}",
                    shared.name, shared.options.buffer_bytes
                ),
            ));
        }
        let wait = self.enqueue(records, bytes);
        match tokio::time::timeout(shared.options.append_timeout, wait).await {
            Ok(done) => done,
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn enqueue(&self, records: Vec<Record>, bytes: usize) -> Result<Appended> {
        let Inner { shared, room } = self.inner.as_ref();
        let units = (bytes / ROOM_UNIT + 1).min(shared.options.buffer_bytes / ROOM_UNIT + 1);
        let room = Arc::clone(room).acquire_many_owned(units as u32).await;
        let room = room.map_err(|_| shared.is_closed())?;
        let (done, answer) = oneshot::channel();
        shared.push(Request {
            records,
            bytes,
            done,
            _room: room,
        })?;
        match answer.await {
            Ok(Ok(appended)) => Ok(appended),
            Ok(Err(failure)) => Err(failure.error()),
            Err(_) => Err(shared.is_closed()),
        }
    }

    fn timed_out(&self) -> Error {
        let shared = &self.inner.shared;
        let waited = shared.options.append_timeout;
        let (bytes, most) = (shared.bytes(), shared.options.bytes_max);
        if bytes + shared.options.buffer_bytes as u64 > most {
            return error::unavailable(format!(
                "journal '{}' is full: {bytes} of {most} bytes, and no room within {waited:?}",
                shared.name
            ))
            .hint("records are removed after a checkpoint of the job that reads them");
        }
        error::unavailable(format!(
            "journal '{}' did not make records durable within {waited:?}",
            shared.name
        ))
        .hint("whether they are kept is not known: append them again")
    }

    /// A reader from a sequence on, which must be in the journal, or right behind its end.
    ///
    /// # Errors
    /// [`Code::InputLost`] if the record was removed, or if the journal is shorter.
    pub fn reader(&self, from: u64) -> Result<Reader> {
        Reader::new(self.clone(), Arc::clone(&self.inner.shared), from)
    }

    /// Removes segments all of whose records lie before `sequence`; the last one stays. Blocks for
    /// as long as the disk does. Returns the first sequence that is still there.
    ///
    /// # Errors
    /// A sequence behind the end; a file that cannot be removed, and then the later ones stay.
    pub fn truncate_before(&self, sequence: u64) -> Result<u64> {
        let shared = &self.inner.shared;
        if sequence > shared.end() {
            return Err(error::lost(format!(
                "journal '{}' ends before record {}, wanted to remove all before {sequence}",
                shared.name,
                shared.end()
            )));
        }
        while let Some(segment) = shared.oldest_before(sequence) {
            let name = segment.name();
            // One after the other, each durable, so that no crash leaves a hole.
            match shared.disk.remove(&name).and_then(|()| shared.disk.sync()) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error::write(&name, "remove", cause));
                }
                _ => shared.remove_oldest(segment),
            }
        }
        Ok(shared.start())
    }

    /// The journal's own number: another one in the same folder is another journal.
    pub fn id(&self) -> u64 {
        self.inner.shared.id
    }

    /// The first sequence that is still there.
    pub fn start_sequence(&self) -> u64 {
        self.inner.shared.start()
    }

    /// The sequence after the last durable record.
    pub fn end_sequence(&self) -> u64 {
        self.inner.shared.end()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.inner.shared.bytes()
    }

    /// Makes durable what is queued, closes the journal for everybody, and releases the lock.
    ///
    /// # Errors
    /// If the last bytes, which only speed up the next opening, could not be made durable: nothing
    /// acknowledged is lost.
    pub async fn close(self) -> Result<()> {
        let shared = Arc::clone(&self.inner.shared);
        shared.close();
        let mut ends = shared.ends.subscribe();
        let ended = async {
            let ends = ends.wait_for(|ends| ends.closed.is_some()).await;
            ends.map(|ends| ends.closed.clone())
                .ok()
                .flatten()
                .flatten()
        };
        match tokio::time::timeout(shared.options.append_timeout, ended).await {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure.error()),
            Err(_) => Err(self.timed_out()),
        }
    }
}
