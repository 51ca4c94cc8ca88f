//! JSON lines: finds the records in a stream of bytes and hands each to the [`Reader`].
//!
//! * One record per line, as in Flink's files. Blank lines are none; the last line needs no line
//!   break. A byte order mark at the start is skipped.
//! * Cutting the stream at other places changes nothing: a line that has not ended is left to the
//!   caller, and what has been searched for its end is not searched again.
//! * A line beyond the record limit is reported once and skipped to its end, without being kept.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use memchr::memchr;
use millstream_core::Result;
use millstream_core::format::{self, BadRecord};

use super::read::{Fault, Reader, Rules};
use super::scan::Syntax;
use crate::batch::{Batch, Place, RECORD_BYTES_MAX};
use crate::reason::{not_utf8, shown};

/// The byte order mark of UTF-8.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Decodes JSON lines.
#[derive(Debug)]
pub(crate) struct Decoder {
    rules: Rules,
    reader: Reader,
    batch: Batch,
    place: Place,
    /// How much of the incomplete line in front has been searched for its end.
    searched: usize,
    /// Within a line beyond the limit, which has been reported.
    oversized: bool,
    /// True before the first byte of a file or message.
    at_start: bool,
    record_bytes_max: usize,
}

impl Decoder {
    pub(crate) fn new(schema: SchemaRef, rules: Rules) -> Result<Self> {
        let batch = Batch::new(schema)?;
        Ok(Decoder {
            rules,
            reader: Reader::new(&batch.columns, rules),
            batch,
            place: Place::START,
            searched: 0,
            oversized: false,
            at_start: true,
            record_bytes_max: RECORD_BYTES_MAX,
        })
    }

    /// Length of the line in front of `input` with its line break; `None` if it has not ended.
    fn line(&mut self, input: &[u8], last: bool) -> Option<usize> {
        let unsearched = input.get(self.searched..).unwrap_or_default();
        let end = memchr(b'\n', unsearched).map(|at| self.searched + at + 1);
        match end {
            None if last && !input.is_empty() => Some(input.len()),
            None => {
                self.searched = input.len();
                None
            }
            Some(_) => end,
        }
    }

    /// Length of the byte order mark in front; `None` if too little is there to tell.
    fn mark(&mut self, input: &[u8], last: bool) -> Option<usize> {
        if !last && input.len() < BOM.len() && BOM.starts_with(input) {
            return None;
        }
        self.at_start = false;
        Some(if input.starts_with(BOM) { BOM.len() } else { 0 })
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.place.offset += bytes.len() as u64;
        self.place.line += u64::from(bytes.ends_with(b"\n"));
        self.searched = 0;
    }

    /// Decodes one line, without its line break.
    fn record(&mut self, line: &[u8]) {
        if line.len() > self.record_bytes_max {
            return self.report_oversized(line);
        }
        if line.trim_ascii().is_empty() {
            return;
        }
        let rows = self.batch.rows();
        let ignored = self.rules.ignore_errors;
        if let Err(error) = std::str::from_utf8(line) {
            let reason = not_utf8(line, error, self.place.offset);
            return self.batch.refuse(self.place, reason, line, ignored);
        }
        match self.reader.record(line, &mut self.batch.columns, rows) {
            Ok(()) => {
                self.batch.commit(line.len());
                if let Some(trouble) = self.reader.take_ignored() {
                    self.batch.note_ignored(self.place, &trouble, line);
                }
            }
            Err(fault) => {
                self.reader.take_ignored();
                let reason = match fault {
                    Fault::Syntax(error) => syntax(line, error),
                    Fault::Value(trouble) => trouble.to_string(),
                };
                self.batch.refuse(self.place, reason, line, ignored);
            }
        }
    }

    fn report_oversized(&mut self, line: &[u8]) {
        let reason = format!("a record longer than {} bytes", self.record_bytes_max);
        let evidence = &line[..line.len().min(self.record_bytes_max)];
        self.batch
            .refuse(self.place, reason, evidence, self.rules.ignore_errors);
    }

    /// Passes over the rest of a line beyond the limit; returns how much of `input` that is.
    fn skip_oversized(&mut self, input: &[u8], last: bool) -> usize {
        let end = memchr(b'\n', input).map(|at| at + 1);
        self.oversized = end.is_none() && !last;
        let used = end.unwrap_or(input.len());
        self.pass(&input[..used]);
        used
    }
}

/// A syntax error in words.
fn syntax(line: &[u8], error: Syntax) -> String {
    let found = match line.get(error.at..) {
        None | Some([]) => "the end of the line".to_string(),
        Some(rest) => shown(&rest[..rest.len().min(80)]),
    };
    format!(
        "not a JSON record: wanted {} at byte {}, found {found}",
        error.wanted, error.at
    )
}

impl format::Decoder for Decoder {
    fn set_batch_rows(&mut self, rows: usize) {
        self.batch.set_rows_max(rows);
    }

    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize> {
        let mut used = 0;
        while !self.batch.is_full() {
            let rest = &input[used..];
            if self.at_start && !rest.is_empty() {
                let Some(mark) = self.mark(rest, last) else {
                    return Ok(used);
                };
                self.place.offset += mark as u64;
                used += mark;
                continue;
            }
            if self.oversized {
                used += self.skip_oversized(rest, last);
                if used == input.len() {
                    break;
                }
                continue;
            }
            if let Some(length) = self.line(rest, last) {
                let line = &rest[..length];
                self.record(line.strip_suffix(b"\n").unwrap_or(line));
                self.pass(line);
                used += length;
                continue;
            }
            if rest.len() <= self.record_bytes_max {
                break;
            }
            self.report_oversized(rest);
            self.oversized = true;
        }
        if last && used == input.len() {
            // Whatever is decoded next is another message, and so another line.
            self.at_start = true;
            self.oversized = false;
            self.place.line += u64::from(!input.is_empty() && !input.ends_with(b"\n"));
        }
        Ok(used)
    }

    /// A message is one record, on as many lines as it likes.
    fn decode_message(&mut self, message: &[u8]) -> Result<()> {
        self.place = Place::START;
        let record = message.strip_prefix(BOM).unwrap_or(message);
        if record.trim_ascii().is_empty() {
            let reason = "not a JSON record: wanted an object '{...}', found nothing".to_string();
            self.batch
                .refuse(self.place, reason, message, self.rules.ignore_errors);
            return Ok(());
        }
        self.record(record);
        Ok(())
    }

    fn rows(&self) -> usize {
        self.batch.rows()
    }

    fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    fn flush(&mut self) -> Result<RecordBatch> {
        self.batch.flush()
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.batch.take_bad()
    }
}

#[cfg(test)]
impl Decoder {
    /// The same decoder with a record limit that a test can exceed.
    pub(super) fn with_record_bytes_max(mut self, bytes: usize) -> Self {
        self.record_bytes_max = bytes;
        self
    }
}
