//! Runs: immutable sorted files of state entries.
//!
//! ```text
//! ┌────────┬─────────┬───┬─────────┬────────┬───┬────────┬──────┐
//! │ header │ block 0 │ … │ block n │ filter │ … │ footer │ tail │
//! └────────┴─────────┴───┴─────────┴────────┴───┴────────┴──────┘
//!  12 bytes  ~64 KiB of entries      64 KiB       index    20 bytes
//!
//! header  magic "MSTRMRUN" │ version u32
//! footer  checkpoint, key groups, counts, tables, dropped namespaces, index of blocks and filter
//! tail    footer length u32 │ crc32c u32 of footer, length and version │ version u32 │ magic
//! ```
//!
//! * A node's state is a *list* of runs, oldest first; of two entries with one key the later run's
//!   counts. Entries are sorted by key group, table, namespace, key; a run holds a key once.
//! * A deletion is an entry without a value. A dropped namespace is one line of the footer with the
//!   key groups it concerns; it hits every run before this one in the list and none after it, and
//!   not this run itself.
//! * Runs of one snapshot and of one compaction carry one checkpoint number: a *tier*. They hold
//!   different keys or, if a snapshot was cut into pieces, later pieces count.
//! * Always: no byte is decoded before its checksum was compared. A file that is shorter, longer,
//!   changed or from a newer release is an error that names it.
//! * Cost: writing sorts once, O(n log n), 24 to 32 bytes of index per entry while it does; reading
//!   holds one stretch of blocks per run.
//! * Sources: O'Neil et al., "The log-structured merge-tree", 1996; the table files of LevelDB.

mod block;
mod build;
pub(crate) mod cache;
mod file;
mod filter;
mod footer;
mod lookup;
mod merge;
mod open;
mod writer;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use cache::BlockCache;
pub use file::{Body, RunFile};
pub use lookup::Lookup;
pub use merge::Merge;
pub use open::{InMemory, ReadAt, Run};
pub use writer::{RunWriter, Snapshot};

pub(crate) use build::Builder;
pub(crate) use footer::Dropped;
pub(crate) use merge::{Keep, Next};

use crate::base64::Inline;

/// Most bytes of a key.
pub const KEY_MAX: usize = 1 << 20;
/// Most bytes of a value or blob.
pub const VALUE_MAX: usize = 256 << 20;
/// Files up to this size travel inside the manifest.
pub const INLINE_MAX: usize = 16 << 10;

/// The version of the file format this release writes.
pub(crate) const VERSION: u32 = 1;
pub(crate) const MAGIC: &[u8; 8] = b"MSTRMRUN";
pub(crate) const HEADER_BYTES: usize = 12;
pub(crate) const TAIL_BYTES: usize = 20;

/// How runs are written.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Entries are sorted and cut into a run once they take this much memory.
    pub piece_bytes: usize,
    /// Bytes of a block before compression.
    pub block_bytes: usize,
    /// Finished runs of one snapshot kept in memory; what is beyond goes to `spill`.
    pub memory_bytes: usize,
    /// A directory on a local disk for finished runs that wait for their upload.
    pub spill: Option<std::path::PathBuf>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            piece_bytes: 32 << 20,
            block_bytes: 64 << 10,
            memory_bytes: 64 << 20,
            spill: None,
        }
    }
}

/// What a manifest says about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMeta {
    /// Its object, relative to the job's or savepoint's directory; of an inline run its name only.
    pub path: String,
    /// The file itself, if it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// Bytes of the file.
    pub size: u64,
    /// crc32c of the whole file.
    pub crc32c: u32,
    /// Number of entries, deletions included.
    pub entries: u64,
    /// How many of them are deletions.
    pub tombstones: u64,
    /// Number of namespaces this run drops.
    pub drops: u64,
    /// Bytes of its blocks before compression.
    pub raw_bytes: u64,
    /// The checkpoint that wrote it; of a compacted run the newest of those merged.
    pub checkpoint: u64,
    /// First key group it may concern.
    pub first_group: u16,
    /// Last key group it may concern.
    pub last_group: u16,
    /// Its entries per table.
    #[serde(default)]
    pub tables: Vec<TableMeta>,
}

/// What a run holds of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMeta {
    /// The operator's table.
    pub table: u8,
    /// Entries of it, deletions included.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}
