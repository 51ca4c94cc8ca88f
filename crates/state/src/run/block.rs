//! Blocks: some tens of kilobytes of entries, compressed and checked as one.
//!
//! ```text
//! entry   tag │ [group u16 │ table u8 │ namespace i64] │ key length │ key │ [value length │ value]
//!          bit 0: deleted, no value follows
//!          bit 1: group, table and namespace follow; otherwise they are those of the entry before
//! ```
//!
//! * Numbers are little-endian, lengths are varints. The first entry of a block names its place, so
//!   a block is read without its neighbours.
//! * Always: the crc32c over the stored (compressed) bytes is compared before anything is decoded;
//!   the length before decompression is known and bounds the memory.
//! * A block that zstd (level 1) does not make smaller is stored as it is.

use bytes::Bytes;
use millstream_core::state::StateKey;
use millstream_core::{Error, Result};

use crate::error::damaged;
use crate::wire::{Cursor, put_bytes};

/// Most bytes a block has before compression: one entry of the largest size.
pub(crate) const RAW_MAX: usize = super::VALUE_MAX + super::KEY_MAX + 64;

const DELETED: u8 = 1;
const PLACED: u8 = 2;
const ZSTD_LEVEL: i32 = 1;

/// Group, table and namespace: what all entries of one place share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) group: u16,
    pub(crate) table: u8,
    pub(crate) namespace: i64,
}

impl Place {
    #[inline]
    pub(crate) fn of(key: &StateKey<'_>) -> Self {
        Place {
            group: key.group,
            table: key.table,
            namespace: key.namespace,
        }
    }

    #[inline]
    pub(crate) fn key<'a>(&self, key: &'a [u8]) -> StateKey<'a> {
        StateKey {
            group: self.group,
            table: self.table,
            namespace: self.namespace,
            key,
        }
    }
}

/// Where a block lies in its file, and how to check and open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) offset: u64,
    pub(crate) stored: u32,
    pub(crate) raw: u32,
    pub(crate) crc: u32,
    pub(crate) packed: bool,
}

impl Handle {
    pub(crate) fn end(&self) -> u64 {
        self.offset + u64::from(self.stored)
    }
}

/// Compresses blocks, reusing its memory.
pub(crate) struct Packer {
    zstd: zstd::bulk::Compressor<'static>,
    out: Vec<u8>,
}

impl Packer {
    pub(crate) fn new() -> Result<Self> {
        Ok(Packer {
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)
                .map_err(|e| Error::internal("zstd cannot start").caused_by(e))?,
            out: Vec::new(),
        })
    }

    /// The bytes to store for `raw`, and the handle of them at `offset`.
    pub(crate) fn pack<'a>(&'a mut self, raw: &'a [u8], offset: u64) -> (&'a [u8], Handle) {
        self.out.clear();
        // Without room for more than the raw bytes zstd gives up on what it cannot shrink.
        self.out.reserve(raw.len());
        let packed = self
            .zstd
            .compress_to_buffer(raw, &mut self.out)
            .is_ok_and(|size| size < raw.len());
        let stored = if packed { &self.out[..] } else { raw };
        let handle = Handle {
            offset,
            stored: stored.len() as u32,
            raw: raw.len() as u32,
            crc: crc32c::crc32c(stored),
            packed,
        };
        (stored, handle)
    }
}

/// Opens blocks, reusing its memory: what zstd needs is larger than a block.
pub(crate) struct Unpacker {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Unpacker {
    pub(crate) fn new() -> Result<Self> {
        let zstd = zstd::bulk::Decompressor::new()
            .map_err(|e| Error::internal("zstd cannot start").caused_by(e))?;
        Ok(Unpacker { zstd })
    }

    /// Checks and opens a block. `file` is for the message.
    pub(crate) fn unpack(&mut self, handle: &Handle, stored: Bytes, file: &str) -> Result<Bytes> {
        check(handle, &stored, file)?;
        if !handle.packed {
            return Ok(stored);
        }
        let (at, raw) = (handle.offset, handle.raw as usize);
        let raw = self
            .zstd
            .decompress(&stored, raw)
            .map_err(|e| damaged(file, format!("the block at byte {at} does not unpack: {e}")))?;
        match raw.len() == handle.raw as usize {
            true => Ok(raw.into()),
            false => Err(damaged(
                file,
                format!("the block at byte {at} unpacks to another length"),
            )),
        }
    }
}

fn check(handle: &Handle, stored: &Bytes, file: &str) -> Result<()> {
    let at = handle.offset;
    if stored.len() != handle.stored as usize {
        return Err(damaged(
            file,
            format!(
                "the block at byte {at} has {} bytes, wanted {}",
                stored.len(),
                handle.stored
            ),
        ));
    }
    let found = crc32c::crc32c(stored);
    if found != handle.crc {
        return Err(damaged(
            file,
            format!(
                "the block at byte {at} has the checksum {found:08x}, wanted {:08x}",
                handle.crc
            ),
        ));
    }
    Ok(())
}

/// Appends an entry to a block. `before` is the place of the entry before it in this block.
#[inline]
pub(crate) fn append(
    out: &mut Vec<u8>,
    before: Option<Place>,
    key: &StateKey<'_>,
    value: Option<&[u8]>,
) {
    let place = Place::of(key);
    let placed = before != Some(place);
    let tag = u8::from(value.is_none()) * DELETED + u8::from(placed) * PLACED;
    out.push(tag);
    if placed {
        out.extend_from_slice(&place.group.to_le_bytes());
        out.push(place.table);
        out.extend_from_slice(&place.namespace.to_le_bytes());
    }
    put_bytes(out, key.key);
    if let Some(value) = value {
        put_bytes(out, value);
    }
}

/// Steps through the entries of an opened block.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    block: Bytes,
    next: usize,
    place: Option<Place>,
    key: (usize, usize),
    value: Option<(usize, usize)>,
}

/// The step onto the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Entry,
    End,
    /// The bytes are no entries: the writer was wrong, for the checksum was right.
    Malformed,
}

impl Entries {
    pub(crate) fn new(block: Bytes) -> Self {
        Entries {
            block,
            next: 0,
            place: None,
            key: (0, 0),
            value: None,
        }
    }

    /// Goes to the next entry.
    #[inline]
    pub(crate) fn step(&mut self) -> Step {
        if self.next == self.block.len() {
            return Step::End;
        }
        match self.parse() {
            Some(()) => Step::Entry,
            None => Step::Malformed,
        }
    }

    #[inline]
    fn parse(&mut self) -> Option<()> {
        let mut from = Cursor::at(&self.block, self.next);
        let tag = from.u8()?;
        if tag & !(DELETED | PLACED) != 0 {
            return None;
        }
        if tag & PLACED != 0 {
            self.place = Some(Place {
                group: from.u16()?,
                table: from.u8()?,
                namespace: from.i64()?,
            });
        }
        self.place?;
        let key = from.bytes()?.len();
        self.key = (from.position() - key, from.position());
        self.value = None;
        if tag & DELETED == 0 {
            let value = from.bytes()?.len();
            self.value = Some((from.position() - value, from.position()));
        }
        self.next = from.position();
        Some(())
    }

    /// The key of the entry stepped onto.
    #[inline]
    pub(crate) fn key(&self) -> StateKey<'_> {
        let place = self.place.expect("step() has returned an entry");
        place.key(&self.block[self.key.0..self.key.1])
    }

    /// Its value; `None` if it is a deletion.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.value.map(|(from, to)| &self.block[from..to])
    }
}
