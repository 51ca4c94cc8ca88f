//! A finished run on its way to the store: in memory, or in a temporary file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use millstream_core::Result;

use super::RunMeta;
use crate::error::spill;

/// A finished run and what the manifest will say about it.
#[derive(Debug)]
pub struct RunFile {
    /// Everything but its path, which the store gives.
    pub meta: RunMeta,
    /// Its bytes.
    pub body: Body,
}

/// Where the bytes of a finished run are.
#[derive(Debug)]
pub enum Body {
    /// In memory.
    Memory(Bytes),
    /// In a file of the spill directory, removed when this is dropped.
    Spilled(Spilled),
}

impl Body {
    /// All bytes. Reads the spill file, so not for a thread that must not wait.
    pub fn read(&self) -> Result<Bytes> {
        match self {
            Body::Memory(bytes) => Ok(bytes.clone()),
            Body::Spilled(spilled) => spilled.read(),
        }
    }
}

/// A temporary file.
#[derive(Debug)]
pub struct Spilled {
    path: PathBuf,
}

/// Distinguishes the spill files of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Most names tried, should files of a dead process with our number lie there.
const NAMES_MAX: u32 = 10_000;

impl Spilled {
    /// A new empty file in `directory`, which is made if it is not there.
    pub(crate) fn create(directory: &Path) -> Result<(Spilled, File)> {
        std::fs::create_dir_all(directory).map_err(|e| spill(directory, "make a place for", e))?;
        let mut tries = 0;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("state-{}-{number}.spill", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Spilled { path }, file)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && tries < NAMES_MAX => {
                    tries += 1;
                }
                Err(e) => return Err(spill(&path, "create", e)),
            }
        }
    }

    fn read(&self) -> Result<Bytes> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|e| spill(&self.path, "read", e))?;
        Ok(bytes.into())
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        // A file that cannot be removed costs space until the directory is emptied at the next
        // start; the checkpoint does not depend on it.
        match std::fs::remove_file(&self.path) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// Where the bytes of a run being built go.
pub(crate) enum Output {
    Memory(Vec<u8>),
    Spilled { file: File, spilled: Spilled },
}

impl Output {
    pub(crate) fn new(spill: Option<&Path>) -> Result<Self> {
        match spill {
            None => Ok(Output::Memory(Vec::new())),
            Some(directory) => {
                let (spilled, file) = Spilled::create(directory)?;
                Ok(Output::Spilled { file, spilled })
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Output::Memory(out) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Output::Spilled { file, spilled } => file
                .write_all(bytes)
                .map_err(|e| spill(&spilled.path, "write", e)),
        }
    }

    pub(crate) fn finish(self) -> Body {
        match self {
            Output::Memory(out) => Body::Memory(out.into()),
            Output::Spilled { spilled, .. } => Body::Spilled(spilled),
        }
    }
}
