//! One file that is being written, out of sight until it is committed.
//!
//! ```text
//! open ─▶ { write }* ─▶ finish: flushed and on the disk ─▶ hand_over ─▶ committed
//!   └── dropped anywhere before hand_over: removed (in a bucket, by the next life of the job)
//! ```
//!
//! A file whose flush or sync has failed is lost: nobody knows what of it is on the disk, and a
//! second sync that succeeds would prove nothing. It is never synced again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::array::RecordBatch;
use millstream_core::Result;

use super::body::Body;
use super::directory::{blocking, create_dirs, write_error};
use super::root::Root;
use super::upload::Upload;

/// A file that takes rows.
pub(super) struct Part {
    out: Out,
    body: Body,
    name: String,
    /// Bytes that have left the body.
    bytes: u64,
    rows: u64,
    /// When it was opened and last written, on the clock's `elapsed`.
    pub(super) opened: Duration,
    pub(super) written: Duration,
}

/// Where the bytes go.
enum Out {
    // The file is closed before it is removed.
    File(BufWriter<File>, Hidden),
    Object(Upload),
}

/// A file that takes no more rows.
pub(super) struct Finished {
    file: Option<Hidden>,
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
    pub(super) async fn open(
        root: &Root,
        folder: &str,
        name: &str,
        body: Body,
        now: Duration,
    ) -> Result<Self> {
        let out = match root {
            Root::Directory(root) => {
                let folder = root.join(folder);
                let path = folder.join(name);
                let file = create(&folder, &path)?;
                Out::file(file, path)
            }
            Root::Bucket(bucket) => Out::Object(Upload::new(bucket, format!("{folder}/{name}"))),
        };
        let mut part = Part {
            out,
            body,
            name: name.to_string(),
            bytes: 0,
            rows: 0,
            opened: now,
            written: now,
        };
        part.body.begin()?;
        part.drain().await?;
        Ok(part)
    }

    /// Writes rows until they end or the file has `bytes_max` bytes; returns how many it took.
    pub(super) async fn write(
        &mut self,
        rows: &RecordBatch,
        bytes_max: u64,
        now: Duration,
    ) -> Result<usize> {
        let room = bytes_max.saturating_sub(self.bytes);
        let taken = self.body.write(rows, room)?;
        self.drain().await?;
        self.rows += taken as u64;
        self.written = now;
        Ok(taken)
    }

    /// Bytes it would have if it ended now, roughly.
    pub(super) fn size(&self) -> u64 {
        self.bytes + self.body.held_bytes()
    }

    /// Lets go of what it holds in memory beyond `bytes_max`.
    pub(super) async fn relieve(&mut self, bytes_max: u64) -> Result<()> {
        self.body.relieve(bytes_max)?;
        self.drain().await
    }

    /// Brings every byte to the disk and closes the file. Its folder is not synced yet.
    pub(super) async fn finish(mut self, directory: &str) -> Result<Finished> {
        self.body.end()?;
        self.drain().await?;
        let file = match self.out {
            Out::File(mut out, hidden) => {
                let path = hidden.path.clone();
                let sync = move || {
                    let synced = out.flush().and_then(|()| out.get_ref().sync_all());
                    synced.map_err(|error| write_error(&path, error))
                };
                blocking(sync).await?;
                Some(hidden)
            }
            Out::Object(upload) => {
                upload.finish().await?;
                None
            }
        };
        Ok(Finished {
            file,
            directory: directory.to_string(),
            name: self.name,
            rows: self.rows,
        })
    }

    /// Moves the bytes that are ready from the body to the file.
    async fn drain(&mut self) -> Result<()> {
        let bytes = self.body.ready();
        self.bytes += bytes.len() as u64;
        self.out.write(bytes).await?;
        self.body.taken();
        Ok(())
    }
}

impl Out {
    fn file(file: File, path: PathBuf) -> Self {
        const BUFFER: usize = 64 << 10;
        let hidden = Hidden {
            path,
            handed_over: false,
        };
        Out::File(BufWriter::with_capacity(BUFFER, file), hidden)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Out::File(out, hidden) => out
                .write_all(bytes)
                .map_err(|error| write_error(&hidden.path, error)),
            Out::Object(upload) => upload.write(bytes).await,
        }
    }
}

impl Finished {
    /// Leaves the file to the committer.
    pub(super) fn hand_over(&mut self) {
        if let Some(file) = &mut self.file {
            file.handed_over = true;
        }
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
    use millstream_core::Code;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_a_write_error_and_leaves_no_file() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("part-0");
        fs::write(&path, "").unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let table = crate::testing::table("t", &[("a", millstream_core::types::SqlType::Int)], &[]);
        let formats = crate::testing::formats();
        let options = millstream_core::options::Options::default();
        let encoder = formats("lines")
            .and_then(|lines| lines.encoder(table.schema, &options))
            .unwrap();
        let part = Part {
            out: Out::file(full, path.clone()),
            body: {
                let mut body = Body::rows(encoder);
                body.begin().unwrap();
                body
            },
            name: "part-0".into(),
            bytes: 0,
            rows: 0,
            opened: Duration::ZERO,
            written: Duration::ZERO,
        };
        let error = part.finish("").await.err().unwrap();
        assert_eq!(error.code(), Code::Write);
        assert!(error.message().contains("No space left"), "{error}");
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    }
}
