//! An opened run: its footer in memory, its blocks one read away.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use millstream_core::Result;
use parking_lot::Mutex;

use super::block::{Handle, Unpacker};
use super::footer::{Footer, Tail};
use super::{BlockCache, HEADER_BYTES, TAIL_BYTES};
use crate::error::damaged;

/// Something that can be read at any place: an object, a file, memory.
#[async_trait]
pub trait ReadAt: Send + Sync {
    /// What messages call it.
    fn name(&self) -> &str;
    /// Bytes that should be there.
    fn size(&self) -> u64;
    /// Exactly these bytes. An object of another size is damaged, also if the bytes are there.
    async fn read(&self, range: Range<u64>) -> Result<Bytes>;
    /// The same on this thread, which may block, if that is a matter of microseconds: from a disk of
    /// this machine. `None` if it is not, or something is wrong; [`read`](Self::read) tells what.
    fn read_here(&self, _range: Range<u64>) -> Option<Bytes> {
        None
    }
}

/// A run in memory, such as one that travelled inside a manifest.
pub struct InMemory {
    name: String,
    bytes: Bytes,
}

impl InMemory {
    /// `bytes` under the name messages use.
    pub fn new(name: impl Into<String>, bytes: Bytes) -> Self {
        InMemory {
            name: name.into(),
            bytes,
        }
    }
}

#[async_trait]
impl ReadAt for InMemory {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        match range.start <= range.end && range.end <= self.size() {
            true => Ok(self.bytes.slice(range.start as usize..range.end as usize)),
            false => Err(damaged(
                &self.name,
                format!("it ends before byte {}", range.end),
            )),
        }
    }
}

/// An opened run. Cheap to share; reading needs no lock.
pub struct Run {
    source: Arc<dyn ReadAt>,
    footer: Footer,
    /// Its number in this process: names its blocks in a cache.
    number: u64,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// The first guess at the end of a file: footers of runs up to some 50 MiB fit.
const TAIL_GUESS: u64 = 64 << 10;

impl Run {
    /// Reads and checks header, tail and footer.
    pub async fn open(source: Arc<dyn ReadAt>) -> Result<Run> {
        let (size, name) = (source.size(), source.name());
        if size < (HEADER_BYTES + TAIL_BYTES) as u64 {
            return Err(damaged(name, format!("{size} bytes are too few for a run")));
        }
        let guess = size.saturating_sub(TAIL_GUESS);
        let (head, end) = match guess {
            0 => {
                let all = source.read(0..size).await?;
                (all.slice(..HEADER_BYTES), all)
            }
            _ => futures::try_join!(
                source.read(0..HEADER_BYTES as u64),
                source.read(guess..size)
            )?,
        };
        let tail = Tail::read(&head, &end, size, name)?;
        let body = size - (tail.footer_bytes + TAIL_BYTES) as u64;
        let footer = match body >= guess {
            true => end.slice((body - guess) as usize..end.len() - TAIL_BYTES),
            false => source.read(body..size - TAIL_BYTES as u64).await?,
        };
        let footer = tail.footer(&footer, body, name)?;
        Ok(Run {
            footer,
            source,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Number of its entries, deletions included.
    pub fn entries(&self) -> u64 {
        self.footer.entries
    }

    pub(crate) fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Blocks that may hold entries of the key groups `first..=last`.
    pub(crate) fn blocks_of(&self, first: u16, last: u16) -> Range<usize> {
        let blocks = &self.footer.blocks;
        // The block before the first one that begins in the range may end in it.
        let from = blocks.partition_point(|block| block.place.group < first);
        let to = blocks.partition_point(|block| block.place.group <= last);
        from.saturating_sub(1)..to
    }

    /// Reads the stored bytes of neighbouring blocks in one go.
    pub(crate) async fn read_stretch(&self, first: &Handle, last: &Handle) -> Result<Bytes> {
        self.source.read(first.offset..last.end()).await
    }

    /// Checks and opens a block of which `stretch` holds the stored bytes, beginning at `offset`.
    pub(crate) fn open_block(
        &self,
        handle: &Handle,
        stretch: &Bytes,
        offset: u64,
    ) -> Result<Bytes> {
        let from = (handle.offset - offset) as usize;
        let to = from + handle.stored as usize;
        match to <= stretch.len() {
            true => Unpacker::new()?.unpack(handle, stretch.slice(from..to), self.name()),
            false => Err(damaged(
                self.name(),
                format!("it ends before byte {}", handle.end()),
            )),
        }
    }

    /// A block by way of the cache. The thread may block.
    pub(crate) async fn cached(
        &self,
        handle: &Handle,
        cache: &BlockCache,
        unpacker: &Mutex<Unpacker>,
    ) -> Result<Bytes> {
        let key = (self.number, handle.offset);
        if let Some(block) = cache.get(key) {
            return Ok(block);
        }
        let stored = match self.source.read_here(handle.offset..handle.end()) {
            Some(stored) => stored,
            None => self.read_stretch(handle, handle).await?,
        };
        let block = unpacker.lock().unpack(handle, stored, self.name())?;
        cache.insert(key, block.clone());
        Ok(block)
    }
}
