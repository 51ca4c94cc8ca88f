//! What a directory on this machine needs beyond an object store: a lock, and syncing names.
//!
//! * The lock is an advisory lock of the operating system on `<job>/lock`. It is gone when the
//!   process is, however it ended; so who holds it lives. What stands in the file is for messages.
//! * A write of the local store is synced with its directory before it returns. What a *crashed*
//!   process left may be readable and yet not durable; so a new incarnation syncs the directories
//!   once before it relies on what it finds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use millstream_core::{Code, Error, Result};

use super::generation::Owner;

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}

/// Some bytes of a file of `size` bytes; `None` if anything is not as it should be.
pub(crate) fn read(path: &Path, range: Range<u64>, size: u64) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end.checked_sub(range.start)?).ok()?];
    let mut read = || {
        let mut file = File::open(path)?;
        let is_whole = file.metadata()?.len() == size;
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut bytes)?;
        Ok::<_, std::io::Error>(is_whole)
    };
    match read() {
        Ok(true) => Some(bytes.into()),
        // Whoever asks again in the usual way is told what is wrong.
        Ok(false) | Err(_) => None,
    }
}

/// The lock of a job's directory, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// Most bytes read of what the holder wrote.
const NOTE_MAX: u64 = 4096;

impl Lock {
    /// Takes the lock of `directory`, which is made if it is not there.
    pub(crate) fn take(directory: &Path, job: &str) -> Result<Lock> {
        let path = directory.join("lock");
        let cannot = |cause: std::io::Error| {
            Error::new(Code::Write, format!("cannot lock '{}'", path.display())).caused_by(cause)
        };
        std::fs::create_dir_all(directory).map_err(cannot)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => Err(held(&mut file, directory, job)),
            Err(TryLockError::Error(cause)) => Err(cannot(cause)),
        }
    }

    /// Notes who holds it, for the message another process prints.
    pub(crate) fn note(&mut self, owner: &Owner, generation: u64) -> Result<()> {
        let note = format!(
            "process {} on host '{}', generation {generation}",
            owner.pid, owner.host
        );
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(note.as_bytes()))
            .map_err(|e| Error::new(Code::Write, "cannot write the lock file").caused_by(e))
    }
}

fn held(file: &mut File, directory: &Path, job: &str) -> Error {
    let mut note = String::new();
    let holder = match file.take(NOTE_MAX).read_to_string(&mut note) {
        Ok(_) if !note.trim().is_empty() => note.trim().to_owned(),
        Ok(_) | Err(_) => "a process that has just started".into(),
    };
    Error::new(
        Code::Fenced,
        format!(
            "job '{job}' is already running: {holder} holds '{}'",
            directory.display()
        ),
    )
    .hint("stop that process first, or give this one another directory or job name")
}

/// Makes what an earlier process left durable, and removes its half-written files.
///
/// The local store writes `name#number` and links it to `name` when it is complete.
pub(crate) fn tidy(directory: &Path) -> std::io::Result<()> {
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() && is_half_written(&entry.file_name().to_string_lossy()) {
                match std::fs::remove_file(entry.path()) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        sync_directory(&directory)?;
    }
    Ok(())
}

fn is_half_written(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            pid: 77,
            host: "mill".into(),
            started_ms: 0,
        }
    }

    #[test]
    fn a_second_holder_is_told_who_the_first_is_until_that_one_is_gone() {
        let made = tempfile::tempdir().unwrap();
        let mut first = Lock::take(made.path(), "shop").unwrap();
        first.note(&owner(), 3).unwrap();
        let error = Lock::take(made.path(), "shop").unwrap_err();
        assert_eq!(error.code(), Code::Fenced);
        let wanted = "process 77 on host 'mill', generation 3 holds";
        assert!(error.message().contains(wanted), "{error}");
        drop(first);
        Lock::take(made.path(), "shop").unwrap();
    }

    #[test]
    fn half_written_files_of_a_dead_process_are_removed_and_others_stay() {
        let made = tempfile::tempdir().unwrap();
        let inner = made.path().join("state");
        std::fs::create_dir(&inner).unwrap();
        for name in ["a.run", "a.run#1", "b#x", "manifest-a-1#22"] {
            std::fs::write(inner.join(name), "x").unwrap();
        }
        tidy(made.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&inner)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["a.run", "b#x"]);
    }
}
