//! Frames: how records, marks and keys lie in a segment, one after the other.
//!
//! ```text
//! head checksum u32 │ length u32 │ sequence u64 │ body checksum u32 │ body
//!
//! body of a record  1 │ how many records of its group lie before it │ the record
//!           a mark  2                  everything before `sequence` is durable
//!             keys  3 │ n × (key, sequence)   what the window of idempotency keys held at `sequence`
//! ```
//!
//! * The head has a checksum of its own, so that no length is trusted, and so that looking for
//!   frames behind a damage costs a few bytes per place and not a whole body.
//! * Checksums are crc32c, begun with a number that is different in every segment of every journal:
//!   bytes of another file, or a payload that imitates a frame, are no frame here.
//! * A group is what one fsync makes durable. A record of a later group proves, as a mark does, that
//!   everything before its group is durable: the next group is only begun after that.

use bytes::Bytes;

use super::record::RECORD_MAX;
use crate::wire::{Cursor, put_varint};

/// Bytes before the body.
pub(super) const HEAD: usize = 20;
/// Most bytes of a body.
pub(super) const BODY_MAX: usize = RECORD_MAX + 64;

const RECORD: u8 = 1;
const MARK: u8 = 2;
const KEYS: u8 = 3;

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Record {
        sequence: u64,
        /// The sequence of the first record of its group.
        group: u64,
        body: Bytes,
    },
    Mark {
        sequence: u64,
    },
    Keys {
        sequence: u64,
        body: Bytes,
    },
}

impl Frame {
    /// Everything before this sequence was durable when the frame was written.
    pub(super) fn proves(&self) -> u64 {
        match self {
            Frame::Record { group, .. } => *group,
            Frame::Mark { sequence } | Frame::Keys { sequence, .. } => *sequence,
        }
    }
}

/// A head whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) sequence: u64,
    body: u32,
}

/// Writes and checks the frames of one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec {
    seed: u32,
}

impl Codec {
    pub(super) fn new(seed: u32) -> Self {
        Codec { seed }
    }

    /// Appends a record.
    pub(super) fn record(
        self,
        out: &mut Vec<u8>,
        sequence: u64,
        group: u64,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        self.put(out, sequence, |out| {
            out.push(RECORD);
            put_varint(out, sequence - group);
            fill(out);
        });
    }

    /// Appends the mark that everything before `sequence` is durable.
    pub(super) fn mark(self, out: &mut Vec<u8>, sequence: u64) {
        self.put(out, sequence, |out| out.push(MARK));
    }

    /// Appends keys.
    pub(super) fn keys(self, out: &mut Vec<u8>, sequence: u64, fill: impl FnOnce(&mut Vec<u8>)) {
        self.put(out, sequence, |out| {
            out.push(KEYS);
            fill(out);
        });
    }

    fn put(self, out: &mut Vec<u8>, sequence: u64, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.resize(start + HEAD, 0);
        fill(out);
        let body = start + HEAD;
        let length = (out.len() - body) as u32;
        let checksum = crc32c::crc32c_append(self.seed, &out[body..]);
        out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
        out[start + 8..start + 16].copy_from_slice(&sequence.to_le_bytes());
        out[start + 16..start + 20].copy_from_slice(&checksum.to_le_bytes());
        let head = crc32c::crc32c_append(self.seed, &out[start + 4..body]);
        out[start..start + 4].copy_from_slice(&head.to_le_bytes());
    }

    /// The head at the front of `bytes`, if it is one.
    pub(super) fn head(self, bytes: &[u8]) -> Option<Head> {
        let mut cursor = Cursor::new(bytes.get(..HEAD)?);
        let checksum = cursor.u32()?;
        let length = cursor.u32()? as usize;
        if length == 0 || length > BODY_MAX {
            return None;
        }
        let sequence = u64::from_le_bytes(cursor.array()?);
        let body = cursor.u32()?;
        let found = crc32c::crc32c_append(self.seed, &bytes[4..HEAD]);
        (found == checksum).then_some(Head {
            length,
            sequence,
            body,
        })
    }

    /// The frame of a head and its body; `None` if they do not belong together.
    pub(super) fn frame(self, head: Head, body: &Bytes) -> Option<Frame> {
        if crc32c::crc32c_append(self.seed, body) != head.body {
            return None;
        }
        let sequence = head.sequence;
        let mut cursor = Cursor::new(body);
        match cursor.u8()? {
            RECORD => {
                let group = sequence.checked_sub(cursor.varint()?)?;
                let body = body.slice(cursor.position()..);
                Some(Frame::Record {
                    sequence,
                    group,
                    body,
                })
            }
            MARK if cursor.left() == 0 => Some(Frame::Mark { sequence }),
            KEYS => Some(Frame::Keys {
                sequence,
                body: body.slice(1..),
            }),
            _ => None,
        }
    }
}
