//! Reads the frames of a segment in order, and looks for frames behind a bad one.
//!
//! Memory: one chunk, or one frame where that is larger. Bodies are slices of the chunk.

use bytes::Bytes;
use millstream_core::Result;

use super::disk::File;
use super::error;
use super::frame::{Codec, Frame, HEAD};
use super::segment::{HEADER, Segment, fill};

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// What lies at a place.
#[derive(Debug)]
pub(super) enum Scanned {
    Frame(Frame),
    /// Bytes that are no frame.
    Bad(&'static str),
    End,
}

/// A place in a segment.
pub(super) struct Scan {
    pub(super) segment: Segment,
    file: Box<dyn File>,
    name: String,
    codec: Codec,
    /// The place in the file of what is at the front of `chunk`.
    offset: u64,
    chunk: Bytes,
}

impl Scan {
    /// At the first frame.
    pub(super) fn new(segment: Segment, file: Box<dyn File>) -> Self {
        Scan {
            segment,
            file,
            name: segment.name(),
            codec: segment.codec(),
            offset: HEADER as u64,
            chunk: Bytes::new(),
        }
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame before `end`, a place in the file. A bad one is not passed.
    pub(super) fn next(&mut self, end: u64) -> Result<Scanned> {
        let left = end.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Scanned::End);
        }
        self.want(HEAD, end)?;
        if self.chunk.len() < HEAD {
            return Ok(Scanned::Bad("the head of a frame is cut off"));
        }
        let Some(head) = self.codec.head(&self.chunk) else {
            return Ok(Scanned::Bad("wanted the head of a frame"));
        };
        let length = HEAD + head.length;
        if length as u64 > left {
            return Ok(Scanned::Bad("a frame is cut off"));
        }
        self.want(length, end)?;
        if self.chunk.len() < length {
            return Ok(Scanned::Bad("a frame is cut off"));
        }
        let Some(frame) = self.codec.frame(head, &self.chunk.slice(HEAD..length)) else {
            return Ok(Scanned::Bad("the checksum of a frame is wrong"));
        };
        self.chunk = self.chunk.slice(length..);
        self.offset += length as u64;
        Ok(Scanned::Frame(frame))
    }

    /// Reads on until the chunk has `bytes`, if they are there.
    fn want(&mut self, bytes: usize, end: u64) -> Result<()> {
        if self.chunk.len() >= bytes {
            return Ok(());
        }
        let left = end.saturating_sub(self.offset);
        let wanted = left.min(bytes.max(CHUNK) as u64) as usize;
        let held = self.chunk.len().min(wanted);
        let mut chunk = vec![0; wanted];
        chunk[..held].copy_from_slice(&self.chunk[..held]);
        let from = self.offset + held as u64;
        let read = fill(self.file.as_ref(), &mut chunk[held..], from)
            .map_err(|cause| error::read(&self.name, cause))?;
        chunk.truncate(held + read);
        self.chunk = Bytes::from(chunk);
        Ok(())
    }

    /// Looks at every place behind this one for a frame which proves that the record `sequence`,
    /// wanted here, was durable once. Returns where it lies.
    pub(super) fn proof_of(&mut self, sequence: u64, end: u64) -> Result<Option<u64>> {
        let start = self.offset;
        for offset in start + 1..end.saturating_sub(HEAD as u64) {
            self.skip_to(offset, end)?;
            let Some(head) = self.codec.head(&self.chunk) else {
                continue;
            };
            // A frame of an unfinished group, or older: it proves nothing, whatever is in it.
            if head.sequence <= sequence || offset + (HEAD + head.length) as u64 > end {
                continue;
            }
            if let Scanned::Frame(frame) = self.next(end)? {
                if frame.proves() > sequence {
                    return Ok(Some(offset));
                }
                // Back to where it lay: another frame may begin inside.
                self.offset = offset;
                self.chunk = Bytes::new();
            }
        }
        Ok(None)
    }

    fn skip_to(&mut self, offset: u64, end: u64) -> Result<()> {
        let bytes = (offset - self.offset).min(self.chunk.len() as u64) as usize;
        self.chunk = self.chunk.slice(bytes..);
        self.offset = offset;
        self.want(HEAD, end)
    }
}
