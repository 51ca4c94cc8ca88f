//! The seam between transports and codecs: bytes ⇄ rows.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::options::{OptionSpec, Options};
use crate::{Error, Result};

/// A codec, chosen by `'format' = 'json'`.
pub trait Format: Send + Sync {
    /// The name users write.
    fn name(&self) -> &'static str;
    /// Its options without the `json.` in front.
    fn options(&self) -> &'static [OptionSpec];
    /// A decoder for records whose columns are `schema`. `options` have lost their prefix.
    fn decoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Decoder>>;
    /// A decoder that delivers only the columns at `projection` of records whose columns are
    /// `schema`. A format that can leave the other columns undecoded overrides this.
    fn projected_decoder(
        &self,
        schema: SchemaRef,
        projection: &[usize],
        options: &Options,
    ) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(Projected {
            decoder: self.decoder(schema, options)?,
            projection: projection.to_vec(),
        }))
    }
    /// An encoder for rows of `schema`. `options` have lost their prefix.
    fn encoder(&self, schema: SchemaRef, options: &Options) -> Result<Box<dyn Encoder>>;
}

/// Turns the bytes of one file, or of one message after the other, into rows.
///
/// ```text
/// { decode* | flush | take_bad }*      one decoder reads one file, or any number of messages
/// ```
///
/// A record that cannot be decoded never fails the call: it leaves no row and is reported by
/// `take_bad`. An `Err` means that the decoder itself cannot go on.
pub trait Decoder: Send {
    /// Sets how many rows make a batch; at least 1. Before the first `decode`.
    fn set_batch_rows(&mut self, rows: usize);
    /// Decodes whole records from the front of `input` until it ends or `flush` is due; returns
    /// how many bytes were used. What is left is an incomplete record: call again with it in front
    /// of more bytes, or with `last` set when nothing follows, and then everything is used.
    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize>;
    /// Decodes one whole message, whatever is in it: adds exactly one row, or none and one bad
    /// record (with place 0, which the caller replaces) that says why. Never called once `is_full`,
    /// nor mixed with `decode`.
    ///
    /// # Errors
    /// A format whose records are no messages, such as one for whole files.
    fn decode_message(&mut self, _message: &[u8]) -> Result<()> {
        Err(Error::unsupported(
            "the format reads files, not the messages of a queue",
        ))
    }
    /// Adds a row for a message that is no bytes at all, if the format has one for it.
    fn decode_null(&mut self) -> bool {
        false
    }
    /// Number of rows waiting for `flush`.
    fn rows(&self) -> usize;
    /// True once the waiting rows should be flushed, and the bad records taken, before more is
    /// decoded. Only bad records may be waiting: then `flush` returns a batch without rows.
    fn is_full(&self) -> bool;
    /// The waiting rows as one batch of the decoder's schema.
    fn flush(&mut self) -> Result<RecordBatch>;
    /// The records that could not be decoded since the last call.
    fn take_bad(&mut self) -> Vec<BadRecord>;
}

/// A record that could not be decoded, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Offset of its first byte in the decoded stream (the file after decompression), or of the
    /// record in its partition.
    pub offset: u64,
    /// Line of its first byte, from 1; 0 where the source has records and no lines.
    pub line: u64,
    /// Why, in the words of an error message: names the column, what was wanted and what was found.
    pub reason: String,
    /// The raw bytes, cut at [`BadRecord::BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// True if an option of the format (`ignore-parse-errors`) already decided what happens: the
    /// record was passed over, or its bad field became NULL. To be counted, never a failure.
    pub ignored: bool,
}

impl BadRecord {
    /// Longest evidence that is kept of one record.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// A bad record with its bytes cut to the limit.
    pub fn new(offset: u64, line: u64, reason: impl Into<String>, bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(Self::BYTES_MAX)];
        BadRecord {
            offset,
            line,
            reason: reason.into(),
            bytes: kept.to_vec(),
            ignored: false,
        }
    }
}

/// Decodes every column and delivers some.
struct Projected {
    decoder: Box<dyn Decoder>,
    projection: Vec<usize>,
}

impl Decoder for Projected {
    fn set_batch_rows(&mut self, rows: usize) {
        self.decoder.set_batch_rows(rows);
    }

    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize> {
        self.decoder.decode(input, last)
    }

    fn decode_message(&mut self, message: &[u8]) -> Result<()> {
        self.decoder.decode_message(message)
    }

    fn decode_null(&mut self) -> bool {
        self.decoder.decode_null()
    }

    fn rows(&self) -> usize {
        self.decoder.rows()
    }

    fn is_full(&self) -> bool {
        self.decoder.is_full()
    }

    fn flush(&mut self) -> Result<RecordBatch> {
        Ok(self.decoder.flush()?.project(&self.projection)?)
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.decoder.take_bad()
    }
}

/// Turns rows into bytes.
pub trait Encoder: Send {
    /// Bytes at the beginning of each file, such as a CSV header; usually none.
    fn header(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
    /// Appends each row to `out`, with its line break where the format has one, and the position
    /// in `out` after each row to `ends`.
    fn encode(
        &mut self,
        rows: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()>;
    /// Length of the line break at the end of each encoded row, which a message does without.
    fn line_break_bytes(&self) -> usize {
        0
    }
}

/// The formats of this build, looked up by name.
pub type Formats = Arc<dyn Fn(&str) -> Result<&'static dyn Format> + Send + Sync>;
