//! The decoded bytes of a file from a place on.
//!
//! * A file that was not touched and is not compressed is entered by a seek. Any other is read from
//!   its beginning, and the crc32c of what is passed over must be the one in the position.
//! * File calls block the thread. Each is short (at most a few hundred KiB of a local file), and a
//!   thread of its own per file would cost more than it saves.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use millstream_core::{Code, Error, Result};

use super::compression::Compression;
use super::position::{Identity, Mark};
use super::search::Found;
use super::source::Layout;

/// Bytes read at a time.
pub(super) const CHUNK: usize = 256 << 10;

/// A file opened for reading.
pub(super) struct Input {
    path: String,
    bytes: Box<dyn Read + Send>,
}

impl Input {
    /// Looks at a file: what is known of it, and which version it is.
    pub(super) async fn look(layout: &Layout, path: &str) -> Result<(Found, Identity)> {
        let metadata = std::fs::metadata(path).map_err(|error| failed(layout, path, error))?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let stamp = match modified.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos().to_string(),
            Err(before) => format!("-{}", before.duration().as_nanos()),
        };
        let found = Found::new(path.to_string(), &metadata);
        let identity = Identity {
            size: found.size,
            stamp,
        };
        Ok((found, identity))
    }

    /// The whole file.
    pub(super) async fn open(layout: &Layout, path: &str) -> Result<Self> {
        let file = File::open(path).map_err(|error| failed(layout, path, error))?;
        let bytes = Compression::of(path)?
            .reader(file)
            .map_err(|error| failed(layout, path, error))?;
        Ok(Input {
            path: path.to_string(),
            bytes,
        })
    }

    /// What follows a place; `untouched` if the file is surely the one the place was told of.
    pub(super) async fn open_at(
        layout: &Layout,
        path: &str,
        mark: Mark,
        untouched: bool,
    ) -> Result<Self> {
        if untouched && Compression::of(path)? == Compression::None {
            let mut file = File::open(path).map_err(|error| failed(layout, path, error))?;
            file.seek(SeekFrom::Start(mark.at))
                .map_err(|error| failed(layout, path, error))?;
            return Ok(Input {
                path: path.to_string(),
                bytes: Box::new(file),
            });
        }
        let mut input = Input::open(layout, path).await?;
        input.pass_over(layout, mark).await?;
        Ok(input)
    }

    /// Reads until `into` is full or the file ends; returns how many bytes came. Fewer than wanted
    /// are the end.
    pub(super) async fn read(&mut self, layout: &Layout, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.bytes.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(layout, &self.path, error)),
            }
        }
        Ok(filled)
    }

    async fn pass_over(&mut self, layout: &Layout, mark: Mark) -> Result<()> {
        let mut chunk = vec![0; CHUNK];
        let (mut at, mut crc) = (0, 0);
        while at < mark.at {
            let wanted = chunk
                .len()
                .min(usize::try_from(mark.at - at).unwrap_or(CHUNK));
            let read = self.read(layout, &mut chunk[..wanted]).await?;
            crc = crc32c::crc32c_append(crc, &chunk[..read]);
            at += read as u64;
            if read < wanted {
                break;
            }
            tokio::task::yield_now().await;
        }
        match at == mark.at && crc == mark.crc {
            true => Ok(()),
            false => Err(lost(
                layout,
                &self.path,
                format_args!(
                    "has been replaced: its first {} bytes are not those that were read before",
                    mark.at
                ),
            )),
        }
    }
}

/// The error for a file that is not the one that was read before.
pub(super) fn lost(layout: &Layout, path: &str, what: impl std::fmt::Display) -> Error {
    Error::new(
        Code::InputLost,
        format!("{}: file '{path}' {what}", layout.owner),
    )
    .hint("files are read once: write a file elsewhere and move it here when it is complete")
}

fn failed(layout: &Layout, path: &str, error: io::Error) -> Error {
    let what = match error.kind() {
        ErrorKind::NotFound => {
            return lost(layout, path, "is gone, though it was found before").caused_by(error);
        }
        ErrorKind::UnexpectedEof => {
            "was cut short: its compressed data ends too early, so rows are missing".to_string()
        }
        _ => format!("cannot be read: {error}"),
    };
    Error::new(
        Code::Read,
        format!("{}: file '{path}' {what}", layout.owner),
    )
    .caused_by(error)
}
