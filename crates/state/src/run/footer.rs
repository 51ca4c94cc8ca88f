//! The footer of a run: everything but the entries.
//!
//! It is read first and held while the run is open: about 60 bytes per block of 64 KiB.

use millstream_core::{Error, Result};

use super::block::{Handle, Place, RAW_MAX};
use super::filter::{BLOCK_LINES, KIND, LINE_BYTES};
use super::{HEADER_BYTES, MAGIC, RunMeta, TAIL_BYTES, TableMeta, VERSION};
use crate::error::{damaged, newer};
use crate::wire::{Cursor, put_bytes, put_varint};

/// Most bytes of a footer: the index of a run of some 100 GiB.
pub(crate) const FOOTER_MAX: usize = 256 << 20;

/// A dropped namespace and the key groups in which older entries of it are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dropped {
    pub(crate) table: u8,
    pub(crate) namespace: i64,
    pub(crate) first_group: u16,
    pub(crate) last_group: u16,
}

/// A block of entries and the first key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) handle: Handle,
    pub(crate) place: Place,
    pub(crate) key: Box<[u8]>,
}

/// The filter's lines and the blocks that hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterIndex {
    pub(crate) lines: u64,
    pub(crate) blocks: Vec<Handle>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) checkpoint: u64,
    pub(crate) first_group: u16,
    pub(crate) last_group: u16,
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) tables: Vec<TableMeta>,
    pub(crate) drops: Vec<Dropped>,
    pub(crate) blocks: Vec<Indexed>,
    pub(crate) filter: FilterIndex,
}

/// The twelve bytes a run begins with.
pub(crate) fn header() -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&VERSION.to_le_bytes());
    header
}

/// What the tail of a file tells: where the footer is and how to check it.
pub(crate) struct Tail {
    pub(crate) footer_bytes: usize,
    crc: u32,
}

impl Tail {
    /// Reads the last bytes of a file of `size` bytes that begins with `head`.
    pub(crate) fn read(head: &[u8], tail: &[u8], size: u64, file: &str) -> Result<Tail> {
        let short = || damaged(file, format!("{size} bytes are too few for a run"));
        if head.len() < HEADER_BYTES || tail.len() < TAIL_BYTES {
            return Err(short());
        }
        let mut from = Cursor::new(&tail[tail.len() - TAIL_BYTES..]);
        let footer_bytes = from.u32().ok_or_else(short)? as usize;
        let crc = from.u32().ok_or_else(short)?;
        let version = from.u32().ok_or_else(short)?;
        if from.take(MAGIC.len()) != Some(MAGIC) || &head[..MAGIC.len()] != MAGIC {
            return Err(damaged(file, "it does not begin and end as a run does"));
        }
        if head[MAGIC.len()..HEADER_BYTES] != version.to_le_bytes() {
            return Err(damaged(file, "its two version numbers differ"));
        }
        if version > VERSION {
            return Err(newer(file, "state file", version, VERSION));
        }
        let room = size.saturating_sub((HEADER_BYTES + TAIL_BYTES) as u64);
        if version == 0 || footer_bytes > FOOTER_MAX || footer_bytes as u64 > room {
            return Err(damaged(
                file,
                format!("a footer of {footer_bytes} bytes does not fit"),
            ));
        }
        Ok(Tail { footer_bytes, crc })
    }

    /// Checks and decodes the footer. `body` is the number of bytes before it.
    pub(crate) fn footer(&self, footer: &[u8], body: u64, file: &str) -> Result<Footer> {
        let found = checksum(footer);
        if found != self.crc {
            return Err(damaged(
                file,
                format!(
                    "the footer has the checksum {found:08x}, wanted {:08x}",
                    self.crc
                ),
            ));
        }
        Footer::decode(footer, body).ok_or_else(|| damaged(file, "the footer is malformed"))
    }
}

fn checksum(footer: &[u8]) -> u32 {
    let crc = crc32c::crc32c(footer);
    let crc = crc32c::crc32c_append(crc, &(footer.len() as u32).to_le_bytes());
    crc32c::crc32c_append(crc, &VERSION.to_le_bytes())
}

