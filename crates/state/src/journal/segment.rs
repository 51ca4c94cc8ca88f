//! Segments: the files of a journal.
//!
//! ```text
//! 0000000007-00000000000000012345.journal      number, sequence of the first record
//!
//! "MSJRNL\r\n" │ version u32 │ journal id u64 │ base u64 │ whole u64 │ checksum u32 │ frames …
//! ```
//!
//! A segment is written under a name that ends in `.new`, synced and then renamed: under its own
//! name its first `whole` bytes were durable. It ends where the next one begins: whatever lies in it from that
//! sequence on belongs to an fsync that failed or never came, and is not part of the journal.

use millstream_core::{Code, Error, Result};

use super::disk::File;
use super::error;
use super::frame::Codec;
use crate::wire::Cursor;

/// Bytes before the first frame.
pub(super) const HEADER: usize = 40;
/// Version of the format.
pub(super) const VERSION: u32 = 1;
/// Ends the name of a segment that is being made.
pub(super) const NEW: &str = ".new";

const MAGIC: &[u8; 8] = b"MSJRNL\r\n";
const SUFFIX: &str = ".journal";

/// Which file of which journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Which journal.
    pub(super) id: u64,
    /// Counts up.
    pub(super) number: u64,
    /// The sequence of its first record.
    pub(super) base: u64,
}

impl Segment {
    pub(super) fn name(&self) -> String {
        format!("{:010}-{:020}{SUFFIX}", self.number, self.base)
    }

    /// Number and base of a file name; `None` if it is no segment's.
    pub(super) fn parse_name(name: &str) -> Option<(u64, u64)> {
        let (number, base) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if number.len() != 10 || base.len() != 20 || !digits(number) || !digits(base) {
            return None;
        }
        Some((number.parse().ok()?, base.parse().ok()?))
    }

    pub(super) fn codec(&self) -> Codec {
        let mut seed = crc32c::crc32c(&self.id.to_le_bytes());
        seed = crc32c::crc32c_append(seed, &self.number.to_le_bytes());
        Codec::new(crc32c::crc32c_append(seed, &self.base.to_le_bytes()))
    }

    /// The header of a segment whose first `whole` bytes are written at once.
    pub(super) fn header(&self, whole: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.base.to_le_bytes());
        out.extend_from_slice(&whole.to_le_bytes());
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads and checks the header of the file with this name; also returns how many bytes of it
    /// were durable from the beginning.
    pub(super) fn read(
        name: &str,
        number: u64,
        base: u64,
        file: &dyn File,
    ) -> Result<(Segment, u64)> {
        let mut bytes = [0; HEADER];
        let length = fill(file, &mut bytes, 0).map_err(|cause| error::read(name, cause))?;
        let damaged = |what: String| error::damaged(name, 0, what);
        if length < HEADER {
            return Err(damaged(format!(
                "its header has {HEADER} bytes, found {length}"
            )));
        }
        let short = || damaged("its header is cut off".into());
        let mut cursor = Cursor::new(&bytes);
        if cursor.take(MAGIC.len()) != Some(MAGIC) {
            return Err(damaged("it does not begin as a journal file".into()));
        }
        let version = cursor.u32().ok_or_else(short)?;
        let id = u64::from_le_bytes(cursor.array().ok_or_else(short)?);
        let found = u64::from_le_bytes(cursor.array().ok_or_else(short)?);
        let whole = u64::from_le_bytes(cursor.array().ok_or_else(short)?);
        let checksum = cursor.u32().ok_or_else(short)?;
        if checksum != crc32c::crc32c(&bytes[..HEADER - 4]) {
            return Err(damaged("the checksum of its header is wrong".into()));
        }
        if version != VERSION {
            return Err(Error::new(
                Code::CheckpointMismatch,
                format!(
                    "journal file '{name}' has format version {version}, this release reads \
                     version {VERSION}"
                ),
            )
            .hint("it was written by a newer release: run that one"));
        }
        if found != base {
            return Err(damaged(format!(
                "it begins with record {found}, its name says {base}"
            )));
        }
        Ok((Segment { id, number, base }, whole))
    }
}

/// Reads until the buffer is full or the file ends; the number of bytes read.
pub(super) fn fill(file: &dyn File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
