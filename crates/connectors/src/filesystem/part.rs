//! One file that is being written, hidden until it is complete.
//!
//! ```text
//! open ─▶ { write }* ─▶ finish: flushed and on the disk ─▶ hand_over ─▶ committed by a rename
//!   └── dropped anywhere before hand_over: removed
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::connector::Committable;
use millstream_core::format::Encoder;
use millstream_core::{Code, Error, Result};

use super::commit;

/// A file that takes rows.
pub(super) struct Part {
    // Closed before its file is removed.
    out: BufWriter<File>,
    file: Hidden,
    pub(super) encoder: Box<dyn Encoder>,
    pub(super) bytes: u64,
    /// When it was opened and last written, on the clock's `elapsed`.
    pub(super) opened: Duration,
    pub(super) written: Duration,
}

/// A file that takes no more rows.
pub(super) struct Finished(Hidden);

/// A hidden file, removed unless it is handed over.
struct Hidden {
    path: PathBuf,
    /// Its name once it is committed.
    visible: PathBuf,
    handed_over: bool,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.handed_over {
            // Best effort: a hidden file left behind looks like no result.
            fs::remove_file(&self.path).ok();
        }
    }
}

impl Part {
    /// Creates the hidden file of `directory/name`, and the directory if need be.
    pub(super) fn open(
        directory: &Path,
        name: &str,
        encoder: Box<dyn Encoder>,
        now: Duration,
    ) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|error| write_error(directory, error))?;
        let path = directory.join(format!(".{name}.inprogress"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| write_error(&path, error))?;
        let hidden = Hidden {
            path,
            visible: directory.join(name),
            handed_over: false,
        };
        let mut part = Part::over(file, hidden, encoder, now);
        let mut header = Vec::new();
        part.encoder.header(&mut header)?;
        part.write(&header, now)?;
        Ok(part)
    }

    fn over(file: File, hidden: Hidden, encoder: Box<dyn Encoder>, now: Duration) -> Self {
        const BUFFER_BYTES: usize = 64 << 10;
        Part {
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            file: hidden,
            encoder,
            bytes: 0,
            opened: now,
            written: now,
        }
    }

    /// Appends encoded rows.
    pub(super) fn write(&mut self, bytes: &[u8], now: Duration) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| write_error(&self.file.path, error))?;
        self.bytes += bytes.len() as u64;
        self.written = now;
        Ok(())
    }

    /// Brings every byte to the disk and closes the file.
    pub(super) fn finish(mut self) -> Result<Finished> {
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .map_err(|error| write_error(&self.file.path, error))?;
        Ok(Finished(self.file))
    }
}

impl Finished {
    /// Leaves the file to the committer, which finds it by what this returns.
    pub(super) fn hand_over(mut self, success_name: Option<&str>) -> Committable {
        self.0.handed_over = true;
        commit::prepared(&self.0.path, &self.0.visible, success_name)
    }
}

/// The error for a file or directory that cannot be written.
pub(super) fn write_error(path: &Path, error: io::Error) -> Error {
    Error::new(
        Code::Write,
        format!("cannot write '{}': {error}", path.display()),
    )
    .caused_by(error)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use arrow::array::RecordBatch;

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
        let path = here.path().join(".part-0.inprogress");
        fs::write(&path, "").unwrap();
        let hidden = Hidden {
            path: path.clone(),
            visible: here.path().join("part-0"),
            handed_over: false,
        };
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut part = Part::over(full, hidden, Box::new(Silent), Duration::ZERO);
        part.write(b"a few bytes stay in the buffer", Duration::ZERO)
            .unwrap();
        let error = part.finish().err().unwrap();
        assert_eq!(error.code(), Code::Write);
        assert!(error.message().contains("No space left"), "{error}");
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    }
}
