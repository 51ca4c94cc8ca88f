//! One file that is being written, out of sight until it is committed.
//!
//! ```text
//! open ─▶ { write }* ─▶ finish: flushed and on the disk ─▶ hand_over ─▶ committed by a rename
//!   └── dropped anywhere before hand_over: removed
//! ```
//!
//! A file whose flush or sync has failed is lost: nobody knows what of it is on the disk, and a
//! second sync that succeeds would prove nothing. It is never synced again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::Result;
use millstream_core::format::Encoder;

use super::pending::{create_dirs, write_error};

/// A file that takes rows.
pub(super) struct Part {
    // Closed before its file is removed.
    out: BufWriter<File>,
    file: Hidden,
    name: String,
    pub(super) encoder: Box<dyn Encoder>,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// When it was opened and last written, on the clock's `elapsed`.
    pub(super) opened: Duration,
    pub(super) written: Duration,
}

/// A file that takes no more rows.
pub(super) struct Finished {
    file: Hidden,
    /// Its directory below the table's once it is committed.
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) rows: u64,
}

/// A pending file, removed unless it is handed over.
struct Hidden {
    path: PathBuf,
    handed_over: bool,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.handed_over {
            // Best effort: it is no result, and the next life of the job removes it.
            fs::remove_file(&self.path).ok();
        }
    }
}

impl Part {
    /// Creates a pending file, and its folder if need be.
    pub(super) fn open(
        folder: &Path,
        name: &str,
        encoder: Box<dyn Encoder>,
        now: Duration,
    ) -> Result<Self> {
        let path = folder.join(name);
        let file = create(folder, &path)?;
        let hidden = Hidden {
            path,
            handed_over: false,
        };
        let mut part = Part::over(file, hidden, name, encoder, now);
        let mut header = Vec::new();
        part.encoder.header(&mut header)?;
        part.write(&header, 0, now)?;
        Ok(part)
    }

    fn over(
        file: File,
        hidden: Hidden,
        name: &str,
        encoder: Box<dyn Encoder>,
        now: Duration,
    ) -> Self {
        const BUFFER: usize = 64 << 10;
        Part {
            out: BufWriter::with_capacity(BUFFER, file),
            file: hidden,
            name: name.to_string(),
            encoder,
            bytes: 0,
            rows: 0,
            opened: now,
            written: now,
        }
    }

    /// Appends encoded rows.
    pub(super) fn write(&mut self, bytes: &[u8], rows: u64, now: Duration) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| write_error(&self.file.path, error))?;
        self.bytes += bytes.len() as u64;
        self.rows += rows;
        self.written = now;
        Ok(())
    }

    /// Brings every byte to the disk and closes the file. Its folder is not synced yet.
    pub(super) fn finish(mut self, directory: &str) -> Result<Finished> {
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .map_err(|error| write_error(&self.file.path, error))?;
        Ok(Finished {
            file: self.file,
            directory: directory.to_string(),
            name: self.name,
            rows: self.rows,
        })
    }
}

impl Finished {
    /// Leaves the file to the committer.
    pub(super) fn hand_over(&mut self) {
        self.file.handed_over = true;
    }
}

/// A new file. The committer may remove the folder as empty between two of our files.
fn create(folder: &Path, path: &Path) -> Result<File> {
    const ATTEMPTS: u32 = 10;
    let mut attempt = 0;
    loop {
        create_dirs(folder)?;
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(write_error(path, error)),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use arrow::array::RecordBatch;
    use millstream_core::Code;

    use super::*;

    struct Silent;

    impl Encoder for Silent {
        fn encode(&mut self, _: &RecordBatch, _: &mut Vec<u8>, _: &mut Vec<usize>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_a_write_error_and_leaves_no_file() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("part-0");
        fs::write(&path, "").unwrap();
        let hidden = Hidden {
            path: path.clone(),
            handed_over: false,
        };
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut part = Part::over(full, hidden, "part-0", Box::new(Silent), Duration::ZERO);
        part.write(b"a few bytes stay in the buffer", 1, Duration::ZERO)
            .unwrap();
        let error = part.finish("").err().unwrap();
        assert_eq!(error.code(), Code::Write);
        assert!(error.message().contains("No space left"), "{error}");
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    }
}
