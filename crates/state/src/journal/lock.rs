//! One process per journal, and within it one journal per folder.
//!
//! The lock is `flock` on the file `LOCK`, which ends with the process, however it ends. It is
//! exclusive for a file that is open, so a process that opens a folder twice meets its own lock:
//! therefore [`OPEN`] remembers what this process has open and hands out the same journal again,
//! to the source of a job, to its acknowledger, to whoever takes pushes.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Weak;

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

use super::Inner;
use super::error;

const NAME: &str = "LOCK";

/// The journals of this process. A global, because what it mirrors, the lock, is one.
pub(super) static OPEN: Mutex<BTreeMap<PathBuf, Weak<Inner>>> = Mutex::new(BTreeMap::new());

/// Held as long as the journal is written.
pub(super) struct Lock {
    _file: File,
}

/// What became of an attempt.
pub(super) enum Attempt {
    Held(Lock),
    /// By this process: the journal is just being closed, or opened.
    Own,
    /// By the process with this id.
    Other(String),
}

impl Lock {
    /// Tries to lock a folder.
    pub(super) fn attempt(folder: &Path) -> Result<Attempt> {
        let path = folder.join(NAME);
        let failed = |cause: io::Error| error::write(&path.to_string_lossy(), "lock", cause);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(failed)?;
        let own = std::process::id().to_string();
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(failed)?;
                file.write_all_at(own.as_bytes(), 0).map_err(failed)?;
                Ok(Attempt::Held(Lock { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut pid = [0; 20];
                let read = file.read_at(&mut pid, 0).map_err(failed)?;
                let pid = String::from_utf8_lossy(&pid[..read]).into_owned();
                match pid == own {
                    true => Ok(Attempt::Own),
                    false => Ok(Attempt::Other(pid)),
                }
            }
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }
}

/// The error of whoever comes second.
pub(super) fn fenced(folder: &Path, pid: &str) -> Error {
    let pid = match pid.is_empty() {
        true => "another process".to_owned(),
        false => format!("the process {pid}"),
    };
    Error::new(
        Code::Fenced,
        format!("journal '{}' is open in {pid}", folder.display()),
    )
    .hint("a journal belongs to one process: end that one, or use another folder")
}
