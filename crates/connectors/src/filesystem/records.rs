//! A file of records, decoded front to back.
//!
//! ```text
//! file ─▶ decompress ─▶ buffer: │ used │ incomplete record │ free │ ─▶ decoder ─▶ rows
//!
//! stream   ──────────── mark ──── returned ───── decoded ────▶
//!                        └ rows and bad records behind it are counted
//! ```
//!
//! * The buffer holds what the decoder has not used. It is filled by a quarter of a MiB at a time,
//!   or by as much as is waiting, so a record of n bytes is looked at O(log n) times.
//! * A batch ends after `batch_rows` rows or a MiB of input, and between two fills other tasks get
//!   their turn.
//! * A *mark* is a place where a decoder without a past can begin: behind a line break, with no
//!   record reported that begins later (one beyond the size limit is reported before it is passed
//!   over). When a batch ends elsewhere, the mark stays and the position counts what is behind it.
//! * A decoder that begins at a mark is first given the beginning of the file until something comes
//!   out, which is thrown away: then it has passed over byte order mark and header, as the decoder
//!   had that told the position. The places of bad records are corrected by the difference.

use arrow::array::RecordBatch;
use millstream_core::connector::Position;
use millstream_core::format::{BadRecord, Decoder};
use millstream_core::{Code, Error, Result};

use super::input::{Blob, CHUNK, Input, lost};
use super::position::{InRecords, Mark};
use super::reader::Step;
use super::source::Layout;

/// A batch ends after this much input.
const BATCH_INPUT_BYTES: usize = 1 << 20;
/// A guard against a decoder that never finds the end of a record; they have lower limits.
const RECORD_BYTES_MAX: usize = 256 << 20;

/// A file that is being decoded.
pub(super) struct Records {
    blob: Blob,
    input: Input,
    decoder: Box<dyn Decoder>,
    buffer: Buffer,
    /// Input decoded since the last batch.
    decoded: usize,
    progress: Progress,
    /// What the decoder believes of its place is behind the truth by this much.
    behind: Mark,
}

impl Records {
    /// Opens a file at its beginning, or where a reader of it has stopped.
    pub(super) async fn open(layout: &Layout, blob: Blob, from: Option<&Position>) -> Result<Self> {
        let mut records = Records {
            input: Input::open(layout, &blob)?,
            blob,
            decoder: layout.decoder()?,
            buffer: Buffer::default(),
            decoded: 0,
            progress: Progress::default(),
            behind: Mark::default(),
        };
        if let Some(position) = from {
            records.resume(layout, InRecords::parse(position)?).await?;
        }
        Ok(records)
    }

    /// Where to go on after everything that was returned.
    pub(super) fn position(&self) -> Option<Position> {
        let progress = &self.progress;
        let position = InRecords {
            identity: self.blob.identity.clone(),
            mark: progress.mark,
            rows: progress.rows,
            bad: progress.bad,
        };
        progress.moved.then(|| position.to_position())
    }

    async fn resume(&mut self, layout: &Layout, from: InRecords) -> Result<()> {
        let (then, now) = (from.identity.size, self.blob.identity.size);
        if then != now {
            return Err(lost(
                layout,
                &self.blob.found.path,
                format_args!("changed while it was read: it had {then} bytes and has {now} now"),
            ));
        }
        self.progress = Progress {
            used: from.mark,
            mark: from.mark,
            rows: from.rows,
            bad: from.bad,
            passed_rows: from.rows,
            passed_bad: from.bad,
            moved: true,
            ..Progress::default()
        };
        if from.mark == Mark::default() {
            return Ok(());
        }
        let untouched = from.identity == self.blob.identity;
        let begun = self.begin(layout).await?;
        self.input = Input::open_at(layout, &self.blob, from.mark, untouched).await?;
        self.buffer = Buffer::default();
        self.behind = Mark {
            at: from.mark.at.wrapping_sub(begun.at),
            lines: from.mark.lines.wrapping_sub(begun.lines),
            crc: 0,
        };
        Ok(())
    }

    /// Decodes the beginning of the file until something comes out, and throws it away. Returns how
    /// far the decoder has come. Whole lines only, so that nothing incomplete stays in its memory.
    async fn begin(&mut self, layout: &Layout) -> Result<Mark> {
        let mut begun = Mark::default();
        let mut lines = 1;
        loop {
            let waiting = self.buffer.waiting();
            let mut ends = memchr::memchr_iter(b'\n', waiting).map(|at| at + 1);
            let end = match (ends.nth(lines - 1), self.buffer.at_end) {
                (Some(end), _) => end,
                (None, false) => {
                    self.fill(layout).await?;
                    tokio::task::yield_now().await;
                    continue;
                }
                (None, true) => memchr::memrchr(b'\n', waiting).map_or(0, |at| at + 1),
            };
            let used = self.decoder.decode(&waiting[..end], false);
            let used = used.map_err(|error| self.named(error))?.min(end);
            begun.add(self.buffer.take(used));
            let came = self.decoder.rows() > 0 || !self.decoder.take_bad().is_empty();
            if came {
                self.decoder.flush()?;
                self.decoder.take_bad();
            }
            // If nothing has come at the end, only a last record without a line break has brought
            // what was returned: nothing follows the mark, and any decoder will do.
            if came || (used == 0 && self.buffer.at_end && lines > self.buffer.len()) {
                return Ok(begun);
            }
            lines = if used > 0 { 1 } else { lines * 2 };
        }
    }

