//! Reading: records in their order, from any sequence, waiting for new ones at the end.
//!
//! * Only durable records are ever returned.
//! * Every frame is checked; a record that was durable and cannot be read is an error that names
//!   file and offset, and stays one.
//! * Files are read on a thread that may wait; dropping the future of [`Reader::next`] loses nothing.
//! * Cost: sequential reads of 256 KiB. The first read looks for its place from the beginning of
//!   the segment.

use std::io;
use std::sync::Arc;

use millstream_core::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::frame::Frame;
use super::record::{Entry, Record};
use super::scan::{Scan, Scanned};
use super::shared::{Ends, Live, Shared};
use super::{Journal, error};

/// A batch ends with the record that reaches this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// Reads a journal; any number of them, each with a place of its own.
pub struct Reader {
    /// Keeps the journal open.
    _journal: Journal,
    shared: Arc<Shared>,
    ends: watch::Receiver<Ends>,
    next: u64,
    /// `None` while a thread has it.
    place: Option<Place>,
    busy: Option<JoinHandle<(Place, Result<Vec<Entry>>)>>,
}

impl Reader {
    pub(super) fn new(journal: Journal, shared: Arc<Shared>, from: u64) -> Result<Self> {
        let end = shared.end();
        if from < shared.start() {
            return Err(shared.too_early(from));
        }
        if from > end {
            return Err(error::lost(format!(
                "journal '{}' ends before record {end}, wanted to go on with record {from}",
                shared.name
            ))
            .hint("records that were read once are gone: the folder was replaced or cut short"));
        }
        Ok(Reader {
            _journal: journal,
            ends: shared.ends.subscribe(),
            place: Some(Place {
                shared: Arc::clone(&shared),
                next: from,
                scan: None,
            }),
            shared,
            next: from,
            busy: None,
        })
    }

    /// The sequence of the next record.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next records, at least one and at most `records_max`; waits for them. Must be called
    /// within a tokio runtime. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Records that are damaged or were removed; a journal that was closed and is read to its end.
    pub async fn next(&mut self, records_max: usize) -> Result<Vec<Entry>> {
        loop {
            if self.busy.is_none() {
                self.wait().await?;
                let Some(mut place) = self.place.take() else {
                    return Err(Error::internal("the reader of a journal has failed before"));
                };
                self.busy = Some(tokio::task::spawn_blocking(move || {
                    let read = place.read(records_max.max(1));
                    (place, read)
                }));
            }
            let Some(busy) = &mut self.busy else { continue };
            let done = busy.await;
            self.busy = None;
            let (place, read) =
                done.map_err(|e| Error::internal("the reader of a journal failed").caused_by(e))?;
            let next = place.next;
            self.place = Some(place);
            let entries = read?;
            self.next = next;
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
    }

    /// The next records that are there now, at most `records_max`; none at the end. Blocks for as
    /// long as the disk does.
    ///
    /// # Errors
    /// As [`next`](Self::next), and if the future of `next` was dropped before it was done.
    pub fn read_now(&mut self, records_max: usize) -> Result<Vec<Entry>> {
        let Some(place) = &mut self.place else {
            return Err(Error::internal("the reader of a journal is busy"));
        };
        let entries = place.read(records_max)?;
        self.next = place.next;
        Ok(entries)
    }

    async fn wait(&mut self) -> Result<()> {
        loop {
            {
                let ends = self.ends.borrow_and_update();
                if ends.end > self.next {
                    return Ok(());
                }
                if ends.closed.is_some() {
                    return Err(self.shared.is_closed());
                }
            }
            if self.ends.changed().await.is_err() {
                return Err(self.shared.is_closed());
            }
        }
    }
}

/// A place in the journal.
struct Place {
    shared: Arc<Shared>,
    next: u64,
    scan: Option<Scan>,
}

impl Place {
    /// What can be read; an error only if there is nothing before it. The next call meets it again.
    fn read(&mut self, records_max: usize) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        match self.fill(records_max, &mut entries) {
            Err(error) if entries.is_empty() => Err(error),
            _ => Ok(entries),
        }
    }

    fn fill(&mut self, records_max: usize, entries: &mut Vec<Entry>) -> Result<()> {
        let end = self.shared.end();
        let mut bytes = 0;
        while self.next < end && entries.len() < records_max && bytes < BATCH_BYTES {
            let (live, until) = self.shared.segment_of(self.next)?;
            let until = until.map_or(end, |until| until.min(end));
            let mut scan = self.scan(live)?;
            while self.next < until && entries.len() < records_max && bytes < BATCH_BYTES {
                if let Some(record) = next_record(&mut scan, live, self.next)? {
                    bytes += record.bytes();
                    let sequence = self.next;
                    entries.push(Entry { sequence, record });
                    self.next += 1;
                }
            }
            self.scan = Some(scan);
        }
        Ok(())
    }

    /// The open segment, if it is the wanted one; otherwise the wanted one from its beginning.
    fn scan(&mut self, live: Live) -> Result<Scan> {
        if let Some(scan) = self.scan.take().filter(|scan| scan.segment == live.segment) {
            return Ok(scan);
        }
        let name = live.segment.name();
        match self.shared.disk.open(&name) {
            Ok(file) => Ok(Scan::new(live.segment, file)),
            // Removed since we were told of it, or by somebody else.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Err(error::lost(format!("journal file '{name}' is gone")).caused_by(cause))
            }
            Err(cause) => Err(error::read(&name, cause)),
        }
    }
}

/// The record `wanted`, or `None` for a frame before it.
fn next_record(scan: &mut Scan, live: Live, wanted: u64) -> Result<Option<Record>> {
    let offset = scan.offset();
    let damaged = |what: String| Err(error::damaged(&live.segment.name(), offset, what));
    match scan.next(live.bytes)? {
        Scanned::Frame(Frame::Record { sequence, body, .. }) if sequence == wanted => {
            match Record::decode(&body) {
                Some(record) => Ok(Some(record)),
                None => damaged("a record cannot be decoded".into()),
            }
        }
        Scanned::Frame(Frame::Record { sequence, .. }) if sequence > wanted => {
            damaged(format!("wanted record {wanted}, found record {sequence}"))
        }
        Scanned::Frame(_) => Ok(None),
        Scanned::Bad(why) => damaged(why.to_owned()),
        Scanned::End => damaged(format!("it ends before record {wanted}")),
    }
}
