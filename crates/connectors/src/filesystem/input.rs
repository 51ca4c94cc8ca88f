//! The bytes of a file: as a stream without its compression, or any range of them.
//!
//! ```text
//! local    file ───────────────────────────▶ decompress ─▶ stream
//! bucket   4 MiB ranges ─▶ feed ─▶ (would block when it is empty) ─▶ decompress ─▶ stream
//! ```
//!
//! * A file that was not touched and is not compressed is entered in the middle. Any other is read
//!   from its beginning, and the crc32c of what is passed over must be the one in the position.
//! * An object is read as the version that was looked at; another one under its key is an error.
//! * Calls on local files block the thread. Each is short (at most a few hundred KiB), and a thread
//!   of its own per file would cost more than it saves.
//! * A future dropped halfway has taken nothing from the stream.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::{Buf, Bytes};
use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

use super::bucket::{Bucket, Object};
use super::compression::Compression;
use super::position::{Identity, Mark};
use super::root::Root;
use super::search::Found;
use super::source::Layout;

/// Bytes read at a time from a local file.
pub(super) const CHUNK: usize = 256 << 10;
/// Bytes read at a time from a bucket.
const REMOTE_CHUNK: u64 = 4 << 20;

/// A file that has been looked at.
pub(super) struct Blob {
    pub(super) found: Found,
    pub(super) identity: Identity,
    remote: Option<(Bucket, Object)>,
}

impl Blob {
    pub(super) async fn look(layout: &Layout, path: &str) -> Result<Self> {
        if let Root::Bucket(bucket) = &layout.root {
            return Self::look_in_bucket(layout, bucket, path).await;
        }
        let metadata = std::fs::metadata(path).map_err(|error| failed(layout, path, error))?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let stamp = match modified.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos().to_string(),
            Err(before) => format!("-{}", before.duration().as_nanos()),
        };
        let found = Found::new(path.to_string(), &metadata);
        Ok(Blob {
            identity: Identity {
                size: found.size,
                stamp,
            },
            found,
            remote: None,
        })
    }

    async fn look_in_bucket(layout: &Layout, bucket: &Bucket, path: &str) -> Result<Self> {
        let key = layout.relative(path);
        let object = bucket.head(key).await?;
        let object = object.ok_or_else(|| lost(layout, path, GONE))?;
        Ok(Blob {
            found: Found {
                path: path.to_string(),
                size: object.size,
                modified_ms: object.modified_ms,
            },
            identity: Identity {
                size: object.size,
                stamp: object.stamp.clone(),
            },
            remote: Some((bucket.clone(), object)),
        })
    }

    /// Some bytes of it, all of them there.
    pub(super) async fn range(&self, layout: &Layout, range: Range<u64>) -> Result<Bytes> {
        let path = &self.found.path;
        let wanted = range.end.saturating_sub(range.start);
        if let Some((bucket, object)) = &self.remote {
            let bytes = remote_range(layout, bucket, object, path, range).await?;
            return match bytes.len() as u64 == wanted {
                true => Ok(bytes),
                false => Err(failed(layout, path, ErrorKind::UnexpectedEof.into())),
            };
        }
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
        let read = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut bytes)
        });
        read.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => lost(layout, path, "became shorter while it was read"),
            _ => failed(layout, path, error),
        })?;
        Ok(Bytes::from(bytes))
    }
}

/// A file read front to back.
pub(super) struct Input {
    path: String,
    bytes: Box<dyn Read + Send>,
    remote: Option<Remote>,
}

impl Input {
    /// The whole file.
    pub(super) fn open(layout: &Layout, blob: &Blob) -> Result<Self> {
        Self::from(layout, blob, 0)
    }

    /// What follows a place; `untouched` if the file is surely the one the place was told of.
    pub(super) async fn open_at(
        layout: &Layout,
        blob: &Blob,
        mark: Mark,
        untouched: bool,
    ) -> Result<Self> {
        if untouched && Compression::of(&blob.found.path)? == Compression::None {
            return Self::from(layout, blob, mark.at);
        }
        let mut input = Self::from(layout, blob, 0)?;
        input.pass_over(layout, mark).await?;
        Ok(input)
    }

