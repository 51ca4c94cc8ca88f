//! A disk in memory that forgets what was not fsynced, exactly when told to.
//!
//! [`Disk`] is a small POSIX file system with two faces: what programs see (the cache) and what a
//! power cut leaves (the platter). Data reach the platter by `sync` of the file, names by
//! `sync_dir` of the directory that holds them. [`Disk::cut`] throws the rest away, as unkindly as
//! a real disk may:
//!
//! ```text
//! file    durable │ pages written since: each kept, lost or zero; the last one torn inside 4 KiB
//! names   durable │ creates, renames, removes since: a random prefix, in order (a journal)
//! ```
//!
//! * [`Store`] is an object store on it that works like `object_store`'s local one: staged file,
//!   fsync, link or rename, fsync of the directory; without fsync when asked, which is that store's
//!   default and a known way to lose checkpoints (X24).
//! * [`Disk::cut_at`] cuts in the middle of the n-th change, so that a test can try every n.
//! * An fsync that fails ([`Disk::fail_sync`]) marks the pages clean without writing them, as Linux
//!   does: a second fsync of the same file succeeds and lies (F14).
//! * Always: after a cut every old handle and store fails; the next life starts with
//!   [`Disk::power_on`]. The same seed and calls lose the same bytes.
//! * Sources: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014; Rebello et al.,
//!   "Can Applications Recover from fsync Failures?", ATC 2020.

mod disk;
mod media;
mod store;
#[cfg(test)]
mod tests;

pub use disk::{Disk, File};
pub use store::Store;