    fn decode(&mut self) -> Result<usize> {
        let (waiting, at_end) = (self.buffer.waiting(), self.buffer.at_end);
        let used = self.decoder.decode(waiting, at_end);
        Ok(used.map_err(|error| self.named(error))?.min(waiting.len()))
    }

    fn named(&self, error: Error) -> Error {
        error.context(format_args!("file '{}'", self.blob.found.path))
    }

    /// Decodes what is waiting; if that does not make a batch, reads another chunk.
    pub(super) async fn step(&mut self, layout: &Layout) -> Result<Step> {
        let used = self.decode()?;
        self.progress.use_up(self.buffer.take(used));
        self.decoded += used;
        let full = self.decoder.is_full();
        let done = self.buffer.at_end && self.buffer.is_empty();
        if full || done || self.decoded >= BATCH_INPUT_BYTES {
            self.decoded = 0;
            let bad = self.decoder.take_bad();
            if self.decoder.rows() > 0 || !bad.is_empty() || full {
                let rows = self.decoder.flush()?;
                return Ok(self.progress.returned(rows, self.placed(bad), done));
            }
        }
        if done {
            return Ok(Step::End);
        }
        if self.buffer.at_end {
            return match used {
                0 => Err(Error::internal(format!(
                    "the decoder of '{}' stands still",
                    self.blob.found.path
                ))),
                _ => Ok(Step::More),
            };
        }
        self.fill(layout).await?;
        Ok(Step::More)
    }

    /// Bad records at their true places.
    fn placed(&self, mut bad: Vec<BadRecord>) -> Vec<BadRecord> {
        for record in &mut bad {
            record.offset = record.offset.wrapping_add(self.behind.at);
            record.line = record.line.wrapping_add(self.behind.lines);
        }
        bad
    }

    async fn fill(&mut self, layout: &Layout) -> Result<()> {
        if self.buffer.len() > RECORD_BYTES_MAX {
            return Err(Error::new(
                Code::Read,
                format!(
                    "{}: a record of file '{}' is longer than {RECORD_BYTES_MAX} bytes",
                    layout.owner, self.blob.found.path
                ),
            ));
        }
        self.buffer.fill(layout, &mut self.input).await
    }
}

/// What has been decoded and returned.
#[derive(Default)]
struct Progress {
    /// Everything the decoder has used.
    used: Mark,
    last_byte: u8,
    /// Where another decoder can begin.
    mark: Mark,
    /// Rows and bad records behind the mark.
    rows: u64,
    bad: u64,
    /// How many of them were returned in an earlier life, and are still to come.
    passed_rows: u64,
    passed_bad: u64,
    /// True once something was returned, in this life or an earlier one.
    moved: bool,
}

impl Progress {
    fn use_up(&mut self, bytes: &[u8]) {
        self.used.add(bytes);
        self.last_byte = bytes.last().copied().unwrap_or(self.last_byte);
    }

    /// Notes that rows and bad records are returned, without those that have been before.
    fn returned(&mut self, rows: RecordBatch, mut bad: Vec<BadRecord>, done: bool) -> Step {
        let is_mark = (done || matches!(self.last_byte, b'\n' | b'\r'))
            && bad.iter().all(|record| record.offset < self.used.at);
        let passed = (rows.num_rows() as u64).min(self.passed_rows);
        self.passed_rows -= passed;
        let rows = rows.slice(passed as usize, rows.num_rows() - passed as usize);
        let passed = (bad.len() as u64).min(self.passed_bad);
        self.passed_bad -= passed;
        bad.drain(..passed as usize);
        self.rows += rows.num_rows() as u64;
        self.bad += bad.len() as u64;
        if is_mark && self.passed_rows == 0 && self.passed_bad == 0 {
            self.mark = self.used;
            self.rows = 0;
            self.bad = 0;
        }
        if rows.num_rows() == 0 && bad.is_empty() {
            return Step::More;
        }
        self.moved = true;
        Step::Batch(rows, bad)
    }
}

impl Mark {
    fn add(&mut self, bytes: &[u8]) {
        self.at += bytes.len() as u64;
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }
}

/// Bytes that wait to be decoded.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Nothing follows what is waiting.
    at_end: bool,
}

impl Buffer {
    fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn len(&self) -> usize {
        self.end - self.start
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `used` bytes, which no longer wait.
    fn take(&mut self, used: usize) -> &[u8] {
        let from = self.start;
        self.start += used;
        &self.bytes[from..self.start]
    }

    /// Reads behind what is waiting, at least a byte unless the file ends. Dropped halfway it has
    /// lost nothing.
    async fn fill(&mut self, layout: &Layout, input: &mut Input) -> Result<()> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        // By a quarter: a record that only looks long must not take three times its size.
        let wanted = self.end + CHUNK.max(self.end / 4);
        if self.bytes.len() < wanted {
            self.bytes.reserve_exact(wanted - self.bytes.len());
            self.bytes.resize(wanted, 0);
        }
        let read = input
            .read(layout, &mut self.bytes[self.end..wanted])
            .await?;
        self.end += read;
        self.at_end = read == 0;
        Ok(())
    }
}