    /// The file from a place in its raw bytes on.
    fn from(layout: &Layout, blob: &Blob, at: u64) -> Result<Self> {
        let path = blob.found.path.clone();
        let compression = Compression::of(&path)?;
        let (bytes, remote) = match &blob.remote {
            None => {
                let file = File::open(&path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(at))?;
                    Ok(file)
                });
                let file = file.map_err(|error| failed(layout, &path, error))?;
                (compression.reader(file), None)
            }
            Some((bucket, object)) => {
                let feed = Feed::default();
                let remote = Remote {
                    bucket: bucket.clone(),
                    object: object.clone(),
                    at,
                    feed: feed.clone(),
                };
                (compression.reader(feed), Some(remote))
            }
        };
        Ok(Input {
            bytes: bytes.map_err(|error| failed(layout, &path, error))?,
            path,
            remote,
        })
    }

    /// Reads at least a byte, and as many as there are without waiting; 0 at the end.
    pub(super) async fn read(&mut self, layout: &Layout, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.bytes.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => break,
                Err(error) => match &mut self.remote {
                    Some(remote) if error.kind() == ErrorKind::WouldBlock => {
                        remote.fetch(layout, &self.path).await?;
                    }
                    _ => return Err(failed(layout, &self.path, error)),
                },
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
            if read == 0 {
                break;
            }
            crc = crc32c::crc32c_append(crc, &chunk[..read]);
            at += read as u64;
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

/// The part of an object that has not been fetched yet.
struct Remote {
    bucket: Bucket,
    object: Object,
    at: u64,
    feed: Feed,
}

impl Remote {
    async fn fetch(&mut self, layout: &Layout, path: &str) -> Result<()> {
        let end = self.object.size.min(self.at.saturating_add(REMOTE_CHUNK));
        if self.at < end {
            let range = self.at..end;
            let bytes = remote_range(layout, &self.bucket, &self.object, path, range).await?;
            if bytes.is_empty() {
                return Err(failed(layout, path, ErrorKind::UnexpectedEof.into()));
            }
            self.at += bytes.len() as u64;
            self.feed.0.lock().bytes.push_back(bytes);
        }
        self.feed.0.lock().ended = self.at >= self.object.size;
        Ok(())
    }
}

async fn remote_range(
    layout: &Layout,
    bucket: &Bucket,
    object: &Object,
    path: &str,
    range: Range<u64>,
) -> Result<Bytes> {
    let key = layout.relative(path);
    let bytes = bucket.range(key, range, object.etag.as_deref()).await?;
    bytes.ok_or_else(|| lost(layout, path, "is gone or was replaced while it was read"))
}

/// Bytes that have been fetched and not been read.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Fed>>);

#[derive(Default)]
struct Fed {
    bytes: VecDeque<Bytes>,
    ended: bool,
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut fed = self.0.lock();
        let ended = fed.ended;
        let Some(first) = fed.bytes.front_mut() else {
            return match ended {
                true => Ok(0),
                false => Err(ErrorKind::WouldBlock.into()),
            };
        };
        let read = out.len().min(first.len());
        first.copy_to_slice(&mut out[..read]);
        if first.is_empty() {
            fed.bytes.pop_front();
        }
        Ok(read)
    }
}

const GONE: &str = "is gone, though it was found before";

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
        ErrorKind::NotFound => return lost(layout, path, GONE).caused_by(error),
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Reads a compressed stream whose bytes come in pieces, with a pause before each.
    fn trickle(compression: Compression, whole: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let feed = Feed::default();
        let mut out = vec![0; 7];
        let mut all = Vec::new();
        let mut pieces = whole.chunks(piece);
        let mut stream = compression.reader(feed.clone())?;
        loop {
            match stream.read(&mut out) {
                Ok(0) => return Ok(all),
                Ok(read) => all.extend_from_slice(&out[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => match pieces.next() {
                    Some(next) => feed.0.lock().bytes.push_back(Bytes::copy_from_slice(next)),
                    None => feed.0.lock().ended = true,
                },
                Err(error) => return Err(error),
            }
        }
    }

    #[test]
    fn every_compression_survives_pauses_between_any_two_bytes() {
        let text: Vec<u8> = (0..3_000_u32)
            .flat_map(|i| format!("{},", i.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let level = flate2::Compression::default();
        let gzip = || {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), level);
            to.write_all(&text).unwrap();
            to.finish().unwrap()
        };
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(&text).unwrap();
        let files = [
            (Compression::None, text.clone()),
            (Compression::Gzip, gzip()),
            (Compression::Gzip, [gzip(), gzip()].concat()),
            (Compression::Zstd, zstd::encode_all(&text[..], 0).unwrap()),
            (Compression::Zlib, zlib.finish().unwrap()),
        ];
        for (compression, whole) in files {
            for piece in [1, 2, 1000, whole.len()] {
                let read = trickle(compression, &whole, piece).unwrap();
                assert_eq!(read.len() % text.len(), 0);
                assert!(read.starts_with(&text), "{compression:?} by {piece}");
            }
            if compression != Compression::None {
                assert!(trickle(compression, &whole[..whole.len() - 1], 3).is_err());
            }
        }
    }
}