impl Footer {
    /// Footer and tail, as they stand at the end of the file.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(128 + self.blocks.len() * 64);
        put_varint(&mut out, self.checkpoint);
        out.extend_from_slice(&self.first_group.to_le_bytes());
        out.extend_from_slice(&self.last_group.to_le_bytes());
        for number in [self.entries, self.tombstones, self.raw_bytes] {
            put_varint(&mut out, number);
        }
        put_varint(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            out.push(table.table);
            put_varint(&mut out, table.entries);
            put_varint(&mut out, table.bytes);
        }
        put_varint(&mut out, self.drops.len() as u64);
        for drop in &self.drops {
            out.push(drop.table);
            out.extend_from_slice(&drop.namespace.to_le_bytes());
            out.extend_from_slice(&drop.first_group.to_le_bytes());
            out.extend_from_slice(&drop.last_group.to_le_bytes());
        }
        put_varint(&mut out, self.blocks.len() as u64);
        for block in &self.blocks {
            put_handle(&mut out, &block.handle);
            out.extend_from_slice(&block.place.group.to_le_bytes());
            out.push(block.place.table);
            out.extend_from_slice(&block.place.namespace.to_le_bytes());
            put_bytes(&mut out, &block.key);
        }
        out.push(KIND);
        put_varint(&mut out, self.filter.lines);
        put_varint(&mut out, self.filter.blocks.len() as u64);
        for handle in &self.filter.blocks {
            put_handle(&mut out, handle);
        }
        if out.len() > FOOTER_MAX {
            return Err(Error::internal(format!(
                "the index of a run takes {} bytes, more than {FOOTER_MAX}",
                out.len()
            )));
        }
        let (len, crc) = (out.len() as u32, checksum(&out));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(MAGIC);
        Ok(out)
    }

    fn decode(bytes: &[u8], body: u64) -> Option<Footer> {
        let mut from = Cursor::new(bytes);
        let mut footer = Footer {
            checkpoint: from.varint()?,
            first_group: from.u16()?,
            last_group: from.u16()?,
            entries: from.varint()?,
            tombstones: from.varint()?,
            raw_bytes: from.varint()?,
            ..Footer::default()
        };
        footer.tables = (0..from.count(3)?)
            .map(|_| {
                Some(TableMeta {
                    table: from.u8()?,
                    entries: from.varint()?,
                    bytes: from.varint()?,
                })
            })
            .collect::<Option<_>>()?;
        footer.drops = (0..from.count(13)?)
            .map(|_| {
                Some(Dropped {
                    table: from.u8()?,
                    namespace: from.i64()?,
                    first_group: from.u16()?,
                    last_group: from.u16()?,
                })
            })
            .collect::<Option<_>>()?;
        let mut offset = HEADER_BYTES as u64;
        footer.blocks = (0..from.count(19)?)
            .map(|_| {
                Some(Indexed {
                    handle: handle(&mut from, &mut offset)?,
                    place: Place {
                        group: from.u16()?,
                        table: from.u8()?,
                        namespace: from.i64()?,
                    },
                    key: from.bytes()?.into(),
                })
            })
            .collect::<Option<_>>()?;
        if from.u8()? != KIND {
            return None;
        }
        footer.filter.lines = from.varint()?;
        footer.filter.blocks = (0..from.count(7)?)
            .map(|_| handle(&mut from, &mut offset))
            .collect::<Option<_>>()?;
        let whole = from.left() == 0 && offset == body && footer.filter.is_consistent();
        (whole && footer.first_group <= footer.last_group).then_some(footer)
    }

    /// What the manifest says about a file with this footer.
    pub(crate) fn meta(&self, size: u64, crc32c: u32) -> RunMeta {
        RunMeta {
            path: String::new(),
            inline: None,
            size,
            crc32c,
            entries: self.entries,
            tombstones: self.tombstones,
            drops: self.drops.len() as u64,
            raw_bytes: self.raw_bytes,
            checkpoint: self.checkpoint,
            first_group: self.first_group,
            last_group: self.last_group,
            tables: self.tables.clone(),
        }
    }
}

impl FilterIndex {
    fn is_consistent(&self) -> bool {
        let wanted = self.lines.div_ceil(BLOCK_LINES as u64);
        let bytes: u64 = self.blocks.iter().map(|block| u64::from(block.raw)).sum();
        self.blocks.len() as u64 == wanted
            && Some(bytes) == self.lines.checked_mul(LINE_BYTES as u64)
    }
}

fn put_handle(out: &mut Vec<u8>, handle: &Handle) {
    put_varint(out, u64::from(handle.stored));
    put_varint(out, u64::from(handle.raw));
    out.extend_from_slice(&handle.crc.to_le_bytes());
    out.push(u8::from(handle.packed));
}

/// Blocks follow each other without gaps, so an offset is never stored.
fn handle(from: &mut Cursor<'_>, offset: &mut u64) -> Option<Handle> {
    let handle = Handle {
        offset: *offset,
        stored: u32::try_from(from.varint()?).ok()?,
        raw: u32::try_from(from.varint()?).ok()?,
        crc: from.u32()?,
        packed: match from.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        },
    };
    let sane = handle.raw as usize <= RAW_MAX + (1 << 20) && handle.stored <= handle.raw;
    *offset = handle.end();
    sane.then_some(handle)
}
