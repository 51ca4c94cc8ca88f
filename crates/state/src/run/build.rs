//! Builds one run from entries that come in order.

use std::collections::BTreeMap;
use std::path::Path;

use millstream_core::state::StateKey;
use millstream_core::{Error, Result};

use super::block::{self, Handle, Packer, Place};
use super::file::{Output, RunFile};
use super::filter::{self, BLOCK_LINES, LINE_BYTES};
use super::footer::{self, Dropped, Footer, Indexed};
use super::{HEADER_BYTES, KEY_MAX, TableMeta, VALUE_MAX};

/// See the module.
pub(crate) struct Builder {
    out: Output,
    offset: u64,
    crc: u32,
    packer: Packer,
    block_bytes: usize,
    raw: Vec<u8>,
    first: Option<(Place, Box<[u8]>)>,
    place: Option<Place>,
    hashes: Vec<u64>,
    tables: BTreeMap<u8, TableMeta>,
    footer: Footer,
}

impl Builder {
    /// A run of checkpoint `checkpoint`; spilled if a directory is given.
    pub(crate) fn new(checkpoint: u64, block_bytes: usize, spill: Option<&Path>) -> Result<Self> {
        let mut builder = Builder {
            out: Output::new(spill)?,
            offset: 0,
            crc: 0,
            packer: Packer::new()?,
            block_bytes,
            raw: Vec::with_capacity(block_bytes + (block_bytes >> 2)),
            first: None,
            place: None,
            hashes: Vec::new(),
            tables: BTreeMap::new(),
            footer: Footer {
                checkpoint,
                ..Footer::default()
            },
        };
        builder.write(&footer::header())?;
        Ok(builder)
    }

    /// Bytes of entries so far, before compression.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.footer.raw_bytes + self.raw.len() as u64
    }

    /// Adds an entry; its key is greater than the one before it.
    #[inline]
    pub(crate) fn push(&mut self, key: &StateKey<'_>, value: Option<&[u8]>) -> Result<()> {
        let place = Place::of(key);
        if self.first.is_none() {
            self.first = Some((place, key.key.into()));
        }
        if self.place != Some(place) {
            self.enter(place);
        }
        block::append(&mut self.raw, self.place, key, value);
        self.place = Some(place);
        self.hashes.push(filter::hash(key));
        self.count(place.table, key.key.len(), value);
        match self.raw.len() >= self.block_bytes {
            true => self.cut(),
            false => Ok(()),
        }
    }

    fn enter(&mut self, place: Place) {
        if self.footer.entries == 0 {
            self.footer.first_group = place.group;
        }
        self.footer.last_group = place.group;
    }

    #[inline]
    fn count(&mut self, table: u8, key: usize, value: Option<&[u8]>) {
        self.footer.entries += 1;
        self.footer.tombstones += u64::from(value.is_none());
        let counts = self.tables.entry(table).or_insert(TableMeta {
            table,
            ..TableMeta::default()
        });
        counts.entries += 1;
        counts.bytes += (key + value.map_or(0, <[u8]>::len)) as u64;
    }

    fn cut(&mut self) -> Result<()> {
        let Some((place, key)) = self.first.take() else {
            return Ok(());
        };
        let raw = std::mem::take(&mut self.raw);
        let handle = self.store(&raw)?;
        self.footer.raw_bytes += raw.len() as u64;
        self.footer.blocks.push(Indexed { handle, place, key });
        self.raw = raw;
        self.raw.clear();
        self.place = None;
        Ok(())
    }

    fn store(&mut self, raw: &[u8]) -> Result<Handle> {
        let (stored, handle) = self.packer.pack(raw, self.offset);
        self.out.write(stored)?;
        self.crc = crc32c::crc32c_append(self.crc, stored);
        self.offset = handle.end();
        Ok(handle)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Ends the run. `drops` are the namespaces it drops in older runs.
    pub(crate) fn finish(mut self, drops: Vec<Dropped>) -> Result<RunFile> {
        self.cut()?;
        self.widen(&drops);
        self.footer.drops = drops;
        let bits = filter::build(&self.hashes);
        self.footer.filter.lines = (bits.len() / LINE_BYTES) as u64;
        for lines in bits.chunks(BLOCK_LINES * LINE_BYTES) {
            let handle = self.store(lines)?;
            self.footer.filter.blocks.push(handle);
        }
        self.footer.tables = std::mem::take(&mut self.tables).into_values().collect();
        debug_assert!(self.offset >= HEADER_BYTES as u64);
        let tail = self.footer.encode()?;
        self.write(&tail)?;
        Ok(RunFile {
            meta: self.footer.meta(self.offset, self.crc),
            body: self.out.finish(),
        })
    }

    /// The key groups of a run cover those of what it drops.
    fn widen(&mut self, drops: &[Dropped]) {
        let groups = drops.iter().flat_map(|d| [d.first_group, d.last_group]);
        let own = [self.footer.first_group, self.footer.last_group];
        let own = own.into_iter().filter(|_| self.footer.entries > 0);
        let all: Vec<u16> = groups.chain(own).collect();
        self.footer.first_group = all.iter().copied().min().unwrap_or(0);
        self.footer.last_group = all.iter().copied().max().unwrap_or(0);
    }
}

/// Refuses keys and values beyond the limits of the format.
#[inline]
pub(crate) fn check_size(key: &StateKey<'_>, value: usize) -> Result<()> {
    if key.key.len() <= KEY_MAX && value <= VALUE_MAX {
        return Ok(());
    }
    Err(Error::new(
        millstream_core::Code::Evaluation,
        format!(
            "a state entry of table {} has a key of {} bytes and a value of {value} bytes, wanted \
             at most {KEY_MAX} and {VALUE_MAX}",
            key.table,
            key.key.len()
        ),
    )
    .hint("one key has gathered too many rows; add a time bound or a key column"))
}
